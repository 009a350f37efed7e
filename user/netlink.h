/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What xtun asks of rtnetlink, and the only place that knows libmnl. One socket per process, opened
 * by the first call in whatever network namespace the process is in by then. All functions return 0
 * or a negative errno.
 */
#ifndef XTUN_NETLINK_H
#define XTUN_NETLINK_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "tunnel.h"

struct link {
	__u32 ifindex;
	__u32 group; /* as in `ip link set DEV group N` */
	__u32 peer;  /* ifindex of IFLA_LINK: the other half of a pair, 0: none */
	__u32 mtu;
	__u32 flags; /* IFF_* */
	__u16 type;  /* ARPHRD_* */
	__be16 vlan_proto; /* of a VLAN device: IFLA_VLAN_PROTOCOL and IFLA_VLAN_ID; 0: it is none */
	__u16 vlan_id;
	__u8 mac[6];
	char name[IFNAMSIZ];
	char kind[16]; /* IFLA_INFO_KIND, empty for hardware */
};

/* All devices of the namespace, sorted by ifindex; the caller frees @links. */
int netlink_links(struct link **links, size_t *count);

/* One device by name. -ENODEV when there is none. */
int netlink_link_by_name(const char *name, struct link *link);

/* What a new device is to be. */
struct link_new {
	const char *kind;
	const char *name;
	const char *peer; /* name of the other half, for kinds that are pairs */
	const __u8 *mac;  /* NULL: as the kernel likes */
	__u32 mtu;
	__u32 group;
	__u32 flags;    /* IFF_* to set, of IFF_NOARP, IFF_MULTICAST and IFF_UP */
	__u32 no_flags; /* and to clear */
	bool drop;   /* netkit: what no program takes is dropped, not handed to the other half */
};

/* Create a device. -EOPNOTSUPP when the kernel does not know the kind, -EEXIST when the name is
 * taken. */
int netlink_link_add(const struct link_new *want);

/* Change a device. */
int netlink_link_set_mtu(__u32 ifindex, __u32 mtu);
int netlink_link_set_group(__u32 ifindex, __u32 group);
int netlink_link_up(__u32 ifindex);

/* No IPv6 link-local address on this device: the tunnel does not carry IPv6. */
int netlink_link_no_ipv6(__u32 ifindex);

/* Delete all devices of a group, and with them their other halves; none is fine. */
int netlink_group_del(__u32 group);

/* conf/lo/forwarding of IPv4, see bpf/route.h. */
int netlink_lo_forwarding_get(bool *on);
int netlink_lo_forwarding_set(bool on);

/* The devices that have an IPv6 default route from router advertisements; as netlink_addressed().
 */
int netlink_advertised(__u32 **ifindexes, size_t *count);

/* Whether any tc filter is at the clsact qdisc of a device; when in doubt, yes. */
bool netlink_has_filters(__u32 ifindex);

/* The ifindexes that have an address of family @af, but for the loopback device's own IPv6 one,
 * each once, ascending; the caller frees @ifindexes. */
int netlink_addressed(int af, __u32 **ifindexes, size_t *count);

/* Where the kernel would send a packet. */
struct route_reply {
	__u32 ifindex;
	union address source;
	bool local; /* the destination is an address of this host */
};

/* Route of a packet of family @af and mark @mark to @dst from @src (NULL: any) out of @oif (0:
 * any). -ENETUNREACH when there is none. */
int netlink_route(int af, const union address *dst, const union address *src, __u32 oif, __u32 mark,
		  struct route_reply *reply);

#endif
