/* SPDX-License-Identifier: GPL-2.0 */
/* What the data path reads from packets: the inner packet before encapsulation, Internet checksums,
 * ECN. */
#ifndef XTUN_PACKET_H
#define XTUN_PACKET_H

#include "ctx.h"

/* The facts of an inner packet that its outer headers depend on. */
struct inner_packet {
	__u32 len; /* bytes, from the inner network header on */
	__u8 kind; /* one of enum inner, 0: none that any mode carries */
	__u8 tos;  /* or traffic class */
	__u8 ttl;  /* or hop limit */
	__u8 df;   /* sender asks not to fragment */
};

/* Read the inner packet at the hook of an anchor. Returns 0 or a refusal. */
static __always_inline int inner_read(ctx_t *ctx, struct inner_packet *in)
{
	const struct iphdr *ip;
	void *head;

	if (unlikely(ctx_eth_proto(ctx) != bpf_htons(WIRE_ETH_P_IP)))
		return REFUSE(inner_proto);
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(inner_length);
	ip = head + WIRE_ETH_HLEN;
	if (unlikely(ip->version != 4))
		return REFUSE(inner_proto);
	in->len = ctx_len(ctx) - WIRE_ETH_HLEN;
	in->kind = INNER_IPV4;
	in->tos = ip->tos;
	in->ttl = ip->ttl;
	in->df = !!(ip->frag_off & bpf_htons(IPV4_DF));
	return 0;
}

/*
 * Bytes from the network header on of the largest frame that @in becomes on the wire: its own
 * length, or that of a full segment of a GSO packet, which its TCP or UDP header tells. @limit
 * spares reading that where it cannot matter. 0 when the segments differ in length (SCTP).
 */
static __always_inline __u32 inner_wire_len(ctx_t *ctx, const struct inner_packet *in, __u32 limit)
{
	__u32 gso_size = ctx_gso_size(ctx), ip_hlen, l4_hlen;
	const struct tcphdr *tcp;
	const struct iphdr *ip;
	void *head;

	if (likely(!gso_size))
		return in->len;
	if (gso_size == 0xffff)
		return 0;
	if (gso_size + IPV4_HLEN_MAX + 60 <= limit)
		return gso_size;
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN + sizeof(*tcp));
	if (!head)
		return 0;
	ip = head + WIRE_ETH_HLEN;
	if (ip->protocol != IPPROTO_TCP)
		return gso_size + ip->ihl * 4 + 8;
	/* Options before the TCP header: it is elsewhere, count it without its own options. */
	ip_hlen = ip->ihl * 4;
	tcp = head + WIRE_ETH_HLEN + IPV4_HLEN;
	l4_hlen = ip_hlen == IPV4_HLEN ? tcp->doff * 4 : sizeof(*tcp);
	return gso_size + ip_hlen + l4_hlen;
}

/* Fold a sum of 16- or 32-bit words to the Internet checksum, RFC 1071, both in network byte order.
 */
static __always_inline __sum16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__sum16)~sum;
}

/* Sum of an IPv4 header without options. A header with a right checksum folds to 0. */
static __always_inline __u64 ipv4_sum(const struct iphdr *ip)
{
	const __u32 *word = (const __u32 *)ip;

	return (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
}

/*
 * TOS of the outer header. Without `inherit` the ECN bits come from the inner packet all the same.
 * RFC 6040 section 4.1 (normal mode) would copy CE too; the kernel's drivers write ECT(0) for it,
 * as RFC 3168 section 9.1.1 has it (INET_ECN_encapsulate()), and the wire is to be the same.
 */
static __always_inline __u8 ecn_encap(__u8 tos, __u8 inner)
{
	__u8 ecn = inner & ECN_MASK;

	return (tos & ~ECN_MASK) | (ecn == ECN_CE ? ECN_ECT_0 : ecn);
}

/*
 * TOS of the inner packet after decapsulation, RFC 6040 section 4.2 and INET_ECN_decapsulate(), or
 * a refusal: a mark that cannot be handed on must not be lost.
 */
static __always_inline int ecn_decap(__u8 outer, __u8 inner)
{
	outer &= ECN_MASK;
	if ((inner & ECN_MASK) == ECN_NOT_ECT)
		return outer == ECN_CE ? REFUSE(ecn) : inner;
	if (outer == ECN_CE)
		return inner | ECN_CE;
	if (outer == ECN_ECT_1 && (inner & ECN_MASK) == ECN_ECT_0)
		return (inner & ~ECN_MASK) | ECN_ECT_1;
	return inner;
}

/* Replace the TOS of an IPv4 header and keep its checksum right, RFC 1624 equation 3. */
static __always_inline void ipv4_set_tos(struct iphdr *ip, __u8 tos)
{
	__u32 sum = (__u16)~ip->check + (__u16)~bpf_htons(ip->tos) + bpf_htons(tos);

	ip->tos = tos;
	ip->check = checksum_fold(sum);
}

#endif
