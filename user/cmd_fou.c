// SPDX-License-Identifier: GPL-2.0
/* fou add|del|show: the UDP ports where wrapped packets arrive, in the words of `ip fou`. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "output.h"
#include "verbs.h"
#include "wire.h"

enum { GIVEN_PORT = 1 << 0, GIVEN_INSIDE = 1 << 1, GIVEN_FAMILY = 1 << 2, GIVEN_REFUSED = 1 << 3 };

static int port_parse(void *into, const char *word, struct error *err)
{
	struct port_entry *entry = into;
	unsigned long port;

	(void)err;
	if (parse_number(word, 1, 65535, &port))
		return -EINVAL;
	entry->key.port = htons(port);
	return 0;
}

/* A number or a name of /etc/protocols, of what a tunnel can take. */
static int ipproto_parse(void *into, const char *word, struct error *err)
{
	struct port_entry *entry = into;
	const struct protoent *named;
	unsigned long number;

	if (parse_number(word, 1, 255, &number)) {
		named = getprotobyname(word);
		if (!named)
			return -EINVAL;
		number = named->p_proto;
	}
	if (number != WIRE_IPPROTO_IPIP && number != WIRE_IPPROTO_IPV6 &&
	    number != WIRE_IPPROTO_GRE && number != WIRE_IPPROTO_MPLS)
		return misuse(err,
			      "\"%s\" is nothing that tunnels carry: 4 (IPv4), 41 (IPv6), 47 "
			      "(GRE) or 137 (MPLS)",
			      word);
	entry->port.wrap = WRAP_FOU;
	entry->port.ip_proto = number;
	return 0;
}

static int gue_parse(void *into, const char *word, struct error *err)
{
	struct port_entry *entry = into;

	(void)word, (void)err;
	entry->port.wrap = WRAP_GUE;
	return 0;
}

static int ipv6_parse(void *into, const char *word, struct error *err)
{
	struct port_entry *entry = into;

	(void)word, (void)err;
	entry->key.family = FAMILY_IPV6;
	return 0;
}

static int ipv4_parse(void *into, const char *word, struct error *err)
{
	struct port_entry *entry = into;

	(void)word, (void)err;
	entry->key.family = FAMILY_IPV4;
	return 0;
}

static int restrict_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err,
		      "a port cannot be bound to addresses or devices; the tunnels say who may "
		      "send to them");
}

static const struct keyword port_keywords[] = {
	{ .name = "port",
	  .value = "N",
	  .expects = "1..65535",
	  .bit = GIVEN_PORT,
	  .parse = port_parse,
	  .help = "UDP destination port" },
	{ .name = "ipproto",
	  .value = "P",
	  .expects = "an IP protocol",
	  .bit = GIVEN_INSIDE,
	  .parse = ipproto_parse,
	  .help = "FOU: what is inside, 4, 41, 47 or 137" },
	{ .name = "gue",
	  .bit = GIVEN_INSIDE,
	  .parse = gue_parse,
	  .help = "GUE: its header says what is inside" },
	{ .name = "-6", .bit = GIVEN_FAMILY, .parse = ipv6_parse, .help = "over IPv6" },
	{ .name = "-4", .bit = GIVEN_FAMILY, .parse = ipv4_parse, .help = "over IPv4 (default)" },
	{ .name = "local",
	  .aliases = "peer peer_port dev",
	  .value = "X",
	  .bit = GIVEN_REFUSED,
	  .parse = restrict_parse,
	  .help = "not supported" },
};

enum { PORT_KEYWORDS = sizeof(port_keywords) / sizeof(port_keywords[0]) };

static int take_port(struct args *args, struct port_entry *entry, __u64 *given, struct error *err)
{
	int ret;

	*given = 0;
	*entry = (struct port_entry){ .key.family = verbs_family };
	ret = args_keywords(args, port_keywords, PORT_KEYWORDS, entry, given, err);
	if (!ret && !(*given & GIVEN_PORT))
		return misuse(err, "port: missing");
	return ret;
}

int fou_add(struct model *model, struct args *args, struct error *err)
{
	struct port_entry entry;
	__u64 given;
	int ret;

	ret = take_port(args, &entry, &given, err);
	if (!ret && !(given & GIVEN_INSIDE))
		return misuse(err, "`ipproto P` or `gue` is missing: what is inside");
	return ret ?: model_port_add(model, &entry, err);
}

int fou_del(struct model *model, struct args *args, struct error *err)
{
	struct port_entry entry;
	__u64 given;
	int ret;

	ret = take_port(args, &entry, &given, err);
	return ret ?: model_port_del(model, &entry.key, err);
}

int fou_show(const struct options *options, const struct state *state, const struct model *model,
	     struct args *args, struct error *err)
{
	int ret = args_end(args, err);

	(void)state;
	return ret ?: output_ports(options, model, err);
}
