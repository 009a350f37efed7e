// SPDX-License-Identifier: GPL-2.0
/*
 * A and X live in registers, the scratch memory M[] on the stack; arithmetic and comparisons have
 * 32 bits, as classic BPF does. For loads see filter_load.c.
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
#include <stdlib.h>
#include <string.h>

#include "filter_code.h"

enum {
	PER_INSN = 96, /* at most so many instructions for one, a load that crosses a tag */
	AROUND = 64,   /* and what stands around the bodies */
};

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
		filter_load(t, insn, dst);
		return 0;
	case BPF_MSH:
		if (dst != X)
			break;
		filter_load(t, &(struct sock_filter){ BPF_LD | BPF_B | BPF_ABS, 0, 0, insn->k },
			    dst);
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
