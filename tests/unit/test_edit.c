// SPDX-License-Identifier: GPL-2.0
/* Command lines that edit a configuration in memory: what they do, and how bad ones are answered.
 */
#include <errno.h>

#include "fixture.h"

/* The configuration that edits begin from: `ours` exists in the kernel, as an ifb. */
static void begin(struct model *model)
{
	fixture_init(model);
	fixture_accept(model, "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64\n"
			      "tunnel add new mode ipip local 10.1.1.5 remote 10.1.1.8 dev eth0\n"
			      "attach eth1\n");
	model->tunnels[0].port = LINK_OURS;
	model->tunnels[0].record.anchor = LINK_OURS;
	model->tunnels[0].record.kind = ANCHOR_IFB;
}

static const char begun[] = "attach eth1\n"
			    "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64\n"
			    "tunnel add new mode ipip local 10.1.1.5 remote 10.1.1.8 dev eth0\n";

/* Edits, and what would have made the same. */
static const struct {
	const char *edit, *saved;
} edits[] = {
	{ "tunnel add t3 mode ipip", "tunnel add t3 mode ipip\n" },
	{ "tunnel add name t3 mode ip/ip remote 1.2.3.4",
	  "tunnel add t3 mode ipip remote 1.2.3.4\n" },
	{ "link add t3 type ipip remote 1.2.3.4", "tunnel add t3 mode ipip remote 1.2.3.4\n" },
	{ "link add name t3 type ipip local 1.2.3.4 ttl 5 tos inherit pmtudisc dev eth1",
	  "tunnel add t3 mode ipip local 1.2.3.4 dev eth1 ttl 5 tos inherit\n" },
	{ "link add dev t3 type ipip", "tunnel add t3 mode ipip\n" },
	{ "link add t3 mtu 1400 address 02:00:00:00:00:07 type gretap",
	  "tunnel add t3 mode gretap\n" },
	{ "tunnel replace t3 mode ipip nopmtudisc", "tunnel add t3 mode ipip nopmtudisc\n" },
	{ "tunnel add t3 mode ipip dev new", "tunnel add t3 mode ipip dev new\n" },
};

TEST(edit_adds)
{
	struct error err = {};
	struct model model;
	char want[1024];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(edits); i++) {
		begin(&model);
		if (fixture_line(&model, edits[i].edit, &err))
			fail_msg("%s: %s", edits[i].edit, err.text);
		snprintf(want, sizeof(want), "%s%s", begun, edits[i].saved);
		assert_made_by(&model, want);
		model_free_like(&model);
	}
}

/* Edits of `ours`, and the line that it has afterwards (NULL: none). */
static const struct {
	const char *edit, *line;
} changes[] = {
	{ "tunnel change ours ttl 9",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 9\n" },
	{ "tunnel change ours ttl inherit nopmtudisc",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 nopmtudisc\n" },
	{ "tunnel change name ours remote any local any dev eth0",
	  "tunnel add ours mode ipip dev eth0 ttl 64\n" },
	{ "tunnel change ours",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64\n" },
	{ "tunnel change ours anchor ifb",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64 anchor ifb\n" },
	{ "tunnel change ours remote 10.1.1.9 mode ipip",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.9 ttl 64\n" },
	{ "tunnel replace ours mode ipip", "tunnel add ours mode ipip\n" },
	{ "tunnel replace ours mode ipip local 10.1.1.5 remote 10.1.1.7 anchor ifb",
	  "tunnel add ours mode ipip local 10.1.1.5 remote 10.1.1.7 anchor ifb\n" },
	{ "tunnel del ours", NULL },
	{ "tunnel delete name ours", NULL },
	{ "link del ours", NULL },
	{ "link del dev ours", NULL },
	{ "link delete ours type ipip", NULL },
};

TEST(edit_changes)
{
	static const char other[] =
		"tunnel add new mode ipip local 10.1.1.5 remote 10.1.1.8 dev eth0\n";
	struct error err = {};
	struct model model;
	char want[1024];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		begin(&model);
		if (fixture_line(&model, changes[i].edit, &err))
			fail_msg("%s: %s", changes[i].edit, err.text);
		snprintf(want, sizeof(want), "attach eth1\n%s%s", changes[i].line ?: "", other);
		assert_made_by(&model, want);
		/* The device stays. */
		if (changes[i].line) {
			assert_int_equal(model.tunnels[0].port, LINK_OURS);
			assert_int_equal(model.tunnels[0].record.kind, ANCHOR_IFB);
		}
		model_free_like(&model);
	}
}

TEST(edit_devices)
{
	struct error err = {};
	struct model model;
	char *saved;

	begin(&model);
	assert_int_equal(fixture_line(&model, "attach dev eth0 tc", &err), 0);
	assert_int_equal(fixture_line(&model, "attach lo", &err), 0);
	assert_int_equal(fixture_line(&model, "detach eth1", &err), 0);
	assert_int_equal(model.manual_count, 2);
	assert_int_equal(model.manual[0].ifindex, LINK_ETH0);
	assert_int_equal(model.manual[1].ifindex, LINK_LO);
	assert_int_equal(fixture_line(&model, "attach dev xdp generic forward", &err), -EINVAL);
	assert_int_equal(fixture_line(&model, "attach dev dev xdp generic forward", &err), 0);
	assert_int_equal(model.manual[2].flags, DEVICE_MANUAL | DEVICE_XDP | DEVICE_GENERIC |
							DEVICE_FORWARD);
	assert_int_equal(fixture_line(&model, "attach eth1 xdp native", &err), 0);
	assert_int_equal(model.manual[3].flags, DEVICE_MANUAL | DEVICE_XDP);
	saved = fixture_save(&model);
	assert_non_null(strstr(saved, "attach dev dev xdp generic forward\nattach eth1 xdp\n"));
	free(saved);
	assert_int_equal(fixture_line(&model, "attach eth0 xdp", &err), 0);
	assert_int_equal(model.manual[0].flags, DEVICE_MANUAL | DEVICE_XDP);
	assert_int_equal(fixture_line(&model, "detach eth0 xdp", &err), 0);
	assert_int_equal(model.manual[0].flags, DEVICE_MANUAL);
	assert_int_equal(fixture_line(&model, "detach dev eth0 tc", &err), -EBUSY);
	assert_non_null(strstr(err.text, "eth0 is in use by tunnels, and stays attached as long as "
					 "they are: new"));
	assert_int_equal(fixture_line(&model, "tunnel del new", &err), 0);
	assert_int_equal(fixture_line(&model, "detach dev eth0 tc", &err), 0);
	assert_int_equal(model.manual_count, 3);
	assert_int_equal(fixture_line(&model, "flush", &err), 0);
	assert_int_equal(model.count, 0);
	assert_int_equal(model.manual_count, 0);
	saved = fixture_save(&model);
	assert_string_equal(saved, "");
	free(saved);
	model_free_like(&model);
}

/* Bad input: status and how the answer begins. Nothing is changed by any of them. */
static const struct bad {
	const char *line;
	enum status status;
	const char *text;
} bad[] = {
	/* commands */
	{ "tunel add t3", STATUS_USAGE, "\"tunel\" is no command; did you mean tunnel?" },
	{ "elephant", STATUS_USAGE, "\"elephant\" is no command; see `xtun help`" },
	{ "tunnel ad t3", STATUS_USAGE, "tunnel: \"ad\" is no verb of it; did you mean add?" },
	{ "tunnel dle t3", STATUS_USAGE, "tunnel: \"dle\" is no verb of it; did you mean del?" },
	{ "tunnel explode", STATUS_USAGE, "tunnel: \"explode\" is no verb of it; see `xtun help`" },
	{ "link chnge t3", STATUS_USAGE, "link: \"chnge\" is no verb of it; did you mean change?" },
	/* keywords */
	{ "tunnel add t3 mod ipip", STATUS_USAGE,
	  "tunnel add: \"mod\" is no keyword here; did you mean mode?" },
	{ "tunnel add t3 mode ipip remot 10.1.1.7", STATUS_USAGE,
	  "tunnel add: \"remot\" is no keyword here; did you mean remote?" },
	{ "tunnel add t3 mode ipip key 5", STATUS_USAGE,
	  "tunnel add: key: mode ipip has no such keyword" },
	{ "tunnel change ours csum", STATUS_USAGE,
	  "tunnel change: csum: mode ipip has no such keyword" },
	{ "tunnel add t3 mode ipi", STATUS_USAGE,
	  "tunnel add: mode: \"ipi\" is not a mode; did you mean ipip?" },
	{ "tunnel add t3 mode vxlanx", STATUS_USAGE, "tunnel add: mode: \"vxlanx\" is not a mode" },
	{ "link add t3 mtu 67 type gre", STATUS_USAGE, "link add: mtu: \"67\" is not 68..65535" },
	{ "link add t3 mtu", STATUS_USAGE, "link add: mtu: its value is missing" },
	{ "link add t3 address 03:00:00:00:00:07 type gretap", STATUS_USAGE,
	  "link add: address: \"03:00:00:00:00:07\" is not the MAC of one host, as "
	  "02:00:00:00:00:07 is" },
	{ "link add t3 address 02:00:00:00:00:07 type gre", STATUS_USAGE,
	  "link add: address: the device of a gre tunnel has none" },
	{ "link add t3 type ipi", STATUS_USAGE,
	  "link add: type: \"ipi\" is not a type; did you mean ipip?" },
	/* VXLAN and GENEVE */
	{ "tunnel add t3 mode vxlan dstport 4789", STATUS_USAGE, "tunnel add: id: missing" },
	{ "link add t3 type geneve remote 10.1.1.7", STATUS_USAGE, "link add: id: missing" },
	{ "link add t3 type vxlan id 16777216", STATUS_USAGE,
	  "link add: id: \"16777216\" is not 0..16777215" },
	{ "link add t3 type vxlan id 1 dstport 0", STATUS_USAGE,
	  "link add: dstport: \"0\" is not 1..65535" },
	{ "link add t3 type vxlan id 1 dstport 65536", STATUS_USAGE,
	  "link add: dstport: \"65536\" is not 1..65535" },
	{ "link add t3 type vxlan id 1 srcport 5", STATUS_USAGE,
	  "link add: srcport: its value MIN MAX is missing" },
	{ "link add t3 type vxlan id 1 srcport 6 5", STATUS_USAGE,
	  "link add: srcport: \"6 5\": the range ends before it begins" },
	{ "link add t3 type vxlan id 1 encap fou encap-dport 5", STATUS_USAGE,
	  "link add: encap: mode vxlan has no such keyword" },
	{ "link add t3 type vxlan id 1 csum", STATUS_USAGE,
	  "link add: csum: mode vxlan has no such keyword" },
	{ "link add t3 type gretap udpcsum", STATUS_USAGE,
	  "link add: udpcsum: mode gretap has no such keyword" },
	{ "link add t3 type vxlan id 1 geneve-opt 1:2:", STATUS_USAGE,
	  "link add: geneve-opt: mode vxlan has no such keyword" },
	{ "link add t3 type geneve id 1 geneve-opt 1:2:00", STATUS_USAGE,
	  "link add: geneve-opt: the data of an option are whole words of four bytes, up to 124 "
	  "bytes; here are 1" },
	{ "link add t3 type geneve id 1 geneve-opt 1:2", STATUS_USAGE,
	  "link add: geneve-opt: \"1:2\" is not CLASS:TYPE:DATA" },
	{ "link add t3 type vxlan id 1 group 239.1.1.1", STATUS_USAGE,
	  "link add: group: multicast between the ends is not done" },
	{ "link add t3 type vxlan id 1 gbp", STATUS_USAGE, "link add: gbp: this extension" },
	{ "link add t3 type vxlan id 1 remote 10.1.1.7 local 2001:db8::1", STATUS_USAGE,
	  "link add: local: \"2001:db8::1\" is an IPv6 address; mode vxlan has IPv4 outside" },
	{ "link add t3 type gre ttl auto", STATUS_USAGE,
	  "link add: ttl: \"auto\" is not 1..255 or inherit" },
	{ "tunnel add t3", STATUS_USAGE, "tunnel add: mode: missing" },
	{ "tunnel add t3 mode", STATUS_USAGE, "tunnel add: mode: its value MODE is missing" },
	{ "tunnel add t3 mode ipip remote", STATUS_USAGE,
	  "tunnel add: remote: its value ADDR is missing" },
	{ "tunnel add t3 mode ipip ttl 3 ttl 3", STATUS_USAGE,
	  "tunnel add: ttl: given twice, or with its opposite" },
	{ "tunnel add t3 mode ipip ttl 3 hoplimit 3", STATUS_USAGE,
	  "tunnel add: hoplimit: given twice, or with its opposite" },
	{ "tunnel add t3 mode ipip pmtudisc nopmtudisc", STATUS_USAGE,
	  "tunnel add: nopmtudisc: given twice, or with its opposite" },
	{ "tunnel change ours ttl 3 ttl 4", STATUS_USAGE,
	  "tunnel change: ttl: given twice, or with its opposite" },
	{ "link add t3", STATUS_USAGE, "link add: `type TYPE` is missing" },
	{ "link add t3 mode ipip", STATUS_USAGE,
	  "link add: \"mode\": `type TYPE` is expected here" },
	{ "link add t3 type", STATUS_USAGE, "link add: type: its value TYPE is missing" },
	{ "link del ours type", STATUS_USAGE, "link del: type: its value TYPE is missing" },
	{ "link del ours ipip", STATUS_USAGE, "link del: \"ipip\": `type TYPE` is expected here" },
	{ "tunnel del ours now", STATUS_USAGE, "tunnel del: \"now\": nothing more is expected" },
	{ "flush all", STATUS_USAGE, "flush: \"all\": nothing more is expected here" },
	/* values */
	{ "tunnel add t3 mode ipip remote 10.1.1.300", STATUS_USAGE,
	  "tunnel add: remote: \"10.1.1.300\" is not an address or any" },
	{ "tunnel add t3 mode ipip local 2001:db8::5", STATUS_USAGE,
	  "tunnel add: local: \"2001:db8::5\" is an IPv6 address; mode ipip has IPv4 outside" },
	{ "tunnel add t3 mode ipip ttl 256", STATUS_USAGE,
	  "tunnel add: ttl: \"256\" is not 1..255 or inherit" },
	{ "tunnel add t3 mode ipip ttl 80abc", STATUS_USAGE,
	  "tunnel add: ttl: \"80abc\" is not 1..255 or inherit" },
	{ "tunnel add t3 mode ipip hlim 0", STATUS_USAGE,
	  "tunnel add: hlim: \"0\" is not 1..255 or inherit" },
	{ "tunnel add t3 mode ipip tos 100", STATUS_USAGE,
	  "tunnel add: tos: \"100\" is not 00..fc, a class (CS0..CS7, AF11..AF43, EF), inherit or "
	  "inherit/00..fc" },
	{ "tunnel add t3 mode ipip tos 3", STATUS_USAGE, "tunnel add: tos: \"3\" has ECN bits" },
	{ "tunnel add t3 mode ipip anchor vet", STATUS_USAGE,
	  "tunnel add: anchor: \"vet\" is not a kind of anchor; did you mean veth?" },
	{ "tunnel add t3 mode ipip anchor bridge", STATUS_USAGE,
	  "tunnel add: anchor: \"bridge\" is not auto, dummy, ifb" },
	{ "tunnel add t3 mode ipip ttl 64 nopmtudisc", STATUS_USAGE,
	  "tunnel add: nopmtudisc: a fixed ttl needs pmtudisc" },
	{ "tunnel change ours nopmtudisc", STATUS_USAGE,
	  "tunnel change: nopmtudisc: a fixed ttl needs pmtudisc" },
	/* names */
	{ "tunnel add", STATUS_USAGE, "tunnel add: the tunnel's name is missing" },
	{ "tunnel add name", STATUS_USAGE, "tunnel add: the tunnel's name is missing" },
	{ "tunnel add 1234567890123456 mode ipip", STATUS_USAGE,
	  "tunnel add: \"1234567890123456\": a name has at most 15 bytes" },
	{ "tunnel add a/b mode ipip", STATUS_USAGE, "tunnel add: \"a/b\": a name has no slash" },
	{ "tunnel del", STATUS_USAGE, "tunnel del: the tunnel's name is missing" },
	{ "attach", STATUS_USAGE, "attach: the device is missing" },
	{ "attach eth0 XDP", STATUS_USAGE, "attach: \"XDP\": nothing more is expected here" },
	{ "attach eth0 xdp fast", STATUS_USAGE, "attach: \"fast\": nothing more is expected here" },
	{ "attach eth0 tc native", STATUS_USAGE,
	  "attach: \"native\": nothing more is expected here" },
	{ "attach eth0 xdp native generic", STATUS_USAGE,
	  "attach: \"generic\": nothing more is expected here" },
	{ "attach eth0 forward", STATUS_USAGE,
	  "attach: \"forward\": nothing more is expected here" },
	{ "attach eth0 xdp forward native", STATUS_USAGE,
	  "attach: \"native\": nothing more is expected here" },
	{ "detach eth1 generic", STATUS_USAGE,
	  "detach: \"generic\": nothing more is expected here" },
	{ "attach 1234567890123456", STATUS_USAGE, "attach: \"1234567890123456\": a name has" },
	{ "restore", STATUS_USAGE, "restore: FILE is missing" },
	{ "restore a b", STATUS_USAGE, "restore: \"b\": nothing more is expected here" },
	{ "format", STATUS_USAGE, "format: a number is expected" },
	{ "format 1x", STATUS_USAGE, "format: a number is expected" },
	{ "format 0", STATUS_USAGE, "format: a number is expected" },
	{ "format 1 2", STATUS_USAGE, "format: \"2\": nothing more is expected here" },
	/* the state */
	{ "format 2", STATUS_REFUSED,
	  "format: written by a newer version of xtun (format 2; this one reads up to 1)" },
	{ "tunnel add ours mode ipip", STATUS_REFUSED,
	  "tunnel add: there is a tunnel ours already; use `tunnel change` or `tunnel replace`" },
	{ "link add new type ipip", STATUS_REFUSED, "link add: there is a tunnel new already" },
	{ "tunnel add eth1 mode ipip", STATUS_REFUSED,
	  "tunnel add: the name eth1 is taken by a device that is not xtun's" },
	{ "tunnel replace eth1 mode ipip", STATUS_REFUSED,
	  "tunnel replace: the name eth1 is taken by a device that is not xtun's" },
	{ "tunnel add t3 mode ipip local 10.1.1.5 remote 10.1.1.7", STATUS_REFUSED,
	  "tunnel add: ours has local 10.1.1.5 remote 10.1.1.7 already; no other tunnel could" },
	{ "tunnel add t3 mode ipip local 10.1.1.5 remote 10.1.1.8 dev eth1", STATUS_REFUSED,
	  "tunnel add: new has local 10.1.1.5 remote 10.1.1.8 already" },
	{ "tunnel change ours remote 10.1.1.8", STATUS_REFUSED,
	  "tunnel change: new has local 10.1.1.5 remote 10.1.1.8 already" },
	{ "tunnel replace ours mode ipip local 10.1.1.5 remote 10.1.1.8", STATUS_REFUSED,
	  "tunnel replace: new has local 10.1.1.5 remote 10.1.1.8 already" },
	{ "tunnel add t3 mode ipip dev eth9", STATUS_REFUSED,
	  "tunnel add: dev: there is no device \"eth9\"" },
	{ "tunnel change ours dev if2", STATUS_REFUSED,
	  "tunnel change: dev: there is no device \"if2\"" },
	{ "tunnel add t3 mode ipip dev ppp0", STATUS_REFUSED,
	  "tunnel add: dev: ppp0 is not an Ethernet device" },
	{ "tunnel change t3 ttl 5", STATUS_REFUSED, "tunnel change: there is no tunnel t3" },
	{ "tunnel del t3", STATUS_REFUSED, "tunnel del: there is no tunnel t3" },
	{ "tunnel del eth0", STATUS_REFUSED,
	  "tunnel del: eth0 is a device, but not a tunnel of xtun" },
	{ "link del dev t3 type ipip", STATUS_REFUSED, "link del: there is no tunnel t3" },
	{ "tunnel change ours anchor veth", STATUS_REFUSED,
	  "tunnel change: anchor: the device of a tunnel cannot become another" },
	{ "tunnel replace ours mode ipip anchor veth", STATUS_REFUSED,
	  "tunnel replace: anchor: the device of a tunnel cannot become another" },
	{ "attach eth9", STATUS_REFUSED, "attach: there is no device \"eth9\"" },
	{ "attach eth1", STATUS_REFUSED, "attach: eth1 is attached already" },
	{ "attach ppp0", STATUS_REFUSED, "attach: ppp0 is not an Ethernet device" },
	{ "attach ours xdp", STATUS_REFUSED, "attach: xdp: ours carries a tunnel" },
	{ "detach eth0", STATUS_REFUSED, "detach: eth0 was not attached by `xtun attach`" },
	{ "detach eth0 xdp", STATUS_REFUSED, "detach: xdp: eth0 is not attached at XDP" },
	{ "detach eth9", STATUS_REFUSED, "detach: there is no device \"eth9\"" },
	{ "restore /nonexistent/file", STATUS_REFUSED,
	  "restore: /nonexistent/file: No such file or directory" },
};

TEST(bad_input)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {};
		struct model model;

		begin(&model);
		if (!fixture_line(&model, bad[i].line, &err))
			fail_msg("%s: is accepted", bad[i].line);
		if (err.status != bad[i].status)
			fail_msg("%s: status %d", bad[i].line, err.status);
		assert_starts(err.text, bad[i].text);
		assert_null(strchr(err.text, '\n'));
		assert_made_by(&model, begun);
		model_free_like(&model);
	}
}

/* Words that no line of a file can hold. */
TEST(bad_words)
{
	static const struct {
		const char *words[6], *text;
	} cases[] = {
		{ { "tunnel", "add", "", "mode", "ipip" }, "tunnel add: the name is empty" },
		{ { "tunnel", "add", "a b", "mode", "ipip" },
		  "tunnel add: \"a b\": a name has no slash, colon or white space" },
		{ { "link", "add", "a\tb", "type", "ipip" }, "link add: \"a\tb\": a name has no" },
		{ { "tunnel", "add", "t3", "mode", "ipip", "" },
		  "tunnel add: \"\" is no keyword here" },
		{ { "tunnel", "add", "t3", "mode", "" }, "tunnel add: mode: \"\" is not a mode" },
		{ { "", "add" }, "\"\" is no command" },
		{ { "tunnel", "" }, "tunnel: \"\" is no verb of it" },
		{ { "attach", "" }, "attach: the name is empty" },
	};
	size_t i, count;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {};
		struct model model;
		char *words[6];

		for (count = 0; count < 6 && cases[i].words[count]; count++)
			words[count] = (char *)cases[i].words[count];
		begin(&model);
		assert_int_not_equal(fixture_edit(&model, words, count, &err), 0);
		assert_int_equal(err.status, STATUS_USAGE);
		assert_starts(err.text, cases[i].text);
		model_free_like(&model);
	}
}

/* A device that is down gets a warning, and the tunnel. */
static void edit_quietly(void *data)
{
	struct model *model = data;

	fixture_accept(model, "tunnel add t3 mode ipip dev down0\nattach down0\n");
}

TEST(warns_of_device_down)
{
	struct model model;
	char *said;

	begin(&model);
	said = fixture_stderr(edit_quietly, &model);
	assert_int_equal(model.count, 3);
	assert_string_equal(said,
			    "xtun: warning: dev: down0 is down; nothing is carried until it is up\n"
			    "xtun: warning: down0 is down; nothing is received until it is up\n");
	free(said);
	model_free_like(&model);

	begin(&model);
	model.quiet = true;
	said = fixture_stderr(edit_quietly, &model);
	assert_string_equal(said, "");
	free(said);
	model_free_like(&model);
}

/* A name that another edit of the same file has made free. */
TEST(name_again)
{
	struct model model;

	begin(&model);
	fixture_accept(&model, "tunnel del ours\n"
			       "tunnel add ours mode ipip anchor veth\n"
			       "tunnel del new\n"
			       "tunnel add new mode ipip local 10.1.1.5 remote 10.1.1.7\n");
	assert_int_equal(model.count, 2);
	assert_int_equal(model_find(&model, "ours")->port, 0);
	model_free_like(&model);
}

/* Of a new configuration, what the old one has under the same name keeps its device. */
TEST(adopt)
{
	struct model now, want;

	begin(&now);
	model_empty_like(&now, &want);
	fixture_accept(&want, "tunnel add ours mode ipip\n"
			      "tunnel add other mode ipip remote 10.1.1.7\n");
	model_adopt(&want, &now);
	assert_int_equal(want.tunnels[0].port, LINK_OURS);
	assert_int_equal(want.tunnels[0].record.anchor, LINK_OURS);
	assert_int_equal(want.tunnels[1].port, 0);
	model_free_like(&want);

	model_empty_like(&now, &want);
	fixture_accept(&want, "tunnel add ours mode ipip anchor veth\n");
	model_adopt(&want, &now);
	assert_int_equal(want.tunnels[0].port, 0);
	model_free_like(&want);
	model_free_like(&now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edit_adds),    cmocka_unit_test(edit_changes),
		cmocka_unit_test(edit_devices), cmocka_unit_test(bad_input),
		cmocka_unit_test(bad_words),    cmocka_unit_test(warns_of_device_down),
		cmocka_unit_test(name_again),   cmocka_unit_test(adopt),
	};

	return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
