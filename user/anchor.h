/* SPDX-License-Identifier: GPL-2.0 */
/* The kinds of device that can carry a tunnel's name: one row each, best first. */
#ifndef XTUN_ANCHOR_H
#define XTUN_ANCHOR_H

#include <stdbool.h>

#include "log.h"
#include "netlink.h"
#include "tunnel.h"

/* As stored in struct tunnel; ANCHOR_AUTO only in what a user asks for. New kinds are appended. */
enum anchor_kind { ANCHOR_AUTO, ANCHOR_DUMMY, ANCHOR_IFB, ANCHOR_VETH, ANCHOR_NETKIT, ANCHOR_MAX };

/*
 * The device group ("xtun") of devices that are being made, or are about to be deleted, or were
 * when their command was killed. Its members are nobody's tunnels.
 */
#define ANCHOR_UNFINISHED 0x7874756e
/* The hidden half of a pair. */
#define ANCHOR_HALF "xtun-h"

/* Where the encapsulating program is attached. */
enum anchor_hook {
	HOOK_TC_EGRESS,  /* of the device */
	HOOK_TC_INGRESS, /* of the hidden half */
	HOOK_NETKIT,     /* in the device's own transmit function */
};

struct anchor {
	__u32 ifindex;  /* carries the name */
	__u32 port;     /* the device that the program sees */
	__u32 attached; /* the one that it is attached to */
	enum anchor_hook hook;
	__u8 mac[6];
};

/* Name of a kind, NULL behind the last; `auto` is none of them. */
const char *anchor_kind_name(size_t i);

/* The kind called @name, ANCHOR_AUTO when there is none. */
enum anchor_kind anchor_kind_parse(const char *name);

/* Whether packets can be cut to wire size before they come to the program: where that sits behind
 * the device's transmit function. */
bool anchor_segments(enum anchor_kind kind);

/* Have device @name, of such a kind, cut packets. */
int anchor_cut(const char *name, struct error *err);

/* Whether a tunnel of Ethernet frames can have it: a device with an address and neighbours of its
 * own, that bridges take. */
bool anchor_ethernet(enum anchor_kind kind);

struct anchor_want {
	__u32 mtu;
	bool segments; /* cuts packets to wire size */
	bool ethernet; /* for frames */
	__u8 mac[6];   /* 0: by chance */
};

/*
 * Create a device @name of *@kind, unfinished; ANCHOR_AUTO takes the first kind that is as wanted
 * and that the kernel has, and *@kind says which. The device drops whatever is sent to it. Returns 0
 * or a negative errno with @err.
 */
int anchor_create(enum anchor_kind *kind, const char *name, const struct anchor_want *want,
		  struct anchor *anchor, struct error *err);

/* How decapsulated packets get into the anchor of @t: arguments of bpf_redirect(). */
void anchor_receive(const struct tunnel *t, __u32 port, __u32 *ifindex, __u32 *flags);

/*
 * Whether the program stands at the egress of the anchor of @t, too, where it takes what needs no
 * cutting before the device does: a pair that the user did not choose to have.
 */
bool anchor_early(const struct tunnel *t);

#endif
