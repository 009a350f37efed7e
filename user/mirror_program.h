/* SPDX-License-Identifier: GPL-2.0 */
/* The program of one direction of one mirror: bpf/mirror_tc.bpf.c with the mirror's filter in it.
 */
#ifndef XTUN_MIRROR_PROGRAM_H
#define XTUN_MIRROR_PROGRAM_H

#include <stdbool.h>

#include "filter.h"
#include "loader.h"

/* Load it. @filter may be empty: every frame matches. Returns its file descriptor or a negative
 * errno with @err. */
int mirror_program_load(const struct state *state, __u32 id, const struct mirror *mirror,
			bool ingress, const struct filter *filter, struct error *err);

#endif
