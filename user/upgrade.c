// SPDX-License-Identifier: GPL-2.0
#include "upgrade.h"

#include <errno.h>

#include "attach.h"
#include "mirrors.h"
#include "programs.h"
#include "verbs.h"
#include "xdp.h"

/* The programs of the tunnels' devices. */
static int ports_swap(struct state *state, struct error *err)
{
	struct elements found = {};
	size_t i;
	int ret;

	ret = tunnels_read(&state->maps, &found);
	for (i = 0; i < found.count && !ret; i++) {
		const struct tunnel *t = (struct tunnel *)found.values + i;

		ret = port_swap(state, t->port, t->port != t->anchor);
		if (!ret && anchor_early(t))
			ret = early_swap(state, t->anchor);
	}
	elements_free(&found);
	return ret ? refuse_kernel(err, ret, "replacing the programs of the tunnels") : 0;
}

/* The programs of the devices under them; XDP last, whose packets the others take over. */
static int devices_swap(struct state *state, struct error *err)
{
	struct elements found = {};
	size_t i;
	int ret;

	ret = devices_read(&state->maps, &found);
	for (i = 0; i < found.count && !ret; i++) {
		__u32 ifindex = ((__u32 *)found.keys)[i];
		__u32 flags = ((struct device *)found.values)[i].flags;

		ret = device_swap(state, ifindex);
		if (!ret && flags & DEVICE_XDP)
			ret = xdp_swap(state, ifindex, flags);
	}
	elements_free(&found);
	return ret ? refuse_kernel(err, ret, "replacing the programs of the devices") : 0;
}

/* From the mark on. Every step is harmless to repeat. */
static int upgrade_finish(struct state *state, struct error *err)
{
	int ret;

	ret = programs_adopt(state, err);
	ret = ret ?: ports_swap(state, err);
	ret = ret ?: devices_swap(state, err);
	ret = ret ?: mirrors_swap(state, err);
	if (ret)
		return ret;
	pins_remove(state, PIN_NEXT);
	return upgrade_unmark(state, err);
}

int upgrade_recover(struct state *state, struct error *err)
{
	if (!upgrade_marked(state)) {
		pins_remove(state, PIN_NEXT);
		return 0;
	}
	if (!upgrade_finish(state, err))
		return 0;
	/* Programs of both versions work with the same maps; it must not block all else. */
	warn("an interrupted upgrade cannot be finished: %s", err->text);
	pins_remove(state, PIN_NEXT);
	return upgrade_unmark(state, err);
}

int upgrade_run(struct state *state, struct args *args, struct error *err)
{
	int ret;

	ret = args_end(args, err);
	if (ret || state->dir < 0)
		return ret;
	ret = programs_stage(state, err);
	ret = ret ?: mirrors_stage(state, err);
	ret = ret ?: upgrade_mark(state, err);
	if (ret) {
		pins_remove(state, PIN_NEXT);
		return ret;
	}
	return upgrade_finish(state, err);
}
