#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The bytes that leave: packets go into tun1 of a, frames are read at b's end of the wire
#
#    a  tun1 172.16.0.6 ==== ipip ====>
#       eth0 10.1.1.5 --------------------- 10.1.1.7 eth0  b
#       eth1 10.1.2.5 --------------------- 10.1.2.7 eth1

. "$(dirname "$0")/../lib.sh"

two_hosts
cable a eth1 10.1.2.5/24 b eth1 10.1.2.7/24
run xt a tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7
run ip -n "$(ns a)" addr add 172.16.0.6 peer 172.16.0.8 dev tun1
run ip -n "$(ns a)" link set tun1 up
check_script script "$python" "$lib_dir/net/encap.py" "$(ns a)" "$(ns b)"

finish
