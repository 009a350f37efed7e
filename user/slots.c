// SPDX-License-Identifier: GPL-2.0
#include "slots.h"

#include <linux/membarrier.h>
#include <linux/types.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Wait until no program runs that began before: the kernel's synchronize_rcu(). Kernels that run
 * with nohz_full= refuse it.
 */
static bool grace_period(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void slot_word_set(char *slot, const struct slot_shape *shape, __u32 value)
{
	__atomic_store_n((__u32 *)(slot + shape->word), value, __ATOMIC_RELEASE);
}

static void slot_publish(char *slot, const char *want, const struct slot_shape *shape)
{
	size_t behind = shape->word + sizeof(__u32);
	__u32 word;

	memcpy(slot, want, shape->word);
	memcpy(slot + behind, want + behind, shape->size - behind);
	memcpy(&word, want + shape->word, sizeof(word));
	slot_word_set(slot, shape, word);
}

void slots_update(void *now, const void *want, const struct slot_shape *shape)
{
	size_t at, changed = 0, end = shape->size * shape->count;

	for (at = 0; at < end; at += shape->size)
		if (memcmp((char *)now + at, (const char *)want + at, shape->size)) {
			slot_word_set((char *)now + at, shape, 0);
			changed++;
		}
	if (!changed || !grace_period())
		return;
	for (at = 0; at < end; at += shape->size)
		if (memcmp((char *)now + at, (const char *)want + at, shape->size))
			slot_publish((char *)now + at, (const char *)want + at, shape);
}
