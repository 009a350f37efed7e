/* SPDX-License-Identifier: GPL-2.0 */
/* Who owns an inner address: the look-up in a peer table, see include/peer_table.h. */
#ifndef XTUN_PEER_H
#define XTUN_PEER_H

#include "maps.h"
#include "peer_table.h"

/*
 * 1 if @one is less than @two, else 0. Spelled out so that no compiler makes a branch of it: which
 * way it goes is as good as random, and the verifier would follow each.
 */
static __always_inline __u64 less32(__u64 one, __u64 two)
{
	asm volatile("%0 -= %1\n\t"
		     "%0 >>= 63"
		     : "+r"(one)
		     : "r"(two));
	return one;
}

/* The borrow of a subtraction (Warren, Hacker's Delight, 2-13). */
static __always_inline __u64 less64(__u64 one, __u64 two)
{
	__u64 borrow = (~one & two) | ((~one | two) & (one - two));

	asm volatile("%0 >>= 63" : "+r"(borrow));
	return borrow;
}

/* How many of the keys of a node lie before the address; the last one never does. */
static __always_inline __u64 peer_node4(const struct peer_line4 *node, __u32 address)
{
	__u64 at = less32(node->last[7], address) << 3;

	at += less32(node->last[at + 3], address) << 2;
	at += less32(node->last[at + 1], address) << 1;
	return at + less32(node->last[at], address);
}

static __always_inline __u64 less128(const struct peer_line6 *node, __u64 at, __u64 high, __u64 low)
{
	if (unlikely(node->high[at] == high))
		return less64(node->low[at], low);
	return less64(node->high[at], high);
}

static __always_inline __u64 peer_node6(const struct peer_line6 *node, __u64 high, __u64 low)
{
	__u64 at = less128(node, 7, high, low) << 3;

	at += less128(node, at + 3, high, low) << 2;
	at += less128(node, at + 1, high, low) << 1;
	return at + less128(node, at, high, low);
}

/* The leaf of an IPv4 address, by the search tree. */
static __noinline __u32 peer_leaf4(void *table, const struct peers_header *header, __u32 address)
{
	const struct peer_line4 *line;
	__u32 key, level, node = 0;

	for (level = PEER_LEVELS; --level;) {
		if (level >= header->levels)
			continue;
		key = header->level[level] + node;
		line = bpf_map_lookup_elem(table, &key);
		if (unlikely(!line))
			return 0;
		node = node * PEER_FANOUT + peer_node4(line, address);
	}
	return node;
}

/* The value of the range that an IPv4 address (host byte order) lies in. 0: nobody's. */
static __always_inline __u32 peer_value4(void *table, __u32 host)
{
	__u32 key = 0, at, bucket;
	const struct peers_header *header;
	const struct peer_line4 *line;

	header = bpf_map_lookup_elem(table, &key);
	if (unlikely(!header))
		return 0;
	at = 0;
	if (likely(host > (__u32)header->first_low))
		at = (host - (__u32)header->first_low) >> (header->bucket_shift & 31);
	if (unlikely(at >= header->bucket_count))
		at = header->bucket_count - 1;
	key = header->buckets + at / BUCKETS_4;
	line = bpf_map_lookup_elem(table, &key);
	if (unlikely(!line))
		return 0;
	bucket = line->last[at % BUCKETS_4];
	at = bucket >> BUCKET_BITS;
	bucket &= (1 << BUCKET_BITS) - 1;
	if (unlikely(bucket == BUCKET_FAR))
		at = peer_leaf4(table, header, host);
	key = header->level[0] + at;
	line = bpf_map_lookup_elem(table, &key);
	if (unlikely(!line))
		return 0;
	if (bucket == BUCKET_NEXT && line->last[PEER_FANOUT - 1] < host) {
		key++;
		line = bpf_map_lookup_elem(table, &key);
		if (unlikely(!line))
			return 0;
	}
	return line->value[peer_node4(line, host)];
}

/* The leaf of an IPv6 address, by the search tree. */
static __noinline __u32 peer_leaf6(void *table, const struct peers_header *header, __u64 high,
				   __u64 low)
{
	const struct peer_line6 *line;
	__u32 key, level, node = 0;

	for (level = PEER_LEVELS; --level;) {
		if (level >= header->levels)
			continue;
		key = header->level[level] + node;
		line = bpf_map_lookup_elem(table, &key);
		if (unlikely(!line))
			return 0;
		node = node * PEER_FANOUT + peer_node6(line, high, low);
	}
	return node;
}

/* The bucket of an IPv6 address. */
static __always_inline __u32 peer_bucket6(const struct peers_header *header, __u64 high, __u64 low)
{
	__u32 shift = header->bucket_shift;
	__u64 at;

	if (high < header->first_high || (high == header->first_high && low <= header->first_low))
		return 0;
	high -= header->first_high + (low < header->first_low);
	low -= header->first_low;
	if (likely(shift >= 64))
		at = high >> ((shift - 64) & 63);
	else if (high >> shift)
		at = header->bucket_count;
	else
		at = shift ? high << ((64 - shift) & 63) | low >> shift : low;
	return at < header->bucket_count ? at : header->bucket_count - 1;
}

/* As peer_value4(), for an IPv6 address. */
static __always_inline __u32 peer_value6(void *table, __u64 high, __u64 low)
{
	const struct peers_header *header;
	const struct peer_line6 *line;
	__u32 key = 0, at, bucket;

	header = bpf_map_lookup_elem(table, &key);
	if (unlikely(!header))
		return 0;
	at = peer_bucket6(header, high, low);
	key = header->buckets + at / BUCKETS_6;
	line = bpf_map_lookup_elem(table, &key);
	if (unlikely(!line))
		return 0;
	bucket = ((const __u32 *)line)[at % BUCKETS_6];
	at = bucket >> BUCKET_BITS;
	bucket &= (1 << BUCKET_BITS) - 1;
	if (unlikely(bucket == BUCKET_FAR))
		at = peer_leaf6(table, header, high, low);
	key = header->level[0] + at;
	line = bpf_map_lookup_elem(table, &key);
	if (unlikely(!line))
		return 0;
	if (bucket == BUCKET_NEXT && less128(line, PEER_FANOUT - 1, high, low)) {
		key++;
		line = bpf_map_lookup_elem(table, &key);
		if (unlikely(!line))
			return 0;
	}
	return line->value[peer_node6(line, high, low)];
}

/*
 * The remote of family @outer that a @value of @table stands for: the table that it is from,
 * because another has other numbers. False: nobody.
 */
static __always_inline bool peer_remote(void *table, __u32 per_line, enum family outer, __u32 value,
					union address *remote)
{
	const struct peers_header *header;
	const union address *line;
	__u32 key = 0;

	if (!value)
		return false;
	if (outer == FAMILY_IPV4) {
		*remote = address_ipv4(value);
		return true;
	}
	header = bpf_map_lookup_elem(table, &key);
	if (!header)
		return false;
	key = header->remotes + value / per_line;
	line = bpf_map_lookup_elem(table, &key);
	if (line)
		*remote = line[value % per_line];
	return line;
}

/*
 * The remote of family @outer (enum family) that owns an inner IPv4 address (network byte order),
 * of the peers of tunnel @id. False: nobody.
 */
__noinline bool peer_find4(__u32 id, __u32 outer, __be32 address, union address *remote)
{
	void *table = bpf_map_lookup_elem(&peers4, &id);

	if (!table || !remote)
		return false;
	return peer_remote(table, REMOTES_4, outer, peer_value4(table, bpf_ntohl(address)), remote);
}

/* As peer_find4(), for an IPv6 address in two halves in host byte order. */
__noinline bool peer_find6(__u32 id, __u32 outer, __u64 high, __u64 low, union address *remote)
{
	void *table = bpf_map_lookup_elem(&peers6, &id);

	if (!table || !remote)
		return false;
	return peer_remote(table, REMOTES_6, outer, peer_value6(table, high, low), remote);
}

/* Either, for an address of @kind. */
static __always_inline bool peer_find(__u32 id, enum family outer, __u8 kind,
				      const union address *inner, union address *remote)
{
	if (kind == INNER_IPV4)
		return peer_find4(id, outer, inner->v4, remote);
	return peer_find6(id, outer, (__u64)bpf_ntohl(inner->v6[0]) << 32 | bpf_ntohl(inner->v6[1]),
			  (__u64)bpf_ntohl(inner->v6[2]) << 32 | bpf_ntohl(inner->v6[3]), remote);
}

#endif
