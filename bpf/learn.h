/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The path MTU of a tunnel to a remote. An ICMP error about an outer packet belongs to no socket
 * and no driver; it is read here and remembered for both.
 */
#ifndef XTUN_LEARN_H
#define XTUN_LEARN_H

#include "maps.h"
#include "options6.h"
#include "payload.h"
#include "route.h"
#include "wrap.h"

enum {
	/* net.ipv4.route.mtu_expires and min_pmtu as the kernel has them by default */
	PATH_MTU_SECONDS = 600,
	PATH_MTU_MIN = 552,
};

/* Remember @mtu for tunnel @id and the remote in @key, but believe no value below @least. */
static __always_inline void learn(const struct path_key *key, __u32 mtu, __u32 least)
{
	struct path_mtu path = { .mtu = mtu < least ? least : mtu };

	path.expires = bpf_ktime_get_ns() + PATH_MTU_SECONDS * 1000000000ULL;
	bpf_map_update_elem(&path_mtus, key, &path, BPF_ANY);
}

/*
 * If the packet is "fragmentation needed" (RFC 1191) about a packet that one of ours sent, remember
 * the next hop's MTU. The packet itself goes its way. As the kernel does (ip_rt_update_pmtu()),
 * believe no value below PATH_MTU_MIN.
 */
__noinline int learn4(ctx_t *ctx)
{
	struct endpoint4_key key = {};
	const struct endpoint *end;
	const struct icmphdr *icmp;
	struct path_key path = { .remote = address_ipv4(0) };
	const struct iphdr *ip;
	struct headers h = {};
	__be32 local;
	void *head;
	__u32 mtu;

	head = ctx_head(ctx, WIRE_ETH_HLEN + 2 * IPV4_HLEN + ICMPV4_HLEN);
	if (!head)
		return 0;
	ip = head + WIRE_ETH_HLEN;
	icmp = head + WIRE_ETH_HLEN + IPV4_HLEN;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET) ||
	    icmp->type != ICMPV4_UNREACH || icmp->code != ICMPV4_FRAG_NEEDED || !icmp->un.frag.mtu)
		return 0;
	mtu = bpf_ntohs(icmp->un.frag.mtu);
	/* The quoted packet is one that we sent: its source is our local address. */
	ip = head + WIRE_ETH_HLEN + IPV4_HLEN + ICMPV4_HLEN;
	key.local = local = ip->saddr;
	key.remote = ip->daddr;
	h.ip_proto = ip->protocol;
	h.hlen = IPV4_HLEN + ICMPV4_HLEN + ip->ihl * 4;
	if (h.ip_proto == WIRE_IPPROTO_UDP && wrap_read(ctx, FAMILY_IPV4, &h))
		return 0;
	if (payload_read(ctx, &h))
		return 0;
	key.ip_proto = headers_announced(&h);
	key.port = h.port;
	key.key = h.key;
	key.keyed = !!(h.gre_flags & GRE_KEY);
	path.remote.v4 = key.remote;
	/* Sent by a tunnel with a fixed remote, or by one that sends to anybody. */
	end = bpf_map_lookup_elem(&endpoints4, &key);
	if (!end) {
		key.local = 0;
		end = bpf_map_lookup_elem(&endpoints4, &key);
	}
	if (!end) {
		key.remote = 0;
		end = bpf_map_lookup_elem(&endpoints4, &key);
	}
	if (!end) {
		key.local = local;
		end = bpf_map_lookup_elem(&endpoints4, &key);
	}
	if (!end || end->flags & ENDPOINT_CLAIM)
		return 0;
	path.id = end->id;
	learn(&path, mtu, PATH_MTU_MIN);
	return 0;
}

/* As learn4(), for "packet too big" (RFC 8201). */
__noinline int learn6(ctx_t *ctx)
{
	struct endpoint6_key key = {};
	const struct endpoint *end;
	const struct icmp6hdr *icmp;
	const struct ipv6hdr *ip;
	struct options6 options = {};
	struct path_key path = {};
	struct headers h = {};
	__be32 local[4];
	void *head;
	__u32 mtu;

	head = ctx_head(ctx, WIRE_ETH_HLEN + 2 * IPV6_HLEN + ICMP6_HLEN);
	if (!head)
		return 0;
	icmp = head + WIRE_ETH_HLEN + IPV6_HLEN;
	if (icmp->icmp6_type != ICMP6_TOO_BIG)
		return 0;
	mtu = bpf_ntohl(icmp->icmp6_dataun.un_data32[0]);
	ip = head + WIRE_ETH_HLEN + IPV6_HLEN + ICMP6_HLEN;
	__builtin_memcpy(key.local, &ip->saddr, sizeof(key.local));
	__builtin_memcpy(key.remote, &ip->daddr, sizeof(key.remote));
	h.ip_proto = ip->nexthdr;
	h.hlen = 2 * IPV6_HLEN + ICMP6_HLEN;
	if (h.ip_proto == WIRE_IPPROTO_DSTOPTS) {
		if (options6_read(ctx, WIRE_ETH_HLEN + h.hlen, &options))
			return 0;
		h.ip_proto = options.next;
		h.hlen += options.hlen;
	}
	if (h.ip_proto == WIRE_IPPROTO_UDP && wrap_read(ctx, FAMILY_IPV6, &h))
		return 0;
	if (payload_read(ctx, &h))
		return 0;
	key.ip_proto = headers_announced(&h);
	key.port = h.port;
	key.key = h.key;
	key.keyed = h.erspan > 1;
	__builtin_memcpy(path.remote.v6, key.remote, sizeof(key.remote));
	__builtin_memcpy(local, key.local, sizeof(local));
	end = bpf_map_lookup_elem(&endpoints6, &key);
	if (!end) {
		__builtin_memset(key.local, 0, sizeof(key.local));
		end = bpf_map_lookup_elem(&endpoints6, &key);
	}
	if (!end) {
		__builtin_memset(key.remote, 0, sizeof(key.remote));
		end = bpf_map_lookup_elem(&endpoints6, &key);
	}
	if (!end) {
		__builtin_memcpy(key.local, local, sizeof(local));
		end = bpf_map_lookup_elem(&endpoints6, &key);
	}
	if (!end || end->flags & ENDPOINT_CLAIM)
		return 0;
	path.id = end->id;
	learn(&path, mtu, IPV6_MTU_MIN);
	return 0;
}

#endif
