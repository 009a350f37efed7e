// SPDX-License-Identifier: GPL-2.0
/*
 * The modes one by one: which keywords each has, what its headers weigh, what its record says.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "fixture.h"
#include "mode.h"
#include "wire.h"

/* Parse @line as the keywords of a new tunnel and check it. */
static int spec_of(const char *line, struct tunnel_spec *spec, struct error *err)
{
	char copy[256], *words[48];
	struct args args = { .words = words };
	__u64 given = 0;
	int ret;

	spec_init(spec, "t1");
	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	args.count = args_split(copy, words, ARRAY_SIZE(words));
	ret = args_keywords(&args, tunnel_keywords, tunnel_keyword_count, spec, &given, err);
	if (!ret) {
		spec_turn(spec);
		spec_defaults(spec, given);
	}
	return ret ?: spec_check(spec, given, err);
}

static const char *const remotes[FAMILY_MAX] = {
	[FAMILY_IPV4] = "192.0.2.7", [FAMILY_IPV6] = "2001:db8::7"
};

/* ---- keywords ---- */

/* A value for each keyword that has one, and what must stand beside it. */
static const struct {
	const char *keyword, *value, *beside;
} samples[] = {
	{ "mode", NULL, NULL },
	{ "local", NULL, NULL },
	{ "remote", NULL, NULL },
	{ "dev", "eth0", "" },
	{ "ttl", "64", "" },
	{ "tos", "inherit/b8", "" },
	{ "ignore-df", "", "nopmtudisc" },
	{ "nosrccheck", "", "" },
	{ "flowlabel", "12345", "" },
	{ "dscp", "inherit", "" },
	{ "encaplimit", "9", "" },
	{ "key", "5", "" },
	{ "ikey", "5", "" },
	{ "okey", "0.0.3.4", "" },
	{ "encap", "gue", "encap-dport 5555" },
	{ "encap-sport", "7", "encap fou encap-dport 5555" },
	{ "encap-dport", "7", "encap fou" },
	{ "encap-csum", "", "encap fou encap-dport 5555" },
	{ "noencap-csum", "", "encap fou encap-dport 5555" },
	{ "fwmark", "0x10", "" },
	{ "ageing", "60", "" },
	{ "anchor", "veth", "" },
	{ "erspan_ver", "2", "" },
	{ "erspan", "5", "" },
	{ "erspan_dir", "egress", "erspan_ver 2" },
	{ "erspan_hwid", "5", "erspan_ver 2" },
	{ "dstport", "4789", "" },
	{ "srcport", "1000 2000", "" },
	{ "df", "set", "" },
	{ "maxaddress", "0", "" },
	{ "geneve-opt", "102:80:00000001", "" },
};

/* What modes that have a wrap of their own cannot be without. */
static const char *needs(const struct mode *mode)
{
	return mode->wrap != WRAP_NONE ? " id 5 dstport 9" : "";
}

/* Keywords that are there to be refused. */
static bool never(const struct keyword *row)
{
	static const char *const names[] = { "encap-remcsum",     "external", "isatap",
					     "allow-localremote", "group",    "gbp",
					     "remcsumtx",         "proxy",    "innerprotoinherit" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], row->name))
			return true;
	return false;
}

/* Every keyword with every mode: accepted by those that have it, refused by name by the others. */
TEST(keywords_of_modes)
{
	const struct mode *mode;
	char line[256], want[128];
	size_t i, j, k;

	for (i = 0; (mode = mode_row(i)); i++)
		for (j = 0; j < tunnel_keyword_count; j++) {
			const struct keyword *row = &tunnel_keywords[j];
			const char *value = "", *beside = "", *id = needs(mode);
			struct tunnel_spec spec;
			struct error err = {};

			for (k = 0; k < ARRAY_SIZE(samples); k++)
				if (!strcmp(samples[k].keyword, row->name))
					value = samples[k].value, beside = samples[k].beside;
			if (!strcmp(row->name, "id"))
				value = "6", id = "";
			else if (!strcmp(row->name, "dstport"))
				id = mode->wrap != WRAP_NONE ? " id 5" : "";
			if (!value || never(row))
				continue;
			if (!*value && row->value)
				fail_msg("no value of %s is tried", row->name);
			if (!(mode->keywords & row->bit))
				beside = "";
			snprintf(line, sizeof(line), "mode %s remote %s %s %s %s%s", mode->name,
				 remotes[mode->family], row->name, value, beside, id);
			if (mode->keywords & row->bit) {
				if (spec_of(line, &spec, &err))
					fail_msg("%s: %s", line, err.text);
				continue;
			}
			assert_int_equal(spec_of(line, &spec, &err), -EINVAL);
			snprintf(want, sizeof(want), "%s: mode %s has no such keyword", row->name,
				 mode->name);
			/* Of two words for one thing the first is named. */
			if (!strncmp(row->name, "no", 2))
				memmove(want, want + 2, strlen(want + 2) + 1);
			assert_string_equal(err.text, want);
			assert_int_equal(err.status, STATUS_USAGE);
		}
}

/* What modes over IPv6 are when nothing is said, and not once something is. */
TEST(defaults)
{
	const struct mode *mode;
	struct tunnel_spec spec;
	struct error err = {};
	char line[128];
	size_t i;

	for (i = 0; (mode = mode_row(i)); i++) {
		bool ipv6 = mode->family == FAMILY_IPV6, frames = mode->keywords & GIVEN_LEARNING;
		__u32 learning = frames ? TUNNEL_LEARNING : 0;

		if (mode->wrap != WRAP_NONE)
			continue; /* wrapping_modes */
		snprintf(line, sizeof(line), "mode %s", mode->name);
		assert_int_equal(spec_of(line, &spec, &err), 0);
		assert_int_equal(spec.ttl, ipv6 ? 64 : 0);
		assert_int_equal(spec.encap_limit, ipv6 ? 4 : 0);
		assert_int_equal(spec.flags, (ipv6 ? TUNNEL_ENCAP_LIMIT : TUNNEL_DF) | learning);
		assert_int_equal(spec.ageing, frames ? 300 : 0);
		assert_int_equal(spec_af(&spec), ipv6 ? AF_INET6 : AF_INET);
		snprintf(line, sizeof(line), "mode %s ttl inherit", mode->name);
		assert_int_equal(spec_of(line, &spec, &err), 0);
		assert_int_equal(spec.ttl, 0);
		if (!ipv6)
			continue;
		snprintf(line, sizeof(line), "encaplimit none hoplimit 9 mode %s", mode->name);
		assert_int_equal(spec_of(line, &spec, &err), 0);
		assert_int_equal(spec.flags, learning);
		assert_int_equal(spec.ttl, 9);
	}
}

/* Words that undo others leave nothing behind. */
TEST(opposites)
{
	static const struct {
		const char *words;
		__u32 flags;
		unsigned int ikey, okey;
	} cases[] = {
		{ "key 7", TUNNEL_IKEY | TUNNEL_OKEY, 7, 7 },
		{ "key 7 noikey", TUNNEL_OKEY, 0, 7 },
		{ "key 7 nookey", TUNNEL_IKEY, 7, 0 },
		{ "ikey 7 nookey", TUNNEL_IKEY, 7, 0 },
		{ "ikey 7 okey 8 nokey", 0, 0, 0 },
		{ "key 0", TUNNEL_IKEY | TUNNEL_OKEY, 0, 0 },
		{ "key 0.0.1.2", TUNNEL_IKEY | TUNNEL_OKEY, 258, 258 },
		{ "key 7 ikey 8", TUNNEL_IKEY | TUNNEL_OKEY, 8, 7 },
		{ "csum", TUNNEL_ICSUM | TUNNEL_OCSUM, 0, 0 },
		{ "csum noicsum", TUNNEL_OCSUM, 0, 0 },
		{ "csum noocsum", TUNNEL_ICSUM, 0, 0 },
		{ "icsum ocsum nocsum", 0, 0, 0 },
		{ "seq", TUNNEL_ISEQ | TUNNEL_OSEQ, 0, 0 },
		{ "seq noiseq", TUNNEL_OSEQ, 0, 0 },
		{ "seq nooseq", TUNNEL_ISEQ, 0, 0 },
		{ "iseq oseq noseq", 0, 0, 0 },
		{ "encap fou encap-dport 5 encap-csum", TUNNEL_WRAP_CSUM, 0, 0 },
		{ "encap gue encap-dport 5 noencap-csum", 0, 0, 0 },
	};
	struct tunnel_spec spec;
	struct error err = {};
	char line[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(line, sizeof(line), "mode gre %s", cases[i].words);
		if (spec_of(line, &spec, &err))
			fail_msg("%s: %s", line, err.text);
		assert_int_equal(spec.flags, TUNNEL_DF | cases[i].flags);
		assert_int_equal(ntohl(spec.ikey), cases[i].ikey);
		assert_int_equal(ntohl(spec.okey), cases[i].okey);
	}
	assert_int_equal(spec_of("mode gre encap fou encap-dport 5", &spec, &err), 0);
	assert_int_equal(spec.dport, htons(5));
	assert_false(spec_segments(&spec));
}

/* ---- bytes ---- */

/* Options that make headers longer, and by how much; the first word says whose they are. */
static const struct option {
	const char *words;
	unsigned int bytes;
	__u64 bit;
} options[] = {
	{ "key 5", 4, GIVEN_KEY },       { "okey 5", 4, GIVEN_KEY }, { "csum", 4, GIVEN_CSUM },
	{ "seq", 4, GIVEN_SEQ },         { "oseq", 4, GIVEN_SEQ },   { "ikey 5", 0, GIVEN_KEY },
	{ "iseq", 0, GIVEN_SEQ },        { "icsum", 0, GIVEN_CSUM }, { "ocsum", 4, GIVEN_CSUM },
	{ "tos inherit", 0, GIVEN_TOS },
};

static const struct option wrapped[] = {
	{ "", 0, 0 },
	{ "encap none", 0, 0 },
	{ "encap fou encap-dport 5555", 8, 0 },
	{ "encap fou encap-dport 5555 encap-csum", 8, 0 },
	{ "encap gue encap-dport 5555 encap-sport 1", 12, 0 },
};

/* Whether options of @set go together, and with @mode; their words and bytes. */
static bool combine(const struct mode *mode, unsigned int set, char *words, size_t room,
		    unsigned int *bytes)
{
	size_t i, len = 0;
	__u64 seen = 0;

	words[0] = 0;
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (!(set >> i & 1))
			continue;
		if (seen & options[i].bit || !(mode->keywords & options[i].bit))
			return false;
		seen |= options[i].bit;
		len += snprintf(words + len, room - len, " %s", options[i].words);
		*bytes += options[i].bytes;
	}
	return true;
}

static void check_overhead(const struct mode *mode, const char *words, unsigned int bytes)
{
	static const char *const limits[] = { "", "encaplimit none" };
	bool wraps = mode->wrap != WRAP_NONE;
	unsigned int outer = mode->family == FAMILY_IPV4 ? 20 : 48;
	struct tunnel_spec spec;
	struct tunnel record;
	struct error err = {};
	char line[256];
	size_t i, j;

	outer += mode->payload == PAYLOAD_GRE ? 4 : mode->payload == PAYLOAD_ERSPAN ? 16 : 0;
	if (mode->payload == PAYLOAD_ERSPAN)
		bytes = 0;
	outer += mode->inner == INNER_ETHERNET ? 14 : 0;
	outer += wraps ? 16 : 0;
	for (i = 0; i < ARRAY_SIZE(wrapped) && (!i || mode->keywords & GIVEN_WRAP); i++)
		for (j = 0; j < (mode->family == FAMILY_IPV6 ? 2 : 1); j++) {
			snprintf(line, sizeof(line), "mode %s%s%s %s %s", mode->name, needs(mode),
				 words, wrapped[i].words, limits[j]);
			if (spec_of(line, &spec, &err))
				fail_msg("%s: %s", line, err.text);
			assert_int_equal(spec_overhead(&spec),
					 outer + bytes + wrapped[i].bytes - 8 * j);
			memset(&record, 0, sizeof(record));
			spec_to_record(&spec, &record);
			assert_int_equal(record.hlen, spec_overhead(&spec));
		}
}

TEST(overhead)
{
	const struct mode *mode;
	unsigned int set, bytes;
	size_t i, tried = 0;
	char words[128];

	for (i = 0; (mode = mode_row(i)); i++)
		for (set = 0; set < 1u << ARRAY_SIZE(options); set++) {
			bytes = 0;
			if (!combine(mode, set, words, sizeof(words), &bytes))
				continue;
			check_overhead(mode, words, bytes);
			tried++;
		}
	assert_true(tried > 200);
}

/* ---- the record ---- */

TEST(record_round_trip)
{
	static const char *const ends[] = { "", "remote %s", "local %s", "remote %s ttl 255" };
	const struct mode *mode;
	unsigned int set, bytes;
	char words[128], line[320], end[64];
	size_t i, j, k;

	for (i = 0; (mode = mode_row(i)); i++)
		for (set = 0; set < 1u << ARRAY_SIZE(options); set++) {
			if (!combine(mode, set, words, sizeof(words), &bytes))
				continue;
			for (j = 0; j < ARRAY_SIZE(wrapped) * ARRAY_SIZE(ends); j++) {
				if (mode->wrap != WRAP_NONE && j % ARRAY_SIZE(wrapped))
					continue;

				struct tunnel_spec spec, back;
				struct tunnel record = {};
				struct error err = {};

				k = j / ARRAY_SIZE(wrapped);
				if (j % ARRAY_SIZE(wrapped) && !(mode->keywords & GIVEN_WRAP))
					continue;
				snprintf(end, sizeof(end), ends[k], remotes[mode->family]);
				snprintf(line, sizeof(line), "mode %s%s%s %s %s", mode->name,
					 needs(mode), words, end,
					 wrapped[j % ARRAY_SIZE(wrapped)].words);
				if (spec_of(line, &spec, &err))
					fail_msg("%s: %s", line, err.text);
				spec_to_record(&spec, &record);
				spec_init(&back, "t1");
				spec_from_record(&record, &back);
				assert_memory_equal(&back, &spec, sizeof(spec));
			}
		}
}

/* Keywords of ERSPAN's versions: which go together, how long the headers are, what is kept. */
TEST(erspan)
{
	static const struct {
		const char *words, *printed;
		unsigned int overhead;
	} right[] = {
		{ "", "erspan_ver 1", 50 },
		{ "erspan 5 seq key 1023", "key 1023 seq erspan_ver 1 erspan 5", 50 },
		{ "erspan_ver 0", "erspan_ver 0", 38 },
		{ "erspan_ver 2 key 7", "key 7 erspan_ver 2", 54 },
		{ "erspan_ver 2 erspan_dir egress erspan_hwid 63",
		  "erspan_ver 2 erspan_dir egress erspan_hwid 63", 54 },
		{ "erspan_dir ingress erspan_ver 2", "erspan_ver 2", 54 },
	};
	static const struct {
		const char *words, *text;
	} wrong[] = {
		{ "erspan_ver 3", "erspan_ver: \"3\" is not a version of ERSPAN, 0, 1 or 2" },
		{ "key 1024", "key: \"1024\" is not a session of ERSPAN, 0..1023" },
		{ "ikey 1 okey 1024", "okey: \"1024\" is not a session of ERSPAN, 0..1023" },
		{ "erspan 1048576", "erspan: \"1048576\" is not an index of ERSPAN, 0..1048575" },
		{ "erspan_ver 2 erspan_hwid 64",
		  "erspan_hwid: \"64\" is not a hardware id of ERSPAN, 0..63" },
		{ "erspan_ver 2 erspan_dir both", "erspan_dir: \"both\" is not ingress or egress" },
		{ "erspan_dir egress", "erspan_dir: goes with `erspan_ver 2`, not with 1" },
		{ "erspan_hwid 1", "erspan_hwid: goes with `erspan_ver 2`, not with 1" },
		{ "erspan_ver 2 erspan 5", "erspan: goes with `erspan_ver 1`, not with 2" },
		{ "erspan_ver 0 erspan 5", "erspan: goes with `erspan_ver 1`, not with 0" },
		{ "erspan_ver 0 key 5", "key: version 0 of ERSPAN has no sessions; leave it out" },
		{ "erspan_ver 0 seq",
		  "seq: version 0 of ERSPAN has no sequence numbers; leave it out" },
		{ "csum", "csum: mode erspan has no such keyword" },
		{ "anchor dummy", NULL },
	};
	struct tunnel_spec spec, back;
	struct tunnel record = {};
	struct error err = {};
	char line[128], text[128], want[192];
	FILE *out;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(right); i++) {
		snprintf(line, sizeof(line), "mode erspan remote 192.0.2.7 %s", right[i].words);
		if (spec_of(line, &spec, &err))
			fail_msg("%s: %s", line, err.text);
		assert_int_equal(spec_overhead(&spec), right[i].overhead);
		assert_true(spec_segments(&spec));
		spec_to_record(&spec, &record);
		spec_init(&back, "t1");
		spec_from_record(&record, &back);
		assert_memory_equal(&back, &spec, sizeof(spec));
		out = fmemopen(text, sizeof(text), "w");
		spec_print(&back, out);
		fputc(0, out);
		fclose(out);
		snprintf(want, sizeof(want), " mode erspan remote 192.0.2.7 %s", right[i].printed);
		assert_string_equal(text, want);
	}
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "mode erspan remote 192.0.2.7 %s", wrong[i].words);
		if (!spec_of(line, &spec, &err))
			fail_msg("%s: accepted", line);
		if (wrong[i].text)
			assert_string_equal(err.text, wrong[i].text);
		assert_int_equal(err.status, STATUS_USAGE);
	}
}

TEST(record_fields)
{
	struct tunnel record = {};
	struct tunnel_spec spec;
	struct error err = {};

	assert_int_equal(spec_of("mode ip6gre local 2001:db8::5 remote 2001:db8::7 ikey 1 okey "
				 "0.0.0.2 flowlabel 12345 encaplimit 9 encap gue encap-sport 5 "
				 "encap-dport 6 hoplimit 7 tclass b8 oseq icsum encap-csum",
				 &spec, &err),
			 0);
	spec_to_record(&spec, &record);
	assert_int_equal(record.local.v6[0], htonl(0x20010db8));
	assert_int_equal(record.local.v6[3], htonl(5));
	assert_int_equal(record.remote.v6[3], htonl(7));
	assert_int_equal(record.family, FAMILY_IPV6);
	assert_int_equal(record.wrap, WRAP_GUE);
	assert_int_equal(record.payload, PAYLOAD_GRE);
	assert_int_equal(record.inner, INNER_IPV4 | INNER_IPV6 | INNER_MPLS);
	assert_int_equal(record.ttl, 7);
	assert_int_equal(record.tos, 0xb8);
	assert_int_equal(record.encap_limit, 9);
	assert_int_equal(record.ikey, htonl(1));
	assert_int_equal(record.okey, htonl(2));
	assert_int_equal(record.flowlabel, htonl(0x12345));
	assert_int_equal(record.sport, htons(5));
	assert_int_equal(record.dport, htons(6));
	assert_int_equal(record.hlen, 40 + 8 + 8 + 4 + 4 + 4 + 4);
	assert_int_equal(record.flags, TUNNEL_IKEY | TUNNEL_OKEY | TUNNEL_OSEQ | TUNNEL_ICSUM |
					       TUNNEL_WRAP_CSUM | TUNNEL_ENCAP_LIMIT |
					       TUNNEL_TOS_PLAIN | TUNNEL_OVER_IPV6);
	assert_true(spec_segments(&spec));
}

/* VXLAN and GENEVE: what they are when little is said, and what each keyword does to the record. */
TEST(wrapping_modes)
{
	static const struct {
		const char *words;
		__u32 flags; /* but TUNNEL_LEARNING */
		__u8 family, ttl;
		__u16 hlen, dport;
	} cases[] = {
		{ "mode vxlan id 5 dstport 4789", TUNNEL_IGNORE_DF, FAMILY_IPV4, 64, 50, 4789 },
		{ "mode geneve id 5", TUNNEL_IGNORE_DF, FAMILY_IPV4, 64, 50, 6081 },
		{ "remote 2001:db8::7 mode vxlan dstport 1 id 5", TUNNEL_WRAP_CSUM, FAMILY_IPV6, 64,
		  70, 1 },
		{ "mode geneve local 2001:db8::7 id 5", TUNNEL_WRAP_CSUM, FAMILY_IPV6, 64, 70,
		  6081 },
		{ "mode geneve id 5 df set udpcsum ttl 9", TUNNEL_DF | TUNNEL_WRAP_CSUM,
		  FAMILY_IPV4, 9, 50, 6081 },
		{ "mode geneve id 5 df inherit udp6zerocsumtx ttl inherit", 0, FAMILY_IPV4, 0, 50,
		  6081 },
		{ "mode geneve vni 5 df set remote 2001:db8::7 udpcsum ttl auto", TUNNEL_WRAP_CSUM,
		  FAMILY_IPV6, 64, 70, 6081 },
		{ "mode geneve id 5 remote 2001:db8::7 udp6zerocsumtx udp6zerocsumrx",
		  TUNNEL_UDP_ZERO_RX, FAMILY_IPV6, 64, 70, 6081 },
	};
	struct tunnel_spec spec, back;
	struct error err = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tunnel record = {};

		if (spec_of(cases[i].words, &spec, &err))
			fail_msg("%s: %s", cases[i].words, err.text);
		spec_to_record(&spec, &record);
		assert_int_equal(record.flags & ~(TUNNEL_LEARNING | TUNNEL_NO_REMOTE),
				 cases[i].flags | TUNNEL_SHOWS_FLOW);
		assert_true(record.flags & TUNNEL_LEARNING);
		assert_int_equal(record.ageing, 300);
		assert_int_equal(record.family, cases[i].family);
		assert_int_equal(record.ttl, cases[i].ttl);
		assert_int_equal(record.hlen, cases[i].hlen);
		assert_int_equal(record.dport, htons(cases[i].dport));
		assert_int_equal(record.okey, htonl(5 << 8));
		assert_int_equal(record.ikey, htonl(5 << 8));
		assert_int_equal(record.ip_proto, WIRE_IPPROTO_UDP);
		spec_init(&back, "t1");
		spec_from_record(&record, &back);
		assert_memory_equal(&back, &spec, sizeof(spec));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keywords_of_modes),
		cmocka_unit_test(defaults),
		cmocka_unit_test(opposites),
		cmocka_unit_test(overhead),
		cmocka_unit_test(record_round_trip),
		cmocka_unit_test(record_fields),
		cmocka_unit_test(erspan),
		cmocka_unit_test(wrapping_modes),
	};

	return cmocka_run_group_tests_name("modes", tests, NULL, NULL);
}
