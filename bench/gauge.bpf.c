// SPDX-License-Identifier: GPL-2.0
/*
 * What bench/xdp puts at the devices around a program under test: frames that come in over a wire,
 * a count at the far end, and programs to compare with, down to the least that a tunnel can be.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

enum { FRAME_MAX = 2048, SAMPLE_AT = 500 };

/* Set before a program is loaded: where it sends. */
const volatile __u32 out;

/* What is sent. */
__u8 frame[FRAME_MAX];
__u32 frame_len;

/* What arrived, and one of them. */
__u64 count;
__u8 sample[FRAME_MAX];
__u32 sample_len;

/* Test runs reuse their buffers: fill each anew. */
SEC("xdp")
int gauge_send(struct xdp_md *ctx)
{
	bpf_xdp_store_bytes(ctx, 0, frame, ((frame_len - 1) & (FRAME_MAX - 1)) + 1);
	return bpf_redirect(out, 0);
}

SEC("xdp")
int gauge_drop(struct xdp_md *ctx)
{
	__u32 len = ((bpf_xdp_get_buff_len(ctx) - 1) & (FRAME_MAX - 1)) + 1;

	if (count == SAMPLE_AT && !bpf_xdp_load_bytes(ctx, 0, sample, len))
		sample_len = len;
	count++;
	return XDP_DROP;
}

/* Frames that came through a stack; an XDP program would have veth copy them. */
SEC("tc")
int gauge_drop_tc(struct __sk_buff *ctx)
{
	__u32 len = ((ctx->len - 1) & (FRAME_MAX - 1)) + 1;

	if (count == SAMPLE_AT && !bpf_skb_load_bytes(ctx, 0, sample, len))
		sample_len = len;
	count++;
	return 2; /* TC_ACT_SHOT */
}

SEC("xdp")
int gauge_redirect(struct xdp_md *ctx)
{
	return bpf_redirect(out, 0);
}

/* veth takes redirected frames only while the other half has a program. */
SEC("xdp")
int gauge_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

struct header {
	struct ethhdr eth;
	struct iphdr ip;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct header);
} headers SEC(".maps");

/* The floor: look the destination up, put 20 bytes in front that were made before, send. */
SEC("xdp")
int gauge_floor(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct iphdr *inner = data + sizeof(struct ethhdr);
	const struct header *header;
	struct header *at;
	__u32 sum, len;

	if ((void *)(inner + 1) > end)
		return XDP_DROP;
	len = bpf_ntohs(inner->tot_len) + sizeof(struct iphdr);
	header = bpf_map_lookup_elem(&headers, &inner->daddr);
	if (!header || bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_DROP;
	at = (void *)(long)ctx->data;
	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*at = *header;
	at->ip.tot_len = bpf_htons(len);
	sum = (__u16)~at->ip.check + at->ip.tot_len;
	at->ip.check = ~((sum & 0xffff) + (sum >> 16));
	return bpf_redirect(out, 0);
}

char LICENSE[] SEC("license") = "GPL";
