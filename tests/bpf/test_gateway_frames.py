# SPDX-License-Identifier: GPL-2.0
"""Forwarding at XDP into tunnels for frames, and out of them: the frames of a router between the
tunnel's device and the next hop behind it, in the bytes of tc."""

import itertools
import struct
from types import SimpleNamespace

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from harness import expect, expect_bytes, few, test
from modes import ETH_PROTO, ModeTunnel, outer_packet
from oracle import ETH_HLEN, frame, pattern
from scene import LOCAL, LOCAL6, NEIGHBOUR, REMOTES, REMOTES6, command, mac
from test_gateway import HOST, PASS, XDP_REDIRECT, Gateway, comparable, one_hop
from test_vxlan import NOTED, Wrapped, arrived

BEHIND = bytes.fromhex("020000000b01")      # the next hop behind each tunnel
OTHER = bytes.fromhex("020000000b02")


def tunnels():
    return [ModeTunnel("t0", REMOTES[0], LOCAL, mode="gretap"),
            ModeTunnel("t1", REMOTES[1], LOCAL, mode="gretap", ikey=9, okey=9, ttl=0, inherit=True),
            Wrapped("t2", "vxlan", REMOTES[2]),
            Wrapped("t3", "vxlan", REMOTES[3], vni=43, df="inherit", ttl=0, inherit=True,
                    srcport=(7, 8)),
            Wrapped("t4", "geneve", REMOTES[4], dport=6081),
            Wrapped("t5", "geneve", REMOTES[5], vni=44, dport=6081, options=NOTED),
            ModeTunnel("t6", REMOTES6[0], LOCAL6, mode="ip6gretap", label=0x111),
            Wrapped("t7", "vxlan", REMOTES6[1], LOCAL6, vni=45, more="udp6zerocsumrx"),
            Wrapped("t8", "geneve", REMOTES6[2], LOCAL6, vni=46, dport=6081, more="udp6zerocsumrx"),
            ModeTunnel("s0", REMOTES[7], LOCAL, mode="gretap", okey=8, ocsum=True, oseq=True),
            Wrapped("s1", "vxlan", REMOTES[8], vni=48, csum=True),
            Wrapped("s2", "geneve", REMOTES6[3], LOCAL6, vni=49, dport=6081, csum=True),
            Wrapped("t9", "vxlan", "any", vni=47,
                    more=f"\npeer add t9 lladdr {BEHIND.hex(':')} via {REMOTES[6]}")]


class FrameGateway(Gateway):
    """Behind each tunnel a next hop of either family, whose hardware address is known."""

    def __init__(self, scene, ends):
        super().__init__(scene, ends)
        lines = []
        for i, end in enumerate(ends):
            command("sysctl", "-qw", f"net.ipv6.conf.{end.name}.disable_ipv6=0")
            lines += [f"route replace 172.31.{i}.0/24 dev {end.name}",
                      f"route replace fd00:31:{i:x}::/64 dev {end.name}"]
            lines += [f"neigh replace {self.dest(end, kind)} lladdr {BEHIND.hex(':')} nud permanent "
                      f"dev {end.name}" for kind in "46"]
        command("ip", "-batch", "-", text="".join(line + "\n" for line in lines))


def inner(kind, source, dest, length, ttl=64, tos=0):
    header = IP(src=source, dst=dest, ttl=ttl, tos=tos, flags="DF") if kind == "4" else \
        IPv6(src=source, dst=dest, hlim=ttl, tc=tos)
    hlen = 28 if kind == "4" else 48
    return bytes(header / UDP(sport=5, dport=6) / Raw(pattern(max(length - hlen, 1))))


SOURCE = {"4": "172.30.0.6", "6": "fd00:30::6"}


def hop(end, kind, packet):
    """The frame that leaves by the tunnel's device."""
    return frame(one_hop(kind, packet), BEHIND, mac(end.name), ETH_PROTO[kind])


def into(scene, gateway, end, kind, packet, data, what):
    """XDP sends @data, in which @packet is, into @end, as tc would."""
    _, tc_out = scene.encap(end.name, hop(end, kind, packet))
    verdict, out = gateway.run(data)
    expect("verdict for " + what, verdict, XDP_REDIRECT)
    expect_bytes(what, comparable(end, out[ETH_HLEN:]), comparable(end, tc_out[ETH_HLEN:]))
    expect_bytes("Ethernet header of " + what, out[:ETH_HLEN], NEIGHBOUR + scene.mac + (
        b"\x08\x00" if end.family == 4 else b"\x86\xdd"))


@test("gateway/into_frames")
def into_frames(scene):
    gateway = FrameGateway(scene, few(tunnels(), least=10))
    sizes = itertools.cycle((49, 64, 65, 577, 1200))
    for end, kind, tos, ttl in itertools.product(gateway.tunnels, "46", (0, 0xb8, 1, 3), (2, 64)):
        packet = inner(kind, SOURCE[kind], gateway.dest(end, kind), next(sizes), ttl, tos)
        what = f"{end.command()}: {packet[:60].hex(' ')}"
        for fill in (max(46 - len(packet), 0) + 3, 0, 0, 0):
            data = frame(packet + bytes(fill), scene.mac, NEIGHBOUR, ETH_PROTO[kind])
            into(scene, gateway, end, kind, packet, data, what)
    expect("drops", {name for _, name in scene.counted()} -
           {"tx_packets", "tx_bytes", "no_peer"}, set())      # of t9 to groups, by its host
    gateway.close()


@test("gateway/frames_untouched")
def frames_untouched(scene):
    """Neighbours and remotes that are not known, what would be too long, and a tunnel for copies."""
    ends = tunnels()
    erspan = f"tunnel add copies mode erspan local {LOCAL} remote {REMOTES[9]} key 5"
    ends += [SimpleNamespace(name="copies", kinds="", command=lambda: erspan),
             Wrapped("lost", "vxlan", "any", vni=61)]
    gateway = FrameGateway(scene, ends)
    right = {kind: inner(kind, SOURCE[kind], gateway.dest(ends[2], kind), 100) for kind in "46"}
    for kind in "46":
        strange = gateway.dest(ends[2], kind)[:-1] + "9"
        for dest, length in ((strange, 100), (gateway.dest(ends[2], kind), 1451),
                             *((gateway.dest(end, kind), 100) for end in ends[-2:])):
            gateway.run(frame(right[kind], scene.mac, NEIGHBOUR, ETH_PROTO[kind]))
            packet = inner(kind, SOURCE[kind], dest, length)
            data = frame(packet, scene.mac, NEIGHBOUR, ETH_PROTO[kind])
            verdict, out = gateway.run(data)
            expect("verdict for " + packet[:60].hex(" "), verdict, PASS)
            expect_bytes("untouched: " + packet[:60].hex(" "), out, data)
        expect("verdict", gateway.run(frame(right[kind], scene.mac, NEIGHBOUR,
                                            ETH_PROTO[kind]))[0], XDP_REDIRECT)
    gateway.close()


def around(end, data, dst=None):
    """The packet with the frame @data from the other end."""
    if isinstance(end, Wrapped):
        bare = {"options": [], "optionlen": 0} if end.mode == "geneve" else {}
        return arrived(end, data, src=REMOTES[6] if end.remote == "any" else None, dst=dst, **bare)
    back = ModeTunnel(end.name, end.local, end.remote, mode=end.mode, okey=end.ikey, label=0x777,
                      limit=end.limit)
    return outer_packet(back, "", b"", number=0, label=0x777, frame=data)


@test("gateway/out_of_frames")
def out_of_frames(scene):
    """A frame for the tunnel's device: what is in it goes onto the wire, and into the next tunnel."""
    gateway = FrameGateway(scene, tunnels())
    for end, kind, size, ttl in few(itertools.product(gateway.tunnels, "46", (60, 577, 1300), (2, 64)),
                                    least=8):
        own = mac(end.name)
        proto = 0x0800 if end.family == 4 else 0x86dd
        source = gateway.dest(end, kind)
        packet = inner(kind, source, HOST[kind], size, ttl)
        what = f"{end.command()}: {packet[:60].hex(' ')}"

        def arrive(packet, dest=own, eth_proto=ETH_PROTO[kind]):
            return gateway.run(frame(around(end, frame(packet, dest, BEHIND, eth_proto)), scene.mac,
                                     NEIGHBOUR, proto))

        for fill in (5, 0, 0):
            verdict, out = arrive(packet + bytes(fill))
            expect("verdict for " + what, verdict, XDP_REDIRECT)
            expect_bytes(what, out, frame(one_hop(kind, packet), NEIGHBOUR, scene.mac,
                                          ETH_PROTO[kind]))
        # Somebody else's; in a VLAN; from somebody to whom no route leads back this way.
        for data, how in ((packet, {"dest": OTHER}),
                          (struct.pack("!HH", 7, ETH_PROTO[kind]) + packet, {"eth_proto": 0x8100}),
                          (inner(kind, SOURCE[kind], HOST[kind], size, ttl), {})):
            verdict, out = arrive(data, **how)
            expect("verdict for " + what, verdict, PASS)
            expect_bytes("the packet in " + what, out[ETH_HLEN:], data)
            expect_bytes("the address of " + what, out[:6], own)
        # What is for another host's end of a tunnel of this number only comes by here.
        if isinstance(end, Wrapped):
            data = frame(around(end, frame(packet, own, BEHIND, ETH_PROTO[kind]),
                                HOST[str(end.family)]), scene.mac, NEIGHBOUR, proto)
            verdict, out = gateway.run(data)
            expect("verdict for another host's: " + what, verdict, PASS)
            expect_bytes("another host's: " + what, out, data)
        for other in gateway.tunnels:
            packet = inner(kind, source, gateway.dest(other, kind), size, ttl)
            if other is end:
                continue
            for fill in (5, 0, 0):
                data = frame(around(end, frame(packet + bytes(fill), own, BEHIND, ETH_PROTO[kind])),
                             scene.mac, NEIGHBOUR, proto)
                into(scene, gateway, other, kind, packet, data, f"{end.name} into {other.name}")
    gateway.close()
