// SPDX-License-Identifier: GPL-2.0
#include "endpoints.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "slots.h"
#include "wire.h"

/*
 * One endpoint that is wanted. The key is that of IPv6; over IPv4 the addresses lie in the first
 * words, and only the map and the slots have the shorter one.
 */
struct wanted {
	struct endpoint6_key key;
	struct endpoint value;
	bool there; /* the kernel has just this */
	bool wrapped; /* VXLAN, or GENEVE with a remote: has a slot, too, see direct_wrap() */
};

struct wanted_list {
	enum family family;
	struct wanted *all;
	size_t count;
};

/* The most protocols that one tunnel receives: IPv4, IPv6, MPLS; each with a claim. */
enum { WANTED_PER_TUNNEL = 2 * 3 };

static int kinds(const struct endpoint *end)
{
	return __builtin_popcount(end->inner);
}

/*
 * By key; then a tunnel before a claim, and a tunnel for one kind of packet before one for many
 * (the kernel's ipip driver is asked before sit); then the first tunnel.
 */
static int wanted_order(const void *a, const void *b)
{
	const struct wanted *one = a, *two = b;
	int order = memcmp(&one->key, &two->key, sizeof(one->key));

	if (order)
		return order;
	if ((one->value.flags ^ two->value.flags) & ENDPOINT_CLAIM)
		return one->value.flags & ENDPOINT_CLAIM ? 1 : -1;
	if (kinds(&one->value) != kinds(&two->value))
		return kinds(&one->value) < kinds(&two->value) ? -1 : 1;
	return one->value.id < two->value.id ? -1 : one->value.id > two->value.id;
}

static int key_order(const void *key, const void *element)
{
	return memcmp(key, &((const struct wanted *)element)->key, sizeof(struct endpoint6_key));
}

static struct wanted *wanted_find(const struct wanted_list *list, const struct endpoint6_key *key)
{
	return list->count ? bsearch(key, list->all, list->count, sizeof(*list->all), key_order)
			   : NULL;
}

static bool address_any(const __be32 *address)
{
	return !(address[0] | address[1] | address[2] | address[3]);
}

/*
 * The key as packets have it. Over IPv4 a packet with key 0 is none without; the drivers for IPv6,
 * and for tunnels that take everything, look at the number alone (ip6gre_tunnel_lookup(),
 * ip_tunnel_lookup()). ERSPAN without a session has no number, over IPv6 neither.
 */
static struct endpoint6_key wanted_key(const struct tunnel *record, __u8 ip_proto)
{
	struct endpoint6_key key = { .key = record->ikey, .ip_proto = ip_proto };

	/* Whoever knows the number may send; with GENEVE the remote alone. */
	if (record->wrap >= WRAP_VXLAN) {
		key.port = record->dport;
		if (record->wrap == WRAP_GENEVE)
			memcpy(key.remote, &record->remote, sizeof(key.remote));
		return key;
	}
	memcpy(key.local, &record->local, sizeof(key.local));
	memcpy(key.remote, &record->remote, sizeof(key.remote));
	if (record->family == FAMILY_IPV4)
		key.keyed = record->flags & TUNNEL_IKEY &&
			    !(address_any(key.local) && address_any(key.remote));
	else
		key.keyed = record->flags & TUNNEL_IKEY && record->payload == PAYLOAD_ERSPAN;
	return key;
}

/* The protocols that announce what a tunnel takes, in @protos; returns how many. */
static size_t protocols(const struct tunnel *record, __u8 *protos)
{
	static const struct {
		__u8 inner, ip_proto;
	} kinds[] = {
		{ INNER_IPV4, WIRE_IPPROTO_IPIP },
		{ INNER_IPV6, WIRE_IPPROTO_IPV6 },
		{ INNER_MPLS, WIRE_IPPROTO_MPLS },
	};
	size_t i, count = 0;

	switch ((enum payload)record->payload) {
	case PAYLOAD_IP:
		if (record->wrap >= WRAP_VXLAN)
			protos[count++] = WIRE_IPPROTO_UDP;
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (record->inner & kinds[i].inner)
				protos[count++] = kinds[i].ip_proto;
		break;
	case PAYLOAD_GRE:
		protos[count++] =
			record->inner == INNER_ETHERNET ? WIRE_IPPROTO_ETHERNET : WIRE_IPPROTO_GRE;
		break;
	case PAYLOAD_ERSPAN:
		protos[count++] = WIRE_IPPROTO_TEST;
		break;
	case PAYLOAD_MAX:
		break;
	}
	return count;
}

/* What tunnels with remote `any` ask of inner sources; see bpf/remote.h. */
static __u8 source_checks(const struct tunnel *record)
{
	__u8 checks = 0;

	if (!(record->flags & TUNNEL_NO_REMOTE))
		return 0;
	if (record->flags & (TUNNEL_PEERS_IPV4 | TUNNEL_PEERS_IPV6 | TUNNEL_PEERS_MAC))
		checks |= ENDPOINT_PEERS;
	if (record->family == FAMILY_IPV4 && record->payload == PAYLOAD_IP &&
	    record->inner & INNER_IPV6)
		checks |= ENDPOINT_6TO4;
	return checks;
}

static void wanted_tunnel(struct wanted_list *list, const struct tunnel_entry *entry)
{
	const struct tunnel *record = &entry->record;
	struct endpoint value = { .id = record->id, .inner = record->inner };
	__u8 protos[3];
	size_t i, count;

	value.flags = (record->flags & TUNNEL_ICSUM ? ENDPOINT_CSUM : 0) |
		      (record->flags & TUNNEL_ISEQ ? ENDPOINT_SEQ : 0) |
		      (record->flags & TUNNEL_DSCP_INHERIT ? ENDPOINT_DSCP : 0);
	if (record->wrap >= WRAP_VXLAN && record->family == FAMILY_IPV6 &&
	    !(record->flags & TUNNEL_UDP_ZERO_RX))
		value.flags |= ENDPOINT_WRAP_CSUM;
	if (!(record->flags & TUNNEL_NO_SOURCE_CHECK))
		value.flags |= source_checks(record);
	if (record->inner == INNER_ETHERNET && record->flags & TUNNEL_NO_REMOTE &&
	    record->flags & TUNNEL_LEARNING)
		value.flags |= ENDPOINT_LEARN;
	memcpy(value.mac, record->mac, sizeof(record->mac));
	anchor_receive(record, entry->port, &value.rx_ifindex, &value.rx_flags);
	count = protocols(record, protos);
	for (i = 0; i < count; i++)
		list->all[list->count++] =
			(struct wanted){ .key = wanted_key(record, protos[i]),
					 .value = value,
					 .wrapped = record->wrap == WRAP_VXLAN ||
						    (record->wrap == WRAP_GENEVE &&
						     !(record->flags & TUNNEL_NO_REMOTE)) };
}

/* Sort, and keep the first of each key. */
static void wanted_settle(struct wanted_list *list)
{
	struct wanted *all = list->all;
	size_t i, kept = 0;

	if (list->count)
		qsort(all, list->count, sizeof(*all), wanted_order);
	for (i = 0; i < list->count; i++)
		if (!kept || memcmp(&all[kept - 1].key, &all[i].key, sizeof(all[i].key)))
			all[kept++] = all[i];
	list->count = kept;
}

/* The same local addresses from whoever is no remote; see ENDPOINT_CLAIM. */
static void wanted_claims(struct wanted_list *list)
{
	size_t i, tunnels = list->count, count = tunnels;

	for (i = 0; i < tunnels; i++) {
		struct endpoint6_key anybody = list->all[i].key;
		struct wanted *claim = &list->all[count];

		memset(anybody.local, 0, sizeof(anybody.local));
		memset(anybody.remote, 0, sizeof(anybody.remote));
		anybody.keyed = 0;
		/* A tunnel that takes everything would never see what a claim refuses. */
		if (address_any(list->all[i].key.local) || wanted_find(list, &anybody))
			continue;
		*claim = list->all[i];
		memset(claim->key.remote, 0, sizeof(claim->key.remote));
		claim->value.flags |= ENDPOINT_CLAIM;
		count++;
	}
	list->count = count;
}

static void wanted_fill(struct wanted_list *list, const struct model *want)
{
	size_t i;

	for (i = 0; i < want->count; i++)
		if (want->tunnels[i].record.family == list->family)
			wanted_tunnel(list, &want->tunnels[i]);
	wanted_settle(list);
	wanted_claims(list);
	wanted_settle(list);
}

static __u32 shapes_of(const struct wanted_list *list)
{
	__u32 shapes = 0;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct endpoint6_key *key = &list->all[i].key;

		if (!address_any(key->local) && !address_any(key->remote))
			continue;
		shapes |= !address_any(key->remote)  ? SHAPE_REMOTE
			  : !address_any(key->local) ? SHAPE_LOCAL
						     : SHAPE_KEY;
	}
	return shapes;
}

/* Between the long key and that of the family's map. */
union any_key {
	struct endpoint4_key ipv4;
	struct endpoint6_key ipv6;
};

static union any_key key_shorten(enum family family, const struct endpoint6_key *key)
{
	union any_key any = { .ipv6 = *key };

	if (family == FAMILY_IPV4)
		any.ipv4 = (struct endpoint4_key){ .local = key->local[0],
						   .remote = key->remote[0],
						   .key = key->key,
						   .ip_proto = key->ip_proto,
						   .keyed = key->keyed,
						   .port = key->port };
	return any;
}

static struct endpoint6_key key_lengthen(enum family family, const void *keys, size_t i)
{
	const struct endpoint4_key *key = (const struct endpoint4_key *)keys + i;

	if (family == FAMILY_IPV6)
		return ((const struct endpoint6_key *)keys)[i];
	return (struct endpoint6_key){ .local = { key->local },
				       .remote = { key->remote },
				       .key = key->key,
				       .ip_proto = key->ip_proto,
				       .keyed = key->keyed,
				       .port = key->port };
}

static int endpoints_update(const struct maps *maps, const struct wanted_list *list)
{
	struct elements now = {};
	union any_key key;
	size_t i;
	int ret;

	ret = endpoints_read(maps, list->family, &now);
	for (i = 0; i < now.count && !ret; i++) {
		struct endpoint6_key old = key_lengthen(list->family, now.keys, i);
		struct wanted *found = wanted_find(list, &old);

		key = key_shorten(list->family, &old);
		if (!found)
			ret = endpoints_delete(maps, list->family, &key);
		else if (!memcmp(&found->value, (struct endpoint *)now.values + i,
				 sizeof(found->value)))
			found->there = true;
	}
	elements_free(&now);
	for (i = 0; i < list->count && !ret; i++) {
		if (list->all[i].there)
			continue;
		key = key_shorten(list->family, &list->all[i].key);
		ret = endpoints_put(maps, list->family, &key, &list->all[i].value);
	}
	return ret;
}

static const struct slot_shape slot_shapes[FAMILY_MAX] = {
	[FAMILY_IPV4] = { sizeof(struct endpoint4_slot),
			  offsetof(struct endpoint4_slot, key.ip_proto), 1 << SLOT_BITS },
	[FAMILY_IPV6] = { sizeof(struct endpoint6_slot),
			  offsetof(struct endpoint6_slot, key.ip_proto), 1 << SLOT_BITS },
};

static bool endpoint_plain(const struct endpoint *end)
{
	return end->inner & INNER_IPV4 && !end->flags && end->rx_flags;
}

/* What the slots shall hold: of the endpoints that share one, the first. */
static void *slots_wanted(const struct wanted_list *list)
{
	const struct slot_shape *shape = &slot_shapes[list->family];
	char *slots = calloc(1 << SLOT_BITS, shape->size);
	size_t i;

	for (i = 0; slots && i < list->count; i++) {
		const struct wanted *wanted = &list->all[i];
		union any_key key = key_shorten(list->family, &wanted->key);

		if ((address_any(wanted->key.local) || address_any(wanted->key.remote)) &&
		    !wanted->wrapped)
			continue;
		if (list->family == FAMILY_IPV4) {
			struct endpoint4_slot *slot =
				(struct endpoint4_slot *)slots + endpoint4_slot(&key.ipv4);

			if (!slot->key.ip_proto)
				*slot = (struct endpoint4_slot){ key.ipv4, wanted->value,
								 endpoint_plain(&wanted->value) };
		} else {
			struct endpoint6_slot *slot =
				(struct endpoint6_slot *)slots + endpoint6_slot(&key.ipv6);

			if (!slot->key.ip_proto)
				*slot = (struct endpoint6_slot){ key.ipv6, wanted->value, 0 };
		}
	}
	return slots;
}

static int slots_apply(const struct maps *maps, const struct wanted_list *list)
{
	void *want = slots_wanted(list), *now = slots_map(maps, list->family);
	int ret = want && now ? 0 : -ENOMEM;

	if (!ret)
		slots_update(now, want, &slot_shapes[list->family]);
	if (now)
		slots_unmap(list->family, now);
	free(want);
	return ret;
}

static int family_apply(const struct maps *maps, const struct model *want, enum family family)
{
	struct wanted_list list = { .family = family };
	struct config config;
	int ret;

	list.all = calloc(WANTED_PER_TUNNEL * want->count + 1, sizeof(*list.all));
	if (!list.all)
		return -ENOMEM;
	wanted_fill(&list, want);
	ret = config_read(maps, &config);
	if (!ret) {
		config.shapes[family] = shapes_of(&list);
		ret = config_write(maps, &config);
	}
	ret = ret ?: endpoints_update(maps, &list);
	ret = ret ?: slots_apply(maps, &list);
	free(list.all);
	return ret;
}

int endpoints_apply(const struct maps *maps, const struct model *want)
{
	enum family family;
	int ret = 0;

	for (family = 0; family < FAMILY_MAX && !ret; family++)
		ret = family_apply(maps, want, family);
	return ret;
}
