// SPDX-License-Identifier: GPL-2.0
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tunnel_tc.skel.h"
#include "tunnel_xdp.skel.h"

/*
 * How many tunnels a namespace has room for. An array per CPU takes its memory at once, so that it
 * is bounded by that: 8 MB, but a thousand tunnels on the largest machine.
 */
static __u32 state_size(void)
{
	enum { MEMORY = 8 << 20, LEAST = 1024 };
	int cpus = libbpf_num_possible_cpus();
	size_t size = MEMORY / (sizeof(struct cpu_state) * (cpus > 0 ? cpus : 1));

	return size < LEAST ? LEAST : size > MAX_TUNNELS ? MAX_TUNNELS : size;
}

/* The maps that have an element for each tunnel id are as large as the namespace has room for. */
static int maps_size(const struct tunnel_tc_bpf *skel)
{
	struct bpf_map *by_id[] = {
		skel->maps.cpu_state, skel->maps.sequences, skel->maps.peers4,
		skel->maps.peers6,    skel->maps.peers_mac,
	};
	int err = 0, cpus;
	size_t i;

	for (i = 0; i < sizeof(by_id) / sizeof(by_id[0]) && !err; i++)
		err = bpf_map__set_max_entries(by_id[i], state_size());
	cpus = libbpf_num_possible_cpus();
	cpus = cpus > 0 ? cpus : 1;
	err = err ?: bpf_map__set_max_entries(skel->maps.cpus, cpus);
	return err ?: bpf_map__set_max_entries(skel->maps.cpus_frags, cpus);
}

struct tunnel_tc_bpf *programs_load(void)
{
	struct tunnel_tc_bpf *skel = tunnel_tc_bpf__open();
	int err;

	if (!skel)
		return NULL;
	if (!maps_size(skel) && !tunnel_tc_bpf__load(skel))
		return skel;
	err = errno;
	tunnel_tc_bpf__destroy(skel);
	errno = err;
	return NULL;
}

int programs_pin(const struct tunnel_tc_bpf *skel, int dir, struct maps *maps)
{
	const struct bpf_map *map;
	int ret = 0;
	size_t i;

	for (i = 0; i < MAP_COUNT && !ret; i++) {
		map = bpf_object__find_map_by_name(skel->obj, map_symbol(i));
		*map_fd(maps, i) = map ? bpf_map__fd(map) : -1;
		ret = map ? pin_put(bpf_map__fd(map), dir, map_name(i)) : -ENOENT;
	}
	ret = ret ?: pin_put(bpf_program__fd(skel->progs.xtun_encap), dir, PIN_ENCAP);
	ret = ret ?: pin_put(bpf_program__fd(skel->progs.xtun_decap), dir, PIN_DECAP);
	return ret ?: pin_put(bpf_program__fd(skel->progs.xtun_handoff), dir, PIN_HANDOFF);
}

void programs_unload(struct tunnel_tc_bpf *skel)
{
	tunnel_tc_bpf__destroy(skel);
}

/* The maps of an object are those of the namespace; what only one program uses is its own. */
static int maps_share(const struct bpf_object *object, struct maps *maps)
{
	struct bpf_map *map;
	int err = 0;
	size_t i;

	for (i = 0; i < MAP_COUNT && !err; i++) {
		map = bpf_object__find_map_by_name(object, map_symbol(i));
		err = map ? bpf_map__reuse_fd(map, *map_fd(maps, i)) : -ENOENT;
	}
	return err;
}

/* The pins of the programs for XDP: whether they forward, whether they know several buffers. */
static const char *const xdp_pins[2][2] = {
	{ "xdp", "xdp_frags" },
	{ "xdp_forward", "xdp_forward_frags" },
};

struct tunnel_xdp_bpf *xdp_open(struct state *state, bool frags, bool forward)
{
	struct tunnel_xdp_bpf *skel = tunnel_xdp_bpf__open();
	int err;

	if (!skel)
		return NULL;
	err = maps_share(skel->obj, &state->maps);
	if (err) {
		tunnel_xdp_bpf__destroy(skel);
		errno = -err;
		return NULL;
	}
	skel->rodata->gateway_mode = forward;
	bpf_program__set_autoload(frags ? skel->progs.xtun_xdp : skel->progs.xtun_xdp_frags, false);
	return skel;
}

/* *@skel: also where that fails, for tunnel_xdp_bpf__destroy(). */
static int xdp_load(struct state *state, bool frags, bool forward, struct tunnel_xdp_bpf **skel)
{
	*skel = xdp_open(state, frags, forward);
	return *skel ? tunnel_xdp_bpf__load(*skel) : -errno;
}

int xdp_program(struct state *state, bool frags, bool forward, int *fd, struct error *err)
{
	const char *name = xdp_pins[forward][frags];
	struct tunnel_xdp_bpf *skel;
	int ret;

	*fd = pin_get(state->dir, name);
	if (*fd >= 0)
		return 0;
	kernel_words_clear();
	ret = xdp_load(state, frags, forward, &skel);
	if (ret)
		refuse(err, ret, "this kernel refuses the XDP program (%s)",
		       *kernel_words() ? kernel_words() : strerror(-ret));
	if (!ret) {
		ret = pin_put(
			bpf_program__fd(frags ? skel->progs.xtun_xdp_frags : skel->progs.xtun_xdp),
			state->dir, name);
		*fd = ret ? -1 : pin_get(state->dir, name);
		ret = ret ?: *fd < 0 ? *fd : 0;
		if (ret)
			refuse_kernel(err, ret, "pinning the XDP program");
	}
	tunnel_xdp_bpf__destroy(skel);
	return ret;
}

/* The programs at tc of this binary, pinned as those to come. */
static int tc_stage(struct state *state)
{
	struct tunnel_tc_bpf *skel = tunnel_tc_bpf__open();
	int ret = skel ? maps_share(skel->obj, &state->maps) : -errno;

	ret = ret ?: tunnel_tc_bpf__load(skel);
	if (!ret) {
		const struct {
			const struct bpf_program *program;
			const char *pin;
		} programs[] = {
			{ skel->progs.xtun_encap, PIN_NEXT PIN_ENCAP },
			{ skel->progs.xtun_decap, PIN_NEXT PIN_DECAP },
			{ skel->progs.xtun_handoff, PIN_NEXT PIN_HANDOFF },
		};
		size_t i;

		for (i = 0; i < 3 && !ret; i++)
			ret = pin_put(bpf_program__fd(programs[i].program), state->dir,
				      programs[i].pin);
	}
	tunnel_tc_bpf__destroy(skel);
	return ret;
}

/* Likewise one for XDP, if the namespace has it. */
static int xdp_stage(struct state *state, bool frags, bool forward)
{
	const char *name = xdp_pins[forward][frags];
	char next[sizeof(PIN_NEXT) + 32];
	struct tunnel_xdp_bpf *skel;
	int ret, fd;

	fd = pin_get(state->dir, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	close(fd);
	snprintf(next, sizeof(next), PIN_NEXT "%s", name);
	ret = xdp_load(state, frags, forward, &skel);
	ret = ret
		      ?: pin_put(bpf_program__fd(frags ? skel->progs.xtun_xdp_frags
						       : skel->progs.xtun_xdp),
				 state->dir, next);
	tunnel_xdp_bpf__destroy(skel);
	return ret;
}

const char *xdp_program_name(__u32 flags)
{
	return xdp_pins[!!(flags & DEVICE_FORWARD)][!!(flags & DEVICE_FRAGS)];
}

int programs_stage(struct state *state, struct error *err)
{
	int ret, i;

	kernel_words_clear();
	ret = tc_stage(state);
	for (i = 0; i < 4 && !ret; i++)
		ret = xdp_stage(state, i % 2, i / 2);
	return ret ? refuse(err, ret, "this kernel refuses the BPF programs of this version (%s)",
			    *kernel_words() ? kernel_words() : strerror(-ret))
		   : 0;
}

int programs_adopt(struct state *state, struct error *err)
{
	const char *pins[] = { PIN_ENCAP,      PIN_DECAP,      PIN_HANDOFF,   xdp_pins[0][0],
			       xdp_pins[0][1], xdp_pins[1][0], xdp_pins[1][1] };
	char next[sizeof(PIN_NEXT) + 32];
	size_t i;

	for (i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		snprintf(next, sizeof(next), PIN_NEXT "%s", pins[i]);
		if (renameat(state->dir, next, state->dir, pins[i]) && errno != ENOENT)
			return refuse_kernel(err, -errno, "pinning the programs of this version");
	}
	return state_reopen(state, err);
}

void xdp_programs_remove(struct state *state)
{
	size_t i;

	for (i = 0; i < 4; i++)
		unlinkat(state->dir, xdp_pins[i / 2][i % 2], 0);
}
