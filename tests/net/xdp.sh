#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# XDP in front of the underlay: what it takes out of a tunnel arrives in the tunnel, and nothing else
#
#    a  tun1 172.16.0.6 ==== ipip ==== 172.16.0.8 tun2  b
#       eth0 10.1.1.5 --------------------- 10.1.1.7 eth0, with XDP

. "$(dirname "$0")/../lib.sh"

sockets() { run "$python" "$lib_dir/net/xdp.py" "$@"; }
ifindex_of() { json_first ifindex "$(ip -n "$(ns "$1")" -j link show "$2")"; }

# setup [MODE] - tunnel ends, and XDP on both sides
setup()
{
	two_hosts
	tunnel_ends
	run xt a attach eth0 xdp "$@"
	run xt b attach eth0 xdp "$@"
}

# The stack sees the inner packet on the underlay device, which xtun_decap would have taken out
# behind the tap.
popped()
{
	capture b eth0 "$tmp/inner" 'icmp and src 172.16.0.6'
	pings a 172.16.0.8
	captured "$tmp/inner" 3
	capture_end
	# Taken for somebody else's, it never is the device's own.
	holds "the frames" "$(tcpdump -e -n -r "$tmp/inner" -c 1 2>/dev/null)" "> $(mac b tun2)"
}

counted()
{
	local before

	before=$(counter b tun2 rx_packets)
	udp a 172.16.0.6 b 172.16.0.8 100 172
	equal "rx_packets" "$(counter b tun2 rx_packets)" $((before + 100))
	equal "drops" "$(drops b tun2)" 0
}

# A packet socket without a ring holds clones, which whoever writes to packets has to copy.
held()
{
	sockets hold "$(ns b)" eth0 20 >"$tmp/hold" &
	wait_for 20 "the packet socket" grep -q ready "$tmp/hold"
	pings a 172.16.0.8
	udp a 172.16.0.6 b 172.16.0.8 50 1000
}

foreign()
{
	pings a 10.1.1.7
	pings a 10.1.1.7 -s 20000
	tcp a 10.1.1.5 b 10.1.1.7
	udp a 10.1.1.5 b 10.1.1.7 20 5000
	# Outer packets in fragments are the stack's; from a stranger, dropped as at tc.
	run xt a tunnel add stranger mode ipip local any remote 10.1.1.7 ttl 9
	address a stranger 172.17.0.6/24
	run ip -n "$(ns a)" addr add 10.1.1.6/24 dev eth0
	run xt a tunnel change stranger local 10.1.1.6
	pings_not a 172.17.0.8
	equal "wrong_remote" "$(counter b tun2 drops.wrong_remote)" 2
	run xt a tunnel del stranger
}

addresses_stand()
{
	! { ip -n "$(ns a)" addr; ip -n "$(ns b)" addr; } | grep -q tentative
}

# Every kind of header that the short way knows, and one that it does not.
forms()
{
	local mode more rows

	rows=$'sit\ngre\ngre key 7\ngre csum key 3\nip6tnl\nip6tnl encaplimit none\nip6gre key 9'
	run on a sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
	run on b sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
	address a eth0 fd01::5/64
	address b eth0 fd01::7/64
	while read -r mode more; do
		local one=10.1.1.5 two=10.1.1.7
		case $mode in ip6*|ipip6) one=fd01::5 two=fd01::7 ;; esac
		# shellcheck disable=SC2086 # keywords
		run xt a tunnel add forms mode "$mode" local "$one" remote "$two" $more
		# shellcheck disable=SC2086
		run xt b tunnel add forms mode "$mode" local "$two" remote "$one" $more
		address a forms 172.18.0.1/24
		address b forms 172.18.0.2/24
		address a forms fd02::1/64
		address b forms fd02::2/64
		wait_for 15 "addresses" addresses_stand
		case $mode in sit|ip6ip6) ;; *) pings a 172.18.0.2; tcp b 172.18.0.2 a 172.18.0.1 2 ;; esac
		case $mode in ipip|ipip6) ;; *) pings b fd02::1; tcp a fd02::1 b fd02::2 2 ;; esac
		equal "drops of $mode" "$(drops b forms)" 0
		run xt a tunnel del forms
		run xt b tunnel del forms
	done < <(quick "$rows" "$(sed -n '/key 7/p; /none/p' <<< "$rows")")
}

# While XDP comes and goes, inner packets arrive on the tunnel's device and on no other.
detach_under_traffic()
{
	local i

	sockets arrive "$(ns b)" 7777 6 >"$tmp/arrive" &
	wait_for 20 "the receiver" grep -q ready "$tmp/arrive"
	sockets send "$(ns a)" 172.16.0.8 7777 4 &
	for ((i = 0; i < $(quick 12 2); i++)); do
		run xt b detach eth0
		run xt b attach eth0 xdp
	done
	wait
	[ "$(awk 'NF == 2 && $2 > 100' "$tmp/arrive" | wc -l)" = 1 ] ||
		die "too few datagrams arrived: $(cat "$tmp/arrive")"
	equal "devices where they arrived" "$(awk 'NF == 2 { print $1 }' "$tmp/arrive")" \
		"$(ifindex_of b tun2)"
}

# Should the program behind XDP be missing, nothing is taken for a packet of the device's own.
fails_closed()
{
	setup
	pings a 172.16.0.8
	if [ -e "$(pin_dir b)/handoff-$(ifindex_of b eth0)" ]; then
		run rm "$(pin_dir b)/handoff-$(ifindex_of b eth0)"
	else
		run tc -n "$(ns b)" filter del dev eth0 ingress pref 30720
	fi
	sockets arrive "$(ns b)" 7778 2 >"$tmp/arrive" &
	wait_for 20 "the receiver" grep -q ready "$tmp/arrive"
	sockets send "$(ns a)" 172.16.0.8 7778 1
	pings_not a 172.16.0.8
	wait
	equal "what arrived" "$(cat "$tmp/arrive")" ready
	# The next command that writes brings it back.
	run xt b tunnel change tun2 ttl 9
	pings a 172.16.0.8
}

# A device whose address was changed gets its packets all the same, and XDP back with a command.
address_changed()
{
	setup
	run ip -n "$(ns b)" link set eth0 address 02:00:00:00:07:07
	run ip -n "$(ns a)" neigh flush dev eth0
	pings a 172.16.0.8
	run xt b tunnel change tun2 ttl 9
	popped
}

jumbo()
{
	local host

	two_hosts
	for host in a b; do run ip -n "$(ns $host)" link set eth0 mtu 9000; done
	tunnel_ends
	run xt b attach eth0 xdp
	equal "MTU" "$(mtu b tun2)" 8980
	equal "frags" "$(json_first frags "$(xt b -j dev show eth0)")" true
	pings a 172.16.0.8 -M "do" -s 8952
	tcp a 172.16.0.6 b 172.16.0.8
	equal "drops" "$(drops b tun2)" 0
}

saved()
{
	setup
	run xt b attach lo xdp generic
	run xt b save >"$tmp/save"
	holds "save" "$(tr '\n' ';' <"$tmp/save")" "attach lo xdp generic;"
	holds "save" "$(tr '\n' ';' <"$tmp/save")" "attach eth0 xdp;"
	run xt b flush
	equal "what is left" "$(hooks b)" ""
	run xt b restore "$tmp/save"
	equal "save after restore" "$(xt b save)" "$(cat "$tmp/save")"
	sed 's/^attach eth0 xdp$/attach eth0 xdp generic/' "$tmp/save" >"$tmp/other"
	run xt b restore "$tmp/other"
	equal "mode" "$(json_first xdp "$(xt b -j dev show eth0)")" generic
	holds "the kernel's word" "$(ip -n "$(ns b)" link show eth0)" xdpgeneric
	sed '/^attach/d' "$tmp/save" >"$tmp/none"
	run xt b restore "$tmp/none"
	equal "mode" "$(json_first xdp "$(xt b -j dev show eth0)")" null
	equal "programs at XDP" "$(hooks b | grep -c xdp)" 0
	equal "pins for XDP" "$(ls "$(pin_dir b)" | grep -cE '^(xdp|xdp_frags|handoff-.*|xdp-.*)$')" 0
}

refusals()
{
	local dir plain

	two_hosts
	tunnel_ends
	plain=$(hooks b | grep -c "^eth0")
	run xt b attach eth0 xdp
	refuses b "eth0 is attached already" attach eth0 xdp generic
	# XDP may go; what is needed at tc stays, and names who needs it.
	xt b detach eth0 2>"$tmp/err" || die "detach"
	holds "what it says" "$(cat "$tmp/err")" "eth0: XDP is detached; tc stays, which tunnels use: tun2"
	equal "programs" "$(hooks b | grep -c "^eth0")" "$plain"
	refuses b "what tunnels attached goes with them: tun2" detach eth0
	run xt b attach eth0
	refuses b "eth0 is in use by tunnels, and stays attached as long as they are: tun2" detach eth0
	refuses b "eth0 is attached already" attach eth0 tc
	run xt b attach eth0 xdp
	run xt b detach eth0 xdp
	equal "save" "$(xt b save | grep -x 'attach eth0')" "attach eth0"
	equal "programs" "$(hooks b | grep -c "^eth0")" "$plain"
	refuses b "xdp: eth0 is not attached at XDP" detach eth0 xdp
	run xt b attach eth0 xdp
	run xt b detach eth0
	run xt b tunnel change tun2 dev eth0
	refuses b "goes with them: tun2" detach eth0
	refuses b "tun2 carries a tunnel" attach tun2 xdp
	if ip -n "$(ns b)" link add ifb7 type ifb 2>/dev/null; then
		run ip -n "$(ns b)" link set ifb7 up
		refuses b "ifb7: its driver has no native XDP" attach ifb7 xdp
		run xt b attach ifb7 xdp generic
		run xt b detach ifb7
	fi
	# Any program will do for another's; this one is xtun's own of the other host.
	run xt a attach eth0 xdp
	dir=$(pin_dir a)
	run on b bpftool net attach xdpdrv pinned "$dir/xdp_frags" dev eth0
	refuses b "the XDP program \"xtun_xdp_frags\" (id " attach eth0 xdp
	run on b bpftool net detach xdpdrv dev eth0
	run xt b attach eth0 xdp
}

vlans()
{
	two_hosts
	ip -n "$(ns b)" link add eth0.5 link eth0 type vlan id 5 2>/dev/null ||
		skip_test "this kernel has no VLAN devices"
	tunnel_ends
	refuses b "takes VLAN tags off before XDP sees them, and eth0.5 is on it" attach eth0 xdp
	run on b ethtool -K eth0 rxvlan off
	run xt b attach eth0 xdp
	pings a 172.16.0.8
	# On veth a tag stays hidden whatever one says: what XDP has taken for the tunnel's is dropped.
	run ip -n "$(ns a)" link add eth0.5 link eth0 type vlan id 5
	address a eth0.5 10.1.9.5/24
	run ip -n "$(ns a)" route replace 10.1.1.7/32 dev eth0.5 src 10.1.1.5
	run ip -n "$(ns a)" neigh replace 10.1.1.7 lladdr "$(mac b eth0)" dev eth0.5
	pings_not a 172.16.0.8
	equal "dropped for their tag" "$(counter b tun2 drops.vlan)" 2
	# So are frames, with and without a tag inside. (The key is for a slot that tun2 has not got.)
	run xt a tunnel add tap mode gretap local 10.1.1.5 remote 10.1.1.7 key 7
	run xt b tunnel add tap mode gretap local 10.1.1.7 remote 10.1.1.5 key 7
	run ip -n "$(ns a)" link set tap up
	run ip -n "$(ns b)" link set tap up
	sockets datagram "$(ns a)" tap "$(mac b tap)" 172.19.0.2 9 2
	wait_for 5 "the first" eval "[ \$(counter b tap drops.vlan) = 2 ]"
	sockets datagram "$(ns a)" tap "$(mac b tap)" 172.19.0.2 9 3 tagged
	wait_for 5 "those with a tag" eval "[ \$(counter b tap drops.vlan) = 5 ]"
}

# ---- frames --------------------------------------------------------------------------------------

# taps HOW MODE WORDS... - tunnels for frames between a and b, both called tap, with XDP (HOW: xdp or
# generic) or without (tc)
taps()
{
	local how=$1 mode=$2 one=10.1.1.5 two=10.1.1.7
	shift 2

	two_hosts
	if [ "$mode" = ip6gretap ]; then
		one=fd01::5 two=fd01::7
		address6 a eth0 $one/64
		address6 b eth0 $two/64
	fi
	run xt b fou add port 7747 ipproto 47
	run xt b fou add port 5555 gue
	run xt a fou add port 7747 ipproto 47
	run xt a fou add port 5555 gue
	run xt a tunnel add tap mode "$mode" local $one remote $two "$@"
	run xt b tunnel add tap mode "$mode" local $two remote $one "$@"
	if [ "$how" != tc ]; then
		# shellcheck disable=SC2086 # a word, or none
		run xt a attach eth0 xdp ${how#xdp}
		# shellcheck disable=SC2086
		run xt b attach eth0 xdp ${how#xdp}
	fi
	address a tap 172.19.0.1/24
	address b tap 172.19.0.2/24
}

# Each kind of tunnel: frames of all kinds, which are counted, and TCP. The stack has inner packets on
# the underlay device, to the hardware address of the tunnel's.
taps_forms()
{
	local mode words before

	while read -r mode words; do
		# shellcheck disable=SC2086 # keywords
		taps xdp "$mode" $words
		# Nobody asks for a neighbour while frames are counted.
		run ip -n "$(ns a)" neigh replace 172.19.0.2 lladdr "$(mac b tap)" dev tap nud permanent
		run ip -n "$(ns b)" neigh replace 172.19.0.1 lladdr "$(mac a tap)" dev tap nud permanent
		pings a 172.19.0.2
		before=$(counter b tap rx_packets)
		sockets frames "$(ns a)" tap "$(ns b)" tap 1
		equal "rx_packets" "$(counter b tap rx_packets)" $((before + 32))
		capture b eth0 "$tmp/inner" 'ether src 02:00:00:00:0d:0d'
		sockets frames "$(ns a)" tap "$(ns b)" tap 1
		# All but those with two tags.
		captured "$tmp/inner" 28
		capture_end
		equal "frames of $mode that XDP took out" \
			"$(tcpdump -e -n -r "$tmp/inner" 2>/dev/null | grep -c "02:00:00:00:0d:0d > $(mac b tap)")" 28
		tcp a 172.19.0.1 b 172.19.0.2 4
		equal "drops of $mode" "$(drops a tap) $(drops b tap)" "0 0"
	done < <(quick $'vxlan id 7 dstport 4789\ngeneve id 7\ngretap\ngretap key 7
		gretap encap fou encap-dport 7747\ngretap encap gue encap-dport 5555\nip6gretap' \
		$'vxlan id 7 dstport 4789\ngretap')
}

# The same frames where the stack runs the program, and where tc alone is.
taps_elsewhere()
{
	taps generic vxlan id 7 dstport 4789
	sockets frames "$(ns a)" tap "$(ns b)" tap 1
	tcp a 172.19.0.1 b 172.19.0.2 4
	equal "drops" "$(drops a tap) $(drops b tap)" "0 0"
	taps tc vxlan id 7 dstport 4789
	sockets frames "$(ns a)" tap "$(ns b)" tap 1
	taps tc gretap
	sockets frames "$(ns a)" tap "$(ns b)" tap 1
}

# GRO merges what is inside, before the tunnel's device has it.
taps_merged()
{
	local mode words

	while read -r mode words; do
		# shellcheck disable=SC2086 # keywords
		taps xdp "$mode" $words
		run on b ethtool -K eth0 gro on
		capture b tap "$tmp/merged" 'tcp and greater 4000' -c 20 -s 100
		tcp a 172.19.0.1 b 172.19.0.2 16
		captured "$tmp/merged" 20
		kill "$capture_pid" 2>/dev/null
		wait "$capture_pid"
	done < <(quick $'vxlan id 7 dstport 4789\ngretap' 'gretap')
}

#    a  tap 172.19.0.1 ==== gretap ==== tap  b  br0 ---- eth0 172.19.0.3  c
bridged()
{
	taps xdp gretap
	host c
	cable b eth1 - c eth0 172.19.0.3/24
	run ip -n "$(ns c)" link set eth0 mtu 1462 # a bridge cuts nothing
	run ip -n "$(ns b)" addr flush dev tap
	ip -n "$(ns b)" link add br0 type bridge mcast_snooping 0 2>/dev/null || skip_test "this kernel has no bridges"
	run ip -n "$(ns b)" link set tap master br0
	run ip -n "$(ns b)" link set eth1 master br0
	run ip -n "$(ns b)" link set br0 up
	pings a 172.19.0.3
	pings c 172.19.0.1 -s 8000
	tcp a 172.19.0.1 c 172.19.0.3 16
	udp a 172.19.0.1 c 172.19.0.3 50 1000
	sockets frames "$(ns a)" tap "$(ns c)" eth0 1
	sockets hold "$(ns b)" eth0 20 >"$tmp/hold" &
	wait_for 20 "the packet socket" grep -q ready "$tmp/hold"
	pings a 172.19.0.3
	udp a 172.19.0.1 c 172.19.0.3 50 1000
	equal "drops" "$(drops b tap)" 0
}

# Without the program behind XDP no frame is taken for one to the device, nor for one to all.
taps_closed()
{
	local to

	taps xdp vxlan id 7 dstport 4789
	run rm -f "$(pin_dir b)/handoff-$(ifindex_of b eth0)"
	tc -n "$(ns b)" filter del dev eth0 ingress pref 30720 2>/dev/null
	sockets arrive "$(ns b)" 7779 2 >"$tmp/arrive" &
	wait_for 20 "the receiver" grep -q ready "$tmp/arrive"
	for to in "$(mac b eth0)" ff:ff:ff:ff:ff:ff "$(mac b tap)"; do
		sockets datagram "$(ns a)" tap "$to" 10.1.1.7 7779 20
	done
	wait
	equal "what arrived" "$(cat "$tmp/arrive")" ready
	run xt b tunnel change tap ttl 9
	pings a 172.19.0.2
}

# What has no remote learns at XDP; each of a and b floods to the other.
taps_learn()
{
	local host other

	two_hosts
	for host in a b; do
		other=10.1.1.7
		[ "$host" = a ] || other=10.1.1.5
		run xt "$host" tunnel add tap mode vxlan id 7 dstport 4789 local "10.1.1.$([ $host = a ] && echo 5 || echo 7)"
		run xt "$host" peer add tap lladdr 00:00:00:00:00:00 via "$other"
		run xt "$host" attach eth0 xdp
	done
	address a tap 172.19.0.1/24
	address b tap 172.19.0.2/24
	capture b eth0 "$tmp/inner" 'icmp and src 172.19.0.1'
	pings a 172.19.0.2
	captured "$tmp/inner" 3
	capture_end
	tcp a 172.19.0.1 b 172.19.0.2 4
	equal "where a is" "$(xt b -j peer show tap | jq -r --arg mac "$(mac a tap)" '.[] | select(.lladdr == $mac) | .via')" 10.1.1.5
	equal "drops" "$(drops a tap) $(drops b tap)" "0 0"
}

# filter WORDS... - xdp-filter on b, whose programs and pins go with this test's mounts
filter() { nsenter --net="/run/netns/$(ns b)" xdp-filter "$@" >"$tmp/filter" 2>&1 || die "xdp-filter $*: $(cat "$tmp/filter")"; }

at_xdp() { nsenter --net="/run/netns/$(ns b)" xdp-loader status eth0 | grep -o 'xdpfilt_[a-z_]*\|xtun_xdp' | sort | xargs; }

# older A B - whether version A comes before B
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Behind a filter that was there first, called by libxdp's dispatcher.
beside()
{
	local version

	two_hosts
	tunnel_ends
	filter load -m native -f ipv4 eth0
	ip -n "$(ns b)" -d link show eth0 | grep -q xdp_dispatcher || skip_test "this kernel replaces no functions of programs"
	version=$(xdp-loader status --version | sed -n 's/^[a-z-]* version \([0-9.]*\).*/\1/p')
	[ -n "$version" ] || die "no version of xdp-tools"
	if ! older "$(uname -r)" 6.12.26 && older "$version" 1.5.5; then
		refuses b "from Linux 6.12.26 on that takes its version 1.5.5" attach eth0 xdp
		equal "programs" "$(at_xdp)" "$(at_xdp | grep -o 'xdpfilt_[a-z_]*')"
		pings a 172.16.0.8
		return
	fi
	refuses b "by the driver; \`xdp native\` joins it" attach eth0 xdp generic
	run xt b attach eth0 xdp
	equal "joined" "$(json_first joined "$(xt b -j dev show eth0)")" true
	popped
	# The filter comes first, and still decides.
	filter ip -m src 10.1.1.5
	pings_not a 172.16.0.8
	filter ip -r -m src 10.1.1.5
	pings a 172.16.0.8
	run xt b tunnel change tun2 ttl 9
	run xt b upgrade
	equal "programs" "$(at_xdp | wc -w)" 2
	popped
	run xt b detach eth0 xdp
	equal "programs" "$(at_xdp | grep -c xtun)" 0
	holds "programs" "$(at_xdp)" xdpfilt_
	pings a 172.16.0.8
	run xt b attach eth0 xdp
	run xt b flush
	equal "programs" "$(at_xdp | grep -c xtun)" 0
	holds "programs" "$(at_xdp)" xdpfilt_
	filter unload eth0
}

setup
check "inner packets before the stack" popped
check "tcp" tcp a 172.16.0.6 b 172.16.0.8 64
whole check "udp" udp a 172.16.0.6 b 172.16.0.8 100 1000
whole check "udp in fragments" udp b 172.16.0.8 a 172.16.0.6 20 9000
whole check "ping of 8000 bytes" pings a 172.16.0.8 -s 8000
check "counters" counted
check "a packet socket that holds them" held
whole check "what is not the tunnel's" foreign
shared check "every form" forms
check "detached under traffic" detach_under_traffic
check "fails closed" fails_closed
whole check "changed hardware address" address_changed
shared check "jumbo frames" jumbo
shared check "frames of every tunnel" taps_forms
whole check "frames, generic and at tc" taps_elsewhere
shared check "frames, merged" taps_merged
shared check "frames, bridged" bridged
shared check "frames, fails closed" taps_closed
shared check "frames, learning" taps_learn
setup generic
check "generic: tcp" tcp a 172.16.0.6 b 172.16.0.8 32
whole check "generic: udp" udp a 172.16.0.6 b 172.16.0.8 100 1000
whole check "generic: plain tcp" tcp a 10.1.1.5 b 10.1.1.7
whole check "save and restore" saved
shared check "refusals" refusals
check "hidden VLAN tags" vlans
check "beside a filter" beside

finish
