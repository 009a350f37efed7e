#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# VXLAN against this machine's own driver: xtun at host a, the kernel at host b
#
#    a  vx 172.16.0.6, fd16::6 ==== VXLAN ==== 172.16.0.8, fd16::8 vx  b
#       eth0 10.1.1.5, fd01::5 ---------------- 10.1.1.7, fd01::7 eth0

. "$(dirname "$0")/../lib.sh"

declare -A outer_a=([4]=10.1.1.5 [6]=fd01::5) outer_b=([4]=10.1.1.7 [6]=fd01::7)

hosts()
{
	two_hosts
	address6 a eth0 fd01::5/64
	address6 b eth0 fd01::7/64
	ip -n "$(ns b)" link add probe type vxlan id 1 dstport 4789 2>/dev/null ||
		skip_test "this kernel has no vxlan devices"
	run ip -n "$(ns b)" link del probe
}

# ends FAMILY WORDS... - both ends, by the same words
ends()
{
	local family=$1
	shift

	run xt a link add vx type vxlan id 42 local "${outer_a[$family]}" remote "${outer_b[$family]}" \
		dstport 4789 "$@"
	run ip -n "$(ns b)" link add vx type vxlan id 42 local "${outer_b[$family]}" \
		remote "${outer_a[$family]}" dstport 4789 "$@"
	address a vx 172.16.0.6/24
	address b vx 172.16.0.8/24
	address6 a vx fd16::6/64
	address6 b vx fd16::8/64
}

# interop FAMILY WORDS...
interop()
{
	local family=$1 mtu=1450
	shift

	hosts
	ends "$family" "$@"
	[ "$family" = 4 ] || mtu=1430
	holds "the device" "$(ip -n "$(ns a)" -o link show vx)" " mtu $mtu "
	pings a 172.16.0.8
	pings b 172.16.0.6 -s 1400
	pings a fd16::8
	tcp a 172.16.0.6 b 172.16.0.8
	tcp b 172.16.0.8 a 172.16.0.6
	tcp b fd16::8 a fd16::6
}

# What a tutorial has, with `ip` replaced.
tutorial()
{
	hosts
	run xt a link add vxlan42 type vxlan id 42 dev eth0 remote 10.1.1.7 dstport 4789
	run ip -n "$(ns b)" link add vxlan42 type vxlan id 42 dev eth0 remote 10.1.1.5 dstport 4789
	address a vxlan42 172.16.0.6/24
	address b vxlan42 172.16.0.8/24
	pings a 172.16.0.8
	equal "what is saved" "$(xt a save | sed 1d)" \
		"tunnel add vxlan42 mode vxlan remote 10.1.1.7 dev eth0 ttl 64 id 42 dstport 4789"
}

# tcpdump knows every header and finds nothing wrong with it.
decoded()
{
	local family text

	hosts
	for family in 4 6; do
		run xt a link add "x$family" type vxlan id 7 local "${outer_a[$family]}" \
			remote "${outer_b[$family]}" dstport 4789
		run xt a link add "g$family" type geneve id 8 local "${outer_a[$family]}" \
			remote "${outer_b[$family]}" geneve-opt 0102:01:00010203,0103:80:
	done
	ip netns exec "$(ns b)" tcpdump -Uni eth0 -w "$tmp/pcap" udp 2>"$tmp/dump" &
	wait_for 15 "tcpdump" grep -q listening "$tmp/dump"
	for text in x4 g4 x6 g6; do
		address a "$text" 172.16.0.6/24
		on a ping -c 1 -W 1 -I "$text" 172.16.0.8 >/dev/null
	done
	sleep 0.5
	kill $!
	wait $! 2>/dev/null
	text=$(on a tcpdump -nvvr "$tmp/pcap" 2>/dev/null)
	for family in 10.1.1 fd01; do
		grep -A 3 "$family" <<<"$text" | grep -q 'VXLAN, flags \[I\] (0x08), vni 7' ||
			die "no VXLAN from $family"
		grep -A 3 "$family" <<<"$text" | grep -q 'Geneve, Flags \[C\], vni 0x8' ||
			die "no GENEVE from $family"
	done
	! grep -iE 'malformed|\[\|geneve|truncated|invalid|bad udp' <<<"$text" || die "not decoded"
}

# The ports come and go with the tunnels.
ports()
{
	hosts
	run xt a link add one type vxlan id 1 remote 10.1.1.7 dstport 4789
	run xt a link add two type vxlan id 2 remote 10.1.1.7 dstport 4789
	! xt a fou add port 4789 gue 2>"$tmp/err" || die "a port was given away"
	holds "why" "$(cat "$tmp/err")" "port 4789 is in use already: tunnel one of mode vxlan has it"
	run xt a fou add port 4790 gue
	! xt a link add three type vxlan id 3 dstport 4790 2>"$tmp/err" || die "a port was taken"
	holds "why" "$(cat "$tmp/err")" "dstport: 4790 is a port of \`xtun fou add\`"
	! xt a link add three type geneve id 3 dstport 4789 2>"$tmp/err" || die "a port was shared"
	holds "why" "$(cat "$tmp/err")" "dstport: one has 4789 already, for vxlan"
	! xt a link add three type vxlan id 2 dstport 4789 2>"$tmp/err" || die "an id was given twice"
	holds "why" "$(cat "$tmp/err")" "two has id 2 at port 4789 already"
	run xt a tunnel del one
	! xt a fou add port 4789 gue 2>/dev/null || die "a port was given away"
	run xt a tunnel del two
	run xt a fou add port 4789 gue
}

check "vxlan over IPv4" interop 4
check "vxlan over IPv4, sums" interop 4 udpcsum df set
check "vxlan over IPv6" interop 6
check "vxlan over IPv6, no sums" interop 6 udp6zerocsumtx udp6zerocsumrx
check "vxlan, a tutorial" tutorial
check "vxlan and geneve decoded" decoded
check "vxlan, ports" ports
