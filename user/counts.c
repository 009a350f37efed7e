// SPDX-License-Identifier: GPL-2.0
#include "counts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Room for one value of a per-CPU map, of @size bytes (a multiple of 8) per possible CPU. */
static void *cpu_values(size_t size, int *cpus)
{
	*cpus = libbpf_num_possible_cpus();
	return *cpus < 0 ? NULL : calloc(*cpus, size);
}

int counters_clear(const struct maps *maps, __u32 id)
{
	static const struct sequence begin;
	struct drop_key key = { .id = id };
	struct cpu_state *zero;
	int cpus, err;

	zero = cpu_values(sizeof(*zero), &cpus);
	if (!zero)
		return -ENOMEM;
	err = bpf_map_update_elem(maps->cpu_state, &id, zero, BPF_ANY);
	free(zero);
	for (key.reason = 0; key.reason < DROP_MAX && !err; key.reason++)
		err = map_delete(maps->drops, &key);
	err = err ?: bpf_map_update_elem(maps->sequences, &id, &begin, BPF_ANY);
	err = err ?: path_mtu_forget(maps, id);
	return err ?: sessions_forget(maps, id);
}

int counters_read(const struct maps *maps, __u32 id, struct counters *sum)
{
	struct drop_key key = { .id = id };
	struct cpu_state *each;
	int cpus, err, cpu;
	__u64 *drops;

	each = cpu_values(sizeof(*each), &cpus);
	drops = cpu_values(sizeof(*drops), &cpus);
	err = each && drops ? bpf_map_lookup_elem(maps->cpu_state, &id, each) : -ENOMEM;
	if (err)
		goto out;
	*sum = (struct counters){};
	for (cpu = 0; cpu < cpus; cpu++) {
		sum->tx_packets += each[cpu].tx_packets;
		sum->tx_bytes += each[cpu].tx_bytes;
		sum->rx_packets += each[cpu].rx_packets;
		sum->rx_bytes += each[cpu].rx_bytes;
	}
	for (key.reason = 0; key.reason < DROP_MAX; key.reason++)
		if (!bpf_map_lookup_elem(maps->drops, &key, drops))
			for (cpu = 0; cpu < cpus; cpu++)
				sum->drops[key.reason] += drops[cpu];
out:
	free(each);
	free(drops);
	return err;
}

int mirror_counters_read(const struct maps *maps, __u32 id, struct mirror_counters *sum)
{
	struct mirror_passed *passed = mirror_passed_map(maps);
	struct mirror_counters *each;
	int cpus, err, cpu;
	size_t i;

	each = cpu_values(sizeof(*each), &cpus);
	err = each && passed ? bpf_map_lookup_elem(maps->mirror_counters, &id, each) : -ENOMEM;
	*sum = (struct mirror_counters){};
	for (i = 0; i < MIRROR_ROWS && !err; i++)
		sum->seen += passed[i].frames[id];
	for (cpu = 0; cpu < cpus && !err; cpu++) {
		sum->seen += each[cpu].seen;
		sum->matched += each[cpu].matched;
		sum->sampled_out += each[cpu].sampled_out;
		sum->sent += each[cpu].sent;
		for (i = 0; i < MIRROR_DROP_MAX; i++)
			sum->drops[i] += each[cpu].drops[i];
	}
	if (passed)
		mirror_passed_unmap(passed);
	free(each);
	return err;
}

int mirror_counters_clear(const struct maps *maps, __u32 id)
{
	struct mirror_passed *passed = mirror_passed_map(maps);
	struct mirror_counters *zero;
	int cpus, err, i;

	zero = cpu_values(sizeof(*zero), &cpus);
	err = zero && passed ? bpf_map_update_elem(maps->mirror_counters, &id, zero, BPF_ANY)
			     : -ENOMEM;
	for (i = 0; i < MIRROR_ROWS && !err; i++)
		passed[i].frames[id] = 0;
	if (passed)
		mirror_passed_unmap(passed);
	free(zero);
	return err;
}

/* The place of tunnel @id, all zero where it is another's. */
static int session_place_read(const struct maps *maps, __u32 id, struct session_place *place)
{
	__u32 at = id % SESSION_PLACES;
	int err = bpf_map_lookup_elem(maps->session_places, &at, place);

	if (!err && (place->who >> SESSION_ID_SHIFT & SESSION_ID_MASK) != id)
		*place = (struct session_place){};
	return err;
}

/* Behind the last of @found, which has room. */
static void session_append(struct elements *found, struct session_key key,
			   const struct session *session)
{
	((struct session_key *)found->keys)[found->count] = key;
	((struct session *)found->values)[found->count++] = *session;
}

int sessions_read(const struct maps *maps, __u32 id, struct elements *out)
{
	struct session_place place;
	struct elements found = {};
	__u32 number;
	size_t i;
	int err;

	err = map_elements(maps->sessions, sizeof(struct session_key), sizeof(struct session),
			   &found);
	err = err ?: session_place_read(maps, id, &place);
	if (!err) {
		out->keys = calloc(found.count + 1, sizeof(struct session_key));
		out->values = calloc(found.count + 1, sizeof(struct session));
		err = out->keys && out->values ? 0 : -ENOMEM;
	}
	for (i = 0; i < found.count && !err; i++) {
		const struct session_key *key = (struct session_key *)found.keys + i;

		if (key->id == id)
			session_append(out, *key, (struct session *)found.values + i);
	}
	if (!err && place.who) {
		number = place.who & SESSION_ID_MASK;
		session_append(
			out,
			(struct session_key){ .remote.v4 = place.who >> SESSION_REMOTE_SHIFT,
					      .id = id,
					      .session = number ? number - 1 : SESSION_NONE },
			&place.session);
	}
	elements_free(&found);
	if (err)
		elements_free(out);
	return err;
}

int sessions_forget(const struct maps *maps, __u32 id)
{
	static const struct session_place nobody;
	__u32 at = id % SESSION_PLACES;
	struct session_place place;
	struct elements found = {};
	int err;
	size_t i;

	err = sessions_read(maps, id, &found);
	for (i = 0; i < found.count && !err; i++)
		err = map_delete(maps->sessions, (struct session_key *)found.keys + i);
	elements_free(&found);
	err = err ?: session_place_read(maps, id, &place);
	if (!err && place.who)
		err = bpf_map_update_elem(maps->session_places, &at, &nobody, BPF_ANY);
	return err;
}

int path_mtu_forget(const struct maps *maps, __u32 id)
{
	struct elements found = {};
	int err;
	size_t i;

	err = map_elements(maps->path_mtus, sizeof(struct path_key), sizeof(struct path_mtu),
			   &found);
	for (i = 0; i < found.count && !err; i++) {
		const struct path_key *key = (struct path_key *)found.keys + i;

		if (key->id == id)
			err = map_delete(maps->path_mtus, key);
	}
	elements_free(&found);
	return err;
}

__u32 path_mtu_read(const struct maps *maps, __u32 id, const union address *remote)
{
	struct path_key key = { .remote = *remote, .id = id };
	struct path_mtu path;
	struct timespec now;

	if (bpf_map_lookup_elem(maps->path_mtus, &key, &path) ||
	    clock_gettime(CLOCK_MONOTONIC, &now))
		return 0;
	return path.expires > now.tv_sec * 1000000000ULL + now.tv_nsec ? path.mtu : 0;
}
