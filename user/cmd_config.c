// SPDX-License-Identifier: GPL-2.0
/* save, restore, flush, and the line that a saved configuration begins with. */
#include <errno.h>

#include "batch.h"
#include "model_peers.h"
#include "output.h"
#include "verbs.h"

int config_save(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err)
{
	int ret = args_end(args, err);

	(void)state;
	if (ret)
		return ret;
	if (options->json)
		return misuse(err, "-j: what it prints are commands");
	return model_save(model, model_peers_save, stdout, err);
}

int config_restore(struct model *model, struct args *args, struct error *err)
{
	const char *path = args_next(args);
	struct model want;
	int ret;

	if (!path)
		return misuse(err, "FILE is missing; - is standard input");
	ret = args_end(args, err);
	if (ret)
		return ret;
	model_empty_like(model, &want);
	ret = batch_file(&want, path, err);
	if (ret) {
		model_free_like(&want);
		return ret;
	}
	model_adopt(&want, model);
	model_replace(model, &want);
	return 0;
}

int config_flush(struct model *model, struct args *args, struct error *err)
{
	int ret = args_end(args, err);

	if (ret)
		return ret;
	model_clear(model);
	return 0;
}

int config_format(struct model *model, struct args *args, struct error *err)
{
	const char *word = args_next(args);
	unsigned long format;

	(void)model;
	if (!word || parse_number(word, 1, ~0UL, &format))
		return misuse(err, "a number is expected");
	if (format > SAVE_FORMAT)
		return refuse(
			err, -EPROTO,
			"written by a newer version of xtun (format %lu; this one reads up to %d)",
			format, SAVE_FORMAT);
	return args_end(args, err);
}
