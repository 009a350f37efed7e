/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs counted and learned of tunnels and mirrors, summed over all CPUs, and forgetting
 * it. Functions return 0 or a negative errno.
 */
#ifndef XTUN_COUNTS_H
#define XTUN_COUNTS_H

#include "tunnels.h"

struct counters {
	__u64 tx_packets, tx_bytes, rx_packets, rx_bytes;
	__u64 drops[DROP_MAX];
};

/* Counters of one tunnel summed over all CPUs. */
int counters_read(const struct maps *maps, __u32 id, struct counters *sum);

/* Make id @id ready for a new tunnel: nothing counted, nothing learned. -E2BIG: ids end before. */
int counters_clear(const struct maps *maps, __u32 id);

/* Sessions of one tunnel: keys struct session_key, values struct session. */
int sessions_read(const struct maps *maps, __u32 id, struct elements *out);
/* Forget those of one tunnel. */
int sessions_forget(const struct maps *maps, __u32 id);

/* Reported path MTU of a tunnel to @remote, 0: none, or too old; and forget all of a tunnel. */
__u32 path_mtu_read(const struct maps *maps, __u32 id, const union address *remote);
int path_mtu_forget(const struct maps *maps, __u32 id);

/* Counters of mirror @id: summed over all CPUs, and set to zero. */
int mirror_counters_read(const struct maps *maps, __u32 id, struct mirror_counters *sum);
int mirror_counters_clear(const struct maps *maps, __u32 id);

#endif
