/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of frames, at either hook: over IPv4, where the remote is fixed and no checksum
 * covers the frame.
 *
 *	| Ethernet | IPv4 | rest | Ethernet | IP
 *
 * The rest are up to three words of eight bytes: UDP and VXLAN or GENEVE, GRE, ERSPAN.
 */
#ifndef XTUN_READY_FRAME_MAKE_H
#define XTUN_READY_FRAME_MAKE_H

#include "ready6.h"

enum { READY_FRAME_AT = WIRE_ETH_HLEN + IPV4_HLEN, READY_FRAME_WORDS = 3 };

/* Whether the outer headers of @t are of the form that is written here. */
static __always_inline bool ready_frame_can(const struct tunnel *t)
{
	return t->family == FAMILY_IPV4 &&
	       !(t->flags & (TUNNEL_NO_REMOTE | TUNNEL_TOS_PLAIN | TUNNEL_OCSUM | TUNNEL_WRAP_CSUM |
			     TUNNEL_OPTIONS)) &&
	       (t->payload == PAYLOAD_ERSPAN || !(t->flags & TUNNEL_OSEQ)) &&
	       (t->wrap == WRAP_NONE || t->wrap >= WRAP_VXLAN);
}

/* Prepare @state for the frames after one whose route was found and remembered. */
static __noinline void ready_frame_make(const struct tunnel *t, struct cpu_state *state)
{
	struct ready *ready = &state->ready;

	ready_make(t, state);
	ready->ipv4.room = ready->ipv6.room = ready_room(t, &state->route);
	/* As ipv4_build() */
	if (t->wrap >= WRAP_VXLAN && ready->inherit & READY_DF_INNER)
		ready->inherit |= READY_DF_IPV6;
	state->route.ready = READY_FRAME;
	state->ready4 = 0;
}

/* The words behind the outer IP header, as they lie in memory, and how many. */
struct ready_rest {
	__u64 words[READY_FRAME_WORDS];
	__u32 count;
};

/* UDP of @len bytes, and VXLAN or GENEVE in it: wrap_write(). @hash: of the inner flow. */
static __always_inline void ready_frame_wrap(const struct tunnel *t, __u32 hash, __u32 len,
					     struct ready_rest *rest)
{
	__be32 first = t->wrap == WRAP_VXLAN ? bpf_htonl(VXLAN_VNI) : bpf_htonl(WIRE_ETH_P_TEB);

	rest->words[0] = wrap_sport(t, hash) | (__u32)t->dport << 16 | (__u64)bpf_htons(len) << 32;
	rest->words[1] = first | (__u64)t->okey << 32;
	rest->count = 2;
}

/* GRE: gre_write(). */
static __always_inline void ready_frame_gre(const struct tunnel *t, struct ready_rest *rest)
{
	rest->words[0] = (__u32)bpf_htons(WIRE_ETH_P_TEB) << 16;
	if (t->flags & TUNNEL_OKEY)
		rest->words[0] |= bpf_htons(GRE_KEY) | (__u64)t->okey << 32;
	rest->count = 1;
}

#endif
