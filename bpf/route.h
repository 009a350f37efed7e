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
	ROUTE_LOOPBACK = 1, /* ifindex of lo in every namespace */
};

struct route {
	/* asked for */
	__u8 tos; /* of the outer header */
	/* answered */
	__u32 ifindex;
	__be32 source;
	__u32 mtu;     /* of the outer packet, 0: not known */
	bool resolved; /* the cache has the Ethernet header for it */
};

/* What a router reported about the path of tunnel @id, at most @mtu, which is also the answer
 * without a report. */
static __always_inline __u32 route_path_mtu(__u32 id, __u32 mtu)
{
	const struct path_mtu *path = bpf_map_lookup_elem(&path_mtus, &id);

	if (path && path->mtu < mtu && path->expires > bpf_ktime_get_ns())
		return path->mtu;
	return mtu;
}

/*
 * Ask the FIB for the way to the remote, from the view of a local sender: flowi_iif is the loopback
 * device, as in ip_route_output_key(). The helper wants forwarding enabled on the device it is
 * asked about, also for look-ups of the OUTPUT kind; xtun enables it on lo, where it has no other
 * effect. While that is switched off, the underlay known from configuration serves and
 * bpf_redirect_neigh() finds the next hop.
 *
 * A packet whose look-up is fresh goes out through the neighbour code, which keeps the neighbour
 * alive; those that follow within the tick use its address directly. Returns 0 or a refusal.
 */
static __noinline int route_lookup(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state,
				   struct route *route)
{
	struct bpf_fib_lookup fib = {
		.family = ROUTE_AF_INET,
		.l4_protocol = WIRE_IPPROTO_IPIP,
		.tot_len = 1, /* makes the helper report the route's MTU */
		.ifindex = ROUTE_LOOPBACK,
		.tos = route->tos & ~ECN_MASK,
	};
	struct route_cache *cache;
	long ret;

	fib.ipv4_src = t->local.v4;
	fib.ipv4_dst = t->remote.v4;
	/* BPF_FIB_LOOKUP_SRC is younger than the oldest kernel; the helper refuses flags that it
	 * does not know. */
	ret = -1;
	if (!t->local.v4)
		ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), BPF_FIB_LOOKUP_SRC);
	if (ret < 0)
		ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);

	route->resolved = false;
	route->mtu = 0;
	route->source = t->local.v4 ?: fib.ipv4_src ?: t->source.v4;
	switch (ret) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		route->ifindex = fib.ifindex;
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
		route->mtu = route_path_mtu(t->id, route->mtu);
		return 0;
	}

	cache = &state->route;
	cache->jiffies = bpf_jiffies64();
	/* The helper's 16 bits cannot hold the 65536 of the loopback device. */
	cache->mtu = route_path_mtu(t->id, fib.mtu_result ?: IPV4_LEN_MAX);
	cache->ifindex = fib.ifindex;
	cache->source = route->source;
	cache->tos = route->tos & ~ECN_MASK;
	__builtin_memcpy(cache->eth, fib.dmac, 6);
	__builtin_memcpy(cache->eth + 6, fib.smac, 6);
	cache->eth[12] = WIRE_ETH_P_IP >> 8;
	cache->eth[13] = WIRE_ETH_P_IP & 0xff;
	route->mtu = cache->mtu;
	return 0;
}

/* Answer @route, whose first part the caller has filled in. Returns 0 or a refusal. */
static __always_inline int route_find(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state,
				      struct route *route)
{
	const struct route_cache *cache = &state->route;

	if (unlikely(cache->jiffies != bpf_jiffies64() || cache->tos != (route->tos & ~ECN_MASK)))
		return route_lookup(ctx, t, state, route);
	route->ifindex = cache->ifindex;
	route->source = cache->source;
	route->mtu = cache->mtu;
	route->resolved = true;
	return 0;
}

#endif
