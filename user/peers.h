/* SPDX-License-Identifier: GPL-2.0 */
/* The peers of one tunnel and one inner family, as a list that can be edited. */
#ifndef XTUN_PEERS_H
#define XTUN_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "tunnel.h"

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

#endif
