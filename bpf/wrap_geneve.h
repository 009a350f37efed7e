/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GENEVE, RFC 8926: frames in UDP, with options that say more about them.
 *
 *	| outer IP | UDP, port 6081 | version, length | O, C | 0x6558 | VNI | reserved | options
 *	             8                1                 1      2        3     1          4 x length
 *
 *	option: | class | type | length | ...
 *	          2       1      1        4 x length
 */
#ifndef XTUN_WRAP_GENEVE_H
#define XTUN_WRAP_GENEVE_H

#include "headers.h"
#include "maps.h"

struct geneve {
	__u8 length; /* of the options in words, and the version in the two high bits */
	__u8 flags;
	__be16 eth_proto;
	__be32 vni;
};

/* Write the header of tunnel @t at @at bytes from the start of the packet. Returns 0 or a refusal.
 */
static __always_inline int geneve_write(ctx_t *ctx, const struct tunnel *t, __u32 at)
{
	struct geneve *geneve = ctx_at(ctx, at, GENEVE_HLEN);
	struct geneve_options *options;
	__u64 len;
	__u32 id;

	if (unlikely(!geneve))
		return REFUSE(push_failed);
	geneve->length = 0;
	geneve->flags = 0;
	geneve->eth_proto = bpf_htons(WIRE_ETH_P_TEB);
	geneve->vni = t->okey;
	if (likely(!(t->flags & TUNNEL_OPTIONS)))
		return 0;
	id = t->id;
	options = bpf_map_lookup_elem(&geneve_options, &id);
	/* There is room for those that the tunnel had when it was found. */
	if (unlikely(!options || options->len != t->options_len))
		return REFUSE(push_failed);
	geneve->length = options->len / 4;
	geneve->flags = options->critical ? GENEVE_CRITICAL : 0;
	/* For the verifier: one bound after the other, in one register. */
	len = options->len;
	asm volatile("" : "+r"(len));
	if (unlikely(len < GENEVE_OPTION_HLEN))
		return REFUSE(push_failed);
	asm volatile("" : "+r"(len));
	if (unlikely(len > GENEVE_OPTIONS_MAX))
		return REFUSE(push_failed);
	return ctx_store_bytes(ctx, at + GENEVE_HLEN, options->bytes, len) ? REFUSE(push_failed)
									   : 0;
}

/*
 * Read the header that begins where @h ends. Returns 0, or -1 when it is not all there. Of other
 * versions nothing is known, control packets (O) are not to be handed on (section 3.4).
 */
static __always_inline int geneve_read(ctx_t *ctx, struct headers *h)
{
	const struct geneve *geneve = ctx_at(ctx, WIRE_ETH_HLEN + h->hlen, GENEVE_HLEN);

	if (unlikely(!geneve))
		return -1;
	if (unlikely(geneve->length >> GENEVE_VERSION_SHIFT || geneve->flags & GENEVE_OAM))
		h->refusal = REFUSE(wrap_header);
	else if (unlikely(geneve->eth_proto != bpf_htons(WIRE_ETH_P_TEB)))
		h->refusal = REFUSE(payload_proto);
	else if (unlikely(geneve->flags & GENEVE_CRITICAL))
		h->refusal = REFUSE(options);
	h->options = (geneve->length & GENEVE_OPTIONS_MASK) * 4;
	h->key = geneve->vni & bpf_htonl(VNI_MAX << VNI_SHIFT);
	h->hlen += GENEVE_HLEN + h->options;
	h->kind = INNER_ETHERNET;
	return 0;
}

struct geneve_walk {
	ctx_t *ctx;
	__u32 at, end; /* from the start of the packet */
};

/* One option. Returns 1 at the end of the walk, as bpf_loop() wants it. */
static long geneve_step(__u32 i, struct geneve_walk *walk)
{
	struct {
		__be16 class;
		__u8 type, len;
	} option;
	__u32 next;

	if (walk->at >= walk->end || ctx_load_bytes(walk->ctx, walk->at, &option, sizeof(option)))
		return 1;
	next = walk->at + GENEVE_OPTION_HLEN + (option.len & GENEVE_OPTION_LEN_MASK) * 4;
	if (next > walk->end || option.type & GENEVE_OPTION_CRITICAL)
		return 1;
	walk->at = next;
	return 0;
}

/*
 * Whether the options fill the room that they are said to have (section 3.5), and none of them has
 * to be known: none is. Returns 0 or a refusal.
 */
__noinline int geneve_check(ctx_t *ctx, const struct headers *h)
{
	struct geneve_walk walk = { .ctx = ctx };

	if (!h)
		return REFUSE(options);
	walk.at = WIRE_ETH_HLEN + h->wrap + UDP_HLEN + GENEVE_HLEN;
	walk.end = walk.at + h->options;
	bpf_loop(GENEVE_OPTIONS_MAX / GENEVE_OPTION_HLEN, geneve_step, &walk, 0);
	return walk.at == walk.end ? 0 : REFUSE(options);
}

#endif
