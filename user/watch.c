// SPDX-License-Identifier: GPL-2.0
#include "watch.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "ethtool.h"
#include "programs.h"
#include "sysctl.h"
#include "xdp.h"

/* A set of devices to watch. */
struct watch {
	struct watched {
		__u32 ifindex;
		__u32 flags; /* of DEVICE_CHOSEN */
		struct cpu_list spread;
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
	watch->devices[watch->count++] = (struct watched){ .ifindex = ifindex, .flags = flags };
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

/* Wherever the host has an address of family @af. */
static int watch_addressed(struct watch *watch, const struct model *want, int af, struct error *err)
{
	__u32 *addressed = NULL;
	size_t count = 0, i;
	int ret;

	ret = netlink_addressed(af, &addressed, &count);
	if (ret)
		return refuse_kernel(err, ret, "listing the addresses");
	for (i = 0; i < count; i++) {
		const struct link *link = model_link(want, addressed[i]);

		if (link && link->type == ARPHRD_ETHER && !model_owns(want, link->ifindex))
			watch_add(watch, link->ifindex, 0);
	}
	free(addressed);
	return 0;
}

/*
 * A tunnel without `dev` may receive wherever the host has an address, as the kernel's tunnels do,
 * and on the way to its remote. Anchors are only watched when a tunnel runs inside another.
 */
static int watch_fill(struct watch *watch, const struct model *want, struct error *err)
{
	bool anywhere[FAMILY_MAX] = {};
	int ret = 0;
	size_t i;

	watch->devices = calloc(want->manual_count + want->link_count + 2 * want->count + 1,
				sizeof(*watch->devices));
	if (!watch->devices)
		return refuse_kernel(err, -ENOMEM, "listing the devices");
	for (i = 0; i < want->count; i++)
		anywhere[want->tunnels[i].record.family] |= !want->tunnels[i].record.link;
	/* Each is another one. */
	for (i = 0; i < want->manual_count; i++) {
		watch_add(watch, want->manual[i].ifindex, want->manual[i].flags);
		watch->devices[i].spread = want->manual[i].spread;
	}
	if (anywhere[FAMILY_IPV4])
		ret = watch_addressed(watch, want, AF_INET, err);
	if (!ret && anywhere[FAMILY_IPV6])
		ret = watch_addressed(watch, want, AF_INET6, err);
	if (ret)
		return ret;
	for (i = 0; i < want->count; i++) {
		const struct tunnel *record = &want->tunnels[i].record;
		const struct link *link = model_link(want, record->route);

		if (record->link && device_exists(want, record->link))
			watch_add(watch, record->link, 0);
		else if (link && link->type == ARPHRD_ETHER)
			watch_add(watch, record->route, 0);
	}
	return 0;
}

/* Whether a device is to lose its XDP program, or to have it otherwise. */
static bool xdp_ends(__u32 known, __u32 chosen)
{
	return known & DEVICE_XDP &&
	       (!(chosen & DEVICE_XDP) || (known ^ chosen) & (DEVICE_GENERIC | DEVICE_FORWARD));
}

/* A tag that the device hides is hidden from XDP alone, which would take a VLAN device's packets.
 */
static int xdp_sees_tags(const struct model *want, const struct link *link, struct error *err)
{
	size_t i;

	for (i = 0; i < want->link_count; i++)
		if (!strcmp(want->links[i].kind, "vlan") && want->links[i].peer == link->ifindex &&
		    ethtool_hides_vlans(link->name))
			return refuse(
				err, -EBUSY,
				"xdp: %s takes VLAN tags off before XDP sees them, and %s is on "
				"it; switch that off with `ethtool -K %s rxvlan off`",
				link->name, want->links[i].name, link->name);
	return 0;
}

/* Who asks for gateways has told the kernel. */
static int forwarding_on(const struct link *link, struct error *err)
{
	if (sysctl_forwarding(link->name))
		return 0;
	return refuse(err, -EPERM,
		      "forward: %s does not forward; switch that on with `sysctl -w "
		      "net.ipv4.conf.%s.forwarding=1` (or net.ipv6)",
		      link->name, link->name);
}

static int watch_start(struct state *state, const struct model *want, const struct watched *device,
		       __u32 known, struct error *err)
{
	struct device value = { .flags = device->flags | (known & ~DEVICE_CHOSEN),
				.spread = device->spread };
	const struct link *link = model_link(want, device->ifindex);
	char name[IFNAMSIZ];
	int ret;

	if (xdp_ends(known, device->flags)) {
		ret = xdp_detach(state, device->ifindex,
				 model_link_name(want, device->ifindex, name), known, err);
		if (ret)
			return ret;
		value.flags &= ~DEVICE_FRAGS;
	}
	if (link && device->flags & ~known & (DEVICE_XDP | DEVICE_FORWARD)) {
		ret = xdp_sees_tags(want, link, err);
		if (!ret && device->flags & DEVICE_FORWARD)
			ret = forwarding_on(link, err);
		if (ret)
			return ret;
	}
	/* Written down first: what a filter hangs on must be known when it is to be removed. */
	ret = devices_put(&state->maps, device->ifindex, &value);
	if (ret)
		return refuse_kernel(err, ret, "storing a device");
	ret = device_attach(state, device->ifindex, model_link_name(want, device->ifindex, name),
			    &value.flags, err);
	if (ret)
		return ret;
	/* Also where XDP is refused: filters are to be found again. */
	ret = devices_put(&state->maps, device->ifindex, &value);
	if (!ret && link && value.flags & DEVICE_XDP) {
		ret = xdp_attach(state, link, &value, err);
		if (ret)
			return ret;
		ret = devices_put(&state->maps, device->ifindex, &value);
	}
	return ret ? refuse_kernel(err, ret, "storing a device") : 0;
}

static int watch_stop(struct state *state, const struct model *want, __u32 ifindex, __u32 flags,
		      struct error *err)
{
	char name[IFNAMSIZ];
	int ret = 0;

	model_link_name(want, ifindex, name);
	if (flags & DEVICE_XDP)
		ret = xdp_detach(state, ifindex, name, flags, err);
	ret = ret ?: device_detach(state, ifindex, name, flags, err);
	if (ret)
		return ret;
	qdisc_release(state, ifindex, flags, QDISC_OF_DEVICE);
	ret = devices_delete(&state->maps, ifindex);
	return ret ? refuse_kernel(err, ret, "forgetting a device") : 0;
}

struct vlans {
	const struct watch *watch;
	const struct model *want;
};

/* Whether @ifindex is a VLAN device on one that forwards at XDP. */
static bool vlan_forwards(__u32 ifindex, void *data)
{
	const struct vlans *vlans = data;
	const struct link *link = model_link(vlans->want, ifindex);
	size_t i;

	if (!link || !link->vlan_proto)
		return false;
	for (i = 0; i < vlans->watch->count; i++)
		if (vlans->watch->devices[i].ifindex == link->peer)
			return vlans->watch->devices[i].flags & DEVICE_FORWARD;
	return false;
}

/* VLAN devices on those that forward take part in that. */
static int watch_vlans(struct state *state, const struct model *want, const struct watch *watch)
{
	struct vlans vlans = { watch, want };
	int ret;
	size_t i;

	ret = xdp_devices_keep_vlans(&state->maps, vlan_forwards, &vlans);
	for (i = 0; i < want->link_count && !ret; i++)
		if (vlan_forwards(want->links[i].ifindex, &vlans))
			ret = xdp_vlan_attach(state, &want->links[i]);
	return ret;
}

static bool watch_spreads(__u32 cpu, void *data)
{
	const struct watch *watch = data;
	size_t i, j;

	for (i = 0; i < watch->count; i++)
		for (j = 0; j < watch->devices[i].spread.count; j++)
			if (watch->devices[i].spread.cpus[j] == cpu)
				return true;
	return false;
}

static bool watch_has_xdp(const struct watch *watch)
{
	bool has = false;
	size_t i;

	for (i = 0; i < watch->count; i++)
		has |= watch->devices[i].flags & DEVICE_XDP;
	return has;
}

int watch_apply(struct state *state, const struct model *want, struct error *err)
{
	struct elements now = {};
	struct watch watch = {};
	size_t i, j;
	int ret;

	ret = watch_fill(&watch, want, err);
	if (ret) {
		free(watch.devices);
		return ret;
	}
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
	if (!ret) {
		ret = watch_vlans(state, want, &watch);
		if (ret)
			refuse_kernel(err, ret, "storing what XDP needs to know of VLAN devices");
	}
	if (!ret && !watch_has_xdp(&watch))
		xdp_programs_remove(state);
	if (!ret)
		cpus_keep(&state->maps, watch_spreads, &watch);
	elements_free(&now);
	free(watch.devices);
	return ret;
}
