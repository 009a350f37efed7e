/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tunnels with remote `any`: where an inner packet goes, and who may have sent one. A peer table
 * tells; then, in IPv4, the 6to4 address itself (RFC 3056); then the gateway of the kernel's route
 * into the tunnel, as in the kernel's drivers (ip_tunnel_xmit(), ipip6_tunnel_xmit(),
 * ip6_tnl_xmit()).
 */
#ifndef XTUN_REMOTE_H
#define XTUN_REMOTE_H

#include "packet.h"
#include "peer.h"
#include "route.h"

/* The IPv4 address in a 6to4 address, 0: it is none. */
static __always_inline __be32 remote_6to4(const union address *inner)
{
	if ((inner->v6[0] & bpf_htonl(0xffff0000)) != bpf_htonl(0x20020000))
		return 0;
	return bpf_htonl(bpf_ntohl(inner->v6[0]) << 16 | bpf_ntohl(inner->v6[1]) >> 16);
}

/* An IPv6 gateway that stands for an IPv4 one: ::192.0.2.1 (IPV6_ADDR_COMPATv4). */
static __always_inline __be32 remote_compatible(const __be32 *address)
{
	if (address[0] | address[1] | address[2] || bpf_ntohl(address[3]) <= 1)
		return 0;
	return address[3];
}

/*
 * The gateway of the kernel's route to @inner, from the view of this host; what has none is
 * nobody's. The answer counts if the route leads into the tunnel.
 */
static __noinline bool remote_gateway(ctx_t *ctx, const struct tunnel *t, __u8 kind,
				      const union address *inner, union address *remote)
{
	struct bpf_fib_lookup fib = { .ifindex = ROUTE_LOOPBACK };
	bool same;
	long ret;

	if (kind == INNER_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);

		if (!ip)
			return false;
		fib.family = ROUTE_AF_INET;
		fib.tos = ip->tos & ~ECN_MASK;
		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = inner->v4;
	} else {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);

		if (!ip)
			return false;
		fib.family = ROUTE_AF_INET6;
		fib.flowinfo = *(const __be32 *)ip & bpf_htonl(0x0fffffff & ~(ECN_MASK << 20));
		__builtin_memcpy(fib.ipv6_src, &ip->saddr, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, inner, sizeof(fib.ipv6_dst));
	}
	ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if ((ret != BPF_FIB_LKUP_RET_SUCCESS && ret != BPF_FIB_LKUP_RET_NO_NEIGH) ||
	    fib.ifindex != t->anchor)
		return false;
	same = kind == INNER_IPV4 && fib.family == ROUTE_AF_INET
		       ? fib.ipv4_dst == inner->v4
		       : kind == INNER_IPV6 && address_equal((void *)fib.ipv6_dst, inner);
	__builtin_memset(remote, 0, sizeof(*remote));
	if (t->family == FAMILY_IPV6) {
		if (same || fib.family != ROUTE_AF_INET6)
			return false;
		__builtin_memcpy(remote, fib.ipv6_dst, sizeof(*remote));
		return true;
	}
	if (kind == INNER_IPV6)
		remote->v4 = remote_compatible(fib.ipv6_dst);
	else if (!same && fib.family == ROUTE_AF_INET)
		remote->v4 = fib.ipv4_dst;
	return remote->v4;
}

static __always_inline __u32 remote_slot(__u32 id, const union address *inner)
{
	__u32 hash = flow_mix(id, inner->v6[0] ^ inner->v6[1]);

	return flow_mix(hash, inner->v6[2] ^ inner->v6[3]) >> 16 & (PEER_ROUTES - 1);
}

/* Whoever owns the destination of the inner packet, in a cache that may know the way there. NULL:
 * nobody. */
static __noinline struct route_cache *remote_find(ctx_t *ctx, const struct tunnel *t, __u8 kind)
{
	union address inner = address_ipv4(0);
	struct peer_route *found;
	__be32 embedded = 0;
	__u32 slot;
	__u8 tos;

	if (kind == INNER_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);

		if (!ip)
			return NULL;
		inner.v4 = ip->daddr;
		tos = ip->tos & ~ECN_MASK;
	} else {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);

		if (kind != INNER_IPV6 || !ip)
			return NULL;
		__builtin_memcpy(&inner, &ip->daddr, sizeof(inner));
		tos = ipv6_tos(ip) & ~ECN_MASK;
	}
	slot = remote_slot(t->id, &inner);
	found = bpf_map_lookup_elem(&peer_routes, &slot);
	if (!found)
		return NULL;
	/* Read again, rather than kept in more stack besides */
	asm volatile("" : : "r"(&inner) : "memory");
	if (found->route.jiffies == bpf_jiffies64() && found->id == t->id && found->kind == kind &&
	    found->tos == tos && address_equal(&found->inner, &inner))
		return &found->route;

	found->route.jiffies = 0;
	found->inner = inner;
	found->id = t->id;
	found->kind = kind;
	found->tos = tos;
	if (t->flags & (kind == INNER_IPV4 ? TUNNEL_PEERS_IPV4 : TUNNEL_PEERS_IPV6) &&
	    peer_find(t->id, t->family, kind, &inner, &found->route.remote))
		return &found->route;
	if (kind == INNER_IPV6 && t->family == FAMILY_IPV4 && t->payload == PAYLOAD_IP)
		embedded = remote_6to4(&inner);
	if (embedded) {
		found->route.remote = address_ipv4(embedded);
		return &found->route;
	}
	return remote_gateway(ctx, t, kind, &inner, &found->route.remote) ? &found->route : NULL;
}

/*
 * Whether the sender of an outer packet owns the inner source: @end_flags are those of tunnel @id's
 * endpoint, the inner packet is of the kind in the low byte of @what (the outer family in the next)
 * and lies @hlen bytes behind the outer IP header. Returns 0 or a refusal.
 */
__noinline int remote_check(ctx_t *ctx, __u32 id, __u32 end_flags, __u32 what, __u32 hlen)
{
	union address outer = address_ipv4(0), inner = outer, owner;
	__u8 kind = what, family = what >> 8;
	__be32 embedded;

	if (family == FAMILY_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);

		if (!ip)
			return REFUSE(outer_length);
		outer.v4 = ip->saddr;
	} else {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);

		if (!ip)
			return REFUSE(outer_length);
		__builtin_memcpy(&outer, &ip->saddr, sizeof(outer));
	}
	if (kind == INNER_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN + hlen, IPV4_HLEN);

		if (!ip)
			return REFUSE(payload_length);
		inner.v4 = ip->saddr;
	} else if (kind == INNER_IPV6) {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN + hlen, IPV6_HLEN);

		if (!ip)
			return REFUSE(payload_length);
		__builtin_memcpy(&inner, &ip->saddr, sizeof(inner));
	} else {
		return 0;
	}
	if (end_flags & ENDPOINT_PEERS && peer_find(id, family, kind, &inner, &owner))
		return address_equal(&owner, &outer) ? 0 : REFUSE(wrong_peer);
	embedded = end_flags & ENDPOINT_6TO4 && kind == INNER_IPV6 ? remote_6to4(&inner) : 0;
	if (embedded)
		return embedded == outer.v4 ? 0 : REFUSE(wrong_peer);
	return end_flags & ENDPOINT_PEERS ? REFUSE(wrong_peer) : 0;
}

#endif
