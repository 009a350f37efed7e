/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching the programs: tcx links where the kernel has them, clsact filters elsewhere, netkit. */
#ifndef XTUN_ATTACH_H
#define XTUN_ATTACH_H

#include <linux/bpf.h>

#include "loader.h"

/* Attach the encapsulating program to an anchor. It goes with the device. */
int port_attach(struct state *state, const struct anchor *anchor, struct error *err);

/* Remove the pins of ports for which @known says no. */
void port_forget(struct state *state, bool (*known)(__u32 ifindex, void *data), void *data);

/*
 * Attach the decapsulating program to an underlay device, if it is not there yet. @flags: those of
 * its struct device, with what was found out (DEVICE_CLSACT, DEVICE_QDISC) added.
 */
int device_attach(struct state *state, __u32 ifindex, const char *name, __u32 *flags,
		  struct error *err);
int device_detach(struct state *state, __u32 ifindex, const char *name, __u32 flags,
		  struct error *err);

/*
 * Attach the program that takes over from XDP, in front of the decapsulating one, which is
 * attached; and undo that. @flags: those of the device.
 */
int handoff_attach(struct state *state, __u32 ifindex, const char *name, __u32 flags,
		   struct error *err);
int handoff_detach(struct state *state, __u32 ifindex, const char *name, __u32 flags,
		   struct error *err);

/*
 * Links, each pinned under a name. Whether it is attached to a device (one whose device is gone is
 * removed); attach program @prog with @flags, and pin; detach, and remove the pin (absent is fine).
 */
bool link_alive(struct state *state, const char *name);
int link_attach(struct state *state, int prog, __u32 ifindex, enum bpf_attach_type type,
		__u32 flags, const char *name);
int link_detach(struct state *state, const char *name);

#endif
