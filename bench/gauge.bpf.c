// SPDX-License-Identifier: GPL-2.0
/*
 * What bench/xdp puts at the devices around a program under test: frames that come in over a wire,
 * a count at the far end, and programs to compare with, down to the least that a tunnel can be.
 */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

enum { FRAME_MAX = 2048, SAMPLE_AT = 500, SEND_STEP = 16 /* as in gauge.c */ };

/* Set before a program is loaded: where it sends. */
const volatile __u32 out;

/* What is sent. */
__u8 frame[FRAME_MAX];
__u32 frame_len;

/* What arrived, and one of them. */
__u64 count;
__u8 sample[FRAME_MAX];
__u32 sample_len;

/*
 * Test runs reuse their buffers: fill each anew. A buffer whose packet begins elsewhere than before
 * is set up again by the test run (reset_ctx() in net/bpf/test_run.c): that is work of the sender,
 * and would count for whatever pushes or pops headers. So all packets begin SEND_STEP bytes behind
 * where the buffer says.
 */
SEC("xdp")
int gauge_send(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, SEND_STEP))
		return XDP_ABORTED;
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

/* What a router remembers of a destination for one tick of jiffies, and what it counts. */
struct way {
	__u64 tick;
	__u64 packets, bytes;
	__be32 dest;
	__u32 mtu;
	struct header header;
};

enum { WAY_BITS = 9 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << WAY_BITS);
	__type(key, __u32);
	__type(value, struct way);
} ways SEC(".maps");

/* Of the one tunnel whose packets are taken apart. */
__u64 end_addresses;

/* The answer for @dest, as good as new; a FIB look-up, once in a tick, is no part of the floor. */
static __always_inline struct way *way_find(__be32 dest)
{
	__u32 slot = dest * 0x9e3779b1u >> (32 - WAY_BITS);
	struct way *way = bpf_map_lookup_elem(&ways, &slot);
	const struct header *header;

	if (!way || (way->tick == bpf_jiffies64() && way->dest == dest))
		return way;
	header = bpf_map_lookup_elem(&headers, &dest);
	if (!header)
		return NULL;
	way->header = *header;
	way->dest = dest;
	way->mtu = 1500;
	way->tick = bpf_jiffies64();
	return way;
}

/*
 * Whether a router may pass on what begins at @ip and ends with the frame, at @end: no options, no
 * fragment, a hop left, the right checksum (RFC 1812 sections 5.2.2 and 5.3.1).
 */
static __always_inline int router_takes(const struct iphdr *ip, const void *end)
{
	const __u32 *word = (const void *)ip;
	__u32 len;
	__u64 sum;

	if ((const void *)(ip + 1) > end || *(const __u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(0x3fff) || ip->ttl <= 1 || ip->tos & 3)
		return 0;
	/* For the verifier: nothing that the compiler would leave out. */
	len = bpf_ntohs(ip->tot_len);
	asm volatile("" : "+r"(len));
	if ((const void *)ip + (len & 0xffff) != end)
		return 0;
	sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
	/* A multiple of 0xffff: see direct_sum_right() */
	return !((-(sum * 0x0001000100010001ull)) >> 32);
}

/* One hop less, RFC 1624. */
static __always_inline void router_hop(struct iphdr *ip)
{
	__u32 *word = (void *)ip + 8;

	*word += 0xffff + (*word >= 0xfffe0000 ? 0x10000 : 0);
}

/* The floor with what is asked of a router, and counted: into a tunnel, */
SEC("xdp")
int gauge_router(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *inner = data + sizeof(struct ethhdr);
	struct header *at;
	struct way *way;
	__u32 sum, len;

	if ((void *)(inner + 1) > end ||
	    ((struct ethhdr *)data)->h_proto != bpf_htons(WIRE_ETH_P_IP) ||
	    !router_takes(inner, end))
		return XDP_PASS;
	way = way_find(inner->daddr);
	len = bpf_ntohs(inner->tot_len);
	if (!way || len > way->mtu)
		return XDP_PASS;
	router_hop(inner);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_DROP;
	at = (void *)(long)ctx->data;
	if ((void *)(at + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*at = way->header;
	at->ip.tot_len = bpf_htons(len + sizeof(struct iphdr));
	sum = (__u16)~at->ip.check + at->ip.tot_len;
	at->ip.check = ~((sum & 0xffff) + (sum >> 16));
	way->packets++;
	way->bytes += len;
	return bpf_redirect(out, 0);
}

/* and out of one. */
SEC("xdp")
int gauge_router_out(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *outer = data + sizeof(struct ethhdr), *inner = outer + 1;
	struct ethhdr *eth;
	struct way *way;
	__u32 len;

	if ((void *)(inner + 1) > end ||
	    ((struct ethhdr *)data)->h_proto != bpf_htons(WIRE_ETH_P_IP) ||
	    !router_takes(outer, end) || outer->protocol != WIRE_IPPROTO_IPIP)
		return XDP_PASS;
	if (end_addresses != *(__u64 *)&outer->saddr)
		end_addresses = *(__u64 *)&outer->saddr;
	if (bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	inner = (void *)(eth + 1);
	if ((void *)(inner + 1) > end || !router_takes(inner, end))
		return XDP_DROP;
	way = way_find(inner->daddr);
	len = bpf_ntohs(inner->tot_len);
	if (!way || len > way->mtu)
		return XDP_DROP;
	router_hop(inner);
	*eth = way->header.eth;
	way->packets++;
	way->bytes += len;
	return bpf_redirect(out, 0);
}

char LICENSE[] SEC("license") = "GPL";
