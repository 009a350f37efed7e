// SPDX-License-Identifier: GPL-2.0
/*
 * Command lines as they stand in manuals and tutorials about `ip`, with the first word taken away:
 * each is accepted, and makes the tunnel that it says. And what the same manuals have that is not
 * done here, refused in words.
 */
#include <errno.h>

#include "fixture.h"

/* An option before the object is main's; it names the family of what does not say it. */
static int ip_line(struct model *model, const char *line, struct error *err)
{
	int ret;

	verbs_family = !strncmp(line, "-6 ", 3) ? FAMILY_IPV6 : FAMILY_IPV4;
	ret = fixture_line(model, line + (*line == '-' ? 3 : 0), err);
	verbs_family = FAMILY_IPV4;
	return ret;
}

#define V4 " local 198.51.100.1 remote 203.0.113.2"
#define V6 " local 2001:db8::1 remote 2001:db8::2"

/* What is typed, and what `xtun save` would print for it. */
static const struct {
	const char *typed, *saved;
} lines[] = {
	{ "tunnel add tun0 mode ipip remote 203.0.113.2 local 198.51.100.1 ttl 64",
	  "tunnel add tun0 mode ipip" V4 " ttl 64" },
	{ "tunnel add tun0 mode ipip remote 203.0.113.2 local 198.51.100.1 dev eth0",
	  "tunnel add tun0 mode ipip" V4 " dev eth0" },
	{ "tunnel add tun0 mode gre remote 203.0.113.2 local 198.51.100.1 ttl 255",
	  "tunnel add tun0 mode gre" V4 " ttl 255" },
	{ "tunnel add tun0 mode gre remote 203.0.113.2 local 198.51.100.1 ttl 255 key 42",
	  "tunnel add tun0 mode gre" V4 " ttl 255 key 42" },
	{ "tunnel add tun0 mode gre key 1.2.3.4 ttl 64 tos inherit local 198.51.100.1",
	  "tunnel add tun0 mode gre local 198.51.100.1 ttl 64 tos inherit key 16909060" },
	{ "tunnel add tun0 mode gre ikey 10 okey 20 local 198.51.100.1 remote 203.0.113.2",
	  "tunnel add tun0 mode gre" V4 " ikey 10 okey 20" },
	{ "tunnel add tun0 mode gre remote 203.0.113.2 local 198.51.100.1 csum seq",
	  "tunnel add tun0 mode gre" V4 " csum seq" },
	{ "tunnel add tun0 mode gre remote 203.0.113.2 local 198.51.100.1 ttl inherit nopmtudisc",
	  "tunnel add tun0 mode gre" V4 " nopmtudisc" },
	{ "tunnel add tun0 mode sit remote 203.0.113.2 local 198.51.100.1 ttl 255",
	  "tunnel add tun0 mode sit" V4 " ttl 255" },
	{ "tunnel add name tun0 mode any remote 2001:db8::2 local 2001:db8::1",
	  "tunnel add tun0 mode ip6tnl" V6 " ttl 64" },
	{ "link add name tun0 type ipip local 198.51.100.1 remote 203.0.113.2",
	  "tunnel add tun0 mode ipip" V4 },
	{ "link add tun0 type ipip remote 203.0.113.2 local 198.51.100.1 mode mplsip ttl 9",
	  "tunnel add tun0 mode mplsip" V4 " ttl 9" },
	{ "link add tun0 type ipip remote 203.0.113.2 local 198.51.100.1 mode any",
	  "tunnel add tun0 mode ipip-any" V4 },
	{ "link add name tun0 type sit remote 203.0.113.2 local 198.51.100.1 ttl 64",
	  "tunnel add tun0 mode sit" V4 " ttl 64" },
	{ "link add name tun0 type sit local 198.51.100.1 remote 203.0.113.2 mode any",
	  "tunnel add tun0 mode sit-any" V4 },
	{ "link add tun0 type sit mode ipip local 198.51.100.1 remote 203.0.113.2",
	  "tunnel add tun0 mode ipip" V4 },
	{ "link add tun0 type sit mode mplsip local 198.51.100.1 remote 203.0.113.2",
	  "tunnel add tun0 mode mplsip" V4 },
	{ "link add tun0 type sit mode ip6ip local 198.51.100.1 remote 203.0.113.2",
	  "tunnel add tun0 mode sit" V4 },
	{ "link add name tun0 type gre local 198.51.100.1 remote 203.0.113.2 seq key 7",
	  "tunnel add tun0 mode gre" V4 " key 7 seq" },
	{ "link add dev tun0 type gre remote 203.0.113.2 local 198.51.100.1 ikey 0.0.0.1 okey 2 "
	  "icsum ocsum iseq noseq nopmtudisc ignore-df",
	  "tunnel add tun0 mode gre" V4 " nopmtudisc ignore-df ikey 1 okey 2 csum" },
	{ "-6 tunnel add name tun0 mode ip6ip6 remote 2001:db8::2 local 2001:db8::1 hoplimit 255 "
	  "encaplimit none tclass inherit flowlabel 0x12345",
	  "tunnel add tun0 mode ip6ip6" V6
	  " ttl 255 tos inherit flowlabel 0x12345 encaplimit none" },
	{ "-6 tunnel add tun0 mode ip6ip6 local 2001:db8::1 remote 2001:db8::2 dscp inherit",
	  "tunnel add tun0 mode ip6ip6" V6 " ttl 64 dscp inherit" },
	{ "tunnel add tun6to4 mode sit remote any local 198.51.100.1 ttl 64",
	  "tunnel add tun6to4 mode sit local 198.51.100.1 ttl 64" },
	{ "-6 tunnel add tun0 mode ipip6 local 2001:db8::1 remote 2001:db8::2 encaplimit 6",
	  "tunnel add tun0 mode ipip6" V6 " ttl 64 encaplimit 6" },
	{ "-6 tunnel add tun0 mode ip4ip6 local 2001:db8::1 remote 2001:db8::2 dev eth1 tclass "
	  "0x10",
	  "tunnel add tun0 mode ipip6" V6 " dev eth1 ttl 64 tos 0x10" },
	{ "-6 tunnel add tun0 mode any local 2001:db8::1 remote 2001:db8::2 hoplimit inherit",
	  "tunnel add tun0 mode ip6tnl" V6 " ttl inherit" },
	{ "-6 tunnel add tun0 mode ip6gre remote 2001:db8::2 local 2001:db8::1 ttl 64 key 5",
	  "tunnel add tun0 mode ip6gre" V6 " ttl 64 key 5" },
	{ "link add name tun0 type ip6tnl local 2001:db8::1 remote 2001:db8::2 mode any",
	  "tunnel add tun0 mode ip6tnl" V6 " ttl 64" },
	{ "link add name tun0 type ip6tnl local 2001:db8::1 remote 2001:db8::2 mode ip6ip6",
	  "tunnel add tun0 mode ip6ip6" V6 " ttl 64" },
	{ "link add name tun0 type ip6gre remote 2001:db8::2 local 2001:db8::1 key 1 csum seq",
	  "tunnel add tun0 mode ip6gre" V6 " ttl 64 key 1 csum seq" },
	{ "link add name tun0 type ipip remote 203.0.113.2 local 198.51.100.1 ttl 225 encap gue "
	  "encap-sport auto encap-dport 5555 encap-csum",
	  "tunnel add tun0 mode ipip" V4 " ttl 225 encap gue encap-dport 5555 encap-csum" },
	{ "link add tun0 type gre remote 203.0.113.2 local 198.51.100.1 ttl 225 encap fou "
	  "encap-sport 7777 encap-dport 5555 noencap-csum noencap-remcsum",
	  "tunnel add tun0 mode gre" V4 " ttl 225 encap fou encap-sport 7777 encap-dport 5555" },
	{ "link add name tun0 type sit remote 203.0.113.2 local 198.51.100.1 encap fou "
	  "encap-sport auto encap-dport 5555",
	  "tunnel add tun0 mode sit" V4 " encap fou encap-dport 5555" },
	{ "link add name tun0 type ip6tnl remote 2001:db8::2 local 2001:db8::1 mode ip6ip6 "
	  "encaplimit none encap fou encap-sport auto encap-dport 5555 encap-udp6-csum",
	  "tunnel add tun0 mode ip6ip6" V6 " ttl 64 encaplimit none encap fou encap-dport 5555" },
	{ "tunnel add gre1 remote 203.0.113.2 local 198.51.100.1 key 1.2.3.4",
	  "tunnel add gre1 mode gre" V4 " key 16909060" },
	{ "tunnel add sit1 remote 203.0.113.2 local 198.51.100.1", "tunnel add sit1 mode sit" V4 },
	{ "tunnel add ipip1 remote 203.0.113.2 local 198.51.100.1",
	  "tunnel add ipip1 mode ipip" V4 },
	{ "-6 tunnel add tun0 remote 2001:db8::2 local 2001:db8::1",
	  "tunnel add tun0 mode ip6ip6" V6 " ttl 64" },
	{ "link add name tun0 type ipip remote 203.0.113.2 local 198.51.100.1 fwmark 0x10 noencap "
	  "tos AF21",
	  "tunnel add tun0 mode ipip" V4 " tos 0x48 fwmark 0x10" },
	{ "link add name tun0 type ip6tnl mode any remote 2001:db8::2 local 2001:db8::1 hoplimit 0 "
	  "noallow-localremote fwmark inherit",
	  "tunnel add tun0 mode ip6tnl" V6 " ttl inherit fwmark inherit" },
	{ "link add tun0 type ip6gre remote 2001:db8::2 local 2001:db8::1 dscp inherit",
	  "tunnel add tun0 mode ip6gre" V6 " ttl 64 dscp inherit" },
	{ "link add name tun0 type sit remote 203.0.113.2 local 198.51.100.1 encap gue "
	  "encap-dport 5555 noencap-csum6",
	  "tunnel add tun0 mode sit" V4 " encap gue encap-dport 5555" },
	{ "fou add port 5555 gue", "fou add port 5555 gue" },
	{ "fou add port 5555 ipproto 4", "fou add port 5555 ipproto 4" },
	{ "fou add port 5555 ipproto ipencap", "fou add port 5555 ipproto 4" },
	{ "fou add port 5555 ipproto ipv6", "fou add port 5555 ipproto 41" },
	{ "fou add port 5555 ipproto gre", "fou add port 5555 ipproto 47" },
	{ "-6 fou add port 5555 ipproto 41", "fou add port 5555 ipproto 41 -6" },
	{ "fou add port 9999 gue -6", "fou add port 9999 gue -6" },
};

TEST(accepted)
{
	char want[320], *saved;
	struct error err = {};
	struct model model;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		fixture_init(&model);
		if (ip_line(&model, lines[i].typed, &err))
			fail_msg("%s: %s", lines[i].typed, err.text);
		saved = fixture_save(&model);
		snprintf(want, sizeof(want), "format 1\n%s\n", lines[i].saved);
		assert_string_equal(saved, want);
		free(saved);
		model_free_like(&model);
	}
}

static const struct {
	const char *typed, *text;
} refused[] = {
	{ "link add name tun0 type ipip remote 203.0.113.2 local 198.51.100.1 ttl 225 encap gue "
	  "encap-sport auto encap-dport 5555 encap-csum encap-remcsum",
	  "link add: encap-remcsum: remote checksum offload is not done" },
	{ "link add name tun0 type gre external", "link add: external: addresses come from" },
	{ "link add name tun0 type ip6gre external", "link add: external: addresses come from" },
	{ "tunnel add is0 mode isatap local 198.51.100.1",
	  "tunnel add: mode: isatap is not done: " },
	{ "tunnel add tun0 mode vti local 198.51.100.1", "tunnel add: mode: vti is not done: " },
	{ "-6 tunnel add tun0 mode vti6 local 2001:db8::1",
	  "tunnel add: mode: vti6 is not done: " },
	{ "tunnel add tun0 mode sit local 198.51.100.1 6rd-prefix 2001:db8::/32",
	  "tunnel add: 6rd-prefix: of ISATAP and 6rd nothing is done but 6to4" },
	{ "tunnel add tun0 mode sit local 198.51.100.1 prl-default 203.0.113.2",
	  "tunnel add: prl-default: of ISATAP and 6rd nothing is done" },
	{ "link add name tun0 type sit local 198.51.100.1 isatap",
	  "link add: isatap: of ISATAP and 6rd nothing is done" },
	{ "tunnel 6rd dev sit1 6rd-prefix 2001:db8::/32",
	  "tunnel 6rd: of ISATAP and 6rd nothing is done" },
	{ "tunnel prl dev sit1 prl-default 203.0.113.2",
	  "tunnel 6rd: of ISATAP and 6rd nothing is done" },
	{ "link add tun0 type ip6tnl remote 2001:db8::2 allow-localremote",
	  "link add: allow-localremote: a remote on this very host is not done" },
	{ "link add tun0 type ipip remote 203.0.113.2 fwmark inherit",
	  "link add: fwmark: inherit is for tunnels over IPv6" },
	{ "tunnel add tun0 mode gre remote 203.0.113.2 hoplimit 0",
	  "tunnel add: hoplimit: \"0\" is not 1..255" },
	{ "fou add port 5555 ipproto 4 local 192.0.2.5", "fou add: local: a port cannot be bound" },
	{ "fou add port 5555 gue dev eth0", "fou add: dev: a port cannot be bound" },
	{ "fou add port 5555 gue peer 192.0.2.5", "fou add: peer: a port cannot be bound" },
	{ "fou add port 5555 gue peer_port 7", "fou add: peer_port: a port cannot be bound" },
};

TEST(refused_in_words)
{
	struct error err = {};
	struct model model;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		fixture_init(&model);
		if (!ip_line(&model, refused[i].typed, &err))
			fail_msg("%s: is accepted", refused[i].typed);
		assert_int_equal(err.status, STATUS_USAGE);
		assert_starts(err.text, refused[i].text);
		assert_true(model_is_empty(&model));
		model_free_like(&model);
	}
}

/* Ports: one of each number and family. */
TEST(ports)
{
	struct error err = {};
	struct model model;
	char *saved;

	fixture_init(&model);
	fixture_accept(&model, "fou add port 7 gue\nfou add port 5 ipproto 4 -6\n"
			       "fou add port 7 ipproto 47 -6\nfou add port 65535 gue\n");
	assert_int_equal(ip_line(&model, "fou add port 7 ipproto 4", &err), -EADDRINUSE);
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_starts(err.text, "fou add: port 7 is in use already");
	assert_int_equal(ip_line(&model, "-6 fou add port 7 gue", &err), -EADDRINUSE);
	assert_int_equal(ip_line(&model, "fou del port 5", &err), -ENOENT);
	assert_starts(err.text, "fou del: there is no port 5");
	assert_int_equal(ip_line(&model, "fou del port 5 -6", &err), 0);
	assert_int_equal(ip_line(&model, "fou delete port 7", &err), 0);
	saved = fixture_save(&model);
	assert_string_equal(saved, "format 1\nfou add port 65535 gue\n"
				   "fou add port 7 ipproto 47 -6\n");
	free(saved);
	fixture_accept(&model, "flush");
	assert_true(model_is_empty(&model));
	model_free_like(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused_in_words),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests_name("iproute", tests, NULL, NULL);
}
