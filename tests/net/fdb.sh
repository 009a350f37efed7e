#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Three hosts whose tunnels for frames have no remote: peers by MAC, flooding, learning
#
#    a eth0 10.1.1.1, fd01::1 --+
#    b eth0 10.1.1.2, fd01::2 --+-- br0 net
#    c eth0 10.1.1.3, fd01::3 --+
#    each: tap 172.16.0.N

. "$(dirname "$0")/../lib.sh"

declare -A number=([a]=1 [b]=2 [c]=3)

declare -A inner_macs
inner_mac() { echo "${inner_macs[$1]}"; }

# outer 4|6 HOST
outer() { if [ "$1" = 4 ]; then echo "10.1.1.${number[$2]}"; else echo "fd01::${number[$2]}"; fi; }

hosts()
{
	local host

	hosts_drop
	host net a b c
	run ip -n "$(ns net)" link add br0 type bridge mcast_snooping 0
	run ip -n "$(ns net)" link set br0 up
	for host in a b c; do
		cable "$host" eth0 "10.1.1.${number[$host]}/24" net "to-$host" -
		address6 "$host" eth0 "fd01::${number[$host]}/64"
		run ip -n "$(ns net)" link set "to-$host" master br0
		# So that programs stay from test to test, which to load takes longest.
		run xt "$host" attach eth0
	done
	# So that what is counted later is no question for a neighbour.
	for host in a b c; do
		run on "$host" ping -q -n -c 1 -W 2 "10.1.1.$((number[$host] % 3 + 1))" > "$tmp/ping"
		run on "$host" ping -q -n -c 1 -W 2 "fd01::$((number[$host] % 3 + 1))" > "$tmp/ping"
	done
}

# tap HOST 4|6 WORDS... - its tunnel, up; a new one
tap()
{
	local host=$1 family=$2
	shift 2

	xt "$host" tunnel del tap 2> "$tmp/err" || true
	run xt "$host" tunnel add tap "$@" local "$(outer "$family" "$host")"
	inner_macs[$host]=$(mac "$host" tap)
	address "$host" tap "172.16.0.${number[$host]}/24"
}

# taps 4|6 WORDS... - those of all hosts, with each other as flood peers
taps()
{
	local host other

	for host in a b c; do
		tap "$host" "$@"
		for other in a b c; do
			[ "$host" = "$other" ] || run xt "$host" peer add tap lladdr 00:00:00:00:00:00 via "$(outer "$1" "$other")"
		done
	done
}

# received HOST - frames that came out of its tunnel
received() { counter "$1" tap rx_packets; }

all_received() { echo "$(received a) $(received b) $(received c)"; }

# send HOST DESTINATION SOURCE COUNT - frames of a type that nobody answers, out of the tunnel's device
send() { run on "$1" "$python" "$lib_dir/net/frames.py" tap "$2" "$3" "$4"; }

# learned HOST MAC - who is believed to have it
learned()
{
	xt "$1" -j peer show tap | jq -r --arg mac "$2" '.[] | select(.lladdr == $mac and .state == "learned") | .via'
}

# ---- peers by MAC --------------------------------------------------------------------------------

# No list for flooding and nothing learned: what is named is all that is known.
static()
{
	local host other

	for host in a b c; do
		tap "$host" "$@" nolearning
	done
	for host in a b c; do
		for other in a b c; do
			[ "$host" = "$other" ] && continue
			run xt "$host" peer add tap lladdr "$(inner_mac "$other")" via "$(outer "$1" "$other")"
			run ip -n "$(ns "$host")" neigh replace "172.16.0.${number[$other]}" lladdr "$(inner_mac "$other")" dev tap
		done
	done
	pings a 172.16.0.2
	pings a 172.16.0.3
	pings c 172.16.0.2
	tcp a 172.16.0.1 b 172.16.0.2 4
	equal "learned" "$(xt a -j peer show tap | jq '[.[] | select(.state != "static")] | length')" 0
	equal "drops at a" "$(drops a tap)" 0
	send a ff:ff:ff:ff:ff:ff "$(inner_mac a)" 3
	send a 02:00:00:00:00:99 "$(inner_mac a)" 2
	equal "frames for nobody" "$(counter a tap drops.no_peer)" 5
}

hosts
check "gretap, named peers" static 4 mode gretap
check "ip6gretap, named peers" static 6 mode ip6gretap

# ---- flooding and learning -----------------------------------------------------------------------

flooding()
{
	local before

	taps "$@"
	before=$(all_received)
	equal "received at first" "$before" "0 0 0"
	send a ff:ff:ff:ff:ff:ff "$(inner_mac a)" 10
	equal "broadcast" "$(all_received)" "0 10 10"
	send b 33:33:00:00:00:01 "$(inner_mac b)" 5
	equal "a group" "$(all_received)" "5 10 15"
	# b and c know a by now, and a knows b, and nobody c.
	send a "$(inner_mac c)" "$(inner_mac a)" 4
	equal "unknown" "$(all_received)" "5 14 19"
	send c "$(inner_mac a)" "$(inner_mac c)" 1
	equal "known" "$(all_received)" "6 14 19"
	send a "$(inner_mac c)" "$(inner_mac a)" 4
	equal "answered" "$(all_received)" "6 14 23"
	equal "sent by a" "$(counter a tap tx_packets)" $((20 + 8 + 4))
	equal "c at a" "$(learned a "$(inner_mac c)")" "$(outer "$1" c)"
	equal "drops" "$(drops a tap) $(drops b tap) $(drops c tap)" "0 0 0"
}

check "gretap, flooding" flooding 4 mode gretap
check "ip6gretap, flooding" flooding 6 mode ip6gretap

# Copies have a checksum, a number and a UDP header of their own each; the device cuts before.
whole_copies()
{
	taps "$@"
	send a ff:ff:ff:ff:ff:ff "$(inner_mac a)" 10
	equal "broadcast" "$(all_received)" "0 10 10"
	pings a 172.16.0.2
	pings c 172.16.0.2
	tcp b 172.16.0.2 c 172.16.0.3 4
	equal "drops" "$(drops a tap) $(drops b tap) $(drops c tap)" "0 0 0"
}

check "gretap, csum, oseq and key" whole_copies 4 mode gretap csum oseq key 7
check "gretap, veth" whole_copies 4 mode gretap anchor veth

# ---- who is where --------------------------------------------------------------------------------

stranger=02:00:00:00:00:99

# A MAC that goes from b to c takes its traffic with it at once; where the user said who has it, what
# others send in its name is dropped.
moves()
{
	taps 4 mode gretap
	# So that b and c know where a is.
	send a ff:ff:ff:ff:ff:ff "$(inner_mac a)" 1
	send b "$(inner_mac a)" $stranger 1
	equal "at b" "$(learned a $stranger)" 10.1.1.2
	send a $stranger "$(inner_mac a)" 2
	equal "sent to b" "$(all_received)" "1 3 1"
	send c "$(inner_mac a)" $stranger 1
	equal "at c" "$(learned a $stranger)" 10.1.1.3
	send a $stranger "$(inner_mac a)" 2
	equal "sent to c" "$(all_received)" "2 3 3"
	run xt a peer add tap lladdr $stranger via 10.1.1.2
	equal "what is named is not shown as learned" "$(learned a $stranger)" ""
	send c "$(inner_mac a)" $stranger 3
	equal "dropped" "$(counter a tap drops.wrong_peer)" 3
	send b "$(inner_mac a)" $stranger 1
	send a $stranger "$(inner_mac a)" 2
	equal "sent to b again" "$(all_received)" "3 5 3"
	run xt a tunnel change tap nosrccheck
	send c "$(inner_mac a)" $stranger 1
	equal "with nosrccheck" "$(all_received) $(counter a tap drops.wrong_peer)" "4 5 3 3"
	# Nobody is at a group, at none, or here.
	send c "$(inner_mac a)" 01:00:00:00:00:01 1
	send c "$(inner_mac a)" 00:00:00:00:00:00 1
	send c "$(inner_mac a)" "$(inner_mac a)" 1
	equal "sources that are none" "$(counter a tap drops.source_mac)" 3
}

# since SECONDS - until that much time has gone since $begun
since() { while [ $((${EPOCHREALTIME/./} - begun)) -lt $(($1 * 1000000)) ]; do sleep 0.1; done; }

aged()
{
	local before

	taps 4 mode gretap ageing 6
	send b "$(inner_mac a)" $stranger 1
	begun=${EPOCHREALTIME/./}
	equal "at b" "$(learned a $stranger)" 10.1.1.2
	holds "the line" "$(xt a peer show tap)" "lladdr $stranger via 10.1.1.2 age "
	# Seen again, it is young again.
	since 3
	send b "$(inner_mac a)" $stranger 1
	begun=${EPOCHREALTIME/./}
	before=$(received c)
	since 4
	send a $stranger "$(inner_mac a)" 1
	equal "not flooded" "$(received c)" "$before"
	since 7
	equal "forgotten" "$(learned a $stranger)" ""
	send a $stranger "$(inner_mac a)" 1
	equal "flooded" "$(received c)" $((before + 1))
}

forgotten()
{
	taps 4 mode gretap
	send b "$(inner_mac a)" $stranger 1
	# What show prints, load reads: what was learned is no part of it.
	xt a peer show tap > "$tmp/shown"
	equal "lines" "$(wc -l < "$tmp/shown")" 3
	run xt a peer load tap "$tmp/shown"
	equal "peers of the saved" "$(xt a save | grep -c '^peer add')" 2
	equal "still at b" "$(learned a $stranger)" 10.1.1.2
	run xt a tunnel change tap ttl 9
	equal "after a change" "$(learned a $stranger)" 10.1.1.2
	run xt a tunnel change tap nolearning
	send b "$(inner_mac a)" 02:00:00:00:00:98 1
	equal "not learned" "$(learned a 02:00:00:00:00:98)" ""
	run xt a tunnel change tap learning
	run xt a peer flush tap
	equal "flushed" "$(xt a peer show)" ""
	send b "$(inner_mac a)" $stranger 1
	equal "learned again" "$(learned a $stranger)" 10.1.1.2
	run xt a tunnel del tap
	tap a 4 mode gretap
	equal "peers of a new one" "$(xt a peer show)" ""
}

# What is saved makes the same again, over other peers, too; and JSON.
saved()
{
	taps 4 mode gretap ageing 9
	run xt a peer add tap lladdr 02:00:00:00:00:07 via 10.1.1.2
	run xt a save > "$tmp/before"
	equal "lines" "$(grep -c lladdr "$tmp/before")" 3
	run xt a peer add tap lladdr 02:00:00:00:00:08 via 10.1.1.2
	run xt a peer del tap lladdr 00:00:00:00:00:00 via 10.1.1.2
	run xt a restore "$tmp/before"
	equal "save" "$(xt a save)" "$(cat "$tmp/before")"
	equal "JSON" "$(xt a -j peer show tap | jq -c .)" "$(printf '%s' \
		'[{"tunnel":"tap","lladdr":"00:00:00:00:00:00","via":"10.1.1.2","state":"static"},' \
		'{"tunnel":"tap","lladdr":"00:00:00:00:00:00","via":"10.1.1.3","state":"static"},' \
		'{"tunnel":"tap","lladdr":"02:00:00:00:00:07","via":"10.1.1.2","state":"static"}]')"
	! xt a tunnel change tap remote 10.1.1.2 2> "$tmp/err" || die "a remote beside peers was taken"
	holds "the line" "$(cat "$tmp/err")" "remote: tap has peers; delete them first"
	! xt a -b <(echo "peer flush tap"; echo "peer add tap lladdr 01:00:5e:00:00:01 via 10.1.1.2") \
		2> "$tmp/err" || die "a group was taken"
	holds "the line" "$(cat "$tmp/err")" "is the MAC of a group"
	equal "save after what was refused" "$(xt a save)" "$(cat "$tmp/before")"
	run xt a tunnel del tap
	equal "without the tunnel" "$(xt a save | grep -c lladdr)" 0
}

check "saved and restored" saved
check "a MAC that moves" moves
check "ageing" aged
check "learned, saved, forgotten" forgotten

# ---- a network -----------------------------------------------------------------------------------

# ARP, ping and TCP between the three, each behind a bridge, with a VLAN in it.
network()
{
	local host

	taps 4 mode gretap
	for host in a b c; do
		run ip -n "$(ns "$host")" addr flush dev tap
		run ip -n "$(ns "$host")" link add br0 type bridge
		run ip -n "$(ns "$host")" link set tap master br0
		address "$host" br0 "172.16.0.${number[$host]}/24"
	done
	for host in a b; do
		run on "$host" arping -q -c 2 -w 3 -I br0 172.16.0.3
	done
	pings a 172.16.0.2
	pings b 172.16.0.3
	tcp a 172.16.0.1 c 172.16.0.3
	tcp b 172.16.0.2 a 172.16.0.1 4
	equal "MACs at a" "$(xt a -j peer show tap | jq '[.[] | select(.state == "learned")] | length')" 2
	# TCP went to the one whose it is, and to nobody else.
	[ "$(received b)" -lt 60000 ] || die "b received $(received b) frames"
	equal "drops" "$(drops a tap) $(drops b tap) $(drops c tap)" "0 0 0"
}

# copies - the destination of each packet in the capture
copies() { tcpdump -q -n -r "$tmp/pcap" 2> "$tmp/err" | grep -oE '> 10\.1\.2\.[0-9]+'; }

# As many peers as there may be: each gets each frame once, whichever way is known.
many()
{
	local i

	tap a 4 mode gretap
	for ((i = 0; i < 128; i++)); do
		echo "lladdr 00:00:00:00:00:00 via 10.1.2.$((i + 1))"
	done > "$tmp/peers"
	run xt a peer load tap "$tmp/peers"
	run ip -n "$(ns a)" route add 10.1.2.0/24 via 10.1.1.2
	capture b eth0 "$tmp/pcap" "proto gre" -s 64 -B 8192
	send a ff:ff:ff:ff:ff:ff "$(inner_mac a)" 3
	wait_for 10 "384 packets" eval '[ "$(copies | wc -l)" -ge 384 ]'
	capture_end
	equal "copies to each" "$(copies | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ')" " 128 3"
	equal "counted" "$(counter a tap tx_packets)" 384
	equal "one too many" "$(xt a peer add tap lladdr 00:00:00:00:00:00 via 10.1.3.1 2>&1)" \
		"xtun: peer add: lladdr: a tunnel has room for 128 peers with 00:00:00:00:00:00, each of which gets a copy"
}

check "a network of three" network
check "128 peers" many

finish
