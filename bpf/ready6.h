/* SPDX-License-Identifier: GPL-2.0 */
/* The short way of encapsulation over IPv6, as that over IPv4 in ready.h. */
#ifndef XTUN_READY6_H
#define XTUN_READY6_H

#include "ready.h"

/* The ECN bits around a packet with those of @tos. */
static __always_inline __u8 ready6_ecn(const struct ready *ready, __u8 tos)
{
	__u8 ecn = tos & ECN_MASK;

	/* A tunnel has none of its own. */
	if (ready->inherit & READY_TOS_PLAIN)
		return ready->inherit & READY_DSCP ? ecn : 0;
	return ecn == ECN_CE ? ECN_ECT_0 : ecn;
}

/*
 * The first word of the IPv6 header without its ECN bits, as ipv6_write() makes it. *@hash: of the
 * flow, 0: not known yet.
 */
static __always_inline __be32 ready6_first(ctx_t *ctx, const struct ready *ready,
					   const struct ready_inner *in, __u32 *hash)
{
	const __be32 mask = bpf_htonl(IPV6_FLOWLABEL_MASK);
	__be32 first = ready->head, flow = first & mask;
	bool ipv6 = !ready_is4(in);

	if (!(ready->inherit & READY_FLOW))
		return first;
	if (ready->inherit & READY_FLOW_INNER && ipv6)
		flow = *(const __be32 *)in->ip & mask;
	if (!flow) {
		*hash = *hash ?: ready_hash(ctx, in);
		flow = bpf_htonl((*hash << 16 | *hash >> 16) & IPV6_FLOWLABEL_MASK);
	}
	return (first & ~mask) | flow;
}

/*
 * Make the first eight bytes of the IPv6 header around @len bytes with @in in front; *@hash as in
 * ready6_first(). Returns 0 or READY_NOT.
 */
static __always_inline int ready6_build(ctx_t *ctx, const struct ready *ready,
					const struct ready_inner *in, __u32 len, __u32 *hash,
					__u64 *head)
{
	__be32 first, second;
	__u8 tos = ready_tos(in);

	/* There may be a limit in the inner packet's options. */
	if (!ready_is4(in) &&
	    unlikely(((const struct ipv6hdr *)in->ip)->nexthdr == WIRE_IPPROTO_DSTOPTS))
		return READY_NOT;
	second = in->ttl_proto << 16 | bpf_htons(len + ready->hlen - IPV6_HLEN);
	if (ready->inherit & READY_TTL)
		second |= (__u32)ready_ttl(in) << 24;
	if (ready->inherit & READY_DSCP && unlikely((tos & ~ECN_MASK) != ready->dscp))
		return READY_NOT;
	first = ready6_first(ctx, ready, in, hash) | bpf_htonl((__u32)ready6_ecn(ready, tos) << 20);
	*head = first | (__u64)second << 32;
	return 0;
}

/*
 * As ready_write(), over IPv6 up to what comes behind it and its options, which is where *@behind
 * leads to: @head is the header's first eight bytes.
 */
static __always_inline int ready6_write(ctx_t *ctx, const struct cpu_state *state, __u64 head,
					void **behind)
{
	const struct ready *ready = &state->ready;
	const struct route_cache *cache = &state->route;
	const __u64 *source = (const void *)&cache->source, *remote = (const void *)&cache->remote;
	void *to;

	asm volatile("" : "+r"(head));
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags)))
		return READY_NOT;
	to = ctx_begin(ctx);
	if (unlikely(to + WIRE_ETH_HLEN + IPV6_HLEN > ctx_end(ctx)))
		return REFUSE(push_failed);
	ready_ethernet(to, cache);
	to += WIRE_ETH_HLEN;
	*(__u64 *)(to + 8) = source[0];
	*(__u64 *)(to + 16) = source[1];
	*(__u64 *)(to + 24) = remote[0];
	*(__u64 *)(to + 32) = remote[1];
	if (ready->fields & READY_LIMIT) {
		if (unlikely(to + IPV6_HLEN + IPV6_LIMIT_HLEN > ctx_end(ctx)))
			return REFUSE(push_failed);
		/* The protocol, and the option as ipv6_write() has it. */
		*(__u64 *)(to + IPV6_HLEN) = (head >> 48 & 0xff) | (__u64)ready->limit << 32 |
					     IPV6_OPT_ENCAP_LIMIT << 16 | 1 << 24 |
					     (__u64)(IPV6_OPT_PADN | 1 << 8) << 40;
		*(__u64 *)to = (head & ~(0xffull << 48)) | (__u64)WIRE_IPPROTO_DSTOPTS << 48;
		to += IPV6_LIMIT_HLEN;
	} else {
		*(__u64 *)to = head;
	}
	*behind = to + IPV6_HLEN;
	return 0;
}

/*
 * Put outer headers around a packet of @len bytes with @in in front. @hash as *@hash in
 * ready6_first(). Returns 0, a refusal, or READY_NOT.
 */
static __always_inline int ready6_carry(ctx_t *ctx, const struct cpu_state *state,
					const struct ready_inner *in, __u32 len, __u32 hash)
{
	const struct ready *ready = &state->ready;
	void *behind;
	__u64 head;
	int ret;

	ret = ready6_build(ctx, ready, in, len, &hash, &head);
	if (unlikely(ret))
		return ret;
	ret = ready6_write(ctx, state, head, &behind);
	if (unlikely(ret) || !(ready->fields & READY_GRE))
		return ret;
	return ready_gre(ctx, state, behind, in->eth_proto, !CTX_PER_SEGMENT);
}

/* As ready4_send(), over IPv6. */
__noinline int ready6_send(ctx_t *ctx, struct cpu_state *state)
{
	const struct ready *ready = &state->ready;
	struct ready_inner in;
	__u32 len;
	int ret;

	if (!state)
		return READY_NOT;
	len = ctx_len(ctx) - WIRE_ETH_HLEN;
	if (unlikely(ctx_gso_size(ctx)))
		return READY_NOT;
	ret = ready_read(ctx, ready, len, &in);
	if (unlikely(ret || ready_version_wrong(&in)))
		return READY_NOT;
	ret = ready6_carry(ctx, state, &in, len, 0);
	if (unlikely(ret))
		return ret;
	return ready_redirect(state, len);
}

#endif
