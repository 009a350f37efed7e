// SPDX-License-Identifier: GPL-2.0
/* mirror add|del|show: copies of a device's frames, into a layer-2 tunnel. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

enum {
	GIVEN_MIRROR_DEV = 1 << 0,
	GIVEN_DIRECTION = 1 << 1,
	GIVEN_TO = 1 << 2,
	GIVEN_FILTER = 1 << 3,
	GIVEN_SAMPLE = 1 << 4,
	GIVEN_SNAPLEN = 1 << 5,
};

static int name_parse(char *into, const char *word, struct error *err)
{
	if (parse_name(word, err))
		return -EINVAL;
	strcpy(into, word);
	return 0;
}

static int dev_parse(void *into, const char *word, struct error *err)
{
	return name_parse(((struct mirror_entry *)into)->dev, word, err);
}

static int to_parse(void *into, const char *word, struct error *err)
{
	return name_parse(((struct mirror_entry *)into)->tunnel, word, err);
}

static int ingress_parse(void *into, const char *word, struct error *err)
{
	(void)word, (void)err;
	((struct mirror_entry *)into)->directions = MIRROR_INGRESS;
	return 0;
}

static int egress_parse(void *into, const char *word, struct error *err)
{
	(void)word, (void)err;
	((struct mirror_entry *)into)->directions = MIRROR_EGRESS;
	return 0;
}

static int both_parse(void *into, const char *word, struct error *err)
{
	(void)word, (void)err;
	((struct mirror_entry *)into)->directions = MIRROR_BOTH;
	return 0;
}

static int sample_parse(void *into, const char *word, struct error *err)
{
	unsigned long number;

	(void)err;
	if (parse_number(word, 1, 0xffffffff, &number))
		return -EINVAL;
	((struct mirror_entry *)into)->sample = number;
	return 0;
}

static int snaplen_parse(void *into, const char *word, struct error *err)
{
	unsigned long number;

	(void)err;
	if (parse_number(word, MIRROR_SNAPLEN_MIN, 65535, &number))
		return -EINVAL;
	((struct mirror_entry *)into)->snaplen = number;
	return 0;
}

/* `save` prints it between quotes, on one line. */
static int filter_parse(void *into, const char *word, struct error *err)
{
	char *filter = ((struct mirror_entry *)into)->filter;
	size_t len = strlen(word), i;

	if (len >= MIRROR_FILTER_MAX)
		return misuse(err, "longer than %d bytes", MIRROR_FILTER_MAX - 1);
	if (strchr(word, '\''))
		return misuse(err, "an expression has no quotes (') in it");
	if (word[strspn(word, " \t\r\n")] == 0)
		return misuse(err, "the expression is empty");
	for (i = 0; i < len; i++)
		filter[i] = isspace((unsigned char)word[i]) ? ' ' : word[i];
	return 0;
}

static const struct keyword mirror_keywords[] = {
	{ .name = "dev",
	  .value = "DEV",
	  .bit = GIVEN_MIRROR_DEV,
	  .parse = dev_parse,
	  .help = "the device whose frames are copied" },
	{ .name = "ingress",
	  .bit = GIVEN_DIRECTION,
	  .parse = ingress_parse,
	  .help = "those that it receives" },
	{ .name = "egress",
	  .bit = GIVEN_DIRECTION,
	  .parse = egress_parse,
	  .help = "those that it sends" },
	{ .name = "both", .bit = GIVEN_DIRECTION, .parse = both_parse, .help = "all" },
	{ .name = "to",
	  .value = "TUNNEL",
	  .bit = GIVEN_TO,
	  .parse = to_parse,
	  .help = "where the copies go" },
	{ .name = "filter",
	  .value = "'EXPR'",
	  .bit = GIVEN_FILTER,
	  .parse = filter_parse,
	  .help = "only frames that match, pcap-filter(7)" },
	{ .name = "sample",
	  .value = "N",
	  .expects = "1..4294967295",
	  .bit = GIVEN_SAMPLE,
	  .parse = sample_parse,
	  .help = "one in N of them, at random" },
	{ .name = "snaplen",
	  .value = "N",
	  .expects = "14..65535",
	  .bit = GIVEN_SNAPLEN,
	  .parse = snaplen_parse,
	  .help = "at most N bytes of each" },
};

enum { MIRROR_KEYWORDS = sizeof(mirror_keywords) / sizeof(mirror_keywords[0]) };

static int take_name(struct args *args, const char **name, struct error *err)
{
	*name = args_next(args);
	if (!*name)
		return misuse(err, "the mirror's name is missing");
	return parse_name(*name, err);
}

int mirror_add(struct model *model, struct args *args, struct error *err)
{
	struct mirror_entry entry = { .sample = 1, .id = MAX_MIRRORS };
	const char *name;
	__u64 given = 0;
	int ret;

	ret = take_name(args, &name, err);
	if (ret)
		return ret;
	strcpy(entry.name, name);
	ret = args_keywords(args, mirror_keywords, MIRROR_KEYWORDS, &entry, &given, err);
	if (ret)
		return ret;
	if (!(given & GIVEN_MIRROR_DEV))
		return misuse(err, "dev: missing");
	if (!(given & GIVEN_DIRECTION))
		return misuse(err, "ingress, egress or both: missing");
	if (!(given & GIVEN_TO))
		return misuse(err, "to: missing");
	return model_mirror_add(model, &entry, err);
}

int mirror_del(struct model *model, struct args *args, struct error *err)
{
	const char *name;
	int ret;

	ret = take_name(args, &name, err);
	ret = ret ?: args_end(args, err);
	return ret ?: model_mirror_del(model, name, err);
}

int mirror_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err)
{
	const struct mirror_entry *only = NULL;
	const char *name;
	int ret;

	if (args->count) {
		ret = take_name(args, &name, err);
		ret = ret ?: args_end(args, err);
		if (ret)
			return ret;
		only = model_mirror_find(model, name);
		if (!only)
			return refuse(err, -ENOENT, "there is no mirror %s", name);
	}
	return output_mirrors(options, state, model, only, err);
}
