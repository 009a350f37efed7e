/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modes: the names that users know, as rows over the three choices of include/tunnel.h, and the
 * keywords that describe a tunnel. A mode that recombines the choices is one row in mode.c.
 */
#ifndef XTUN_MODE_H
#define XTUN_MODE_H

#include <net/if.h>
#include <stdbool.h>

#include "anchor.h"
#include "args.h"

/* Which keywords were given, or which a mode has. */
enum given {
	GIVEN_MODE = 1 << 0,
	GIVEN_LOCAL = 1 << 1,
	GIVEN_REMOTE = 1 << 2,
	GIVEN_DEV = 1 << 3,
	GIVEN_TTL = 1 << 4,
	GIVEN_TOS = 1 << 5,
	GIVEN_PMTUDISC = 1 << 6,
	GIVEN_ANCHOR = 1 << 7,
	GIVEN_IGNORE_DF = 1 << 8,
	GIVEN_FLOWLABEL = 1 << 9,
	GIVEN_ENCAPLIMIT = 1 << 10,
	GIVEN_KEY = 1 << 11,
	GIVEN_IKEY = 1 << 12,
	GIVEN_OKEY = 1 << 13,
	GIVEN_CSUM = 1 << 14,
	GIVEN_ICSUM = 1 << 15,
	GIVEN_OCSUM = 1 << 16,
	GIVEN_SEQ = 1 << 17,
	GIVEN_ISEQ = 1 << 18,
	GIVEN_OSEQ = 1 << 19,
	GIVEN_ENCAP = 1 << 20,
	GIVEN_ENCAP_SPORT = 1 << 21,
	GIVEN_ENCAP_DPORT = 1 << 22,
	GIVEN_ENCAP_CSUM = 1 << 23,
	GIVEN_ENCAP_REMCSUM = 1 << 24,
	GIVEN_EXTERNAL = 1 << 25,
	GIVEN_SOURCE_CHECK = 1 << 26,
	GIVEN_DSCP = 1 << 27,
	GIVEN_FWMARK = 1 << 28,
	GIVEN_LOCALREMOTE = 1 << 29,
	GIVEN_SITES = 1 << 30, /* no mode has it */
	GIVEN_ERSPAN_VER = 1ULL << 44,
	GIVEN_ERSPAN_INDEX = 1ULL << 45,
	GIVEN_ERSPAN_DIR = 1ULL << 46,
	GIVEN_ERSPAN_HWID = 1ULL << 47,
	GIVEN_LEARNING = 1ULL << 32,
	GIVEN_AGEING = 1ULL << 33,
	/* VXLAN and GENEVE */
	GIVEN_ID = 1ULL << 48,
	GIVEN_DSTPORT = 1ULL << 49,
	GIVEN_SRCPORT = 1ULL << 50,
	GIVEN_DF = 1ULL << 51,
	GIVEN_UDPCSUM = 1ULL << 52,
	GIVEN_UDP6_TX = 1ULL << 53,
	GIVEN_UDP6_RX = 1ULL << 54,
	GIVEN_MAXADDRESS = 1ULL << 57,
	GIVEN_OPTIONS = 1ULL << 58,
	GIVEN_NOT_VXLAN = 1ULL << 59, /* words of the kernel's driver that are refused */
	GIVEN_NOT_GENEVE = 1ULL << 60,
	GIVEN_GROUP = 1ULL << 61,
	GIVEN_EXTENSION = 1ULL << 62, /* gbp, gpe */
	GIVEN_REMCSUM = 1ULL << 63,

	/* Every mode has these. */
	GIVEN_COMMON = GIVEN_MODE | GIVEN_LOCAL | GIVEN_REMOTE | GIVEN_DEV | GIVEN_TTL | GIVEN_TOS |
		       GIVEN_ANCHOR | GIVEN_EXTERNAL | GIVEN_SOURCE_CHECK | GIVEN_FWMARK,
	GIVEN_WRAP = GIVEN_ENCAP | GIVEN_ENCAP_SPORT | GIVEN_ENCAP_DPORT | GIVEN_ENCAP_CSUM |
		     GIVEN_ENCAP_REMCSUM,
	GIVEN_OVER_IPV4 = GIVEN_PMTUDISC | GIVEN_IGNORE_DF,
	GIVEN_OVER_IPV6 = GIVEN_FLOWLABEL | GIVEN_ENCAPLIMIT | GIVEN_LOCALREMOTE,
	GIVEN_IP6TNL = GIVEN_OVER_IPV6 | GIVEN_DSCP,
	/* What carries frames has these. */
	GIVEN_FRAMES = GIVEN_LEARNING | GIVEN_AGEING,
	GIVEN_UDP = GIVEN_ID | GIVEN_DSTPORT | GIVEN_DF | GIVEN_FLOWLABEL | GIVEN_UDPCSUM |
		    GIVEN_UDP6_TX | GIVEN_UDP6_RX | GIVEN_FRAMES,
	GIVEN_VXLAN = GIVEN_UDP | GIVEN_SRCPORT | GIVEN_MAXADDRESS |
		      GIVEN_NOT_VXLAN | GIVEN_GROUP | GIVEN_EXTENSION | GIVEN_REMCSUM,
	GIVEN_GENEVE = GIVEN_UDP | GIVEN_OPTIONS | GIVEN_NOT_GENEVE,
	GIVEN_GRE = GIVEN_KEY | GIVEN_IKEY | GIVEN_OKEY | GIVEN_CSUM | GIVEN_ICSUM | GIVEN_OCSUM |
		    GIVEN_SEQ | GIVEN_ISEQ | GIVEN_OSEQ,
	GIVEN_ERSPAN = GIVEN_KEY | GIVEN_IKEY | GIVEN_OKEY | GIVEN_SEQ | GIVEN_ISEQ | GIVEN_OSEQ |
		       GIVEN_ERSPAN_VER | GIVEN_ERSPAN_INDEX | GIVEN_ERSPAN_DIR | GIVEN_ERSPAN_HWID,
};

struct mode {
	const char *name;
	const char *aliases; /* other spellings, separated by spaces */
	const char *types;   /* `ip link add type` words, and TYPE/MODE for `type TYPE mode MODE` */
	const char *shown;   /* how `ip tunnel show` calls it */
	const char *help;
	const char *driver; /* the kernel's: two tunnels of one driver cannot have equal ends */
	enum family family;
	enum wrap wrap; /* what the mode has always, WRAP_NONE where `encap` may say */
	enum payload payload;
	__u8 inner;     /* set of enum inner */
	__u16 dport;    /* of the wrap, where nobody says */
	__u64 keywords; /* set of enum given */
};

/* An address as typed: its family is checked once the mode is known. */
struct typed_address {
	int af; /* AF_INET, AF_INET6, or AF_UNSPEC for `any` */
	union address address;
};

/* One tunnel in a user's terms. */
struct tunnel_spec {
	char name[IFNAMSIZ];
	const struct mode *mode;
	const char *type; /* given by `type TYPE`: `mode` then means one of its modes; or NULL */
	struct typed_address local, remote;
	char dev[IFNAMSIZ]; /* empty: as the routes say */
	__u32 link;         /* ifindex of dev, once it is looked up */
	__u8 ttl;           /* or hop limit; 0: inherit */
	__u8 tos;           /* or traffic class */
	__u8 encap_limit;   /* with TUNNEL_ENCAP_LIMIT */
	__u32 ageing;       /* seconds */
	enum wrap wrap;
	__u32 flags;       /* enum tunnel_flags, but TUNNEL_ANCHOR_CHOSEN */
	__be32 ikey, okey; /* 0 without TUNNEL_IKEY and TUNNEL_OKEY */
	__be32 flowlabel;
	__u32 fwmark;        /* without TUNNEL_MARK_INHERIT */
	__be16 sport, dport; /* of the wrap; sport 0: of the flow */
	__u16 srcport_low, srcport_high; /* of VXLAN: range of source ports, 0: the kernel's */
	bool has_id, ttl_auto, udpcsum, udp6_zero_tx; /* as typed */
	struct geneve_options options;
	enum anchor_kind anchor;
	__u8 erspan_version, erspan_hwid;
	bool erspan_egress;
	__u32 erspan_index;
};

/* The keywords of a tunnel, behind its name. */
extern const struct keyword tunnel_keywords[];
extern const size_t tunnel_keyword_count;

/* Refuse the words of ISATAP and 6rd. */
int sites_refuse(struct error *err);

/* Row @i of the modes, NULL behind the last. */
const struct mode *mode_row(size_t i);

/* The mode that `type TYPE`, or `type TYPE mode VARIANT`, means in the words of `ip link`; NULL:
 * none. */
const struct mode *mode_of_type(const char *type, const char *variant);

/* The mode that `ip tunnel add NAME` means without `mode`: over IPv6 IPv6 in IPv6, over IPv4 what
 * the name begins with. NULL: the name says nothing. */
const struct mode *mode_of_name(const char *name, enum family family);

/* The mode whose name or other spelling is @word, NULL: none. */
const struct mode *mode_named(const char *word);

/* The row of @mode for outer packets of @family, where its name means both; else @mode. */
const struct mode *mode_over(const struct mode *mode, enum family family);

/* The mode that @record is of, NULL: none. */
const struct mode *mode_of_record(const struct tunnel *record);

/* Seconds, as the kernel's vxlan has them (FDB_AGE_DEFAULT). */
enum { AGEING_DEFAULT = 300 };

/* What a tunnel is before any keyword. */
void spec_init(struct tunnel_spec *spec, const char *name);

/* Turn to the outer family that the addresses tell, in modes that have one name for both. */
void spec_turn(struct tunnel_spec *spec);

/* What of it depends on the mode, but for the keywords in @given. */
void spec_defaults(struct tunnel_spec *spec, __u64 given);

/*
 * Check @spec as a whole: keywords against its mode, addresses against its family, combinations
 * that the kernel rules out. @given: keywords of this command. Returns 0 or -EINVAL with @err.
 */
int spec_check(const struct tunnel_spec *spec, __u64 given, struct error *err);

/* Bytes of outer headers: the outer Ethernet header is not counted, that of an inner frame is. */
__u32 spec_overhead(const struct tunnel_spec *spec);

/* AF_INET or AF_INET6: the family of outer addresses. */
int spec_af(const struct tunnel_spec *spec);

/* Whether packets must be cut to wire size before they are encapsulated. */
bool spec_segments(const struct tunnel_spec *spec);

/* Record and spec say the same; the caller knows the names that belong to the ifindexes. */
void spec_to_record(const struct tunnel_spec *spec, struct tunnel *record);
void spec_from_record(const struct tunnel *record, struct tunnel_spec *spec);

/* Write the keywords of @spec as a command line has them. */
void spec_print(const struct tunnel_spec *spec, FILE *out);

/* An address or `any`, in at least INET6_ADDRSTRLEN bytes of @text; returns @text. */
const char *address_text(const struct typed_address *address, char *text);

#endif
