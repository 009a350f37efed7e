// SPDX-License-Identifier: GPL-2.0
/* UDP ports where tunnels are received, in the model. */
#include "model.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

static int port_order(const void *a, const void *b)
{
	const struct port_entry *one = a, *two = b;

	if (one->key.family != two->key.family)
		return one->key.family < two->key.family ? -1 : 1;
	return (int)ntohs(one->key.port) - (int)ntohs(two->key.port);
}

int model_read_ports(const struct state *state, struct model *model, struct error *err)
{
	struct elements found = {};
	size_t i;
	int ret;

	ret = ports_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the UDP ports");
	model->ports = calloc(found.count + 1, sizeof(*model->ports));
	if (!model->ports)
		ret = refuse_kernel(err, -ENOMEM, "listing the UDP ports");
	/* Those of VXLAN and GENEVE follow from the tunnels. */
	for (i = 0; i < found.count && !ret; i++)
		if (((struct port *)found.values)[i].wrap < WRAP_VXLAN)
			model->ports[model->port_count++] =
				(struct port_entry){ ((struct port_key *)found.keys)[i],
						     ((struct port *)found.values)[i] };
	elements_free(&found);
	if (model->port_count)
		qsort(model->ports, model->port_count, sizeof(*model->ports), port_order);
	return ret;
}

struct port_key spec_port(const struct tunnel_spec *spec)
{
	return (struct port_key){ .port = spec->dport, .family = spec->mode->family };
}

static struct port_entry *port_find(const struct model *model, const struct port_key *key)
{
	size_t i;

	for (i = 0; i < model->port_count; i++)
		if (!memcmp(&model->ports[i].key, key, sizeof(*key)))
			return &model->ports[i];
	return NULL;
}

/* The first tunnel of those with a port of their own that receives at @key, NULL: none. */
static const struct tunnel_entry *port_tunnel(const struct model *model, const struct port_key *key,
					      const struct tunnel_entry *self)
{
	struct port_key other;
	size_t i;

	for (i = 0; i < model->count; i++) {
		if (&model->tunnels[i] == self || model->tunnels[i].spec.mode->wrap == WRAP_NONE)
			continue;
		other = spec_port(&model->tunnels[i].spec);
		if (!memcmp(&other, key, sizeof(other)))
			return &model->tunnels[i];
	}
	return NULL;
}

int model_port_free(const struct model *model, const struct tunnel_spec *spec,
		    const struct tunnel_entry *self, struct error *err)
{
	struct port_key key = spec_port(spec), port;
	const struct tunnel_entry *other;
	size_t i;

	if (port_find(model, &key))
		return refuse(err, -EADDRINUSE,
			      "dstport: %u is a port of `xtun fou add`; delete it there, or take "
			      "another",
			      ntohs(key.port));
	other = port_tunnel(model, &key, self);
	if (other && other->spec.wrap != spec->wrap)
		return refuse(err, -EADDRINUSE, "dstport: %s has %u already, for %s",
			      other->spec.name, ntohs(key.port), other->spec.mode->name);
	for (i = 0; i < model->count && other; i++) {
		other = &model->tunnels[i];
		port = spec_port(&other->spec);
		if (other == self || other->spec.wrap != spec->wrap ||
		    other->spec.ikey != spec->ikey || memcmp(&port, &key, sizeof(key)) ||
		    (spec->wrap == WRAP_GENEVE &&
		     memcmp(&other->spec.remote.address, &spec->remote.address,
			    sizeof(spec->remote.address))))
			continue;
		return refuse(err, -EEXIST, "%s has id %u at port %u already%s", other->spec.name,
			      ntohl(spec->ikey) >> VNI_SHIFT, ntohs(key.port),
			      spec->wrap == WRAP_GENEVE ? " with that remote" : "");
	}
	return 0;
}

int model_port_add(struct model *model, const struct port_entry *entry, struct error *err)
{
	const struct tunnel_entry *tunnel = port_tunnel(model, &entry->key, NULL);
	struct port_entry *ports;

	if (tunnel)
		return refuse(err, -EADDRINUSE,
			      "port %u is in use already: tunnel %s of mode %s has it",
			      ntohs(entry->key.port), tunnel->spec.name, tunnel->spec.mode->name);
	if (port_find(model, &entry->key))
		return refuse(err, -EADDRINUSE, "port %u is in use already; delete it first",
			      ntohs(entry->key.port));
	if (model->port_count == MAX_PORTS)
		return refuse(err, -ENOSPC, "there are %d ports already, and room for no more",
			      MAX_PORTS);
	ports = realloc(model->ports, (model->port_count + 1) * sizeof(*ports));
	if (!ports)
		return refuse_kernel(err, -ENOMEM, "adding a port");
	model->ports = ports;
	ports[model->port_count++] = *entry;
	qsort(ports, model->port_count, sizeof(*ports), port_order);
	return 0;
}

int model_port_del(struct model *model, const struct port_key *key, struct error *err)
{
	struct port_entry *found = port_find(model, key);

	if (!found)
		return refuse(err, -ENOENT, "there is no port %u", ntohs(key->port));
	memmove(found, found + 1, (model->ports + model->port_count - found - 1) * sizeof(*found));
	model->port_count--;
	return 0;
}
