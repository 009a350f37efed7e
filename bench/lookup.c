// SPDX-License-Identifier: GPL-2.0
/*
 * Cost of a look-up in peer tables of several sizes, filled with random prefixes and asked for
 * random addresses, beside the kernel's LPM trie of the same content. All in one process, in maps
 * of its own that go with it.
 *
 *   lookup [PREFIXES...]      prints: family, prefixes, ns per look-up of both, and how often it
 *                             found the same; also the bytes of the table and the time to make it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lookup.skel.h"
#include "peers.h"

enum { AT_ONCE = 1 << 16, ADDRESSES = 1 << 20, RUNS = 32, MEDIAN_OF = 5 };
enum what { NOTHING, TABLE4, TABLE6, TRIE4, TRIE6 };

static void die(const char *what)
{
	perror(what);
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

static void mask(union address *address, __u8 length, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++) {
		int bits = length - 32 * (int)i;

		address->v6[i] &= htonl(bits >= 32 ? ~0u : bits <= 0 ? 0 : ~0u << (32 - bits));
	}
}

/* Random prefixes: IPv4 of /12 to /32, IPv6 of /32 to /64, as large tables have them. */
static void fill(struct peers *peers, enum inner inner, size_t count)
{
	struct peer peer = {};

	while (peers->live < count) {
		peer.prefix = random_address(inner);
		peer.length = inner == INNER_IPV4 ? 16 + random32() % 17 : 32 + random32() % 33;
		mask(&peer.prefix, peer.length, inner == INNER_IPV4 ? 1 : 4);
		peer.via.v4 = random32() | 1;
		if (peers_add(peers, &peer) == -ENOMEM)
			die("list");
	}
}

static size_t table_put(struct lookup_bpf *skel, struct peers *peers, enum inner inner)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	size_t lines, size = peers_line_size(inner);
	void *table, *into;
	__u32 zero = 0;
	int fd, outer;

	if (peers_build(peers, inner, FAMILY_IPV4, &table, &lines))
		die("table");
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lookup", sizeof(__u32), size, lines, &opts);
	if (fd < 0)
		die("map");
	into = mmap(NULL, lines * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (into == MAP_FAILED)
		die("mmap");
	memcpy(into, table, lines * size);
	munmap(into, lines * size);
	free(table);
	outer = bpf_map__fd(inner == INNER_IPV4 ? skel->maps.peers4 : skel->maps.peers6);
	if (bpf_map_update_elem(outer, &zero, &fd, BPF_ANY))
		die("map of maps");
	return lines * size;
}

static void trie_put(struct lookup_bpf *skel, const struct peers *peers, enum inner inner)
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
		if (bpf_map_update_elem(fd, &key, &peers->all[i].via, BPF_ANY))
			die("trie");
	}
}

static void trie_clear(struct lookup_bpf *skel, const struct peers *peers, enum inner inner)
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
		bpf_map_delete_elem(fd, &key);
	}
}

static double run(struct lookup_bpf *skel, enum what what, __u32 *sum)
{
	char frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = RUNS);

	skel->bss->what = what;
	skel->bss->next = skel->bss->sum = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.lookup), &opts))
		die("test run");
	*sum = skel->bss->sum;
	return (double)opts.duration / AT_ONCE;
}

static int double_order(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/* Interleaved, so that what else the machine does meets all alike. */
static void measure(struct lookup_bpf *skel, enum inner inner, double *table, double *trie)
{
	double ns[3][MEDIAN_OF];
	__u32 sums[3];
	size_t i;

	for (i = 0; i < MEDIAN_OF; i++) {
		ns[0][i] = run(skel, NOTHING, &sums[0]);
		ns[1][i] = run(skel, inner == INNER_IPV4 ? TABLE4 : TABLE6, &sums[1]);
		ns[2][i] = run(skel, inner == INNER_IPV4 ? TRIE4 : TRIE6, &sums[2]);
	}
	if (sums[1] != sums[2]) {
		fprintf(stderr, "lookup: the table's answers are not those of the trie\n");
		exit(1);
	}
	for (i = 0; i < 3; i++)
		qsort(ns[i], MEDIAN_OF, sizeof(double), double_order);
	*table = ns[1][MEDIAN_OF / 2] - ns[0][MEDIAN_OF / 2];
	*trie = ns[2][MEDIAN_OF / 2] - ns[0][MEDIAN_OF / 2];
}

static void size_run(struct lookup_bpf *skel, enum inner inner, size_t count)
{
	int fd = bpf_map__fd(skel->maps.addresses);
	union address *asked =
		mmap(NULL, ADDRESSES * sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct peers peers = {};
	double table, trie, begin;
	size_t bytes, i;

	if (asked == MAP_FAILED)
		die("mmap");
	fill(&peers, inner, count);
	/* Half of them anything, half of them inside of a prefix. */
	for (i = 0; i < ADDRESSES; i++) {
		asked[i] = random_address(inner);
		if (i % 2) {
			const struct peer *peer = &peers.all[random32() % peers.count];
			union address rest = asked[i];
			size_t word, words = inner == INNER_IPV4 ? 1 : 4;

			mask(&rest, peer->length, words);
			for (word = 0; word < words; word++)
				asked[i].v6[word] ^= rest.v6[word] ^ peer->prefix.v6[word];
		}
	}
	begin = now();
	bytes = table_put(skel, &peers, inner);
	begin = now() - begin;
	trie_put(skel, &peers, inner);
	measure(skel, inner, &table, &trie);
	printf("%s %8zu  table %6.1f ns  trie %7.1f ns  ratio %5.1f  %9zu bytes  made in %.3f s\n",
	       inner == INNER_IPV4 ? "IPv4" : "IPv6", count, table, trie, trie / table, bytes,
	       begin);
	fflush(stdout);
	trie_clear(skel, &peers, inner);
	munmap(asked, ADDRESSES * sizeof(*asked));
	peers_free(&peers);
}

int main(int argc, char **argv)
{
	static char *usual[] = { "", "1", "1000", "100000", "1000000" };
	struct lookup_bpf *skel = lookup_bpf__open_and_load();
	int i;

	if (!skel)
		die("loading");
	if (argc < 2) {
		argv = usual;
		argc = 5;
	}
	for (i = 1; i < argc; i++)
		size_run(skel, INNER_IPV4, strtoul(argv[i], NULL, 10));
	for (i = 1; i < argc; i++)
		size_run(skel, INNER_IPV6, strtoul(argv[i], NULL, 10));
	lookup_bpf__destroy(skel);
	return 0;
}
