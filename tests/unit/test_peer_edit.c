// SPDX-License-Identifier: GPL-2.0
/* Command lines about peers: what they do to a configuration in memory, and how bad ones are
 * answered. */
#include <errno.h>
#include <unistd.h>

#include "fixture.h"

#define BEGUN                                                                                      \
	"tunnel add four mode gre\n"                                                               \
	"tunnel add six mode ip6tnl\n"                                                             \
	"tunnel add sit mode sit\n"                                                                \
	"tunnel add fixed mode gre remote 10.1.1.7\n"                                              \
	"tunnel add tap mode gretap\n"                                                             \
	"tunnel add tap6 mode ip6gretap\n"                                                         \
	"tunnel add tied mode gretap remote 10.1.1.7\n"

static void begin(struct model *model)
{
	fixture_init(model);
	fixture_accept(model, BEGUN "peer add four 10.2.0.0/16 via 192.0.2.2\n"
				    "peer add four 2001:db8::/32 via 192.0.2.3\n"
				    "peer add six 10.2.0.0/16 via 2001:db8::2\n"
				    "peer add tap lladdr 02:00:00:00:00:02 via 192.0.2.2\n"
				    "peer add tap lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
				    "peer add tap lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
				    "peer add tap6 lladdr 00:00:00:00:00:00 via 2001:db8::2\n");
}

static const char saved_four[] = "tunnel add four mode gre\n"
				 "peer add four 10.2.0.0/16 via 192.0.2.2\n"
				 "peer add four 2001:db8::/32 via 192.0.2.3\n";

/* Edits, and the lines about peers of the tunnel `four` afterwards. */
static const struct {
	const char *edits, *peers;
} edits[] = {
	{ "peer add four 10.2.3.4 via 192.0.2.4\n", "10.2.0.0/16 via 192.0.2.2\n"
						    "10.2.3.4/32 via 192.0.2.4\n"
						    "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer add four ::/0 via 192.0.2.4\npeer add four 0.0.0.0/0 via 192.0.2.5\n",
	  "0.0.0.0/0 via 192.0.2.5\n"
	  "10.2.0.0/16 via 192.0.2.2\n"
	  "::/0 via 192.0.2.4\n"
	  "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer add four ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff via 192.0.2.4\n"
	  "peer add four 255.255.255.255/32 via 192.0.2.4\npeer add four 0.0.0.0 via 192.0.2.4\n"
	  "peer add four :: via 192.0.2.4\n",
	  "0.0.0.0/32 via 192.0.2.4\n"
	  "10.2.0.0/16 via 192.0.2.2\n"
	  "255.255.255.255/32 via 192.0.2.4\n"
	  "::/128 via 192.0.2.4\n"
	  "2001:db8::/32 via 192.0.2.3\n"
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 via 192.0.2.4\n" },
	{ "peer add four 10.2.0.0/17 via 192.0.2.4\npeer add four 10.0.0.0/8 via 192.0.2.4\n",
	  "10.0.0.0/8 via 192.0.2.4\n"
	  "10.2.0.0/16 via 192.0.2.2\n"
	  "10.2.0.0/17 via 192.0.2.4\n"
	  "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer replace four 10.2.0.0/16 via 192.0.2.9\n", "10.2.0.0/16 via 192.0.2.9\n"
							   "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer replace four 10.3.0.0/16 via 192.0.2.9\n", "10.2.0.0/16 via 192.0.2.2\n"
							   "10.3.0.0/16 via 192.0.2.9\n"
							   "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer del four 10.2.0.0/16\n", "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer delete four 10.2.0.0/16 via 192.0.2.2\n", "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer del four 10.2.0.0/16\npeer add four 10.2.0.0/16 via 192.0.2.7\n",
	  "10.2.0.0/16 via 192.0.2.7\n"
	  "2001:db8::/32 via 192.0.2.3\n" },
	{ "peer flush four\n", "" },
	{ "peer flush four\npeer flush four\npeer add four 10.4.0.0/16 via 192.0.2.7\n",
	  "10.4.0.0/16 via 192.0.2.7\n" },
	{ "tunnel change four ttl 9\ntunnel change four ttl inherit\n",
	  "10.2.0.0/16 via 192.0.2.2\n"
	  "2001:db8::/32 via 192.0.2.3\n" },
	{ "tunnel del four\ntunnel add four mode gre\n", "" },
};

/* The lines of @name in what `xtun save` prints, without `peer add NAME `. */
static char *peers_of(const struct model *model, const char *name)
{
	char start[64], *text = fixture_save(model), *out = calloc(1, strlen(text) + 1), *line;

	snprintf(start, sizeof(start), "peer add %s ", name);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, start, strlen(start))) {
			strcat(out, line + strlen(start));
			strcat(out, "\n");
		}
	free(text);
	return out;
}

TEST(peer_edits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(edits); i++) {
		struct model model;
		char *four, *six;

		begin(&model);
		fixture_accept(&model, edits[i].edits);
		four = peers_of(&model, "four");
		six = peers_of(&model, "six");
		if (strcmp(four, edits[i].peers))
			fail_msg("%s makes\n%s", edits[i].edits, four);
		assert_string_equal(six, "10.2.0.0/16 via 2001:db8::2\n");
		free(four);
		free(six);
		model_free_like(&model);
	}
}

/* The same of `tap`. */
static const struct {
	const char *edits, *peers;
} mac_edits[] = {
	{ "", "lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
	      "lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
	      "lladdr 02:00:00:00:00:02 via 192.0.2.2\n" },
	{ "peer add tap lladdr 02:0:0:00:00:A via 192.0.2.1\n"
	  "peer add tap lladdr 00:00:00:00:00:00 via 1.0.2.9\n"
	  "peer add tap lladdr 00:00:00:00:00:01 via 192.0.2.4\n",
	  "lladdr 00:00:00:00:00:00 via 1.0.2.9\n"
	  "lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
	  "lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
	  "lladdr 00:00:00:00:00:01 via 192.0.2.4\n"
	  "lladdr 02:00:00:00:00:02 via 192.0.2.2\n"
	  "lladdr 02:00:00:00:00:0a via 192.0.2.1\n" },
	{ "peer replace tap lladdr 02:00:00:00:00:02 via 192.0.2.3\n"
	  "peer replace tap lladdr 00:00:00:00:00:00 via 192.0.2.3\n",
	  "lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
	  "lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
	  "lladdr 02:00:00:00:00:02 via 192.0.2.3\n" },
	{ "peer del tap lladdr 02:00:00:00:00:02\n"
	  "peer del tap lladdr 00:00:00:00:00:00 via 192.0.2.2\n",
	  "lladdr 00:00:00:00:00:00 via 192.0.2.3\n" },
	{ "peer del tap lladdr 02:00:00:00:00:02 via 192.0.2.2\n"
	  "peer add tap lladdr 02:00:00:00:00:02 via 192.0.2.9\n",
	  "lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
	  "lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
	  "lladdr 02:00:00:00:00:02 via 192.0.2.9\n" },
	{ "peer flush tap\n", "" },
	{ "tunnel change tap nolearning ageing 7\ntunnel change tap learning ageing 300\n",
	  "lladdr 00:00:00:00:00:00 via 192.0.2.2\n"
	  "lladdr 00:00:00:00:00:00 via 192.0.2.3\n"
	  "lladdr 02:00:00:00:00:02 via 192.0.2.2\n" },
	{ "tunnel del tap\ntunnel add tap mode gretap\n", "" },
};

TEST(peer_mac_edits)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mac_edits); i++) {
		struct model model;
		char *tap, *tap6;

		begin(&model);
		fixture_accept(&model, mac_edits[i].edits);
		tap = peers_of(&model, "tap");
		tap6 = peers_of(&model, "tap6");
		if (strcmp(tap, mac_edits[i].peers))
			fail_msg("%s makes\n%s", mac_edits[i].edits, tap);
		assert_string_equal(tap6, "lladdr 00:00:00:00:00:00 via 2001:db8::2\n");
		free(tap);
		free(tap6);
		model_free_like(&model);
	}
}

/* As many peers for flooding as a frame has copies, and not one more. */
TEST(peer_flood_most)
{
	struct error err = {};
	struct model model;
	char line[128];
	int i;

	begin(&model);
	fixture_accept(&model, "peer flush tap\n");
	for (i = 0; i <= 128; i++) {
		snprintf(line, sizeof(line), "peer add tap lladdr 00:00:00:00:00:00 via 10.0.%d.%d",
			 i / 100, i % 100 + 1);
		if (i < 128 && fixture_line(&model, line, &err))
			fail_msg("%s: %s", line, err.text);
	}
	assert_int_not_equal(fixture_line(&model, line, &err), 0);
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_starts(err.text, "peer add: lladdr: a tunnel has room for 128 peers with "
				"00:00:00:00:00:00");
	/* Another MAC is none of them, and where one goes there is room again. */
	fixture_accept(&model, "peer add tap lladdr 02:00:00:00:00:07 via 192.0.2.2\n"
			       "peer del tap lladdr 00:00:00:00:00:00 via 10.0.0.1\n");
	assert_int_equal(fixture_line(&model, line, &err), 0);
	model_free_like(&model);
}

/* What is saved makes the same again. */
TEST(peer_save)
{
	struct model model, again;
	char *one, *two;

	begin(&model);
	one = fixture_save(&model);
	assert_non_null(strstr(one, saved_four));
	fixture_init(&again);
	fixture_accept(&again, one);
	two = fixture_save(&again);
	assert_string_equal(one, two);
	free(one);
	free(two);
	model_free_like(&again);
	model_free_like(&model);
}

static const struct {
	const char *line;
	enum status status;
	const char *text;
} bad[] = {
	/* words */
	{ "peer add", STATUS_USAGE, "peer add: the tunnel's name is missing" },
	{ "peer add four", STATUS_USAGE, "peer add: PREFIX or `lladdr MAC` is missing" },
	{ "peer add four 10.3.0.0/16", STATUS_USAGE, "peer add: `via ADDR` is missing" },
	{ "peer add four 10.3.0.0/16 192.0.2.2", STATUS_USAGE,
	  "peer add: \"192.0.2.2\": `via ADDR` is expected here" },
	{ "peer add four 10.3.0.0/16 via", STATUS_USAGE,
	  "peer add: via: its value ADDR is missing" },
	{ "peer add four 10.3.0.0/16 via 192.0.2.2 dev eth0", STATUS_USAGE,
	  "peer add: \"dev\": nothing more is expected here" },
	{ "peer del four 10.2.0.0/16 now", STATUS_USAGE, "peer del: \"now\": `via ADDR` is" },
	{ "peer flush", STATUS_USAGE, "peer flush: the tunnel's name is missing" },
	{ "peer flush four six", STATUS_USAGE, "peer flush: \"six\": nothing more is expected" },
	{ "peer load four", STATUS_USAGE, "peer load: FILE is missing" },
	{ "peer load four a b", STATUS_USAGE, "peer load: \"b\": nothing more is expected here" },
	{ "peer-table four 0 keep", STATUS_USAGE, "peer-table: is for the journal alone" },
	/* prefixes */
	{ "peer add four 10.2.3.4/16 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.2.3.4/16\" has bits behind its length; the prefix is 10.2.0.0/16" },
	{ "peer add four 10.2.3.4/0 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.2.3.4/0\" has bits behind its length; the prefix is 0.0.0.0/0" },
	{ "peer add four 10.2.3.5/31 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.2.3.5/31\" has bits behind its length; the prefix is 10.2.3.4/31" },
	{ "peer add four 2001:db8::1/64 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"2001:db8::1/64\" has bits behind its length; the prefix is 2001:db8::/64" },
	{ "peer add four 2001:db8:0:1::/63 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"2001:db8:0:1::/63\" has bits behind its length; the prefix is "
	  "2001:db8::/63" },
	{ "peer add four ::1/127 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"::1/127\" has bits behind its length; the prefix is ::/127" },
	{ "peer del four 10.2.3.4/16", STATUS_USAGE, "peer del: \"10.2.3.4/16\" has bits behind" },
	{ "peer add four 10.3.0.0/33 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/33\": the length of a prefix is 0..32" },
	{ "peer add four ::/129 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"::/129\": the length of a prefix is 0..128" },
	{ "peer add four 10.3.0.0/ via 192.0.2.2", STATUS_USAGE, "peer add: \"10.3.0.0/\": the" },
	{ "peer add four 10.3.0.0/-1 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/-1\": the" },
	{ "peer add four 10.3.0.0/+8 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/+8\": the" },
	{ "peer add four 10.3.0.0/8x via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/8x\": the" },
	{ "peer add four 10.3.0.0/8/8 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/8/8\": the" },
	{ "peer add four 10.3.0.0/4294967304 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3.0.0/4294967304\": the length of a prefix is 0..32" },
	{ "peer add four 10.3/16 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"10.3/16\" is not a prefix, as 10.2.0.0/16 or 2001:db8::/32 are" },
	{ "peer add four any via 192.0.2.2", STATUS_USAGE, "peer add: \"any\" is not a prefix" },
	{ "peer add four default via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"default\" is not a prefix" },
	{ "peer add four /16 via 192.0.2.2", STATUS_USAGE, "peer add: \"/16\" is not a prefix" },
	{ "peer add four fe80::%eth0/64 via 192.0.2.2", STATUS_USAGE,
	  "peer add: \"fe80::%eth0/64\" is not a prefix" },
	{ "peer add four 0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64 via 192.0.2.2",
	  STATUS_USAGE, "peer add: \"0000:0000:" },
	/* MACs */
	{ "peer add tap lladdr", STATUS_USAGE, "peer add: lladdr: its value MAC is missing" },
	{ "peer add tap lladdr 02:00:00:00:00:07", STATUS_USAGE,
	  "peer add: `via ADDR` is missing" },
	{ "peer add tap lladdr 02:00:00:00:00 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"02:00:00:00:00\" is not a MAC, as 02:00:00:00:00:07 is" },
	{ "peer add tap lladdr 02:00:00:00:00:07:08 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"02:00:00:00:00:07:08\" is not a MAC" },
	{ "peer add tap lladdr 02:00:00:00:00:0g via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"02:00:00:00:00:0g\" is not a MAC" },
	{ "peer add tap lladdr 02:00:00:00:00:+7 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"02:00:00:00:00:+7\" is not a MAC" },
	{ "peer add tap lladdr 02:00:00:00:00:107 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"02:00:00:00:00:107\" is not a MAC" },
	{ "peer add tap lladdr 0200.0000.0007 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"0200.0000.0007\" is not a MAC" },
	{ "peer add tap lladdr 01:00:5e:00:00:01 via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"01:00:5e:00:00:01\" is the MAC of a group; peers with "
	  "00:00:00:00:00:00 get" },
	{ "peer add tap lladdr ff:ff:ff:ff:ff:ff via 192.0.2.2", STATUS_USAGE,
	  "peer add: lladdr: \"ff:ff:ff:ff:ff:ff\" is the MAC of a group" },
	{ "peer del tap lladdr 00:00:00:00:00:00", STATUS_USAGE,
	  "peer del: `via ADDR` is missing" },
	{ "peer add tap lladdr 02:00:00:00:00:02 via 192.0.2.3", STATUS_REFUSED,
	  "peer add: lladdr 02:00:00:00:00:02 has a peer already" },
	{ "peer add tap lladdr 00:00:00:00:00:00 via 192.0.2.3", STATUS_REFUSED,
	  "peer add: lladdr 00:00:00:00:00:00 has that peer already" },
	{ "peer del tap lladdr 00:00:00:00:00:00 via 192.0.2.9", STATUS_REFUSED,
	  "peer del: there is no such peer of lladdr 00:00:00:00:00:00" },
	{ "peer del tap lladdr 02:00:00:00:00:07", STATUS_REFUSED,
	  "peer del: there is no such peer of lladdr 02:00:00:00:00:07" },
	{ "peer add tap lladdr 00:00:00:00:00:00 via 2001:db8::2", STATUS_REFUSED,
	  "peer add: via: tap is of mode gretap, whose outer packets are IPv4" },
	{ "peer add tied lladdr 00:00:00:00:00:00 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: tied has a fixed remote; peers are for tunnels with remote any" },
	{ "peer add tied lladdr 02:00:00:00:00:07 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: tied has a fixed remote" },
	{ "peer add four lladdr 02:00:00:00:00:07 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: four is of mode gre, which does not carry Ethernet" },
	{ "peer add tap 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: tap is of mode gretap, which does not carry IPv4" },
	{ "tunnel change tap remote 10.1.1.9", STATUS_REFUSED,
	  "tunnel change: remote: tap has peers; delete them first" },
	{ "tunnel change tap ageing -1", STATUS_USAGE, "tunnel change: ageing: \"-1\" is not" },
	{ "tunnel change four nolearning", STATUS_USAGE,
	  "tunnel change: learning: mode gre has no such keyword" },
	/* remotes */
	{ "peer add four 10.3.0.0/16 via any", STATUS_USAGE,
	  "peer add: via: \"any\" is not the address of a tunnel's other end" },
	{ "peer add four 10.3.0.0/16 via 0.0.0.0", STATUS_USAGE,
	  "peer add: via: \"0.0.0.0\" is not" },
	{ "peer add six 10.3.0.0/16 via ::", STATUS_USAGE, "peer add: via: \"::\" is not the" },
	{ "peer add four 10.3.0.0/16 via 192.0.2.2/32", STATUS_USAGE,
	  "peer add: via: \"192.0.2.2/32\" is not the" },
	{ "peer add four 10.3.0.0/16 via 192.0.2.256", STATUS_USAGE,
	  "peer add: via: \"192.0.2.256\"" },
	{ "peer add four 10.3.0.0/16 via 2001:db8::2", STATUS_REFUSED,
	  "peer add: via: four is of mode gre, whose outer packets are IPv4" },
	{ "peer add six 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: via: six is of mode ip6tnl, whose outer packets are IPv6" },
	/* the state */
	{ "peer add t9 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: there is no tunnel t9" },
	{ "peer add eth0 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: eth0 is a device, but not a tunnel of xtun" },
	{ "peer add fixed 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: fixed has a fixed remote; peers are for tunnels with remote any" },
	{ "peer add sit 10.3.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: sit is of mode sit, which does not carry IPv4" },
	{ "peer add four 10.2.0.0/16 via 192.0.2.2", STATUS_REFUSED,
	  "peer add: 10.2.0.0/16 has a peer already" },
	{ "peer add four 2001:db8::/32 via 192.0.2.4", STATUS_REFUSED,
	  "peer add: 2001:db8::/32 has a peer already" },
	{ "peer del four 10.2.0.0/17", STATUS_REFUSED,
	  "peer del: there is no such peer of 10.2.0.0/17" },
	{ "peer del four 10.2.0.0/16 via 192.0.2.9", STATUS_REFUSED,
	  "peer del: there is no such peer of 10.2.0.0/16" },
	{ "peer flush t9", STATUS_REFUSED, "peer flush: there is no tunnel t9" },
	{ "peer load t9 /dev/null", STATUS_REFUSED, "peer load: there is no tunnel t9" },
	{ "peer load four /nonexistent/file", STATUS_REFUSED,
	  "peer load: /nonexistent/file: No such file or directory" },
	{ "tunnel change four remote 10.1.1.9", STATUS_REFUSED,
	  "tunnel change: remote: four has peers; delete them first" },
	{ "tunnel replace four mode gre remote 10.1.1.9", STATUS_REFUSED,
	  "tunnel replace: remote: four has peers; delete them first" },
	{ "tunnel replace four mode sit local 10.1.1.1", STATUS_REFUSED,
	  "tunnel replace: mode: four has peers that mode sit cannot have; delete them first" },
	{ "tunnel replace six mode ip6ip6 local 2001:db8::1", STATUS_REFUSED,
	  "tunnel replace: mode: six has peers that mode ip6ip6 cannot have; delete them first" },
};

TEST(peer_bad)
{
	struct model want;
	size_t i;
	char *should;

	begin(&want);
	should = fixture_save(&want);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {};
		struct model model;
		char *is;

		begin(&model);
		if (!fixture_line(&model, bad[i].line, &err))
			fail_msg("%s: is accepted", bad[i].line);
		if (err.status != bad[i].status)
			fail_msg("%s: status %d", bad[i].line, err.status);
		assert_starts(err.text, bad[i].text);
		assert_null(strchr(err.text, '\n'));
		is = fixture_save(&model);
		assert_string_equal(is, should);
		free(is);
		model_free_like(&model);
	}
	free(should);
	model_free_like(&want);
}

/* Files of peers, and either what they make or what is said of them. */
static const struct {
	const char *text, *peers, *error;
} files[] = {
	{ "", "", NULL },
	{ "\n# nobody\n \t \r\n", "", NULL },
	{ "10.3.0.0/16 via 192.0.2.3\n2001:db8:3::/48 via 192.0.2.3\n10.3.4.5 via 192.0.2.4",
	  "10.3.0.0/16 via 192.0.2.3\n10.3.4.5/32 via 192.0.2.4\n2001:db8:3::/48 via 192.0.2.3\n",
	  NULL },
	{ "# comment\n\n  10.3.0.0/16\tvia 192.0.2.3 # Bonn\r\n", "10.3.0.0/16 via 192.0.2.3\n",
	  NULL },
	{ "10.3.0.0/16 via 192.0.2.3\n10.3.0.1/16 via 192.0.2.3\n", NULL,
	  "line 2: \"10.3.0.1/16\" has bits behind its length; the prefix is 10.3.0.0/16" },
	{ "10.3.0.0/16 via 192.0.2.3\n\n10.3.0.0/16 via 192.0.2.4\n", NULL,
	  "line 3: 10.3.0.0/16 was given before" },
	{ "10.3.0.0/16\n", NULL, "line 1: `via ADDR` is missing" },
	{ "10.3.0.0/16 via\n", NULL, "line 1: via: its value ADDR is missing" },
	{ "10.3.0.0/16 via 2001:db8::1\n", NULL,
	  "line 1: via: four is of mode gre, whose outer packets are IPv4" },
	{ "10.3.0.0/16 via 192.0.2.1 a\n", NULL, "line 1: \"a\": nothing more is expected here" },
	{ "1 2 3 4 5 6 7 8 9\n", NULL, "line 1: `PREFIX via ADDR` is expected" },
	{ "peer add four 10.3.0.0/16 via 192.0.2.3\n", NULL, "line 1: \"peer\" is not a prefix" },
};

TEST(peer_files)
{
	char path[] = "/tmp/xtun-test.XXXXXX", line[128], want[256];
	int fd = mkstemp(path);
	size_t i;

	assert_true(fd >= 0);
	snprintf(line, sizeof(line), "peer load four %s", path);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		struct error err = {};
		struct model model;
		char *is;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].text, strlen(files[i].text), 0),
				 strlen(files[i].text));
		begin(&model);
		if (files[i].peers) {
			if (fixture_line(&model, line, &err))
				fail_msg("\"%s\": %s", files[i].text, err.text);
			is = peers_of(&model, "four");
			assert_string_equal(is, files[i].peers);
			free(is);
		} else {
			assert_int_not_equal(fixture_line(&model, line, &err), 0);
			snprintf(want, sizeof(want), "peer load: %s: %s", path, files[i].error);
			assert_starts(err.text, want);
		}
		model_free_like(&model);
	}
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_edits),      cmocka_unit_test(peer_mac_edits),
		cmocka_unit_test(peer_flood_most), cmocka_unit_test(peer_save),
		cmocka_unit_test(peer_bad),        cmocka_unit_test(peer_files),
	};

	return cmocka_run_group_tests_name("peer_edit", tests, NULL, NULL);
}
