/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The primitives of the data path for programs at tc. Everything above them is written once for all
 * hooks. At tc the packet begins with its Ethernet header, also on egress.
 */
#ifndef XTUN_CTX_SKB_H
#define XTUN_CTX_SKB_H

#include "handoff.h"

/* A macro and not a typedef: BPF programs take the context's type by its tag. */
#define ctx_t struct __sk_buff

/* Tunnels whose headers differ from segment to segment, and MPLS, are filled here. */
#define CTX_PER_SEGMENT true

/* UDP checksums are the long way's. */
#define CTX_UDP_SUMS false

/* A function of its own, which leaves registers to what is not rare. */
#define CTX_RARE __noinline

/* CTX_NEXT: not ours, whoever comes next decides (TCX_NEXT; TC_ACT_UNSPEC for a clsact filter). */
enum {
	CTX_DROP = 2,
	CTX_NEXT = 0x7fffffff, /* turned into -1 by ctx_verdict(), so that no verdict looks like a
				  drop reason */
};

/* What CTX_NEXT is to the hook. */
static __always_inline int ctx_verdict(int verdict)
{
	return verdict == CTX_NEXT ? -1 : verdict;
}

/* The device at which the program runs. */
static __always_inline __u32 ctx_port(const ctx_t *ctx)
{
	return ctx->ifindex;
}

/* The packet's bytes as the hook counts them, the Ethernet header included. */
static __always_inline __u32 ctx_len(const ctx_t *ctx)
{
	return ctx->len;
}

/* Whether there are @len bytes of the packet. */
static __always_inline bool ctx_holds(const ctx_t *ctx, __u32 len)
{
	return len <= ctx->len;
}

/* What netfilter or a socket marked the packet with. */
static __always_inline __u32 ctx_mark(const ctx_t *ctx)
{
	__u32 mark;

	/* Spelled out as ctx_begin() is: the address of the field must not be taken. */
	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(mark)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, mark)));
	return mark;
}

/* Bytes of payload per segment, 0 for a packet that is its own wire frame. */
static __always_inline __u32 ctx_gso_size(const ctx_t *ctx)
{
	return ctx->gso_size;
}

/* The ethertype as the stack sees it, network byte order; a tag that the device took off is not in
 * it. All of the field, so that nothing is cut off it once more. */
static __always_inline __u32 ctx_eth_proto(const ctx_t *ctx)
{
	return ctx->protocol;
}

/* Whether the frame was sent to this host on this very device: PACKET_HOST, and no VLAN device
 * takes it. */
static __always_inline bool ctx_for_us(const ctx_t *ctx)
{
	return ctx->pkt_type == 0 && !ctx->vlan_present;
}

/* The outermost VLAN tag where the stack holds it beside the packet. */
static __always_inline bool ctx_tagged(const ctx_t *ctx)
{
	return ctx->vlan_present;
}

static __always_inline __be16 ctx_tag_proto(const ctx_t *ctx)
{
	return (__be16)ctx->vlan_proto;
}

static __always_inline __u16 ctx_tag_tci(const ctx_t *ctx)
{
	return ctx->vlan_tci;
}

/* Remove the outermost VLAN tag; one behind it in the packet takes its place beside it. */
static __always_inline int ctx_untag(ctx_t *ctx)
{
	return bpf_skb_vlan_pop(ctx);
}

/*
 * Begin and end of the packet's linear part. The loads are spelled out because clang may otherwise
 * cut the 32-bit field to 32 bits once more, after which the verifier sees a number and no pointer.
 */
static __always_inline void *ctx_begin(const ctx_t *ctx)
{
	void *data;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(data)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data)));
	return data;
}

static __always_inline void *ctx_end(const ctx_t *ctx)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(end)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data_end)));
	return end;
}

/*
 * The first @len bytes of the packet for reading and writing, NULL when it is shorter. The caller
 * keeps @len a constant or checks further bytes itself. Pointers from before are invalid
 * afterwards.
 */
static __always_inline void *ctx_head(ctx_t *ctx, __u32 len)
{
	void *data = ctx_begin(ctx);

	if (likely(data + len <= ctx_end(ctx)))
		return data;
	if (ctx->len < len || bpf_skb_pull_data(ctx, len))
		return NULL;
	data = ctx_begin(ctx);
	return data + len <= ctx_end(ctx) ? data : NULL;
}

/*
 * @len bytes of the packet at @at, which is less than 512, as ctx_head(); @len is a constant.
 */
static __always_inline void *ctx_at(ctx_t *ctx, __u32 at, __u32 len)
{
	void *data = ctx_begin(ctx) + (at & 0x1ff);

	if (likely(data + len <= ctx_end(ctx)))
		return data;
	if (ctx->len < at + len || bpf_skb_pull_data(ctx, at + len))
		return NULL;
	data = ctx_begin(ctx) + (at & 0x1ff);
	return data + len <= ctx_end(ctx) ? data : NULL;
}

/* Copy @len bytes at @at out of the packet, or into it, wherever they lie. */
static __always_inline int ctx_load_bytes(const ctx_t *ctx, __u32 at, void *to, __u32 len)
{
	return bpf_skb_load_bytes(ctx, at, to, len);
}

static __always_inline int ctx_store_bytes(ctx_t *ctx, __u32 at, const void *from, __u32 len)
{
	return bpf_skb_store_bytes(ctx, at, from, len, 0);
}

/* The bytes of the packet add up to @sum more than before. */
static __always_inline void ctx_csum_update(ctx_t *ctx, __u32 sum)
{
	bpf_csum_update(ctx, sum);
}

/*
 * Make room for @len bytes behind the Ethernet header, as an outer header of @flags
 * (BPF_F_ADJ_ROOM_ENCAP_*). The kernel notes where the inner packet begins and how to segment it.
 * gso_size stays (FIXED_GSO), and so does a checksum that a device has verified: what is added
 * carries none that was counted. Nothing has changed when it fails.
 */
static __always_inline int ctx_push(ctx_t *ctx, __u32 len, __u64 flags)
{
	return bpf_skb_adjust_room(ctx, len, BPF_ADJ_ROOM_MAC,
				   flags | BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET);
}

/* Flags of ctx_push() besides, where the last @hlen bytes of the room are for an Ethernet header.
 */
static __always_inline __u64 ctx_push_frame(__u32 hlen)
{
	return BPF_F_ADJ_ROOM_ENCAP_L2_ETH | (__u64)hlen << 56;
}

/*
 * Remove @len bytes behind the Ethernet header, which moves along. @flags (BPF_F_ADJ_ROOM_DECAP_*)
 * say which tunnel a packet of several segments loses. Kernels before 2026 do not know them, refuse
 * them, and leave the note of the outer headers at the packet; with @strict that is an error.
 */
static __always_inline int ctx_pop(ctx_t *ctx, __u32 len, __u64 flags, bool strict)
{
	const __u64 keep = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	int err = -1;

	if (unlikely(ctx->gso_size))
		err = bpf_skb_adjust_room(ctx, -(__s32)len, BPF_ADJ_ROOM_MAC, keep | flags);
	if (likely(err) && likely(!strict))
		err = bpf_skb_adjust_room(ctx, -(__s32)len, BPF_ADJ_ROOM_MAC, keep);

	/* What hash there is was taken over the outer addresses: all inner flows would look like
	 * one. */
	if (likely(!err) && ctx->hash)
		bpf_set_hash_invalid(ctx);
	return err;
}

/*
 * Make the stack take the packet for one of @eth_proto, and its Ethernet header say so. No helper
 * changes the kind of a packet but those for VLAN tags: the first tag of two goes into the packet,
 * and when it comes out the stack looks at the ethertype behind it.
 */
static __always_inline int ctx_retype(ctx_t *ctx, __be16 eth_proto)
{
	struct ethhdr *eth = ctx_begin(ctx);

	if ((void *)(eth + 1) > ctx_end(ctx))
		return -1;
	eth->h_proto = eth_proto;
	if (bpf_skb_vlan_push(ctx, bpf_htons(WIRE_ETH_P_8021Q), 1) ||
	    bpf_skb_vlan_push(ctx, bpf_htons(WIRE_ETH_P_8021Q), 1))
		return -1;
	return bpf_skb_vlan_pop(ctx) || bpf_skb_vlan_pop(ctx) ? -1 : 0;
}

/* The hash of the flow that somebody found for the packet, 0: nobody did. */
static __always_inline __u32 ctx_hash(const ctx_t *ctx)
{
	return ctx->hash;
}

/* Cut the packet to @len bytes, or add zeros up to there; a GSO packet becomes a plain one. */
static __always_inline int ctx_trim(ctx_t *ctx, __u32 len)
{
	return bpf_skb_change_tail(ctx, len, 0);
}

/* Give the packet, whose headers are off, to the anchor of @end. Returns a verdict. */
static __always_inline int ctx_deliver(ctx_t *ctx, const struct endpoint *end)
{
	int verdict;

	if (unlikely(ctx->hash))
		bpf_set_hash_invalid(ctx);
	verdict = bpf_redirect(end->rx_ifindex, end->rx_flags);
	/* No refusal, and none of our own verdicts: spares the caller to look. */
	__builtin_assume(verdict >= 0 && verdict < CTX_NEXT - 1);
	return verdict;
}

/*
 * The end of the short way in: take @hlen bytes off behind the Ethernet header of a packet of one
 * segment, which begins with @head, and give the rest to the anchor of @end. @eth_proto: what the
 * inner packet is, in place of @outer_proto. Returns a verdict, or -1 when that does not go; all
 * that may have changed then is the Ethernet header.
 */
static __always_inline int ctx_arrive(ctx_t *ctx, void *head, const struct endpoint *end,
				      __u32 hlen, __be16 outer_proto, __be16 eth_proto)
{
	if (eth_proto != outer_proto)
		*(__be16 *)(head + 12) = eth_proto;
	*(__u32 *)head = *(const __u32 *)end->mac;
	*(__u16 *)(head + 4) = *(const __u16 *)(end->mac + 4);
	if (unlikely(bpf_skb_adjust_room(ctx, -(__s32)hlen, BPF_ADJ_ROOM_MAC,
					 BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)))
		return -1;
	return ctx_deliver(ctx, end);
}

/* As ctx_arrive(), where an Ethernet header ends those @hlen bytes: it takes the place of the outer
 * one. @len: of the outer packet, behind which nothing may come. */
static __always_inline int ctx_arrive_frame(ctx_t *ctx, const struct endpoint *end, __u32 hlen,
					    __u32 len)
{
	void *head = ctx_begin(ctx);

	if (unlikely(ctx->len != len + WIRE_ETH_HLEN || head + WIRE_ETH_HLEN + hlen > ctx_end(ctx)))
		return -1;
	*(__u64 *)head = *(const __u64 *)(head + hlen);
	*(__u32 *)(head + 8) = *(const __u32 *)(head + hlen + 8);
	*(__u16 *)(head + 12) = *(const __u16 *)(head + hlen + 12);
	if (unlikely(bpf_skb_adjust_room(ctx, -(__s32)hlen, BPF_ADJ_ROOM_MAC,
					 BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)))
		return -1;
	return ctx_deliver(ctx, end);
}

/*
 * Carry out what XDP noted about the packet, if it did. Nothing is written to the packet but by a
 * helper, when the note was read: a program that writes by itself has the kernel copy packets
 * before that somebody else holds too (packet sockets), and the note would be lost. Returns a
 * verdict.
 */
static __always_inline int ctx_handoff(ctx_t *ctx)
{
	const struct ethhdr *eth = ctx_begin(ctx);
	const struct handoff *note;
	__u32 id, ifindex, flags;
	__u8 dest[6];

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(note)
		     : "r"(ctx), "i"(__builtin_offsetof(ctx_t, data_meta)));
	if (likely((void *)(note + 1) > (void *)eth) || (void *)(eth + 1) > ctx_end(ctx))
		return CTX_NEXT;
	if (note->magic != HANDOFF_MAGIC ||
	    *(const __u32 *)note->mac != *(const __u32 *)eth->h_dest ||
	    *(const __u16 *)(note->mac + 4) != *(const __u16 *)(eth->h_dest + 4))
		return CTX_NEXT;
	ifindex = note->ifindex;
	flags = note->flags;
	/* A tag that was hidden from XDP: the frame was none of this device. The stack takes off
	 * none then of those that are inside. */
	if (unlikely(ctx->vlan_present != !!(flags & HANDOFF_TAGGED) ||
		     (ctx->vlan_present && frame_tag(ctx_eth_proto(ctx)))))
		return drop_count(note->id, REFUSE(vlan), CTX_DROP);
	if (flags & HANDOFF_FRAME) {
		id = note->id;
		__builtin_memcpy(dest, note->dest, sizeof(dest));
		if (unlikely(bpf_skb_store_bytes(ctx, 0, dest, sizeof(dest), 0)))
			return drop_count(id, REFUSE(pop_failed), CTX_DROP);
	}
	if (ctx->hash)
		bpf_set_hash_invalid(ctx);
	return bpf_redirect(ifindex, flags & HANDOFF_INGRESS);
}

static __always_inline int ctx_redirect(__u32 ifindex, __u32 flags)
{
	return bpf_redirect(ifindex, flags);
}

/* Send out of @ifindex to @hop, or, where that has no family, to whatever next hop the kernel's
 * route through it says; the neighbour is resolved and kept. */
static __always_inline int ctx_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *hop)
{
	if (likely(hop->nh_family))
		return bpf_redirect_neigh(ifindex, hop, sizeof(*hop), 0);
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

#endif
