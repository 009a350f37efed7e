/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways that a gateway at XDP remembers: what the kernel has said about a destination, and
 * whether a packet may take it.
 */
#ifndef XTUN_GATEWAY_ROUTE_H
#define XTUN_GATEWAY_ROUTE_H

#include "direct.h"

enum {
	GATEWAY_BITS = 9,
	GATEWAY_ROUTES = 1 << GATEWAY_BITS, /* on each CPU */
	GATEWAY_AGAIN =
		256, /* in one tick of so many a packet of each way is the stack's, see below */
};

/* 2^64 divided by the golden ratio. */
#define GATEWAY_FACTOR 0x9e3779b97f4a7c15ull

/* What the kernel says about a destination, good for one tick of jiffies and one configuration. */
struct gateway_route {
	__u64 stamp; /* gateway_stamp() of then */
	__u64 how;   /* gateway_how() of the packet */
	__u64 pair;  /* gateway_pair() of its addresses */
	union address source, dest;
	__u32 ifindex; /* 0: the stack's */
	__u32 mtu;
	__u32 out; /* of a tunnel whose packets may be sent by XDP: where to, and the tunnel's id; */
	__u32 id;  /* see gateway_short() */
	__u32 hash;   /* of the addresses, as flow_hash() has them */
	__u8 eth[12]; /* the next hop's address and the device's, */
	__u8 tunnel;  /* if it is no tunnel's device */
	__u32 plain;  /* `mtu`, if gateway_flow_send() may send it */
	__u32 again;  /* the tick in which a packet was left to the stack, which keeps neighbours */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATEWAY_ROUTES);
	__type(key, __u32);
	__type(value, struct gateway_route);
} gateway_routes SEC(".maps");

/* Whether XDP may send out of a device: those that were attached for it, with @tags also VLAN
 * devices on them. */
static __always_inline bool gateway_sends(__u32 ifindex, bool tags)
{
	const struct xdp_device *device = xdp_device_at(ifindex);

	return device->ifindex == ifindex && device->flags & XDP_DEVICE_FORWARD &&
	       (tags || !device->out);
}

/* What changes with the tick and with the configuration. */
static __always_inline __u64 gateway_stamp(__u64 jiffies)
{
	return jiffies ^ (__u64) * (volatile __u32 *)&slots.generation << 32;
}

/* What a route depends on besides the addresses, in one word; never 0, as no device is. */
static __always_inline __u64 gateway_how(__u8 tos, __u8 kind, __u32 iif)
{
	return iif | (__u64)(tos & ~ECN_MASK) << 32 | (__u64)(kind != INNER_IPV4) << 40;
}

/* Both addresses in 64 bits: of IPv4 as they lie in the header, of IPv6 mixed. */
static __always_inline __u64 gateway_pair(const void *source, const void *dest, bool ipv4)
{
	const __u64 *from = source, *to = dest;

	if (ipv4)
		return *(const __u32 *)source | (__u64) * (const __u32 *)dest << 32;
	return (from[0] ^ from[1]) * GATEWAY_FACTOR ^ to[0] ^ to[1];
}

/* Where the answer for a pair of addresses may lie. Multiplicative hashing (Knuth, TAOCP 6.4). */
static __always_inline struct gateway_route *gateway_route_at(__u64 pair)
{
	__u32 slot = pair * GATEWAY_FACTOR >> (64 - GATEWAY_BITS);

	return bpf_map_lookup_elem(&gateway_routes, &slot);
}

/*
 * Whether what lies at @l4 behind an IP header may be sent on by XDP although checksums may be left
 * to be filled in: such a field holds the sum of the pseudo header. @sum: of the addresses and the
 * length.
 */
static __always_inline bool gateway_payload(const void *l4, const void *end, __u8 ip_proto,
					    __u64 sum)
{
	const __sum16 *check;

	if (likely(ip_proto == WIRE_IPPROTO_TCP)) {
		check = l4 + 16;
		sum += bpf_htons(WIRE_IPPROTO_TCP);
	} else if (likely(ip_proto == WIRE_IPPROTO_UDP)) {
		check = l4 + 6;
		sum += bpf_htons(WIRE_IPPROTO_UDP);
	} else {
		return ip_proto == IPPROTO_ICMP || ip_proto == WIRE_IPPROTO_ICMPV6;
	}
	if (unlikely((void *)(check + 1) > end))
		return false;
	/* Without a sum of its own UDP may wrap something that lacks one, too. */
	if (ip_proto == WIRE_IPPROTO_UDP && unlikely(!*check))
		return false;
	/* Whether the field and the sum are equal modulo 0xffff. */
	return !direct_sum_right(sum + (__u16) ~*check);
}

/* What it sums of a packet of IPv4 without options: the length as it lies there, less the header's,
 * modulo 0xffff. */
static __always_inline __u64 gateway_sum4(const struct iphdr *ip)
{
	return (__u64)ip->saddr + ip->daddr + ip->tot_len + (0xffff - bpf_htons(IPV4_HLEN));
}

/* Likewise of IPv6. */
static __always_inline __u64 gateway_sum6(const struct ipv6hdr *ip)
{
	const __u32 *word = (const void *)&ip->saddr;

	return (__u64)word[0] + word[1] + word[2] + word[3] + word[4] + word[5] + word[6] +
	       word[7] + ip->payload_len;
}

/* Headers that a router may have to look at, or that hold an encapsulation limit. */
static __always_inline bool gateway_extends(__u8 next)
{
	return next == WIRE_IPPROTO_HOPOPTS || next == WIRE_IPPROTO_ROUTING ||
	       next == WIRE_IPPROTO_FRAGMENT || next == WIRE_IPPROTO_DSTOPTS;
}

/* Whether an IPv4 header, the first eight bytes of which are @first, has no options and is of no
 * fragment. All of it, and @more bits that have to be zero, are looked at once. */
static __always_inline bool gateway_bare4(__u64 first, __u64 more)
{
	return (first & (0xff | (__u64)bpf_htons(IPV4_MF | IPV4_OFFSET) << 48 | more)) == 0x45;
}

/*
 * The way that is remembered of the packet whose header, which is there, is at @ip, and which came
 * in by @iif; it has *@len bytes, for which the way may be too narrow, and its frame ends with it,
 * at @end. NULL: there is none, or the packet is out of the ordinary.
 */
static __always_inline const struct gateway_route *
gateway_known4(const struct iphdr *ip, const void *end, __u32 iif, __u32 *len)
{
	const __u64 pair = *(const __u64 *)((const void *)ip + 12);
	const struct gateway_route *route;

	*len = xdp_bounded(bpf_ntohs(ip->tot_len));
	if (unlikely(!gateway_bare4(*(const __u64 *)(const void *)ip, 0) || ip->ttl <= 1 ||
		     (const void *)ip + *len != end))
		return NULL;
	route = gateway_route_at(pair);
	if (unlikely(!route || route->stamp != gateway_stamp(bpf_jiffies64()) ||
		     route->pair != pair || route->how != gateway_how(ip->tos, INNER_IPV4, iif) ||
		     !direct_sum_right(ipv4_sum(ip))))
		return NULL;
	return route;
}

/* As gateway_known4(), if the way is wide enough. @partial: there may be checksums that are still to
 * be filled in. */
static __always_inline const struct gateway_route *
gateway_way4(const struct iphdr *ip, const void *end, __u32 iif, bool partial, __u32 *len)
{
	const struct gateway_route *route = gateway_known4(ip, end, iif, len);

	if (unlikely(!route || *len > route->mtu))
		return NULL;
	if (partial && unlikely(!gateway_payload(ip + 1, end, ip->protocol, gateway_sum4(ip))))
		return NULL;
	return route;
}

/* As gateway_way4(), of IPv6. */
static __always_inline const struct gateway_route *
gateway_way6(const struct ipv6hdr *ip, const void *end, __u32 iif, bool partial, __u32 *len)
{
	const __u64 *pair = (const void *)&ip->saddr, *own, *other;
	const struct gateway_route *route;

	*len = bpf_ntohs(ip->payload_len) + IPV6_HLEN;
	if (unlikely(ip->version != 6 || ip->hop_limit <= 1 || gateway_extends(ip->nexthdr) ||
		     (const void *)ip + xdp_bounded(*len) != end))
		return NULL;
	route = gateway_route_at(gateway_pair(pair, pair + 2, false));
	if (unlikely(!route || route->stamp != gateway_stamp(bpf_jiffies64()) ||
		     route->how != gateway_how(ipv6_tos(ip), INNER_IPV6, iif) || *len > route->mtu))
		return NULL;
	own = (const void *)&route->source;
	other = (const void *)&route->dest;
	if (unlikely(own[0] != pair[0] || own[1] != pair[1] || other[0] != pair[2] ||
		     other[1] != pair[3]))
		return NULL;
	if (partial && unlikely(!gateway_payload(ip + 1, end, ip->nexthdr, gateway_sum6(ip))))
		return NULL;
	return route;
}

#endif
