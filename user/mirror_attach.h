/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching the programs of mirrors, in front of all others of their hook. */
#ifndef XTUN_MIRROR_ATTACH_H
#define XTUN_MIRROR_ATTACH_H

#include "loader.h"

/* Whether that of one direction of mirror @id stands. */
bool mirror_attached(struct state *state, __u32 id, const struct mirror *mirror, bool ingress);

/* Attach @prog; @mirror is stored with what was found out (its `attached`). Returns 0 or a negative
 * errno with @err. */
int mirror_attach(struct state *state, int prog, __u32 id, struct mirror *mirror, bool ingress,
		  struct error *err);

/* Pin @prog as the next of one direction of mirror @id; put that in the place of the one that runs.
 * Absent is fine. Return 0 or a negative errno. */
int mirror_stage(struct state *state, int prog, __u32 id, bool ingress);
int mirror_swap(struct state *state, __u32 id, const struct mirror *mirror, bool ingress);

/* Absent is fine. Returns 0 or a negative errno. */
int mirror_detach(struct state *state, __u32 id, const struct mirror *mirror, bool ingress);

#endif
