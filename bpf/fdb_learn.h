/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tunnels for frames with remote `any`: who may have sent a frame, and what is learned from it, as
 * the kernel's vxlan driver learns it (vxlan_snoop()).
 */
#ifndef XTUN_FDB_LEARN_H
#define XTUN_FDB_LEARN_H

#include "maps.h"
#include "route.h"

static __always_inline bool mac_given(const __u8 *mac)
{
	return mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5];
}

/* The sender of an outer packet. */
static __always_inline int fdb_sender(ctx_t *ctx, enum family family, union address *remote)
{
	if (family == FAMILY_IPV4)
		return ctx_load_bytes(ctx, WIRE_ETH_HLEN + 12, &remote->v4, sizeof(remote->v4));
	return ctx_load_bytes(ctx, WIRE_ETH_HLEN + 8, remote, sizeof(*remote));
}

/* Whether a frame may come from @mac: one host's, and not the device's own, which would be a loop
 * (vxlan_set_mac()). */
static __always_inline bool fdb_valid(const __u8 *mac, const __u8 *own)
{
	__u8 differs = (mac[0] ^ own[0]) | (mac[1] ^ own[1]) | (mac[2] ^ own[2]) |
		       (mac[3] ^ own[3]) | (mac[4] ^ own[4]) | (mac[5] ^ own[5]);

	return mac_given(mac) && differs && !(mac[0] & 1);
}

/*
 * Learn where the source of a frame is; its Ethernet header ends @hlen bytes behind the start of
 * the outer IP header, which is of @family. What the user said is not moved by what somebody sends,
 * and that is dropped. Returns 0 or a refusal.
 */
__noinline int fdb_learn(ctx_t *ctx, const struct endpoint *end, __u32 hlen, __u32 family)
{
	struct fdb_entry now = { .remote = address_ipv4(0) }, *known;
	const union address *owner = NULL;
	struct peer_mac mac = {};
	struct fdb_key key = {};
	void *table;

	if (!end || fdb_sender(ctx, family, &now.remote) ||
	    ctx_load_bytes(ctx, hlen + 6, key.mac, sizeof(key.mac)))
		return REFUSE(payload_length);
	if (unlikely(!fdb_valid(key.mac, end->mac)))
		return REFUSE(source_mac);
	key.id = end->id;
	if (end->flags & ENDPOINT_PEERS) {
		__builtin_memcpy(mac.mac, key.mac, sizeof(mac.mac));
		table = bpf_map_lookup_elem(&peers_mac, &key.id);
		if (table)
			owner = bpf_map_lookup_elem(table, &mac);
		if (owner)
			return address_equal(owner, &now.remote) ? 0 : REFUSE(wrong_peer);
	}
	now.seen = bpf_ktime_get_coarse_ns();
	known = bpf_map_lookup_elem(&fdb, &key);
	if (likely(known && address_equal(&known->remote, &now.remote))) {
		/* The line stays on this CPU while many use it. */
		if (unlikely(now.seen - known->seen > FDB_UPDATE))
			known->seen = now.seen;
		return 0;
	}
	bpf_map_update_elem(&fdb, &key, &now, BPF_ANY);
	return 0;
}

#endif
