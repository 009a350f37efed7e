#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A hub with remote any and spokes with fixed remotes; its table of peers, and what the commands do to it
#
#    hub eth1 10.1.1.5, fd01:1::5 ---- 10.1.1.7, fd01:1::7 eth0 s1
#        eth2 10.1.2.5, fd01:2::5 ---- 10.1.2.7, fd01:2::7 eth0 s2
#        eth3 10.1.3.5, fd01:3::5 ---- 10.1.3.7, fd01:3::7 eth0 s3
#        tun1 172.16.0.1, fd16::1 ==== 172.16.N.1, fd16:N::1 tun1 sN

. "$(dirname "$0")/../lib.sh"

spokes="1 2 3"

hosts()
{
	local n

	hosts_drop
	host hub s1 s2 s3
	for n in $spokes; do
		cable hub "eth$n" "10.1.$n.5/24" "s$n" eth0 "10.1.$n.7/24"
		address6 hub "eth$n" "fd01:$n::5/64"
		address6 "s$n" eth0 "fd01:$n::7/64"
	done
}

# tunnels OUTER INNER WORDS... - the hub's without peers, and the spokes', with all addresses and routes
tunnels()
{
	local outer=$1 inner=$2 n remote=10.1
	shift 2

	hosts
	[ "$outer" = 4 ] || remote=fd01
	run xt hub tunnel add tun1 "$@" remote any
	ends hub 172.16.0.1 fd16::1 "$inner"
	for n in $spokes; do
		if [ "$outer" = 4 ]; then remote=10.1.$n.5; else remote=fd01:$n::5; fi
		run xt "s$n" tunnel add tun1 "$@" remote "$remote"
		ends "s$n" "172.16.$n.1" "fd16:$n::1" "$inner"
	done
}

# unreached ADDRESS - one ping of the hub is not answered
unreached() { ! on hub ping -q -n -c 1 -W 0.2 "$1" || die "ping $1 was answered"; }

# ends HOST ADDRESS ADDRESS6 INNER
ends()
{
	run ip -n "$(ns "$1")" link set tun1 up
	case $4 in *4*) address "$1" tun1 "$2/16" ;; esac
	case $4 in *6*) address6 "$1" tun1 "$3/16" ;; esac
}

# spoke OUTER N - its outer address
spoke() { if [ "$1" = 4 ]; then echo "10.1.$2.7"; else echo "fd01:$2::7"; fi; }

# peers_add OUTER INNER - a peer of each inner family for each spoke
peers_add()
{
	local n

	for n in $spokes; do
		case $2 in *4*) echo "peer add tun1 172.16.$n.0/24 via $(spoke "$1" "$n")" ;; esac
		case $2 in *6*) echo "peer add tun1 fd16:$n::/32 via $(spoke "$1" "$n")" ;; esac
	done >"$tmp/peers"
	run xt hub -b "$tmp/peers"
}

# all_reached INNER - each spoke by ping, and the last one by TCP, both ways; nobody is a stranger
all_reached()
{
	local n

	for n in $spokes; do
		case $1 in *4*) pings hub "172.16.$n.1" ;; esac
		case $1 in *6*) pings hub "fd16:$n::1" ;; esac
	done
	case $1 in *4*) tcp hub 172.16.0.1 "s$n" "172.16.$n.1" 4 ;; esac
	case $1 in *6*) tcp hub fd16::1 "s$n" "fd16:$n::1" 4 ;; esac
	equal "strangers at the hub" "$(counter hub tun1 drops.wrong_peer)" 0
}

# ---- traffic -------------------------------------------------------------------------------------

hub_and_spokes()
{
	tunnels "$@"
	peers_add "$1" "$2"
	all_reached "$2"
}

# What a spoke sends in the name of another is dropped.
strangers()
{
	tunnels 4 4 mode gre
	peers_add 4 4
	address s2 tun1 172.16.1.9/16
	! on s2 ping -q -n -c 2 -i 0.02 -W 0.3 -I 172.16.1.9 172.16.0.1 || die "a stranger was answered"
	equal "strangers" "$(counter hub tun1 drops.wrong_peer)" 2
	run xt hub tunnel change tun1 nosrccheck
	# The answer goes to who owns the address, who does not have it.
	! on s2 ping -q -n -c 2 -i 0.02 -W 0.3 -I 172.16.1.9 172.16.0.1 || die "the answer came back"
	equal "strangers with nosrccheck" "$(counter hub tun1 drops.wrong_peer)" 2
}

# From one spoke to another, by the hub, which forwards; and all of them at once.
through_the_hub()
{
	local n

	tunnels 4 4 mode gre key 7
	peers_add 4 4
	for n in $spokes; do
		tcp hub 172.16.0.1 "s$n" "172.16.$n.1" 4 &
	done
	wait
	forwarding hub
	run on hub sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.tun1.send_redirects=0
	pings s1 172.16.2.1
	tcp s3 172.16.3.1 s1 172.16.1.1 4
	equal "drops" "$(drops hub tun1)" 0
}

check "gre, hub and spokes" hub_and_spokes 4 46 mode gre
check "ip6gre, hub and spokes" hub_and_spokes 6 46 mode ip6gre
if [ -z "${XTUN_QUICK:-}" ]; then
	check "ipip, hub and spokes" hub_and_spokes 4 4 mode ipip
	check "sit, hub and spokes" hub_and_spokes 4 6 mode sit
	check "ip6tnl, hub and spokes" hub_and_spokes 6 46 mode ip6tnl
fi
check "strangers" strangers
check "from spoke to spoke" through_the_hub

# gateways OUTER INNER WORDS... - no peers: the route says which spoke
gateways()
{
	local n via6

	tunnels "$@"
	for n in $spokes; do
		unreached "172.16.$n.1"
		if [ "$1" = 4 ]; then
			via6=::10.1.$n.7
			run ip -n "$(ns hub)" route add "172.16.$n.0/24" via "10.1.$n.7" dev tun1 onlink
		else
			# IPv6 lets no gateway be on one device that another has a route to, but for the
			# default one.
			address6 "s$n" eth0 "fd02:$n::7/64"
			run ip -n "$(ns hub)" route add "fd02:$n::/64" via "fd01:$n::7" table 7
			via6=fd02:$n::7
			run ip -n "$(ns hub)" route add "172.16.$n.0/24" via inet6 "$via6" dev tun1 onlink
		fi
		run ip -n "$(ns hub)" route add "fd16:$n::/32" via "$via6" dev tun1 onlink
	done
	[ "$1" = 4 ] || run ip -n "$(ns hub)" -6 rule add from all lookup 7 pref 50
	all_reached "$2"
	# A peer comes before the route.
	run xt hub peer add tun1 172.16.2.0/24 via "$(spoke "$1" 3)"
	unreached 172.16.2.1
	run xt hub peer del tun1 172.16.2.0/24
	pings hub 172.16.2.1
	# Nor is a route through another device one into the tunnel.
	run ip -n "$(ns hub)" route replace 172.16.3.0/24 dev tun1
	unreached 172.16.3.1
}

check "gre, the route's gateway" gateways 4 46 mode gre
check "ip6gre, the route's gateway" gateways 6 46 mode ip6gre

# Sites behind spokes, without a single peer.
six_to_four()
{
	local n

	tunnels 4 6 mode sit
	address6 hub tun1 2002:a01:105::1/16
	for n in $spokes; do
		address6 "s$n" tun1 "2002:a01:${n}07::1/16"
	done
	for n in $spokes; do
		pings hub "2002:a01:${n}07::1"
	done
	equal "drops by source" "$(counter hub tun1 drops.wrong_peer)" 0
	# One spoke with the address of another.
	address6 s2 tun1 2002:a01:307::9/16
	! on s2 ping -q -n -c 2 -i 0.02 -W 0.3 -I 2002:a01:307::9 2002:a01:105::1 || die "a stranger was answered"
	equal "strangers" "$(counter hub tun1 drops.wrong_peer)" 2
}

check "6to4" six_to_four

# ---- changes while traffic flows -----------------------------------------------------------------

# flood ADDRESS - pings in the background, each to be answered; flood_end says how many were not
flood()
{
	flood_from=$(counter hub tun1 tx_packets)
	nsenter --net="/run/netns/$(ns hub)" -- ping -q -n -i 0.002 -W 1 "$1" >"$tmp/flood" 2>&1 &
	flood_pid=$!
	sleep 0.1
}

flooded() { [ $(($(counter hub tun1 tx_packets) - flood_from)) -ge 100 ]; }

flood_end()
{
	wait_for 10 "a hundred packets" flooded
	sleep 0.1
	kill -INT "$flood_pid"
	wait "$flood_pid"
	grep -oE '[0-9]+ packets transmitted, [0-9]+ received' "$tmp/flood" >"$tmp/counts" || die "$(cat "$tmp/flood")"
	read -r sent _ _ received _ <"$tmp/counts"
	[ "$sent" -ge 100 ] || die "only $sent packets were sent"
	# The last one may still be on its way.
	[ $((sent - received)) -le 1 ] || die "of $sent packets $received were answered; drops: $(xt hub -j -s tunnel show tun1 | jq -c '.[0].stats.drops')"
}

# prefixes COUNT - that many lines of a file, in no network that a test uses
prefixes()
{
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "%d.%d.%d.%d/32 via 10.1.%d.7\n", 20 + i / 16777216, i / 65536 % 256, i / 256 % 256, i % 256, i % 3 + 1 }'
}

replace_under_traffic()
{
	local i

	tunnels "$1" 46 "${@:2}"
	peers_add "$1" 46
	flood 172.16.1.1
	for ((i = 1; i <= $(quick 6 2); i++)); do
		run xt hub peer replace tun1 172.16.2.0/24 via "$(spoke "$1" $((i % 3 + 1)))"
		run xt hub peer replace tun1 "fd16:3::/32" via "$(spoke "$1" $((i % 3 + 1)))"
		run xt hub peer replace tun1 172.16.1.0/$((i % 2 + 24)) via "$(spoke "$1" 1)"
		run xt hub peer add tun1 172.16.1.1 via "$(spoke "$1" 1)"
		run xt hub peer del tun1 172.16.1.1
	done
	flood_end
}

# The remote itself changes to another address of the same spoke.
remote_moves()
{
	local i

	tunnels 4 4 mode ipip nosrccheck
	peers_add 4 4
	run ip -n "$(ns s1)" addr add 10.1.1.8/24 dev eth0
	flood 172.16.1.1
	for ((i = 1; i <= $(quick 6 2); i++)); do
		run xt hub peer replace tun1 172.16.1.0/24 via "10.1.1.$((7 + i % 2))"
	done
	flood_end
}

# The first peer and the last one: before and after, the tunnel takes everything and routes say where to.
first_and_last()
{
	local i

	tunnels 4 4 mode gre
	for i in $spokes; do
		run ip -n "$(ns hub)" route add "172.16.$i.0/24" via "10.1.$i.7" dev tun1 onlink
	done
	flood 172.16.1.1
	for ((i = 1; i <= $(quick 6 2); i++)); do
		run xt hub peer add tun1 172.16.1.0/24 via 10.1.1.7
		run xt hub peer flush tun1
	done
	flood_end
}

load_under_traffic()
{
	local i n

	n=$(quick 100000 5000)
	tunnels 4 4 mode gre
	peers_add 4 4
	{ xt hub peer show tun1; prefixes "$n"; } >"$tmp/large"
	xt hub peer show tun1 >"$tmp/small"
	flood 172.16.1.1
	for i in 1 2; do
		run xt hub peer load tun1 "$tmp/large"
		run xt hub peer load tun1 "$tmp/small"
	done
	run xt hub peer load tun1 - <"$tmp/large"
	flood_end
	equal "peers" "$(xt hub peer show tun1 | wc -l)" $((n + 3))
	all_reached 4
}

check "replacing peers loses nothing" replace_under_traffic 4 mode gre
check "replacing peers over IPv6 loses nothing" replace_under_traffic 6 mode ip6gre
check "a remote that moves loses nothing" remote_moves
check "the first and the last peer lose nothing" first_and_last
check "loading 100,000 peers loses nothing" load_under_traffic

finish
