/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IPv6 destination options, RFC 8200 section 4.6. Tunnels over IPv6 send one, the encapsulation
 * limit of RFC 2473 section 4.1.1: how many more tunnels the packet may enter.
 *
 *	| next header | length 0 | 4 | 1 | limit | PadN 1 | 1 | 0 |
 */
#ifndef XTUN_OPTIONS6_H
#define XTUN_OPTIONS6_H

#include "headers.h"

enum { OPTIONS6_MAX = 64 };

struct options6_walk {
	__u8 bytes[OPTIONS6_MAX];
	__u32 len;
	__u32 at;
	__u32 bad;
	__u32 found; /* there is a limit */
	__u32 limit;
};

/* One option. Returns 1 at the end of the walk, as bpf_loop() wants it. */
static long options6_step(__u32 i, struct options6_walk *walk)
{
	__u32 at = walk->at, len;

	if (at >= walk->len || at >= OPTIONS6_MAX)
		return 1;
	if (walk->bytes[at] == IPV6_OPT_PAD1) {
		walk->at = at + 1;
		return 0;
	}
	walk->bad = 1;
	if (at + 1 >= OPTIONS6_MAX)
		return 1;
	len = walk->bytes[at + 1] + 2;
	if (at + len > walk->len)
		return 1;
	if (walk->bytes[at] == IPV6_OPT_ENCAP_LIMIT && len == 3 && at + 2 < OPTIONS6_MAX) {
		walk->found = 1;
		walk->limit = walk->bytes[at + 2];
	} else if (walk->bytes[at] >> 6) {
		/* Whoever does not know it must discard the packet. */
		return 1;
	}
	walk->bad = 0;
	walk->at = at + len;
	return 0;
}

struct options6 {
	__u32 hlen; /* bytes of the header */
	__u8 next;  /* protocol behind it */
	__u8 bad;   /* broken, or with an option that forbids to go on */
	__u8 found; /* there is an encapsulation limit */
	__u8 limit;
};

/* Read the destination options at @at bytes from the start of the packet. Returns 0, or -1 when
 * there are more than any tunnel sends, or not all of them. */
__noinline int options6_read(ctx_t *ctx, __u32 at, struct options6 *options)
{
	struct options6_walk walk = { .at = 2 };
	const __u8 *bytes;
	__u32 len;

	if (!options)
		return -1;
	/* What every tunnel sends. */
	bytes = ctx_at(ctx, at, IPV6_LIMIT_HLEN);
	if (likely(bytes && !bytes[1] && bytes[2] == IPV6_OPT_ENCAP_LIMIT && bytes[3] == 1 &&
		   bytes[5] == IPV6_OPT_PADN && bytes[6] == 1)) {
		options->hlen = IPV6_LIMIT_HLEN;
		options->next = bytes[0];
		options->found = 1;
		options->limit = bytes[4];
		return 0;
	}
	if (ctx_load_bytes(ctx, at, walk.bytes, 8))
		return -1;
	len = (walk.bytes[1] + 1) * 8;
	if (len > OPTIONS6_MAX)
		return -1;
	/* For the verifier: 8..64. */
	if (ctx_load_bytes(ctx, at, walk.bytes, (walk.bytes[1] & 7) * 8 + 8))
		return -1;
	walk.len = len;
	bpf_loop(OPTIONS6_MAX, options6_step, &walk, 0);
	options->hlen = len;
	options->next = walk.bytes[0];
	options->bad = walk.bad;
	options->found = walk.found;
	options->limit = walk.limit;
	return 0;
}

#endif
