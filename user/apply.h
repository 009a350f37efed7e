/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making the kernel have a configuration, all of it or nothing.
 *
 * First the configuration is written down in the journal, as the text of `xtun save`: that is the
 * moment of decision. Then the kernel's objects are brought to it, step by step, each step harmless
 * to repeat. Whoever is killed in between leaves the journal, and the next command finishes what it
 * says. Functions return 0 or a negative errno with @err, and run under the lock.
 */
#ifndef XTUN_APPLY_H
#define XTUN_APPLY_H

#include "model.h"

/* Replace what there is, @before, by @want. When the kernel refuses a step, @before is brought
 * back. */
int apply(struct state *state, struct model *before, struct model *want, struct error *err);

/* Finish what the journal says, if there is one, and clean up leftovers. */
int recover(struct state *state, struct error *err);

#endif
