/* SPDX-License-Identifier: GPL-2.0 */
/* Building the outer headers: sizes, what the kernel has to know for segmentation, the bytes. */
#ifndef XTUN_OUTER_H
#define XTUN_OUTER_H

#include "payload.h"
#include "route.h"
#include "wrap.h"

/* All that stands before the inner packet, without the Ethernet header. */
static __always_inline __u32 outer_hlen(const struct tunnel *t)
{
	__u32 inside = wrap_hlen(t->wrap) + payload_hlen(t->payload);

	switch ((enum family)t->family) {
	case FAMILY_IPV4:
		return IPV4_HLEN + inside;
	case FAMILY_MAX:
		break;
	}
	return inside;
}

/* What ctx_push() must tell the kernel about it. */
static __always_inline __u64 outer_push_flags(const struct tunnel *t)
{
	switch ((enum family)t->family) {
	case FAMILY_IPV4:
		return BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	case FAMILY_MAX:
		break;
	}
	return 0;
}

/*
 * The outer IPv4 header, as ip_tunnel_xmit() and iptunnel_xmit() write it: DF by pmtudisc or from
 * the inner packet, TTL of the tunnel or from the inner packet. An identification is only needed
 * where someone may fragment (RFC 6864 section 4.1). The kernel makes the total length of each
 * segment, so that of a larger GSO packet may be zero.
 */
static __always_inline void ipv4_build(struct iphdr *ip, const struct tunnel *t,
				       const struct inner_packet *in, const struct route *route,
				       __u32 len)
{
	bool df = t->flags & TUNNEL_DF || in->df;

	ip->version = 4;
	ip->ihl = IPV4_HLEN / 4;
	ip->tos = route->tos;
	ip->tot_len = len <= IPV4_LEN_MAX ? bpf_htons(len) : 0;
	ip->id = df ? 0 : (__be16)bpf_get_prandom_u32();
	ip->frag_off = df ? bpf_htons(IPV4_DF) : 0;
	ip->ttl = t->ttl ?: in->ttl;
	ip->protocol = payload_ip_protocol(t->payload, in->kind);
	ip->check = 0;
	ip->saddr = route->source;
	ip->daddr = t->remote.v4;
	ip->check = checksum_fold(ipv4_sum(ip));
}

/*
 * Write Ethernet and outer headers into the room of @hlen bytes that ctx_push() made. Returns 0 or
 * a refusal.
 */
static __always_inline int outer_write(ctx_t *ctx, const struct tunnel *t,
				       const struct inner_packet *in, const struct route *route,
				       const struct route_cache *cache, __u32 hlen)
{
	struct iphdr ip;
	void *head;

	ipv4_build(&ip, t, in, route, in->len + hlen);
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(push_failed);
	/* Where the neighbour code sends the packet it writes an Ethernet header of its own. */
	if (likely(route->resolved))
		*(struct ethhdr *)head = *(const struct ethhdr *)cache->eth;
	*(struct iphdr *)(head + WIRE_ETH_HLEN) = ip;
	return 0;
}

#endif
