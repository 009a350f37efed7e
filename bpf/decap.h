/* SPDX-License-Identifier: GPL-2.0 */
/* Decapsulation: what arrives on an underlay for one of our endpoints loses its outer headers and
 * goes to the anchor. */
#ifndef XTUN_DECAP_H
#define XTUN_DECAP_H

#include "icmp.h"
#include "maps.h"
#include "options.h"
#include "payload.h"
#include "route.h"

/* What a packet that is ours turned out to be. */
struct outer_packet {
	struct iphdr *ip;
	struct iphdr *inner;
	__u32 hlen; /* bytes to remove */
	__u32 len;  /* bytes of payload behind them, without link-layer padding */
};

/*
 * Whether @local is an address of this host. Asked only for endpoints with local `any`: a router
 * must not take tunnels apart that it forwards. With forwarding switched off nothing is forwarded,
 * so whatever arrives is for us.
 */
static __always_inline bool decap_is_local(ctx_t *ctx, __be32 local)
{
	struct bpf_fib_lookup fib = {
		.family = ROUTE_AF_INET,
		.ifindex = ROUTE_LOOPBACK,
		.ipv4_dst = local,
	};
	long ret = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);

	return ret == BPF_FIB_LKUP_RET_NOT_FWDED || ret == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* As endpoint_find(), for endpoints that are not in the slot of their addresses. */
static __noinline const struct endpoint *endpoint_search(ctx_t *ctx, struct endpoint4_key *key)
{
	__be32 local = key->local;
	const struct endpoint *end;
	const struct config *cfg;
	__u32 zero = 0;

	end = bpf_map_lookup_elem(&endpoints4, key);
	if (end)
		return end;
	cfg = bpf_map_lookup_elem(&config, &zero);
	if (!cfg || !cfg->shapes)
		return NULL;
	if (cfg->shapes & SHAPE_REMOTE) {
		key->local = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return decap_is_local(ctx, local) ? end : NULL;
	}
	if (cfg->shapes & SHAPE_LOCAL) {
		key->local = local;
		key->remote = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return end;
	}
	if (cfg->shapes & SHAPE_KEY) {
		key->local = 0;
		key->remote = 0;
		end = bpf_map_lookup_elem(&endpoints4, key);
		if (end)
			return decap_is_local(ctx, local) ? end : NULL;
	}
	return NULL;
}

/*
 * The endpoint that takes a packet from @key->remote to @key->local, in the order of
 * ip_tunnel_lookup(): both addresses, remote alone, local alone, key alone. NULL: not ours.
 */
static __always_inline const struct endpoint *endpoint_find(ctx_t *ctx, struct endpoint4_key *key)
{
	const struct endpoint4_slot *slot;
	__u32 i = endpoint4_slot(key->local, key->remote);

	slot = bpf_map_lookup_elem(&slots4, &i);
	if (likely(slot && slot->key.local == key->local && slot->key.remote == key->remote &&
		   slot->key.wrap == key->wrap && slot->key.payload == key->payload))
		return &slot->end;
	return endpoint_search(ctx, key);
}

/* Check outer and inner header of a packet that is ours. Returns 0 or a refusal; @out is set on
 * success. */
static __always_inline int outer_check(ctx_t *ctx, const struct endpoint *end,
				       struct outer_packet *out)
{
	__u32 arrived = ctx_len(ctx) - WIRE_ETH_HLEN, hlen = IPV4_HLEN, len;
	struct iphdr *ip;
	void *head;
	int err;

	head = ctx_head(ctx, WIRE_ETH_HLEN + 2 * IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(payload_length);
	ip = head + WIRE_ETH_HLEN;
	if (likely(ip->ihl == 5)) {
		if (unlikely(checksum_fold(ipv4_sum(ip))))
			return REFUSE(outer_checksum);
	} else {
		hlen = ip->ihl * 4;
		err = options_check(ctx, hlen);
		if (err)
			return err;
		head = ctx_head(ctx, WIRE_ETH_HLEN + (hlen & 0x3c) + IPV4_HLEN);
		if (!head || head + WIRE_ETH_HLEN + IPV4_HLEN > ctx_end(ctx))
			return REFUSE(payload_length);
		ip = head + WIRE_ETH_HLEN;
	}
	len = bpf_ntohs(ip->tot_len);
	if (unlikely(len > arrived || len < hlen)) {
		/* Aggregates above 64 kB say zero (iph_totlen()). */
		if (len || !ctx_gso_size(ctx))
			return REFUSE(outer_length);
		len = arrived;
	}
	out->ip = ip;
	out->hlen = hlen;
	out->len = len - hlen;
	out->inner = (void *)ip + (hlen & 0x3c);
	if (unlikely((void *)(out->inner + 1) > ctx_end(ctx)))
		return REFUSE(payload_length);
	if (unlikely(out->inner->version != 4 || !(end->inner & INNER_IPV4)))
		return REFUSE(payload_proto);
	len = bpf_ntohs(out->inner->tot_len);
	if (unlikely(out->len < IPV4_HLEN || len > out->len))
		return REFUSE(payload_length);
	return 0;
}

/* Take one packet that belongs to @end apart. Returns a verdict or a refusal. */
static __always_inline int decap_packet(ctx_t *ctx, const struct endpoint *end, __be32 remote,
					struct cpu_state *state)
{
	struct outer_packet out;
	struct ethhdr *eth;
	int err, tos;

	/* Nobody is 0.0.0.0, not even where `any` remote is taken. */
	if (unlikely(end->flags & ENDPOINT_CLAIM || !remote))
		return REFUSE(wrong_remote);
	err = outer_check(ctx, end, &out);
	if (unlikely(err))
		return err;
	tos = ecn_decap(out.ip->tos, out.inner->tos);
	if (unlikely(tos < 0))
		return tos;

	/* From here on the packet is changed: there is no way back but to drop it. */
	if (unlikely(tos != out.inner->tos))
		ipv4_set_tos(out.inner, tos);
	eth = (void *)out.ip - WIRE_ETH_HLEN;
	__builtin_memcpy(eth->h_dest, end->mac, sizeof(eth->h_dest));
	eth->h_proto = bpf_htons(WIRE_ETH_P_IP);
	if (unlikely(ctx_pop(ctx, out.hlen)))
		return REFUSE(pop_failed);

	state->rx_packets++;
	state->rx_bytes += out.len;
	return ctx_redirect(end->rx_ifindex, end->rx_flags);
}

/*
 * The whole of decapsulation, counted. Returns CTX_NEXT, with the packet untouched, for what is not
 * ours.
 */
static __always_inline int decap(ctx_t *ctx)
{
	struct endpoint4_key key;
	const struct endpoint *end;
	struct cpu_state *state;
	const struct iphdr *ip;
	__be32 remote;
	void *head;
	int ret;

	if (ctx_eth_proto(ctx) != bpf_htons(WIRE_ETH_P_IP) || !ctx_for_us(ctx))
		return CTX_NEXT;
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return CTX_NEXT;
	ip = head + WIRE_ETH_HLEN;
	if (ip->protocol != WIRE_IPPROTO_IPIP) {
		if (unlikely(ip->protocol == IPPROTO_ICMP))
			icmp_learn(ctx);
		return CTX_NEXT;
	}
	/*
	 * Fragments are the stack's to put together. What is no IPv4 header, or to nowhere, is its
	 * to refuse.
	 */
	if (unlikely(ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET) || ip->version != 4 ||
		     ip->ihl < 5 || !ip->daddr))
		return CTX_NEXT;

	remote = ip->saddr;
	key = (struct endpoint4_key){
		.local = ip->daddr, .remote = remote, .wrap = WRAP_NONE, .payload = PAYLOAD_IP
	};
	end = endpoint_find(ctx, &key);
	if (!end)
		return CTX_NEXT;
	state = bpf_map_lookup_elem(&cpu_state, &end->id);
	if (unlikely(!state))
		return CTX_NEXT;
	ret = decap_packet(ctx, end, remote, state);
	return likely(ret >= 0) ? ret : drop_count(end->id, ret, CTX_DROP);
}

#endif
