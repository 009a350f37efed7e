// SPDX-License-Identifier: GPL-2.0
#include "endpoints.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/*
 * Wait until no program runs that began before: the kernel's synchronize_rcu(). Kernels that run
 * with nohz_full= refuse it.
 */
static bool grace_period(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* What the slots shall hold: of the endpoints that share one, the first. */
static struct endpoint4_slot *slots_wanted(const struct wanted *all, size_t count)
{
	struct endpoint4_slot *slots = calloc(1 << SLOT_BITS, sizeof(*slots));
	size_t i;

	for (i = 0; slots && i < count; i++) {
		struct endpoint4_slot *slot;

		if (!all[i].key.local || !all[i].key.remote)
			continue;
		slot = &slots[endpoint4_slot(all[i].key.local, all[i].key.remote)];
		if (!slot->key.local)
			*slot = (struct endpoint4_slot){ all[i].key, all[i].value };
	}
	return slots;
}

static void slot_publish(struct endpoint4_slot *slot, const struct endpoint4_slot *want)
{
	slot->end = want->end;
	slot->key.wrap = want->key.wrap;
	slot->key.payload = want->key.payload;
	slot->key.remote = want->key.remote;
	__atomic_store_n(&slot->key.local, want->key.local, __ATOMIC_RELEASE);
}

/*
 * See struct endpoint4_slot. While a slot is empty, the map answers; without a grace period it
 * stays empty, which costs time and nothing else.
 */
static void slots_update(struct endpoint4_slot *now, const struct endpoint4_slot *want)
{
	size_t i, changed = 0;

	for (i = 0; i < 1 << SLOT_BITS; i++)
		if (memcmp(&now[i], &want[i], sizeof(now[i]))) {
			__atomic_store_n(&now[i].key.local, 0, __ATOMIC_RELEASE);
			changed++;
		}
	if (!changed || !grace_period())
		return;
	for (i = 0; i < 1 << SLOT_BITS; i++)
		if (memcmp(&now[i], &want[i], sizeof(now[i])))
			slot_publish(&now[i], &want[i]);
}

static int slots_apply(const struct maps *maps, const struct wanted *all, size_t count)
{
	struct endpoint4_slot *want = slots_wanted(all, count), *now = slots_map(maps);
	int ret = want && now ? 0 : -ENOMEM;

	if (!ret)
		slots_update(now, want);
	if (now)
		slots_unmap(now);
	free(want);
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
	ret = ret ?: slots_apply(maps, all, count);
	free(all);
	return ret;
}
