/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The payloads behind one name each: every function is a switch without a default, so that a new
 * payload makes the compiler name what it still lacks.
 */
#ifndef XTUN_PAYLOAD_H
#define XTUN_PAYLOAD_H

#include "payload_erspan.h"
#include "payload_gre.h"
#include "payload_ip.h"

/* The ethertype of an inner packet of @kind. */
static __always_inline __be16 kind_eth_proto(__u8 kind)
{
	if (likely(kind == INNER_IPV4))
		return bpf_htons(WIRE_ETH_P_IP);
	return kind == INNER_IPV6 ? bpf_htons(WIRE_ETH_P_IPV6) : bpf_htons(WIRE_ETH_P_MPLS);
}

/* Bytes in front of the inner packet. */
static __always_inline __u32 payload_hlen(const struct tunnel *t)
{
	switch ((enum payload)t->payload) {
	case PAYLOAD_IP:
		return 0;
	case PAYLOAD_GRE:
		return gre_hlen(t);
	case PAYLOAD_ERSPAN:
		return erspan_hlen(t);
	case PAYLOAD_MAX:
		break;
	}
	return 0;
}

/* The IP protocol that announces it. */
static __always_inline __u8 payload_ip_protocol(enum payload payload, __u8 kind)
{
	switch (payload) {
	case PAYLOAD_IP:
		return payload_ip_proto(kind);
	case PAYLOAD_GRE:
	case PAYLOAD_ERSPAN:
		return WIRE_IPPROTO_GRE;
	case PAYLOAD_MAX:
		break;
	}
	return 0;
}

/* Write it at @at bytes from the start of the packet. @says: what it says of the inner packet.
 * Returns 0 or a refusal. */
static __always_inline int payload_write(ctx_t *ctx, const struct tunnel *t, __u32 at, __u32 says)
{
	switch ((enum payload)t->payload) {
	case PAYLOAD_IP:
		return 0;
	case PAYLOAD_GRE:
		return gre_write(ctx, t, at, says);
	case PAYLOAD_ERSPAN:
		return erspan_write(ctx, t, at, says);
	case PAYLOAD_MAX:
		break;
	}
	return 0;
}

/*
 * Read the payload that h->ip_proto announces and that begins where @h ends. Returns 0, or -1 when
 * there is no such payload, or not all of it.
 */
static __always_inline int payload_read(ctx_t *ctx, struct headers *h)
{
	__be16 eth_proto = 0;

	if (h->ip_proto == WIRE_IPPROTO_GRE) {
		if (gre_read(ctx, h, &eth_proto))
			return -1;
		if (unlikely(erspan_announced(eth_proto)))
			return erspan_read(ctx, h, eth_proto);
		return unlikely(h->kind == INNER_ETHERNET) ? headers_frame(ctx, h) : 0;
	}
	if (unlikely(h->kind == INNER_ETHERNET))
		return headers_frame(ctx, h);
	h->kind = payload_ip_kind(h->ip_proto);
	return h->kind ? 0 : -1;
}

/* Check what was read against the tunnel's end. Returns 0 or a refusal. */
static __always_inline int payload_check(ctx_t *ctx, const struct endpoint *end,
					 const struct headers *h)
{
	/* A plain packet for a plain tunnel. */
	if (likely(!h->gre ||
		   (!(h->gre_flags & GRE_CSUM) && !(end->flags & (ENDPOINT_CSUM | ENDPOINT_SEQ)))))
		return 0;
	return gre_check(ctx, end, h);
}

#endif
