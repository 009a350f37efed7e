#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A network of three hosts over VXLAN, of which one has the kernel's driver: flooding and learning
#
#    a eth0 10.1.1.1, fd01::1 --+
#    b eth0 10.1.1.2, fd01::2 --+-- br0 net
#    c eth0 10.1.1.3, fd01::3 --+
#    each: tap 172.16.0.N; that of c is the kernel's

. "$(dirname "$0")/../lib.sh"

declare -A number=([a]=1 [b]=2 [c]=3) macs
stranger=02:00:00:00:00:99
nobody=00:00:00:00:00:00

# outer 4|6 HOST
outer() { if [ "$1" = 4 ]; then echo "10.1.1.${number[$2]}"; else echo "fd01::${number[$2]}"; fi; }

hosts()
{
	local host

	host net a b c
	run ip -n "$(ns net)" link add br0 type bridge mcast_snooping 0
	run ip -n "$(ns net)" link set br0 up
	for host in a b c; do
		cable "$host" eth0 "10.1.1.${number[$host]}/24" net "to-$host" -
		address6 "$host" eth0 "fd01::${number[$host]}/64"
		run ip -n "$(ns net)" link set "to-$host" master br0
		[ "$host" = c ] || run xt "$host" attach eth0
	done
}

# taps 4|6 WORDS... - a new one on each host, with the others as peers for flooding
taps()
{
	local family=$1 host other
	shift

	xt a tunnel del tap 2> "$tmp/err"
	xt b tunnel del tap 2> "$tmp/err"
	ip -n "$(ns c)" link del tap 2> "$tmp/err"
	for host in a b; do
		run xt "$host" tunnel add tap mode vxlan id 7 dstport 4789 local "$(outer "$family" "$host")" "$@"
	done
	run ip -n "$(ns c)" link add tap mtu 1430 type vxlan id 7 dstport 4789 local "$(outer "$family" c)" "$@"
	for host in a b c; do
		macs[$host]=$(mac "$host" tap)
		address "$host" tap "172.16.0.${number[$host]}/24"
		for other in a b c; do
			[ "$host" != "$other" ] || continue
			if [ "$host" = c ]; then
				run on c bridge fdb append $nobody dev tap dst "$(outer "$family" "$other")"
			else
				run xt "$host" peer add tap lladdr $nobody via "$(outer "$family" "$other")"
			fi
		done
	done
}

received()
{
	echo "$(counter a tap rx_packets) $(counter b tap rx_packets)" \
		"$(ip -n "$(ns c)" -s -j link show tap | jq '.[0].stats64.rx.packets')"
}

# since NAME WANT BEFORE - how many more each host has received
since()
{
	local now before=($3) got

	read -ra now < <(received)
	got="$((now[0] - before[0])) $((now[1] - before[1])) $((now[2] - before[2]))"
	equal "$1" "$got" "$2"
}

# send HOST DESTINATION SOURCE COUNT
send() { run on "$1" "$python" "$lib_dir/net/frames.py" tap "$2" "$3" "$4"; }

# believed HOST MAC - where it is
believed()
{
	if [ "$1" = c ]; then
		on c bridge fdb show dev tap | sed -n "s/^$2 dst \\([^ ]*\\) .*/\\1/p"
	else
		xt "$1" -j peer show tap | jq -r --arg mac "$2" '.[] | select(.lladdr == $mac) | .via'
	fi
}

known()
{
	local before host

	taps "$@"
	before=$(received)
	send a ff:ff:ff:ff:ff:ff "${macs[a]}" 3
	since "broadcast of a" "0 3 3" "$before"
	send c 33:33:00:00:00:01 "${macs[c]}" 3
	since "a group of c" "3 6 3" "$before"
	before=$(received)
	send a "${macs[b]}" "${macs[a]}" 2
	since "unknown" "0 2 2" "$before"
	send b "${macs[a]}" "${macs[b]}" 1
	send a "${macs[b]}" "${macs[a]}" 2
	send c "${macs[a]}" "${macs[c]}" 1
	since "known" "2 4 2" "$before"
	equal "a at c" "$(believed c "${macs[a]}")" "$(outer "$1" a)"
	equal "c at a" "$(believed a "${macs[c]}")" "$(outer "$1" c)"
	# A MAC that moves.
	send b ff:ff:ff:ff:ff:ff $stranger 1
	for host in a c; do equal "the stranger, at $host" "$(believed $host $stranger)" "$(outer "$1" b)"; done
	send a ff:ff:ff:ff:ff:ff $stranger 1
	for host in b c; do equal "moved, at $host" "$(believed $host $stranger)" "$(outer "$1" a)"; done
}

traffic_of_all()
{
	if command -v arping > "$tmp/which"; then
		run on a arping -q -c 2 -w 3 -I tap 172.16.0.3
		run on c arping -q -c 2 -w 3 -I tap 172.16.0.2
	fi
	pings a 172.16.0.2
	pings b 172.16.0.3
	pings c 172.16.0.1
	tcp a 172.16.0.1 b 172.16.0.2 8
	tcp c 172.16.0.3 a 172.16.0.1 8
	equal "drops" "$(drops a tap) $(drops b tap)" "0 0"
}

# b gets an address from a.
lease()
{
	local server

	run ip -n "$(ns b)" addr flush dev tap
	printf '%s\n' "interface tap" "start 172.16.0.100" "end 172.16.0.109" "option subnet 255.255.255.0" "max_leases 10" \
		"lease_file $tmp/leases" "pidfile $tmp/server.pid" > "$tmp/server.conf"
	printf '%s\n' '#!/bin/sh' "[ \"\$1\" != bound ] || echo \"\$ip\" > $tmp/leased" > "$tmp/bound"
	chmod +x "$tmp/bound"
	touch "$tmp/leases"
	nsenter --net="/run/netns/$(ns a)" -- busybox udhcpd -f "$tmp/server.conf" &
	server=$!
	run on b busybox udhcpc -q -n -f -i tap -t 10 -T 1 -s "$tmp/bound" -p "$tmp/client.pid"
	kill $server
	wait $server
	equal "the address but for its last digit" "$(sed 's/.$//' "$tmp/leased")" 172.16.0.10
	run ip -n "$(ns b)" addr add 172.16.0.2/24 dev tap
}

# throughput - what iperf3 says, where there is one; the figure is no test
throughput()
{
	local server

	command -v iperf3 > "$tmp/which" || skip_test "there is no iperf3"
	nsenter --net="/run/netns/$(ns c)" -- iperf3 -s -1 > "$tmp/iperf" 2>&1 &
	server=$!
	sleep 0.3
	run on a iperf3 -J -t 2 -c 172.16.0.3 > "$tmp/iperf.json"
	wait $server
	jq -r '"\(.end.sum_received.bits_per_second / 1000000 | floor) Mbit/s"' "$tmp/iperf.json"
}

modprobe -a bridge vxlan 2> "$tmp/err"
hosts
check "vxlan, flooding and learning" known 4
check "vxlan, traffic" traffic_of_all
whole check "vxlan, DHCP" lease
whole check "vxlan, iperf3" throughput
check "vxlan over IPv6, flooding and learning" known 6
check "vxlan over IPv6, traffic" traffic_of_all
for host in a b; do run xt "$host" attach eth0 xdp; done
whole check "vxlan at XDP, flooding and learning" known 4
whole check "vxlan at XDP, traffic" traffic_of_all

finish
