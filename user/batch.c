// SPDX-License-Identifier: GPL-2.0
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "verbs.h"

enum { WORDS_MAX = 128 };

static int batch_line(struct model *model, char *line, struct error *err)
{
	char *words[WORDS_MAX], title[64];
	struct args args = { .words = words };
	const struct verb *verb;
	int ret;

	args.count = args_split(line, words, WORDS_MAX);
	if (!args.count)
		return 0;
	if (args.count == -EINVAL)
		return misuse(err, "a quote (') has no end");
	if (args.count < 0)
		return misuse(err, "more than %d words", WORDS_MAX);
	verb = verb_find(&args, err);
	if (!verb)
		return -EINVAL;
	verb_title(verb, title);
	/* restore would read a file inside a file. */
	if (!verb->edit || verb->edit == config_restore)
		return misuse(err, "%s: has no place in a file of commands", title);
	ret = verb->edit(model, &args, err);
	if (ret)
		error_prefix(err, "%s", title);
	return ret;
}

int batch_text(struct model *model, const char *text, const char *source, struct error *err)
{
	char *copy = strdup(text), *line = copy, *end;
	unsigned long number;
	int ret = 0;

	if (!copy)
		return refuse_kernel(err, -ENOMEM, "reading %s", source);
	for (number = 1; line && !ret; number++, line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		ret = batch_line(model, line, err);
		if (ret)
			error_prefix(err, "%s: line %lu", source, number);
	}
	free(copy);
	return ret;
}

static unsigned long lines(const char *text)
{
	unsigned long count = 1;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

const char *file_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int file_read(const char *path, char **text, struct error *err)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin, *out;
	char chunk[4096];
	size_t len;
	int ret = 0;

	if (!in)
		return refuse_kernel(err, -errno, "%s", path);
	out = open_memstream(text, &len);
	if (!out) {
		ret = -errno;
		goto close;
	}
	while ((len = fread(chunk, 1, sizeof(chunk), in)))
		fwrite(chunk, 1, len, out);
	if (ferror(in))
		ret = -errno ?: -EIO;
	if (fclose(out) && !ret)
		ret = -errno;
close:
	if (in != stdin)
		fclose(in);
	if (!ret && strlen(*text) != len) {
		misuse(err, "%s: line %lu: has a zero byte; this is no text", path, lines(*text));
		free(*text);
		*text = NULL;
		return -EINVAL;
	}
	return ret ? refuse_kernel(err, ret, "%s", path) : 0;
}

/* What can be read only once, by its path: a command may edit twice, to see what is wrong before it
 * touches anything. */
struct kept_text {
	struct kept_text *next;
	char *path, *text;
};

static int text_keep(struct kept_text **all, const char *path, struct error *err)
{
	struct kept_text *kept = calloc(1, sizeof(*kept));
	int ret;

	if (!kept)
		return refuse_kernel(err, -ENOMEM, "%s", path);
	ret = file_read(path, &kept->text, err);
	kept->path = strdup(path);
	if (ret || !kept->path) {
		free(kept->path);
		free(kept);
		return ret ?: refuse_kernel(err, -ENOMEM, "%s", path);
	}
	kept->next = *all;
	*all = kept;
	return 0;
}

int file_text(const char *path, char **text, struct error *err)
{
	static struct kept_text *all;
	struct kept_text *kept;
	struct stat st;
	int ret;

	if (strcmp(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode))
		return file_read(path, text, err);
	for (kept = all; kept && strcmp(kept->path, path);)
		kept = kept->next;
	if (!kept) {
		ret = text_keep(&all, path, err);
		if (ret)
			return ret;
		kept = all;
	}
	*text = strdup(kept->text);
	return *text ? 0 : refuse_kernel(err, -ENOMEM, "%s", path);
}

int batch_file(struct model *model, const char *path, struct error *err)
{
	char *text;
	int ret;

	ret = file_text(path, &text, err);
	if (ret)
		return ret;
	ret = batch_text(model, text, file_name(path), err);
	free(text);
	return ret;
}
