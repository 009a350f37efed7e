/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the unit tests share: cmocka, a configuration in memory over devices that are made up, and
 * command lines that edit it.
 */
#ifndef XTUN_FIXTURE_H
#define XTUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "model_peers.h"
#include "verbs.h"

/* After <net/if.h>, which the kernel's headers give way to. */
#include <linux/if_arp.h>

#define TEST(name)      static void name(void **state __attribute__((unused)))
#define ARRAY_SIZE(all) (sizeof(all) / sizeof((all)[0]))

enum { LINK_LO = 1, LINK_ETH0, LINK_ETH1, LINK_DOWN, LINK_PPP, LINK_DEV, LINK_OURS };

/* The devices of the made-up namespace, by ifindex. `ours` carries a tunnel that xtun made. */
static struct link fixture_links[] = {
	{ .ifindex = LINK_LO, .name = "lo", .type = ARPHRD_LOOPBACK, .flags = IFF_UP },
	{ .ifindex = LINK_ETH0, .name = "eth0", .type = ARPHRD_ETHER, .flags = IFF_UP },
	{ .ifindex = LINK_ETH1, .name = "eth1", .type = ARPHRD_ETHER, .flags = IFF_UP },
	{ .ifindex = LINK_DOWN, .name = "down0", .type = ARPHRD_ETHER },
	{ .ifindex = LINK_PPP, .name = "ppp0", .type = ARPHRD_PPP, .flags = IFF_UP },
	/* A name that is also a keyword. */
	{ .ifindex = LINK_DEV, .name = "dev", .type = ARPHRD_ETHER, .flags = IFF_UP },
	{ .ifindex = LINK_OURS, .name = "ours", .type = ARPHRD_ETHER, .flags = IFF_UP },
};
static __u32 fixture_owned[] = { LINK_OURS };

static inline void fixture_init(struct model *model)
{
	*model = (struct model){
		.links = fixture_links,
		.link_count = ARRAY_SIZE(fixture_links),
		.owned = fixture_owned,
		.owned_count = ARRAY_SIZE(fixture_owned),
	};
}

/* The commands in @text, which must all be accepted. */
static inline void fixture_accept(struct model *model, const char *text)
{
	struct error err = {};

	if (batch_text(model, text, "text", &err))
		fail_msg("refused: %s", err.text);
}

/* What `xtun save` would print; the caller frees it. */
static inline char *fixture_save(const struct model *model)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct error err = {};

	assert_non_null(out);
	assert_int_equal(model_save(model, model_peers_save, out, &err), 0);
	fclose(out);
	return text;
}

/* That @model is what the commands in @text make; how either is saved does not matter. */
static inline void assert_made_by(const struct model *model, const char *text)
{
	struct model want;
	char *is, *should;

	fixture_init(&want);
	want.quiet = model->quiet;
	fixture_accept(&want, text);
	is = fixture_save(model);
	should = fixture_save(&want);
	assert_string_equal(is, should);
	free(is);
	free(should);
	model_free_like(&want);
}

/* One command line, edited and reported as the command does it. */
static inline int fixture_edit(struct model *model, char **words, int count, struct error *err)
{
	struct args args = { .words = words, .count = count };
	const struct verb *verb = verb_find(&args, err);
	char title[64];
	int ret;

	if (!verb)
		return -1;
	if (!verb->edit)
		fail_msg("%s edits nothing", verb_title(verb, title));
	ret = verb->edit(model, &args, err);
	if (ret)
		error_prefix(err, "%s", verb_title(verb, title));
	return ret;
}

/* @line, split at spaces. */
static inline int fixture_line(struct model *model, const char *line, struct error *err)
{
	char copy[512], *words[64];
	int count;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	count = args_split(copy, words, ARRAY_SIZE(words));
	assert_true(count >= 0);
	return fixture_edit(model, words, count, err);
}

static inline void assert_starts(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)))
		fail_msg("\"%s\" does not begin with \"%s\"", text, start);
}

/* What a function writes to standard error; the caller frees it. */
static inline char *fixture_stderr(void (*function)(void *data), void *data)
{
	FILE *kept = stderr;
	char *text;
	size_t len;

	/* glibc lets programs assign to it. */
	stderr = open_memstream(&text, &len);
	assert_non_null(stderr);
	function(data);
	fclose(stderr);
	stderr = kept;
	return text;
}

#endif
