/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An inner packet that is too long for the path through a tunnel is answered with an ICMP error,
 * which comes back on the anchor as if a router behind the tunnel had sent it.
 */
#ifndef XTUN_ICMP_H
#define XTUN_ICMP_H

#include "maps.h"
#include "packet.h"

enum {
	/*
	 * How much of the packet an error quotes: header and 28 bytes. Eight would do (RFC 792),
	 * but the kernel does not cut off a TCP checksum that is still to be filled in.
	 */
	ICMP_QUOTE = IPV4_HLEN + 28,
	ICMP_ROOM = IPV4_HLEN + ICMPV4_HLEN,
	ICMP6_QUOTE = IPV6_HLEN + 28,
	ICMP6_ROOM = IPV6_HLEN + ICMP6_HLEN,
};

/* Errors answer neither errors nor fragments nor senders that are no single host, RFC 1122
 * section 3.2.2. */
static __always_inline bool icmp_may_answer(const struct iphdr *ip, const struct icmphdr *icmp)
{
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IPV4_OFFSET))
		return false;
	if (ip->protocol == IPPROTO_ICMP && icmp->type != ICMPV4_ECHO &&
	    icmp->type != ICMPV4_ECHO_REPLY)
		return false;
	return ip->saddr && bpf_ntohl(ip->saddr) >> 28 != 0xe && ip->saddr != 0xffffffff;
}

/* The error comes to the stack of this host; in a tunnel of frames from whom the frame was to go
 * to. */
static __always_inline void icmp_address(struct ethhdr *eth, const struct tunnel *t)
{
	struct ethhdr frame = *eth;
	bool ethernet = t->inner & INNER_ETHERNET;

	__builtin_memcpy(eth->h_dest, ethernet ? frame.h_source : t->mac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, ethernet ? frame.h_dest : t->mac, sizeof(eth->h_source));
}

/*
 * Turn the inner packet into the error about itself, with next-hop MTU @mtu, and hand it to the
 * anchor of @t. The source is the address that the packet was going to: whatever lies on the path
 * behind the tunnel, and right for a strict reverse path filter. Returns a verdict.
 */
__noinline int icmp_frag_needed(ctx_t *ctx, const struct tunnel *t, __u32 mtu)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
	} error = {
		.ip = { .version = 4,
			.ihl = 5,
			.tos = ICMPV4_TOS,
			.ttl = 64,
			.protocol = IPPROTO_ICMP,
			.tot_len = bpf_htons(ICMP_ROOM + ICMP_QUOTE) },
		.icmp = { .type = ICMPV4_UNREACH, .code = ICMPV4_FRAG_NEEDED },
	};
	const struct iphdr *ip;
	struct ethhdr *eth;
	void *head;
	__s64 sum;

	head = ctx_head(ctx, WIRE_ETH_HLEN + ICMP_QUOTE);
	if (!head || !t)
		return CTX_DROP;
	ip = head + WIRE_ETH_HLEN;
	if (!icmp_may_answer(ip, head + WIRE_ETH_HLEN + IPV4_HLEN))
		return CTX_DROP;
	error.ip.saddr = ip->daddr;
	error.ip.daddr = ip->saddr;
	error.ip.check = checksum_fold(ipv4_sum(&error.ip));
	error.icmp.un.frag.mtu = bpf_htons(mtu);

	if (ctx_trim(ctx, WIRE_ETH_HLEN + ICMP_QUOTE) || ctx_push(ctx, ICMP_ROOM, 0))
		return CTX_DROP;
	head = ctx_head(ctx, WIRE_ETH_HLEN + ICMP_ROOM + ICMP_QUOTE);
	if (!head)
		return CTX_DROP;
	sum = bpf_csum_diff(NULL, 0, head + WIRE_ETH_HLEN + ICMP_ROOM, ICMP_QUOTE, 0);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&error.icmp, sizeof(error.icmp), sum);
	error.icmp.checksum = checksum_fold(sum & 0xffffffff);
	eth = head;
	icmp_address(eth, t);
	eth->h_proto = bpf_htons(WIRE_ETH_P_IP);
	__builtin_memcpy(head + WIRE_ETH_HLEN, &error, sizeof(error));
	return ctx_redirect(t->anchor, BPF_F_INGRESS);
}

/* Likewise RFC 4443 section 2.4 (e). */
static __always_inline bool icmp6_may_answer(const struct ipv6hdr *ip, const struct icmp6hdr *icmp)
{
	const __u8 *source = (const __u8 *)&ip->saddr;

	if (ip->nexthdr == WIRE_IPPROTO_ICMPV6 && icmp->icmp6_type < ICMP6_ECHO_REQUEST)
		return false;
	return source[0] != 0xff && *(const __u64 *)source | *(const __u64 *)(source + 8);
}

/* As icmp_frag_needed(), for an inner IPv6 packet: "packet too big", RFC 4443 section 3.2. */
__noinline int icmp6_too_big(ctx_t *ctx, const struct tunnel *t, __u32 mtu)
{
	struct {
		struct ipv6hdr ip;
		struct icmp6hdr icmp;
	} error = {
		.ip = { .version = 6,
			.hop_limit = 64,
			.nexthdr = WIRE_IPPROTO_ICMPV6,
			.payload_len = bpf_htons(ICMP6_HLEN + ICMP6_QUOTE) },
		.icmp = { .icmp6_type = ICMP6_TOO_BIG },
	};
	const struct ipv6hdr *ip;
	struct ethhdr *eth;
	void *head;
	__s64 sum;

	head = ctx_head(ctx, WIRE_ETH_HLEN + ICMP6_QUOTE);
	if (!head || !t)
		return CTX_DROP;
	ip = head + WIRE_ETH_HLEN;
	if (!icmp6_may_answer(ip, head + WIRE_ETH_HLEN + IPV6_HLEN))
		return CTX_DROP;
	error.ip.saddr = ip->daddr;
	error.ip.daddr = ip->saddr;
	error.icmp.icmp6_dataun.un_data32[0] = bpf_htonl(mtu);

	if (ctx_trim(ctx, WIRE_ETH_HLEN + ICMP6_QUOTE) || ctx_push(ctx, ICMP6_ROOM, 0))
		return CTX_DROP;
	head = ctx_head(ctx, WIRE_ETH_HLEN + ICMP6_ROOM + ICMP6_QUOTE);
	if (!head)
		return CTX_DROP;
	/* Pseudo header: addresses, length, next header; then the message. */
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&error.ip.saddr, 32,
			    bpf_htonl(ICMP6_HLEN + ICMP6_QUOTE));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&error.icmp, sizeof(error.icmp), sum);
	sum = bpf_csum_diff(NULL, 0, head + WIRE_ETH_HLEN + ICMP6_ROOM, ICMP6_QUOTE, sum);
	error.icmp.icmp6_cksum = checksum_fold(checksum_add(sum, bpf_htonl(WIRE_IPPROTO_ICMPV6)));
	eth = head;
	icmp_address(eth, t);
	eth->h_proto = bpf_htons(WIRE_ETH_P_IPV6);
	__builtin_memcpy(head + WIRE_ETH_HLEN, &error, sizeof(error));
	return ctx_redirect(t->anchor, BPF_F_INGRESS);
}

#endif
