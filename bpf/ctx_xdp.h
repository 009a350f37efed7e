/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The primitives of the data path for programs at XDP, as ctx_skb.h has them for tc. There is no
 * stack yet: no packet of several segments, no hash, no neighbours, and nothing to wait for. What
 * lies behind the first buffer of a packet cannot be pulled to the front.
 */
#ifndef XTUN_CTX_XDP_H
#define XTUN_CTX_XDP_H

#include "handoff.h"

#define ctx_t struct xdp_md

/* For the verifier: no frame is longer. */
enum { XDP_FRAME_MASK = 0x1ffff };

/* A length that is no longer, as that of any packet is. 6.1 does not know it of 16 bits that were
 * swapped, and clang, which does, would drop the mask. */
static __always_inline __u32 xdp_bounded(__u32 len)
{
	asm volatile("" : "+r"(len));
	return len & XDP_FRAME_MASK;
}

/* Tunnels whose headers differ from segment to segment, and MPLS, are the stack's to fill. */
#define CTX_PER_SEGMENT false

/* Whether the short ways of decapsulation look at UDP checksums: there is no long one. */
#define CTX_UDP_SUMS true

/* There is no stack for another function. */
#define CTX_RARE __always_inline

/* CTX_NEXT: not ours, or not for XDP; the stack gets the packet as it came. */
enum {
	CTX_DROP = XDP_DROP,
	CTX_NEXT = 0x7fffffff, /* turned into XDP_PASS by receive() */
};

/* Packets come by no tunnel's port. */
static __always_inline __u32 ctx_port(const ctx_t *ctx)
{
	return 0;
}

static __always_inline __u32 ctx_len(ctx_t *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

static __always_inline __u32 ctx_mark(const ctx_t *ctx)
{
	return 0;
}

static __always_inline __u32 ctx_gso_size(const ctx_t *ctx)
{
	return 0;
}

static __always_inline void *ctx_begin(const ctx_t *ctx)
{
	void *data;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(data)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data)));
	return data;
}

static __always_inline void *ctx_end(const ctx_t *ctx)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(end)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data_end)));
	return end;
}

/* The device by which the packet came in. */
static __always_inline __u32 xdp_ingress(const ctx_t *ctx)
{
	__u32 ifindex;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(ifindex)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, ingress_ifindex)));
	return ifindex;
}

/* Most packets have one buffer, which tells without the helper. */
static __always_inline bool ctx_holds(ctx_t *ctx, __u32 len)
{
	void *data = ctx_begin(ctx);

	return likely(data + xdp_bounded(len) <= ctx_end(ctx)) || len <= bpf_xdp_get_buff_len(ctx);
}

static __always_inline void *ctx_head(ctx_t *ctx, __u32 len)
{
	void *data = ctx_begin(ctx);

	return data + len <= ctx_end(ctx) ? data : NULL;
}

static __always_inline void *ctx_at(ctx_t *ctx, __u32 at, __u32 len)
{
	void *data = ctx_begin(ctx) + (at & 0x1ff);

	return data + len <= ctx_end(ctx) ? data : NULL;
}

static __always_inline __be16 ctx_eth_proto(ctx_t *ctx)
{
	const struct ethhdr *eth = ctx_head(ctx, sizeof(*eth));

	return eth ? eth->h_proto : 0;
}

/* Whether the frame at @head is for @mac. */
static __always_inline bool xdp_sent_to(const void *head, const void *mac)
{
	return *(const __u32 *)head == *(const __u32 *)mac &&
	       *(const __u16 *)(head + 4) == *(const __u16 *)(mac + 4);
}

/* Whether the frame, which begins at @head with an Ethernet header, was sent to the very device, as
 * eth_type_trans() will find. The first eight bytes, and two of them too many, at once. */
static __always_inline bool xdp_for_us(const void *head, const struct xdp_device *device)
{
	const void *mac = device->mac;
	__u64 other = *(const __u64 *)head ^ *(const __u64 *)mac;

	other <<= 16;
	/* Not by a mask, which takes a load of its own. */
	asm volatile("" : "+r"(other));
	return !other;
}

/* Whether what begins at @head and ends at @end is one frame: in generic mode packets come that GRO
 * has put together, and tc knows more about those. */
static __always_inline bool xdp_single(const void *head, const void *end,
				       const struct xdp_device *device)
{
	return head + (device->frame_max & XDP_FRAME_MASK) >= end;
}

static __always_inline int ctx_load_bytes(ctx_t *ctx, __u32 at, void *to, __u32 len)
{
	return bpf_xdp_load_bytes(ctx, at, to, len);
}

static __always_inline int ctx_store_bytes(ctx_t *ctx, __u32 at, void *from, __u32 len)
{
	return bpf_xdp_store_bytes(ctx, at, from, len);
}

/* Nobody has summed the packet yet, or will hear of it. */
static __always_inline void ctx_csum_update(ctx_t *ctx, __u32 sum)
{
}

static __always_inline __u32 ctx_hash(const ctx_t *ctx)
{
	return 0;
}

/* A frame is what its header says, for whoever pushes another one. */
static __always_inline int ctx_retype(ctx_t *ctx, __be16 eth_proto)
{
	return 0;
}

/* Make room of @len bytes behind the Ethernet header, in front of what is there. */
static __always_inline int ctx_push(ctx_t *ctx, __u32 len, __u64 flags)
{
	return bpf_xdp_adjust_head(ctx, -(int)len);
}

static __always_inline int ctx_redirect(__u32 ifindex, __u32 flags)
{
	return bpf_redirect(ifindex, flags);
}

/* Whether packets may be forwarded without the stack; set before the program is loaded. */
const volatile bool gateway_mode;

/* Where a packet comes from that is to be forwarded: the wire, a tunnel, a frame in a tunnel. */
enum gateway_from { GATEWAY_WIRE, GATEWAY_TUNNEL, GATEWAY_FRAME };

/* In gateway_flow.h and gateway.h. */
__noinline int gateway_flow(ctx_t *ctx, __u32 iif, __be16 eth_proto, bool inner, bool partial);
__noinline int gateway(ctx_t *ctx, __u32 iif, __be16 eth_proto, enum gateway_from from);

/* Where metadata begins; behind the packet's first byte where the driver knows none. */
static __always_inline void *xdp_meta(const ctx_t *ctx)
{
	void *meta;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(meta)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data_meta)));
	return meta;
}

/* Forward the packet of @eth_proto that came out of the tunnel of @end. Returns a verdict, or less
 * than 0: it is the stack's. */
static __always_inline int xdp_forward(ctx_t *ctx, const struct endpoint *end, __be16 eth_proto,
				       enum gateway_from from)
{
	/* Not fetched before it is needed: to keep it takes stack. */
	__u32 iif = *(const volatile __u32 *)&end->rx_ifindex;
	int verdict = gateway_flow(ctx, iif, eth_proto, true, slots.partials);

	if (unlikely(verdict == CTX_NEXT - 1))
		verdict = gateway(ctx, end->rx_ifindex, eth_proto, from);
	return verdict;
}

/* Begin a note in front of the packet, whose headers are off and whose Ethernet header goes to
 * *@eth. NULL: there is no room. */
static __always_inline struct handoff *xdp_note(ctx_t *ctx, const struct endpoint *end,
						struct ethhdr **eth)
{
	struct handoff *note;

	if (unlikely(bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note))))
		return NULL;
	*eth = ctx_begin(ctx);
	note = xdp_meta(ctx);
	if ((void *)(*eth + 1) > ctx_end(ctx) || (void *)(note + 1) > (void *)*eth)
		return NULL;
	note->magic = HANDOFF_MAGIC;
	note->ifindex = end->rx_ifindex;
	note->id = end->id;
	note->flags = end->rx_flags;
	__builtin_memcpy(note->mac, end->mac, sizeof(note->mac));
	return note;
}

/*
 * As at tc, but that the anchor gets the packet from xtun_handoff() there, behind GRO, or in
 * gateway mode whoever is next, at once. Nothing has changed with drivers that know no metadata.
 */
static __always_inline int ctx_arrive(ctx_t *ctx, void *head, const struct endpoint *end,
				      __u32 hlen, __be16 outer_proto, __be16 eth_proto)
{
	struct handoff *note;
	struct ethhdr *eth;
	__u64 source;
	int verdict;

	if (unlikely(xdp_meta(ctx) > head))
		return -1;
	source = *(const __u64 *)(head + 6); /* and the ethertype */
	if (unlikely(bpf_xdp_adjust_head(ctx, hlen)))
		return -1;
	/* Who wants to see a tunnel's packets on its device has chosen a pair, whose half this is.
	 */
	if (gateway_mode && end->rx_flags) {
		verdict = xdp_forward(ctx, end, eth_proto, GATEWAY_TUNNEL);
		if (likely(verdict >= 0))
			return verdict;
	}
	note = xdp_note(ctx, end, &eth);
	if (unlikely(!note))
		return drop_count(end->id, REFUSE(pop_failed), CTX_DROP);
	__builtin_memset(note->dest, 0, sizeof(note->dest));
	__builtin_memcpy(eth->h_dest, end->mac, sizeof(eth->h_dest));
	*(__u64 *)((void *)eth + 6) = source;
	eth->h_proto = eth_proto;
	return XDP_PASS;
}

/* What has to be noted of the tags of a frame whose Ethernet header begins at @eth, which is all
 * there; -1: two of them, which are tc's. */
static __always_inline int xdp_note_tags(ctx_t *ctx, const void *eth)
{
	const __be16 *eth_proto = eth + 12;

	if (likely(!frame_tag(eth_proto[0])))
		return 0;
	if ((void *)(eth_proto + 3) > ctx_end(ctx) || frame_tag(eth_proto[2]))
		return -1;
	return HANDOFF_TAGGED;
}

/* As ctx_arrive(), for frames, whose destination xtun_handoff() puts back. */
static __always_inline int ctx_arrive_frame(ctx_t *ctx, const struct endpoint *end, __u32 hlen,
					    __u32 len)
{
	void *head = ctx_begin(ctx);
	struct handoff *note;
	struct ethhdr *eth;
	int tags, verdict;

	if (unlikely(head + WIRE_ETH_HLEN + hlen > ctx_end(ctx) || xdp_meta(ctx) > head ||
		     bpf_xdp_get_buff_len(ctx) != len + WIRE_ETH_HLEN))
		return -1;
	tags = xdp_note_tags(ctx, head + hlen);
	if (unlikely(tags < 0 || bpf_xdp_adjust_head(ctx, hlen)))
		return -1;
	eth = ctx_begin(ctx);
	if (gateway_mode && !tags && end->rx_flags && (void *)(eth + 1) <= ctx_end(ctx) &&
	    xdp_sent_to(eth, end->mac)) {
		verdict = xdp_forward(ctx, end, eth->h_proto, GATEWAY_FRAME);
		if (likely(verdict >= 0))
			return verdict;
		tags = 0; /* again: to keep it takes stack */
	}
	note = xdp_note(ctx, end, &eth);
	if (unlikely(!note))
		return drop_count(end->id, REFUSE(pop_failed), CTX_DROP);
	note->flags |= tags;
	__builtin_memset(note->dest, 0, sizeof(note->dest));
	if (!xdp_sent_to(eth, end->mac)) {
		note->flags |= HANDOFF_FRAME;
		__builtin_memcpy(note->dest, eth->h_dest, sizeof(note->dest));
		__builtin_memcpy(eth->h_dest, end->mac, sizeof(eth->h_dest));
	}
	return XDP_PASS;
}

#endif
