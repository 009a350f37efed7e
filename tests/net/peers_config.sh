#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What commands about peers do to a configuration, and what bad, killed and refused ones do not
#
#    hub eth1 10.1.1.5 -- the other end is nobody's

. "$(dirname "$0")/../lib.sh"

# prefixes COUNT - that many lines of a file
prefixes()
{
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "%d.%d.%d.%d/32 via 10.1.%d.7\n", 20 + i / 16777216, i / 65536 % 256, i / 256 % 256, i % 256, i % 3 + 1 }'
}

hosts()
{
	hosts_drop
	host hub
	run ip -n "$(ns hub)" link add eth1 type veth peer name nobody
	address hub eth1 10.1.1.5/24
}

# ---- files ---------------------------------------------------------------------------------------

# The very first command on a machine looks at its words twice; a pipe can be read once.
first_from_a_pipe()
{
	hosts
	[ ! -e "$pin_root" ] || die "this is not the first command"
	run xt hub -b <(printf '%s\n' "tunnel add tun1 mode gre remote any" "peer add tun1 10.2.0.0/16 via 10.1.1.7")
	equal "peers" "$(xt hub peer show tun1)" "10.2.0.0/16 via 10.1.1.7"
	run xt hub -b - <<< "peer load tun1 "<(echo 10.3.0.0/16 via 10.1.1.7)
	equal "peers of a pipe in a file" "$(xt hub peer show tun1)" "10.3.0.0/16 via 10.1.1.7"
}

check "first command from a pipe" first_from_a_pipe

# ---- bad input -----------------------------------------------------------------------------------

hosts
run xt hub tunnel add tun1 mode gre remote any
run xt hub tunnel add six mode ip6tnl remote any
run xt hub tunnel add sit mode sit remote any
run xt hub tunnel add fixed mode gre remote 10.1.1.7 local 10.1.1.5
run xt hub peer add tun1 10.2.0.0/16 via 10.1.1.7
run xt hub peer add tun1 fd16::/16 via 10.1.2.7
run xt hub peer add six 10.2.0.0/16 via fd01:1::7
run xt hub save >"$tmp/before"

# answered STATUS TEXT ARGS... - xtun ARGS fails with STATUS and one line that contains TEXT; nothing changes
answered()
{
	local status=$1 text=$2 got
	shift 2

	xt hub "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	cat "$tmp/err"
	equal "status" "$got" "$status"
	equal "lines on stderr" "$(wc -l <"$tmp/err")" 1
	holds "the line" "$(cat "$tmp/err")" "$text"
	empty "output" "$(cat "$tmp/out")"
	equal "save" "$(xt hub save)" "$(cat "$tmp/before")"
	empty "pins" "$(find "$(pin_dir hub)" -name 'peers-*')"
}

bad() { check "bad: $1" answered "${@:2}"; }

bad "host bits" 2 "the prefix is 10.3.0.0/16" peer add tun1 10.3.4.5/16 via 10.1.1.7
bad "IPv6 host bits" 2 "the prefix is fd17::/16" peer add tun1 fd17::1/16 via 10.1.1.7
bad "host bits of what is deleted" 2 "the prefix is 10.2.0.0/16" peer del tun1 10.2.0.1/16
bad "length" 2 "0..32" peer add tun1 10.3.0.0/33 via 10.1.1.7
bad "no prefix" 2 "any" peer add tun1 any via 10.1.1.7
bad "fixed remote" 1 "fixed remote" peer add fixed 10.3.0.0/16 via 10.1.1.7
bad "fixed remote, load" 1 "fixed remote" peer load fixed <(echo 10.3.0.0/16 via 10.1.1.7)
bad "inner family" 1 "IPv4" peer add sit 10.3.0.0/16 via 10.1.1.7
bad "outer family" 1 "IPv4" peer add tun1 10.3.0.0/16 via fd01:1::7
bad "outer family of IPv6" 1 "IPv6" peer add six 10.3.0.0/16 via 10.1.1.7
bad "via any" 2 'via: "any"' peer add tun1 10.3.0.0/16 via any
bad "via 0.0.0.0" 2 'via: "0.0.0.0"' peer add tun1 10.3.0.0/16 via 0.0.0.0
bad "no via" 2 "via" peer add tun1 10.3.0.0/16
bad "peer that exists" 1 "10.2.0.0/16" peer add tun1 10.2.0.0/16 via 10.1.1.8
bad "peer that does not exist" 1 "10.2.0.0/17" peer del tun1 10.2.0.0/17
bad "peer that is of another" 1 "10.2.0.0/16" peer del tun1 10.2.0.0/16 via 10.1.1.8
bad "unknown tunnel" 1 "tun9" peer add tun9 10.3.0.0/16 via 10.1.1.7
bad "unknown tunnel, show" 1 "tun9" peer show tun9
bad "a device that is no tunnel" 1 "eth1" peer add eth1 10.3.0.0/16 via 10.1.1.7
bad "missing file" 1 "/nowhere" peer load tun1 /nowhere
bad "a directory" 1 "/run" peer load tun1 /run
bad "file with a duplicate" 2 "line 3: 10.3.0.0/16" peer load tun1 \
	<(printf '10.3.0.0/16 via 10.1.1.7\n\n10.3.0.0/16 via 10.1.1.8\n')
bad "file with a zero byte" 2 "zero byte" peer load tun1 <(printf '10.3.0.0/16 via 10.1.1.7\n\0')
bad "remote where peers are" 1 "peers" tunnel change tun1 remote 10.1.1.9
bad "replaced by a fixed remote" 1 "peers" tunnel replace tun1 mode gre remote 10.1.1.9
bad "replaced by a mode that cannot" 1 "peers" tunnel replace tun1 mode sit local 10.1.1.5
bad "batch whose third line is wrong" 2 "line 3" -b \
	<(printf '%s\n' 'peer flush tun1' 'peer add six 10.4.0.0/16 via fd01:1::7' 'peer add tun1 10.4.0.1/16 via 10.1.1.7')
bad "the journal's word" 2 "journal" peer-table tun1 0 none

bad_line()
{
	{ prefixes 499999; echo "10.3.4.5/16 via 10.1.1.7"; prefixes 10; } >"$tmp/large"
	answered 2 "line 500000: \"10.3.4.5/16\" has bits" peer load tun1 "$tmp/large"
}
check "bad: line 500,000 of a file" bad_line

# ---- the configuration ---------------------------------------------------------------------------

save_and_restore()
{
	run xt hub restore "$tmp/before"
	equal "save" "$(xt hub save)" "$(cat "$tmp/before")"
	run xt hub flush
	run xt hub restore "$tmp/before"
	equal "save after flush" "$(xt hub save)" "$(cat "$tmp/before")"
	# Over other peers: those are gone, and the devices stay.
	ifindex=$(ip -n "$(ns hub)" -j link show tun1 | jq '.[0].ifindex')
	run xt hub peer add tun1 10.9.0.0/16 via 10.1.1.9
	run xt hub peer flush six
	run xt hub restore "$tmp/before"
	equal "save over others" "$(xt hub save)" "$(cat "$tmp/before")"
	equal "ifindex" "$(ip -n "$(ns hub)" -j link show tun1 | jq '.[0].ifindex')" "$ifindex"
	grep -v '^peer' "$tmp/before" >"$tmp/without"
	run xt hub restore "$tmp/without"
	equal "save without peers" "$(xt hub save)" "$(cat "$tmp/without")"
	equal "peers" "$(xt hub peer show)" ""
	run xt hub restore "$tmp/before"
	empty "pins" "$(find "$(pin_dir hub)" -name 'peers-*')"
}

shown()
{
	equal "text" "$(xt hub peer show tun1)" $'10.2.0.0/16 via 10.1.1.7\nfd16::/16 via 10.1.2.7'
	equal "text of all" "$(xt hub peer show | sort)" \
		$'six 10.2.0.0/16 via fd01:1::7\ntun1 10.2.0.0/16 via 10.1.1.7\ntun1 fd16::/16 via 10.1.2.7'
	equal "JSON" "$(xt hub -j peer show tun1 | jq -c .)" \
		'[{"tunnel":"tun1","prefix":"10.2.0.0/16","via":"10.1.1.7"},{"tunnel":"tun1","prefix":"fd16::/16","via":"10.1.2.7"}]'
	equal "JSON of all" "$(xt hub -j peer show | jq -r '[.[].tunnel] | sort | join(" ")')" "six tun1 tun1"
	equal "JSON of none" "$(xt hub -j peer show fixed | jq -c .)" "[]"
	equal "peers of none" "$(xt hub peer show fixed)" ""
	# What show prints is what load reads.
	xt hub peer show tun1 >"$tmp/shown"
	run xt hub peer load tun1 "$tmp/shown"
	equal "save" "$(xt hub save)" "$(cat "$tmp/before")"
}

# A tunnel takes its peers with it, and one with the same name or number has none.
with_the_tunnel()
{
	run xt hub tunnel del tun1
	equal "peers" "$(xt hub peer show)" "six 10.2.0.0/16 via fd01:1::7"
	run xt hub tunnel add tun1 mode gre remote any
	equal "peers of a new one" "$(xt hub peer show tun1)" ""
	run xt hub -b <(printf '%s\n' "peer add tun1 10.9.0.0/16 via 10.1.1.7" "tunnel del tun1" \
		"tunnel add tun1 mode gre remote any" "peer add tun1 10.8.0.0/16 via 10.1.1.7")
	equal "peers of a new one by batch" "$(xt hub peer show tun1)" "10.8.0.0/16 via 10.1.1.7"
	run ip -n "$(ns hub)" link del tun1
	run xt hub tunnel add tun1 mode gre remote any
	equal "peers after its device was deleted" "$(xt hub peer show tun1)" ""
	run xt hub flush
	run xt hub restore "$tmp/before"
}

# What is not about peers leaves them.
kept()
{
	run xt hub tunnel change tun1 ttl 9 key 5 nosrccheck
	run xt hub tunnel change six tos 10
	equal "peers" "$(xt hub save | grep ^peer)" "$(grep ^peer "$tmp/before")"
	run xt hub tunnel replace tun1 mode gre remote any
	equal "peers of a replaced one" "$(xt hub save | grep ^peer)" "$(grep ^peer "$tmp/before")"
	run xt hub peer flush tun1
	run xt hub tunnel change tun1 remote 10.1.3.7
	equal "remote" "$(xt hub -j tunnel show tun1 | jq -r '.[0].remote')" 10.1.3.7
	run xt hub restore "$tmp/before"
	equal "save" "$(xt hub save)" "$(cat "$tmp/before")"
}

check "save and restore" save_and_restore
check "show" shown
check "peers go with their tunnel" with_the_tunnel
check "peers stay when their tunnel changes" kept

# ---- killed --------------------------------------------------------------------------------------

# Whenever a load is killed, there is the old table or the new one; where it was: see kill.py.
killed()
{
	local i seen=""

	prefixes "$(quick 50000 2000)" | tac >"$tmp/new"
	sort -V "$tmp/new" >"$tmp/sorted"
	for ((i = 1; i <= 8; i++)); do
		run xt hub peer load tun1 <(echo "10.2.0.0/16 via 10.1.1.7")
		timeout -s KILL "0.0$((i * 8 + 2 > 99 ? 99 : i * 8 + 2))" "$XTUN" -n "$(ns hub)" peer load tun1 "$tmp/new"
		xt hub peer show tun1 >"$tmp/now"
		case $(wc -l <"$tmp/now") in
		1) seen+=o ;;
		*) seen+=n; cmp -s "$tmp/now" "$tmp/sorted" || die "neither the old table nor the new one" ;;
		esac
		run xt hub peer replace six 10.2.0.0/16 via fd01:1::7
		empty "pins" "$(find "$(pin_dir hub)" -name 'peers-*')"
	done
	echo "$seen"
	run xt hub restore "$tmp/before"
}

# What the kernel refuses, at any step of it, leaves the old table, and nothing of the new one.
refused()
{
	local edit=(-n "$(ns hub)" -b "$tmp/edit") n steps=0

	printf '%s\n' "peer flush six" "peer add six fd17::/16 via fd01:1::7" \
		"peer replace tun1 10.2.0.0/16 via 10.1.1.9" >"$tmp/edit"
	run strace -f -qq -o "$tmp/trace" -e trace=bpf "$XTUN" "${edit[@]}"
	run xt hub restore "$tmp/before"
	for n in $(grep -nE 'BPF_(OBJ_PIN|MAP_UPDATE_ELEM|MAP_FREEZE)' "$tmp/trace" | cut -d: -f1); do
		strace -f -qq -o /dev/null -e "inject=bpf:error=ENOSPC:when=$n" "$XTUN" "${edit[@]}" 2>"$tmp/err"
		# Clearing up tries several things, and not all must work.
		[ $? = 1 ] || continue
		steps=$((steps + 1))
		equal "save after refusing call $n" "$(xt hub save)" "$(cat "$tmp/before")"
		empty "pins after refusing call $n" "$(find "$(pin_dir hub)" -name 'peers-*')"
	done
	[ "$steps" -ge 6 ] || die "only $steps steps were refused"
}

gone()
{
	local dir

	dir=$(pin_dir hub)
	[ -d "$dir" ] || die "no state"
	hosts_drop
	host other
	run ip -n "$(ns other)" link add eth0 type veth peer name eth1
	# The kernel takes its time with a namespace: some command after that clears up.
	wait_for 15 "the state of the namespace to be collected" collected "$dir"
}

# collected DIR - a command that writes has found DIR without a namespace
collected()
{
	xt other attach eth0 && xt other detach eth0 && [ ! -d "$1" ]
}

check "a load that is killed" killed
check "a change that the kernel refuses" refused
check "peers go with their namespace" gone

# ---- a million -----------------------------------------------------------------------------------

million()
{
	local n start

	n=$(quick 1000000 20000)
	hosts
	run xt hub tunnel add tun1 mode gre remote any
	prefixes "$n" >"$tmp/million"
	start=${EPOCHREALTIME/./}
	run /usr/bin/env time -f "%M kB of memory" "$XTUN" -n "$(ns hub)" peer load tun1 "$tmp/million" 2>"$tmp/time" ||
		run xt hub peer load tun1 "$tmp/million"
	echo "$n peers in $(((${EPOCHREALTIME/./} - start) / 1000)) ms; $(tail -n 1 "$tmp/time")" >"$tmp/said"
	bpftool -j map show | jq -r '[.[] | select(.name == "xtun_peers") | .bytes_memlock] | max | "\(. / 1048576 | floor) MiB in the map"' >>"$tmp/said"
	equal "peers" "$(xt hub peer show tun1 | wc -l)" "$n"
	start=${EPOCHREALTIME/./}
	run xt hub peer add tun1 10.2.0.0/16 via 10.1.1.7
	echo "one more in $(((${EPOCHREALTIME/./} - start) / 1000)) ms" >>"$tmp/said"
	start=${EPOCHREALTIME/./}
	run xt hub tunnel change tun1 ttl 9
	echo "a change that is not about peers in $(((${EPOCHREALTIME/./} - start) / 1000)) ms" >>"$tmp/said"
	run xt hub flush
}

check "a million peers" million
[ ! -f "$tmp/said" ] || sed 's/^/  /' "$tmp/said"

finish
