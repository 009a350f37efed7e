/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDP in front of an underlay device: what the program there takes out of a tunnel is handed to a
 * program at tc. Functions return 0 or a negative errno with @err.
 */
#ifndef XTUN_XDP_H
#define XTUN_XDP_H

#include "loader.h"
#include "netlink.h"

/*
 * Attach to @link, where tc is attached already, or bring up to date what the program knows of it.
 * @as: its struct device, to which DEVICE_FRAGS is added where the driver has that.
 */
int xdp_attach(struct state *state, const struct link *link, struct device *as, struct error *err);

/*
 * What comes in with the tag of the VLAN device @vlan is taken as that one's; what leaves by it is
 * sent by the one that it is on, which has `xdp forward`, with a tag. Where there is no room for
 * it, it is left to the stack. Returns 0 or a negative errno.
 */
int xdp_vlan_attach(struct state *state, const struct link *vlan);

/* XDP first, then tc: what XDP has let through until then is still taken over. Absent is fine. */
int xdp_detach(struct state *state, __u32 ifindex, const char *name, __u32 flags,
	       struct error *err);

/* Put the program that is pinned now in the place of the one that runs at a device with @flags. */
int xdp_swap(struct state *state, __u32 ifindex, __u32 flags);

#endif
