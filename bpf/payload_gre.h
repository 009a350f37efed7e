/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GRE, RFC 2784 and RFC 2890.
 *
 *	| outer IP, protocol 47 | C K S, version | ethertype | [checksum, 0] [key] [sequence] |
 *inner ... 2               2            4               4      4
 */
#ifndef XTUN_PAYLOAD_GRE_H
#define XTUN_PAYLOAD_GRE_H

#include "checksum.h"

/* Bytes of the header that tunnel @t sends. */
static __always_inline __u32 gre_hlen(const struct tunnel *t)
{
	return GRE_HLEN + (t->flags & TUNNEL_OCSUM ? GRE_FIELD : 0) +
	       (t->flags & TUNNEL_OKEY ? GRE_FIELD : 0) + (t->flags & TUNNEL_OSEQ ? GRE_FIELD : 0);
}

/* The number of the next packet. */
static __always_inline __u32 gre_sequence_next(__u32 id)
{
	struct sequence *sequence = bpf_map_lookup_elem(&sequences, &id);

	return sequence ? __sync_fetch_and_add(&sequence->out, 1) : 0;
}

/* What an ethertype announces, 0: nothing that a mode carries. */
static __always_inline __u8 gre_kind(__be16 eth_proto)
{
	if (eth_proto == bpf_htons(WIRE_ETH_P_IP))
		return INNER_IPV4;
	if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		return INNER_IPV6;
	if (eth_proto == bpf_htons(WIRE_ETH_P_TEB))
		return INNER_ETHERNET;
	return eth_proto == bpf_htons(WIRE_ETH_P_MPLS) ? INNER_MPLS : 0;
}

/* Fill in the checksum of the GRE header at @at, when all behind it is there, an inner packet of
 * @kind at @inner_at. Returns 0 or a refusal. */
__noinline int gre_finish(ctx_t *ctx, __u32 at, __u32 inner_at, __u8 kind)
{
	__u32 sum = 0;
	__sum16 *check;

	if (!checksum_outer(ctx, at, inner_at, kind, &sum))
		return REFUSE(push_failed);
	check = ctx_at(ctx, at + GRE_HLEN, sizeof(*check));
	if (!check)
		return REFUSE(push_failed);
	*check = checksum_fold(sum);
	return 0;
}

/*
 * Write the header of tunnel @t at @at bytes from the start of the packet, in front of an inner
 * packet of @eth_proto. A checksum is zero until gre_finish(). Returns 0 or a refusal.
 */
__noinline int gre_write(ctx_t *ctx, const struct tunnel *t, __u32 at, __be16 eth_proto)
{
	__u16 flags = 0;
	__be32 *field;
	__be16 *gre;

	gre = ctx_at(ctx, at, GRE_HLEN);
	if (unlikely(!gre || !t))
		return REFUSE(push_failed);
	gre[1] = eth_proto;
	if (likely(!(t->flags & (TUNNEL_OCSUM | TUNNEL_OKEY | TUNNEL_OSEQ)))) {
		gre[0] = 0;
		return 0;
	}
	if (t->flags & TUNNEL_OCSUM)
		flags |= GRE_CSUM;
	if (t->flags & TUNNEL_OKEY)
		flags |= GRE_KEY;
	if (t->flags & TUNNEL_OSEQ)
		flags |= GRE_SEQ;
	gre[0] = bpf_htons(flags);
	field = (void *)(gre + 2);
	if (t->flags & TUNNEL_OCSUM) {
		if ((void *)(field + 1) > ctx_end(ctx))
			return REFUSE(push_failed);
		*field++ = 0;
	}
	if (t->flags & TUNNEL_OKEY) {
		if ((void *)(field + 1) > ctx_end(ctx))
			return REFUSE(push_failed);
		*field++ = t->okey;
	}
	if (t->flags & TUNNEL_OSEQ) {
		if ((void *)(field + 1) > ctx_end(ctx))
			return REFUSE(push_failed);
		*field = bpf_htonl(gre_sequence_next(t->id));
	}
	return 0;
}

/*
 * Read the header that begins where @h ends, as gre_parse_header() does, and what it announces into
 * *@eth_proto. Returns 0, or -1 when it is none of ours: routing (RFC 1701), a version that is not
 * 0 (PPTP has 1), or not all there.
 */
static __always_inline int gre_read(ctx_t *ctx, struct headers *h, __be16 *eth_proto)
{
	const __be32 *field;
	const __be16 *gre;

	gre = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, GRE_HLEN);
	if (unlikely(!gre))
		return -1;
	h->gre_flags = bpf_ntohs(gre[0]);
	if (unlikely(h->gre_flags & (GRE_ROUTING | GRE_VERSION)))
		return -1;
	h->gre = h->hlen;
	*eth_proto = gre[1];
	h->kind = gre_kind(*eth_proto);
	h->hlen += GRE_HLEN;
	if (h->gre_flags & GRE_CSUM)
		h->hlen += GRE_FIELD;
	if (h->gre_flags & GRE_KEY) {
		field = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, GRE_FIELD);
		if (unlikely(!field))
			return -1;
		h->key = *field;
		h->hlen += GRE_FIELD;
	}
	if (unlikely(h->gre_flags & GRE_SEQ)) {
		field = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, GRE_FIELD);
		if (unlikely(!field))
			return -1;
		h->sequence = bpf_ntohl(*field);
		h->hlen += GRE_FIELD;
	}
	return 0;
}

/*
 * Whether the checksum is right. Virtual devices carry packets whose checksum is still to be filled
 * in (gre_build_header() leaves that to the device), and there it is zero.
 */
static __always_inline bool gre_checksum_right(ctx_t *ctx, const struct headers *h)
{
	__u32 at = WIRE_ETH_HLEN + h->gre;
	const __sum16 *check = ctx_at(ctx, at + GRE_HLEN, sizeof(*check));

	return check && (!*check || checksum_right(ctx, at, h, 0));
}

/*
 * Check what the header says against the tunnel's end, as __ip_tunnel_rcv() does. A packet of
 * several segments was checked when they were put together. Returns 0 or a refusal.
 */
static __noinline int gre_check(ctx_t *ctx, const struct endpoint *end, const struct headers *h)
{
	struct sequence *sequence;
	__u32 id;

	if (!end || !h)
		return REFUSE(payload_checksum);
	if (!(h->gre_flags & GRE_CSUM) != !(end->flags & ENDPOINT_CSUM))
		return REFUSE(payload_checksum);
	if (h->gre_flags & GRE_CSUM && !ctx_gso_size(ctx) && !gre_checksum_right(ctx, h))
		return REFUSE(payload_checksum);
	if (!(end->flags & ENDPOINT_SEQ) || h->erspan)
		return 0; /* ERSPAN has numbers for each session */
	id = end->id;
	sequence = bpf_map_lookup_elem(&sequences, &id);
	if (!sequence || !(h->gre_flags & GRE_SEQ) ||
	    (sequence->in && (__s32)(h->sequence - sequence->in) < 0))
		return REFUSE(sequence);
	sequence->in = h->sequence + 1;
	return 0;
}

#endif
