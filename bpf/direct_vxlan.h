/* SPDX-License-Identifier: GPL-2.0 */
/* The short way of decapsulation for frames in VXLAN and GENEVE, whose ends go by few addresses. */
#ifndef XTUN_DIRECT_VXLAN_H
#define XTUN_DIRECT_VXLAN_H

#include "direct_pop.h"
#include "fdb_learn.h"

/* Whether packets to @local are for this host: asked once in a tick, see endpoint_is_local(). */
static __always_inline bool direct_own(ctx_t *ctx, struct cpu_state *state, __be32 local)
{
	__u64 now = bpf_jiffies64();

	if (likely(state->own_jiffies == now && state->own == local))
		return true;
	if (!endpoint4_is_local(ctx, local))
		return false;
	state->own = local;
	state->own_jiffies = now;
	return true;
}

/*
 * Take a frame out of VXLAN, or GENEVE without options, over IPv4 and without a UDP checksum.
 * Everything before the UDP header has been looked at, but for the header checksum, and the port.
 * Returns the hook's verdict, or DIRECT_NOT.
 */
__noinline int direct_wrap(ctx_t *ctx)
{
	const __u32 hlen = IPV4_HLEN + UDP_HLEN + VXLAN_HLEN + WIRE_ETH_HLEN;
	struct endpoint4_key key = { .ip_proto = WIRE_IPPROTO_UDP };
	const struct endpoint4_slot *slot;
	void *head = ctx_begin(ctx);
	const struct iphdr *ip = head + WIRE_ETH_HLEN;
	const struct udphdr *udp = (void *)(ip + 1);
	const __be32 *wrap = (void *)(udp + 1);
	const struct ethhdr *eth = (void *)(wrap + 2);
	struct cpu_state *state;
	__u32 len;
	int verdict;

	if (unlikely((void *)(eth + 1) > ctx_end(ctx)))
		return DIRECT_NOT;
	if (likely(wrap[0] == bpf_htonl(VXLAN_VNI)))
		;
	else if (wrap[0] == bpf_htonl(WIRE_ETH_P_TEB))
		key.remote = ip->saddr;
	else
		return DIRECT_NOT;
	key.key = wrap[1];
	key.port = udp->dest;
	slot = &slots.ipv4[endpoint4_slot(&key)];
	len = bpf_ntohs(ip->tot_len);
	if (unlikely(
		    slot->key.local || slot->key.remote != key.remote || slot->key.key != key.key ||
		    *(const __u32 *)&slot->key.ip_proto != *(const __u32 *)&key.ip_proto ||
		    slot->end.flags & ~(ENDPOINT_LEARN | ENDPOINT_PEERS) ||
		    slot->end.inner != INNER_ETHERNET || udp->check ||
		    bpf_ntohs(udp->len) + IPV4_HLEN != len || !ip->saddr ||
		    !direct_sum_right(ipv4_sum(ip)) || len < hlen + IPV4_HLEN || ctx_gso_size(ctx)))
		return DIRECT_NOT;
	if (unlikely(*(const __u32 *)eth->h_source == *(const __u32 *)slot->end.mac &&
		     *(const __u16 *)(eth->h_source + 4) == *(const __u16 *)(slot->end.mac + 4)))
		return DIRECT_NOT;
	state = bpf_map_lookup_elem(&cpu_state, &slot->end.id);
	if (unlikely(!state || !direct_own(ctx, state, ip->daddr)))
		return DIRECT_NOT;
	/* What is learned of a frame that goes the long way nevertheless is learned there again. */
	if (slot->end.flags & ENDPOINT_LEARN &&
	    unlikely(fdb_learn(ctx, &slot->end, hlen, FAMILY_IPV4)))
		return DIRECT_NOT;
	verdict = ctx_arrive_frame(ctx, &slot->end, hlen, len);
	if (unlikely(verdict < 0))
		return DIRECT_NOT;
	state->rx_packets++;
	state->rx_bytes += len - hlen;
	return verdict;
}

#endif
