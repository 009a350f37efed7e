/* SPDX-License-Identifier: GPL-2.0 */
/* Building the outer headers: what the kernel has to know for segmentation, the bytes. */
#ifndef XTUN_OUTER_H
#define XTUN_OUTER_H

#include "payload.h"
#include "route.h"
#include "wrap.h"

/* The protocol that the outer IP header announces. */
static __always_inline __u8 outer_ip_proto(const struct tunnel *t, const struct inner_packet *in)
{
	return t->ip_proto ?: payload_ip_proto(in->kind);
}

/*
 * The outer IPv4 header, as ip_tunnel_xmit() and iptunnel_xmit() write it: DF by pmtudisc or from
 * the inner packet, TTL of the tunnel or from the inner packet. An identification is only needed
 * where someone may fragment (RFC 6864 section 4.1). The kernel makes the total length of each
 * segment, so that of a larger GSO packet may be zero.
 */
static __always_inline void ipv4_build(struct iphdr *ip, const struct tunnel *t,
				       const struct inner_packet *in, const struct route *route,
				       const struct route_cache *cache, __u32 len)
{
	bool df = in->df;

	/* The drivers of VXLAN and GENEVE take IPv6 for a packet with DF. */
	if (unlikely(t->wrap >= WRAP_VXLAN) && in->kind == INNER_IPV6)
		df = true;
	df = t->flags & TUNNEL_DF || (df && likely(!(t->flags & TUNNEL_IGNORE_DF)));

	ip->version = 4;
	ip->ihl = IPV4_HLEN / 4;
	ip->tos = route->tos;
	ip->tot_len = len <= IPV4_LEN_MAX ? bpf_htons(len) : 0;
	ip->id = df ? 0 : (__be16)bpf_get_prandom_u32();
	ip->frag_off = df ? bpf_htons(IPV4_DF) : 0;
	ip->ttl = t->ttl ?: in->ttl;
	ip->protocol = outer_ip_proto(t, in);
	ip->check = 0;
	ip->saddr = cache->source.v4;
	ip->daddr = cache->remote.v4;
	ip->check = checksum_fold(ipv4_sum(ip));
}

/* Bytes of the outer IP header, with the encapsulation limit that may follow IPv6's. */
static __always_inline __u32 outer_ip_hlen(const struct tunnel *t, bool limited)
{
	switch ((enum family)t->family) {
	case FAMILY_IPV4:
		return IPV4_HLEN;
	case FAMILY_IPV6:
		return limited ? IPV6_HLEN + IPV6_LIMIT_HLEN : IPV6_HLEN;
	case FAMILY_MAX:
		break;
	}
	return 0;
}

/*
 * The outer IPv6 header, as ip6_tnl_xmit() writes it, with the option that limits how often the
 * packet may be encapsulated (RFC 2473 section 4.1.1). The flow label is the tunnel's, the inner
 * one, or made from the hash of the inner flow (ip6_make_flowlabel()).
 */
static __always_inline int ipv6_write(ctx_t *ctx, void *to, const struct tunnel *t,
				      const struct inner_packet *in, const struct route *route,
				      const struct route_cache *cache, __u32 len)
{
	__u32 payload = len - IPV6_HLEN;
	struct ipv6hdr *ip = to;
	__be32 flow = t->flowlabel;

	if ((void *)(ip + 1) > ctx_end(ctx))
		return REFUSE(push_failed);
	if (t->flags & TUNNEL_FLOWLABEL_INHERIT && in->kind == INNER_IPV6)
		flow = in->flow;
	/* Around frames there is a source port to tell flows apart. */
	if (!flow && likely(t->wrap < WRAP_VXLAN))
		flow = bpf_htonl((in->hash << 16 | in->hash >> 16) & IPV6_FLOWLABEL_MASK);
	*(__be32 *)ip = bpf_htonl(6 << 28 | (__u32)route->tos << 20) | flow;
	ip->payload_len = payload <= IPV4_LEN_MAX ? bpf_htons(payload) : 0;
	ip->nexthdr = in->limited ? WIRE_IPPROTO_DSTOPTS : outer_ip_proto(t, in);
	ip->hop_limit = t->ttl ?: in->ttl;
	__builtin_memcpy(&ip->saddr, &cache->source, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &cache->remote, sizeof(ip->daddr));
	if (in->limited) {
		__u8 *option = (void *)(ip + 1);

		if ((void *)(option + IPV6_LIMIT_HLEN) > ctx_end(ctx))
			return REFUSE(push_failed);
		option[0] = outer_ip_proto(t, in);
		option[1] = 0;
		option[2] = IPV6_OPT_ENCAP_LIMIT;
		option[3] = 1;
		option[4] = in->encap_limit;
		option[5] = IPV6_OPT_PADN;
		option[6] = 1;
		option[7] = 0;
	}
	return 0;
}

/* The headers between the outer IP header and the inner packet, but for checksums. @kind_at: the
 * kind of that, and where the outer IP header ends, from bit 8 on. */
__noinline int outer_write_rest(ctx_t *ctx, const struct tunnel *t, __u32 kind_at, __u32 says,
				__u32 hash)
{
	__u32 at = kind_at >> 8;
	__u8 kind = kind_at;
	int err;

	if (!t)
		return REFUSE(push_failed);
	if (t->wrap != WRAP_NONE) {
		err = wrap_write(ctx, t, at, payload_ip_protocol(t->payload, kind), hash);
		if (err)
			return err;
		at += UDP_HLEN + (t->wrap == WRAP_GUE ? GUE_HLEN : 0);
	}
	return payload_write(ctx, t, at, says);
}

/* Fill in the checksums that cover the inner packet, the innermost first. Returns 0 or a refusal.
 */
static __always_inline int outer_finish(ctx_t *ctx, const struct tunnel *t,
					const struct inner_packet *in, __u32 hlen)
{
	__u32 inner_at = WIRE_ETH_HLEN + hlen;
	int err = 0;

	if (t->flags & TUNNEL_OCSUM)
		err = gre_finish(ctx, inner_at - in->frame_hlen - payload_hlen(t), inner_at,
				 in->kind);
	if (t->flags & TUNNEL_WRAP_CSUM)
		err = err
			      ?: wrap_finish(ctx, WIRE_ETH_HLEN + outer_ip_hlen(t, in->limited),
					     inner_at, in->kind);
	return err;
}

/*
 * Write Ethernet and outer headers into the room of @hlen bytes that ctx_push() made. Returns 0 or
 * a refusal.
 */
static __always_inline int outer_write(ctx_t *ctx, const struct tunnel *t,
				       const struct inner_packet *in, const struct route *route,
				       const struct route_cache *cache, __u32 hlen)
{
	void *head;
	int err;

	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(push_failed);
	/* Where the neighbour code sends the packet it writes an Ethernet header of its own. */
	if (likely(route->resolved))
		*(struct ethhdr *)head = *(const struct ethhdr *)cache->eth;
	else if (*(__u8 *)head & 1) /* and drops frames to a group, as the inner packet may be */
		*(__u8 *)head = 0;
	if (likely(t->family == FAMILY_IPV4)) {
		struct iphdr ip;

		ipv4_build(&ip, t, in, route, cache, in->len + hlen);
		*(struct iphdr *)(head + WIRE_ETH_HLEN) = ip;
	} else {
		err = ipv6_write(ctx, head + WIRE_ETH_HLEN, t, in, route, cache, in->len + hlen);
		if (unlikely(err))
			return err;
	}
	if (t->wrap == WRAP_NONE && t->payload == PAYLOAD_IP)
		return 0;
	err = outer_write_rest(ctx, t,
			       in->kind | (WIRE_ETH_HLEN + outer_ip_hlen(t, in->limited)) << 8,
			       in->says, in->hash);
	if (unlikely(t->flags & (TUNNEL_OCSUM | TUNNEL_WRAP_CSUM)))
		err = err ?: outer_finish(ctx, t, in, hlen);
	return err;
}

#endif
