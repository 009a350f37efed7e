/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Typed access to the maps of one namespace (include/tunnel.h says what is in them). Functions
 * return 0 or a negative errno. Readers see each element whole, and elements that come or go while
 * they read, or not.
 */
#ifndef XTUN_TUNNELS_H
#define XTUN_TUNNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "mirror.h"
#include "peers.h"
#include "tunnel.h"

/* File descriptors, -1: not open. The order is that of map_names[] in tunnels.c. */
struct maps {
	int tunnels, endpoints4, endpoints6, slots, ports, sequences, cpu_state, drops, path_mtus,
		config, devices, canary, peers4, peers6, mirrors, mirror_counters,
		sessions, peers_mac, fdb, geneve_options, cpus, cpus_frags, session_places,
		xdp_vlans;
};

enum { MAP_COUNT = sizeof(struct maps) / sizeof(int) };

/* Name of map @i, what the objects call it, and its descriptor in @maps. */
const char *map_name(size_t i);
const char *map_symbol(size_t i);
int *map_fd(struct maps *maps, size_t i);

/* Elements of a map as two arrays of @count; free_elements() frees both. */
struct elements {
	void *keys, *values;
	size_t count;
};

void elements_free(struct elements *elements);

/* All elements of the hash map behind @fd. */
int map_elements(int fd, size_t key_size, size_t value_size, struct elements *out);
/* Absent is fine. */
int map_delete(int fd, const void *key);

/* Keys __u32 (port), values struct tunnel. */
int tunnels_read(const struct maps *maps, struct elements *out);
/* Insert or replace @record under its port, in one step for whoever looks it up. */
int tunnels_put(const struct maps *maps, const struct tunnel *record);
/* Absent is fine. */
int tunnels_delete(const struct maps *maps, __u32 port);

/* What tunnel @id has in its GENEVE headers. Absent is fine for delete. */
int geneve_options_get(const struct maps *maps, __u32 id, struct geneve_options *options);
int geneve_options_put(const struct maps *maps, __u32 id, const struct geneve_options *options);
int geneve_options_delete(const struct maps *maps, __u32 id);

/* What lies at @offset in struct slots, as the programs see it; NULL when it cannot be had. For
 * slots_part_unmap(). */
void *slots_part_map(const struct maps *maps, size_t offset);
void slots_part_unmap(void *part, size_t offset);

/* The slots of tunnels, TUNNEL_SLOTS of them, as the programs see them; NULL when they cannot be
 * mapped. */
struct tunnel *tunnel_slots_map(const struct maps *maps);
void tunnel_slots_unmap(struct tunnel *slots);

/* What programs remembered of another configuration is of no use any more. */
int generation_next(const struct maps *maps);

/* Keys struct endpoint4_key or struct endpoint6_key, by @family; values struct endpoint. */
int endpoints_read(const struct maps *maps, enum family family, struct elements *out);
int endpoints_put(const struct maps *maps, enum family family, const void *key,
		  const struct endpoint *value);
int endpoints_delete(const struct maps *maps, enum family family, const void *key);

/* The slots, 1 << SLOT_BITS of them, of struct endpoint4_slot or struct endpoint6_slot, as the
 * programs see them; NULL when they cannot be mapped. */
void *slots_map(const struct maps *maps, enum family family);
void slots_unmap(enum family family, void *slots);

/* Keys struct port_key, values struct port. */
int ports_read(const struct maps *maps, struct elements *out);
int ports_put(const struct maps *maps, const struct port_key *key, const struct port *port);
int ports_delete(const struct maps *maps, const struct port_key *key);
/* The masks of those ports, which programs ask first: set bits before ports_put(). */
int port_masks_put(const struct maps *maps, const struct port_masks *masks);

/* Store what struct slots has of the tunnels' local addresses, 1 << LOCAL_BITS bytes. Returns 0 or
 * a negative error. */
int locals_put(const struct maps *maps, const __u8 *locals);

/*
 * Peer tables (peer_table.h) of tunnels, for inner addresses of one kind: INNER_IPV4, INNER_IPV6,
 * or INNER_ETHERNET for MACs. Make one from a list, as a map that nobody uses yet; give it to
 * tunnel @id, or take what that has; delete it, absent is fine.
 */
int peer_table_make(struct peers *peers, enum inner inner, enum family outer, int *fd);
int peer_table_put(const struct maps *maps, enum inner inner, __u32 id, int fd);
int peer_table_get(const struct maps *maps, enum inner inner, __u32 id, int *fd);
int peer_table_delete(const struct maps *maps, enum inner inner, __u32 id);
/* The list that the table behind @fd was made from. */
int peer_table_read(int fd, enum inner inner, enum family outer, struct peers *peers);

/* Keys __u32 (ifindex), values struct device. */
int devices_read(const struct maps *maps, struct elements *out);
int devices_put(const struct maps *maps, __u32 ifindex, const struct device *device);
int devices_delete(const struct maps *maps, __u32 ifindex);

/* -ENOENT: XDP was told nothing of the device. */
int xdp_devices_get(const struct maps *maps, __u32 ifindex, struct xdp_device *device);
/* What XDP has to know of a device, of a VLAN device also by its tag. -EADDRINUSE: another device
 * has its place. */
int xdp_devices_put(const struct maps *maps, const struct xdp_device *device);
/* Absent is fine. */
int xdp_devices_delete(const struct maps *maps, __u32 ifindex);
/* Of the VLAN devices none but those for which @wanted says yes. */
int xdp_devices_keep_vlans(const struct maps *maps, bool (*wanted)(__u32 ifindex, void *data),
			   void *data);

/* Have a thread on CPU @cpu take packets over; -ENODEV: there is no such CPU. And on none but those
 * for which @wanted says yes. */
int cpus_put(const struct maps *maps, __u32 cpu);
void cpus_keep(const struct maps *maps, bool (*wanted)(__u32 cpu, void *data), void *data);

/* Keys __u32 (id), values struct mirror. */
int mirrors_read(const struct maps *maps, struct elements *out);
int mirrors_get(const struct maps *maps, __u32 id, struct mirror *mirror);
int mirrors_put(const struct maps *maps, __u32 id, const struct mirror *mirror);
int mirrors_delete(const struct maps *maps, __u32 id);
/* Frames that passed mirrors in a hurry, MIRROR_ROWS rows of them, as the programs see them; NULL
 * when they cannot be mapped. */
struct mirror_passed *mirror_passed_map(const struct maps *maps);
void mirror_passed_unmap(struct mirror_passed *passed);

int config_read(const struct maps *maps, struct config *config);
int config_write(const struct maps *maps, const struct config *config);

/* Make the canary sing for this namespace, and ask whether the one behind @fd still does. */
int canary_set(const struct maps *maps);
int canary_alive(int fd);

/* A text kept in a map of its own (the journal): make one, read one back as a string that the
 * caller frees. */
int blob_create(const char *text, size_t len, int *fd);
int blob_read(int fd, char **text);

#endif
