// SPDX-License-Identifier: GPL-2.0
#include "settle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "counts.h"
#include "fdb.h"
#include "peers_apply.h"
#include "slots.h"
#include "sysctl.h"
#include "wire.h"

enum { MTU_DEFAULT = 1500 };

static const struct tunnel_entry *entry_by_port(const struct model *model, __u32 port)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (model->tunnels[i].port == port)
			return &model->tunnels[i];
	return NULL;
}

int unfinished_remove(struct error *err)
{
	int ret = netlink_group_del(ANCHOR_UNFINISHED);

	return ret ? refuse_kernel(err, ret, "deleting devices") : 0;
}

/*
 * Tunnels that are not wanted: the device is marked before its record goes, so that it is never
 * without an owner; then all marked ones are deleted at once, because the kernel waits for all CPUs
 * whenever one goes. An ifindex may long belong to somebody else, if
 * its device went without us: the kind tells.
 */
int tunnels_remove(struct state *state, const struct model *want, struct error *err)
{
	struct elements found = {};
	int ret;
	size_t i;

	ret = tunnels_read(&state->maps, &found);
	if (ret)
		return refuse_kernel(err, ret, "reading the tunnels");
	for (i = 0; i < found.count && !ret; i++) {
		__u32 port = ((__u32 *)found.keys)[i];
		const struct tunnel *record = (struct tunnel *)found.values + i;
		const struct link *link = model_link(want, record->anchor);

		if (entry_by_port(want, port))
			continue;
		ret = 0;
		if (link && !strcmp(link->kind, anchor_kind_name(record->kind - 1)))
			ret = netlink_link_set_group(record->anchor, ANCHOR_UNFINISHED);
		ret = ret == -ENODEV ? 0 : ret;
		ret = ret ?: peers_remove(&state->maps, record->id);
		if (record->inner == INNER_ETHERNET)
			ret = ret ?: fdb_forget(&state->maps, record->id);
		ret = ret ?: tunnels_delete(&state->maps, port);
		ret = ret ?: geneve_options_delete(&state->maps, record->id);
		if (ret)
			refuse_kernel(err, ret, "deleting %s", link ? link->name : "a tunnel");
	}
	elements_free(&found);
	return ret ?: unfinished_remove(err);
}

/* What the kernel's routes say about a tunnel without `dev` at this moment: nothing, if there is no
 * way to the remote. */
static struct route_reply route_now(const struct tunnel_spec *spec)
{
	const union address *local = spec->local.af == AF_UNSPEC ? NULL : &spec->local.address;
	struct route_reply reply = {};
	int af = spec_af(spec);

	/* A local address that the host does not have (yet) makes the kernel refuse the question.
	 */
	if (spec->remote.af != AF_UNSPEC &&
	    netlink_route(af, &spec->remote.address, local, spec->link, spec->fwmark, &reply) &&
	    local)
		netlink_route(af, &spec->remote.address, NULL, spec->link, spec->fwmark, &reply);
	return reply;
}

/* MTU of the anchor: that of the underlay less the headers, as ip_tunnel_bind_dev() has it. */
static __u32 anchor_mtu(const struct model *want, const struct tunnel_spec *spec, __u32 underlay)
{
	const struct link *link = model_link(want, underlay);
	__u32 mtu = link ? link->mtu : MTU_DEFAULT;

	if (mtu > IPV4_LEN_MAX)
		mtu = IPV4_LEN_MAX;
	mtu -= spec_overhead(spec);
	/* A device of less than that loses IPv6 (addrconf_notify()). */
	if (spec->mode->inner & (INNER_IPV6 | INNER_ETHERNET) && mtu < IPV6_MTU_MIN)
		return IPV6_MTU_MIN;
	return mtu < IPV4_MTU_MIN ? IPV4_MTU_MIN : mtu;
}

/* A `dev` that is a tunnel of this very configuration has its device by now, if it stands before.
 */
static int spec_resolve(const struct model *want, struct tunnel_spec *spec, struct error *err)
{
	const struct tunnel_entry *under;

	if (!spec->dev[0] || spec->link)
		return 0;
	under = model_find(want, spec->dev);
	if (!under || !under->port)
		return refuse(err, -ENODEV, "dev: there is no device \"%s\"", spec->dev);
	spec->link = under->record.anchor;
	return 0;
}

/* Give each new tunnel the smallest id that no other has. */
static int ids_assign(struct model *want, struct error *err)
{
	bool *used = calloc(MAX_TUNNELS, sizeof(*used));
	__u32 next = 0;
	size_t i;

	if (!used)
		return refuse_kernel(err, -ENOMEM, "numbering the tunnels");
	for (i = 0; i < want->count; i++)
		if (want->tunnels[i].port && want->tunnels[i].record.id < MAX_TUNNELS)
			used[want->tunnels[i].record.id] = true;
	for (i = 0; i < want->count; i++) {
		if (want->tunnels[i].port)
			continue;
		while (next < MAX_TUNNELS && used[next])
			next++;
		/* Behind the last one the map refuses it. */
		want->tunnels[i].record.id = next < MAX_TUNNELS ? next++ : next;
	}
	free(used);
	return 0;
}

/*
 * Whether a new tunnel gets a device that cuts packets to wire size: where its headers need that,
 * and inside another tunnel, because nobody can note two of them at a packet of several segments
 * (bpf_skb_net_grow()). Who names a device of another kind gets that.
 */
static bool entry_cuts(const struct model *want, const struct tunnel_entry *entry, __u32 under)
{
	bool inside = false;
	size_t i;

	for (i = 0; i < want->count && under; i++)
		inside |= want->tunnels[i].record.anchor == under;
	return spec_segments(&entry->spec) || (inside && (entry->spec.anchor == ANCHOR_AUTO ||
							  anchor_segments(entry->spec.anchor)));
}

/* Outer packets can leave by any device, but arrive only on Ethernet ones. */
static void warn_deaf(const struct model *want, const struct tunnel_entry *entry, __u32 under)
{
	const struct link *link = model_link(want, under);

	if (link && link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK && !want->quiet)
		warn("%s: the route to its remote leads over %s, which is not an Ethernet device; "
		     "nothing is received there",
		     entry->spec.name, link->name);
}

static int tunnel_create(struct state *state, struct tunnel_entry *entry, __u32 mtu, bool cuts,
			 struct tunnel *record, struct error *err)
{
	const __u8 inner = entry->spec.mode->inner;
	/* An MTU that a user asked for is, like one set later, not that of the record: nothing
	 * changes it. */
	struct anchor_want want = { .mtu = entry->mtu ?: mtu,
				    .segments = cuts,
				    .ethernet = inner == INNER_ETHERNET };
	enum anchor_kind kind = entry->spec.anchor;
	struct anchor anchor = {};
	int ret;

	ret = counters_clear(&state->maps, record->id);
	/* Packets on their way may have taught something since the id was another's. */
	if (inner == INNER_ETHERNET)
		ret = ret ?: fdb_forget(&state->maps, record->id);
	if (ret)
		return refuse_kernel(err, ret, "making room for counters");
	memcpy(want.mac, entry->mac, sizeof(want.mac));
	ret = anchor_create(&kind, entry->spec.name, &want, &anchor, err);
	if (ret)
		return ret;
	record->anchor = anchor.ifindex;
	record->kind = kind;
	record->mtu = mtu;
	memcpy(record->mac, anchor.mac, sizeof(record->mac));
	if (!(inner & (INNER_IPV6 | INNER_ETHERNET))) {
		ret = netlink_link_no_ipv6(anchor.ifindex);
		if (ret)
			return refuse_kernel(err, ret, "preparing the tunnel's device");
	}
	ret = port_attach(state, &anchor, err);
	if (!ret)
		entry->port = anchor.port;
	return ret;
}

/* The range that source ports of a wrap come from, as udp_flow_src_port() has it. */
static void port_range(struct tunnel *record)
{
	__u16 low = 32768, high = 60999;

	if (record->wrap == WRAP_NONE)
		return;
	sysctl_port_range(&low, &high);
	/* geneve_xmit_skb() */
	if (record->wrap == WRAP_GENEVE)
		low = 1, high = 65535;
	if (record->srcport_low)
		low = record->srcport_low, high = record->srcport_high;
	record->sport_min = low;
	record->sport_count = high > low ? high - low : 1;
}

/* A tunnel whose packets must be cut cannot keep a device that does not. */
static int segments_check(const struct tunnel_entry *entry, struct error *err)
{
	if (!spec_segments(&entry->spec) || anchor_segments(entry->record.kind))
		return 0;
	return refuse(
		err, -EBUSY,
		"a checksum, sequence number or MPLS needs a device that cuts packets to wire "
		"size (veth or netkit), and this one is of kind %s; delete and add it",
		anchor_kind_name(entry->record.kind - 1));
}

/* What is beside the record comes before it, and goes after it. */
static int record_put(const struct maps *maps, const struct tunnel *record,
		      const struct geneve_options *options, bool changed)
{
	int ret = 0;

	if (options->len)
		ret = geneve_options_put(maps, record->id, options);
	if (!changed)
		return ret;
	/* What was learned about the path may be about another path. */
	ret = ret ?: path_mtu_forget(maps, record->id);
	ret = ret ?: tunnels_put(maps, record);
	if (!options->len)
		ret = ret ?: geneve_options_delete(maps, record->id);
	return ret;
}

/*
 * The program in front of the device. @before: the record as it was, NULL: the device is new.
 * Without a slot for the device it passes on everything: the order of the steps does not matter.
 */
static int early_settle(struct state *state, const struct tunnel *before,
			const struct tunnel *record, struct error *err)
{
	if (anchor_early(record))
		return early_attach(state, record->anchor, err);
	return before && anchor_early(before) ? early_detach(state, record->anchor, err) : 0;
}

/* Device, program and record of one tunnel. A new device is unfinished until all else stands. */
static int tunnel_settle(struct state *state, struct model *want, struct tunnel_entry *entry,
			 struct error *err)
{
	const struct link *link = entry->port ? model_link(want, entry->record.anchor) : NULL;
	struct tunnel record = entry->record;
	struct route_reply route;
	__u32 mtu, under;
	int ret;

	ret = spec_resolve(want, &entry->spec, err);
	if (ret)
		return ret;
	route = route_now(&entry->spec);
	spec_to_record(&entry->spec, &record);
	record.source = route.source;
	record.route = route.local ? 0 : route.ifindex;
	port_range(&record);
	under = record.link ?: record.route;
	mtu = anchor_mtu(want, &entry->spec, under);
	if (!link) {
		warn_deaf(want, entry, under);
		ret = tunnel_create(state, entry, mtu, entry_cuts(want, entry, under), &record,
				    err);
		if (ret)
			return ret;
	} else {
		ret = segments_check(entry, err);
		if (!ret && spec_segments(&entry->spec))
			ret = anchor_cut(link->name, err);
		if (ret)
			return ret;
		memcpy(record.mac, link->mac, sizeof(record.mac));
		/* An MTU that is not the one we set is the user's. */
		if (link->mtu == record.mtu && mtu != record.mtu) {
			ret = netlink_link_set_mtu(link->ifindex, mtu);
			if (ret)
				return refuse_kernel(err, ret, "setting the MTU of %s to %u",
						     link->name, mtu);
			record.mtu = mtu;
		}
	}
	record.port = entry->port;
	ret = early_settle(state, link ? &entry->record : NULL, &record, err);
	if (ret)
		return ret;
	ret = peers_settle(&state->maps, entry, record.id, &record.flags);
	if (ret)
		return refuse_kernel(err, ret, "storing the peers");
	ret = record_put(&state->maps, &record, &entry->spec.options,
			 !link || memcmp(&record, &entry->record, sizeof(record)));
	if (ret)
		return refuse_kernel(err, ret, "storing tunnel %s", entry->spec.name);
	entry->record = record;
	return 0;
}

/* What the program in front of the device of @t finds there, if nobody else has the slot. */
static void slot_early(struct tunnel *slots, const struct tunnel *t)
{
	struct tunnel *slot = &slots[tunnel_slot(t->anchor)];

	if (slot->port || !anchor_early(t))
		return;
	*slot = *t;
	slot->port = t->anchor;
	slot->flags |= TUNNEL_EARLY;
}

/* The slots of `tunnels`: of those that share one, the first has it. */
static int slots_settle(const struct maps *maps, const struct model *want)
{
	static const struct slot_shape shape = { sizeof(struct tunnel),
						 offsetof(struct tunnel, port), TUNNEL_SLOTS };
	struct tunnel *slots = calloc(TUNNEL_SLOTS, sizeof(*slots));
	struct tunnel *now = tunnel_slots_map(maps), *slot;
	int ret = slots && now ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < want->count && !ret; i++) {
		slot = &slots[tunnel_slot(want->tunnels[i].port)];
		if (!slot->port)
			*slot = want->tunnels[i].record;
	}
	for (i = 0; i < want->count && !ret; i++)
		slot_early(slots, &want->tunnels[i].record);
	if (!ret)
		slots_update(now, slots, &shape);
	if (now)
		tunnel_slots_unmap(now);
	free(slots);
	return ret;
}

/* Which addresses may be the local one of a tunnel. */
static int locals_settle(const struct maps *maps, const struct model *want)
{
	__u8 *locals = calloc(1 << LOCAL_BITS, 1);
	size_t i;
	int ret;

	if (!locals)
		return -ENOMEM;
	for (i = 0; i < want->count; i++) {
		const __be32 *local = want->tunnels[i].record.local.v6;
		__be32 word = local[0] ^ local[1] ^ local[2] ^ local[3];

		if (word)
			locals[local_slot(word)] = 1;
	}
	ret = locals_put(maps, locals);
	free(locals);
	return ret;
}

int tunnels_settle(struct state *state, struct model *want, struct error *err)
{
	bool *done = calloc(want->count + 1, sizeof(*done));
	size_t i = 0;
	int ret;

	if (!done)
		return refuse_kernel(err, -ENOMEM, "ordering the tunnels");
	ret = ids_assign(want, err);
	while (!ret && model_next(want, done, &i)) {
		ret = tunnel_settle(state, want, &want->tunnels[i], err);
		if (ret)
			error_prefix(err, "%s", want->tunnels[i].spec.name);
	}
	free(done);
	if (ret)
		return ret;
	ret = slots_settle(&state->maps, want);
	ret = ret ?: locals_settle(&state->maps, want);
	return ret ? refuse_kernel(err, ret, "storing the slots of the tunnels") : 0;
}

static bool port_known(__u32 ifindex, void *data)
{
	const struct model *want = data;
	size_t i;

	for (i = 0; i < want->count; i++)
		if (want->tunnels[i].port == ifindex || want->tunnels[i].record.anchor == ifindex)
			return true;
	return false;
}

int tunnels_finish(struct state *state, struct model *want, struct error *err)
{
	size_t i;
	int ret;

	for (i = 0; i < want->count; i++) {
		const struct tunnel_entry *entry = &want->tunnels[i];

		if (model_link(want, entry->record.anchor))
			continue;
		ret = netlink_link_set_group(entry->record.anchor, 0);
		if (ret)
			return refuse_kernel(err, ret, "finishing %s", entry->spec.name);
	}
	port_forget(state, port_known, want);
	return 0;
}
