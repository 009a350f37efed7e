// SPDX-License-Identifier: GPL-2.0
/*
 * Files of commands: whatever is in them, they are accepted or answered by one line, and what they
 * made is saved as commands that make the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "model_peers.h"
#include "peer_image.h"

#include <linux/if_arp.h>

static struct link links[] = {
	{ .ifindex = 1, .name = "lo", .type = ARPHRD_LOOPBACK, .flags = IFF_UP },
	{ .ifindex = 2, .name = "eth0", .type = ARPHRD_ETHER, .flags = IFF_UP },
	{ .ifindex = 3, .name = "dev", .type = ARPHRD_ETHER, .flags = IFF_UP },
	{ .ifindex = 4, .name = "ppp0", .type = ARPHRD_PPP, .flags = IFF_UP },
	{ .ifindex = 5, .name = "ours", .type = ARPHRD_ETHER, .flags = IFF_UP },
};
static __u32 owned[] = { 5 };

enum { LINKS = sizeof(links) / sizeof(links[0]) };

/* Not assert(): it must not depend on how this is compiled. */
#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "ERROR: fuzz: not true: %s\n", #what);                     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct model empty(bool quiet)
{
	return (struct model){ .links = links,
			       .link_count = LINKS,
			       .owned = owned,
			       .owned_count = 1,
			       .quiet = quiet };
}

static char *saved(const struct model *model)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct error err;

	must(!model_save(model, model_peers_save, out, &err));
	fclose(out);
	return text;
}

static void check_error(const struct error *err, int ret)
{
	must(ret < 0);
	must(err->status == STATUS_REFUSED || err->status == STATUS_USAGE);
	must(strnlen(err->text, sizeof(err->text)) < sizeof(err->text));
	must(!strncmp(err->text, "file: line ", 11));
	must(strtoul(err->text + 11, NULL, 10) > 0);
	must(strcmp(strrchr(err->text, ':'), ": "));
}

/* Ports stand in order, each once in its family, and say what is inside. */
static void check_port(const struct port_entry *entry, const struct port_entry *before)
{
	must(entry->key.port && entry->key.family < FAMILY_MAX);
	must(entry->port.wrap == WRAP_GUE ? !entry->port.ip_proto
					  : entry->port.wrap == WRAP_FOU && entry->port.ip_proto);
	if (before && before->key.family == entry->key.family)
		must(ntohs(before->key.port) < ntohs(entry->key.port));
	else if (before)
		must(before->key.family < entry->key.family);
}

/* A table of peers is read as the list that it was made from. */
static void check_peers(const struct tunnel_entry *entry, size_t i)
{
	enum family outer = entry->spec.mode->family;
	enum inner inner = peer_table_inner(i);
	struct peers *list = &entry->peers[i].list, again;
	size_t lines;
	void *table;

	must(entry->spec.remote.af == AF_UNSPEC || !list->live);
	must((entry->spec.mode->inner & inner) || !list->live);
	must(!peers_build(list, inner, outer, &table, &lines));
	must(!peers_read(table, lines, inner, outer, &again));
	must(again.count == list->count && again.live == list->live);
	must(!again.count || !memcmp(again.all, list->all, again.count * sizeof(*again.all)));
	peers_free(&again);
	free(table);
}

/* What holds for any configuration that commands can make. */
static void check_model(const struct model *model)
{
	size_t i;

	for (i = 0; i < model->count; i++) {
		const struct tunnel_spec *spec = &model->tunnels[i].spec;
		struct tunnel record = { .kind = spec->anchor };
		struct tunnel_spec back;
		struct error err;

		must(spec->mode);
		must(spec->name[0] && !strchr(spec->name, '/'));
		must(model_find(model, spec->name) == &model->tunnels[i]);
		must(!spec_check(spec, 0, &err));
		must(!(spec->tos & 3));
		spec_to_record(spec, &record);
		spec_init(&back, spec->name);
		spec_from_record(&record, &back);
		/* Behind its end a name keeps what longer ones left. */
		memcpy(back.dev, spec->dev, sizeof(back.dev));
		must(!memcmp(&back, spec, sizeof(back)));
		if (model->tunnels[i].peers) {
			check_peers(&model->tunnels[i], 0);
			check_peers(&model->tunnels[i], 1);
		}
	}
	for (i = 0; i < model->manual_count; i++)
		must(model_link(model, model->manual[i].ifindex));
	for (i = 0; i < model->port_count; i++)
		check_port(&model->ports[i], i ? &model->ports[i - 1] : NULL);
}

static void check_saved(const struct model *model)
{
	struct model again = empty(model->quiet);
	char *first = saved(model), *second;
	struct error err = {};

	if (batch_text(&again, first, "saved", &err)) {
		fprintf(stderr, "ERROR: fuzz: what was saved is refused: %s\n%s\n", err.text,
			first);
		abort();
	}
	second = saved(&again);
	if (strcmp(first, second)) {
		fprintf(stderr, "ERROR: fuzz: saved, read, saved:\n%s\nbecame\n%s\n", first,
			second);
		abort();
	}
	free(first);
	free(second);
	model_free_like(&again);
}

static void try(const char *text, bool quiet)
{
	struct model model = empty(quiet);
	struct error err = {};
	int ret = batch_text(&model, text, "file", &err);

	if (ret)
		check_error(&err, ret);
	check_model(&model);
	check_saved(&model);
	model_free_like(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	try(text, false);
	try(text, true);
	free(text);
	return 0;
}
