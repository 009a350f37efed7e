#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The device that carries the tunnel's name, of every kind
#
#    c 192.168.1.2 ---- 192.168.1.1 eth1 a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b
#                                        tun1 172.16.0.6 === ipip === 172.16.0.8 tun2

. "$(dirname "$0")/../lib.sh"

host_c()
{
	host c
	cable c eth0 192.168.1.2/24 a eth1 192.168.1.1/24
	forwarding a
	run ip -n "$(ns c)" route add default via 192.168.1.1
}

# ends KIND [KEYWORDS...] - a fresh tunnel, with anchors of the kind
ends()
{
	kind_exists "$1" || skip_test "this kernel has no $1 devices"
	two_hosts
	tunnel_ends 10.1.1.5 10.1.1.7 anchor "$@"
}

# ends_again KIND - as ends, but of what the test before left hosts and programs stay: to load these takes
# longest. Attached devices keep them.
ends_again()
{
	local host

	kind_exists "$1" || skip_test "this kernel has no $1 devices"
	if [ "$(devices a 2>/dev/null | tr '\n' ' ')" != "eth0 lo tun1 " ] ||
		! xt a tunnel del tun1 || ! xt b tunnel del tun2; then
		two_hosts
	fi
	for host in a b; do
		[ -n "$(xt "$host" dev show eth0 2>/dev/null)" ] || run xt "$host" attach eth0
	done
	tunnel_ends 10.1.1.5 10.1.1.7 anchor "$1"
}

# ends_and_c KIND [KEYWORDS...] - with a host behind a
ends_and_c()
{
	ends "$@"
	host_c
	run ip -n "$(ns b)" route add 192.168.1.0/24 dev tun2
}

carries()
{
	ends_and_c "$1"
	equal "kind of tun1" "$(json_first info_kind "$(ip -n "$(ns a)" -j -d link show tun1)")" "$1"
	equal "anchor shown" "$(json_first anchor "$(xt a -j tunnel show tun1)")" "$1"
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
	two_hosts
	run xt a attach eth0
	run xt b attach eth0
	for size in 1500 9000 1400; do
		run ip -n "$(ns a)" link set eth0 mtu "$size"
		run ip -n "$(ns b)" link set eth0 mtu "$size"
		tunnel_ends 10.1.1.5 10.1.1.7 anchor "$1"
		equal "MTU of tun1 over $size" "$(mtu a tun1)" $((size - 20))
		equal "MTU shown" "$(json_first mtu "$(xt a -j tunnel show tun1)")" $((size - 20))
		pings a 172.16.0.8 -M 'do' -s $((size - 48))
		run xt a tunnel del tun1
		run xt b tunnel del tun2
	done
}

goes_with_tunnel()
{
	local before

	ends "$1"
	before=$(devices b)
	run xt a tunnel del tun1
	equal "devices after del" "$(devices a | tr '\n' ' ')" "eth0 lo "
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
	equal "devices at the end" "$(devices a | tr '\n' ' ')" "eth0 lo "
	empty "programs at the end" "$(hooks a)"
}

# Not even a rename makes a tunnel a stranger, and the data path does not notice.
renamed()
{
	ends_again "$1"
	run ip -n "$(ns a)" link set tun1 down
	run ip -n "$(ns a)" link set tun1 name other
	run ip -n "$(ns a)" link set other up
	equal "name shown" "$(xt a -j tunnel show | jq -r '.[].name')" other
	run ip -n "$(ns a)" addr flush dev other
	run ip -n "$(ns a)" addr add 172.16.0.6 peer 172.16.0.8 dev other
	pings a 172.16.0.8
	run xt a tunnel del other
	equal "devices after del" "$(devices a | tr '\n' ' ')" "eth0 lo "
}

# unprotected HOST - the programs of the host's tunnels disappear, their devices stay
unprotected()
{
	local dev

	run rm -r "$(pin_dir "$1")"
	for dev in $(devices "$1"); do
		ip netns exec "$(ns "$1")" tc qdisc del dev "$dev" clsact 2>/dev/null
	done
	wait_for 15 "the programs to go" eval "[ -z \"\$(hooks $1)\" ]"
}

# Own packets and forwarded ones, for a destination that is routed to the anchor.
nothing_in_clear()
{
	local wait waits=()

	ends_and_c "$1"
	run ip -n "$(ns b)" addr add 172.16.0.9/32 dev lo
	run ip -n "$(ns a)" route add 172.16.0.9/32 dev tun1
	pings a 172.16.0.8
	pings c 172.16.0.9
	unprotected a
	capture a eth0 "$tmp/clear" 'not arp'
	pings_not a 172.16.0.8 & waits+=($!)
	pings_not a 172.16.0.9 & waits+=($!)
	pings_not c 172.16.0.9 & waits+=($!)
	for wait in "${waits[@]}"; do wait "$wait" || exit; done
	pings a 10.1.1.7 # the capture works: six packets, and these come last
	captured "$tmp/clear" 6
	capture_end
	equal "packets on the underlay besides the plain ping" \
		"$(tcpdump -n -r "$tmp/clear" 'not (icmp and host 10.1.1.7)' 2>/dev/null | wc -l)" 0
}

# Whatever becomes of the default route, an anchor without its program does not fall back to it.
nothing_in_clear_flushed()
{
	ends_and_c "$1"
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
	ends_again "$1"
	pings a 172.16.0.8
	run ip -n "$(ns a)" link set tun1 down
	pings_not b 172.16.0.6
	run ip -n "$(ns a)" link set tun1 up
	pings b 172.16.0.6
}

keeps_addresses()
{
	ends_again "$1"
	run xt a tunnel change tun1 ttl 77
	pings a 172.16.0.8
	run xt a tunnel replace tun1 mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 78
	pings a 172.16.0.8
}

# link_counter HOST DEV DIRECTION - packets by the device's own counter
link_counter() { ip -n "$(ns "$1")" -j -s link show "$2" | jq ".[0].stats64.$3.packets"; }

# dumped FILE FILTER - how many packets of a capture match
dumped() { tcpdump -n -r "$1" "$2" 2>/dev/null | wc -l; }

# What the device's own counters and tcpdump on it see of a ping: what comes in with every kind, what goes
# out with those kinds whose program does not sit in front of the device. xtun counts both.
seen_on_device()
{
	local n=5 out rx tx

	ends_again "$1"
	case $1 in
	netkit|veth) out=$n ;;
	dummy|ifb)   out=0 ;;
	esac
	pings a 172.16.0.8
	rx=$(link_counter a tun1 rx) tx=$(link_counter a tun1 tx)
	capture a tun1 "$tmp/tun" icmp
	run on a ping -q -n -c "$n" -i 0.02 -W 2 172.16.0.8
	captured "$tmp/tun" $((n + out))
	capture_end
	equal "answers that tcpdump shows" "$(dumped "$tmp/tun" 'icmp[0] = 0 and src 172.16.0.8')" "$n"
	equal "requests that tcpdump shows" "$(dumped "$tmp/tun" 'icmp[0] = 8 and src 172.16.0.6')" "$out"
	# Not every kernel counts at such a device what is redirected into it.
	rx=$(($(link_counter a tun1 rx) - rx))
	[ "$out$rx" = 00 ] || equal "packets in by ip -s link" "$rx" "$n"
	equal "packets out by ip -s link" $(($(link_counter a tun1 tx) - tx)) "$out"
	equal "packets in by xtun" "$(counter a tun1 rx_packets)" $((n + 3))
	equal "packets out by xtun" "$(counter a tun1 tx_packets)" $((n + 3))
}

for kind in $anchor_kinds; do
	check "$kind carries" carries "$kind"
	kind_exists "$kind" || continue
	# On an emulated processor the rest is for dummy, which is the same to xtun.
	[ "$kind" != ifb ] || [ -z "${XTUN_QUICK:-}" ] || continue
	# So that two or three who share them get others of each kind.
	shared true
	shared true
	shared check "$kind follows the underlay's mtu" follows_mtu "$kind"
	shared check "$kind goes with the tunnel" goes_with_tunnel "$kind"
	shared check "$kind deleted leaves no half tunnel" no_half_tunnel "$kind"
	shared check "$kind without program sends nothing in clear" nothing_in_clear "$kind"
	shared check "$kind without program ignores the default route" nothing_in_clear_flushed "$kind"
	shared check "$kind shows what it should" seen_on_device "$kind"
	shared check "$kind down carries nothing" down_carries_nothing "$kind"
	shared check "$kind keeps its addresses through change" keeps_addresses "$kind"
	shared check "$kind renamed" renamed "$kind"
done

# The default is the first of the kinds that exists.
default_kind()
{
	local kind

	two_hosts
	tunnel_ends
	for kind in $anchor_kinds; do
		kind_exists "$kind" || continue
		equal "anchor" "$(json_first anchor "$(xt a -j tunnel show tun1)")" "$kind"
		return
	done
}
check "default kind" default_kind

# A device that xtun made a pair because packets must be cut sees those that are, and no other; one that
# the user chose sees all.
cut_alone()
{
	local kind before

	two_hosts
	run xt a tunnel add tun1 mode gre local 10.1.1.5 remote 10.1.1.7 csum
	run xt b tunnel add tun2 mode gre local 10.1.1.7 remote 10.1.1.5 csum
	tunnel_addresses
	pings a 172.16.0.8
	equal "packets that the device sent" "$(link_counter a tun1 tx)" 0
	equal "packets out by xtun" "$(counter a tun1 tx_packets)" 3
	tcp a 172.16.0.6 b 172.16.0.8 2
	[ "$(link_counter a tun1 tx)" -ge 100 ] || die "the device cut no packet of a TCP transfer"
	equal "drops of tun1" "$(drops a tun1)" 0
	equal "drops of tun2" "$(drops b tun2)" 0
	kind=$(json_first anchor "$(xt a -j tunnel show tun1)")
	run xt a tunnel change tun1 anchor "$kind"
	before=$(link_counter a tun1 tx)
	pings a 172.16.0.8
	equal "packets that a chosen device sent" $(($(link_counter a tun1 tx) - before)) 3
}
check "packets that need cutting alone pass a pair" cut_alone

# What `ip link add` takes in front of the type. The MTU stays what was asked for.
as_asked()
{
	local mtu=1300

	two_hosts
	run xt a link add tun1 mtu "$mtu" address 02:00:00:00:00:17 type gretap local 10.1.1.5 remote 10.1.1.7
	equal "hardware address" "$(mac a tun1)" 02:00:00:00:00:17
	equal "MTU" "$(mtu a tun1)" "$mtu"
	run ip -n "$(ns a)" link set eth0 mtu 1400
	run xt a tunnel change tun1 ttl 9
	equal "MTU after a change of the underlay's" "$(mtu a tun1)" "$mtu"
}
check "mtu and address as asked for" as_asked

finish
