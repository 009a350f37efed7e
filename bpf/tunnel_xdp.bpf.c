// SPDX-License-Identifier: GPL-2.0
/* Entry points at XDP. */
#define XTUN_HOOK_XDP
#include "direct.h"
#include "gateway.h"
#include "spread.h"

/*
 * The short way of decapsulation, before the stack has made anything of the packet, and in gateway
 * mode into tunnels too. All else is passed up as it came: the programs at tc do it, or know why
 * not.
 */
static __always_inline int receive(ctx_t *ctx, bool frags)
{
	__u32 slot = xdp_device_slot(xdp_ingress(ctx));
	const struct xdp_device *device = bpf_map_lookup_elem(&xdp_devices, &slot);
	void *head = ctx_begin(ctx), *end = ctx_end(ctx);
	int verdict = DIRECT_NOT, cpu;
	__be16 eth_proto;

	if (!xdp_for_us(ctx, head, end, device))
		return XDP_PASS;
	eth_proto = *(const __be16 *)(head + 12);
	if (unlikely(device->spread.count)) {
		cpu = spread(ctx, device, eth_proto);
		if (cpu < 0)
			return XDP_PASS;
		return frags ? bpf_redirect_map(&cpus_frags, cpu, XDP_PASS)
			     : bpf_redirect_map(&cpus, cpu, XDP_PASS);
	}
	/* What surely is for no tunnel's end */
	if (gateway_mode && gateway_plain(head, end, eth_proto)) {
		verdict = gateway_flow(ctx, device->ifindex, eth_proto, false,
				       device->flags & XDP_DEVICE_PARTIAL);
		if (likely(verdict != READY_NOT))
			return verdict;
	}
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		verdict = direct4(ctx);
	else if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		verdict = direct6(ctx);
	if (verdict != CTX_NEXT && verdict != DIRECT_NOT)
		return verdict < 0 ? XDP_PASS : verdict;
	if (!gateway_mode)
		return XDP_PASS;
	verdict = gateway(ctx, device->ifindex, eth_proto, GATEWAY_WIRE);
	return verdict < 0 ? XDP_PASS : ctx_verdict(verdict);
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
