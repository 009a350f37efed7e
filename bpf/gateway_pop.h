/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of forwarding at XDP out of a tunnel: IPv4 in IPv4, bare or in GRE, FOU or GUE,
 * whose endpoint has its slot (direct.h) and whose inner packet has a way that is remembered
 * (gateway_flow.h). Both headers are looked at before anything is changed, and what is not as in
 * most packets is left to those two.
 */
#ifndef XTUN_GATEWAY_POP_H
#define XTUN_GATEWAY_POP_H

#include "gateway_flow.h"

/* What is known of a packet's outer headers. */
struct pop_outer {
	__u32 hlen; /* bytes up to the inner header */
	__u32 key;  /* of GRE, as it lies there */
	__u64 own;  /* the second half of struct endpoint4_key */
};

enum { POP_HLEN_SHIFT = 48 };

/* The second half of an endpoint's key, which is that of no port. */
static __always_inline __u64 pop_key(__be32 key, __u8 ip_proto, bool keyed)
{
	return (__u32)key | (__u64)direct_payload(ip_proto, keyed) << 32;
}

/* Read what @ip_proto announces, which is at @behind, behind @hlen bytes of headers. False: it is
 * out of the ordinary. */
static __always_inline bool pop_payload(__u8 ip_proto, const __u32 *behind, __u32 hlen,
					struct pop_outer *outer)
{
	/* The flags of GRE and what it carries, as they lie in memory. */
	const __u32 plain = (__u32)bpf_htons(WIRE_ETH_P_IP) << 16;

	outer->key = 0;
	outer->hlen = hlen;
	if (ip_proto == WIRE_IPPROTO_IPIP) {
		outer->own = pop_key(0, WIRE_IPPROTO_IPIP, false);
		return true;
	}
	if (ip_proto != WIRE_IPPROTO_GRE)
		return false;
	outer->hlen += GRE_HLEN;
	if (behind[0] == plain) {
		outer->own = pop_key(0, WIRE_IPPROTO_GRE, false);
		return true;
	}
	if (behind[0] != (plain | bpf_htons(GRE_KEY)))
		return false;
	outer->key = behind[1];
	outer->hlen += GRE_FIELD;
	outer->own = pop_key(behind[1], WIRE_IPPROTO_GRE, true);
	return true;
}

/* As direct_udp_pop(), with no checksum. Returns what goes to struct pop_outer: ->own, and in the
 * bits above it, which are none of a key, ->hlen; 0: it is out of the ordinary. */
static __noinline __u64 pop_udp(const struct iphdr *ip)
{
	const struct udphdr *udp = (const void *)(ip + 1);
	const __u32 *behind = (const void *)(udp + 1);
	struct pop_outer outer = {};
	__u32 port, gue;
	bool known;

	if (!port_among(slots.ports.all, udp->dest) || udp->check ||
	    bpf_ntohs(udp->len) + IPV4_HLEN != bpf_ntohs(ip->tot_len))
		return 0;
	port = direct_port_find(udp->dest, FAMILY_IPV4);
	gue = bpf_ntohl(behind[0]);
	if ((__u8)port == WRAP_FOU)
		known = pop_payload(port >> 8, behind, IPV4_HLEN + UDP_HLEN, &outer);
	else
		known = (__u8)port == WRAP_GUE && !(gue & ~0xff0000u) &&
			pop_payload(gue >> 16, behind + 1, IPV4_HLEN + UDP_HLEN + GUE_HLEN, &outer);
	return known ? outer.own | (__u64)outer.hlen << POP_HLEN_SHIFT : 0;
}

/* Read what is behind the IPv4 header at @ip, of which DIRECT4_SEEN bytes are there. False: it is
 * out of the ordinary. */
static __always_inline bool pop_read(const struct iphdr *ip, struct pop_outer *outer)
{
	__u64 known;

	if (likely(pop_payload(ip->protocol, (const void *)(ip + 1), IPV4_HLEN, outer)))
		return true;
	if (ip->protocol != WIRE_IPPROTO_UDP)
		return false;
	known = pop_udp(ip);
	outer->own = known & ((1ull << POP_HLEN_SHIFT) - 1);
	outer->key = known;
	outer->hlen = known >> POP_HLEN_SHIFT;
	return known;
}

/* The endpoint that takes the packet whose IPv4 header is at @ip, if it is plain. NULL: there is
 * none. */
static __always_inline const struct endpoint *pop_endpoint(const struct iphdr *ip,
							   const struct pop_outer *outer)
{
	const __u64 addresses = *(const __u64 *)((const void *)ip + 12);
	struct endpoint4_key key = {
		.local = addresses >> 32,
		.remote = addresses,
		.key = outer->key,
		.ip_proto = WIRE_IPPROTO_IPIP, /* or GRE, which is the same to the slot */
	};
	const struct endpoint4_slot *slot = &slots.ipv4[endpoint4_slot(&key)];
	const __u64 *own;

	/* As xdp_device_at() */
	asm volatile("" : "+r"(slot));
	own = (const void *)slot;
	if (unlikely(own[0] != addresses || own[1] != outer->own || !slot->plain))
		return NULL;
	return &slot->end;
}

static __always_inline void pop_count(const struct endpoint *end, __u32 len)
{
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_state, &end->id);

	if (likely(state)) {
		state->rx_packets++;
		state->rx_bytes += len;
	}
}

/* The rest of it: take @hlen bytes of headers off, and send what is inside, @len bytes, by @way to
 * a neighbour. Returns a verdict, or READY_NOT with nothing changed. */
static __always_inline int pop_send(ctx_t *ctx, const struct endpoint *end, __u32 hlen, __u32 len,
				    const struct gateway_route *way)
{
	void *head;

	if (unlikely(bpf_xdp_adjust_head(ctx, hlen)))
		return READY_NOT;
	head = ctx_begin(ctx);
	if (unlikely(head + WIRE_ETH_HLEN + IPV4_HLEN > ctx_end(ctx)))
		return CTX_DROP;
	pop_count(end, len);
	return gateway_flow_send(head, way, INNER_IPV4);
}

/* Likewise by a way into another tunnel. What could not go there gets back what was taken off,
 * which lies where it was: metadata would have been moved onto it. */
static __noinline int pop_relay(ctx_t *ctx, const struct endpoint *end,
				const struct gateway_route *way, __u32 hlen, __u32 len)
{
	int ret = READY_NOT;
	void *head;

	if (!way->out || len > way->mtu || xdp_meta(ctx) < ctx_begin(ctx) ||
	    bpf_xdp_adjust_head(ctx, hlen))
		return READY_NOT;
	head = ctx_begin(ctx);
	if (likely(head + WIRE_ETH_HLEN + IPV4_HLEN <= ctx_end(ctx)))
		ret = gateway_flow_encap(ctx, way, head + WIRE_ETH_HLEN, INNER_IPV4, len);
	if (unlikely(ret == READY_NOT))
		return bpf_xdp_adjust_head(ctx, -(int)hlen) ? CTX_DROP : READY_NOT;
	pop_count(end, len);
	return ret;
}

/* The frame from @head to @end with IPv4 in it. Returns a verdict, or READY_NOT with nothing
 * changed.
 */
static __always_inline int gateway_pop(ctx_t *ctx, void *head, const void *end)
{
	const struct iphdr *ip = head + WIRE_ETH_HLEN, *inner;
	const struct gateway_route *way;
	const struct endpoint *endpoint;
	struct pop_outer outer;
	__u32 len, inner_len;

	if (unlikely(head + WIRE_ETH_HLEN + DIRECT4_SEEN > end))
		return READY_NOT;
	len = bpf_ntohs(ip->tot_len);
	/* As direct4(), with the lower ECN bit */
	if (unlikely(!gateway_bare4(*(const __u64 *)(const void *)ip, 1 << 8) ||
		     (const void *)ip + xdp_bounded(len) != end))
		return READY_NOT;
	if (unlikely(!pop_read(ip, &outer)))
		return READY_NOT;
	endpoint = pop_endpoint(ip, &outer);
	inner = (const void *)ip + outer.hlen;
	if (unlikely(!endpoint || (const void *)(inner + 1) > end ||
		     !direct_sum_right(ipv4_sum(ip))))
		return READY_NOT;
	way = gateway_known4(inner, end, endpoint->rx_ifindex, &inner_len);
	if (unlikely(!way))
		return READY_NOT;
	/* Not fetched before it is needed: to keep it takes stack. */
	if (*(const volatile __u32 *)&slots.partials &&
	    unlikely(!gateway_payload(inner + 1, end, inner->protocol, gateway_sum4(inner))))
		return READY_NOT;
	return likely(inner_len <= way->plain)
		       ? pop_send(ctx, endpoint, outer.hlen, inner_len, way)
		       : pop_relay(ctx, endpoint, way, outer.hlen, inner_len);
}

#endif
