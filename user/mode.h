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
};

struct mode {
	const char *name;
	const char *aliases; /* other spellings, separated by spaces */
	const char *shown;   /* how `ip tunnel show` calls it */
	const char *help;
	enum family family;
	enum wrap wrap;
	enum payload payload;
	__u8 inner;     /* set of enum inner */
	__u32 keywords; /* set of enum given */
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
	struct typed_address local, remote;
	char dev[IFNAMSIZ]; /* empty: as the routes say */
	__u32 link;         /* ifindex of dev, once it is looked up */
	__u8 ttl;           /* 0: inherit */
	__u8 tos;
	bool tos_inherit;
	bool pmtudisc;
	enum anchor_kind anchor;
};

/* The keywords of a tunnel, behind its name. */
extern const struct keyword tunnel_keywords[];
extern const size_t tunnel_keyword_count;

/* Row @i of the modes, NULL behind the last. */
const struct mode *mode_row(size_t i);

/* What a tunnel is before any keyword. */
void spec_init(struct tunnel_spec *spec, const char *name);

/*
 * Check @spec as a whole: keywords against its mode, addresses against its family, combinations
 * that the kernel rules out. @given: keywords of this command. Returns 0 or -EINVAL with @err.
 */
int spec_check(const struct tunnel_spec *spec, __u32 given, struct error *err);

/* Bytes of outer headers, Ethernet not counted. */
__u32 spec_overhead(const struct tunnel_spec *spec);

/* Record and spec say the same; the caller knows the names that belong to the ifindexes. */
void spec_to_record(const struct tunnel_spec *spec, struct tunnel *record);
void spec_from_record(const struct tunnel *record, struct tunnel_spec *spec);

/* Write the keywords of @spec as a command line has them. */
void spec_print(const struct tunnel_spec *spec, FILE *out);

/* An address or `any`, in at least INET6_ADDRSTRLEN bytes of @text; returns @text. */
const char *address_text(const struct typed_address *address, char *text);

#endif
