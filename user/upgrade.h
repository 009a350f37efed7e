/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other programs in the place of those that run, while they run: maps, links and configuration
 * stay. All programs are loaded and pinned first; then a mark says that it is decided; then each is
 * put in its place in one step of the kernel, so that every packet meets the one or the other.
 * Whoever is killed behind the mark is finished by the next command. Functions return 0 or a
 * negative errno with @err, and run under the lock.
 */
#ifndef XTUN_UPGRADE_H
#define XTUN_UPGRADE_H

#include "args.h"
#include "loader.h"

/* `xtun upgrade`: the programs of this binary. */
int upgrade_run(struct state *state, struct args *args, struct error *err);

/* Finish what a killed command has decided on, or forget what it only prepared. */
int upgrade_recover(struct state *state, struct error *err);

#endif
