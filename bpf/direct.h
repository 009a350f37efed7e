/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of decapsulation, for packets with nothing out of the ordinary: a tunnel with both
 * addresses that has its slot, no options, one segment, headers in the linear part, no ECN mark to
 * hand on. It looks at each thing once, knows no drop reasons, and gives up at what it does not
 * like, which the long way in decap.h then judges from the start.
 */
#ifndef XTUN_DIRECT_H
#define XTUN_DIRECT_H

#include "direct_vxlan.h"

/* What @ip_proto announces behind the first @hlen bytes. There are as many behind them as the
 * shortest inner packet has. */
static __always_inline int direct_payload_pop(ctx_t *ctx, enum family family, void *head,
					      __u32 hlen, __u8 ip_proto)
{
	const __be16 *gre = head + WIRE_ETH_HLEN + hlen;

	/* Before the rest, which a compiler makes a tree of comparisons. */
	if (likely(ip_proto == WIRE_IPPROTO_IPIP))
		return direct_form(ctx, family, head, hlen, WIRE_IPPROTO_IPIP, false, INNER_IPV4);
	if (likely(ip_proto == WIRE_IPPROTO_IPV6))
		return direct_form(ctx, family, head, hlen, WIRE_IPPROTO_IPV6, false, INNER_IPV6);
	switch (ip_proto) {
	case WIRE_IPPROTO_GRE:
		hlen += GRE_HLEN;
		if (!gre[0])
			return direct_gre(ctx, family, head, hlen, false, gre[1]);
		if (gre[0] == bpf_htons(GRE_KEY))
			return direct_gre(ctx, family, head, hlen + GRE_FIELD, true, gre[1]);
		if (family == FAMILY_IPV4 && hlen == IPV4_HLEN + GRE_HLEN &&
		    gre[1] == bpf_htons(WIRE_ETH_P_IP))
			return direct_gre_fields(ctx);
		break;
	case WIRE_IPPROTO_UDP:
	case WIRE_IPPROTO_MPLS:
	case WIRE_IPPROTO_DSTOPTS:
	case WIRE_IPPROTO_ICMPV6:
	case IPPROTO_ICMP:
		break;
	default:
		return CTX_NEXT;
	}
	return DIRECT_NOT;
}

/*
 * The port of ours that was seen last, of one configuration: to find it in the map costs more than
 * the rest of a wrap. Each CPU has one, and each object its own.
 */
struct port_seen {
	__u32 generation; /* see struct slots */
	struct port_key key;
	struct port port;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_seen);
} port_seen SEC(".maps");

/* What struct port has of a port and family, WRAP_NONE: it is none of ours. */
static __always_inline __u32 direct_port_find(__be16 number, __u8 family)
{
	__u32 zero = 0, generation = *(volatile __u32 *)&slots.generation;
	struct port_key key = { .port = number, .family = family };
	struct port_seen *seen = bpf_map_lookup_elem(&port_seen, &zero);
	const struct port *port;

	if (!seen)
		return WRAP_NONE;
	if (likely(seen->generation == generation && seen->key.port == number &&
		   seen->key.family == family))
		return seen->port.wrap | seen->port.ip_proto << 8;
	port = bpf_map_lookup_elem(&ports, &key);
	if (!port)
		return WRAP_NONE;
	seen->generation = generation;
	seen->key = key;
	seen->port = *port;
	return port->wrap | port->ip_proto << 8;
}

/*
 * What is wrapped in UDP, where that begins behind @hlen bytes and has the rest of the packet, with
 * a checksum only at XDP; of GUE, headers with nothing in them but a protocol. The port may be one
 * of ours.
 */
static __always_inline int direct_udp_pop(ctx_t *ctx, enum family family, __u32 hlen)
{
	void *head = ctx_begin(ctx), *ip = head + WIRE_ETH_HLEN;
	const struct udphdr *udp = ip + hlen;
	__u32 len, gue, port;

	if ((void *)udp + UDP_HLEN + GUE_HLEN + IPV4_HLEN > ctx_end(ctx))
		return DIRECT_NOT;
	len = family == FAMILY_IPV4
		      ? bpf_ntohs(((const struct iphdr *)ip)->tot_len)
		      : bpf_ntohs(((const struct ipv6hdr *)ip)->payload_len) + IPV6_HLEN;
	if ((!CTX_UDP_SUMS && udp->check) || bpf_ntohs(udp->len) + hlen != len)
		return DIRECT_NOT;
	port = direct_port_find(udp->dest, family);
	/* Nobody else's packet is summed, nor a frame's once more. */
	if (((__u8)port != WRAP_FOU && (__u8)port != WRAP_GUE) || !direct_udp_right(ctx, udp, hlen))
		return DIRECT_NOT;
	if ((__u8)port == WRAP_FOU)
		return direct_payload_pop(ctx, family, head, hlen + UDP_HLEN, port >> 8);
	gue = bpf_ntohl(*(const __be32 *)(udp + 1));
	if (gue & ~0xff0000u)
		return DIRECT_NOT;
	return direct_payload_pop(ctx, family, head, hlen + UDP_HLEN + GUE_HLEN, gue >> 16);
}

__noinline int direct4_udp(ctx_t *ctx)
{
	return direct_udp_pop(ctx, FAMILY_IPV4, IPV4_HLEN);
}

__noinline int direct6_udp(ctx_t *ctx)
{
	return direct_udp_pop(ctx, FAMILY_IPV6, IPV6_HLEN);
}

__noinline int direct6_limit_udp(ctx_t *ctx)
{
	return direct_udp_pop(ctx, FAMILY_IPV6, IPV6_HLEN + IPV6_LIMIT_HLEN);
}

/* A UDP packet over IPv4, up to its port. To most ports it is nobody's here. */
static __always_inline int direct4_wrap(ctx_t *ctx, const struct udphdr *udp)
{
	int ret;

	if (likely(!port_among(slots.ports.all, udp->dest)))
		return CTX_NEXT;
	if (port_among(slots.ports.frames, udp->dest)) {
		ret = direct4_frame(ctx);
		if (likely(ret != DIRECT_NOT))
			return ret;
	}
	return direct4_udp(ctx);
}

/* Likewise over IPv6, with the limit that most tunnels for packets send, or without. */
static __always_inline int direct6_wrap(ctx_t *ctx, const struct udphdr *udp, bool limit)
{
	int ret;

	if (likely(!port_among(slots.ports.all, udp->dest)))
		return CTX_NEXT;
	if (limit)
		return direct6_limit_udp(ctx);
	if (port_among(slots.ports.frames, udp->dest)) {
		ret = direct6_frame(ctx);
		if (likely(ret != DIRECT_NOT))
			return ret;
	}
	return direct6_udp(ctx);
}

/*
 * Packets over IPv4 and IPv6. Return the hook's verdict, or DIRECT_NOT. Of the ECN marks, only
 * ECT(1) and CE change the inner packet.
 */
static __always_inline int direct4(ctx_t *ctx)
{
	void *head = ctx_begin(ctx);
	const struct iphdr *ip = head + WIRE_ETH_HLEN;

	if (unlikely(head + WIRE_ETH_HLEN + DIRECT4_SEEN > ctx_end(ctx)))
		return DIRECT_NOT;
	/* Version, header length and the lower ECN bit */
	if (unlikely((*(const __be16 *)ip & bpf_htons(0xff01)) != bpf_htons(0x4500) ||
		     ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET)))
		return DIRECT_NOT;
	if (ip->protocol == WIRE_IPPROTO_UDP)
		return direct4_wrap(ctx, (const void *)(ip + 1));
	return direct_payload_pop(ctx, FAMILY_IPV4, head, IPV4_HLEN, ip->protocol);
}

static __always_inline int direct6(ctx_t *ctx)
{
	void *head = ctx_begin(ctx);
	const struct ipv6hdr *ip = head + WIRE_ETH_HLEN;
	const __be32 *options = (void *)(ip + 1);

	if (unlikely(head + WIRE_ETH_HLEN + DIRECT6_SEEN > ctx_end(ctx)))
		return DIRECT_NOT;
	if (unlikely((*(const __be16 *)ip & bpf_htons(0xf010)) != bpf_htons(0x6000)))
		return DIRECT_NOT;
	if (ip->nexthdr == WIRE_IPPROTO_UDP)
		return direct6_wrap(ctx, (const void *)(ip + 1), false);
	if (ip->nexthdr != WIRE_IPPROTO_DSTOPTS)
		return direct_payload_pop(ctx, FAMILY_IPV6, head, IPV6_HLEN, ip->nexthdr);
	/* The encapsulation limit as every tunnel sends it, see options6.h. */
	if ((options[0] & bpf_htonl(0xffffff)) != bpf_htonl(IPV6_OPT_ENCAP_LIMIT << 8 | 1) ||
	    (options[1] & bpf_htonl(0xffff00)) != bpf_htonl(IPV6_OPT_PADN << 16 | 1 << 8))
		return DIRECT_NOT;
	if (*(const __u8 *)options == WIRE_IPPROTO_UDP)
		return direct6_wrap(ctx, (const void *)(options + 2), true);
	return direct_payload_pop(ctx, FAMILY_IPV6, head, IPV6_HLEN + IPV6_LIMIT_HLEN,
				  *(const __u8 *)options);
}

#endif
