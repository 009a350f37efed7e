// SPDX-License-Identifier: GPL-2.0
#include "anchor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/*
 * What the kinds differ in. A device that is not a pair drops on transmit what its egress program
 * does not redirect (dummy_xmit(); ifb_xmit() for packets that nobody redirected to it). The hidden
 * half of a pair gets frames for a hardware address that is not its own, and the stack drops those.
 */
static const struct kind {
	const char *name;
	bool pair;
} kinds[ANCHOR_MAX] = {
	[ANCHOR_DUMMY] = { .name = "dummy" },
	[ANCHOR_IFB] = { .name = "ifb" },
	[ANCHOR_VETH] = { .name = "veth", .pair = true },
};

/* The order in which `auto` tries them. */
static const enum anchor_kind preference[] = { ANCHOR_DUMMY, ANCHOR_IFB, ANCHOR_VETH };

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

static int anchor_create_kind(enum anchor_kind kind, __u32 mtu, struct anchor *anchor)
{
	char name[IFNAMSIZ], half[IFNAMSIZ];
	struct link link, peer;
	struct link_new want = {
		.kind = kinds[kind].name,
		.name = name,
		.peer = kinds[kind].pair ? half : NULL,
		.mac = anchor->mac,
		.mtu = mtu,
		.flags = IFF_NOARP,
	};
	__u32 salt;
	int err;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt) ||
	    getrandom(anchor->mac, sizeof(anchor->mac), 0) != sizeof(anchor->mac))
		return -EIO;
	anchor->mac[0] = (anchor->mac[0] & 0xfe) | 0x02; /* one host, locally administered */
	snprintf(name, sizeof(name), ANCHOR_UNFINISHED "%08x", salt);
	snprintf(half, sizeof(half), ANCHOR_HALF "%06x", salt & 0xffffff);
	err = netlink_link_add(&want);
	if (err)
		return err;
	err = netlink_link_by_name(name, &link);
	if (err)
		return err;
	anchor->ifindex = link.ifindex;
	anchor->port = link.ifindex;
	anchor->port_ingress = kinds[kind].pair;
	if (!kinds[kind].pair)
		return 0;
	err = netlink_link_by_name(half, &peer);
	if (err)
		return err;
	anchor->port = peer.ifindex;
	err = netlink_link_no_ipv6(peer.ifindex);
	/* The pair carries packets only while both halves are up; the visible one decides. */
	return err ?: netlink_link_set(peer.ifindex, NULL, 0, true);
}

int anchor_create(enum anchor_kind *kind, __u32 mtu, struct anchor *anchor, struct error *err)
{
	int ret = -EOPNOTSUPP;
	size_t i;

	if (*kind != ANCHOR_AUTO) {
		ret = anchor_create_kind(*kind, mtu, anchor);
		return ret ? refuse_kernel(err, ret, "anchor %s: creating the device",
					   kinds[*kind].name)
			   : 0;
	}
	for (i = 0; i < sizeof(preference) / sizeof(preference[0]) && ret == -EOPNOTSUPP; i++) {
		*kind = preference[i];
		ret = anchor_create_kind(*kind, mtu, anchor);
	}
	return ret ? refuse_kernel(err, ret, "creating the tunnel's device (%s)", kinds[*kind].name)
		   : 0;
}

void anchor_receive(const struct tunnel *t, __u32 port, __u32 *ifindex, __u32 *flags)
{
	/* Sent through the hidden half, packets count and show on the visible one like those of any
	 * device. */
	*ifindex = kinds[t->kind].pair ? port : t->anchor;
	*flags = kinds[t->kind].pair ? 0 : 1; /* BPF_F_INGRESS */
}
