#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The device that carries the tunnel's name, of every kind
#
#    c 192.168.1.2 ---- 192.168.1.1 eth1 a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b
#                                        tun1 172.16.0.6 === ipip === 172.16.0.8 tun2

. "$(dirname "$0")/../lib.sh"

hosts()
{
	two_hosts
	host c
	cable c eth0 192.168.1.2/24 a eth1 192.168.1.1/24
	forwarding a
	run ip -n "$(ns c)" route add default via 192.168.1.1
}

# ends KIND [KEYWORDS...] - a fresh tunnel, with anchors of the kind
ends()
{
	kind_exists "$1" || skip_test "this kernel has no $1 devices"
	hosts
	tunnel_ends 10.1.1.5 10.1.1.7 anchor "$@"
	run ip -n "$(ns b)" route add 192.168.1.0/24 dev tun2
}

carries()
{
	ends "$1"
	equal "kind of tun1" "$(ip -n "$(ns a)" -j -d link show tun1 | jq -r '.[0].linkinfo.info_kind')" "$1"
	equal "anchor shown" "$(xt a -j tunnel show tun1 | jq -r '.[0].anchor')" "$1"
	pings a 172.16.0.8
	pings b 172.16.0.6 -s 8000
	pings c 172.16.0.8
	tcp a 172.16.0.6 b 172.16.0.8 32
	udp a 172.16.0.6 b 172.16.0.8 50 4000
	tcp c 192.168.1.2 b 172.16.0.8 32
	equal "drops of tun1" "$(drops a tun1)" 0
	equal "drops of tun2" "$(drops b tun2)" 0
}

follows_mtu()
{
	local size

	kind_exists "$1" || skip_test "this kernel has no $1 devices"
	for size in 1500 9000 1400; do
		hosts
		run ip -n "$(ns a)" link set eth0 mtu "$size"
		run ip -n "$(ns b)" link set eth0 mtu "$size"
		tunnel_ends 10.1.1.5 10.1.1.7 anchor "$1"
		equal "MTU of tun1 over $size" "$(mtu a tun1)" $((size - 20))
		equal "MTU shown" "$(xt a -j tunnel show tun1 | jq '.[0].mtu')" $((size - 20))
		pings a 172.16.0.8 -M 'do' -s $((size - 48))
	done
}

goes_with_tunnel()
{
	local before

	ends "$1"
	before=$(devices b)
	run xt a tunnel del tun1
	equal "devices after del" "$(devices a | tr '\n' ' ')" "eth0 eth1 lo "
	equal "tunnels after del" "$(xt a tunnel show)" ""
	equal "devices of the other end" "$(devices b)" "$before"
	empty "programs after del" "$(hooks a)"
}

no_half_tunnel()
{
	ends "$1"
	run xt a tunnel add tun9 mode ipip local 10.1.1.5 remote 10.1.1.9 anchor "$1"
	run ip -n "$(ns a)" link del tun1
	equal "tunnels shown" "$(xt a -j tunnel show | jq -r '.[].name')" tun9
	run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7 anchor "$1"
	run ip -n "$(ns a)" addr add 172.16.0.6 peer 172.16.0.8 dev tun1
	run ip -n "$(ns a)" link set tun1 up
	pings a 172.16.0.8
	run ip -n "$(ns a)" link del tun1
	run xt a tunnel del tun9
	equal "devices at the end" "$(devices a | tr '\n' ' ')" "eth0 eth1 lo "
	empty "programs at the end" "$(hooks a)"
}

# Not even a rename makes a tunnel a stranger, and the data path does not notice.
renamed()
{
	ends "$1"
	run ip -n "$(ns a)" link set tun1 down
	run ip -n "$(ns a)" link set tun1 name other
	run ip -n "$(ns a)" link set other up
	equal "name shown" "$(xt a -j tunnel show | jq -r '.[].name')" other
	run ip -n "$(ns a)" addr flush dev other
	run ip -n "$(ns a)" addr add 172.16.0.6 peer 172.16.0.8 dev other
	pings a 172.16.0.8
	run xt a tunnel del other
	equal "devices after del" "$(devices a | tr '\n' ' ')" "eth0 eth1 lo "
}

# unprotected HOST - the programs of the host's tunnels disappear, their devices stay
unprotected()
{
	local dev

	run rm -r "$(pin_dir "$1")"
	for dev in $(devices "$1"); do
		ip netns exec "$(ns "$1")" tc qdisc del dev "$dev" clsact 2>/dev/null
	done
	wait_for 3 "the programs to go" eval "[ -z \"\$(hooks $1)\" ]"
}

# Own packets and forwarded ones, for a destination that is routed to the anchor.
nothing_in_clear()
{
	ends "$1"
	run ip -n "$(ns b)" addr add 172.16.0.9/32 dev lo
	run ip -n "$(ns a)" route add 172.16.0.9/32 dev tun1
	pings a 172.16.0.8
	pings c 172.16.0.9
	unprotected a
	capture a eth0 "$tmp/clear" 'not arp'
	pings_not a 172.16.0.8
	pings_not a 172.16.0.9
	pings_not c 172.16.0.9
	pings a 10.1.1.7 # the capture works: six packets, and these come last
	captured "$tmp/clear" 6
	capture_end
	equal "packets on the underlay besides the plain ping" \
		"$(tcpdump -n -r "$tmp/clear" 'not (icmp and host 10.1.1.7)' 2>/dev/null | wc -l)" 0
}

# Whatever becomes of the default route, an anchor without its program does not fall back to it.
nothing_in_clear_flushed()
{
	ends "$1"
	run ip -n "$(ns a)" route add default via 10.1.1.7
	unprotected a
	capture a eth0 "$tmp/clear" 'not arp'
	pings_not c 172.16.0.8
	pings a 10.1.1.7
	captured "$tmp/clear" 6
	capture_end
	equal "packets on the underlay besides the plain ping" \
		"$(tcpdump -n -r "$tmp/clear" 'not (icmp and host 10.1.1.7)' 2>/dev/null | wc -l)" 0
}

down_carries_nothing()
{
	ends "$1"
	pings a 172.16.0.8
	run ip -n "$(ns a)" link set tun1 down
	pings_not b 172.16.0.6
	run ip -n "$(ns a)" link set tun1 up
	pings b 172.16.0.6
}

keeps_addresses()
{
	ends "$1"
	run xt a tunnel change tun1 ttl 77
	pings a 172.16.0.8
	run xt a tunnel replace tun1 mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 78
	pings a 172.16.0.8
}

for kind in dummy ifb veth; do
	check "$kind carries" carries "$kind"
	check "$kind follows the underlay's mtu" follows_mtu "$kind"
	check "$kind goes with the tunnel" goes_with_tunnel "$kind"
	check "$kind deleted leaves no half tunnel" no_half_tunnel "$kind"
	check "$kind renamed" renamed "$kind"
	check "$kind without program sends nothing in clear" nothing_in_clear "$kind"
	check "$kind without program ignores the default route" nothing_in_clear_flushed "$kind"
	check "$kind down carries nothing" down_carries_nothing "$kind"
	check "$kind keeps its addresses through change" keeps_addresses "$kind"
done

# The default is the first of the kinds that exists.
default_kind()
{
	local kind

	hosts
	tunnel_ends
	for kind in dummy ifb veth; do
		kind_exists "$kind" || continue
		equal "anchor" "$(xt a -j tunnel show tun1 | jq -r '.[0].anchor')" "$kind"
		return
	done
}
check "default kind" default_kind

finish
