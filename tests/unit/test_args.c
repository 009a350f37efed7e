// SPDX-License-Identifier: GPL-2.0
/* The grammar: splitting, keywords, suggestions, numbers, names; and how errors are put together.
 */
#include <errno.h>

#include "fixture.h"

static void split(const char *line, int count, const char *const *want)
{
	char copy[256], *words[8];
	int i;

	strcpy(copy, line);
	assert_int_equal(args_split(copy, words, ARRAY_SIZE(words)), count);
	for (i = 0; i < count; i++)
		assert_string_equal(words[i], want[i]);
}

TEST(split_words)
{
	const char *const want[] = { "tunnel", "add", "t1", "mode" };

	split("tunnel add t1 mode", 4, want);
	split("  tunnel\tadd \t t1   mode \r\n", 4, want);
	split("\ttunnel add t1 mode # ipip", 4, want);
	split("tunnel add t1 mode #", 4, want);
	split("tunnel", 1, want);
}

TEST(split_nothing)
{
	split("", 0, NULL);
	split(" \t\r\n", 0, NULL);
	split("# a comment", 0, NULL);
	split("  #tunnel add", 0, NULL);
}

TEST(split_hash_in_word)
{
	const char *const want[] = { "a#b", "c" };

	split("a#b c", 2, want);
}

/* A backslash takes its meaning from a `#` that begins a word, or from another backslash. */
TEST(split_backslash)
{
	const char *const want[] = { "#a", "\\b", "c\\#d", "" };

	split("\\#a \\\\b c\\#d", 3, want);
	split("\\#a \\\\b c\\#d \\", 4, want);
}

/* A word between quotes may have anything in it. */
TEST(split_quotes)
{
	const char *const want[] = { "a", "tcp port 80 # \\x", "", "it's", "'b" };

	split("a 'tcp port 80 # \\x' '' it's \\'b", 5, want);
	split("a 'b c", -EINVAL, NULL);
	split("'", -EINVAL, NULL);
}

TEST(split_limit)
{
	const char *const want[] = { "1", "2", "3", "4", "5", "6", "7", "8" };

	split("1 2 3 4 5 6 7 8", 8, want);
	split("1 2 3 4 5 6 7 8 # 9", 8, want);
	split("1 2 3 4 5 6 7 8 9", -E2BIG, NULL);
}

TEST(next_words)
{
	char *words[] = { "a", "b" };
	struct args args = { 2, words };

	assert_string_equal(args_next(&args), "a");
	assert_string_equal(args_next(&args), "b");
	assert_null(args_next(&args));
	assert_null(args_next(&args));
	assert_int_equal(args.count, 0);
}

TEST(names_in_list)
{
	assert_true(name_in("list lst", "list"));
	assert_true(name_in("list lst", "lst"));
	assert_true(name_in("one  two", "two"));
	assert_false(name_in("list lst", "ls"));
	assert_false(name_in("list lst", "lis"));
	assert_false(name_in("list lst", "list lst"));
	assert_false(name_in("list lst", ""));
	assert_false(name_in("", ""));
	assert_false(name_in("", "a"));
	assert_false(name_in(NULL, "a"));
}

/* ---- keywords ---- */

struct thing {
	int color, size, flags;
};

static int color_parse(void *spec, const char *word, struct error *err)
{
	if (!strcmp(word, "none"))
		return misuse(err, "\"none\" is no color any more");
	((struct thing *)spec)->color = !strcmp(word, "red") ? 1 : 2;
	return strcmp(word, "red") && strcmp(word, "blue") ? -EINVAL : 0;
}

static int color_print(const void *spec, FILE *out)
{
	int color = ((const struct thing *)spec)->color;

	return color && fputs(color == 1 ? "red" : "blue", out) >= 0;
}

static int size_parse(void *spec, const char *word, struct error *err)
{
	unsigned long size;

	(void)err;
	if (parse_number(word, 1, 9, &size))
		return -EINVAL;
	((struct thing *)spec)->size = size;
	return 0;
}

static int on_parse(void *spec, const char *word, struct error *err)
{
	(void)err;
	assert_null(word);
	((struct thing *)spec)->flags = 1;
	return 0;
}

static int off_parse(void *spec, const char *word, struct error *err)
{
	(void)err;
	assert_null(word);
	((struct thing *)spec)->flags = 0;
	return 0;
}

static int on_print(const void *spec, FILE *out)
{
	(void)out;
	return ((const struct thing *)spec)->flags;
}

static const struct keyword rows[] = {
	{ .name = "color",
	  .aliases = "colour hue",
	  .value = "COLOR",
	  .expects = "red or blue",
	  .bit = 1,
	  .parse = color_parse,
	  .print = color_print },
	{ .name = "size", .value = "N", .expects = "1..9", .bit = 2, .parse = size_parse },
	{ .name = "shine", .bit = 4, .parse = on_parse, .print = on_print },
	{ .name = "noshine", .bit = 4, .parse = off_parse },
};

static int parse(const char *line, struct thing *thing, __u64 *given, struct error *err)
{
	char copy[256], *words[16];
	struct args args = { .words = words };

	strcpy(copy, line);
	args.count = args_split(copy, words, ARRAY_SIZE(words));
	return args_keywords(&args, rows, ARRAY_SIZE(rows), thing, given, err);
}

TEST(keywords_accept)
{
	struct thing thing = {};
	struct error err = {};
	__u64 given = 8;

	assert_int_equal(parse("", &thing, &given, &err), 0);
	assert_int_equal(given, 8);
	assert_int_equal(parse("size 3 colour blue shine", &thing, &given, &err), 0);
	assert_int_equal(given, 15);
	given = 0;
	assert_int_equal(thing.color, 2);
	assert_int_equal(thing.size, 3);
	assert_int_equal(thing.flags, 1);
	/* A second command line may say again what the first said. */
	assert_int_equal(parse("hue red noshine", &thing, &given, &err), 0);
	assert_int_equal(given, 5);
	assert_int_equal(thing.color, 1);
	assert_int_equal(thing.flags, 0);
}

TEST(keywords_refuse)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{ "colr red", "\"colr\" is no keyword here; did you mean color?" },
		{ "Color red", "\"Color\" is no keyword here; did you mean color?" },
		{ "col red", "\"col\" is no keyword here; did you mean color?" },
		{ "elephant", "\"elephant\" is no keyword here" },
		{ "color red 5", "\"5\" is no keyword here" },
		{ "color", "color: its value COLOR is missing" },
		{ "size 3 hue", "hue: its value COLOR is missing" },
		{ "color red color red", "color: given twice, or with its opposite" },
		{ "color red hue red", "hue: given twice, or with its opposite" },
		{ "shine shine", "shine: given twice, or with its opposite" },
		{ "shine noshine", "noshine: given twice, or with its opposite" },
		{ "color green", "color: \"green\" is not red or blue" },
		{ "hue green", "hue: \"green\" is not red or blue" },
		{ "color none", "color: \"none\" is no color any more" },
		{ "size 10", "size: \"10\" is not 1..9" },
		{ "color red size x", "size: \"x\" is not 1..9" },
		{ "color size", "color: \"size\" is not red or blue" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct thing thing = {};
		struct error err = {};
		__u64 given = 8;

		assert_int_equal(parse(cases[i].line, &thing, &given, &err), -EINVAL);
		assert_int_equal(err.status, STATUS_USAGE);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(given, 8);
	}
}

TEST(keywords_print)
{
	struct thing thing = { .color = 2 };
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	args_print(rows, ARRAY_SIZE(rows), &thing, 0, out);
	thing = (struct thing){ .flags = 1 };
	args_print(rows, ARRAY_SIZE(rows), &thing, 0, out);
	/* Without what the caller says itself. */
	thing.color = 1;
	args_print(rows, ARRAY_SIZE(rows), &thing, 4, out);
	args_print(rows, ARRAY_SIZE(rows), &thing, 1, out);
	args_print(rows, ARRAY_SIZE(rows), &thing, 5, out);
	fclose(out);
	assert_string_equal(text, " color blue shine color red shine");
	free(text);
}

/* ---- suggestions ---- */

static const char *animal(size_t i)
{
	static const char *const names[] = { "tunnel", "restore", "", "ip", "detach", "attach" };

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

TEST(nearest)
{
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "tunnel", "tunnel" },
		{ "tunel", "tunnel" },
		{ "tunnels", "tunnel" },
		{ "tunnle", "tunnel" },
		{ "utnnel", "tunnel" },
		{ "tnnl", "tunnel" },
		{ "tun", NULL },
		{ "tuuunnnel", NULL },
		{ "rstore", "restore" },
		{ "atach", "attach" },
		{ "detatch", "detach" },
		/* All of a short name may not be wrong. */
		{ "xy", NULL },
		{ "i", "ip" },
		{ "", NULL },
		{ "a word that is far longer than any keyword could ever be", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = args_nearest(cases[i].word, animal);

		if (cases[i].near ? !near || strcmp(near, cases[i].near) : !!near)
			fail_msg("\"%s\": %s, not %s", cases[i].word, near ?: "nothing",
				 cases[i].near ?: "nothing");
	}
}

/* ---- numbers and names ---- */

TEST(numbers)
{
	static const struct {
		const char *word;
		unsigned long min, max;
		long number; /* -1: refused */
	} cases[] = {
		{ "0", 0, 255, 0 },
		{ "1", 1, 255, 1 },
		{ "255", 1, 255, 255 },
		{ "0x10", 1, 255, 16 },
		{ "0XfF", 1, 255, 255 },
		{ "010", 1, 255, 10 },
		{ "0", 1, 255, -1 },
		{ "256", 1, 255, -1 },
		{ "0x100", 1, 255, -1 },
		{ "80abc", 1, 255, -1 },
		{ "8 0", 1, 255, -1 },
		{ "80 ", 1, 255, -1 },
		{ " 80", 1, 255, -1 },
		{ "\t80", 1, 255, -1 },
		{ "+80", 1, 255, -1 },
		{ "-1", 0, ~0UL, -1 },
		{ "-0", 0, 255, -1 },
		{ "", 0, 255, -1 },
		{ "0x", 0, 255, -1 },
		{ "x10", 0, 255, -1 },
		{ "0x-1", 0, ~0UL, -1 },
		{ "0x 1", 0, 255, -1 },
		{ "1.5", 0, 255, -1 },
		{ "1e2", 0, 255, -1 },
		{ "ff", 0, 255, -1 },
		{ "18446744073709551616", 0, ~0UL, -1 },
		{ "0x10000000000000000", 0, ~0UL, -1 },
		{ "99999999999999999999999999999999", 0, ~0UL, -1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long number = 77;
		int ret = parse_number(cases[i].word, cases[i].min, cases[i].max, &number);

		if (ret != (cases[i].number < 0 ? -EINVAL : 0))
			fail_msg("\"%s\": returned %d", cases[i].word, ret);
		assert_int_equal(number, cases[i].number < 0 ? 77 : cases[i].number);
	}
}

TEST(device_names)
{
	static const char *const good[] = { "a",   "tun1", "eth0.100",        "a-b_c",
					    "...", "-",    "123456789012345", "\xc3\xa4" };
	static const struct {
		const char *word, *text;
	} bad[] = {
		{ "", "the name is empty" },
		{ "1234567890123456", "\"1234567890123456\": a name has at most 15 bytes" },
		{ "a/b", "\"a/b\": a name has no slash" },
		{ "a b", "\"a b\": a name has no slash" },
		{ "a:b", "\"a:b\": a name has no slash" },
		{ "a\n", "\"a\n\": a name has no slash" },
		{ "\t", "\"\t\": a name has no slash" },
		{ ".", "\".\" is no name" },
		{ "..", "\"..\" is no name" },
	};
	struct error err = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(parse_name(good[i], &err), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_name(bad[i].word, &err), -EINVAL);
		assert_int_equal(err.status, STATUS_USAGE);
		assert_starts(err.text, bad[i].text);
	}
}

/* ---- errors ---- */

TEST(error_texts)
{
	struct error err = {};

	assert_int_equal(misuse(&err, "%d words", 3), -EINVAL);
	assert_int_equal(err.status, STATUS_USAGE);
	assert_string_equal(err.text, "3 words");
	assert_int_equal(refuse(&err, -ENOENT, "no %s", "t1"), -ENOENT);
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_string_equal(err.text, "no t1");
	error_prefix(&err, "line %d", 7);
	error_prefix(&err, "file");
	assert_string_equal(err.text, "file: line 7: no t1");
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_int_equal(refuse_kernel(&err, -ENODEV, "asking"), -ENODEV);
	assert_starts(err.text, "asking: ");
	assert_int_equal(refuse_kernel(&err, -EPERM, "asking"), -EPERM);
	assert_non_null(strstr(err.text, "CAP_NET_ADMIN"));
}

/* What is too long is cut, and is a string all the same. */
TEST(error_long)
{
	char word[2048];
	struct error err;

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	memset(&err, 'z', sizeof(err));
	misuse(&err, "%s", word);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, "tunnel add");
	assert_int_equal(strnlen(err.text, sizeof(err.text)), sizeof(err.text) - 1);
	assert_starts(err.text, "tunnel add: xxx");
	/* What the error is counts more than where. */
	error_prefix(&err, "%s", word);
	assert_starts(err.text, "tunnel add: xxx");
	memset(&err, 'z', sizeof(err));
	refuse_kernel(&err, -ENOENT, "%s", word);
	assert_true(strnlen(err.text, sizeof(err.text)) < sizeof(err.text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_words),
		cmocka_unit_test(split_nothing),
		cmocka_unit_test(split_hash_in_word),
		cmocka_unit_test(split_quotes),
		cmocka_unit_test(split_limit),
		cmocka_unit_test(split_backslash),
		cmocka_unit_test(next_words),
		cmocka_unit_test(names_in_list),
		cmocka_unit_test(keywords_accept),
		cmocka_unit_test(keywords_refuse),
		cmocka_unit_test(keywords_print),
		cmocka_unit_test(nearest),
		cmocka_unit_test(numbers),
		cmocka_unit_test(device_names),
		cmocka_unit_test(error_texts),
		cmocka_unit_test(error_long),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
