// SPDX-License-Identifier: GPL-2.0
/* The model as the commands that would make it. */
#include "model.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

void port_print(const struct port_entry *entry, FILE *out)
{
	fprintf(out, "port %u", ntohs(entry->key.port));
	if (entry->port.wrap == WRAP_GUE)
		fputs(" gue", out);
	else
		fprintf(out, " ipproto %u", entry->port.ip_proto);
	if (entry->key.family == FAMILY_IPV6)
		fputs(" -6", out);
}

static void save_tunnel(const struct tunnel_spec *spec, FILE *out)
{
	/* Where a name may be called one, a tunnel of that name has to be. */
	fprintf(out, "tunnel add %s", strcmp(spec->name, "name") ? "" : "name ");
	word_print(spec->name, out);
	spec_print(spec, out);
	fputc('\n', out);
}

int model_save(const struct model *model,
	       int (*peers)(const struct model *model, struct tunnel_entry *entry, FILE *out,
			    struct error *err),
	       FILE *out, struct error *err)
{
	bool *done = calloc(model->count + 1, sizeof(*done));
	char name[IFNAMSIZ];
	int ret = 0;
	size_t i;

	if (!done)
		return refuse_kernel(err, -ENOMEM, "listing the configuration");
	if (!model_is_empty(model))
		fprintf(out, "format %d\n", SAVE_FORMAT);
	for (i = 0; i < model->manual_count; i++) {
		model_link_name(model, model->manual[i].ifindex, name);
		fprintf(out, "attach %s", strcmp(name, "dev") ? "" : "dev ");
		word_print(name, out);
		device_print(model->manual[i].flags, &model->manual[i].spread, out);
		fputc('\n', out);
	}
	for (i = 0; i < model->port_count; i++) {
		fputs("fou add ", out);
		port_print(&model->ports[i], out);
		fputc('\n', out);
	}
	for (i = 0; !ret && model_next(model, done, &i);) {
		save_tunnel(&model->tunnels[i].spec, out);
		ret = peers(model, &model->tunnels[i], out, err);
	}
	for (i = 0; i < model->mirror_count; i++) {
		fputs("mirror add ", out);
		mirror_print(&model->mirrors[i], out);
		fputc('\n', out);
	}
	free(done);
	return ret;
}
