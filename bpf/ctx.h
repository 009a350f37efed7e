/* SPDX-License-Identifier: GPL-2.0 */
/* The primitives of the hook that this object is built for, which its source names. */
#ifndef XTUN_CTX_H
#define XTUN_CTX_H

#ifdef XTUN_HOOK_XDP
#include "ctx_xdp.h"
#else
#include "ctx_skb.h"
#endif

#endif
