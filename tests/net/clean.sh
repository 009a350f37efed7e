#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is left when tunnels are gone: nothing
#
#    a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b
#      eth1 10.1.2.5 ------------- 10.1.2.7 eth1

. "$(dirname "$0")/../lib.sh"

setup()
{
	two_hosts
	cable a eth1 10.1.2.5/24 b eth1 10.1.2.7/24
}

# fill HOST - tunnels of all sorts
fill()
{
	local kind

	run xt "$1" tunnel add t1 mode ipip local 10.1.1.5 remote 10.1.1.7
	run xt "$1" tunnel add t2 mode ipip local 10.1.2.5 remote 10.1.2.7 dev eth1
	run xt "$1" tunnel add t3 mode ipip remote any local any
	run xt "$1" attach eth0
	for kind in $anchor_kinds; do
		kind_exists "$kind" || continue
		run xt "$1" tunnel add "$kind" mode ipip remote "10.7.0.${#kind}" anchor "$kind"
	done
}

# nothing_left HOST ID... - the state, the devices and the programs that were pinned are gone
nothing_left()
{
	local dir

	dir=$(pin_dir "$1")
	equal "devices" "$(devices "$1" | tr '\n' ' ')" "eth0 eth1 lo "
	empty "programs and qdiscs at tc" "$(hooks "$1")"
	[ ! -e "$dir" ] || die "$dir is still there: $(ls "$dir" | tr '\n' ' ')"
	empty "directories of others" "$(ls "$pin_root")"
	wait_for 15 "the programs to go" programs_gone "${@:2}"
}

after_flush()
{
	local ids

	setup
	fill a
	ids=$(programs "$(pin_dir a)")
	[ -n "$ids" ] || die "no programs are pinned"
	[ -n "$(hooks a)" ] || die "no programs are attached"
	run xt a flush
	# shellcheck disable=SC2086
	nothing_left a $ids
}

after_deleting_each()
{
	local ids name

	setup
	fill a
	ids=$(programs "$(pin_dir a)")
	for name in $(xt a -j tunnel show | jq -r '.[].name'); do
		run xt a tunnel del "$name"
	done
	equal "devices watched" "$(xt a -j dev show | jq -r '.[].dev')" eth0
	run xt a detach eth0
	# shellcheck disable=SC2086
	nothing_left a $ids
}

# An underlay is watched as long as a tunnel needs it, or as long as the user wants it.
underlays()
{
	setup
	run xt a tunnel add t1 mode ipip local 10.1.1.5 remote 10.1.1.7 dev eth0
	run xt a tunnel add t2 mode ipip local 10.1.1.5 remote 10.1.1.9 dev eth0
	equal "hooks" "$(hooks a | grep -c '^eth0 ingress')" 1
	equal "devices" "$(xt a -j dev show | jq -c '.[] | [.dev, .auto, (.tunnels | sort)]')" \
		'["eth0",true,["t1","t2"]]'
	run xt a tunnel del t1
	equal "hooks after one went" "$(hooks a | grep -c '^eth0 ingress')" 1
	run xt a tunnel change t2 local 10.1.2.5 remote 10.1.2.7 dev eth1
	equal "hooks after the move" "$(hooks a | sed -n 's/ ingress.*//p')" eth1
	run xt a attach eth0
	run xt a tunnel del t2
	equal "devices that the user wants" "$(xt a -j dev show | jq -c '.[] | [.dev, .auto, .tunnels]')" \
		'["eth0",false,[]]'
	run xt a detach eth0
	nothing_left a
}

# Programs of others at the same hook stay, and so does their qdisc.
others_stay()
{
	local before

	setup
	run on a tc qdisc add dev eth0 clsact
	on a tc filter add dev eth0 ingress prio 7 protocol ip u32 match u32 0 0 2>/dev/null
	before=$(hooks a; on a tc filter show dev eth0 ingress)
	fill a
	run xt a flush
	equal "hooks" "$(hooks a; on a tc filter show dev eth0 ingress)" "$before"
}

# An underlay that goes away takes nothing with it but itself.
underlay_deleted()
{
	setup
	fill a
	run ip -n "$(ns a)" link del eth1
	cable a eth1 10.1.2.5/24 b eth1 10.1.2.7/24
	run xt a flush
	nothing_left a
}

flush_twice()
{
	setup
	fill a
	run xt a flush
	run xt a flush
	nothing_left a
	fill a
	run xt a flush
	nothing_left a
}

shared check "flush leaves nothing" after_flush
shared check "deleting each leaves nothing" after_deleting_each
shared check "underlays are watched while needed" underlays
shared check "what others attached stays" others_stay
shared check "a deleted underlay leaves nothing" underlay_deleted
shared check "flush twice, and again" flush_twice

finish
