// SPDX-License-Identifier: GPL-2.0
/* peer add|replace|del|flush|load|show: who owns which inner addresses, for tunnels with remote
 * any. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "fdb.h"
#include "output.h"
#include "peer_table.h"
#include "peers_apply.h"
#include "verbs.h"

static struct tunnel_entry *take_tunnel(const struct model *model, struct args *args,
					struct error *err)
{
	const char *name = args_next(args);

	if (!name) {
		misuse(err, "the tunnel's name is missing");
		return NULL;
	}
	return tunnel_find(model, name, err);
}

/* `PREFIX via ADDRESS` or `lladdr MAC via ADDRESS`; without @via_needed the second half may be
 * missing. */
static int take_peer(struct args *args, bool via_needed, struct typed_peer *typed,
		     struct error *err)
{
	const char *word = args_next(args);
	int ret;

	if (!word)
		return misuse(err, "PREFIX or `lladdr MAC` is missing");
	if (!strcmp(word, "lladdr")) {
		word = args_next(args);
		if (!word)
			return misuse(err, "lladdr: its value MAC is missing");
		ret = peer_mac_parse(word, typed, err);
		via_needed |= peer_floods(&typed->peer, typed->inner);
	} else {
		ret = peer_prefix_parse(word, typed, err);
	}
	if (ret)
		return ret;
	word = args_next(args);
	if (!word)
		return via_needed ? misuse(err, "`via ADDR` is missing") : 0;
	if (strcmp(word, "via"))
		return misuse(err, "\"%s\": `via ADDR` is expected here", word);
	word = args_next(args);
	if (!word)
		return misuse(err, "via: its value ADDR is missing");
	ret = peer_via_parse(word, typed, err);
	return ret ?: args_end(args, err);
}

/* Tunnel and peer of a command line, and the list that it is about. */
static int take_edit(struct model *model, struct args *args, bool via_needed,
		     struct typed_peer *typed, struct peers **list, struct error *err)
{
	struct tunnel_entry *entry = take_tunnel(model, args, err);
	int ret;

	if (!entry)
		return -ENOENT;
	ret = take_peer(args, via_needed, typed, err);
	ret = ret ?: peer_check(entry, typed, err);
	return ret ?: model_peers(model, entry, typed->inner, list, err);
}

/* Refuse more peers for what is for many than a frame has copies; @more are to come to the list. */
static int flood_check(const struct peers *list, enum inner inner, size_t more, struct error *err)
{
	static const union address none;
	size_t i, count = more;

	for (i = 0; i < list->count && inner == INNER_ETHERNET; i++)
		count += list->all[i].length == FLOOD_LENGTH &&
			 memcmp(&list->all[i].via, &none, sizeof(none));
	if (count <= FLOOD_MAX)
		return 0;
	return refuse(
		err, -ENOSPC,
		"lladdr: a tunnel has room for %d peers with 00:00:00:00:00:00, each of which "
		"gets a copy",
		FLOOD_MAX);
}

static int peers_put(struct peers *list, const struct typed_peer *typed, struct error *err)
{
	bool floods = peer_floods(&typed->peer, typed->inner);
	char text[PREFIX_STRLEN];
	int ret = 0;

	if (floods && peers_find(list, &typed->peer.prefix, FLOOD_LENGTH))
		return refuse(err, -EEXIST, "%s has that peer already",
			      prefix_text(&typed->peer, typed->inner, text));
	if (floods)
		ret = flood_check(list, typed->inner, 1, err);
	if (ret)
		return ret;
	ret = peers_add(list, &typed->peer);
	if (ret == -EEXIST)
		return refuse(err, ret, "%s has a peer already",
			      prefix_text(&typed->peer, typed->inner, text));
	return ret ? refuse_kernel(err, ret, "adding a peer") : 0;
}

int peer_add(struct model *model, struct args *args, struct error *err)
{
	struct typed_peer typed;
	struct peers *list;
	int ret;

	ret = take_edit(model, args, true, &typed, &list, err);
	return ret ?: peers_put(list, &typed, err);
}

int peer_replace(struct model *model, struct args *args, struct error *err)
{
	struct typed_peer typed;
	struct peers *list;
	struct peer *old;
	int ret;

	ret = take_edit(model, args, true, &typed, &list, err);
	if (ret)
		return ret;
	old = peers_find(list, &typed.peer.prefix, typed.peer.length);
	if (!old)
		return peers_put(list, &typed, err);
	*old = typed.peer;
	return 0;
}

int peer_del(struct model *model, struct args *args, struct error *err)
{
	struct typed_peer typed;
	struct peers *list;
	struct peer *old;
	char text[PREFIX_STRLEN];
	int ret;

	ret = take_edit(model, args, false, &typed, &list, err);
	if (ret)
		return ret;
	old = peers_find(list, &typed.peer.prefix, typed.peer.length);
	if (!old ||
	    (typed.via_af != AF_UNSPEC && memcmp(&old->via, &typed.peer.via, sizeof(old->via))))
		return refuse(err, -ENOENT, "there is no such peer of %s",
			      prefix_text(&typed.peer, typed.inner, text));
	peers_delete(list, old);
	return 0;
}

/* All lists of @entry, emptied. */
static int peers_empty(const struct model *model, struct tunnel_entry *entry,
		       struct peers *lists[PEER_TABLES], struct error *err)
{
	struct peer_table *table;
	size_t i;
	int ret;

	for (i = 0; i < PEER_TABLES; i++) {
		table = entry_peers(entry, i);
		if (!table)
			return refuse_kernel(err, -ENOMEM, "listing peers");
		table->source = PEERS_LISTED;
		ret = model_peers(model, entry, peer_table_inner(i), &lists[i], err);
		if (ret)
			return ret;
	}
	return 0;
}

int peer_flush(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry = take_tunnel(model, args, err);
	struct peers *lists[PEER_TABLES];

	if (!entry)
		return -ENOENT;
	entry->forget = entry->spec.mode->inner == INNER_ETHERNET;
	return args_end(args, err) ?: peers_empty(model, entry, lists, err);
}

/* One line of a file of peers. */
static int load_line(const struct tunnel_entry *entry, char *line, unsigned long number,
		     struct peers *lists[PEER_TABLES], struct error *err)
{
	struct typed_peer typed;
	char *words[8];
	struct args args = { .words = words };
	int ret;

	args.count = args_split(line, words, 8);
	if (!args.count)
		return 0;
	if (args.count < 0)
		return misuse(err, "`PREFIX via ADDR` is expected");
	/* `lladdr MAC via ADDR age SECONDS`: what `peer show` tells of what was learned. */
	if (args.count == 6 && !strcmp(words[0], "lladdr") && !strcmp(words[4], "age"))
		return 0;
	ret = take_peer(&args, true, &typed, err);
	ret = ret ?: peer_check(entry, &typed, err);
	if (ret)
		return ret;
	typed.peer.line = number;
	ret = peers_append(lists[peer_table_of(typed.inner)], &typed.peer);
	return ret ? refuse_kernel(err, ret, "adding a peer") : 0;
}

static int load_check(struct peers *lists[PEER_TABLES], const char *path, struct error *err)
{
	const struct peer *twice;
	char text[PREFIX_STRLEN];
	size_t i;

	for (i = 0; i < PEER_TABLES; i++) {
		peers_sort(lists[i]);
		twice = peers_duplicate(lists[i]);
		if (twice)
			return misuse(err, "%s: line %u: %s was given before", file_name(path),
				      twice->line, prefix_text(twice, peer_table_inner(i), text));
		if (flood_check(lists[i], peer_table_inner(i), 0, err))
			return -ENOSPC;
	}
	return 0;
}

int peer_load(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry = take_tunnel(model, args, err);
	struct peers *lists[PEER_TABLES];
	unsigned long number;
	char *text, *line, *end;
	const char *path;
	int ret;

	if (!entry)
		return -ENOENT;
	path = args_next(args);
	if (!path)
		return misuse(err, "FILE is missing; - is standard input");
	ret = args_end(args, err);
	ret = ret ?: file_text(path, &text, err);
	if (ret)
		return ret;
	ret = peers_empty(model, entry, lists, err);
	for (number = 1, line = text; line && !ret; number++, line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		ret = load_line(entry, line, number, lists, err);
		if (ret)
			error_prefix(err, "%s: line %lu", file_name(path), number);
	}
	free(text);
	return ret ?: load_check(lists, path, err);
}

int peer_recall(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry;
	const char *table, *source;

	if (!model->journal)
		return misuse(err, "is for the journal alone");
	entry = take_tunnel(model, args, err);
	table = args_next(args);
	source = args_next(args);
	if (!entry || !source)
		return entry ? misuse(err, "too short") : -ENOENT;
	return peers_recall(model, entry, *table == '0' ? 0 : *table == '1' ? 1 : 2, source, err);
}

int peer_show(const struct options *options, const struct state *state, const struct model *model,
	      struct args *args, struct error *err)
{
	struct tunnel_entry *only = NULL;
	int ret;

	(void)state;
	if (args->count) {
		only = take_tunnel(model, args, err);
		if (!only)
			return -ENOENT;
	}
	ret = args_end(args, err);
	return ret ?: output_peers(options, model, only, err);
}
