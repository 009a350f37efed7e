/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forwarding at XDP, for who asks for it: packets into a tunnel, out of one, and from one into
 * another never meet the stack. The kernel's routes and neighbours say where to; an answer is
 * remembered for one tick (struct gateway_route). Whatever a router has to say something about, or
 * the stack knows better, goes up untouched: options, fragments, the last hop, what is too long,
 * next hops without an address, devices that do not take part.
 *
 * Checksums that a virtual device left to be filled in cannot be told to the next device from here:
 * such packets go up where a device may have some, and kinds of packets that may hide them.
 */
#ifndef XTUN_GATEWAY_H
#define XTUN_GATEWAY_H

#include "fdb_find.h"
#include "gateway_flow.h"
#include "outer.h"
#include "remote.h"

/* Of an inner packet, beside struct inner_packet. */
struct gateway_packet {
	struct inner_packet in;
	enum gateway_from from;
	union address source __attribute__((aligned(8))), dest __attribute__((aligned(8)));
};

/* Returns 0, or -1: the stack's. */
static __always_inline int gateway_read4(ctx_t *ctx, struct gateway_packet *packet, bool partial)
{
	const struct iphdr *ip = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	__u32 len, network;

	if (!ip)
		return -1;
	ip = (void *)ip + WIRE_ETH_HLEN;
	network = bpf_ntohl(ip->saddr) >> 24;
	len = bpf_ntohs(ip->tot_len);
	/* Version and header length; senders that no router may forward, RFC 1812 section 5.3.7 */
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET) ||
	    ip->ttl <= 1 || !network || network == 127 || network >= 224 || len < IPV4_HLEN ||
	    !direct_sum_right(ipv4_sum(ip)))
		return -1;
	packet->in.len = len;
	packet->in.says = bpf_htons(WIRE_ETH_P_IP);
	packet->in.kind = INNER_IPV4;
	packet->in.tos = ip->tos;
	packet->in.ttl = ip->ttl - 1;
	packet->in.df = !!(ip->frag_off & bpf_htons(IPV4_DF));
	packet->source = address_ipv4(ip->saddr);
	packet->dest = address_ipv4(ip->daddr);
	return !partial || gateway_payload(ip + 1, ctx_end(ctx), ip->protocol, gateway_sum4(ip))
		       ? 0
		       : -1;
}

static __always_inline int gateway_read6(ctx_t *ctx, struct gateway_packet *packet, bool partial)
{
	const struct ipv6hdr *ip = ctx_head(ctx, WIRE_ETH_HLEN + IPV6_HLEN);
	const __u32 *word;

	if (!ip)
		return -1;
	ip = (void *)ip + WIRE_ETH_HLEN;
	word = (const __u32 *)ip;
	/* No groups, nobody, no link-local addresses: RFC 4291 section 2.5.6, RFC 8200 */
	if (ip->version != 6 || ip->hop_limit <= 1 || (__u8)word[2] == 0xff || !word[2] ||
	    (__u8)word[6] == 0xff || (word[2] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	    (word[6] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		return -1;
	packet->in.len = bpf_ntohs(ip->payload_len) + IPV6_HLEN;
	packet->in.says = bpf_htons(WIRE_ETH_P_IPV6);
	packet->in.kind = INNER_IPV6;
	packet->in.tos = ipv6_tos(ip);
	packet->in.ttl = ip->hop_limit - 1;
	packet->in.df = 0;
	packet->in.next = ip->nexthdr;
	packet->in.flow = word[0] & bpf_htonl(IPV6_FLOWLABEL_MASK);
	__builtin_memcpy(&packet->source, &ip->saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->dest, &ip->daddr, sizeof(packet->dest));
	if (gateway_extends(ip->nexthdr))
		return -1;
	return !partial || gateway_payload(ip + 1, ctx_end(ctx), ip->nexthdr, gateway_sum6(ip))
		       ? 0
		       : -1;
}

/* Ask the kernel where @packet, with the addresses @source and @dest, would go if it had @len
 * bytes: by default if it came in by @iif. */
static __always_inline long gateway_fib(ctx_t *ctx, const struct gateway_packet *packet,
					const union address *source, const union address *dest,
					__u32 iif, __u16 len, __u32 flags,
					struct bpf_fib_lookup *fib)
{
	__u8 tos = packet->in.tos & ~ECN_MASK;

	fib->ifindex = iif;
	fib->tot_len = len;
	if (packet->in.kind == INNER_IPV4) {
		fib->family = ROUTE_AF_INET;
		fib->tos = tos;
		fib->ipv4_src = source->v4;
		fib->ipv4_dst = dest->v4;
	} else {
		fib->family = ROUTE_AF_INET6;
		fib->flowinfo = packet->in.flow | bpf_htonl((__u32)tos << 20);
		__builtin_memcpy(fib->ipv6_src, source, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, dest, sizeof(fib->ipv6_dst));
	}
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), flags);
}

/*
 * Whether a route leads back to the sender of @packet by @iif. A tunnel's device for frames may be
 * the port of a bridge, which has to see what comes in there; by such a device goes no route.
 */
static __always_inline bool gateway_back(ctx_t *ctx, const struct gateway_packet *packet, __u32 iif,
					 struct bpf_fib_lookup *fib)
{
	long ret = gateway_fib(ctx, packet, &packet->dest, &packet->source, iif, 1,
			       BPF_FIB_LOOKUP_OUTPUT, fib);

	return (ret == BPF_FIB_LKUP_RET_SUCCESS || ret == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       fib->ifindex == iif;
}

/* Ask the kernel for the way of @packet, which came in by @iif. */
static __noinline void gateway_ask(ctx_t *ctx, const struct gateway_packet *packet, __u32 iif,
				   struct gateway_route *route)
{
	struct bpf_fib_lookup fib = {};
	__u64 now = bpf_jiffies64();
	const struct tunnel *t;
	long ret;

	route->ifindex = 0;
	route->out = 0;
	route->tunnel = 0;
	route->plain = 0;
	route->stamp = gateway_stamp(now);
	route->how = gateway_how(packet->in.tos, packet->in.kind, iif);
	route->source = packet->source;
	route->dest = packet->dest;
	route->hash = packet->in.kind == INNER_IPV4
			      ? flow_addresses4(packet->source.v4, packet->dest.v4)
			      : flow_addresses6(packet->source.v6, packet->dest.v6);
	/* Once in a while a packet is the stack's to send, so that it knows the neighbour is in use.
	 * The next one asks. */
	if (!(now & (GATEWAY_AGAIN - 1)) && route->again != (__u32)now) {
		route->again = now;
		route->how = 0;
		return;
	}
	if (packet->from == GATEWAY_FRAME && !gateway_back(ctx, packet, iif, &fib))
		return;
	/* With a length of 1 the helper tells the MTU, and with the longest one where it has no
	 * neighbour. */
	ret = gateway_fib(ctx, packet, &packet->source, &packet->dest, iif, 1, 0, &fib);
	if (ret == BPF_FIB_LKUP_RET_SUCCESS) {
		route->mtu = fib.mtu_result;
		if (gateway_sends(fib.ifindex, true))
			route->ifindex = fib.ifindex;
		route->plain = gateway_sends(fib.ifindex, false);
		__builtin_memcpy(route->eth, fib.dmac, 6);
		__builtin_memcpy(route->eth + 6, fib.smac, 6);
	}
	/* The device of a tunnel for packets has no neighbours, so that the answer may be that one
	 * is missing. */
	if (ret == BPF_FIB_LKUP_RET_SUCCESS || ret == BPF_FIB_LKUP_RET_NO_NEIGH) {
		t = port_tunnel(fib.ifindex);
		if (t && (ret == BPF_FIB_LKUP_RET_SUCCESS || !(t->inner & INNER_ETHERNET))) {
			route->ifindex = fib.ifindex;
			route->tunnel = 1;
		}
	}
	if (ret != BPF_FIB_LKUP_RET_NO_NEIGH || !route->tunnel)
		return;
	ret = gateway_fib(ctx, packet, &packet->source, &packet->dest, iif, IPV4_LEN_MAX, 0, &fib);
	if (ret == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		route->mtu = fib.mtu_result;
	else
		route->ifindex = 0;
}

/* The answer, remembered or new, for a packet that came in by @device. NULL: the stack's. */
static __always_inline struct gateway_route *
gateway_route_find(ctx_t *ctx, const struct gateway_packet *packet, __u32 iif,
		   const struct xdp_device *device)
{
	const union address *source = &packet->source, *dest = &packet->dest;
	bool ipv4 = packet->in.kind == INNER_IPV4;
	struct gateway_route *route;
	__u64 pair;

	pair = gateway_pair(source, dest, ipv4);
	route = gateway_route_at(pair);
	if (!route)
		return NULL;
	if (unlikely(route->stamp != gateway_stamp(bpf_jiffies64()) || route->pair != pair ||
		     route->how != gateway_how(packet->in.tos, packet->in.kind, iif) ||
		     (!ipv4 && (!address_equal(&route->dest, dest) ||
				!address_equal(&route->source, source))))) {
		if (route->pair != pair)
			route->again = 0;
		route->pair = pair;
		gateway_ask(ctx, packet, iif, route);
		/* The short way does not ask again whether it is xdp_single(). */
		if (route->mtu > device->frame_max - WIRE_ETH_HLEN)
			route->mtu = device->frame_max - WIRE_ETH_HLEN;
		if (route->plain)
			route->plain = route->mtu;
	}
	return route->ifindex && packet->in.len <= route->mtu ? route : NULL;
}

/* Take off what a short frame was filled up with: the stack does, before it forwards. */
static __always_inline bool gateway_trim(ctx_t *ctx, __u32 len)
{
	/* No frame of several buffers is short. */
	if (likely(ctx_begin(ctx) + (len & XDP_FRAME_MASK) >= ctx_end(ctx)))
		return true;
	return !bpf_xdp_adjust_tail(ctx, (int)len - (int)ctx_len(ctx));
}

/*
 * Out of a device that gateway_sends(): where it is a VLAN device, by the one that it is on, with
 * its tag behind the addresses (IEEE 802.1Q), of priority 0.
 */
static __noinline int gateway_redirect(ctx_t *ctx, __u32 ifindex)
{
	const struct xdp_device *device = xdp_device_at(ifindex);
	void *head;

	if (!device->out)
		return ctx_redirect(ifindex, 0);
	if (ctx_push(ctx, VLAN_HLEN, 0))
		return CTX_DROP;
	head = ctx_head(ctx, WIRE_ETH_HLEN + VLAN_HLEN);
	if (!head)
		return CTX_DROP;
	*(__u64 *)head = *(const __u64 *)(head + 4);
	*(__u32 *)(head + 8) = *(const __u32 *)(head + 12);
	*(__be16 *)(head + 12) = device->vlan_proto;
	*(__be16 *)(head + 14) = device->vlan_id;
	return ctx_redirect(device->out, 0);
}

/* The way to the remote, in @cache. Once in a while it is the stack's to ask, so that it knows the
 * neighbour is in use. */
static __always_inline bool gateway_outer(ctx_t *ctx, const struct tunnel *t,
					  struct route_cache *cache, struct route *route)
{
	__u64 now = bpf_jiffies64();

	if (unlikely(cache->jiffies != now || cache->tos != (route->tos & ~ECN_MASK))) {
		if (!(now & (GATEWAY_AGAIN - 1)) || route_lookup(ctx, t, cache, route) ||
		    !cache->jiffies)
			return false;
	}
	route->ifindex = cache->ifindex;
	route->mtu = cache->mtu;
	route->resolved = true;
	return gateway_sends(route->ifindex, true);
}

/* Where the way is remembered to who has the hardware address of the next hop behind the tunnel @t.
 * NULL: it is not one who is known. */
static __noinline struct route_cache *gateway_fdb(const struct tunnel *t,
						  const struct gateway_route *way)
{
	struct fdb_key key = { .id = t->id };
	const union address *remote;
	struct peer_route *found;

	__builtin_memcpy(key.mac, way->eth, sizeof(key.mac));
	remote = fdb_known(t, fdb_table(t), &key);
	if (!remote)
		return NULL;
	found = fdb_route(t->id, remote);
	if (found && !fdb_route_fresh(found, t->id, remote))
		fdb_route_begin(found, t->id, remote);
	return found ? &found->route : NULL;
}

/* Where the way to the remote of @t is remembered, to whom @way leads. NULL: the stack's. */
static __always_inline struct route_cache *gateway_remote(ctx_t *ctx, const struct tunnel *t,
							  const struct gateway_route *way,
							  struct cpu_state *state, __u8 kind)
{
	if (likely(!(t->flags & TUNNEL_NO_REMOTE)))
		return &state->route;
	return t->inner & INNER_ETHERNET ? gateway_fdb(t, way) : remote_find(ctx, t, kind);
}

/*
 * Write the header of the frame around a packet of @kind, behind @hlen bytes: from the tunnel's
 * device to the next hop behind the tunnel. False: there is no room.
 */
static __always_inline bool gateway_frame(ctx_t *ctx, const struct gateway_route *way, __u32 hlen,
					  __u8 kind)
{
	struct ethhdr *eth = ctx_at(ctx, hlen, sizeof(*eth));

	if (!eth)
		return false;
	__builtin_memcpy(eth, way->eth, sizeof(way->eth));
	eth->h_proto = kind_eth_proto(kind);
	return true;
}

/* Prepare @state for the packets after one into @t that went the long way by @cache; frames of @way
 * go the short one from now on. */
static __always_inline void gateway_prepare(const struct tunnel *t, struct cpu_state *state,
					    const struct route_cache *cache,
					    struct gateway_route *way, bool framed, __u8 kind)
{
	if (cache != &state->route)
		return;
	if (!cache->ready && !framed && ready_can(t))
		ready_make(t, state);
	if (!cache->ready && framed && ready_frame_can(t))
		ready_frame_make(t, state);
	if (cache->ready == READY_FRAME && gateway_sends(cache->ifindex, false))
		gateway_short(way, t, state, kind);
}

/* Into the tunnel @t, to which @way leads, as encap_packet() and encap_frame() do. Returns a
 * verdict, or -1: the stack's. */
static __always_inline int gateway_encap(ctx_t *ctx, const struct tunnel *t,
					 struct gateway_route *way, struct gateway_packet *packet)
{
	struct inner_packet *in = &packet->in;
	bool framed = t->inner & INNER_ETHERNET;
	struct route_cache *cache;
	struct cpu_state *state;
	struct route route;
	__u32 hlen = t->hlen;
	int ret = READY_NOT;

	if (!(in->kind & t->inner || framed) || t->payload == PAYLOAD_ERSPAN)
		return -1;
	state = bpf_map_lookup_elem(&cpu_state, &t->id);
	if (!state)
		return -1;
	if (!framed && likely(!(t->flags & TUNNEL_PER_SEGMENT)))
		ret = gateway_ready(ctx, way, state, in->len, in->kind);
	if (likely(ret != READY_NOT)) {
		/* From the next packet on in gateway_flow_kind(). */
		gateway_short(way, t, state, in->kind);
		return likely(ret >= 0) ? ret : drop_count(t->id, ret, CTX_DROP);
	}
	cache = gateway_remote(ctx, t, way, state, in->kind);
	if (!cache)
		return -1;
	in->limited = !!(t->flags & TUNNEL_ENCAP_LIMIT);
	in->encap_limit = t->encap_limit;
	if (t->flags & TUNNEL_SHOWS_FLOW)
		in->hash = flow_hash(ctx, in->kind);
	if (framed) {
		in->says = bpf_htons(WIRE_ETH_P_TEB);
		in->frame_hlen = WIRE_ETH_HLEN;
	}
	route.tos = t->flags & TUNNEL_TOS_INHERIT ? in->tos : t->tos;
	if (likely(!(t->flags & TUNNEL_TOS_PLAIN)))
		route.tos = ecn_encap(route.tos, in->tos);
	if (!gateway_outer(ctx, t, cache, &route) || in->len + hlen > route.mtu ||
	    bpf_xdp_adjust_head(ctx, -(int)hlen))
		return -1;

	/* From here on the packet is changed: there is no way back but to drop it. */
	if (!gateway_trim(ctx, WIRE_ETH_HLEN + hlen + in->len) ||
	    !gateway_hop(ctx, WIRE_ETH_HLEN + hlen, in->kind) ||
	    (framed && !gateway_frame(ctx, way, hlen, in->kind)) ||
	    outer_write(ctx, t, in, &route, cache, hlen))
		return drop_count(t->id, REFUSE(push_failed), CTX_DROP);
	gateway_prepare(t, state, cache, way, framed, in->kind);
	state->tx_packets++;
	state->tx_bytes += in->len;
	return gateway_redirect(ctx, route.ifindex);
}

/* Out of device @route leads to. */
static __always_inline int gateway_send(ctx_t *ctx, const struct gateway_route *route,
					const struct gateway_packet *packet)
{
	struct ethhdr *eth;

	if (!ctx_holds(ctx, WIRE_ETH_HLEN + packet->in.len) ||
	    !gateway_hop(ctx, WIRE_ETH_HLEN, packet->in.kind))
		return -1;
	if (!gateway_trim(ctx, WIRE_ETH_HLEN + packet->in.len))
		return CTX_DROP;
	eth = ctx_head(ctx, sizeof(*eth));
	if (!eth)
		return CTX_DROP;
	__builtin_memcpy(eth, route->eth, sizeof(route->eth));
	eth->h_proto = packet->in.says;
	return gateway_redirect(ctx, route->ifindex);
}

/*
 * The packet of @eth_proto behind the Ethernet header came in by @iif: a network card, or the
 * anchor of a tunnel. Returns a verdict, or -1 with nothing changed.
 */
__noinline int gateway(ctx_t *ctx, __u32 iif, __be16 eth_proto, enum gateway_from from)
{
	const struct xdp_device *device = xdp_device_at(xdp_ingress(ctx));
	struct gateway_packet packet = { .from = from };
	struct gateway_route *route;
	const struct tunnel *t;
	bool partial;
	int err;

	partial = device->flags & XDP_DEVICE_PARTIAL;
	err = eth_proto == bpf_htons(WIRE_ETH_P_IP)     ? gateway_read4(ctx, &packet, partial)
	      : eth_proto == bpf_htons(WIRE_ETH_P_IPV6) ? gateway_read6(ctx, &packet, partial)
							: -1;
	if (err || !ctx_holds(ctx, WIRE_ETH_HLEN + packet.in.len))
		return -1;
	route = gateway_route_find(ctx, &packet, iif, device);
	if (!route)
		return -1;
	if (!route->tunnel)
		return from == GATEWAY_WIRE ? -1 : gateway_send(ctx, route, &packet);
	t = port_tunnel(route->ifindex);
	return t ? gateway_encap(ctx, t, route, &packet) : -1;
}

#endif
