// SPDX-License-Identifier: GPL-2.0
/* Look-ups of random inner addresses: in xtun's peer table, and in the kernel's LPM trie. */
#pragma clang diagnostic ignored "-Wunused-function"

#include "ctx.h"

#include "lookup.h"
#include "peer.h"

struct trie_key4 {
	__u32 length;
	__be32 address;
};

struct trie_key6 {
	__u32 length;
	__be32 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PREFIXES_MAX);
	__type(key, struct trie_key4);
	__type(value, union address);
} trie4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PREFIXES_MAX);
	__type(key, struct trie_key6);
	__type(value, union address);
} trie6 SEC(".maps");

/* The addresses, one behind the other. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ADDRESSES);
	__type(key, __u32);
	__type(value, union address);
} addresses SEC(".maps");

__u32 what, next, sum;

/* One access to the table, anywhere: what a look-up cannot be cheaper than. */
static __always_inline __u32 touch(void *table, const union address *address)
{
	const struct peers_header *header;
	const __u32 *line;
	__u32 key = 0;

	header = table ? bpf_map_lookup_elem(table, &key) : NULL;
	if (!header)
		return 0;
	key = (__u64)(address->v6[0] * 0x9e3779b1u) * (header->buckets ?: 1) >> 32;
	line = bpf_map_lookup_elem(table, &key);
	return line ? *line : 0;
}

static long look_up(__u32 i, void *unused)
{
	__u32 at = (next + i) & (ADDRESSES - 1);
	const union address *address, *found = NULL;
	union address remote = {};
	struct trie_key6 key6 = { .length = 128 };
	struct trie_key4 key4 = { .length = 32 };
	__u32 tunnel = 0;

	address = bpf_map_lookup_elem(&addresses, &at);
	if (!address)
		return 1;
	switch (what) {
	case NOTHING:
		sum += address->v4;
		break;
	case TABLE4:
		if (peer_find(0, FAMILY_IPV4, INNER_IPV4, address, &remote))
			sum += remote.v4;
		break;
	case TABLE6:
		if (peer_find(0, FAMILY_IPV4, INNER_IPV6, address, &remote))
			sum += remote.v4;
		break;
	case TOUCH4:
		sum += touch(bpf_map_lookup_elem(&peers4, &tunnel), address);
		break;
	case TOUCH6:
		sum += touch(bpf_map_lookup_elem(&peers6, &tunnel), address);
		break;
	case TRIE4:
		key4.address = address->v4;
		found = bpf_map_lookup_elem(&trie4, &key4);
		break;
	case TRIE6:
		__builtin_memcpy(key6.address, address->v6, sizeof(key6.address));
		found = bpf_map_lookup_elem(&trie6, &key6);
		break;
	}
	if (found)
		sum += found->v4;
	return 0;
}

SEC("tc")
int lookup(struct __sk_buff *ctx)
{
	bpf_loop(AT_ONCE, look_up, NULL, 0);
	next += AT_ONCE;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
