// SPDX-License-Identifier: GPL-2.0
#include "output_sessions.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"

struct row {
	struct session_key key;
	struct session session;
};

static int row_order(const void *a, const void *b)
{
	const struct row *one = a, *two = b;
	int order = memcmp(&one->key.remote, &two->key.remote, sizeof(one->key.remote));

	if (order)
		return order;
	return one->key.session < two->key.session ? -1 : one->key.session > two->key.session;
}

/* The sessions of a tunnel by sender and number, @count of them; NULL: none, or out of memory. The
 * caller frees them. */
static struct row *rows_read(const struct state *state, const struct tunnel_entry *entry,
			     size_t *count)
{
	struct elements found = {};
	struct row *rows = NULL;
	size_t i;

	*count = 0;
	if (entry->spec.mode->payload != PAYLOAD_ERSPAN || !entry->port ||
	    sessions_read(&state->maps, entry->record.id, &found))
		return NULL;
	if (found.count)
		rows = calloc(found.count, sizeof(*rows));
	for (i = 0; rows && i < found.count; i++)
		rows[(*count)++] = (struct row){ ((struct session_key *)found.keys)[i],
						 ((struct session *)found.values)[i] };
	elements_free(&found);
	if (rows)
		qsort(rows, *count, sizeof(*rows), row_order);
	return rows;
}

static const char *row_remote(const struct tunnel_entry *entry, const struct row *row, char *text)
{
	return inet_ntop(spec_af(&entry->spec), &row->key.remote, text, INET6_ADDRSTRLEN);
}

void sessions_text(const struct state *state, const struct tunnel_entry *entry)
{
	char remote[INET6_ADDRSTRLEN];
	struct row *rows;
	size_t i, count;

	rows = rows_read(state, entry, &count);
	for (i = 0; i < count; i++) {
		const struct session *session = &rows[i].session;

		printf("    session ");
		if (rows[i].key.session == SESSION_NONE)
			putchar('-');
		else
			printf("%u", rows[i].key.session);
		printf(" from %s erspan_ver %u frames %llu bytes %llu gaps %llu lost %llu late "
		       "%llu\n",
		       row_remote(entry, &rows[i], remote), session->version, session->frames,
		       session->bytes, session->gaps, session->lost, session->late);
	}
	free(rows);
}

json_t *sessions_json(const struct state *state, const struct tunnel_entry *entry)
{
	char remote[INET6_ADDRSTRLEN];
	json_t *list, *json;
	struct row *rows;
	size_t i, count;

	if (entry->spec.mode->payload != PAYLOAD_ERSPAN)
		return NULL;
	list = json_array();
	rows = rows_read(state, entry, &count);
	for (i = 0; i < count; i++) {
		const struct session *session = &rows[i].session;

		json = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I}", "remote",
				 row_remote(entry, &rows[i], remote), "erspan_ver",
				 (int)session->version, "frames", (json_int_t)session->frames,
				 "bytes", (json_int_t)session->bytes, "gaps",
				 (json_int_t)session->gaps, "lost", (json_int_t)session->lost,
				 "late", (json_int_t)session->late);
		if (rows[i].key.session != SESSION_NONE)
			json_object_set_new(json, "session", json_integer(rows[i].key.session));
		json_array_append_new(list, json);
	}
	free(rows);
	return list;
}
