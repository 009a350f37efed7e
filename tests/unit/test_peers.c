// SPDX-License-Identifier: GPL-2.0
/* Peer tables of many shapes, against a search through all prefixes; and the list behind them. */
#include <errno.h>

#include "peer_oracle.h"

static __u64 random_state;

static __u64 random64(void)
{
	/* xorshift64*, Vigna 2016 */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static number random_number(enum inner inner)
{
	number n = (number)random64() << 64;

	return (n | random64()) & number_limit(inner);
}

/* ---- shapes of tables ------------------------------------------------------------------------ */

/* Prefix number @i of a shape: any bits and a length; those behind the length do not count. */
typedef __u8 shape_fn(enum inner inner, size_t i, number *bits);

static __u8 shape_uniform(enum inner inner, size_t i, number *bits)
{
	(void)i;
	*bits = random_number(inner);
	return 1 + random64() % longest(inner);
}

/* As tables of providers are. */
static __u8 shape_usual(enum inner inner, size_t i, number *bits)
{
	(void)i;
	*bits = random_number(inner);
	return inner == INNER_IPV4 ? 12 + random64() % 21 : 29 + random64() % 36;
}

/* All in one prefix of IPv4's /16 or IPv6's /32 or /48. */
static __u8 shape_within(enum inner inner, __u8 length, number *bits)
{
	number inside = number_limit(inner) >> length;

	*bits = (number_limit(inner) / 3 & ~inside) | (random_number(inner) & inside);
	return length + 1 + random64() % (longest(inner) - length);
}

static __u8 shape_site(enum inner inner, size_t i, number *bits)
{
	(void)i;
	return shape_within(inner, inner == INNER_IPV4 ? 16 : 32, bits);
}

static __u8 shape_net(enum inner inner, size_t i, number *bits)
{
	(void)i;
	return shape_within(inner, inner == INNER_IPV4 ? 18 : 48, bits);
}

/* /0, /1, /2 ... around one address, then around another. */
static __u8 shape_nested(enum inner inner, size_t i, number *bits)
{
	static number middle;

	if (i % (longest(inner) + 1) == 0)
		middle = i ? random_number(inner) : number_limit(inner) / 3;
	*bits = middle;
	return i % (longest(inner) + 1);
}

/* Hosts from both ends of all addresses inwards. */
static __u8 shape_hosts(enum inner inner, size_t i, number *bits)
{
	*bits = i % 2 ? number_limit(inner) - i / 2 : i / 2;
	return longest(inner);
}

/* A few that are far apart, a crowd between them, and everything else to one more. */
static __u8 shape_crowd(enum inner inner, size_t i, number *bits)
{
	*bits = 0;
	if (!i)
		return 0;
	if (i % 16 == 1)
		return shape_usual(inner, i, bits);
	*bits = number_limit(inner) / 5 + random64() % 40000;
	return longest(inner) - random64() % 3;
}

/* Both ends of the address space. */
static __u8 shape_ends(enum inner inner, size_t i, number *bits)
{
	*bits = i % 2 ? number_limit(inner) : 0;
	return i < 2 ? longest(inner) : i % (longest(inner) + 1);
}

static const struct {
	const char *name;
	shape_fn *prefix;
} shapes[] = {
	{ "uniform", shape_uniform }, { "usual", shape_usual },   { "site", shape_site },
	{ "net", shape_net },         { "nested", shape_nested }, { "hosts", shape_hosts },
	{ "crowd", shape_crowd },     { "ends", shape_ends },
};

/* Few remotes, so that ranges beside each other are often of one, or one for each prefix. */
static union address remote_of(enum family outer, size_t i)
{
	__u32 host = i % 3 ? random64() % 3 + 1 : i + 1;
	union address remote = {};

	if (outer == FAMILY_IPV4) {
		remote.v4 = htonl(0x0a000000 + host);
		return remote;
	}
	remote.v6[0] = htonl(0x20010db8);
	remote.v6[1 + host % 2] = htonl(host);
	return remote;
}

/* @count prefixes, or as many as the shape has. */
static void shape_fill(struct peers *peers, size_t shape, enum inner inner, enum family outer,
		       size_t count)
{
	struct peer peer = {};
	number bits, behind;
	size_t i;
	int ret;

	for (i = 0; peers->live < count && i < 4 * count + 1000; i++) {
		peer.length = shapes[shape].prefix(inner, i, &bits);
		behind = peer.length < longest(inner) ? number_limit(inner) >> peer.length : 0;
		peer.prefix = to_address(inner, bits & ~behind);
		peer.via = remote_of(outer, i);
		ret = peers_add(peers, &peer);
		assert_true(!ret || ret == -EEXIST);
	}
}

/* ---- tables ---------------------------------------------------------------------------------- */

static struct ways ways;

static void assert_owner(struct reader *reader, const struct span *spans, size_t count, number n,
			 const char *what)
{
	const union address is = table_owner(reader, n), should = longest_match(spans, count, n);
	const union address asked = to_address(reader->inner, n);
	char texts[3][INET6_ADDRSTRLEN];

	if (!memcmp(&is, &should, sizeof(is)))
		return;
	inet_ntop(reader->inner == INNER_IPV4 ? AF_INET : AF_INET6, &asked, texts[0], 46);
	inet_ntop(AF_INET6, &is, texts[1], sizeof(texts[1]));
	inet_ntop(AF_INET6, &should, texts[2], sizeof(texts[2]));
	fail_msg("%s, %zu prefixes: %s is of %s, not %s", what, count, texts[0], texts[1],
		 texts[2]);
}

/* Every edge of every prefix and what is beside it, and some more. */
static void assert_table(struct reader *reader, const struct peers *peers, const char *what)
{
	struct span *spans = spans_of(peers, reader->inner);
	number limit = number_limit(reader->inner);
	/* Large tables take a part: the search through all prefixes is long. */
	size_t step = peers->count > 1000 ? peers->count / 400 : 1, i;

	for (i = 0; i < peers->count; i += 1 + random64() % step) {
		assert_owner(reader, spans, peers->count, spans[i].first, what);
		assert_owner(reader, spans, peers->count, spans[i].last, what);
		if (spans[i].first)
			assert_owner(reader, spans, peers->count, spans[i].first - 1, what);
		if (spans[i].last < limit)
			assert_owner(reader, spans, peers->count, spans[i].last + 1, what);
	}
	assert_owner(reader, spans, peers->count, 0, what);
	assert_owner(reader, spans, peers->count, limit, what);
	for (i = 0; i < 200; i++)
		assert_owner(reader, spans, peers->count, random_number(reader->inner), what);
	free(spans);
}

/* What was made into a table can be read from it. */
static void assert_read(const struct reader *reader, const struct peers *peers)
{
	struct peers again;
	size_t i;

	assert_int_equal(
		peers_read(reader->table, reader->lines, reader->inner, reader->outer, &again), 0);
	assert_int_equal(again.count, peers->count);
	assert_int_equal(again.live, peers->live);
	for (i = 0; i < peers->count; i++) {
		const struct peer *peer = &peers->all[i];

		assert_memory_equal(&again.all[i].prefix, &peer->prefix, sizeof(peer->prefix));
		assert_memory_equal(&again.all[i].via, &peer->via, sizeof(peer->via));
		assert_int_equal(again.all[i].length, peer->length);
		assert_ptr_equal(peers_find(&again, &peer->prefix, peer->length), &again.all[i]);
	}
	peers_free(&again);
}

static void table_check(size_t shape, enum inner inner, enum family outer, size_t count)
{
	struct reader reader = { .inner = inner, .outer = outer };
	struct peers peers = {};
	void *table;
	size_t way;

	random_state = 88172645463325252ull + count;
	shape_fill(&peers, shape, inner, outer, count);
	assert_int_equal(peers_build(&peers, inner, outer, &table, &reader.lines), 0);
	reader.table = table;
	assert_table(&reader, &peers, shapes[shape].name);
	assert_read(&reader, &peers);
	for (way = 0; way <= BUCKET_FAR; way++)
		ways.bucket[way] += reader.ways.bucket[way];
	ways.next += reader.ways.next;
	ways.levels |= reader.ways.levels;
	free(table);
	peers_free(&peers);
}

static void tables_check(enum inner inner, enum family outer)
{
	static const size_t counts[] = { 0, 1, 2, 15, 16, 17, 255, 256, 257, 5000 };
	size_t shape, i, way;

	ways = (struct ways){};
	for (shape = 0; shape < ARRAY_SIZE(shapes); shape++)
		for (i = 0; i < ARRAY_SIZE(counts); i++)
			table_check(shape, inner, outer, counts[i]);
	for (way = 0; way <= BUCKET_FAR; way++)
		assert_true(ways.bucket[way] > 100);
	assert_true(ways.next > 100);
	/* Trees of one to four levels. */
	assert_int_equal(ways.levels, 2 + 4 + 8 + 16);
}

TEST(tables_4_in_4)
{
	tables_check(INNER_IPV4, FAMILY_IPV4);
}

TEST(tables_4_in_6)
{
	tables_check(INNER_IPV4, FAMILY_IPV6);
}

TEST(tables_6_in_4)
{
	tables_check(INNER_IPV6, FAMILY_IPV4);
}

TEST(tables_6_in_6)
{
	tables_check(INNER_IPV6, FAMILY_IPV6);
}

static struct peer host_peer(__u32 host)
{
	return (struct peer){ .prefix.v6 = { htonl(0x0a000000 + host * 256) },
			      .via.v6 = { htonl(0xc0000200 + host) },
			      .length = 24 };
}

/* A small table must not pay for a large one; and none is larger than it says. */
TEST(table_sizes)
{
	static const struct {
		size_t count, most; /* bytes for each prefix, and those that any table has */
	} sizes[] = { { 0, 3000 }, { 1, 3000 }, { 1000, 150 }, { 100000, 150 } };
	struct peers peers;
	size_t i, lines, bytes;
	enum inner inner;
	void *table;

	for (inner = INNER_IPV4; inner <= INNER_IPV6; inner <<= 1)
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			peers = (struct peers){};
			random_state = 1;
			shape_fill(&peers, 1, inner, FAMILY_IPV4, sizes[i].count);
			assert_int_equal(peers_build(&peers, inner, FAMILY_IPV4, &table, &lines),
					 0);
			bytes = lines * peers_line_size(inner);
			if (bytes > (sizes[i].count > 1 ? sizes[i].count * sizes[i].most + 3000
							: sizes[i].most))
				fail_msg("%zu prefixes take %zu bytes", sizes[i].count, bytes);
			free(table);
			peers_free(&peers);
		}
}

/* Prefixes beside each other that are of one remote are one range. */
TEST(table_merges)
{
	struct peers peers = {};
	struct peer peer;
	size_t lines;
	void *table;
	__u32 i;

	for (i = 0; i < 256; i++) {
		peer = host_peer(i);
		peer.via.v4 = 1;
		assert_int_equal(peers_add(&peers, &peer), 0);
	}
	assert_int_equal(peers_build(&peers, INNER_IPV4, FAMILY_IPV4, &table, &lines), 0);
	/* Before, these, and behind. */
	assert_int_equal(((struct peers_header *)table)->levels, 1);
	assert_int_equal(((struct peer_line4 *)table)[1].last[2], ~0u);
	assert_int_equal(((struct peer_line4 *)table)[1].value[1], 1);
	free(table);
	peers_free(&peers);
}

/* Not a table, or one that was cut. */
TEST(table_broken)
{
	struct peers peers = {}, again;
	struct peers_header *header;
	size_t lines;
	void *table;

	random_state = 5;
	shape_fill(&peers, 0, INNER_IPV4, FAMILY_IPV6, 100);
	assert_int_equal(peers_build(&peers, INNER_IPV4, FAMILY_IPV6, &table, &lines), 0);
	header = table;
	assert_int_equal(peers_read(table, 0, INNER_IPV4, FAMILY_IPV6, &again), -EPROTO);
	assert_int_equal(peers_read(table, lines - 1, INNER_IPV4, FAMILY_IPV6, &again), -EPROTO);
	header->entry_count += 1000;
	assert_int_equal(peers_read(table, lines, INNER_IPV4, FAMILY_IPV6, &again), -EPROTO);
	header->entry_count -= 1000;
	header->remote_count += 1 << 20;
	assert_int_equal(peers_read(table, lines, INNER_IPV4, FAMILY_IPV6, &again), -EPROTO);
	header->remote_count -= 1 << 20;
	header->entries = lines + 1;
	assert_int_equal(peers_read(table, lines, INNER_IPV4, FAMILY_IPV6, &again), -EPROTO);
	free(table);
	peers_free(&peers);
}

/* ---- the list -------------------------------------------------------------------------------- */

static struct peer *host_find(struct peers *peers, __u32 host)
{
	struct peer peer = host_peer(host);

	return peers_find(peers, &peer.prefix, peer.length);
}

TEST(list_edits)
{
	struct peers peers = {};
	struct peer peer;
	__u32 i;

	assert_null(host_find(&peers, 0));
	peers_sort(&peers);
	/* Backwards, so that sorting has something to do. */
	for (i = 3000; i--;) {
		peer = host_peer(i);
		assert_int_equal(peers_add(&peers, &peer), 0);
		assert_int_equal(peers_add(&peers, &peer), -EEXIST);
	}
	assert_int_equal(peers.live, 3000);
	for (i = 0; i < 3000; i += 3)
		peers_delete(&peers, host_find(&peers, i));
	for (i = 0; i < 3000; i++)
		assert_int_equal(!host_find(&peers, i), i % 3 == 0);
	assert_int_equal(peers.live, 2000);
	/* Again, with another remote. */
	for (i = 0; i < 3000; i += 6) {
		peer = host_peer(i);
		peer.via.v4 = htonl(1);
		assert_int_equal(peers_add(&peers, &peer), 0);
		assert_int_equal(peers_add(&peers, &peer), -EEXIST);
		assert_int_equal(host_find(&peers, i)->via.v4, htonl(1));
	}
	assert_int_equal(peers.live, 2500);
	peers_sort(&peers);
	assert_int_equal(peers.count, 2500);
	assert_int_equal(peers.live, 2500);
	for (i = 1; i < peers.count; i++)
		assert_true(ntohl(peers.all[i - 1].prefix.v4) < ntohl(peers.all[i].prefix.v4));
	for (i = 0; i < 3000; i++) {
		struct peer *found = host_find(&peers, i);

		assert_int_equal(!found, i % 6 == 3);
		if (found)
			assert_int_equal(ntohl(found->via.v4), i % 6 ? 0xc0000200 + i : 1);
	}
	/* What is deleted is in no table. */
	for (i = 0; i < 3000; i++)
		if (host_find(&peers, i))
			peers_delete(&peers, host_find(&peers, i));
	assert_int_equal(peers.live, 0);
	peers_sort(&peers);
	assert_int_equal(peers.count, 0);
	peers_free(&peers);
	peers_free(&peers);
}

/* A prefix and another that is shorter and begins alike are two. */
TEST(list_lengths)
{
	struct peers peers = {};
	struct peer peer = { .via.v6 = { 1 } };
	int length;

	for (length = 32; length >= 0; length--) {
		peer.length = length;
		assert_int_equal(peers_add(&peers, &peer), 0);
	}
	peers_sort(&peers);
	for (length = 0; length <= 32; length++)
		assert_int_equal(peers.all[length].length, length);
	peers_free(&peers);
}

/* The table of a list with deleted ones is that of the list without. */
TEST(deleted_in_no_table)
{
	struct reader reader = { .inner = INNER_IPV4 };
	struct peers peers = {};
	struct peer peer;
	void *table;
	__u32 i;

	for (i = 0; i < 100; i++) {
		peer = host_peer(i);
		assert_int_equal(peers_add(&peers, &peer), 0);
	}
	for (i = 0; i < 100; i += 2)
		peers_delete(&peers, host_find(&peers, i));
	assert_int_equal(peers_build(&peers, INNER_IPV4, FAMILY_IPV4, &table, &reader.lines), 0);
	reader.table = table;
	for (i = 0; i < 100; i++)
		assert_int_equal(ntohl(table_value(&reader, 0x0a000000 + i * 256 + 7)),
				 i % 2 ? 0xc0000200 + i : 0);
	assert_int_equal(((struct peers_header *)table)->entry_count, 50);
	free(table);
	peers_free(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_4_in_4), cmocka_unit_test(tables_4_in_6),
		cmocka_unit_test(tables_6_in_4), cmocka_unit_test(tables_6_in_6),
		cmocka_unit_test(table_sizes),   cmocka_unit_test(table_merges),
		cmocka_unit_test(table_broken),  cmocka_unit_test(list_edits),
		cmocka_unit_test(list_lengths),  cmocka_unit_test(deleted_in_no_table),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
