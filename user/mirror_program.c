// SPDX-License-Identifier: GPL-2.0
#include "mirror_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mirror_tc.skel.h"

/* What copies are marked with; the namespace's cookie begins the name of its directory. */
static __u32 mark(const struct state *state, __u32 id, bool ingress)
{
	__u32 netns = strtoull(state->name, NULL, 10) * (MIRROR_MARK_ID + 1);

	return MIRROR_MARK | (ingress ? 0 : MIRROR_MARK_EGRESS) | (netns & MIRROR_MARK_NETNS) | id;
}

/* Where filter() begins: behind all else, and called once. */
static size_t filter_begin(const struct bpf_insn *insns, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_CALL)
			return i + 1 + insns[i].imm;
	return count;
}

/* The program as it was loaded, maps and constants in place, but with @filter for its filter(). */
static int load_with(const struct bpf_program *program, const struct filter *filter)
{
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t begin = filter_begin(insns, bpf_program__insn_cnt(program));
	struct bpf_insn *all = calloc(begin + filter->count, sizeof(*all));
	int fd;

	if (!all)
		return -ENOMEM;
	memcpy(all, insns, begin * sizeof(*all));
	memcpy(all + begin, filter->insns, filter->count * sizeof(*all));
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, bpf_program__name(program), "GPL", all,
			   begin + filter->count, NULL);
	free(all);
	return fd;
}

int mirror_program_load(const struct state *state, __u32 id, const struct mirror *mirror,
			bool ingress, const struct filter *filter, struct error *err)
{
	struct mirror_tc_bpf *skel = mirror_tc_bpf__open();
	int ret;

	if (!skel)
		return refuse_kernel(err, -errno, "opening the program");
	skel->rodata->mirror_id = id;
	skel->rodata->mirror_anchor = mirror->anchor;
	skel->rodata->mirror_sample = mirror->sample;
	skel->rodata->mirror_mark = mark(state, id, ingress);
	bpf_map__set_autocreate(skel->maps.mirrors, false);
	ret = bpf_map__reuse_fd(skel->maps.mirror_counters, state->maps.mirror_counters);
	ret = ret ?: mirror_tc_bpf__load(skel);
	if (!ret)
		ret = filter->count ? load_with(skel->progs.xtun_mirror, filter)
				    : dup(bpf_program__fd(skel->progs.xtun_mirror));
	mirror_tc_bpf__destroy(skel);
	return ret < 0 ? refuse_kernel(err, ret, "loading the program") : ret;
}
