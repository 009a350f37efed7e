/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of forwarding at XDP: a packet with nothing out of the ordinary whose way the long
 * one in gateway.h has found in this tick. It looks at each thing once, and gives up, before it
 * changes anything, at what it does not know.
 */
#ifndef XTUN_GATEWAY_FLOW_H
#define XTUN_GATEWAY_FLOW_H

#include "gateway_route.h"
#include "ready_frame_make.h"
#include "ready_wrap.h"

/*
 * The word of an IPv4 header with TTL, protocol and checksum, one hop later: the first byte is one
 * less, the checksum one more in its lowest byte, with an end-around carry (RFC 1624).
 */
static __always_inline __u32 gateway_hop4(__u32 word)
{
	return word + 0xffff + (word >= 0xfffe0000 ? 0x10000 : 0);
}

/* Likewise at @at in the packet. False: it is not there. */
static __always_inline bool gateway_hop(ctx_t *ctx, __u32 at, __u8 kind)
{
	if (kind == INNER_IPV4) {
		__u32 *word = ctx_at(ctx, at + 8, sizeof(*word));

		if (!word)
			return false;
		*word = gateway_hop4(*word);
		return true;
	} else {
		struct ipv6hdr *ip = ctx_at(ctx, at, IPV6_HLEN);

		if (!ip)
			return false;
		ip->hop_limit--;
		return true;
	}
}

/* The word with TTL and checksum, or the hop limit. NULL: it is not there. */
static __always_inline __u32 *gateway_hop_word(ctx_t *ctx, __u8 kind)
{
	return ctx_at(ctx, WIRE_ETH_HLEN + (kind == INNER_IPV4 ? 8 : 4), sizeof(__u32));
}

/* As ready6_carry(), over IPv4. */
static __always_inline int gateway_carry4(ctx_t *ctx, const struct cpu_state *state,
					  const struct ready_inner *in, __u32 len)
{
	__u32 third;
	__u64 head;
	int ret;

	ret = ready4_build(&state->ready, in, len, true, &head, &third);
	if (unlikely(ret))
		return ret;
	if (unlikely(ctx_push(ctx, state->ready.hlen, 0)))
		return READY_NOT;
	return ready_write(ctx, state, head, third, in->eth_proto, true);
}

/* The end of what was begun with a hop less, where that was @hop, and became @ret. */
static __always_inline int gateway_carried(ctx_t *ctx, struct cpu_state *state, int ret, __u32 hop,
					   __u8 kind, __u32 len)
{
	__u32 *word;

	if (likely(!ret))
		return ready_redirect(state, len);
	if (ret != READY_NOT)
		return ret;
	word = gateway_hop_word(ctx, kind);
	if (!word)
		return CTX_DROP;
	*word = hop;
	return READY_NOT;
}

/* flow_hash() of a packet without options that is no fragment; @hash: of its addresses. */
static __always_inline __u32 gateway_hash(__u32 hash, const void *ip, const void *end, __u8 kind)
{
	const __u32 *ports = ip + (kind == INNER_IPV4 ? IPV4_HLEN : IPV6_HLEN);
	__u32 beside = kind == INNER_IPV4 ? flow_beside4(ip) : flow_beside6(ip);
	__u8 ip_proto = kind == INNER_IPV4 ? ((const struct iphdr *)ip)->protocol
					   : ((const struct ipv6hdr *)ip)->nexthdr;

	if ((ip_proto == WIRE_IPPROTO_TCP || ip_proto == WIRE_IPPROTO_UDP) &&
	    likely((void *)(ports + 1) <= end))
		beside ^= *ports;
	return flow_mix(hash, beside) ?: 1;
}

/*
 * Begin with a packet of @len bytes, of @kind, that goes by @way: read its header into @in, make
 * @hash of its flow if an outer header @shows it, and count it one hop less; *@hop is what that
 * was. Returns 0, or READY_NOT with nothing changed.
 */
static __always_inline int gateway_begin(ctx_t *ctx, const struct gateway_route *way,
					 const struct ready *ready, __u32 len, __u8 kind,
					 bool shows, struct ready_inner *in, __u32 *hop,
					 __u32 *hash)
{
	void *ip = ctx_begin(ctx) + WIRE_ETH_HLEN;
	__u32 *word;

	*hash = 0;
	if (kind == INNER_IPV4) {
		if (ip + IPV4_HLEN > ctx_end(ctx))
			return READY_NOT;
		ready_read4(ready, ip, in);
		if (unlikely(len > in->room))
			return READY_NOT;
		word = ip + 8;
		*hop = *word;
		*word = gateway_hop4(*hop);
		if (shows)
			*hash = gateway_hash(way->hash, ip, ctx_end(ctx), INNER_IPV4);
	} else {
		if (ip + IPV6_HLEN > ctx_end(ctx))
			return READY_NOT;
		ready_read6(ready, ip, in);
		if (unlikely(len > in->room))
			return READY_NOT;
		word = ip + 4;
		*hop = *word;
		*word = *hop - (1 << 24);
		if (shows)
			*hash = gateway_hash(way->hash, ip, ctx_end(ctx), INNER_IPV6);
	}
	return 0;
}

/*
 * Into the tunnel of @way, whose outer headers are prepared: a packet of @len bytes, as long as its
 * frame, of @kind, without options and no fragment. Returns a verdict, a refusal, or READY_NOT with
 * nothing changed.
 */
__noinline int gateway_carry(ctx_t *ctx, const struct gateway_route *way, struct cpu_state *state,
			     __u32 len, __u8 kind)
{
	struct ready_inner in;
	const struct tunnel *t;
	__u32 hop, hash;
	int ret;

	if (!way || !state ||
	    gateway_begin(ctx, way, &state->ready, len, kind, true, &in, &hop, &hash))
		return READY_NOT;
	if (ready_wrapped(state)) {
		t = port_tunnel(way->ifindex);
		ret = t ? ready_wrap(ctx, t, state, &in, len, hash) : READY_NOT;
	} else if (state->route.ready == READY_IPV6) {
		ret = ready6_carry(ctx, state, &in, len, hash);
	} else if (state->route.ready == READY_IPV4) {
		ret = gateway_carry4(ctx, state, &in, len);
	} else {
		ret = READY_NOT;
	}
	return gateway_carried(ctx, state, ret, hop, kind, len);
}

/*
 * As gateway_carry(), where it is not known yet that they are prepared, and the packet may be
 * shorter than its frame.
 */
__noinline int gateway_ready(ctx_t *ctx, const struct gateway_route *way, struct cpu_state *state,
			     __u32 len, __u8 kind)
{
	if (!way || !state || unlikely(state->route.jiffies != bpf_jiffies64()) ||
	    unlikely(!gateway_sends(state->route.ifindex, false)))
		return READY_NOT;
	if (unlikely(ctx_begin(ctx) + xdp_bounded(WIRE_ETH_HLEN + len) != ctx_end(ctx)))
		return READY_NOT;
	return gateway_carry(ctx, way, state, len, kind);
}

/* Write all headers around an inner packet of @eth_proto into the room: the frame goes from the
 * tunnel's device to the next hop of @way. Returns 0 or a refusal. */
static __always_inline int gateway_frame_write(ctx_t *ctx, const struct cpu_state *state,
					       const struct gateway_route *way, __u64 head,
					       __u32 third, const struct ready_rest *rest,
					       __be16 eth_proto)
{
	void *to = ctx_begin(ctx), *inner = to + (state->ready.hlen & 0x7f);
	__u64 *word = to + READY_FRAME_AT;

	if (unlikely((void *)(word + 2) > ctx_end(ctx) || inner + WIRE_ETH_HLEN > ctx_end(ctx)))
		return REFUSE(push_failed);
	/* As in ready_frame_write(), the frame's header last */
	word[0] = rest->words[0];
	if (rest->count > 1)
		word[1] = rest->words[1];
	*(__u64 *)inner = *(const __u64 *)way->eth;
	*(__u32 *)(inner + 8) = *(const __u32 *)(way->eth + 8);
	*(__be16 *)(inner + 12) = eth_proto;
	ready_ethernet(to, &state->route);
	*(__u64 *)(to + 14) = head;
	*(__u32 *)(to + 22) = third;
	*(__u64 *)(to + 26) = state->ready.addresses;
	return 0;
}

/* As gateway_carry(), into a tunnel for frames, to which @way leads. */
__noinline int gateway_frame_carry(ctx_t *ctx, const struct gateway_route *way,
				   struct cpu_state *state, __u32 len, __u8 kind)
{
	struct ready_inner in;
	struct ready_rest rest;
	const struct tunnel *t;
	__u32 hop, third, hash;
	__u64 head;
	int ret;

	if (!state || !way)
		return READY_NOT;
	t = port_tunnel(way->ifindex);
	if (!t || gateway_begin(ctx, way, &state->ready, len, kind, t->flags & TUNNEL_SHOWS_FLOW,
				&in, &hop, &hash))
		return READY_NOT;
	if (t->wrap == WRAP_NONE)
		ready_frame_gre(t, &rest);
	else
		ready_frame_wrap(t, hash, len + state->ready.hlen - IPV4_HLEN, &rest);
	ret = ready4_build(&state->ready, &in, len, true, &head, &third);
	if (likely(!ret)) {
		ret = READY_NOT;
		if (likely(!ctx_push(ctx, state->ready.hlen, 0)))
			ret = gateway_frame_write(ctx, state, way, head, third, &rest,
						  kind_eth_proto(kind));
	}
	return gateway_carried(ctx, state, ret, hop, kind, len);
}

/*
 * Let packets of @way, to the tunnel @t, take the short way in this tick: what @state has ready is
 * of this tick, and so long as it is ready it stays so, for route_lookup() takes that back.
 */
static __always_inline void gateway_short(struct gateway_route *way, const struct tunnel *t,
					  const struct cpu_state *state, __u8 kind)
{
	const struct ready *ready = &state->ready;
	__u32 room = kind == INNER_IPV4 ? ready->ipv4.room : ready->ipv6.room;

	if (way->mtu > room)
		way->mtu = room;
	way->id = t->id;
	way->out = state->route.ifindex;
}

/*
 * Into the tunnel of @route: a packet of @len bytes, as long as its frame, whose header of @kind is
 * at @ip. Returns a verdict, a refusal, or READY_NOT.
 */
static __always_inline int gateway_flow_encap(ctx_t *ctx, const struct gateway_route *route,
					      void *ip, __u8 kind, __u32 len)
{
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_state, &route->id);
	struct ready_inner in;
	__u32 *word, hop;
	int ret;

	/* What is ready is of this tick, as the answer is: see gateway_short(). */
	if (unlikely(!state || state->route.ifindex != route->out))
		return READY_NOT;
	if (unlikely(state->route.ready != READY_IPV4)) {
		ret = state->route.ready == READY_FRAME
			      ? gateway_frame_carry(ctx, route, state, len, kind)
			      : gateway_carry(ctx, route, state, len, kind);
		return likely(ret >= 0) ? ret : drop_count(route->id, ret, CTX_DROP);
	}
	if (kind == INNER_IPV4)
		ready_read4(&state->ready, ip, &in);
	else
		ready_read6(&state->ready, ip, &in);
	/* Known here, and kept nowhere. */
	in.eth_proto = kind_eth_proto(kind);
	/* The hop limit is the last byte of its word. */
	word = ip + (kind == INNER_IPV4 ? 8 : 4);
	hop = *word;
	*word = kind == INNER_IPV4 ? gateway_hop4(hop) : hop - (1 << 24);
	ret = gateway_carry4(ctx, state, &in, len);
	ret = gateway_carried(ctx, state, ret, hop, kind, len);
	return likely(ret >= 0) ? ret : drop_count(route->id, ret, CTX_DROP);
}

/* To the next hop of @route. */
static __always_inline int gateway_flow_send(struct ethhdr *eth, const struct gateway_route *route,
					     __u8 kind)
{
	__u32 *word = (void *)(eth + 1) + (kind == INNER_IPV4 ? 8 : 4);
	int verdict;

	*word = kind == INNER_IPV4 ? gateway_hop4(*word) : *word - (1 << 24);
	*(__u64 *)eth = *(const __u64 *)route->eth;
	*(__u32 *)((void *)eth + 8) = *(const __u32 *)(route->eth + 8);
	eth->h_proto = kind_eth_proto(kind);
	verdict = ctx_redirect(route->ifindex, 0);
	/* None of our own verdicts: spares the caller to look. */
	__builtin_assume(verdict >= 0 && verdict < READY_NOT);
	return verdict;
}

/*
 * The packet of @kind behind the Ethernet header at @head, which came in by @iif, with its frame's
 * @end. @inner: out of a tunnel;
 * @partial: there may be checksums that are still to be filled in. Returns a verdict or READY_NOT.
 */
static __always_inline int gateway_flow_kind(ctx_t *ctx, void *head, void *end, __u32 iif,
					     __u8 kind, bool inner, bool partial)
{
	void *ip = head + WIRE_ETH_HLEN;
	const struct gateway_route *route;
	__u32 len;

	if (unlikely(ip + (kind == INNER_IPV4 ? IPV4_HLEN : IPV6_HLEN) > end))
		return READY_NOT;
	route = kind == INNER_IPV4 ? gateway_way4(ip, end, iif, partial, &len)
				   : gateway_way6(ip, end, iif, partial, &len);
	if (unlikely(!route))
		return READY_NOT;
	if (inner && likely(route->plain))
		return gateway_flow_send(head, route, kind);
	return gateway_flow_encap(ctx, route, ip, kind, len);
}

/* Whether the packet whose header, which is there, is at @ip surely is for no tunnel's end, if it
 * is for another host: see struct slots. */
static __always_inline bool gateway_others4(const struct iphdr *ip)
{
	return !slots.locals[local_slot(ip->daddr)];
}

static __always_inline bool gateway_others6(const struct ipv6hdr *ip)
{
	const __be32 *word = (const void *)&ip->daddr;

	return !slots.locals[local_slot(word[0] ^ word[1] ^ word[2] ^ word[3])];
}

/* Likewise of a frame of @eth_proto. */
static __always_inline bool gateway_others(const void *head, const void *end, __u32 eth_proto)
{
	const void *ip = head + WIRE_ETH_HLEN;

	if (eth_proto == bpf_htons(WIRE_ETH_P_IP))
		return ip + IPV4_HLEN <= end && gateway_others4(ip);
	return eth_proto == bpf_htons(WIRE_ETH_P_IPV6) && ip + IPV6_HLEN <= end &&
	       gateway_others6(ip);
}

/*
 * The packet of @eth_proto behind the Ethernet header, which came in by @iif: a network card, or
 * the anchor of a tunnel (@inner). @partial: there may be checksums that are still to be filled in.
 * Returns a verdict, or READY_NOT with nothing changed.
 */
__noinline int gateway_flow(ctx_t *ctx, __u32 iif, __be16 eth_proto, bool inner, bool partial)
{
	void *head = ctx_begin(ctx), *end = ctx_end(ctx);
	int ret = READY_NOT;

	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		ret = gateway_flow_kind(ctx, head, end, iif, INNER_IPV4, inner, partial);
	else if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		ret = gateway_flow_kind(ctx, head, end, iif, INNER_IPV6, inner, partial);
	if (likely(ret != READY_NOT))
		return ret;
	return rarely(READY_NOT);
}

#endif
