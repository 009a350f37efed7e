/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of encapsulation, for packets with nothing out of the ordinary through a tunnel
 * whose outer headers differ little from packet to packet: IP or GRE, bare or wrapped as
 * ready_wrap.h has it, a fixed remote, a route that was looked up in this tick. The long way in
 * encap.h leaves behind what its headers had in common with those of the next packet; here they are
 * finished. It knows no drop reasons, and gives up, before it writes, at what it does not like.
 * Words of headers are put together as they lie in memory: lowest byte first, as in all of
 * vmlinux.h.
 */
#ifndef XTUN_READY_H
#define XTUN_READY_H

#include "ready_make.h"

/* Write the Ethernet header at @to, and two bytes behind it that are still to be written. */
static __always_inline void ready_ethernet(void *to, const struct route_cache *cache)
{
	/* From a place that is even, and no more. */
	const void *eth = cache->eth;

	*(__u64 *)to = *(const __u64 *)eth;
	*(__u64 *)(to + 8) = *(const __u64 *)(eth + 8);
}

/*
 * Write a GRE header with a checksum or a sequence number in front of the inner packet, whose first
 * bytes are known to be where the program can see them. Returns 0 or a refusal.
 */
static __noinline int ready_gre_fields(ctx_t *ctx, const struct cpu_state *state, __be16 eth_proto)
{
	const __u8 fields = state->ready.fields;
	const struct tunnel *t;
	__u32 hlen = GRE_HLEN + (fields & READY_CSUM ? GRE_FIELD : 0) +
		     (fields & READY_KEY ? GRE_FIELD : 0) + (fields & READY_SEQ ? GRE_FIELD : 0);
	__u32 inner_at = WIRE_ETH_HLEN + state->ready.hlen, at = inner_at - hlen;
	void *gre = ctx_at(ctx, at, GRE_HLEN + 3 * GRE_FIELD), *field = gre + GRE_HLEN;
	__u16 flags = 0;

	if (unlikely(!gre))
		return REFUSE(push_failed);
	if (fields & READY_CSUM) {
		flags |= GRE_CSUM;
		*(__be32 *)field = 0;
		field += GRE_FIELD;
	}
	if (fields & READY_KEY) {
		flags |= GRE_KEY;
		*(__be32 *)field = state->okey;
		field += GRE_FIELD;
	}
	if (fields & READY_SEQ) {
		t = port_tunnel(ctx_port(ctx));
		if (unlikely(!t))
			return REFUSE(push_failed);
		flags |= GRE_SEQ;
		*(__be32 *)field = bpf_htonl(gre_sequence_next(t->id));
	}
	*(__be16 *)gre = bpf_htons(flags);
	*(__be16 *)(gre + 2) = eth_proto;
	return fields & READY_CSUM ? gre_finish(ctx, at, inner_at, gre_kind(eth_proto)) : 0;
}

/* Write the GRE header at @gre. @plain: it has a key at most. Returns 0 or a refusal. */
static __always_inline int ready_gre(ctx_t *ctx, const struct cpu_state *state, __be16 *gre,
				     __be16 eth_proto, bool plain)
{
	if (!plain && unlikely(state->ready.fields & READY_PER_SEGMENT))
		return ready_gre_fields(ctx, state, eth_proto);
	if (unlikely((void *)(gre + 2) > ctx_end(ctx)))
		return rarely(REFUSE(push_failed));
	gre[0] = 0;
	gre[1] = eth_proto;
	if (!(state->ready.fields & READY_KEY))
		return 0;
	if (unlikely((void *)(gre + 4) > ctx_end(ctx)))
		return rarely(REFUSE(push_failed));
	gre[0] = bpf_htons(GRE_KEY);
	*(__be32 *)(gre + 2) = state->okey;
	return 0;
}

/*
 * Write Ethernet and IPv4 header, that with @head and @third before the addresses, into the room
 * that was made for them; *@behind is where that ends. From here on the packet is changed: there is
 * no way back but to drop it. Returns 0 or a refusal.
 */
static __always_inline int ready4_write(ctx_t *ctx, const struct cpu_state *state, __u64 head,
					__u32 third, void **behind)
{
	void *to = ctx_begin(ctx);

	if (unlikely(to + WIRE_ETH_HLEN + IPV4_HLEN > ctx_end(ctx)))
		return rarely(REFUSE(push_failed));
	ready_ethernet(to, &state->route);
	*(__u64 *)(to + 14) = head;
	*(__u32 *)(to + 22) = third;
	*(__u64 *)(to + 26) = state->ready.addresses;
	*behind = to + WIRE_ETH_HLEN + IPV4_HLEN;
	return 0;
}

/* All outer headers of a packet that is not wrapped, likewise; GRE's as ready_gre() does. */
static __always_inline int ready_write(ctx_t *ctx, const struct cpu_state *state, __u64 head,
				       __u32 third, __be16 eth_proto, bool plain)
{
	void *behind;
	int err = ready4_write(ctx, state, head, third, &behind);

	if (unlikely(err) || likely(state->ready.hlen == IPV4_HLEN))
		return err;
	return ready_gre(ctx, state, behind, eth_proto, plain);
}

/* What the outer header depends on of the inner one. */
struct ready_inner {
	__u32 room, ttl_proto, check; /* struct ready_kind */
	__u32 eth_proto;
	const void *ip;
	__u32 first; /* version and TOS, two bytes as they lie in memory */
	__u32 odd;   /* the bits of them that are not as in most packets: a wrong version, or ECN */
};

/* In the first two bytes of an IP header: the version, and the ECN bits. */
enum {
	READY_VERSION = 0xf0,
	READY_VERSION4 = 0x40,
	READY_VERSION6 = 0x60,
	READY_ECN4 = ECN_MASK << 8,
	READY_ECN6 = ECN_MASK << 12,
};

/* All of it is fetched here, and not through a pointer behind the place where two ways meet. */
static __always_inline void ready_kind_get(const struct ready_kind *kind, __u32 eth_proto,
					   struct ready_inner *in)
{
	in->room = kind->room;
	in->ttl_proto = kind->ttl_proto;
	in->check = kind->check;
	in->eth_proto = eth_proto;
	asm volatile(""
		     : "+r"(in->room), "+r"(in->ttl_proto), "+r"(in->check), "+r"(in->eth_proto));
}

/* As @in, the inner header at @ip, which is there to be read. */
static __always_inline void ready_read4(const struct ready *ready, const void *ip,
					struct ready_inner *in)
{
	ready_kind_get(&ready->ipv4, bpf_htons(WIRE_ETH_P_IP), in);
	in->ip = ip;
	in->first = *(const __be16 *)ip;
	in->odd = (in->first & (READY_VERSION | READY_ECN4)) ^ READY_VERSION4;
}

static __always_inline void ready_read6(const struct ready *ready, const void *ip,
					struct ready_inner *in)
{
	ready_kind_get(&ready->ipv6, bpf_htons(WIRE_ETH_P_IPV6), in);
	in->ip = ip;
	in->first = *(const __be16 *)ip;
	in->odd = (in->first & (READY_VERSION | READY_ECN6)) ^ READY_VERSION6;
}

/* Read the inner header of a packet of @len bytes. Whoever goes on has to look at ->odd. Returns 0
 * or READY_NOT. */
static __always_inline int ready_read(ctx_t *ctx, const struct ready *ready, __u32 len,
				      struct ready_inner *in)
{
	const void *ip = ctx_begin(ctx) + WIRE_ETH_HLEN;
	__u32 eth_proto = ctx_eth_proto(ctx);

	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP))) {
		if (unlikely(ip + IPV4_HLEN > ctx_end(ctx)))
			return rarely(READY_NOT);
		ready_read4(ready, ip, in);
	} else if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IPV6))) {
		if (unlikely(ip + IPV6_HLEN > ctx_end(ctx)))
			return rarely(READY_NOT);
		ready_read6(ready, ip, in);
	} else {
		return rarely(READY_NOT);
	}
	return unlikely(len > in->room) ? rarely(READY_NOT) : 0;
}

static __always_inline bool ready_is4(const struct ready_inner *in)
{
	return in->eth_proto == bpf_htons(WIRE_ETH_P_IP);
}

static __always_inline bool ready_version_wrong(const struct ready_inner *in)
{
	return in->odd & READY_VERSION;
}

/* TOS, or traffic class. */
static __always_inline __u8 ready_tos(const struct ready_inner *in)
{
	return ready_is4(in) ? in->first >> 8 : in->first << 4 | in->first >> 12;
}

/* TTL, or hop limit. */
static __always_inline __u8 ready_ttl(const struct ready_inner *in)
{
	return ready_is4(in) ? ((const struct iphdr *)in->ip)->ttl
			     : ((const struct ipv6hdr *)in->ip)->hop_limit;
}

/* A hash of the inner flow, as encap_special() finds it. */
static __always_inline __u32 ready_hash(ctx_t *ctx, const struct ready_inner *in)
{
	return ctx_hash(ctx) ?: flow_hash(ctx, ready_is4(in) ? INNER_IPV4 : INNER_IPV6);
}

/* The end of it: count @len bytes and send. */
static __always_inline int ready_redirect(struct cpu_state *state, __u32 len)
{
	int verdict;

	state->tx_packets++;
	state->tx_bytes += len;
	verdict = ctx_redirect(state->route.ifindex, 0);
	/* No refusal, and none of our own verdicts: spares the caller to look. */
	__builtin_assume(verdict >= 0 && verdict < READY_NOT);
	return verdict;
}

/*
 * The word of the IPv4 header with the checksum: @ttl_proto is the rest of it, @check the checksum
 * without @sum, which has 16 bits. Ones' complement: a difference below zero is one less (RFC
 * 1071).
 */
static __always_inline __u32 ready_third(__u32 ttl_proto, __u32 check, __u32 sum)
{
	__s32 rest = check - sum;

	return ttl_proto | (__u32)(rest + (rest >> 31)) << 16;
}

/*
 * What is in no other packet's header, or not as in most: bits of the IPv4 header's first eight
 * bytes, with the TTL in the place of the first of them. 0 says that there are none, and READY_NOT
 * what it always does.
 */
static __always_inline __u64 ready4_more(const struct ready *ready, const void *ip, __u32 first,
					 bool ipv4)
{
	const struct ready_inner in = {
		.ip = ip,
		.eth_proto = ipv4 ? bpf_htons(WIRE_ETH_P_IP) : bpf_htons(WIRE_ETH_P_IPV6),
		.first = first,
	};
	__u8 tos = ready_tos(&in), ecn = tos & ECN_MASK;
	__be16 df = 0, id = 0;
	__u64 more;

	if (unlikely((first & READY_VERSION) != (ipv4 ? READY_VERSION4 : READY_VERSION6)))
		return READY_NOT;
	/* The route is the one for this TOS. */
	if (ready->inherit & READY_DSCP && unlikely((tos & ~ECN_MASK) != ready->dscp))
		return READY_NOT;
	/* As ecn_encap(): ECT(0) for CE. */
	more = (__u32)(ecn == ECN_CE ? ECN_ECT_0 : ecn) << 8;
	if (ready->inherit & READY_TTL)
		more |= ready_ttl(&in);
	if (!(ready->inherit & READY_ID))
		return more;
	if (ready->inherit & READY_DF_INNER && ipv4)
		df = ((const struct iphdr *)ip)->frag_off & bpf_htons(IPV4_DF);
	if (ready->inherit & READY_DF_IPV6 && !ipv4)
		df = bpf_htons(IPV4_DF);
	if (!df)
		id = (__be16)bpf_get_prandom_u32();
	return more | (__u64)id << 32 | (__u64)df << 48;
}

static CTX_RARE __u64 ready4_more_rare(const struct ready *ready, const void *ip, __u32 first,
				       bool ipv4)
{
	return ready4_more(ready, ip, first, ipv4);
}

/*
 * Make the IPv4 header around @len bytes with @in in front: *@head before *@third, then come the
 * addresses. @rare: few tunnels need ready4_more(). Returns 0 or READY_NOT.
 */
static __always_inline int ready4_build(const struct ready *ready, const struct ready_inner *in,
					__u32 len, bool rare, __u64 *to_head, __u32 *to_third)
{
	__u32 third = in->ttl_proto, sum = bpf_htons(len + ready->hlen);
	__u64 head = ready->head | (__u64)sum << 16;

	if (unlikely(in->odd | ready->inherit)) {
		__u64 more = rare ? ready4_more_rare(ready, in->ip, in->first, ready_is4(in))
				  : ready4_more(ready, in->ip, in->first, ready_is4(in));

		if (unlikely(more == READY_NOT))
			return rarely(READY_NOT);
		head |= more & ~0xffull;
		third |= more & 0xff;
		sum = ready_fold(sum + (more & 0xffff) + (more >> 32 & 0xffff) + (more >> 48));
	}
	*to_head = head;
	*to_third = ready_third(third, in->check, sum);
	return 0;
}

/*
 * Make room in a packet and write its headers over IPv4; @plain: as ready_gre() has it. Returns 0,
 * and *@bytes to be counted; a refusal, or READY_NOT.
 */
static __always_inline int ready4_push(ctx_t *ctx, struct cpu_state *state, bool plain,
				       __u32 *bytes)
{
	const struct ready *ready = &state->ready;
	struct ready_inner in;
	__u32 len, third;
	__u64 head;
	int ret;

	len = ctx_len(ctx) - WIRE_ETH_HLEN;
	/* Each segment is to have a header of its own. Other packets of several are like any that
	 * fits: the stack gives each segment the header of the whole. */
	if (!plain && unlikely(ctx_gso_size(ctx)))
		return rarely(READY_NOT);
	ret = ready_read(ctx, ready, len, &in);
	ret = ret ?: ready4_build(ready, &in, len, true, &head, &third);
	if (unlikely(ret))
		return ret;
	/* What is needed later lies in as few variables as can be, made now: the call leaves but
	 * four registers. */
	asm volatile("" : "+r"(head), "+r"(third));
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags)))
		return rarely(READY_NOT);
	*bytes = len;
	return ready_write(ctx, state, head, third, in.eth_proto, plain);
}

/* Carry a packet over IPv4. Returns the hook's verdict, a refusal, or READY_NOT. */
static __always_inline int ready4_send(ctx_t *ctx, struct cpu_state *state)
{
	__u32 len;
	int ret;

	ret = ready4_push(ctx, state, !CTX_PER_SEGMENT, &len);
	return unlikely(ret) ? ret : ready_redirect(state, len);
}

/*
 * As ready4_send(), a packet with an MPLS label: it has no TOS, the host's TTL, and has to become
 * one that the kernel makes room in.
 */
__noinline int ready_mpls_send(ctx_t *ctx, struct cpu_state *state)
{
	const struct ready *ready = &state->ready;
	__u32 len = ctx_len(ctx) - WIRE_ETH_HLEN, third, sum;
	__u64 head;
	__be16 id;
	int ret;

	if (!state)
		return READY_NOT;
	third = ready->mpls.ttl_proto;
	if (unlikely(len > ready->mpls.room || ctx_gso_size(ctx) || ready->inherit & READY_DSCP ||
		     len < IPV4_HLEN || !ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN)))
		return READY_NOT;
	sum = bpf_htons(len + ready->hlen);
	head = ready->head | (__u64)sum << 16;
	if (ready->inherit & READY_TTL) {
		third |= TTL_DEFAULT;
		sum += TTL_DEFAULT;
	}
	if (ready->inherit & READY_ID) {
		id = bpf_get_prandom_u32();
		head |= (__u64)id << 32;
		sum += id;
	}
	third = ready_third(third, ready->mpls.check, ready_fold(sum));
	if (ctx_retype(ctx, bpf_htons(WIRE_ETH_P_IP)))
		return REFUSE(push_failed);
	/* As encap_push_again() */
	if (unlikely(ctx_push(ctx, ready->hlen, ready->room_flags)) &&
	    ctx_push(ctx, ready->hlen, 0))
		return REFUSE(push_failed);
	ret = ready_write(ctx, state, head, third, bpf_htons(WIRE_ETH_P_MPLS), !CTX_PER_SEGMENT);
	return ret ?: ready_redirect(state, len);
}

/* Carry a packet, if it has an MPLS label, as ready4_send() does. */
static __always_inline int ready_send_label(ctx_t *ctx, struct cpu_state *state)
{
	if (ctx_eth_proto(ctx) != bpf_htons(WIRE_ETH_P_MPLS) ||
	    state->route.jiffies != bpf_jiffies64() || state->route.ready != READY_IPV4)
		return READY_NOT;
	return ready_mpls_send(ctx, state);
}

#endif
