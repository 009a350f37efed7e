// SPDX-License-Identifier: GPL-2.0
/* Entry points at XDP. */
#define XTUN_HOOK_XDP
#include "direct.h"
#include "gateway.h"
#include "gateway_vlan.h"
#include "spread.h"

/* Carry the packet of @eth_proto that came in by @device. Returns the hook's verdict, or CTX_NEXT:
 * it is as it came. */
static __always_inline int carry(ctx_t *ctx, const struct xdp_device *device, __u32 eth_proto)
{
	int verdict = DIRECT_NOT;

	if (gateway_mode && unlikely(device->out) && !vlan_back(ctx, device->ifindex))
		return CTX_NEXT;
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		verdict = direct4(ctx);
	else if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		verdict = direct6(ctx);
	if (likely((__u32)verdict < DIRECT_NOT))
		return verdict;
	if (!gateway_mode)
		return CTX_NEXT;
	verdict = gateway(ctx, device->ifindex, eth_proto, GATEWAY_WIRE);
	return verdict < 0 ? CTX_NEXT : verdict;
}

/*
 * The short way of decapsulation, before the stack has made anything of the packet, and in gateway
 * mode into tunnels too. All else is passed up: the programs at tc do it, or know why not.
 */
static __always_inline int receive(ctx_t *ctx, bool frags)
{
	__u32 iif = xdp_ingress(ctx), slot = xdp_device_slot(iif);
	const struct xdp_device *device = bpf_map_lookup_elem(&xdp_devices, &slot);
	void *head = ctx_begin(ctx), *end = ctx_end(ctx);
	int verdict = DIRECT_NOT, cpu;
	__u32 eth_proto;

	if (!device || head + WIRE_ETH_HLEN > end || device->ifindex != iif)
		return XDP_PASS;
	eth_proto = *(const __be16 *)(head + 12);
	if (gateway_mode && unlikely(eth_proto != bpf_htons(WIRE_ETH_P_IP)) &&
	    frame_tag(eth_proto)) {
		device = vlan_device(ctx);
		if (!device || vlan_off(ctx))
			return XDP_PASS;
		eth_proto = ctx_eth_proto(ctx);
	} else if (!xdp_for_us(head, end, device)) {
		return XDP_PASS;
	}
	/* Known not to be more than 16 bits, and not to be looked at again for that. */
	asm volatile("" : "+r"(eth_proto));
	if (unlikely(device->spread.count)) {
		cpu = spread(ctx, device, eth_proto);
		if (cpu < 0)
			return XDP_PASS;
		return frags ? bpf_redirect_map(&cpus_frags, cpu, XDP_PASS)
			     : bpf_redirect_map(&cpus, cpu, XDP_PASS);
	}
	/* What surely is for no tunnel's end */
	if (gateway_mode && gateway_plain(ctx_begin(ctx), ctx_end(ctx), eth_proto)) {
		bool partial = device->flags & XDP_DEVICE_PARTIAL;

		verdict = likely(eth_proto == bpf_htons(WIRE_ETH_P_IP))
				  ? gateway_flow_kind(ctx, device->ifindex, INNER_IPV4, false,
						      partial)
				  : gateway_flow(ctx, device->ifindex, eth_proto, false, partial);
		if (likely(verdict != READY_NOT))
			return verdict;
	}
	verdict = carry(ctx, device, eth_proto);
	if (likely(verdict != CTX_NEXT))
		return verdict;
	return gateway_mode && unlikely(device->out) ? vlan_on(ctx) : XDP_PASS;
}

/* On an underlay device whose driver hands over packets of one buffer, */
SEC("xdp")
int xtun_xdp(ctx_t *ctx)
{
	return receive(ctx, false);
}

/* and of several. */
SEC("xdp.frags")
int xtun_xdp_frags(ctx_t *ctx)
{
	return receive(ctx, true);
}

char LICENSE[] SEC("license") = "GPL";
