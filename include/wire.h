/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Constants of the wire formats, which vmlinux.h cannot carry because the kernel has them as
 * macros. Everything here is in host byte order unless its comment says otherwise.
 */
#ifndef XTUN_WIRE_H
#define XTUN_WIRE_H

enum {
	WIRE_ETH_P_IP = 0x0800,
	WIRE_ETH_P_IPV6 = 0x86dd,
	WIRE_ETH_HLEN = 14,
};

/* IPv4, RFC 791 */
enum {
	IPV4_HLEN = 20, /* without options */
	IPV4_HLEN_MAX = 60,
	IPV4_DF = 0x4000, /* in frag_off */
	IPV4_MF = 0x2000,
	IPV4_OFFSET = 0x1fff,
	IPV4_OPT_END = 0,
	IPV4_OPT_NOP = 1,
	IPV4_OPT_LSRR = 131,
	IPV4_OPT_SSRR = 137,
	IPV4_LEN_MAX = 65535,
	IPV4_MTU_MIN = 68,
	WIRE_IPPROTO_IPIP = 4, /* RFC 2003 */
};

/* ICMPv4, RFC 792 and RFC 1191 */
enum {
	ICMPV4_UNREACH = 3,
	ICMPV4_FRAG_NEEDED = 4,
	ICMPV4_HLEN = 8,
	ICMPV4_ECHO_REPLY = 0,
	ICMPV4_ECHO = 8,
	ICMPV4_TOS = 0xc0, /* internetwork control, RFC 1812 section 4.3.2.5 */
};

/* ECN field, RFC 3168 section 5: the two low bits of TOS or traffic class */
enum {
	ECN_NOT_ECT = 0,
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3,
	ECN_MASK = 3,
};

#endif
