/* SPDX-License-Identifier: GPL-2.0 */
/* The primitives of the hook that this object is built for. */
#ifndef XTUN_CTX_H
#define XTUN_CTX_H

#include "ctx_skb.h"

#endif
