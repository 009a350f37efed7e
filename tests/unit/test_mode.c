// SPDX-License-Identifier: GPL-2.0
/* What a tunnel is: checks of the whole, and the record in the kernel. */
#include <arpa/inet.h>
#include <errno.h>

#include "fixture.h"
#include "mode.h"
#include "wire.h"

/* ---- the whole ---- */

/* Parse @line as the keywords of a tunnel and check it. */
static int spec_of(const char *line, struct tunnel_spec *spec, struct error *err)
{
	char copy[256], *words[32];
	struct args args = { .words = words };
	__u64 given = 0;
	int ret;

	spec_init(spec, "t1");
	strcpy(copy, line);
	args.count = args_split(copy, words, ARRAY_SIZE(words));
	ret = args_keywords(&args, tunnel_keywords, tunnel_keyword_count, spec, &given, err);
	spec_turn(spec);
	return ret ?: spec_check(spec, given, err);
}

TEST(check_accepts)
{
	static const char *const lines[] = {
		"mode ipip",
		"mode ipip local 10.1.1.5",
		"mode ipip remote 10.1.1.7 ttl 64 pmtudisc",
		"mode ipip remote 10.1.1.7 ttl inherit nopmtudisc",
		"mode ipip nopmtudisc tos inherit",
		"local 10.1.1.5 remote any mode ipip",
	};
	struct tunnel_spec spec;
	struct error err = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (spec_of(lines[i], &spec, &err))
			fail_msg("%s: %s", lines[i], err.text);
}

TEST(check_refuses)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{ "", "mode: missing" },
		{ "local 10.1.1.5 ttl 3", "mode: missing" },
		{ "mode ipip local 2001:db8::1", "local: \"2001:db8::1\" is an IPv6 address" },
		{ "mode ipip remote 2001:db8::1", "remote: \"2001:db8::1\" is an IPv6 address" },
		{ "mode ipip local 224.0.0.1", "local: \"224.0.0.1\" is not the address of one" },
		{ "mode ipip remote 239.1.1.1", "remote: \"239.1.1.1\" is not the address of one" },
		{ "mode ipip remote 255.255.255.255",
		  "remote: \"255.255.255.255\" is not the address of one" },
		{ "mode ipip ttl 64 nopmtudisc", "nopmtudisc: a fixed ttl needs pmtudisc" },
		{ "nopmtudisc ttl 1 mode ipip", "nopmtudisc: a fixed ttl needs pmtudisc" },
	};
	struct tunnel_spec spec;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {};

		assert_int_equal(spec_of(cases[i].line, &spec, &err), -EINVAL);
		assert_int_equal(err.status, STATUS_USAGE);
		assert_starts(err.text, cases[i].text);
	}
}

/* A keyword that a mode does not have. */
TEST(check_foreign_keyword)
{
	struct mode mode = *mode_row(0);
	struct tunnel_spec spec;
	struct error err = {};

	spec_init(&spec, "t1");
	mode.keywords &= ~GIVEN_TTL;
	spec.mode = &mode;
	assert_int_equal(spec_check(&spec, GIVEN_MODE | GIVEN_TOS, &err), 0);
	assert_int_equal(spec_check(&spec, GIVEN_MODE | GIVEN_TTL, &err), -EINVAL);
	assert_string_equal(err.text, "ttl: mode ipip has no such keyword");
}

TEST(overhead)
{
	struct tunnel_spec spec;
	struct error err;

	assert_int_equal(spec_of("mode ipip", &spec, &err), 0);
	assert_int_equal(spec_overhead(&spec), 20);
}

/* ---- the record ---- */

static void spec_line(const struct tunnel_spec *spec, char *text)
{
	FILE *out = fmemopen(text, 256, "w");

	spec_print(spec, out);
	fputc(0, out);
	fclose(out);
}

TEST(record_fields)
{
	struct tunnel record = {};
	struct tunnel_spec spec;
	struct error err;

	assert_int_equal(spec_of("mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64 tos inherit/b8",
				 &spec, &err),
			 0);
	spec.link = 9;
	spec_to_record(&spec, &record);
	assert_int_equal(record.local.v4, htonl(0x0a010105));
	assert_int_equal(record.remote.v4, htonl(0x0a010107));
	assert_int_equal(record.local.v6[1] | record.local.v6[2] | record.local.v6[3], 0);
	assert_int_equal(record.link, 9);
	assert_int_equal(record.family, FAMILY_IPV4);
	assert_int_equal(record.wrap, WRAP_NONE);
	assert_int_equal(record.payload, PAYLOAD_IP);
	assert_int_equal(record.inner, INNER_IPV4);
	assert_int_equal(record.ttl, 64);
	assert_int_equal(record.tos, 0xb8);
	assert_int_equal(record.flags, TUNNEL_DF | TUNNEL_TOS_INHERIT);
}

TEST(record_round_trip)
{
	static const char *const addresses[] = { "any", "10.1.1.5", "192.0.2.255" };
	static const char *const rest[] = { "", "ttl 1", "ttl 255", "nopmtudisc" };
	static const char *const tos[] = { "0", "fc", "inherit", "inherit/4" };
	static const char *const kinds[] = { "auto", "dummy", "ifb", "netkit" };
	unsigned int i, local, remote, other, kind, service;
	char line[256], before[256], after[256];

	for (i = 0; i < 3 * 3 * 4 * 4 * 4; i++) {
		struct tunnel_spec spec, back;
		struct tunnel record = {};
		struct error err = {};

		local = i % 3, remote = i / 3 % 3, other = i / 9 % 4;
		kind = i / 36 % 4, service = i / 144;
		snprintf(line, sizeof(line), "mode %s local %s remote %s %s tos %s anchor %s",
			 mode_row(0)->name, addresses[local], addresses[remote], rest[other],
			 tos[service], kinds[kind]);
		if (spec_of(line, &spec, &err))
			fail_msg("%s: %s", line, err.text);
		spec.link = i;
		/* The device's kind is known when it is made. */
		record.kind = spec.anchor ?: ANCHOR_IFB;
		spec_to_record(&spec, &record);
		spec_init(&back, "t1");
		spec_from_record(&record, &back);
		spec_line(&spec, before);
		spec_line(&back, after);
		assert_string_equal(after, before);
		assert_memory_equal(&back, &spec, sizeof(spec));
	}
}

/* Made by a version that knows more: no mode of ours. */
TEST(record_unknown)
{
	struct tunnel_spec spec;
	struct tunnel record = { .inner = 0x80 };

	spec_init(&spec, "t1");
	spec_from_record(&record, &spec);
	assert_null(spec.mode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_accepts),         cmocka_unit_test(check_refuses),
		cmocka_unit_test(check_foreign_keyword), cmocka_unit_test(overhead),
		cmocka_unit_test(record_fields),         cmocka_unit_test(record_round_trip),
		cmocka_unit_test(record_unknown),
	};

	return cmocka_run_group_tests_name("mode", tests, NULL, NULL);
}
