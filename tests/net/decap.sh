#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What arrives: frames made by hand leave b, and are looked for on a's anchors
#
#    b  eth0 10.1.1.7 --------------------- 10.1.1.5 eth0  a
#                       <==== ipip ====   tun1 172.16.0.6

. "$(dirname "$0")/../lib.sh"

two_hosts
run ip -n "$(ns a)" addr add 10.1.1.6/24 dev eth0
run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7
run ip -n "$(ns a)" addr add 172.16.0.6/32 dev tun1
run ip -n "$(ns a)" link set tun1 up
check_script script "$python" "$lib_dir/net/decap.py" "$(ns a)" "$(ns b)"

finish
