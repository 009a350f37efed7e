/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spreading over CPUs what a network card puts on one because all of a tunnel looks like one flow:
 * the flow inside tells which, and the packet goes there as it came, headers and all; the program
 * at tc takes it apart. (A note of what XDP took off would be lost on the way: that the metadata
 * stay when __xdp_build_skb_from_frame() makes a packet came long after Linux 6.1.)
 *
 * What the stack knows of a packet besides its bytes is lost too. A virtual device's packets that
 * may have a checksum to be filled in stay where they are.
 */
#ifndef XTUN_SPREAD_H
#define XTUN_SPREAD_H

#include "gateway.h"

/* What begins behind the headers that were read. */
struct spread_at {
	__u32 at;
	__u8 ip_proto;
	__u8 kind;    /* enum inner, 0: not known yet */
	bool partial; /* checksums may be left to be filled in */
};

/* Past the outer IP header. Returns 0, or -1, as all of these: the packet stays. */
static __always_inline int spread_outer(ctx_t *ctx, struct spread_at *in, __be16 eth_proto)
{
	const void *head = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);
	const struct iphdr *ip = head;
	const __u8 *options;

	if (!head)
		return -1;
	if (eth_proto == bpf_htons(WIRE_ETH_P_IP)) {
		if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET))
			return -1;
		in->ip_proto = ip->protocol;
		in->at = WIRE_ETH_HLEN + IPV4_HLEN;
		return 0;
	}
	if (eth_proto != bpf_htons(WIRE_ETH_P_IPV6))
		return -1;
	in->ip_proto = ((const struct ipv6hdr *)head)->nexthdr;
	in->at = WIRE_ETH_HLEN + IPV6_HLEN;
	if (in->ip_proto != WIRE_IPPROTO_DSTOPTS)
		return 0;
	options = ctx_at(ctx, in->at, IPV6_LIMIT_HLEN);
	if (!options || options[1])
		return -1;
	in->ip_proto = options[0];
	in->at += IPV6_LIMIT_HLEN;
	return 0;
}

/* Past the UDP header of a port of ours, and the GUE header behind it. */
static __always_inline int spread_udp(ctx_t *ctx, struct spread_at *in, enum family family)
{
	const struct udphdr *udp = ctx_at(ctx, in->at, UDP_HLEN + GUE_HLEN);
	struct port_key key = { .family = family };
	const struct port *port;
	const __u8 *gue;

	if (!udp || (in->partial && udp->check))
		return -1;
	key.port = udp->dest;
	port = bpf_map_lookup_elem(&ports, &key);
	if (!port)
		return -1;
	in->at += UDP_HLEN;
	if (port->wrap == WRAP_FOU) {
		in->ip_proto = port->ip_proto;
		return 0;
	}
	gue = (void *)(udp + 1);
	if (port->wrap != WRAP_GUE || gue[0] >> GUE_VERSION_SHIFT || gue[0] & GUE_CONTROL)
		return -1;
	in->ip_proto = gue[1];
	in->at += GUE_HLEN + (gue[0] & GUE_HLEN_MASK) * 4;
	return 0;
}

/* Past a GRE header. */
static __always_inline int spread_gre(ctx_t *ctx, struct spread_at *in)
{
	const __be16 *gre = ctx_at(ctx, in->at, GRE_HLEN);
	__u16 flags;

	if (!gre)
		return -1;
	flags = bpf_ntohs(gre[0]);
	if (flags & ~(GRE_CSUM | GRE_KEY | GRE_SEQ) || (in->partial && flags & GRE_CSUM))
		return -1;
	in->kind = gre[1] == bpf_htons(WIRE_ETH_P_IP)     ? INNER_IPV4
		   : gre[1] == bpf_htons(WIRE_ETH_P_IPV6) ? INNER_IPV6
							  : 0;
	in->at += GRE_HLEN + (flags & GRE_CSUM ? GRE_FIELD : 0) +
		  (flags & GRE_KEY ? GRE_FIELD : 0) + (flags & GRE_SEQ ? GRE_FIELD : 0);
	return in->kind ? 0 : -1;
}

/* Past the ports of the inner packet, if it is one that has them; into @hash. */
static __always_inline int spread_ports(ctx_t *ctx, const struct spread_at *in, __u8 ip_proto,
					__u32 at, __u64 sum, __u32 *hash)
{
	const __u32 *ports;

	if (in->partial &&
	    !gateway_payload(ctx_begin(ctx) + (at & 0x1ff), ctx_end(ctx), ip_proto, sum))
		return -1;
	if (ip_proto != WIRE_IPPROTO_TCP && ip_proto != WIRE_IPPROTO_UDP)
		return 0;
	ports = ctx_at(ctx, at, sizeof(*ports));
	if (ports)
		*hash = flow_mix(*hash, *ports);
	return 0;
}

/* A hash of the inner flow. Fragments show no ports, and go by their addresses. */
static __always_inline int spread_hash4(ctx_t *ctx, const struct spread_at *in, __u32 *hash)
{
	const struct iphdr *ip = ctx_at(ctx, in->at, IPV4_HLEN);

	if (!ip || *(const __u8 *)ip != 0x45)
		return -1;
	*hash = flow_addresses4(ip->saddr, ip->daddr) ^ flow_beside4(ip);
	if (ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET))
		return 0;
	return spread_ports(ctx, in, ip->protocol, in->at + IPV4_HLEN, gateway_sum4(ip), hash);
}

static __always_inline int spread_hash6(ctx_t *ctx, const struct spread_at *in, __u32 *hash)
{
	const struct ipv6hdr *ip = ctx_at(ctx, in->at, IPV6_HLEN);
	const __u32 *word = (const __u32 *)ip;

	if (!ip || ip->version != 6)
		return -1;
	*hash = flow_addresses6(word + 2, word + 6);
	return spread_ports(ctx, in, ip->nexthdr, in->at + IPV6_HLEN, gateway_sum6(ip), hash);
}

/* Returns the CPU of a packet, or -1: it goes up here. */
__noinline int spread(ctx_t *ctx, const struct xdp_device *device, __u16 eth_proto)
{
	enum family family = eth_proto == bpf_htons(WIRE_ETH_P_IP) ? FAMILY_IPV4 : FAMILY_IPV6;
	struct spread_at in = {};
	__u32 hash, slot;

	if (!device)
		return -1;
	in.partial = device->flags & XDP_DEVICE_PARTIAL;
	if (spread_outer(ctx, &in, eth_proto))
		return -1;
	if (in.ip_proto == WIRE_IPPROTO_UDP && spread_udp(ctx, &in, family))
		return -1;
	if (in.ip_proto == WIRE_IPPROTO_IPIP)
		in.kind = INNER_IPV4;
	else if (in.ip_proto == WIRE_IPPROTO_IPV6)
		in.kind = INNER_IPV6;
	else if (in.ip_proto != WIRE_IPPROTO_GRE || spread_gre(ctx, &in))
		return -1;
	if (in.kind == INNER_IPV4 ? spread_hash4(ctx, &in, &hash) : spread_hash6(ctx, &in, &hash))
		return -1;
	slot = ((__u64)hash * device->spread.count) >> 32;
	if (slot >= CPU_LIST_MAX)
		return -1;
	return device->spread.cpus[slot];
}

#endif
