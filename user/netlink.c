// SPDX-License-Identifier: GPL-2.0
#include "netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { REQUEST_MAX = 1024 };

/* linux/if_link.h of Linux 6.7, which Debian 12 does not have: the policy of the device itself. */
enum { NETKIT_POLICY = 3, NETKIT_DROP = 2 };

static struct mnl_socket *nl_socket;
static unsigned int sequence;

static int nl_open(void)
{
	if (nl_socket)
		return 0;
	nl_socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl_socket)
		return -errno;
	if (mnl_socket_bind(nl_socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		mnl_socket_close(nl_socket);
		nl_socket = NULL;
		return err;
	}
	return 0;
}

static int nl_exchange(struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	static char buffer[65536];
	ssize_t len;
	int err;

	request->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(nl_socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(nl_socket, buffer, sizeof(buffer));
		if (len < 0)
			return -errno;
		err = mnl_cb_run(buffer, len, sequence, mnl_socket_get_portid(nl_socket), each,
				 data);
		if (err < 0)
			return -errno;
	} while (err > 0);
	return 0;
}

/* Send @request and give each message of the answer to @each. */
static int nl_talk(struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	int err = nl_open();

	if (err)
		return err;
	err = nl_exchange(request, each, data);
	/* The rest of an answer that broke off must not meet the next question. */
	if (err) {
		mnl_socket_close(nl_socket);
		nl_socket = NULL;
	}
	return err;
}

static struct nlmsghdr *nl_start(char *buffer, __u16 type, __u16 flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return request;
}

static struct ifinfomsg *link_start(struct nlmsghdr *request, __u32 ifindex)
{
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = ifindex;
	return info;
}

/* What IFLA_LINKINFO says of a device. */
static void link_parse_kind(const struct nlattr *nest, struct link *link)
{
	const struct nlattr *attr, *data = NULL;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			strncpy(link->kind, mnl_attr_get_str(attr), sizeof(link->kind) - 1);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (!data || strcmp(link->kind, "vlan"))
		return;
	mnl_attr_for_each_nested(attr, data)
	{
		if (mnl_attr_get_type(attr) == IFLA_VLAN_ID)
			link->vlan_id = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_type(attr) == IFLA_VLAN_PROTOCOL)
			link->vlan_proto = mnl_attr_get_u16(attr);
	}
}

static void link_parse(const struct nlmsghdr *message, struct link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	memset(link, 0, sizeof(*link));
	link->ifindex = info->ifi_index;
	link->flags = info->ifi_flags;
	link->type = info->ifi_type;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			strncpy(link->name, mnl_attr_get_str(attr), sizeof(link->name) - 1);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_GROUP:
			link->group = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK:
			link->peer = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
				memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
			break;
		case IFLA_LINKINFO:
			link_parse_kind(attr, link);
			break;
		}
	}
}

struct link_list {
	struct link *links;
	size_t count, room;
};

static int link_collect(const struct nlmsghdr *message, void *data)
{
	struct link_list *list = data;

	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct link *links = realloc(list->links, room * sizeof(*links));

		if (!links)
			return MNL_CB_ERROR;
		list->links = links;
		list->room = room;
	}
	link_parse(message, &list->links[list->count++]);
	return MNL_CB_OK;
}

static int link_order(const void *a, const void *b)
{
	const struct link *one = a, *two = b;

	return one->ifindex < two->ifindex ? -1 : one->ifindex > two->ifindex;
}

/* A list that changed while the kernel wrote it is asked for again (NLM_F_DUMP_INTR). */
static int nl_dump(struct nlmsghdr *request, mnl_cb_t each, void *data, size_t *count)
{
	int tries, err = -EINTR;

	for (tries = 0; tries < 64 && err == -EINTR; tries++) {
		*count = 0;
		err = nl_talk(request, each, data);
	}
	return err;
}

int netlink_links(struct link **links, size_t *count)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETLINK, NLM_F_DUMP);
	struct link_list list = {};
	int err;

	link_start(request, 0);
	/* No statistics: with thousands of devices they are most of the answer. */
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_dump(request, link_collect, &list, &list.count);
	if (err) {
		free(list.links);
		return err;
	}
	if (list.count)
		qsort(list.links, list.count, sizeof(*list.links), link_order);
	*links = list.links;
	*count = list.count;
	return 0;
}

static int link_single(const struct nlmsghdr *message, void *data)
{
	link_parse(message, data);
	return MNL_CB_OK;
}

int netlink_link_by_name(const char *name, struct link *link)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETLINK, 0);
	struct link found = {};
	int err;

	link_start(request, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	err = nl_talk(request, link_single, &found);
	if (!err)
		*link = found;
	return err;
}

int netlink_link_add(const struct link_new *want)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg *info = link_start(request, 0);
	struct nlattr *linkinfo, *data, *peer;

	info->ifi_flags = want->flags;
	info->ifi_change = want->flags | want->no_flags;
	mnl_attr_put_strz(request, IFLA_IFNAME, want->name);
	mnl_attr_put_u32(request, IFLA_MTU, want->mtu);
	mnl_attr_put_u32(request, IFLA_GROUP, want->group);
	if (want->mac)
		mnl_attr_put(request, IFLA_ADDRESS, 6, want->mac);
	linkinfo = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, want->kind);
	if (want->peer) {
		data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
		if (want->drop)
			mnl_attr_put_u32(request, NETKIT_POLICY, NETKIT_DROP);
		/* Both kinds of pair have the same number for it. */
		peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
		mnl_nlmsg_put_extra_header(request, sizeof(*info));
		mnl_attr_put_strz(request, IFLA_IFNAME, want->peer);
		mnl_attr_put_u32(request, IFLA_MTU, want->mtu);
		mnl_attr_nest_end(request, peer);
		mnl_attr_nest_end(request, data);
	}
	mnl_attr_nest_end(request, linkinfo);
	return nl_talk(request, NULL, NULL);
}

static int link_set(__u32 ifindex, __u16 attr, __u32 value)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_NEWLINK, 0);

	link_start(request, ifindex);
	mnl_attr_put_u32(request, attr, value);
	return nl_talk(request, NULL, NULL);
}

int netlink_link_set_mtu(__u32 ifindex, __u32 mtu)
{
	return link_set(ifindex, IFLA_MTU, mtu);
}

int netlink_link_set_group(__u32 ifindex, __u32 group)
{
	return link_set(ifindex, IFLA_GROUP, group);
}

int netlink_link_up(__u32 ifindex)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *info = link_start(request, ifindex);

	info->ifi_flags = info->ifi_change = IFF_UP;
	return nl_talk(request, NULL, NULL);
}

/* Set one per-device value of one address family: IFLA_AF_SPEC / @family / @attr, optionally one
 * level deeper. */
static int link_set_family(__u32 ifindex, int family, __u16 outer, __u16 attr, __u32 value,
			   bool byte)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_SETLINK, 0);
	struct nlattr *spec, *af, *conf = NULL;

	link_start(request, ifindex);
	spec = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	af = mnl_attr_nest_start(request, family);
	if (outer)
		conf = mnl_attr_nest_start(request, outer);
	if (byte)
		mnl_attr_put_u8(request, attr, value);
	else
		mnl_attr_put_u32(request, attr, value);
	if (conf)
		mnl_attr_nest_end(request, conf);
	mnl_attr_nest_end(request, af);
	mnl_attr_nest_end(request, spec);
	return nl_talk(request, NULL, NULL);
}

int netlink_link_no_ipv6(__u32 ifindex)
{
	int err = link_set_family(ifindex, AF_INET6, 0, IFLA_INET6_ADDR_GEN_MODE,
				  IN6_ADDR_GEN_MODE_NONE, true);

	/* Without IPv6 in the kernel there is nothing to keep away. */
	return err == -EAFNOSUPPORT ? 0 : err;
}

/* The loopback device has this ifindex in every namespace. */
enum { LOOPBACK = 1 };

int netlink_lo_forwarding_set(bool on)
{
	return link_set_family(LOOPBACK, AF_INET, IFLA_INET_CONF, IPV4_DEVCONF_FORWARDING, on,
			       false);
}

static int forwarding_parse(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *family, *conf;
	bool *on = data;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) != IFLA_AF_SPEC)
			continue;
		mnl_attr_for_each_nested(family, attr)
		{
			if (mnl_attr_get_type(family) != AF_INET)
				continue;
			/* Asked for, the values come as one array that begins with number 1. */
			mnl_attr_for_each_nested(
				conf,
				family) if (mnl_attr_get_type(conf) == IFLA_INET_CONF &&
					    mnl_attr_get_payload_len(conf) >=
						    IPV4_DEVCONF_FORWARDING * sizeof(__u32)) *on =
				((__u32 *)mnl_attr_get_payload(conf))[IPV4_DEVCONF_FORWARDING - 1];
		}
	}
	return MNL_CB_OK;
}

int netlink_lo_forwarding_get(bool *on)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETLINK, 0);

	link_start(request, LOOPBACK);
	*on = false;
	return nl_talk(request, forwarding_parse, on);
}

static int filter_count(const struct nlmsghdr *message, void *data)
{
	(void)message;
	++*(int *)data;
	return MNL_CB_OK;
}

bool netlink_has_filters(__u32 ifindex)
{
	static const __u16 minor[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request;
	struct tcmsg *tc;
	int count = 0;
	size_t i;

	for (i = 0; i < sizeof(minor) / sizeof(minor[0]); i++) {
		request = nl_start(buffer, RTM_GETTFILTER, NLM_F_DUMP);
		tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));
		tc->tcm_ifindex = ifindex;
		tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor[i]);
		if (nl_talk(request, filter_count, &count))
			return true;
	}
	return count;
}

int netlink_group_del(__u32 group)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_DELLINK, 0);
	int err;

	link_start(request, 0);
	mnl_attr_put_u32(request, IFLA_GROUP, group);
	err = nl_talk(request, NULL, NULL);
	return err == -ENODEV ? 0 : err;
}

struct index_list {
	__u32 *ifindexes;
	size_t count, room;
};

static int index_add(struct index_list *list, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->ifindexes[i] == ifindex)
			return MNL_CB_OK;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		__u32 *ifindexes = realloc(list->ifindexes, room * sizeof(*ifindexes));

		if (!ifindexes)
			return MNL_CB_ERROR;
		list->ifindexes = ifindexes;
		list->room = room;
	}
	list->ifindexes[list->count++] = ifindex;
	return MNL_CB_OK;
}

static int address_collect(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);

	return index_add(data, address->ifa_index);
}

/* Default routes that a router advertised. */
static int advertised_collect(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (route->rtm_protocol != RTPROT_RA || route->rtm_dst_len)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			return index_add(data, mnl_attr_get_u32(attr));
	}
	return MNL_CB_OK;
}

static int index_order(const void *a, const void *b)
{
	__u32 one = *(const __u32 *)a, two = *(const __u32 *)b;

	return one < two ? -1 : one > two;
}

static int index_dump(struct nlmsghdr *request, mnl_cb_t each, __u32 **ifindexes, size_t *count)
{
	struct index_list list = {};
	int err;

	err = nl_dump(request, each, &list, &list.count);
	/* Without IPv6 in the kernel there is none. */
	if (err && err != -EAFNOSUPPORT) {
		free(list.ifindexes);
		return err;
	}
	if (list.count)
		qsort(list.ifindexes, list.count, sizeof(*list.ifindexes), index_order);
	*ifindexes = list.ifindexes;
	*count = list.count;
	return 0;
}

int netlink_addressed(int af, __u32 **ifindexes, size_t *count)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *address = mnl_nlmsg_put_extra_header(request, sizeof(*address));

	address->ifa_family = af;
	return index_dump(request, address_collect, ifindexes, count);
}

int netlink_advertised(__u32 **ifindexes, size_t *count)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));

	route->rtm_family = AF_INET6;
	return index_dump(request, advertised_collect, ifindexes, count);
}

static int route_parse(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct route_reply *reply = data;
	const struct nlattr *attr;

	reply->local = route->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			reply->ifindex = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_PREFSRC &&
			 mnl_attr_get_payload_len(attr) <= sizeof(reply->source))
			memcpy(&reply->source, mnl_attr_get_payload(attr),
			       mnl_attr_get_payload_len(attr));
	}
	return MNL_CB_OK;
}

int netlink_route(int af, const union address *dst, const union address *src, __u32 oif, __u32 mark,
		  struct route_reply *reply)
{
	char buffer[REQUEST_MAX];
	struct nlmsghdr *request = nl_start(buffer, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	size_t size = af == AF_INET6 ? sizeof(dst->v6) : sizeof(dst->v4);
	struct route_reply found = {};
	int err;

	route->rtm_family = af;
	route->rtm_dst_len = size * 8;
	mnl_attr_put(request, RTA_DST, size, dst);
	if (src) {
		route->rtm_src_len = size * 8;
		mnl_attr_put(request, RTA_SRC, size, src);
	}
	if (oif)
		mnl_attr_put_u32(request, RTA_OIF, oif);
	if (mark)
		mnl_attr_put_u32(request, RTA_MARK, mark);
	err = nl_talk(request, route_parse, &found);
	if (!err)
		*reply = found;
	return err;
}
