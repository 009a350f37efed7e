// SPDX-License-Identifier: GPL-2.0
/* The tables that drive everything: no holes, no name twice, every row explained. */
#include "anchor.h"
#include "counters.h"
#include "fixture.h"
#include "output.h"

enum { WORDS = 256 };

/* Words that must differ from each other. */
struct words {
	char text[WORDS][64];
	size_t count;
};

static void words_add(struct words *words, const char *word)
{
	size_t i;

	assert_true(words->count < WORDS && strlen(word) && strlen(word) < 64);
	for (i = 0; i < words->count; i++)
		assert_string_not_equal(words->text[i], word);
	strcpy(words->text[words->count++], word);
}

/* A list of words that are separated by single spaces. */
static void words_add_all(struct words *words, const char *list)
{
	char copy[256], *word, *rest = copy;

	assert_true(strlen(list ?: "") < sizeof(copy));
	strcpy(copy, list ?: "");
	while (*copy && (word = strsep(&rest, " ")))
		words_add(words, word);
}

/* One line of help: present, begins like a clause, has no full stop. */
static void assert_help(const char *text)
{
	assert_non_null(text);
	assert_true(strlen(text) > 3 && strlen(text) < 120);
	assert_null(strchr(text, '\n'));
	assert_true(text[strlen(text) - 1] != '.');
}

/* `TYPE` and `TYPE/MODE` words of @mode lead to it and to no other. */
static void assert_types(const struct mode *mode, struct words *types)
{
	char copy[128], *word, *variant, *rest = copy;

	words_add_all(types, mode->types);
	strcpy(copy, mode->types);
	while ((word = strsep(&rest, " "))) {
		variant = strchr(word, '/');
		if (variant)
			*variant++ = 0;
		assert_ptr_equal(mode_of_type(word, variant), mode);
		/* A type that has modes can stand alone. */
		assert_non_null(mode_of_type(word, NULL));
	}
	assert_starts(mode->types, mode->driver);
}

TEST(modes)
{
	struct words names = {}, types = {};
	const struct mode *mode, *other;
	__u64 known = 0;
	size_t i, j;

	for (i = 0; i < tunnel_keyword_count; i++)
		known |= tunnel_keywords[i].bit;
	assert_non_null(mode_row(0));
	for (i = 0; (mode = mode_row(i)); i++) {
		assert_non_null(mode->name);
		words_add(&names, mode->name);
		assert_ptr_equal(mode_named(mode->name), mode);
		assert_non_null(mode->aliases);
		words_add_all(&names, mode->aliases);
		assert_types(mode, &types);
		/* How `ip tunnel show` calls it: what is inside, what is outside. */
		assert_non_null(strchr(mode->shown, '/'));
		other = mode_named(mode->shown);
		if (other && other != mode)
			assert_int_equal(other->family, mode->family);
		assert_help(mode->help);
		assert_in_range(mode->family, 0, FAMILY_MAX - 1);
		assert_in_range(mode->payload, 0, PAYLOAD_MAX - 1);
		assert_int_not_equal(mode->inner, 0);
		/* Frames, or packets of some kinds. */
		if (mode->inner != INNER_ETHERNET)
			assert_int_equal(mode->inner & ~(INNER_IPV4 | INNER_IPV6 | INNER_MPLS), 0);
		/* Its keywords exist, and without these no mode makes sense. */
		assert_int_equal(mode->keywords & ~known, 0);
		assert_int_equal(mode->keywords & GIVEN_COMMON, GIVEN_COMMON);
		/* One name for both families has the keywords of both. */
		if (mode->wrap != WRAP_NONE) {
			assert_int_equal(mode->keywords & GIVEN_UDP, GIVEN_UDP);
			assert_int_equal(mode->family, FAMILY_IPV4);
			assert_int_not_equal(mode->dport, 0);
		} else {
			assert_int_equal(!!(mode->keywords & GIVEN_OVER_IPV4),
					 mode->family == FAMILY_IPV4);
			assert_int_equal(!!(mode->keywords & GIVEN_OVER_IPV6),
					 mode->family == FAMILY_IPV6);
		}
		assert_int_equal(!!(mode->keywords & GIVEN_CSUM), mode->payload == PAYLOAD_GRE);
		assert_int_equal(!!(mode->keywords & GIVEN_ERSPAN_VER),
				 mode->payload == PAYLOAD_ERSPAN);
		/* Rows are told apart by their choices: spec_from_record() finds them by these. */
		for (j = 0; j < i; j++) {
			other = mode_row(j);
			if (mode->family == other->family && mode->payload == other->payload &&
			    mode->inner == other->inner && mode->wrap == other->wrap)
				fail_msg("%s and %s are the same", mode->name, other->name);
			/* One driver, one outer family and payload. */
			if (!strcmp(mode->driver, other->driver))
				assert_true(mode->family == other->family &&
					    mode->payload == other->payload);
		}
	}
	assert_null(mode_row(i));
	assert_null(mode_row(i + 1));
	assert_null(mode_named(""));
	assert_null(mode_of_type("sit", "ip6ip6"));
}

TEST(keywords)
{
	struct words names = {};
	size_t i, j;

	for (i = 0; i < tunnel_keyword_count; i++) {
		const struct keyword *row = &tunnel_keywords[i];

		assert_non_null(row->name);
		words_add(&names, row->name);
		words_add_all(&names, row->aliases);
		assert_help(row->help);
		assert_non_null(row->parse);
		/* One bit each. */
		assert_int_not_equal(row->bit, 0);
		assert_int_equal(row->bit & (row->bit - 1), 0);
		if (row->value)
			assert_non_null(row->expects);
		/* Of rows that share a bit the second undoes the first. */
		for (j = 0; j < i; j++) {
			if (tunnel_keywords[j].bit != row->bit)
				continue;
			assert_null(row->value);
			assert_int_equal(strncmp(row->name, "no", 2), 0);
			assert_string_equal(row->name + 2, tunnel_keywords[j].name);
		}
	}
	/* `tunnel add` and `link add` take words of their own before these. */
	words_add(&names, "name");
	words_add(&names, "type");
	/* take_type() relies on it. */
	assert_string_equal(tunnel_keywords[0].name, "mode");
}

TEST(verbs)
{
	struct words titles = {}, objects = {};
	const struct verb *verb, *before = NULL;
	char title[64], alias[192], copy[128];
	size_t i;

	for (i = 0; (verb = verb_row(i)); before = verb, i++) {
		char *word, *rest = copy;

		assert_non_null(verb->object);
		/* Verbs of one object stand together. */
		if (!before || strcmp(before->object, verb->object))
			words_add(&objects, verb->object);
		words_add(&titles, verb_title(verb, title));
		strcpy(copy, verb->aliases ?: "");
		while (*copy && (word = strsep(&rest, " "))) {
			snprintf(alias, sizeof(alias), "%s %s", verb->object, word);
			words_add(&titles, alias);
		}
		assert_non_null(verb->synopsis);
		assert_help(verb->help);
		assert_int_equal(!!verb->edit + !!verb->show + !!verb->run + !!verb->act, 1);
		assert_true(verb->name || !verb->aliases);
		if (verb->tunnel_keywords)
			assert_non_null(verb->edit);
	}
	assert_null(verb_row(i + 1));
}

TEST(verbs_found)
{
	const struct verb *verb;
	struct error err;
	size_t i;

	for (i = 0; (verb = verb_row(i)); i++) {
		char *words[] = { (char *)verb->object, (char *)verb->name, "rest" };
		struct args args = { verb->name ? 3 : 2, words };

		if (!verb->name)
			words[1] = "rest";
		assert_ptr_equal(verb_find(&args, &err), verb);
		assert_int_equal(args.count, 1);
		assert_string_equal(args.words[0], "rest");
	}
}

/* An object alone means its `show`. */
TEST(verbs_show)
{
	static const char *const objects[] = { "tunnel", "dev", "fou" };
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		char *words[] = { (char *)objects[i] };
		struct args args = { 1, words };
		const struct verb *verb = verb_find(&args, &err);

		assert_non_null(verb);
		assert_string_equal(verb->name, "show");
	}
}

TEST(help_has_keywords)
{
	const struct verb *verb;
	size_t i, j, len;
	char *text, want[96];

	for (i = 0; (verb = verb_row(i)); i++) {
		FILE *out = open_memstream(&text, &len);

		help_verb(verb, out);
		fclose(out);
		assert_starts(text, "Usage: xtun ");
		assert_non_null(strstr(text, verb->help));
		for (j = 0; j < tunnel_keyword_count; j++) {
			const struct keyword *row = &tunnel_keywords[j];

			snprintf(want, sizeof(want), row->value ? "[%s %s]" : "[%s]", row->name,
				 row->value);
			assert_int_equal(!!strstr(text, want), verb->tunnel_keywords);
			assert_int_equal(!!strstr(text, row->help), verb->tunnel_keywords);
		}
		free(text);
	}
}

TEST(anchors)
{
	struct words names = {};
	enum anchor_kind kind;
	size_t i;

	for (i = 0; anchor_kind_name(i); i++) {
		words_add(&names, anchor_kind_name(i));
		kind = anchor_kind_parse(anchor_kind_name(i));
		assert_int_equal(kind, i + 1);
	}
	assert_int_equal(i, ANCHOR_MAX - 1);
	assert_int_equal(anchor_kind_parse("auto"), ANCHOR_AUTO);
	assert_int_equal(anchor_kind_parse("dumm"), ANCHOR_AUTO);
	assert_int_equal(anchor_kind_parse(""), ANCHOR_AUTO);
	/* It fits, with the eight digits behind it. */
	assert_true(strlen(ANCHOR_HALF) + 8 < IFNAMSIZ);
}

TEST(anchors_receive)
{
	static const bool pairs[ANCHOR_MAX] = { [ANCHOR_VETH] = true, [ANCHOR_NETKIT] = true };
	struct tunnel record = { .anchor = 5 };
	__u32 ifindex, flags;

	for (record.kind = ANCHOR_AUTO + 1; record.kind < ANCHOR_MAX; record.kind++) {
		__u32 port = pairs[record.kind] ? 6 : 5;

		record.flags = TUNNEL_ANCHOR_CHOSEN;
		anchor_receive(&record, port, &ifindex, &flags);
		assert_int_equal(ifindex, port);
		/* Into the device itself, or out of its other half. */
		assert_int_equal(flags, pairs[record.kind] ? 0 : 1);
		record.flags = 0;
		anchor_receive(&record, port, &ifindex, &flags);
		assert_int_equal(ifindex, 5);
		assert_int_equal(flags, 1);
	}
}

TEST(drops)
{
	static const struct {
		const char *name, *way, *text;
	} rows[] = {
#define ROW(name, way, text) { #name, #way, text },
		XTUN_DROPS(ROW)
#undef ROW
	};
	struct words names = {}, texts = {};
	char *shown, line[64];
	size_t i, len;
	FILE *out = open_memstream(&shown, &len);

	output_drops(out);
	fclose(out);
	assert_int_equal(ARRAY_SIZE(rows), DROP_MAX);
	for (i = 0; i < DROP_MAX; i++) {
		words_add(&names, rows[i].name);
		/* A word that a user can read in a counter: small letters. */
		assert_int_equal(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz_46"),
				 strlen(rows[i].name));
		assert_help(rows[i].text);
		snprintf(line, sizeof(line), "%.60s", rows[i].text);
		words_add(&texts, line);
		snprintf(line, sizeof(line), "  %-15s %s  ", rows[i].name,
			 !strcmp(rows[i].way, "TX") ? "tx" : "rx");
		assert_non_null(strstr(shown, line));
		assert_non_null(strstr(shown, rows[i].text));
	}
	free(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),      cmocka_unit_test(keywords),
		cmocka_unit_test(verbs),      cmocka_unit_test(verbs_found),
		cmocka_unit_test(verbs_show), cmocka_unit_test(help_has_keywords),
		cmocka_unit_test(anchors),    cmocka_unit_test(anchors_receive),
		cmocka_unit_test(drops),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
