// SPDX-License-Identifier: GPL-2.0
#include "peer_image.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An address as a number: IPv4 in the lowest 32 bits. */
typedef unsigned __int128 number;

static number number_of(enum inner inner, const union address *address)
{
	number n = 0;
	size_t i;

	if (inner == INNER_IPV4)
		return ntohl(address->v4);
	for (i = 0; i < 4; i++)
		n = n << 32 | ntohl(address->v6[i]);
	return n;
}

static number number_max(enum inner inner)
{
	return inner == INNER_IPV4 ? 0xffffffffu : ~(number)0;
}

/* The last address of a prefix that begins at @first. */
static number number_last(enum inner inner, number first, __u8 length)
{
	number max = number_max(inner);

	/* A shift by all bits of a number is undefined. */
	return length ? first | max >> 1 >> (length - 1) : max;
}

/* Ranges that cover all addresses, ascending: the last address of each, and whose it is. */
struct ranges {
	number *last;
	__u32 *value;
	size_t count;
};

static void ranges_free(struct ranges *ranges)
{
	free(ranges->last);
	free(ranges->value);
}

/* The next range ends at @last. */
static void ranges_put(struct ranges *ranges, number last, __u32 value)
{
	if (ranges->count && ranges->value[ranges->count - 1] == value)
		ranges->count--;
	ranges->last[ranges->count] = last;
	ranges->value[ranges->count++] = value;
}

/* Prefixes that are open while the addresses are walked through, one inside the other. */
struct open_prefix {
	number last;
	__u32 value;
};

static int ranges_make(struct ranges *ranges, const struct peers *peers, enum inner inner,
		       const __u32 *values)
{
	struct open_prefix open[130] = { { .last = number_max(inner) } };
	number first, next = 0; /* where the next range begins */
	size_t i, depth = 1;

	ranges->last = malloc((2 * peers->count + 1) * sizeof(*ranges->last));
	ranges->value = malloc((2 * peers->count + 1) * sizeof(*ranges->value));
	if (!ranges->last || !ranges->value)
		return -ENOMEM;
	for (i = 0; i < peers->count; i++) {
		first = number_of(inner, &peers->all[i].prefix);
		for (; open[depth - 1].last < first; depth--) {
			if (open[depth - 1].last < next)
				continue;
			ranges_put(ranges, open[depth - 1].last, open[depth - 1].value);
			next = open[depth - 1].last + 1;
		}
		if (next < first)
			ranges_put(ranges, first - 1, open[depth - 1].value);
		next = first;
		open[depth++] =
			(struct open_prefix){ number_last(inner, first, peers->all[i].length),
					      values[i] };
	}
	while (depth--) {
		if (open[depth].last < next)
			continue;
		ranges_put(ranges, open[depth].last, open[depth].value);
		next = open[depth].last + 1;
		/* Behind the last address of all there is none. */
		if (open[depth].last == number_max(inner))
			break;
	}
	return 0;
}

/* Numbers for IPv6 remotes, from 1 on; each is numbered once. */
static int remotes_number(const struct peers *peers, __u32 *values, struct peers *remotes)
{
	struct peer remote = {};
	size_t i;
	int ret;

	for (i = 0; i < peers->count; i++) {
		remote.prefix = remote.via = peers->all[i].via;
		ret = peers_add(remotes, &remote);
		if (ret == -ENOMEM)
			return ret;
		values[i] = peers_find(remotes, &remote.prefix, 0) - remotes->all + 1;
	}
	return 0;
}

static int values_make(const struct peers *peers, enum family outer, __u32 *values,
		       struct peers *remotes)
{
	size_t i;

	if (outer == FAMILY_IPV6)
		return remotes_number(peers, values, remotes);
	for (i = 0; i < peers->count; i++)
		values[i] = peers->all[i].via.v4;
	return 0;
}

size_t peers_line_size(enum inner inner)
{
	return inner == INNER_IPV4 ? sizeof(struct peer_line4) : sizeof(struct peer_line6);
}

static size_t lines_of(size_t count, size_t size, enum inner inner)
{
	return (count * size + peers_line_size(inner) - 1) / peers_line_size(inner);
}

static size_t buckets_per_line(enum inner inner)
{
	return inner == INNER_IPV4 ? BUCKETS_4 : BUCKETS_6;
}

static size_t remotes_per_line(enum inner inner)
{
	return inner == INNER_IPV4 ? REMOTES_4 : REMOTES_6;
}

/* Buckets from the first range's end to the last but one's, about four to a leaf, and one for what
 * is behind. */
static void buckets_plan(struct peers_header *header, const struct ranges *ranges)
{
	size_t most = (ranges->count / PEER_FANOUT + 1) * 4;
	number span;

	header->first_high = ranges->last[0] >> 64;
	header->first_low = ranges->last[0];
	header->bucket_count = 1;
	if (ranges->count < 2)
		return;
	span = ranges->last[ranges->count - 2] - ranges->last[0];
	while (span >> header->bucket_shift >= most)
		header->bucket_shift++;
	header->bucket_count = (span >> header->bucket_shift) + 2;
}

/* Number the lines of a table; returns how many there are. */
static size_t table_plan(struct peers_header *header, const struct ranges *ranges, enum inner inner)
{
	size_t line = 1, keys = ranges->count;

	do {
		keys = (keys + PEER_FANOUT - 1) / PEER_FANOUT;
		header->level[header->levels++] = line;
		line += keys;
	} while (keys > 1);
	buckets_plan(header, ranges);
	header->buckets = line;
	line += header->bucket_count / buckets_per_line(inner) + 1;
	header->remotes = line;
	line += header->remote_count / remotes_per_line(inner) + 1;
	header->entries = line;
	return line + lines_of(header->entry_count, sizeof(struct peer_entry), inner);
}

static void *table_line(void *table, enum inner inner, size_t line)
{
	return (char *)table + line * peers_line_size(inner);
}

/* Remote number @i. */
static union address *table_remote(void *table, enum inner inner, size_t i)
{
	const struct peers_header *header = table;
	size_t per_line = remotes_per_line(inner);

	return (union address *)table_line(table, inner, header->remotes + i / per_line) +
	       i % per_line;
}

/* Key @i of the level that begins at line @line. */
static void key_put(void *table, enum inner inner, size_t line, size_t i, number key)
{
	void *node = table_line(table, inner, line + i / PEER_FANOUT);
	size_t at = i % PEER_FANOUT;

	if (inner == INNER_IPV4) {
		((struct peer_line4 *)node)->last[at] = key;
		return;
	}
	((struct peer_line6 *)node)->high[at] = key >> 64;
	((struct peer_line6 *)node)->low[at] = key;
}

static void table_keys(void *table, enum inner inner, const struct ranges *ranges)
{
	const struct peers_header *header = table;
	size_t level, i, end, step = 1, keys = ranges->count;

	for (level = 0; level < header->levels; level++, step *= PEER_FANOUT) {
		/* The keys of a level are every 16th, 256th ... of the ranges, and the last. */
		for (i = 0; i < keys; i++) {
			end = (i + 1) * step - 1;
			key_put(table, inner, header->level[level], i,
				ranges->last[end < ranges->count ? end : ranges->count - 1]);
		}
		for (; i % PEER_FANOUT; i++)
			key_put(table, inner, header->level[level], i, number_max(inner));
		keys = i / PEER_FANOUT;
	}
}

static void table_values(void *table, enum inner inner, const struct ranges *ranges)
{
	const struct peers_header *header = table;
	size_t i;

	for (i = 0; i < ranges->count; i++) {
		void *leaf = table_line(table, inner, header->level[0] + i / PEER_FANOUT);
		__u32 *values = inner == INNER_IPV4 ? ((struct peer_line4 *)leaf)->value
						    : ((struct peer_line6 *)leaf)->value;

		values[i % PEER_FANOUT] = ranges->value[i];
	}
}

static void table_buckets(void *table, enum inner inner, const struct ranges *ranges)
{
	const struct peers_header *header = table;
	size_t i, at = 0, leaf, far, per_line = buckets_per_line(inner);
	number start = ranges->last[0], end;

	for (i = 0; i < header->bucket_count; i++, start = end + 1) {
		__u32 *line = table_line(table, inner, header->buckets + i / per_line);

		end = start + (((number)1 << header->bucket_shift) - 1);
		/* The last one is behind all ranges but one, and so may be the end of the one
		 * before it. */
		if (end < start || i + 1 == header->bucket_count)
			end = number_max(inner);
		if (i + 1 == header->bucket_count)
			at = ranges->count - 1;
		leaf = at / PEER_FANOUT;
		while (at + 1 < ranges->count && ranges->last[at] < end)
			at++;
		far = at / PEER_FANOUT - leaf;
		line[i % per_line] = leaf << BUCKET_BITS | (far < BUCKET_FAR ? far : BUCKET_FAR);
		/* The first range of the next bucket. */
		if (at + 1 < ranges->count && ranges->last[at] == end)
			at++;
	}
}

static void table_lists(void *table, enum inner inner, const struct peers *peers,
			const __u32 *values, const struct peers *remotes)
{
	const struct peers_header *header = table;
	struct peer_entry *entry = table_line(table, inner, header->entries);
	size_t i;

	for (i = 0; i < remotes->count; i++)
		*table_remote(table, inner, i + 1) = remotes->all[i].via;
	for (i = 0; i < peers->count; i++, entry++) {
		entry->prefix = peers->all[i].prefix;
		entry->length = peers->all[i].length;
		entry->value = values[i];
	}
}

int peers_build(struct peers *peers, enum inner inner, enum family outer, void **table,
		size_t *lines)
{
	struct peers_header header = {};
	struct peers remotes = {};
	struct ranges ranges = {};
	__u32 *values = NULL;
	int ret;

	*table = NULL;
	peers_sort(peers);
	values = malloc((peers->count + 1) * sizeof(*values));
	ret = values ? 0 : -ENOMEM;
	ret = ret ?: values_make(peers, outer, values, &remotes);
	ret = ret ?: ranges_make(&ranges, peers, inner, values);
	if (!ret) {
		header.remote_count = remotes.count;
		header.entry_count = peers->count;
		*lines = table_plan(&header, &ranges, inner);
		*table = calloc(*lines, peers_line_size(inner));
		ret = *table ? 0 : -ENOMEM;
	}
	if (!ret) {
		memcpy(*table, &header, sizeof(header));
		table_keys(*table, inner, &ranges);
		table_values(*table, inner, &ranges);
		table_buckets(*table, inner, &ranges);
		table_lists(*table, inner, peers, values, &remotes);
	}
	ranges_free(&ranges);
	peers_free(&remotes);
	free(values);
	return ret;
}

int peers_read(const void *table, size_t lines, enum inner inner, enum family outer,
	       struct peers *peers)
{
	const struct peers_header *header = table;
	const struct peer_entry *entries;
	size_t i;

	*peers = (struct peers){};
	if (!lines || header->entries > lines || header->remotes > lines ||
	    lines_of(header->entry_count, sizeof(*entries), inner) > lines - header->entries ||
	    header->remote_count / remotes_per_line(inner) >= lines - header->remotes)
		return -EPROTO;
	entries = table_line((void *)table, inner, header->entries);
	peers->all = calloc(header->entry_count + 1, sizeof(*peers->all));
	if (!peers->all)
		return -ENOMEM;
	peers->room = header->entry_count + 1;
	for (i = 0; i < header->entry_count; i++) {
		struct peer *peer = &peers->all[peers->count++];

		peer->prefix = entries[i].prefix;
		peer->length = entries[i].length;
		if (outer == FAMILY_IPV4)
			peer->via.v4 = entries[i].value;
		else if (entries[i].value <= header->remote_count)
			peer->via = *table_remote((void *)table, inner, entries[i].value);
	}
	peers->live = peers->count;
	return 0;
}
