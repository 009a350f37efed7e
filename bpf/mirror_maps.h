/* SPDX-License-Identifier: GPL-2.0 */
/* The maps of mirrors. include/mirror.h says what lies in them. */
#ifndef XTUN_MIRROR_MAPS_H
#define XTUN_MIRROR_MAPS_H

#include "common.h"
#include "mirror.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_MIRRORS);
	__type(key, __u32);
	__type(value, struct mirror);
} mirrors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_MIRRORS);
	__type(key, __u32);
	__type(value, struct mirror_counters);
} mirror_counters SEC(".maps");

#endif
