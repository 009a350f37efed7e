/* SPDX-License-Identifier: GPL-2.0 */
/* Copies of mirrored frames, where they come to their tunnel. */
#ifndef XTUN_COPY_H
#define XTUN_COPY_H

#include "frame.h"
#include "maps.h"

/*
 * Cut the copy to @len bytes. The kernel cuts no packet before the end of its IP header where it
 * has noted that: the second best is then behind one of IPv4, IPv6, or IPv4 with options.
 */
static __always_inline int copy_cut(ctx_t *ctx, __u32 len)
{
	static const __u8 ends[] = { IPV4_HLEN, IPV6_HLEN, IPV4_HLEN_MAX };
	__u32 i;

	if (likely(!ctx_trim(ctx, len)))
		return 0;
	for (i = 0; i < sizeof(ends); i++) {
		if (ctx_len(ctx) <= WIRE_ETH_HLEN + ends[i])
			return 0;
		if (len < WIRE_ETH_HLEN + ends[i] && !ctx_trim(ctx, WIRE_ETH_HLEN + ends[i]))
			return 0;
	}
	return REFUSE(push_failed);
}

/* The mirror whose copy the packet is that came to the device @anchor, NULL: it is none. */
static __always_inline const struct mirror *copy_mirror(ctx_t *ctx, __u32 anchor)
{
	__u32 id = ctx->tc_index & MIRROR_MARK_ID;
	const struct mirror *mirror = bpf_map_lookup_elem(&mirrors, &id);

	return mirror && mirror->anchor == anchor ? mirror : NULL;
}

/* What of enum copy it is as long as it is whole. */
static __always_inline int copy_of(const ctx_t *ctx)
{
	return COPY | (ctx->tc_index & MIRROR_MARK_EGRESS ? COPY_EGRESS : 0);
}

/*
 * What of enum copy the packet is that came to the device @anchor, or a refusal. A copy is cut as
 * its mirror has it.
 */
__noinline int copy_take(ctx_t *ctx, __u32 anchor)
{
	const struct mirror *mirror = copy_mirror(ctx, anchor);
	__u32 beside, least = MIRROR_SNAPLEN_MIN, len;
	int copy;

	if (!mirror)
		return 0;
	copy = copy_of(ctx);
	/* Tags stay whole, beside the packet and in it. */
	beside = ctx_tagged(ctx) ? FRAME_TAG : 0;
	least += frame_tag(ctx_eth_proto(ctx)) ? FRAME_TAG : 0;
	len = mirror->snaplen;
	if (!len || ctx_len(ctx) + beside <= len)
		return copy;
	return copy_cut(ctx, len < least + beside ? least : len - beside) ?: copy | COPY_TRUNCATED;
}

#endif
