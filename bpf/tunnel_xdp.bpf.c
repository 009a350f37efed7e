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
	__u32 slot = xdp_device_slot(ctx->ingress_ifindex);
	const struct xdp_device *device = bpf_map_lookup_elem(&xdp_devices, &slot);
	__be16 eth_proto = ctx_eth_proto(ctx);
	int verdict = DIRECT_NOT;

	if (!xdp_for_us(ctx, device))
		return XDP_PASS;
	if (unlikely(device->spread.count)) {
		int cpu = spread(ctx, device, eth_proto);

		if (cpu < 0)
			return XDP_PASS;
		return frags ? bpf_redirect_map(&cpus_frags, cpu, XDP_PASS)
			     : bpf_redirect_map(&cpus, cpu, XDP_PASS);
	}
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		verdict = direct4(ctx);
	else if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		verdict = direct6(ctx);
	if (gateway_mode && (verdict == CTX_NEXT || verdict == DIRECT_NOT)) {
		verdict = gateway_flow(ctx, device->ifindex, eth_proto, false,
				       device->flags & XDP_DEVICE_PARTIAL);
		if (unlikely(verdict == READY_NOT))
			verdict = gateway(ctx, ctx->ingress_ifindex, eth_proto, false);
	}
	return verdict < 0 || verdict == DIRECT_NOT ? XDP_PASS : ctx_verdict(verdict);
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
