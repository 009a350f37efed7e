/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tunnels for frames with remote `any`: where a frame goes. Peers tell, which the user named; then
 * what was learned from received frames (fdb_learn.h). A frame for a group, or for a MAC of which
 * nobody knows, goes to every peer of the flood list (vxlan_xmit()).
 *
 * What came out of a tunnel never goes back into it from here: it goes to the device, and a bridge
 * does not send a frame out of the port where it came in.
 */
#ifndef XTUN_FDB_H
#define XTUN_FDB_H

#include "fdb_find.h"

/*
 * A frame for many is copied, and each copy comes to the tunnel's port once more, with a note
 * beside the packet of which peer of the flood list it is for: it gets its own route, size check,
 * sequence number and checksum, as every other frame. Notes of others are not three words long.
 */
enum { FLOOD_NOTE = 0x78666c64, FLOOD_NOTE_2 = 0x6f6f6421 };

static __always_inline void flood_note(ctx_t *ctx, __u32 flood)
{
	ctx->cb[0] = flood ? FLOOD_NOTE : 0;
	ctx->cb[1] = flood ? FLOOD_NOTE_2 : 0;
	ctx->cb[2] = flood;
}

/* The note, taken off; 0: there is none. */
static __always_inline __u32 flood_note_take(ctx_t *ctx)
{
	__u32 flood;

	if (likely(ctx->cb[0] != FLOOD_NOTE || ctx->cb[1] != FLOOD_NOTE_2))
		return 0;
	flood = ctx->cb[2];
	flood_note(ctx, 0);
	return flood;
}

struct flood {
	ctx_t *ctx;
	__u32 id;
	__u32 ifindex, flags; /* of bpf_clone_redirect(): to the port */
};

/* One copy, for peer @i + 1, as bpf_loop() wants it. At egress a copy that was not carried has been
 * counted by now, and the answer says so; at ingress all are still to come. */
static long flood_step(__u32 i, struct flood *flood)
{
	long err;

	flood_note(flood->ctx, i + 1);
	err = bpf_clone_redirect(flood->ctx, flood->ifindex, flood->flags);
	if (err < 0 || (err && flood->flags))
		drop_count(flood->id, REFUSE(flood), 0);
	return 0;
}

/* Send copies to all peers of the flood list but the last, whose address is returned: the frame is
 * his. NULL: there are none. */
static __noinline const union address *flood(ctx_t *ctx, const struct tunnel *t, void *table)
{
	struct flood flood = { .ctx = ctx, .id = t->id, .ifindex = t->port };
	const union address *count;
	struct peer_mac key = {};

	count = bpf_map_lookup_elem(table, &key);
	if (!count || !count->v6[0] || count->v6[0] > FLOOD_MAX)
		return NULL;
	key.flood = count->v6[0];
	/* The program of a pair is at the ingress of its hidden half. */
	if (t->port != t->anchor)
		flood.flags = BPF_F_INGRESS;
	if (key.flood > 1) {
		bpf_loop(key.flood - 1, flood_step, &flood, 0);
		flood_note(ctx, 0);
	}
	return bpf_map_lookup_elem(table, &key);
}

/* Who gets the frame. NULL: nobody. */
static __noinline const union address *fdb_remote(ctx_t *ctx, const struct tunnel *t)
{
	struct fdb_key key = { .id = t->id };
	const union address *remote;
	struct peer_mac mac = {};
	void *table;

	table = fdb_table(t);
	mac.flood = flood_note_take(ctx);
	if (unlikely(mac.flood))
		return table ? bpf_map_lookup_elem(table, &mac) : NULL;
	if (ctx_load_bytes(ctx, 0, key.mac, sizeof(key.mac)))
		return NULL;
	remote = fdb_known(t, table, &key);
	if (!remote && table)
		remote = flood(ctx, t, table);
	return remote;
}

/* Find out who gets the frame, and the way there if it is known still, into @cache, which is the
 * tunnel's own. Returns 0 or a refusal. */
__noinline int fdb_find(ctx_t *ctx, const struct tunnel *t, struct route_cache *cache)
{
	const union address *remote;
	struct peer_route *found;

	if (!t || !cache)
		return REFUSE(no_peer);
	remote = fdb_remote(ctx, t);
	if (!remote)
		return REFUSE(no_peer);
	found = fdb_route(t->id, remote);
	if (likely(found && fdb_route_fresh(found, t->id, remote))) {
		*cache = found->route;
		return 0;
	}
	cache->jiffies = 0;
	cache->remote = *remote;
	return 0;
}

/* Remember the way that was just looked up. */
__noinline int fdb_keep(const struct tunnel *t, const struct route_cache *cache)
{
	struct peer_route *found;

	if (!t || !cache || !cache->jiffies)
		return 0;
	found = fdb_route(t->id, &cache->remote);
	if (!found)
		return 0;
	fdb_route_begin(found, t->id, &cache->remote);
	found->route = *cache;
	return 0;
}

#endif
