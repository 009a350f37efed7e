/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options of an outer IPv4 header, RFC 791 section 3.1. Tunnels never send them; a packet that has
 * some is taken apart like one without, unless they say that it should not end here.
 */
#ifndef XTUN_OPTIONS_H
#define XTUN_OPTIONS_H

#include "packet.h"

enum { OPTIONS_MAX = IPV4_HLEN_MAX - IPV4_HLEN };

struct options_walk {
	__u8 bytes[OPTIONS_MAX];
	__u32 len;
	__u32 at;
	__u32 bad;
};

/* One option. Returns 1 at the end of the walk, as bpf_loop() wants it. */
static long options_step(__u32 i, struct options_walk *walk)
{
	__u32 at = walk->at, len;

	if (at >= walk->len || at >= OPTIONS_MAX || walk->bytes[at] == IPV4_OPT_END)
		return 1;
	if (walk->bytes[at] == IPV4_OPT_NOP) {
		walk->at = at + 1;
		return 0;
	}
	walk->bad = 1;
	if (walk->bytes[at] == IPV4_OPT_LSRR || walk->bytes[at] == IPV4_OPT_SSRR ||
	    at + 1 >= OPTIONS_MAX)
		return 1;
	len = walk->bytes[at + 1];
	if (len < 2 || at + len > walk->len)
		return 1;
	walk->bad = 0;
	walk->at = at + len;
	return 0;
}

/*
 * Check an outer header of @hlen bytes that has options: its checksum, that the list is whole, and
 * that there is no source route (the kernel drops those unless accept_source_route is set). Returns
 * 0 or a refusal. The loop is a helper's because the verifier would walk one of ours step by step.
 */
__noinline int options_check(ctx_t *ctx, __u32 hlen)
{
	struct options_walk walk = {};
	__u32 len = (hlen - IPV4_HLEN - 1) & 0x3f; /* for the verifier: 0..63 */
	void *head;
	__s64 sum;

	if (len >= OPTIONS_MAX ||
	    ctx_load_bytes(ctx, WIRE_ETH_HLEN + IPV4_HLEN, walk.bytes, len + 1))
		return REFUSE(outer_length);
	walk.len = len + 1;
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (!head)
		return REFUSE(outer_length);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)walk.bytes, OPTIONS_MAX, 0);
	if (checksum_fold(ipv4_sum(head + WIRE_ETH_HLEN) + (__u32)sum))
		return REFUSE(outer_checksum);
	bpf_loop(OPTIONS_MAX, options_step, &walk, 0);
	return walk.bad ? REFUSE(outer_options) : 0;
}

#endif
