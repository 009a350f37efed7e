// SPDX-License-Identifier: GPL-2.0
#include "mirror_attach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "attach.h"
#include "programs.h"

/* The priority of the filter of mirror 0 on kernels without tcx; each mirror has one of its own. */
enum { MIRROR_PRIORITY = 0x7400 };

#define LINK_MIRROR "mirror-"

static const char *mirror_pin(char *name, size_t size, __u32 id, bool ingress)
{
	snprintf(name, size, LINK_MIRROR "%u-%s", id, ingress ? "ingress" : "egress");
	return name;
}

/* Whether mirror @id has its filter in the clsact of a device. */
static bool mirror_filtered(__u32 id, __u32 ifindex, bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = MIRROR_PRIORITY + id);

	return !bpf_tc_query(&hook, &opts);
}

bool mirror_attached(struct state *state, __u32 id, const struct mirror *mirror, bool ingress)
{
	char name[32];

	return link_alive(state, mirror_pin(name, sizeof(name), id, ingress)) ||
	       (mirror->attached & DEVICE_CLSACT && mirror_filtered(id, mirror->device, ingress));
}

static int mirror_attach_clsact(struct state *state, int prog, __u32 id, struct mirror *mirror,
				bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = mirror->device,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = MIRROR_PRIORITY + id,
		    .prog_fd = prog);
	bool qdisc;
	int ret;

	ret = clsact_create(&hook, &qdisc);
	if (ret)
		return ret;
	mirror->attached |= DEVICE_CLSACT | (qdisc ? DEVICE_QDISC : 0);
	ret = mirrors_put(&state->maps, id, mirror);
	return ret ?: bpf_tc_attach(&hook, &opts);
}

int mirror_attach(struct state *state, int prog, __u32 id, struct mirror *mirror, bool ingress,
		  struct error *err)
{
	char name[32];
	int ret = -EINVAL;

	if (!(mirror->attached & DEVICE_CLSACT))
		ret = link_attach(state, prog, mirror->device,
				  ingress ? ATTACH_TCX_INGRESS : ATTACH_TCX_EGRESS, TCX_BEFORE,
				  mirror_pin(name, sizeof(name), id, ingress));
	if (ret == -EINVAL)
		ret = mirror_attach_clsact(state, prog, id, mirror, ingress);
	return ret ? refuse_kernel(err, ret, "attaching at tc %s", ingress ? "ingress" : "egress")
		   : 0;
}

int mirror_stage(struct state *state, int prog, __u32 id, bool ingress)
{
	char name[32], next[sizeof(PIN_NEXT) + 32];

	snprintf(next, sizeof(next), PIN_NEXT "%s", mirror_pin(name, sizeof(name), id, ingress));
	return pin_put(prog, state->dir, next);
}

int mirror_swap(struct state *state, __u32 id, const struct mirror *mirror, bool ingress)
{
	char name[32], next[sizeof(PIN_NEXT) + 32];
	int prog, ret;

	snprintf(next, sizeof(next), PIN_NEXT "%s", mirror_pin(name, sizeof(name), id, ingress));
	prog = pin_get(state->dir, next);
	if (prog < 0)
		return prog == -ENOENT ? 0 : prog;
	ret = program_swap(state, prog, mirror->device, ingress, MIRROR_PRIORITY + id, name);
	close(prog);
	return ret;
}

int mirror_detach(struct state *state, __u32 id, const struct mirror *mirror, bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = mirror->device,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = MIRROR_PRIORITY + id);
	char name[32];

	if (mirror->attached & DEVICE_CLSACT)
		bpf_tc_detach(&hook, &opts);
	return link_detach(state, mirror_pin(name, sizeof(name), id, ingress));
}
