/* SPDX-License-Identifier: GPL-2.0 */
/* What the short ways of decapsulation (direct.h) end in: tunnel's slot, checks, pop. */
#ifndef XTUN_DIRECT_POP_H
#define XTUN_DIRECT_POP_H

#include "endpoint.h"
#include "payload.h"

/* A verdict of these functions only: the packet has to go the long way. */
enum { DIRECT_NOT = CTX_NEXT - 1 };

/* Bytes behind the Ethernet header that are known to be there. */
enum {
	DIRECT4_SEEN = IPV4_HLEN + IPV4_HLEN,
	DIRECT6_SEEN = IPV6_HLEN + IPV6_LIMIT_HLEN + IPV4_HLEN,
};

/*
 * Whether a sum of words, which is not zero, folds to 0xffff: whether it is a multiple of that, as
 * 2^16 is 1 modulo 0xffff. The factor is the negative inverse of 0xffff modulo 2^64: with it a
 * multiple gives its quotient, negative, and nothing else a number so close to zero (Hacker's
 * Delight 10-17). A sum of header words is less than 2^35, its quotient less than 2^32.
 */
static __always_inline bool direct_sum_right(__u64 sum)
{
	return !((-(sum * 0x0001000100010001ull)) >> 32);
}

/*
 * Whether the UDP header at @at and all behind it, @len bytes, have the checksum @check. One that
 * is still to be filled in, see wrap_check(), is not: the kernel knows where, and would not forget
 * it with the header.
 */
__noinline bool direct_udp_sum(ctx_t *ctx, __u32 at, __u32 len, __u16 check)
{
	__u32 sum = 0;

	return checksum_pseudo(ctx, WIRE_ETH_HLEN, len, WIRE_IPPROTO_UDP, &sum) &&
	       check != (__u16)~checksum_fold(sum) && checksum_range(ctx, at, at + len, &sum) &&
	       !checksum_fold(sum);
}

/* Whether the UDP header @udp behind @hlen bytes has no checksum, or the right one. */
static __always_inline bool direct_udp_right(ctx_t *ctx, const struct udphdr *udp, __u32 hlen)
{
	return likely(!udp->check) ||
	       (CTX_UDP_SUMS &&
		direct_udp_sum(ctx, WIRE_ETH_HLEN + hlen, bpf_ntohs(udp->len), udp->check));
}

/* The last word of an endpoint's key. */
static __always_inline __be32 direct_payload(__u8 ip_proto, bool keyed)
{
	return bpf_htonl((__u32)ip_proto << 24 | (__u32)keyed << 16);
}

/*
 * Take a packet for @end apart whose outer headers, @hlen bytes, are all right and say that it has
 * @len bytes. @head: of the frame. All that is known of the headers is constant, so that each form
 * of packet has code of its own. Returns the hook's verdict, or DIRECT_NOT.
 */
static __always_inline int direct_pop(ctx_t *ctx, enum family family, const struct endpoint *end,
				      void *head, __u32 hlen, __u32 len, __u8 kind)
{
	const __u32 need = kind == INNER_IPV4 ? IPV4_HLEN : IPV6_HLEN;
	const __u32 seen = family == FAMILY_IPV4 ? DIRECT4_SEEN : DIRECT6_SEEN;
	const __u8 *inner = head + WIRE_ETH_HLEN + hlen;
	struct cpu_state *state;
	__u32 inner_len;
	int verdict;

	/* The kind is allowed, and there are no flags: two bytes side by side. */
	if (unlikely((*(const __be16 *)&end->inner & bpf_htons(kind << 8 | 0xff)) !=
		     bpf_htons(kind << 8)))
		return DIRECT_NOT;
	if (unlikely(len < hlen + need || !ctx_holds(ctx, len + WIRE_ETH_HLEN) ||
		     ctx_gso_size(ctx)))
		return DIRECT_NOT;
	if (hlen + need > seen && unlikely((void *)inner + need > ctx_end(ctx)))
		return DIRECT_NOT;
	len -= hlen;
	if (kind == INNER_IPV4)
		inner_len = bpf_ntohs(((const struct iphdr *)inner)->tot_len);
	else
		inner_len = bpf_ntohs(((const struct ipv6hdr *)inner)->payload_len) + IPV6_HLEN;
	if (unlikely((*inner & 0xf0) != (kind == INNER_IPV4 ? 4 << 4 : 6 << 4) || inner_len > len))
		return DIRECT_NOT;
	/* What these need besides is in decap_packet(). */
	if ((family == FAMILY_IPV6) != (kind == INNER_IPV6) &&
	    unlikely(!end->rx_flags || (family == FAMILY_IPV6 && len < IPV6_HLEN)))
		return DIRECT_NOT;
	verdict = ctx_arrive(ctx, head, end, hlen,
			     kind_eth_proto(family == FAMILY_IPV4 ? INNER_IPV4 : INNER_IPV6),
			     kind_eth_proto(kind));
	if (unlikely(verdict < 0))
		return DIRECT_NOT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (likely(state)) {
		state->rx_packets++;
		state->rx_bytes += len;
	}
	return verdict;
}

/* Likewise a frame, whose Ethernet header is the last of the headers. What it has inside stays as
 * it is; of smaller ones see frame_pop(). */
static __always_inline int direct_pop_frame(ctx_t *ctx, enum family family,
					    const struct endpoint *end, __u32 hlen, __u32 len)
{
	const __u32 least = family == FAMILY_IPV4 ? IPV4_HLEN : IPV6_HLEN;
	struct cpu_state *state;
	int verdict;

	if (unlikely((*(const __be16 *)&end->inner & bpf_htons(INNER_ETHERNET << 8 | 0xff)) !=
			     bpf_htons(INNER_ETHERNET << 8) ||
		     len < hlen + least || ctx_gso_size(ctx)))
		return DIRECT_NOT;
	verdict = ctx_arrive_frame(ctx, end, hlen, len);
	if (unlikely(verdict < 0))
		return DIRECT_NOT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (likely(state)) {
		state->rx_packets++;
		state->rx_bytes += len - hlen;
	}
	return verdict;
}

/* The key of GRE, which stands at the end of @hlen bytes of headers but for an Ethernet header. */
static __always_inline __be32 direct_key(const void *head, __u32 hlen, __u8 kind)
{
	return *(const __be32 *)(head + hlen + (kind == INNER_ETHERNET ? 0 : WIRE_ETH_HLEN) -
				 GRE_FIELD);
}

/* A packet over IPv4 with @hlen bytes of headers. */
static __always_inline int direct4_pop(ctx_t *ctx, void *head, __u32 hlen, __u8 ip_proto,
				       bool keyed, __u8 kind)
{
	const struct iphdr *ip = head + WIRE_ETH_HLEN;
	__u64 addresses = *(const __u64 *)(head + WIRE_ETH_HLEN + 12);
	struct endpoint4_key key = { .local = addresses >> 32,
				     .remote = addresses,
				     .ip_proto = ip_proto };
	const struct endpoint4_slot *slot;
	const void *own; /* the addresses in the slot, which are aligned as 64 bits are */

	if (keyed)
		key.key = direct_key(head, hlen, kind);
	own = slot = &slots.ipv4[endpoint4_slot(&key)];
	if (unlikely(*(const __u64 *)own != addresses || slot->key.key != key.key ||
		     *(const __be32 *)&slot->key.ip_proto != direct_payload(ip_proto, keyed) ||
		     !direct_sum_right(ipv4_sum(ip))))
		return DIRECT_NOT;
	if (kind == INNER_ETHERNET)
		return direct_pop_frame(ctx, FAMILY_IPV4, &slot->end, hlen, bpf_ntohs(ip->tot_len));
	return direct_pop(ctx, FAMILY_IPV4, &slot->end, head, hlen, bpf_ntohs(ip->tot_len), kind);
}

/* A packet over IPv6. */
static __always_inline int direct6_pop(ctx_t *ctx, void *head, __u32 hlen, __u8 ip_proto,
				       bool keyed, __u8 kind)
{
	const struct ipv6hdr *ip = head + WIRE_ETH_HLEN;
	const __u64 *saddr = (void *)&ip->saddr, *daddr = (void *)&ip->daddr;
	__u64 local = daddr[0] ^ daddr[1], remote = saddr[0] ^ saddr[1];
	/* As good as the whole addresses, which are mixed like this. */
	struct endpoint6_key key = { .local[0] = local ^ local >> 32,
				     .remote[0] = remote ^ remote >> 32,
				     .ip_proto = ip_proto };
	const struct endpoint6_slot *slot;
	const __u64 *own, *other;
	__u32 len;

	if (keyed)
		key.key = direct_key(head, hlen, kind);
	slot = &slots.ipv6[endpoint6_slot(&key)];
	own = (void *)slot->key.local;
	other = (void *)slot->key.remote;
	/* IPv6 endpoints do not tell a key that is zero from none. */
	if (unlikely(own[0] != daddr[0] || own[1] != daddr[1] || other[0] != saddr[0] ||
		     other[1] != saddr[1] || slot->key.key != key.key ||
		     *(const __be32 *)&slot->key.ip_proto != direct_payload(ip_proto, false)))
		return DIRECT_NOT;
	len = bpf_ntohs(ip->payload_len) + IPV6_HLEN;
	if (kind == INNER_ETHERNET)
		return direct_pop_frame(ctx, FAMILY_IPV6, &slot->end, hlen, len);
	return direct_pop(ctx, FAMILY_IPV6, &slot->end, head, hlen, len, kind);
}

static __always_inline int direct_form(ctx_t *ctx, enum family family, void *head, __u32 hlen,
				       __u8 ip_proto, bool keyed, __u8 kind)
{
	return family == FAMILY_IPV4 ? direct4_pop(ctx, head, hlen, ip_proto, keyed, kind)
				     : direct6_pop(ctx, head, hlen, ip_proto, keyed, kind);
}

static __always_inline int direct_gre(ctx_t *ctx, enum family family, void *head, __u32 hlen,
				      bool keyed, __be16 eth_proto)
{
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		return direct_form(ctx, family, head, hlen, WIRE_IPPROTO_GRE, keyed, INNER_IPV4);
	if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		return direct_form(ctx, family, head, hlen, WIRE_IPPROTO_GRE, keyed, INNER_IPV6);
	if (eth_proto == bpf_htons(WIRE_ETH_P_TEB))
		return direct_form(ctx, family, head, hlen + WIRE_ETH_HLEN, WIRE_IPPROTO_ETHERNET,
				   keyed, INNER_ETHERNET);
	return DIRECT_NOT;
}

/*
 * Take an IPv4 packet in GRE with a checksum or a sequence number apart, over IPv4. Everything
 * before the GRE header has been looked at, but for the header checksum. Returns the hook's
 * verdict, or DIRECT_NOT.
 */
__noinline int direct_gre_fields(ctx_t *ctx)
{
	const __u32 at = WIRE_ETH_HLEN + IPV4_HLEN;
	struct sequence *sequence = NULL;
	void *head = ctx_begin(ctx);
	const struct iphdr *ip = head + WIRE_ETH_HLEN;
	const struct endpoint4_slot *slot;
	const __be16 *gre = head + at;
	struct endpoint4_key key = {};
	__u32 hlen = IPV4_HLEN + GRE_HLEN, len, sum = 0, number = 0;
	struct cpu_state *state;
	const struct iphdr *inner;
	__u8 wanted = 0;
	__u16 flags;
	int verdict;

	/* With as many fields as there may be. */
	if (unlikely(head + at + GRE_HLEN + 3 * GRE_FIELD + IPV4_HLEN > ctx_end(ctx)))
		return DIRECT_NOT;
	flags = bpf_ntohs(gre[0]);
	if (unlikely(flags & ~(GRE_CSUM | GRE_KEY | GRE_SEQ)))
		return DIRECT_NOT;
	if (flags & GRE_CSUM) {
		wanted |= ENDPOINT_CSUM;
		hlen += GRE_FIELD;
	}
	if (flags & GRE_KEY) {
		key.key = *(const __be32 *)(head + WIRE_ETH_HLEN + hlen);
		key.keyed = 1;
		hlen += GRE_FIELD;
	}
	if (flags & GRE_SEQ) {
		wanted |= ENDPOINT_SEQ;
		number = bpf_ntohl(*(const __be32 *)(head + WIRE_ETH_HLEN + hlen));
		hlen += GRE_FIELD;
	}
	key.local = ip->daddr;
	key.remote = ip->saddr;
	slot = &slots.ipv4[endpoint4_slot(&key)];
	len = bpf_ntohs(ip->tot_len);
	inner = head + WIRE_ETH_HLEN + hlen;
	if (unlikely(slot->key.local != key.local || slot->key.remote != key.remote ||
		     slot->key.key != key.key ||
		     *(const __be32 *)&slot->key.ip_proto !=
			     direct_payload(WIRE_IPPROTO_GRE, key.keyed) ||
		     slot->end.flags != wanted || !(slot->end.inner & INNER_IPV4) ||
		     !direct_sum_right(ipv4_sum(ip)) || len < hlen + IPV4_HLEN ||
		     !ctx_holds(ctx, len + WIRE_ETH_HLEN) || ctx_gso_size(ctx) ||
		     inner->version != 4 || bpf_ntohs(inner->tot_len) > len - hlen))
		return DIRECT_NOT;
	/* One that is zero was left to a device, see gre_checksum_right(). */
	if (flags & GRE_CSUM && likely(gre[2]) &&
	    (!checksum_range(ctx, at, WIRE_ETH_HLEN + len, &sum) || checksum_fold(sum)))
		return DIRECT_NOT;
	if (flags & GRE_SEQ) {
		sequence = bpf_map_lookup_elem(&sequences, &slot->end.id);
		if (unlikely(!sequence || (sequence->in && (__s32)(number - sequence->in) < 0)))
			return DIRECT_NOT;
	}
	verdict = ctx_arrive(ctx, head, &slot->end, hlen, bpf_htons(WIRE_ETH_P_IP),
			     bpf_htons(WIRE_ETH_P_IP));
	if (unlikely(verdict < 0))
		return DIRECT_NOT;
	if (sequence)
		sequence->in = number + 1;
	state = bpf_map_lookup_elem(&cpu_state, &slot->end.id);
	if (likely(state)) {
		state->rx_packets++;
		state->rx_bytes += len - hlen;
	}
	return verdict;
}

#endif
