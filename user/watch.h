/* SPDX-License-Identifier: GPL-2.0 */
/* The underlay devices where tunnels are received. */
#ifndef XTUN_WATCH_H
#define XTUN_WATCH_H

#include "model.h"

/*
 * Attach to the devices that the tunnels of @want need, and detach from all others. Every tunnel
 * has its device by now. Returns 0 or a negative errno with @err.
 */
int watch_apply(struct state *state, const struct model *want, struct error *err);

#endif
