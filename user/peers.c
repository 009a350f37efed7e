// SPDX-License-Identifier: GPL-2.0
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Multiplicative hashing (Knuth, TAOCP 6.4). */
static __u32 hash(const union address *address, __u8 length)
{
	__u64 h = length;
	size_t i;

	for (i = 0; i < 4; i++)
		h = (h ^ address->v6[i]) * 0x9e3779b97f4a7c15u;
	return (h ^ h >> 29) >> 8;
}

void peers_free(struct peers *peers)
{
	free(peers->all);
	free(peers->index);
	*peers = (struct peers){};
}

static bool peer_deleted(const struct peer *peer)
{
	static const union address zero;

	return !memcmp(&peer->via, &zero, sizeof(zero));
}

/* Where @prefix stands in the index, or where it would. */
static __u32 *index_find(const struct peers *peers, const union address *prefix, __u8 length)
{
	size_t slot = hash(prefix, length);
	const struct peer *peer;
	__u32 *at;

	for (;; slot++) {
		at = &peers->index[slot & (peers->slots - 1)];
		if (!*at)
			return at;
		peer = &peers->all[*at - 1];
		if (peer->length == length && !memcmp(&peer->prefix, prefix, sizeof(*prefix)))
			return at;
	}
}

/* An index for what is in the list, and as much again. */
static int index_make(struct peers *peers)
{
	size_t slots = 64, i;
	__u32 *index;

	while (slots < 4 * peers->count)
		slots *= 2;
	index = calloc(slots, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(peers->index);
	peers->index = index;
	peers->slots = slots;
	for (i = 0; i < peers->count; i++)
		*index_find(peers, &peers->all[i].prefix, peers->all[i].length) = i + 1;
	return 0;
}

struct peer *peers_find(struct peers *peers, const union address *prefix, __u8 length)
{
	__u32 at;

	if (!peers->slots && index_make(peers))
		return NULL;
	at = *index_find(peers, prefix, length);
	return at && !peer_deleted(&peers->all[at - 1]) ? &peers->all[at - 1] : NULL;
}

/* Without an index one is made when it is asked for. */
static void index_drop(struct peers *peers)
{
	free(peers->index);
	peers->index = NULL;
	peers->slots = 0;
}

/* Behind all others; the index is the caller's. */
static int list_put(struct peers *peers, const struct peer *peer)
{
	size_t room = peers->room ? 2 * peers->room : 16;
	struct peer *all;

	if (peers->count == peers->room) {
		all = realloc(peers->all, room * sizeof(*all));
		if (!all)
			return -ENOMEM;
		peers->all = all;
		peers->room = room;
	}
	peers->all[peers->count++] = *peer;
	peers->live++;
	return 0;
}

int peers_append(struct peers *peers, const struct peer *peer)
{
	index_drop(peers);
	return list_put(peers, peer);
}

int peers_add(struct peers *peers, const struct peer *peer)
{
	__u32 *at;

	if (peers->slots < 2 * (peers->count + 1) && index_make(peers))
		return -ENOMEM;
	at = index_find(peers, &peer->prefix, peer->length);
	if (*at && !peer_deleted(&peers->all[*at - 1]))
		return -EEXIST;
	/* A deleted one is added again where it stood. */
	if (*at) {
		peers->all[*at - 1] = *peer;
		peers->live++;
		return 0;
	}
	if (list_put(peers, peer))
		return -ENOMEM;
	*at = peers->count;
	return 0;
}

void peers_delete(struct peers *peers, struct peer *peer)
{
	memset(&peer->via, 0, sizeof(peer->via));
	peers->live--;
}

/* In network byte order addresses compare as bytes, of either family. */
static int prefix_order(const struct peer *one, const struct peer *two)
{
	int order = memcmp(&one->prefix, &two->prefix, sizeof(one->prefix));

	/* Peers that get what is for many have a prefix of no bits, which is not zero. */
	if (!one->length != !two->length)
		return one->length ? 1 : -1;
	return order ?: (int)one->length - two->length;
}

static int peer_order(const void *a, const void *b)
{
	const struct peer *one = a, *two = b;
	int order = prefix_order(one, two);

	return order ?: one->line < two->line ? -1 : one->line > two->line;
}

static bool peers_sorted(const struct peers *peers)
{
	size_t i;

	for (i = 1; i < peers->count; i++)
		if (peer_order(&peers->all[i - 1], &peers->all[i]) > 0)
			return false;
	return peers->live == peers->count;
}

void peers_sort(struct peers *peers)
{
	size_t i, kept = 0;

	if (peers_sorted(peers))
		return;
	for (i = 0; i < peers->count; i++)
		if (!peer_deleted(&peers->all[i]))
			peers->all[kept++] = peers->all[i];
	peers->count = kept;
	qsort(peers->all, kept, sizeof(*peers->all), peer_order);
	index_drop(peers);
}

const struct peer *peers_duplicate(const struct peers *peers)
{
	const struct peer *found = NULL;
	size_t i;

	for (i = 1; i < peers->count; i++)
		if (!prefix_order(&peers->all[i - 1], &peers->all[i]) &&
		    (!found || peers->all[i].line < found->line))
			found = &peers->all[i];
	return found;
}
