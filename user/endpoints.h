/* SPDX-License-Identifier: GPL-2.0 */
/* The endpoints that a configuration needs, worked out from its tunnels as a whole and brought into
 * the kernel. */
#ifndef XTUN_ENDPOINTS_H
#define XTUN_ENDPOINTS_H

#include "model.h"

/* Make the map hold just what the tunnels of @want need. Every tunnel has its port by now. 0 or a
 * negative errno. */
int endpoints_apply(const struct maps *maps, const struct model *want);

#endif
