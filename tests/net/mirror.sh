#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Mirrors: what of a device's frames comes to an analyser, and that nothing else changes
#
#    a eth0 10.1.1.5 -------- 10.1.1.7 eth0 b     what is mirrored
#      eth1 10.1.2.5 -------- 10.1.2.7 eth0 c     the way of the copies, by a tunnel of a

. "$(dirname "$0")/../lib.sh"

# scene [ANCHOR] - the hosts, and on a the tunnel that copies go into; its device is of the kind ANCHOR
scene()
{
	hosts_drop
	host a b c
	cable a eth0 10.1.1.5/24 b eth0 10.1.1.7/24
	cable a eth1 10.1.2.5/24 c eth0 10.1.2.7/24
	run ip -n "$(ns a)" link set eth1 mtu 2000
	run ip -n "$(ns c)" link set eth0 mtu 2000
	run xt a tunnel add tap mode gretap local 10.1.2.5 remote 10.1.2.7 anchor "${1:-auto}"
	run ip -n "$(ns a)" link set tap up
	# Without it c would answer each copy by an ICMP error, which can be mirrored like any packet.
	run xt c tunnel add tap mode gretap local 10.1.2.7 remote 10.1.2.5
	run ip -n "$(ns c)" link set tap up
}

stat() { stat_of "$2" "$(xt a -j -s mirror show "$1")"; }

# What users do all the time goes on, with all of it copied.
traffic_goes_on()
{
	run xt a mirror add m dev eth0 both to tap
	pings a 10.1.1.7
	pings b 10.1.1.5 -s 20000
	tcp a 10.1.1.5 b 10.1.1.7 4
	[ "$(stat m sent)" -gt 50 ] || die "only $(stat m sent) copies"
	run xt a mirror del m
}

# A copy that is too long for its tunnel is nothing that the sender of the frame has to know.
too_long_for_tunnel()
{
	run ip -n "$(ns a)" link set eth1 mtu 1500
	run xt a mirror add m dev eth0 both to tap
	pings a 10.1.1.7 -s 1472 -M do
	pings b 10.1.1.5 -s 1472 -M do
	equal "too long for the tunnel" "$(counter a tap drops.too_big)" 12
	run xt a mirror del m
	run ip -n "$(ns a)" link set eth1 mtu 2000
}

# All that was sent into the tunnel came to m1 again, and nothing else was left out as a copy.
copies_agree()
{
	local sent

	sent=$(xt a -j -s mirror show | jq 'map(.stats.sent) | add')
	[ "$(stat m1 drops.own)" = "$sent" ] && [ "$(counter a tap tx_packets)" = "$sent" ]
}

# Copies of the frames that carry copies would never end.
no_loop()
{
	local sent

	run xt a mirror add m1 dev eth1 both to tap
	run xt a mirror add m2 dev eth1 egress to tap filter 'ip proto 47'
	run xt a mirror add m3 dev eth0 both to tap
	pings a 10.1.1.7
	pings a 10.1.2.7
	pings a 10.1.1.7
	sleep 0.2
	[ "$(stat m3 sent)" -ge 12 ] && [ "$(stat m1 sent)" -ge 6 ] || die "$(xt a -s mirror show)"
	equal "copies of m2, which sees nothing but copies" "$(stat m2 sent)" 0
	# The hosts ask for each other now and then, also between two readings.
	wait_for 10 "as many own outer packets at m1 as copies" copies_agree
	sent=$(counter a tap tx_packets)
	[ "$sent" -lt 60 ] || die "$sent copies"
	run xt a mirror del m1
	run xt a mirror del m2
	run xt a mirror del m3
}

# The mirror is in front of the program that takes tunnels' packets out.
before_decap()
{
	run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7
	run xt b tunnel add tun2 mode ipip local 10.1.1.7 remote 10.1.1.5
	tunnel_addresses
	run xt a mirror add m1 dev eth0 ingress to tap filter 'ip proto 4'
	run xt a mirror add m2 dev eth0 both to tap filter 'ip proto 4 and src 10.1.1.5'
	pings a 172.16.0.8
	equal "outer packets that came" "$(stat m1 sent)" 3
	equal "outer packets that went" "$(stat m2 sent)" 3
	# A tunnel's own device can be mirrored: the frames that it carries.
	run xt a mirror add m3 dev tun1 both to tap filter icmp
	pings a 172.16.0.8
	equal "inner packets" "$(stat m3 sent)" 6
	for name in m1 m2 m3; do run xt a mirror del "$name"; done
	run xt a tunnel del tun1
}

refused()
{
	local text

	text=$(xt a mirror add "$@" 2>&1) && die "mirror add $*: accepted"
	[ "$(wc -l <<< "$text")" = 1 ] || die "$text"
	empty "mirrors" "$(xt a mirror show)"
}

refusals()
{
	refused m dev eth0 both to tap filter 'tcp prt 80'
	refused m dev eth0 both to tap filter 'ip protochain 6'
	refused m dev eth0 both to tap sample 0
	refused m dev eth0 both to tap snaplen 13
	refused m dev eth0 both to tap snaplen 64 # the device passes on several segments in one
	refused m dev eth9 both to tap
	refused m dev tap both to tap
	run xt a mirror add m dev eth0 both to tap
	! xt a tunnel del tap 2>"$tmp/err" || die "the tunnel of a mirror was deleted"
	holds "refusal" "$(cat "$tmp/err")" "mirror m sends its copies into tap"
	run xt a mirror del m
	equal "hooks" "$(hooks a | grep -c 'eth0 egress')" 0
}

# Filters are shown with numbers of their programs.
hooks_kept() { hooks a | sed 's/:\[[0-9]*\]//' | sort; }

configuration()
{
	run xt a mirror add m1 dev eth0 both to tap sample 5 filter 'tcp port 80 or (vlan and udp)'
	run xt a mirror add m2 dev eth1 ingress to tap
	xt a save >"$tmp/saved"
	equal "JSON" "$(xt a -j mirror show m1)" '[{"name":"m1","dev":"eth0","direction":"both","tunnel":"tap","sample":5,"filter":"tcp port 80 or (vlan and udp)"}]'
	hooks_kept >"$tmp/hooks"
	run xt a restore "$tmp/saved"
	equal "restored, the same again" "$(xt a save)" "$(cat "$tmp/saved")"
	run xt a flush
	empty "hooks after flush" "$(hooks a)"
	run xt a restore "$tmp/saved"
	equal "restored, all of it" "$(xt a save)" "$(cat "$tmp/saved")"
	equal "hooks" "$(hooks_kept)" "$(cat "$tmp/hooks")"
	run ip -n "$(ns a)" link del eth0
	equal "mirrors without eth0" "$(xt a mirror show)" "m2 dev eth1 ingress to tap"
	run ip -n "$(ns a)" link del tap
	empty "mirrors without tap" "$(xt a mirror show)"
	empty "hooks that are left" "$(hooks a)"
}

frames() { check_script "$1" "$python" "$lib_dir/net/mirror.py" "$1" "$(ns a)" "$(ns b)" "$(ns c)" "${@:2}"; }

scene
check "traffic goes on" traffic_goes_on
check "copies that are too long" too_long_for_tunnel
check "before decapsulation" before_decap
check "refusals" refusals
frames plain frames filters passed sample tcp
scene
check "no loop" no_loop
check "configuration" configuration
# On an emulated processor the rest takes long and is the same.
[ -z "${XTUN_QUICK:-}" ] || finish

# erspan VERSION FAMILY - the copies go in ERSPAN
erspan()
{
	local words="erspan_ver $1" mode=erspan here=10.1.2.5 there=10.1.2.7
	[ "$1" = 0 ] || words+=" key 77 seq"
	if [ "$2" = 6 ]; then
		mode=ip6erspan here=fd00:2::5 there=fd00:2::7
		address6 a eth1 $here/64
		address6 c eth0 $there/64
	fi
	for host in a c; do xt "$host" tunnel del tap 2>/dev/null; done
	# shellcheck disable=SC2086 # words of a command
	run xt a tunnel add tap mode $mode local $here remote $there $words
	run xt c tunnel add tap mode $mode local $there
	for host in a c; do run ip -n "$(ns "$host")" link set tap up; done
	pings a "$there" >/dev/null
}

# The analyser, a tunnel without remote, knows the session and misses nothing.
books_agree()
{
	local sent got

	sent=$(counter a tap tx_packets)
	got=$(xt c -j -s tunnel show tap | jq -c '.[0].stats.sessions | map([.session, .frames, .lost])')
	equal "sessions" "$got" "[[$1,$sent,0]]"
}

scene veth
for which in "0 4" "1 4" "2 4" "0 6" "1 6" "2 6"; do
	# shellcheck disable=SC2086 # two words
	erspan $which
	frames "erspan_${which/ /_over_ipv}" "erspan${which/ /:}"
	session=${which% *}
	check "books over IPv${which#* }, version ${which% *}" books_agree $([ "$session" = 0 ] && echo null || echo 77)
done
erspan 2 4
check "no loop, erspan" no_loop

scene veth
check "traffic goes on, veth" traffic_goes_on
frames veth frames snaplen tcp_snaplen
scene veth
check "no loop, veth" no_loop

finish
