#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `fwmark`: routes to the remote are looked up with a mark
#
#    a lo 192.0.2.5, eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b, lo 192.0.2.7
#      2001:db8::5       fd00::5                 fd00::7         2001:db8::7
#
# Without the mark 9 host a has no way to the remote.

. "$(dirname "$0")/../lib.sh"

hosts_routed()
{
	local host

	two_hosts
	for host in a:5 b:7; do
		address6 "${host%:*}" eth0 "fd00::${host#*:}/64"
		run on "${host%:*}" sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
		run ip -n "$(ns "${host%:*}")" -b - <<-END
			addr add 192.0.2.${host#*:}/32 dev lo
			addr add 2001:db8::${host#*:}/128 dev lo
		END
	done
	run on b sysctl -qw net.ipv4.conf.all.arp_ignore=1
	run ip -n "$(ns b)" route add 192.0.2.5 via 10.1.1.5
	run ip -n "$(ns b)" route add 2001:db8::5 via fd00::5
	run ip -n "$(ns a)" route add 192.0.2.7 via 10.1.1.7 table 9
	run ip -n "$(ns a)" route add 2001:db8::7 via fd00::7 table 9
	run ip -n "$(ns a)" rule add fwmark 9 to 192.0.2.7 table 9
	run ip -n "$(ns a)" -6 rule add fwmark 9 table 9
}

# ends MODE A B WORDS... - the tunnel, with WORDS at a
ends()
{
	"$XTUN" -n "$(ns a)" tunnel add tun1 mode "$1" local "$2" remote "$3" "${@:4}" 2>"$tmp/err" ||
		skip_test "$(cat "$tmp/err")"
	run xt b tunnel add tun2 mode "$1" local "$3" remote "$2"
	tunnel_addresses
}

fixed()
{
	hosts_routed
	ends ipip 192.0.2.5 192.0.2.7 fwmark 9
	holds "show" "$(xt a tunnel show tun1)" " fwmark 0x9"
	# The first finds no neighbour.
	on a ping -q -n -c 3 -i 0.05 -W 2 172.16.0.8
	pings a 172.16.0.8
	run xt a tunnel change tun1 fwmark 8
	pings_not a 172.16.0.8
	[ "$(counter a tun1 drops.no_route)" -gt 0 ] || die "nothing was dropped for no_route"
	run xt a tunnel change tun1 fwmark 0
	pings_not a 172.16.0.8
}

inherited()
{
	hosts_routed
	ends ipip6 2001:db8::5 2001:db8::7 fwmark inherit
	pings a 172.16.0.8 -m 9
	pings_not a 172.16.0.8
	pings a 172.16.0.8 -m 9
}

check "fwmark" fixed
shared check "fwmark inherit" inherited
finish
