#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The command as far as it goes without privileges: help, completion, options, exit status.
#
# shellcheck disable=SC2016  # backquotes in texts are what the command prints

XTUN=${XTUN:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/../../build/xtun}
export LC_ALL=C
failed=0

tmp=$(mktemp -d "${TMPDIR:-/tmp}/xtun-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT

die() { echo "${*//$'\n'/ }"; exit 1; }
skip_test() { echo "$*"; exit 77; }
equal() { [ "$2" = "$3" ] || die "$1: is \"$2\", not \"$3\""; }

# check NAME CMD... - run CMD in a subshell and print its result line
check()
{
	local name=$1
	shift

	( "$@" ) >"$tmp/log" 2>&1 </dev/null
	case $? in
	0)  echo "ok cli/$name" ;;
	77) echo "skip cli/$name: $(tail -n 1 "$tmp/log")" ;;
	*)
		echo "FAIL cli/$name: $(tail -n 1 "$tmp/log")"
		sed '$d; s/^/  /' "$tmp/log" | tail -n 20
		failed=1
		;;
	esac
}

# Words of the tables, from the overview: `OBJECT [VERB]` per line.
titles() { "$XTUN" help | sed -n '/^Commands:/,/^`/s/^  \(\S\+\( \S\+\)\?\)  .*/\1/p'; }

# Keywords that end a verb, from its help: those in brackets behind the first line.
help_keywords()
{
	"$XTUN" help "$@" | sed -n '2,/^[a-z]/p' | grep -o '\[[a-z0-9_-]\+' | tr -d '[' | sort
}

# Their explanations: one indented line each.
help_rows() { "$XTUN" help "$@" | sed -n 's/^  \([a-z0-9_-]\+\) .*/\1/p' | sort; }

# ---- help -----------------------------------------------------------------------------------------

help_status()
{
	local title count=0

	while read -r title; do
		# shellcheck disable=SC2086  # one or two words
		"$XTUN" help $title >"$tmp/out" 2>"$tmp/err" || die "help $title: status $?"
		grep -q "^Usage: xtun $title" "$tmp/out" || die "help $title: no usage"
		[ ! -s "$tmp/err" ] || die "help $title: writes to stderr"
		"$XTUN" help "${title%% *}" >/dev/null || die "help ${title%% *}: status $?"
		count=$((count + 1))
	done < <(titles)
	[ "$count" -ge 15 ] || die "only $count commands in the overview"
	for topic in drops modes; do
		"$XTUN" help $topic >"$tmp/out" || die "help $topic: status $?"
		[ -s "$tmp/out" ] || die "help $topic: nothing"
	done
	for words in help "-h" "--help" "-help"; do
		"$XTUN" "$words" >"$tmp/out" || die "$words: status $?"
		grep -q '^Usage: xtun ' "$tmp/out" || die "$words: no usage"
	done
}

help_unknown()
{
	refused 2 'xtun: help: there is no command `elephant`' help elephant
	refused 2 'xtun: help: there is no command `tunnel fly`' help tunnel fly
	refused 2 'xtun: help: "more": nothing more is expected here' help tunnel add more
}

# Rows of the keyword table are in the synopsis, the explanations and the completion, and nothing
# else is.
help_is_completion()
{
	local verb synopsis

	synopsis=$(help_keywords tunnel add)
	[ "$(echo "$synopsis" | wc -l)" -ge 35 ] || die "few keywords: $synopsis"
	for verb in "tunnel add" "tunnel change" "tunnel replace" "link add"; do
		# shellcheck disable=SC2086  # two words
		equal "$verb" "$(help_keywords $verb)" "$synopsis"
		# shellcheck disable=SC2086
		equal "$verb, explained" "$(help_rows $verb)" "$synopsis"
		equal "$verb, completed" \
			"$(completes "$verb t1 " | tr ' ' '\n' | grep -vx 'name\|type' | sort)" \
			"$synopsis"
	done
}

# The manual tells of every command, keyword, mode and drop reason, and roff has nothing to say about it.
manual()
{
	local entries title word

	"$XTUN" manual >"$tmp/manual" || die "status $?"
	entries=$(sed -n '/^\.TP$/{n;s/^\\fB\(.*\)\\fR$/\1 /;s/\\-/-/g;p}' "$tmp/manual")
	while read -r title; do
		grep -qF "xtun $title " <<< "$entries" || die "no command $title"
	done < <(titles)
	for word in $(help_keywords tunnel add) \
		$("$XTUN" help modes | awk '{ print $1 }') $("$XTUN" help drops | awk '{ print $1 }'); do
		grep -q "^$word " <<< "$entries" || die "no entry $word"
	done
	command -v groff >/dev/null || skip_test "no groff"
	groff -ww -man -Tascii "$tmp/manual" 2>"$tmp/err" >/dev/null || die "groff: status $?"
	[ ! -s "$tmp/err" ] || die "groff: $(head -n 1 "$tmp/err")"
}

no_arguments()
{
	"$XTUN" >"$tmp/out" 2>"$tmp/err"
	equal status $? 2
	[ ! -s "$tmp/out" ] || die "writes to stdout"
	grep -q '^Usage: xtun ' "$tmp/err" || die "no usage on stderr"
}

version()
{
	local text json

	text=$("$XTUN" version) || die "status $?"
	[[ $text =~ ^xtun\ [0-9.]+,\ state\ layout\ [0-9]+,\ save\ format\ [0-9]+$ ]] || die "$text"
	equal "-V" "$("$XTUN" -V)" "$text"
	equal "--version" "$("$XTUN" --version)" "$text"
	json=$("$XTUN" -j version) || die "status $?"
	[[ $json =~ ^\{\"version\":\"[0-9.]+\",\"layout\":[0-9]+,\"format\":[0-9]+\}$ ]] || die "$json"
}

# ---- completion -----------------------------------------------------------------------------------

completion_script()
{
	"$XTUN" completion bash >"$tmp/completion" || die "status $?"
	bash -n "$tmp/completion" || die "is not valid bash"
	refused 2 'xtun: completion: the shell is expected here: bash' completion
	refused 2 'xtun: completion: the shell is expected here: bash' completion fish
	refused 2 'xtun: completion: "now": nothing more' completion bash now
}

# completes LINE - what the script offers for the last word of LINE, which may be empty
completes()
{
	"$XTUN" completion bash >"$tmp/completion"
	# The words are split as bash does it, an empty one at the end kept.
	bash -c '
		xtun() { printf "t1: ip/ip remote any local any\nt2: ip/ip remote any local any\n"; }
		. "$1"
		read -ra COMP_WORDS <<<"xtun $2"
		[[ $2 == *" " || -z $2 ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMPREPLY=()
		_xtun
		echo "${COMPREPLY[*]}"
		complete -p xtun >/dev/null
	' completion "$tmp/completion" "$1" 2>"$tmp/err" || die "completing \"$1\" failed"
	[ ! -s "$tmp/err" ] || die "completing \"$1\": $(cat "$tmp/err")"
}

completion_words()
{
	local objects line want

	objects=$(titles | sed 's/ .*//' | uniq | tr '\n' ' ')
	while IFS='|' read -r line want; do
		equal "\"$line\"" "$(completes "$line")" "$want"
	done <<-END
	|${objects% }
	tu|tunnel
	-n blue tu|tunnel
	-j -s tu|tunnel
	-n blue |${objects% }
	tunnel |add change replace del show
	-j tunnel |add change replace del show
	-b file -n blue tunnel |add change replace del show
	tunnel d|del
	link |add change del show
	dev |show
	tunnel add t1 nop|nopmtudisc noproxy
	tunnel add t1 mode |$("$XTUN" help modes | sed 's/^ *\([^ ]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//')
	link add t1 type i|ipip ip6tnl ip6gre ip6gretap ip6erspan
	fou |add del show
	tunnel add t1 mode gre encap-d|encap-dport
	tunnel add t1 mode ipip anchor |auto dummy ifb veth netkit
	tunnel add t1 mode ipip re|remote remcsumtx
	tunnel del |t1 t2
	tunnel show t2|t2
	link del |t1 t2
	attach l|lo
	tunnel add t1 mode ipip dev l|lo
	elephant |
	END
}

completion_files()
{
	touch "$tmp/configuration"
	equal "restore" "$(completes "restore $tmp/conf")" "$tmp/configuration"
	equal "-b" "$(completes "-b $tmp/conf")" "$tmp/configuration"
}

# Every verb of the overview is offered.
completion_titles()
{
	local title object verb

	while read -r title; do
		object=${title%% *} verb=${title#* }
		case " $(completes "") " in *" $object "*) ;; *) die "$object is not offered" ;; esac
		[ "$object" = "$title" ] && continue
		case " $(completes "$object ") " in
		*" $verb "*) ;;
		*) die "$title is not offered" ;;
		esac
	done < <(titles)
}

# ---- refusals -------------------------------------------------------------------------------------

# refused STATUS TEXT WORDS... - one line on stderr that begins with TEXT, nothing on stdout
refused()
{
	local want=$1 text=$2 status
	shift 2

	"$XTUN" "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	equal "status of $*" "$status" "$want"
	[ ! -s "$tmp/out" ] || die "$*: writes to stdout"
	equal "lines of $*" "$(wc -l <"$tmp/err")" 1
	case $(cat "$tmp/err") in
	"$text"*) ;;
	*) die "$*: says \"$(cat "$tmp/err")\"" ;;
	esac
}

usage()
{
	refused 2 'xtun: "elephant" is no command; see `xtun help`' elephant
	refused 2 'xtun: "tunel" is no command; did you mean tunnel?' tunel show
	refused 2 'xtun: "t" is no command' t s
	refused 2 'xtun: tunnel: "ad" is no verb of it; did you mean add?' tunnel ad t1
	refused 2 'xtun: -x: there is no such option' -x tunnel show
	refused 2 'xtun: --elephant: there is no such option' --elephant
	refused 2 'xtun: -n: its value is missing' -n
	refused 2 'xtun: -b: its value is missing' -j -b
	refused 2 'xtun: -b: a command besides a file of commands' -b /dev/null tunnel show
	refused 2 'xtun: no command; see `xtun help`' -j
	refused 2 'xtun: version: "now": nothing more is expected here' version now
	refused 2 'xtun: "" is no command' ""
}

# as_nobody WORDS... - the command without any capability
as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --reuid=65534 \
			--regid=65534 --clear-groups "$XTUN" "$@"
	else
		"$XTUN" "$@"
	fi
}

# Who may not is told what is missing, by whatever verb.
privileges()
{
	local words

	as_nobody version >/dev/null || skip_test "the command cannot be run by another user here"
	for words in "tunnel add t1 mode ipip" "tunnel show" "-n blue tunnel show" "save" "flush" \
		"-b /nonexistent" "restore /nonexistent" "attach lo" "dev show"; do
		# shellcheck disable=SC2086  # words
		as_nobody $words >"$tmp/out" 2>"$tmp/err"
		equal "status of $words" $? 1
		[ ! -s "$tmp/out" ] || die "$words: writes to stdout"
		equal "$words" "$(cat "$tmp/err")" \
			"xtun: needs the capability CAP_NET_ADMIN; run it as root"
	done
	as_nobody help >/dev/null || die "help wants privileges"
	as_nobody completion bash >/dev/null || die "completion wants privileges"
}

# Where the command may do what it wants, and nothing of it stays.
isolated()
{
	[ "$(id -u)" = 0 ] || skip_test "needs root"
	printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$(dirname "${BASH_SOURCE[0]}")/../isolate" \
		"$(realpath "$XTUN")" >"$tmp/isolated"
	chmod +x "$tmp/isolated"
	XTUN=$tmp/isolated
	"$XTUN" tunnel show >"$tmp/out" 2>&1 || skip_test "$(cat "$tmp/out")"
}

# What a mode cannot have, what no port or key can be, and what is not done at all.
bad_tunnels()
{
	local status text words

	isolated
	while IFS='|' read -r status text words; do
		# shellcheck disable=SC2086  # words
		refused "$status" "xtun: $text" $words
	done <<-'END'
	2|tunnel add: csum: mode ipip has no such keyword|tunnel add t1 mode ipip csum
	2|tunnel add: seq: mode sit has no such keyword|tunnel add t1 mode sit seq
	2|tunnel add: key: mode ip6tnl has no such keyword|-6 tunnel add t1 mode any key 5
	2|link add: csum: mode ip6tnl has no such keyword|link add t1 type ip6tnl csum
	2|tunnel add: pmtudisc: mode ip6gre has no such keyword|tunnel add t1 mode ip6gre nopmtudisc
	2|tunnel add: encaplimit: mode gre has no such keyword|tunnel add t1 mode gre encaplimit 4
	2|tunnel add: flowlabel: mode ipip has no such keyword|tunnel add t1 mode ipip flowlabel 1
	2|tunnel add: encap-dport: "0" is not 1..65535|tunnel add t1 mode gre encap fou encap-dport 0
	2|tunnel add: encap-dport: "65536" is not|tunnel add t1 mode gre encap fou encap-dport 65536
	2|tunnel add: encap-sport: "0" is not 1..65535 or auto|tunnel add t1 mode gre encap fou encap-sport 0
	2|tunnel add: encap-sport: "65536" is not|tunnel add t1 mode gre encap gue encap-sport 65536
	2|tunnel add: encap: "vxlan" is not none, fou or gue|tunnel add t1 mode gre encap vxlan
	2|tunnel add: encap-dport: missing|tunnel add t1 mode gre remote 192.0.2.7 encap gue
	2|tunnel add: encap-dport: goes with `encap fou`|tunnel add t1 mode gre encap-dport 5555
	2|tunnel add: encap-sport: goes with `encap fou`|tunnel add t1 mode gre encap-sport auto
	2|tunnel add: encap-csum: goes with `encap fou`|tunnel add t1 mode gre encap-csum
	2|tunnel add: encap-remcsum: remote checksum offload is not done|tunnel add t1 mode ipip encap gue encap-dport 5555 encap-remcsum
	2|tunnel add: external: addresses come from the tunnel|tunnel add t1 mode gre external
	2|link add: external: addresses come from the tunnel|link add t1 type ipip external
	2|tunnel add: key: "4294967296" is not a key|tunnel add t1 mode gre key 4294967296
	2|tunnel add: key: "1.2.3" is not a key|tunnel add t1 mode gre key 1.2.3
	2|tunnel add: ikey: "1.2.3.256" is not a key|tunnel add t1 mode gre ikey 1.2.3.256
	2|tunnel add: okey: "-1" is not a key|tunnel add t1 mode gre okey -1
	2|tunnel add: remote: "192.0.2.7" is an IPv4 address; mode ip6gre has IPv6|tunnel add t1 mode ip6gre remote 192.0.2.7
	2|tunnel add: remote: "2001:db8::7" is an IPv6 address; mode gre has IPv4|tunnel add t1 mode gre remote 2001:db8::7
	2|tunnel add: local: "192.0.2.7" is an IPv4 address|-6 tunnel add t1 mode ip6ip6 local 192.0.2.7
	2|tunnel add: remote: "ff02::1" is not the address of one host|tunnel add t1 mode ip6tnl remote ff02::1
	2|tunnel add: ignore-df: needs nopmtudisc|tunnel add t1 mode gre ignore-df
	2|tunnel add: encaplimit: "256" is not 0..255 or none|tunnel add t1 mode ip6gre encaplimit 256
	2|tunnel add: flowlabel: "0x100000" is not a flow label|tunnel add t1 mode ip6gre flowlabel 0x100000
	2|tunnel add: anchor: a checksum, sequence number or MPLS needs|tunnel add t1 mode gre csum anchor dummy
	2|link add: type: "gretapx" is not a type; did you mean gretap?|link add t1 type gretapx
	2|link add: anchor: netkit has no Ethernet in it; mode gretap needs dummy, ifb or veth|link add t1 type gretap anchor netkit
	2|link add: mode: type sit has no mode "ip6ip6"|link add t1 type sit mode ip6ip6
	2|link add: mode: type gre has no mode "any"|link add t1 type gre mode any
	2|fou add: port: "0" is not 1..65535|fou add port 0 gue
	2|fou add: port: "65536" is not 1..65535|fou add port 65536 ipproto 4
	2|fou add: port: missing|fou add gue
	2|fou add: `ipproto P` or `gue` is missing|fou add port 5555
	2|fou add: gue: given twice, or with its opposite|fou add port 5555 ipproto 4 gue
	2|fou add: ipproto: "17" is nothing that tunnels carry|fou add port 5555 ipproto 17
	2|fou add: ipproto: "256" is not an IP protocol|fou add port 5555 ipproto 256
	2|fou add: local: a port cannot be bound|fou add port 5555 gue local 192.0.2.5
	1|fou del: there is no port 5555|fou del port 5555
	END
	printf 'fou add port 5555 gue\nfou add port 5555 ipproto 4\n' >"$tmp/ports"
	refused 1 "xtun: $tmp/ports: line 2: fou add: port 5555 is in use already" -b "$tmp/ports"
	printf 'fou add port 5555 gue\nfou add port 5555 gue -6\nfou del port 5555 -6\nfou del port 5555\n' \
		>"$tmp/ports"
	"$XTUN" -b "$tmp/ports" || die "one port in both families: status $?"
}

# A full disk is not success.
full_output()
{
	[ -c /dev/full ] || skip_test "no /dev/full"
	"$XTUN" help >/dev/full 2>"$tmp/err"
	equal status $? 1
	grep -q '^xtun: ' "$tmp/err" || die "says \"$(cat "$tmp/err")\""
}

check help_status help_status
check help_unknown help_unknown
check help_is_completion help_is_completion
check manual manual
check no_arguments no_arguments
check version version
check completion_script completion_script
check completion_words completion_words
check completion_titles completion_titles
check completion_files completion_files
check usage usage
check privileges privileges
check bad_tunnels bad_tunnels
check full_output full_output
[ "$failed" = 0 ]
