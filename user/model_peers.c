// SPDX-License-Identifier: GPL-2.0
#include "model_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdb.h"

static const struct {
	enum inner inner;
	__u32 flag;
} tables[PEER_TABLES] = {
	{ INNER_IPV4, TUNNEL_PEERS_IPV4 },
	{ INNER_IPV6, TUNNEL_PEERS_IPV6 },
	{ INNER_ETHERNET, TUNNEL_PEERS_MAC },
};

enum inner peer_table_inner(size_t i)
{
	return tables[i].inner;
}

size_t peer_table_of(enum inner inner)
{
	size_t i = 0;

	while (tables[i].inner != inner)
		i++;
	return i;
}

__u32 peer_table_flag(size_t i)
{
	return tables[i].flag;
}

static int inner_af(enum inner inner)
{
	return inner == INNER_IPV4 ? AF_INET : AF_INET6;
}

/* Clear what is behind @length bits of @address, which has @words words. */
static void address_mask(union address *address, __u8 length, size_t words)
{
	size_t i;
	int bits;

	for (i = 0; i < words; i++) {
		bits = length - 32 * (int)i;
		if (bits < 32)
			address->v6[i] &= bits > 0 ? htonl(~0u << (32 - bits)) : 0;
	}
}

int peer_prefix_parse(const char *word, struct typed_peer *typed, struct error *err)
{
	char text[INET6_ADDRSTRLEN] = "", masked[INET6_ADDRSTRLEN];
	const char *slash = strchr(word, '/');
	size_t len = slash ? (size_t)(slash - word) : strlen(word);
	struct peer *peer = &typed->peer;
	unsigned long length;
	union address clear;
	__u8 longest;

	*typed = (struct typed_peer){ .via_af = AF_UNSPEC };
	if (len < sizeof(text))
		memcpy(text, word, len);
	if (inet_pton(AF_INET, text, &peer->prefix.v4) == 1)
		typed->inner = INNER_IPV4;
	else if (inet_pton(AF_INET6, text, peer->prefix.v6) == 1)
		typed->inner = INNER_IPV6;
	else
		return misuse(err, "\"%s\" is not a prefix, as 10.2.0.0/16 or 2001:db8::/32 are",
			      word);
	length = longest = typed->inner == INNER_IPV4 ? 32 : 128;
	if (slash && parse_number(slash + 1, 0, longest, &length))
		return misuse(err, "\"%s\": the length of a prefix is 0..%u", word, longest);
	peer->length = length;
	clear = peer->prefix;
	address_mask(&clear, length, longest / 32);
	if (memcmp(&clear, &peer->prefix, sizeof(clear)))
		return misuse(err, "\"%s\" has bits behind its length; the prefix is %s/%lu", word,
			      inet_ntop(inner_af(typed->inner), &clear, masked, sizeof(masked)),
			      length);
	return 0;
}

int peer_via_parse(const char *word, struct typed_peer *typed, struct error *err)
{
	static const union address zero;
	union address *via = &typed->peer.via;

	*via = zero;
	if (inet_pton(AF_INET, word, &via->v4) == 1)
		typed->via_af = AF_INET;
	else if (inet_pton(AF_INET6, word, via->v6) == 1)
		typed->via_af = AF_INET6;
	if (typed->via_af == AF_UNSPEC || !memcmp(via, &zero, sizeof(zero)))
		return misuse(err, "via: \"%s\" is not the address of a tunnel's other end", word);
	/* Those that get what is for many are told apart by where they are. */
	if (typed->inner == INNER_ETHERNET && typed->peer.length == FLOOD_LENGTH)
		typed->peer.prefix = *via;
	return 0;
}

int peer_mac_parse(const char *word, struct typed_peer *typed, struct error *err)
{
	static const __u8 none[6];
	__u8 *mac = (__u8 *)&typed->peer.prefix;

	*typed = (struct typed_peer){ .via_af = AF_UNSPEC, .inner = INNER_ETHERNET };
	if (parse_mac(word, mac))
		return misuse(err, "lladdr: \"%s\" is not a MAC, as 02:00:00:00:00:07 is", word);
	if (mac[0] & 1)
		return misuse(err,
			      "lladdr: \"%s\" is the MAC of a group; peers with "
			      "00:00:00:00:00:00 get what is for groups",
			      word);
	typed->peer.length = memcmp(mac, none, sizeof(none)) ? MAC_LENGTH : FLOOD_LENGTH;
	return 0;
}

bool peer_floods(const struct peer *peer, enum inner inner)
{
	return inner == INNER_ETHERNET && peer->length == FLOOD_LENGTH;
}

const char *prefix_text(const struct peer *peer, enum inner inner, char *text)
{
	char address[INET6_ADDRSTRLEN] = "";
	static const __u8 none[6];
	const __u8 *mac;

	if (inner == INNER_ETHERNET) {
		mac = peer_floods(peer, inner) ? none : (const __u8 *)&peer->prefix;
		snprintf(text, PREFIX_STRLEN, "lladdr %02x:%02x:%02x:%02x:%02x:%02x", mac[0],
			 mac[1], mac[2], mac[3], mac[4], mac[5]);
		return text;
	}
	inet_ntop(inner_af(inner), &peer->prefix, address, sizeof(address));
	snprintf(text, PREFIX_STRLEN, "%s/%u", address, peer->length);
	return text;
}

void peer_print(const struct peer *peer, enum inner inner, int via_af, FILE *out)
{
	char prefix[PREFIX_STRLEN], via[INET6_ADDRSTRLEN] = "";

	inet_ntop(via_af, &peer->via, via, sizeof(via));
	fprintf(out, "%s via %s", prefix_text(peer, inner, prefix), via);
}

static void table_forget(struct peer_table *table)
{
	peers_free(&table->list);
	if (table->source == PEERS_MADE && table->fd >= 0)
		close(table->fd);
	*table = (struct peer_table){ .fd = -1 };
}

void entry_peers_free(struct tunnel_entry *entry)
{
	size_t i;

	for (i = 0; entry->peers && i < PEER_TABLES; i++)
		table_forget(&entry->peers[i]);
	free(entry->peers);
	entry->peers = NULL;
}

struct peer_table *entry_peers(struct tunnel_entry *entry, size_t i)
{
	if (!entry->peers)
		entry->peers = calloc(PEER_TABLES, sizeof(*entry->peers));
	if (!entry->peers)
		return NULL;
	table_forget(&entry->peers[i]);
	return &entry->peers[i];
}

bool entry_has_peers(const struct tunnel_entry *entry, size_t i)
{
	const struct peer_table *table = entry->peers ? &entry->peers[i] : NULL;

	if (table && table->source == PEERS_LISTED)
		return table->list.live;
	if (table && table->source == PEERS_MADE)
		return table->fd >= 0;
	return entry->port && entry->record.flags & peer_table_flag(i);
}

/* The list of a table that only the kernel has. */
static int peers_fetch(const struct model *model, const struct tunnel_entry *entry, size_t i,
		       struct peers *list)
{
	bool made = entry->peers[i].source == PEERS_MADE;
	enum inner inner = peer_table_inner(i);
	int fd = entry->peers[i].fd, ret = 0;

	*list = (struct peers){};
	if (!entry_has_peers(entry, i))
		return 0;
	if (!made)
		ret = peer_table_get(&model->state->maps, inner, entry->record.id, &fd);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = peer_table_read(fd, inner, entry->spec.mode->family, list);
	if (!made)
		close(fd);
	return ret;
}

int model_peers(const struct model *model, struct tunnel_entry *entry, enum inner inner,
		struct peers **list, struct error *err)
{
	size_t i = peer_table_of(inner);
	struct peer_table *table;
	struct peers found;
	int ret;

	if (!entry->peers && !entry_peers(entry, i))
		return refuse_kernel(err, -ENOMEM, "reading peers");
	table = &entry->peers[i];
	if (table->source != PEERS_LISTED) {
		ret = peers_fetch(model, entry, i, &found);
		if (ret)
			return refuse_kernel(err, ret, "reading the peers of %s", entry->spec.name);
		table_forget(table);
		table->source = PEERS_LISTED;
		table->list = found;
	}
	*list = &table->list;
	return 0;
}

int peers_allowed(const struct tunnel_entry *entry, const struct tunnel_spec *spec,
		  struct error *err)
{
	size_t i;

	for (i = 0; i < PEER_TABLES; i++) {
		if (!entry_has_peers(entry, i))
			continue;
		if (spec->remote.af != AF_UNSPEC)
			return refuse(err, -EBUSY, "remote: %s has peers; delete them first",
				      spec->name);
		if (!(spec->mode->inner & peer_table_inner(i)) ||
		    spec->mode->family != entry->spec.mode->family)
			return refuse(err, -EBUSY,
				      "mode: %s has peers that mode %s cannot have; delete them "
				      "first",
				      spec->name, spec->mode->name);
	}
	return 0;
}

int peer_check(const struct tunnel_entry *entry, const struct typed_peer *typed, struct error *err)
{
	const struct tunnel_spec *spec = &entry->spec;

	if (spec->remote.af != AF_UNSPEC)
		return refuse(err, -EBUSY,
			      "%s has a fixed remote; peers are for tunnels with remote any",
			      spec->name);
	if (!(spec->mode->inner & typed->inner))
		return refuse(err, -EAFNOSUPPORT, "%s is of mode %s, which does not carry %s",
			      spec->name, spec->mode->name,
			      typed->inner == INNER_IPV4   ? "IPv4"
			      : typed->inner == INNER_IPV6 ? "IPv6"
							   : "Ethernet");
	if (typed->via_af != AF_UNSPEC && typed->via_af != spec_af(spec))
		return refuse(err, -EAFNOSUPPORT,
			      "via: %s is of mode %s, whose outer packets are %s", spec->name,
			      spec->mode->name,
			      spec->mode->family == FAMILY_IPV4 ? "IPv4" : "IPv6");
	return 0;
}

int model_peers_save(const struct model *model, struct tunnel_entry *entry, FILE *out,
		     struct error *err)
{
	struct peers *list;
	size_t i, each;
	int ret;

	for (i = 0; i < PEER_TABLES; i++) {
		if (!entry_has_peers(entry, i))
			continue;
		ret = model_peers(model, entry, peer_table_inner(i), &list, err);
		if (ret)
			return ret;
		peers_sort(list);
		for (each = 0; each < list->count; each++) {
			fputs("peer add ", out);
			word_print(entry->spec.name, out);
			fputc(' ', out);
			peer_print(&list->all[each], peer_table_inner(i), spec_af(&entry->spec),
				   out);
			fputc('\n', out);
		}
	}
	return 0;
}
