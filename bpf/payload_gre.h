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

/* The number of the next packet. */
static __always_inline __u32 gre_sequence_next(__u32 id)
{
	struct sequence *sequence = bpf_map_lookup_elem(&sequences, &id);

	return sequence ? __sync_fetch_and_add(&sequence->out, 1) : 0;
}

/*
 * Write the header of tunnel @t at @at bytes from the start of the packet, in front of an inner
 * packet of @eth_proto. Returns 0 or a refusal.
 */
__noinline int gre_write(ctx_t *ctx, const struct tunnel *t, __u32 at, __be16 eth_proto)
{
	__u32 flags, len = GRE_HLEN, sum = 0;
	__be32 key, sequence = 0;
	__sum16 check;
	struct {
		__be16 flags, eth_proto;
		__be32 fields[3];
	} gre = { .eth_proto = eth_proto };

	if (!t)
		return REFUSE(push_failed);
	flags = t->flags;
	key = t->okey;
	if (flags & TUNNEL_OSEQ) {
		sequence = bpf_htonl(gre_sequence_next(t->id));
		gre.flags |= bpf_htons(GRE_SEQ);
		len += GRE_FIELD;
	}
	if (flags & TUNNEL_OKEY) {
		gre.flags |= bpf_htons(GRE_KEY);
		len += GRE_FIELD;
	}
	if (unlikely(flags & TUNNEL_OCSUM)) {
		gre.flags |= bpf_htons(GRE_CSUM);
		len += GRE_FIELD;
		gre.fields[1] = flags & TUNNEL_OKEY ? key : sequence;
	} else {
		gre.fields[0] = flags & TUNNEL_OKEY ? key : sequence;
		gre.fields[1] = sequence;
	}
	gre.fields[2] = sequence;
	if (bpf_skb_store_bytes(ctx, at, &gre, len, 0))
		return REFUSE(push_failed);
	if (likely(!(flags & TUNNEL_OCSUM)))
		return 0;
	if (!checksum_range(ctx, at, ctx_len(ctx), &sum))
		return REFUSE(push_failed);
	check = checksum_fold(sum);
	return bpf_skb_store_bytes(ctx, at + GRE_HLEN, &check, sizeof(check), 0)
		       ? REFUSE(push_failed)
		       : 0;
}

/* What an ethertype announces, 0: nothing that a mode carries. */
static __always_inline __u8 gre_kind(__be16 eth_proto)
{
	if (eth_proto == bpf_htons(WIRE_ETH_P_IP))
		return INNER_IPV4;
	if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		return INNER_IPV6;
	return eth_proto == bpf_htons(WIRE_ETH_P_MPLS) ? INNER_MPLS : 0;
}

/*
 * Read the header that begins where @h ends, as gre_parse_header() does. Returns 0, or -1 when it
 * is none of ours: routing (RFC 1701), a version that is not 0 (PPTP has 1), or not all there.
 */
static __always_inline int gre_read(ctx_t *ctx, struct headers *h)
{
	struct {
		__be16 flags, eth_proto;
		__be32 fields[3];
	} gre = {};
	__u32 fields = 0, at = WIRE_ETH_HLEN + h->hlen;

	if (bpf_skb_load_bytes(ctx, at, &gre, GRE_HLEN))
		return -1;
	h->gre_flags = bpf_ntohs(gre.flags);
	if (h->gre_flags & (GRE_ROUTING | GRE_VERSION))
		return -1;
	h->gre = h->hlen;
	h->kind = gre_kind(gre.eth_proto);
	h->hlen += GRE_HLEN;
	if (likely(!(h->gre_flags & (GRE_CSUM | GRE_KEY | GRE_SEQ))))
		return 0;
	fields += h->gre_flags & GRE_CSUM ? 1 : 0;
	if (h->gre_flags & GRE_KEY) {
		if (bpf_skb_load_bytes(ctx, at + GRE_HLEN + fields * GRE_FIELD, &h->key, GRE_FIELD))
			return -1;
		fields++;
	}
	if (h->gre_flags & GRE_SEQ) {
		if (bpf_skb_load_bytes(ctx, at + GRE_HLEN + fields * GRE_FIELD, &h->sequence,
				       GRE_FIELD))
			return -1;
		h->sequence = bpf_ntohl(h->sequence);
		fields++;
	}
	h->hlen += fields * GRE_FIELD;
	return 0;
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
	if (h->gre_flags & GRE_CSUM && !ctx_gso_size(ctx) &&
	    !checksum_right(ctx, WIRE_ETH_HLEN + h->gre, h, 0))
		return REFUSE(payload_checksum);
	if (!(end->flags & ENDPOINT_SEQ))
		return 0;
	id = end->id;
	sequence = bpf_map_lookup_elem(&sequences, &id);
	if (!sequence || !(h->gre_flags & GRE_SEQ) ||
	    (sequence->in && (__s32)(h->sequence - sequence->in) < 0))
		return REFUSE(sequence);
	sequence->in = h->sequence + 1;
	return 0;
}

#endif
