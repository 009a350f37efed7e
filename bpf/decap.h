/* SPDX-License-Identifier: GPL-2.0 */
/* Decapsulation: what arrives on an underlay for one of our endpoints loses its outer headers and
 * goes to the anchor. */
#ifndef XTUN_DECAP_H
#define XTUN_DECAP_H

#include "direct.h"
#include "direct_erspan.h"
#include "endpoint.h"
#include "fdb.h"
#include "learn.h"
#include "options.h"
#include "options6.h"
#include "payload.h"
#include "remote.h"
#include "wrap.h"

/* The longest headers that the verifier has to reckon with; a power of two less one. */
enum { HLEN_MASK = 0x1ff };

/* Check the outer IPv4 header of a packet that is ours. Returns 0 or a refusal. */
static __always_inline int outer4_check(ctx_t *ctx, const struct headers *h)
{
	const struct iphdr *ip;
	void *head;

	if (unlikely(h->ip_hlen != IPV4_HLEN))
		return options_check(ctx, h->ip_hlen);
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(outer_length);
	ip = head + WIRE_ETH_HLEN;
	return unlikely(checksum_fold(ipv4_sum(ip))) ? REFUSE(outer_checksum) : 0;
}

/*
 * Bytes of the outer packet: what its header says, @len, if so many arrived. Aggregates above 64 kB
 * say zero (iph_totlen()). 0: it lies.
 */
static __always_inline __u32 outer_len(ctx_t *ctx, __u32 len, __u32 hlen)
{
	__u32 arrived = ctx_len(ctx) - WIRE_ETH_HLEN;

	if (likely(len <= arrived && len >= hlen))
		return len;
	return ctx_gso_size(ctx) && (!len || len == hlen) ? arrived : 0;
}

/* The inner packet, as far as the outer headers depend on it. */
struct inner_found {
	void *ip;
	__u8 tos;
	__u8 ip_proto; /* inside of it; IPv6: behind its header */
};

/* Find and check the inner packet, whose bytes may move for that. Returns 0 or a refusal. */
static __always_inline int inner_check(ctx_t *ctx, const struct headers *h, struct inner_found *in)
{
	__u32 at = WIRE_ETH_HLEN + (h->hlen & HLEN_MASK), len = h->len - h->hlen, need;
	void *head;

	need = likely(h->kind == INNER_IPV4) ? IPV4_HLEN
	       : h->kind == INNER_IPV6       ? IPV6_HLEN
					     : MPLS_HLEN;
	head = ctx_head(ctx, at + need);
	if (unlikely(!head || h->len < h->hlen + need))
		return REFUSE(payload_length);
	in->ip = head + at;
	if (likely(h->kind == INNER_IPV4)) {
		const struct iphdr *ip = in->ip;

		if (unlikely((void *)(ip + 1) > ctx_end(ctx)))
			return REFUSE(payload_length);
		if (unlikely(ip->version != 4))
			return REFUSE(payload_proto);
		in->tos = ip->tos;
		in->ip_proto = ip->protocol;
		return unlikely(bpf_ntohs(ip->tot_len) > len) ? REFUSE(payload_length) : 0;
	}
	in->tos = 0;
	in->ip_proto = 0;
	if (h->kind == INNER_IPV6) {
		const struct ipv6hdr *ip = in->ip;

		if (unlikely((void *)(ip + 1) > ctx_end(ctx)))
			return REFUSE(payload_length);
		if (unlikely(ip->version != 6))
			return REFUSE(payload_proto);
		in->tos = ipv6_tos(ip);
		in->ip_proto = ip->nexthdr;
		return unlikely(bpf_ntohs(ip->payload_len) + IPV6_HLEN > len)
			       ? REFUSE(payload_length)
			       : 0;
	}
	return h->kind == INNER_MPLS ? 0 : REFUSE(payload_proto);
}

/* BPF_F_ADJ_ROOM_DECAP_L4_GRE, _L4_UDP, _IPXIP4 and _IPXIP6, younger than the headers. */
enum { POP_GRE = 1 << 9, POP_UDP = 1 << 10, POP_IPXIP4 = 1 << 11, POP_IPXIP6 = 1 << 12 };

/* What ctx_pop() should tell the kernel. */
static __always_inline __u64 pop_flags(enum family family, const struct headers *h)
{
	if (h->wrap)
		return POP_UDP;
	if (h->gre)
		return POP_GRE;
	return family == FAMILY_IPV6 ? POP_IPXIP6 : POP_IPXIP4;
}

/* TOS of the inner packet after decapsulation, or a refusal. */
static __always_inline int decap_tos(const struct endpoint *end, __u8 outer, __u8 inner)
{
	int tos = ecn_decap(outer, inner);

	/* ip6ip6_dscp_ecn_decapsulate() */
	if (unlikely(end->flags & ENDPOINT_DSCP) && tos >= 0)
		tos = (outer & ~ECN_MASK) | (tos & ECN_MASK);
	return tos;
}

/*
 * Take one packet that belongs to @end apart. @outer_tos: of the outer header. Returns a verdict or
 * a refusal.
 */
static __always_inline int decap_packet(ctx_t *ctx, enum family family, const struct endpoint *end,
					const struct headers *h, __u8 outer_tos,
					struct cpu_state *state)
{
	struct inner_found in;
	struct ethhdr *eth;
	bool datagrams;
	int err, tos;

	if (unlikely(!h->len))
		return REFUSE(outer_length);
	if (unlikely(h->refusal))
		return h->refusal;
	if (unlikely(!(h->kind & end->inner)))
		return REFUSE(payload_proto);
	err = h->wrap ? wrap_check(ctx, h) : 0;
	err = err ?: payload_check(ctx, end, h);
	if (unlikely(end->flags & (ENDPOINT_PEERS | ENDPOINT_6TO4)))
		err = err ?: remote_check(ctx, end->id, end->flags, h->kind | family << 8, h->hlen);
	err = err ?: inner_check(ctx, h, &in);
	if (unlikely(err))
		return err;
	tos = in.tos;
	if (likely(h->kind != INNER_MPLS))
		tos = decap_tos(end, outer_tos, in.tos);
	if (unlikely(tos < 0))
		return tos;

	/* From here on the packet is changed: there is no way back but to drop it. */
	if (unlikely(tos != in.tos)) {
		if (h->kind == INNER_IPV4)
			ipv4_set_tos(in.ip, tos);
		else
			ipv6_set_tos(ctx, in.ip, tos);
	}
	/* The kernel wants what is left to hold a header of the kind that it takes the packet for.
	 */
	if (family == FAMILY_IPV6 && unlikely(ctx_len(ctx) - h->hlen < WIRE_ETH_HLEN + IPV6_HLEN) &&
	    ctx_retype(ctx, bpf_htons(WIRE_ETH_P_IP)))
		return REFUSE(pop_failed);
	eth = ctx_begin(ctx);
	if (unlikely((void *)(eth + 1) > ctx_end(ctx)))
		return REFUSE(pop_failed);
	__builtin_memcpy(eth->h_dest, end->mac, sizeof(eth->h_dest));
	eth->h_proto = kind_eth_proto(h->kind);
	/* With the note of a UDP wrap at it, the kernel takes inner UDP headers for outer ones. */
	datagrams = h->wrap && ctx_gso_size(ctx) && in.ip_proto == WIRE_IPPROTO_UDP;
	if (unlikely(ctx_pop(ctx, h->hlen, pop_flags(family, h), datagrams)))
		return datagrams ? REFUSE(segments) : REFUSE(pop_failed);

	/* Netkit hands on what the stack takes the packet for; other devices look at the header. */
	if (unlikely(!end->rx_flags) && (h->kind != INNER_IPV4 || family != FAMILY_IPV4) &&
	    ctx_retype(ctx, kind_eth_proto(h->kind)))
		return REFUSE(pop_failed);

	state->rx_packets++;
	state->rx_bytes += h->len - h->hlen;
	return ctx_redirect(end->rx_ifindex, end->rx_flags);
}

/* Hand a congestion mark on to the IP packet in a frame. The kernel's drivers look no further than
 * the frame's ethertype for one. Returns 0 or a refusal. */
static __always_inline int frame_tos(ctx_t *ctx, const struct headers *h, __u8 outer_tos)
{
	void *ip;
	int tos;

	if (h->inside == INNER_IPV4) {
		ip = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, IPV4_HLEN);
		if (!ip || ((struct iphdr *)ip)->version != 4)
			return 0;
		tos = ecn_decap(outer_tos, ((struct iphdr *)ip)->tos);
		if (tos >= 0 && unlikely(tos != ((struct iphdr *)ip)->tos))
			ipv4_set_tos(ip, tos);
	} else {
		ip = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, IPV6_HLEN);
		if (h->inside != INNER_IPV6 || !ip || ((struct ipv6hdr *)ip)->version != 6)
			return 0;
		tos = ecn_decap(outer_tos, ipv6_tos(ip));
		if (tos >= 0 && unlikely(tos != ipv6_tos(ip)))
			ipv6_set_tos(ctx, ip, tos);
	}
	return tos < 0 ? tos : 0;
}

/* Whether there are UDP datagrams in a frame. */
static __always_inline bool frame_datagrams(ctx_t *ctx, const struct headers *h)
{
	__u32 at = WIRE_ETH_HLEN + h->hlen;
	const __u8 *proto;

	if (!h->inside)
		return false;
	proto = ctx_at(ctx, at + (h->inside == INNER_IPV4 ? 9 : 6), 1);
	return proto && *proto == WIRE_IPPROTO_UDP;
}

/*
 * Remove the headers in front of a frame, and what stands behind it. No kernel removes so much that
 * less is left than a header of the kind that it takes the packet for: smaller frames get zeros, as
 * on any wire. Returns 0 or a refusal.
 */
static __always_inline int frame_pop(ctx_t *ctx, const struct headers *h, bool over_ipv6)
{
	__u32 at = WIRE_ETH_HLEN + h->hlen, end = WIRE_ETH_HLEN + h->len;
	bool datagrams = h->wrap && ctx_gso_size(ctx) && frame_datagrams(ctx, h);
	struct ethhdr eth;
	void *to;

	if (unlikely(end < at + IPV4_HLEN))
		end = at + IPV4_HLEN;
	if (unlikely(end != ctx_len(ctx)) && !ctx_gso_size(ctx) && ctx_trim(ctx, end))
		return REFUSE(pop_failed);
	if (over_ipv6 && unlikely(end < at + IPV6_HLEN) &&
	    ctx_retype(ctx, bpf_htons(WIRE_ETH_P_IP)))
		return REFUSE(pop_failed);
	to = ctx_at(ctx, at - WIRE_ETH_HLEN, WIRE_ETH_HLEN);
	if (unlikely(!to))
		return REFUSE(pop_failed);
	eth = *(struct ethhdr *)to;
	to = ctx_head(ctx, WIRE_ETH_HLEN);
	if (unlikely(!to))
		return REFUSE(pop_failed);
	*(struct ethhdr *)to = eth;
	if (unlikely(ctx_pop(ctx, h->hlen, pop_flags(over_ipv6 ? FAMILY_IPV6 : FAMILY_IPV4, h),
			     datagrams)))
		return datagrams ? REFUSE(segments) : REFUSE(pop_failed);
	return 0;
}

/*
 * What the drivers of VXLAN and GENEVE ask besides: options, over IPv6 a UDP checksum, and that the
 * frame did not go around in a circle. Returns 0 or a refusal.
 */
static __always_inline int frame_wrap_check(ctx_t *ctx, const struct endpoint *end,
					    const struct headers *h)
{
	const struct ethhdr *eth;
	int err = 0;

	if (unlikely(end->flags & ENDPOINT_WRAP_CSUM) && !h->wrap_check)
		return REFUSE(wrap_checksum);
	if (unlikely(h->options))
		err = geneve_check(ctx, h);
	eth = ctx_at(ctx, h->hlen, sizeof(*eth));
	if (unlikely(!eth))
		return REFUSE(payload_length);
	if (unlikely(*(const __u32 *)eth->h_source == *(const __u32 *)end->mac &&
		     *(const __u16 *)(eth->h_source + 4) == *(const __u16 *)(end->mac + 4)))
		return REFUSE(source_mac);
	return err;
}

/* As decap_packet(), for a frame; @outer: the outer TOS, and the outer family from bit 8 on. */
__noinline int decap_frame(ctx_t *ctx, const struct endpoint *end, const struct headers *h,
			   __u32 outer, struct cpu_state *state)
{
	int err;

	if (!end || !h || !state || !h->len)
		return REFUSE(outer_length);
	if (unlikely(h->refusal))
		return h->refusal;
	if (unlikely(h->len < h->hlen))
		return REFUSE(payload_length);
	err = h->wrap ? wrap_check(ctx, h) : 0;
	err = err ?: payload_check(ctx, end, h);
	if (h->erspan)
		err = err ?: erspan_arrive(ctx, end, h);
	if (h->port)
		err = err ?: frame_wrap_check(ctx, end, h);
	if (end->flags & ENDPOINT_LEARN)
		err = err ?: fdb_learn(ctx, end, h->hlen, outer >> 8);
	err = err ?: frame_tos(ctx, h, outer);
	err = err ?: frame_pop(ctx, h, outer >> 8 == FAMILY_IPV6);
	if (unlikely(err))
		return err;
	state->rx_packets++;
	state->rx_bytes += h->len - h->hlen;
	return ctx_redirect(end->rx_ifindex, end->rx_flags);
}

/* The long way for a packet over IPv4. */
__noinline int decap4(ctx_t *ctx)
{
	struct endpoint4_key key = {};
	const struct endpoint *end;
	struct cpu_state *state;
	const struct iphdr *ip;
	struct headers h = {};
	__be32 local, remote;
	void *head;
	__u8 tos;
	int ret;

	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return CTX_NEXT;
	ip = head + WIRE_ETH_HLEN;
	if (unlikely(ip->protocol == IPPROTO_ICMP)) {
		learn4(ctx);
		return CTX_NEXT;
	}
	/*
	 * Fragments are the stack's to put together. What is no IPv4 header, or to nowhere, is its
	 * to refuse.
	 */
	if (unlikely(ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET) || ip->version != 4 ||
		     ip->ihl < 5 || !ip->daddr))
		return CTX_NEXT;
	tos = ip->tos;
	key.local = local = ip->daddr;
	key.remote = remote = ip->saddr;
	h.ip_proto = ip->protocol;
	h.ip_hlen = h.hlen = ip->ihl * 4;
	h.len = outer_len(ctx, bpf_ntohs(ip->tot_len), h.ip_hlen);
	if (h.ip_proto == WIRE_IPPROTO_UDP && wrap_read(ctx, FAMILY_IPV4, &h))
		return CTX_NEXT;
	if (payload_read(ctx, &h))
		return CTX_NEXT;
	key.key = h.key;
	key.keyed = !!(h.gre_flags & GRE_KEY);
	key.port = h.port;
	key.ip_proto = headers_announced(&h);
	end = endpoint4_find(ctx, &key);
	if (unlikely(h.kind == INNER_ETHERNET && !h.port) &&
	    (!end || (h.erspan && end->flags & ENDPOINT_CLAIM))) {
		key.local = local;
		key.remote = remote;
		key.keyed = !!(h.gre_flags & GRE_KEY);
		/* Without a tunnel for frames it is a wrong packet of one that has others. */
		key.ip_proto = h.ip_proto;
		if (h.erspan) /* Who has no session takes all. */
			headers_any_session(&key.key, &key.keyed, &key.ip_proto);
		end = endpoint4_search(ctx, &key) ?: end;
	}
	if (!end)
		return CTX_NEXT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (unlikely(!state))
		return CTX_NEXT;
	/* Nobody is 0.0.0.0, not even where `any` remote is taken. */
	if (unlikely(end->flags & ENDPOINT_CLAIM || !remote)) {
		ret = REFUSE(wrong_remote);
	} else {
		ret = outer4_check(ctx, &h);
		if (likely(!ret))
			ret = unlikely(end->inner == INNER_ETHERNET)
				      ? decap_frame(ctx, end, &h, tos | FAMILY_IPV4 << 8, state)
				      : decap_packet(ctx, FAMILY_IPV4, end, &h, tos, state);
	}
	return likely(ret >= 0) ? ret : drop_count(end->id, ret, CTX_DROP);
}

/* Destination options before the payload, as tunnels with an encapsulation limit send them.
 * Returns 0, or -1: not ours to read. */
static __always_inline int outer6_options(ctx_t *ctx, struct headers *h)
{
	struct options6 options = {};

	if (h->ip_proto != WIRE_IPPROTO_DSTOPTS)
		return 0;
	if (options6_read(ctx, WIRE_ETH_HLEN + IPV6_HLEN, &options))
		return -1;
	if (options.bad)
		h->refusal = REFUSE(outer_options);
	h->ip_proto = options.next;
	h->ip_hlen += options.hlen;
	h->hlen = h->ip_hlen;
	return 0;
}

__noinline int decap6(ctx_t *ctx)
{
	struct endpoint6_key key = {};
	struct headers h = { .ip_hlen = IPV6_HLEN, .hlen = IPV6_HLEN };
	const struct endpoint *end;
	const void *ends;
	struct cpu_state *state;
	const struct ipv6hdr *ip;
	void *head;
	__u8 tos;
	int ret;

	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV6_HLEN);
	if (unlikely(!head))
		return CTX_NEXT;
	ip = head + WIRE_ETH_HLEN;
	if (unlikely(ip->version != 6))
		return CTX_NEXT;
	tos = ipv6_tos(ip);
	h.ip_proto = ip->nexthdr;
	if (unlikely(h.ip_proto == WIRE_IPPROTO_ICMPV6)) {
		learn6(ctx);
		return CTX_NEXT;
	}
	h.len = outer_len(ctx, bpf_ntohs(ip->payload_len) + IPV6_HLEN, IPV6_HLEN);
	address6_copy(key.local, &ip->daddr);
	address6_copy(key.remote, &ip->saddr);
	if (outer6_options(ctx, &h) ||
	    (h.ip_proto == WIRE_IPPROTO_UDP && wrap_read(ctx, FAMILY_IPV6, &h)) ||
	    payload_read(ctx, &h))
		return CTX_NEXT;
	key.key = h.key;
	key.keyed = h.erspan > 1;
	key.port = h.port;
	key.ip_proto = headers_announced(&h);
	end = endpoint6_find(ctx, &key);
	if (unlikely(h.kind == INNER_ETHERNET && !h.port) &&
	    (!end || (h.erspan && end->flags & ENDPOINT_CLAIM))) {
		ends = ctx_at(ctx, WIRE_ETH_HLEN + 8, 32);
		if (!ends)
			return CTX_NEXT;
		address6_copy(key.remote, ends);
		address6_copy(key.local, ends + 16);
		key.ip_proto = h.ip_proto;
		if (h.erspan)
			headers_any_session(&key.key, &key.keyed, &key.ip_proto);
		end = endpoint6_search(ctx, &key) ?: end;
	}
	if (!end)
		return CTX_NEXT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (unlikely(!state))
		return CTX_NEXT;
	if (unlikely(end->flags & ENDPOINT_CLAIM))
		ret = REFUSE(wrong_remote);
	else if (unlikely(end->inner == INNER_ETHERNET))
		ret = decap_frame(ctx, end, &h, tos | FAMILY_IPV6 << 8, state);
	else
		ret = decap_packet(ctx, FAMILY_IPV6, end, &h, tos, state);
	return likely(ret >= 0) ? ret : drop_count(end->id, ret, CTX_DROP);
}

/*
 * The whole of decapsulation, counted. Returns CTX_NEXT, with the packet untouched, for what is not
 * ours.
 */
static __always_inline int decap(ctx_t *ctx)
{
	int ret;

	if (!ctx_for_us(ctx))
		return CTX_NEXT;
	if (likely(ctx_eth_proto(ctx) == bpf_htons(WIRE_ETH_P_IP))) {
		ret = direct4(ctx);
		if (likely(ret != DIRECT_NOT))
			return ret;
		ret = direct_erspan(ctx);
		return ret != DIRECT_NOT ? ret : decap4(ctx);
	}
	if (ctx_eth_proto(ctx) == bpf_htons(WIRE_ETH_P_IPV6)) {
		ret = direct6(ctx);
		return likely(ret != DIRECT_NOT) ? ret : decap6(ctx);
	}
	return CTX_NEXT;
}

#endif
