// SPDX-License-Identifier: GPL-2.0
#include "endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
	struct endpoint4_key key;
	struct endpoint value;
	bool there; /* the kernel has just this */
};

/* By key, and a tunnel before a claim, and of claims that of the first tunnel. */
static int wanted_order(const void *a, const void *b)
{
	const struct wanted *one = a, *two = b;
	int order = memcmp(&one->key, &two->key, sizeof(one->key));

	if (order)
		return order;
	if (one->value.flags != two->value.flags)
		return one->value.flags & ENDPOINT_CLAIM ? 1 : -1;
	return one->value.id < two->value.id ? -1 : one->value.id > two->value.id;
}

static int key_order(const void *key, const void *element)
{
	return memcmp(key, &((const struct wanted *)element)->key, sizeof(struct endpoint4_key));
}

static struct wanted *wanted_find(struct wanted *all, size_t count, const struct endpoint4_key *key)
{
	return count ? bsearch(key, all, count, sizeof(*all), key_order) : NULL;
}

static void wanted_tunnel(const struct tunnel_entry *entry, struct wanted *wanted)
{
	const struct tunnel *record = &entry->record;

	*wanted = (struct wanted){
		.key = { .local = record->local.v4,
			 .remote = record->remote.v4,
			 .wrap = record->wrap,
			 .payload = record->payload },
		.value = { .id = record->id, .inner = record->inner },
	};
	memcpy(wanted->value.mac, record->mac, sizeof(record->mac));
	anchor_receive(record, entry->port, &wanted->value.rx_ifindex, &wanted->value.rx_flags);
}

/* The same local address from whoever is no remote; see ENDPOINT_CLAIM. */
static void wanted_claim(struct wanted *wanted)
{
	wanted->key.remote = 0;
	wanted->value.flags |= ENDPOINT_CLAIM;
}

/* Sort, and keep the first of each key. Returns how many are left. */
static size_t wanted_settle(struct wanted *all, size_t count)
{
	size_t i, kept = 0;

	if (count)
		qsort(all, count, sizeof(*all), wanted_order);
	for (i = 0; i < count; i++)
		if (!kept || memcmp(&all[kept - 1].key, &all[i].key, sizeof(all[i].key)))
			all[kept++] = all[i];
	return kept;
}

static size_t wanted_fill(struct wanted *all, const struct model *want)
{
	struct endpoint4_key anybody;
	size_t i, count = 0;

	for (i = 0; i < want->count; i++)
		wanted_tunnel(&want->tunnels[i], &all[count++]);
	count = wanted_settle(all, count);
	for (i = 0; i < want->count; i++) {
		wanted_tunnel(&want->tunnels[i], &all[count]);
		anybody = all[count].key;
		anybody.local = anybody.remote = 0;
		/* A tunnel that takes everything would never see what a claim refuses. */
		if (all[count].key.local && !wanted_find(all, want->count, &anybody))
			wanted_claim(&all[count++]);
	}
	return wanted_settle(all, count);
}

static __u32 shapes_of(const struct wanted *all, size_t count)
{
	__u32 shapes = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (all[i].key.local && all[i].key.remote)
			continue;
		shapes |= all[i].key.remote  ? SHAPE_REMOTE
			  : all[i].key.local ? SHAPE_LOCAL
					     : SHAPE_KEY;
	}
	return shapes;
}

static int endpoints_update(const struct maps *maps, struct wanted *all, size_t count)
{
	struct elements now = {};
	size_t i;
	int ret;

	ret = endpoints_read(maps, &now);
	for (i = 0; i < now.count && !ret; i++) {
		const struct endpoint4_key *key = (struct endpoint4_key *)now.keys + i;
		struct wanted *found = wanted_find(all, count, key);

		if (!found)
			ret = endpoints_delete(maps, key);
		else if (!memcmp(&found->value, (struct endpoint *)now.values + i,
				 sizeof(found->value)))
			found->there = true;
	}
	elements_free(&now);
	for (i = 0; i < count && !ret; i++)
		if (!all[i].there)
			ret = endpoints_put(maps, &all[i].key, &all[i].value);
	return ret;
}

int endpoints_apply(const struct maps *maps, const struct model *want)
{
	struct wanted *all = calloc(2 * want->count + 1, sizeof(*all));
	struct config config;
	size_t count;
	int ret;

	if (!all)
		return -ENOMEM;
	count = wanted_fill(all, want);
	ret = config_read(maps, &config);
	if (!ret) {
		config.shapes = shapes_of(all, count);
		ret = config_write(maps, &config);
	}
	ret = ret ?: endpoints_update(maps, all, count);
	free(all);
	return ret;
}
