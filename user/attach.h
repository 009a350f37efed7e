/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching the programs: tcx links where the kernel has them, clsact filters elsewhere, netkit. */
#ifndef XTUN_ATTACH_H
#define XTUN_ATTACH_H

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

#endif
