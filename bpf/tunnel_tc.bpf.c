// SPDX-License-Identifier: GPL-2.0
/* Entry points at tc. */
#include "decap.h"
#include "encap.h"

/* At the port of an anchor: egress of a single device, ingress of a pair's hidden half. */
SEC("tc")
int xtun_encap(ctx_t *ctx)
{
	return encap(ctx);
}

/* At the ingress of an underlay device. */
SEC("tc")
int xtun_decap(ctx_t *ctx)
{
	return ctx_verdict(decap(ctx));
}

/* In front of it, where XDP took headers off. */
SEC("tc")
int xtun_handoff(ctx_t *ctx)
{
	return ctx_verdict(ctx_handoff(ctx));
}

char LICENSE[] SEC("license") = "GPL";
