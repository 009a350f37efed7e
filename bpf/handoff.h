/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What XDP tells tc about a packet that it took out of a tunnel: a note in front of the frame
 * (bpf_xdp_adjust_meta()), which the stack keeps through GRO and never merges across.
 *
 * The frame has the anchor's hardware address by then, so that the stack takes it for somebody
 * else's: where the program at tc is missing, or the note was lost on the way, inner packets are
 * dropped and never seen as the device's own.
 */
#ifndef XTUN_HANDOFF_H
#define XTUN_HANDOFF_H

#include "maps.h"

enum { HANDOFF_MAGIC = 0x7874756e }; /* "xtun" */

struct handoff {
	__u32 magic;
	__u32 id; /* of the tunnel */
	__u32 ifindex;
	__u32 flags; /* of bpf_redirect() */
	__u8 mac[6]; /* the anchor's; a note left over from elsewhere is beside another address */
	__u8 pad[2];
};
_Static_assert(sizeof(struct handoff) <= 32 && sizeof(struct handoff) % 4 == 0,
	       "what every kernel takes for metadata");

#endif
