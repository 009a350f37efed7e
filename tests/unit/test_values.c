// SPDX-License-Identifier: GPL-2.0
/* The values of a tunnel's keywords: what each takes, how it is printed, what it refuses. */
#include <arpa/inet.h>
#include <errno.h>

#include "fixture.h"
#include "mode.h"
#include "wire.h"

/* Values that each keyword takes, and how they are printed; NULL: not at all, as the default. */
static const struct value {
	const char *keyword, *typed, *printed;
} values[] = {
	{ "mode", "ipip", "ipip" },
	{ "mode", "ip/ip", "ipip" },
	{ "mode", "ipv4/ipv4", "ipip" },
	{ "local", "10.1.1.5", "10.1.1.5" },
	{ "local", "255.255.255.254", "255.255.255.254" },
	{ "local", "2001:DB8:0::1", "2001:db8::1" },
	{ "local", "any", NULL },
	{ "local", "0.0.0.0", NULL },
	{ "local", "::", NULL },
	{ "remote", "10.1.1.7", "10.1.1.7" },
	{ "remote", "::ffff:10.1.1.7", "::ffff:10.1.1.7" },
	{ "remote", "any", NULL },
	{ "remote", "0.0.0.0", NULL },
	{ "dev", "eth0", "eth0" },
	{ "dev", "123456789012345", "123456789012345" },
	{ "ttl", "1", "1" },
	{ "ttl", "64", "64" },
	{ "ttl", "0x40", "64" },
	{ "ttl", "255", "255" },
	{ "ttl", "inherit", NULL },
	{ "tos", "10", "0x10" },
	{ "tos", "0x10", "0x10" },
	{ "tos", "0XFC", "0xfc" },
	{ "tos", "fc", "0xfc" },
	{ "tos", "4", "0x04" },
	{ "tos", "0", NULL },
	{ "tos", "inherit", "inherit" },
	{ "tos", "inherit/b8", "inherit/0xb8" },
	{ "tos", "inherit/0x10", "inherit/0x10" },
	{ "tos", "inherit/0", "inherit" },
	{ "tos", "CS0", NULL },
	{ "tos", "CS7", "0xe0" },
	{ "tos", "AF11", "0x28" },
	{ "tos", "AF43", "0x98" },
	{ "tos", "inherit/EF", "inherit/0xb8" },
	{ "pmtudisc", NULL, NULL },
	{ "nopmtudisc", NULL, "" },
	{ "mode", "mplsip", "mplsip" },
	{ "mode", "mpls/ip", "mplsip" },
	{ "mode", "ipip-any", "ipip-any" },
	{ "mode", "sit", "sit" },
	{ "mode", "ip6ip", "sit" },
	{ "mode", "ipv6/ip", "sit" },
	{ "mode", "sit-any", "sit-any" },
	{ "mode", "gre", "gre" },
	{ "mode", "ip6ip6", "ip6ip6" },
	{ "mode", "ipip6", "ipip6" },
	{ "mode", "ip4ip6", "ipip6" },
	{ "mode", "ip6tnl", "ip6tnl" },
	{ "mode", "any", "ip6tnl" },
	{ "mode", "ip6gre", "ip6gre" },
	{ "mode", "gre/ipv6", "ip6gre" },
	{ "mode", "gretap", "gretap" },
	{ "mode", "ip6gretap", "ip6gretap" },
	{ "mode", "erspan", "erspan" },
	{ "mode", "ip6erspan", "ip6erspan" },
	{ "erspan_ver", "0", "0" },
	{ "erspan_ver", "1", "1" },
	{ "erspan_ver", "2", "2" },
	{ "erspan", "1048575", "1048575" },
	{ "erspan", "0x10", "16" },
	{ "erspan", "0", NULL },
	/* Of version 2, which is not the default. */
	{ "erspan_dir", "egress", NULL },
	{ "erspan_hwid", "63", NULL },
	{ "mode", "vxlan", "vxlan" },
	{ "mode", "geneve", "geneve" },
	{ "id", "0", "0" },
	{ "id", "42", "42" },
	{ "id", "0xffffff", "16777215" },
	{ "dstport", "1", "1" },
	{ "dstport", "65535", "65535" },
	{ "srcport", "0 0", NULL },
	{ "srcport", "1 65535", "1 65535" },
	{ "srcport", "7 7", "7 7" },
	{ "df", "set", "set" },
	{ "df", "inherit", "inherit" },
	{ "df", "unset", NULL },
	{ "udpcsum", NULL, "" },
	{ "noudpcsum", NULL, NULL },
	{ "udp6zerocsumtx", NULL, "" },
	{ "noudp6zerocsumtx", NULL, NULL },
	{ "udp6zerocsumrx", NULL, "" },
	{ "noudp6zerocsumrx", NULL, NULL },
	{ "maxaddress", "0", NULL },
	{ "maxaddress", "unlimited", NULL },
	{ "geneve-opt", "none", NULL },
	{ "geneve-opt", "102:80:00AABBCC", "0102:80:00aabbcc" },
	{ "geneve-opt", "0:0:", "0000:00:" },
	{ "geneve-opt", "ffff:ff:,1:2:0102030405060708", "ffff:ff:,0001:02:0102030405060708" },
	{ "noremcsumtx", NULL, NULL },
	{ "noproxy", NULL, NULL },
	{ "ignore-df", NULL, "" },
	{ "noignore-df", NULL, NULL },
	{ "nosrccheck", NULL, "" },
	{ "dscp", "inherit", "inherit" },
	{ "srccheck", NULL, NULL },
	{ "flowlabel", "inherit", "inherit" },
	{ "flowlabel", "0", NULL },
	{ "flowlabel", "0x00000", NULL },
	{ "flowlabel", "1", "0x00001" },
	{ "flowlabel", "fffff", "0xfffff" },
	{ "flowlabel", "0XABCDE", "0xabcde" },
	{ "encaplimit", "none", "none" },
	{ "encaplimit", "0", "0" },
	{ "encaplimit", "4", NULL },
	{ "encaplimit", "255", "255" },
	{ "key", "0", "0" },
	{ "key", "4294967295", "4294967295" },
	{ "key", "0xffffffff", "4294967295" },
	{ "key", "1.2.3.4", "16909060" },
	{ "key", "255.255.255.255", "4294967295" },
	{ "ikey", "5", "5" },
	{ "ikey", "0.0.0.0", "0" },
	{ "okey", "5", "5" },
	{ "nokey", NULL, NULL },
	{ "noikey", NULL, NULL },
	{ "nookey", NULL, NULL },
	{ "csum", NULL, "" },
	{ "icsum", NULL, "" },
	{ "ocsum", NULL, "" },
	{ "nocsum", NULL, NULL },
	{ "noicsum", NULL, NULL },
	{ "noocsum", NULL, NULL },
	{ "seq", NULL, "" },
	{ "iseq", NULL, "" },
	{ "oseq", NULL, "" },
	{ "noseq", NULL, NULL },
	{ "noiseq", NULL, NULL },
	{ "nooseq", NULL, NULL },
	{ "encap", "none", NULL },
	{ "encap", "fou", "fou" },
	{ "encap", "gue", "gue" },
	{ "encap-sport", "auto", NULL },
	{ "encap-sport", "1", "1" },
	{ "encap-sport", "65535", "65535" },
	{ "encap-dport", "1", "1" },
	{ "encap-dport", "65535", "65535" },
	{ "encap-csum", NULL, "" },
	{ "noencap-csum", NULL, NULL },
	{ "noencap-remcsum", NULL, NULL },
	{ "noencap", NULL, NULL },
	{ "fwmark", "0", NULL },
	{ "fwmark", "16", "0x10" },
	{ "fwmark", "0xffffffff", "0xffffffff" },
	{ "fwmark", "inherit", "inherit" },
	{ "noallow-localremote", NULL, NULL },
	{ "learning", NULL, NULL },
	{ "nolearning", NULL, "" },
	{ "ageing", "300", NULL },
	{ "ageing", "0", "0" },
	{ "ageing", "60", "60" },
	{ "ageing", "4294967295", "4294967295" },
	{ "anchor", "auto", NULL },
	{ "anchor", "dummy", "dummy" },
	{ "anchor", "ifb", "ifb" },
	{ "anchor", "veth", "veth" },
	{ "anchor", "netkit", "netkit" },
};

static const struct keyword *keyword(const char *name)
{
	size_t i;

	for (i = 0; i < tunnel_keyword_count; i++)
		if (!strcmp(tunnel_keywords[i].name, name))
			return &tunnel_keywords[i];
	fail_msg("there is no keyword %s", name);
	return NULL;
}

/* Keywords that are there to be refused in words of their own. */
static const char *const never[] = { "encap-remcsum",     "external", "isatap",
				     "allow-localremote", "group",    "gbp",
				     "remcsumtx",         "proxy",    "innerprotoinherit" };

/* A mode that has a keyword. */
static const struct mode *mode_with(const struct keyword *row)
{
	size_t i = 0;

	while (!(mode_row(i)->keywords & row->bit))
		i++;
	return mode_row(i);
}

/* What @row prints of @spec: 1 and the text, or 0. */
static int printed(const struct keyword *row, const struct tunnel_spec *spec, char *text)
{
	FILE *out = fmemopen(text, 64, "w");
	int said = row->print ? row->print(spec, out) : 0;

	fputc(0, out);
	fclose(out);
	return said;
}

TEST(values_round_trip)
{
	struct error err = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value *value = &values[i];
		const struct keyword *row = keyword(value->keyword);
		struct tunnel_spec spec, again;
		char text[64], second[64];

		spec_init(&spec, "t1");
		spec.mode = mode_with(row);
		assert_int_equal(!row->value, !value->typed);
		if (row->parse(&spec, value->typed, &err))
			fail_msg("%s %s: refused", value->keyword, value->typed);
		if (!value->printed) {
			assert_int_equal(printed(row, &spec, text), 0);
			continue;
		}
		assert_int_equal(printed(row, &spec, text), 1);
		assert_string_equal(text, value->printed);
		spec_init(&again, "t1");
		again.mode = mode_with(row);
		assert_int_equal(row->parse(&again, row->value ? text : NULL, &err), 0);
		assert_int_equal(printed(row, &again, second), 1);
		assert_string_equal(second, text);
		assert_memory_equal(&again, &spec, sizeof(spec));
	}
}

/* The table above has every keyword, and every mode and kind of anchor as a value. */
TEST(values_complete)
{
	size_t i, j;

	for (i = 0; i < tunnel_keyword_count; i++) {
		bool refused = false;

		for (j = 0; j < ARRAY_SIZE(never); j++)
			refused |= !strcmp(never[j], tunnel_keywords[i].name);
		for (j = 0; j < ARRAY_SIZE(values); j++)
			if (!strcmp(values[j].keyword, tunnel_keywords[i].name))
				break;
		if ((j == ARRAY_SIZE(values)) != refused)
			fail_msg("no value of %s is tried", tunnel_keywords[i].name);
	}
	for (i = 0; mode_row(i) || anchor_kind_name(i); i++) {
		bool mode = !mode_row(i), anchor = !anchor_kind_name(i);

		for (j = 0; j < ARRAY_SIZE(values); j++) {
			const char *typed = values[j].typed ?: "";

			mode |= mode_row(i) && !strcmp(typed, mode_row(i)->name);
			anchor |= anchor_kind_name(i) && !strcmp(typed, anchor_kind_name(i));
		}
		assert_true(mode);
		assert_true(anchor);
	}
}

TEST(values_all_numbers)
{
	const struct keyword *ttl = keyword("ttl"), *tos = keyword("tos");
	char typed[16], text[64];
	struct error err = {};
	unsigned int i;

	for (i = 0; i < 512; i++) {
		struct tunnel_spec spec;

		spec_init(&spec, "t1");
		snprintf(typed, sizeof(typed), "%u", i);
		assert_int_equal(ttl->parse(&spec, typed, &err), i && i < 256 ? 0 : -EINVAL);
		assert_int_equal(spec.ttl, i < 256 ? i : 0);
		snprintf(typed, sizeof(typed), i & 1 ? "%x" : "0x%02x", i);
		assert_int_equal(tos->parse(&spec, typed, &err),
				 i < 256 && !(i & ECN_MASK) ? 0 : -EINVAL);
		if (i >= 256 || i & ECN_MASK)
			continue;
		assert_int_equal(spec.tos, i);
		assert_int_equal(printed(tos, &spec, text), !!i);
		snprintf(typed, sizeof(typed), "inherit/%x", i);
		assert_int_equal(tos->parse(&spec, typed, &err), 0);
		assert_true(spec.flags & TUNNEL_TOS_INHERIT);
		assert_int_equal(spec.tos, i);
	}
}

/* Refused values change nothing. */
TEST(values_refused)
{
	static const struct {
		const char *keyword, *typed;
	} cases[] = {
		{ "mode", "" },
		{ "mode", "IPIP" },
		{ "mode", "ipip " },
		{ "mode", "ip" },
		{ "local", "" },
		{ "local", "10.1.1" },
		{ "local", "10.1.1.300" },
		{ "local", "10.1.1.5/24" },
		{ "local", "010.1.1.5" },
		{ "local", "0x0a010105" },
		{ "local", "localhost" },
		{ "local", "ANY" },
		{ "remote", "1.2.3.4.5" },
		{ "remote", "12::34::56" },
		{ "remote", "fe80::1%eth0" },
		{ "dev", "" },
		{ "dev", "1234567890123456" },
		{ "dev", "a/b" },
		{ "ttl", "" },
		{ "ttl", "0" },
		{ "ttl", "256" },
		{ "ttl", "80abc" },
		{ "ttl", "-1" },
		{ "ttl", "+1" },
		{ "ttl", "inherit/1" },
		{ "ttl", "INHERIT" },
		{ "tos", "" },
		{ "tos", "0x" },
		{ "tos", "100" },
		{ "tos", "1" },
		{ "tos", "0x13" },
		{ "tos", "zz" },
		{ "tos", "0x0x4" },
		{ "tos", "+4" },
		{ "tos", "-4" },
		{ "tos", " 4" },
		{ "tos", "inherit/" },
		{ "tos", "inheritx" },
		{ "tos", "inherit 10" },
		{ "tos", "inherit/3" },
		{ "tos", "inherit/100" },
		{ "tos", "inherit/inherit" },
		{ "tos", "CS8" },
		{ "tos", "AF14" },
		{ "tos", "AF51" },
		{ "tos", "AF" },
		{ "tos", "EFF" },
		{ "fwmark", "0x100000000" },
		{ "fwmark", "-1" },
		{ "fwmark", "0x10/0xff" },
		{ "mode", "ip6tnl/any" },
		{ "mode", "tap" },
		{ "key", "" },
		{ "key", "4294967296" },
		{ "key", "-1" },
		{ "key", "0x100000000" },
		{ "key", "1.2.3" },
		{ "key", "1.2.3.256" },
		{ "key", "1.2.3.4.5" },
		{ "key", "0x1.2.3.4" },
		{ "key", "1.2.3.4 " },
		{ "key", "key" },
		{ "ikey", "4294967296" },
		{ "ikey", "." },
		{ "okey", "1..2.3" },
		{ "okey", "5x" },
		{ "flowlabel", "" },
		{ "flowlabel", "0x" },
		{ "flowlabel", "100000" },
		{ "flowlabel", "0x123456" },
		{ "flowlabel", "inherit/1" },
		{ "flowlabel", "-1" },
		{ "flowlabel", "0x0x1" },
		{ "encaplimit", "" },
		{ "encaplimit", "256" },
		{ "encaplimit", "-1" },
		{ "encaplimit", "inherit" },
		{ "encaplimit", "4x" },
		{ "encap", "" },
		{ "encap", "vxlan" },
		{ "encap", "FOU" },
		{ "ageing", "" },
		{ "ageing", "-1" },
		{ "ageing", "4294967296" },
		{ "ageing", "5s" },
		{ "encap-sport", "0" },
		{ "encap-sport", "65536" },
		{ "encap-sport", "any" },
		{ "encap-dport", "0" },
		{ "encap-dport", "65536" },
		{ "encap-dport", "auto" },
		{ "encap-dport", "http" },
		{ "id", "" },
		{ "id", "16777216" },
		{ "id", "-1" },
		{ "id", "1.2.3.4" },
		{ "dstport", "0" },
		{ "dstport", "65536" },
		{ "dstport", "vxlan" },
		{ "srcport", "5" },
		{ "srcport", "0 5" },
		{ "srcport", "6 5" },
		{ "srcport", "5 65536" },
		{ "srcport", "5 6 7" },
		{ "srcport", " 5" },
		{ "srcport", "12345678 9" },
		{ "df", "" },
		{ "df", "yes" },
		{ "maxaddress", "many" },
		{ "maxaddress", "5" },
		{ "geneve-opt", "" },
		{ "geneve-opt", "102" },
		{ "geneve-opt", "102:80" },
		{ "geneve-opt", "10000:80:" },
		{ "geneve-opt", "102:100:" },
		{ "geneve-opt", "102:80:0" },
		{ "geneve-opt", "102:80:00" },
		{ "geneve-opt", "102:80:0000000x" },
		{ "geneve-opt", "102:80:00000000," },
		{ "geneve-opt", "102:80:00000000,x" },
		{ "geneve-opt", ",102:80:" },
		{ "geneve-opt", "-1:80:" },
		{ "geneve-opt", " 1:80:" },
		{ "gbp", NULL },
		{ "proxy", NULL },
		{ "remcsumtx", NULL },
		{ "innerprotoinherit", NULL },
		{ "group", "239.1.1.1" },
		{ "anchor", "" },
		{ "anchor", "vet" },
		{ "anchor", "DUMMY" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tunnel_spec spec, before;
		struct error err = {};

		spec_init(&spec, "t1");
		before = spec;
		if (!keyword(cases[i].keyword)->parse(&spec, cases[i].typed, &err))
			fail_msg("%s \"%s\" is accepted", cases[i].keyword, cases[i].typed);
		assert_memory_equal(&spec, &before, sizeof(spec));
		assert_int_equal(err.text[0] ? err.status : STATUS_USAGE, STATUS_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_round_trip),
		cmocka_unit_test(values_complete),
		cmocka_unit_test(values_all_numbers),
		cmocka_unit_test(values_refused),
	};

	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
