/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The peer table of one tunnel and one inner family: which inner addresses belong to which remote.
 *
 * Prefixes are cut into ranges that do not overlap; all ranges together cover every address, and
 * each has one answer. A look-up finds the first range that ends at or behind an address. Ranges
 * lie in leaves of 16. The span of all prefixes is cut into equal buckets, about four to a leaf,
 * and each bucket knows the leaf to look into: two steps, however many prefixes there are. Where
 * prefixes crowd in few buckets, a search tree over the leaves (16 children to a node, found by
 * counting) bounds the steps: a million is five down.
 *
 * The table is made once, as an array map of lines, and replaced as a whole. Behind what programs
 * read lies the list of prefixes that it was made from.
 *
 *   line 0        struct peers_header
 *   levels n..1   the last address below each child
 *   level 0       the leaves: the last address of each range, and its value: 0 nobody, else the
 *                 remote, an IPv4 address in network byte order or the number of an IPv6 address
 *                 in `remotes`; unused keys have all bits set
 *   buckets       __u32, many to a line: the leaf of the bucket's first address, in units of
 *                 1 << BUCKET_BITS, and enum bucket
 *   remotes       union address, many to a line, from number 1 on
 *   entries       struct peer_entry, ascending by prefix and length
 *
 * The peers of a tunnel for frames have no prefixes: their table is a hash map, made and replaced
 * in the same way. Its keys are struct peer_mac, its values union address.
 */
#ifndef XTUN_PEER_TABLE_H
#define XTUN_PEER_TABLE_H

#include "tunnel.h"

enum {
	PEER_FANOUT = 16,
	PEER_LEVELS = 7, /* 16^7 ranges */
};

struct peers_header {
	__u64 first_high, first_low; /* the first range's last address: there buckets begin */
	__u32 levels;
	__u32 level[PEER_LEVELS]; /* line where each begins */
	__u32 buckets, bucket_count, bucket_shift;
	__u32 remotes, remote_count;
	__u32 entries, entry_count;
	__u32 pad;
};

/* Where the answers to a bucket's addresses are. */
enum bucket {
	BUCKET_HERE, /* in its leaf */
	BUCKET_NEXT, /* there or in the next one */
	BUCKET_FAR,  /* the search tree tells */
};

enum {
	BUCKET_BITS = 2,
	BUCKETS_4 = 32, /* to a line */
	BUCKETS_6 = 64,
	REMOTES_4 = 8, /* to a line */
	REMOTES_6 = 16,
};

/* Lines. Addresses in host byte order, so that they can be compared. */
struct peer_line4 {
	__u32 last[PEER_FANOUT];
	__u32 value[PEER_FANOUT];
};

struct peer_line6 {
	__u64 high[PEER_FANOUT], low[PEER_FANOUT];
	__u32 value[PEER_FANOUT];
};

struct peer_entry {
	union address prefix;
	__u32 value;
	__u8 length;
	__u8 pad[3];
};

/* Who gets frames that nobody is known to own (broadcast, groups, unknown MACs) has a number from 1
 * on, and the MAC zero. The word at zero in all is how many they are. */
struct peer_mac {
	__u8 mac[6];
	__u16 flood;
};
_Static_assert(sizeof(struct peer_mac) == 8, "struct peer_mac is part of the layout");

enum { FLOOD_MAX = 128 };

_Static_assert(sizeof(struct peers_header) <= sizeof(struct peer_line4), "a header is a line");
_Static_assert(sizeof(struct peer_entry) == 24, "struct peer_entry is part of the layout");

#endif
