/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The grammar of iproute2: keywords, each with at most one value, matched exactly. Rows of data say
 * what there is; this file walks them. It neither prints nor exits.
 */
#ifndef XTUN_ARGS_H
#define XTUN_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "log.h"
#include "tunnel.h"

/* What is left of a command line; args_next() takes the first word. */
struct args {
	int count;
	char **words;
};

/* The next word, or NULL at the end. */
const char *args_next(struct args *args);

/*
 * One keyword. Parsing, printing and help of it stand together. Rows that share a bit exclude each
 * other (pmtudisc and nopmtudisc).
 */
struct keyword {
	const char *name;
	const char *aliases; /* other spellings, separated by spaces; NULL: none */
	const char *value;   /* what the value is called in help; NULL: the keyword has none */
	const char *expects; /* completes the sentence `"WORD" is not ...` */
	const char *help;    /* one line */
	__u64 bit;           /* in the set of what was given */
	int words;           /* of the value; 0 means one. They come with one space between */
	/*
	 * Put @word into @spec. Returns 0 or -EINVAL, with @err filled in only where `expects` does
	 * not say it all.
	 * @word is NULL without a value.
	 */
	int (*parse)(void *spec, const char *word, struct error *err);
	/* Likewise of a keyword that may be given more than once, from the second time on; NULL: it
	 * may not. */
	int (*again)(void *spec, const char *word, struct error *err);
	/* Write the value that @spec has to @out and return 1; 0 when it is the default and need
	 * not be said. */
	int (*print)(const void *spec, FILE *out);
};

/*
 * Parse all that is left of @args by @rows (@count of them) into @spec; bits of what was given are
 * added to @given. Returns 0, or -EINVAL with @err: unknown keyword (and the nearest known one),
 * value missing or wrong, given twice.
 */
int args_keywords(struct args *args, const struct keyword *rows, size_t count, void *spec,
		  __u64 *given, struct error *err);

/* The value of one row as text of at most @size bytes, empty for a row without. False: it has
 * nothing to say about @spec. */
bool args_value(const struct keyword *row, const void *spec, char *text, size_t size);

/* Write ` NAME VALUE` for each row that has something to say about @spec, but for those of bits in
 * @except. */
void args_print(const struct keyword *rows, size_t count, const void *spec, __u64 except,
		FILE *out);

/* Whether @word is one of @names, which are separated by spaces; NULL has none. */
bool name_in(const char *names, const char *word);

/*
 * The candidate nearest to @word by edits, if it is near enough to be what was meant; else NULL.
 * @name_of gives candidate @i, NULL behind the last.
 */
const char *args_nearest(const char *word, const char *(*name_of)(size_t i));

/* Decimal or 0x number from @min to @max, nothing behind it. Returns 0 or -EINVAL; @number is set
 * on success. */
int parse_number(const char *word, unsigned long min, unsigned long max, unsigned long *number);

/* Six bytes in hexadecimal with colons between them, into @mac. Returns 0 or -EINVAL. */
int parse_mac(const char *word, __u8 *mac);

/* The name of a device that may exist (dev_valid_name()): 1 to 15 bytes, no `/`, `:` or white
 * space. 0 or -EINVAL. */
int parse_name(const char *word, struct error *err);

/*
 * Split @line into words in place at white space; a word that begins with `#` begins a comment, one
 * that begins with `'` goes to the next one, and a backslash before a word takes these meanings
 * away. Returns the number of words, at most @max, -E2BIG, or -EINVAL when a quote has no end.
 */
int args_split(char *line, char **words, int max);

/* Write @word, without white space, so that args_split() reads it back. Returns the number of
 * bytes. */
int word_print(const char *word, FILE *out);

#endif
