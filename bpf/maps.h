/* SPDX-License-Identifier: GPL-2.0 */
/* The maps of one network namespace. include/tunnel.h says what lies in them. */
#ifndef XTUN_MAPS_H
#define XTUN_MAPS_H

#include "common.h"
#include "mirror_maps.h"
#include "peer_table.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct tunnel);
} tunnels SEC(".maps");

/* The map `.bss`, whose only content this is. */
struct slots slots;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, struct endpoint4_key);
	__type(value, struct endpoint);
} endpoints4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, struct endpoint6_key);
	__type(value, struct endpoint);
} endpoints6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_PORTS);
	__type(key, struct port_key);
	__type(value, struct port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct geneve_options);
} geneve_options SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct sequence);
} sequences SEC(".maps");

/* Whoever sends in many names loses the sessions that were quiet for the longest time. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_SESSIONS);
	__type(key, struct session_key);
	__type(value, struct session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SESSION_PLACES);
	__type(key, __u32);
	__type(value, struct session_place);
} session_places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_DROPS);
	__type(key, struct drop_key);
	__type(value, __u64);
} drops SEC(".maps");

/*
 * Peer tables by tunnel id, one map for each inner family. A table is made complete and put here in
 * one step, so that no look-up sees a half of it.
 */
struct peer_table4 {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct peer_line4));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__array(values, struct peer_table4);
} peers4 SEC(".maps");

struct peer_table6 {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct peer_line6));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__array(values, struct peer_table6);
} peers6 SEC(".maps");

struct peer_table_mac {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct peer_mac));
	__uint(value_size, sizeof(union address));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__array(values, struct peer_table_mac);
} peers_mac SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FDB);
	__type(key, struct fdb_key);
	__type(value, struct fdb_entry);
} fdb SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PEER_ROUTES);
	__type(key, __u32);
	__type(value, struct peer_route);
} peer_routes SEC(".maps");

/* Only paths that were reported to be narrow have an element here; whoever reports many loses the
 * oldest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_PATHS);
	__type(key, struct path_key);
	__type(value, struct path_mtu);
} path_mtus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct device);
} devices SEC(".maps");

/* VLAN devices on those that forward, by struct xdp_vlan: their ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, XDP_DEVICES);
	__type(key, struct xdp_vlan);
	__type(value, __u32);
} xdp_vlans SEC(".maps");

/* The CPUs that some device spreads over; as many as there may be. */
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* frames that may wait */
} cpus SEC(".maps");

/* The same for programs that take packets in several buffers: the kernel lets no map be of both. */
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cpus_frags SEC(".maps");

/*
 * Tells whether the namespace still lives: its one element is the namespace's loopback device, and
 * the kernel empties a devmap's element when that device goes (dev_map_notification()). Nothing is
 * ever redirected through it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} canary SEC(".maps");

/* Count a packet of tunnel @id that was refused for @ret, and end it with @verdict, which is
 * returned. */
static __noinline int drop_count(__u32 id, int ret, int verdict)
{
	struct drop_key key = { .id = id, .reason = REFUSED(ret) };
	__u64 *count, one = 1;

	count = bpf_map_lookup_elem(&drops, &key);
	if (count)
		++*count;
	else
		bpf_map_update_elem(&drops, &key, &one, BPF_ANY);
	return verdict;
}

/* Whether a UDP port may be one of those in a mask of struct port_masks. */
static __always_inline bool port_among(__u64 mask, __be16 port)
{
	return mask >> port_bit(port) & 1;
}

/* What XDP knows of a device; of another one, or none, if that has its place. */
static __always_inline const struct xdp_device *xdp_device_at(__u32 ifindex)
{
	const struct xdp_device *device = &slots.devices[xdp_device_slot(ifindex)];

	/* An address, and not what has to be added to one each time. */
	asm volatile("" : "+r"(device));
	return device;
}

/* The tunnel of a port, NULL: none. */
static __always_inline const struct tunnel *port_tunnel(__u32 port)
{
	const struct tunnel *t = &slots.tunnels[tunnel_slot(port)];

	if (likely(t->port == port))
		return t;
	return bpf_map_lookup_elem(&tunnels, &port);
}

#endif
