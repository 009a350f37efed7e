// SPDX-License-Identifier: GPL-2.0
/*
 * One direction of one mirror. The command loads this object once for each, with the constants
 * below and the body of filter() in place. It stands before all other programs of its hook and lets
 * every frame go on as it was.
 *
 * In front of it the command puts the quick beginning of the filter (user/filter.h), which lets go
 * on, and counts in struct mirror_passed, what surely does not match. It calls this with the rest.
 */
#include "ctx.h"
#include "mirror_maps.h"

const volatile __u32 mirror_id;
const volatile __u32 mirror_anchor;
const volatile __u32 mirror_sample = 1;
const volatile __u32 mirror_mark; /* enum mirror_mark: of its copies */

/*
 * Whether the frame is one that is asked for. This one takes all; the command puts what it makes of
 * the user's expression in its place, for which it is the last function of the object, and opaque.
 */
static __noinline int filter(ctx_t *ctx)
{
	int match;

	asm volatile("%0 = 1" : "=r"(match) : "r"(ctx));
	return match;
}

/* Which of enum mirror_drop an answer of bpf_clone_redirect() is. */
static __always_inline __u32 refusal(long err)
{
	switch (err) {
	case -12: /* ENOMEM */
		return MIRROR_DROP_no_memory;
	case -22: /* EINVAL */
		return MIRROR_DROP_no_device;
	default:
		return err > 0 ? MIRROR_DROP_tunnel : MIRROR_DROP_refused;
	}
}

/* The mark is the copy's alone: the frame gets back what it had. */
static __always_inline void copy(ctx_t *ctx, struct mirror_counters *counters)
{
	__u32 mark = ctx->tc_index;
	long err;

	ctx->tc_index = mirror_mark;
	err = bpf_clone_redirect(ctx, mirror_anchor, 0);
	ctx->tc_index = mark;
	if (likely(!err))
		counters->sent++;
	else
		counters->drops[refusal(err)]++;
}

SEC("tc")
int xtun_mirror(ctx_t *ctx)
{
	struct mirror_counters *counters;
	__u32 id = mirror_id;

	counters = bpf_map_lookup_elem(&mirror_counters, &id);
	if (unlikely(!counters))
		return -1;
	counters->seen++;
	if (!filter(ctx))
		return -1;
	counters->matched++;
	if ((ctx->tc_index & MIRROR_MARK_OURS) == (mirror_mark & MIRROR_MARK_OURS))
		counters->drops[MIRROR_DROP_own]++;
	else if (mirror_sample > 1 && (__u64)bpf_get_prandom_u32() * mirror_sample >> 32)
		counters->sampled_out++;
	else
		copy(ctx, counters);
	return -1;
}

char LICENSE[] SEC("license") = "GPL";
