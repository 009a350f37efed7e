/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IP in IP, RFC 2003: the inner packet follows the outer header at once.
 *
 *	| outer IPv4, protocol 4 | inner IPv4 ...
 */
#ifndef XTUN_PAYLOAD_IP_H
#define XTUN_PAYLOAD_IP_H

#include "packet.h"

/* The outer header's protocol for an inner packet of @kind. */
static __always_inline __u8 payload_ip_proto(__u8 kind)
{
	return WIRE_IPPROTO_IPIP;
}

#endif
