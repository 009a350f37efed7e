#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Who owns the state: the data path outlives the command, writers take turns, readers never wait
#
#    a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b
#    a tun1 172.16.0.6 == ipip == 172.16.0.8 tun2 b

. "$(dirname "$0")/../lib.sh"

TUN1="tun1 mode ipip local 10.1.1.5 remote 10.1.1.7"

# ---- the command exits, the tunnel stays ---------------------------------------------------------

# survives CMD... - CMD is the command, in whatever way it gets into a's namespace
survives()
{
	two_hosts
	run xt b tunnel add tun2 mode ipip local 10.1.1.7 remote 10.1.1.5
	run "$@" tunnel add $TUN1
	tunnel_addresses
	pings a 172.16.0.8
	equal "tunnels that all ways see" "$("$@" save)" "$(xt a save)"
	run "$@" tunnel change tun1 ttl 44
	pings a 172.16.0.8
	equal "ttl" "$(json_first ttl "$(xt a -j tunnel show tun1)")" 44
	run "$@" tunnel del tun1
	equal "tunnels after del" "$(xt a save)" ""
}

ways()
{
	local a

	a=$(ns a)
	shared check "lives on after xtun -n" survives "$XTUN" -n "$a"
	shared check "lives on after ip netns exec" survives ip netns exec "$a" "$XTUN"
	shared check "lives on after nsenter" survives nsenter --net="/run/netns/$a" -- "$XTUN"
	shared check "lives on after nsenter into mounts of its own" \
		survives nsenter --net="/run/netns/$a" -- unshare --mount -- "$XTUN"
	shared check "lives on after unshare with private mounts" survives unshare --mount \
		--propagation private -- "$XTUN" -n "$a"
}
ways

# ---- writers and readers -------------------------------------------------------------------------

# writer NAME - adds and deletes its own tunnel, and keeps another in the end
writer()
{
	local i

	for ((i = 1; i <= 12; i++)); do
		run xt a tunnel add "$1$i" mode ipip local 10.1.1.5 remote "$2.$i"
		[ $((i % 3)) = 0 ] || run xt a tunnel del "$1$i"
	done
}

two_writers()
{
	local one two

	two_hosts
	writer x 10.7.0 & one=$!
	writer y 10.8.0 & two=$!
	wait "$one" || die "the first writer failed"
	wait "$two" || die "the second writer failed"
	equal "tunnels" "$(xt a -j tunnel show | jq -r '.[].name' | sort | tr '\n' ' ')" \
		"x12 x3 x6 x9 y12 y3 y6 y9 "
	equal "devices" "$(devices a | tr '\n' ' ')" "eth0 lo x12 x3 x6 x9 y12 y3 y6 y9 "
}

# Readers see the old or the new of every change: two tunnels that are made and deleted together.
reader_sees_whole()
{
	local seen writer i n

	n=$(quick 15 5)
	two_hosts
	printf '%s\n' "tunnel add p mode ipip local 10.1.1.5 remote 10.7.0.1" \
		"tunnel add q mode ipip local 10.1.1.5 remote 10.7.0.2" >"$tmp/add"
	printf '%s\n' "tunnel del p" "tunnel del q" >"$tmp/del"
	run xt a tunnel add keep mode ipip local 10.1.1.5 remote 10.7.0.9
	(
		for ((i = 0; i < n; i++)); do
			run xt a -b "$tmp/add"
			run xt a -b "$tmp/del"
		done
	) &
	writer=$!
	while kill -0 "$writer" 2>/dev/null; do
		seen=$(xt a save | awk '/^tunnel/ { print $3 }' | tr '\n' ' ')
		case $seen in
		"keep "|"keep p q ") ;;
		*) die "a reader saw \"$seen\"" ;;
		esac
	done
	wait "$writer" || die "the writer failed"
}

# hold - take the writers' lock until the file $tmp/release appears
hold()
{
	rm -f "$tmp/release"
	rm -f "$tmp/held" "$tmp/release"
	flock "$pin_root" bash -c "touch '$tmp/held'; until [ -e '$tmp/release' ]; do sleep 0.02; done" &
	wait_for 15 "the lock" test -e "$tmp/held"
}

readers_do_not_wait()
{
	local before verb

	two_hosts
	run xt a tunnel add $TUN1
	before=$(xt a save)
	hold
	for verb in "save" "tunnel show" "-s tunnel show tun1" "-j -s tunnel show" "dev show" "version"; do
		# shellcheck disable=SC2086  # words of a command line
		run timeout 2 "$XTUN" -n "$(ns a)" $verb >/dev/null
	done
	equal "save" "$(timeout 2 "$XTUN" -n "$(ns a)" save)" "$before"
	touch "$tmp/release"
}

writers_wait()
{
	local writer

	two_hosts
	run xt a tunnel add $TUN1
	hold
	timeout 0.5 "$XTUN" -n "$(ns a)" tunnel add late mode ipip remote 10.7.0.1
	equal "status of a writer that did not get its turn" $? 124
	equal "tunnels" "$(xt a -j tunnel show | jq -r '.[].name')" tun1
	"$XTUN" -n "$(ns a)" tunnel add late mode ipip remote 10.7.0.1 &
	writer=$!
	touch "$tmp/release"
	wait "$writer" || die "the writer failed when its turn came"
	equal "tunnels" "$(xt a -j tunnel show | jq -r '.[].name' | sort | tr '\n' ' ')" "late tun1 "
}

shared check "two writers at once" two_writers
shared check "a reader sees old or new" reader_sees_whole
shared check "readers do not wait for a writer" readers_do_not_wait
shared check "writers wait for a writer" writers_wait

# ---- layout, and namespaces that are gone --------------------------------------------------------

newer_layout()
{
	local verb dir

	two_hosts
	run xt a tunnel add $TUN1
	dir="$(pin_dir_newer a)"
	run mv "$(pin_dir a)" "$dir"
	for verb in "tunnel add tun2 mode ipip remote 10.7.0.1" "tunnel show" "save" "tunnel del tun1" \
		"flush" "dev show"; do
		# shellcheck disable=SC2086
		xt a $verb >"$tmp/out" 2>"$tmp/err"
		equal "status of $verb" $? 1
		equal "lines on stderr of $verb" "$(wc -l <"$tmp/err")" 1
		equal "output of $verb" "$(cat "$tmp/out")" ""
	done
	equal "directories" "$(ls "$pin_root" | grep "^$(cookie a)-")" "$(basename "$dir")"
	run mv "$dir" "$(pin_dir a)"
	equal "tunnels" "$(xt a -j tunnel show | jq -r '.[].name')" tun1
}

newer_layout_beside()
{
	two_hosts
	run xt a tunnel add $TUN1
	run mkdir "$(pin_dir_newer a)"
	xt a tunnel add tun2 mode ipip remote 10.7.0.1 2>"$tmp/err"
	equal "status" $? 1
	equal "lines on stderr" "$(wc -l <"$tmp/err")" 1
	run rmdir "$(pin_dir_newer a)"
	run xt a tunnel add tun2 mode ipip remote 10.7.0.1
}

deleted_namespace()
{
	local dir ids

	two_hosts
	run xt a tunnel add $TUN1
	run xt b tunnel add tun2 mode ipip local 10.1.1.7 remote 10.1.1.5
	dir=$(pin_dir b)
	ids=$(programs "$dir")
	[ -n "$ids" ] || die "no programs are pinned in $dir"
	run ip netns del "$(ns b)"
	[ -d "$dir" ] || die "the state went with the namespace: this test tests nothing"
	# The kernel takes its time with a namespace; the cookie is free when it is gone.
	wait_for 10 "the state of the deleted namespace to be collected" collected "$dir"
	# shellcheck disable=SC2086
	wait_for 15 "its programs to go" programs_gone $ids
	equal "tunnels of the other namespace" "$(xt a -j tunnel show | jq -r '.[].name')" tun1
}

collected()
{
	xt a tunnel change tun1 ttl $((RANDOM % 200 + 1)) && [ ! -d "$1" ]
}

# A namespace without a name is not a namespace that is gone.
# nameless HOLD - HOLD says what keeps it
nameless()
{
	local holder dir fd

	two_hosts
	run xt b tunnel add tun2 mode ipip local 10.1.1.7 remote 10.1.1.5
	dir=$(pin_dir b)
	run touch "$tmp/netns"
	case $1 in
	process)
		nsenter --net="/run/netns/$(ns b)" -- sleep 60 &
		holder=$!
		wait_for 15 "the process" test "/proc/$holder/ns/net" -ef "/run/netns/$(ns b)"
		;;
	mount) run mount --bind "/run/netns/$(ns b)" "$tmp/netns" ;;
	fd)    exec {fd}<"/run/netns/$(ns b)" ;;
	esac
	run ip netns del "$(ns b)"
	run xt a tunnel add $TUN1
	run xt a tunnel del tun1
	run xt a tunnel add $TUN1
	[ -d "$dir" ] || die "the state of a namespace that lives was collected"
	[ "$1" != mount ] || run umount "$tmp/netns"
}

shared check "newer layout is refused" newer_layout
shared check "newer layout beside ours is refused" newer_layout_beside
shared check "deleted namespace is collected" deleted_namespace
shared check "namespace held by a process is kept" nameless process
shared check "namespace held by a mount is kept" nameless mount
shared check "namespace held by a descriptor is kept" nameless fd

# ---- save and restore ----------------------------------------------------------------------------

save_restore()
{
	two_hosts
	run xt a tunnel add $TUN1 ttl 64 tos inherit
	run xt a tunnel add tun2 mode ipip local any remote 10.1.1.9 dev eth0 nopmtudisc anchor veth
	run xt a link add name tun3 type ipip local 10.1.1.5 remote any tos 0x10
	run xt a attach eth0
	run xt a save >"$tmp/save"
	run xt a flush
	equal "save after flush" "$(xt a save)" ""
	run xt a restore "$tmp/save"
	equal "save after restore" "$(xt a save)" "$(cat "$tmp/save")"
	run xt a flush
	run xt a restore - <"$tmp/save"
	equal "save after restore from standard input" "$(xt a save)" "$(cat "$tmp/save")"
	run xt a flush
	run xt a -b "$tmp/save"
	equal "save after -b" "$(xt a save)" "$(cat "$tmp/save")"
	equal "restored into another namespace" \
		"$(run xt b restore "$tmp/save"; xt b save)" "$(cat "$tmp/save")"
}

# What restore finds in place keeps running, with its addresses.
restore_keeps()
{
	two_hosts
	tunnel_ends
	run xt a save >"$tmp/save"
	run xt a tunnel add other mode ipip remote 10.7.0.1
	run xt a restore "$tmp/save"
	equal "save" "$(xt a save)" "$(cat "$tmp/save")"
	pings a 172.16.0.8
}

nothing_to_show()
{
	local verb

	two_hosts
	for verb in "tunnel show" "dev show" "save" "-s tunnel show"; do
		# shellcheck disable=SC2086
		equal "$verb" "$(xt a $verb; echo "status $?")" "status 0"
	done
	equal "-j tunnel show" "$(xt a -j tunnel show)" "[]"
	equal "-j -s tunnel show" "$(xt a -j -s tunnel show)" "[]"
	equal "-j dev show" "$(xt a -j dev show)" "[]"
}

shared check "save and restore" save_restore
shared check "restore keeps what stays" restore_keeps
check "nothing to show" nothing_to_show

finish
