#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# More than two hosts and one wire; the topology of each group stands above it

. "$(dirname "$0")/../lib.sh"

tunnel() { run xt "$1" tunnel add "$2" mode ipip "${@:3}"; }

# up HOST TUNNEL ADDRESS PEER
up()
{
	run ip -n "$(ns "$1")" addr add "$3" peer "$4" dev "$2"
	run ip -n "$(ns "$1")" link set "$2" up
}

route() { run ip -n "$(ns "$1")" route replace "${@:2}"; }

#    a eth0 10.1.1.5 ---- 10.1.1.1 r 10.1.2.1 ---- 10.1.2.7 eth0 b        tunnel a == b

router_between()
{
	pings a 172.16.0.8
	tcp a 172.16.0.6 b 172.16.0.8
}

# The neighbour's address is resolved again when the router gets another one.
router_changes_mac()
{
	run ip -n "$(ns r)" link set eth0 down
	run ip -n "$(ns r)" link set eth0 address 02:00:00:00:00:99
	run ip -n "$(ns r)" link set eth0 up
	# The host learns of it as from any reboot: its entry is failed by hand, not waited for.
	run ip -n "$(ns a)" neigh flush dev eth0
	wait_for 15 "the new neighbour" on a ping -q -n -c 1 -W 0.5 172.16.0.8
	pings a 172.16.0.8
}

two_hosts_and_router
tunnel_ends 10.1.1.5 10.1.2.7
check "router between" router_between
check "router with a new mac" router_changes_mac

#    a eth0 10.1.1.5 ---- 10.1.1.1 h 10.1.2.1 ---- 10.1.2.7 eth0 b        tunnels a == h, h == b
#    a reaches b's inner address through both: h takes apart and packs again

hub()
{
	hosts_drop
	host a h b
	cable a eth0 10.1.1.5/24 h eth0 10.1.1.1/24
	cable h eth1 10.1.2.1/24 b eth0 10.1.2.7/24
	forwarding h
	tunnel a tun1 local 10.1.1.5 remote 10.1.1.1
	tunnel h toa local 10.1.1.1 remote 10.1.1.5
	tunnel h tob local 10.1.2.1 remote 10.1.2.7
	tunnel b tun1 local 10.1.2.7 remote 10.1.2.1
	up a tun1 172.16.1.2 172.16.1.1
	up h toa 172.16.1.1 172.16.1.2
	up h tob 172.16.2.1 172.16.2.2
	up b tun1 172.16.2.2 172.16.2.1
	route a 172.16.2.0/24 dev tun1
	route b 172.16.1.0/24 dev tun1
}

hub_traffic()
{
	pings a 172.16.2.2
	pings b 172.16.1.2 -s 8000
	tcp a 172.16.1.2 b 172.16.2.2 32
	udp a 172.16.1.2 b 172.16.2.2 100 1000
	traffic udpgso "$(ns a)" 172.16.1.2 "$(ns b)" 172.16.2.2
	equal "drops of toa" "$(drops h toa)" 0
	equal "drops of tob" "$(drops h tob)" 0
}

# What arrived merged must leave segmented, even where the device cannot do it.
hub_gro()
{
	run on h ethtool -K eth0 gro on
	run on h ethtool -K eth1 gro on tso off gso off tx-udp-segmentation off
	tcp a 172.16.1.2 b 172.16.2.2 16
	run on h ethtool -K eth0 gro off tso off gso off
	tcp a 172.16.1.2 b 172.16.2.2 16
}

hub
check "hub" hub_traffic
check "hub, merged packets" hub_gro

#    c 192.168.1.2 ---- 192.168.1.1 a 10.1.1.5 ---- 10.1.1.7 b 192.168.2.1 ---- 192.168.2.2 d
#                       tunnel a == b; c and d know nothing of it

gateways()
{
	two_hosts
	host c d
	cable c eth0 192.168.1.2/24 a eth1 192.168.1.1/24
	cable d eth0 192.168.2.2/24 b eth1 192.168.2.1/24
	forwarding a
	forwarding b
	tunnel_ends
	route c default via 192.168.1.1
	route d default via 192.168.2.1
	route a 192.168.2.0/24 dev tun1
	route b 192.168.1.0/24 dev tun2
}

gateways_traffic()
{
	pings c 192.168.2.2
	pings d 192.168.1.2 -s 20000
	tcp c 192.168.1.2 d 192.168.2.2 32
	udp c 192.168.1.2 d 192.168.2.2 100 1400
}

# Merged packets, in and out, through devices that segment nothing.
gateways_gro()
{
	run on a ethtool -K eth1 gro on
	run on b ethtool -K eth0 gro on
	run on b ethtool -K eth1 tso off gso off tx-udp-segmentation off
	tcp c 192.168.1.2 d 192.168.2.2 32
	traffic udpgso "$(ns c)" 192.168.1.2 "$(ns d)" 192.168.2.2
}

# A packet that is too long for the tunnel and must not be cut: its sender is told the size.
gateways_pmtu()
{
	! on c ping -q -n -c 1 -W 1 -M 'do' -s 1460 192.168.2.2 || die "1488 bytes with DF were answered"
	holds "the path as c sees it" "$(ip -n "$(ns c)" route get 192.168.2.2)" "mtu 1480"
	pings c 192.168.2.2 -M 'do' -s 1452
}

gateways
check "gateways" gateways_traffic
check "gateways, merged packets" gateways_gro
check "gateways, path mtu" gateways_pmtu

#    a eth0 10.1.1.5, 10.1.1.6 ---------- 10.1.1.7 eth0 b
#    two tunnels, the same two ends of the wire, told apart by a's address

same_remote()
{
	two_hosts
	run ip -n "$(ns a)" addr add 10.1.1.6/24 dev eth0
	tunnel a one local 10.1.1.5 remote 10.1.1.7
	tunnel a two local 10.1.1.6 remote 10.1.1.7
	tunnel b one local 10.1.1.7 remote 10.1.1.5
	tunnel b two local 10.1.1.7 remote 10.1.1.6
	up a one 172.16.1.1 172.16.1.2
	up a two 172.16.2.1 172.16.2.2
	up b one 172.16.1.2 172.16.1.1
	up b two 172.16.2.2 172.16.2.1
}

same_remote_traffic()
{
	run on a ping -q -n -c 5 -i 0.02 -W 2 172.16.1.2
	run on a ping -q -n -c 7 -i 0.02 -W 2 172.16.2.2
	for host in a b; do
		for direction in tx rx; do
			equal "${direction}_packets of $host one" "$(counter $host one ${direction}_packets)" 5
			equal "${direction}_packets of $host two" "$(counter $host two ${direction}_packets)" 7
		done
	done
}

# Deleting one leaves the other.
same_remote_del()
{
	run xt b tunnel del one
	pings_not a 172.16.1.2
	pings a 172.16.2.2
}

same_remote
check "same remote, two locals" same_remote_traffic
check "same remote, one deleted" same_remote_del

#    a eth0 10.1.1.5 ---------- 10.1.1.7 eth0 b
#      eth1 10.1.2.5 ---------- 10.1.2.7 eth1
#      lo   10.9.0.1            10.9.0.2 lo         the tunnel's ends, reachable over either wire

two_wires()
{
	two_hosts
	cable a eth1 10.1.2.5/24 b eth1 10.1.2.7/24
	run ip -n "$(ns a)" addr add 10.9.0.1/32 dev lo
	run ip -n "$(ns b)" addr add 10.9.0.2/32 dev lo
	route a 10.9.0.2/32 via 10.1.1.7
	route b 10.9.0.1/32 via 10.1.1.5
	tunnel_ends 10.9.0.1 10.9.0.2
}

# outer_tx HOST DEV - packets that left by it
outer_tx() { ip -n "$(ns "$1")" -j -s link show "$2" | jq '.[0].stats64.tx.packets'; }

# The ping runs across the change and loses nothing.
underlay_change()
{
	local ping old

	pings a 172.16.0.8
	nsenter --net="/run/netns/$(ns a)" -- ping -q -n -c 60 -i 0.02 -W 2 172.16.0.8 >"$tmp/ping" &
	ping=$!
	wait_for 15 "the ping to run" eval "[ \$(counter a tun1 tx_packets) -gt 12 ]"
	route a 10.9.0.2/32 via 10.1.2.7
	route b 10.9.0.1/32 via 10.1.2.5
	wait "$ping" || die "the ping ended with status $?: $(tail -n 3 "$tmp/ping" | tr '\n' ' ')"
	holds "the ping" "$(cat "$tmp/ping")" " 0% packet loss"
	old=$(outer_tx a eth0)
	pings a 172.16.0.8
	tcp a 172.16.0.6 b 172.16.0.8
	equal "packets that left by the old wire meanwhile" "$(outer_tx a eth0)" "$old"
}

# The old wire is gone altogether.
underlay_gone()
{
	run ip -n "$(ns a)" link del eth0
	pings a 172.16.0.8
	run xt a tunnel show tun1
	run xt a tunnel change tun1 ttl 9
	pings a 172.16.0.8
}

two_wires
check "underlay change" underlay_change
check "underlay gone" underlay_gone

#    a eth0 10.1.1.5, 10.2.0.1, 10.2.0.2 ... ---------- 10.1.1.7, 10.3.0.1, 10.3.0.2 ... eth0 b

thousand()
{
	local i n

	n=$(quick 1000 250)
	two_hosts
	for ((i = 1; i <= n; i++)); do
		echo "tunnel add t$i mode ipip local 10.1.1.5 remote 10.3.$((i / 250)).$((i % 250 + 1)) dev eth0"
	done >"$tmp/batch"
	run xt a -b "$tmp/batch"
	equal "tunnels shown" "$(xt a -j tunnel show | jq length)" "$n"
	equal "devices" "$(devices a | grep -c '^t[0-9]')" "$n"
	run ip -n "$(ns b)" addr add "10.3.$((n / 250)).1/24" dev eth0
	route a "10.3.$((n / 250)).0/24" dev eth0
	tunnel b tun1 local "10.3.$((n / 250)).1" remote 10.1.1.5
	up a "t$n" 172.16.0.6 172.16.0.8
	up b tun1 172.16.0.8 172.16.0.6
	pings a 172.16.0.8
	run xt a flush
	equal "devices after flush" "$(devices a | tr '\n' ' ')" "eth0 lo "
}
check "$(quick 1000 250) tunnels" thousand

finish
