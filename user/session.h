/* SPDX-License-Identifier: GPL-2.0 */
/* From a parsed command line to its effect: privileges, locking, reading, editing, applying. */
#ifndef XTUN_SESSION_H
#define XTUN_SESSION_H

#include "verbs.h"

/* Refuse without the capabilities that everything needs. Returns 0 or -EPERM with @err. */
int session_permitted(struct error *err);

/* Enter the network namespace that `ip netns` calls @name. */
int session_enter(const char *name, struct error *err);

/*
 * Carry out an edit: @verb with @args, or with @verb NULL the commands of the file @batch. All of
 * it or nothing.
 */
int session_edit(const struct verb *verb, const struct args *args, const char *batch,
		 struct error *err);

/* Carry out a verb that acts. Where xtun has nothing, there is nothing to do. */
int session_act(const struct verb *verb, struct args *args, struct error *err);

/* Carry out a show verb. */
int session_show(const struct verb *verb, struct args *args, const struct options *options,
		 struct error *err);

#endif
