// SPDX-License-Identifier: GPL-2.0
/* `mirror add|del` in memory: what they make, how they are saved, and how bad ones are answered. */
#include "fixture.h"

static void begin(struct model *model)
{
	fixture_init(model);
	fixture_accept(model, "tunnel add tap mode gretap local 10.1.1.5 remote 10.1.1.7\n"
			      "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.8\n"
			      "mirror add m1 dev eth0 both to tap\n");
}

/* As one types them, and as they are saved. */
static const struct {
	const char *edit, *saved;
} mirrors[] = {
	{ "mirror add m dev eth1 ingress to tap", "mirror add m dev eth1 ingress to tap\n" },
	{ "mirror add m to tap egress dev eth1", "mirror add m dev eth1 egress to tap\n" },
	{ "mirror add m dev eth0 both to tap", "mirror add m dev eth0 both to tap\n" },
	{ "mirror add m dev lo both to tap sample 1", "mirror add m dev lo both to tap\n" },
	{ "mirror add m dev dev both to tap sample 100 snaplen 14",
	  "mirror add m dev dev both to tap sample 100 snaplen 14\n" },
	{ "mirror add m dev ours both to tap snaplen 65535",
	  "mirror add m dev ours both to tap snaplen 65535\n" },
	{ "mirror add m filter tcp dev eth1 both to tap",
	  "mirror add m dev eth1 both to tap filter 'tcp'\n" },
	{ "mirror add m dev eth1 both to tap filter 'tcp port 80 and # not'", NULL },
	{ "mirror add m dev eth1 both to tap filter 'host 10.1.1.5 and (tcp or udp)' sample 7",
	  "mirror add m dev eth1 both to tap sample 7 filter 'host 10.1.1.5 and (tcp or udp)'\n" },
	{ "mirror add \\'m dev eth1 both to tap", "mirror add \\'m dev eth1 both to tap\n" },
};

TEST(adds)
{
	struct error err = {};
	struct model model;
	char *saved, want[512];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mirrors); i++) {
		begin(&model);
		if (!mirrors[i].saved) {
			assert_int_not_equal(fixture_line(&model, mirrors[i].edit, &err), 0);
			model_free_like(&model);
			continue;
		}
		if (fixture_line(&model, mirrors[i].edit, &err))
			fail_msg("%s: %s", mirrors[i].edit, err.text);
		saved = fixture_save(&model);
		if (!strstr(saved, mirrors[i].saved))
			fail_msg("%s: saved as\n%s", mirrors[i].edit, saved);
		snprintf(want, sizeof(want), "%s", saved);
		assert_made_by(&model, want);
		free(saved);
		model_free_like(&model);
	}
}

TEST(deletes)
{
	struct model model;

	begin(&model);
	fixture_accept(&model, "mirror del m1\ntunnel del tap\n");
	assert_int_equal(model.mirror_count, 0);
	fixture_accept(&model, "tunnel add tap mode gretap remote 10.1.1.7\n"
			       "mirror add m2 dev eth0 both to tap\nflush\n");
	assert_true(model_is_empty(&model));
	assert_int_equal(model.mirror_count, 0);
	model_free_like(&model);
}

static const struct {
	const char *edit;
	enum status status;
	const char *text;
} refused[] = {
	{ "mirror add", STATUS_USAGE, "mirror add: the mirror's name is missing" },
	{ "mirror add a/b dev eth0 both to tap", STATUS_USAGE,
	  "mirror add: \"a/b\": a name has no slash, colon or white space" },
	{ "mirror add m", STATUS_USAGE, "mirror add: dev: missing" },
	{ "mirror add m dev eth0 to tap", STATUS_USAGE,
	  "mirror add: ingress, egress or both: missing" },
	{ "mirror add m dev eth0 both", STATUS_USAGE, "mirror add: to: missing" },
	{ "mirror add m dev eth0 ingress egress to tap", STATUS_USAGE,
	  "mirror add: egress: given twice, or with its opposite" },
	{ "mirror add m1 dev eth1 both to tap", STATUS_REFUSED,
	  "mirror add: there is a mirror m1 already; delete it first" },
	{ "mirror add m dev eth7 both to tap", STATUS_REFUSED,
	  "mirror add: dev: there is no device \"eth7\"" },
	{ "mirror add m dev ppp0 both to tap", STATUS_REFUSED,
	  "mirror add: dev: ppp0 has no Ethernet frames to be mirrored" },
	{ "mirror add m dev eth0 both to tap7", STATUS_REFUSED,
	  "mirror add: to: there is no tunnel tap7" },
	{ "mirror add m dev eth0 both to eth1", STATUS_REFUSED,
	  "mirror add: to: there is no tunnel eth1" },
	{ "mirror add m dev eth0 both to ours", STATUS_REFUSED,
	  "mirror add: to: ours is of mode ipip, which carries no Ethernet frames" },
	{ "mirror add m dev tap both to tap", STATUS_REFUSED,
	  "mirror add: dev: tap would be mirrored into itself" },
	{ "mirror add m dev eth0 both to tap sample 0", STATUS_USAGE,
	  "mirror add: sample: \"0\" is not 1..4294967295" },
	{ "mirror add m dev eth0 both to tap snaplen 13", STATUS_USAGE,
	  "mirror add: snaplen: \"13\" is not 14..65535" },
	{ "mirror add m dev eth0 both to tap snaplen 65536", STATUS_USAGE,
	  "mirror add: snaplen: \"65536\" is not 14..65535" },
	{ "mirror add m dev eth0 both to tap filter 'tcp prt 80'", STATUS_USAGE,
	  "mirror add: filter: can't parse filter expression: syntax error, at \"prt\" behind "
	  "\"tcp\"" },
	{ "mirror add m dev eth0 both to tap filter 'tcp port 80 an host 10.1.1.5'", STATUS_USAGE,
	  "mirror add: filter: can't parse filter expression: syntax error, at \"an\" behind "
	  "\"tcp port 80\"" },
	{ "mirror add m dev eth0 both to tap filter 'port 99999'", STATUS_USAGE,
	  "mirror add: filter: illegal port number 99999 > 65535" },
	{ "mirror add m dev eth0 both to tap filter 'ip protochain 6'", STATUS_REFUSED,
	  "mirror add: filter: it has a loop (protochain), which cannot be translated to eBPF" },
	{ "mirror add m dev eth0 both to tap filter '  '", STATUS_USAGE,
	  "mirror add: filter: the expression is empty" },
	{ "mirror del m7", STATUS_REFUSED, "mirror del: there is no mirror m7" },
	{ "mirror del m1 m2", STATUS_USAGE, "mirror del: \"m2\": nothing more is expected here" },
	{ "tunnel del tap", STATUS_REFUSED,
	  "tunnel del: mirror m1 sends its copies into tap; delete it first" },
	{ "link del tap", STATUS_REFUSED,
	  "link del: mirror m1 sends its copies into tap; delete it first" },
};

TEST(refusals)
{
	struct error err = {};
	struct model model;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		begin(&model);
		if (!fixture_line(&model, refused[i].edit, &err))
			fail_msg("%s: accepted", refused[i].edit);
		assert_string_equal(err.text, refused[i].text);
		if (err.status != refused[i].status)
			fail_msg("%s: status %d", refused[i].edit, err.status);
		assert_int_equal(model.mirror_count, 1);
		assert_int_equal(model.count, 2);
		model_free_like(&model);
	}
}

TEST(open_quote)
{
	struct error err = {};
	struct model model;

	begin(&model);
	assert_int_not_equal(
		batch_text(&model, "mirror add m dev eth0 both to tap filter 'tcp\n", "text", &err),
		0);
	assert_string_equal(err.text, "text: line 1: a quote (') has no end");
	assert_int_equal(model.mirror_count, 1);
	model_free_like(&model);
}

/* No more than there are ids for. */
TEST(many)
{
	struct error err = {};
	struct model model;
	char line[64];
	int i;

	begin(&model);
	for (i = 1; i < MAX_MIRRORS; i++) {
		snprintf(line, sizeof(line), "mirror add x%d dev eth0 both to tap", i);
		assert_int_equal(fixture_line(&model, line, &err), 0);
	}
	assert_int_not_equal(fixture_line(&model, "mirror add y dev eth0 both to tap", &err), 0);
	assert_string_equal(err.text, "mirror add: there are 256 mirrors already, and room for no "
				      "more");
	model_free_like(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds),       cmocka_unit_test(deletes), cmocka_unit_test(refusals),
		cmocka_unit_test(open_quote), cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
