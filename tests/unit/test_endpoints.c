// SPDX-License-Identifier: GPL-2.0
/*
 * The endpoints that a configuration needs. endpoints.c is compiled into this file over maps that
 * lie in memory: what it would do to the kernel's is seen without one.
 */
#include <arpa/inet.h>
#include <errno.h>

#define endpoints_apply  tested_apply
#define endpoints_read   memory_read
#define endpoints_put    memory_put
#define endpoints_delete memory_delete
#define config_read      memory_config_read
#define config_write     memory_config_write
#define slots_map        memory_slots_map
#define slots_unmap      memory_slots_unmap
#define syscall          memory_syscall
#include "endpoints.c"

#include "fixture.h"

/* ---- maps in memory ---- */

enum { ROOM = 64 };

static struct {
	struct endpoint4_key keys[ROOM];
	struct endpoint values[ROOM];
	size_t count, puts, deletes;
	struct config config;
	struct endpoint4_slot slots[1 << SLOT_BITS];
	bool no_grace; /* a kernel that lets nobody wait for its programs */
	int fail;      /* what every write returns */
} memory;

static size_t memory_find(const struct endpoint4_key *key)
{
	size_t i;

	for (i = 0; i < memory.count; i++)
		if (!memcmp(&memory.keys[i], key, sizeof(*key)))
			break;
	return i;
}

int memory_read(const struct maps *maps, struct elements *out)
{
	(void)maps;
	out->count = memory.count;
	out->keys = malloc(sizeof(memory.keys));
	out->values = malloc(sizeof(memory.values));
	memcpy(out->keys, memory.keys, sizeof(memory.keys));
	memcpy(out->values, memory.values, sizeof(memory.values));
	return 0;
}

int memory_put(const struct maps *maps, const struct endpoint4_key *key,
	       const struct endpoint *value)
{
	size_t at = memory_find(key);

	(void)maps;
	assert_true(at < ROOM);
	memory.puts++;
	memory.keys[at] = *key;
	memory.values[at] = *value;
	if (at == memory.count)
		memory.count++;
	return memory.fail;
}

int memory_delete(const struct maps *maps, const struct endpoint4_key *key)
{
	size_t at = memory_find(key);

	(void)maps;
	assert_true(at < memory.count);
	memory.deletes++;
	memory.count--;
	memory.keys[at] = memory.keys[memory.count];
	memory.values[at] = memory.values[memory.count];
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

struct endpoint4_slot *memory_slots_map(const struct maps *maps)
{
	(void)maps;
	return memory.slots;
}

void memory_slots_unmap(struct endpoint4_slot *slots)
{
	assert_ptr_equal(slots, memory.slots);
}

/* membarrier(2), the only one that is called: by now no slot may show what is about to change. */
long memory_syscall(long number, ...)
{
	assert_int_equal(number, SYS_membarrier);
	return memory.no_grace ? -1 : 0;
}

/* ---- what is wanted ---- */

/* A configuration, and the endpoints as text: `LOCAL REMOTE TUNNEL` with ` claim` behind claims. */
struct scenario {
	const char *tunnels[8]; /* `LOCAL REMOTE`; tunnel number i is at port 10 + i */
	const char *endpoints[12];
	__u32 shapes;
};

static const struct scenario scenarios[] = {
	{ .shapes = 0 },
	{ .tunnels = { "10.0.0.1 10.0.0.2" },
	  .endpoints = { "10.0.0.1 10.0.0.2 0", "10.0.0.1 0.0.0.0 0 claim" },
	  .shapes = SHAPE_LOCAL },
	{ .tunnels = { "10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.3" },
	  .endpoints = { "10.0.0.1 10.0.0.2 0", "10.0.0.1 10.0.0.3 1", "10.0.0.1 0.0.0.0 0 claim" },
	  .shapes = SHAPE_LOCAL },
	{ .tunnels = { "10.0.0.1 10.0.0.2", "10.0.0.9 10.0.0.2" },
	  .endpoints = { "10.0.0.1 10.0.0.2 0", "10.0.0.9 10.0.0.2 1", "10.0.0.1 0.0.0.0 0 claim",
			 "10.0.0.9 0.0.0.0 1 claim" },
	  .shapes = SHAPE_LOCAL },
	/* A tunnel from anywhere at that address leaves nothing to claim. */
	{ .tunnels = { "10.0.0.1 10.0.0.2", "10.0.0.1 0.0.0.0" },
	  .endpoints = { "10.0.0.1 10.0.0.2 0", "10.0.0.1 0.0.0.0 1" },
	  .shapes = SHAPE_LOCAL },
	{ .tunnels = { "10.0.0.1 0.0.0.0" },
	  .endpoints = { "10.0.0.1 0.0.0.0 0" },
	  .shapes = SHAPE_LOCAL },
	{ .tunnels = { "0.0.0.0 10.0.0.2" },
	  .endpoints = { "0.0.0.0 10.0.0.2 0" },
	  .shapes = SHAPE_REMOTE },
	{ .tunnels = { "0.0.0.0 0.0.0.0" },
	  .endpoints = { "0.0.0.0 0.0.0.0 0" },
	  .shapes = SHAPE_KEY },
	/* One that takes everything would never see what a claim refuses. */
	{ .tunnels = { "10.0.0.1 10.0.0.2", "0.0.0.0 0.0.0.0" },
	  .endpoints = { "10.0.0.1 10.0.0.2 0", "0.0.0.0 0.0.0.0 1" },
	  .shapes = SHAPE_KEY },
	{ .tunnels = { "0.0.0.0 0.0.0.0", "10.0.0.1 0.0.0.0", "0.0.0.0 10.0.0.2",
		       "10.0.0.1 10.0.0.2" },
	  .endpoints = { "0.0.0.0 0.0.0.0 0", "10.0.0.1 0.0.0.0 1", "0.0.0.0 10.0.0.2 2",
			 "10.0.0.1 10.0.0.2 3" },
	  .shapes = SHAPE_REMOTE | SHAPE_LOCAL | SHAPE_KEY },
	{ .tunnels = { "0.0.0.0 10.0.0.2", "10.0.0.1 10.0.0.3" },
	  .endpoints = { "0.0.0.0 10.0.0.2 0", "10.0.0.1 10.0.0.3 1", "10.0.0.1 0.0.0.0 1 claim" },
	  .shapes = SHAPE_REMOTE | SHAPE_LOCAL },
};

/* Make the tunnels of @scenario; ports and ids as if they had been created. */
static void scenario_model(const struct scenario *scenario, struct model *model)
{
	char line[128], local[32], remote[32];
	size_t i;

	fixture_init(model);
	for (i = 0; i < 8 && scenario->tunnels[i]; i++) {
		struct tunnel_entry *entry;

		assert_int_equal(sscanf(scenario->tunnels[i], "%31s %31s", local, remote), 2);
		snprintf(line, sizeof(line), "tunnel add t%zu mode ipip local %s remote %s\n", i,
			 local, remote);
		fixture_accept(model, line);
		entry = &model->tunnels[i];
		entry->port = 10 + i;
		entry->record = (struct tunnel){ .anchor = 10 + i, .kind = ANCHOR_IFB };
		entry->record.id = i;
		entry->record.mac[5] = i;
		spec_to_record(&entry->spec, &entry->record);
	}
}

static void element_text(size_t at, char *text, size_t room)
{
	const struct endpoint4_key *key = &memory.keys[at];
	const struct endpoint *value = &memory.values[at];
	char local[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &key->local, local, sizeof(local));
	inet_ntop(AF_INET, &key->remote, remote, sizeof(remote));
	snprintf(text, room, "%s %s %u%s", local, remote, value->id,
		 value->flags & ENDPOINT_CLAIM ? " claim" : "");
	/* The rest follows from the tunnel. */
	assert_int_equal(key->wrap, WRAP_NONE);
	assert_int_equal(key->payload, PAYLOAD_IP);
	assert_int_equal(value->inner, INNER_IPV4);
	assert_int_equal(value->rx_ifindex, 10 + value->id);
	assert_int_equal(value->rx_flags, 1);
	assert_int_equal(value->mac[5], value->id);
}

static void assert_memory(const struct scenario *scenario)
{
	char text[96];
	size_t i, j, count = 0;

	while (count < 12 && scenario->endpoints[count])
		count++;
	assert_int_equal(memory.count, count);
	assert_int_equal(memory.config.shapes, scenario->shapes);
	for (i = 0; i < count; i++) {
		element_text(i, text, sizeof(text));
		for (j = 0; j < count && strcmp(text, scenario->endpoints[j]); j++)
			;
		if (j == count)
			fail_msg("not wanted: %s", text);
	}
}

/* The endpoint that the programs find in the slot for its addresses, or NULL. */
static const struct endpoint *slot_find(const struct endpoint4_key *key)
{
	const struct endpoint4_slot *slot = &memory.slots[endpoint4_slot(key->local, key->remote)];

	return memcmp(&slot->key, key, sizeof(*key)) ? NULL : &slot->end;
}

/* Slots hold endpoints of the map as they are there, and each slot that can hold one does. */
static void assert_slots(void)
{
	size_t i, used = 0, found = 0;

	for (i = 0; i < 1 << SLOT_BITS; i++) {
		const struct endpoint4_slot *slot = &memory.slots[i];
		size_t at = memory_find(&slot->key);

		if (!slot->key.local)
			continue;
		used++;
		assert_true(at < memory.count);
		assert_memory_equal(&slot->end, &memory.values[at], sizeof(slot->end));
		assert_non_null(slot_find(&slot->key));
		assert_true(slot->key.remote);
	}
	for (i = 0; i < memory.count; i++) {
		const struct endpoint4_key *key = &memory.keys[i];

		if (!key->local || !key->remote)
			continue;
		found += !!slot_find(key);
		if (!memory.no_grace)
			assert_int_not_equal(
				memory.slots[endpoint4_slot(key->local, key->remote)].key.local, 0);
	}
	assert_int_equal(found, used);
}

static const struct maps *const no_maps;

/* From each configuration to each other: just what is needed is written. */
TEST(apply_all_pairs)
{
	struct model from, to;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (j = 0; j < ARRAY_SIZE(scenarios); j++) {
			memset(&memory, 0, sizeof(memory));
			memory.config.flags = CONFIG_LO_FORWARDING;
			scenario_model(&scenarios[i], &from);
			scenario_model(&scenarios[j], &to);
			assert_int_equal(tested_apply(no_maps, &from), 0);
			assert_memory(&scenarios[i]);
			assert_slots();
			memory.puts = memory.deletes = 0;
			assert_int_equal(tested_apply(no_maps, &to), 0);
			assert_memory(&scenarios[j]);
			assert_slots();
			if (i == j)
				assert_int_equal(memory.puts + memory.deletes, 0);
			assert_int_equal(memory.config.flags, CONFIG_LO_FORWARDING);
			model_free_like(&from);
			model_free_like(&to);
		}
}

/* A tunnel that got another device or address: its endpoints follow. */
TEST(apply_changed_value)
{
	struct model model;

	memset(&memory, 0, sizeof(memory));
	scenario_model(&scenarios[2], &model);
	assert_int_equal(tested_apply(no_maps, &model), 0);
	memory.puts = memory.deletes = 0;
	model.tunnels[1].record.mac[0] = 2;
	assert_int_equal(tested_apply(no_maps, &model), 0);
	assert_slots();
	assert_int_equal(memory.puts, 1);
	assert_int_equal(memory.deletes, 0);
	model_free_like(&model);
}

/* A pair receives through its hidden half. */
TEST(apply_pair)
{
	struct model model;

	memset(&memory, 0, sizeof(memory));
	scenario_model(&scenarios[5], &model);
	model.tunnels[0].record.kind = ANCHOR_VETH;
	model.tunnels[0].port = 77;
	assert_int_equal(tested_apply(no_maps, &model), 0);
	assert_int_equal(memory.count, 1);
	assert_int_equal(memory.values[0].rx_ifindex, 77);
	assert_int_equal(memory.values[0].rx_flags, 0);
	model_free_like(&model);
}

/* Where nobody can wait for the programs, what changes has no slot any more. */
TEST(apply_without_grace)
{
	struct model from, to;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (j = 0; j < ARRAY_SIZE(scenarios); j++) {
			memset(&memory, 0, sizeof(memory));
			scenario_model(&scenarios[i], &from);
			scenario_model(&scenarios[j], &to);
			assert_int_equal(tested_apply(no_maps, &from), 0);
			memory.no_grace = true;
			assert_int_equal(tested_apply(no_maps, &to), 0);
			assert_memory(&scenarios[j]);
			assert_slots();
			model_free_like(&from);
			model_free_like(&to);
		}
}

/* Two tunnels for one slot: one has it, and when that one goes, the other. */
TEST(apply_shared_slot)
{
	const __be32 local = htonl(0x0a000001), first = htonl(0x0a000002);
	const struct endpoint *found;
	__be32 second = htonl(0x0a000003);
	char remote[INET_ADDRSTRLEN], two[64];
	struct scenario scenario = { .tunnels = { "10.0.0.1 10.0.0.2", two } };
	struct model model;

	while (endpoint4_slot(local, second) != endpoint4_slot(local, first))
		second = htonl(ntohl(second) + 1);
	inet_ntop(AF_INET, &second, remote, sizeof(remote));
	snprintf(two, sizeof(two), "10.0.0.1 %s", remote);
	memset(&memory, 0, sizeof(memory));
	scenario_model(&scenario, &model);
	assert_int_equal(tested_apply(no_maps, &model), 0);
	assert_int_equal(memory.count, 3);
	assert_slots();
	model_remove(&model, &model.tunnels[0]);
	assert_int_equal(tested_apply(no_maps, &model), 0);
	assert_int_equal(memory.count, 2);
	assert_slots();
	found = slot_find(&(struct endpoint4_key){ .local = local, .remote = second });
	assert_non_null(found);
	assert_int_equal(found->id, 1);
	model_free_like(&model);
}

TEST(apply_fails)
{
	struct model model;

	memset(&memory, 0, sizeof(memory));
	memory.fail = -ENOSPC;
	scenario_model(&scenarios[1], &model);
	assert_int_equal(tested_apply(no_maps, &model), -ENOSPC);
	model_free_like(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apply_all_pairs),   cmocka_unit_test(apply_changed_value),
		cmocka_unit_test(apply_pair),        cmocka_unit_test(apply_without_grace),
		cmocka_unit_test(apply_shared_slot), cmocka_unit_test(apply_fails),
	};

	return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
