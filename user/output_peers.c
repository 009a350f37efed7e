// SPDX-License-Identifier: GPL-2.0
/* What `peer show` prints: peers that the user named, and what tunnels for frames have learned. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fdb.h"
#include "model_peers.h"
#include "output.h"

/* Where the rows of one tunnel go, and what they begin with. */
struct rows {
	const struct tunnel_entry *entry;
	bool named;   /* rows of text begin with the tunnel's name */
	json_t *json; /* NULL: text */
};

enum { AGE_STATIC = -1 };

/* One row. @age: seconds, or AGE_STATIC. */
static void row_print(const struct rows *rows, const struct peer *peer, enum inner inner,
		      json_int_t age)
{
	char prefix[PREFIX_STRLEN], via[INET6_ADDRSTRLEN] = "";
	int af = spec_af(&rows->entry->spec);
	bool frames = inner == INNER_ETHERNET;
	json_t *row;

	if (!rows->json) {
		if (rows->named)
			printf("%s ", rows->entry->spec.name);
		peer_print(peer, inner, af, stdout);
		if (age != AGE_STATIC)
			printf(" age %lld", age);
		putchar('\n');
		return;
	}
	prefix_text(peer, inner, prefix);
	inet_ntop(af, &peer->via, via, sizeof(via));
	row = json_pack("{s:s, s:s, s:s}", "tunnel", rows->entry->spec.name,
			frames ? "lladdr" : "prefix", frames ? prefix + strlen("lladdr ") : prefix,
			"via", via);
	if (frames)
		json_object_set_new(row, "state",
				    json_string(age == AGE_STATIC ? "static" : "learned"));
	if (age != AGE_STATIC)
		json_object_set_new(row, "age", json_integer(age));
	json_array_append_new(rows->json, row);
}

static int key_order(const void *a, const void *b)
{
	return memcmp(((const struct peer *)a)->prefix.v6, ((const struct peer *)b)->prefix.v6, 6);
}

/* What @rows->entry has learned and still believes, but for what the user said in @named. */
static int learned_print(const struct rows *rows, const struct elements *learned,
			 struct peers *named, struct error *err)
{
	struct peer *found = calloc(learned->count + 1, sizeof(*found));
	const __u32 ageing = rows->entry->spec.ageing;
	size_t i, count = 0;

	if (!found)
		return refuse_kernel(err, -ENOMEM, "listing what was learned");
	for (i = 0; i < learned->count; i++) {
		const struct fdb_key *key = (struct fdb_key *)learned->keys + i;
		const struct fdb_entry *entry = (struct fdb_entry *)learned->values + i;
		struct peer *peer = &found[count];

		if (key->id != rows->entry->record.id)
			continue;
		*peer = (struct peer){ .via = entry->remote, .length = MAC_LENGTH };
		memcpy(&peer->prefix, key->mac, sizeof(key->mac));
		/* Where a peer from a file has its line. */
		peer->line = fdb_age(entry);
		count += (!ageing || peer->line < ageing) &&
			 !(named && peers_find(named, &peer->prefix, MAC_LENGTH));
	}
	qsort(found, count, sizeof(*found), key_order);
	for (i = 0; i < count; i++)
		row_print(rows, &found[i], INNER_ETHERNET, found[i].line);
	free(found);
	return 0;
}

static int entry_print(const struct model *model, struct tunnel_entry *entry,
		       const struct elements *learned, const struct rows *rows, struct error *err)
{
	struct peers *list = NULL;
	size_t i, each;
	int ret;

	for (i = 0; i < PEER_TABLES; i++) {
		if (!entry_has_peers(entry, i))
			continue;
		ret = model_peers(model, entry, peer_table_inner(i), &list, err);
		if (ret)
			return ret;
		peers_sort(list);
		for (each = 0; each < list->count; each++)
			row_print(rows, &list->all[each], peer_table_inner(i), AGE_STATIC);
	}
	if (entry->spec.mode->inner != INNER_ETHERNET || !entry->port ||
	    entry->spec.remote.af != AF_UNSPEC)
		return 0;
	return learned_print(rows, learned, list, err);
}

int output_peers(const struct options *options, const struct model *model,
		 struct tunnel_entry *only, struct error *err)
{
	json_t *json = options->json ? json_array() : NULL;
	struct elements learned = {};
	int ret = 0;
	size_t i;

	if (model->count)
		ret = fdb_read(&model->state->maps, &learned);
	if (ret)
		refuse_kernel(err, ret, "reading what was learned");
	for (i = 0; i < model->count && !ret; i++) {
		const struct rows rows = { &model->tunnels[i], !only, json };

		if (!only || only == &model->tunnels[i])
			ret = entry_print(model, &model->tunnels[i], &learned, &rows, err);
	}
	elements_free(&learned);
	if (ret) {
		json_decref(json);
		return ret;
	}
	return json ? output_json(json, err) : 0;
}
