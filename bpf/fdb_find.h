/* SPDX-License-Identifier: GPL-2.0 */
/* Tunnels for frames with remote `any`: who is known to have a MAC, and the way there. */
#ifndef XTUN_FDB_FIND_H
#define XTUN_FDB_FIND_H

#include "fdb_learn.h"
#include "remote.h"

/* The remote that was seen to have a MAC, not too long ago. NULL: nobody. */
static __always_inline const union address *fdb_learned(const struct tunnel *t,
							const struct fdb_key *key)
{
	const struct fdb_entry *entry = bpf_map_lookup_elem(&fdb, key);

	if (!entry)
		return NULL;
	if (t->ageing && bpf_ktime_get_coarse_ns() - entry->seen > t->ageing * 1000000000ULL)
		return NULL;
	return &entry->remote;
}

/* The peers of @t, NULL: there are none. */
static __always_inline void *fdb_table(const struct tunnel *t)
{
	__u32 id = t->id;

	return t->flags & TUNNEL_PEERS_MAC ? bpf_map_lookup_elem(&peers_mac, &id) : NULL;
}

/* The one remote that has the MAC in @key, of the peers in @table or learned. NULL: nobody, or it
 * is a group's. Nobody's MAC is zero, which in the table is something else. */
static __always_inline const union address *fdb_known(const struct tunnel *t, void *table,
						      const struct fdb_key *key)
{
	const union address *remote = NULL;
	struct peer_mac mac = {};

	if (unlikely(key->mac[0] & 1 || !mac_given(key->mac)))
		return NULL;
	__builtin_memcpy(mac.mac, key->mac, sizeof(mac.mac));
	if (table)
		remote = bpf_map_lookup_elem(table, &mac);
	return remote ?: fdb_learned(t, key);
}

/* Where the way to @remote is remembered. NULL never, but for the verifier. */
static __always_inline struct peer_route *fdb_route(__u32 id, const union address *remote)
{
	__u32 slot = remote_slot(id, remote);

	return bpf_map_lookup_elem(&peer_routes, &slot);
}

/* The way that @found remembers to @remote of tunnel @id is of this tick. */
static __always_inline bool fdb_route_fresh(const struct peer_route *found, __u32 id,
					    const union address *remote)
{
	return found->route.jiffies == bpf_jiffies64() && found->id == id &&
	       found->kind == INNER_ETHERNET && address_equal(&found->inner, remote);
}

/* That @found is to remember the way to @remote of tunnel @id, which is not known yet. */
static __always_inline void fdb_route_begin(struct peer_route *found, __u32 id,
					    const union address *remote)
{
	found->route.jiffies = 0;
	found->route.remote = found->inner = *remote;
	found->id = id;
	found->kind = INNER_ETHERNET;
}

#endif
