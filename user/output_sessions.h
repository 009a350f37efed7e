/* SPDX-License-Identifier: GPL-2.0 */
/* What came of each ERSPAN session, as `xtun -s tunnel show` prints it. */
#ifndef XTUN_OUTPUT_SESSIONS_H
#define XTUN_OUTPUT_SESSIONS_H

#include <jansson.h>

#include "model.h"

/* A line for each session of the tunnel; none for tunnels of other modes. */
void sessions_text(const struct state *state, const struct tunnel_entry *entry);

/* Likewise as a list of objects; NULL for other modes. */
json_t *sessions_json(const struct state *state, const struct tunnel_entry *entry);

#endif
