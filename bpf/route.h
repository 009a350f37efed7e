/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where outer packets leave: underlay device, next hop, source address, path MTU. The kernel's
 * routes are the only truth; an answer is remembered for one tick of jiffies (struct route_cache).
 */
#ifndef XTUN_ROUTE_H
#define XTUN_ROUTE_H

#include "maps.h"
#include "packet.h"

enum {
	ROUTE_AF_INET = 2,
	ROUTE_AF_INET6 = 10,
	ROUTE_LOOPBACK = 1, /* ifindex of lo in every namespace */
};

/* A question, and the answer as far as it is not in the cache: remote and source are there. */
struct route {
	__u8 tos;      /* of the outer header */
	bool resolved; /* answered: the cache has the Ethernet header */
	__u32 ifindex;
	__u32 mtu; /* of the outer packet, 0: not known */
	struct bpf_redir_neigh hop; /* not resolved: the next hop; nh_family 0: as the kernel's
				       routes say */
};

static __always_inline bool address_any(const union address *address)
{
	return !(address->v6[0] | address->v6[1] | address->v6[2] | address->v6[3]);
}

static __always_inline bool address_equal(const union address *one, const union address *two)
{
	return !((one->v6[0] ^ two->v6[0]) | (one->v6[1] ^ two->v6[1]) | (one->v6[2] ^ two->v6[2]) |
		 (one->v6[3] ^ two->v6[3]));
}

/* What a router reported about the path of tunnel @id to @remote, at most @mtu, which is also the
 * answer without a report. */
static __always_inline __u32 route_path_mtu(__u32 id, const union address *remote, __u32 mtu)
{
	struct path_key key = { .remote = *remote, .id = id };
	const struct path_mtu *path = bpf_map_lookup_elem(&path_mtus, &key);

	if (path && path->mtu < mtu && path->expires > bpf_ktime_get_ns())
		return path->mtu;
	return mtu;
}

/*
 * The flags of a look-up in the FIB for @t, and its mark in @mark. Without branches, each of which
 * the verifier would follow to the end. Kernels that cannot look up by mark have no such tunnel.
 */
static __always_inline __u32 route_mark(const ctx_t *ctx, const struct tunnel *t, __u32 *mark)
{
	__u32 inherit = t->flags / TUNNEL_MARK_INHERIT & 1;

	_Static_assert(TUNNEL_MARK >> 16 == BPF_FIB_LOOKUP_MARK, "the one flag becomes the other");
	*mark = t->fwmark | (ctx_mark(ctx) & -inherit);
	return t->flags >> 16 & BPF_FIB_LOOKUP_MARK;
}

/*
 * Ask the FIB for the way to @cache->remote, from the view of a local sender: flowi_iif is the
 * loopback device, as in ip_route_output_key(). The helper wants forwarding enabled on the device
 * it is asked about, also for look-ups of the OUTPUT kind; xtun enables it on lo, where it has no
 * other effect. While that is switched off, the underlay known from configuration serves and
 * bpf_redirect_neigh() finds the next hop.
 *
 * A packet whose look-up is fresh goes out through the neighbour code, which keeps the neighbour
 * alive; those that follow within the tick use its address directly. Returns 0 or a refusal.
 */
static __noinline int route_lookup(ctx_t *ctx, const struct tunnel *t, struct route_cache *cache,
				   struct route *route)
{
	bool ipv6 = t->family == FAMILY_IPV6, any;
	__u32 flags, mark;
	struct bpf_fib_lookup fib = {
		.tot_len = 1, /* makes the helper report the route's MTU */
		.ifindex = ROUTE_LOOPBACK,
	};
	long ret;

	cache->jiffies = 0;
	cache->ready = 0;
	if (!(t->flags & TUNNEL_NO_REMOTE))
		cache->remote = t->remote;
	if (ipv6) {
		fib.family = ROUTE_AF_INET6;
		fib.flowinfo = bpf_htonl((__u32)route->tos << 20) & ~bpf_htonl(ECN_MASK << 20);
		__builtin_memcpy(fib.ipv6_src, t->local.v6, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, cache->remote.v6, sizeof(fib.ipv6_dst));
	} else {
		fib.family = ROUTE_AF_INET;
		fib.tos = route->tos & ~ECN_MASK;
		fib.ipv4_src = t->local.v4;
		fib.ipv4_dst = cache->remote.v4;
	}
	fib.l4_protocol = WIRE_IPPROTO_IPIP;
	flags = route_mark(ctx, t, &mark);
	fib.mark = mark;
	any = address_any(&t->local);
	/* BPF_FIB_LOOKUP_SRC is younger than the oldest kernel; the helper refuses flags that it
	 * does not know. */
	ret = -1;
	if (any)
		ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), flags | BPF_FIB_LOOKUP_SRC);
	if (ret < 0)
		ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), flags);

	route->resolved = false;
	route->mtu = 0;
	route->hop.nh_family = 0;
	cache->source = any ? t->source : t->local;
	if (any && ipv6 && fib.ipv6_src[0])
		__builtin_memcpy(cache->source.v6, fib.ipv6_src, sizeof(fib.ipv6_src));
	else if (any && !ipv6 && fib.ipv4_src)
		cache->source.v4 = fib.ipv4_src;
	switch (ret) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		route->ifindex = fib.ifindex;
		/*
		 * The neighbour code would look it up once more, without the mark. Only then is the
		 * next hop told: packets that wait for a neighbour keep the route by which they came
		 * to the anchor, and neigh_update() sends them by that one's neighbour.
		 */
		route->hop.nh_family = fib.family * (flags / BPF_FIB_LOOKUP_MARK);
		__builtin_memcpy(route->hop.ipv6_nh, fib.ipv6_dst, sizeof(fib.ipv6_dst));
		break;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		route->ifindex = t->route;
		break;
	default:
		route->ifindex = t->link;
		break;
	}
	if (t->link && route->ifindex != t->link) {
		route->ifindex = t->link;
		route->hop.nh_family = 0;
		ret = BPF_FIB_LKUP_RET_NO_NEIGH;
	}
	if (!route->ifindex)
		return REFUSE(no_route);
	if (route->ifindex == t->anchor)
		return REFUSE(loop);
	if (ret != BPF_FIB_LKUP_RET_SUCCESS) {
		/* The device's MTU is all that is known; the helper writes it whatever it says. */
		if (bpf_check_mtu(ctx, route->ifindex, &route->mtu, 0, 0) < 0)
			return REFUSE(no_route);
		route->mtu = route_path_mtu(t->id, &cache->remote, route->mtu);
		return 0;
	}

	/* The next packet's mark may be another. */
	cache->jiffies = bpf_jiffies64() * (~t->flags / TUNNEL_MARK_INHERIT & 1);
	/* The helper's 16 bits cannot hold the 65536 of the loopback device. */
	cache->mtu = route_path_mtu(t->id, &cache->remote, fib.mtu_result ?: IPV4_LEN_MAX);
	cache->ifindex = fib.ifindex;
	cache->tos = route->tos & ~ECN_MASK;
	__builtin_memcpy(cache->eth, fib.dmac, 6);
	__builtin_memcpy(cache->eth + 6, fib.smac, 6);
	cache->eth[12] = ipv6 ? WIRE_ETH_P_IPV6 >> 8 : WIRE_ETH_P_IP >> 8;
	cache->eth[13] = ipv6 ? WIRE_ETH_P_IPV6 & 0xff : WIRE_ETH_P_IP & 0xff;
	route->mtu = cache->mtu;
	return 0;
}

/* Answer @route, whose TOS the caller has filled in, about @cache->remote. Returns 0 or a refusal.
 */
static __always_inline int route_find(ctx_t *ctx, const struct tunnel *t, struct route_cache *cache,
				      struct route *route)
{
	if (unlikely(cache->jiffies != bpf_jiffies64() || cache->tos != (route->tos & ~ECN_MASK)))
		return route_lookup(ctx, t, cache, route);
	route->ifindex = cache->ifindex;
	route->mtu = cache->mtu;
	route->resolved = true;
	return 0;
}

#endif
