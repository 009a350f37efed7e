#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `xdp cpus`: what arrives is spread over processors, each flow on one
#
#    a  tun1 172.16.0.6 ==== ipip ==== 172.16.0.8 tun2  b
#       eth0 10.1.1.5 --------------------- 10.1.1.7 eth0, with XDP

. "$(dirname "$0")/../lib.sh"

# received CPU - what the only tunnel of b has received there
received()
{
	bpftool -j map lookup pinned "$(pin_dir b)/cpu_state" key 0 0 0 0 |
		jq --argjson cpu "$1" '.formatted.values[] | select(.cpu == $cpu).value.rx_packets'
}

# on_cpus FLOWS PACKETS - send them; prints what each of both CPUs received
on_cpus()
{
	local one two

	one=$(received 0) two=$(received 1)
	run "$python" "$lib_dir/net/xdp.py" flows "$(ns a)" 172.16.0.8 "$1" "$2"
	sleep 0.3
	echo $(($(received 0) - one)) $(($(received 1) - two))
}

# One flow on one CPU, and many on both.
spread()
{
	local one two mode words

	[ "$(nproc)" -ge 2 ] || skip_test "needs two CPUs"
	while read -r mode words; do
		two_hosts
		# What a device is to sum stays where it is.
		run on a ethtool -K eth0 tx off >/dev/null
		run xt b fou add port 7747 ipproto 47
		# shellcheck disable=SC2086 # keywords
		run xt a tunnel add tun1 mode "$mode" local 10.1.1.5 remote 10.1.1.7 $words
		run xt b tunnel add tun2 mode "$mode" local 10.1.1.7 remote 10.1.1.5
		tunnel_addresses
		run on a ethtool -K tun1 tx off >/dev/null
		run xt b attach eth0 xdp cpus 0-1
		equal "save" "$(xt b save | grep ^attach)" "attach eth0 xdp cpus 0-1"
		pings a 172.16.0.8
		tcp a 172.16.0.6 b 172.16.0.8 2
		read -r one two <<< "$(on_cpus 64 5)"
		[ "$one" -ge 50 ] && [ "$two" -ge 50 ] || die "of 64 flows: $one and $two packets"
		equal "of 64 flows" $((one + two)) 320
		read -r one two <<< "$(on_cpus 1 200)"
		equal "of one flow" "$(printf '%s\n' "$one" "$two" | sort -n | xargs)" "0 200"
		run xt b detach eth0
		run xt b attach eth0 xdp cpus 1
		equal "on CPU 1 alone" "$(on_cpus 64 5)" "0 320"
		equal "drops" "$(drops b tun2)" 0
	done < <(quick $'ipip\ngre encap fou encap-dport 7747 encap-sport 7000' ipip)
	run xt b detach eth0
	refuses b "cpus: there is no CPU 999, or it is off" attach eth0 xdp cpus 0,999
}

check "each flow on one CPU" spread

finish
