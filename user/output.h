/* SPDX-License-Identifier: GPL-2.0 */
/* What the show verbs print, as text and as JSON. */
#ifndef XTUN_OUTPUT_H
#define XTUN_OUTPUT_H

#include "verbs.h"

struct json_t;

/* Print @json in one line, and free it. */
int output_json(struct json_t *json, struct error *err);

/* The tunnels of @model, or @only that one. Returns 0 or a negative errno with @err. */
int output_tunnels(const struct options *options, const struct state *state,
		   const struct model *model, const struct tunnel_entry *only, struct error *err);

/* The underlay devices, or only the one with ifindex @only (0: all). */
int output_devices(const struct options *options, const struct state *state,
		   const struct model *model, __u32 only, struct error *err);

/* Print the name of each drop reason and what it means. */
void output_drops(FILE *out);

/* The peers of all tunnels, or of @only that one, as `peer load` reads them, and what was learned. In
 * output_peers.c. */
int output_peers(const struct options *options, const struct model *model,
		 struct tunnel_entry *only, struct error *err);

/* The mirrors, or @only that one. */
int output_mirrors(const struct options *options, const struct state *state,
		   const struct model *model, const struct mirror_entry *only, struct error *err);

/* The UDP ports of FOU and GUE. */
int output_ports(const struct options *options, const struct model *model, struct error *err);

#endif
