/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ethernet frames as inner packets: what the outer headers depend on, and the frame's own header,
 * which goes into the payload with all its tags.
 *
 *	| destination | source | [tag, TCI] [tag, TCI] | ethertype | ...
 *	  6             6          2     2     2     2    2
 */
#ifndef XTUN_FRAME_H
#define XTUN_FRAME_H

#include "packet.h"

enum { FRAME_TAG = 4, FRAME_TAGS = 2, FRAME_HLEN_MAX = WIRE_ETH_HLEN + FRAME_TAG * FRAME_TAGS };

/* What the Ethernet header of an inner frame has behind the addresses. */
struct frame {
	__be32 tags[FRAME_TAGS]; /* ethertype and TCI */
	__be16 eth_proto;        /* behind the tags */
	__u8 hlen;               /* of the whole header */
	__u8 pad;
};

/*
 * Read the frame at the hook of an anchor. in->kind is what it has inside, and in->len counts from
 * there. Frames may carry anything: what calls itself IP and is none has no TOS. Returns 0 or a
 * refusal.
 */
static __always_inline int frame_read(ctx_t *ctx, struct inner_packet *in)
{
	__be16 eth_proto = ctx_eth_proto(ctx);
	int err = REFUSE(inner_proto);

	if (likely(frame_kind(eth_proto)))
		err = inner_read(ctx, in);
	if (unlikely(err)) {
		in->limited = in->encap_limit = 0;
		in->len = ctx_len(ctx) - WIRE_ETH_HLEN;
		in->kind = in->tos = in->df = in->next = 0;
		in->ttl = TTL_DEFAULT;
		in->flow = 0;
		err = 0;
	}
	in->says = bpf_htons(WIRE_ETH_P_TEB);
	in->frame_hlen = WIRE_ETH_HLEN;
	if (unlikely(ctx_tagged(ctx)))
		in->frame_hlen += FRAME_TAG;
	return err;
}

/* Take the outermost tag off the frame, with ethertype and TCI into @tag as on the wire: the stack
 * holds it beside the packet, or it is in there. Returns whether there was one, or a refusal. */
__noinline int frame_untag(ctx_t *ctx, __be32 *tag)
{
	const __be16 *head;

	if (!tag)
		return 0;
	if (ctx_tagged(ctx)) {
		*tag = bpf_htonl((__u32)bpf_ntohs(ctx_tag_proto(ctx)) << 16 | ctx_tag_tci(ctx));
	} else {
		if (!frame_tag(ctx_eth_proto(ctx)))
			return 0;
		head = ctx_head(ctx, WIRE_ETH_HLEN + FRAME_TAG);
		if (!head)
			return REFUSE(inner_length);
		*tag = bpf_htonl((__u32)bpf_ntohs(head[6]) << 16 | bpf_ntohs(head[7]));
	}
	return ctx_untag(ctx) ? REFUSE(push_failed) : 1;
}

/*
 * Take the tags off the frame, so that what is left is an Ethernet header and what it announces.
 * Returns 0 or a refusal.
 */
static __always_inline int frame_untag_all(ctx_t *ctx, struct frame *frame)
{
	int ret;

	ret = frame_untag(ctx, &frame->tags[0]);
	if (ret <= 0)
		return ret;
	frame->hlen = WIRE_ETH_HLEN + FRAME_TAG;
	ret = frame_untag(ctx, &frame->tags[1]);
	if (ret <= 0)
		return ret;
	frame->hlen = FRAME_HLEN_MAX;
	return ctx_tagged(ctx) || frame_tag(ctx_eth_proto(ctx)) ? REFUSE(inner_proto) : 0;
}

/* Take off the header of the frame what is to follow the addresses. Returns 0 or a refusal. */
static __always_inline int frame_take(ctx_t *ctx, struct frame *frame)
{
	const struct ethhdr *eth;
	int err;

	frame->hlen = WIRE_ETH_HLEN;
	if (unlikely(ctx_tagged(ctx) || frame_tag(ctx_eth_proto(ctx)))) {
		err = frame_untag_all(ctx, frame);
		if (err)
			return err;
	}
	eth = ctx_head(ctx, WIRE_ETH_HLEN);
	if (unlikely(!eth))
		return REFUSE(inner_length);
	frame->eth_proto = eth->h_proto;
	return 0;
}

/* Write the header of the frame where it ends at @end; the addresses are still at the start of the
 * packet. Returns 0 or a refusal. */
static __always_inline int frame_write(ctx_t *ctx, const struct frame *frame, __u32 end)
{
	__be16 *to = ctx_at(ctx, end - frame->hlen, WIRE_ETH_HLEN);
	const __be16 *from = ctx_begin(ctx);

	if (unlikely(!to || (void *)(from + 7) > ctx_end(ctx)))
		return REFUSE(push_failed);
	__builtin_memcpy(to, from, 12);
	to[6] = frame->eth_proto;
	if (likely(frame->hlen == WIRE_ETH_HLEN))
		return 0;
	if (bpf_skb_store_bytes(ctx, end - frame->hlen + 12, &frame->tags[0], FRAME_TAG, 0) ||
	    (frame->hlen == FRAME_HLEN_MAX &&
	     bpf_skb_store_bytes(ctx, end - 2 - FRAME_TAG, &frame->tags[1], FRAME_TAG, 0)) ||
	    bpf_skb_store_bytes(ctx, end - 2, &frame->eth_proto, sizeof(frame->eth_proto), 0))
		return REFUSE(push_failed);
	return 0;
}

#endif
