// SPDX-License-Identifier: GPL-2.0
/* Entry points at XDP. */
#define XTUN_HOOK_XDP
#include "direct.h"
#include "gateway.h"

/*
 * The short way of decapsulation, before the stack has made anything of the packet, and in gateway
 * mode into tunnels too. All else is passed up as it came: the programs at tc do it, or know why
 * not.
 */
static __always_inline int receive(ctx_t *ctx)
{
	__be16 eth_proto = ctx_eth_proto(ctx);
	int verdict = DIRECT_NOT;

	if (!ctx_for_us(ctx))
		return XDP_PASS;
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		verdict = direct4(ctx);
	else if (eth_proto == bpf_htons(WIRE_ETH_P_IPV6))
		verdict = direct6(ctx);
	if (gateway_mode && (verdict == CTX_NEXT || verdict == DIRECT_NOT))
		verdict = gateway(ctx, ctx->ingress_ifindex, eth_proto, false);
	return verdict < 0 || verdict == DIRECT_NOT ? XDP_PASS : ctx_verdict(verdict);
}

/* On an underlay device whose driver hands over packets of one buffer, */
SEC("xdp")
int xtun_xdp(ctx_t *ctx)
{
	return receive(ctx);
}

/* and of several. */
SEC("xdp.frags")
int xtun_xdp_frags(ctx_t *ctx)
{
	return receive(ctx);
}

char LICENSE[] SEC("license") = "GPL";
