// SPDX-License-Identifier: GPL-2.0
/* One tunnel in a user's terms: what of it follows from its mode, what is refused, its record. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "mode.h"
#include "wire.h"

/* iproute2's defaults for tunnels over IPv6 */
enum { HOP_LIMIT_DEFAULT = 64, ENCAP_LIMIT_DEFAULT = 4 };

static const int family_af[FAMILY_MAX] = { [FAMILY_IPV4] = AF_INET, [FAMILY_IPV6] = AF_INET6 };

void spec_init(struct tunnel_spec *spec, const char *name)
{
	*spec = (struct tunnel_spec){ .flags = TUNNEL_DF, .erspan_version = 1 };
	strcpy(spec->name, name);
}

static bool wraps_frames(const struct tunnel_spec *spec)
{
	return spec->mode->wrap != WRAP_NONE;
}

void spec_turn(struct tunnel_spec *spec)
{
	int af = spec->remote.af != AF_UNSPEC ? spec->remote.af : spec->local.af;

	if (!spec->mode || !wraps_frames(spec))
		return;
	spec->mode = mode_over(spec->mode, af == AF_INET6 ? FAMILY_IPV6 : FAMILY_IPV4);
	spec->wrap = spec->mode->wrap;
	if (!spec->dport)
		spec->dport = htons(spec->mode->dport);
	if (spec->ttl_auto)
		spec->ttl = HOP_LIMIT_DEFAULT;
	spec->ttl_auto = false;
	spec->flags &= ~TUNNEL_WRAP_CSUM;
	if (spec->mode->family == FAMILY_IPV6 ? !spec->udp6_zero_tx : spec->udpcsum)
		spec->flags |= TUNNEL_WRAP_CSUM;
	spec->flags &= ~TUNNEL_OPTIONS;
	if (spec->options.len)
		spec->flags |= TUNNEL_OPTIONS;
	/* DF is a matter of IPv4. */
	if (spec->mode->family == FAMILY_IPV6)
		spec->flags &= ~(TUNNEL_DF | TUNNEL_IGNORE_DF);
	/* And each of these one of its own family. */
	if (spec->mode->family == FAMILY_IPV6)
		spec->udpcsum = false;
	else
		spec->udp6_zero_tx = false;
}

/* What modes are that have a wrap of their own. */
static void wrap_defaults(struct tunnel_spec *spec, __u64 given)
{
	if (!(given & GIVEN_TTL))
		spec->ttl = HOP_LIMIT_DEFAULT;
	if (!(given & GIVEN_DF) && spec->mode->family == FAMILY_IPV4)
		spec->flags = (spec->flags & ~TUNNEL_DF) | TUNNEL_IGNORE_DF;
	if (!(given & GIVEN_DSTPORT) && spec->wrap == WRAP_VXLAN && spec->has_id)
		warn("dstport: not given; it is the kernel's old default, %u, and not the port of "
		     "RFC 7348, %u",
		     VXLAN_PORT_LINUX, VXLAN_PORT);
}

void spec_defaults(struct tunnel_spec *spec, __u64 given)
{
	if (!spec->mode)
		return;
	if (spec->mode->keywords & GIVEN_LEARNING) {
		if (!(given & GIVEN_LEARNING))
			spec->flags |= TUNNEL_LEARNING;
		if (!(given & GIVEN_AGEING))
			spec->ageing = AGEING_DEFAULT;
	}
	if (wraps_frames(spec))
		return wrap_defaults(spec, given);
	if (spec->mode->family != FAMILY_IPV6)
		return;
	spec->flags &= ~TUNNEL_DF;
	if (!(given & GIVEN_TTL))
		spec->ttl = HOP_LIMIT_DEFAULT;
	if (!(given & GIVEN_ENCAPLIMIT)) {
		spec->flags |= TUNNEL_ENCAP_LIMIT;
		spec->encap_limit = ENCAP_LIMIT_DEFAULT;
	}
	/* Over IPv6 the checksum is on unless it is switched off (RFC 8200 section 8.1). */
	if (spec->wrap != WRAP_NONE && !(given & GIVEN_ENCAP_CSUM))
		spec->flags |= TUNNEL_WRAP_CSUM;
}

int spec_af(const struct tunnel_spec *spec)
{
	return family_af[spec->mode->family];
}

bool spec_segments(const struct tunnel_spec *spec)
{
	/* Behind an outer header that says MPLS the stack cannot segment (inet_gso_segment()). */
	return spec->flags & TUNNEL_PER_SEGMENT || spec->mode->inner == INNER_MPLS ||
	       spec->mode->payload == PAYLOAD_ERSPAN;
}

/* @typed must be of the mode's outer family, and one host. */
static int address_check(const struct tunnel_spec *spec, const char *keyword,
			 const struct typed_address *typed, struct error *err)
{
	char text[INET6_ADDRSTRLEN];

	if (typed->af == AF_UNSPEC)
		return 0;
	address_text(typed, text);
	if (typed->af != spec_af(spec))
		return misuse(err, "%s: \"%s\" is an IPv%d address; mode %s has IPv%d outside",
			      keyword, text, typed->af == AF_INET ? 4 : 6, spec->mode->name,
			      spec_af(spec) == AF_INET ? 4 : 6);
	if (typed->af == AF_INET ? IN_MULTICAST(ntohl(typed->address.v4)) ||
					   typed->address.v4 == INADDR_BROADCAST
				 : (ntohl(typed->address.v6[0]) >> 24) == 0xff)
		return misuse(err, "%s: \"%s\" is not the address of one host", keyword, text);
	return 0;
}

static int wrap_check(const struct tunnel_spec *spec, __u64 given, struct error *err)
{
	if (wraps_frames(spec)) {
		if (!spec->has_id)
			return misuse(err, "id: missing; it is the number of the network (VNI), as "
					   "in `id 42`");
		return 0;
	}
	if (spec->ttl_auto)
		return misuse(err, "ttl: \"auto\" is not 1..255 or inherit");
	if (spec->wrap == WRAP_NONE) {
		if (given & (GIVEN_WRAP & ~GIVEN_ENCAP & ~GIVEN_ENCAP_REMCSUM))
			return misuse(err, "%s: goes with `encap fou` or `encap gue`",
				      given & GIVEN_ENCAP_DPORT   ? "encap-dport"
				      : given & GIVEN_ENCAP_SPORT ? "encap-sport"
								  : "encap-csum");
		return 0;
	}
	if (!spec->dport)
		return misuse(err, "encap-dport: missing; it is the port where the other end "
				   "receives");
	return 0;
}

/* What the session's number is to be, by @flag of enum tunnel_flags. */
static int session_check(const struct tunnel_spec *spec, const char *keyword, __u32 flag,
			 __be32 key, struct error *err)
{
	if (!(spec->flags & flag))
		return 0;
	if (!spec->erspan_version)
		return misuse(err, "%s: version 0 of ERSPAN has no sessions; leave it out",
			      keyword);
	if (ntohl(key) > ERSPAN_SESSION)
		return misuse(err, "%s: \"%u\" is not a session of ERSPAN, 0..%u", keyword,
			      ntohl(key), ERSPAN_SESSION);
	return 0;
}

/* Each version has keywords of its own. */
static int erspan_check(const struct tunnel_spec *spec, __u64 given, struct error *err)
{
	static const struct {
		const char *keyword;
		__u64 bit;
		__u8 version;
	} of_version[] = {
		{ "erspan", GIVEN_ERSPAN_INDEX, 1 },
		{ "erspan_dir", GIVEN_ERSPAN_DIR, 2 },
		{ "erspan_hwid", GIVEN_ERSPAN_HWID, 2 },
	};
	bool common = spec->ikey == spec->okey;
	size_t i;

	if (spec->mode->payload != PAYLOAD_ERSPAN)
		return 0;
	for (i = 0; i < sizeof(of_version) / sizeof(of_version[0]); i++)
		if (given & of_version[i].bit && of_version[i].version != spec->erspan_version)
			return misuse(err, "%s: goes with `erspan_ver %u`, not with %u",
				      of_version[i].keyword, of_version[i].version,
				      spec->erspan_version);
	if (session_check(spec, common ? "key" : "ikey", TUNNEL_IKEY, spec->ikey, err) ||
	    session_check(spec, common ? "key" : "okey", TUNNEL_OKEY, spec->okey, err))
		return -EINVAL;
	if (!spec->erspan_version && spec->flags & (TUNNEL_ISEQ | TUNNEL_OSEQ))
		return misuse(err,
			      "seq: version 0 of ERSPAN has no sequence numbers; leave it out");
	return 0;
}

int spec_check(const struct tunnel_spec *spec, __u64 given, struct error *err)
{
	__u64 foreign;
	size_t i;

	if (!spec->mode)
		return misuse(err, "mode: missing; it says how to encapsulate, as in `mode ipip`");
	foreign = given & ~spec->mode->keywords;
	for (i = 0; i < tunnel_keyword_count; i++)
		if (foreign & tunnel_keywords[i].bit)
			return misuse(err, "%s: mode %s has no such keyword",
				      tunnel_keywords[i].name, spec->mode->name);
	if (address_check(spec, "local", &spec->local, err) ||
	    address_check(spec, "remote", &spec->remote, err) || wrap_check(spec, given, err) ||
	    erspan_check(spec, given, err))
		return -EINVAL;
	if (spec->mode->family == FAMILY_IPV4 && spec->ttl && !(spec->flags & TUNNEL_DF) &&
	    !wraps_frames(spec))
		return misuse(err, "nopmtudisc: a fixed ttl needs pmtudisc; add `ttl inherit` or "
				   "leave nopmtudisc out");
	if (spec->flags & TUNNEL_MARK_INHERIT && spec->mode->family == FAMILY_IPV4)
		return misuse(err,
			      "fwmark: inherit is for tunnels over IPv6; mode %s takes a number",
			      spec->mode->name);
	if (spec->flags & TUNNEL_IGNORE_DF && spec->flags & TUNNEL_DF)
		return misuse(err, "ignore-df: needs nopmtudisc, or DF is set in all packets");
	if (spec_segments(spec) && spec->anchor != ANCHOR_AUTO && !anchor_segments(spec->anchor))
		return misuse(
			err,
			"anchor: a checksum, sequence number or MPLS needs a device that cuts "
			"packets to wire size: veth or netkit, not %s",
			anchor_kind_name(spec->anchor - 1));
	if (spec->mode->inner == INNER_ETHERNET && spec->anchor != ANCHOR_AUTO &&
	    !anchor_ethernet(spec->anchor))
		return misuse(err,
			      "anchor: %s has no Ethernet in it; mode %s needs dummy, ifb or veth",
			      anchor_kind_name(spec->anchor - 1), spec->mode->name);
	return 0;
}

__u32 spec_overhead(const struct tunnel_spec *spec)
{
	static const __u32 family[FAMILY_MAX] = {
		[FAMILY_IPV4] = IPV4_HLEN, [FAMILY_IPV6] = IPV6_HLEN
	};
	static const __u32 wrap[WRAP_MAX] = {
		[WRAP_NONE] = 0,
		[WRAP_FOU] = UDP_HLEN,
		[WRAP_GUE] = UDP_HLEN + GUE_HLEN,
		[WRAP_VXLAN] = UDP_HLEN + VXLAN_HLEN,
		[WRAP_GENEVE] = UDP_HLEN + GENEVE_HLEN,
	};
	static const __u32 payload[PAYLOAD_MAX] = {
		[PAYLOAD_IP] = 0, [PAYLOAD_GRE] = GRE_HLEN, [PAYLOAD_ERSPAN] = GRE_HLEN
	};
	static const __u32 erspan[] = { 0, GRE_FIELD + ERSPAN_HLEN1, GRE_FIELD + ERSPAN_HLEN2 };
	__u32 bytes = family[spec->mode->family] + wrap[spec->wrap] + payload[spec->mode->payload];

	if (spec->flags & TUNNEL_ENCAP_LIMIT)
		bytes += IPV6_LIMIT_HLEN;
	bytes += spec->mode->inner == INNER_ETHERNET ? WIRE_ETH_HLEN : 0;
	if (spec->mode->payload == PAYLOAD_ERSPAN)
		return bytes + erspan[spec->erspan_version];
	bytes += spec->flags & TUNNEL_OKEY ? GRE_FIELD : 0;
	bytes += spec->flags & TUNNEL_OCSUM ? GRE_FIELD : 0;
	bytes += spec->flags & TUNNEL_OSEQ ? GRE_FIELD : 0;
	bytes += spec->options.len;
	return bytes;
}

/* What the outer IP header announces, where the inner packet has no say. */
static __u8 outer_ip_proto(const struct tunnel_spec *spec)
{
	if (spec->wrap != WRAP_NONE)
		return WIRE_IPPROTO_UDP;
	switch (spec->mode->payload) {
	case PAYLOAD_GRE:
	case PAYLOAD_ERSPAN:
		return WIRE_IPPROTO_GRE;
	case PAYLOAD_IP:
	case PAYLOAD_MAX:
		break;
	}
	return spec->mode->inner == INNER_IPV4   ? WIRE_IPPROTO_IPIP
	       : spec->mode->inner == INNER_IPV6 ? WIRE_IPPROTO_IPV6
	       : spec->mode->inner == INNER_MPLS ? WIRE_IPPROTO_MPLS
						 : 0;
}

/* What bpf_skb_adjust_room() must be told about the headers. */
static __u8 room_flags(const struct tunnel_spec *spec)
{
	static const __u8 family[FAMILY_MAX] = { [FAMILY_IPV4] = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4,
						 [FAMILY_IPV6] = BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 };
	static const __u8 payload[PAYLOAD_MAX] = {
		[PAYLOAD_GRE] = BPF_F_ADJ_ROOM_ENCAP_L4_GRE,
		[PAYLOAD_ERSPAN] = BPF_F_ADJ_ROOM_ENCAP_L4_GRE,
	};

	return family[spec->mode->family] |
	       (spec->wrap != WRAP_NONE ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP
					: payload[spec->mode->payload]);
}

static bool shows_flow(const struct tunnel_spec *spec)
{
	return (spec->wrap != WRAP_NONE && !spec->sport) ||
	       (spec->mode->family == FAMILY_IPV6 && !spec->flowlabel && !wraps_frames(spec));
}

/* The kernel's ip6gre driver does not do as RFC 6040 wants (ip6gre_xmit_ipv4() and the like). */
static bool tos_plain(const struct tunnel_spec *spec)
{
	return spec->mode->family == FAMILY_IPV6 && spec->mode->payload != PAYLOAD_IP;
}

/* Fields that the version has; what is left over of another one is forgotten. */
static void erspan_to_record(const struct tunnel_spec *spec, struct tunnel *record)
{
	record->erspan = 0;
	if (spec->mode->payload != PAYLOAD_ERSPAN)
		return;
	record->flags |= TUNNEL_TRUNCATE;
	record->erspan = (__u32)spec->erspan_version << TUNNEL_ERSPAN_VERSION_SHIFT;
	if (spec->erspan_version == 1)
		record->erspan |= spec->erspan_index;
	if (spec->erspan_version == 2)
		record->erspan |= (spec->erspan_egress ? TUNNEL_ERSPAN_EGRESS : 0) |
				  (__u32)spec->erspan_hwid << TUNNEL_ERSPAN_HWID_SHIFT;
}

static void erspan_from_record(const struct tunnel *record, struct tunnel_spec *spec)
{
	if (record->payload != PAYLOAD_ERSPAN)
		return;
	spec->erspan_version = record->erspan >> TUNNEL_ERSPAN_VERSION_SHIFT;
	spec->erspan_egress = record->erspan & TUNNEL_ERSPAN_EGRESS;
	spec->erspan_hwid = record->erspan >> TUNNEL_ERSPAN_HWID_SHIFT & ERSPAN_HWID_MAX;
	spec->erspan_index = record->erspan & TUNNEL_ERSPAN_INDEX;
}

void spec_to_record(const struct tunnel_spec *spec, struct tunnel *record)
{
	record->local = spec->local.address;
	record->remote = spec->remote.address;
	record->link = spec->link;
	record->family = spec->mode->family;
	record->wrap = spec->wrap;
	record->payload = spec->mode->payload;
	record->inner = spec->mode->inner;
	record->ttl = spec->ttl;
	record->tos = spec->tos;
	record->hlen = spec_overhead(spec);
	record->encap_limit = spec->encap_limit;
	record->ikey = spec->ikey;
	record->okey = spec->okey;
	record->flowlabel = spec->flowlabel;
	record->fwmark = spec->fwmark;
	record->sport = spec->sport;
	record->dport = spec->dport;
	record->srcport_low = spec->srcport_low;
	record->srcport_high = spec->srcport_high;
	record->ageing = spec->ageing;
	record->options_len = spec->options.len;
	record->ip_proto = outer_ip_proto(spec);
	record->room_flags = room_flags(spec);
	record->flags = spec->flags |
			(spec->fwmark || spec->flags & TUNNEL_MARK_INHERIT ? TUNNEL_MARK : 0) |
			(spec->anchor != ANCHOR_AUTO ? TUNNEL_ANCHOR_CHOSEN : 0) |
			(spec->remote.af == AF_UNSPEC ? TUNNEL_NO_REMOTE : 0) |
			(shows_flow(spec) ? TUNNEL_SHOWS_FLOW : 0) |
			(spec->mode->keywords & GIVEN_ENCAPLIMIT ? TUNNEL_OVER_IPV6 : 0) |
			(tos_plain(spec) ? TUNNEL_TOS_PLAIN : 0);
	erspan_to_record(spec, record);
}

static struct typed_address address_from_record(const union address *address, int af)
{
	static const union address any;

	return (struct typed_address){ .af = memcmp(address, &any, sizeof(any)) ? af : AF_UNSPEC,
				       .address = *address };
}

void spec_from_record(const struct tunnel *record, struct tunnel_spec *spec)
{
	int af = record->family < FAMILY_MAX ? family_af[record->family] : AF_UNSPEC;

	spec->mode = mode_of_record(record);
	spec->local = address_from_record(&record->local, af);
	spec->remote = address_from_record(&record->remote, af);
	spec->link = record->link;
	spec->wrap = record->wrap;
	spec->ttl = record->ttl;
	spec->tos = record->tos;
	spec->encap_limit = record->encap_limit;
	spec->ikey = record->ikey;
	spec->okey = record->okey;
	spec->flowlabel = record->flowlabel;
	spec->fwmark = record->fwmark;
	spec->sport = record->sport;
	spec->dport = record->dport;
	spec->srcport_low = record->srcport_low;
	spec->srcport_high = record->srcport_high;
	spec->ageing = record->ageing;
	if (record->wrap >= WRAP_VXLAN) {
		spec->has_id = true;
		if (record->family == FAMILY_IPV6)
			spec->udp6_zero_tx = !(record->flags & TUNNEL_WRAP_CSUM);
		else
			spec->udpcsum = record->flags & TUNNEL_WRAP_CSUM;
	}
	spec->flags = record->flags &
		      ~(TUNNEL_MARK | TUNNEL_ANCHOR_CHOSEN | TUNNEL_NO_REMOTE | TUNNEL_SHOWS_FLOW |
			TUNNEL_TOS_PLAIN | TUNNEL_OVER_IPV6 | TUNNEL_PEERS_IPV4 |
			TUNNEL_PEERS_IPV6 | TUNNEL_PEERS_MAC | TUNNEL_TRUNCATE);
	erspan_from_record(record, spec);
	spec->anchor = record->flags & TUNNEL_ANCHOR_CHOSEN ? record->kind : ANCHOR_AUTO;
}

void spec_print(const struct tunnel_spec *spec, FILE *out)
{
	args_print(tunnel_keywords, tunnel_keyword_count, spec, 0, out);
}
