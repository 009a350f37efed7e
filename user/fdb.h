/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The forwarding tables of tunnels for frames, in the kernel: the peers that the user named, one
 * map for each tunnel, and what all of them have learned, in one. Functions return 0 or a negative
 * errno.
 */
#ifndef XTUN_FDB_H
#define XTUN_FDB_H

#include "tunnels.h"

/* Bits of struct peer's prefix that are the MAC. A peer for flooding has no MAC: it is told from
 * others by its remote, which stands in the place of the prefix, of which no bits count. */
enum { MAC_LENGTH = 48, FLOOD_LENGTH = 0 };

/* Make the map of a list, which nobody uses yet. */
int mac_table_make(struct peers *peers, int *fd);
/* The list that the map behind @fd was made from. */
int mac_table_read(int fd, struct peers *peers);

/* Who was learned, in no order: keys struct fdb_key, values struct fdb_entry. */
int fdb_read(const struct maps *maps, struct elements *out);
/* Forget all that tunnel @id has learned. */
int fdb_forget(const struct maps *maps, __u32 id);
/* Whole seconds since @entry was last seen. */
__u32 fdb_age(const struct fdb_entry *entry);

#endif
