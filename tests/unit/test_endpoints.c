// SPDX-License-Identifier: GPL-2.0
/* The endpoints that a configuration needs, and which of them have a slot. */
#include <arpa/inet.h>
#include <errno.h>

#include "endpoint_maps.h"

/* ---- what is wanted ---- */

enum { TUNNELS_MAX = 6, ENDPOINTS_MAX = 12 };

/*
 * A configuration: `MODE LOCAL REMOTE` and more keywords; tunnel number i is at port 10 + i. And
 * its endpoints as text: `PROTOCOL LOCAL REMOTE TUNNEL`, then `key K` and `keyed` for what packets
 * have, ` csum` and ` seq` for what they must have, ` claim` for claims.
 */
struct scenario {
	const char *tunnels[TUNNELS_MAX];
	const char *endpoints[ENDPOINTS_MAX];
	__u32 shapes4, shapes6;
};

static const struct scenario scenarios[] = {
	{ .shapes4 = 0 },
	{ .tunnels = { "ipip 10.0.0.1 10.0.0.2" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "4 10.0.0.1 any 0 claim" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "ipip 10.0.0.1 10.0.0.2", "ipip 10.0.0.1 10.0.0.3" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "4 10.0.0.1 10.0.0.3 1",
			 "4 10.0.0.1 any 0 claim" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "ipip 10.0.0.1 10.0.0.2", "ipip 10.0.0.9 10.0.0.2" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "4 10.0.0.9 10.0.0.2 1", "4 10.0.0.1 any 0 claim",
			 "4 10.0.0.9 any 1 claim" },
	  .shapes4 = SHAPE_LOCAL },
	/* A tunnel from anywhere at that address leaves nothing to claim. */
	{ .tunnels = { "ipip 10.0.0.1 10.0.0.2", "ipip 10.0.0.1 any" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "4 10.0.0.1 any 1" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "ipip 10.0.0.1 any" },
	  .endpoints = { "4 10.0.0.1 any 0" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "ipip any 10.0.0.2" },
	  .endpoints = { "4 any 10.0.0.2 0" },
	  .shapes4 = SHAPE_REMOTE },
	{ .tunnels = { "ipip any any" }, .endpoints = { "4 any any 0" }, .shapes4 = SHAPE_KEY },
	/* One that takes everything would never see what a claim refuses. */
	{ .tunnels = { "ipip 10.0.0.1 10.0.0.2", "ipip any any" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "4 any any 1" },
	  .shapes4 = SHAPE_KEY },
	{ .tunnels = { "ipip any any", "ipip 10.0.0.1 any", "ipip any 10.0.0.2",
		       "ipip 10.0.0.1 10.0.0.2" },
	  .endpoints = { "4 any any 0", "4 10.0.0.1 any 1", "4 any 10.0.0.2 2",
			 "4 10.0.0.1 10.0.0.2 3" },
	  .shapes4 = SHAPE_REMOTE | SHAPE_LOCAL | SHAPE_KEY },
	{ .tunnels = { "ipip any 10.0.0.2", "ipip 10.0.0.1 10.0.0.3" },
	  .endpoints = { "4 any 10.0.0.2 0", "4 10.0.0.1 10.0.0.3 1", "4 10.0.0.1 any 1 claim" },
	  .shapes4 = SHAPE_REMOTE | SHAPE_LOCAL },
	/* A mode that takes several kinds of packet has a protocol for each. */
	{ .tunnels = { "sit-any any 10.0.0.2" },
	  .endpoints = { "4 any 10.0.0.2 0", "41 any 10.0.0.2 0", "137 any 10.0.0.2 0" },
	  .shapes4 = SHAPE_REMOTE },
	{ .tunnels = { "sit-any 10.0.0.1 10.0.0.2" },
	  .endpoints = { "4 10.0.0.1 10.0.0.2 0", "41 10.0.0.1 10.0.0.2 0",
			 "137 10.0.0.1 10.0.0.2 0", "4 10.0.0.1 any 0 claim",
			 "41 10.0.0.1 any 0 claim", "137 10.0.0.1 any 0 claim" },
	  .shapes4 = SHAPE_LOCAL },
	/* The driver for one kind is asked before the driver for all, whichever was first. */
	{ .tunnels = { "sit-any 10.0.0.1 any", "ipip 10.0.0.1 any" },
	  .endpoints = { "4 10.0.0.1 any 1", "41 10.0.0.1 any 0", "137 10.0.0.1 any 0" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "ipip-any 10.0.0.1 any", "sit-any 10.0.0.1 any" },
	  .endpoints = { "4 10.0.0.1 any 0", "41 10.0.0.1 any 1", "137 10.0.0.1 any 0" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "mplsip any 10.0.0.2", "ipip 10.0.0.1 any", "sit any any" },
	  .endpoints = { "137 any 10.0.0.2 0", "4 10.0.0.1 any 1", "41 any any 2" },
	  .shapes4 = SHAPE_REMOTE | SHAPE_LOCAL | SHAPE_KEY },
	/* Keys: with and without are two, but for those that take everything. */
	{ .tunnels = { "gre 10.0.0.1 10.0.0.2", "gre 10.0.0.1 10.0.0.2 key 0",
		       "gre 10.0.0.1 10.0.0.2 ikey 7 okey 8 csum seq" },
	  .endpoints = { "47 10.0.0.1 10.0.0.2 0", "47 10.0.0.1 10.0.0.2 1 keyed",
			 "47 10.0.0.1 10.0.0.2 2 key 7 keyed csum seq", "47 10.0.0.1 any 0 claim",
			 "47 10.0.0.1 any 1 keyed claim",
			 "47 10.0.0.1 any 2 key 7 keyed csum seq claim" },
	  .shapes4 = SHAPE_LOCAL },
	{ .tunnels = { "gre any any key 7", "gre 10.0.0.1 10.0.0.2 key 7 icsum oseq",
		       "gre any 10.0.0.3 okey 7 ocsum iseq" },
	  .endpoints = { "47 any any 0 key 7", "47 10.0.0.1 10.0.0.2 1 key 7 keyed csum",
			 "47 any 10.0.0.3 2 seq" },
	  .shapes4 = SHAPE_KEY | SHAPE_REMOTE },
	/* A key of its own leaves the claim of another to stand. */
	{ .tunnels = { "gre any any key 8", "gre 10.0.0.1 10.0.0.2 key 7" },
	  .endpoints = { "47 any any 0 key 8", "47 10.0.0.1 10.0.0.2 1 key 7 keyed",
			 "47 10.0.0.1 any 1 key 7 keyed claim" },
	  .shapes4 = SHAPE_KEY | SHAPE_LOCAL },
	/* The wrap is none of it: packets come with and without. */
	{ .tunnels = { "gre any 10.0.0.2 encap gue encap-dport 5555" },
	  .endpoints = { "47 any 10.0.0.2 0" },
	  .shapes4 = SHAPE_REMOTE },
	/* IPv6: the number of a key is all that counts. */
	{ .tunnels = { "ip6gre 2001:db8::1 2001:db8::2 key 7", "ip6gre any 2001:db8::2",
		       "ip6ip6 2001:db8::1 any", "ip6tnl any any" },
	  .endpoints = { "47 2001:db8::1 2001:db8::2 0 key 7", "47 2001:db8::1 any 0 key 7 claim",
			 "47 any 2001:db8::2 1", "41 2001:db8::1 any 2", "4 any any 3",
			 "41 any any 3", "137 any any 3" },
	  .shapes6 = SHAPE_LOCAL | SHAPE_REMOTE | SHAPE_KEY },
	{ .tunnels = { "ipip6 2001:db8::1 2001:db8::2" },
	  .endpoints = { "4 2001:db8::1 2001:db8::2 0", "4 2001:db8::1 any 0 claim" },
	  .shapes6 = SHAPE_LOCAL },
	/* A session is a key, over IPv6 too; without one there is none. */
	{ .tunnels = { "erspan 10.0.0.1 10.0.0.2 key 5 seq", "erspan any any",
		       "erspan any any key 5", "gretap 10.0.0.1 10.0.0.2 key 5" },
	  .endpoints = { "254 10.0.0.1 10.0.0.2 0 key 5 keyed seq", "254 any any 1",
			 "254 any any 2 key 5", "143 10.0.0.1 10.0.0.2 3 key 5 keyed",
			 "143 10.0.0.1 any 3 key 5 keyed claim" },
	  .shapes4 = SHAPE_KEY | SHAPE_LOCAL },
	{ .tunnels = { "ip6erspan any any key 0", "ip6erspan any 2001:db8::2",
		       "ip6erspan any any" },
	  .endpoints = { "254 any any 0 keyed", "254 any 2001:db8::2 1", "254 any any 2" },
	  .shapes6 = SHAPE_KEY | SHAPE_REMOTE },
	/* The families know nothing of each other. */
	{ .tunnels = { "ip6tnl any 2001:db8::2", "ipip 10.0.0.1 10.0.0.2", "ipip6 any any",
		       "sit any any" },
	  .endpoints = { "4 any 2001:db8::2 0", "41 any 2001:db8::2 0", "137 any 2001:db8::2 0",
			 "4 10.0.0.1 10.0.0.2 1", "4 10.0.0.1 any 1 claim", "4 any any 2",
			 "41 any any 3" },
	  .shapes4 = SHAPE_LOCAL | SHAPE_KEY,
	  .shapes6 = SHAPE_REMOTE | SHAPE_KEY },
};

/* The outer family of tunnel number @id. */
static enum family scenario_family(const struct scenario *scenario, size_t id)
{
	char mode[16];

	assert_int_equal(sscanf(scenario->tunnels[id], "%15s", mode), 1);
	return mode_named(mode)->family;
}

/* Make the tunnels of @scenario; ports and ids as if they had been created. */
static void scenario_model(const struct scenario *scenario, struct model *model)
{
	char line[192], mode[16], local[48], remote[48];
	size_t i;
	int end;

	fixture_init(model);
	for (i = 0; i < TUNNELS_MAX && scenario->tunnels[i]; i++) {
		struct tunnel_entry *entry;

		assert_int_equal(
			sscanf(scenario->tunnels[i], "%15s %47s %47s%n", mode, local, remote, &end),
			3);
		snprintf(line, sizeof(line), "tunnel add t%zu mode %s local %s remote %s%s\n", i,
			 mode, local, remote, scenario->tunnels[i] + end);
		fixture_accept(model, line);
		entry = &model->tunnels[i];
		entry->port = 10 + i;
		entry->record = (struct tunnel){ .anchor = 10 + i, .kind = ANCHOR_IFB };
		entry->record.id = i;
		entry->record.mac[5] = i;
		spec_to_record(&entry->spec, &entry->record);
	}
}

static const char *address_name(enum family family, const __be32 *address, char *text)
{
	int af = family == FAMILY_IPV4 ? AF_INET : AF_INET6;

	return address_any(address) ? "any" : inet_ntop(af, address, text, INET6_ADDRSTRLEN);
}

static void element_text(enum family family, size_t at, char *text, size_t room)
{
	const struct memory_family *of = &memory.families[family];
	const struct endpoint *value = &of->values[at];
	const struct endpoint6_key key = key_lengthen(family, &of->keys[at], 0);
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN], number[16] = "";

	if (key.key)
		snprintf(number, sizeof(number), " key %u", ntohl(key.key));
	snprintf(text, room, "%u %s %s %u%s%s%s%s%s", key.ip_proto,
		 address_name(family, key.local, local), address_name(family, key.remote, remote),
		 value->id, number, key.keyed ? " keyed" : "",
		 value->flags & ENDPOINT_CSUM ? " csum" : "",
		 value->flags & ENDPOINT_SEQ ? " seq" : "",
		 value->flags & ENDPOINT_CLAIM ? " claim" : "");
	/* The rest follows from the tunnel. */
	assert_int_equal(value->rx_ifindex, 10 + value->id);
	assert_int_equal(value->rx_flags, 1);
	assert_int_equal(value->mac[5], value->id);
}

static void assert_family(const struct scenario *scenario, const struct model *model,
			  enum family family, bool *seen)
{
	const struct memory_family *of = &memory.families[family];
	char text[192];
	size_t i, j;

	for (i = 0; i < of->count; i++) {
		element_text(family, i, text, sizeof(text));
		assert_int_equal(scenario_family(scenario, of->values[i].id), family);
		assert_int_equal(of->values[i].inner,
				 model->tunnels[of->values[i].id].spec.mode->inner);
		for (j = 0; j < ENDPOINTS_MAX && scenario->endpoints[j]; j++)
			if (!seen[j] && !strcmp(text, scenario->endpoints[j]))
				break;
		if (j == ENDPOINTS_MAX || !scenario->endpoints[j])
			fail_msg("not wanted: %s", text);
		seen[j] = true;
	}
}

static void assert_memory(const struct scenario *scenario, const struct model *model)
{
	bool seen[ENDPOINTS_MAX] = {};
	size_t i;

	assert_family(scenario, model, FAMILY_IPV4, seen);
	assert_family(scenario, model, FAMILY_IPV6, seen);
	for (i = 0; i < ENDPOINTS_MAX && scenario->endpoints[i]; i++)
		if (!seen[i])
			fail_msg("missing: %s", scenario->endpoints[i]);
	assert_int_equal(memory.config.shapes[FAMILY_IPV4], scenario->shapes4);
	assert_int_equal(memory.config.shapes[FAMILY_IPV6], scenario->shapes6);
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
			assert_memory(&scenarios[i], &from);
			assert_slots();
			memory.puts = memory.deletes = 0;
			assert_int_equal(tested_apply(no_maps, &to), 0);
			assert_memory(&scenarios[j], &to);
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
	model.tunnels[0].record.flags |= TUNNEL_ANCHOR_CHOSEN;
	model.tunnels[0].port = 77;
	assert_int_equal(tested_apply(no_maps, &model), 0);
	assert_int_equal(memory.families[FAMILY_IPV4].count, 1);
	assert_int_equal(memory.families[FAMILY_IPV4].values[0].rx_ifindex, 77);
	assert_int_equal(memory.families[FAMILY_IPV4].values[0].rx_flags, 0);
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
			assert_memory(&scenarios[j], &to);
			assert_slots();
			model_free_like(&from);
			model_free_like(&to);
		}
}

/* A key from host 1 to host @number of a network. */
static struct endpoint6_key host_key(enum family family, __u32 number)
{
	struct endpoint6_key key = { .ip_proto = WIRE_IPPROTO_IPIP };

	if (family == FAMILY_IPV4) {
		key.local[0] = htonl(0x0a000001);
		key.remote[0] = htonl(0x0a000000 + number);
		return key;
	}
	key.local[0] = key.remote[0] = htonl(0x20010db8);
	key.local[3] = htonl(1);
	key.remote[3] = htonl(number);
	return key;
}

static char *host_slot(enum family family, __u32 number)
{
	const struct endpoint6_key key = host_key(family, number);
	const union any_key shortened = key_shorten(family, &key);

	return slot_of(family, &shortened);
}

/* `MODE LOCAL REMOTE` of such a key. */
static void host_tunnel(enum family family, __u32 number, char *text, size_t room)
{
	const struct endpoint6_key key = host_key(family, number);
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	snprintf(text, room, "%s %s %s", family == FAMILY_IPV4 ? "ipip" : "ipip6",
		 address_name(family, key.local, local), address_name(family, key.remote, remote));
}

/* Two tunnels for one slot: one has it, and when that one goes, the other. */
TEST(apply_shared_slot)
{
	char one[128], two[128];
	struct scenario scenario = { .tunnels = { one, two } };
	enum family family;
	struct model model;
	__u32 second;

	for (family = 0; family < FAMILY_MAX; family++) {
		for (second = 3; host_slot(family, second) != host_slot(family, 2);)
			second++;
		host_tunnel(family, 2, one, sizeof(one));
		host_tunnel(family, second, two, sizeof(two));
		memset(&memory, 0, sizeof(memory));
		scenario_model(&scenario, &model);
		assert_int_equal(tested_apply(no_maps, &model), 0);
		assert_int_equal(memory.families[family].count, 3);
		assert_slots();
		model_remove(&model, &model.tunnels[0]);
		assert_int_equal(tested_apply(no_maps, &model), 0);
		assert_int_equal(memory.families[family].count, 2);
		assert_slots();
		assert_true(slot_used(family, host_slot(family, second)));
		assert_int_equal(slot_end(family, host_slot(family, second))->id, 1);
		model_free_like(&model);
	}
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
