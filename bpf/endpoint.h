/* SPDX-License-Identifier: GPL-2.0 */
/* Which tunnel takes a packet: the look-up of decapsulation, in the order of the kernel's drivers.
 */
#ifndef XTUN_ENDPOINT_H
#define XTUN_ENDPOINT_H

#include "maps.h"
#include "route.h"

/*
 * Whether the destination in @fib is an address of this host. Asked only for endpoints with local
 * `any`: a router must not take tunnels apart that it forwards. With forwarding switched off
 * nothing is forwarded, so whatever arrives is for us.
 */
static __always_inline bool endpoint_is_local(ctx_t *ctx, struct bpf_fib_lookup *fib)
{
	long ret;

	fib->ifindex = ROUTE_LOOPBACK;
	ret = bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
	return ret == BPF_FIB_LKUP_RET_NOT_FWDED || ret == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

static __always_inline __u32 endpoint_shapes(enum family family)
{
	const struct config *cfg;
	__u32 zero = 0;

	cfg = bpf_map_lookup_elem(&config, &zero);
	return cfg ? cfg->shapes[family] : 0;
}

static __noinline bool endpoint4_is_local(ctx_t *ctx, __be32 local)
{
	struct bpf_fib_lookup fib = { .family = ROUTE_AF_INET, .ipv4_dst = local };

	return endpoint_is_local(ctx, &fib);
}

static __noinline bool endpoint6_is_local(ctx_t *ctx, const void *local)
{
	struct bpf_fib_lookup fib = { .family = ROUTE_AF_INET6 };

	__builtin_memcpy(fib.ipv6_dst, local, sizeof(fib.ipv6_dst));
	return endpoint_is_local(ctx, &fib);
}

/* As endpoint4_find(), for endpoints that are not in the slot of their addresses. */
static __noinline const struct endpoint *endpoint4_search(ctx_t *ctx, struct endpoint4_key *key)
{
	__be32 local = key->local;
	const struct endpoint *end;
	__u32 shapes;

	end = bpf_map_lookup_elem(&endpoints4, key);
	if (end)
		return end;
	shapes = endpoint_shapes(FAMILY_IPV4);
	if (shapes & SHAPE_REMOTE) {
		key->local = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return endpoint4_is_local(ctx, local) ? end : NULL;
	}
	if (shapes & SHAPE_LOCAL) {
		key->local = local;
		key->remote = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return end;
	}
	if (shapes & SHAPE_KEY) {
		key->local = 0;
		key->remote = 0;
		key->keyed = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return endpoint4_is_local(ctx, local) ? end : NULL;
	}
	return NULL;
}

/*
 * The endpoint that takes a packet from @key->remote to @key->local, in the order of
 * ip_tunnel_lookup(): both addresses, remote alone, local alone, key alone. NULL: not ours.
 */
static __always_inline const struct endpoint *endpoint4_find(ctx_t *ctx, struct endpoint4_key *key)
{
	const struct endpoint4_slot *slot = &slots.ipv4[endpoint4_slot(key)];

	if (likely(slot->key.local == key->local && slot->key.remote == key->remote &&
		   slot->key.key == key->key &&
		   *(__u32 *)&slot->key.ip_proto == *(__u32 *)&key->ip_proto))
		return &slot->end;
	return endpoint4_search(ctx, key);
}

static __always_inline void address6_copy(__be32 *to, const void *from)
{
	__builtin_memcpy(to, from, 16);
}

static __always_inline bool address6_equal(const __be32 *one, const __be32 *two)
{
	return one[0] == two[0] && one[1] == two[1] && one[2] == two[2] && one[3] == two[3];
}

static __always_inline const struct endpoint *endpoint6_any_local(ctx_t *ctx,
								  struct endpoint6_key *key)
{
	struct bpf_fib_lookup fib = { .family = ROUTE_AF_INET6 };
	const struct endpoint *end;

	address6_copy(fib.ipv6_dst, key->local);
	__builtin_memset(key->local, 0, sizeof(key->local));
	end = bpf_map_lookup_elem(&endpoints6, key);
	if (end && !endpoint_is_local(ctx, &fib))
		return NULL;
	address6_copy(key->local, fib.ipv6_dst);
	return end;
}

/* As endpoint6_find(), for endpoints that are not in the slot of their addresses. */
static __noinline const struct endpoint *endpoint6_search(ctx_t *ctx, struct endpoint6_key *key)
{
	bool gre = key->ip_proto == WIRE_IPPROTO_GRE || key->ip_proto == WIRE_IPPROTO_TEST;
	const struct endpoint *end, *claim = NULL;
	__be32 remote[4];
	__u32 shapes;

	end = bpf_map_lookup_elem(&endpoints6, key);
	if (end)
		return end;
	shapes = endpoint_shapes(FAMILY_IPV6);
	if (gre && shapes & SHAPE_REMOTE) {
		end = endpoint6_any_local(ctx, key);
		if (end)
			return end;
	}
	if (shapes & SHAPE_LOCAL) {
		address6_copy(remote, key->remote);
		__builtin_memset(key->remote, 0, sizeof(key->remote));
		end = bpf_map_lookup_elem(&endpoints6, key);
		if (end && !(end->flags & ENDPOINT_CLAIM))
			return end;
		claim = end;
		address6_copy(key->remote, remote);
	}
	if (!gre && shapes & SHAPE_REMOTE) {
		end = endpoint6_any_local(ctx, key);
		if (end)
			return end;
	}
	/* A claim counts when no tunnel wants the packet. */
	if (claim || !(shapes & SHAPE_KEY))
		return claim;
	__builtin_memset(key->remote, 0, sizeof(key->remote));
	return endpoint6_any_local(ctx, key);
}

/*
 * The endpoint that takes a packet over IPv6, in the order of ip6gre_tunnel_lookup(): as above, or
 * of ip6_tnl_lookup(): both addresses, local alone, remote alone, none.
 */
static __always_inline const struct endpoint *endpoint6_find(ctx_t *ctx, struct endpoint6_key *key)
{
	const struct endpoint6_slot *slot = &slots.ipv6[endpoint6_slot(key)];

	if (likely(address6_equal(slot->key.local, key->local) &&
		   address6_equal(slot->key.remote, key->remote) && slot->key.key == key->key &&
		   *(__u32 *)&slot->key.ip_proto == *(__u32 *)&key->ip_proto))
		return &slot->end;
	return endpoint6_search(ctx, key);
}

#endif
