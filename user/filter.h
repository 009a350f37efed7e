/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From classic BPF, which libpcap compiles expressions into, to eBPF. Pure: nothing is asked of the
 * kernel.
 */
#ifndef XTUN_FILTER_H
#define XTUN_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

struct bpf_insn; /* linux/bpf.h, whose names are not for whoever includes libpcap's */

/* A function of eBPF: takes the context of a tc program, returns whether the frame matches. */
struct filter {
	struct bpf_insn *insns;
	size_t count;
};

/*
 * Translate @count instructions of @classic, which look at an Ethernet frame as it is on the wire.
 * Returns 0; -EOPNOTSUPP for what cannot be translated, with *@why saying what that is; -ENOMEM.
 */
int filter_translate(const struct sock_filter *classic, size_t count, struct filter *filter,
		     const char **why);

void filter_free(struct filter *filter);

#endif
