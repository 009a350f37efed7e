// SPDX-License-Identifier: GPL-2.0
#include "attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"

/* BPF_NETKIT_PRIMARY, Linux 6.7. */
#define ATTACH_NETKIT ((enum bpf_attach_type)54)

enum {
	/* Our filters on kernels without tcx. */
	FILTER_PRIORITY = 0x7800,
};

/* In which order ours run at one device. */
enum place { PLACE_FIRST, PLACE_SECOND };

#define LINK_PORT    "port-"
#define LINK_EARLY   "early-"
#define LINK_DEVICE  "device-"
#define LINK_HANDOFF "handoff-"

bool link_alive(struct state *state, const char *name)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int fd = pin_get(state->dir, name), err;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	/* The kernel's `tcx.ifindex` is the first word of the union, like `netns.netns_ino` of the
	 * older headers. */
	if (!err && info.netns.netns_ino)
		return true;
	unlinkat(state->dir, name, 0);
	return false;
}

int link_detach(struct state *state, const char *name)
{
	int fd = pin_get(state->dir, name);

	/* Its last reference would do the same, but some time later, and until then the kernel
	 * refuses the same program at the same device. */
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	return unlinkat(state->dir, name, 0) && errno != ENOENT ? -errno : 0;
}

int link_attach(struct state *state, int prog, __u32 ifindex, enum bpf_attach_type type,
		__u32 flags, const char *name)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(prog, ifindex, type, &opts), ret;

	if (fd < 0)
		return fd;
	ret = pin_put(fd, state->dir, name);
	close(fd);
	return ret;
}

static __u32 program_id(int prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(prog, &info, &len) ? 0 : info.id;
}

int clsact_create(struct bpf_tc_hook *hook, bool *qdisc)
{
	int ret = bpf_tc_hook_create(hook);

	*qdisc = !ret;
	return ret == -EEXIST ? 0 : ret;
}

/*
 * -EEXIST when a filter that is not ours has our handle; 0 when ours is there already. @qdisc: we
 * made the clsact. libbpf wants the padding of its structures to be zero, which LIBBPF_OPTS sees
 * to.
 */
static int clsact_attach(int prog, __u32 ifindex, bool ingress, enum place place, bool *qdisc)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
		    .priority = FILTER_PRIORITY + place);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = FILTER_HANDLE,
		    .priority = FILTER_PRIORITY + place);
	int ret;

	ret = clsact_create(&hook, qdisc);
	if (ret)
		return ret;
	if (!bpf_tc_query(&hook, &found))
		return found.prog_id == program_id(prog) ? 0 : -EEXIST;
	opts.prog_fd = prog;
	return bpf_tc_attach(&hook, &opts);
}

static void clsact_detach(__u32 ifindex, bool ingress, enum place place)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
		    .priority = FILTER_PRIORITY + place);

	bpf_tc_detach(&hook, &opts);
}

/* The decapsulating program, or else a mirror, that has filters in the clsact of a device is to
 * remove it. */
static void qdisc_hand_over(struct state *state, __u32 ifindex, __u32 id)
{
	struct elements found = {};
	struct device device;
	struct mirror *mirror;
	size_t i;

	if (id != QDISC_OF_DEVICE && !bpf_map_lookup_elem(state->maps.devices, &ifindex, &device) &&
	    device.flags & DEVICE_CLSACT) {
		device.flags |= DEVICE_QDISC;
		devices_put(&state->maps, ifindex, &device);
		return;
	}
	if (mirrors_read(&state->maps, &found))
		return;
	for (i = 0; i < found.count; i++) {
		__u32 other = ((__u32 *)found.keys)[i];

		mirror = (struct mirror *)found.values + i;
		if (other == id || mirror->device != ifindex || !(mirror->attached & DEVICE_CLSACT))
			continue;
		mirror->attached |= DEVICE_QDISC;
		mirrors_put(&state->maps, other, mirror);
		break;
	}
	elements_free(&found);
}

void qdisc_release(struct state *state, __u32 ifindex, __u32 flags, __u32 id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!(flags & DEVICE_QDISC))
		return;
	if (netlink_has_filters(ifindex))
		qdisc_hand_over(state, ifindex, id);
	else
		bpf_tc_hook_destroy(&hook);
}

/* tcx where the kernel has it. EINVAL is its answer to an attach type that it does not know. */
static int program_attach(struct state *state, int prog, __u32 ifindex, bool ingress,
			  enum place place, const char *name, __u32 *flags)
{
	bool qdisc = false;
	int ret = -EINVAL;

	if (!(*flags & DEVICE_CLSACT))
		ret = link_attach(state, prog, ifindex,
				  ingress ? ATTACH_TCX_INGRESS : ATTACH_TCX_EGRESS,
				  place == PLACE_FIRST ? TCX_BEFORE : 0, name);
	if (ret != -EINVAL)
		return ret;
	ret = clsact_attach(prog, ifindex, ingress, place, &qdisc);
	if (!ret)
		*flags |= DEVICE_CLSACT | (qdisc ? DEVICE_QDISC : 0);
	return ret;
}

int program_swap(struct state *state, int prog, __u32 ifindex, bool ingress, __u32 priority,
		 const char *name)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = priority);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = FILTER_HANDLE, .priority = priority);
	int fd = pin_get(state->dir, name), ret;

	if (fd >= 0) {
		ret = bpf_link_update(fd, prog, NULL);
		close(fd);
		/* Its device went. */
		return ret == -ENOLINK ? 0 : ret;
	}
	if (!priority || bpf_tc_query(&hook, &found))
		return 0;
	opts.prog_fd = prog;
	opts.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &opts);
}

int port_swap(struct state *state, __u32 port, bool ingress)
{
	char name[32];

	snprintf(name, sizeof(name), LINK_PORT "%u", port);
	return program_swap(state, state->encap, port, ingress, FILTER_PRIORITY + PLACE_SECOND,
			    name);
}

int device_swap(struct state *state, __u32 ifindex)
{
	char name[32];
	int ret;

	/* Who takes over comes first: what XDP hands on must find it. */
	snprintf(name, sizeof(name), LINK_HANDOFF "%u", ifindex);
	ret = program_swap(state, state->handoff, ifindex, true, FILTER_PRIORITY + PLACE_FIRST,
			   name);
	snprintf(name, sizeof(name), LINK_DEVICE "%u", ifindex);
	return ret
		       ?: program_swap(state, state->decap, ifindex, true,
				       FILTER_PRIORITY + PLACE_SECOND, name);
}

int port_attach(struct state *state, const struct anchor *anchor, struct error *err)
{
	__u32 flags = 0;
	char name[32];
	int ret;

	snprintf(name, sizeof(name), LINK_PORT "%u", anchor->port);
	if (link_alive(state, name))
		return 0;
	if (anchor->hook == HOOK_NETKIT)
		ret = link_attach(state, state->encap, anchor->attached, ATTACH_NETKIT, 0, name);
	else
		ret = program_attach(state, state->encap, anchor->attached,
				     anchor->hook == HOOK_TC_INGRESS, PLACE_SECOND, name, &flags);
	return ret ? refuse_kernel(err, ret, "attaching to the tunnel's device") : 0;
}

/* Whether the pin @name is one of @prefix and a device. */
static bool pin_of(const char *name, const char *prefix, __u32 *ifindex)
{
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len))
		return false;
	*ifindex = strtoul(name + len, NULL, 10);
	return true;
}

void port_forget(struct state *state, bool (*known)(__u32 ifindex, void *data), void *data)
{
	int fd = openat(state->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	__u32 ifindex;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (pin_of(entry->d_name, LINK_PORT, &ifindex) ||
		    pin_of(entry->d_name, LINK_EARLY, &ifindex))
			if (!known(ifindex, data))
				unlinkat(fd, entry->d_name, 0);
	closedir(dir);
}

int early_attach(struct state *state, __u32 anchor, struct error *err)
{
	__u32 flags = 0;
	char name[32];
	int ret;

	snprintf(name, sizeof(name), LINK_EARLY "%u", anchor);
	if (link_alive(state, name))
		return 0;
	ret = program_attach(state, state->encap, anchor, false, PLACE_SECOND, name, &flags);
	return ret ? refuse_kernel(err, ret, "attaching in front of the tunnel's device") : 0;
}

int early_detach(struct state *state, __u32 anchor, struct error *err)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), LINK_EARLY "%u", anchor);
	if (!link_alive(state, name))
		clsact_detach(anchor, false, PLACE_SECOND);
	ret = link_detach(state, name);
	return ret ? refuse_kernel(err, ret, "detaching in front of the tunnel's device") : 0;
}

int early_swap(struct state *state, __u32 anchor)
{
	char name[32];

	snprintf(name, sizeof(name), LINK_EARLY "%u", anchor);
	return program_swap(state, state->encap, anchor, false, FILTER_PRIORITY + PLACE_SECOND,
			    name);
}

int device_attach(struct state *state, __u32 ifindex, const char *device, __u32 *flags,
		  struct error *err)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), LINK_DEVICE "%u", ifindex);
	if (link_alive(state, name))
		return 0;
	ret = program_attach(state, state->decap, ifindex, true, PLACE_SECOND, name, flags);
	if (ret == -EEXIST)
		return refuse(err, ret,
			      "%s: another program has tc filter handle %#x priority %d; remove it "
			      "with `tc filter del dev %s ingress`",
			      device, FILTER_HANDLE, FILTER_PRIORITY + PLACE_SECOND, device);
	return ret ? refuse_kernel(err, ret, "%s: attaching at tc ingress", device) : 0;
}

int device_detach(struct state *state, __u32 ifindex, const char *device, __u32 flags,
		  struct error *err)
{
	char name[32];
	int ret;

	if (flags & DEVICE_CLSACT)
		clsact_detach(ifindex, true, PLACE_SECOND);
	snprintf(name, sizeof(name), LINK_DEVICE "%u", ifindex);
	ret = link_detach(state, name);
	return ret ? refuse_kernel(err, ret, "%s: detaching", device) : 0;
}

int handoff_attach(struct state *state, __u32 ifindex, const char *device, __u32 flags,
		   struct error *err)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), LINK_HANDOFF "%u", ifindex);
	if (link_alive(state, name))
		return 0;
	ret = program_attach(state, state->handoff, ifindex, true, PLACE_FIRST, name, &flags);
	return ret ? refuse_kernel(err, ret, "%s: attaching at tc ingress behind XDP", device) : 0;
}

int handoff_detach(struct state *state, __u32 ifindex, const char *device, __u32 flags,
		   struct error *err)
{
	char name[32];
	int ret;

	if (flags & DEVICE_CLSACT)
		clsact_detach(ifindex, true, PLACE_FIRST);
	snprintf(name, sizeof(name), LINK_HANDOFF "%u", ifindex);
	ret = link_detach(state, name);
	return ret ? refuse_kernel(err, ret, "%s: detaching behind XDP", device) : 0;
}
