#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A VLAN device as the underlay: frames are tagged and untagged outside of the tunnel's programs

. "$(dirname "$0")/../lib.sh"

#    a eth0.5 10.1.5.5 ---- VLAN 5 ---- 10.1.5.7 eth0.5 b

vlan()
{
	local host tagged

	two_hosts
	for host in a b; do
		ip -n "$(ns $host)" link add eth0.5 link eth0 type vlan id 5 2>"$tmp/err" ||
			skip_test "this kernel has no VLAN devices ($(head -n 1 "$tmp/err"))"
	done
	address a eth0.5 10.1.5.5/24
	address b eth0.5 10.1.5.7/24
	tunnel_ends 10.1.5.5 10.1.5.7 dev eth0.5
	ip netns exec "$(ns a)" tcpdump -U -ni eth0 -c 6 -w "$tmp/pcap" 'vlan 5 and ip proto 4' 2>"$tmp/dump" &
	wait_for 15 "tcpdump" grep -q listening "$tmp/dump"
	pings a 172.16.0.8
	wait $!
	tcp a 172.16.0.6 b 172.16.0.8
	pings a 172.16.0.8 -s 8000
	# On the wire the tunnel's packets are tagged.
	tagged=$(on a tcpdump -nr "$tmp/pcap" 'vlan 5 and ip proto 4' 2>/dev/null | wc -l)
	[ "$tagged" -ge 6 ] || die "only $tagged tagged packets of the tunnel were seen"
}
check "vlan underlay" vlan
