#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tunnels over IPv6 and the settings of a host that has its routes from router advertisements
#
#    a eth0 10.1.1.5, fe80::, ----- fe80::7 eth0 b, a router
#      default route by router advertisement

. "$(dirname "$0")/../lib.sh"

advertise()
{
	local mac

	mac=$(mac b eth0)
	run on b "$python" - "$mac" <<'PY'
import sys
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPv6
from scapy.layers.l2 import Ether
from scapy.sendrecv import sendp
sendp(Ether(src=sys.argv[1], dst="33:33:00:00:00:01") /
      IPv6(src="fe80::7", dst="ff02::1", hlim=255) /
      ICMPv6ND_RA(routerlifetime=1800) /
      ICMPv6NDOptPrefixInfo(prefix="2001:db8:7::", prefixlen=64), iface="eth0", verbose=0)
PY
}

advertised() { [ -n "$(ip -n "$(ns a)" -6 route show default proto ra)" ]; }
forwarding() { on a cat /proc/sys/net/ipv6/conf/lo/forwarding; }

# Forwarding on lo, which look-ups of the way over IPv6 need, must not cost the host its default route.
keeps_advertised_routes()
{
	two_hosts
	# Nobody else can have its address; the kernel looks for who has when it finds the time.
	run on a sysctl -qw net.ipv6.conf.eth0.dad_transmits=0 net.ipv6.conf.eth0.accept_dad=0
	run on a sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_ra=1
	wait_for 15 "a link-local address" eval \
		'ip -n "$(ns a)" -6 addr show dev eth0 scope link -tentative | grep -q inet6'
	advertise
	wait_for 15 "the advertised route" advertised
	run xt a tunnel add tun1 mode ip6ip6 local 2001:db8::5 remote 2001:db8::7
	equal "forwarding on lo with a tunnel" "$(forwarding)" 1
	advertised || die "the advertised default route is gone with the first tunnel"
	equal "accept_ra" "$(on a cat /proc/sys/net/ipv6/conf/eth0/accept_ra)" 1
	run xt a tunnel del tun1
	equal "forwarding on lo without one" "$(forwarding)" 0
	advertised || die "the advertised default route is gone with the last tunnel"
}

# What a tunnel over IPv4 does not need is left alone.
only_when_needed()
{
	two_hosts
	equal "forwarding on lo before" "$(forwarding)" 0
	run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7
	equal "forwarding on lo with a tunnel over IPv4" "$(forwarding)" 0
}

check "advertised routes stay" keeps_advertised_routes
check "forwarding of IPv6 only where needed" only_when_needed

finish
