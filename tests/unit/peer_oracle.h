/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peer tables from the outside: a reader that follows include/peer_table.h step by step, as
 * programs do, and the answer that it should find, by looking at every prefix.
 */
#ifndef XTUN_PEER_ORACLE_H
#define XTUN_PEER_ORACLE_H

#include <arpa/inet.h>

#include "fixture.h"
#include "peer_image.h"

typedef unsigned __int128 number;

static inline __u8 longest(enum inner inner)
{
	return inner == INNER_IPV4 ? 32 : 128;
}

static inline number number_limit(enum inner inner)
{
	return inner == INNER_IPV4 ? 0xffffffffu : ~(number)0;
}

static inline number to_number(enum inner inner, const union address *address)
{
	number n = 0;
	size_t i;

	for (i = 0; i < (inner == INNER_IPV4 ? 1 : 4); i++)
		n = n << 32 | ntohl(address->v6[i]);
	return n;
}

static inline union address to_address(enum inner inner, number n)
{
	union address address = {};
	size_t i = inner == INNER_IPV4 ? 1 : 4;

	for (; i--; n >>= 32)
		address.v6[i] = htonl(n);
	return address;
}

/* ---- the reader ------------------------------------------------------------------------------ */

/* What the look-ups came by: a test that misses a way tests less than it says. */
struct ways {
	size_t bucket[BUCKET_FAR + 1];
	size_t next; /* those of BUCKET_NEXT whose answer was in the next leaf */
	__u32 levels;
};

struct reader {
	const void *table;
	size_t lines;
	enum inner inner;
	enum family outer;
	struct ways ways;
};

static inline const void *line_at(const struct reader *reader, size_t line)
{
	assert_true(line < reader->lines);
	return (const char *)reader->table + line * peers_line_size(reader->inner);
}

static inline number key_at(const struct reader *reader, const void *line, size_t at)
{
	const struct peer_line6 *six = line;

	if (reader->inner == INNER_IPV4)
		return ((const struct peer_line4 *)line)->last[at];
	return (number)six->high[at] << 64 | six->low[at];
}

/* Four steps, as programs do it: which of 16 keys is the first that is not before @n. */
static inline size_t node_find(const struct reader *reader, const void *line, number n)
{
	size_t at = (key_at(reader, line, 7) < n) * 8;

	at += (key_at(reader, line, at + 3) < n) * 4;
	at += (key_at(reader, line, at + 1) < n) * 2;
	return at + (key_at(reader, line, at) < n);
}

static inline size_t tree_leaf(const struct reader *reader, const struct peers_header *header,
			       number n)
{
	size_t node = 0;
	__u32 level;

	for (level = header->levels; --level;)
		node = node * PEER_FANOUT +
		       node_find(reader, line_at(reader, header->level[level] + node), n);
	return node;
}

static inline __u32 bucket_at(const struct reader *reader, const struct peers_header *header,
			      number n)
{
	size_t per_line = reader->inner == INNER_IPV4 ? BUCKETS_4 : BUCKETS_6;
	number first = (number)header->first_high << 64 | header->first_low, at = 0;

	if (n > first)
		at = (n - first) >> header->bucket_shift;
	if (at >= header->bucket_count)
		at = header->bucket_count - 1;
	return ((const __u32 *)line_at(reader, header->buckets + at / per_line))[at % per_line];
}

static inline __u32 table_value(struct reader *reader, number n)
{
	const struct peers_header *header = line_at(reader, 0);
	__u32 bucket = bucket_at(reader, header, n), how = bucket & ((1 << BUCKET_BITS) - 1);
	size_t leaf = bucket >> BUCKET_BITS;
	const void *line;

	assert_in_range(how, BUCKET_HERE, BUCKET_FAR);
	reader->ways.bucket[how]++;
	reader->ways.levels |= 1 << header->levels;
	if (how == BUCKET_FAR)
		leaf = tree_leaf(reader, header, n);
	line = line_at(reader, header->level[0] + leaf);
	if (how == BUCKET_NEXT && key_at(reader, line, PEER_FANOUT - 1) < n) {
		line = line_at(reader, header->level[0] + leaf + 1);
		reader->ways.next++;
	}
	/* Whichever way led here, the address lies in this leaf. */
	assert_true(key_at(reader, line, PEER_FANOUT - 1) >= n);
	leaf = node_find(reader, line, n);
	return reader->inner == INNER_IPV4 ? ((const struct peer_line4 *)line)->value[leaf]
					   : ((const struct peer_line6 *)line)->value[leaf];
}

/* Whose @n is; all zero: nobody's. */
static inline union address table_owner(struct reader *reader, number n)
{
	size_t per_line = reader->inner == INNER_IPV4 ? REMOTES_4 : REMOTES_6;
	const struct peers_header *header = reader->table;
	__u32 value = table_value(reader, n);
	union address owner = {};

	if (reader->outer == FAMILY_IPV4)
		owner.v4 = value;
	else if (value)
		owner = ((const union address *)line_at(
			reader, header->remotes + value / per_line))[value % per_line];
	return owner;
}

/* ---- the answer ------------------------------------------------------------------------------ */

struct span {
	number first, last;
	__u8 length;
	union address via;
};

static inline struct span *spans_of(const struct peers *peers, enum inner inner)
{
	struct span *spans = calloc(peers->count + 1, sizeof(*spans));
	size_t i;

	assert_non_null(spans);
	for (i = 0; i < peers->count; i++) {
		const struct peer *peer = &peers->all[i];
		number first = to_number(inner, &peer->prefix);

		spans[i] = (struct span){ first, first, peer->length, peer->via };
		if (peer->length < longest(inner))
			spans[i].last = first + (number_limit(inner) >> peer->length);
	}
	return spans;
}

static inline union address longest_match(const struct span *spans, size_t count, number n)
{
	const struct span *best = NULL;
	size_t i;

	for (i = 0; i < count; i++)
		if (spans[i].first <= n && n <= spans[i].last &&
		    (!best || spans[i].length > best->length))
			best = &spans[i];
	return best ? best->via : (union address){};
}

#endif
