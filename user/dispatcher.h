/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDP beside the programs of others: libxdp's dispatcher calls them and ours in turn. Ours is the
 * one that uses the maps of this namespace; nothing else is remembered of it. Functions return 0 or
 * a negative errno with @err.
 */
#ifndef XTUN_DISPATCHER_H
#define XTUN_DISPATCHER_H

#include "loader.h"
#include "netlink.h"

/*
 * Join the dispatcher at @link, behind all who are there, if we are not among them yet. @flags:
 * those of its struct device, to which DEVICE_FRAGS is added where it takes packets in several
 * buffers.
 */
int dispatcher_join(struct state *state, const struct link *link, __u32 *flags, struct error *err);

/* Leave the dispatcher of a device to the others; where there is none, or not ours, is fine. */
int dispatcher_leave(struct state *state, __u32 ifindex, const char *name, struct error *err);

/*
 * Join with the program of this binary, and take out those that were there before. For that moment
 * both run, of which the second finds nothing to do. @flags: of the device.
 * Returns 0 or a negative errno.
 */
int dispatcher_swap(struct state *state, __u32 ifindex, __u32 flags);

#endif
