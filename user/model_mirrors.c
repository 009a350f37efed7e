// SPDX-License-Identifier: GPL-2.0
/* The part of the model that is about mirrors. */
#include "mirrors.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

static const struct tunnel_entry *tunnel_by_anchor(const struct model *model, __u32 anchor)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (model->tunnels[i].record.anchor == anchor)
			return &model->tunnels[i];
	return NULL;
}

/* A record becomes a mirror if both of its devices are there. */
static void mirror_take(struct model *model, __u32 id, const struct mirror *record)
{
	const struct tunnel_entry *tunnel = tunnel_by_anchor(model, record->anchor);
	const struct link *link = model_link(model, record->device);
	struct mirror_entry *entry = &model->mirrors[model->mirror_count];

	if (!link || !tunnel) {
		model->leftovers = true;
		return;
	}
	*entry = (struct mirror_entry){
		.directions = record->directions,
		.sample = record->sample,
		.snaplen = record->snaplen,
		.id = id,
		.record = *record,
	};
	memcpy(entry->name, record->name, sizeof(entry->name));
	memcpy(entry->filter, record->filter, sizeof(entry->filter));
	strcpy(entry->dev, link->name);
	strcpy(entry->tunnel, tunnel->spec.name);
	model->mirror_count++;
}

static int mirror_order(const void *a, const void *b)
{
	return strcmp(((const struct mirror_entry *)a)->name,
		      ((const struct mirror_entry *)b)->name);
}

int model_read_mirrors(const struct state *state, struct model *model, struct error *err)
{
	struct elements found = {};
	size_t i;
	int ret;

	ret = mirrors_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the mirrors");
	model->mirrors = calloc(found.count + 1, sizeof(*model->mirrors));
	if (!model->mirrors)
		ret = refuse_kernel(err, -ENOMEM, "listing the mirrors");
	for (i = 0; i < found.count && !ret; i++)
		mirror_take(model, ((__u32 *)found.keys)[i], (struct mirror *)found.values + i);
	elements_free(&found);
	if (model->mirror_count)
		qsort(model->mirrors, model->mirror_count, sizeof(*model->mirrors), mirror_order);
	return ret;
}

struct mirror_entry *model_mirror_find(const struct model *model, const char *name)
{
	size_t i;

	for (i = 0; i < model->mirror_count; i++)
		if (!strcmp(model->mirrors[i].name, name))
			return &model->mirrors[i];
	return NULL;
}

__u32 mirror_device(const struct model *model, const struct mirror_entry *entry)
{
	const struct tunnel_entry *tunnel = model_find(model, entry->dev);
	const struct link *link = model_link_named(model, entry->dev);

	if (tunnel && tunnel->port)
		return tunnel->record.anchor;
	return link ? link->ifindex : 0;
}

__u32 mirror_anchor(const struct model *model, const struct mirror_entry *entry)
{
	const struct tunnel_entry *tunnel = model_find(model, entry->tunnel);

	return tunnel && tunnel->port ? tunnel->record.anchor : 0;
}

/* The device is there, or a tunnel that is about to be made; and it has Ethernet frames. */
static int device_check(const struct model *model, const struct mirror_entry *entry,
			struct error *err)
{
	const struct link *link = model_link_named(model, entry->dev);

	if (model_find(model, entry->dev))
		return 0;
	if (!link)
		return refuse(err, -ENODEV, "dev: there is no device \"%s\"", entry->dev);
	if (link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK)
		return refuse(err, -EOPNOTSUPP, "dev: %s has no Ethernet frames to be mirrored",
			      entry->dev);
	return 0;
}

static int tunnel_check(const struct model *model, const struct mirror_entry *entry,
			struct error *err)
{
	const struct tunnel_entry *tunnel = model_find(model, entry->tunnel);
	const struct link *link = model_link_named(model, entry->dev);

	if (!tunnel)
		return refuse(err, -ENOENT, "to: there is no tunnel %s", entry->tunnel);
	if (!(tunnel->spec.mode->inner & INNER_ETHERNET))
		return refuse(err, -EOPNOTSUPP,
			      "to: %s is of mode %s, which carries no Ethernet frames",
			      entry->tunnel, tunnel->spec.mode->name);
	if (!strcmp(entry->dev, entry->tunnel) || (link && link->ifindex == tunnel->port))
		return refuse(err, -ELOOP, "dev: %s would be mirrored into itself", entry->dev);
	return 0;
}

int model_mirror_add(struct model *model, const struct mirror_entry *entry, struct error *err)
{
	struct mirror_entry *mirrors;
	struct filter filter = {};
	int ret;

	if (model_mirror_find(model, entry->name))
		return refuse(err, -EEXIST, "there is a mirror %s already; delete it first",
			      entry->name);
	if (model->mirror_count == MAX_MIRRORS)
		return refuse(err, -ENOSPC, "there are %d mirrors already, and room for no more",
			      MAX_MIRRORS);
	ret = device_check(model, entry, err);
	ret = ret ?: tunnel_check(model, entry, err);
	ret = ret ?: mirror_filter(entry->filter, &filter, err);
	if (ret)
		return ret;
	filter_free(&filter);
	mirrors = realloc(model->mirrors, (model->mirror_count + 1) * sizeof(*mirrors));
	if (!mirrors)
		return refuse_kernel(err, -ENOMEM, "adding a mirror");
	model->mirrors = mirrors;
	mirrors[model->mirror_count++] = *entry;
	qsort(mirrors, model->mirror_count, sizeof(*mirrors), mirror_order);
	return 0;
}

int model_mirror_del(struct model *model, const char *name, struct error *err)
{
	struct mirror_entry *found = model_mirror_find(model, name);

	if (!found)
		return refuse(err, -ENOENT, "there is no mirror %s", name);
	memmove(found, found + 1,
		(model->mirrors + model->mirror_count - found - 1) * sizeof(*found));
	model->mirror_count--;
	return 0;
}

int model_mirrored(const struct model *model, const struct tunnel_entry *tunnel, struct error *err)
{
	size_t i;

	for (i = 0; i < model->mirror_count; i++)
		if (!strcmp(model->mirrors[i].tunnel, tunnel->spec.name))
			return refuse(err, -EBUSY,
				      "mirror %s sends its copies into %s; delete it first",
				      model->mirrors[i].name, tunnel->spec.name);
	return 0;
}

void mirror_print(const struct mirror_entry *entry, FILE *out)
{
	word_print(entry->name, out);
	fputs(" dev ", out);
	word_print(entry->dev, out);
	fprintf(out, " %s to ", mirror_directions(entry->directions));
	word_print(entry->tunnel, out);
	if (entry->sample > 1)
		fprintf(out, " sample %u", entry->sample);
	if (entry->snaplen)
		fprintf(out, " snaplen %u", entry->snaplen);
	if (entry->filter[0])
		fprintf(out, " filter '%s'", entry->filter);
}
