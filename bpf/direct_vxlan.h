/* SPDX-License-Identifier: GPL-2.0 */
/* The short way of decapsulation for frames in VXLAN and GENEVE, whose ends go by few addresses. */
#ifndef XTUN_DIRECT_VXLAN_H
#define XTUN_DIRECT_VXLAN_H

#include "direct_pop.h"
#include "fdb_learn.h"

/* UDP, VXLAN or GENEVE without options, and the frame's own header. */
enum { DIRECT_FRAME_HLEN = UDP_HLEN + VXLAN_HLEN + WIRE_ETH_HLEN };

/* Whether packets to @local, an address of @family, are for this host: asked once in a tick, see
 * endpoint_is_local(). */
static __always_inline bool direct_own(ctx_t *ctx, struct cpu_state *state, enum family family,
				       const void *local)
{
	const __u32 words = family == FAMILY_IPV6 ? 4 : 1;
	__u64 now = bpf_jiffies64();
	const __be32 *word = local;
	__be32 differs = 0;
	__u32 i;

	for (i = 0; i < words; i++)
		differs |= state->own.v6[i] ^ word[i];
	if (likely(state->own_jiffies == now && !differs))
		return true;
	if (family == FAMILY_IPV6 ? !endpoint6_is_local(ctx, local)
				  : !endpoint4_is_local(ctx, *word))
		return false;
	for (i = 0; i < words; i++)
		state->own.v6[i] = word[i];
	state->own_jiffies = now;
	return true;
}

/* What VXLAN or GENEVE header begins at @wrap: whose endpoints go by the remote, too. */
enum direct_wrap { DIRECT_OTHER, DIRECT_VXLAN, DIRECT_GENEVE };

static __always_inline enum direct_wrap direct_wrap_kind(const __be32 *wrap)
{
	if (likely(wrap[0] == bpf_htonl(VXLAN_VNI)))
		return DIRECT_VXLAN;
	return wrap[0] == bpf_htonl(WIRE_ETH_P_TEB) ? DIRECT_GENEVE : DIRECT_OTHER;
}

/*
 * The end of it: take @hlen bytes of headers off a packet of @len for @end, which came to @local.
 * Returns the hook's verdict, or DIRECT_NOT.
 */
static __always_inline int direct_frame_pop(ctx_t *ctx, enum family family,
					    const struct endpoint *end, __u32 hlen, __u32 len,
					    const void *local)
{
	const struct ethhdr *eth = ctx_begin(ctx) + hlen;
	struct cpu_state *state;
	int verdict;

	if (unlikely((void *)(eth + 1) > ctx_end(ctx)))
		return DIRECT_NOT;
	if (unlikely(*(const __u32 *)eth->h_source == *(const __u32 *)end->mac &&
		     *(const __u16 *)(eth->h_source + 4) == *(const __u16 *)(end->mac + 4)))
		return DIRECT_NOT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (unlikely(!state || !direct_own(ctx, state, family, local)))
		return DIRECT_NOT;
	if (!direct_udp_right(ctx, (void *)eth - VXLAN_HLEN - UDP_HLEN, hlen - DIRECT_FRAME_HLEN))
		return DIRECT_NOT;
	/* What is learned of a frame that goes the long way nevertheless is learned there again. */
	if (end->flags & ENDPOINT_LEARN && unlikely(fdb_learn(ctx, end, hlen, family)))
		return DIRECT_NOT;
	verdict = ctx_arrive_frame(ctx, end, hlen, len);
	if (unlikely(verdict < 0))
		return DIRECT_NOT;
	state->rx_packets++;
	state->rx_bytes += len - hlen;
	return verdict;
}

/* Whether the endpoint takes frames here whose UDP header is @udp, in a packet of @len bytes of
 * which @ip_hlen are before that. */
static __always_inline bool direct_frame_takes(ctx_t *ctx, const struct endpoint *end,
					       const struct udphdr *udp, __u32 ip_hlen, __u32 len)
{
	const __u16 flags = ENDPOINT_LEARN | ENDPOINT_PEERS | (udp->check ? ENDPOINT_WRAP_CSUM : 0);

	return !(end->flags & ~flags) && end->inner == INNER_ETHERNET &&
	       (CTX_UDP_SUMS || !udp->check) && bpf_ntohs(udp->len) + ip_hlen == len &&
	       len >= ip_hlen + DIRECT_FRAME_HLEN + ip_hlen && !ctx_gso_size(ctx);
}

/*
 * Take a frame out of VXLAN, or GENEVE without options, over IPv4, with a UDP checksum only at XDP.
 * Everything before the UDP header has been looked at, but for the header checksum, and the port.
 * Returns the hook's verdict, or DIRECT_NOT.
 */
__noinline int direct4_frame(ctx_t *ctx)
{
	const __u32 hlen = IPV4_HLEN + DIRECT_FRAME_HLEN;
	struct endpoint4_key key = { .ip_proto = WIRE_IPPROTO_UDP };
	const struct endpoint4_slot *slot;
	const struct iphdr *ip = ctx_begin(ctx) + WIRE_ETH_HLEN;
	const struct udphdr *udp = (void *)(ip + 1);
	const __be32 *wrap = (void *)(udp + 1);
	enum direct_wrap kind;
	__u32 len;

	if (unlikely((void *)(wrap + 2) > ctx_end(ctx)))
		return DIRECT_NOT;
	kind = direct_wrap_kind(wrap);
	if (unlikely(kind == DIRECT_OTHER))
		return DIRECT_NOT;
	if (kind == DIRECT_GENEVE)
		key.remote = ip->saddr;
	key.key = wrap[1];
	key.port = udp->dest;
	slot = &slots.ipv4[endpoint4_slot(&key)];
	len = bpf_ntohs(ip->tot_len);
	if (unlikely(slot->key.local || slot->key.remote != key.remote ||
		     slot->key.key != key.key ||
		     *(const __u32 *)&slot->key.ip_proto != *(const __u32 *)&key.ip_proto ||
		     !direct_frame_takes(ctx, &slot->end, udp, IPV4_HLEN, len) || !ip->saddr ||
		     !direct_sum_right(ipv4_sum(ip))))
		return DIRECT_NOT;
	return direct_frame_pop(ctx, FAMILY_IPV4, &slot->end, hlen, len, &ip->daddr);
}

/* Over IPv6, where both ends have to have agreed to do without a checksum (RFC 6935). */
__noinline int direct6_frame(ctx_t *ctx)
{
	const __u32 hlen = IPV6_HLEN + DIRECT_FRAME_HLEN;
	struct endpoint6_key key = { .ip_proto = WIRE_IPPROTO_UDP };
	const struct endpoint6_slot *slot;
	const struct ipv6hdr *ip = ctx_begin(ctx) + WIRE_ETH_HLEN;
	const struct udphdr *udp = (void *)(ip + 1);
	const __be32 *wrap = (void *)(udp + 1);
	const __u64 *saddr = (void *)&ip->saddr, *own, *other;
	__u64 remote[2] = {}, mixed;
	enum direct_wrap kind;
	__u32 len;

	if (unlikely((void *)(wrap + 2) > ctx_end(ctx)))
		return DIRECT_NOT;
	kind = direct_wrap_kind(wrap);
	if (unlikely(kind == DIRECT_OTHER))
		return DIRECT_NOT;
	if (kind == DIRECT_GENEVE) {
		remote[0] = saddr[0];
		remote[1] = saddr[1];
	}
	/* As in direct6_pop(): good enough for the slot */
	mixed = remote[0] ^ remote[1];
	key.remote[0] = mixed ^ mixed >> 32;
	key.key = wrap[1];
	key.port = udp->dest;
	slot = &slots.ipv6[endpoint6_slot(&key)];
	own = (void *)slot->key.local;
	other = (void *)slot->key.remote;
	len = bpf_ntohs(ip->payload_len) + IPV6_HLEN;
	if (unlikely(own[0] | own[1] || other[0] != remote[0] || other[1] != remote[1] ||
		     slot->key.key != key.key ||
		     *(const __u32 *)&slot->key.ip_proto != *(const __u32 *)&key.ip_proto ||
		     !direct_frame_takes(ctx, &slot->end, udp, IPV6_HLEN, len)))
		return DIRECT_NOT;
	return direct_frame_pop(ctx, FAMILY_IPV6, &slot->end, hlen, len, &ip->daddr);
}

#endif
