/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mirrors: copies of the frames of a device that go into a layer-2 tunnel. What BPF programs and
 * user space share; part of the layout of tunnel.h.
 */
#ifndef XTUN_MIRROR_H
#define XTUN_MIRROR_H

#ifndef __bpf__
#include <assert.h>
#include <linux/types.h>
#endif

enum {
	MAX_MIRRORS = 256,
	MIRROR_NAME_MAX = 16,
	MIRROR_FILTER_MAX = 960,
	MIRROR_SNAPLEN_MIN = 14, /* the Ethernet header */
	MIRROR_ROWS = 128,       /* a power of two, see struct mirror_passed */
};

enum mirror_directions {
	MIRROR_INGRESS = 1 << 0,
	MIRROR_EGRESS = 1 << 1,
	MIRROR_BOTH = MIRROR_INGRESS | MIRROR_EGRESS,
};

/* The map `mirrors` has it under its id, the smallest number that no other mirror has. */
struct mirror {
	char name[MIRROR_NAME_MAX];
	__u32 device;     /* ifindex of what is mirrored */
	__u32 anchor;     /* ifindex of the tunnel's device, where copies go */
	__u32 directions; /* enum mirror_directions */
	__u32 sample;     /* one in so many frames is copied */
	__u32 snaplen;    /* bytes of the frame in its copy, 0: all */
	__u32 attached;   /* how: enum device_flags */
	__u32 pad[6];
	char filter[MIRROR_FILTER_MAX]; /* as typed; empty: every frame matches */
};
_Static_assert(sizeof(struct mirror) == 1024, "struct mirror is part of the layout");

/*
 * A copy carries its mirror's id and direction in the packet's tc_index, which goes with it through
 * queues, devices, segmentation and encapsulation, and which the kernel itself uses only for what
 * classifiers say. The encapsulating program finds there to how many bytes the copy is to be cut,
 * and a mirror that meets a packet with such a mark leaves it alone: copies are not copied again.
 * As virtual devices carry it into other namespaces, some bits tell namespaces apart.
 */
enum mirror_mark {
	MIRROR_MARK_ID = 0xff,
	MIRROR_MARK_NETNS = 0x3f00,
	MIRROR_MARK_EGRESS = 0x4000, /* the frame was leaving */
	MIRROR_MARK = 0x8000,
	/* What all copies of one namespace have in common. */
	MIRROR_MARK_OURS = MIRROR_MARK | MIRROR_MARK_NETNS,
};

/* Why a frame that was to be copied was not. X(name, what it means) */
#define XTUN_MIRROR_DROPS(X)                                                                       \
	X(own, "it is a copy already, with the outer headers of its tunnel")                       \
	X(tunnel, "the tunnel did not carry it: its own counters tell why")                        \
	X(no_device, "the tunnel's device is gone")                                                \
	X(no_memory, "the kernel had no memory for a copy")                                        \
	X(refused, "the kernel refused to hand it to the tunnel's device")

/* clang-format off */
enum mirror_drop {
#define XTUN_MIRROR_DROP_ENUM(name, text) MIRROR_DROP_##name,
	XTUN_MIRROR_DROPS(XTUN_MIRROR_DROP_ENUM)
#undef XTUN_MIRROR_DROP_ENUM
	MIRROR_DROP_MAX,
};
/* clang-format on */

/*
 * Frames that a mirror's filter let pass, counted where no look-up is needed: a row for each CPU.
 * Where there are more CPUs than rows, some share one. What else a mirror counts is in the map
 * `mirror_counters`.
 */
struct mirror_passed {
	__u64 frames[MAX_MIRRORS];
};
_Static_assert(sizeof(struct mirror_passed) == 2048, "struct mirror_passed is part of the layout");

/* Frames as the mirrored device has them: one of several segments is one. */
struct mirror_counters {
	__u64 seen; /* in the map: but for those of struct mirror_passed */
	__u64 matched;
	__u64 sampled_out;
	__u64 sent;
	__u64 drops[MIRROR_DROP_MAX];
};

#endif
