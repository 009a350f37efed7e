// SPDX-License-Identifier: GPL-2.0
/* Files of commands, and that what is saved reads back as what it was. */
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "fixture.h"

enum { GENERATED = 4000, SEED = 1 };

TEST(lines)
{
	struct model model;

	fixture_init(&model);
	fixture_accept(&model, "");
	fixture_accept(&model, "\n\n# a comment\n   \n\t# another\n");
	assert_int_equal(model.count, 0);
	fixture_accept(&model, "format 1\r\n"
			       "tunnel add t1 mode ipip # the first\r\n"
			       "\n"
			       "  link add name t2 type ipip remote 10.1.1.7\n"
			       "tunnel change t1 ttl 64\n"
			       "tunnel del t2\n"
			       "attach eth0");
	assert_int_equal(model.count, 1);
	assert_string_equal(model.tunnels[0].spec.name, "t1");
	assert_int_equal(model.tunnels[0].spec.ttl, 64);
	assert_int_equal(model.manual_count, 1);
	model_free_like(&model);
}

static const struct {
	const char *text;
	enum status status;
	const char *error;
} bad[] = {
	{ "\n\n# three\ntunnel add t1 mode ipip\n\n\ntunnel add t2 mode ipip ttl 300\ntunnel x\n",
	  STATUS_USAGE, "file: line 7: tunnel add: ttl: \"300\" is not 1..255 or inherit" },
	{ "tunnel add t1 mode ipip\ntunnel del t2", STATUS_REFUSED,
	  "file: line 2: tunnel del: there is no tunnel t2" },
	{ "tunel add t1", STATUS_USAGE, "file: line 1: \"tunel\" is no command" },
	{ "tunnel add t1 mode ipip\ntunnel add t1 mode ipip remote 1.2.3.4\n", STATUS_REFUSED,
	  "file: line 2: tunnel add: there is a tunnel t1 already" },
	{ "tunnel add t1 mode ipip\ntunnel add t2 mode ipip\n", STATUS_REFUSED,
	  "file: line 2: tunnel add: t1 has local any remote any already" },
	{ "format 2\ntunnel add t1 mode ipip fly\n", STATUS_REFUSED,
	  "file: line 1: format: written by a newer version of xtun" },
	{ "tunnel show\n", STATUS_USAGE, "file: line 1: tunnel show: has no place in a file" },
	{ "tunnel\n", STATUS_USAGE, "file: line 1: tunnel show: has no place in a file" },
	{ "save\n", STATUS_USAGE, "file: line 1: save: has no place in a file" },
	{ "help\n", STATUS_USAGE, "file: line 1: help: has no place in a file" },
	{ "restore file\n", STATUS_USAGE, "file: line 1: restore: has no place in a file" },
	{ "-j tunnel show\n", STATUS_USAGE, "file: line 1: \"-j\" is no command" },
};

TEST(errors_name_line)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {};
		struct model model;

		fixture_init(&model);
		assert_int_not_equal(batch_text(&model, bad[i].text, "file", &err), 0);
		assert_starts(err.text, bad[i].error);
		assert_int_equal(err.status, bad[i].status);
		model_free_like(&model);
	}
}

TEST(long_lines)
{
	char text[1200] = "# ";
	struct error err = {};
	struct model model;
	size_t i;

	fixture_init(&model);
	memset(text + 2, 'x', sizeof(text) - 3);
	assert_int_equal(batch_text(&model, text, "file", &err), 0);
	text[0] = 'x';
	assert_int_not_equal(batch_text(&model, text, "file", &err), 0);
	assert_starts(err.text, "file: line 1: \"x\" is no command");
	for (i = 0; i < sizeof(text) - 1; i++)
		text[i] = i & 1 ? ' ' : 'x';
	assert_int_not_equal(batch_text(&model, text, "file", &err), 0);
	assert_starts(err.text, "file: line 1: more than ");
	model_free_like(&model);
}

/* What a user sees of it: one format line, then commands, the shortest that say it. */
TEST(save_text)
{
	static const char *const lines[] = {
		" mode ipip local 10.1.1.5 remote 10.1.1.7 dev eth0 ttl 64 tos inherit/0xb8 anchor "
		"veth",
		" mode ipip tos 0x10 nopmtudisc",
	};
	struct model model;
	char *saved;
	size_t i;

	fixture_init(&model);
	saved = fixture_save(&model);
	assert_string_equal(saved, "");
	free(saved);
	fixture_accept(&model, "link add t1 type ipip remote 10.1.1.7 local 10.1.1.5 anchor "
			       "veth tclass inherit/b8 hlim 0x40 pmtudisc dev eth0\n"
			       "tunnel add t2 mode ipip ttl inherit nopmtudisc local any tos 10\n"
			       "attach lo\n");
	saved = fixture_save(&model);
	assert_starts(saved, "format 1\nattach ");
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(saved, lines[i]))
			fail_msg("\"%s\" does not contain \"%s\"", saved, lines[i]);
	free(saved);
	model_free_like(&model);
}

/* One of the words as often as the others; all of it from one fixed seed. */
static unsigned int generator;

static unsigned int pick(unsigned int below)
{
	generator = generator * 1103515245 + 12345;
	return (generator >> 8) % below;
}

#define ANY_OF(words) ((words)[pick(ARRAY_SIZE(words))])

static void generate_over_ipv4(FILE *out)
{
	static const char *const ttl[] = { "",
					   " ttl 1",
					   " ttl 255",
					   " ttl inherit",
					   " nopmtudisc",
					   " ttl inherit nopmtudisc ignore-df",
					   " ignore-df nopmtudisc",
					   " pmtudisc ttl 0x40 noignore-df" };

	fputs(ANY_OF(ttl), out);
}

static void generate_over_ipv6(FILE *out)
{
	static const char *const ttl[] = { "", " hoplimit 64", " hlim 255", " ttl inherit",
					   " ttl 1" };
	static const char *const label[] = { "", " flowlabel inherit", " flowlabel 0x12345",
					     " flowlabel 0", " flowlabel fffff" };
	static const char *const limit[] = { "", " encaplimit none", " encaplimit 0",
					     " encaplimit 4", " encaplimit 255" };

	fputs(ANY_OF(ttl), out);
	fputs(ANY_OF(label), out);
	fputs(ANY_OF(limit), out);
}

/* What needs packets cut before it excludes kinds of anchor, and the other way round. */
static bool generate_gre(FILE *out)
{
	static const char *const key[] = { "",
					   " key 0",
					   " key 1.2.3.4",
					   " ikey 7 okey 8",
					   " ikey 4294967295",
					   " okey 0",
					   " okey 0xff ikey 255",
					   " nokey",
					   " key 5 noikey",
					   " key 5 nookey" };
	static const char *const csum[] = { "",       " icsum", " csum noocsum", " nocsum",
					    " ocsum", " csum",  " icsum ocsum" };
	static const char *const seq[] = { "",      " iseq", " seq nooseq", " noseq",
					   " oseq", " seq",  " oseq iseq" };
	unsigned int sums = pick(ARRAY_SIZE(csum)), numbers = pick(ARRAY_SIZE(seq));

	fputs(ANY_OF(key), out);
	fputs(csum[sums], out);
	fputs(seq[numbers], out);
	return sums > 3 || numbers > 3;
}

static bool generate_erspan(FILE *out)
{
	static const char *const words[] = {
		"",
		" erspan_ver 0",
		" erspan_ver 1 key 5 seq",
		" seq key 1023 erspan 1048575",
		" ikey 0 okey 7 oseq erspan 0",
		" iseq erspan_ver 2 key 0x10",
		" erspan_ver 2 erspan_dir egress",
		" erspan_hwid 63 key 1 erspan_ver 2 erspan_dir ingress",
	};

	fputs(ANY_OF(words), out);
	return true;
}

static bool generate_wrap(FILE *out, enum family family)
{
	static const char *const port[] = { "", " encap-sport auto", " encap-sport 1",
					    " encap-sport 65535" };
	static const char *const csum[] = { "", " noencap-csum", " encap-csum",
					    " encap-udp6-csum" };
	unsigned int sums = pick(ARRAY_SIZE(csum));

	if (pick(2)) {
		fputs(pick(2) ? "" : " encap none noencap-remcsum", out);
		return false;
	}
	fprintf(out, " encap %s encap-dport %u%s%s", pick(2) ? "fou" : "gue", 1 + pick(65535),
		ANY_OF(port), csum[sums]);
	/* Over IPv6 checksums are the default. */
	return sums > 1 || (family == FAMILY_IPV6 && sums != 1);
}

/* VXLAN or GENEVE, which may be over IPv6, too: what is given here is the local address over IPv4.
 */
static void generate_udp(FILE *out, enum wrap wrap, unsigned int number)
{
	static const char *const ttl[] = { "", " ttl inherit", " ttl auto", " ttl 9" };
	static const char *const df[] = { "", " df set", " df unset", " df inherit" };
	static const char *const sums[] = { "", " udpcsum", " udp6zerocsumrx", " noudpcsum" };
	static const char *const mine[] = { "",
					    " srcport 0 0",
					    " srcport 1000 2000",
					    " nolearning",
					    " ageing 0 maxaddress 0",
					    " learning ageing 10" };

	fprintf(out, " id %u dstport %u", number, wrap == WRAP_VXLAN ? 65533 : 65534);
	fputs(ANY_OF(ttl), out);
	fputs(ANY_OF(df), out);
	fputs(ANY_OF(sums), out);
	fputs(wrap == WRAP_VXLAN ? ANY_OF(mine) : "", out);
	fputc('\n', out);
}

/* A tunnel of one mode of all, with some of its keywords; its ends are its own. */
static void generate(FILE *out, unsigned int number)
{
	static const char *const tos[] = { "", " tos inherit", " tclass b8", " tos inherit/0x10",
					   " tos 0" };
	static const char *const dev[] = { "", "", " dev eth0", " dev eth1", " dev dev" };
	static const char *const cuts[] = { "", " anchor veth", " anchor netkit", " anchor auto" };
	static const char *const anchor[] = { "", " anchor ifb", " anchor dummy", " anchor veth" };
	static unsigned int modes;
	const struct mode *mode;
	char type[16];
	bool segments;

	while (!modes || mode_row(modes))
		modes++;
	mode = mode_row(pick(modes));
	segments = mode->inner == INNER_MPLS;
	/* The last word for it in the terms of `ip link`, of this driver or another. */
	if (pick(2) || sscanf(strrchr(mode->types, ' ') ?: mode->types, " %15[^/]", type) != 1)
		fprintf(out, "tunnel add t%u mode %s", number, mode->name);
	else if (strchr(strrchr(mode->types, ' ') ?: mode->types, '/'))
		fprintf(out, "link add name t%u type %s mode %s", number, type,
			strchr(strrchr(mode->types, ' ') ?: mode->types, '/') + 1);
	else
		fprintf(out, "link add name t%u type %s", number, type);
	fprintf(out, mode->family == FAMILY_IPV4 ? " local 10.%u.%u.1" : " local 2001:db8::%x:%x",
		number >> 8, number & 255);
	if (pick(2))
		fputs(mode->family == FAMILY_IPV4 ? " remote 172.16.0.1" : " remote fe80::1", out);
	fputs(ANY_OF(dev), out);
	fputs(ANY_OF(tos), out);
	if (mode->wrap != WRAP_NONE) {
		generate_udp(out, mode->wrap, number);
		return;
	}
	if (mode->family == FAMILY_IPV4)
		generate_over_ipv4(out);
	else
		generate_over_ipv6(out);
	if (mode->payload == PAYLOAD_GRE)
		segments |= generate_gre(out);
	if (mode->payload == PAYLOAD_ERSPAN)
		segments |= generate_erspan(out);
	if (mode->keywords & GIVEN_ENCAP)
		segments |= generate_wrap(out, mode->family);
	/* Frames go through no netkit. */
	if (segments && mode->inner == INNER_ETHERNET)
		fputs(pick(2) ? "" : " anchor veth", out);
	else
		fputs(segments ? ANY_OF(cuts) : ANY_OF(anchor), out);
	fputc('\n', out);
}

static void generate_ports(FILE *out)
{
	static const char *const inside[] = { "ipproto 4", "ipproto 41", "ipproto 47",
					      "ipproto 137", "gue" };
	unsigned int i;

	for (i = 1; i < 65500; i += 1 + pick(500))
		fprintf(out, "fou add port %u %s%s\n", i, ANY_OF(inside), pick(2) ? " -6" : "");
	fputs("fou add gue port 65535\nfou add -6 port 65535 ipproto 4\n", out);
}

/* Whether what is saved of @model reads back, and is saved as the same text again. */
static bool restores(const struct model *model)
{
	char *saved = fixture_save(model), *again = NULL;
	struct error err = {};
	struct model restored;
	bool same;

	fixture_init(&restored);
	if (batch_text(&restored, saved, "saved", &err)) {
		print_error("%s\n%.300s\n", err.text, saved);
		same = false;
	} else {
		again = fixture_save(&restored);
		same = !strcmp(again, saved);
		if (!same)
			print_error("%.300s became %.300s\n", saved, again);
	}
	free(again);
	free(saved);
	model_free_like(&restored);
	return same;
}

TEST(save_restore_save)
{
	struct model model;
	unsigned int i;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	generator = SEED;
	fputs("attach eth0\nattach lo\n", out);
	generate_ports(out);
	for (i = 0; i < GENERATED; i++)
		generate(out, i);
	fclose(out);
	fixture_init(&model);
	fixture_accept(&model, text);
	assert_int_equal(model.count, GENERATED);
	assert_true(model.port_count > 100);
	assert_true(restores(&model));
	free(text);
	model_free_like(&model);
}

/* Tunnels and devices whose names mean something else to the parser. */
TEST(save_odd_names)
{
	static const char *const names[] = { "name", "mode",      "remote", "#hash",
					     "type", "-",         "add",    "any",
					     "ttl",  "t\xc3\xa4", "\\back", "\\#",
					     "\\",   "tunnel",    "dev",    "if2" };
	struct error err = {};
	struct model model;
	size_t bad_names = 0, i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char *words[] = { "tunnel", "add", "name", (char *)names[i], "mode", "ipip" };

		fixture_init(&model);
		/* To refuse such a name is an answer too. */
		if (!fixture_edit(&model, words, ARRAY_SIZE(words), &err))
			bad_names += !restores(&model);
		model_free_like(&model);
	}
	assert_int_equal(bad_names, 0);
}

TEST(save_odd_devices)
{
	struct model model;

	fixture_init(&model);
	fixture_accept(&model, "attach dev dev\n");
	assert_int_equal(model.manual[0].ifindex, LINK_DEV);
	assert_true(restores(&model));
	model_free_like(&model);
}

/* A tunnel that runs in another comes back whatever the order was in which they were made. */
TEST(save_tunnel_in_tunnel)
{
	struct error err = {};
	struct model model;

	fixture_init(&model);
	fixture_accept(&model, "tunnel add t1 mode ipip remote 1.1.1.1\n"
			       "tunnel add t2 mode ipip remote 2.2.2.2 dev t1\n"
			       "tunnel add t3 mode ipip remote 3.3.3.3 dev t2\n");
	assert_true(restores(&model));
	fixture_accept(&model, "tunnel change t2 dev eth0\ntunnel change t1 dev t3\n");
	assert_true(restores(&model));
	/* To refuse it is an answer too. */
	if (!batch_text(&model, "tunnel change t3 dev t3", "file", &err) ||
	    !batch_text(&model, "tunnel change t3 dev t1", "file", &err))
		assert_true(restores(&model));
	model_free_like(&model);
}

/* A device that went away is named by its number in what nobody typed; typed, it is unknown. */
TEST(gone_device)
{
	static const char text[] = "tunnel add t1 mode ipip dev if99\n";
	struct error err = {};
	struct model model;

	fixture_init(&model);
	assert_int_not_equal(batch_text(&model, text, "file", &err), 0);
	assert_starts(err.text, "file: line 1: tunnel add: dev: there is no device \"if99\"");
	model.quiet = true;
	fixture_accept(&model, text);
	assert_int_equal(model.tunnels[0].spec.link, 99);
	assert_made_by(&model, text);
	/* No such number is what only begins like one. */
	assert_int_not_equal(batch_text(&model, "tunnel add t2 mode ipip remote 1.2.3.4 dev if99x",
					"file", &err),
			     0);
	assert_starts(err.text, "file: line 1: tunnel add: dev: there is no device \"if99x\"");
	model_free_like(&model);
}

/* The only test that reads a file: a process reads one once. */
TEST(file)
{
	char path[] = "/tmp/xtun-test-batch.XXXXXX";
	struct error err = {};
	struct model model;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_true(write(fd, "tunnel add t1 mode ipip\ntunnel x\n", 33) == 33);
	close(fd);
	fixture_init(&model);
	assert_int_equal(batch_file(&model, "/nonexistent/file", &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/file: No such file or directory");
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_int_not_equal(batch_file(&model, path, &err), 0);
	assert_starts(err.text, path);
	assert_starts(err.text + strlen(path), ": line 2: tunnel: \"x\" is no verb of it");
	unlink(path);
	model_free_like(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(errors_name_line),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(save_text),
		cmocka_unit_test(save_restore_save),
		cmocka_unit_test(save_odd_names),
		cmocka_unit_test(save_odd_devices),
		cmocka_unit_test(save_tunnel_in_tunnel),
		cmocka_unit_test(gone_device),
		cmocka_unit_test(file),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
