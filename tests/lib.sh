# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every shell test shares: result lines, assertions, bounded waits, namespaces and cables.
# Sourced. Everything made here lies inside tests/isolate, so nothing but processes needs tidying.

lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$lib_dir")
XTUN=${XTUN:-$top/build/xtun}
export XTUN LC_ALL=C PATH="$PATH:/usr/sbin:/sbin" PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3

tmp=$(mktemp -d "${TMPDIR:-/tmp}/xtun-test.XXXXXX") || exit 1
trap 'lib_exit' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

lib_exit()
{
	local status=$?

	[ "$BASH_SUBSHELL" = 0 ] || return "$status"
	jobs_end
	rm -rf "$tmp"
	exit "$status"
}

# jobs_end - end the background processes that this shell started
jobs_end()
{
	local pids

	pids=$(jobs -p)
	# shellcheck disable=SC2086  # a list of numbers
	[ -z "$pids" ] || { kill $pids; wait $pids; } 2>/dev/null
}

# ---- results -----------------------------------------------------------------------------------

family=$(basename "$0" .sh)
failed=0
SKIPPED=77

ok()   { echo "ok $family/$1"; }
skip() { echo "skip $family/$1: $2"; }
fail() { echo "FAIL $family/$1: $2"; failed=$((failed + 1)); }

# finish - the last line of a test file
finish() { [ "$failed" = 0 ]; exit; }

# check NAME CMD... - run CMD, a test, and print its result line
# The test runs in a subshell: it may leave at any point by `die` or `skip_test`, and what it
# started in the background ends with it.
# With XTUN_TIMES set it says how long that took.
check()
{
	local name=$1 status start=${EPOCHREALTIME/./}
	shift

	( trap 'jobs_end' EXIT; "$@" ) >"$tmp/log" 2>&1 </dev/null
	status=$?
	case $status in
	0)          ok "$name" ;;
	"$SKIPPED") skip "$name" "$(tail -n 1 "$tmp/log")" ;;
	*)
		fail "$name" "$(tail -n 1 "$tmp/log" | tr -d '\r')"
		sed '$d; s/^/  /' "$tmp/log" | tail -n 40
		;;
	esac
	[ -z "${XTUN_TIMES:-}" ] || echo "  took $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
}

# check_script NAME CMD... - run CMD, which prints result lines itself, and count its failures
check_script()
{
	local name=$1 status line
	shift

	while IFS= read -r line; do
		echo "$line"
		case $line in "FAIL "*) failed=$((failed + 1)) ;; esac
	done < <("$@" 2>"$tmp/script.err"; echo $? >"$tmp/script.status")
	status=$(cat "$tmp/script.status")
	[ "$status" = 0 ] && return
	fail "$name" "ended with status $status: $(tail -n 1 "$tmp/script.err")"
	sed 's/^/  /' "$tmp/script.err" | tail -n 20
}

die()       { echo "${*//$'\n'/ | }"; exit 1; }
skip_test() { echo "$*"; exit "$SKIPPED"; }

# run CMD... - a step of a test that must work
run()
{
	"$@" || die "\"${*/#"$top"\//}\" ended with status $?"
}

equal() { [ "$2" = "$3" ] || die "$1: is \"$2\", not \"$3\""; }
holds() { case $2 in *"$3"*) ;; *) die "$1: \"$2\" does not contain \"$3\"" ;; esac; }

# empty WHAT TEXT
empty() { [ -z "$2" ] || die "$1: $2"; }

# wait_for SECONDS WHAT CMD... - until CMD succeeds
wait_for()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) what=$2
	shift 2

	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || die "waited too long for $what"
		sleep 0.02
	done
}

# ---- hosts and cables ----------------------------------------------------------------------------

# ns NAME - the network namespace of host NAME
ns() { echo "xtun-test-$$-$1"; }

# on HOST CMD... - in the host's network namespace
on()
{
	local host=$1
	shift
	nsenter --net="/run/netns/$(ns "$host")" -- "$@"
}

# xt HOST ARGS... - the command under test, for the host
xt()
{
	local host=$1
	shift
	"$XTUN" -n "$(ns "$host")" "$@"
}

# host NAME... - IPv6 is off, so that nothing but what a test sends is on the wire
host()
{
	local name

	run ip -b - < <(for name; do echo "netns add $(ns "$name")"; done)
	for name; do
		run on "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ping_group_range="0 65535"
		run ip -n "$(ns "$name")" link set lo up
	done
}

# hosts_drop - all hosts; what xtun keeps for them is collected by its next writing command
hosts_drop()
{
	local name

	for name in "/run/netns/xtun-test-$$-"*; do
		[ ! -e "$name" ] || echo "netns del ${name##*/}"
	done | ip -b -
}

# cable HOST DEV ADDRESS HOST DEV ADDRESS - ADDRESS may be "-"
cable()
{
	run ip link add "$2" netns "$(ns "$1")" type veth peer name "$5" netns "$(ns "$4")"
	address "$1" "$2" "$3"
	address "$4" "$5" "$6"
}

# address HOST DEV ADDRESS - set the device up, with the address
address()
{
	local words="link set $2 up"

	[ "$3" = - ] || words="addr add $3 dev $2"$'\n'"$words"
	run ip -n "$(ns "$1")" -b - <<< "$words"
}

# address6 HOST DEV ADDRESS - the same over IPv6, without a look for who else has the address. It returns
# when the host answers to it, which is a moment after `ip` has: the kernel sets the local route from its
# work queue (addrconf_dad_work), of addresses with `nodad` too.
address6()
{
	local route

	route="ip -n $(ns "$1") -6 route show table local type local ${3%/*} dev $2"
	run on "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=0" "net.ipv6.conf.$2.accept_ra=0"
	run ip -n "$(ns "$1")" -b - <<< "addr replace $3 dev $2 nodad"$'\n'"link set $2 up"
	wait_for 15 "the route to $3" eval "[ -n \"\$($route)\" ]"
}

# json_first NAME TEXT - the first value of this name in JSON, if there is one: a number or what is in quotes.
# jq needs a third of a second to start on an emulated processor: it is for what is not that simple.
json_first() { [[ $2 =~ \"$1\":\"?([^],\"}]+) ]] && echo "${BASH_REMATCH[1]}"; }

mac() { json_first address "$(ip -n "$(ns "$1")" -j link show "$2")"; }
mtu() { json_first mtu "$(ip -n "$(ns "$1")" -j link show "$2")"; }
forwarding() { run on "$1" sysctl -qw net.ipv4.ip_forward=1; }

# devices HOST - their names, one per line; without those that the kernel's own drivers, once loaded, put
# into every namespace
devices()
{
	ip -n "$(ns "$1")" -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' |
		grep -vxE '(tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre|ip_vti|ip6_vti)0' | sort
}

#    a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b
two_hosts()
{
	hosts_drop
	host a b
	cable a eth0 10.1.1.5/24 b eth0 10.1.1.7/24
}

#    a eth0 10.1.1.5 ---- 10.1.1.1 eth0 r eth1 10.1.2.1 ---- 10.1.2.7 eth0 b
two_hosts_and_router()
{
	hosts_drop
	host a r b
	cable a eth0 10.1.1.5/24 r eth0 10.1.1.1/24
	cable r eth1 10.1.2.1/24 b eth0 10.1.2.7/24
	forwarding r
	run ip -n "$(ns a)" route add default via 10.1.1.1
	run ip -n "$(ns b)" route add default via 10.1.2.1
}

# tunnel_ends [ADDRESS-OF-A ADDRESS-OF-B [KEYWORDS...]] - tun1 on a and tun2 on b, as in the tutorials
tunnel_ends()
{
	local a=${1:-10.1.1.5} b=${2:-10.1.1.7}
	shift $(($# < 2 ? $# : 2))

	run xt a tunnel add tun1 mode ipip local "$a" remote "$b" "$@"
	run xt b tunnel add tun2 mode ipip local "$b" remote "$a" "$@"
	tunnel_addresses
}

tunnel_addresses()
{
	address a tun1 "172.16.0.6 peer 172.16.0.8"
	address b tun2 "172.16.0.8 peer 172.16.0.6"
}

# ---- traffic and counters ------------------------------------------------------------------------

# pings HOST ADDRESS [ARGS...] - three echoes, all of them answered
pings()
{
	local said

	said=$(on "$1" ping -q -n -c 3 -i 0.02 -W 5 "${@:2}" 2>&1) && [[ $said == *" 0% packet loss"* ]] ||
		die "ping ${*:2}: $said"
}

# pings_not HOST ADDRESS - nothing comes back
pings_not() { ! on "$1" ping -q -n -c 2 -i 0.02 -W 0.3 "${@:2}" || die "ping $2 was answered"; }

traffic() { run "$python" "$lib_dir/net/traffic.py" "$@"; }

# quick MANY FEW - FEW if XTUN_QUICK is set, as it is on emulated processors: there less of a thing is
# sent or made, but all is tried.
quick() { if [ -n "${XTUN_QUICK:-}" ]; then echo "$2"; else echo "$1"; fi; }

# whole CMD... - CMD, but nothing where XTUN_QUICK is set
whole() { [ -n "${XTUN_QUICK:-}" ] || "$@"; }

# shared CMD... - CMD, which others run as well: with XTUN_TURN set to `I/N` only each N-th call does
# it, beginning with call I (from 0), so that N kernels share them. Not for a test that needs the one before.
shared_calls=0
shared()
{
	local turn=${XTUN_TURN:-0/1} call=$shared_calls

	shared_calls=$((call + 1))
	[ $((call % ${turn#*/})) != "${turn%/*}" ] || "$@"
}

# tcp HOST ADDRESS HOST ADDRESS [MIB] - bulk data both ways, compared by checksum
tcp() { traffic tcp "$(ns "$1")" "$2" "$(ns "$3")" "$4" "$(quick "${5:-16}" 2)"; }

# udp HOST ADDRESS HOST ADDRESS COUNT SIZE - every datagram arrives as it was sent
udp() { traffic udp "$(ns "$1")" "$2" "$(ns "$3")" "$4" "$5" "$6"; }

# stat_of NAME TEXT - a counter in what `-j -s ... show` said of one thing, by its JSON name; a drop as
# drops.REASON, 0 where none is told
stat_of()
{
	local stats=${2#*\"stats\":} drops

	drops=${stats#*\"drops\":}
	case $1 in
	drops.*) json_first "${1#drops.}" "${drops%%\}*}" || echo 0 ;;
	*)       json_first "$1" "$stats" ;;
	esac
}

# counter HOST TUNNEL NAME
counter() { stat_of "$3" "$(xt "$1" -j -s tunnel show "$2")"; }

# drops HOST TUNNEL - all drops together
drops()
{
	local said sum=0

	said=$(xt "$1" -j -s tunnel show "$2") || return
	said=${said#*\"drops\":\{}
	said=${said%%\}*}
	for said in ${said//[!0-9]/ }; do sum=$((sum + said)); done
	echo "$sum"
}

# capture HOST DEV FILE FILTER [ARGS...] - tcpdump in the background, listening when this returns
capture()
{
	# What an earlier one left would say that this one listens already.
	rm -f "$3" "$3.err"
	nsenter --net="/run/netns/$(ns "$1")" -- \
		tcpdump -q -n -U --immediate-mode "${@:5}" -i "$2" -w "$3" "$4" 2>"$3.err" &
	capture_pid=$!
	( wait_for 30 "tcpdump" grep -q 'listening on' "$3.err" ) ||
		die "tcpdump does not listen, $(kill -0 "$capture_pid" 2>/dev/null && echo runs || echo ended): $(<"$3.err")"
}

# captured FILE N - until the file holds N packets
captured() { wait_for 10 "$2 packets in the capture" eval "[ \$(tcpdump -n -r $1 2>/dev/null | wc -l) -ge $2 ]"; }

capture_end() { kill "$capture_pid"; wait "$capture_pid"; }

# ---- what xtun leaves in a namespace -------------------------------------------------------------

state() { run "$python" "$lib_dir/net/state.py" "$@"; }
cookie() { state cookie "$(ns "$1")"; }
pin_root=/sys/fs/bpf/xtun
# The layout is the number that the tree has; the next one is that of a newer xtun.
layout=$(sed -n 's/^#define TUNNEL_LAYOUT //p' "$top/include/tunnel.h")
pin_dir() { echo "$pin_root/$(cookie "$1")-$layout"; }
pin_dir_newer() { echo "$pin_root/$(cookie "$1")-$((layout + 1))"; }

# hooks HOST - every BPF program at tc, by tcx link or filter, and every clsact qdisc
hooks() { state hooks "$(ns "$1")"; }

# refuses HOST WHAT WORDS... - the command WORDS... is refused with one line that contains WHAT
refuses()
{
	local host=$1 what=$2 before
	shift 2

	before=$(hooks "$host")
	xt "$host" "$@" >"$tmp/out" 2>"$tmp/err"
	equal "status of $*" $? 1
	equal "lines" "$(wc -l <"$tmp/err")" 1
	holds "$*" "$(cat "$tmp/err")" "$what"
	equal "programs" "$(hooks "$host")" "$before"
}

# programs DIR - ids of the programs that are pinned there
programs() { state programs "$1"; }

# programs_gone ID... - the kernel has none of them any more
programs_gone()
{
	local id

	for id; do
		! bpftool prog show id "$id" >/dev/null 2>&1 || return 1
	done
}

# What can carry a tunnel, in the order in which xtun prefers it.
anchor_kinds="dummy ifb netkit veth"

# kind_exists KIND - whether this kernel can make such devices
kind_exists() { unshare --net ip link add probe type "$1" 2>/dev/null; }
