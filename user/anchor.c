// SPDX-License-Identifier: GPL-2.0
#include "anchor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "ethtool.h"

/*
 * What the kinds differ in. All drop on transmit what the program does not redirect: dummy_xmit(),
 * ifb_xmit() for packets that nobody redirected to it, netkit by its policy. The hidden half of a
 * veth pair gets frames for a hardware address that is not its own, and the stack drops those.
 */
static const struct kind {
	const char *name;
	bool pair;
	enum anchor_hook hook;
	bool own_mac;  /* the kernel gives it one, and takes no other */
	bool ethernet; /* can carry a tunnel of frames */
} kinds[ANCHOR_MAX] = {
	[ANCHOR_DUMMY] = { .name = "dummy", .hook = HOOK_TC_EGRESS, .ethernet = true },
	[ANCHOR_IFB] = { .name = "ifb", .hook = HOOK_TC_EGRESS, .ethernet = true },
	[ANCHOR_VETH] = { .name = "veth", .pair = true, .hook = HOOK_TC_INGRESS, .ethernet = true },
	[ANCHOR_NETKIT] = { .name = "netkit", .pair = true, .hook = HOOK_NETKIT, .own_mac = true },
};

/*
 * The order in which `auto` tries them: the cheapest first (bench-lab). Pairs cost more, and in
 * return `ip -s link` and tcpdump on them see both directions.
 */
static const enum anchor_kind preference[] = { ANCHOR_DUMMY, ANCHOR_IFB, ANCHOR_NETKIT,
					       ANCHOR_VETH };

const char *anchor_kind_name(size_t i)
{
	return i + 1 < ANCHOR_MAX ? kinds[i + 1].name : NULL;
}

enum anchor_kind anchor_kind_parse(const char *name)
{
	enum anchor_kind kind;

	for (kind = ANCHOR_AUTO + 1; kind < ANCHOR_MAX; kind++)
		if (!strcmp(kinds[kind].name, name))
			return kind;
	return ANCHOR_AUTO;
}

/* Make the device; @half, the name of its other half, is set. */
static int anchor_add(const struct kind *kind, const char *name, const struct anchor_want *anchor,
		      const __u8 *mac, char *half)
{
	struct link_new want = {
		.kind = kind->name,
		.name = name,
		.peer = kind->pair ? half : NULL,
		.mac = kind->own_mac ? NULL : mac,
		.mtu = anchor->mtu,
		.group = ANCHOR_UNFINISHED,
		/* Kinds that are not made for neighbours have neither ARP nor groups by themselves.
		 */
		.flags = anchor->ethernet ? IFF_MULTICAST : IFF_NOARP,
		.no_flags = anchor->ethernet ? IFF_NOARP : 0,
		.drop = kind->hook == HOOK_NETKIT,
	};
	__u32 salt;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return -EIO;
	snprintf(half, IFNAMSIZ, ANCHOR_HALF "%08x", salt);
	return netlink_link_add(&want);
}

/* The address that is wanted, or else a new one. */
static int anchor_mac(const struct anchor_want *want, __u8 *mac)
{
	static const __u8 none[6];

	if (memcmp(want->mac, none, sizeof(none))) {
		memcpy(mac, want->mac, sizeof(none));
		return 0;
	}
	if (getrandom(mac, sizeof(none), 0) != sizeof(none))
		return -EIO;
	mac[0] = (mac[0] & 0xfe) | 0x02; /* one host, locally administered */
	return 0;
}

static int anchor_create_kind(const struct kind *kind, const char *name,
			      const struct anchor_want *want, struct anchor *anchor)
{
	struct link link, peer;
	char half[IFNAMSIZ];
	int err;

	err = anchor_mac(want, anchor->mac);
	if (err)
		return err;
	err = anchor_add(kind, name, want, anchor->mac, half);
	err = err ?: netlink_link_by_name(name, &link);
	if (err)
		return err;
	memcpy(anchor->mac, link.mac, sizeof(anchor->mac));
	anchor->hook = kind->hook;
	anchor->ifindex = anchor->port = anchor->attached = link.ifindex;
	if (!kind->pair)
		return 0;
	err = netlink_link_by_name(half, &peer);
	if (err)
		return err;
	/* netkit_xmit() hands the packet to its program as one of the other half already. */
	anchor->port = peer.ifindex;
	if (kind->hook == HOOK_TC_INGRESS)
		anchor->attached = peer.ifindex;
	err = netlink_link_no_ipv6(peer.ifindex);
	/* The pair carries packets only while both halves are up; the visible one decides. */
	return err ?: netlink_link_up(peer.ifindex);
}

bool anchor_segments(enum anchor_kind kind)
{
	return kinds[kind].pair;
}

bool anchor_ethernet(enum anchor_kind kind)
{
	return kinds[kind].ethernet;
}

int anchor_cut(const char *name, struct error *err)
{
	int ret = ethtool_no_segmentation(name);

	return ret ? refuse_kernel(err, ret, "%s: switching off its offloads", name) : 0;
}

int anchor_create(enum anchor_kind *kind, const char *name, const struct anchor_want *want,
		  struct anchor *anchor, struct error *err)
{
	int ret = -EOPNOTSUPP;
	size_t i;

	if (*kind != ANCHOR_AUTO) {
		ret = anchor_create_kind(&kinds[*kind], name, want, anchor);
		if (ret)
			return refuse_kernel(err, ret, "anchor %s: creating the device",
					     kinds[*kind].name);
		return want->segments ? anchor_cut(name, err) : 0;
	}
	for (i = 0; i < sizeof(preference) / sizeof(preference[0]) && ret == -EOPNOTSUPP; i++) {
		if ((want->segments && !kinds[preference[i]].pair) ||
		    (want->ethernet && !kinds[preference[i]].ethernet))
			continue;
		*kind = preference[i];
		ret = anchor_create_kind(&kinds[*kind], name, want, anchor);
	}
	if (ret)
		return refuse_kernel(err, ret, "creating the tunnel's device (%s)",
				     kinds[*kind].name);
	return want->segments ? anchor_cut(name, err) : 0;
}

/*
 * Sent through the hidden half, packets count and show on the visible one like those of any device:
 * for that, and its price, users choose such a device. A tunnel that has one because its packets
 * must be cut takes the short way.
 */
static bool receives_by_half(const struct tunnel *t)
{
	return kinds[t->kind].pair && t->flags & TUNNEL_ANCHOR_CHOSEN;
}

void anchor_receive(const struct tunnel *t, __u32 port, __u32 *ifindex, __u32 *flags)
{
	bool hidden = receives_by_half(t);

	*ifindex = hidden ? port : t->anchor;
	*flags = hidden ? 0 : 1; /* BPF_F_INGRESS */
}

bool anchor_early(const struct tunnel *t)
{
	return kinds[t->kind].pair && !receives_by_half(t);
}
