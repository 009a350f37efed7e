// SPDX-License-Identifier: GPL-2.0
#include "model.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "model_peers.h"

static int link_by_ifindex(const void *key, const void *element)
{
	__u32 one = *(const __u32 *)key, two = ((const struct link *)element)->ifindex;

	return one < two ? -1 : one > two;
}

const struct link *model_link(const struct model *model, __u32 ifindex)
{
	if (!model->link_count)
		return NULL;
	return bsearch(&ifindex, model->links, model->link_count, sizeof(*model->links),
		       link_by_ifindex);
}

const struct link *model_link_named(const struct model *model, const char *name)
{
	size_t i;

	for (i = 0; i < model->link_count; i++)
		if (!strcmp(model->links[i].name, name))
			return &model->links[i];
	return NULL;
}

const char *model_link_name(const struct model *model, __u32 ifindex, char *text)
{
	const struct link *link = model_link(model, ifindex);

	if (link)
		strcpy(text, link->name);
	else
		snprintf(text, IFNAMSIZ, "if%u", ifindex);
	return text;
}

struct tunnel_entry *model_find(const struct model *model, const char *name)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (!strcmp(model->tunnels[i].spec.name, name))
			return &model->tunnels[i];
	return NULL;
}

static int index_order(const void *a, const void *b)
{
	__u32 one = *(const __u32 *)a, two = *(const __u32 *)b;

	return one < two ? -1 : one > two;
}

bool model_owns(const struct model *model, __u32 ifindex)
{
	return model->owned_count && bsearch(&ifindex, model->owned, model->owned_count,
					     sizeof(*model->owned), index_order);
}

static int model_append(struct model *model, const struct tunnel_entry *entry, struct error *err)
{
	if (model->count == model->room) {
		size_t room = model->room ? model->room * 2 : 16;
		struct tunnel_entry *tunnels = realloc(model->tunnels, room * sizeof(*tunnels));

		if (!tunnels)
			return refuse_kernel(err, -ENOMEM, "adding a tunnel");
		model->tunnels = tunnels;
		model->room = room;
	}
	model->tunnels[model->count++] = *entry;
	return 0;
}

/* A record becomes a tunnel if its device is there, and finished. */
static int model_take(struct model *model, __u32 port, const struct tunnel *record,
		      struct error *err)
{
	struct tunnel_entry entry = { .port = port, .record = *record };
	const struct link *anchor = model_link(model, record->anchor);

	if (!anchor || !model_link(model, port) || anchor->group == ANCHOR_UNFINISHED) {
		model->leftovers = true;
		return 0;
	}
	strcpy(entry.spec.name, anchor->name);
	spec_from_record(record, &entry.spec);
	if (!entry.spec.mode)
		return refuse(err, -EPROTO,
			      "%s is of a mode that this version of xtun does not know",
			      anchor->name);
	if (record->flags & TUNNEL_OPTIONS &&
	    geneve_options_get(&model->state->maps, record->id, &entry.spec.options))
		return refuse(err, -EPROTO, "%s has lost its GENEVE options", anchor->name);
	if (entry.spec.link)
		model_link_name(model, entry.spec.link, entry.spec.dev);
	return model_append(model, &entry, err);
}

/* In the order in which they were made. */
static int entry_order(const void *a, const void *b)
{
	const struct tunnel_entry *one = a, *two = b;

	return one->record.anchor < two->record.anchor ? -1
						       : one->record.anchor > two->record.anchor;
}

static int model_read_owned(struct model *model, struct error *err)
{
	size_t i;

	model->owned = calloc(2 * model->count + 1, sizeof(*model->owned));
	if (!model->owned)
		return refuse_kernel(err, -ENOMEM, "listing the tunnels");
	for (i = 0; i < model->count; i++) {
		model->owned[model->owned_count++] = model->tunnels[i].port;
		model->owned[model->owned_count++] = model->tunnels[i].record.anchor;
	}
	qsort(model->owned, model->owned_count, sizeof(*model->owned), index_order);
	return 0;
}

static int manual_order(const void *a, const void *b)
{
	const struct device_entry *one = a, *two = b;

	return one->ifindex < two->ifindex ? -1 : one->ifindex > two->ifindex;
}

static int model_read_maps(const struct state *state, struct model *model, struct error *err)
{
	struct elements found = {};
	int ret;
	size_t i;

	ret = tunnels_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the tunnels");
	for (i = 0; i < found.count && !ret; i++)
		ret = model_take(model, ((__u32 *)found.keys)[i], (struct tunnel *)found.values + i,
				 err);
	elements_free(&found);
	if (model->count)
		qsort(model->tunnels, model->count, sizeof(*model->tunnels), entry_order);
	ret = ret ?: model_read_owned(model, err);
	if (ret)
		return ret;
	ret = devices_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the devices");
	for (i = 0; i < found.count && !ret; i++) {
		__u32 ifindex = ((__u32 *)found.keys)[i];
		const struct device *device = (struct device *)found.values + i;

		if (!model_link(model, ifindex))
			model->leftovers = true;
		else if (device->flags & DEVICE_MANUAL)
			ret = model_manual_append(model, ifindex, device, err);
	}
	elements_free(&found);
	/* The kernel hands them out in no order. */
	if (model->manual_count)
		qsort(model->manual, model->manual_count, sizeof(*model->manual), manual_order);
	ret = ret ?: model_read_ports(state, model, err);
	return ret ?: model_read_mirrors(state, model, err);
}

int model_read(const struct state *state, struct model *model, struct error *err)
{
	size_t i;
	int ret;

	*model = (struct model){ .state = state };
	ret = netlink_links(&model->links, &model->link_count);
	if (ret)
		return refuse_kernel(err, ret, "listing the devices");
	for (i = 0; i < model->link_count; i++)
		if (model->links[i].group == ANCHOR_UNFINISHED)
			model->leftovers = true;
	if (state->dir >= 0)
		ret = model_read_maps(state, model, err);
	if (ret)
		model_free(model);
	return ret;
}

static void tunnels_free(struct model *model)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		entry_peers_free(&model->tunnels[i]);
	model->count = 0;
}

void model_free(struct model *model)
{
	tunnels_free(model);
	free(model->tunnels);
	free(model->manual);
	free(model->ports);
	free(model->mirrors);
	free(model->links);
	free(model->owned);
	*model = (struct model){};
}

void model_free_like(struct model *model)
{
	tunnels_free(model);
	free(model->tunnels);
	free(model->manual);
	free(model->ports);
	free(model->mirrors);
	*model = (struct model){};
}

void model_replace(struct model *model, struct model *want)
{
	tunnels_free(model);
	free(model->tunnels);
	free(model->manual);
	free(model->ports);
	free(model->mirrors);
	model->tunnels = want->tunnels;
	model->count = want->count;
	model->room = want->room;
	model->manual = want->manual;
	model->manual_count = want->manual_count;
	model->ports = want->ports;
	model->port_count = want->port_count;
	model->mirrors = want->mirrors;
	model->mirror_count = want->mirror_count;
	*want = (struct model){};
}

/* Of peers that nothing was said of in a whole configuration there are none. */
static void adopt_peers(struct tunnel_entry *entry)
{
	struct peer_table *table;
	size_t i;

	for (i = 0; i < PEER_TABLES; i++) {
		if (!entry_has_peers(entry, i) ||
		    (entry->peers && entry->peers[i].source != PEERS_UNSAID))
			continue;
		table = entry_peers(entry, i);
		if (table)
			table->source = PEERS_MADE;
	}
}

void model_adopt(struct model *want, const struct model *now)
{
	const struct tunnel_entry *old;
	size_t i;

	for (i = 0; i < want->count; i++) {
		struct tunnel_entry *entry = &want->tunnels[i];

		old = entry->port ? NULL : model_find(now, entry->spec.name);
		if (!old ||
		    (entry->spec.anchor != ANCHOR_AUTO && entry->spec.anchor != old->record.kind))
			continue;
		entry->port = old->port;
		entry->record = old->record;
		adopt_peers(entry);
	}
}

void model_empty_like(const struct model *model, struct model *empty)
{
	*empty = (struct model){
		.state = model->state,
		.links = model->links,
		.link_count = model->link_count,
		.owned = model->owned,
		.owned_count = model->owned_count,
		.quiet = model->quiet,
		.journal = model->journal,
	};
}

/*
 * Look up `dev`. A tunnel that this configuration is still to make has no device yet; apply.c looks
 * again when it has.
 */
static int spec_find_dev(const struct model *model, struct tunnel_spec *spec, struct error *err)
{
	const struct link *link = model_link_named(model, spec->dev);
	int end = 0;

	spec->link = link ? link->ifindex : 0;
	if (!spec->dev[0] || (!link && model_find(model, spec->dev)))
		return 0;
	/* A journal may name a device that went away, as it is shown then; the tunnel stays and
	 * waits. */
	if (!link && model->quiet && sscanf(spec->dev, "if%u%n", &spec->link, &end) == 1 &&
	    !spec->dev[end])
		return 0;
	if (!link)
		return refuse(err, -ENODEV, "dev: there is no device \"%s\"", spec->dev);
	if (link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK)
		return refuse(
			err, -EOPNOTSUPP,
			"dev: %s is not an Ethernet device; xtun cannot receive tunnels on it",
			spec->dev);
	if (!(link->flags & IFF_UP) && !model->quiet)
		warn("dev: %s is down; nothing is carried until it is up", spec->dev);
	return 0;
}

/* What not every kernel can do. */
static int spec_feasible(const struct tunnel_spec *spec, struct error *err)
{
	if ((spec->fwmark || spec->flags & TUNNEL_MARK_INHERIT) && !kernel_looks_up_marks())
		return refuse(
			err, -EOPNOTSUPP,
			"fwmark: this kernel lets no program look routes up by mark; Linux 6.10 "
			"does");
	return 0;
}

/* The kernel's drivers refuse a second tunnel with the same ends and key; no packet would ever
 * reach it. */
static int spec_unique(const struct model *model, const struct tunnel_spec *spec,
		       const struct tunnel_entry *self, struct error *err)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	size_t i;

	if (spec->mode->wrap != WRAP_NONE)
		return model_port_free(model, spec, self, err);
	for (i = 0; i < model->count; i++) {
		const struct tunnel_entry *other = &model->tunnels[i];

		if (other == self || strcmp(other->spec.mode->driver, spec->mode->driver) ||
		    other->spec.ikey != spec->ikey ||
		    (other->spec.flags ^ spec->flags) & TUNNEL_IKEY ||
		    memcmp(&other->spec.local.address, &spec->local.address,
			   sizeof(spec->local.address)) ||
		    memcmp(&other->spec.remote.address, &spec->remote.address,
			   sizeof(spec->remote.address)))
			continue;
		return refuse(
			err, -EEXIST,
			"%s has local %s remote %s already; no other tunnel could receive anything",
			other->spec.name, address_text(&spec->local, local),
			address_text(&spec->remote, remote));
	}
	return 0;
}

int model_add(struct model *model, const struct tunnel_spec *spec, struct error *err)
{
	struct tunnel_entry entry = { .spec = *spec };
	const struct link *link;
	int ret;

	if (model_find(model, spec->name))
		return refuse(
			err, -EEXIST,
			"there is a tunnel %s already; use `tunnel change` or `tunnel replace`",
			spec->name);
	link = model_link_named(model, spec->name);
	/* Those of removed tunnels and of interrupted commands are gone before new ones are made.
	 */
	if (link && !model_owns(model, link->ifindex) && link->group != ANCHOR_UNFINISHED)
		return refuse(err, -EEXIST, "the name %s is taken by a device that is not xtun's",
			      spec->name);
	ret = spec_feasible(&entry.spec, err);
	ret = ret ?: spec_find_dev(model, &entry.spec, err);
	ret = ret ?: spec_unique(model, &entry.spec, NULL, err);
	return ret ?: model_append(model, &entry, err);
}

/* The tunnel that @entry runs inside, NULL: none. */
static struct tunnel_entry *entry_under(const struct model *model, const struct tunnel_entry *entry)
{
	/* Most run on a device that is there and not ours: no need to look through all names. */
	if (!entry->spec.dev[0] || (entry->spec.link && !model_owns(model, entry->spec.link)))
		return NULL;
	return model_find(model, entry->spec.dev);
}

int model_change(struct model *model, struct tunnel_entry *old, const struct tunnel_spec *spec,
		 struct error *err)
{
	struct tunnel_entry entry = *old, *under;
	int ret;

	entry.spec = *spec;
	for (under = entry_under(model, &entry); under; under = entry_under(model, under))
		if (under == old)
			return refuse(err, -ELOOP, "dev: %s would run inside itself", spec->name);
	ret = spec_feasible(&entry.spec, err);
	ret = ret ?: spec_find_dev(model, &entry.spec, err);
	ret = ret ?: spec_unique(model, &entry.spec, old, err);
	ret = ret ?: peers_allowed(old, &entry.spec, err);
	if (!ret)
		*old = entry;
	return ret;
}

void model_remove(struct model *model, struct tunnel_entry *entry)
{
	size_t i = entry - model->tunnels;

	entry_peers_free(entry);
	memmove(entry, entry + 1, (model->count - i - 1) * sizeof(*entry));
	model->count--;
}

void model_clear(struct model *model)
{
	tunnels_free(model);
	model->manual_count = model->port_count = model->mirror_count = 0;
}

bool model_is_empty(const struct model *model)
{
	return !model->count && !model->manual_count && !model->port_count;
}

bool model_next(const struct model *model, bool *done, size_t *i)
{
	struct tunnel_entry *under;
	size_t step, at;

	for (step = 0; step < model->count; step++) {
		at = (*i + step) % model->count;
		under = done[at] ? NULL : entry_under(model, &model->tunnels[at]);
		if (done[at] || (under && !done[under - model->tunnels]))
			continue;
		done[at] = true;
		*i = at;
		return true;
	}
	return false;
}
