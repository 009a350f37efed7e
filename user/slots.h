/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arrays of slots that programs read while user space writes them (include/tunnel.h says what lies in
 * them). A slot is free while one word of it is zero; that word is what readers compare before they
 * use the rest.
 */
#ifndef XTUN_SLOTS_H
#define XTUN_SLOTS_H

#include <stddef.h>

struct slot_shape {
	size_t size;  /* bytes of a slot */
	size_t word;  /* offset of the word that says whether one is taken */
	size_t count; /* of slots */
};

/*
 * Make the slots @now, as programs see them, what @want says. Those that change are free for a grace
 * period, and are not there for whoever looks; on kernels that let nobody wait they stay free, which
 * costs time and nothing else.
 */
void slots_update(void *now, const void *want, const struct slot_shape *shape);

#endif
