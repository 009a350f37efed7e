/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way of decapsulation (see direct.h) for ERSPAN with a session, over IPv4, at tc. XDP has
 * none: it would have to be asked about every packet, and GRO would merge copies that somebody wants
 * to see as they were.
 */
#ifndef XTUN_DIRECT_ERSPAN_H
#define XTUN_DIRECT_ERSPAN_H

#include "direct.h"

/* Bytes of the headers, the frame's own included. */
enum {
	DIRECT_ERSPAN1_HLEN = IPV4_HLEN + GRE_HLEN + GRE_FIELD + ERSPAN_HLEN1 + WIRE_ETH_HLEN,
	DIRECT_ERSPAN2_HLEN = IPV4_HLEN + GRE_HLEN + GRE_FIELD + ERSPAN_HLEN2 + WIRE_ETH_HLEN,
};

/* How many begin with @word behind the outer IP header, 0: they are not of the simple form. */
static __always_inline __u32 direct_erspan_hlen(const __be32 *word)
{
	if (word[0] == bpf_htonl((__u32)GRE_SEQ << 16 | WIRE_ETH_P_ERSPAN))
		return bpf_ntohl(word[2]) >> ERSPAN_VERSION_SHIFT == 1
			       ? DIRECT_ERSPAN1_HLEN
			       : 0;
	if (word[0] != bpf_htonl((__u32)GRE_SEQ << 16 | WIRE_ETH_P_ERSPAN2) ||
	    bpf_ntohl(word[2]) >> ERSPAN_VERSION_SHIFT != 2 ||
	    word[4] & bpf_htonl(ERSPAN_TYPE | ERSPAN_OPTIONAL))
		return 0;
	return DIRECT_ERSPAN2_HLEN;
}

/*
 * Of sessions that have places of their own, frames with the number that is due: the long way keeps
 * the other books. Returns the hook's verdict, or DIRECT_NOT.
 */
__noinline int direct_erspan(ctx_t *ctx)
{
	struct endpoint4_key key = { .keyed = 1, .ip_proto = WIRE_IPPROTO_TEST };
	const struct endpoint4_slot *slot;
	void *head = ctx_begin(ctx);
	const struct iphdr *ip = head + WIRE_ETH_HLEN;
	const __be32 *word = head + WIRE_ETH_HLEN + IPV4_HLEN;
	struct session_place *place;
	__u32 hlen, len, number;
	struct cpu_state *state;
	int ret;

	if (unlikely(head + WIRE_ETH_HLEN + DIRECT_ERSPAN2_HLEN > ctx_end(ctx)))
		return DIRECT_NOT;
	if (likely(ip->protocol != WIRE_IPPROTO_GRE) ||
	    (*(const __be16 *)ip & bpf_htons(0xff01)) != bpf_htons(0x4500) ||
	    ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET))
		return DIRECT_NOT;
	hlen = direct_erspan_hlen(word);
	if (!hlen)
		return DIRECT_NOT;
	key.local = ip->daddr;
	key.remote = ip->saddr;
	key.key = word[2] & bpf_htonl(ERSPAN_SESSION);
	slot = &slots.ipv4[endpoint4_slot(&key)];
	len = bpf_ntohs(ip->tot_len);
	if (slot->key.local != key.local || slot->key.remote != key.remote ||
	    slot->key.key != key.key || slot->key.ip_proto != key.ip_proto || !slot->key.keyed ||
	    slot->end.inner != INNER_ETHERNET || slot->end.flags & ~ENDPOINT_SEQ ||
	    !direct_sum_right(ipv4_sum(ip)) || len < hlen + IPV4_HLEN ||
	    ctx_len(ctx) != len + WIRE_ETH_HLEN || ctx_gso_size(ctx))
		return DIRECT_NOT;
	place = erspan_place(slot->end.id);
	number = bpf_ntohl(word[1]);
	if (!place || place->session.next != number ||
	    place->who != erspan_who(key.remote, slot->end.id, bpf_ntohl(key.key)))
		return DIRECT_NOT;
	/* Constants, for the verifier. */
	if (hlen == DIRECT_ERSPAN1_HLEN)
		ret = ctx_arrive_frame(ctx, &slot->end, DIRECT_ERSPAN1_HLEN, len);
	else
		ret = ctx_arrive_frame(ctx, &slot->end, DIRECT_ERSPAN2_HLEN, len);
	if (unlikely(ret < 0))
		return drop_count(slot->end.id, REFUSE(pop_failed), CTX_DROP);
	place->session.next = number + 1;
	erspan_count(&place->session, len - hlen);
	state = bpf_map_lookup_elem(&cpu_state, &slot->end.id);
	if (likely(state)) {
		state->rx_packets++;
		state->rx_bytes += len - hlen;
	}
	return ret;
}

#endif
