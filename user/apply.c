// SPDX-License-Identifier: GPL-2.0
#include "apply.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "endpoints.h"
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

/* Delete what was being made or unmade when its command ended, and what tunnels_remove() marked. */
static int unfinished_remove(struct error *err)
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
static int tunnels_remove(struct state *state, const struct model *want, struct error *err)
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
		ret = ret ?: tunnels_delete(&state->maps, port);
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
	struct route_reply reply = {};
	__be32 local = spec->local.address.v4, remote = spec->remote.address.v4;

	/* A local address that the host does not have (yet) makes the kernel refuse the question.
	 */
	if (remote && netlink_route(remote, local, spec->link, &reply) && local)
		netlink_route(remote, 0, spec->link, &reply);
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

static int tunnel_create(struct state *state, struct tunnel_entry *entry, __u32 mtu,
			 struct tunnel *record, struct error *err)
{
	enum anchor_kind kind = entry->spec.anchor;
	struct anchor anchor = {};
	int ret;

	ret = counters_clear(&state->maps, record->id);
	if (ret)
		return refuse_kernel(err, ret, "making room for counters");
	ret = anchor_create(&kind, entry->spec.name, mtu, &anchor, err);
	if (ret)
		return ret;
	record->anchor = anchor.ifindex;
	record->kind = kind;
	record->mtu = mtu;
	memcpy(record->mac, anchor.mac, sizeof(record->mac));
	if (!(entry->spec.mode->inner & ~INNER_IPV4)) {
		ret = netlink_link_no_ipv6(anchor.ifindex);
		if (ret)
			return refuse_kernel(err, ret, "preparing the tunnel's device");
	}
	ret = port_attach(state, &anchor, err);
	if (!ret)
		entry->port = anchor.port;
	return ret;
}

/* Device, program and record of one tunnel. A new device is unfinished until all else stands. */
static int tunnel_settle(struct state *state, struct model *want, struct tunnel_entry *entry,
			 struct error *err)
{
	const struct link *link = entry->port ? model_link(want, entry->record.anchor) : NULL;
	struct tunnel record = entry->record;
	struct route_reply route;
	__u32 mtu;
	int ret;

	ret = spec_resolve(want, &entry->spec, err);
	if (ret)
		return ret;
	route = route_now(&entry->spec);
	spec_to_record(&entry->spec, &record);
	record.source.v4 = route.source;
	record.route = route.local ? 0 : route.ifindex;
	mtu = anchor_mtu(want, &entry->spec, record.link ?: record.route);
	if (!link) {
		ret = tunnel_create(state, entry, mtu, &record, err);
		if (ret)
			return ret;
	} else {
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
	if (!link || memcmp(&record, &entry->record, sizeof(record))) {
		/* What was learned about the path may be about another path. */
		ret = path_mtu_forget(&state->maps, record.id);
		ret = ret ?: tunnels_put(&state->maps, entry->port, &record);
		if (ret)
			return refuse_kernel(err, ret, "storing tunnel %s", entry->spec.name);
	}
	entry->record = record;
	return 0;
}

/* The last step: from now on the new devices are tunnels. */
static int tunnels_finish(const struct model *want, struct error *err)
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
	return 0;
}

/* A set of devices to watch. */
struct watch {
	struct watched {
		__u32 ifindex;
		__u32 flags; /* DEVICE_MANUAL or 0 */
	} * devices;
	size_t count;
};

static void watch_add(struct watch *watch, __u32 ifindex, __u32 flags)
{
	size_t i;

	for (i = 0; i < watch->count; i++)
		if (watch->devices[i].ifindex == ifindex) {
			watch->devices[i].flags |= flags;
			return;
		}
	watch->devices[watch->count++] = (struct watched){ ifindex, flags };
}

/* Whether a device exists: it did when @want was read, or is one of the tunnels made since. */
static bool device_exists(const struct model *want, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < want->count; i++)
		if (want->tunnels[i].record.anchor == ifindex)
			return true;
	return model_link(want, ifindex);
}

/*
 * A tunnel without `dev` may receive wherever the host has an IPv4 address, as the kernel's tunnels
 * do, and on the way to its remote. Anchors are only watched when a tunnel runs inside another.
 */
static int watch_fill(struct watch *watch, const struct model *want, struct error *err)
{
	__u32 *addressed = NULL;
	size_t count = 0, i;
	bool anywhere = false;
	int ret;

	for (i = 0; i < want->count; i++)
		anywhere |= !want->tunnels[i].record.link;
	ret = anywhere ? netlink_addressed(&addressed, &count) : 0;
	if (ret)
		return refuse_kernel(err, ret, "listing the addresses");
	watch->devices =
		calloc(want->manual_count + count + want->count + 1, sizeof(*watch->devices));
	if (!watch->devices) {
		free(addressed);
		return refuse_kernel(err, -ENOMEM, "listing the devices");
	}
	for (i = 0; i < want->manual_count; i++)
		watch_add(watch, want->manual[i], DEVICE_MANUAL);
	for (i = 0; i < count; i++) {
		const struct link *link = model_link(want, addressed[i]);

		if (link && link->type == ARPHRD_ETHER && !model_owns(want, link->ifindex))
			watch_add(watch, link->ifindex, 0);
	}
	for (i = 0; i < want->count; i++) {
		const struct tunnel *record = &want->tunnels[i].record;
		const struct link *link = model_link(want, record->route);

		if (record->link && device_exists(want, record->link))
			watch_add(watch, record->link, 0);
		else if (link && link->type == ARPHRD_ETHER)
			watch_add(watch, record->route, 0);
	}
	free(addressed);
	return 0;
}

static int watch_start(struct state *state, const struct model *want, const struct watched *device,
		       __u32 known, struct error *err)
{
	struct device value = { .flags = device->flags | (known & ~DEVICE_MANUAL) };
	char name[IFNAMSIZ];
	int ret;

	/* Written down first: what a filter hangs on must be known when it is to be removed. */
	ret = devices_put(&state->maps, device->ifindex, &value);
	if (ret)
		return refuse_kernel(err, ret, "storing a device");
	ret = device_attach(state, device->ifindex, model_link_name(want, device->ifindex, name),
			    &value.flags, err);
	if (ret)
		return ret;
	ret = devices_put(&state->maps, device->ifindex, &value);
	return ret ? refuse_kernel(err, ret, "storing a device") : 0;
}

static int watch_stop(struct state *state, const struct model *want, __u32 ifindex, __u32 flags,
		      struct error *err)
{
	char name[IFNAMSIZ];
	int ret;

	ret = device_detach(state, ifindex, model_link_name(want, ifindex, name), flags, err);
	if (ret)
		return ret;
	ret = devices_delete(&state->maps, ifindex);
	return ret ? refuse_kernel(err, ret, "forgetting a device") : 0;
}

static int devices_apply(struct state *state, const struct model *want, struct error *err)
{
	struct elements now = {};
	struct watch watch = {};
	size_t i, j;
	int ret;

	ret = watch_fill(&watch, want, err);
	if (ret)
		return ret;
	ret = devices_read(&state->maps, &now);
	if (ret)
		refuse_kernel(err, ret, "reading the devices");
	for (i = 0; i < watch.count && !ret; i++) {
		__u32 known = 0;

		for (j = 0; j < now.count; j++)
			if (((__u32 *)now.keys)[j] == watch.devices[i].ifindex)
				known = ((struct device *)now.values)[j].flags;
		ret = watch_start(state, want, &watch.devices[i], known, err);
	}
	for (i = 0; i < now.count && !ret; i++) {
		__u32 ifindex = ((__u32 *)now.keys)[i];

		for (j = 0; j < watch.count && watch.devices[j].ifindex != ifindex; j++)
			;
		if (j == watch.count)
			ret = watch_stop(state, want, ifindex,
					 ((struct device *)now.values)[i].flags, err);
	}
	elements_free(&now);
	free(watch.devices);
	return ret;
}

static bool port_known(__u32 ifindex, void *data)
{
	return entry_by_port(data, ifindex);
}

/* All tunnels, each behind the one that it runs inside. */
static int tunnels_settle(struct state *state, struct model *want, struct error *err)
{
	bool *done = calloc(want->count + 1, sizeof(*done));
	size_t i = 0;
	int ret = 0;

	if (!done)
		return refuse_kernel(err, -ENOMEM, "ordering the tunnels");
	while (!ret && model_next(want, done, &i)) {
		ret = tunnel_settle(state, want, &want->tunnels[i], err);
		if (ret)
			error_prefix(err, "%s", want->tunnels[i].spec.name);
	}
	free(done);
	return ret;
}

/* Bring the kernel's objects to @want. Every step is harmless to repeat. */
static int converge(struct state *state, struct model *want, struct error *err)
{
	int ret;

	ret = tunnels_remove(state, want, err);
	ret = ret ?: ids_assign(want, err);
	ret = ret ?: tunnels_settle(state, want, err);
	if (ret)
		return ret;
	ret = endpoints_apply(&state->maps, want);
	if (ret)
		return refuse_kernel(err, ret, "storing where tunnels end");
	if (want->count) {
		ret = netlink_lo_forwarding_set(true);
		if (ret)
			return refuse_kernel(err, ret, "setting forwarding on lo");
	}
	ret = devices_apply(state, want, err);
	ret = ret ?: tunnels_finish(want, err);
	if (!ret)
		port_forget(state, port_known, want);
	return ret;
}

static bool model_empty(const struct model *model)
{
	return !model->count && !model->manual_count;
}

/* The end of a configuration: without a tunnel or a device there is no state. */
static int finish(struct state *state, const struct model *want, struct error *err)
{
	return model_empty(want) ? state_remove(state, err) : journal_remove(state, err);
}

static int save_text(const struct model *model, char **text, struct error *err)
{
	size_t len;
	FILE *out = open_memstream(text, &len);
	int ret;

	if (!out)
		return refuse_kernel(err, -errno, "writing down the configuration");
	ret = model_save(model, out);
	if (fclose(out) && !ret)
		ret = -errno;
	return ret ? refuse_kernel(err, ret, "writing down the configuration") : 0;
}

/* Make the kernel have what @text says. */
static int replay(struct state *state, const char *text, struct error *err)
{
	struct model now, want;
	int ret;

	ret = model_read(state, &now, err);
	if (ret)
		return ret;
	now.quiet = true;
	model_empty_like(&now, &want);
	ret = batch_text(&want, text, "journal", err);
	if (!ret) {
		model_adopt(&want, &now);
		ret = converge(state, &want, err);
		ret = ret ?: finish(state, &want, err);
	}
	model_free_like(&want);
	model_free(&now);
	return ret;
}

int recover(struct state *state, struct error *err)
{
	struct model now;
	char *text;
	int ret;

	if (state->dir >= 0) {
		ret = journal_read(state, &text, err);
		if (ret)
			return ret;
		if (text) {
			ret = replay(state, text, err);
			free(text);
			if (!ret)
				return 0;
			/* The world may have changed since; what can no longer be made must not
			 * block all else. */
			warn("an interrupted command cannot be finished: %s", err->text);
			ret = journal_remove(state, err);
			if (ret)
				return ret;
		}
	}
	ret = model_read(state, &now, err);
	if (ret)
		return ret;
	if (now.leftovers)
		ret = state->dir >= 0 ? converge(state, &now, err) : unfinished_remove(err);
	if (!ret && state->dir >= 0 && model_empty(&now))
		ret = state_remove(state, err);
	model_free(&now);
	return ret;
}

/* @want was refused by the kernel halfway: bring @text back and keep the first error. */
static void roll_back(struct state *state, const char *text)
{
	struct error second = {};

	if (journal_write(state, text, &second) || replay(state, text, &second))
		warn("going back to the old configuration failed too: %s", second.text);
}

int apply(struct state *state, const struct model *before, struct model *want, struct error *err)
{
	char *old = NULL, *new = NULL;
	int ret;

	if (state->dir < 0 && model_empty(want))
		return 0;
	ret = save_text(before, &old, err);
	ret = ret ?: save_text(want, &new, err);
	if (!ret && state->dir < 0)
		ret = state_create(state, err);
	ret = ret ?: journal_write(state, new, err);
	if (!ret) {
		ret = converge(state, want, err);
		if (ret)
			roll_back(state, old);
		else
			ret = finish(state, want, err);
	}
	free(old);
	free(new);
	return ret;
}
