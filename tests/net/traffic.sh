#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Real traffic through one tunnel, and the counters
#
#    a  tun1 172.16.0.6 ==== ipip ==== 172.16.0.8 tun2  b
#       eth0 10.1.1.5 --------------------- 10.1.1.7 eth0

. "$(dirname "$0")/../lib.sh"

udp_bytes=172 # of payload, so that an inner packet has 200

mtu_is() { equal "MTU of tun1" "$(mtu a tun1)" 1480; }

ping_fits()
{
	pings a 172.16.0.8 -M 'do' -s 1452
	! on a ping -q -n -c 1 -W 0.3 -M 'do' -s 1453 172.16.0.8 ||
		die "an inner packet of 1481 bytes with DF was answered"
}

# exactly FROM TUNNEL ADDRESS TO TUNNEL ADDRESS - a known number of packets, counted at both ends
exactly()
{
	local n=137 before_tx before_rx bytes_tx bytes_rx

	before_tx=$(counter "$1" "$2" tx_packets) bytes_tx=$(counter "$1" "$2" tx_bytes)
	before_rx=$(counter "$4" "$5" rx_packets) bytes_rx=$(counter "$4" "$5" rx_bytes)
	udp "$1" "$3" "$4" "$6" "$n" "$udp_bytes"
	equal "tx_packets of $2" "$(counter "$1" "$2" tx_packets)" $((before_tx + n))
	equal "tx_bytes of $2" "$(counter "$1" "$2" tx_bytes)" $((bytes_tx + n * (udp_bytes + 28)))
	equal "rx_packets of $5" "$(counter "$4" "$5" rx_packets)" $((before_rx + n))
	equal "rx_bytes of $5" "$(counter "$4" "$5" rx_bytes)" $((bytes_rx + n * (udp_bytes + 28)))
	equal "drops of $2" "$(drops "$1" "$2")" 0
	equal "drops of $5" "$(drops "$4" "$5")" 0
}

counters_both()
{
	exactly a tun1 172.16.0.6 b tun2 172.16.0.8
	exactly b tun2 172.16.0.8 a tun1 172.16.0.6
}

# Counters are per CPU: what two CPUs send must add up.
counters_cpus()
{
	local cpu cpus=0 before

	before=$(counter a tun1 tx_packets)
	for cpu in 0 1; do
		taskset -c "$cpu" true 2>/dev/null || continue
		cpus=$((cpus + 1))
		run on a taskset -c "$cpu" ping -q -n -c 10 -i 0.01 -W 2 172.16.0.8
	done
	equal "tx_packets" "$(counter a tun1 tx_packets)" $((before + 10 * cpus))
}

counters_text()
{
	local text want

	text=$(xt a -s tunnel show tun1)
	want="$(counter a tun1 rx_packets) $(counter a tun1 rx_bytes) 0"
	equal "RX line" "$(echo "$text" | awk '/^RX/ { getline; print $1, $2, $3 }')" "$want"
	want="$(counter a tun1 tx_packets) $(counter a tun1 tx_bytes) 0"
	equal "TX line" "$(echo "$text" | awk '/^TX/ { getline; print $1, $2, $3 }')" "$want"
}

# Segmentation is left to the underlay: packets longer than the MTU are what it gets.
gso_kept()
{
	capture a eth0 "$tmp/gso" 'ip proto 4 and src 10.1.1.5 and greater 4000'
	tcp a 172.16.0.6 b 172.16.0.8 8
	captured "$tmp/gso" 10
	capture_end
}

# offload HOST STATE - of eth0's segmentation
offload() { run on "$1" ethtool -K eth0 tso "$2" gso "$2" tx-udp-segmentation "$2"; }

tcp_segmented_here()
{
	offload a off
	offload b off
	tcp a 172.16.0.6 b 172.16.0.8 16
	offload a on
	offload b on
}

tcp_gro()
{
	run on a ethtool -K eth0 gro off
	run on b ethtool -K eth0 gro on
	tcp a 172.16.0.6 b 172.16.0.8 16
	run on b ethtool -K eth0 gro off
}

# An underlay that cannot compute checksums: each is complete when it leaves.
tcp_no_checksum()
{
	run on a ethtool -K eth0 tx off
	run on b ethtool -K eth0 tx off
	tcp a 172.16.0.6 b 172.16.0.8 16
	run on a ethtool -K eth0 tx on
	run on b ethtool -K eth0 tx on
}

udp_gso_here()
{
	offload a off
	traffic udpgso "$(ns a)" 172.16.0.6 "$(ns b)" 172.16.0.8
	offload a on
}

without_tunnel()
{
	pings a 10.1.1.7
	tcp a 10.1.1.5 b 10.1.1.7 16
	udp a 10.1.1.5 b 10.1.1.7 50 1000
}

nothing_dropped()
{
	equal "drops of tun1" "$(drops a tun1)" 0
	equal "drops of tun2" "$(drops b tun2)" 0
}

# all_traffic - the tests above on whatever tunnel stands
all_traffic()
{
	check "$1 ping" pings a 172.16.0.8
	check "$1 ping the other way" pings b 172.16.0.6
	check "$1 ping of 8000 bytes" pings a 172.16.0.8 -s 8000
	check "$1 ping of 60000 bytes" pings b 172.16.0.6 -s 60000
	check "$1 mtu" mtu_is
	check "$1 ping that just fits" ping_fits
	check "$1 tcp" tcp a 172.16.0.6 b 172.16.0.8 64
	check "$1 udp" udp a 172.16.0.6 b 172.16.0.8 200 1000
	check "$1 udp in fragments" udp b 172.16.0.8 a 172.16.0.6 50 9000
	check "$1 exact counters" counters_both
	check "$1 gso kept" gso_kept
	check "$1 tcp, software segmentation" tcp_segmented_here
	check "$1 tcp, gro" tcp_gro
	check "$1 tcp, no checksum offload" tcp_no_checksum
	check "$1 udp gso" traffic udpgso "$(ns a)" 172.16.0.6 "$(ns b)" 172.16.0.8
	check "$1 udp gso, software segmentation" udp_gso_here
	check "$1 nothing dropped" nothing_dropped
}

two_hosts
tunnel_ends
all_traffic pmtudisc
check "counters of two CPUs" counters_cpus
check "counters in text" counters_text
check "beside the tunnel" without_tunnel

other_words()
{
	two_hosts
	tunnel_ends 10.1.1.5 10.1.1.7 dev eth0 nopmtudisc tos inherit
	all_traffic "dev nopmtudisc"
}
shared other_words

finish
