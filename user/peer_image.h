/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of peers as the tables that programs search (include/peer_table.h), and back. */
#ifndef XTUN_PEER_IMAGE_H
#define XTUN_PEER_IMAGE_H

#include "peer_table.h"
#include "peers.h"

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
