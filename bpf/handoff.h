/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What XDP tells tc about a packet that it took out of a tunnel: a note in front of the frame
 * (bpf_xdp_adjust_meta()), which the stack keeps through GRO and never merges across.
 *
 * The frame has the anchor's hardware address by then, so that the stack takes it for somebody
 * else's: where the program at tc is missing, or the note was lost on the way, inner packets are
 * dropped and never seen as the device's own. The address that an inner frame is for is in the
 * note meanwhile, so that frames to different ones are not merged either.
 */
#ifndef XTUN_HANDOFF_H
#define XTUN_HANDOFF_H

#include "maps.h"

enum { HANDOFF_MAGIC = 0x7874756e }; /* "xtun" */

enum handoff_flags {
	HANDOFF_INGRESS = BPF_F_INGRESS, /* of bpf_redirect() */
	HANDOFF_TAGGED = 1 << 14,        /* the frame has a VLAN tag, which the stack takes off */
	HANDOFF_FRAME = 1 << 15,         /* the frame was for somebody else than the anchor */
};

struct handoff {
	__u32 magic;
	__u32 ifindex;
	__u16 id;     /* of the tunnel */
	__u16 flags;  /* enum handoff_flags */
	__u8 mac[6];  /* the anchor's; a note left over from elsewhere is beside another address */
	__u8 dest[6]; /* with HANDOFF_FRAME: what stood in its place, else zero */
};
_Static_assert(MAX_TUNNELS <= 1 << 16, "all that is needed of an id");
_Static_assert(sizeof(struct handoff) <= 32 && sizeof(struct handoff) % 4 == 0,
	       "what every kernel takes for metadata");

#endif
