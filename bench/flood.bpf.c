// SPDX-License-Identifier: GPL-2.0
/* The two ends of a measurement: frames that appear to arrive on a device, and their count at the other end. */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { FRAME_MAX = 2048, PASS = 2, SHOT = 2, NEXT = -1, SAMPLE_AT = 1000 };

/* What is sent: set before the program runs. Where the frame has a GRE sequence number, each gets the next. */
__u8 frame[FRAME_MAX];
__u32 frame_len;
/* If there is another of the same length, they take turns. */
__u8 other[FRAME_MAX];
__u32 alternate;
__u32 sent;
__u32 sequence_at;
__u32 sequence;

/* What arrived: how many, and the bytes of one of them. The first ones may be what the hosts say among themselves. */
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

char LICENSE[] SEC("license") = "GPL";
