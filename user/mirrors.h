/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mirrors in the kernel: their programs, attachments and records, brought to what a model wants.
 * Steps of apply.h; functions return 0 or a negative errno with @err, and may be repeated.
 */
#ifndef XTUN_MIRRORS_H
#define XTUN_MIRRORS_H

#include "filter.h"
#include "model.h"

/* Take away the mirrors that @want does not have, or has otherwise: before their tunnels go. */
int mirrors_remove(struct state *state, const struct model *want, struct error *err);

/* Make those of @want: all tunnels have their devices by now. */
int mirrors_settle(struct state *state, struct model *want, struct error *err);

/*
 * Load the programs of all mirrors anew and pin them, for an upgrade; and put what is pinned so in
 * the place of those that run, which may be repeated.
 */
int mirrors_stage(struct state *state, struct error *err);
int mirrors_swap(struct state *state, struct error *err);

/* Compile what a user typed; empty text makes an empty filter. Refused in words. */
int mirror_filter(const char *text, struct filter *filter, struct error *err);

/* `ingress`, `egress` or `both`. */
const char *mirror_directions(__u32 directions);

/* The ifindexes that the names in @entry mean, 0: not made yet. */
__u32 mirror_device(const struct model *model, const struct mirror_entry *entry);
__u32 mirror_anchor(const struct model *model, const struct mirror_entry *entry);

#endif
