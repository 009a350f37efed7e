/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checksums over whole packets: of GRE (RFC 2784 section 2.5) and of the UDP header of a wrap. The
 * packet goes through a buffer in pieces, because helpers only sum so much and only what lies in
 * one place.
 */
#ifndef XTUN_CHECKSUM_H
#define XTUN_CHECKSUM_H

#include "headers.h"
#include "maps.h"

enum { CHECKSUM_PIECE = 512, CHECKSUM_PIECES = IPV4_LEN_MAX / CHECKSUM_PIECE + 1 };

struct checksum_buffer {
	__u8 bytes[CHECKSUM_PIECE + 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct checksum_buffer);
} checksum_buffer SEC(".maps");

struct checksum_walk {
	ctx_t *ctx;
	__u32 at, end; /* from the start of the packet */
	__u32 sum;
	__u32 bad;
};

/* One piece. Returns 1 at the end of the walk, as bpf_loop() wants it. */
static long checksum_step(__u32 i, struct checksum_walk *walk)
{
	__u32 zero = 0, len = walk->end - walk->at, last;
	struct checksum_buffer *buffer;
	__s64 sum;

	buffer = bpf_map_lookup_elem(&checksum_buffer, &zero);
	if (!buffer || walk->at >= walk->end)
		return 1;
	if (len > CHECKSUM_PIECE)
		len = CHECKSUM_PIECE;
	walk->bad = 1;
	/* For the verifier: one less is 0..511, and so this is 1..512. */
	last = (len - 1) & (CHECKSUM_PIECE - 1);
	asm volatile("" : "+r"(last));
	if (ctx_load_bytes(walk->ctx, walk->at, buffer->bytes, last + 1))
		return 1;
	*(__u32 *)(buffer->bytes + last + 1) = 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)buffer->bytes, (last + 4) & 0x3fc, walk->sum);
	if (sum < 0)
		return 1;
	walk->bad = 0;
	walk->sum = sum;
	walk->at += len;
	return 0;
}

/* Bytes of which checksum_short() adds up words one by one, and in which steps. */
enum { CHECKSUM_STEP = 16, CHECKSUM_STEPS = 8, CHECKSUM_SHORT = CHECKSUM_STEP * CHECKSUM_STEPS };

/*
 * Sum the few bytes from @at to @end, which costs a fifth of what the helpers do for them. False:
 * they are more than few, or do not lie in one piece.
 */
static __noinline bool checksum_short(ctx_t *ctx, __u32 at, __u32 end, __u32 *sum)
{
	const __u32 *word = ctx_begin(ctx) + (at & 0x1ff);
	__u32 len = end - at;
	__u64 whole = *sum;

	if (len > CHECKSUM_SHORT || at > 0x1ff)
		return false;
#pragma unroll
	for (int i = 0; i < CHECKSUM_STEPS; i++) {
		if (len < CHECKSUM_STEP)
			break;
		if ((void *)(word + 4) > ctx_end(ctx))
			return false;
		whole += (__u64)word[0] + word[1] + word[2] + word[3];
		word += 4;
		len -= CHECKSUM_STEP;
	}
	if (len & 8) {
		if ((void *)(word + 2) > ctx_end(ctx))
			return false;
		whole += (__u64)word[0] + word[1];
		word += 2;
	}
	if (len & 4) {
		if ((void *)(word + 1) > ctx_end(ctx))
			return false;
		whole += *word++;
	}
	if (len & 2) {
		const __u16 *half = (const void *)word;

		if ((void *)(half + 1) > ctx_end(ctx))
			return false;
		whole += *half++;
		word = (const void *)half;
	}
	if (len & 1) {
		const __u8 *byte = (const void *)word;

		if ((void *)(byte + 1) > ctx_end(ctx))
			return false;
		/* The byte behind the last one counts as zero, RFC 1071 section 1. */
		whole += bpf_htons((__u16)*byte << 8);
	}
	*sum = checksum_add(whole, whole >> 32);
	return true;
}

/* Sum the bytes from @at to @end into @sum. Returns whether they were there. */
__noinline bool checksum_range(ctx_t *ctx, __u32 at, __u32 end, __u32 *sum)
{
	struct checksum_walk walk = { .ctx = ctx, .at = at, .end = end };

	if (!sum)
		return false;
	if (checksum_short(ctx, at, end, sum))
		return true;
	walk.sum = *sum;
	/* One piece needs no loop. */
	if (end - at <= CHECKSUM_PIECE)
		checksum_step(0, &walk);
	else
		bpf_loop(CHECKSUM_PIECES, checksum_step, &walk, 0);
	*sum = walk.sum;
	return !walk.bad;
}

/*
 * Sum of the pseudo header of the IP header at @at (RFC 768; RFC 8200 section 8.1) for @len bytes
 * of @ip_proto. False: there is no such header.
 */
__noinline bool checksum_pseudo(ctx_t *ctx, __u32 at, __u32 len, __u8 ip_proto, __u32 *sum)
{
	struct {
		__u8 addresses[32];
		__be32 len;
		__be32 proto;
	} pseudo = { .len = bpf_htonl(len), .proto = bpf_htonl(ip_proto) };
	__u8 version;

	if (!sum || ctx_load_bytes(ctx, at, &version, 1))
		return false;
	if (version >> 4 == 4 ? ctx_load_bytes(ctx, at + 12, pseudo.addresses, 8)
			      : ctx_load_bytes(ctx, at + 8, pseudo.addresses, 32))
		return false;
	*sum = bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
	return true;
}

/* What an inner packet tells about its TCP or UDP header. */
struct checksum_inner {
	__u32 l4;     /* offset of the header from the start of the packet */
	__u32 field;  /* that of its checksum */
	__u64 pseudo; /* sum of the pseudo header */
};

static __always_inline bool checksum_inner_read(ctx_t *ctx, __u32 at, __u8 kind,
						struct checksum_inner *inner)
{
	__u8 proto;

	if (kind == INNER_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, at, IPV4_HLEN);

		/* no fragment; RFC 791 section 3.1 */
		if (!ip || ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET))
			return false;
		proto = ip->protocol;
		inner->l4 = at + ip->ihl * 4;
		inner->pseudo = (__u64)ip->saddr + ip->daddr + bpf_htons(proto) +
				bpf_htons(bpf_ntohs(ip->tot_len) - ip->ihl * 4);
	} else {
		const struct ipv6hdr *ip = ctx_at(ctx, at, IPV6_HLEN);
		const __u32 *word = (const __u32 *)ip;

		if (kind != INNER_IPV6 || !ip)
			return false;
		proto = ip->nexthdr;
		inner->l4 = at + IPV6_HLEN;
		inner->pseudo = (__u64)word[2] + word[3] + word[4] + word[5] + word[6] + word[7] +
				word[8] + word[9] + ip->payload_len + bpf_htons(proto);
	}
	inner->field = inner->l4 + (proto == WIRE_IPPROTO_TCP ? 16 : 6);
	return proto == WIRE_IPPROTO_TCP || proto == WIRE_IPPROTO_UDP;
}

/*
 * Sum the bytes from @at to the end into @sum, for an inner packet at @inner_at whose own checksum
 * is still to be filled in: the last device to need it does that, and the outer checksum is made
 * for what it will be (lco_csum()). Such a packet has the sum of the pseudo header in the place of
 * its checksum, and from there to its end it will sum up to the complement of that. False: it is
 * not such a packet, and nothing was summed.
 */
__noinline bool checksum_partial(ctx_t *ctx, __u32 at, __u32 inner_at, __u8 kind, __u32 *sum)
{
	struct checksum_inner inner;
	const __u16 *field;
	__u16 unfilled;

	if (!sum || !checksum_inner_read(ctx, inner_at, kind, &inner))
		return false;
	unfilled = ~checksum_fold(inner.pseudo);
	field = ctx_at(ctx, inner.field, sizeof(*field));
	if (!field || *field != unfilled || !checksum_range(ctx, at, inner.l4, sum))
		return false;
	*sum = checksum_add(*sum, (__u16)~unfilled);
	return true;
}

/* Sum the bytes from @at to the end of the packet into @sum, as they will be on the wire. */
static __always_inline bool checksum_outer(ctx_t *ctx, __u32 at, __u32 inner_at, __u8 kind,
					   __u32 *sum)
{
	return checksum_partial(ctx, at, inner_at, kind, sum) ||
	       checksum_range(ctx, at, ctx_len(ctx), sum);
}

/*
 * Whether the bytes from @at to @end, a header with a checksum and the inner packet, sum up to zero
 * with @sum.
 */
static __always_inline bool checksum_right(ctx_t *ctx, __u32 at, const struct headers *h, __u32 sum)
{
	__u32 whole = sum;

	if (!checksum_range(ctx, at, WIRE_ETH_HLEN + h->len, &whole))
		return false;
	if (!checksum_fold(whole))
		return true;
	return checksum_partial(ctx, at, WIRE_ETH_HLEN + h->hlen, h->inside ?: h->kind, &sum) &&
	       !checksum_fold(sum);
}

#endif
