/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of encapsulation, for packets with nothing out of the ordinary through a tunnel
 * whose outer headers differ little from packet to packet: IPv4 outside, IP or GRE without
 * checksums and sequence numbers, a fixed remote, a route that was looked up in this tick. The long
 * way in encap.h leaves behind what its headers had in common with those of the next packet; here
 * they are finished. It knows no drop reasons, and gives up, before it writes, at what it does not
 * like.
 */
#ifndef XTUN_READY_H
#define XTUN_READY_H

#include "outer.h"

/* A verdict of ready_send() only: the packet has to go the long way. */
enum { READY_NOT = CTX_NEXT - 1 };

/* Whether the outer headers of @t are of the simple form. */
static __always_inline bool ready_can(const struct tunnel *t)
{
	return !(t->flags & (TUNNEL_SPECIAL | TUNNEL_TOS_PLAIN)) && t->wrap == WRAP_NONE;
}

/* Fold the sum of IPv4 header words, less than 2^35, to the checksum. */
static __always_inline __sum16 ready_fold(__u64 sum)
{
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (__sum16)~sum;
}

/* The word of the IPv4 header with TTL and protocol in front of an inner packet of @kind. */
static __always_inline __be32 ready_third(const struct tunnel *t, enum inner kind)
{
	if (!(t->inner & kind))
		return 0;
	return bpf_htonl((__u32)t->ttl << 24 | (__u32)(t->ip_proto ?: payload_ip_proto(kind))
						       << 16);
}

/* Prepare @state for the packets after one whose route was found and remembered. */
static __noinline void ready_make(const struct tunnel *t, struct cpu_state *state)
{
	struct route_cache *cache = &state->route;
	struct ready *ready = &state->ready;
	__be32 key = t->flags & TUNNEL_OKEY ? bpf_htonl(GRE_KEY << 16) : 0;

	ready->room = cache->mtu > t->hlen ? cache->mtu - t->hlen : 0;
	ready->first = (4u << 4 | IPV4_HLEN / 4) << 24 | (__u32)cache->tos << 16 | t->hlen;
	ready->third4 = ready_third(t, INNER_IPV4);
	ready->third6 = ready_third(t, INNER_IPV6);
	ready->sum = checksum_add(cache->source.v4, cache->remote.v4);
	ready->gre = key;
	ready->okey = t->okey;
	ready->df = t->flags & TUNNEL_DF ? bpf_htons(IPV4_DF) : 0;
	ready->df_inner = t->flags & TUNNEL_IGNORE_DF ? 0 : bpf_htons(IPV4_DF);
	ready->room_flags = t->room_flags;
	ready->hlen = t->hlen;
	ready->inherit =
		(t->ttl ? 0 : READY_TTL) | (t->flags & TUNNEL_TOS_INHERIT ? READY_DSCP : 0);
	ready->dscp = cache->tos;
	cache->ready = 1;
}

/* Write the GRE header at @gre. Returns 0 or a refusal. */
static __always_inline int ready_gre(ctx_t *ctx, const struct ready *ready, __be32 *gre,
				     __be16 eth_proto)
{
	if (unlikely((void *)(gre + 1) > ctx_end(ctx)))
		return REFUSE(push_failed);
	gre[0] = ready->gre | bpf_htonl(bpf_ntohs(eth_proto));
	if (!ready->gre)
		return 0;
	if (unlikely((void *)(gre + 2) > ctx_end(ctx)))
		return REFUSE(push_failed);
	gre[1] = ready->okey;
	return 0;
}

/* The first twelve bytes of the IPv4 header, and the source address behind them, as they lie in
 * memory. */
union ready_words {
	__be32 words[4];
	__u64 pairs[2];
};

/*
 * Push and write the outer headers, which begin with @ip. What is needed for that lies in as few
 * variables as can be: the call leaves but four registers. Returns 0, a refusal, or READY_NOT.
 */
static __always_inline int ready_write(ctx_t *ctx, const struct cpu_state *state,
				       const union ready_words *ip, __be16 eth_proto)
{
	const struct route_cache *cache = &state->route;
	const struct ready *ready = &state->ready;
	const __u16 *eth = (const __u16 *)cache->eth;
	__u64 first = ip->pairs[0], second = ip->pairs[1];
	void *head, *to;

	/* Now, and not after the call. */
	asm volatile("" : "+r"(first), "+r"(second));
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags)))
		return READY_NOT;
	/* From here on the packet is changed: there is no way back but to drop it. */
	head = ctx_begin(ctx);
	to = head + WIRE_ETH_HLEN;
	if (unlikely(to + IPV4_HLEN > ctx_end(ctx)))
		return REFUSE(push_failed);
	*(__u16 *)head = eth[0];
	*(__u32 *)(head + 2) = *(const __u32 *)(eth + 1);
	*(__u32 *)(head + 6) = *(const __u32 *)(eth + 3);
	*(__u32 *)(head + 10) = *(const __u32 *)(eth + 5);
	*(__u64 *)to = first;
	*(__u64 *)(to + 8) = second;
	*(__be32 *)(to + 16) = cache->remote.v4;
	return likely(ready->hlen == IPV4_HLEN) ? 0
						: ready_gre(ctx, ready, to + IPV4_HLEN, eth_proto);
}

/* Carry a packet. Returns the hook's verdict, a refusal, or READY_NOT. */
static __always_inline int ready_send(ctx_t *ctx, struct cpu_state *state)
{
	const struct ready *ready = &state->ready;
	union ready_words outer;
	__be32 second, third;
	__be16 eth_proto, df;
	__u32 len, start; /* the first two bytes of the inner packet */
	__u8 ttl, ecn;
	void *head;
	int ret;

	if (unlikely(state->route.jiffies != bpf_jiffies64() || !state->route.ready))
		return READY_NOT;
	len = ctx_len(ctx) - WIRE_ETH_HLEN;
	if (unlikely(len > ready->room || ctx_gso_size(ctx)))
		return READY_NOT;
	head = ctx_begin(ctx);
	eth_proto = ctx_eth_proto(ctx);
	df = ready->df;
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP))) {
		const struct iphdr *ip = head + WIRE_ETH_HLEN;

		if (unlikely((void *)(ip + 1) > ctx_end(ctx)))
			return READY_NOT;
		start = bpf_ntohs(*(const __be16 *)ip);
		if (unlikely(start >> 12 != 4))
			return READY_NOT;
		ttl = ip->ttl;
		df |= ip->frag_off & ready->df_inner;
		third = ready->third4;
	} else if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IPV6))) {
		const struct ipv6hdr *ip = head + WIRE_ETH_HLEN;

		if (unlikely((void *)(ip + 1) > ctx_end(ctx)))
			return READY_NOT;
		start = bpf_ntohs(*(const __be16 *)ip);
		if (unlikely(start >> 12 != 6))
			return READY_NOT;
		start >>= 4;
		ttl = ip->hop_limit;
		third = ready->third6;
	} else {
		return READY_NOT;
	}
	if (unlikely(!third))
		return READY_NOT;
	if (ready->inherit) {
		/* The route is the one for this TOS. */
		if (ready->inherit & READY_DSCP && unlikely((start & 0xfc) != ready->dscp))
			return READY_NOT;
		if (ready->inherit & READY_TTL)
			third |= bpf_htonl((__u32)ttl << 24);
	}
	second = bpf_htonl(IPV4_DF);
	if (unlikely(!df))
		second = bpf_htonl(bpf_get_prandom_u32() << 16);
	/* As ecn_encap(): ECT(0) for CE. */
	ecn = start & ECN_MASK & ~(start >> 1 & 1);
	outer.words[0] = bpf_htonl(ready->first + len + ((__u32)ecn << 16));
	outer.words[1] = second;
	outer.words[2] = third;
	*((__sum16 *)outer.words + 5) =
		ready_fold((__u64)ready->sum + outer.words[0] + second + third);
	outer.words[3] = state->route.source.v4;
	ret = ready_write(ctx, state, &outer, eth_proto);
	if (unlikely(ret))
		return ret;
	state->tx_packets++;
	state->tx_bytes += len;
	ret = ctx_redirect(state->route.ifindex, 0);
	/* No refusal, and none of our own verdicts: spares the caller to look. */
	__builtin_assume(ret >= 0 && ret < READY_NOT);
	return ret;
}

#endif
