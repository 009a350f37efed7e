/* SPDX-License-Identifier: GPL-2.0 */
/* What the data path reads from packets: the inner packet before encapsulation, Internet checksums,
 * ECN. */
#ifndef XTUN_PACKET_H
#define XTUN_PACKET_H

#include "ctx.h"

/* The facts of an inner packet that its outer headers depend on. */
struct inner_packet {
	__u32 len;    /* bytes, from the inner network header on */
	__u32 says;   /* what the payload's header says of it: an ethertype, or erspan_facts() */
	__u8 kind;    /* one of enum inner, 0: none that any mode carries */
	__u8 tos;     /* or traffic class */
	__u8 ttl;     /* or hop limit */
	__u8 df;      /* sender asks not to fragment */
	__u8 next;    /* IPv6: protocol behind its header */
	__u8 limited; /* there is an encapsulation limit to send */
	__u8 encap_limit;
	__u8 copy;       /* enum copy, 0: none */
	__u8 frame_hlen; /* bytes of the Ethernet header in the payload, 0: there is none */
	__be32 flow;     /* IPv6: flow label */
	__u32 hash;      /* of the flow, where an outer header shows it */
};

/* What encapsulation has to know of a copy; 0 for what is none. */
enum copy {
	COPY = 1 << 0, /* nobody is to be told of its troubles: who sent the frame knows nothing */
	COPY_TRUNCATED = 1 << 1, /* it is not the whole frame */
	COPY_EGRESS = 1 << 2,    /* the frame was leaving its device */
};

/* What an ethertype in a frame announces, 0: nothing that outer headers depend on. */
static __always_inline __u8 frame_kind(__be16 eth_proto)
{
	if (likely(eth_proto == bpf_htons(WIRE_ETH_P_IP)))
		return INNER_IPV4;
	return eth_proto == bpf_htons(WIRE_ETH_P_IPV6) ? INNER_IPV6 : 0;
}

/* What is neither tagged nor IP has the TTL that the host gives its own packets. */
enum { TTL_DEFAULT = 64 };

/* The traffic class of an IPv6 header. */
static __always_inline __u8 ipv6_tos(const struct ipv6hdr *ip)
{
	return bpf_ntohs(*(const __be16 *)ip) >> 4;
}

static __always_inline int inner_read_ipv6(ctx_t *ctx, struct inner_packet *in)
{
	const struct ipv6hdr *ip;
	void *head;

	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV6_HLEN);
	if (unlikely(!head))
		return REFUSE(inner_length);
	ip = head + WIRE_ETH_HLEN;
	if (unlikely(ip->version != 6))
		return REFUSE(inner_proto);
	in->kind = INNER_IPV6;
	in->tos = ipv6_tos(ip);
	in->ttl = ip->hop_limit;
	in->df = 0;
	in->next = ip->nexthdr;
	in->flow = *(const __be32 *)ip & bpf_htonl(IPV6_FLOWLABEL_MASK);
	return 0;
}

static __always_inline int inner_read_mpls(ctx_t *ctx, struct inner_packet *in)
{
	if (unlikely(!ctx_head(ctx, WIRE_ETH_HLEN + MPLS_HLEN)))
		return REFUSE(inner_length);
	in->kind = INNER_MPLS;
	in->tos = 0;
	in->ttl = TTL_DEFAULT;
	in->df = 0;
	return 0;
}

/* Read the inner packet at the hook of an anchor. Returns 0 or a refusal. */
static __always_inline int inner_read(ctx_t *ctx, struct inner_packet *in)
{
	const struct iphdr *ip;
	void *head;

	in->next = in->limited = in->encap_limit = 0;
	in->frame_hlen = 0;
	in->len = ctx_len(ctx) - WIRE_ETH_HLEN;
	in->says = ctx_eth_proto(ctx);
	if (in->says == bpf_htons(WIRE_ETH_P_IPV6))
		return inner_read_ipv6(ctx, in);
	if (unlikely(in->says == bpf_htons(WIRE_ETH_P_MPLS)))
		return inner_read_mpls(ctx, in);
	if (unlikely(in->says != bpf_htons(WIRE_ETH_P_IP)))
		return REFUSE(inner_proto);
	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN);
	if (unlikely(!head))
		return REFUSE(inner_length);
	ip = head + WIRE_ETH_HLEN;
	if (unlikely(ip->version != 4))
		return REFUSE(inner_proto);
	in->kind = INNER_IPV4;
	in->tos = ip->tos;
	in->ttl = ip->ttl;
	in->df = !!(ip->frag_off & bpf_htons(IPV4_DF));
	return 0;
}

/* Bytes of the headers in front of the data of a TCP or UDP packet; options before the TCP header
 * hide how long that is. 0: it cannot be read. */
__noinline __u32 inner_segment_hlen(ctx_t *ctx, __u8 kind)
{
	__u32 ip_hlen = kind == INNER_IPV6 ? IPV6_HLEN : IPV4_HLEN, ihl = ip_hlen;
	const struct tcphdr *tcp;
	void *head;
	__u8 proto;

	head = ctx_head(ctx, WIRE_ETH_HLEN + IPV4_HLEN + sizeof(*tcp));
	if (!head)
		return 0;
	if (kind == INNER_IPV6) {
		const struct ipv6hdr *ip = head + WIRE_ETH_HLEN;

		proto = ip->nexthdr;
	} else {
		const struct iphdr *ip = head + WIRE_ETH_HLEN;

		proto = ip->protocol;
		ihl = ip->ihl * 4;
	}
	if (proto == WIRE_IPPROTO_UDP)
		return ihl + UDP_HLEN;
	if (proto != WIRE_IPPROTO_TCP || ihl != ip_hlen)
		return ihl + sizeof(*tcp);
	head = ctx_head(ctx, WIRE_ETH_HLEN + ip_hlen + sizeof(*tcp));
	if (!head)
		return 0;
	tcp = head + WIRE_ETH_HLEN + ip_hlen;
	if ((void *)(tcp + 1) > ctx_end(ctx))
		return 0;
	return ihl + tcp->doff * 4;
}

/*
 * Bytes from the network header on of the largest frame that @in becomes on the wire: its own
 * length, or that of a full segment of a GSO packet, which its TCP or UDP header tells. @limit
 * spares reading that where it cannot matter. 0 when the segments differ in length (SCTP).
 */
static __always_inline __u32 inner_wire_len(ctx_t *ctx, const struct inner_packet *in, __u32 limit)
{
	__u32 gso_size = ctx_gso_size(ctx), hlen;

	if (likely(!gso_size))
		return in->len;
	if (gso_size == 0xffff)
		return 0;
	if (gso_size + IPV4_HLEN_MAX + 60 <= limit)
		return gso_size;
	hlen = inner_segment_hlen(ctx, in->kind);
	return hlen ? gso_size + hlen : 0;
}

/* Mix a number into a hash. Multiplicative hashing (Knuth, TAOCP 6.4), twice. */
static __always_inline __u32 flow_mix(__u32 hash, __u32 number)
{
	hash = (hash ^ number) * 0x9e3779b1u;
	return (hash ^ hash >> 15) * 0x85ebca6bu;
}

/* What flow_hash() has of the addresses. */
static __always_inline __u32 flow_addresses4(__be32 source, __be32 dest)
{
	return flow_mix(flow_mix(0, source), dest);
}

static __always_inline __u32 flow_addresses6(const __be32 source[4], const __be32 dest[4])
{
	__u32 hash = flow_mix(source[0] ^ source[1], source[2] ^ source[3]);

	return flow_mix(flow_mix(hash, dest[0] ^ dest[1]), dest[2] ^ dest[3]);
}

/* And what stands beside them; in one word with the ports, where there are some. */
static __always_inline __u32 flow_beside4(const struct iphdr *ip)
{
	return ip->protocol;
}

static __always_inline __u32 flow_beside6(const struct ipv6hdr *ip)
{
	return *(const __be32 *)ip & bpf_htonl(IPV6_FLOWLABEL_MASK);
}

/*
 * A hash of the flow of an inner packet of @kind, for the outer port or flow label that spreads
 * flows over paths (RFC 6438): addresses, protocol or flow label, and ports where every packet of
 * the flow shows them. A tenth of what the kernel's flow dissector costs. Never 0.
 */
__noinline __u32 flow_hash(ctx_t *ctx, __u8 kind)
{
	__u32 hash = kind, beside = 0, l4 = 0;
	const __u32 *word;
	__u8 proto = 0;

	if (kind == INNER_IPV4) {
		const struct iphdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV4_HLEN);

		if (unlikely(!ip))
			return 1;
		hash = flow_addresses4(ip->saddr, ip->daddr);
		beside = flow_beside4(ip);
		if (likely(!(ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET)))) {
			proto = ip->protocol;
			l4 = WIRE_ETH_HLEN + ip->ihl * 4;
		}
	} else if (kind == INNER_IPV6) {
		const struct ipv6hdr *ip = ctx_at(ctx, WIRE_ETH_HLEN, IPV6_HLEN);

		if (unlikely(!ip))
			return 1;
		word = (const __u32 *)ip;
		hash = flow_addresses6(word + 2, word + 6);
		beside = flow_beside6(ip);
		proto = ip->nexthdr;
		l4 = WIRE_ETH_HLEN + IPV6_HLEN;
	} else if (kind != INNER_MPLS) {
		/* A frame with something else in it: who sends it to whom. */
		word = ctx_at(ctx, 0, WIRE_ETH_HLEN);
		if (likely(word)) {
			hash = flow_mix(word[0], word[1]);
			beside = word[2];
		}
	} else {
		word = ctx_at(ctx, WIRE_ETH_HLEN, MPLS_HLEN);
		if (likely(word))
			beside = *word & bpf_htonl(~0u << MPLS_LABEL_SHIFT);
	}
	if (proto == WIRE_IPPROTO_TCP || proto == WIRE_IPPROTO_UDP) {
		word = ctx_at(ctx, l4, sizeof(*word));
		if (likely(word))
			beside ^= *word;
	}
	return flow_mix(hash, beside) ?: 1;
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

/* Sum of two sums, with the carry that goes around. */
static __always_inline __u32 checksum_add(__u32 one, __u32 two)
{
	__u64 sum = (__u64)one + two;

	return (sum & 0xffffffff) + (sum >> 32);
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

/* Replace the traffic class of an IPv6 header, and have the sum that a device took of the packet
 * follow. */
static __always_inline void ipv6_set_tos(ctx_t *ctx, struct ipv6hdr *ip, __u8 tos)
{
	__be32 before = *(__be32 *)ip;
	__be32 after = (before & ~bpf_htonl(0xff << 20)) | bpf_htonl((__u32)tos << 20);

	*(__be32 *)ip = after;
	ctx_csum_update(ctx, checksum_add(after, ~before));
}

#endif
