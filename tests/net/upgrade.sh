#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Programs are replaced while packets flow, and none is lost
#
#    g eth0 10.0.1.5 ------ 10.0.1.1 eth0 r eth1 10.1.2.1 ------ 10.1.2.7 eth0 s, which counts and drops
#      ============ ipip ========= tun1      tun2 ======= ipip =======
#
# XTUN_UPGRADE_PACKETS=10000000 XTUN_UPGRADE_SWAPS=20 is the whole of it; by default there are fewer.

. "$(dirname "$0")/../lib.sh"

gauge=$top/build/bench/gauge
packets=${XTUN_UPGRADE_PACKETS:-$(quick 200000 2000)}
swaps=${XTUN_UPGRADE_SWAPS:-$(quick 4 1)}
# Of one run of the generator, which sends until all is done. Where softirqs are left to a thread, which a
# guest's kernel may do at any time, no more than the 256 that a veth keeps waiting.
each=$(quick $((packets / 4 < 500000 ? packets / 4 : 500000)) 192)
pins=/sys/fs/bpf/xtun-test-$$

# setup WORDS... - the router, its tunnels, and xtun attached to eth0 and eth1 by WORDS
setup()
{
	hosts_drop
	host g r s
	cable g eth0 10.0.1.5/24 r eth0 10.0.1.1/24
	cable r eth1 10.1.2.1/24 s eth0 10.1.2.7/24
	forwarding r
	for dev in eth0 eth1; do run on r ethtool -K $dev gro on >/dev/null; done
	run on g ethtool -K eth0 gro on >/dev/null
	run on s ethtool -K eth0 gro on >/dev/null
	# Nobody has to ask, so that what arrives is what was sent.
	run ip -n "$(ns r)" neigh replace 10.1.2.7 lladdr "$(mac s eth0)" dev eth1
	run xt r tunnel add tun1 mode ipip local 10.0.1.1 remote 10.0.1.5
	run xt r tunnel add tun2 mode ipip local 10.1.2.1 remote 10.1.2.7
	run xt r tunnel add tap mode gretap local 10.1.2.1 remote 10.1.2.9
	address r tun1 172.17.0.1/24
	address r tun2 172.16.0.1/24
	run xt r attach eth0 "$@"
	run xt r attach eth1 "$@"
	run xt r mirror add web dev eth0 egress to tap filter 'tcp port 80'
}

# The frame that comes in: UDP in IPv4 (172.17.0.5, 172.16.0.7) in IPv4 (10.0.1.5, 10.0.1.1)
frame_make()
{
	local words

	words=$(mac r eth0)$(mac g eth0)0800
	words+=45000058000100004004649c0a0001050a000101
	words+=45000044000100004011227bac110005ac100007
	words+=0fa00fa10030881f$(printf '%080d' 0)
	"$python" -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' \
		"${words//:/}" >"$1"
}

# Frames until there are enough and nobody wants more; prints how many
send()
{
	local sent=0

	# shellcheck disable=SC2046 # words
	while [ ! -e "$tmp/enough" ] || [ "$sent" -lt "$packets" ]; do
		on g $(quick "chrt -f 1" "") "$gauge" send eth0 "$each" "$tmp/frame" >/dev/null || return
		sent=$((sent + each))
		echo "$sent" >"$tmp/sent"
	done
}

# The programs that run: of links and filters at tc and at XDP, sorted by id
running()
{
	on r bpftool -j net show | jq -c '[.. | objects | (.id? // .prog_id?) | numbers] | unique'
}

# upgraded WORDS... - attached by WORDS, while packets are relayed
upgraded()
{
	local i before after old sender first

	[ -x "$gauge" ] || skip_test "needs build/bench/gauge"
	rm -rf "$tmp/enough" "$tmp/sent" "$pins"
	setup "$@"
	frame_make "$tmp/frame"
	mkdir -p "$pins"
	run on s "$gauge" drop-tc eth0 "$pins/sink"
	# Whether they are here.
	on g "$gauge" send eth0 "$each" "$tmp/frame" >/dev/null
	[ "$("$gauge" read "$pins/sink")" = "$each" ] || each=192
	first=$(counter r tun1 rx_packets)
	before=$(running)
	old=$(programs "$(pin_dir r)")
	send &
	sender=$!
	wait_for 60 "packets" [ -e "$tmp/sent" ]
	for ((i = 0; i < swaps; i++)); do
		run xt r upgrade
		kill -0 "$sender" || die "the generator ended"
	done
	touch "$tmp/enough"
	wait "$sender" || die "the generator failed"
	after=$(running)
	equal "packets that arrived" "$("$gauge" read "$pins/sink")" "$(cat "$tmp/sent")"
	equal "rx_packets" "$(($(counter r tun1 rx_packets) - first))" "$(cat "$tmp/sent")"
	equal "tx_packets" "$(($(counter r tun2 tx_packets) - first))" "$(cat "$tmp/sent")"
	equal "drops" "$(drops r tun1) $(drops r tun2)" "0 0"
	equal "programs that run before and after" \
		"$(jq -n -c --argjson a "$before" --argjson b "$after" '$a - ($a - $b)')" "[]"
	equal "how many run" "$(jq length <<< "$after")" "$(jq length <<< "$before")"
	# shellcheck disable=SC2086
	wait_for 15 "the programs of before to go" programs_gone $old
	equal "pins for the next" "$(ls "$(pin_dir r)" | grep -cE '^(next-|upgrade)')" 0
	rm -rf "$pins"
	echo "$(cat "$tmp/sent") packets, $swaps swaps"
}

# What an upgrade cannot be told apart from: nothing of the configuration moves.
unchanged()
{
	local before

	setup xdp
	before="$(xt r save)$(hooks r | sed "s/:.*//")$(ls "$(pin_dir r)")"
	run xt r upgrade
	equal "save, hooks and pins" "$(xt r save)$(hooks r | sed "s/:.*//")$(ls "$(pin_dir r)")" "$before"
}

refusals()
{
	local dir

	xt s upgrade 2>"$tmp/err" || die "with nothing to upgrade: $(cat "$tmp/err")"
	empty "what it says then" "$(cat "$tmp/err")"
	xt r upgrade now 2>"$tmp/err"
	equal "status" $? 2
	dir=$(pin_dir_newer r)
	run mv "$(pin_dir r)" "$dir"
	xt r upgrade 2>"$tmp/err"
	equal "status" $? 1
	equal "lines" "$(wc -l <"$tmp/err")" 1
	holds "the answer" "$(cat "$tmp/err")" "another version of xtun (layout $((layout + 1)), this one has $layout)"
	run mv "$dir" "$(pin_dir r)"
}

relay()
{
	check "relay $1" upgraded "${@:2}"
	sed -n '$s/^/  /p' "$tmp/log"
}

shared relay "at tc, behind XDP" xdp
shared relay "at XDP" xdp forward
shared check "nothing else changes" unchanged
whole check "refusals" refusals

finish
