/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the translation of a filter (filter.c) writes with: its state, where registers and memory
 * are, and the instructions that it needs often.
 */
#ifndef XTUN_FILTER_CODE_H
#define XTUN_FILTER_CODE_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

enum { CTX = BPF_REG_6, A = BPF_REG_7, X = BPF_REG_8, DATA = BPF_REG_9 };

/* Where things are on the stack, below the frame pointer. */
enum {
	STACK_M = -4 * BPF_MEMWORDS,
	STACK_TAG = STACK_M - 4,     /* the VLAN tag as it is on the wire, host byte order */
	STACK_BYTES = STACK_TAG - 4, /* what the kernel copied */
};

/* The tag is these bytes of the frame. */
enum { TAG_BEGIN = 12, TAG_END = 16, TAG_LEN = TAG_END - TAG_BEGIN };

enum {
	OFFSET_MAX = 0xffff,  /* no frame is longer */
	QUICK_REACH = 0x7fff, /* of the offset in an instruction */
	QUICK_LEAST = 34,     /* Ethernet and IPv4 headers: what is shorter is rare, and not worth a
				 second look at the length */
};

/* What jumps lead to, besides the classic instructions of the same body. */
enum { NO_MATCH = -1, TAGGED = -2, ASK = -3, NOWHERE = -4 };

/* Registers of the quick beginning only: END is the end of the linear part, SPARE is free. */
enum { END = BPF_REG_3, SPARE = BPF_REG_5 };

/* What the others are there; the rest stays what it is. */
static const __u8 quick_register[] = {
	[BPF_REG_0] = BPF_REG_0, [BPF_REG_1] = BPF_REG_1, [END] = END,
	[SPARE] = SPARE,         [CTX] = BPF_REG_1,       [A] = BPF_REG_0,
	[X] = BPF_REG_4,         [DATA] = BPF_REG_2,      [BPF_REG_10] = BPF_REG_10,
};

struct translation {
	const struct sock_filter *classic;
	size_t classic_count;
	struct bpf_insn *insns;
	int *targets;   /* of each instruction, NOWHERE: it is no jump, or knows where to */
	size_t *starts; /* of each classic instruction of the body at work */
	size_t count;
	bool tagged; /* which body is at work */
	bool quick;
	size_t at;    /* the classic instruction at work */
	__u32 *known; /* quick: before each, bytes of the frame that are known to be there */
	const char *why;
};

static inline size_t emit(struct translation *t, __u8 code, __u8 dst, __u8 src, __s16 off,
			  __s32 imm)
{
	t->targets[t->count] = NOWHERE;
	if (t->quick) {
		dst = quick_register[dst];
		src = quick_register[src];
	}
	t->insns[t->count] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
	return t->count++;
}

static inline void mov(struct translation *t, __u8 dst, __u8 src)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static inline void add(struct translation *t, __u8 dst, __s32 imm)
{
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

static inline void mov32(struct translation *t, __u8 dst, __u32 imm)
{
	emit(t, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static inline void alu32(struct translation *t, __u8 op, __u8 dst, __u32 imm)
{
	emit(t, BPF_ALU | op | BPF_K, dst, 0, 0, imm);
}

static inline void ctx_field(struct translation *t, __u8 dst, size_t offset)
{
	emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, CTX, offset, 0);
}

/* A jump to @target, known when everything is written. */
static inline void jump(struct translation *t, int target)
{
	t->targets[emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0)] = target;
}

static inline void jump_if(struct translation *t, __u8 op, __u8 dst, __u32 imm, int target)
{
	t->targets[emit(t, BPF_JMP32 | op | BPF_K, dst, 0, 0, imm)] = target;
}

/* The jump at @from leads here. */
static inline void land(struct translation *t, size_t from)
{
	t->insns[from].off = t->count - from - 1;
}

static inline int size_of(__u16 code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static inline void to_host(struct translation *t, __u8 dst, int size)
{
	if (size > 1)
		emit(t, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size * 8);
}

/* Load what @insn, of mode BPF_ABS or BPF_IND, loads of the frame into register @dst. */
void filter_load(struct translation *t, const struct sock_filter *insn, __u8 dst);

#endif
