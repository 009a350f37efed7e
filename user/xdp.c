// SPDX-License-Identifier: GPL-2.0
#include "xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "dispatcher.h"
#include "ethtool.h"
#include "programs.h"
#include "sysctl.h"
#include "wire.h"

#define LINK_XDP "xdp-"

typedef char link_name[32];

static const char *name_of(link_name name, __u32 ifindex)
{
	snprintf(name, sizeof(link_name), LINK_XDP "%u", ifindex);
	return name;
}

/* Refuse where another program sits, and say whose it is. *@joins: it is one that calls others. */
static int vacant(const struct link *link, bool *joins, struct error *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info), id;
	int fd;

	if (bpf_xdp_query(link->ifindex, 0, &opts))
		return 0; /* to attach will tell what is wrong */
	id = opts.drv_prog_id ?: opts.skb_prog_id ?: opts.hw_prog_id ?: opts.prog_id;
	if (!id)
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	*joins = !strcmp(info.name, "xdp_dispatcher");
	if (*joins)
		return 0;
	return refuse(
		err, -EBUSY,
		"%s: the XDP program \"%s\" (id %u) is there already; take it away with `ip link "
		"set dev %s %s off`, or with the tool that put it there (`bpftool link` shows "
		"whether it is held by a link), or stay with tc alone",
		link->name, info.name, id, link->name,
		opts.drv_prog_id   ? "xdpdrv"
		: opts.skb_prog_id ? "xdpgeneric"
				   : "xdp");
}

/*
 * The driver refused program @prog with @ret. Links bring no words; the old way of attaching does,
 * and is refused for the same reason.
 */
static int refused(const struct link *link, int prog, __u32 mode, int ret, struct error *err)
{
	const char *words;

	kernel_words_clear();
	if (!bpf_xdp_attach(link->ifindex, prog, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL))
		bpf_xdp_detach(link->ifindex, mode, NULL);
	words = *kernel_words() ? kernel_words() : strerror(-ret);
	if (mode == XDP_FLAGS_DRV_MODE && ret == -EOPNOTSUPP)
		return refuse(
			err, ret,
			"%s: its driver has no native XDP (%s); `xdp generic` runs the program "
			"in the stack instead, which saves little",
			link->name, words);
	return refuse(err, ret,
		      "%s: the driver refuses XDP with the MTU %u and the features it has (%s)",
		      link->name, link->mtu, words);
}

/* Whether the program of the link @name is that for packets in several buffers. */
static bool link_has_frags(struct state *state, const char *name, int frags)
{
	int link = pin_get(state->dir, name);
	struct bpf_link_info info = {};
	struct bpf_prog_info prog = {};
	__u32 len = sizeof(info), prog_len = sizeof(prog);
	bool has;

	has = link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len) &&
	      !bpf_obj_get_info_by_fd(frags, &prog, &prog_len) && info.prog_id == prog.id;
	if (link >= 0)
		close(link);
	return has;
}

/* Attach the program for packets in several buffers where the driver takes it, else the other. */
static int program_attach(struct state *state, const struct link *link, __u32 *flags,
			  struct error *err)
{
	__u32 mode = *flags & DEVICE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	link_name name;
	int prog, ret, frags;

	name_of(name, link->ifindex);
	/* The stack gives generic programs packets in one piece, on every kernel. */
	for (frags = !(*flags & DEVICE_GENERIC);; frags--) {
		ret = xdp_program(state, frags, *flags & DEVICE_FORWARD, &prog, err);
		if (ret)
			return ret;
		if (link_alive(state, name))
			break;
		ret = link_attach(state, prog, link->ifindex, BPF_XDP, mode, name);
		if (!ret || !frags)
			break;
		close(prog);
	}
	if (ret)
		refused(link, prog, mode, ret, err);
	else if (frags && link_has_frags(state, name, prog))
		*flags |= DEVICE_FRAGS;
	close(prog);
	return ret;
}

/* Threads on the CPUs of @spread. The kernel would make one on a CPU that is off, and it would
 * never run. */
static int spread_prepare(struct state *state, const struct cpu_list *spread, struct error *err)
{
	unsigned int i;
	int ret;

	for (i = 0; i < spread->count; i++) {
		ret = cpu_online(spread->cpus[i]) ? cpus_put(&state->maps, spread->cpus[i])
						  : -ENODEV;
		if (ret == -ENODEV || ret == -E2BIG)
			return refuse(err, ret, "cpus: there is no CPU %u, or it is off",
				      spread->cpus[i]);
		if (ret)
			return refuse_kernel(err, ret, "cpus: making room on CPU %u",
					     spread->cpus[i]);
	}
	return 0;
}

/* The map's entry stands before the program runs, and the other half of the way before that. */
int xdp_attach(struct state *state, const struct link *link, struct device *as, struct error *err)
{
	struct xdp_device device = { .ifindex = link->ifindex,
				     .frame_max = ~0u,
				     .spread = as->spread };
	bool joins = false;
	link_name name;
	int ret;

	memcpy(device.mac, link->mac, sizeof(device.mac));
	if (as->flags & DEVICE_FORWARD)
		device.flags |= XDP_DEVICE_FORWARD;
	if (ethtool_virtual(link->name))
		device.flags |= XDP_DEVICE_PARTIAL;
	if (as->flags & DEVICE_GENERIC)
		device.frame_max = WIRE_ETH_HLEN + link->mtu;
	if (!link_alive(state, name_of(name, link->ifindex))) {
		ret = vacant(link, &joins, err);
		if (ret)
			return ret;
	}
	ret = spread_prepare(state, &as->spread, err);
	if (ret)
		return ret;
	ret = xdp_devices_put(&state->maps, &device);
	if (ret == -EADDRINUSE)
		return refuse(
			err, ret,
			"%s: another device with XDP has an ifindex that differs from %u by a "
			"multiple of %d; of those only one can have it",
			link->name, link->ifindex, XDP_DEVICES);
	if (ret)
		return refuse_kernel(err, ret, "%s: storing what XDP needs to know", link->name);
	ret = handoff_attach(state, link->ifindex, link->name, as->flags, err);
	if (ret)
		return ret;
	as->flags &= ~DEVICE_JOINED;
	if (!joins)
		return program_attach(state, link, &as->flags, err);
	as->flags |= DEVICE_JOINED;
	return dispatcher_join(state, link, &as->flags, err);
}

int xdp_vlan_attach(struct state *state, const struct link *vlan)
{
	struct xdp_device device = {
		.ifindex = vlan->ifindex,
		.frame_max = ~0u,
		.out = vlan->peer,
		.vlan_proto = vlan->vlan_proto,
		.vlan_id = htons(vlan->vlan_id),
	}, under;
	int ret;

	ret = xdp_devices_get(&state->maps, vlan->peer, &under);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	device.flags = under.flags;
	if (under.frame_max != ~0u)
		device.frame_max = under.frame_max + VLAN_HLEN;
	memcpy(device.mac, vlan->mac, sizeof(device.mac));
	ret = xdp_devices_put(&state->maps, &device);
	return ret == -EADDRINUSE ? 0 : ret;
}

int xdp_detach(struct state *state, __u32 ifindex, const char *device, __u32 flags,
	       struct error *err)
{
	link_name name;
	int ret;

	ret = link_detach(state, name_of(name, ifindex));
	if (ret)
		return refuse_kernel(err, ret, "%s: detaching XDP", device);
	ret = dispatcher_leave(state, ifindex, device, err);
	if (ret)
		return ret;
	ret = handoff_detach(state, ifindex, device, flags, err);
	if (ret)
		return ret;
	ret = xdp_devices_delete(&state->maps, ifindex);
	return ret ? refuse_kernel(err, ret, "%s: forgetting what XDP knew", device) : 0;
}

int xdp_swap(struct state *state, __u32 ifindex, __u32 flags)
{
	link_name name;
	int prog, ret;

	if (flags & DEVICE_JOINED)
		return dispatcher_swap(state, ifindex, flags);
	prog = pin_get(state->dir, xdp_program_name(flags));
	if (prog < 0)
		return prog;
	ret = program_swap(state, prog, ifindex, true, 0, name_of(name, ifindex));
	close(prog);
	return ret;
}
