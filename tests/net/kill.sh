#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL at every system call that changes state: the configuration is the old one or the new one,
# and the next command finds its way. One walk per kind of command, each in its own isolation,
# because all writers of one bpffs take turns.
#
#    a eth0 10.1.1.5 -------------- eth0 b, with tunnel t0 on a (what else there is: kill.py)

. "$(dirname "$0")/../lib.sh"

walks="add change replace del batch restore flush first attach attach-xdp detach-xdp change-xdp"
walks+=" peer-add peer-first peer-last peer-load peer-batch peer-restore peer-mac peer-del"
walks+=" mirror-add mirror-batch upgrade"
at_once=4 # they wait for the kernel more than they work

walk()
{
	"$lib_dir/isolate" "$python" "$lib_dir/net/kill.py" "$1" >"$tmp/$1" 2>&1 ||
		echo "FAIL kill/$1: ended with status $?: $(tail -n 1 "$tmp/$1")" >>"$tmp/$1"
}

pids=()
for name in $walks; do
	[ "${#pids[@]}" -lt "$at_once" ] || { wait "${pids[0]}"; pids=("${pids[@]:1}"); }
	walk "$name" &
	pids+=($!)
done
wait
for name in $walks; do
	cat "$tmp/$name"
	! grep -q '^FAIL' "$tmp/$name" || failed=$((failed + 1))
done

finish
