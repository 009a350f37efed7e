/* SPDX-License-Identifier: GPL-2.0 */
/* The short way of frames at a tunnel's port, as that of packets in ready.h: over IPv4, untagged,
 * with IP inside. */
#ifndef XTUN_READY_FRAME_H
#define XTUN_READY_FRAME_H

#include "erspan.h"
#include "ready_frame_make.h"

/* ERSPAN, of a frame of which @facts are known: erspan_write(). */
static __always_inline void ready_frame_erspan(const struct tunnel *t, __u32 facts,
					       struct ready_rest *rest)
{
	__u32 version = erspan_version(t), session, hwid;

	rest->count = version + 1;
	if (!version) {
		rest->words[0] = bpf_htonl(WIRE_ETH_P_ERSPAN);
		return;
	}
	session = bpf_ntohl(t->okey) & ERSPAN_SESSION;
	rest->words[0] = bpf_htonl((__u32)GRE_SEQ << 16 |
				   (version == 1 ? WIRE_ETH_P_ERSPAN : WIRE_ETH_P_ERSPAN2)) |
			 (__u64)bpf_htonl(gre_sequence_next(t->id)) << 32;
	rest->words[1] =
		bpf_htonl(version << ERSPAN_VERSION_SHIFT | (facts & ~ERSPAN_SESSION) | session);
	if (version == 1) {
		rest->words[1] |= (__u64)bpf_htonl(t->erspan & TUNNEL_ERSPAN_INDEX) << 32;
		return;
	}
	hwid = t->erspan >> TUNNEL_ERSPAN_HWID_SHIFT & ERSPAN_HWID_MAX;
	rest->words[1] |= (__u64)bpf_htonl(erspan_timestamp()) << 32;
	rest->words[2] = bpf_htonl(ERSPAN_FRAME | hwid << ERSPAN_HWID_SHIFT |
				   (facts & ERSPAN_FACT_EGRESS ? ERSPAN_EGRESS : 0));
}

/* What of enum copy the frame is, or -1 where it may have to be cut. */
static __always_inline int ready_frame_copy(ctx_t *ctx, const struct tunnel *t)
{
	const struct mirror *mirror;
	__u32 mtu = 0;

	if (t->flags & TUNNEL_TRUNCATE && ctx_len(ctx) > IPV4_MTU_MIN + WIRE_ETH_HLEN &&
	    bpf_check_mtu(ctx, t->anchor, &mtu, 0, 0))
		return -1;
	if (likely(!(ctx->tc_index & MIRROR_MARK)))
		return 0;
	mirror = copy_mirror(ctx, t->anchor);
	if (!mirror)
		return 0;
	return mirror->snaplen ? -1 : copy_of(ctx);
}

/* Write all headers into the room. @head and @third: of IPv4. Returns 0 or a refusal. */
static __always_inline int ready_frame_write(ctx_t *ctx, const struct cpu_state *state, __u64 head,
					     __u32 third, const struct ready_rest *rest)
{
	const struct ready *ready = &state->ready;
	void *to = ctx_begin(ctx), *inner = to + (ready->hlen & 0x7f);
	__u64 *word = to + READY_FRAME_AT;
	__u64 eth, more;

	/* The frame's own header was there to be read, and an IP header behind it. */
	if (unlikely((void *)(word + READY_FRAME_WORDS) > ctx_end(ctx) ||
		     inner + WIRE_ETH_HLEN > ctx_end(ctx)))
		return REFUSE(push_failed);
	/* Fourteen bytes, of which two twice. */
	eth = *(__u64 *)to;
	more = *(__u64 *)(to + WIRE_ETH_HLEN - 8);
	/* The last word may reach into the header that comes behind, which is written after it. */
	word[0] = rest->words[0];
	if (rest->count > 1)
		word[1] = rest->words[1];
	if (rest->count > 2)
		word[2] = rest->words[2];
	*(__u64 *)inner = eth;
	*(__u64 *)(inner + WIRE_ETH_HLEN - 8) = more;
	ready_ethernet(to, &state->route);
	*(__u64 *)(to + 14) = head;
	*(__u32 *)(to + 22) = third;
	*(__u64 *)(to + 26) = ready->addresses;
	return 0;
}

/* Carry a frame. Returns the hook's verdict, a refusal, or READY_NOT. */
__noinline int ready_frame_send(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state)
{
	struct ready_rest rest; /* as many words as are there are written, and read */
	const struct ready *ready;
	struct ready_inner in;
	__u32 len, third;
	__u64 head;
	int copy, ret;
	__u8 kind;

	if (!t || !state)
		return READY_NOT;
	ready = &state->ready;
	len = ctx_len(ctx) - WIRE_ETH_HLEN;
	if (unlikely(ctx_gso_size(ctx) || ctx_tagged(ctx)))
		return READY_NOT;
	ret = ready_read(ctx, ready, len, &in);
	if (unlikely(ret))
		return ret;
	copy = ready_frame_copy(ctx, t);
	if (unlikely(copy < 0))
		return READY_NOT;
	/* VXLAN and GENEVE leave DF to the inner packet. */
	ret = ready4_build(ready, &in, len, false, &head, &third);
	if (unlikely(ret))
		return ret;
	kind = ready_is4(&in) ? INNER_IPV4 : INNER_IPV6;
	if (t->wrap != WRAP_NONE)
		ready_frame_wrap(t, t->sport ? 0 : ready_hash(ctx, &in),
				 len + ready->hlen - IPV4_HLEN, &rest);
	else if (t->payload == PAYLOAD_GRE)
		ready_frame_gre(t, &rest);
	else
		ready_frame_erspan(t, erspan_facts(ctx, t, copy | kind << 8, 0, 0), &rest);
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags | ctx_push_frame(WIRE_ETH_HLEN))))
		return READY_NOT;
	ret = ready_frame_write(ctx, state, head, third, &rest);
	if (unlikely(ret))
		return ret;
	return ready_redirect(state, len);
}

#endif
