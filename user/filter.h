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

/*
 * A function of eBPF: takes the context of a tc program, returns whether the frame matches.
 *
 * And with it, if there is such, the beginning of a program that finds out at less cost about most
 * of the frames that do not. It goes on behind its end with them. Of the others it does not know;
 * its last two instructions call who does, with the context, and end the program with the answer:
 * they call what comes behind them, until the caller has put something in between, see
 * filter_quick().
 */
struct filter {
	struct bpf_insn *insns;
	size_t count;
	struct bpf_insn *quick;
	size_t quick_count; /* 0: there is none */
};

/*
 * Translate @count instructions of @classic, which look at an Ethernet frame as it is on the wire.
 * Returns 0; -EOPNOTSUPP for what cannot be translated, with *@why saying what that is; -ENOMEM.
 */
int filter_translate(const struct sock_filter *classic, size_t count, struct filter *filter,
		     const char **why);

/*
 * Write the quick beginning of @filter, if it has one, to @to, and behind it @unwanted: @count
 * instructions that end the program for frames that do not match. What is to be called for the
 * others is the caller's to put behind that. Returns the number of instructions, 0: none.
 */
size_t filter_quick(const struct filter *filter, struct bpf_insn *to,
		    const struct bpf_insn *unwanted, size_t count);

void filter_free(struct filter *filter);

#endif
