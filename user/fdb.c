// SPDX-License-Identifier: GPL-2.0
#include "fdb.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer_table.h"

/* Elements of a map in the making. */
struct mac_list {
	struct peer_mac *keys;
	union address *values;
	__u32 count;
};

static void mac_list_free(struct mac_list *list)
{
	free(list->keys);
	free(list->values);
}

/* The first one says how many there are for flooding. */
static int mac_list_fill(const struct peers *peers, struct mac_list *list)
{
	__u32 flood = 0;
	size_t i;

	list->keys = calloc(peers->count + 1, sizeof(*list->keys));
	list->values = calloc(peers->count + 1, sizeof(*list->values));
	if (!list->keys || !list->values)
		return -ENOMEM;
	list->count = 1;
	for (i = 0; i < peers->count; i++) {
		struct peer_mac *key = &list->keys[list->count];

		if (peers->all[i].length == FLOOD_LENGTH)
			key->flood = ++flood;
		else
			memcpy(key->mac, &peers->all[i].prefix, sizeof(key->mac));
		list->values[list->count++] = peers->all[i].via;
	}
	list->values[0].v6[0] = flood;
	return 0;
}

int mac_table_make(struct peers *peers, int *fd)
{
	struct mac_list list = {};
	__u32 count;
	int map = -1, err;

	peers_sort(peers);
	err = mac_list_fill(peers, &list);
	if (!err) {
		map = bpf_map_create(BPF_MAP_TYPE_HASH, "xtun_peers", sizeof(*list.keys),
				     sizeof(*list.values), list.count, NULL);
		err = map < 0 ? map : 0;
	}
	count = list.count;
	err = err ?: bpf_map_update_batch(map, list.keys, list.values, &count, NULL);
	mac_list_free(&list);
	if (!err)
		*fd = map;
	else if (map >= 0)
		close(map);
	return err;
}

int mac_table_read(int fd, struct peers *peers)
{
	static const struct peer_mac head;
	struct elements found = {};
	int err;
	size_t i;

	*peers = (struct peers){};
	err = map_elements(fd, sizeof(struct peer_mac), sizeof(union address), &found);
	for (i = 0; i < found.count && !err; i++) {
		const struct peer_mac *key = (struct peer_mac *)found.keys + i;
		struct peer peer = { .via = ((union address *)found.values)[i] };

		if (!memcmp(key, &head, sizeof(head)))
			continue;
		peer.length = key->flood ? FLOOD_LENGTH : MAC_LENGTH;
		if (key->flood)
			peer.prefix = peer.via;
		else
			memcpy(&peer.prefix, key->mac, sizeof(key->mac));
		err = peers_append(peers, &peer);
	}
	elements_free(&found);
	if (err)
		peers_free(peers);
	return err;
}

int fdb_read(const struct maps *maps, struct elements *out)
{
	return map_elements(maps->fdb, sizeof(struct fdb_key), sizeof(struct fdb_entry), out);
}

int fdb_forget(const struct maps *maps, __u32 id)
{
	struct elements found = {};
	int err = fdb_read(maps, &found);
	size_t i;

	for (i = 0; i < found.count && !err; i++) {
		const struct fdb_key *key = (struct fdb_key *)found.keys + i;

		if (key->id != id)
			continue;
		err = bpf_map_delete_elem(maps->fdb, key);
		err = err == -ENOENT ? 0 : err;
	}
	elements_free(&found);
	return err;
}

__u32 fdb_age(const struct fdb_entry *entry)
{
	struct timespec now = {};
	__u64 ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	return ns > entry->seen ? (ns - entry->seen) / 1000000000 : 0;
}
