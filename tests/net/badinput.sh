#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Wrong commands are answered in one line on stderr, with status 1 (the system or the state says
# no) or 2 (wrong usage), and change nothing
#
#    a eth0 10.1.1.5 ------------- 10.1.1.7 eth0 b, with tunnel t0 on a

. "$(dirname "$0")/../lib.sh"

two_hosts
run xt a tunnel add t0 mode ipip local 10.1.1.5 remote 10.1.1.9 ttl 64
run ip -n "$(ns a)" link add foreign type veth peer name foreign2
run xt a save >"$tmp/before"

# unchanged - configuration, devices and programs are what they were
unchanged()
{
	equal "save" "$(xt a save)" "$(cat "$tmp/before")"
	equal "devices" "$(devices a | tr '\n' ' ')" "eth0 foreign foreign2 lo t0 "
}

# answered STATUS TEXT CMD... - CMD fails with STATUS and one line that contains TEXT
answered()
{
	local status=$1 text=$2 got
	shift 2

	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	cat "$tmp/err"
	equal "status" "$got" "$status"
	equal "lines on stderr" "$(wc -l <"$tmp/err")" 1
	equal "beginning of the line" "$(head -c 6 "$tmp/err")" "xtun: "
	holds "the line" "$(cat "$tmp/err")" "$text"
	equal "output" "$(cat "$tmp/out")" ""
	unchanged
}

# checked NAME TEST... - a failure must not be the cause of the next
checked()
{
	local before=$failed

	check "$@"
	[ "$failed" = "$before" ] && return
	xt b flush
	xt a restore "$tmp/before"
}

# bad NAME STATUS TEXT ARGS... - as xtun ARGS in a
bad() { checked "$1" answered "$2" "$3" "$XTUN" -n "$(ns a)" "${@:4}"; }

# batch LINE - a file whose line 7 it is; what stands before it must not happen either
batch()
{
	printf '%s\n' "# a comment" "tunnel add b1 mode ipip remote 10.7.0.1" "" \
		"tunnel add b2 mode ipip remote 10.7.0.2" "tunnel del b2" \
		"tunnel add b3 mode ipip remote 10.7.0.3" "$1" \
		"tunnel add b4 mode ipip remote 10.7.0.4" >"$tmp/batch"
}

# ---- words ---------------------------------------------------------------------------------------

bad "no command" 2 "help"
bad "unknown object" 2 '"tunnnel"' tunnnel add
bad "unknown object, nearest" 2 'tunnel' tunnle add
bad "unknown verb" 2 '"ad"' tunnel ad t1
bad "unknown verb, nearest" 2 'add' tunnel addd t1
bad "unknown option" 2 "-q" -q tunnel show
bad "unknown keyword" 2 '"remot"' tunnel add t1 mode ipip remot 10.1.1.7
bad "unknown keyword, nearest" 2 'remote' tunnel add t1 mode ipip remot 10.1.1.7
bad "keyword of no mode yet" 2 '"vnet"' tunnel add t1 mode ipip vnet 7
bad "unknown mode" 2 '"ipp"' tunnel add t1 mode ipp remote 10.1.1.7
bad "unknown mode, nearest" 2 'ipip' tunnel add t1 mode ipp remote 10.1.1.7
bad "no mode" 2 "mode" tunnel add t1 remote 10.1.1.7
bad "missing value" 2 "remote" tunnel add t1 mode ipip remote
bad "missing value of ttl" 2 "ttl" tunnel add t1 mode ipip remote 10.1.1.7 ttl
bad "keyword twice" 2 "remote" tunnel add t1 mode ipip remote 10.1.1.7 remote 10.1.1.8
bad "keyword twice, the same value" 2 "ttl" tunnel add t1 mode ipip remote 10.1.1.7 ttl 4 ttl 4
bad "keyword and its opposite" 2 "pmtudisc" tunnel add t1 mode ipip remote 10.1.1.7 pmtudisc nopmtudisc
bad "prefix of a keyword" 2 '"rem"' tunnel add t1 mode ipip rem 10.1.1.7
bad "too many words" 2 "more" tunnel del t0 more
bad "words behind save" 2 "now" save now
bad "unknown type" 2 '"ipp"' link add name t1 type ipp remote 10.1.1.7
bad "link without a type" 2 "type" link add name t1 remote 10.1.1.7
bad "restore without a file" 2 "restore" restore
bad "unknown help" 2 'tunnnel' help tunnnel
bad "completion for another shell" 2 'bash' completion tcsh

# ---- values --------------------------------------------------------------------------------------

bad "remote 10.1.1.300" 2 'remote: "10.1.1.300"' tunnel add t1 mode ipip remote 10.1.1.300
bad "remote that is a name" 2 'remote: "localhost"' tunnel add t1 mode ipip remote localhost
bad "remote with a length" 2 'remote: "10.1.1.7/24"' tunnel add t1 mode ipip remote 10.1.1.7/24
bad "remote of three numbers" 2 'remote: "10.1.1"' tunnel add t1 mode ipip remote 10.1.1
bad "local that is empty" 2 'local: ""' tunnel add t1 mode ipip remote 10.1.1.7 local ""
bad "IPv6 remote" 2 'fd00::7' tunnel add t1 mode ipip remote fd00::7
bad "IPv6 local" 2 'fd00::5' tunnel add t1 mode ipip local fd00::5 remote 10.1.1.7
for ttl in 256 0 -1 80abc "" 4294967297 1.5 0x100 "6 4" +5 INHERIT; do
	bad "ttl \"$ttl\"" 2 "ttl: \"$ttl\"" tunnel add t1 mode ipip remote 10.1.1.7 ttl "$ttl"
done
for tos in 100 0x1ff zz inheritt inherit/ inherit/xx -4 "" 1234; do
	bad "tos \"$tos\"" 2 "tos: \"$tos\"" tunnel add t1 mode ipip remote 10.1.1.7 tos "$tos"
done
bad "fixed ttl with nopmtudisc" 2 "nopmtudisc" tunnel add t1 mode ipip remote 10.1.1.7 ttl 64 nopmtudisc
bad "nopmtudisc where the ttl is fixed" 2 "nopmtudisc" tunnel change t0 nopmtudisc
bad "unknown anchor" 2 '"dumy"' tunnel add t1 mode ipip remote 10.1.1.7 anchor dumy
bad "anchor that is another kind of device" 2 '"bridge"' tunnel add t1 mode ipip remote 10.1.1.7 anchor bridge
bad "empty name" 2 'empty' tunnel add "" mode ipip remote 10.1.1.7
bad "name of 16 bytes" 2 "sixteen-byte-nam" tunnel add sixteen-byte-nam mode ipip remote 10.1.1.7
bad "name with a slash" 2 '"a/b"' tunnel add a/b mode ipip remote 10.1.1.7
bad "name with a space" 2 '"a b"' tunnel add "a b" mode ipip remote 10.1.1.7
bad "name with a line end" 2 "name" tunnel add $'a\nb' mode ipip remote 10.1.1.7
bad "name ." 2 '"."' tunnel add . mode ipip remote 10.1.1.7
bad "name .." 2 '".."' tunnel add .. mode ipip remote 10.1.1.7
bad "name with a colon" 2 '"a:b"' tunnel add a:b mode ipip remote 10.1.1.7
bad "no name" 2 "name" tunnel add

# ---- state ---------------------------------------------------------------------------------------

bad "tunnel that exists" 1 "t0" tunnel add t0 mode ipip remote 10.1.1.7
bad "name of a foreign device" 1 "foreign" tunnel add foreign mode ipip remote 10.1.1.7
bad "replace a foreign device" 1 "foreign" tunnel replace foreign mode ipip remote 10.1.1.7
bad "delete a foreign device" 1 "foreign" tunnel del foreign
bad "delete a foreign link" 1 "foreign" link del foreign
bad "same local and remote" 1 "t0" tunnel add t1 mode ipip local 10.1.1.5 remote 10.1.1.9
bad "change what does not exist" 1 "t1" tunnel change t1 ttl 5
bad "delete what does not exist" 1 "t1" tunnel del t1
bad "show what does not exist" 1 "t1" tunnel show t1
bad "unknown device" 1 '"eth7"' tunnel add t1 mode ipip remote 10.1.1.7 dev eth7
bad "itself as device" 1 "t1" tunnel add t1 mode ipip remote 10.1.1.7 dev t1
bad "attach an unknown device" 1 '"eth7"' attach eth7
bad "detach what is not attached" 1 "foreign" detach foreign
bad "detach an unknown device" 1 '"eth7"' detach eth7
bad "restore a file that is not there" 1 "/nowhere" restore /nowhere
bad "batch file that is not there" 1 "/nowhere" -b /nowhere
checked "unknown namespace" answered 1 '"nowhere"' "$XTUN" -n nowhere tunnel show
kind_exists dummy ||
	bad "anchor that the kernel lacks" 1 "dummy" tunnel add t1 mode ipip remote 10.1.1.7 anchor dummy

# ---- batches -------------------------------------------------------------------------------------

batch "tunnel add b9 mode ipip remote 10.1.1.300"
bad "batch, wrong value on line 7" 2 "line 7" -b "$tmp/batch"
bad "restore, wrong value on line 7" 2 "line 7" restore "$tmp/batch"
batch "tunnel add b1 mode ipip remote 10.7.0.7"
bad "batch, name taken on line 7" 1 "line 7" -b "$tmp/batch"
batch "frobnicate"
bad "batch, unknown word on line 7" 2 "line 7" -b "$tmp/batch"
batch "tunnel del nothing"
bad "batch, nothing to delete on line 7" 1 "line 7" -b "$tmp/batch"
batch "tunnel add b7 mode ipip remote 10.7.0.7 dev eth7"
bad "batch, unknown device on line 7" 1 "line 7" -b "$tmp/batch"
batch "tunnel show"
bad "batch, a verb that shows on line 7" 2 "line 7" -b "$tmp/batch"
batch "-n elsewhere tunnel del t0"
bad "batch, an option on line 7" 2 "line 7" -b "$tmp/batch"
if ! kind_exists dummy; then
	batch "tunnel add b7 mode ipip remote 10.7.0.7 anchor dummy"
	bad "batch, what the kernel refuses" 1 "dummy" -b "$tmp/batch"
fi
printf 'tunnel del t0\ntunnel add z mode ipip remote 10.7.0.7 \0 ttl 4\n' >"$tmp/zero"
bad "batch with a zero byte" 2 "zero byte" -b "$tmp/zero"
head -c 3000 "$XTUN" | tr -d '\n#\0' >"$tmp/noise"
bad "batch of noise" 2 "line 1" -b "$tmp/noise"
{ printf 'tunnel del t0\ntunnel add '; head -c 100000 /dev/zero | tr '\0' x; echo; } >"$tmp/long"
bad "batch with a long line" 2 "line 2" -b "$tmp/long"
sed 's/^format .*/format 999/' "$tmp/before" >"$tmp/newer"
bad "save file of a newer version" 1 "999" restore "$tmp/newer"
bad "save file of a newer version as a batch" 1 "999" -b "$tmp/newer"

# ---- the machine ---------------------------------------------------------------------------------

not_root()
{
	local verb

	install -m 755 "$XTUN" /run/xtun
	for verb in "tunnel add t1 mode ipip remote 10.1.1.7" "tunnel del t0" "flush" "attach eth0"; do
		# shellcheck disable=SC2086
		answered 1 "CAP_" nsenter --net="/run/netns/$(ns a)" -- \
			setpriv --reuid 65534 --regid 65534 --clear-groups /run/xtun $verb
	done
}

# version and help need nothing.
not_root_help()
{
	local verb

	install -m 755 "$XTUN" /run/xtun
	for verb in version help "help tunnel add" "completion bash"; do
		# shellcheck disable=SC2086
		run setpriv --reuid 65534 --regid 65534 --clear-groups /run/xtun $verb >/dev/null
	done
}

# Without the kernel's type information a tunnel is made all the same, or the line says what lacks.
no_btf()
{
	local without=(unshare --mount --propagation private -- bash -c
		'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"' no_btf "$XTUN" -n "$(ns b)")

	if "${without[@]}" tunnel add t1 mode ipip remote 10.1.1.5 2>/dev/null; then
		run "${without[@]}" flush
	else
		answered 1 "BTF" "${without[@]}" tunnel add t1 mode ipip remote 10.1.1.5
	fi
	equal "tunnels on b" "$(xt b save)" ""
}

# A kernel from before the system call's features answers EINVAL.
old_kernel()
{
	answered 1 "kernel" strace -f -qq -o /dev/null -e inject=bpf:error=EINVAL \
		"$XTUN" -n "$(ns b)" tunnel add t1 mode ipip remote 10.1.1.5
	equal "tunnels on b" "$(xt b save)" ""
}

no_bpf()
{
	answered 1 "BPF" strace -f -qq -o /dev/null -e inject=bpf:error=ENOSYS \
		"$XTUN" -n "$(ns b)" tunnel add t1 mode ipip remote 10.1.1.5
	equal "tunnels on b" "$(xt b save)" ""
}

checked "not root" not_root
checked "not root, help" not_root_help
checked "no BTF" no_btf
checked "kernel without the features" old_kernel
checked "kernel without BPF" no_bpf

# The state above lies in a bpffs; a fresh one shows how it comes to be.
no_bpffs()
{
	run xt a flush
	run umount /sys/fs/bpf
	strace -f -qq -o /dev/null -e inject=mount:error=EPERM \
		"$XTUN" -n "$(ns a)" tunnel add t1 mode ipip remote 10.1.1.7 2>"$tmp/err"
	equal "status" $? 1
	equal "lines on stderr" "$(wc -l <"$tmp/err")" 1
	holds "the line" "$(cat "$tmp/err")" "BPF file system"
	equal "devices" "$(devices a | tr '\n' ' ')" "eth0 foreign foreign2 lo "
	equal "tunnels" "$(xt a save)" ""
	run xt a restore "$tmp/before"
	run mountpoint -q /sys/fs/bpf
	unchanged
}

# A device that is down is no error, but it is said.
down()
{
	run ip -n "$(ns b)" link set eth0 down
	run xt b tunnel add t1 mode ipip local 10.1.1.7 remote 10.1.1.5 dev eth0 2>"$tmp/err"
	equal "lines on stderr" "$(wc -l <"$tmp/err")" 1
	holds "the line" "$(cat "$tmp/err")" "eth0"
	holds "the line" "$(cat "$tmp/err")" "down"
	equal "tunnels" "$(xt b -j tunnel show | jq -r '.[].name')" t1
	run ip -n "$(ns b)" link set eth0 up
}

checked "no bpffs" no_bpffs
checked "device down is a warning" down

finish
