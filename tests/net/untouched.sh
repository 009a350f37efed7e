#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is no tunnel's goes on as if xtun were not there
#
#    a eth0 10.1.1.5 ------- 10.1.1.1 eth0 r eth1 10.1.2.1 ------- 10.1.2.7 eth0 b
#    tunnels a == r and a == b, and a kernel vxlan a == r, all over the same wire

. "$(dirname "$0")/../lib.sh"

two_hosts_and_router
run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.2.7
run xt b tunnel add tun2 mode ipip local 10.1.2.7 remote 10.1.1.5
tunnel_addresses
run xt a tunnel add tor mode ipip local 10.1.1.5 remote 10.1.1.1
run xt r tunnel add toa mode ipip local 10.1.1.1 remote 10.1.1.5

# A router with a tunnel of its own forwards the tunnels of others.
forwards_others()
{
	pings a 172.16.0.8
	tcp a 172.16.0.6 b 172.16.0.8
	equal "rx_packets of toa" "$(counter r toa rx_packets)" 0
	equal "drops of toa" "$(drops r toa)" 0
}

plain()
{
	pings a 10.1.1.1
	pings b 10.1.1.5 -s 20000
	tcp a 10.1.1.5 b 10.1.2.7
	udp a 10.1.1.5 r 10.1.1.1 50 1000
	udp a 10.1.1.5 r 10.1.1.1 10 20000
}

arp()
{
	for _ in 1 2 3; do
		run ip -n "$(ns a)" neigh flush dev eth0
		run ip -n "$(ns r)" neigh flush dev eth0
		run on a ping -q -n -c 1 -W 2 10.1.1.1
	done
	run on a ping -q -n -c 1 -W 2 172.16.0.8
}

ipv6()
{
	local host

	address6 a eth0 fd00::5/64
	address6 r eth0 fd00::1/64
	run on a ping -6 -q -n -c 3 -i 0.02 -W 2 fd00::1
	run on r ping -6 -q -n -c 3 -i 0.02 -W 2 -s 8000 fd00::5
	for host in a r; do
		run on "$host" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	done
}

vxlan()
{
	ip -n "$(ns a)" link add vx type vxlan id 7 dstport 4789 local 10.1.1.5 remote 10.1.1.1 \
		2>/dev/null || skip_test "this kernel has no vxlan devices"
	run ip -n "$(ns r)" link add vx type vxlan id 7 dstport 4789 local 10.1.1.1 remote 10.1.1.5
	address a vx 172.20.0.5/24
	address r vx 172.20.0.1/24
	pings a 172.20.0.1
	tcp a 172.20.0.5 r 172.20.0.1
}

# Counters of tunnels that nobody used.
nothing_counted()
{
	equal "rx_packets of tor" "$(counter a tor rx_packets)" 0
	equal "tx_packets of tor" "$(counter a tor tx_packets)" 0
	equal "drops of tor" "$(drops a tor)" 0
	equal "drops of tun1" "$(drops a tun1)" 0
	equal "drops of tun2" "$(drops b tun2)" 0
}

check "tunnels of others" forwards_others
check "plain traffic" plain
check "arp" arp
check "ipv6" ipv6
check "the kernel's vxlan" vxlan
check "nothing counted" nothing_counted
check_script script "$python" "$lib_dir/net/untouched.py" "$(ns r)" "$(ns a)"

finish
