/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The payloads behind one name each: every function is a switch without a default, so that a new
 * payload makes the compiler name what it still lacks.
 */
#ifndef XTUN_PAYLOAD_H
#define XTUN_PAYLOAD_H

#include "payload_ip.h"

/* Bytes between the outer IP header (or the wrap) and the inner packet. */
static __always_inline __u32 payload_hlen(enum payload payload)
{
	switch (payload) {
	case PAYLOAD_IP:
		return 0;
	case PAYLOAD_MAX:
		break;
	}
	return 0;
}

/* The IP protocol that announces it. */
static __always_inline __u8 payload_ip_protocol(enum payload payload, __u8 kind)
{
	switch (payload) {
	case PAYLOAD_IP:
		return payload_ip_proto(kind);
	case PAYLOAD_MAX:
		break;
	}
	return 0;
}

#endif
