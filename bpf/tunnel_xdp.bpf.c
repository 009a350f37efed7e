// SPDX-License-Identifier: GPL-2.0
/* Entry points at XDP. */
#define XTUN_HOOK_XDP
#include "direct.h"
#include "gateway.h"
#include "gateway_pop.h"
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
 * Carry what is for no tunnel's end the short way, if it is IPv4 without a tag, whose header is
 * there, @bare. The frame begins at @head and ends at @end. Returns a verdict, or READY_NOT with
 * nothing changed.
 */
static __always_inline int carry_short(ctx_t *ctx, const struct xdp_device *device, void *head,
				       void *end, __u32 eth_proto, bool bare)
{
	bool partial = device->flags & XDP_DEVICE_PARTIAL;

	if (!gateway_mode || device->spread.count)
		return READY_NOT;
	if (!bare)
		return gateway_others(head, end, eth_proto)
			       ? gateway_flow(ctx, device->ifindex, eth_proto, false, partial)
			       : READY_NOT;
	return likely(gateway_others4(head + WIRE_ETH_HLEN))
		       ? gateway_flow_kind(ctx, head, end, device->ifindex, INNER_IPV4, false,
					   partial)
		       : gateway_pop(ctx, head, end);
}

/*
 * The short way of decapsulation, before the stack has made anything of the packet, and in gateway
 * mode into tunnels too. All else is passed up: the programs at tc do it, or know why not.
 */
static __always_inline int receive(ctx_t *ctx, bool frags)
{
	const __u32 iif = xdp_ingress(ctx);
	const struct xdp_device *device = xdp_device_at(iif);
	void *head = ctx_begin(ctx), *end = ctx_end(ctx);
	int verdict, cpu;
	__u32 eth_proto;

	if (head + WIRE_ETH_HLEN + IPV4_HLEN > end || device->ifindex != iif)
		return XDP_PASS;
	eth_proto = *(const __be16 *)(head + 12);
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP))) {
		if (unlikely(!xdp_for_us(head, device)))
			return XDP_PASS;
		verdict = carry_short(ctx, device, head, end, eth_proto, true);
		if (likely(verdict != READY_NOT))
			return verdict;
		if (unlikely(!xdp_single(head, end, device)))
			return XDP_PASS;
	} else {
		if (gateway_mode && frame_tag(eth_proto)) {
			device = vlan_device(ctx);
			if (!device || vlan_off(ctx))
				return XDP_PASS;
			eth_proto = ctx_eth_proto(ctx);
		} else if (!xdp_for_us(head, device) || !xdp_single(head, end, device)) {
			return XDP_PASS;
		}
		verdict = carry_short(ctx, device, ctx_begin(ctx), ctx_end(ctx), eth_proto, false);
		if (likely(verdict != READY_NOT))
			return verdict;
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
