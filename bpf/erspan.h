/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on their way into ERSPAN: what of them fits, and what the header says about them. */
#ifndef XTUN_ERSPAN_H
#define XTUN_ERSPAN_H

#include "copy.h"
#include "payload.h"

/* Bytes of the frame, with the tag that the stack holds beside it. */
static __always_inline __u32 erspan_frame_len(const ctx_t *ctx)
{
	return ctx_len(ctx) + (ctx_tagged(ctx) ? FRAME_TAG : 0);
}

enum erspan_frame {
	/* Over IPv6: the stack does not take it for IP. Around such the kernel's driver has neither
	 * encapsulation limit nor traffic class (ip6erspan_tunnel_xmit()). */
	ERSPAN_PLAIN = 1 << 0,
	ERSPAN_CUT = COPY_TRUNCATED,
};

/* Cut the frame to @most bytes. Returns 0 or a refusal. */
__noinline int erspan_cut(ctx_t *ctx, __u32 most)
{
	return copy_cut(ctx, most - (ctx_tagged(ctx) ? FRAME_TAG : 0));
}

/*
 * Cut the frame to what the device of @t carries, as erspan_xmit() does: nobody asked mirrored frames
 * to be so short. Returns a set of enum erspan_frame, or a refusal.
 */
__noinline int erspan_fit(ctx_t *ctx, const struct tunnel *t)
{
	__u32 mtu = 0;
	int ret = 0;

	if (!t)
		return 0;
	if (t->family == FAMILY_IPV6 && (ctx_tagged(ctx) || !frame_kind(ctx_eth_proto(ctx))))
		ret = ERSPAN_PLAIN;
	/* No device has less. */
	if (erspan_frame_len(ctx) <= IPV4_MTU_MIN + WIRE_ETH_HLEN || ctx_gso_size(ctx))
		return ret;
	bpf_check_mtu(ctx, t->anchor, &mtu, 0, 0);
	if (likely(!mtu || erspan_frame_len(ctx) <= mtu + WIRE_ETH_HLEN))
		return ret;
	return erspan_cut(ctx, mtu + WIRE_ETH_HLEN) ?: ret | ERSPAN_CUT;
}

/* Whether the IP packet of @kind in the frame says that it is longer than what is left of it. */
static __always_inline bool erspan_lacks(ctx_t *ctx, __u8 kind)
{
	__u32 len = ctx_len(ctx) - WIRE_ETH_HLEN;
	const void *ip;

	if (kind == INNER_IPV4) {
		ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);
		return ip && bpf_ntohs(((const struct iphdr *)ip)->tot_len) > len;
	}
	ip = kind ? ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN) : NULL;
	return ip && bpf_ntohs(((const struct ipv6hdr *)ip)->payload_len) + IPV6_HLEN > len;
}

/*
 * What the first word says of a frame, from which @hlen bytes of tags were taken off, the first of
 * them @tag: all but version and session, with ERSPAN_FACT_EGRESS in that one's place. @what: enum
 * copy, and from bit 8 on the kind of what is inside. The kernel takes the class from where an IP
 * header of the outer family would have its TOS, whatever the frame carries (erspan_build_header(),
 * erspan_build_header_v2()).
 */
__noinline __u32 erspan_facts(ctx_t *ctx, const struct tunnel *t, __u32 what, __be32 tag, __u32 hlen)
{
	bool tagged = bpf_ntohl(tag) >> 16 == WIRE_ETH_P_8021Q;
	__u32 facts = 0, len = ctx_len(ctx) + hlen;
	const __u8 *inside;
	__u8 tos = 0;

	if (!t)
		return 0;
	if (what & COPY_TRUNCATED || erspan_lacks(ctx, what >> 8))
		facts = ERSPAN_TRUNCATED;
	inside = ctx_at(ctx, WIRE_ETH_HLEN, 2);
	if (likely(inside))
		tos = t->family == FAMILY_IPV4 ? inside[1] : inside[0] << 4 | inside[1] >> 4;
	facts |= (__u32)(tos >> 5) << ERSPAN_COS_SHIFT;
	if (tagged)
		facts |= (bpf_ntohl(tag) & 0xfff) << ERSPAN_VLAN_SHIFT;
	if (erspan_version(t) == 1)
		facts |= tagged ? ERSPAN_EN_INFRAME << ERSPAN_EN_SHIFT : 0;
	else if (unlikely(len < WIRE_ETH_ZLEN))
		facts |= ERSPAN_BSO_SHORT << ERSPAN_EN_SHIFT;
	else if (unlikely(len > WIRE_ETH_FRAME_LEN))
		facts |= ERSPAN_BSO_OVERSIZED << ERSPAN_EN_SHIFT;
	/* A copy knows which way its frame went. */
	if (what & COPY ? what & COPY_EGRESS : t->erspan & TUNNEL_ERSPAN_EGRESS)
		facts |= ERSPAN_FACT_EGRESS;
	return facts;
}

#endif
