// SPDX-License-Identifier: GPL-2.0
/*
 * A and X live in registers, the scratch memory M[] on the stack; arithmetic and comparisons have
 * 32 bits, as classic BPF does. Loads look at the linear part of the packet, and ask the kernel for
 * bytes behind it; a load beyond the frame ends the filter without a match. The instructions that
 * would do this in one (BPF_ABS, BPF_IND) end the whole program when they fail, and with it the
 * chain of programs at the hook.
 *
 * The kernel keeps a VLAN tag beside the packet, while the expression looks for it behind the MAC
 * addresses. So there are two bodies: one for frames without a tag, and one for frames with, whose
 * offsets behind the tag are 4 less in the packet than in the frame. Both are classic BPF's
 * instructions one by one.
 *
 * The quick beginning is a third one, for frames without a tag, that looks at nothing but the
 * linear part, and looks once whether that is long enough. It calls nothing before its end, so that
 * it has registers that need not be saved, and no stack. A mirror sees all frames of a device and
 * wants few.
 */
#include "filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
	PER_INSN = 96,        /* at most so many instructions for one, a load that crosses a tag */
	AROUND = 64,          /* and what stands around the bodies */
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

static size_t emit(struct translation *t, __u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm)
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

static void mov(struct translation *t, __u8 dst, __u8 src)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void add(struct translation *t, __u8 dst, __s32 imm)
{
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

static void mov32(struct translation *t, __u8 dst, __u32 imm)
{
	emit(t, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void alu32(struct translation *t, __u8 op, __u8 dst, __u32 imm)
{
	emit(t, BPF_ALU | op | BPF_K, dst, 0, 0, imm);
}

static void ctx_field(struct translation *t, __u8 dst, size_t offset)
{
	emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, CTX, offset, 0);
}

/* A jump to @target, known when everything is written. */
static void jump(struct translation *t, int target)
{
	t->targets[emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0)] = target;
}

static void jump_if(struct translation *t, __u8 op, __u8 dst, __u32 imm, int target)
{
	t->targets[emit(t, BPF_JMP32 | op | BPF_K, dst, 0, 0, imm)] = target;
}

/* The jump at @from leads here. */
static void land(struct translation *t, size_t from)
{
	t->insns[from].off = t->count - from - 1;
}

static int size_of(__u16 code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static void to_host(struct translation *t, __u8 dst, int size)
{
	if (size > 1)
		emit(t, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size * 8);
}

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

/* load() of the quick beginning. */
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

static void load(struct translation *t, const struct sock_filter *insn, __u8 dst)
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

/* LD and LDX: into @dst, from the frame, a constant, the scratch memory, or the frame's length. */
static int translate_load(struct translation *t, const struct sock_filter *insn, __u8 dst)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_IMM:
		mov32(t, dst, insn->k);
		return 0;
	case BPF_MEM:
		if (insn->k >= BPF_MEMWORDS)
			break;
		emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, STACK_M + 4 * insn->k, 0);
		return 0;
	case BPF_LEN:
		ctx_field(t, dst, offsetof(struct __sk_buff, len));
		if (t->tagged)
			alu32(t, BPF_ADD, dst, TAG_LEN);
		return 0;
	case BPF_ABS:
	case BPF_IND:
		if (dst != A)
			break;
		load(t, insn, dst);
		return 0;
	case BPF_MSH:
		if (dst != X)
			break;
		load(t, &(struct sock_filter){ BPF_LD | BPF_B | BPF_ABS, 0, 0, insn->k }, dst);
		alu32(t, BPF_AND, dst, 0xf);
		alu32(t, BPF_LSH, dst, 2);
		return 0;
	}
	t->why = "a load of a kind that it does not know";
	return -EOPNOTSUPP;
}

/* Shifting by 32 or more gives zero here, and eBPF looks at five bits. */
static void shift(struct translation *t, const struct sock_filter *insn)
{
	size_t small, done;

	if (BPF_SRC(insn->code) == BPF_K) {
		if (insn->k < 32)
			alu32(t, BPF_OP(insn->code), A, insn->k);
		else
			mov32(t, A, 0);
		return;
	}
	small = emit(t, BPF_JMP32 | BPF_JLT | BPF_K, X, 0, 0, 32);
	mov32(t, A, 0);
	done = emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	land(t, small);
	emit(t, BPF_ALU | BPF_OP(insn->code) | BPF_X, A, X, 0, 0);
	land(t, done);
}

static int translate_alu(struct translation *t, const struct sock_filter *insn)
{
	__u8 op = BPF_OP(insn->code);

	switch (op) {
	case BPF_LSH:
	case BPF_RSH:
		shift(t, insn);
		return 0;
	case BPF_DIV:
	case BPF_MOD:
		if (BPF_SRC(insn->code) == BPF_K && !insn->k) {
			t->why = "a division by zero";
			return -EOPNOTSUPP;
		}
		/* Dividing by zero ends a filter without a match. */
		if (BPF_SRC(insn->code) == BPF_X)
			jump_if(t, BPF_JEQ, X, 0, NO_MATCH);
		break;
	case BPF_NEG:
		emit(t, BPF_ALU | BPF_NEG, A, 0, 0, 0);
		return 0;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		break;
	default:
		t->why = "an arithmetic operation that it does not know";
		return -EOPNOTSUPP;
	}
	if (BPF_SRC(insn->code) == BPF_X)
		emit(t, BPF_ALU | op | BPF_X, A, X, 0, 0);
	else
		alu32(t, op, A, insn->k);
	return 0;
}

/* The comparison that says the opposite, 0: there is none. */
static __u8 opposite(__u8 op)
{
	return op == BPF_JEQ ? BPF_JNE : op == BPF_JGT ? BPF_JLE : op == BPF_JGE ? BPF_JLT : 0;
}

static bool ends(const struct sock_filter *insn)
{
	return BPF_CLASS(insn->code) == BPF_RET && BPF_RVAL(insn->code) == BPF_K;
}

/* Where a jump to classic instruction @to leads: the quick beginning has no place where it ends. */
static int landing(const struct translation *t, size_t to)
{
	if (!t->quick || !ends(&t->classic[to]))
		return to;
	return t->classic[to].k ? ASK : NO_MATCH;
}

/* What is known at classic instruction @at is known at @to, too, if no other way there knows less.
 */
static void know(struct translation *t, size_t to)
{
	if (t->quick && to < t->classic_count && t->known[to] > t->known[t->at])
		t->known[to] = t->known[t->at];
}

static int translate_jump(struct translation *t, const struct sock_filter *insn)
{
	size_t to_yes = t->at + 1 + insn->jt, to_no = t->at + 1 + insn->jf;
	int next = t->at + 1, yes, no;
	__u8 op = BPF_OP(insn->code);
	size_t from;

	if (op == BPF_JA)
		to_yes = to_no = t->at + 1 + insn->k;
	/* Only `protochain` goes back. */
	if (to_yes >= t->classic_count || to_no >= t->classic_count) {
		t->why = "a loop (protochain)";
		return -EOPNOTSUPP;
	}
	know(t, to_yes);
	know(t, to_no);
	yes = landing(t, to_yes);
	no = landing(t, to_no);
	if (yes == no) {
		if (yes != next)
			jump(t, yes);
		return 0;
	}
	if (op != BPF_JEQ && op != BPF_JGT && op != BPF_JGE && op != BPF_JSET) {
		t->why = "a comparison that it does not know";
		return -EOPNOTSUPP;
	}
	/* Most frames do not match: they are to jump once. */
	if ((yes == next || no == NO_MATCH) && opposite(op)) {
		int other = yes;

		op = opposite(op);
		yes = no;
		no = other;
	}
	from = emit(t, BPF_JMP32 | op | BPF_SRC(insn->code), A,
		    BPF_SRC(insn->code) == BPF_X ? X : 0, 0,
		    BPF_SRC(insn->code) == BPF_X ? 0 : insn->k);
	t->targets[from] = yes;
	if (no != next)
		jump(t, no);
	return 0;
}

static void leave(struct translation *t, __u32 match)
{
	mov32(t, BPF_REG_0, match);
	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* The end of the quick beginning, for what is not jumped over. */
static void quick_return(struct translation *t, const struct sock_filter *insn)
{
	if (!ends(insn))
		jump_if(t, BPF_JEQ, A, 0, NO_MATCH);
	else if (t->at &&
		 (BPF_CLASS(insn[-1].code) == BPF_JMP || BPF_CLASS(insn[-1].code) == BPF_RET))
		return;
	jump(t, ends(insn) && !insn->k ? NO_MATCH : ASK);
}

static int translate_insn(struct translation *t)
{
	const struct sock_filter *insn = &t->classic[t->at];

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		return translate_load(t, insn, A);
	case BPF_LDX:
		return translate_load(t, insn, X);
	case BPF_ST:
	case BPF_STX:
		if (insn->k >= BPF_MEMWORDS)
			break;
		emit(t, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10,
		     BPF_CLASS(insn->code) == BPF_ST ? A : X, STACK_M + 4 * insn->k, 0);
		return 0;
	case BPF_ALU:
		return translate_alu(t, insn);
	case BPF_JMP:
		return translate_jump(t, insn);
	case BPF_RET:
		if (t->quick) {
			quick_return(t, insn);
			return 0;
		}
		if (BPF_RVAL(insn->code) == BPF_A)
			jump_if(t, BPF_JEQ, A, 0, NO_MATCH);
		leave(t, BPF_RVAL(insn->code) == BPF_A || insn->k);
		return 0;
	case BPF_MISC:
		if (BPF_MISCOP(insn->code) == BPF_TAX)
			emit(t, BPF_ALU | BPF_MOV | BPF_X, X, A, 0, 0);
		else
			emit(t, BPF_ALU | BPF_MOV | BPF_X, A, X, 0, 0);
		return 0;
	}
	t->why = "an instruction that it does not know";
	return -EOPNOTSUPP;
}

/* Give the jump at @from its distance. */
static int aim(struct translation *t, size_t from, size_t to)
{
	if (to - from - 1 > 0x7fff) {
		t->why = "more instructions than a jump can pass over";
		return -EOPNOTSUPP;
	}
	t->insns[from].off = to - from - 1;
	t->targets[from] = NOWHERE;
	return 0;
}

/* All classic instructions, and the jumps between them. */
static int translate_body(struct translation *t)
{
	size_t begin = t->count, i;
	int ret = 0;

	for (t->at = 0; t->at < t->classic_count && !ret; t->at++) {
		__u8 class = BPF_CLASS(t->classic[t->at].code);

		t->starts[t->at] = t->count;
		ret = translate_insn(t);
		if (class != BPF_JMP && class != BPF_RET)
			know(t, t->at + 1);
	}
	for (i = begin; i < t->count && !ret; i++)
		if (t->targets[i] >= 0)
			ret = aim(t, i, t->starts[t->targets[i]]);
	return ret;
}

/* The jumps to @target lead here. Returns whether there are any, or a negative errno. */
static int aim_all(struct translation *t, int target)
{
	int ret = 0, any = 0;
	size_t i;

	for (i = 0; i < t->count && !ret; i++)
		if (t->targets[i] == target) {
			ret = aim(t, i, t->count);
			any = 1;
		}
	return ret ?: any;
}

/* Whether the classic program reads M[@word]. */
static bool reads_memory(const struct translation *t, __u32 word)
{
	size_t i;

	for (i = 0; i < t->classic_count; i++)
		if (BPF_CLASS(t->classic[i].code) <= BPF_LDX &&
		    BPF_MODE(t->classic[i].code) == BPF_MEM && t->classic[i].k == word)
			return true;
	return false;
}

static void begin_memory(struct translation *t)
{
	__u32 i;

	for (i = 0; i < BPF_MEMWORDS; i++)
		if (reads_memory(t, i))
			emit(t, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, STACK_M + 4 * i, 0);
}

/* What both bodies find: the packet, A, X, and the scratch memory, all zero. */
static void begin(struct translation *t)
{
	mov(t, CTX, BPF_REG_1);
	ctx_field(t, DATA, offsetof(struct __sk_buff, data));
	mov32(t, A, 0);
	mov32(t, X, 0);
	begin_memory(t);
	ctx_field(t, BPF_REG_0, offsetof(struct __sk_buff, vlan_present));
	jump_if(t, BPF_JNE, BPF_REG_0, 0, TAGGED);
}

/* Put the tag together, as it stands in the frame. */
static void begin_tagged(struct translation *t)
{
	t->tagged = true;
	ctx_field(t, BPF_REG_0, offsetof(struct __sk_buff, vlan_proto));
	to_host(t, BPF_REG_0, 2);
	alu32(t, BPF_LSH, BPF_REG_0, 16);
	ctx_field(t, BPF_REG_1, offsetof(struct __sk_buff, vlan_tci));
	emit(t, BPF_ALU | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_1, 0, 0);
	emit(t, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, STACK_TAG, 0);
}

static int translate(struct translation *t)
{
	int ret;

	begin(t);
	ret = translate_body(t);
	if (ret)
		return ret;
	ret = aim_all(t, TAGGED);
	if (ret < 0)
		return ret;
	begin_tagged(t);
	ret = translate_body(t);
	if (ret)
		return ret;
	ret = aim_all(t, NO_MATCH);
	/* The kernel wants every instruction to be reachable. */
	if (ret > 0)
		leave(t, 0);
	return ret < 0 ? ret : 0;
}

/* Whether the classic program reads X. */
static bool reads_x(const struct translation *t)
{
	size_t i;

	for (i = 0; i < t->classic_count; i++) {
		__u16 code = t->classic[i].code, class = BPF_CLASS(code);

		if (class == BPF_STX || (class == BPF_LD && BPF_MODE(code) == BPF_IND) ||
		    ((class == BPF_ALU || class == BPF_JMP) && BPF_SRC(code) == BPF_X) ||
		    (class == BPF_MISC && BPF_MISCOP(code) == BPF_TXA))
			return true;
	}
	return false;
}

/* As begin(), with no more than is needed. */
static void quick_begin(struct translation *t)
{
	size_t none;

	/* What is not zero may be that of a tag which is off again; what is zero is none. */
	ctx_field(t, BPF_REG_0, offsetof(struct __sk_buff, vlan_proto));
	none = emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
	ctx_field(t, BPF_REG_0, offsetof(struct __sk_buff, vlan_present));
	jump_if(t, BPF_JNE, BPF_REG_0, 0, ASK);
	land(t, none);
	ctx_field(t, DATA, offsetof(struct __sk_buff, data));
	ctx_field(t, END, offsetof(struct __sk_buff, data_end));
	if (BPF_CLASS(t->classic[0].code) != BPF_LD)
		mov32(t, A, 0);
	if (reads_x(t))
		mov32(t, X, 0);
	begin_memory(t);
}

/* The quick beginning. Returns 0, or a negative errno: there is none. */
static int quick_translate(struct translation *t)
{
	int ret;

	memset(t->known, 0xff, t->classic_count * sizeof(*t->known));
	t->known[0] = 0;
	quick_begin(t);
	ret = translate_body(t);
	ret = ret ?: aim_all(t, ASK);
	if (ret < 0)
		return ret;
	emit(t, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1);
	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	ret = aim_all(t, NO_MATCH);
	/* Where no frame goes on behind the end, the kernel finds nothing that is reachable. */
	return ret > 0 ? 0 : ret ?: -ENOENT;
}

static int translate_to(const struct sock_filter *classic, size_t count, bool quick,
			struct bpf_insn **insns, size_t *insn_count, const char **why)
{
	size_t room = 2 * count * PER_INSN + AROUND;
	struct translation t = { .classic = classic, .classic_count = count, .quick = quick };
	int ret = -ENOMEM;

	t.insns = calloc(room, sizeof(*t.insns));
	t.targets = calloc(room, sizeof(*t.targets));
	t.starts = calloc(count + 1, sizeof(*t.starts));
	t.known = calloc(count + 1, sizeof(*t.known));
	if (t.insns && t.targets && t.starts && t.known)
		ret = quick ? quick_translate(&t) : translate(&t);
	free(t.targets);
	free(t.starts);
	free(t.known);
	if (ret) {
		free(t.insns);
		*why = t.why;
		return ret;
	}
	*insns = t.insns;
	*insn_count = t.count;
	return 0;
}

int filter_translate(const struct sock_filter *classic, size_t count, struct filter *filter,
		     const char **why)
{
	const char *why_quick;
	int ret;

	*filter = (struct filter){};
	ret = translate_to(classic, count, false, &filter->insns, &filter->count, why);
	if (ret)
		return ret;
	ret = translate_to(classic, count, true, &filter->quick, &filter->quick_count, &why_quick);
	if (ret == -ENOMEM)
		filter_free(filter);
	return ret == -ENOMEM ? ret : 0;
}

size_t filter_quick(const struct filter *filter, struct bpf_insn *to,
		    const struct bpf_insn *unwanted, size_t count)
{
	size_t quick = filter->quick_count;

	if (!quick)
		return 0;
	memcpy(to, filter->quick, quick * sizeof(*to));
	memcpy(to + quick, unwanted, count * sizeof(*to));
	/* The call, which is followed by the end of the program, and then by @unwanted. */
	to[quick - 2].imm = 1 + count;
	return quick + count;
}

void filter_free(struct filter *filter)
{
	free(filter->insns);
	free(filter->quick);
	*filter = (struct filter){};
}
