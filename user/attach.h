/* SPDX-License-Identifier: GPL-2.0 */
/* Attaching the programs: tcx links where the kernel has them, clsact filters elsewhere, netkit. */
#ifndef XTUN_ATTACH_H
#define XTUN_ATTACH_H

#include <linux/bpf.h>

#include "loader.h"

/* Attach the encapsulating program to an anchor. It goes with the device. */
int port_attach(struct state *state, const struct anchor *anchor, struct error *err);

/*
 * The same program at the egress of the anchor of a pair, see anchor_early(); as often as one likes.
 * early_swap() returns 0 or a negative errno.
 */
int early_attach(struct state *state, __u32 anchor, struct error *err);
int early_detach(struct state *state, __u32 anchor, struct error *err);
int early_swap(struct state *state, __u32 anchor);

/* Remove the pins of ports and anchors for which @known says no. */
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

/*
 * Put program @prog in the place of the one that is attached, in one step: by the link that is
 * pinned as @name, or else by the filter of @priority (0: there are none). Nothing attached is fine.
 * And that for the ports of tunnels, @ingress: of a hidden half, and for devices, with the programs
 * of @state.
 */
int program_swap(struct state *state, int prog, __u32 ifindex, bool ingress, __u32 priority,
		 const char *name);
int port_swap(struct state *state, __u32 port, bool ingress);
int device_swap(struct state *state, __u32 ifindex);

/* Attach types of tcx, and the flag for the place in front of all others (BPF_F_BEFORE). */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)
#define ATTACH_TCX_EGRESS  ((enum bpf_attach_type)47)
enum { TCX_BEFORE = 1 << 3 };

/* The handle of our filters on kernels without tcx; it says "xtun". */
enum { FILTER_HANDLE = 0x7874756e };

/* Make the clsact of a device, if there is none; @qdisc: we made it. */
struct bpf_tc_hook;
int clsact_create(struct bpf_tc_hook *hook, bool *qdisc);

/* Who was attached to a device as @flags (enum device_flags) say, mirror @id or QDISC_OF_DEVICE,
 * has no filters there any more: remove the clsact that it made, or leave that to who still has
 * some. */
enum { QDISC_OF_DEVICE = MAX_MIRRORS };
void qdisc_release(struct state *state, __u32 ifindex, __u32 flags, __u32 id);

#endif
