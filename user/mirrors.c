// SPDX-License-Identifier: GPL-2.0
#include "mirrors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "counts.h"
#include "expression.h"
#include "mirror_attach.h"
#include "mirror_program.h"

static const __u32 each_direction[] = { MIRROR_INGRESS, MIRROR_EGRESS };

enum { DIRECTIONS = sizeof(each_direction) / sizeof(each_direction[0]) };

const char *mirror_directions(__u32 directions)
{
	return directions == MIRROR_INGRESS  ? "ingress"
	       : directions == MIRROR_EGRESS ? "egress"
					     : "both";
}

int mirror_filter(const char *text, struct filter *filter, struct error *err)
{
	struct sock_filter *classic;
	const char *why;
	size_t count;
	int ret;

	*filter = (struct filter){};
	if (!*text)
		return 0;
	ret = expression_compile(text, &classic, &count, err);
	if (ret) {
		error_prefix(err, "filter");
		return ret;
	}
	ret = filter_translate(classic, count, filter, &why);
	free(classic);
	if (ret == -ENOMEM)
		return refuse_kernel(err, ret, "translating the filter");
	return ret ? refuse(err, ret, "filter: it has %s, which cannot be translated to eBPF", why)
		   : 0;
}

/* The record of @entry, but for how it is attached. */
static struct mirror entry_record(const struct model *want, const struct mirror_entry *entry)
{
	struct mirror record = {
		.device = mirror_device(want, entry),
		.anchor = mirror_anchor(want, entry),
		.directions = entry->directions,
		.sample = entry->sample,
		.snaplen = entry->snaplen,
	};

	memcpy(record.name, entry->name, sizeof(record.name));
	memcpy(record.filter, entry->filter, sizeof(record.filter));
	return record;
}

static struct mirror_entry *wanted(const struct model *want, const struct mirror *record)
{
	struct mirror_entry *entry = model_mirror_find(want, record->name);
	struct mirror made;

	if (!entry)
		return NULL;
	made = entry_record(want, entry);
	made.attached = record->attached;
	return memcmp(&made, record, sizeof(made)) ? NULL : entry;
}

static int mirror_remove(struct state *state, __u32 id, const struct mirror *record,
			 struct error *err)
{
	size_t i;
	int ret;

	for (i = 0; i < DIRECTIONS; i++) {
		if (!(record->directions & each_direction[i]))
			continue;
		ret = mirror_detach(state, id, record, each_direction[i] == MIRROR_INGRESS);
		if (ret)
			return refuse_kernel(err, ret, "detaching mirror %s", record->name);
	}
	qdisc_release(state, record->device, record->attached, id);
	ret = mirrors_delete(&state->maps, id);
	return ret ? refuse_kernel(err, ret, "deleting mirror %s", record->name) : 0;
}

int mirrors_remove(struct state *state, const struct model *want, struct error *err)
{
	struct mirror_entry *entry;
	struct elements found = {};
	size_t i;
	int ret;

	ret = mirrors_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the mirrors");
	for (i = 0; i < want->mirror_count; i++)
		want->mirrors[i].id = MAX_MIRRORS;
	for (i = 0; i < found.count && !ret; i++) {
		__u32 id = ((__u32 *)found.keys)[i];
		struct mirror record;

		/* Who went before may have left it the qdisc. */
		ret = mirrors_get(&state->maps, id, &record);
		if (ret) {
			refuse_kernel(err, ret, "reading a mirror");
			break;
		}
		entry = wanted(want, &record);
		if (entry) {
			entry->id = id;
			entry->record = record;
		} else {
			ret = mirror_remove(state, id, &record, err);
		}
	}
	elements_free(&found);
	return ret;
}

/* The smallest id that no other mirror has. */
static __u32 id_free(const struct model *want)
{
	bool used[MAX_MIRRORS + 1] = {};
	__u32 id = 0;
	size_t i;

	for (i = 0; i < want->mirror_count; i++)
		used[want->mirrors[i].id] = true;
	while (used[id])
		id++;
	return id;
}

/* A copy is cut as it comes to the tunnel, which has to be a frame of the wire by then. */
static int cut_check(const struct model *want, const struct mirror_entry *entry, struct error *err)
{
	const struct tunnel_entry *tunnel = model_find(want, entry->tunnel);

	if (!entry->snaplen)
		return 0;
	if (!anchor_segments(tunnel->record.kind))
		return refuse(err, -EOPNOTSUPP,
			      "snaplen: %s has a device of kind %s, which passes on several "
			      "segments in one; make the tunnel with `anchor veth`",
			      entry->tunnel, anchor_kind_name(tunnel->record.kind - 1));
	return anchor_cut(entry->tunnel, err);
}

static int direction_settle(struct state *state, struct mirror_entry *entry, bool ingress,
			    const struct filter *filter, struct error *err)
{
	int prog, ret;

	if (mirror_attached(state, entry->id, &entry->record, ingress))
		return 0;
	prog = mirror_program_load(state, entry->id, &entry->record, ingress, filter, err);
	if (prog < 0)
		return prog;
	ret = mirror_attach(state, prog, entry->id, &entry->record, ingress, err);
	close(prog);
	return ret;
}

static int mirror_settle(struct state *state, struct model *want, struct mirror_entry *entry,
			 struct error *err)
{
	struct filter filter;
	size_t i;
	int ret;

	ret = cut_check(want, entry, err);
	ret = ret ?: mirror_filter(entry->filter, &filter, err);
	if (ret)
		return ret;
	/* Written down first: what is attached must be known when it is to be removed. */
	if (entry->id == MAX_MIRRORS) {
		entry->id = id_free(want);
		entry->record = entry_record(want, entry);
		ret = mirror_counters_clear(&state->maps, entry->id);
		ret = ret ?: mirrors_put(&state->maps, entry->id, &entry->record);
		if (ret)
			refuse_kernel(err, ret, "storing it");
	}
	for (i = 0; i < DIRECTIONS && !ret; i++)
		if (entry->directions & each_direction[i])
			ret = direction_settle(state, entry, each_direction[i] == MIRROR_INGRESS,
					       &filter, err);
	filter_free(&filter);
	return ret;
}

/* @each direction of all mirrors. */
static int mirrors_each(struct state *state,
			int (*each)(struct state *state, __u32 id, const struct mirror *mirror,
				    bool ingress, struct error *err),
			struct error *err)
{
	struct elements found = {};
	size_t i, j;
	int ret;

	ret = mirrors_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the mirrors");
	for (i = 0; i < found.count; i++) {
		const struct mirror *mirror = (struct mirror *)found.values + i;

		for (j = 0; j < DIRECTIONS && !ret; j++)
			if (mirror->directions & each_direction[j])
				ret = each(state, ((__u32 *)found.keys)[i], mirror,
					   each_direction[j] == MIRROR_INGRESS, err);
		if (ret) {
			error_prefix(err, "mirror %s", mirror->name);
			break;
		}
	}
	elements_free(&found);
	return ret;
}

static int direction_stage(struct state *state, __u32 id, const struct mirror *mirror, bool ingress,
			   struct error *err)
{
	struct filter filter;
	int prog, ret;

	ret = mirror_filter(mirror->filter, &filter, err);
	if (ret)
		return ret;
	prog = mirror_program_load(state, id, mirror, ingress, &filter, err);
	filter_free(&filter);
	if (prog < 0)
		return prog;
	ret = mirror_stage(state, prog, id, ingress);
	close(prog);
	return ret ? refuse_kernel(err, ret, "pinning its program") : 0;
}

static int direction_swap(struct state *state, __u32 id, const struct mirror *mirror, bool ingress,
			  struct error *err)
{
	int ret = mirror_swap(state, id, mirror, ingress);

	return ret ? refuse_kernel(err, ret, "putting its new program in place") : 0;
}

int mirrors_stage(struct state *state, struct error *err)
{
	return mirrors_each(state, direction_stage, err);
}

int mirrors_swap(struct state *state, struct error *err)
{
	return mirrors_each(state, direction_swap, err);
}

int mirrors_settle(struct state *state, struct model *want, struct error *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < want->mirror_count && !ret; i++) {
		ret = mirror_settle(state, want, &want->mirrors[i], err);
		if (ret)
			error_prefix(err, "mirror %s", want->mirrors[i].name);
	}
	return ret;
}
