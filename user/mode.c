// SPDX-License-Identifier: GPL-2.0
#include "mode.h"

#include <stdio.h>
#include <string.h>

#include "wire.h"

static const struct mode modes[] = {
	{
		.name = "ipip",
		.aliases = "ip/ip ipv4/ipv4",
		.types = "ipip ipip/ipip sit/ipip",
		.shown = "ip/ip",
		.help = "IPv4 in IPv4, RFC 2003",
		.driver = "ipip",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP,
	},
	{
		.name = "mplsip",
		.aliases = "mpls/ip",
		.types = "ipip/mplsip sit/mplsip",
		.shown = "mpls/ip",
		.help = "MPLS in IPv4, RFC 4023",
		.driver = "ipip",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_IP,
		.inner = INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP,
	},
	{
		.name = "ipip-any",
		.aliases = "any/ip",
		.types = "ipip/any",
		.shown = "any/ip",
		.help = "IPv4 and MPLS in IPv4, what `ip link add type ipip mode any` makes",
		.driver = "ipip",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4 | INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP,
	},
	{
		.name = "sit",
		.aliases = "ip6ip ipv6/ip ipv6/ipv4",
		.types = "sit sit/ip6ip",
		.shown = "ipv6/ip",
		.help = "IPv6 in IPv4, RFC 4213",
		.driver = "sit",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV6,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP,
	},
	{
		.name = "sit-any",
		.aliases = "",
		.types = "sit/any",
		.shown = "any/ip",
		.help = "IPv6, IPv4 and MPLS in IPv4, what `ip link add type sit mode any` makes",
		.driver = "sit",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4 | INNER_IPV6 | INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP,
	},
	{
		.name = "gre",
		.aliases = "gre/ip",
		.types = "gre",
		.shown = "gre/ip",
		.help = "GRE over IPv4, RFC 2784 and RFC 2890; IPv4, IPv6 and MPLS inside",
		.driver = "gre",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_GRE,
		.inner = INNER_IPV4 | INNER_IPV6 | INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP | GIVEN_GRE,
	},
	{
		.name = "gretap",
		.aliases = "",
		.types = "gretap",
		.shown = "gretap/ip",
		.help = "Ethernet in GRE over IPv4, RFC 2784 and RFC 2890",
		.driver = "gretap",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_GRE,
		.inner = INNER_ETHERNET,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_WRAP | GIVEN_GRE | GIVEN_FRAMES,
	},
	{
		.name = "ip6ip6",
		.aliases = "ipv6/ipv6",
		.types = "ip6tnl/ip6ip6",
		.shown = "ipv6/ipv6",
		.help = "IPv6 in IPv6, RFC 2473",
		.driver = "ip6tnl",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV6,
		.keywords = GIVEN_COMMON | GIVEN_IP6TNL | GIVEN_WRAP,
	},
	{
		.name = "ipip6",
		.aliases = "ip4ip6 ip/ipv6 ipv4/ipv6",
		.types = "ip6tnl/ipip6 ip6tnl/ip4ip6",
		.shown = "ip/ipv6",
		.help = "IPv4 in IPv6, RFC 2473",
		.driver = "ip6tnl",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4,
		.keywords = GIVEN_COMMON | GIVEN_IP6TNL | GIVEN_WRAP,
	},
	{
		.name = "ip6tnl",
		.aliases = "any any/ipv6",
		.types = "ip6tnl ip6tnl/any",
		.shown = "any/ipv6",
		.help = "IPv6, IPv4 and MPLS in IPv6, `mode any` of `ip -6 tunnel`",
		.driver = "ip6tnl",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_IP,
		.inner = INNER_IPV4 | INNER_IPV6 | INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_IP6TNL | GIVEN_WRAP,
	},
	{
		.name = "ip6gre",
		.aliases = "gre/ipv6",
		.types = "ip6gre",
		.shown = "gre/ipv6",
		.help = "GRE over IPv6, RFC 7676; IPv4, IPv6 and MPLS inside",
		.driver = "ip6gre",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_GRE,
		.inner = INNER_IPV4 | INNER_IPV6 | INNER_MPLS,
		.keywords = GIVEN_COMMON | GIVEN_IP6TNL | GIVEN_WRAP | GIVEN_GRE,
	},
	{
		.name = "ip6gretap",
		.aliases = "",
		.types = "ip6gretap",
		.shown = "gretap/ipv6",
		.help = "Ethernet in GRE over IPv6, RFC 7676",
		.driver = "ip6gretap",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_GRE,
		.inner = INNER_ETHERNET,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV6 | GIVEN_WRAP | GIVEN_GRE | GIVEN_FRAMES,
	},
	{
		.name = "erspan",
		.aliases = "",
		.types = "erspan",
		.shown = "erspan/ip",
		.help = "copies of Ethernet frames over IPv4, draft-foschiano-erspan types I to "
			"III",
		.driver = "erspan",
		.family = FAMILY_IPV4,
		.payload = PAYLOAD_ERSPAN,
		.inner = INNER_ETHERNET,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV4 | GIVEN_ERSPAN,
	},
	{
		.name = "ip6erspan",
		.aliases = "",
		.types = "ip6erspan",
		.shown = "erspan/ipv6",
		.help = "copies of Ethernet frames over IPv6, draft-foschiano-erspan types I to "
			"III",
		.driver = "ip6erspan",
		.family = FAMILY_IPV6,
		.payload = PAYLOAD_ERSPAN,
		.inner = INNER_ETHERNET,
		.keywords = GIVEN_COMMON | GIVEN_OVER_IPV6 | GIVEN_ERSPAN,
	},
	{
		.name = "vxlan",
		.aliases = "",
		.types = "vxlan",
		.shown = "vxlan/ip",
		.help = "Ethernet in VXLAN over IPv4 or IPv6, as remote and local have it, RFC "
			"7348",
		.driver = "vxlan",
		.family = FAMILY_IPV4,
		.wrap = WRAP_VXLAN,
		.payload = PAYLOAD_IP,
		.inner = INNER_ETHERNET,
		.dport = VXLAN_PORT_LINUX,
		.keywords = GIVEN_COMMON | GIVEN_VXLAN,
	},
	{
		.name = "geneve",
		.aliases = "",
		.types = "geneve",
		.shown = "geneve/ip",
		.help = "Ethernet in GENEVE over IPv4 or IPv6, as remote and local have it, RFC "
			"8926",
		.driver = "geneve",
		.family = FAMILY_IPV4,
		.wrap = WRAP_GENEVE,
		.payload = PAYLOAD_IP,
		.inner = INNER_ETHERNET,
		.dport = GENEVE_PORT,
		.keywords = GIVEN_COMMON | GIVEN_GENEVE,
	},
};

/*
 * Modes whose name means both outer families: over IPv4 as the rows above have them, over IPv6 as
 * these. One name is one row in all that users see.
 */
static const struct mode modes6[] = {
	{
		.name = "vxlan",
		.aliases = "",
		.types = "",
		.shown = "vxlan/ipv6",
		.help = "",
		.driver = "vxlan",
		.family = FAMILY_IPV6,
		.wrap = WRAP_VXLAN,
		.payload = PAYLOAD_IP,
		.inner = INNER_ETHERNET,
		.dport = VXLAN_PORT_LINUX,
		.keywords = GIVEN_COMMON | GIVEN_VXLAN,
	},
	{
		.name = "geneve",
		.aliases = "",
		.types = "",
		.shown = "geneve/ipv6",
		.help = "",
		.driver = "geneve",
		.family = FAMILY_IPV6,
		.wrap = WRAP_GENEVE,
		.payload = PAYLOAD_IP,
		.inner = INNER_ETHERNET,
		.dport = GENEVE_PORT,
		.keywords = GIVEN_COMMON | GIVEN_GENEVE,
	},
};

enum { MODES = sizeof(modes) / sizeof(modes[0]), MODES6 = sizeof(modes6) / sizeof(modes6[0]) };

const struct mode *mode_row(size_t i)
{
	return i < MODES ? &modes[i] : NULL;
}

const struct mode *mode_named(const char *word)
{
	size_t i;

	for (i = 0; i < MODES; i++)
		if (!strcmp(modes[i].name, word) || name_in(modes[i].aliases, word))
			return &modes[i];
	return NULL;
}

const struct mode *mode_of_name(const char *name, enum family family)
{
	static const char *const beginnings[] = { "gre", "ipip", "sit" };
	size_t i;

	if (family == FAMILY_IPV6)
		return mode_named("ip6ip6");
	for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return mode_named(beginnings[i]);
	return NULL;
}

const struct mode *mode_of_type(const char *type, const char *variant)
{
	char word[64];
	size_t i;

	snprintf(word, sizeof(word), variant ? "%s/%s" : "%s", type, variant);
	for (i = 0; i < MODES; i++)
		if (name_in(modes[i].types, word))
			return &modes[i];
	return NULL;
}

const struct mode *mode_over(const struct mode *mode, enum family family)
{
	size_t i;

	for (i = 0; i < MODES6; i++)
		if (!strcmp(modes6[i].name, mode->name))
			return family == FAMILY_IPV6 ? &modes6[i] : mode_named(mode->name);
	return mode;
}

/* Whether @record is of @mode, but for its keywords. */
static bool mode_made(const struct mode *mode, const struct tunnel *record)
{
	return mode->family == record->family && mode->payload == record->payload &&
	       mode->inner == record->inner &&
	       mode->wrap == (record->wrap < WRAP_VXLAN ? WRAP_NONE : record->wrap);
}

const struct mode *mode_of_record(const struct tunnel *record)
{
	size_t i;

	for (i = 0; i < MODES; i++)
		if (mode_made(&modes[i], record))
			return &modes[i];
	for (i = 0; i < MODES6; i++)
		if (mode_made(&modes6[i], record))
			return &modes6[i];
	return NULL;
}
