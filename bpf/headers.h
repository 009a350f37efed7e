/* SPDX-License-Identifier: GPL-2.0 */
/* What decapsulation learns about the headers in front of an inner packet. */
#ifndef XTUN_HEADERS_H
#define XTUN_HEADERS_H

#include "packet.h"

struct headers {
	__u32 ip_hlen; /* the outer IP header with its options or extension headers */
	__u32 hlen;    /* all that stands before the inner packet */
	__u32 len;     /* the whole outer packet, as its headers have it */
	__u32 wrap;    /* offset of the wrap's UDP header from the outer IP header, 0: none */
	__u32 gre;     /* likewise of the GRE header, 0: none */
	__be32 key;
	__u32 sequence;
	__u16 gre_flags; /* host byte order */
	__sum16 wrap_check;
	__u8 ip_proto; /* what announces the payload */
	__u8 kind;     /* of the inner packet, one of enum inner; 0: unknown */
	int refusal;   /* why the packet is to be dropped if it is ours, 0: not known yet */
};

#endif
