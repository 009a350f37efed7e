/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the long way of encapsulation leaves behind for the short one (ready.h): the outer headers
 * of a tunnel's next packets, as far as those are alike.
 */
#ifndef XTUN_READY_MAKE_H
#define XTUN_READY_MAKE_H

#include "outer.h"

/* A verdict of ready_send() only: the packet has to go the long way. */
enum { READY_NOT = CTX_NEXT - 1 };

/* Whether the outer headers of @t are of the simple form. */
static __always_inline bool ready_can(const struct tunnel *t)
{
	return !(t->flags & TUNNEL_NO_REMOTE) && t->wrap < WRAP_VXLAN &&
	       (t->payload == PAYLOAD_IP || t->payload == PAYLOAD_GRE);
}

/* Fold a sum of few 16-bit words to 16 bits. */
static __always_inline __u32 ready_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The protocol that @t announces in front of an inner packet of @kind. */
static __always_inline __u8 ready_proto(const struct tunnel *t, enum inner kind)
{
	return t->ip_proto ?: payload_ip_proto(kind);
}

/* Bytes of the longest inner packet. */
static __always_inline __u16 ready_room(const struct tunnel *t, const struct route_cache *cache)
{
	return cache->mtu > t->hlen ? cache->mtu - t->hlen : 0;
}

/* Prepare @ready for inner packets of @kind over IPv4. @sum: of the rest of the header. */
static __always_inline void ready_kind4(const struct tunnel *t, struct ready_kind *ready,
					enum inner kind, __u16 room, __u32 sum)
{
	ready->room = t->inner & kind ? room : 0;
	ready->ttl_proto = bpf_htons(t->ttl << 8 | ready_proto(t, kind));
	ready->check = ~ready_fold(sum + ready->ttl_proto);
}

static __always_inline void ready_make4(const struct tunnel *t, struct cpu_state *state)
{
	const struct route_cache *cache = &state->route;
	struct ready *ready = &state->ready;
	__u16 room = ready_room(t, cache);
	__be32 words[2] = {
		bpf_htonl((4u << 4 | IPV4_HLEN / 4) << 24 | (__u32)cache->tos << 16),
		t->flags & TUNNEL_DF ? bpf_htonl(IPV4_DF) : 0,
	};
	__u32 sum = words[0] % 0xffff + words[1] % 0xffff + cache->source.v4 % 0xffff +
		    cache->remote.v4 % 0xffff;

	ready->head = words[0] | (__u64)words[1] << 32;
	ready_kind4(t, &ready->ipv4, INNER_IPV4, room, sum);
	ready_kind4(t, &ready->ipv6, INNER_IPV6, room, sum);
	ready_kind4(t, &ready->mpls, INNER_MPLS, room, sum);
	ready->addresses = cache->source.v4 | (__u64)cache->remote.v4 << 32;
	if (!(t->flags & TUNNEL_DF))
		ready->inherit |= READY_ID | (t->flags & TUNNEL_IGNORE_DF ? 0 : READY_DF_INNER);
}

static __always_inline void ready_kind6(const struct tunnel *t, struct ready_kind *ready,
					enum inner kind, __u16 room)
{
	ready->room = t->inner & kind ? room : 0;
	ready->ttl_proto = bpf_htons(ready_proto(t, kind) << 8 | t->ttl);
}

static __always_inline void ready_make6(const struct tunnel *t, struct cpu_state *state)
{
	struct ready *ready = &state->ready;
	__u16 room = ready_room(t, &state->route);

	ready->head = bpf_htonl(6u << 28 | (__u32)state->route.tos << 20) | t->flowlabel;
	ready_kind6(t, &ready->ipv4, INNER_IPV4, room);
	ready_kind6(t, &ready->ipv6, INNER_IPV6, room);
	ready->mpls.room = 0;
	if (t->flags & TUNNEL_TOS_PLAIN)
		ready->inherit |= READY_TOS_PLAIN;
	if (!t->flowlabel)
		ready->inherit |= READY_FLOW;
	if (t->flags & TUNNEL_FLOWLABEL_INHERIT)
		ready->inherit |= READY_FLOW | READY_FLOW_INNER;
	if (t->flags & TUNNEL_ENCAP_LIMIT)
		ready->fields |= READY_LIMIT;
	ready->limit = t->encap_limit;
}

/*
 * Whether all packets through @t may be taken for one another, so that encap() need not look what
 * the tunnel is: no header differs from segment to segment, none waits in a pair (TUNNEL_EARLY, at
 * either port), and some have no label.
 */
static __always_inline bool ready_alike(const struct tunnel *t)
{
	return !(t->flags & (TUNNEL_PER_SEGMENT | TUNNEL_EARLY)) &&
	       (t->port == t->anchor || t->flags & TUNNEL_ANCHOR_CHOSEN) && t->inner != INNER_MPLS;
}

/* Prepare @state for the packets after one whose route was found and remembered. */
static __noinline void ready_make(const struct tunnel *t, struct cpu_state *state)
{
	struct route_cache *cache = &state->route;
	struct ready *ready = &state->ready;

	ready->fields = ready->inherit = 0;
	if (t->payload == PAYLOAD_GRE)
		ready->fields |= READY_GRE | (t->flags & TUNNEL_OKEY ? READY_KEY : 0) |
				 (t->flags & TUNNEL_OCSUM ? READY_CSUM : 0) |
				 (t->flags & TUNNEL_OSEQ ? READY_SEQ : 0);
	if (!t->ttl)
		ready->inherit |= READY_TTL;
	if (t->flags & TUNNEL_TOS_INHERIT)
		ready->inherit |= READY_DSCP;
	state->okey = t->okey;
	ready->room_flags = t->room_flags;
	ready->hlen = t->hlen;
	ready->dscp = cache->tos;
	if (t->family == FAMILY_IPV4)
		ready_make4(t, state);
	else
		ready_make6(t, state);
	cache->ready = t->family == FAMILY_IPV4 ? READY_IPV4 : READY_IPV6;
	if (t->wrap != WRAP_NONE) {
		cache->ready = t->family == FAMILY_IPV4 ? READY_WRAP_IPV4 : READY_WRAP_IPV6;
		ready->fields |= (t->wrap == WRAP_GUE ? READY_GUE : 0) |
				 (t->flags & TUNNEL_WRAP_CSUM ? READY_WRAP_CSUM : 0);
	}
	state->ready4 = cache->ready == READY_IPV4 && ready_alike(t) ? cache->jiffies : 0;
}

#endif
