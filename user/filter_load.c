// SPDX-License-Identifier: GPL-2.0
/*
 * Loads look at the linear part of the packet, and ask the kernel for bytes behind it; a load
 * beyond the frame ends the filter without a match. The instructions that would do this in one
 * (BPF_ABS, BPF_IND) end the whole program when they fail, and with it the chain of programs at the
 * hook. Those of the quick beginning are asked of the whole filter, where they cannot be had.
 */
#include "filter_code.h"

/* Load @size bytes of the packet at register 0, which is at most OFFSET_MAX. */
static void load_packet(struct translation *t, __u8 dst, __u8 size_code)
{
	int size = size_of(size_code);
	size_t slow, done;

	mov(t, BPF_REG_1, DATA);
	emit(t, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0);
	mov(t, BPF_REG_3, BPF_REG_1);
	add(t, BPF_REG_3, size);
	ctx_field(t, BPF_REG_2, offsetof(struct __sk_buff, data_end));
	slow = emit(t, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(t, BPF_LDX | BPF_MEM | size_code, dst, BPF_REG_1, 0, 0);
	done = emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	land(t, slow);
	mov(t, BPF_REG_1, CTX);
	mov(t, BPF_REG_2, BPF_REG_0);
	mov(t, BPF_REG_3, BPF_REG_10);
	add(t, BPF_REG_3, STACK_BYTES);
	mov32(t, BPF_REG_4, size);
	emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	jump_if(t, BPF_JNE, BPF_REG_0, 0, NO_MATCH);
	emit(t, BPF_LDX | BPF_MEM | size_code, dst, BPF_REG_10, STACK_BYTES, 0);
	land(t, done);
	to_host(t, dst, size);
}

/* The same at a constant offset. */
static void load_packet_at(struct translation *t, __u8 dst, __u8 size_code, __u32 at)
{
	mov32(t, BPF_REG_0, at);
	load_packet(t, dst, size_code);
}

/* Bytes of the tag, from @at to @at + @size of the frame. */
static void load_tag(struct translation *t, __u8 dst, int size, __u32 at)
{
	emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, STACK_TAG, 0);
	if (TAG_END - at - size)
		alu32(t, BPF_RSH, dst, 8 * (TAG_END - at - size));
	if (size < TAG_LEN)
		alu32(t, BPF_AND, dst, (1u << 8 * size) - 1);
}

/* Register 0, an offset in the frame, points to a byte: load that. */
static void load_tagged_byte(struct translation *t, __u8 dst)
{
	size_t before, behind, tag;

	before = emit(t, BPF_JMP | BPF_JLT | BPF_K, BPF_REG_0, 0, 0, TAG_BEGIN);
	behind = emit(t, BPF_JMP | BPF_JGE | BPF_K, BPF_REG_0, 0, 0, TAG_END);
	emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, STACK_TAG, 0);
	mov32(t, BPF_REG_1, TAG_END - 1);
	emit(t, BPF_ALU | BPF_SUB | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0);
	alu32(t, BPF_LSH, BPF_REG_1, 3);
	emit(t, BPF_ALU | BPF_RSH | BPF_X, dst, BPF_REG_1, 0, 0);
	alu32(t, BPF_AND, dst, 0xff);
	tag = emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	land(t, behind);
	add(t, BPF_REG_0, -TAG_LEN);
	land(t, before);
	load_packet(t, dst, BPF_B);
	land(t, tag);
}

/* Register 0 = X + @k, or end without a match where that is beyond every frame. */
static void offset_of_x(struct translation *t, __u32 k)
{
	jump_if(t, BPF_JGT, X, OFFSET_MAX, NO_MATCH);
	emit(t, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, X, 0, 0);
	alu32(t, BPF_ADD, BPF_REG_0, k);
	t->targets[emit(t, BPF_JMP | BPF_JGT | BPF_K, BPF_REG_0, 0, 0, OFFSET_MAX)] = NO_MATCH;
}

/* Byte by byte: for the few loads of a tagged frame that may be on both sides of an end of the tag.
 */
static void load_bytes(struct translation *t, int size, bool indirect, __u32 k)
{
	int i;

	for (i = 0; i < size; i++) {
		__u8 dst = i ? BPF_REG_5 : A;

		/* A helper may be called in between: what was loaded is kept in A. */
		if (indirect)
			offset_of_x(t, k + i);
		else
			mov32(t, BPF_REG_0, k + i);
		load_tagged_byte(t, dst);
		if (!i)
			continue;
		alu32(t, BPF_LSH, A, 8);
		emit(t, BPF_ALU | BPF_OR | BPF_X, A, BPF_REG_5, 0, 0);
	}
}

/* Leave frames to the whole filter where register @dst is greater than @src. */
static void quick_within(struct translation *t, __u8 dst, __u8 src)
{
	t->targets[emit(t, BPF_JMP | BPF_JGT | BPF_X, dst, src, 0, 0)] = ASK;
}

/* filter_load() of the quick beginning. */
static void quick_load(struct translation *t, const struct sock_filter *insn, __u8 dst)
{
	int size = size_of(insn->code);
	__u32 end = insn->k + size;
	__u8 from = DATA;

	if (end > QUICK_REACH) {
		/* Not a plain jump: what follows has to be reachable. */
		mov32(t, dst, 0);
		jump_if(t, BPF_JEQ, dst, 0, ASK);
		return;
	}
	if (BPF_MODE(insn->code) == BPF_IND) {
		from = SPARE;
		emit(t, BPF_ALU | BPF_MOV | BPF_X, from, X, 0, 0);
		t->targets[emit(t, BPF_JMP | BPF_JGT | BPF_K, from, 0, 0, OFFSET_MAX - end)] = ASK;
		emit(t, BPF_ALU64 | BPF_ADD | BPF_X, from, DATA, 0, 0);
		mov(t, dst, from);
		add(t, dst, end);
		quick_within(t, dst, END);
	} else if (t->known[t->at] < end) {
		t->known[t->at] = end < QUICK_LEAST ? QUICK_LEAST : end;
		mov(t, SPARE, DATA);
		add(t, SPARE, t->known[t->at]);
		quick_within(t, SPARE, END);
	}
	emit(t, BPF_LDX | BPF_MEM | BPF_SIZE(insn->code), dst, from, insn->k, 0);
	to_host(t, dst, size);
}

void filter_load(struct translation *t, const struct sock_filter *insn, __u8 dst)
{
	bool indirect = BPF_MODE(insn->code) == BPF_IND;
	int size = size_of(insn->code);
	__u32 k = insn->k;

	if (k > OFFSET_MAX - 4) {
		/* Not a plain jump: what follows has to be reachable. */
		mov32(t, dst, 0);
		jump_if(t, BPF_JEQ, dst, 0, NO_MATCH);
		return;
	}
	if (t->quick) {
		quick_load(t, insn, dst);
		return;
	}
	if (t->tagged && k < TAG_END && (indirect || k + size > TAG_BEGIN)) {
		if (indirect || k < TAG_BEGIN || k + size > TAG_END)
			load_bytes(t, size, indirect, k);
		else
			load_tag(t, dst, size, k);
		return;
	}
	if (t->tagged && k >= TAG_END)
		k -= TAG_LEN;
	if (!indirect) {
		load_packet_at(t, dst, BPF_SIZE(insn->code), k);
		return;
	}
	offset_of_x(t, k);
	load_packet(t, dst, BPF_SIZE(insn->code));
}
