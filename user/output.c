// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "mirrors.h"
#include "output_sessions.h"

static const struct {
	const char *name, *text;
	enum direction direction;
} drops[DROP_MAX] = {
#define DROP_ROW(row_name, row_direction, row_text)                                                \
	[DROP_##row_name] = { .name = #row_name,                                                   \
			      .text = row_text,                                                    \
			      .direction = DIRECTION_##row_direction },
	XTUN_DROPS(DROP_ROW)
#undef DROP_ROW
};

static const struct {
	const char *name, *text;
} mirror_drops[MIRROR_DROP_MAX] = {
#define MIRROR_DROP_ROW(row_name, row_text)                                                        \
	[MIRROR_DROP_##row_name] = { .name = #row_name, .text = row_text },
	XTUN_MIRROR_DROPS(MIRROR_DROP_ROW)
#undef MIRROR_DROP_ROW
};

void output_drops(FILE *out)
{
	size_t i;

	for (i = 0; i < DROP_MAX; i++)
		fprintf(out, "  %-15s %s  %s\n", drops[i].name,
			drops[i].direction == DIRECTION_TX ? "tx" : "rx", drops[i].text);
	for (i = 0; i < MIRROR_DROP_MAX; i++)
		fprintf(out, "  %-15s mirror  %s\n", mirror_drops[i].name, mirror_drops[i].text);
}

static __u64 drops_sum(const struct counters *counters, enum direction direction)
{
	__u64 sum = 0;
	size_t i;

	for (i = 0; i < DROP_MAX; i++)
		if (drops[i].direction == direction)
			sum += counters->drops[i];
	return sum;
}

/* A tunnel that a writer is just making may have no device yet. */
static const char *kind_text(const struct tunnel_entry *entry)
{
	return entry->port ? anchor_kind_name(entry->record.kind - 1) : "auto";
}

static __u32 mtu_now(const struct model *model, const struct tunnel_entry *entry)
{
	const struct link *link = model_link(model, entry->record.anchor);

	return link ? link->mtu : entry->record.mtu;
}

/* As `ip tunnel show` has it: ttl always, tos and pmtudisc where they differ from the default. */
static void tunnel_text(const struct tunnel_spec *spec)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	printf("%s: %s remote %s local %s", spec->name, spec->mode->shown,
	       address_text(&spec->remote, remote), address_text(&spec->local, local));
	if (spec->dev[0])
		printf(" dev %s", spec->dev);
	if (spec->ttl)
		printf(" ttl %u", spec->ttl);
	else
		printf(" ttl inherit");
	args_print(tunnel_keywords, tunnel_keyword_count, spec,
		   GIVEN_MODE | GIVEN_LOCAL | GIVEN_REMOTE | GIVEN_DEV | GIVEN_TTL | GIVEN_ANCHOR,
		   stdout);
}

static void details_text(const struct state *state, const struct model *model,
			 const struct tunnel_entry *entry)
{
	__u32 path = path_mtu_read(&state->maps, entry->record.id, &entry->record.remote);

	printf("\n    mtu %u anchor %s ifindex %u", mtu_now(model, entry), kind_text(entry),
	       entry->record.anchor);
	if (path)
		printf(" pathmtu %u", path);
	if (spec_segments(&entry->spec))
		printf(" segments before encapsulation");
}

static void counters_text(const struct counters *counters)
{
	size_t i;

	printf("RX: Packets    Bytes        Drops\n    %-10llu %-12llu %-8llu\n",
	       counters->rx_packets, counters->rx_bytes, drops_sum(counters, DIRECTION_RX));
	printf("TX: Packets    Bytes        Drops\n    %-10llu %-12llu %-8llu\n",
	       counters->tx_packets, counters->tx_bytes, drops_sum(counters, DIRECTION_TX));
	for (i = 0; i < DROP_MAX; i++)
		if (counters->drops[i])
			printf("    drop %s %llu\n", drops[i].name, counters->drops[i]);
}

static json_t *counters_json(const struct counters *counters)
{
	json_t *reasons = json_object();
	size_t i;

	for (i = 0; i < DROP_MAX; i++)
		if (counters->drops[i])
			json_object_set_new(reasons, drops[i].name,
					    json_integer(counters->drops[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "tx_packets",
			 (json_int_t)counters->tx_packets, "tx_bytes",
			 (json_int_t)counters->tx_bytes, "rx_packets",
			 (json_int_t)counters->rx_packets, "rx_bytes",
			 (json_int_t)counters->rx_bytes, "drops", reasons);
}

/* A number, or a word that stands for what no number says. */
static json_t *number_or(unsigned int number, const char *word)
{
	return number ? json_integer(number) : json_string(word);
}

static json_t *tos_json(const struct tunnel_spec *spec)
{
	if (!(spec->flags & TUNNEL_TOS_INHERIT))
		return json_sprintf("0x%02x", spec->tos);
	return spec->tos ? json_sprintf("inherit/0x%02x", spec->tos) : json_string("inherit");
}

/* What only some modes have: the keywords as one types them, and their values. */
static void options_json(const struct tunnel_spec *spec, json_t *tunnel)
{
	const __u64 said = GIVEN_COMMON | GIVEN_PMTUDISC;
	char value[640];
	size_t i;

	for (i = 0; i < tunnel_keyword_count; i++) {
		const struct keyword *row = &tunnel_keywords[i];
		json_t *word;

		if (row->bit & said || !args_value(row, spec, value, sizeof(value)))
			continue;
		word = !row->value                          ? json_true()
		       : value[strspn(value, "0123456789")] ? json_string(value)
							    : json_integer(atoll(value));
		json_object_set_new(tunnel, row->name, word);
	}
}

static json_t *tunnel_json(const struct options *options, const struct state *state,
			   const struct model *model, const struct tunnel_entry *entry)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	const struct tunnel_spec *spec = &entry->spec;
	__u32 path = path_mtu_read(&state->maps, entry->record.id, &entry->record.remote);
	json_t *tunnel;

	tunnel = json_pack("{s:s, s:s, s:s, s:s}", "name", spec->name, "mode", spec->mode->name,
			   "local", address_text(&spec->local, local), "remote",
			   address_text(&spec->remote, remote));
	if (spec->dev[0])
		json_object_set_new(tunnel, "dev", json_string(spec->dev));
	json_object_set_new(tunnel, "ttl", number_or(spec->ttl, "inherit"));
	json_object_set_new(tunnel, "tos", tos_json(spec));
	if (spec->mode->keywords & GIVEN_PMTUDISC)
		json_object_set_new(tunnel, "pmtudisc", json_boolean(spec->flags & TUNNEL_DF));
	options_json(spec, tunnel);
	json_object_set_new(tunnel, "mtu", json_integer(mtu_now(model, entry)));
	json_object_set_new(tunnel, "anchor", json_string(kind_text(entry)));
	if (options->details) {
		json_object_set_new(tunnel, "ifindex", json_integer(entry->record.anchor));
		if (path)
			json_object_set_new(tunnel, "pathmtu", json_integer(path));
		json_object_set_new(tunnel, "segments_before",
				    json_boolean(spec_segments(&entry->spec)));
	}
	return tunnel;
}

int output_json(json_t *json, struct error *err)
{
	/* A value of 0 indents nothing: one line, like `ip -j`. */
	int ret = json_dumpf(json, stdout, JSON_COMPACT);

	json_decref(json);
	putchar('\n');
	return ret ? refuse(err, -EIO, "printing JSON failed") : 0;
}

int output_tunnels(const struct options *options, const struct state *state,
		   const struct model *model, const struct tunnel_entry *only, struct error *err)
{
	json_t *list = json_array(), *tunnel, *stats, *sessions;
	size_t i;

	for (i = 0; i < model->count; i++) {
		const struct tunnel_entry *entry = &model->tunnels[i];
		struct counters counters = {};

		if (only && only != entry)
			continue;
		/* A tunnel that a writer is just making has none yet, one that it deletes no more.
		 */
		if (options->stats && entry->port)
			counters_read(&state->maps, entry->record.id, &counters);
		if (options->json) {
			tunnel = tunnel_json(options, state, model, entry);
			if (options->stats) {
				stats = counters_json(&counters);
				sessions = sessions_json(state, entry);
				if (sessions)
					json_object_set_new(stats, "sessions", sessions);
				json_object_set_new(tunnel, "stats", stats);
			}
			json_array_append_new(list, tunnel);
			continue;
		}
		tunnel_text(&entry->spec);
		if (options->details)
			details_text(state, model, entry);
		putchar('\n');
		if (options->stats) {
			counters_text(&counters);
			sessions_text(state, entry);
		}
	}
	if (options->json)
		return output_json(list, err);
	json_decref(list);
	return 0;
}

/* The tunnels whose packets are looked for on a device: those bound to it, and those bound to none.
 */
static json_t *received_on(const struct model *model, __u32 ifindex)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < model->count; i++)
		if (!model->tunnels[i].record.link || model->tunnels[i].record.link == ifindex)
			json_array_append_new(names, json_string(model->tunnels[i].spec.name));
	return names;
}

/* What stands in front of tc, NULL: nothing. */
static const char *xdp_mode(__u32 flags)
{
	if (!(flags & DEVICE_XDP))
		return NULL;
	return flags & DEVICE_GENERIC ? "generic" : "native";
}

/* And why. */
static const char *xdp_why(__u32 flags)
{
	if (!(flags & DEVICE_XDP))
		return "nobody asked for XDP";
	if (flags & DEVICE_JOINED)
		return "libxdp's dispatcher was there: it calls xtun's program behind the others";
	if (flags & DEVICE_GENERIC)
		return "generic was asked for: the stack runs the program, behind GRO";
	if (flags & DEVICE_FRAGS)
		return "the driver runs the program, also on packets in several buffers";
	return "the driver runs the program; packets in several buffers it does not know";
}

static void device_text(const struct options *options, const char *name,
			const struct device *device, const json_t *names)
{
	const char *hook = device->flags & DEVICE_CLSACT ? "clsact" : "tcx";
	size_t i;

	printf("%s: %s ingress", name, hook);
	if (xdp_mode(device->flags))
		printf(" xdp %s%s", xdp_mode(device->flags),
		       device->flags & DEVICE_FORWARD ? " forward" : "");
	if (device->spread.count) {
		fputs(" cpus ", stdout);
		cpu_list_print(&device->spread, stdout);
	}
	printf(" %s", device->flags & DEVICE_MANUAL ? "manual" : "auto");
	for (i = 0; i < json_array_size(names); i++)
		printf("%s%s", i ? " " : " tunnels ", json_string_value(json_array_get(names, i)));
	putchar('\n');
	if (options->details)
		printf("    %s\n", xdp_why(device->flags));
}

static json_t *cpus_json(const struct cpu_list *list)
{
	json_t *json = json_array();
	unsigned int i;

	for (i = 0; i < list->count; i++)
		json_array_append_new(json, json_integer(list->cpus[i]));
	return json;
}

static json_t *device_json(const struct options *options, const char *name,
			   const struct device *device, json_t *names)
{
	json_t *json = json_pack("{s:s, s:s, s:s?, s:b, s:O}", "dev", name, "hook",
				 device->flags & DEVICE_CLSACT ? "clsact" : "tcx", "xdp",
				 xdp_mode(device->flags), "auto", !(device->flags & DEVICE_MANUAL),
				 "tunnels", names);

	if (device->flags & DEVICE_XDP) {
		json_object_set_new(json, "frags", json_boolean(device->flags & DEVICE_FRAGS));
		json_object_set_new(json, "forward", json_boolean(device->flags & DEVICE_FORWARD));
		json_object_set_new(json, "joined", json_boolean(device->flags & DEVICE_JOINED));
		if (device->spread.count)
			json_object_set_new(json, "cpus", cpus_json(&device->spread));
	}
	if (options->details)
		json_object_set_new(json, "why", json_string(xdp_why(device->flags)));
	return json;
}

int output_devices(const struct options *options, const struct state *state,
		   const struct model *model, __u32 only, struct error *err)
{
	json_t *list = json_array(), *names;
	struct elements found = {};
	char name[IFNAMSIZ];
	int ret = 0;
	size_t i;

	if (state->dir >= 0)
		ret = devices_read(&state->maps, &found);
	for (i = 0; i < found.count && !ret; i++) {
		const struct device *device = (struct device *)found.values + i;
		__u32 ifindex = ((__u32 *)found.keys)[i];

		if ((only && only != ifindex) || !model_link(model, ifindex))
			continue;
		model_link_name(model, ifindex, name);
		names = received_on(model, ifindex);
		if (options->json)
			json_array_append_new(list, device_json(options, name, device, names));
		else
			device_text(options, name, device, names);
		json_decref(names);
	}
	elements_free(&found);
	if (!ret && options->json)
		return output_json(list, err);
	json_decref(list);
	return ret ? refuse_kernel(err, ret, "reading the devices") : 0;
}

int output_ports(const struct options *options, const struct model *model, struct error *err)
{
	json_t *list = json_array(), *port;
	size_t i;

	for (i = 0; i < model->port_count; i++) {
		const struct port_entry *entry = &model->ports[i];

		if (!options->json) {
			port_print(entry, stdout);
			putchar('\n');
			continue;
		}
		port = json_pack("{s:i, s:s}", "port", (int)ntohs(entry->key.port), "family",
				 entry->key.family == FAMILY_IPV6 ? "inet6" : "inet");
		if (entry->port.wrap == WRAP_GUE)
			json_object_set_new(port, "gue", json_true());
		else
			json_object_set_new(port, "ipproto", json_integer(entry->port.ip_proto));
		json_array_append_new(list, port);
	}
	if (options->json)
		return output_json(list, err);
	json_decref(list);
	return 0;
}

static void mirror_counters_text(const struct mirror_counters *counters)
{
	size_t i;

	printf("    seen %llu matched %llu sampled-out %llu sent %llu\n", counters->seen,
	       counters->matched, counters->sampled_out, counters->sent);
	for (i = 0; i < MIRROR_DROP_MAX; i++)
		if (counters->drops[i])
			printf("    drop %s %llu\n", mirror_drops[i].name, counters->drops[i]);
}

static json_t *mirror_json(const struct mirror_entry *entry)
{
	json_t *mirror;

	mirror = json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", entry->name, "dev", entry->dev,
			   "direction", mirror_directions(entry->directions), "tunnel",
			   entry->tunnel, "sample", (json_int_t)entry->sample);
	if (entry->snaplen)
		json_object_set_new(mirror, "snaplen", json_integer(entry->snaplen));
	if (entry->filter[0])
		json_object_set_new(mirror, "filter", json_string(entry->filter));
	return mirror;
}

static json_t *mirror_counters_json(const struct mirror_counters *counters)
{
	json_t *reasons = json_object();
	size_t i;

	for (i = 0; i < MIRROR_DROP_MAX; i++)
		if (counters->drops[i])
			json_object_set_new(reasons, mirror_drops[i].name,
					    json_integer(counters->drops[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "seen", (json_int_t)counters->seen, "matched",
			 (json_int_t)counters->matched, "sampled_out",
			 (json_int_t)counters->sampled_out, "sent", (json_int_t)counters->sent,
			 "drops", reasons);
}

int output_mirrors(const struct options *options, const struct state *state,
		   const struct model *model, const struct mirror_entry *only, struct error *err)
{
	json_t *list = json_array(), *mirror;
	size_t i;

	for (i = 0; i < model->mirror_count; i++) {
		const struct mirror_entry *entry = &model->mirrors[i];
		struct mirror_counters counters = {};

		if (only && only != entry)
			continue;
		/* One that a writer is just making has none yet. */
		if (options->stats && entry->id < MAX_MIRRORS)
			mirror_counters_read(&state->maps, entry->id, &counters);
		if (options->json) {
			mirror = mirror_json(entry);
			if (options->stats)
				json_object_set_new(mirror, "stats",
						    mirror_counters_json(&counters));
			json_array_append_new(list, mirror);
			continue;
		}
		mirror_print(entry, stdout);
		putchar('\n');
		if (options->stats)
			mirror_counters_text(&counters);
	}
	if (options->json)
		return output_json(list, err);
	json_decref(list);
	return 0;
}
