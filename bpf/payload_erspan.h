/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ERSPAN, draft-foschiano-erspan: copies of frames in GRE. Version 0 (type I) is a GRE header with
 *an ethertype of its own. The others have a sequence number and a header, in which the session
 *stands that the GRE key is to other modes.
 *
 *	version 0	| GRE, no flags | 0x88be | frame ...
 *	version 1	| GRE, S | 0x88be | sequence | word | reserved, index | frame ...
 *	version 2	| GRE, S | 0x22eb | sequence | word | timestamp | SGT, P, FT, Hw, D, Gra, O |
 *frame ... 2        2        4          4      4           4
 *	word		| version 4 | VLAN 12 | COS 3 | En or BSO 2 | T 1 | session 10 |     bits
 *	last word	| SGT 16 | P 1 | FT 5 | hardware 6 | D 1 | granularity 2 | O 1 |     bits
 */
#ifndef XTUN_PAYLOAD_ERSPAN_H
#define XTUN_PAYLOAD_ERSPAN_H

#include "maps.h"
#include "payload_gre.h"

/* Nanoseconds in the unit of timestamps, granularity 0. */
enum { ERSPAN_TICK = 100000 };

static __always_inline __u32 erspan_version(const struct tunnel *t)
{
	return t->erspan >> TUNNEL_ERSPAN_VERSION_SHIFT;
}

/* Bytes of the headers that tunnel @t sends. */
static __always_inline __u32 erspan_hlen(const struct tunnel *t)
{
	switch (erspan_version(t)) {
	case 0:
		return GRE_HLEN;
	case 1:
		return GRE_HLEN + GRE_FIELD + ERSPAN_HLEN1;
	default:
		return GRE_HLEN + GRE_FIELD + ERSPAN_HLEN2;
	}
}

/* Which way the frame went, in the place of the session in what erspan_facts() knows of it. */
enum { ERSPAN_FACT_EGRESS = 1 << 0 };

/* The time of day in units of 100 us, which goes around every five days. No program may ask for it,
 * but for the atomic time that is some seconds ahead. */
static __always_inline __u32 erspan_timestamp(void)
{
	const struct config *cfg;
	__u32 zero = 0;
	__s64 ahead;

	cfg = bpf_map_lookup_elem(&config, &zero);
	ahead = cfg ? cfg->tai : 0;
	return (bpf_ktime_get_tai_ns() - ahead * 1000000000) / ERSPAN_TICK;
}

/* Write the headers of tunnel @t at @at bytes from the start of the packet. @facts: of the frame.
 * Returns 0 or a refusal. */
__noinline int erspan_write(ctx_t *ctx, const struct tunnel *t, __u32 at, __u32 facts)
{
	__u32 session, version, hwid;
	__be32 *word;

	/* Where there is less of them, a frame follows. */
	word = ctx_at(ctx, at, GRE_HLEN + GRE_FIELD + ERSPAN_HLEN1);
	if (unlikely(!word || !t))
		return REFUSE(push_failed);
	version = erspan_version(t);
	if (!version) {
		word[0] = bpf_htonl(WIRE_ETH_P_ERSPAN);
		return 0;
	}
	session = bpf_ntohl(t->okey) & ERSPAN_SESSION;
	word[1] = bpf_htonl(gre_sequence_next(t->id));
	word[2] = bpf_htonl(version << ERSPAN_VERSION_SHIFT | (facts & ~ERSPAN_SESSION) | session);
	if (version == 1) {
		word[0] = bpf_htonl((__u32)GRE_SEQ << 16 | WIRE_ETH_P_ERSPAN);
		word[3] = bpf_htonl(t->erspan & TUNNEL_ERSPAN_INDEX);
		return 0;
	}
	if ((void *)(word + 5) > ctx_end(ctx))
		return REFUSE(push_failed);
	hwid = t->erspan >> TUNNEL_ERSPAN_HWID_SHIFT & ERSPAN_HWID_MAX;
	word[0] = bpf_htonl((__u32)GRE_SEQ << 16 | WIRE_ETH_P_ERSPAN2);
	word[3] = bpf_htonl(erspan_timestamp());
	word[4] = bpf_htonl(ERSPAN_FRAME | hwid << ERSPAN_HWID_SHIFT |
			    (facts & ERSPAN_FACT_EGRESS ? ERSPAN_EGRESS : 0));
	return 0;
}

/* Whether an ethertype in a GRE header announces ERSPAN. */
static __always_inline bool erspan_announced(__be16 eth_proto)
{
	return eth_proto == bpf_htons(WIRE_ETH_P_ERSPAN) ||
	       eth_proto == bpf_htons(WIRE_ETH_P_ERSPAN2);
}

/*
 * Read what follows a GRE header of @eth_proto, as gre_parse_header() and erspan_rcv() do: which
 * version it is, the header says. What is of none, or carries no frame, is ours to drop. Returns 0,
 * or -1 when it is not all there.
 */
__noinline int erspan_read(ctx_t *ctx, struct headers *h, __u32 eth_proto)
{
	const __be32 *word;
	__u32 first, last;

	if (!h)
		return -1;
	h->kind = INNER_ETHERNET;
	h->erspan = 1;
	if (!(h->gre_flags & ~GRE_VERSION) && eth_proto == bpf_htons(WIRE_ETH_P_ERSPAN))
		return headers_frame(ctx, h);
	word = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, ERSPAN_HLEN1);
	if (unlikely(!word))
		return -1;
	first = bpf_ntohl(word[0]);
	h->key = bpf_htonl(first & ERSPAN_SESSION);
	h->gre_flags |= GRE_KEY; /* as good as one, for the look-up */
	h->erspan += first >> ERSPAN_VERSION_SHIFT;
	switch (first >> ERSPAN_VERSION_SHIFT) {
	case 1:
		h->hlen += ERSPAN_HLEN1;
		break;
	case 2:
		word = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, ERSPAN_HLEN2);
		if (unlikely(!word))
			return -1;
		last = bpf_ntohl(word[2]);
		h->hlen += ERSPAN_HLEN2;
		if (unlikely(last & ERSPAN_OPTIONAL))
			h->hlen += ERSPAN_HLEN_PLATFORM;
		if (unlikely(last & ERSPAN_TYPE))
			h->refusal = REFUSE(payload_proto);
		break;
	default:
		h->refusal = REFUSE(payload_proto);
	}
	return headers_frame(ctx, h);
}

/* A session beside those that have places of their own, which begins to be counted with its first
 * frame. NULL: there is no room for it. */
static __noinline struct session *erspan_session_other(ctx_t *ctx, const struct endpoint *end,
						       const struct headers *h, __u32 number)
{
	struct session_key key = { .id = end->id, .session = number };
	struct session fresh = { .next = h->sequence, .version = h->erspan - 1 };
	const void *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);
	struct session *session;

	if (unlikely(!ip))
		return NULL;
	if (*(const __u8 *)ip >> 4 == 4)
		key.remote.v4 = ((const struct iphdr *)ip)->saddr;
	else
		__builtin_memcpy(&key.remote, &((const struct ipv6hdr *)ip)->saddr, 16);
	session = bpf_map_lookup_elem(&sessions, &key);
	if (likely(session))
		return session;
	bpf_map_update_elem(&sessions, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sessions, &key);
}

/* The word of struct session_place: who sends session @number, or SESSION_NONE, to tunnel @id. */
static __always_inline __u64 erspan_who(__be32 remote, __u32 id, __u32 number)
{
	return (__u64)remote << SESSION_REMOTE_SHIFT | id << SESSION_ID_SHIFT |
	       ((number + 1) & SESSION_ID_MASK);
}

static __always_inline struct session_place *erspan_place(__u32 id)
{
	__u32 at = id & (SESSION_PLACES - 1);

	return bpf_map_lookup_elem(&session_places, &at);
}

/* One more of @session. */
static __always_inline void erspan_count(struct session *session, __u32 bytes)
{
	__sync_fetch_and_add(&session->frames, 1);
	__sync_fetch_and_add(&session->bytes, bytes);
}

/* The session of a packet. NULL: there is no room for it. */
static __always_inline struct session *erspan_session(ctx_t *ctx, const struct endpoint *end,
						      const struct headers *h)
{
	__u32 number = h->erspan > 1 ? bpf_ntohl(h->key) : SESSION_NONE;
	const struct iphdr *ip = ctx_begin(ctx) + WIRE_ETH_HLEN;
	struct session_place *place;
	__u64 who;

	if (likely((void *)(ip + 1) <= ctx_end(ctx) && ip->version == 4)) {
		who = erspan_who(ip->saddr, end->id, number);
		place = erspan_place(end->id);
		if (place && likely(place->who == who))
			return &place->session;
		if (place && !place->who &&
		    !__sync_val_compare_and_swap(&place->who, 0, who)) {
			place->session.next = h->sequence;
			place->session.version = h->erspan - 1;
			return &place->session;
		}
	}
	return erspan_session_other(ctx, end, h, number);
}

/* Older by more than this, a number is no late one: its sender began anew. */
enum { ERSPAN_LATE = 1 << 16 };

/*
 * Count the frame in its session. With ENDPOINT_SEQ, what is late, or has no number, is refused, as
 * __ip_tunnel_rcv() does. Returns 0 or a refusal.
 */
__noinline int erspan_arrive(ctx_t *ctx, const struct endpoint *end, const struct headers *h)
{
	struct session *session;
	bool strict;
	__s32 ahead;

	if (!end || !h)
		return REFUSE(sequence);
	strict = end->flags & ENDPOINT_SEQ;
	if (unlikely(strict && !(h->gre_flags & GRE_SEQ)))
		return REFUSE(sequence);
	session = erspan_session(ctx, end, h);
	if (unlikely(!session))
		return 0;
	if (likely(h->gre_flags & GRE_SEQ)) {
		ahead = h->sequence - session->next;
		if (unlikely(ahead < 0)) {
			__sync_fetch_and_add(&session->late, 1);
			if (strict)
				return REFUSE(sequence);
			if (session->lost && ahead >= -ERSPAN_LATE)
				__sync_fetch_and_sub(&session->lost, 1);
		} else if (unlikely(ahead)) {
			__sync_fetch_and_add(&session->gaps, 1);
			__sync_fetch_and_add(&session->lost, ahead);
		}
		if (likely(ahead >= 0 || ahead < -ERSPAN_LATE))
			session->next = h->sequence + 1;
	}
	erspan_count(session, h->len - h->hlen);
	return 0;
}

#endif
