/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VXLAN, RFC 7348: frames in UDP, of as many networks as there are numbers (VNI).
 *
 *	| outer IP | UDP, port 4789 | flags, I set | reserved | VNI | reserved | frame ...
 *	             8                1              3          3     1
 */
#ifndef XTUN_WRAP_VXLAN_H
#define XTUN_WRAP_VXLAN_H

#include "headers.h"

/* Write the header of tunnel @t at @at bytes from the start of the packet. Returns 0 or a refusal.
 */
static __always_inline int vxlan_write(ctx_t *ctx, const struct tunnel *t, __u32 at)
{
	__be32 *vxlan = ctx_at(ctx, at, VXLAN_HLEN);

	if (unlikely(!vxlan))
		return REFUSE(push_failed);
	vxlan[0] = bpf_htonl(VXLAN_VNI);
	vxlan[1] = t->okey;
	return 0;
}

/*
 * Read the header that begins where @h ends. Like the kernel's driver (vxlan_rcv()), and unlike the
 * RFC, take nothing with a bit set whose meaning is not known: extensions change what is inside.
 * Returns 0, or -1 when it is not all there.
 */
static __always_inline int vxlan_read(ctx_t *ctx, struct headers *h)
{
	const __be32 *vxlan = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, VXLAN_HLEN);

	if (unlikely(!vxlan))
		return -1;
	if (unlikely(vxlan[0] != bpf_htonl(VXLAN_VNI) ||
		     vxlan[1] & bpf_htonl((1 << VNI_SHIFT) - 1)))
		h->refusal = REFUSE(wrap_header);
	h->key = vxlan[1] & bpf_htonl(VNI_MAX << VNI_SHIFT);
	h->hlen += VXLAN_HLEN;
	h->kind = INNER_ETHERNET;
	return 0;
}

#endif
