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
	WIRE_ETH_P_MPLS = 0x8847, /* unicast, RFC 3032 */
	WIRE_ETH_P_8021Q = 0x8100,
	WIRE_ETH_P_8021AD = 0x88a8,
	WIRE_ETH_P_TEB = 0x6558,     /* an Ethernet frame inside, RFC 7637 */
	WIRE_ETH_P_ERSPAN = 0x88be,  /* versions 0 and 1, types I and II */
	WIRE_ETH_P_ERSPAN2 = 0x22eb, /* version 2, type III */
	WIRE_ETH_HLEN = 14,
	VLAN_HLEN = 4, /* a tag of IEEE 802.1Q or 802.1ad behind the addresses */
	WIRE_ETH_ZLEN = 60, /* the shortest frame, and the longest, without their checksum */
	WIRE_ETH_FRAME_LEN = 1514,
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
};

/* IP protocols */
enum {
	WIRE_IPPROTO_HOPOPTS = 0, /* IPv6 header */
	WIRE_IPPROTO_IPIP = 4,    /* RFC 2003 */
	WIRE_IPPROTO_TCP = 6,
	WIRE_IPPROTO_UDP = 17,
	WIRE_IPPROTO_IPV6 = 41,     /* RFC 4213, RFC 2473 */
	WIRE_IPPROTO_ROUTING = 43,  /* IPv6 header */
	WIRE_IPPROTO_FRAGMENT = 44, /* IPv6 header */
	WIRE_IPPROTO_GRE = 47,
	WIRE_IPPROTO_ICMPV6 = 58,
	WIRE_IPPROTO_DSTOPTS = 60, /* IPv6 header */
	WIRE_IPPROTO_MPLS = 137,   /* RFC 4023 */
	WIRE_IPPROTO_ETHERNET = 143,
	WIRE_IPPROTO_TEST = 254, /* RFC 3692 */
};

/* IPv6, RFC 8200 */
enum {
	IPV6_HLEN = 40,
	IPV6_MTU_MIN = 1280,
	IPV6_FLOWLABEL_MASK = 0xfffff,
	IPV6_OPT_PAD1 = 0,
	IPV6_OPT_PADN = 1,
	IPV6_OPT_ENCAP_LIMIT = 4, /* RFC 2473 section 4.1.1 */
	IPV6_LIMIT_HLEN = 8,      /* destination options with that one option */
};

enum { MPLS_HLEN = 4, MPLS_LABEL_SHIFT = 12 };

/* UDP, RFC 768 */
enum { UDP_HLEN = 8 };

/* GUE variant 0, draft-ietf-intarea-gue: version, control bit and length; protocol; flags */
enum {
	GUE_HLEN = 4,
	GUE_VERSION_SHIFT = 6,
	GUE_CONTROL = 0x20,
	GUE_HLEN_MASK = 0x1f, /* words of optional fields */
	GUE_PRIVATE = 0x0001, /* flag: four bytes of private flags follow */
};

/* VXLAN, RFC 7348: flags, reserved; VNI, reserved; then an Ethernet frame */
enum {
	VXLAN_HLEN = 8,
	VXLAN_VNI = 0x08000000, /* flag I: there is a VNI, and there must be */
	VXLAN_PORT = 4789,
	VXLAN_PORT_LINUX = 8472, /* of the kernel's driver, which is older than the RFC */
};

/* GENEVE, RFC 8926: version, words of options; O, C; ethertype; VNI, reserved; options */
enum {
	GENEVE_HLEN = 8,
	GENEVE_PORT = 6081,
	GENEVE_VERSION_SHIFT = 6, /* in the first byte, above the words of options */
	GENEVE_OPTIONS_MASK = 0x3f,
	GENEVE_OAM = 0x80, /* in the second: not for the tunnel's users */
	GENEVE_CRITICAL = 0x40,
	GENEVE_OPTIONS_MAX = 252, /* bytes */
	/* An option: class; type, whose high bit says that who does not know it must drop the
	 * packet; words behind these four bytes */
	GENEVE_OPTION_HLEN = 4,
	GENEVE_OPTION_CRITICAL = 0x80,
	GENEVE_OPTION_LEN_MASK = 0x1f,
};

enum { VNI_MAX = 0xffffff, VNI_SHIFT = 8 };

/* GRE, RFC 2784 and RFC 2890: flags and version, ethertype; then checksum, key, sequence number */
enum {
	GRE_HLEN = 4,
	GRE_CSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQ = 0x1000,
	GRE_VERSION = 0x0007,
	GRE_FIELD = 4, /* bytes of each optional field */
};

/* ERSPAN, draft-foschiano-erspan: the first word, then the words of versions 1 and 2 */
enum {
	ERSPAN_VERSION_SHIFT = 28,
	ERSPAN_VLAN_SHIFT = 16, /* 12 bits */
	ERSPAN_COS_SHIFT = 13,
	ERSPAN_EN_SHIFT = 11, /* version 1: what became of the tag; version 2: the frame's length */
	ERSPAN_EN_INFRAME = 3,
	ERSPAN_BSO_SHORT = 1,
	ERSPAN_BSO_OVERSIZED = 2,
	ERSPAN_TRUNCATED = 1 << 10,
	ERSPAN_SESSION = 0x3ff,
	ERSPAN_INDEX = 0xfffff,
	ERSPAN_FRAME = 1 << 15, /* P: the payload is an Ethernet frame */
	ERSPAN_TYPE = 0x7c00,   /* FT: 0 is Ethernet */
	ERSPAN_HWID_SHIFT = 4,
	ERSPAN_HWID_MAX = 63,
	ERSPAN_EGRESS = 1 << 3,
	ERSPAN_OPTIONAL = 1 << 0, /* O: a platform specific subheader follows */
	ERSPAN_HLEN1 = 8,
	ERSPAN_HLEN2 = 12,
	ERSPAN_HLEN_PLATFORM = 8,
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

/* ICMPv6, RFC 4443 */
enum {
	ICMP6_TOO_BIG = 2,
	ICMP6_ECHO_REQUEST = 128, /* below: errors */
	ICMP6_HLEN = 8,
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
