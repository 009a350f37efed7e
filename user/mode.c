// SPDX-License-Identifier: GPL-2.0
#include "mode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "wire.h"

static const struct mode modes[] = {
	{
		.name = "ipip",
		.aliases = "ip/ip ipv4/ipv4",
		.shown = "ip/ip",
		.help = "IPv4 in IPv4, RFC 2003",
		.family = FAMILY_IPV4,
		.wrap = WRAP_NONE,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4,
		.keywords = GIVEN_MODE | GIVEN_LOCAL | GIVEN_REMOTE | GIVEN_DEV | GIVEN_TTL |
			    GIVEN_TOS | GIVEN_PMTUDISC | GIVEN_ANCHOR,
	},
};

enum { MODES = sizeof(modes) / sizeof(modes[0]) };

const struct mode *mode_row(size_t i)
{
	return i < MODES ? &modes[i] : NULL;
}

static const char *mode_name(size_t i)
{
	return i < MODES ? modes[i].name : NULL;
}

static int mode_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	const char *near;
	size_t i;

	for (i = 0; i < MODES; i++)
		if (!strcmp(modes[i].name, word) || name_in(modes[i].aliases, word)) {
			spec->mode = &modes[i];
			return 0;
		}
	near = args_nearest(word, mode_name);
	if (near)
		return misuse(err, "\"%s\" is not a mode; did you mean %s?", word, near);
	return misuse(err, "\"%s\" is not a mode; see `xtun help tunnel add`", word);
}

static int mode_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return fputs(spec->mode->name, out) >= 0;
}

static int address_parse(struct typed_address *typed, const char *word)
{
	struct typed_address parsed = { .af = AF_UNSPEC };

	if (!strcmp(word, "any") || !strcmp(word, "0.0.0.0") || !strcmp(word, "::"))
		parsed.af = AF_UNSPEC;
	else if (inet_pton(AF_INET, word, &parsed.address.v4) == 1)
		parsed.af = AF_INET;
	else if (inet_pton(AF_INET6, word, parsed.address.v6) == 1)
		parsed.af = AF_INET6;
	else
		return -EINVAL;
	*typed = parsed;
	return 0;
}

const char *address_text(const struct typed_address *address, char *text)
{
	if (address->af == AF_UNSPEC ||
	    !inet_ntop(address->af, &address->address, text, INET6_ADDRSTRLEN))
		strcpy(text, "any");
	return text;
}

static int address_print(const struct typed_address *address, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	return address->af != AF_UNSPEC && fputs(address_text(address, text), out) >= 0;
}

static int local_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->local, word);
}

static int local_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->local, out);
}

static int remote_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->remote, word);
}

static int remote_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->remote, out);
}

static int dev_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	if (parse_name(word, err))
		return -EINVAL;
	strcpy(spec->dev, word);
	spec->link = 0;
	return 0;
}

static int dev_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->dev[0] && word_print(spec->dev, out) > 0;
}

static int ttl_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long ttl = 0;

	(void)err;
	if (strcmp(word, "inherit") && parse_number(word, 1, 255, &ttl))
		return -EINVAL;
	spec->ttl = ttl;
	return 0;
}

static int ttl_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->ttl && fprintf(out, "%u", spec->ttl) > 0;
}

/* As iproute2 reads and shows it: `inherit`, `inherit/X`, or X, a number in hexadecimal with or
 * without 0x. */
static int tos_parse(void *into, const char *word, struct error *err)
{
	static const char inherit[] = "inherit";
	struct tunnel_spec *spec = into;
	bool inherited = !strncmp(word, inherit, strlen(inherit));
	char number[16] = "0x";
	unsigned long tos = 0;

	if (inherited) {
		word += strlen(inherit);
		if (*word && (*word++ != '/' || !*word))
			return -EINVAL;
	}
	if (*word || !inherited) {
		if (strlen(word) > 4)
			return -EINVAL;
		strcat(number,
		       !strncmp(word, "0x", 2) || !strncmp(word, "0X", 2) ? word + 2 : word);
		if (parse_number(number, 0, 255, &tos))
			return -EINVAL;
	}
	if (tos & ECN_MASK)
		return misuse(
			err, "\"%s\" has ECN bits set; those come from the inner packet (RFC 6040)",
			word);
	spec->tos = tos;
	spec->tos_inherit = inherited;
	return 0;
}

static int tos_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->tos_inherit)
		return fprintf(out, spec->tos ? "inherit/0x%02x" : "inherit", spec->tos) > 0;
	return spec->tos && fprintf(out, "0x%02x", spec->tos) > 0;
}

static int pmtudisc_parse(void *into, const char *word, struct error *err)
{
	(void)word, (void)err;
	((struct tunnel_spec *)into)->pmtudisc = true;
	return 0;
}

static int nopmtudisc_parse(void *into, const char *word, struct error *err)
{
	(void)word, (void)err;
	((struct tunnel_spec *)into)->pmtudisc = false;
	return 0;
}

static int nopmtudisc_print(const void *from, FILE *out)
{
	(void)out;
	return !((const struct tunnel_spec *)from)->pmtudisc;
}

static int anchor_parse(void *into, const char *word, struct error *err)
{
	enum anchor_kind kind = anchor_kind_parse(word);
	const char *near;

	if (kind == ANCHOR_AUTO && strcmp(word, "auto")) {
		near = args_nearest(word, anchor_kind_name);
		return near ? misuse(err, "\"%s\" is not a kind of anchor; did you mean %s?", word,
				     near)
			    : -EINVAL;
	}
	((struct tunnel_spec *)into)->anchor = kind;
	return 0;
}

static int anchor_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->anchor != ANCHOR_AUTO && fputs(anchor_kind_name(spec->anchor - 1), out) >= 0;
}

const struct keyword tunnel_keywords[] = {
	{ .name = "mode",
	  .value = "MODE",
	  .expects = "a mode",
	  .bit = GIVEN_MODE,
	  .parse = mode_parse,
	  .print = mode_print,
	  .help = "how packets are encapsulated" },
	{ .name = "local",
	  .value = "ADDR",
	  .expects = "an address or any",
	  .bit = GIVEN_LOCAL,
	  .parse = local_parse,
	  .print = local_print,
	  .help = "outer source address, or any (default): what the route says" },
	{ .name = "remote",
	  .value = "ADDR",
	  .expects = "an address or any",
	  .bit = GIVEN_REMOTE,
	  .parse = remote_parse,
	  .print = remote_print,
	  .help = "address of the other end, or any (default): receive only" },
	{ .name = "dev",
	  .value = "DEV",
	  .expects = "a device",
	  .bit = GIVEN_DEV,
	  .parse = dev_parse,
	  .print = dev_print,
	  .help = "underlay device; default: as the routes say" },
	{ .name = "ttl",
	  .aliases = "hoplimit hlim",
	  .value = "N|inherit",
	  .expects = "1..255 or inherit",
	  .bit = GIVEN_TTL,
	  .parse = ttl_parse,
	  .print = ttl_print,
	  .help = "TTL of outer packets; default inherit: that of the inner packet" },
	{ .name = "tos",
	  .aliases = "tclass dsfield",
	  .value = "X|inherit[/X]",
	  .expects = "00..fc, inherit or inherit/00..fc",
	  .bit = GIVEN_TOS,
	  .parse = tos_parse,
	  .print = tos_print,
	  .help = "TOS of outer packets in hexadecimal; default 0; its ECN bits always follow RFC "
		  "6040" },
	{ .name = "pmtudisc",
	  .bit = GIVEN_PMTUDISC,
	  .parse = pmtudisc_parse,
	  .help = "set DF in outer packets (default)" },
	{ .name = "nopmtudisc",
	  .bit = GIVEN_PMTUDISC,
	  .parse = nopmtudisc_parse,
	  .print = nopmtudisc_print,
	  .help = "DF of outer packets is that of the inner packet" },
	{ .name = "anchor",
	  .value = "KIND",
	  .expects = "auto, dummy, ifb, veth or netkit",
	  .bit = GIVEN_ANCHOR,
	  .parse = anchor_parse,
	  .print = anchor_print,
	  .help = "kind of device; default auto: the first of dummy, ifb, netkit, veth that the "
		  "kernel has" },
};

const size_t tunnel_keyword_count = sizeof(tunnel_keywords) / sizeof(tunnel_keywords[0]);

void spec_init(struct tunnel_spec *spec, const char *name)
{
	*spec = (struct tunnel_spec){ .pmtudisc = true };
	strcpy(spec->name, name);
}

/* @typed must be of the mode's outer family, and one host. */
static int address_check(const struct mode *mode, const char *keyword,
			 const struct typed_address *typed, struct error *err)
{
	static const int af[FAMILY_MAX] = { [FAMILY_IPV4] = AF_INET };
	char text[INET6_ADDRSTRLEN];

	if (typed->af == AF_UNSPEC)
		return 0;
	address_text(typed, text);
	if (typed->af != af[mode->family])
		return misuse(err, "%s: \"%s\" is an IPv%d address; mode %s has IPv%d outside",
			      keyword, text, typed->af == AF_INET ? 4 : 6, mode->name,
			      af[mode->family] == AF_INET ? 4 : 6);
	if (typed->af == AF_INET &&
	    (IN_MULTICAST(ntohl(typed->address.v4)) || typed->address.v4 == INADDR_BROADCAST))
		return misuse(err, "%s: \"%s\" is not the address of one host", keyword, text);
	return 0;
}

int spec_check(const struct tunnel_spec *spec, __u32 given, struct error *err)
{
	__u32 foreign;
	size_t i;

	if (!spec->mode)
		return misuse(err, "mode: missing; it says how to encapsulate, as in `mode ipip`");
	foreign = given & ~spec->mode->keywords;
	for (i = 0; i < tunnel_keyword_count; i++)
		if (foreign & tunnel_keywords[i].bit)
			return misuse(err, "%s: mode %s has no such keyword",
				      tunnel_keywords[i].name, spec->mode->name);
	if (address_check(spec->mode, "local", &spec->local, err) ||
	    address_check(spec->mode, "remote", &spec->remote, err))
		return -EINVAL;
	if (spec->ttl && !spec->pmtudisc)
		return misuse(err, "nopmtudisc: a fixed ttl needs pmtudisc; add `ttl inherit` or "
				   "leave nopmtudisc out");
	return 0;
}

__u32 spec_overhead(const struct tunnel_spec *spec)
{
	static const __u32 family[FAMILY_MAX] = { [FAMILY_IPV4] = IPV4_HLEN };
	static const __u32 wrap[WRAP_MAX] = { [WRAP_NONE] = 0 };
	static const __u32 payload[PAYLOAD_MAX] = { [PAYLOAD_IP] = 0 };

	return family[spec->mode->family] + wrap[spec->mode->wrap] + payload[spec->mode->payload];
}

void spec_to_record(const struct tunnel_spec *spec, struct tunnel *record)
{
	record->local = spec->local.address;
	record->remote = spec->remote.address;
	record->link = spec->link;
	record->family = spec->mode->family;
	record->wrap = spec->mode->wrap;
	record->payload = spec->mode->payload;
	record->inner = spec->mode->inner;
	record->ttl = spec->ttl;
	record->tos = spec->tos;
	record->flags = (spec->pmtudisc ? TUNNEL_DF : 0) |
			(spec->tos_inherit ? TUNNEL_TOS_INHERIT : 0) |
			(spec->anchor != ANCHOR_AUTO ? TUNNEL_ANCHOR_CHOSEN : 0);
}

static struct typed_address address_from_record(const union address *address, int af)
{
	static const union address any;

	return (struct typed_address){ .af = memcmp(address, &any, sizeof(any)) ? af : AF_UNSPEC,
				       .address = *address };
}

void spec_from_record(const struct tunnel *record, struct tunnel_spec *spec)
{
	static const int af[FAMILY_MAX] = { [FAMILY_IPV4] = AF_INET };
	size_t i;

	for (i = 0; i < MODES; i++)
		if (modes[i].family == record->family && modes[i].wrap == record->wrap &&
		    modes[i].payload == record->payload && modes[i].inner == record->inner)
			spec->mode = &modes[i];
	spec->local = address_from_record(&record->local, af[record->family]);
	spec->remote = address_from_record(&record->remote, af[record->family]);
	spec->link = record->link;
	spec->ttl = record->ttl;
	spec->tos = record->tos;
	spec->tos_inherit = record->flags & TUNNEL_TOS_INHERIT;
	spec->pmtudisc = record->flags & TUNNEL_DF;
	spec->anchor = record->flags & TUNNEL_ANCHOR_CHOSEN ? record->kind : ANCHOR_AUTO;
}

void spec_print(const struct tunnel_spec *spec, FILE *out)
{
	args_print(tunnel_keywords, tunnel_keyword_count, spec, out);
}
