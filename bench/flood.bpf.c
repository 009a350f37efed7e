// SPDX-License-Identifier: GPL-2.0
/* The two ends of a measurement: frames that appear to arrive on a device, and their count at the
 * other end. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

enum { FRAME_MAX = 2048, PASS = 2, SHOT = 2, NEXT = -1, SAMPLE_AT = 1000, FLOOR_MAX = 128 };

/* What is sent: set before the program runs. Where the frame has a GRE sequence number, each gets
 * the next. */
__u8 frame[FRAME_MAX];
__u32 frame_len;
/* If there is another of the same length, they take turns. */
__u8 other[FRAME_MAX];
__u32 alternate;
__u32 sent;
__u32 sequence_at;
__u32 sequence;

/* What arrived: how many, and the bytes of one of them. The first ones may be what the hosts say
 * among themselves. */
__u64 count;
__u8 sample[FRAME_MAX];
__u32 sample_len;

/* Test runs reuse their buffers, and the stack has written to them: fill each anew. */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	if (sequence_at) {
		__u32 offset = sequence_at & (FRAME_MAX / 2 - 1);

		*(__be32 *)(frame + offset) = *(__be32 *)(other + offset) = bpf_htonl(++sequence);
	}
	/* In a form in which every verifier sees that it is 1 .. FRAME_MAX. */
	if (alternate && ++sent & 1)
		bpf_xdp_store_bytes(ctx, 0, other, ((frame_len - 1) & (FRAME_MAX - 1)) + 1);
	else
		bpf_xdp_store_bytes(ctx, 0, frame, ((frame_len - 1) & (FRAME_MAX - 1)) + 1);
	return PASS;
}

SEC("tc")
int sink(struct __sk_buff *ctx)
{
	__u32 len = ((ctx->len - 1) & (FRAME_MAX - 1)) + 1;

	if (count == SAMPLE_AT && !bpf_skb_load_bytes(ctx, 0, sample, len))
		sample_len = len;
	__sync_fetch_and_add(&count, 1);
	return SHOT;
}

/* What a program at tc costs that does nothing. */
SEC("tc")
int nothing(struct __sk_buff *ctx)
{
	return NEXT;
}

/*
 * The floor: the least that a program at tc does to add outer headers and to take them off, with
 * all of them known beforehand. Constants by the time they run, so that what is not needed is not
 * there.
 */
const volatile __u32 floor_hlen, floor_out;
const volatile __u64 floor_flags;
/* An outer frame, and with it the Ethernet header that is behind the outer ones, or shall be. */
const volatile __u8 floor_frame[FLOOR_MAX];

static __always_inline void *floor_head(struct __sk_buff *ctx, __u32 len)
{
	void *data = (void *)(long)ctx->data;

	return data + len <= (void *)(long)ctx->data_end ? data : NULL;
}

SEC("tc")
int floor_push(struct __sk_buff *ctx)
{
	const __u32 len = WIRE_ETH_HLEN + floor_hlen;
	void *data;
	__u32 i;

	if (bpf_skb_adjust_room(ctx, floor_hlen, BPF_ADJ_ROOM_MAC, floor_flags))
		return SHOT;
	data = floor_head(ctx, len);
	if (!data)
		return SHOT;
#pragma unroll
	for (i = 0; i < FLOOR_MAX; i += 8)
		if (i + 8 <= len)
			*(__u64 *)(data + i) = *(const volatile __u64 *)(floor_frame + i);
	/* The rest, together with something that is written already. */
	*(__u64 *)(data + len - 8) = *(const volatile __u64 *)(floor_frame + FLOOR_MAX - 8);
	return bpf_redirect(floor_out, 0);
}

SEC("tc")
int floor_pop(struct __sk_buff *ctx)
{
	const volatile __u8 *eth = floor_frame;
	void *data = floor_head(ctx, WIRE_ETH_HLEN + floor_hlen);

	if (!data)
		return NEXT;
	*(__u64 *)data = *(const volatile __u64 *)eth;
	*(__u32 *)(data + 8) = *(const volatile __u32 *)(eth + 8);
	*(__u16 *)(data + 12) = *(const volatile __u16 *)(eth + 12);
	if (bpf_skb_adjust_room(ctx, -(__s32)floor_hlen, BPF_ADJ_ROOM_MAC, floor_flags))
		return SHOT;
	return bpf_redirect(floor_out, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
