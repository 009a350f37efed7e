// SPDX-License-Identifier: GPL-2.0
/* attach, detach, dev show. */
#include <errno.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

/* `[dev] DEV` */
static int take_name(struct args *args, const char **dev, struct error *err)
{
	const char *word = args_next(args);

	if (word && !strcmp(word, "dev"))
		word = args_next(args);
	if (!word)
		return misuse(err, "the device is missing");
	if (parse_name(word, err))
		return -EINVAL;
	*dev = word;
	return 0;
}

static bool take_word(struct args *args, const char *word)
{
	if (!args->count || strcmp(args->words[0], word))
		return false;
	args_next(args);
	return true;
}

/* `[dev] DEV [tc]` */
static int take_device(struct args *args, const char **dev, struct error *err)
{
	if (take_name(args, dev, err))
		return -EINVAL;
	take_word(args, "tc");
	return args_end(args, err);
}

/* `cpus LIST`: the word is taken. */
static int take_cpus(struct args *args, struct device *as, struct error *err)
{
	const char *word = args_next(args);

	if (!word)
		return misuse(err, "cpus: its value is missing, such as 1-3,5");
	if (!cpu_list_parse(word, &as->spread))
		return misuse(err,
			      "cpus: \"%s\" is no list of up to %d ascending CPUs, such as 1-3,5",
			      word, CPU_LIST_MAX);
	if (as->flags & DEVICE_FORWARD)
		return misuse(err, "cpus: with forward, packets stay with the CPU that got them");
	return 0;
}

/* `[tc | xdp [native|generic] [forward] [cpus LIST]]`. Native is what a plain `xdp` means: generic,
 * which takes no work from the stack, is for those who ask for it. */
static int take_hook(struct args *args, struct device *as, struct error *err)
{
	*as = (struct device){};
	if (!take_word(args, "tc") && take_word(args, "xdp")) {
		as->flags = DEVICE_XDP;
		if (!take_word(args, "native") && take_word(args, "generic"))
			as->flags |= DEVICE_GENERIC;
		if (take_word(args, "forward"))
			as->flags |= DEVICE_FORWARD;
		if (take_word(args, "cpus") && take_cpus(args, as, err))
			return -EINVAL;
	}
	return args_end(args, err);
}

int device_add(struct model *model, struct args *args, struct error *err)
{
	struct device as;
	const char *dev;
	int ret;

	ret = take_name(args, &dev, err);
	ret = ret ?: take_hook(args, &as, err);
	return ret ?: model_attach(model, dev, &as, err);
}

int device_del(struct model *model, struct args *args, struct error *err)
{
	const char *dev;
	bool xdp;
	int ret;

	ret = take_name(args, &dev, err);
	if (ret)
		return ret;
	xdp = take_word(args, "xdp");
	if (!xdp)
		take_word(args, "tc");
	ret = args_end(args, err);
	return ret ?: model_detach(model, dev, xdp, err);
}

int device_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err)
{
	const struct link *only = NULL;
	const char *dev;
	int ret;

	if (args->count) {
		ret = take_device(args, &dev, err);
		if (ret)
			return ret;
		only = model_link_named(model, dev);
		if (!only)
			return refuse(err, -ENODEV, "there is no device \"%s\"", dev);
	}
	return output_devices(options, state, model, only ? only->ifindex : 0, err);
}
