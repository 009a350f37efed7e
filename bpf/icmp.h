/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Path MTU discovery through a tunnel. Two directions: an inner packet that is too long is answered
 * with "fragmentation needed", which comes back on the anchor as if a router behind the tunnel had
 * sent it; and such an error about an outer packet, which belongs to no socket and no driver, is
 * read and remembered for the tunnel.
 */
#ifndef XTUN_ICMP_H
#define XTUN_ICMP_H

#include "maps.h"
#include "packet.h"

enum {
	/* net.ipv4.route.mtu_expires and min_pmtu as the kernel has them by default */
	PATH_MTU_SECONDS = 600,
	PATH_MTU_MIN = 552,
	/*
	 * How much of the packet an error quotes: header and 28 bytes. Eight would do (RFC 792),
	 * but the kernel does not cut off a TCP checksum that is still to be filled in.
	 */
	ICMP_QUOTE = IPV4_HLEN + 28,
	ICMP_ROOM = IPV4_HLEN + ICMPV4_HLEN,
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

/*
 * Turn the inner packet into the error about itself, with next-hop MTU @mtu, and hand it to the
 * anchor with address
 * @mac. The source is the address that the packet was going to: whatever lies on the path behind
 * the tunnel, and right for a strict reverse path filter. Returns a verdict.
 */
static __noinline int icmp_frag_needed(ctx_t *ctx, const __u8 *mac, __u32 anchor, __u32 mtu)
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
	if (!head)
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
	__builtin_memcpy(eth->h_dest, mac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, mac, sizeof(eth->h_source));
	eth->h_proto = bpf_htons(WIRE_ETH_P_IP);
	__builtin_memcpy(head + WIRE_ETH_HLEN, &error, sizeof(error));
	return ctx_redirect(anchor, BPF_F_INGRESS);
}

/*
 * Remember the next-hop MTU of an ICMP error at @head (Ethernet header) if the packet that it
 * quotes is one of ours. The packet itself goes its way. As the kernel does (ip_rt_update_pmtu()),
 * believe no value below PATH_MTU_MIN.
 */
static __noinline int icmp_learn(ctx_t *ctx)
{
	struct endpoint4_key key = {};
	const struct endpoint *end;
	const struct icmphdr *icmp;
	const struct iphdr *ip;
	struct path_mtu path = {};
	void *head;

	head = ctx_head(ctx, WIRE_ETH_HLEN + 2 * IPV4_HLEN + ICMPV4_HLEN);
	if (!head)
		return 0;
	ip = head + WIRE_ETH_HLEN;
	icmp = head + WIRE_ETH_HLEN + IPV4_HLEN;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET) ||
	    icmp->type != ICMPV4_UNREACH || icmp->code != ICMPV4_FRAG_NEEDED || !icmp->un.frag.mtu)
		return 0;
	ip = head + WIRE_ETH_HLEN + IPV4_HLEN + ICMPV4_HLEN;
	if (ip->protocol != WIRE_IPPROTO_IPIP)
		return 0;
	/* The quoted packet is one that we sent: its source is our local address. */
	key.wrap = WRAP_NONE;
	key.payload = PAYLOAD_IP;
	key.local = ip->saddr;
	key.remote = ip->daddr;
	end = bpf_map_lookup_elem(&endpoints4, &key);
	if (!end) {
		key.local = 0;
		end = bpf_map_lookup_elem(&endpoints4, &key);
	}
	if (!end)
		return 0;
	path.mtu = bpf_ntohs(icmp->un.frag.mtu);
	if (path.mtu < PATH_MTU_MIN)
		path.mtu = PATH_MTU_MIN;
	path.expires = bpf_ktime_get_ns() + PATH_MTU_SECONDS * 1000000000ULL;
	bpf_map_update_elem(&path_mtus, &end->id, &path, BPF_ANY);
	return 0;
}

#endif
