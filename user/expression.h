/* SPDX-License-Identifier: GPL-2.0 */
/* Expressions of pcap-filter(7), compiled by libpcap, which appears here alone. */
#ifndef XTUN_EXPRESSION_H
#define XTUN_EXPRESSION_H

#include <linux/filter.h>
#include <stddef.h>

#include "log.h"

/*
 * Compile @text for Ethernet frames, to @count instructions of classic BPF in *@classic, which the
 * caller frees. Returns 0 or a negative errno with @err: libpcap's words, and how far it got.
 */
int expression_compile(const char *text, struct sock_filter **classic, size_t *count,
		       struct error *err);

#endif
