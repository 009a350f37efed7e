/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The records that BPF programs and user space share, and the only place where their layout stands.
 *
 * A tunnel is three independent choices (outer family, wrap, payload) and which inner packets it
 * may carry. User space knows modes (ipip, gre, ...); the programs know only the choices. An
 * enumerator exists when its code does: adding one makes the compiler name every switch that has to
 * learn it.
 *
 * All maps lie in a directory whose name ends with TUNNEL_LAYOUT: change the number with any change
 * here.
 */
#ifndef XTUN_TUNNEL_H
#define XTUN_TUNNEL_H

#include "counters.h"
#include "mirror.h"

/* Shared with BPF, where the types come from vmlinux.h. */
#ifndef __bpf__
#include <assert.h>
#include <linux/types.h>
#endif

#define TUNNEL_LAYOUT 9

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_MAX };
enum wrap { WRAP_NONE, WRAP_FOU, WRAP_GUE, WRAP_VXLAN, WRAP_GENEVE, WRAP_MAX };
enum payload { PAYLOAD_IP, PAYLOAD_GRE, PAYLOAD_ERSPAN, PAYLOAD_MAX };

/* Which inner packets; a set. */
enum inner {
	INNER_IPV4 = 1 << 0,
	INNER_IPV6 = 1 << 1,
	INNER_MPLS = 1 << 2,
	INNER_ETHERNET = 1 << 3, /* frames of any kind, and nothing else */
};

/* An IPv4 address lies in v4 with the rest zero; all zero is `any`. Network byte order. */
union address {
	__be32 v4;
	__be32 v6[4];
};

enum tunnel_flags {
	TUNNEL_DF = 1 << 0, /* pmtudisc: DF in every outer header */
	TUNNEL_TOS_INHERIT = 1 << 1,
	TUNNEL_ANCHOR_CHOSEN = 1 << 2, /* the user named the kind of anchor */
	TUNNEL_IGNORE_DF = 1 << 3, /* the inner packet's DF says nothing about the outer one's */
	/* GRE fields, outgoing and incoming */
	TUNNEL_OKEY = 1 << 4,
	TUNNEL_OCSUM = 1 << 5,
	TUNNEL_OSEQ = 1 << 6,
	TUNNEL_IKEY = 1 << 7,
	TUNNEL_ICSUM = 1 << 8,
	TUNNEL_ISEQ = 1 << 9,
	TUNNEL_WRAP_CSUM = 1 << 10,         /* UDP checksum of the wrap */
	TUNNEL_FLOWLABEL_INHERIT = 1 << 11, /* IPv6 in IPv6: the inner flow label */
	TUNNEL_ENCAP_LIMIT = 1 << 12,       /* IPv6: send an encapsulation limit, RFC 2473 */

	TUNNEL_NO_REMOTE = 1 << 13,  /* remote any */
	TUNNEL_SHOWS_FLOW = 1 << 14, /* a port or label of the outer headers is of the inner flow */

	TUNNEL_TOS_PLAIN = 1 << 15, /* the ECN bits of the outer header are as those of the rest */
	TUNNEL_OVER_IPV6 = 1 << 16,

	TUNNEL_NO_SOURCE_CHECK = 1 << 17, /* remote any: take inner sources from everybody */
	TUNNEL_PEERS_IPV4 = 1 << 18,      /* there is a table of peers for inner IPv4 */
	TUNNEL_PEERS_IPV6 = 1 << 19,

	TUNNEL_DSCP_INHERIT = 1 << 20, /* incoming: the outer DSCP goes to the inner header */
	TUNNEL_MARK = 1 << 21,         /* routes are looked up with a mark: of the tunnel's, or */
	TUNNEL_MARK_INHERIT = 1 << 22, /* the inner packet's */

	/* Frames */
	TUNNEL_PEERS_MAC = 1 << 27, /* remote any: there is a table of peers by MAC */
	TUNNEL_LEARNING = 1 << 26,  /* remote any: inner sources are learned from received frames */

	TUNNEL_TRUNCATE = 1 << 28, /* frames that are too long are cut, each by itself */
	TUNNEL_EARLY = 1 << 29, /* in a slot of an anchor that is a pair: what needs cutting goes on
				   to the port */
	/* VXLAN and GENEVE */
	TUNNEL_UDP_ZERO_RX = 1 << 24, /* over IPv6, too, packets come without UDP checksum */
	TUNNEL_OPTIONS = 1 << 25,     /* the map `geneve_options` has what goes into the header */

	/* What a simple tunnel has none of, looked at in one step. */
	TUNNEL_SPECIAL = TUNNEL_NO_REMOTE | TUNNEL_SHOWS_FLOW | TUNNEL_OVER_IPV6 | TUNNEL_OCSUM |
			 TUNNEL_OSEQ | TUNNEL_WRAP_CSUM | TUNNEL_TRUNCATE,

	/* What differs from segment to segment, so that packets must be cut before they come to us.
	 */
	TUNNEL_PER_SEGMENT = TUNNEL_OCSUM | TUNNEL_OSEQ | TUNNEL_WRAP_CSUM | TUNNEL_TRUNCATE,
};

/* What a tunnel with PAYLOAD_ERSPAN has besides, in one word. */
enum erspan_fields {
	TUNNEL_ERSPAN_INDEX = 0xfffff,
	TUNNEL_ERSPAN_HWID_SHIFT = 20, /* 6 bits */
	TUNNEL_ERSPAN_EGRESS = 1 << 26,
	TUNNEL_ERSPAN_VERSION_SHIFT = 28, /* 2 bits */
};

/*
 * Read-mostly description of one tunnel; the map `tunnels` has it under the ifindex of its port:
 * the device at which the encapsulating program runs. The port is the anchor itself, but for
 * anchors that are pairs, where it is the hidden half; of such an anchor there may be a slot
 * besides (TUNNEL_EARLY), with the anchor for a port. The tunnel's name is the anchor's name and
 * stands nowhere else.
 */
struct tunnel {
	union address local;
	union address remote;
	union address source; /* local `any`: outer source where the kernel's FIB look-up cannot
				 tell it */
	__u32 anchor;         /* ifindex of the device that carries the tunnel's name */
	__u32 link;           /* ifindex of the underlay, 0: as the FIB says */
	__u32 route; /* link 0: underlay when it was configured, used while the FIB cannot be asked
		      */
	__u32 flags; /* enum tunnel_flags */
	__u8 family, wrap, payload, inner;
	__u8 ttl;         /* or hop limit; 0: inherit */
	__u8 tos;         /* without TUNNEL_TOS_INHERIT, or for inner packets that have none */
	__u8 encap_limit; /* with TUNNEL_ENCAP_LIMIT */
	__u8 pad;
	__be32 ikey, okey; /* of VXLAN and GENEVE: the VNI, as it stands in their headers */
	__be32 flowlabel;  /* 0: of the inner flow */
	__u32 fwmark;      /* with TUNNEL_MARK; 0 with TUNNEL_MARK_INHERIT */
	__be16 sport;      /* of the wrap; 0: of the inner flow, in the range below */
	__be16 dport;      /* of the wrap */
	__u16 sport_min;   /* host byte order */
	__u16 sport_count; /* ports in the range */
	__u16 mtu;     /* what xtun set on the anchor, so that a user's own choice is told apart */
	__u8 kind;     /* enum anchor_kind, for user space */
	__u8 mac[6];   /* the anchor's */
	__u8 ip_proto; /* what the outer IP header announces; 0: depends on the inner packet */
	__u8 room_flags;  /* BPF_F_ADJ_ROOM_ENCAP_*: what the kernel has to know for segmentation */
	__u8 options_len; /* with TUNNEL_OPTIONS: bytes */
	__u16 hlen;       /* bytes of all outer headers, from the outer IP header on; of an inner
			     frame its Ethernet header, too */
	__u16 srcport_low;  /* sport_min and the port behind the range, as the user chose them; */
	__u16 srcport_high; /* 0: nobody did */
	__u16 pad2;
	__u32 ageing; /* seconds that what was learned is good for, 0: for ever */
	__u32 id;     /* index in `cpu_state`: the smallest number that no other tunnel has */
	__u32 port;   /* what it is found by */
	__u32 erspan; /* fields of enum erspan_fields */
};
_Static_assert(sizeof(struct tunnel) == 132, "struct tunnel is part of the layout");

/*
 * The fast way to a tunnel: one slot per port, looked at before the map. Of tunnels that share a
 * slot one has it; the others are found in the map. A slot is free when its port is zero, which is
 * written last and cleared first, as in struct endpoint4_slot.
 */
enum { TUNNEL_SLOTS = 1024 };

static inline __u32 tunnel_slot(__u32 port)
{
	return port % TUNNEL_SLOTS;
}

/*
 * What decap looks up: addresses as they are seen from here, the IP protocol that announces the
 * payload (of frames in GRE: the number that they have where they follow an IP header at once, RFC
 * 8986 section 10.1; of ERSPAN one for experiments), and the GRE key, or ERSPAN's session;
 * wildcards are zero. The wrap is none of it: like the kernel's drivers, tunnels take packets with
 * and without. VXLAN and GENEVE go by the protocol UDP, with their VNI as the key and their port;
 * their drivers look at no other address than, in GENEVE, the remote. Hashing is most of a
 * look-up's cost, so each family has a map of its own, with a key
 * as short as can be.
 */
struct endpoint4_key {
	__be32 remote; /* first, as in a packet that arrives: both are compared at once */
	__be32 local;
	__be32 key;
	__u8 ip_proto;
	__u8 keyed;  /* the packet has a key, which may be zero */
	__be16 port; /* VXLAN and GENEVE: where it came in; the same number elsewhere is another */
};
_Static_assert(sizeof(struct endpoint4_key) == 16, "struct endpoint4_key is part of the layout");

struct endpoint6_key {
	__be32 local[4];
	__be32 remote[4];
	__be32 key;
	__u8 ip_proto;
	__u8 keyed;
	__be16 port;
};
_Static_assert(sizeof(struct endpoint6_key) == 40, "struct endpoint6_key is part of the layout");

enum endpoint_flags {
	/*
	 * Not a tunnel's end but a claim: some tunnel owns this local address for this payload, and
	 * no tunnel takes packets from anywhere there. Who is not its remote is spoofing.
	 */
	ENDPOINT_CLAIM = 1 << 0,
	ENDPOINT_CSUM = 1 << 1,  /* GRE packets have a checksum; without it they have none */
	ENDPOINT_SEQ = 1 << 2,   /* and a sequence number that does not go back */
	ENDPOINT_PEERS = 1 << 3, /* the outer source must be the peer that owns the inner one */
	ENDPOINT_DSCP = 1 << 5,  /* the outer DSCP goes to the inner header */
	ENDPOINT_6TO4 = 1 << 4,  /* or, where the inner address tells, the one in it (RFC 3056) */
	ENDPOINT_WRAP_CSUM = 1 << 6, /* UDP packets without a checksum are not taken */
	ENDPOINT_LEARN = 1 << 7,     /* frames: learn who has their source; see bpf/fdb.h */
};

struct endpoint {
	__u32 id;         /* of the tunnel */
	__u32 rx_ifindex; /* where inner packets go */
	__u32 rx_flags;   /* of bpf_redirect */
	__u8 mac[6];      /* the anchor's: eth_type_trans() then takes the packet as ours */
	__u8 inner;
	__u8 flags;
};
_Static_assert(sizeof(struct endpoint) == 20, "struct endpoint is part of the layout");

/*
 * The fast way to endpoints that have both addresses: one slot per hash, looked at before the map.
 * Of tunnels that share a slot one has it; the others are found in the map. A slot is free when its
 * protocol is zero. Its protocol is written last and cleared first, with a grace period before
 * anything else changes, so that whoever finds its packet's protocol in a slot may use the rest.
 */
struct endpoint4_slot {
	struct endpoint4_key key;
	struct endpoint end;
	__u32 plain; /* `end` takes IPv4, has no flags, and nobody wants to see what comes: it is no
			half of a pair */
};
_Static_assert(sizeof(struct endpoint4_slot) == 40, "struct endpoint4_slot is part of the layout");

struct endpoint6_slot {
	struct endpoint6_key key;
	struct endpoint end;
	__u32 pad;
};
_Static_assert(sizeof(struct endpoint6_slot) == 64, "struct endpoint6_slot is part of the layout");

enum { SLOT_BITS = 12 };

/* Sets of UDP ports at which something is received: bit port_bit() is set for each. A bit may stand
 * for other ports, too. */
struct port_masks {
	__u64 all;    /* the map `ports` */
	__u64 frames; /* those of VXLAN and GENEVE in it */
};

static inline __u32 port_bit(__be16 port)
{
	const __u32 word = (__u16)port;

	return (word ^ word >> 6) & 63;
}

/* CPUs over which what arrives is spread. */
enum { CPU_LIST_MAX = 31 };

struct cpu_list {
	__u16 count;              /* 0: none, everything stays where it arrives */
	__u16 cpus[CPU_LIST_MAX]; /* ascending */
};

/*
 * What the program at XDP has to know of its device, and of VLAN devices on it that it sends out
 * of: in struct slots, at xdp_device_slot(). Two devices of one slot cannot
 * both have one.
 */
struct xdp_device {
	__u32 ifindex;   /* 0: free */
	__u32 frame_max; /* bytes of the longest frame; what is longer was put together by GRO */
	__u8 mac[6];
	__u16 flags; /* enum xdp_device_flags */
	struct cpu_list spread;
	__u32 out;         /* of a VLAN device: the one that it is on, 0: it is none; */
	__be16 vlan_proto; /* and the tag of what leaves by it */
	__be16 vlan_id;
};
_Static_assert(sizeof(struct xdp_device) == 88, "struct xdp_device is part of the layout");

/* What a frame has that is for a VLAN device: the device where it comes in, and the tag. */
struct xdp_vlan {
	__u32 ifindex;
	__be16 proto;
	__be16 id;
};

enum xdp_device_flags {
	XDP_DEVICE_FORWARD = 1 << 0, /* takes part in forwarding */
	XDP_DEVICE_PARTIAL = 1 << 1, /* its packets may have checksums that are to be filled in */
};

enum { XDP_DEVICES = 256 };

static inline __u32 xdp_device_slot(__u32 ifindex)
{
	return ifindex % XDP_DEVICES;
}

enum { LOCAL_BITS = 14 };

/* Where struct slots says whether an address may be a tunnel's own: of IPv4, or the words of IPv6,
 * combined by exclusive or. Multiplicative hashing (Knuth, TAOCP 6.4). */
static inline __u32 local_slot(__be32 word)
{
	return (__u32)word * 0x9e3779b1u >> (32 - LOCAL_BITS);
}

/* All slots, and what every packet asks for, in one map: memory whose address programs know (.bss),
 * so that none is looked up. */
struct slots {
	struct tunnel tunnels[TUNNEL_SLOTS];
	struct endpoint4_slot ipv4[1 << SLOT_BITS];
	struct endpoint6_slot ipv6[1 << SLOT_BITS];
	struct mirror_passed passed[MIRROR_ROWS];
	__u32 generation; /* another one after every change of the configuration */
	__u32 partials;   /* a device with XDP has XDP_DEVICE_PARTIAL */
	struct port_masks ports;
	struct xdp_device devices[XDP_DEVICES];
	/* Not 0 at the local_slot() of each tunnel's local address. To other addresses tunnels with
	 * local `any` get packets, if they are this host's. */
	__u8 locals[1 << LOCAL_BITS];
};
_Static_assert(__builtin_offsetof(struct slots, passed) % 64 == 0,
	       "no CPU takes another's line away");

/* A tunnel that takes both IPv4 (protocol 4) and IPv6 (41) has a slot for each, side by side. */
static inline __u32 endpoint_slot_kind(__u8 ip_proto)
{
	return ip_proto == 41;
}

/* The slot of an endpoint. Multiplicative hashing (Knuth, TAOCP 6.4). */
static inline __u32 endpoint4_slot(const struct endpoint4_key *key)
{
	return (((((__u32)key->local * 0x9e3779b1u + (__u32)key->remote) ^ (__u32)key->key) *
		 0x85ebca6bu) >>
		(32 - SLOT_BITS)) ^
	       endpoint_slot_kind(key->ip_proto);
}

static inline __u32 endpoint6_slot(const struct endpoint6_key *key)
{
	__u32 local = key->local[0] ^ key->local[1] ^ key->local[2] ^ key->local[3];
	__u32 remote = key->remote[0] ^ key->remote[1] ^ key->remote[2] ^ key->remote[3];

	return ((((local * 0x9e3779b1u + remote) ^ (__u32)key->key) * 0x85ebca6bu) >>
		(32 - SLOT_BITS)) ^
	       endpoint_slot_kind(key->ip_proto);
}

/* Which wildcard shapes of endpoints exist: bits in struct config, in the order in which the kernel
 * tries them. */
enum shape {
	SHAPE_REMOTE = 1 << 0, /* local any, remote given */
	SHAPE_LOCAL = 1 << 1,  /* remote any (or a claim) */
	SHAPE_KEY = 1 << 2,    /* both any */
};

/* A UDP port where wrapped packets arrive; the map `ports` has it under struct port_key. */
struct port_key {
	__be16 port;
	__u8 family; /* enum family */
	__u8 pad;
};

struct port {
	__u8 wrap;     /* enum wrap */
	__u8 ip_proto; /* WRAP_FOU: what is inside */
	__u8 pad[2];
};

/* Options that a GENEVE tunnel sends; the map `geneve_options` has them under the tunnel's id. */
struct geneve_options {
	__u8 len;      /* bytes */
	__u8 critical; /* one of them may not be ignored */
	__u8 pad[2];
	__u8 bytes[252];
};
_Static_assert(sizeof(struct geneve_options) == 256, "struct geneve_options is part of the layout");

enum config_flags {
	CONFIG_LO_FORWARDING = 1 << 0,  /* conf/lo/forwarding was off before us */
	CONFIG_LO_FORWARDING6 = 1 << 1, /* likewise IPv6's */
};

/* The single element of the map `config`. */
struct config {
	__u32 shapes[FAMILY_MAX]; /* sets of enum shape */
	__u32 flags;              /* enum config_flags, for user space */
	__s32 tai;                /* seconds that CLOCK_TAI is ahead of CLOCK_REALTIME */
};

/*
 * A route's answer, good for one tick of jiffies on one CPU: a FIB look-up costs more than the
 * encapsulation, and an answer that is at most one tick old is no older than a packet that waits in
 * a queue.
 */
struct route_cache {
	__u64 jiffies; /* 0: the rest is of no use to another packet */
	union address source;
	union address remote;
	__u32 ifindex;
	__u32 mtu;
	__u8 tos;     /* routes may depend on it */
	__u8 ready;   /* enum ready_over: struct ready is of this answer */
	__u8 eth[14]; /* the Ethernet header to the next hop */
};
_Static_assert(sizeof(struct route_cache) == 64, "struct route_cache is part of the layout");

/*
 * Of tunnels with remote `any`: who owns an inner destination, and the way there. One of
 * PEER_ROUTES on each CPU, at a hash of tunnel and destination.
 */
struct peer_route {
	struct route_cache route;
	union address inner;
	__u32 id;
	__u8 kind; /* of inner, enum inner */
	__u8 tos;  /* of the inner packet, without its ECN bits: a gateway may depend on it */
	__u8 pad[2];
};
_Static_assert(sizeof(struct peer_route) == 88, "struct peer_route is part of the layout");

/*
 * What the outer headers of a simple tunnel have in common while the answer beside it is good; see
 * bpf/ready.h.
 */
/* what is in struct ready */
enum ready_over {
	READY_NONE,
	READY_IPV4,
	READY_IPV6,
	READY_FRAME,
	READY_WRAP_IPV4, /* in FOU or GUE */
	READY_WRAP_IPV6,
};

enum ready_fields {
	READY_GRE = 1 << 0,
	READY_KEY = 1 << 1,
	READY_CSUM = 1 << 2,
	READY_SEQ = 1 << 3,
	READY_LIMIT = 1 << 4, /* IPv6: there is an encapsulation limit */
	READY_GUE = 1 << 5,
	READY_WRAP_CSUM = 1 << 6, /* of UDP */

	READY_PER_SEGMENT = READY_CSUM | READY_SEQ,
};

/* What has to be found out for each packet. */
enum ready_inherit {
	READY_TTL = 1 << 0,        /* is the inner packet's */
	READY_DSCP = 1 << 1,       /* has to be the one that the route was asked for */
	READY_ID = 1 << 2,         /* IPv4: DF is not in every header */
	READY_DF_INNER = 1 << 3,   /* but in those around packets that have it */
	READY_FLOW = 1 << 4,       /* IPv6: the label is the flow's */
	READY_FLOW_INNER = 1 << 5, /* the inner packet's, if it has one */
	READY_DF_IPV6 = 1 << 6,    /* IPv4: DF around all of IPv6 */
	READY_TOS_PLAIN = 1 << 7,  /* IPv6: ECN bits are as the rest of the TOS */
};

/* What depends on the kind of the inner packet. */
struct ready_kind {
	__u16 room;       /* bytes of the longest one, 0: not carried */
	__be16 ttl_proto; /* side by side, as in the outer header */
	__u16 check;      /* IPv4: the checksum over all in the header that is known */
};

struct ready {
	struct ready_kind ipv4, ipv6, mpls; /* the inner packet's kind */
	__u8 fields;                        /* enum ready_fields */
	__u8 inherit;                       /* enum ready_inherit */
	__u8 room_flags, hlen;              /* as in struct tunnel */
	__u8 dscp;                          /* the inner packet's, if it is inherited */
	__u8 limit;                         /* encapsulation limit */
	__u64 head;      /* the first bytes of the header, without length and ECN */
	__u64 addresses; /* IPv4 */
};
_Static_assert(sizeof(struct ready) == 40, "struct ready is part of the layout");

/*
 * What changes per packet, one copy per CPU, apart from the tunnel record so that no CPU takes its
 * line away. An array, whose look-up is a tenth of a hash map's: its size is fixed when the
 * namespace is set up, see state_size() in loader.c.
 */
struct cpu_state {
	struct route_cache route;
	__u64 tx_packets, tx_bytes; /* bytes count from the inner IP header */
	__u64 rx_packets, rx_bytes;
	struct ready ready;
	__u64 ready4; /* the tick in which READY_IPV4 holds, for tunnels all of whose packets are
			 alike: ready_alike() */
	__u64 own_jiffies; /* VXLAN, GENEVE: when packets to the address below were for this host */
	__u64 pair_jiffies; /* TUNNEL_EARLY: when packets last went on to be cut */
	union address own;
	__be32 okey; /* with READY_KEY */
	__u32 pad;
};
_Static_assert(sizeof(struct cpu_state) == 184, "struct cpu_state is part of the layout");

/* Sequence numbers of one tunnel, RFC 2890, host byte order: one for all CPUs, as in the kernel. */
struct sequence {
	__u32 out; /* of the next packet */
	__u32 in;  /* the smallest that is not old; 0: none came yet */
};

/*
 * What came for a tunnel of one ERSPAN session: the map `sessions`. Frames are told apart by their
 * sender, too, because switches number their sessions as they like.
 */
struct session_key {
	union address remote;
	__u32 id;      /* of the tunnel */
	__u32 session; /* 0..1023, or SESSION_NONE */
};

enum { SESSION_NONE = 0xffffffff /* version 0 has no sessions */ };

struct session {
	__u64 frames, bytes;
	__u64 gaps; /* how often the number was larger than the next one, */
	__u64 lost; /* and how many it left out that did not come later */
	__u64 late; /* frames with a number that is smaller than one before */
	__u32 next; /* the number that is due */
	__u32 version;
};
_Static_assert(sizeof(struct session) == 48, "struct session is part of the layout");

/*
 * The first session of a tunnel over IPv4 lies where it is found at less cost: at the tunnel's id,
 * modulo SESSION_PLACES, in the array `session_places`. Who has come first stays there.
 */
enum { SESSION_PLACES = 1024 };

struct session_place {
	__u64 who; /* sender, tunnel's id, session and 1 more; 0: nobody */
	struct session session;
};
_Static_assert(sizeof(struct session_place) == 56, "struct session_place is part of the layout");

enum { SESSION_ID_SHIFT = 16, SESSION_REMOTE_SHIFT = 32, SESSION_ID_MASK = 0xffff };

/* Drops are counted where they are few: an element for each tunnel and reason that occurred. */
struct drop_key {
	__u32 id;
	__u32 reason; /* enum drop */
};

/* Path MTU that a router reported for the outer packets of one tunnel to one remote, RFC 1191. */
struct path_key {
	union address remote;
	__u32 id;
};

struct path_mtu {
	__u64 expires; /* nanoseconds of bpf_ktime_get_ns() */
	__u32 mtu;
	__u32 pad;
};

/*
 * Of tunnels for frames with remote `any`: the remote that a MAC sent from, in the map `fdb`. When
 * there are too many, those that were asked for least go.
 */
struct fdb_key {
	__u32 id; /* of the tunnel */
	__u8 mac[6];
	__u8 pad[2];
};
_Static_assert(sizeof(struct fdb_key) == 12, "struct fdb_key is part of the layout");

struct fdb_entry {
	union address remote;
	__u64 seen; /* nanoseconds of bpf_ktime_get_coarse_ns(), at most FDB_UPDATE late */
};
_Static_assert(sizeof(struct fdb_entry) == 24, "struct fdb_entry is part of the layout");

enum { FDB_UPDATE = 1000000000 };

enum device_flags {
	DEVICE_MANUAL = 1 << 0,  /* by `xtun attach`: stays until `xtun detach` */
	DEVICE_CLSACT = 1 << 1,  /* attached as a clsact filter, for kernels without tcx */
	DEVICE_QDISC = 1 << 2,   /* the clsact qdisc is ours to remove */
	DEVICE_XDP = 1 << 3,     /* and XDP in front of tc */
	DEVICE_GENERIC = 1 << 4, /* by the stack, and not by the driver */
	DEVICE_FRAGS = 1 << 5,   /* the driver hands over packets in several buffers */
	DEVICE_FORWARD = 1 << 6, /* XDP forwards into tunnels and out of them */
	DEVICE_JOINED = 1 << 7,  /* XDP beside others, at libxdp's dispatcher */

	/* What the user chose; the rest was found out. */
	DEVICE_CHOSEN = DEVICE_MANUAL | DEVICE_XDP | DEVICE_GENERIC | DEVICE_FORWARD,
};

/* An underlay device that the decapsulating program watches; the map `devices` has it under its
 * ifindex. */
struct device {
	__u32 flags; /* enum device_flags */
	struct cpu_list spread;
};

/* Sizes of the maps. Hash maps without preallocation: memory follows the number of tunnels. */
enum {
	MAX_TUNNELS = 16384,
	MAX_ENDPOINTS = 4 * MAX_TUNNELS,
	MAX_DROPS = 4 * MAX_TUNNELS,
	MAX_DEVICES = 4096,
	MAX_PORTS = 1024,
	MAX_PATHS = 4096,
	MAX_SESSIONS = 4096,
	PEER_ROUTES = 256, /* on each CPU */
	MAX_FDB = 16384,
};

#endif
