/* SPDX-License-Identifier: GPL-2.0 */
/* Encapsulation: what is routed to an anchor gets its outer headers and leaves on the underlay. */
#ifndef XTUN_ENCAP_H
#define XTUN_ENCAP_H

#include "copy.h"
#include "erspan.h"
#include "fdb.h"
#include "frame.h"
#include "icmp.h"
#include "maps.h"
#include "options6.h"
#include "outer.h"
#include "ready_frame.h"
#include "ready_wrap.h"
#include "remote.h"

/* Drop @in for being longer than @mtu allows, and tell its sender where it asked for that (RFC 1191
 * section 3), or where nobody on the way could help (RFC 8200 section 5). */
static __always_inline int encap_too_big(ctx_t *ctx, const struct tunnel *t,
					 const struct inner_packet *in, __u32 mtu, int *verdict)
{
	if (in->df)
		*verdict = icmp_frag_needed(ctx, t, mtu);
	else if (in->kind == INNER_IPV6 && mtu >= IPV6_MTU_MIN)
		*verdict = icmp6_too_big(ctx, t, mtu);
	return REFUSE(too_big);
}

/*
 * The encapsulation limit that an inner IPv6 packet brings from a tunnel before. -1: none.
 */
__noinline int encap_limit_inner(ctx_t *ctx)
{
	struct options6 options = {};

	if (options6_read(ctx, WIRE_ETH_HLEN + IPV6_HLEN, &options) || !options.found)
		return -1;
	return options.limit;
}

/*
 * The limit to send: one less than that of the inner packet, also where the tunnel itself sets
 * none, else the tunnel's own (RFC 2473 section 4.1.1, ip6_tnl_xmit()). Returns 0 or a refusal.
 */
static __always_inline int encap_limit(ctx_t *ctx, const struct tunnel *t, struct inner_packet *in)
{
	int limit = -1;

	if (in->kind == INNER_IPV6 && unlikely(in->next == WIRE_IPPROTO_DSTOPTS))
		limit = encap_limit_inner(ctx);
	if (unlikely(!limit))
		return REFUSE(encap_limit);
	in->limited = t->flags & TUNNEL_ENCAP_LIMIT || limit > 0;
	in->encap_limit = limit > 0 ? limit - 1 : t->encap_limit;
	return 0;
}

/*
 * Make room in a packet that is encapsulated already, or was until just now (no kernel before 2026
 * forgets it with the header). It knows where its inner headers are: the kernel then takes the room
 * without the note. Nor does it take the packet for one of the outer family.
 */
static __always_inline int encap_push_again(ctx_t *ctx, const struct tunnel *t, __u8 kind,
					    __u32 hlen)
{
	bool ipv6 = t->family == FAMILY_IPV6;

	if (ctx_push(ctx, hlen, 0))
		return -1;
	if (ipv6 == (kind == INNER_IPV6))
		return 0;
	return ctx_retype(ctx, ipv6 ? bpf_htons(WIRE_ETH_P_IPV6) : bpf_htons(WIRE_ETH_P_IP));
}

/* What only tunnels with TUNNEL_SPECIAL ask of a packet. Returns 0 or a refusal. */
static __always_inline int encap_special(ctx_t *ctx, const struct tunnel *t,
					 struct inner_packet *in)
{
	int err;

	/* What each segment must have anew cannot be written before they are made. */
	if (unlikely(t->flags & TUNNEL_PER_SEGMENT && ctx_gso_size(ctx)))
		return REFUSE(gso);
	if (t->flags & TUNNEL_OVER_IPV6) {
		err = encap_limit(ctx, t, in);
		if (unlikely(err))
			return err;
	}
	if (t->flags & TUNNEL_SHOWS_FLOW)
		in->hash = ctx_hash(ctx) ?: flow_hash(ctx, in->kind);
	return 0;
}

/*
 * Carry one packet that arrived at the port of @t. Returns a verdict or a refusal; with a refusal
 * @verdict may be set to what is to become of the packet instead of being dropped: it is an ICMP
 * error by then.
 */
__noinline int encap_packet(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state,
			    int *verdict)
{
	struct route_cache *cache;
	struct inner_packet in;
	struct route route;
	__u32 hlen;
	int err;

	if (!t || !state || !verdict)
		return REFUSE(push_failed);
	cache = &state->route;
	err = inner_read(ctx, &in);
	if (unlikely(err))
		return err;
	if (unlikely(!(in.kind & t->inner)))
		return REFUSE(inner_proto);
	if (t->flags & TUNNEL_SPECIAL) {
		err = encap_special(ctx, t, &in);
		if (unlikely(err))
			return err;
		if (t->flags & TUNNEL_NO_REMOTE) {
			cache = remote_find(ctx, t, in.kind);
			if (unlikely(!cache))
				return REFUSE(no_peer);
		}
	}

	route.tos = t->tos;
	if (t->flags & TUNNEL_TOS_INHERIT && likely(in.kind != INNER_MPLS))
		route.tos = in.tos;
	if (likely(!(t->flags & TUNNEL_TOS_PLAIN)))
		route.tos = ecn_encap(route.tos, in.tos);
	err = route_find(ctx, t, cache, &route);
	if (unlikely(err))
		return err;

	hlen = t->hlen;
	/* A limit that the tunnel would not send by itself. */
	if (unlikely(in.limited) && !(t->flags & TUNNEL_ENCAP_LIMIT))
		hlen += IPV6_LIMIT_HLEN;
	if (unlikely(route.mtu && inner_wire_len(ctx, &in, route.mtu - hlen) + hlen > route.mtu))
		return encap_too_big(ctx, t, &in, route.mtu - hlen, verdict);

	if (unlikely(in.kind == INNER_MPLS)) {
		/* Nobody could segment it: the stack looks for IP where the label is. */
		if (ctx_gso_size(ctx))
			return REFUSE(gso);
		if (ctx_retype(ctx, bpf_htons(WIRE_ETH_P_IP)))
			return REFUSE(push_failed);
	}

	if (unlikely(ctx_push(ctx, hlen, t->room_flags)) && encap_push_again(ctx, t, in.kind, hlen))
		return REFUSE(push_failed);
	/* From here on the packet is changed: there is no way back but to drop it. */
	err = outer_write(ctx, t, &in, &route, cache, hlen);
	if (unlikely(err))
		return err;

	if (cache->jiffies && !cache->ready && ready_can(t))
		ready_make(t, state);
	state->tx_packets++;
	state->tx_bytes += in.len;
	return likely(route.resolved) ? ctx_redirect(route.ifindex, 0)
				      : ctx_redirect_neigh(route.ifindex, &route.hop);
}

/* As route_find(), for a frame, whose remote is to be found, too. */
__noinline int frame_route(ctx_t *ctx, const struct tunnel *t, struct route_cache *cache,
			   struct route *route)
{
	int err;

	if (!t || !cache || !route)
		return REFUSE(no_route);
	if (likely(!(t->flags & TUNNEL_NO_REMOTE)))
		return route_find(ctx, t, cache, route);
	err = fdb_find(ctx, t, cache);
	err = err ?: route_find(ctx, t, cache, route);
	if (!err && unlikely(!route->resolved))
		fdb_keep(t, cache);
	return err;
}

/*
 * Carry one Ethernet frame, as encap_packet() does. Its header goes into the room together with the
 * outer ones, where the kernel is told that it is.
 */
__noinline int encap_frame(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state,
			   int *verdict)
{
	struct inner_packet in = {};
	struct frame frame = {};
	__u32 hlen, plain = 0;
	struct route route = {};
	int err;

	if (!t || !state || !verdict)
		return REFUSE(push_failed);
	if (unlikely(ctx->tc_index & MIRROR_MARK)) {
		err = copy_take(ctx, t->anchor);
		if (err < 0)
			return err;
		in.copy = err;
	}
	if (t->flags & TUNNEL_TRUNCATE) {
		err = erspan_fit(ctx, t);
		if (err < 0)
			return err;
		in.copy |= err & ERSPAN_CUT;
		plain = err & ERSPAN_PLAIN;
	}
	err = frame_read(ctx, &in);
	if (unlikely(err))
		return err;
	if (t->flags & TUNNEL_SPECIAL) {
		err = encap_special(ctx, t, &in);
		if (unlikely(err))
			return err;
	}
	route.tos = t->flags & TUNNEL_TOS_INHERIT && in.kind ? in.tos : t->tos;
	if (likely(!(t->flags & TUNNEL_TOS_PLAIN)))
		route.tos = ecn_encap(route.tos, in.tos);
	/* Without a branch, which the verifier would follow to the end. */
	in.limited &= ~plain;
	route.tos &= plain - 1;
	err = frame_route(ctx, t, &state->route, &route);
	if (unlikely(err))
		return err;
	hlen = t->hlen + in.frame_hlen - WIRE_ETH_HLEN;
	if (unlikely(in.limited != !!(t->flags & TUNNEL_ENCAP_LIMIT)))
		hlen += in.limited ? IPV6_LIMIT_HLEN : -IPV6_LIMIT_HLEN;
	if (unlikely(route.mtu && inner_wire_len(ctx, &in, route.mtu - hlen) + hlen > route.mtu)) {
		if (!(in.copy & COPY))
			return encap_too_big(ctx, t, &in, route.mtu - hlen, verdict);
		if (!(t->flags & TUNNEL_TRUNCATE) || route.mtu < hlen)
			return REFUSE(too_big);
		in.copy |= COPY_TRUNCATED;
		err = erspan_cut(ctx, route.mtu - hlen + in.frame_hlen);
		if (err)
			return err;
	}

	err = frame_take(ctx, &frame);
	if (unlikely(err))
		return err;
	/* A tag in the packet was not seen before. */
	hlen += frame.hlen - in.frame_hlen;
	in.frame_hlen = frame.hlen;
	in.len = ctx_len(ctx) - WIRE_ETH_HLEN;
	if (t->payload == PAYLOAD_ERSPAN)
		in.says = erspan_facts(ctx, t, in.copy | in.kind << 8, frame.tags[0],
				       frame.hlen - WIRE_ETH_HLEN);
	/* No other kind of packet may be encapsulated, but it does not matter what is behind. */
	if (unlikely(!frame_kind(ctx_eth_proto(ctx)))) {
		if (ctx_gso_size(ctx))
			return REFUSE(gso);
		if (ctx_retype(ctx, bpf_htons(WIRE_ETH_P_IP)))
			return REFUSE(push_failed);
	}
	if (unlikely(ctx_push(ctx, hlen, t->room_flags | ctx_push_frame(frame.hlen))) &&
	    encap_push_again(ctx, t,
			     ctx_eth_proto(ctx) == bpf_htons(WIRE_ETH_P_IPV6) ? INNER_IPV6
									      : INNER_IPV4,
			     hlen))
		return REFUSE(push_failed);
	err = frame_write(ctx, &frame, WIRE_ETH_HLEN + hlen);
	err = err ?: outer_write(ctx, t, &in, &route, &state->route, hlen);
	if (unlikely(err))
		return err;

	if (state->route.jiffies && !state->route.ready && ready_frame_can(t))
		ready_frame_make(t, state);
	state->tx_packets++;
	state->tx_bytes += in.len;
	return likely(route.resolved) ? ctx_redirect(route.ifindex, 0)
				      : ctx_redirect_neigh(route.ifindex, &route.hop);
}

/*
 * The long way, and the end of packets that the short one refused, for @ret. It looks up all by
 * itself, so that nothing of it takes registers there; it is no function of its own, as the kernel
 * allows but 8 frames. Returns the hook's verdict.
 */
static __always_inline int encap_long(ctx_t *ctx, int ret)
{
	int verdict = CTX_DROP;
	struct cpu_state *state;
	const struct tunnel *t;

	/* A compiler that knows that it is the same packet would keep what it found before. */
	asm volatile("" : "+r"(ctx));
	t = port_tunnel(ctx->ifindex);
	/* In front of a device it is that one's to take, or to drop. */
	if (unlikely(!t))
		return ctx->ingress_ifindex == ctx->ifindex ? CTX_DROP : CTX_NEXT;
	state = bpf_map_lookup_elem(&cpu_state, &t->id);
	if (unlikely(!state))
		return CTX_DROP;
	if (likely(ret == READY_NOT))
		ret = ready_send_label(ctx, state);
	if (likely(ret == READY_NOT))
		ret = t->inner & INNER_ETHERNET ? encap_frame(ctx, t, state, &verdict)
						: encap_packet(ctx, t, state, &verdict);
	return likely(ret >= 0) ? ret : drop_count(t->id, ret, verdict);
}

/* Ticks of the clock after which nothing waits in the queue between the halves of a pair. */
enum { PAIR_EMPTY = 64 };

/*
 * Whether the packet has to go through the pair in front of which it is: it is to be cut there, or
 * comes soon after one that was, which it must not overtake.
 */
static __always_inline bool encap_later(ctx_t *ctx, struct cpu_state *state)
{
	__u64 now = bpf_jiffies64();

	if (ctx_gso_size(ctx))
		state->pair_jiffies = now;
	return unlikely(now - state->pair_jiffies <= PAIR_EMPTY);
}

/* A packet over IPv4, where each may have to be a segment of its own. */
__noinline int encap_ready4(ctx_t *ctx, struct cpu_state *state)
{
	if (!state)
		return READY_NOT;
	return ctx_eth_proto(ctx) == bpf_htons(WIRE_ETH_P_MPLS) ? ready_mpls_send(ctx, state)
								: ready4_send(ctx, state);
}

/* The short ways at port of @t, but for the one of encap(). Returns the hook's verdict, a refusal,
 * or READY_NOT. */
static __always_inline int encap_ready(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state)
{
	if (unlikely(t->flags & TUNNEL_EARLY) && encap_later(ctx, state))
		return CTX_NEXT;
	if (unlikely(state->route.jiffies != bpf_jiffies64()))
		return READY_NOT;
	if (state->route.ready == READY_IPV6)
		return ready6_send(ctx, state);
	if (state->route.ready == READY_FRAME)
		return ready_frame_send(ctx, t, state);
	if (ready_wrapped(state))
		return ready_wrap_send(ctx, t, state);
	return state->route.ready == READY_IPV4 ? encap_ready4(ctx, state) : READY_NOT;
}

/* The whole of encapsulation, counted. Returns the hook's verdict. */
static __always_inline int encap(ctx_t *ctx)
{
	__u32 port = ctx->ifindex, len;
	const struct tunnel *t = &slots.tunnels[tunnel_slot(port)];
	struct cpu_state *state;
	int ret;

	/* In one register from here on, not made anew from its parts. */
	asm volatile("" : "+r"(t));
	state = likely(t->port == port) ? bpf_map_lookup_elem(&cpu_state, &t->id) : NULL;
	if (unlikely(!state)) {
		ret = rarely(READY_NOT);
	} else if (likely(state->ready4 == bpf_jiffies64())) {
		ret = ready4_push(ctx, state, true, &len);
		if (likely(!ret))
			return ready_redirect(state, len);
	} else {
		ret = encap_ready(ctx, t, state);
		if (likely(ret >= 0 && ret != READY_NOT))
			return ctx_verdict(ret);
	}
	return ctx_verdict(encap_long(ctx, ret));
}

#endif
