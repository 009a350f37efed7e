/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IP in IP, RFC 2003, RFC 4213 and RFC 2473, and MPLS in IP, RFC 4023: the inner packet follows the
 * outer header at once.
 *
 *	| outer IP, protocol 4, 41 or 137 | inner packet ...
 */
#ifndef XTUN_PAYLOAD_IP_H
#define XTUN_PAYLOAD_IP_H

#include "headers.h"

/* The outer header's protocol for an inner packet of @kind. */
static __always_inline __u8 payload_ip_proto(__u8 kind)
{
	if (likely(kind == INNER_IPV4))
		return WIRE_IPPROTO_IPIP;
	return kind == INNER_IPV6 ? WIRE_IPPROTO_IPV6 : WIRE_IPPROTO_MPLS;
}

/* What is announced by @ip_proto, 0: not a payload of this form. */
static __always_inline __u8 payload_ip_kind(__u8 ip_proto)
{
	if (likely(ip_proto == WIRE_IPPROTO_IPIP))
		return INNER_IPV4;
	if (ip_proto == WIRE_IPPROTO_IPV6)
		return INNER_IPV6;
	return ip_proto == WIRE_IPPROTO_MPLS ? INNER_MPLS : 0;
}

#endif
