/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The peers of one tunnel and one inner family: as a list that can be edited, and as the table that
 * programs search (include/peer_table.h). Nothing here asks the kernel.
 */
#ifndef XTUN_PEERS_H
#define XTUN_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "peer_table.h"

struct peer {
	union address prefix;
	union address via; /* all zero: deleted, and skipped by whoever walks the list */
	__u8 length;       /* bits of prefix */
	__u32 line;        /* of the file that it is from */
};

/* A list, with an index over its prefixes once somebody asks for one. All zero is an empty list. */
struct peers {
	struct peer *all;
	size_t count, room; /* deleted ones included */
	size_t live;
	__u32 *index;
	size_t slots; /* 0: no index */
};

void peers_free(struct peers *peers);

/* The peer that has just this prefix, NULL: none, or no memory to look. */
struct peer *peers_find(struct peers *peers, const union address *prefix, __u8 length);

/* Add one. Returns 0, -EEXIST or -ENOMEM. */
int peers_add(struct peers *peers, const struct peer *peer);

/* Add one without a look at the others. Returns 0 or -ENOMEM. */
int peers_append(struct peers *peers, const struct peer *peer);

/* Of a sorted list of lines, the peer on the first line whose prefix was there before; NULL: none.
 */
const struct peer *peers_duplicate(const struct peers *peers);

void peers_delete(struct peers *peers, struct peer *peer);

/* Ascending by prefix, shorter ones first; deleted ones are gone. Pointers into the list change. */
void peers_sort(struct peers *peers);

/* Bytes of a line of tables for @inner (INNER_IPV4 or INNER_IPV6). */
size_t peers_line_size(enum inner inner);

/*
 * Make the table of @peers, whose remotes are of family @outer. Sorts the list. Returns 0 or
 * -ENOMEM; the caller frees *@table, which has *@lines lines.
 */
int peers_build(struct peers *peers, enum inner inner, enum family outer, void **table,
		size_t *lines);

/* The list that a table of @lines lines was made from. Returns 0, -ENOMEM, or -EPROTO: it is none.
 */
int peers_read(const void *table, size_t lines, enum inner inner, enum family outer,
	       struct peers *peers);

#endif
