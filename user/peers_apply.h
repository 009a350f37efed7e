/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How peer tables are changed, all of them or none. A new table is made and pinned before the
 * journal names its pin; the journal's appearance decides; then the pinned tables are given to
 * their tunnels, each in one step. Functions return 0 or a negative errno with @err.
 */
#ifndef XTUN_PEERS_APPLY_H
#define XTUN_PEERS_APPLY_H

#include "model_peers.h"

/* Make and pin the tables that @want has anew, and pin those of @before that would be lost. */
int peers_prepare(struct state *state, struct model *before, struct model *want, struct error *err);

/* Write how the journal calls the tables of @entry. */
void peers_journal(const struct tunnel_entry *entry, FILE *out);

/* Read that back: table @i of @entry is `keep` or the number of a pin; or what was learned is to be
 * forgotten, `forget`. */
int peers_recall(const struct model *model, struct tunnel_entry *entry, size_t i, const char *word,
		 struct error *err);

/* Give @entry, whose tunnel has @id, the tables that were made for it; the flags of a tunnel that
 * say which tables there are go to @flags. */
int peers_settle(const struct maps *maps, const struct tunnel_entry *entry, __u32 id, __u32 *flags);

/* Delete the tables that @want has no more, when nobody asks for them any longer, and what is to be
 * forgotten. */
int peers_retire(const struct maps *maps, const struct model *want);

/* Take the tables of tunnel @id away. */
int peers_remove(const struct maps *maps, __u32 id);

/* Forget the pins: the journal is gone. */
void peers_finish(struct state *state);

#endif
