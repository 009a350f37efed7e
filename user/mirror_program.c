// SPDX-License-Identifier: GPL-2.0
#include "mirror_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
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

enum { PASSED_INSNS = 11 };

/* Count a frame that mirror @id does not want in struct mirror_passed, and end the program. */
static void passed_write(struct bpf_insn to[PASSED_INSNS], int slots, __u32 id)
{
	const struct bpf_insn all[PASSED_INSNS] = {
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_smp_processor_id },
		{ BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, MIRROR_ROWS - 1 },
		{ BPF_ALU64 | BPF_MUL | BPF_K, BPF_REG_0, 0, 0, sizeof(struct mirror_passed) },
		{ BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, slots },
		{ .imm = offsetof(struct slots, passed) +
			 offsetof(struct mirror_passed, frames[id]) },
		{ BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0 },
		{ BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_1, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 1 },
		{ BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_2, 0, 0 },
		{ BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	memcpy(to, all, sizeof(all));
	if (libbpf_num_possible_cpus() <= MIRROR_ROWS)
		return;
	/* Others may count in the same row. */
	to[6] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0 };
	to[8] = (struct bpf_insn){ BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, 0,
				   BPF_ADD };
}

/*
 * The program as it was loaded, maps and constants in place, but with @filter for its filter(), and
 * the quick beginning of that in front of all.
 */
static int load_with(const struct state *state, __u32 id, const struct bpf_program *program,
		     const struct filter *filter)
{
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t begin = filter_begin(insns, bpf_program__insn_cnt(program)), count;
	struct bpf_insn passed[PASSED_INSNS], *all;
	int fd;

	all = calloc(filter->quick_count + PASSED_INSNS + begin + filter->count, sizeof(*all));
	if (!all)
		return -ENOMEM;
	passed_write(passed, state->maps.slots, id);
	count = filter_quick(filter, all, passed, PASSED_INSNS);
	memcpy(all + count, insns, begin * sizeof(*all));
	count += begin;
	memcpy(all + count, filter->insns, filter->count * sizeof(*all));
	count += filter->count;
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, bpf_program__name(program), "GPL", all, count,
			   NULL);
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
		ret = filter->count ? load_with(state, id, skel->progs.xtun_mirror, filter)
				    : dup(bpf_program__fd(skel->progs.xtun_mirror));
	mirror_tc_bpf__destroy(skel);
	return ret < 0 ? refuse_kernel(err, ret, "loading the program") : ret;
}
