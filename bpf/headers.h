/* SPDX-License-Identifier: GPL-2.0 */
/* What decapsulation learns about the headers in front of an inner packet. */
#ifndef XTUN_HEADERS_H
#define XTUN_HEADERS_H

#include "packet.h"

struct headers {
	__u32 ip_hlen; /* the outer IP header with its options or extension headers */
	__u32 hlen;    /* all that stands before the inner packet */
	__u32 len;     /* the whole outer packet, as its headers have it */
	__u32 wrap;    /* offset of the wrap's UDP header from the outer IP header, 0: none */
	__u32 gre;     /* likewise of the GRE header, 0: none */
	__u32 options; /* bytes of GENEVE options, which end where the frame begins */
	__be32 key;
	__u32 sequence;
	__u16 gre_flags; /* host byte order */
	__sum16 wrap_check;
	__be16 port;   /* of VXLAN and GENEVE: where it came in */
	__u8 ip_proto; /* what announces the payload */
	__u8 kind;     /* of the inner packet, one of enum inner; 0: unknown */
	__u8 inside;   /* of a frame: what IP packet is in it, 0: none */
	__u8 erspan;   /* version of ERSPAN and 1 more, 0: none */
	__u8 pad[3];
	int refusal; /* why the packet is to be dropped if it is ours, 0: not known yet */
};

/*
 * An Ethernet frame begins where @h ends: its header counts as one more, so that @h ends where its
 * inside begins. One that is not all there is ours to drop. Returns 0.
 */
static __always_inline int headers_frame(ctx_t *ctx, struct headers *h)
{
	const struct ethhdr *eth = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, sizeof(*eth));

	h->inside = eth ? frame_kind(eth->h_proto) : 0;
	h->hlen += WIRE_ETH_HLEN;
	return 0;
}

/* The payload's number in the key of an endpoint. */
static __always_inline __u8 headers_announced(const struct headers *h)
{
	if (likely(h->kind != INNER_ETHERNET || !h->gre))
		return h->ip_proto;
	return h->erspan ? WIRE_IPPROTO_TEST : WIRE_IPPROTO_ETHERNET;
}

/* The key of an endpoint that takes ERSPAN of all sessions. */
static __always_inline void headers_any_session(__be32 *key, __u8 *keyed, __u8 *announced)
{
	*key = 0;
	*keyed = 0;
	*announced = WIRE_IPPROTO_TEST;
}

#endif
