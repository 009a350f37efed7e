// SPDX-License-Identifier: GPL-2.0
#include "peers_apply.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fdb.h"

#define PIN_PEERS "peers-"

static void pin_name(char *name, size_t size, int pin)
{
	snprintf(name, size, PIN_PEERS "%d", pin);
}

/* Give the table behind @fd, -1: none, a pin of the next number. */
static int table_pin(struct state *state, struct peer_table *table, int fd, int *pins)
{
	char name[32];

	table->source = PEERS_MADE;
	table->fd = fd;
	table->pin = *pins;
	if (fd < 0)
		return 0;
	pin_name(name, sizeof(name), (*pins)++);
	return pin_put(fd, state->dir, name);
}

/* Make the table of a list. */
static int table_make(struct state *state, const struct tunnel_entry *entry, size_t i, int *pins)
{
	struct peer_table *table = &entry->peers[i];
	int fd = -1, ret = 0;

	if (table->list.live)
		ret = peer_table_make(&table->list, peer_table_inner(i), entry->spec.mode->family,
				      &fd);
	if (ret)
		return ret;
	peers_free(&table->list);
	return table_pin(state, table, fd, pins);
}

/* Whether @want leaves table @i of @entry in its place. */
static bool table_stays(const struct model *want, const struct tunnel_entry *entry, size_t i)
{
	const struct tunnel_entry *same = model_find(want, entry->spec.name);

	return same && same->port == entry->port &&
	       (!same->peers || same->peers[i].source == PEERS_UNSAID ||
		same->peers[i].source == PEERS_KEPT);
}

/* Pin a table that @want would lose. */
static int table_rescue(struct state *state, struct tunnel_entry *entry, size_t i, int *pins)
{
	struct peer_table *table = entry_peers(entry, i);
	int fd, ret;

	if (!table)
		return -ENOMEM;
	ret = peer_table_get(&state->maps, peer_table_inner(i), entry->record.id, &fd);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return table_pin(state, table, fd, pins);
}

int peers_prepare(struct state *state, struct model *before, struct model *want, struct error *err)
{
	int pins = 0, ret = 0;
	size_t each, i;

	for (each = 0; each < before->count && !ret; each++)
		for (i = 0; i < PEER_TABLES && !ret; i++)
			if (entry_has_peers(&before->tunnels[each], i) &&
			    !table_stays(want, &before->tunnels[each], i))
				ret = table_rescue(state, &before->tunnels[each], i, &pins);
	for (each = 0; each < want->count && !ret; each++)
		for (i = 0; i < PEER_TABLES && want->tunnels[each].peers && !ret; i++)
			if (want->tunnels[each].peers[i].source == PEERS_LISTED)
				ret = table_make(state, &want->tunnels[each], i, &pins);
	return ret ? refuse_kernel(err, ret, "making the table of peers") : 0;
}

void peers_journal(const struct tunnel_entry *entry, FILE *out)
{
	size_t i;

	for (i = 0; i < PEER_TABLES; i++) {
		const struct peer_table *table = entry->peers ? &entry->peers[i] : NULL;

		if (!entry_has_peers(entry, i))
			continue;
		fputs("peer-table ", out);
		word_print(entry->spec.name, out);
		if (table && table->source == PEERS_MADE)
			fprintf(out, " %zu %d\n", i, table->pin);
		else
			fprintf(out, " %zu keep\n", i);
	}
	if (entry->forget) {
		fputs("peer-table ", out);
		word_print(entry->spec.name, out);
		fprintf(out, " %zu forget\n", peer_table_of(INNER_ETHERNET));
	}
}

int peers_recall(const struct model *model, struct tunnel_entry *entry, size_t i, const char *word,
		 struct error *err)
{
	struct peer_table *table;
	unsigned long pin;
	char name[32];

	if (!strcmp(word, "forget")) {
		entry->forget = true;
		return 0;
	}
	table = entry_peers(entry, i);
	if (!table)
		return refuse_kernel(err, -ENOMEM, "reading the peers");
	if (!strcmp(word, "keep")) {
		table->source = PEERS_KEPT;
		return 0;
	}
	if (parse_number(word, 0, 1u << 30, &pin))
		return misuse(err, "\"%s\" is no table", word);
	pin_name(name, sizeof(name), pin);
	table->fd = pin_get(model->state->dir, name);
	if (table->fd < 0)
		return refuse_kernel(err, table->fd, "opening a table of peers");
	table->source = PEERS_MADE;
	table->pin = pin;
	return 0;
}

int peers_settle(const struct maps *maps, const struct tunnel_entry *entry, __u32 id, __u32 *flags)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < PEER_TABLES && !ret; i++) {
		const struct peer_table *table = entry->peers ? &entry->peers[i] : NULL;

		if (entry_has_peers(entry, i))
			*flags |= peer_table_flag(i);
		if (table && table->source == PEERS_MADE && table->fd >= 0)
			ret = peer_table_put(maps, peer_table_inner(i), id, table->fd);
	}
	return ret;
}

int peers_retire(const struct maps *maps, const struct model *want)
{
	size_t each, i;
	int ret = 0;

	for (each = 0; each < want->count && !ret; each++) {
		if (want->tunnels[each].forget)
			ret = fdb_forget(maps, want->tunnels[each].record.id);
		for (i = 0; i < PEER_TABLES && want->tunnels[each].peers && !ret; i++) {
			const struct peer_table *table = &want->tunnels[each].peers[i];

			if (table->source == PEERS_MADE && table->fd < 0)
				ret = peer_table_delete(maps, peer_table_inner(i),
							want->tunnels[each].record.id);
		}
	}
	return ret;
}

int peers_remove(const struct maps *maps, __u32 id)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < PEER_TABLES && !ret; i++)
		ret = peer_table_delete(maps, peer_table_inner(i), id);
	return ret;
}

void peers_finish(struct state *state)
{
	pins_remove(state, PIN_PEERS);
}
