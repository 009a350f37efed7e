/* SPDX-License-Identifier: GPL-2.0 */
/* What bench/lookup and its program know of each other. */
#ifndef XTUN_BENCH_LOOKUP_H
#define XTUN_BENCH_LOOKUP_H

enum {
	ADDRESSES = 1 << 20, /* that are asked for, one behind the other */
	AT_ONCE = 1 << 16,   /* of them, in each run of the program */
	PREFIXES_MAX = 1 << 21,
};

enum what { NOTHING, TABLE4, TABLE6, TOUCH4, TOUCH6, TRIE4, TRIE6 };

#endif
