#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A VLAN device as the underlay: frames are tagged and untagged outside of the tunnel's programs

. "$(dirname "$0")/../lib.sh"

#    a eth0.5 10.1.5.5 ---- VLAN 5 ---- 10.1.5.7 eth0.5 b

vlan()
{
	two_hosts
	for host in a b; do
		ip -n "$(ns $host)" link add eth0.5 link eth0 type vlan id 5 2>"$tmp/err" ||
			skip_test "this kernel has no VLAN devices ($(head -n 1 "$tmp/err"))"
	done
	address a eth0.5 10.1.5.5/24
	address b eth0.5 10.1.5.7/24
	tunnel_ends 10.1.5.5 10.1.5.7 dev eth0.5
	pings a 172.16.0.8
	tcp a 172.16.0.6 b 172.16.0.8
	pings a 172.16.0.8 -s 8000
	run xt a tunnel change tun1 dev eth0
	run xt b tunnel change tun2 dev eth0
	pings_not a 172.16.0.8
}
check "vlan underlay" vlan
