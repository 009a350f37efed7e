/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of packets that are wrapped in UDP, as that of bare ones in ready.h.
 *
 *	| Ethernet | IPv4 or IPv6 | UDP | GUE, if it is that | GRE, if it is that | IP
 */
#ifndef XTUN_READY_WRAP_H
#define XTUN_READY_WRAP_H

#include "ready6.h"

/* Whether that is what @state is prepared for. */
static __always_inline bool ready_wrapped(const struct cpu_state *state)
{
	return state->route.ready >= READY_WRAP_IPV4;
}

/*
 * The UDP header around all but the first @ip_hlen bytes of what is sent for @len bytes with @in in
 * front, as it lies in memory, but for a checksum: wrap_write(). *@hash as in ready6_first().
 */
static __always_inline __u64 ready_wrap_udp(ctx_t *ctx, const struct tunnel *t,
					    const struct ready *ready, const struct ready_inner *in,
					    __u32 len, __u32 ip_hlen, __u32 *hash)
{
	if (!t->sport)
		*hash = *hash ?: ready_hash(ctx, in);
	return wrap_sport(t, *hash) | (__u32)t->dport << 16 |
	       (__u64)bpf_htons(len + ready->hlen - ip_hlen) << 32;
}

/*
 * Write what stands between the outer IP header and the inner packet, which is known to have been
 * long enough for one of IPv4, and the checksums that cover it. @udp: of ready_wrap_udp(). Returns
 * 0 or a refusal.
 */
static __always_inline int ready_wrap_write(ctx_t *ctx, const struct cpu_state *state, void *to,
					    __u64 udp, __be16 eth_proto)
{
	const struct ready *ready = &state->ready;
	__u8 kind = eth_proto == bpf_htons(WIRE_ETH_P_IP) ? INNER_IPV4 : INNER_IPV6;
	__u32 at = to - ctx_begin(ctx);
	int err = 0;

	if (unlikely(to + UDP_HLEN + GUE_HLEN > ctx_end(ctx)))
		return REFUSE(push_failed);
	*(__u64 *)to = udp;
	to += UDP_HLEN;
	if (ready->fields & READY_GUE) {
		__u8 ip_proto = payload_ip_protocol(
			ready->fields & READY_GRE ? PAYLOAD_GRE : PAYLOAD_IP, kind);

		*(__be32 *)to = bpf_htonl((__u32)ip_proto << 16);
		to += GUE_HLEN;
	}
	if (ready->fields & READY_GRE)
		err = ready_gre(ctx, state, to, eth_proto, !CTX_PER_SEGMENT);
	/* The innermost one first. */
	if (CTX_PER_SEGMENT && unlikely(ready->fields & READY_WRAP_CSUM))
		err = err ?: wrap_finish(ctx, at, WIRE_ETH_HLEN + ready->hlen, kind);
	return err;
}

/* As ready6_carry(), over IPv4. */
static __always_inline int ready4_wrap(ctx_t *ctx, const struct tunnel *t,
				       const struct cpu_state *state, const struct ready_inner *in,
				       __u32 len, __u32 hash)
{
	const struct ready *ready = &state->ready;
	__u64 head, udp;
	void *behind;
	__u32 third;
	int ret;

	ret = ready4_build(ready, in, len, true, &head, &third);
	if (unlikely(ret))
		return ret;
	udp = ready_wrap_udp(ctx, t, ready, in, len, IPV4_HLEN, &hash);
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags)))
		return READY_NOT;
	ret = ready4_write(ctx, state, head, third, &behind);
	return ret ?: ready_wrap_write(ctx, state, behind, udp, in->eth_proto);
}

/* Over IPv6. */
static __always_inline int ready6_wrap(ctx_t *ctx, const struct tunnel *t,
				       const struct cpu_state *state, const struct ready_inner *in,
				       __u32 len, __u32 hash)
{
	const struct ready *ready = &state->ready;
	__u32 ip_hlen = ready->fields & READY_LIMIT ? IPV6_HLEN + IPV6_LIMIT_HLEN : IPV6_HLEN;
	__u64 head, udp;
	void *behind;
	int ret;

	ret = ready6_build(ctx, ready, in, len, &hash, &head);
	if (unlikely(ret))
		return ret;
	udp = ready_wrap_udp(ctx, t, ready, in, len, ip_hlen, &hash);
	ret = ready6_write(ctx, state, head, &behind);
	return ret ?: ready_wrap_write(ctx, state, behind, udp, in->eth_proto);
}

static __always_inline int ready_wrap(ctx_t *ctx, const struct tunnel *t,
				      const struct cpu_state *state, const struct ready_inner *in,
				      __u32 len, __u32 hash)
{
	return likely(state->route.ready == READY_WRAP_IPV4)
		       ? ready4_wrap(ctx, t, state, in, len, hash)
		       : ready6_wrap(ctx, t, state, in, len, hash);
}

/* Carry a packet. Returns the hook's verdict, a refusal, or READY_NOT. */
__noinline int ready_wrap_send(ctx_t *ctx, const struct tunnel *t, struct cpu_state *state)
{
	struct ready_inner in;
	__u32 len;
	int ret;

	if (!t || !state)
		return READY_NOT;
	len = ctx_len(ctx) - WIRE_ETH_HLEN;
	if (unlikely(ctx_gso_size(ctx)))
		return READY_NOT;
	ret = ready_read(ctx, &state->ready, len, &in);
	if (unlikely(ret || ready_version_wrong(&in)))
		return READY_NOT;
	ret = ready_wrap(ctx, t, state, &in, len, 0);
	return unlikely(ret) ? ret : ready_redirect(state, len);
}

#endif
