# SPDX-License-Identifier: GPL-2.0
"""Tunnels of Ethernet frames: exact bytes both ways, for frames with anything in them."""

import itertools
import struct
from dataclasses import replace

from scapy.contrib.lldp import (LLDPDU, LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID,
                                LLDPDUTimeToLive)
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, LLC, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Raw

from arrivals import Arrivals, from_remote
from departures import unknown
from harness import expect, expect_bytes, few, test
from modes import MODES, TAPS, ModeTunnel, inner_of, mpls, outer_packet, variants
from oracle import ECN_INSIDE, ETH_HLEN, frame, ip, pattern, too_big_error, with_tos
from scene import (DROP, LOCAL, LOCAL6, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, REMOTES6)

ETHER = {"dst": "02:00:00:00:07:07", "src": "02:00:00:00:05:05"}
GROUP = {**ETHER, "dst": "01:80:c2:00:00:0e"}


def bare(kind, inner):
    """A frame with an IP packet."""
    return bytes(Ether(**ETHER, type=0x0800 if kind == "4" else 0x86dd) / Raw(inner))


def lldp():
    ids = {"id": b"\2\0\0\0\5\5"}
    return LLDPDUChassisID(subtype=4, **ids) / LLDPDUPortID(subtype=3, **ids) / \
        LLDPDUTimeToLive(ttl=120) / LLDPDUEndOfLLDPDU()


# Name, frame. None of them has an IP packet right behind the Ethernet header.
OTHERS = {
    "arp": bytes(Ether(src=ETHER["src"], dst="ff:ff:ff:ff:ff:ff", type=0x0806) /
                 ARP(psrc="172.16.0.5", pdst="172.16.0.7")),
    "lldp": bytes(Ether(**GROUP, type=0x88cc) / lldp()),
    "stp": bytes(Dot3(**{**ETHER, "dst": "01:80:c2:00:00:00"}) / LLC(dsap=0x42, ssap=0x42, ctrl=3) /
                 STP()),
    "mpls": bytes(Ether(**ETHER, type=0x8847) / Raw(mpls(100))),
    "vlan": bytes(Ether(**ETHER) / Dot1Q(vlan=4094, prio=5) / Raw(ip(100, tos=0xb9))),
    "vlan_arp": bytes(Ether(**ETHER) / Dot1Q(vlan=1, id=1) / ARP(psrc="1.2.3.4", pdst="1.2.3.5")),
    "qinq": bytes(Ether(**ETHER, type=0x88a8) / Dot1AD(vlan=7, prio=1) / Dot1Q(vlan=9) /
                  Raw(ip(200))),
    "pppoe": bytes(Ether(**ETHER, type=0x8864) / Raw(pattern(300))),
    "no_ip": bytes(Ether(**ETHER, type=0x0800) / Raw(b"\x02" * 64)),
    "large": bytes(Ether(**ETHER, type=0x88b5) / Raw(pattern(1300))),
}


class Frames:
    """Sends frames into tunnels, and compares what leaves."""

    def __init__(self, scene, tunnels):
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        self.scene = scene
        self.numbers, self.want = {}, {}

    def send(self, tunnel, data, kind="", inner=b""):
        """@inner: the IP packet that the outer headers depend on. Returns the outer packet."""
        what = f"{tunnel.command()}: {data[:34].hex(' ')} ({len(data)} bytes)"
        verdict, out = self.scene.encap(tunnel.name, data)
        expect("verdict for " + what, verdict, REDIRECT)
        number = self.numbers.get(tunnel.name, 0)
        self.numbers[tunnel.name] = number + 1
        packet = out[ETH_HLEN:]
        expect_bytes(what, packet, outer_packet(tunnel, kind, inner, number=number, frame=data,
                                                **unknown(tunnel, packet)))
        if out[:6] == NEIGHBOUR:
            expect_bytes("Ethernet header of " + what, out[:ETH_HLEN], NEIGHBOUR + self.scene.mac +
                         (b"\x08\x00" if tunnel.family == 4 else b"\x86\xdd"))
        return packet


def encap_every_option(scene, mode):
    """Each set of options with IP of every ECN field inside, and with all other frames."""
    tunnels = few(variants(mode))
    run = Frames(scene, tunnels)
    for tunnel in tunnels:
        for kind, ecn, length in itertools.product("46", range(4), (64, 513)):
            inner = inner_of(kind, length, tos=0xb8 | ecn, ttl=9, df=length == 64)
            run.send(tunnel, bare(kind, inner), kind, inner)
        for data in OTHERS.values():
            run.send(tunnel, data)
        # The largest that the tunnel's device takes.
        run.send(tunnel, bytes(Ether(**ETHER, type=0x88b5) /
                               Raw(pattern(MTU - tunnel.overhead()))))


def decap_every_option(scene, mode):
    """What the other end sends, bare and wrapped, with and without padding behind it; the frame
    comes out as it went in."""
    tunnels = [replace(tunnel, encap="") for tunnel in few(variants(mode))
               if tunnel.local != "any"]
    run = Arrivals(scene, tunnels)
    numbers = itertools.count(1)
    frames = [*OTHERS.values(), *(bare(kind, inner_of(kind, length, tos=2)) for kind, length in
                                  itertools.product("46", (64, 512, 513, 1300)))]
    for tunnel, wrap, padding in itertools.product(tunnels, ("", "fou", "gue"), (b"", pattern(7))):
        for data in frames:
            packet = from_remote(tunnel, "", b"", wrap, number=next(numbers), around=data,
                                 wrap_csum=bool(padding), inherit=False, tos=0)
            carried(scene, run, tunnel, packet + padding, data)


def carried(scene, run, tunnel, packet, data):
    what = f"{tunnel.command()}: {packet[:100].hex(' ')}"
    verdict, out = scene.decap(frame(packet, scene.mac, NEIGHBOUR,
                                     0x0800 if tunnel.family == 4 else 0x86dd))
    expect("verdict for " + what, verdict, REDIRECT)
    expect_bytes(what, out, data)


for MODE in TAPS:
    test("taps/encap_" + MODE)(lambda scene, mode=MODE: encap_every_option(scene, mode))
    test("taps/decap_" + MODE)(lambda scene, mode=MODE: decap_every_option(scene, mode))


@test("taps/ecn")
def ecn(scene):
    """RFC 6040 for the IP packet in a frame; what has none knows no congestion."""
    tunnels = [ModeTunnel("four", REMOTES[0], LOCAL, mode="gretap"),
               ModeTunnel("six", REMOTES6[0], LOCAL6, mode="ip6gretap")]
    run = Arrivals(scene, tunnels)
    for tunnel, kind, inside, outside in few(itertools.product(tunnels, "46", range(4), range(4)),
                                             least=10):
        inner = inner_of(kind, 100, tos=0xb8 | inside)
        # The driver over IPv6 sends the class that the tunnel has.
        packet = from_remote(tunnel, kind, inner, around=bare(kind, inner), inherit=False)
        packet = marked(packet, tunnel.family, outside)
        left = ECN_INSIDE[inside][outside]
        data = frame(packet, scene.mac, NEIGHBOUR, 0x0800 if tunnel.family == 4 else 0x86dd)
        verdict, out = scene.decap(data)
        expect(f"verdict for {inside} in {outside}", verdict, DROP if left is None else REDIRECT)
        if left is None:
            expect("counted", scene.counted(), {(tunnel.name, "ecn"): 1})
            continue
        want = inner_of(kind, 100, tos=0xb8 | left) if kind == "6" else \
            with_tos(inner, 0xb8 | left)
        expect_bytes(f"{inside} in {outside}", out, bare(kind, want))
        scene.counted()
    for tunnel, data in itertools.product(tunnels, OTHERS.values()):
        packet = marked(from_remote(tunnel, "", b"", around=data), tunnel.family, 3)
        carried(scene, run, tunnel, packet, data)


def marked(packet, family, mark):
    if family == 6:
        word = struct.unpack("!H", packet[:2])[0] & 0xffcf | mark << 4
        return struct.pack("!H", word) + packet[2:]
    header = IP(packet[:20])
    header.tos = header.tos & ~3 | mark
    header.chksum = None
    return bytes(header) + packet[20:]


@test("taps/small")
def small(scene):
    """No kernel leaves less than a header of IP; smaller frames get zeros behind them. What has no
    whole Ethernet header is no frame."""
    tunnels = [ModeTunnel("four", REMOTES[0], LOCAL, mode="gretap"),
               ModeTunnel("six", REMOTES6[0], LOCAL6, mode="ip6gretap")]
    Arrivals(scene, tunnels)
    for tunnel, length in few(itertools.product(
            tunnels, (0, 1, 13, 14, 15, 19, 20, 33, 34, 39, 40, 60)), least=8):
        data = (bytes(Ether(**ETHER, type=0x88b5)) + pattern(60))[:length]
        packet = from_remote(tunnel, "", b"", around=data or b"\0")[:-1 if not data else None]
        if not data:
            packet = shorter(packet, tunnel.family)
        verdict, out = scene.decap(frame(packet, scene.mac, NEIGHBOUR,
                                         0x0800 if tunnel.family == 4 else 0x86dd))
        what = f"{length} bytes over IPv{tunnel.family}"
        expect("verdict for " + what, verdict, DROP if length < 14 else REDIRECT)
        if length < 14:
            expect("counted", scene.counted(), {(tunnel.name, "payload_length"): 1})
        else:
            expect_bytes(what, out, data + bytes(max(34 - length, 0)))
            scene.counted()


def shorter(packet, family):
    """The packet, whose last byte is gone, with headers that say so."""
    if family == 4:
        header = IP(packet[:20])
        header.len, header.chksum = len(packet), None
        return bytes(header) + packet[20:]
    return packet[:4] + struct.pack("!H", len(packet) - 40) + packet[6:]


@test("taps/beside_packets")
def beside_packets(scene):
    """A tunnel for packets and one for frames with the same ends each take their own. Alone, the
    first drops what the second would take."""
    for packets, frames, remote, local in (("gre", "gretap", REMOTES[0], LOCAL),
                                           ("ip6gre", "ip6gretap", REMOTES6[0], LOCAL6)):
        both = [ModeTunnel("p", remote, local, mode=packets, ikey=7, okey=7),
                ModeTunnel("f", remote, local, mode=frames, ikey=7, okey=7)]
        eth_proto = 0x0800 if both[0].family == 4 else 0x86dd
        for tunnels in (both, both[:1], both[1:]):
            run = Arrivals(scene, tunnels)
            inner = inner_of("4", 100)
            for tunnel in both:
                data = b"" if tunnel.name == "p" else bare("4", inner)
                packet = from_remote(tunnel, "4", inner, around=data)
                verdict, _ = scene.decap(frame(packet, scene.mac, NEIGHBOUR, eth_proto))
                if tunnel in tunnels:
                    expect(f"{tunnel.mode} among {len(tunnels)}", verdict, REDIRECT)
                    expect("counted", scene.counted(), {(tunnel.name, "rx_packets"): 1,
                                                        (tunnel.name, "rx_bytes"): 100})
                elif tunnel.name == "f":
                    expect(f"{tunnel.mode} alone", verdict, DROP)
                    expect("counted", scene.counted(), {("p", "payload_proto"): 1})
                else:
                    expect(f"{tunnel.mode} alone", verdict, NEXT)
            del run


@test("taps/partial")
def partial(scene):
    """Checksums over a frame whose TCP or UDP checksum is still to be filled in."""
    tunnel = ModeTunnel("tap", REMOTES[0], LOCAL, mode="gretap", icsum=True, ocsum=True)
    Arrivals(scene, [tunnel])
    for kind in "46":
        header = IP(src="172.16.0.6", dst="172.16.0.8") if kind == "4" else \
            IPv6(src="fd00:2::6", dst="fd00:2::8")
        right = bytes(header / UDP(sport=5, dport=6) / Raw(pattern(51)))
        at = 26 if kind == "4" else 46
        field = struct.unpack("!H", right[at:at + 2])[0]
        data = right[at - 6:at] + b"\0\0" + right[at + 2:]
        words = data + b"\0" * (len(data) & 1)
        rest = sum(struct.unpack(f"!{len(words) // 2}H", words))
        left = right[:at] + struct.pack("!H", (0xffff - field - rest) % 0xffff) + right[at + 2:]
        whole = from_remote(tunnel, kind, right, around=bare(kind, right))
        # Outside as it will be; inside as it is.
        packet = whole[:len(whole) - len(right)] + left
        verdict, _ = scene.decap(frame(packet, scene.mac, NEIGHBOUR))
        expect(f"verdict for kind {kind}", verdict, REDIRECT)
        verdict, out = scene.encap("tap", bare(kind, left))
        expect(f"verdict for kind {kind} out", verdict, REDIRECT)
        sent = outer_packet(tunnel, kind, right, frame=bare(kind, right))
        expect_bytes(f"kind {kind} out", out[ETH_HLEN:], sent[:len(sent) - len(right)] + left)


@test("taps/too_big")
def too_big(scene):
    """Who sends too long a packet in a frame is told in a frame that comes back."""
    tunnel = ModeTunnel("tap", REMOTES[0], LOCAL, mode="gretap")
    scene.configure(tunnel.command())
    most = MTU - tunnel.overhead()
    inner = inner_of("4", most + 1, df=True)
    verdict, out = scene.encap("tap", bare("4", inner))
    expect("verdict", verdict, REDIRECT)
    expect("counted", scene.counted(), {("tap", "too_big"): 1})
    error = too_big_error(inner, most, bytes(6))
    expect_bytes("the error", out, bytes(Ether(src=ETHER["dst"], dst=ETHER["src"]))[:12] +
                 error[12:])
    for data in (bytes(Ether(**ETHER, type=0x88b5)) + pattern(most + 1),
                 bytes(Ether(**ETHER) / Dot1Q(vlan=5, type=0x88b5)) + pattern(most - 3)):
        verdict, _ = scene.encap("tap", data)
        expect("verdict for what no IP sender sent", verdict, DROP)
        expect("counted", scene.counted(), {("tap", "too_big"): 1})


@test("taps/three_tags")
def three_tags(scene):
    scene.configure(ModeTunnel("tap", REMOTES[0], LOCAL, mode="gretap").command())
    verdict, _ = scene.encap("tap", bytes(Ether(**ETHER) / Dot1Q(vlan=1) / Dot1Q(vlan=2) /
                                          Dot1Q(vlan=3) / Raw(ip())))
    expect("verdict", verdict, DROP)
    expect("counted", scene.counted(), {("tap", "inner_proto"): 1})


@test("taps/no_remote")
def no_remote(scene):
    """A tunnel without remote takes frames from everybody, and knows nobody to send any to."""
    tunnel = ModeTunnel("tap", "any", LOCAL, mode="gretap")
    run = Arrivals(scene, [tunnel])
    carried(scene, run, tunnel, from_remote(replace(tunnel, remote=REMOTES[3]), "", b"",
                                            around=OTHERS["arp"]), OTHERS["arp"])
    scene.counted()
    verdict, _ = scene.encap("tap", OTHERS["arp"])
    expect("verdict", verdict, DROP)
    expect("counted", scene.counted(), {("tap", "no_peer"): 1})


assert not set(MODES) & set(TAPS)
