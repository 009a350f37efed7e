# SPDX-License-Identifier: GPL-2.0
"""decap.py NETNS-A NETNS-B - what becomes of hand-made outer packets that b sends to a."""

import sys

from scapy.layers.inet import ICMP, IP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_RR
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Padding, Raw
from scapy.utils import checksum

from host import Host, Report, Wire, equal

A, B = Host(sys.argv[1]), Host(sys.argv[2])
REPORT = Report("decap")
WIRE = Wire(B, "eth0")
MAC_A, MAC_B = A.link("eth0")["address"], B.link("eth0")["address"]
FRAME = Ether(dst=MAC_A, src=MAC_B, type=0x0800)
# Echo replies that nobody asked for: the stack takes them in silence.
MARKER = IP(bytes(IP(src="172.16.0.8", dst="172.16.0.6") / ICMP(type=0, id=0xfeed) / Raw(b"mark")))
PADDING = b"\xaa"
ECN = {0: "not-ect", 1: "ect1", 2: "ect0", 3: "ce"}


def is_marker(frame):
    return frame[14:] == bytes(MARKER)


def inner(data=b"inside", **fields):
    return IP(bytes(IP(**{"src": "172.16.0.8", "dst": "172.16.0.6", "id": 9, **fields}) /
                    ICMP(type=0, id=1) / Raw(data)))


def outer(**fields):
    return IP(**{"src": "10.1.1.7", "dst": "10.1.1.5", "id": 3, "proto": 4, "flags": "DF", **fields})


def fixed(packet):
    """The packet with all computed fields filled in, as scapy reads it back."""
    return IP(bytes(packet))


def changed(packet, **fields):
    """Filled in first, changed then: lengths that lie; the outer checksum right unless it is given."""
    packet = fixed(packet)
    for name, value in fields.items():
        setattr(packet, name, value)
    if "chksum" not in fields:
        del packet.chksum
    return Raw(bytes(packet))


def with_option(option, packet):
    """An outer header with four bytes of options that no library would write."""
    data = bytearray(bytes(fixed(outer(options=[IPOption_NOP()] * 4) / packet)))
    data[20:24] = option
    data[10:12] = b"\0\0"
    data[10:12] = checksum(bytes(data[:24])).to_bytes(2, "big")
    return Raw(bytes(data))


def arrived(*frames, tunnel="tun1"):
    """Inner packets that reach the tunnel's device after the frames, and how its counters moved.

    A good packet for tun1 follows them: when it is there, whatever they caused is there too.
    """
    anchor, last = Wire(A, tunnel), Wire(A, "tun1")
    before = A.stats(tunnel)
    for frame in frames:
        WIRE.send(frame)
    WIRE.send(FRAME / outer() / MARKER)
    assert last.until(is_marker) is not None, "a good packet after it does not arrive"
    after = A.stats(tunnel)
    got = anchor.waiting()
    markers = sum(map(is_marker, got))
    drops = {name: value - before["drops"].get(name, 0) for name, value in after["drops"].items()
             if value != before["drops"].get(name, 0)}
    return [frame for frame in got if not is_marker(frame)], drops, (
        after["rx_packets"] - before["rx_packets"] - markers,
        after["rx_bytes"] - before["rx_bytes"] - markers * len(MARKER))


def delivered(name, frame, want, tunnel="tun1"):
    """The frame's inner packet arrives as `want`, under the anchor's own address, and is counted."""
    with REPORT.test(name):
        got, drops, counted = arrived(frame, tunnel=tunnel)
        equal("drops", drops, {})
        equal("packets that arrive", len(got), 1)
        # An Ethernet device may hand up padding; what the IP header claims is what counts.
        equal("packet", got[0][14:14 + len(want)].hex(), bytes(want).hex())
        equal("bytes behind it", got[0][14 + len(want):].strip(PADDING), b"")
        equal("ethertype", got[0][12:14].hex(), "0800")
        equal("destination mac", Ether(got[0]).dst, A.link(tunnel)["address"])
        equal("rx packets and bytes", counted, (1, len(want)))


def dropped(name, frame, reason):
    with REPORT.test(f"{name} is dropped as {reason}"):
        got, drops, counted = arrived(frame)
        equal("packets that arrive", len(got), 0)
        equal("drops", drops, {reason: 1})
        equal("rx packets and bytes", counted, (0, 0))


def not_ours(name, *frames, field=None):
    """Nothing comes out of the tunnel, nothing is counted; the stack's counter `field` moves."""
    with REPORT.test(f"{name} is not ours"):
        before = A.snmp(*field) if field else 0
        got, drops, counted = arrived(*frames)
        equal("packets that arrive", len(got), 0)
        equal("drops", drops, {})
        equal("rx packets and bytes", counted, (0, 0))
        if field:
            equal("/".join(field), A.snmp(*field), before + len(frames))


def test_delivered():
    packet = inner()
    delivered("plain", FRAME / outer() / packet, packet)
    delivered("without df", FRAME / outer(flags=0) / packet, packet)
    delivered("outer ttl 1", FRAME / outer(ttl=1) / packet, packet)
    delivered("inner ttl 1 is kept", FRAME / outer() / inner(ttl=1), inner(ttl=1))
    delivered("inner tos is kept", FRAME / outer(tos=0x10) / inner(tos=0xb8), inner(tos=0xb8))
    fragment = fixed(IP(src="172.16.0.8", dst="172.16.0.6", id=77, frag=185) / Raw(b"f" * 40))
    delivered("an inner fragment", FRAME / outer() / fragment, fragment)
    with_options = inner(options=[IPOption_RR(routers=["0.0.0.0"] * 9)])
    delivered("inner options", FRAME / outer() / with_options, with_options)
    longest = inner(b"l" * 1452)
    delivered("a full frame", FRAME / outer() / longest, longest)
    short = fixed(IP(src="172.16.0.8", dst="172.16.0.6", proto=59))
    delivered("nothing but a header", FRAME / outer() / short, short)
    delivered("ethernet padding", FRAME / outer() / short / Padding(PADDING * 6), short)
    delivered("much padding", FRAME / outer() / packet / Padding(PADDING * 500), packet)
    delivered("outer options that ask nothing",
              FRAME / outer(options=[IPOption_NOP()] * 4) / packet, packet)
    delivered("an outer record of the route",
              FRAME / outer(options=[IPOption_RR(routers=["0.0.0.0"] * 9)]) / packet, packet)


def test_trailing():
    """A short inner packet inside a longer outer one arrives; what follows it means nothing."""
    packet = inner()
    with REPORT.test("bytes behind the inner packet"):
        got, drops, counted = arrived(FRAME / outer() / packet / Raw(PADDING * 30))
        equal("drops", drops, {})
        equal("packets that arrive", len(got), 1)
        equal("packet", got[0][14:14 + len(packet)].hex(), bytes(packet).hex())
        equal("rx packets", counted[0], 1)


def test_dropped():
    packet = inner()
    whole = len(fixed(outer() / packet))
    dropped("a spoofed source", FRAME / outer(src="10.1.1.66") / packet, "wrong_remote")
    dropped("a spoofed source with a bad inside", FRAME / outer(src="10.1.1.66") / Raw(b"?" * 40),
            "wrong_remote")
    dropped("a wrong outer checksum", FRAME / changed(outer() / packet, chksum=0x1234),
            "outer_checksum")
    dropped("a total length above the frame's", FRAME / changed(outer() / packet, len=whole + 1),
            "outer_length")
    dropped("a total length of 65535", FRAME / changed(outer() / packet, len=65535),
            "outer_length")
    dropped("a total length below the header's", FRAME / changed(outer() / packet, len=19),
            "outer_length")
    dropped("a total length of 0", FRAME / changed(outer() / packet, len=0), "outer_length")
    dropped("a total length without an inner header", FRAME / changed(outer() / packet, len=30),
            "payload_length")
    dropped("a total length that cuts the inner packet",
            FRAME / changed(outer() / packet, len=whole - 1), "payload_length")
    dropped("an outer source route",
            FRAME / outer(options=[IPOption_LSRR(routers=["1.2.3.4"])]) / packet, "outer_options")
    dropped("a broken outer option", FRAME / with_option(b"\x07\x30\x04\x00", packet), "outer_options")
    dropped("IPv6 inside", FRAME / outer() / IPv6() / UDP() / Raw(b"x" * 40), "payload_proto")
    for version in (0, 5, 15):
        dropped(f"version {version} inside", FRAME / outer() / changed(packet, version=version),
                "payload_proto")
    dropped("an inner length above the outer's",
            FRAME / outer() / changed(packet, len=len(packet) + 1), "payload_length")
    dropped("less than a header inside", FRAME / outer() / Raw(bytes(packet)[:19]),
            "payload_length")


def test_not_ours():
    packet = inner()
    whole = bytes(fixed(outer(flags=0) / packet))
    first = FRAME / changed(outer(flags="MF", id=50) / Raw(whole[20:44]))
    last = FRAME / outer(flags=0, frag=3, id=50) / Raw(whole[44:])
    not_ours("a fragmented outer packet", first, last, field=("Ip", "ReasmReqds"))
    not_ours("an outer packet of version 5", FRAME / changed(outer() / packet, version=5),
             field=("Ip", "InHdrErrors"))
    not_ours("an outer header of 16 bytes", FRAME / changed(outer() / packet, ihl=4),
             field=("Ip", "InHdrErrors"))
    not_ours("a packet for another host's mac",
             Ether(dst="02:00:00:00:00:01", src=MAC_B) / outer() / packet)
    not_ours("a packet for another address of a", FRAME / outer(dst="10.1.1.6") / packet,
             field=("Ip", "InUnknownProtos"))
    not_ours("a packet for another host's address", FRAME / outer(dst="10.1.1.99") / packet,
             field=("Ip", "InAddrErrors"))
    not_ours("a frame in a VLAN", Ether(dst=MAC_A, src=MAC_B) / Dot1Q(vlan=5) / outer() / packet)
    not_ours("half an outer header", bytes(FRAME / outer() / packet)[:14 + 12])
    not_ours("an empty frame", bytes(FRAME) + b"\x08\x00")


def test_ecn():
    """RFC 6040 section 4.2, as INET_ECN_decapsulate() has it."""
    for inside in range(4):
        for outside in range(4):
            name = f"ecn {ECN[outside]} outside, {ECN[inside]} inside"
            frame = FRAME / outer(tos=0x20 | outside) / inner(tos=0xb8 | inside)
            if inside == 0 and outside == 3:
                dropped(name, frame, "ecn")
                continue
            result = inside
            if inside and outside == 3:
                result = 3
            elif inside == 2 and outside == 1:
                result = 1
            delivered(f"{name} gives {ECN[result]}", frame, inner(tos=0xb8 | result))


def test_wildcards():
    """Which tunnel takes a packet: both addresses, remote alone, local alone, none."""
    tunnels = {"both": ("10.1.1.6", "10.1.1.7"), "remote": ("any", "10.1.1.8"),
               "local": ("10.1.1.6", "any")}
    for name, (local, remote) in tunnels.items():
        A.xtun("tunnel", "add", name, "mode", "ipip", "local", local, "remote", remote,
               "dev", "eth0")
        A.command("ip", "link", "set", name, "up")
    packet = inner()
    for taker, src, dst in (("tun1", "10.1.1.7", "10.1.1.5"), ("both", "10.1.1.7", "10.1.1.6"),
                            ("remote", "10.1.1.8", "10.1.1.5"), ("remote", "10.1.1.8", "10.1.1.6"),
                            ("local", "10.1.1.9", "10.1.1.6")):
        delivered(f"{src} to {dst} goes to {taker}", FRAME / outer(src=src, dst=dst) / packet,
                  packet, tunnel=taker)
    dropped("a source that only another address accepts",
            FRAME / outer(src="10.1.1.9", dst="10.1.1.5") / packet, "wrong_remote")
    not_ours("a packet through us for another host", FRAME / outer(src="10.1.1.8", dst="10.9.9.9") /
             packet)
    A.xtun("tunnel", "add", "neither", "mode", "ipip", "dev", "eth0")
    A.command("ip", "link", "set", "neither", "up")
    delivered("10.1.1.9 to 10.1.1.5 goes to neither", FRAME / outer(src="10.1.1.9") / packet,
              packet, tunnel="neither")
    for name in (*tunnels, "neither"):
        A.xtun("tunnel", "del", name)


def test_other_end_restarted():
    with REPORT.test("the same after a thousand bad packets"):
        for i in range(1000):
            WIRE.send(FRAME / changed(outer(src=f"10.1.1.{i % 4 + 6}") / inner(), len=i))
        delivered("plain after bad packets", FRAME / outer() / inner(), inner())


test_delivered()
test_trailing()
test_dropped()
test_not_ours()
test_ecn()
test_wildcards()
test_other_end_restarted()
