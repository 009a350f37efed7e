/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wraps: what may stand between the outer IP header and the payload. Routers and network cards
 * spread UDP over paths and queues.
 *
 *	FOU			| outer IP | UDP | payload: the port says what
 *	GUE, variant 0		| outer IP | UDP | version 0, C, length | protocol | flags | fields
 *| payload 1                 1          2       4 x length
 *	GUE, variant 1		| outer IP | UDP | IPv4 or IPv6 at once: their first bits are the
 *version
 *
 * VXLAN and GENEVE, in files of their own, carry frames and nothing else.
 */
#ifndef XTUN_WRAP_H
#define XTUN_WRAP_H

#include "checksum.h"
#include "wrap_geneve.h"
#include "wrap_vxlan.h"

/* The flow's port, in the range that udp_flow_src_port() takes it from. */
static __always_inline __be16 wrap_sport(const struct tunnel *t, __u32 hash)
{
	if (t->sport)
		return t->sport;
	hash ^= hash << 16;
	return bpf_htons(t->sport_min + (__u16)(((__u64)hash * t->sport_count) >> 32));
}

/*
 * Write the wrap of tunnel @t at @at bytes from the start of the packet, around a payload of
 * @ip_proto. @hash: of the inner flow. Its checksum is zero until wrap_finish(). Returns 0 or a
 * refusal.
 */
static __always_inline int wrap_write(ctx_t *ctx, const struct tunnel *t, __u32 at, __u8 ip_proto,
				      __u32 hash)
{
	struct udphdr *udp = ctx_at(ctx, at, sizeof(*udp));
	__be32 *gue;

	if (unlikely(!udp))
		return REFUSE(push_failed);
	udp->source = wrap_sport(t, hash);
	udp->dest = t->dport;
	udp->len = bpf_htons(ctx_len(ctx) - at);
	udp->check = 0;
	switch ((enum wrap)t->wrap) {
	case WRAP_NONE:
	case WRAP_FOU:
	case WRAP_MAX:
		break;
	case WRAP_GUE:
		gue = (void *)(udp + 1);
		if (unlikely((void *)(gue + 1) > ctx_end(ctx)))
			return REFUSE(push_failed);
		*gue = bpf_htonl((__u32)ip_proto << 16);
		break;
	case WRAP_VXLAN:
		return vxlan_write(ctx, t, at + UDP_HLEN);
	case WRAP_GENEVE:
		return geneve_write(ctx, t, at + UDP_HLEN);
	}
	return 0;
}

/* Fill in the checksum of the UDP header at @at, when all behind it is there, an inner packet of
 * @kind at @inner_at. Returns 0 or a refusal. */
__noinline int wrap_finish(ctx_t *ctx, __u32 at, __u32 inner_at, __u8 kind)
{
	__u32 end = ctx_len(ctx), sum = 0;
	__sum16 check;

	if (!checksum_pseudo(ctx, WIRE_ETH_HLEN, end - at, WIRE_IPPROTO_UDP, &sum) ||
	    !checksum_outer(ctx, at, inner_at, kind, &sum))
		return REFUSE(push_failed);
	check = checksum_fold(sum) ?: 0xffff; /* zero means none, RFC 768 */
	return ctx_store_bytes(ctx, at + __builtin_offsetof(struct udphdr, check), &check,
			       sizeof(check))
		       ? REFUSE(push_failed)
		       : 0;
}

/*
 * A GUE header, as gue_udp_recv() reads it. Fields may be skipped unless a flag says what they are:
 * of those, the private flags with nothing set in them are all that may be ignored.
 */
static __always_inline int wrap_read_gue(ctx_t *ctx, struct headers *h)
{
	const struct {
		__u8 version, ip_proto;
		__be16 flags;
	} *gue = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, GUE_HLEN);
	const __be32 *private;

	if (unlikely(!gue))
		return -1;
	switch (gue->version >> GUE_VERSION_SHIFT) {
	case 0:
		break;
	case 1:
		h->ip_proto = gue->version >> 4 == 4 ? WIRE_IPPROTO_IPIP : WIRE_IPPROTO_IPV6;
		return gue->version >> 4 == 4 || gue->version >> 4 == 6 ? 0 : -1;
	default:
		return -1;
	}
	if (unlikely(gue->version & GUE_CONTROL))
		return -1;
	h->ip_proto = gue->ip_proto;
	if (unlikely(gue->flags)) {
		h->refusal = REFUSE(wrap_header);
		if (gue->flags == bpf_htons(GUE_PRIVATE) && gue->version & GUE_HLEN_MASK) {
			private = (void *)(gue + 1);
			if ((void *)(private + 1) <= ctx_end(ctx) && !*private)
				h->refusal = 0;
		}
	}
	h->hlen += GUE_HLEN + (gue->version & GUE_HLEN_MASK) * 4;
	return 0;
}

/* The header of @wrap in front of a frame. */
__noinline int wrap_read_frame(ctx_t *ctx, struct headers *h, __u8 wrap)
{
	if (!h)
		return -1;
	return wrap == WRAP_VXLAN ? vxlan_read(ctx, h) : geneve_read(ctx, h);
}

/*
 * Read the UDP header that begins where @h ends, and the GUE header behind it, if its port is one
 * of ours. Returns 0 with the payload announced in @h, or -1 when it is not.
 */
static __always_inline int wrap_read(ctx_t *ctx, enum family family, struct headers *h)
{
	struct port_key key = { .family = family };
	const struct udphdr *udp;
	const struct port *port;
	__u32 len;

	udp = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, sizeof(*udp));
	if (unlikely(!udp) || !port_among(slots.ports.all, udp->dest))
		return -1;
	key.port = udp->dest;
	port = bpf_map_lookup_elem(&ports, &key);
	if (!port)
		return -1;
	h->wrap = h->hlen;
	h->hlen += UDP_HLEN;
	len = bpf_ntohs(udp->len);
	if (!ctx_gso_size(ctx)) {
		if (len < UDP_HLEN || h->wrap + len > h->len)
			h->refusal = REFUSE(wrap_header);
		else
			h->len = h->wrap + len;
	}
	h->wrap_check = udp->check;
	switch ((enum wrap)port->wrap) {
	case WRAP_FOU:
		h->ip_proto = port->ip_proto;
		return 0;
	case WRAP_GUE:
		return wrap_read_gue(ctx, h);
	case WRAP_VXLAN:
	case WRAP_GENEVE:
		h->port = key.port;
		return wrap_read_frame(ctx, h, port->wrap);
	case WRAP_NONE:
	case WRAP_MAX:
		break;
	}
	return -1;
}

/*
 * Check the UDP checksum of a packet that is ours, if it has one. Where it is still to be filled
 * in, on virtual devices, the sum of the pseudo header stands in its place (udp_set_csum()).
 * Returns 0 or a refusal.
 */
__noinline int wrap_check(ctx_t *ctx, const struct headers *h)
{
	__u32 sum = 0;

	if (!h || !h->wrap_check || ctx_gso_size(ctx))
		return 0;
	if (!checksum_pseudo(ctx, WIRE_ETH_HLEN, h->len - h->wrap, WIRE_IPPROTO_UDP, &sum))
		return REFUSE(wrap_checksum);
	if (h->wrap_check != (__u16)~checksum_fold(sum) &&
	    !checksum_right(ctx, WIRE_ETH_HLEN + h->wrap, h, sum))
		return REFUSE(wrap_checksum);
	return 0;
}

#endif
