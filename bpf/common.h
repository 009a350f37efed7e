/* SPDX-License-Identifier: GPL-2.0 */
/* What every file of the data path starts from: types, helpers, the shared records. */
#ifndef XTUN_COMMON_H
#define XTUN_COMMON_H

#include "vmlinux.h"

#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tunnel.h"
#include "wire.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A constant, not zero, that is made here, and not before each branch that is not taken. */
#define rarely(x)                                                                                  \
	({                                                                                         \
		int constant;                                                                      \
		asm volatile("%0 = %1" : "=r"(constant) : "i"(x));                                 \
		__builtin_assume(constant);                                                        \
		constant;                                                                          \
	})

/*
 * Functions of the data path return a verdict of the hook (CTX_*, never negative) or a drop reason
 * as a negative number, which travels up to the one place that counts it.
 */
#define REFUSE(name) (-1 - DROP_##name)
#define REFUSED(ret) (-1 - (ret))

/* Whether an ethertype announces a VLAN tag. */
static __always_inline bool frame_tag(__be16 eth_proto)
{
	return eth_proto == bpf_htons(WIRE_ETH_P_8021Q) ||
	       eth_proto == bpf_htons(WIRE_ETH_P_8021AD);
}

/* An IPv4 address with the rest zero, which an initializer of the union alone does not promise. */
static __always_inline union address address_ipv4(__be32 v4)
{
	return (union address){ .v6 = { v4 } };
}

#endif
