// SPDX-License-Identifier: GPL-2.0
#include "dispatcher.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include "programs.h"
#include "tunnel_xdp.skel.h"

/*
 * Behind filters and load balancers, whose default is 50: what they drop is to be dropped, and what
 * they rewrite is still outside. Where ours comes to XDP_PASS who stands behind it is called, and
 * finds a frame for the address of a tunnel's device if ours took it out of a tunnel.
 */
enum { DISPATCHER_PRIORITY = 100 };

enum { MAPS_MAX = 64 };

/* What libxdp said first. */
static char dispatcher_words[256];

static int dispatcher_print(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level == LIBXDP_WARN && !dispatcher_words[0])
		vsnprintf(dispatcher_words, sizeof(dispatcher_words), format, args);
	dispatcher_words[strcspn(dispatcher_words, "\n")] = 0;
	return 0;
}

/* The directory below which libxdp pins is that of the BPF file system where ours are. */
static void dispatcher_prepare(const struct state *state)
{
	char path[64];

	libxdp_set_print(dispatcher_print);
	dispatcher_words[0] = 0;
	kernel_words_clear();
	snprintf(path, sizeof(path), "/proc/self/fd/%d/..", state->root);
	setenv(XDP_BPFFS_ENVVAR, path, 0);
}

static const char *words(int err)
{
	return *dispatcher_words ? dispatcher_words
	       : *kernel_words() ? kernel_words()
				 : strerror(-err);
}

/* The dispatcher of a device, NULL: there is none. */
static struct xdp_multiprog *dispatcher_open(const struct state *state, __u32 ifindex)
{
	struct xdp_multiprog *all;

	dispatcher_prepare(state);
	all = xdp_multiprog__get_from_ifindex(ifindex);
	if (libxdp_get_error(all))
		return NULL;
	if (!xdp_multiprog__is_legacy(all))
		return all;
	xdp_multiprog__close(all);
	return NULL;
}

static __u32 map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static bool uses_map(const struct xdp_program *program, __u32 map)
{
	__u32 maps[MAPS_MAX], i;
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)maps };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &len))
		return false;
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		if (maps[i] == map)
			return true;
	return false;
}

/* Those of @all that are of this namespace, but not the one with the id @but; returns how many. */
static size_t programs_find(const struct state *state, const struct xdp_multiprog *all, __u32 but,
			    struct xdp_program *found[MAX_DISPATCHER_ACTIONS])
{
	__u32 map = map_id(state->maps.slots);
	struct xdp_program *one = NULL;
	size_t count = 0;

	while ((one = xdp_multiprog__next_prog(one, all)) && count < MAX_DISPATCHER_ACTIONS)
		if (map && xdp_program__id(one) != but && uses_map(one, map))
			found[count++] = one;
	return count;
}

/*
 * A program of this binary at the dispatcher. *@id: of the program. It is the one for packets in
 * one buffer, which differs from the other in nothing but a map of CPUs that a replacing program
 * may not use; several buffers are the dispatcher's, and its if all of its programs know them.
 */
static int program_add(struct state *state, __u32 ifindex, __u32 flags, __u32 *id)
{
	enum xdp_attach_mode mode = flags & DEVICE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts);
	struct tunnel_xdp_bpf *skel = xdp_open(state, false, flags & DEVICE_FORWARD);
	struct xdp_program *program;
	int ret;

	if (!skel)
		return -errno;
	opts.obj = skel->obj;
	opts.prog_name = bpf_program__name(skel->progs.xtun_xdp);
	program = xdp_program__create(&opts);
	ret = libxdp_get_error(program);
	if (!ret) {
		ret = xdp_program__set_run_prio(program, DISPATCHER_PRIORITY);
		ret = ret ?: xdp_program__set_chain_call_enabled(program, XDP_PASS, true);
		ret = ret ?: xdp_program__set_xdp_frags_support(program, true);
		ret = ret ?: xdp_program__attach(program, ifindex, mode, 0);
		*id = ret ? 0 : xdp_program__id(program);
		xdp_program__close(program);
	}
	tunnel_xdp_bpf__destroy(skel);
	return ret;
}

/* Those whose names fit, for a message. */
static void names_print(const struct xdp_multiprog *all, char *text, size_t size)
{
	struct xdp_program *one = NULL;
	size_t used = 0;

	*text = 0;
	while ((one = xdp_multiprog__next_prog(one, all)) && used < size)
		used += snprintf(text + used, size - used, "%s\"%s\"", used ? ", " : "",
				 xdp_program__name(one));
}

/* Add ours to @all, where it is not among them yet. */
static int join(struct state *state, const struct xdp_multiprog *all, const struct link *link,
		__u32 flags, struct error *err)
{
	bool generic = xdp_multiprog__attach_mode(all) == XDP_MODE_SKB;
	struct xdp_program *ours[MAX_DISPATCHER_ACTIONS];
	char others[128];
	__u32 id;
	int ret;

	if (programs_find(state, all, 0, ours))
		return 0;
	names_print(all, others, sizeof(others));
	if (generic != !!(flags & DEVICE_GENERIC))
		return refuse(err, -EBUSY,
			      "%s: libxdp's dispatcher is there with %s, by the %s; `xdp %s` joins "
			      "it",
			      link->name, others, generic ? "stack" : "driver",
			      generic ? "generic" : "native");
	ret = program_add(state, link->ifindex, flags, &id);
	return ret ? refuse(err, ret,
			    "%s: libxdp does not put xtun's program beside %s (%s); from Linux "
			    "6.12.26 on that takes its version 1.5.5; stay with tc alone, or take "
			    "the others away with `xdp-loader unload %s --all`",
			    link->name, others, words(ret), link->name)
		   : 0;
}

int dispatcher_join(struct state *state, const struct link *link, __u32 *flags, struct error *err)
{
	struct xdp_multiprog *all = dispatcher_open(state, link->ifindex);
	int ret;

	if (!all)
		return refuse(
			err, -EBUSY,
			"%s: libxdp's dispatcher is there, but its programs are not pinned in "
			"the BPF file system that xtun uses (%s); " XDP_BPFFS_ENVVAR
			" names another",
			link->name, *dispatcher_words ? dispatcher_words : "no pins");
	ret = join(state, all, link, *flags, err);
	xdp_multiprog__close(all);
	if (ret)
		return ret;
	all = dispatcher_open(state, link->ifindex);
	if (all && xdp_multiprog__xdp_frags_support(all))
		*flags |= DEVICE_FRAGS;
	xdp_multiprog__close(all);
	return 0;
}

/* Take out what is ours, but for the program @but (0: none). */
static int programs_remove(struct state *state, __u32 ifindex, __u32 but)
{
	struct xdp_multiprog *all = dispatcher_open(state, ifindex);
	struct xdp_program *ours[MAX_DISPATCHER_ACTIONS];
	size_t count;
	int ret = 0;

	if (!all)
		return 0;
	count = programs_find(state, all, but, ours);
	if (count)
		ret = xdp_program__detach_multi(ours, count, ifindex,
						xdp_multiprog__attach_mode(all), 0);
	xdp_multiprog__close(all);
	return ret;
}

int dispatcher_leave(struct state *state, __u32 ifindex, const char *device, struct error *err)
{
	int ret = programs_remove(state, ifindex, 0);

	return ret ? refuse(err, ret, "%s: leaving libxdp's dispatcher (%s)", device, words(ret))
		   : 0;
}

int dispatcher_swap(struct state *state, __u32 ifindex, __u32 flags)
{
	struct xdp_multiprog *all = dispatcher_open(state, ifindex);
	struct xdp_program *ours[MAX_DISPATCHER_ACTIONS];
	size_t count = all ? programs_find(state, all, 0, ours) : 0;
	__u32 id;
	int ret;

	xdp_multiprog__close(all);
	if (!count)
		return 0;
	ret = program_add(state, ifindex, flags, &id);
	return ret ?: programs_remove(state, ifindex, id);
}
