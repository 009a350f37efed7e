// SPDX-License-Identifier: GPL-2.0
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

enum {
	FIB_LOOKUP_MARK = 32, /* BPF_FIB_LOOKUP_MARK, younger than the headers may be */
	FIB_SIZE = 64,        /* bytes of struct bpf_fib_lookup */
	FIB_FAMILY = 2,       /* AF_INET in its first byte */
	FIB_IFINDEX = 8,      /* where the interface is in it */
	FRAME = 64,
};

static int program_load(void)
{
	const struct bpf_insn zero = { BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, 0, 0 };
	struct bpf_insn insns[FIB_SIZE / 8 + 9];
	int count = 0, i;

	for (i = 0; i < FIB_SIZE; i += 8) {
		insns[count] = zero;
		insns[count++].off = -FIB_SIZE + i;
	}
	insns[count++] = (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_B, BPF_REG_10, 0, -FIB_SIZE,
					    FIB_FAMILY };
	insns[count++] = (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0,
					    -FIB_SIZE + FIB_IFINDEX, 1 };
	insns[count++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0 };
	insns[count++] =
		(struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -FIB_SIZE };
	insns[count++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, FIB_SIZE };
	insns[count++] =
		(struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, FIB_LOOKUP_MARK };
	insns[count++] = (struct bpf_insn){ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_fib_lookup };
	insns[count++] = (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "xtun_marks", "GPL", insns, count, NULL);
}

bool kernel_looks_up_marks(void)
{
	char frame[FRAME] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int fd = program_load(), err;

	if (fd < 0)
		return true;
	err = bpf_prog_test_run_opts(fd, &run);
	close(fd);
	/* The helper refuses flags that it does not know. */
	return err || (int)run.retval != -EINVAL;
}
