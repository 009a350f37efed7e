#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Real traffic through a tunnel of every mode, xtun at both ends
#
#    a  tun1 172.16.0.6, fd16::6 ==== mode ==== 172.16.0.8, fd16::8 tun1  b
#       eth0 10.1.1.5, fd01::5 -------------------- 10.1.1.7, fd01::7 eth0
#
# A mode that xtun does not have yet is named in a detail line; one that it has and whose words it refuses
# is a failure.

. "$(dirname "$0")/../lib.sh"

# Name; what is inside (4, 6, or 46 for both); the family outside; whether GSO packets leave `whole` or
# are `cut` before, because the header has something in it for each segment; what listens at a port of
# UDP, `own` if that is the mode itself, or -; and the words.
encap="encap-sport auto encap-dport 5555"
rows="
ipip         4  4 whole -      tunnel add NAME mode ipip ENDS ttl 64
sit          6  4 whole -      tunnel add NAME mode sit ENDS ttl 64
sit-any      46 4 whole -      link add name NAME type sit ENDS mode any
gre          46 4 whole -      tunnel add NAME mode gre ENDS ttl 64
gre-key      46 4 whole -      tunnel add NAME mode gre ENDS key 0.0.1.5
gre-csum     46 4 cut   -      tunnel add NAME mode gre ENDS csum
gre-seq      46 4 cut   -      tunnel add NAME mode gre ENDS seq
gre-seq-all  46 4 cut   -      link add name NAME type gre ENDS key 7 csum seq
ip6tnl       6  6 whole -      tunnel add NAME mode ip6ip6 ENDS
ip6tnl-4     4  6 whole -      tunnel add NAME mode ipip6 ENDS
ip6tnl-any   46 6 whole -      link add name NAME type ip6tnl ENDS mode any
ip6tnl-bare  46 6 whole -      link add name NAME type ip6tnl ENDS mode any encaplimit none
ip6gre       46 6 whole -      tunnel add NAME mode ip6gre ENDS
ip6gre-key   46 6 whole -      tunnel add NAME mode ip6gre ENDS key 7 encaplimit none
ip6gre-csum  46 6 cut   -      link add name NAME type ip6gre ENDS csum
ipip-fou     4  4 whole fou/4  link add name NAME type ipip ENDS encap fou $encap
ipip-gue     4  4 whole gue    link add name NAME type ipip ENDS encap gue $encap
sit-fou      6  4 whole fou/41 link add name NAME type sit ENDS encap fou $encap
sit-gue      6  4 whole gue    link add name NAME type sit ENDS encap gue $encap
gre-fou      46 4 whole fou/47 link add name NAME type gre ENDS encap fou $encap
gre-gue      46 4 whole gue    link add name NAME type gre ENDS key 3 encap gue $encap
ip6tnl-fou   6  6 cut   fou/41 link add name NAME type ip6tnl ENDS mode ip6ip6 encap fou $encap
ip6gre-gue   46 6 cut   gue    link add name NAME type ip6gre ENDS encap gue $encap
gretap       46 4 whole -      tunnel add NAME mode gretap ENDS
gretap-seq   46 4 cut   -      link add name NAME type gretap ENDS key 7 csum seq
gretap-fou   4  4 whole fou/47 link add name NAME type gretap ENDS encap fou $encap
ip6gretap    46 6 whole -      link add name NAME type ip6gretap ENDS
vxlan        46 4 whole own    link add name NAME type vxlan id 5 ENDS dstport 4789
vxlan-6      46 6 cut   own    link add name NAME type vxlan id 5 ENDS dstport 4789
geneve       46 4 whole own    link add name NAME type geneve id 5 ENDS geneve-opt 0102:01:00010203
geneve-6     46 6 whole own    link add name NAME type geneve id 5 ENDS udp6zerocsumtx udp6zerocsumrx
ip6gre-zero  46 6 whole gue    link add name NAME type ip6gre ENDS encap gue $encap noencap-udp6-csum
"

declare -A outer_a=([4]=10.1.1.5 [6]=fd01::5) outer_b=([4]=10.1.1.7 [6]=fd01::7)
declare -A inner_a=([4]=172.16.0.6 [6]=fd16::6) inner_b=([4]=172.16.0.8 [6]=fd16::8)

# end_add HOST LOCAL REMOTE PORT WORDS... - one end; its status is xtun's
end_add()
{
	local host=$1 local=$2 remote=$3 port=$4 text=${*:5} family=-4

	[[ $local != *:* ]] || family=-6

	case $port in
	fou/*) xt "$host" "$family" fou add port 5555 ipproto "${port#fou/}" ;;
	gue)   xt "$host" "$family" fou add port 5555 gue ;;
	esac || return
	text=${text/NAME/tun1}
	text=${text/ENDS/local $local remote $remote}
	# shellcheck disable=SC2086 # words of a command line
	xt "$host" $text
}

# ends OUTER INNER PORT WORDS... - two hosts and the tunnel; status 2 if xtun does not know the words
ends()
{
	local outer=$1 inner=$2 host

	two_hosts
	if [ "$outer" = 6 ]; then
		address6 a eth0 "${outer_a[6]}/64"
		address6 b eth0 "${outer_b[6]}/64"
	fi
	end_add a "${outer_a[$outer]}" "${outer_b[$outer]}" "${@:3}" &&
		end_add b "${outer_b[$outer]}" "${outer_a[$outer]}" "${@:3}" || return
	for host in a b; do
		run ip -n "$(ns "$host")" link set tun1 up
	done
	case $inner in *4*)
		address a tun1 "${inner_a[4]}/24"
		address b tun1 "${inner_b[4]}/24" ;;
	esac
	case $inner in *6*)
		address6 a tun1 "${inner_a[6]}/64"
		address6 b tun1 "${inner_b[6]}/64" ;;
	esac
}

# offload STATE - of segmentation in both underlays
offload()
{
	local host

	for host in a b; do
		run on "$host" ethtool -K eth0 tso "$1" gso "$1" tx-udp-segmentation "$1"
	done
}

nothing_dropped()
{
	equal "drops of a" "$(drops a tun1)" 0
	equal "drops of b" "$(drops b tun1)" 0
}

# Not fewer than were sent; the hosts may say more to each other over IPv6.
counted()
{
	local n=20 tx rx

	tx=$(counter a tun1 tx_packets) rx=$(counter b tun1 rx_packets)
	run on a ping -q -n -c "$n" -i 0.01 -W 2 "$1"
	tx=$(($(counter a tun1 tx_packets) - tx)) rx=$(($(counter b tun1 rx_packets) - rx))
	if [ "$tx" -lt "$n" ] || [ "$rx" -lt "$n" ]; then
		die "of $n pings $tx were counted as sent and $rx as received"
	fi
	[ "$tx" = "$rx" ] || [ "$((tx - n))" -lt 5 ] || die "$tx packets sent, $rx received"
}

# The longest packet that the device lets pass does pass, and one byte more does not.
mtu_right()
{
	local size

	size=$(($(mtu a tun1) - 28))
	[ "$2" = 4 ] || size=$((size - 20))
	pings a "$1" -M 'do' -s "$size"
	! on a ping -q -n -c 1 -W 0.3 -M 'do' -s $((size + 1)) "$1" || die "a packet longer than the MTU was answered"
}

# gso OUTER GSO FROM TO - what leaves the underlay: packets longer than the MTU, or none of them
gso()
{
	local source large

	source="src ${outer_a[$1]}"
	capture a eth0 "$tmp/gso" "$source"
	tcp a "$3" b "$4" 2
	captured "$tmp/gso" 20
	capture_end
	large=$(tcpdump -n -r "$tmp/gso" "$source and greater 4000" 2>/dev/null | wc -l)
	case $2 in
	whole) [ "$large" -ge 10 ] || die "only $large packets that are longer than the MTU left the host" ;;
	cut)   [ "$large" = 0 ] || die "$large packets that are longer than the MTU left the host" ;;
	esac
}

# decoded OUTER PORT TO NAME - tcpdump finds nothing wrong with what is sent, and the pings in it where it
# knows the headers: of UDP it knows but the ports of VXLAN and GENEVE
decoded()
{
	local text

	capture a eth0 "$tmp/decode" "src ${outer_a[$1]}"
	pings a "$3"
	captured "$tmp/decode" 3
	capture_end
	text=$(tcpdump -nvvr "$tmp/decode" 2>/dev/null)
	# Over IPv6 a checksum of zero is right for tunnels that say so (RFC 6935), which tcpdump does not know.
	case $4 in geneve-6|ip6gre-zero)
		text=$(sed 's/bad udp cksum 0x0000//' <<<"$text") ;;
	esac
	! grep -iE 'malformed|truncated|invalid|bad |\[\|' <<<"$text" || die "not decoded"
	case $2 in -|own)
		[ "$(grep -c 'echo request' <<<"$text")" -ge 3 ] || die "there are no pings in it: ${text:0:300}" ;;
	esac
}

# carries INNER OUTER GSO PORT NAME - all that a tunnel must carry
carries()
{
	local from=${inner_a[$1]} to=${inner_b[$1]} there back all

	there=("$(ns a)" "$from" "$(ns b)" "$to")
	back=("$(ns b)" "$to" "$(ns a)" "$from")
	pings a "$to"
	pings b "$from"
	decoded "$2" "$4" "$to" "$5"
	pings a "$to" -s 8000
	mtu_right "$to" "$1"
	counted "$to"
	all=(udp "${there[@]}" 100 1000 , udp "${back[@]}" 20 9000 , tcp "${there[@]}" 16)
	# Wrapped in UDP, several datagrams in one packet cannot be parted before kernels of 2026.
	[ "$4" != - ] || all+=(, udpgso "${there[@]}")
	traffic "${all[@]}"
	gso "$2" "$3" "$from" "$to"
	offload off
	traffic tcp "${there[@]}" 4 , udpgso "${there[@]}"
	offload on
	# Two processors that number packets may send them in another order, and what is late is dropped.
	[[ $5 == *seq* ]] || nothing_dropped
}

# row NAME INNER OUTER GSO PORT WORDS...
row()
{
	local name=$1 inner=$2 outer=$3 version status=0

	# In a subshell, because a step that fails leaves.
	( ends "$outer" "$inner" "${@:5}" ) >"$tmp/ends" 2>&1 || status=$?
	if [ "$status" = 2 ] && grep -qE 'is not a mode|is no command' "$tmp/ends"; then
		echo "  $name is not there yet: $(tail -n 1 "$tmp/ends")"
		return
	elif [ "$status" != 0 ]; then
		fail "$name" "$(tail -n 1 "$tmp/ends")"
		return
	fi
	for version in 4 6; do
		[[ $inner != *$version* ]] || check "$name, IPv$version inside" carries "$version" "$outer" "$4" "$5" "$name"
	done
	xt a flush
	xt b flush
}

while read -r name words; do
	# shellcheck disable=SC2086
	[ -z "$name" ] || row "$name" $words
done <<< "$rows"

finish
