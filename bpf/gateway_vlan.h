/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What comes in with a VLAN tag (IEEE 802.1Q) for a VLAN device on one that forwards. It is taken
 * as that device's, without the tag, or goes up with it.
 *
 *	| destination | source | tag, TCI | ethertype | ...
 *	  6             6        2    2     2
 *
 * Nobody tells XDP that a VLAN device was set down, or became the port of a bridge. But then no
 * route leads by it any more: so a packet is taken if one leads back to its sender. At a device of
 * hardware, which is set down itself, the program does not run.
 */
#ifndef XTUN_GATEWAY_VLAN_H
#define XTUN_GATEWAY_VLAN_H

#include "gateway_flow.h"
#include "remote.h"

enum { VLAN_ID_MASK = 0xfff, VLAN_SENDERS = 256 /* on each CPU */ };

/* A sender to whom a route led back, good for one tick of jiffies and one configuration. */
struct vlan_sender {
	__u64 stamp; /* gateway_stamp() of then */
	union address source;
	__u32 ifindex;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VLAN_SENDERS);
	__type(key, __u32);
	__type(value, struct vlan_sender);
} vlan_senders SEC(".maps");

/* The VLAN device that a frame with one tag, and an IP packet in it, is for. NULL: none that takes
 * part. */
static __noinline const struct xdp_device *vlan_device(ctx_t *ctx)
{
	const __be16 *head = ctx_head(ctx, WIRE_ETH_HLEN + VLAN_HLEN);
	struct xdp_vlan key = { .ifindex = xdp_ingress(ctx) };
	const struct xdp_device *device;
	const __u32 *ifindex;

	if (!head || (head[8] != bpf_htons(WIRE_ETH_P_IP) && head[8] != bpf_htons(WIRE_ETH_P_IPV6)))
		return NULL;
	key.proto = head[6];
	key.id = head[7] & bpf_htons(VLAN_ID_MASK);
	ifindex = bpf_map_lookup_elem(&xdp_vlans, &key);
	if (!ifindex)
		return NULL;
	device = xdp_device_at(*ifindex);
	/* Its place may be another one's by now. */
	if (device->ifindex != *ifindex || device->out != key.ifindex ||
	    device->vlan_proto != key.proto || device->vlan_id != key.id)
		return NULL;
	return xdp_for_us(head, device) && xdp_single(head, ctx_end(ctx), device) ? device : NULL;
}

/* Take the tag off, which stays where the frame began, in front of where it begins then. Returns 0,
 * or something else with nothing changed. */
static __noinline int vlan_off(ctx_t *ctx)
{
	void *head = ctx_head(ctx, WIRE_ETH_HLEN + VLAN_HLEN);
	__u32 rest, tag;
	__u64 first;

	/* Metadata would be moved onto it. */
	if (!head || xdp_meta(ctx) < head)
		return -1;
	first = *(const __u64 *)head;
	rest = *(const __u32 *)(head + 8);
	tag = *(const __u32 *)(head + 12);
	*(__u32 *)head = tag;
	*(__u64 *)(head + 4) = first;
	*(__u32 *)(head + 12) = rest;
	if (likely(!bpf_xdp_adjust_head(ctx, VLAN_HLEN)))
		return 0;
	head = ctx_head(ctx, WIRE_ETH_HLEN + VLAN_HLEN);
	if (head) {
		*(__u64 *)head = first;
		*(__u32 *)(head + 8) = rest;
		*(__u32 *)(head + 12) = tag;
	}
	return -1;
}

/* And on again. Returns the hook's verdict. */
static __noinline int vlan_on(ctx_t *ctx)
{
	__u32 rest, tag;
	__u64 first;
	void *head;

	if (bpf_xdp_adjust_head(ctx, -VLAN_HLEN))
		return XDP_DROP;
	head = ctx_head(ctx, WIRE_ETH_HLEN + VLAN_HLEN);
	if (!head)
		return XDP_DROP;
	tag = *(const __u32 *)head;
	first = *(const __u64 *)(head + 4);
	rest = *(const __u32 *)(head + 12);
	*(__u64 *)head = first;
	*(__u32 *)(head + 8) = rest;
	*(__u32 *)(head + 12) = tag;
	return XDP_PASS;
}

/* Whether a route by the VLAN device @ifindex leads back to the sender of the packet, which has no
 * tag any more. */
static __noinline bool vlan_back(ctx_t *ctx, __u32 ifindex)
{
	union address source = address_ipv4(0);
	struct bpf_fib_lookup fib = { .ifindex = ifindex };
	struct vlan_sender *sender;
	__u32 slot;
	long ret;

	if (ctx_eth_proto(ctx) == bpf_htons(WIRE_ETH_P_IP)) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);

		if (!ip)
			return false;
		source.v4 = fib.ipv4_dst = ip->saddr;
		fib.family = ROUTE_AF_INET;
	} else {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);

		if (!ip)
			return false;
		address6_copy(source.v6, &ip->saddr);
		address6_copy(fib.ipv6_dst, &ip->saddr);
		fib.family = ROUTE_AF_INET6;
	}
	slot = remote_slot(ifindex, &source) & (VLAN_SENDERS - 1);
	sender = bpf_map_lookup_elem(&vlan_senders, &slot);
	if (!sender)
		return false;
	if (likely(sender->stamp == gateway_stamp(bpf_jiffies64()) && sender->ifindex == ifindex &&
		   address_equal(&sender->source, &source)))
		return true;
	ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), BPF_FIB_LOOKUP_OUTPUT);
	if ((ret != BPF_FIB_LKUP_RET_SUCCESS && ret != BPF_FIB_LKUP_RET_NO_NEIGH) ||
	    fib.ifindex != ifindex)
		return false;
	sender->stamp = gateway_stamp(bpf_jiffies64());
	sender->source = source;
	sender->ifindex = ifindex;
	return true;
}

#endif
