// SPDX-License-Identifier: GPL-2.0
#include "tunnels.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fdb.h"
#include "peer_image.h"

static const char *const map_names[] = {
	"tunnels",
	"endpoints4",
	"endpoints6",
	"slots",
	"ports",
	"sequences",
	"cpu_state",
	"drops",
	"path_mtus",
	"config",
	"devices",
	"canary",
	"peers4",
	"peers6",
	"mirrors",
	"mirror_counters",
	"sessions",
	"peers_mac",
	"fdb",
	"geneve_options",
	"cpus",
	"cpus_frags",
	"session_places",
	"xdp_vlans",
};
_Static_assert(sizeof(map_names) / sizeof(map_names[0]) == MAP_COUNT, "a map without a name");

static const __u32 only; /* key of maps with a single element */

const char *map_name(size_t i)
{
	return map_names[i];
}

const char *map_symbol(size_t i)
{
	return strcmp(map_names[i], "slots") ? map_names[i] : ".bss";
}

int *map_fd(struct maps *maps, size_t i)
{
	return (int *)maps + i;
}

void elements_free(struct elements *elements)
{
	free(elements->keys);
	free(elements->values);
	*elements = (struct elements){};
}

/*
 * All elements of a hash map. Batched look-ups need room for whole buckets and say ENOSPC when
 * there is too little; a map that grows meanwhile makes us start again.
 */
int map_elements(int fd, size_t key_size, size_t value_size, struct elements *out)
{
	__u32 room = 1024, position;

	for (;; room *= 2) {
		struct elements found = {
			.keys = malloc(room * key_size),
			.values = malloc(room * value_size),
		};
		__u32 count = room;
		int err = -ENOMEM;

		if (found.keys && found.values) {
			err = bpf_map_lookup_batch(fd, NULL, &position, found.keys, found.values,
						   &count, NULL);
		}
		found.count = count;
		/* ENOENT: that was the end of the map. */
		if (err == -ENOENT) {
			*out = found;
			return 0;
		}
		elements_free(&found);
		if (err && err != -ENOSPC)
			return err;
		if (room > 1u << 24)
			return -E2BIG;
	}
}

int tunnels_read(const struct maps *maps, struct elements *out)
{
	return map_elements(maps->tunnels, sizeof(__u32), sizeof(struct tunnel), out);
}

int map_delete(int fd, const void *key)
{
	int err = bpf_map_delete_elem(fd, key);

	return err == -ENOENT ? 0 : err;
}

int tunnels_put(const struct maps *maps, const struct tunnel *record)
{
	return bpf_map_update_elem(maps->tunnels, &record->port, record, BPF_ANY);
}

int tunnels_delete(const struct maps *maps, __u32 port)
{
	return map_delete(maps->tunnels, &port);
}

void *slots_part_map(const struct maps *maps, size_t offset)
{
	char *all = mmap(NULL, sizeof(struct slots), PROT_READ | PROT_WRITE, MAP_SHARED,
			 maps->slots, 0);

	return all == MAP_FAILED ? NULL : all + offset;
}

void slots_part_unmap(void *part, size_t offset)
{
	munmap((char *)part - offset, sizeof(struct slots));
}

int geneve_options_get(const struct maps *maps, __u32 id, struct geneve_options *options)
{
	return bpf_map_lookup_elem(maps->geneve_options, &id, options);
}

int geneve_options_put(const struct maps *maps, __u32 id, const struct geneve_options *options)
{
	return bpf_map_update_elem(maps->geneve_options, &id, options, BPF_ANY);
}

int geneve_options_delete(const struct maps *maps, __u32 id)
{
	return map_delete(maps->geneve_options, &id);
}

int generation_next(const struct maps *maps)
{
	__u32 *generation = slots_part_map(maps, offsetof(struct slots, generation));

	if (!generation)
		return -ENOMEM;
	__atomic_fetch_add(generation, 1, __ATOMIC_RELEASE);
	slots_part_unmap(generation, offsetof(struct slots, generation));
	return 0;
}

struct tunnel *tunnel_slots_map(const struct maps *maps)
{
	return slots_part_map(maps, offsetof(struct slots, tunnels));
}

void tunnel_slots_unmap(struct tunnel *slots)
{
	slots_part_unmap(slots, offsetof(struct slots, tunnels));
}

/* What differs between the families. */
static int endpoints_fd(const struct maps *maps, enum family family)
{
	return family == FAMILY_IPV6 ? maps->endpoints6 : maps->endpoints4;
}

static size_t endpoints_key_size(enum family family)
{
	return family == FAMILY_IPV6 ? sizeof(struct endpoint6_key) : sizeof(struct endpoint4_key);
}

int endpoints_read(const struct maps *maps, enum family family, struct elements *out)
{
	return map_elements(endpoints_fd(maps, family), endpoints_key_size(family),
			    sizeof(struct endpoint), out);
}

int endpoints_put(const struct maps *maps, enum family family, const void *key,
		  const struct endpoint *value)
{
	return bpf_map_update_elem(endpoints_fd(maps, family), key, value, BPF_ANY);
}

int endpoints_delete(const struct maps *maps, enum family family, const void *key)
{
	return map_delete(endpoints_fd(maps, family), key);
}

static size_t slots_offset(enum family family)
{
	return family == FAMILY_IPV6 ? offsetof(struct slots, ipv6) : offsetof(struct slots, ipv4);
}

void *slots_map(const struct maps *maps, enum family family)
{
	return slots_part_map(maps, slots_offset(family));
}

void slots_unmap(enum family family, void *slots)
{
	slots_part_unmap(slots, slots_offset(family));
}

int ports_read(const struct maps *maps, struct elements *out)
{
	return map_elements(maps->ports, sizeof(struct port_key), sizeof(struct port), out);
}

int ports_put(const struct maps *maps, const struct port_key *key, const struct port *port)
{
	return bpf_map_update_elem(maps->ports, key, port, BPF_ANY);
}

int ports_delete(const struct maps *maps, const struct port_key *key)
{
	return map_delete(maps->ports, key);
}

int port_masks_put(const struct maps *maps, const struct port_masks *masks)
{
	struct port_masks *now = slots_part_map(maps, offsetof(struct slots, ports));

	if (!now)
		return -ENOMEM;
	__atomic_store_n(&now->all, masks->all, __ATOMIC_RELEASE);
	__atomic_store_n(&now->frames, masks->frames, __ATOMIC_RELEASE);
	slots_part_unmap(now, offsetof(struct slots, ports));
	return 0;
}

int locals_put(const struct maps *maps, const __u8 *locals)
{
	__u8 *now = slots_part_map(maps, offsetof(struct slots, locals));
	size_t i;

	if (!now)
		return -ENOMEM;
	for (i = 0; i < 1 << LOCAL_BITS; i++)
		if (now[i] != locals[i])
			__atomic_store_n(&now[i], locals[i], __ATOMIC_RELEASE);
	slots_part_unmap(now, offsetof(struct slots, locals));
	return 0;
}

static int peers_fd(const struct maps *maps, enum inner inner)
{
	return inner == INNER_IPV4   ? maps->peers4
	       : inner == INNER_IPV6 ? maps->peers6
				     : maps->peers_mac;
}

int peer_table_make(struct peers *peers, enum inner inner, enum family outer, int *fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	size_t lines, size = peers_line_size(inner);
	void *table, *into;
	int map, err;

	if (inner == INNER_ETHERNET)
		return mac_table_make(peers, fd);
	err = peers_build(peers, inner, outer, &table, &lines);
	if (err)
		return err;
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xtun_peers", sizeof(__u32), size, lines,
			     &options);
	err = map < 0 ? map : 0;
	if (!err) {
		into = mmap(NULL, lines * size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		err = into == MAP_FAILED ? -errno : 0;
	}
	if (!err) {
		memcpy(into, table, lines * size);
		munmap(into, lines * size);
		*fd = map;
	} else if (map >= 0) {
		close(map);
	}
	free(table);
	return err;
}

int peer_table_put(const struct maps *maps, enum inner inner, __u32 id, int fd)
{
	return bpf_map_update_elem(peers_fd(maps, inner), &id, &fd, BPF_ANY);
}

int peer_table_get(const struct maps *maps, enum inner inner, __u32 id, int *fd)
{
	__u32 map;
	int err = bpf_map_lookup_elem(peers_fd(maps, inner), &id, &map);

	if (err)
		return err;
	*fd = bpf_map_get_fd_by_id(map);
	return *fd < 0 ? *fd : 0;
}

int peer_table_delete(const struct maps *maps, enum inner inner, __u32 id)
{
	return map_delete(peers_fd(maps, inner), &id);
}

int peer_table_read(int fd, enum inner inner, enum family outer, struct peers *peers)
{
	size_t size = peers_line_size(inner);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	void *table;
	int err;

	if (inner == INNER_ETHERNET)
		return mac_table_read(fd, peers);
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != size)
		return -EPROTO;
	table = mmap(NULL, info.max_entries * size, PROT_READ, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		return -errno;
	err = peers_read(table, info.max_entries, inner, outer, peers);
	munmap(table, info.max_entries * size);
	return err;
}

int devices_read(const struct maps *maps, struct elements *out)
{
	return map_elements(maps->devices, sizeof(__u32), sizeof(struct device), out);
}

int devices_put(const struct maps *maps, __u32 ifindex, const struct device *device)
{
	return bpf_map_update_elem(maps->devices, &ifindex, device, BPF_ANY);
}

int devices_delete(const struct maps *maps, __u32 ifindex)
{
	return map_delete(maps->devices, &ifindex);
}

static int cpu_put(int map, __u32 cpu)
{
	enum { WAITING = 2048 };
	__u32 size = WAITING, now;

	/* Who is there already stays, with what is waiting. */
	if (!bpf_map_lookup_elem(map, &cpu, &now) && now)
		return 0;
	return bpf_map_update_elem(map, &cpu, &size, BPF_ANY);
}

int cpus_put(const struct maps *maps, __u32 cpu)
{
	return cpu_put(maps->cpus, cpu) ?: cpu_put(maps->cpus_frags, cpu);
}

static void cpu_delete(int map, __u32 cpu)
{
	__u32 now;

	if (!bpf_map_lookup_elem(map, &cpu, &now) && now)
		bpf_map_delete_elem(map, &cpu);
}

void cpus_keep(const struct maps *maps, bool (*wanted)(__u32 cpu, void *data), void *data)
{
	int count = libbpf_num_possible_cpus(), cpu;

	for (cpu = 0; cpu < count; cpu++) {
		if (wanted(cpu, data))
			continue;
		cpu_delete(maps->cpus, cpu);
		cpu_delete(maps->cpus_frags, cpu);
	}
}

int mirrors_read(const struct maps *maps, struct elements *out)
{
	return map_elements(maps->mirrors, sizeof(__u32), sizeof(struct mirror), out);
}

int mirrors_get(const struct maps *maps, __u32 id, struct mirror *mirror)
{
	return bpf_map_lookup_elem(maps->mirrors, &id, mirror);
}

int mirrors_put(const struct maps *maps, __u32 id, const struct mirror *mirror)
{
	return bpf_map_update_elem(maps->mirrors, &id, mirror, BPF_ANY);
}

int mirrors_delete(const struct maps *maps, __u32 id)
{
	return map_delete(maps->mirrors, &id);
}

struct mirror_passed *mirror_passed_map(const struct maps *maps)
{
	return slots_part_map(maps, offsetof(struct slots, passed));
}

void mirror_passed_unmap(struct mirror_passed *passed)
{
	slots_part_unmap(passed, offsetof(struct slots, passed));
}

int config_read(const struct maps *maps, struct config *config)
{
	return bpf_map_lookup_elem(maps->config, &only, config);
}

int config_write(const struct maps *maps, const struct config *config)
{
	return bpf_map_update_elem(maps->config, &only, config, BPF_ANY);
}

int canary_set(const struct maps *maps)
{
	__u32 loopback = 1;

	return bpf_map_update_elem(maps->canary, &only, &loopback, BPF_ANY);
}

int canary_alive(int fd)
{
	__u32 ifindex;

	return bpf_map_lookup_elem(fd, &only, &ifindex) != -ENOENT;
}

int blob_create(const char *text, size_t len, int *fd)
{
	/* Values of array maps are padded to 8 bytes by the kernel; the text's own end says where
	 * it stops. */
	char *value = calloc(1, len + 1);
	int map, err;

	if (!value)
		return -ENOMEM;
	memcpy(value, text, len);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xtun_journal", sizeof(only), len + 1, 1, NULL);
	err = map < 0 ? map : bpf_map_update_elem(map, &only, value, BPF_ANY);
	free(value);
	if (!err)
		*fd = map;
	return err;
}

int blob_read(int fd, char **text)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char *value;
	int err;

	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return err;
	value = calloc(1, info.value_size + 1);
	if (!value)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &only, value);
	if (err)
		free(value);
	else
		*text = value;
	return err;
}
