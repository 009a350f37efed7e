/* SPDX-License-Identifier: GPL-2.0 */
/* The wraps: what may stand between the outer IP header and the payload. */
#ifndef XTUN_WRAP_H
#define XTUN_WRAP_H

#include "common.h"

/* Bytes of the wrap's headers. */
static __always_inline __u32 wrap_hlen(enum wrap wrap)
{
	switch (wrap) {
	case WRAP_NONE:
	case WRAP_MAX:
		break;
	}
	return 0;
}

#endif
