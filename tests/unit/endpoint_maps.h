/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of endpoints in memory, for endpoints.c compiled into a test: what it would do to the
 * kernel's is seen without one.
 */
#ifndef XTUN_ENDPOINT_MAPS_H
#define XTUN_ENDPOINT_MAPS_H

#define endpoints_apply  tested_apply
#define endpoints_read   memory_read
#define endpoints_put    memory_put
#define endpoints_delete memory_delete
#define config_read      memory_config_read
#define config_write     memory_config_write
#define slots_map        memory_slots_map
#define slots_unmap      memory_slots_unmap
#define slots_update     tested_slots_update
#define syscall          memory_syscall
/* clang-format off: in this order */
#include "slots.c"
#include "endpoints.c"
/* clang-format on */

#include "fixture.h"

enum { ROOM = 64 };

/* One family's: keys as in its map, slots as in its array. */
struct memory_family {
	union any_key keys[ROOM];
	struct endpoint values[ROOM];
	size_t count;
	char slots[sizeof(struct endpoint6_slot) << SLOT_BITS];
};

static struct {
	struct memory_family families[FAMILY_MAX];
	size_t puts, deletes;
	struct config config;
	bool no_grace; /* a kernel that lets nobody wait for its programs */
	int fail;      /* what every write returns */
} memory;

static size_t key_size(enum family family)
{
	return family == FAMILY_IPV4 ? sizeof(struct endpoint4_key) : sizeof(struct endpoint6_key);
}

static size_t memory_find(enum family family, const void *key)
{
	const struct memory_family *of = &memory.families[family];
	size_t i;

	for (i = 0; i < of->count; i++)
		if (!memcmp(&of->keys[i], key, key_size(family)))
			break;
	return i;
}

int memory_read(const struct maps *maps, enum family family, struct elements *out)
{
	const struct memory_family *of = &memory.families[family];
	size_t i, size = key_size(family);

	(void)maps;
	out->count = of->count;
	out->keys = malloc(ROOM * size);
	out->values = malloc(sizeof(of->values));
	for (i = 0; i < of->count; i++)
		memcpy((char *)out->keys + i * size, &of->keys[i], size);
	memcpy(out->values, of->values, sizeof(of->values));
	return 0;
}

int memory_put(const struct maps *maps, enum family family, const void *key,
	       const struct endpoint *value)
{
	struct memory_family *of = &memory.families[family];
	size_t at = memory_find(family, key);

	(void)maps;
	assert_true(at < ROOM);
	memory.puts++;
	memcpy(&of->keys[at], key, key_size(family));
	of->values[at] = *value;
	if (at == of->count)
		of->count++;
	return memory.fail;
}

int memory_delete(const struct maps *maps, enum family family, const void *key)
{
	struct memory_family *of = &memory.families[family];
	size_t at = memory_find(family, key);

	(void)maps;
	assert_true(at < of->count);
	memory.deletes++;
	of->count--;
	of->keys[at] = of->keys[of->count];
	of->values[at] = of->values[of->count];
	return memory.fail;
}

int memory_config_read(const struct maps *maps, struct config *config)
{
	(void)maps;
	*config = memory.config;
	return 0;
}

int memory_config_write(const struct maps *maps, const struct config *config)
{
	(void)maps;
	memory.config = *config;
	return memory.fail;
}

void *memory_slots_map(const struct maps *maps, enum family family)
{
	(void)maps;
	return memory.families[family].slots;
}

void memory_slots_unmap(enum family family, void *slots)
{
	assert_ptr_equal(slots, memory.families[family].slots);
}

/* membarrier(2), the only one that is called: by now no slot may show what is about to change. */
long memory_syscall(long number, ...)
{
	assert_int_equal(number, SYS_membarrier);
	return memory.no_grace ? -1 : 0;
}

/* ---- slots ---- */

static size_t slot_size(enum family family)
{
	return family == FAMILY_IPV4 ? sizeof(struct endpoint4_slot)
				     : sizeof(struct endpoint6_slot);
}

static char *slot_at(enum family family, size_t i)
{
	return memory.families[family].slots + i * slot_size(family);
}

/* The slot that the programs look at for @key. */
static char *slot_of(enum family family, const void *key)
{
	return slot_at(family, family == FAMILY_IPV4 ? endpoint4_slot(key) : endpoint6_slot(key));
}

static const struct endpoint *slot_end(enum family family, const char *slot)
{
	return family == FAMILY_IPV4 ? &((const struct endpoint4_slot *)slot)->end
				     : &((const struct endpoint6_slot *)slot)->end;
}

static bool slot_used(enum family family, const char *slot)
{
	return family == FAMILY_IPV4 ? ((const struct endpoint4_slot *)slot)->key.ip_proto
				     : ((const struct endpoint6_slot *)slot)->key.ip_proto;
}

/* Slots hold endpoints of the map as they are there, and each slot that can hold one does. */
static void assert_slots_family(enum family family)
{
	const struct memory_family *of = &memory.families[family];
	size_t i, used = 0, found = 0;

	for (i = 0; i < 1 << SLOT_BITS; i++) {
		const char *slot = slot_at(family, i);
		size_t at = memory_find(family, slot);

		if (!slot_used(family, slot))
			continue;
		used++;
		assert_true(at < of->count);
		assert_memory_equal(slot_end(family, slot), &of->values[at],
				    sizeof(of->values[at]));
		assert_ptr_equal(slot_of(family, slot), slot);
	}
	for (i = 0; i < of->count; i++) {
		const struct endpoint6_key key = key_lengthen(family, &of->keys[i], 0);
		const char *slot = slot_of(family, &of->keys[i]);

		if (address_any(key.local) || address_any(key.remote))
			continue;
		found += !memcmp(slot, &of->keys[i], key_size(family));
		if (!memory.no_grace)
			assert_true(slot_used(family, slot));
	}
	assert_int_equal(found, used);
}

static void assert_slots(void)
{
	assert_slots_family(FAMILY_IPV4);
	assert_slots_family(FAMILY_IPV6);
}

#endif
