// SPDX-License-Identifier: GPL-2.0
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_ENOUGH = 2, WORD_MAX = 31 };

const char *args_next(struct args *args)
{
	if (!args->count)
		return NULL;
	args->count--;
	return *args->words++;
}

bool name_in(const char *names, const char *word)
{
	size_t len = strlen(word);

	while (names && *names) {
		size_t span = strcspn(names, " ");

		if (span == len && !memcmp(names, word, len))
			return true;
		names += span;
		names += strspn(names, " ");
	}
	return false;
}

/* Levenshtein's distance, with one row of the table. Words longer than any keyword are far from
 * all. */
static int distance(const char *a, const char *b)
{
	size_t len = strlen(b), i, j;
	int row[WORD_MAX + 1];

	if (len > WORD_MAX || strlen(a) > WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		int corner = row[0];

		row[0] = i + 1;
		for (j = 1; j <= len; j++) {
			int replaced = corner + (a[i] != b[j - 1]);

			corner = row[j];
			row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			if (replaced < row[j])
				row[j] = replaced;
		}
	}
	return row[len];
}

/* Keep @name in *@found if it is nearer to @word than *@best edits. */
static void nearer(const char *word, const char *name, int *best, const char **found)
{
	int far = distance(word, name);

	if (far < *best && far < (int)strlen(name)) {
		*best = far;
		*found = name;
	}
}

const char *args_nearest(const char *word, const char *(*name_of)(size_t i))
{
	const char *name, *found = NULL;
	int best = NEAR_ENOUGH + 1;
	size_t i;

	for (i = 0; (name = name_of(i)); i++)
		nearer(word, name, &best, &found);
	return found;
}

static const struct keyword *keyword_find(const struct keyword *rows, size_t count,
					  const char *word)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(rows[i].name, word) || name_in(rows[i].aliases, word))
			return &rows[i];
	return NULL;
}

static int keyword_unknown(const struct keyword *rows, size_t count, const char *word,
			   struct error *err)
{
	const char *found = NULL;
	int best = NEAR_ENOUGH + 1;
	size_t i;

	for (i = 0; i < count; i++)
		nearer(word, rows[i].name, &best, &found);
	if (found)
		return misuse(err, "\"%s\" is no keyword here; did you mean %s?", word, found);
	return misuse(err, "\"%s\" is no keyword here", word);
}

/* The value of a keyword, NULL when it is missing. One of several words is put together in @text;
 * if they are too long what is cut off says enough. */
static const char *value_take(struct args *args, const struct keyword *row, char *text, size_t size)
{
	const char *word = args_next(args);
	int i;

	if (!word || row->words < 2)
		return word;
	snprintf(text, size, "%s", word);
	for (i = 1; i < row->words; i++) {
		word = args_next(args);
		if (!word)
			return NULL;
		snprintf(text + strlen(text), size - strlen(text), " %s", word);
	}
	return text;
}

int args_keywords(struct args *args, const struct keyword *rows, size_t count, void *spec,
		  __u64 *given, struct error *err)
{
	int (*parse)(void *spec, const char *word, struct error *err);
	const char *word, *value;
	char text[64];
	__u64 seen = 0;

	while ((word = args_next(args))) {
		const struct keyword *row = keyword_find(rows, count, word);

		if (!row)
			return keyword_unknown(rows, count, word, err);
		parse = row->parse;
		if (seen & row->bit && row->again)
			parse = row->again;
		else if (seen & row->bit)
			return misuse(err, "%s: given twice, or with its opposite", word);
		seen |= row->bit;
		value = NULL;
		if (row->value) {
			value = value_take(args, row, text, sizeof(text));
			if (!value)
				return misuse(err, "%s: its value %s is missing", word, row->value);
		}
		err->text[0] = 0;
		if (parse(spec, value, err)) {
			if (err->text[0])
				error_prefix(err, "%s", word);
			else
				misuse(err, "%s: \"%s\" is not %s", word, value, row->expects);
			return -EINVAL;
		}
	}
	*given |= seen;
	return 0;
}

bool args_value(const struct keyword *row, const void *spec, char *text, size_t size)
{
	FILE *out;
	bool said;

	text[0] = 0;
	out = row->print ? fmemopen(text, size, "w") : NULL;
	if (!out)
		return false;
	said = row->print(spec, out);
	fclose(out);
	text[size - 1] = 0;
	return said;
}

void args_print(const struct keyword *rows, size_t count, const void *spec, __u64 except, FILE *out)
{
	char text[128];
	size_t i;

	for (i = 0; i < count; i++)
		if (!(rows[i].bit & except) && args_value(&rows[i], spec, text, sizeof(text)))
			fprintf(out, text[0] ? " %s %s" : " %s", rows[i].name, text);
}

int parse_number(const char *word, unsigned long min, unsigned long max, unsigned long *number)
{
	unsigned long value;
	char *end;

	/* strtoul() would take a sign and leading white space. */
	if (!isdigit((unsigned char)*word))
		return -EINVAL;
	errno = 0;
	value = strtoul(word, &end, word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}

int parse_name(const char *word, struct error *err)
{
	size_t len = strlen(word), i;

	if (!len)
		return misuse(err, "the name is empty");
	if (len >= IFNAMSIZ)
		return misuse(err, "\"%s\": a name has at most %d bytes", word, IFNAMSIZ - 1);
	if (!strcmp(word, ".") || !strcmp(word, ".."))
		return misuse(err, "\"%s\" is no name for a device", word);
	for (i = 0; i < len; i++)
		if (word[i] == '/' || word[i] == ':' || isspace((unsigned char)word[i]))
			return misuse(err, "\"%s\": a name has no slash, colon or white space",
				      word);
	return 0;
}

int word_print(const char *word, FILE *out)
{
	return fprintf(out, "%s%s", strchr("#\\'", *word) ? "\\" : "", word);
}

int args_split(char *line, char **words, int max)
{
	int count = 0;

	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return count;
		if (count == max)
			return -E2BIG;
		if (*line == '\'') {
			words[count++] = ++line;
			line += strcspn(line, "'");
			if (!*line)
				return -EINVAL;
			*line++ = 0;
			continue;
		}
		if (*line == '\\')
			line++;
		words[count++] = line;
		line += strcspn(line, " \t\r\n");
		if (*line)
			*line++ = 0;
	}
}

int parse_mac(const char *word, __u8 *mac)
{
	unsigned int byte[6];
	int end = 0;
	size_t i;

	if (sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &end) != 6 ||
	    word[end] || strspn(word, "0123456789abcdefABCDEF:") != (size_t)end)
		return -EINVAL;
	for (i = 0; i < 6; i++)
		mac[i] = byte[i];
	return 0;
}
