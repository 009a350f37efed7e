#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A router whose XDP programs forward: into a tunnel, out of one, and from one into another
#
#    a eth0 10.0.1.5 ------ 10.0.1.1 eth0 r eth1 10.1.2.1 ------ 10.1.2.7 eth0 b
#      tun1 172.17.0.5 == ipip == 172.17.0.1 tun1 r tun2 172.16.0.1 == ipip == 172.16.0.7 tun2 b

. "$(dirname "$0")/../lib.sh"

# setup - hosts, tunnels, routes, and XDP on both devices of r
setup()
{
	local host dev

	hosts_drop
	host a r b
	cable a eth0 10.0.1.5/24 r eth0 10.0.1.1/24
	cable r eth1 10.1.2.1/24 b eth0 10.1.2.7/24
	forwarding r
	# veth takes redirected frames where the other half has NAPI, which GRO switches on.
	for host in a b; do run on "$host" ethtool -K eth0 gro on tx off >/dev/null; done
	run xt a tunnel add tun1 mode ipip local 10.0.1.5 remote 10.0.1.1
	run xt r tunnel add tun1 mode ipip local 10.0.1.1 remote 10.0.1.5
	run xt r tunnel add tun2 mode ipip local 10.1.2.1 remote 10.1.2.7
	run xt b tunnel add tun2 mode ipip local 10.1.2.7 remote 10.1.2.1
	address a tun1 172.17.0.5/24
	address r tun1 172.17.0.1/24
	address r tun2 172.16.0.1/24
	address b tun2 172.16.0.7/24
	run ip -n "$(ns a)" route add 172.16.0.0/24 via 10.0.1.1
	run ip -n "$(ns b)" route add 10.0.1.0/24 dev tun2
	run ip -n "$(ns b)" route add 172.17.0.0/24 dev tun2
	for dev in eth0 eth1; do run xt r attach "$dev" xdp forward; done
}

forwarded() { on r awk '/^Ip: [0-9]/ { print $7 }' /proc/net/snmp; }

# past_the_stack CMD... - CMD makes traffic of which the stack of r forwards little
past_the_stack()
{
	local before after sent

	before=$(forwarded) sent=$(($(counter r tun2 tx_packets) + $(counter r tun2 rx_packets)))
	"$@"
	after=$(forwarded)
	sent=$(($(counter r tun2 tx_packets) + $(counter r tun2 rx_packets) - sent))
	[ "$sent" -ge 100 ] || die "only $sent packets were counted"
	[ $(((after - before) * 5)) -lt "$sent" ] ||
		die "the stack forwarded $((after - before)) of $sent packets"
}

many() { run on a ping -q -n -c 200 -i 0.002 -W 2 "$@"; }

exact()
{
	local tx rx

	tx=$(counter r tun2 tx_packets) rx=$(counter r tun2 rx_packets)
	udp a 10.0.1.5 b 172.16.0.7 100 500
	udp b 172.16.0.7 a 10.0.1.5 50 500
	equal "tx_packets" "$(counter r tun2 tx_packets)" $((tx + 100))
	equal "rx_packets" "$(counter r tun2 rx_packets)" $((rx + 50))
	equal "drops" "$(drops r tun2)" 0
}

hops()
{
	local text

	text=$(on a ping -n -c 3 -i 0.05 -W 2 172.16.0.7)
	equal "TTLs of answers" "$(echo "$text" | grep -o 'ttl=[0-9]*' | sort -u)" ttl=63
	text=$(on a ping -n -c 2 -i 0.05 -W 2 -t 1 172.16.0.7)
	holds "the last hop" "$text" "From 10.0.1.1 "
	holds "the last hop" "$text" "Time to live exceeded"
}

too_big()
{
	holds "the answer" "$(on a ping -n -c 1 -W 2 -M "do" -s 1453 172.16.0.7)" "mtu = 1480"
	run ip -n "$(ns a)" route flush cache
	many -M "do" -s 1452 172.16.0.7
	run on a ping -q -n -c 3 -i 0.02 -W 2 -s 4000 172.16.0.7
}

neighbours()
{
	many 172.16.0.7
	run ip -n "$(ns r)" neigh flush dev eth0
	run ip -n "$(ns r)" neigh flush dev eth1
	many 172.16.0.7
}

# The kernel's routes are the only truth: the next packets follow them.
routes_change()
{
	many 172.16.0.7
	run ip -n "$(ns r)" route add blackhole 172.16.0.7/32
	pings_not a 172.16.0.7
	run ip -n "$(ns r)" route del blackhole 172.16.0.7/32
	many 172.16.0.7
	run xt r tunnel change tun2 remote 10.1.2.9
	pings_not a 172.16.0.7
	run xt r tunnel change tun2 remote 10.1.2.7
	many 172.16.0.7
}

relayed() { run on a ping -q -n -c 200 -i 0.002 -W 2 -I 172.17.0.5 172.16.0.7; }

relay()
{
	run ip -n "$(ns a)" route replace 172.16.0.0/24 dev tun1
	past_the_stack relayed
	tcp a 172.17.0.5 b 172.16.0.7
	equal "drops" "$(drops r tun1) $(drops r tun2)" "0 0"
	run ip -n "$(ns a)" route replace 172.16.0.0/24 via 10.0.1.1
}

# What a virtual device left for the next one to sum goes up, where that is known.
partial()
{
	run on a ethtool -K eth0 tx on >/dev/null
	run on b ethtool -K eth0 tx on >/dev/null
	tcp a 10.0.1.5 b 172.16.0.7
	udp a 10.0.1.5 b 172.16.0.7 50 1000
	udp b 172.16.0.7 a 10.0.1.5 50 1000
}

one_side()
{
	run xt r detach eth1
	many 172.16.0.7
	tcp a 10.0.1.5 b 172.16.0.7 2
	run xt r attach eth1 xdp forward
}

refused_without_forwarding()
{
	run xt r detach eth0
	run on r sysctl -qw net.ipv4.conf.eth0.forwarding=0
	xt r attach eth0 xdp forward 2>"$tmp/err"
	equal "status" $? 1
	holds "the answer" "$(cat "$tmp/err")" "forward: eth0 does not forward"
	run on r sysctl -qw net.ipv4.conf.eth0.forwarding=1
	run xt r attach eth0 xdp forward
	equal "save" "$(xt r save | grep -c '^attach eth[01] xdp forward$')" 2
	equal "shown" "$(xt r -j dev show eth0 | jq -c '.[0] | [.xdp, .forward]')" '["native",true]'
}

# sent_past LIMIT CMD... - CMD makes traffic of which the stack of r forwards at most LIMIT packets
sent_past()
{
	local before

	before=$(forwarded)
	"${@:2}"
	[ $(($(forwarded) - before)) -le "$1" ] || die "the stack forwarded $(($(forwarded) - before)) packets"
}

# Routed into a tunnel for frames and out of it; the kernel's driver is at the other end.
framed()
{
	local host before

	for host in a b; do run on "$host" ethtool -K eth0 tx off >/dev/null; done
	run xt r tunnel add tap mode vxlan id 9 dstport 4789 local 10.1.2.1 remote 10.1.2.7
	run ip -n "$(ns b)" link add tap type vxlan id 9 dstport 4789 local 10.1.2.7 remote 10.1.2.1
	address r tap 172.18.0.1/24
	address b tap 172.18.0.7/24
	run ip -n "$(ns a)" route add 172.18.0.0/24 via 10.0.1.1
	run ip -n "$(ns b)" route replace 10.0.1.0/24 via 172.18.0.1
	many 172.18.0.7
	sent_past 20 udp a 10.0.1.5 b 172.18.0.7 200 500
	sent_past 20 udp b 172.18.0.7 a 10.0.1.5 200 500
	tcp a 10.0.1.5 b 172.18.0.7 2
	# A next hop whose address is not known is asked for, by the stack.
	run ip -n "$(ns r)" neigh flush dev tap
	many 172.18.0.7
	equal "drops" "$(drops r tap)" 0
	# As a bridge's port it belongs to that, which learns who is where from what comes in.
	run ip -n "$(ns r)" link add br0 type bridge
	run ip -n "$(ns r)" addr flush dev tap
	run ip -n "$(ns r)" link set tap master br0
	run ip -n "$(ns r)" link set br0 address "$(mac r tap)"
	address r br0 172.18.0.1/24
	before=$(forwarded)
	many 172.18.0.7
	[ $(($(forwarded) - before)) -ge 380 ] || die "the bridge saw only $(($(forwarded) - before)) of 400 packets"
	run ip -n "$(ns r)" link del br0
	run xt r tunnel del tap
	run ip -n "$(ns b)" link del tap
	run ip -n "$(ns b)" route replace 10.0.1.0/24 dev tun2
}

# Into a tunnel and out of one, by a VLAN device: the tags are in the frames that XDP sends, and gets.
tagged()
{
	local before

	setup
	xt r detach eth1 2>"$tmp/err" || die "detach"
	ip -n "$(ns r)" link add eth1.7 link eth1 type vlan id 7 2>/dev/null ||
		skip_test "this kernel has no VLAN devices"
	run on r ethtool -K eth1 rxvlan off
	run on b ethtool -K eth0 txvlan off
	run ip -n "$(ns b)" link add eth0.7 link eth0 type vlan id 7
	address r eth1.7 10.1.3.1/24
	address b eth0.7 10.1.3.7/24
	run ip -n "$(ns b)" route replace 172.17.0.0/24 via 10.1.3.1
	run xt r tunnel change tun2 local 10.1.3.1 remote 10.1.3.7
	run xt b tunnel change tun2 local 10.1.3.7 remote 10.1.3.1
	run xt r attach eth1 xdp forward
	many 172.16.0.7
	capture b eth0 "$tmp/tags" 'vlan 7 and proto 4'
	sent_past 20 udp a 10.0.1.5 b 172.16.0.7 200 500
	captured "$tmp/tags" 180
	capture_end
	run ip -n "$(ns a)" route add 10.1.3.0/24 dev tun1
	sent_past 20 udp a 172.17.0.5 b 10.1.3.7 200 500
	sent_past 20 udp b 172.16.0.7 a 10.0.1.5 200 500
	sent_past 20 udp b 10.1.3.7 a 172.17.0.5 200 500
	tcp a 10.0.1.5 b 172.16.0.7 2
	equal "drops" "$(drops r tun1) $(drops r tun2)" "0 0"
	# By a device that is down nothing comes in, although XDP is not told.
	before=$(counter r tun2 rx_packets)
	run ip -n "$(ns r)" link set eth1.7 down
	sleep 0.1
	on b ping -q -n -c 10 -i 0.02 -W 1 -I 172.16.0.7 10.0.1.5 >/dev/null
	equal "received by a device that is down" "$(counter r tun2 rx_packets)" "$before"
	run ip -n "$(ns r)" link set eth1.7 up
	pings a 172.16.0.7
	# A device of another tag, which the next command hears of; and none.
	run ip -n "$(ns r)" link del eth1.7
	run ip -n "$(ns r)" link add eth1.7 link eth1 type vlan id 8
	run ip -n "$(ns b)" link del eth0.7
	run ip -n "$(ns b)" link add eth0.7 link eth0 type vlan id 8
	address r eth1.7 10.1.3.1/24
	address b eth0.7 10.1.3.7/24
	run ip -n "$(ns b)" route replace 172.17.0.0/24 via 10.1.3.1
	run xt r tunnel change tun2 ttl 9
	run xt b tunnel change tun2 ttl 9
	many 172.16.0.7
	sent_past 20 udp a 10.0.1.5 b 172.16.0.7 200 500
	xt r detach eth1 2>"$tmp/err" || die "detach"
	udp a 10.0.1.5 b 172.16.0.7 20 500
}

setup
check "ping" past_the_stack many 172.16.0.7
check "tcp" past_the_stack tcp a 10.0.1.5 b 172.16.0.7 32
whole check "counters" exact
check "hops" hops
whole check "too big" too_big
whole check "unknown neighbours" neighbours
shared check "routes that change" routes_change
shared check "relay" relay
whole check "one side only" one_side
whole check "without forwarding" refused_without_forwarding
check "checksums to be filled in" partial
whole check "plain traffic" tcp a 10.0.1.5 r 10.0.1.1 2
shared check "by a tunnel for frames" framed
shared check "by VLAN devices" tagged

finish
