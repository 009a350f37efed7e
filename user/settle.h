/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices, programs and records of the tunnels, brought to what a model wants: the steps of apply.h
 * that are about one tunnel at a time. Functions return 0 or a negative errno with @err, and may be
 * repeated.
 */
#ifndef XTUN_SETTLE_H
#define XTUN_SETTLE_H

#include "model.h"

/* Delete the devices that were being made or unmade when their command ended. */
int unfinished_remove(struct error *err);

/* Take away the tunnels that @want does not have. */
int tunnels_remove(struct state *state, const struct model *want, struct error *err);

/* Make and change the tunnels of @want, each behind the one that it runs inside. New devices are
 * unfinished: whoever is killed leaves nothing that looks like a tunnel. */
int tunnels_settle(struct state *state, struct model *want, struct error *err);

/* The last step: from now on the new devices are tunnels, and programs of others are forgotten. */
int tunnels_finish(struct state *state, struct model *want, struct error *err);

#endif
