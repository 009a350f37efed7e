// SPDX-License-Identifier: GPL-2.0
/*
 * Cost of a look-up in peer tables of several sizes, filled with random prefixes and asked for
 * random addresses, beside the kernel's LPM trie of the same content. All in one process, in maps
 * of its own that go with it; the answers of both are compared.
 *
 *   lookup [-j] [PREFIXES...]
 *
 * For each family and number of prefixes: nanoseconds per look-up in the table and in the trie, and
 * per single access to a random line of the table, than which no look-up in it is cheaper; the
 * bytes of the table and the seconds that it took to make it. -j prints JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "lookup.h"
#include "tunnels.h"

/* It needs the types of the above. */
#include "lookup.skel.h"

/* A measurement asks once for each address. */
enum { RUNS = ADDRESSES / AT_ONCE, ROUNDS = 5 };

struct result {
	enum inner inner;
	size_t prefixes, bytes;
	double table_ns, touch_ns, trie_ns, seconds;
};

static void die(const char *what)
{
	fprintf(stderr, "lookup: %s: %s\n", what, strerror(errno));
	exit(1);
}

static __u32 random32(void)
{
	static __u64 state = 88172645463325252ull;

	/* xorshift64*, Vigna 2016 */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull >> 32;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static size_t words(enum inner inner)
{
	return inner == INNER_IPV4 ? 1 : 4;
}

/* A global unicast address; IPv4 from 1.0.0.0 on. */
static union address random_address(enum inner inner)
{
	union address address = {};
	size_t i;

	if (inner == INNER_IPV4) {
		address.v4 = htonl(0x01000000 + random32() % 0xdf000000u);
		return address;
	}
	for (i = 0; i < 4; i++)
		address.v6[i] = random32();
	address.v6[0] = htonl(0x20000000 | (ntohl(address.v6[0]) & 0x1fffffff));
	return address;
}

/* The first @length bits of @one, behind them those of @other. */
static union address join(enum inner inner, const union address *one, __u8 length,
			  const union address *other)
{
	union address address = {};
	size_t i;

	for (i = 0; i < words(inner); i++) {
		int bits = length - 32 * (int)i;
		__be32 mask = htonl(bits >= 32 ? ~0u : bits <= 0 ? 0 : ~0u << (32 - bits));

		address.v6[i] = (one->v6[i] & mask) | (other->v6[i] & ~mask);
	}
	return address;
}

/* Random prefixes, IPv4 of /16 to /32, IPv6 of /32 to /64, each with a remote of its own. */
static void peers_fill(struct peers *peers, enum inner inner, size_t count)
{
	static const union address zero;
	struct peer peer = {};

	while (peers->live < count) {
		union address address = random_address(inner);

		peer.length = inner == INNER_IPV4 ? 16 + random32() % 17 : 32 + random32() % 33;
		peer.prefix = join(inner, &address, peer.length, &zero);
		peer.via.v4 = random32() | 1;
		if (peers_add(peers, &peer) == -ENOMEM)
			die("listing prefixes");
	}
}

/* Half of them anything, half of them inside of a prefix. */
static void addresses_fill(struct lookup_bpf *skel, const struct peers *peers, enum inner inner)
{
	int fd = bpf_map__fd(skel->maps.addresses);
	union address *asked =
		mmap(NULL, ADDRESSES * sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	size_t i;

	if (asked == MAP_FAILED)
		die("mapping the addresses");
	for (i = 0; i < ADDRESSES; i++) {
		const struct peer *peer = &peers->all[random32() % peers->count];

		asked[i] = random_address(inner);
		if (i % 2)
			asked[i] = join(inner, &peer->prefix, peer->length, &asked[i]);
	}
	munmap(asked, ADDRESSES * sizeof(*asked));
}

static void table_put(struct lookup_bpf *skel, struct peers *peers, struct result *result)
{
	const struct maps maps = { .peers4 = bpf_map__fd(skel->maps.peers4),
				   .peers6 = bpf_map__fd(skel->maps.peers6) };
	double begin = now();
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd;

	if (peer_table_make(peers, result->inner, FAMILY_IPV4, &fd) ||
	    peer_table_put(&maps, result->inner, 0, fd))
		die("making the table");
	result->seconds = now() - begin;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		die("looking at the table");
	result->bytes = (size_t)info.max_entries * info.value_size;
	close(fd);
}

/* Put all prefixes into the trie, or take them out. */
static void trie_edit(struct lookup_bpf *skel, const struct peers *peers, enum inner inner,
		      bool put)
{
	int fd = bpf_map__fd(inner == INNER_IPV4 ? skel->maps.trie4 : skel->maps.trie6);
	struct {
		__u32 length;
		union address address;
	} key;
	size_t i;

	for (i = 0; i < peers->count; i++) {
		key.length = peers->all[i].length;
		key.address = peers->all[i].prefix;
		if (put ? bpf_map_update_elem(fd, &key, &peers->all[i].via, BPF_ANY)
			: bpf_map_delete_elem(fd, &key))
			die("editing the trie");
	}
}

/* Nanoseconds per look-up, the way to it included, and the sum of what was found. */
static double run(struct lookup_bpf *skel, enum what what, __u32 *sum)
{
	char frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = RUNS);

	skel->bss->what = what;
	skel->bss->next = skel->bss->sum = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.lookup), &opts))
		die("running the program");
	*sum = skel->bss->sum;
	return (double)opts.duration / AT_ONCE;
}

static int double_order(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), double_order);
	return values[ROUNDS / 2];
}

/* In turns, so that what else the machine does meets all alike. */
static void measure(struct lookup_bpf *skel, struct result *result)
{
	bool four = result->inner == INNER_IPV4;
	double nothing, table[ROUNDS], touch[ROUNDS], trie[ROUNDS];
	__u32 ignored, table_sum, trie_sum;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		nothing = run(skel, NOTHING, &ignored);
		table[i] = run(skel, four ? TABLE4 : TABLE6, &table_sum) - nothing;
		touch[i] = run(skel, four ? TOUCH4 : TOUCH6, &ignored) - nothing;
		trie[i] = run(skel, four ? TRIE4 : TRIE6, &trie_sum) - nothing;
		if (table_sum != trie_sum) {
			fprintf(stderr, "lookup: the table's answers are not those of the trie\n");
			exit(1);
		}
	}
	result->table_ns = median(table);
	result->touch_ns = median(touch);
	result->trie_ns = median(trie);
}

static struct result size_run(struct lookup_bpf *skel, enum inner inner, size_t count)
{
	struct result result = { .inner = inner, .prefixes = count };
	struct peers peers = {};

	peers_fill(&peers, inner, count);
	addresses_fill(skel, &peers, inner);
	table_put(skel, &peers, &result);
	trie_edit(skel, &peers, inner, true);
	measure(skel, &result);
	trie_edit(skel, &peers, inner, false);
	peers_free(&peers);
	return result;
}

static void result_print(const struct result *result, json_t *json)
{
	int family = result->inner == INNER_IPV4 ? 4 : 6;

	if (!json) {
		printf("IPv%d %8zu prefixes: table %6.1f ns, trie %7.1f ns (%.1f times), one "
		       "access "
		       "%.1f ns, %zu bytes, made in %.3f s\n",
		       family, result->prefixes, result->table_ns, result->trie_ns,
		       result->trie_ns / result->table_ns, result->touch_ns, result->bytes,
		       result->seconds);
		fflush(stdout);
		return;
	}
	json_array_append_new(
		json, json_pack("{s:i, s:I, s:f, s:f, s:f, s:I, s:f}", "family", family, "prefixes",
				(json_int_t)result->prefixes, "table_ns", result->table_ns,
				"trie_ns", result->trie_ns, "access_ns", result->touch_ns, "bytes",
				(json_int_t)result->bytes, "seconds", result->seconds));
}

static size_t size_parse(const char *word)
{
	char *end;
	unsigned long size = strtoul(word, &end, 10);

	if (*end || size < 1 || size > PREFIXES_MAX) {
		fprintf(stderr, "lookup: \"%s\" is not 1..%d prefixes\n", word, PREFIXES_MAX);
		exit(2);
	}
	return size;
}

int main(int argc, char **argv)
{
	static char *usual[] = { "1", "1000", "100000", "1000000" };
	char **sizes = usual;
	struct lookup_bpf *skel;
	json_t *json = NULL;
	int count = 4, i;
	enum inner inner;

	if (argc > 1 && !strcmp(argv[1], "-j")) {
		json = json_array();
		argc--;
		argv++;
	}
	if (argc > 1) {
		sizes = argv + 1;
		count = argc - 1;
	}
	for (i = 0; i < count; i++)
		size_parse(sizes[i]);
	skel = lookup_bpf__open_and_load();
	if (!skel)
		die("loading the program");
	for (inner = INNER_IPV4; inner <= INNER_IPV6; inner <<= 1)
		for (i = 0; i < count; i++) {
			struct result result = size_run(skel, inner, size_parse(sizes[i]));

			result_print(&result, json);
		}
	lookup_bpf__destroy(skel);
	if (json && (json_dumpf(json, stdout, JSON_INDENT(2)) || putchar('\n') == EOF))
		die("printing");
	json_decref(json);
	return 0;
}
