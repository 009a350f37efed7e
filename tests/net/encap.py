# SPDX-License-Identifier: GPL-2.0
"""encap.py NETNS-A NETNS-B - what tun1 makes of inner packets, read from b's end of the wire.

Inner packets are complete ones, header included: through a raw socket of a's stack, so that they
are routed, or put on the anchor as frames, where the stack would not make such a packet.
"""

import contextlib
import socket
import sys

from scapy.layers.inet import ICMP, IP, UDP, IPOption_RR
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from host import Host, Report, Wire, equal

A, B = Host(sys.argv[1]), Host(sys.argv[2])
REPORT = Report("encap")
WIRE = Wire(B, "eth0")
MAC_A, MAC_B = A.link("eth0")["address"], B.link("eth0")["address"]
RAW = A.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
MARK = b"end of test"
CE, ECT_0, ECT_1 = 3, 2, 1


def inner(**fields):
    return IP(bytes(IP(**{"src": "172.16.0.6", "dst": "172.16.0.8", "id": 7, **fields}) /
                    UDP(sport=1000, dport=2000) / Raw(b"payload" * 9)))


def is_marker(frame):
    return frame.endswith(MARK)


def mark():
    """A plain packet past the tunnel: what comes before it is all there is."""
    with A.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(MARK, ("10.1.1.7", 9))


def on_wire(send, *packets):
    """IPv4 frames of a that reach b while the packets are sent."""
    WIRE.waiting()
    for packet in packets:
        send(bytes(packet))
    mark()
    frames = WIRE.until(is_marker)
    assert frames is not None, "the packet that ends the test did not arrive"
    frames = [Ether(frame) for frame in frames[:-1]]
    return [f for f in frames if f.type == 0x0800 and f.src == MAC_A and IP in f and f[IP].proto == 4]


def routed(packet):
    RAW.sendto(packet, ("172.16.0.8", 0))


def carried(packet, send=routed):
    """The frame that carries the packet, after all that holds for every frame."""
    frames = on_wire(send, packet)
    equal("frames for one packet", len(frames), 1)
    frame = frames[0]
    outer = frame[IP]
    equal("destination mac", frame.dst, MAC_B)
    equal("version and header length", (outer.version, outer.ihl), (4, 5))
    equal("protocol", outer.proto, 4)
    equal("addresses", (outer.src, outer.dst), ("10.1.1.5", "10.1.1.7"))
    equal("total length", outer.len, 20 + len(packet))
    equal("inner packet", bytes(frame)[34:34 + len(packet)].hex(), bytes(packet).hex())
    sent = outer.chksum
    del outer.chksum
    equal("outer checksum", sent, IP(bytes(outer)).chksum)
    return outer


def tunnel(*keywords):
    A.xtun("tunnel", "replace", "tun1", "mode", "ipip", "local", "10.1.1.5",
           "remote", "10.1.1.7", *keywords)


def dropped(reason, packet, send=routed, count=1, wire=0):
    before = A.stats("tun1")
    equal("frames on the wire", len(on_wire(send, packet)), wire)
    after = A.stats("tun1")
    gained = {name: value - before["drops"].get(name, 0)
              for name, value in after["drops"].items() if value != before["drops"].get(name, 0)}
    equal("drops", gained, {reason: count})
    equal("tx_packets", after["tx_packets"], before["tx_packets"] + wire)


def test_ttl():
    for keywords, inner_ttl, outer_ttl in (
            ((), 33, 33), (("ttl", "inherit"), 255, 255), (("ttl", "inherit"), 1, 1),
            (("ttl", "64"), 5, 64), (("ttl", "1"), 200, 1), (("ttl", "255"), 9, 255)):
        with REPORT.test(f"{' '.join(keywords) or 'default ttl'}, inner ttl {inner_ttl}"):
            tunnel(*keywords)
            equal("outer ttl", carried(inner(ttl=inner_ttl)).ttl, outer_ttl)


def test_tos():
    for keywords, inner_tos, outer_tos in (
            ((), 0x00, 0x00), ((), 0xb8, 0x00), ((), 0xb8 | ECT_0, ECT_0), ((), CE, ECT_0),
            (("tos", "0x10"), 0x00, 0x10), (("tos", "0x10"), 0xb8, 0x10),
            (("tos", "10"), 0x00, 0x10),
            (("tos", "0x10"), ECT_0, 0x10 | ECT_0), (("tos", "0x10"), ECT_1, 0x10 | ECT_1),
            (("tos", "0x10"), CE, 0x10 | ECT_0),
            (("tos", "inherit"), 0x00, 0x00), (("tos", "inherit"), 0xb8, 0xb8),
            (("tos", "inherit"), 0xb8 | ECT_0, 0xb8 | ECT_0),
            (("tos", "inherit"), 0xb8 | ECT_1, 0xb8 | ECT_1),
            (("tos", "inherit"), 0xb8 | CE, 0xb8 | ECT_0),
            (("tos", "inherit/0x20"), 0xb8, 0xb8), (("tos", "inherit/0x20"), 0x00, 0x00)):
        with REPORT.test(f"{' '.join(keywords) or 'default tos'}, inner tos {inner_tos:#04x}"):
            tunnel(*keywords)
            equal("outer tos", carried(inner(tos=inner_tos)).tos, outer_tos)


def test_df():
    for keywords, flags, df in (
            ((), 0, True), ((), "DF", True), (("pmtudisc",), 0, True),
            (("nopmtudisc",), "DF", True), (("nopmtudisc",), 0, False)):
        with REPORT.test(f"{' '.join(keywords) or 'default pmtudisc'}, inner df {int(bool(flags))}"):
            tunnel(*keywords)
            outer = carried(inner(flags=flags))
            equal("outer flags and offset", (str(outer.flags), outer.frag), ("DF" if df else "", 0))
    with REPORT.test("nopmtudisc, identifications differ"):
        tunnel("nopmtudisc")
        packets = [inner(id=i + 1) for i in range(64)]
        ids = {frame[IP].id for frame in on_wire(routed, *packets)}
        assert len(ids) > 60, f"64 packets that may be fragmented have {len(ids)} identifications"


def test_inner_shapes():
    tunnel()
    payload = UDP(sport=1, dport=2) / Raw(b"x" * 64)
    for name, packet in (
            ("with options", IP(src="172.16.0.6", dst="172.16.0.8", id=1,
                                options=[IPOption_RR(routers=["0.0.0.0"] * 9)]) / payload),
            ("first fragment", inner(flags="MF")),
            ("last fragment", inner(frag=100)),
            ("without payload", IP(src="172.16.0.6", dst="172.16.0.8", id=1, proto=59)),
            ("odd length", IP(src="172.16.0.6", dst="172.16.0.8", id=1, proto=59) / Raw(b"odd")),
            ("as long as the mtu", IP(src="172.16.0.6", dst="172.16.0.8", id=1, proto=59) /
             Raw(b"m" * 1460)),
            ("tunnel in tunnel", IP(src="172.16.0.6", dst="172.16.0.8", id=1) /
             IP(src="1.1.1.1", dst="2.2.2.2") / ICMP())):
        with REPORT.test(f"inner packet {name}"):
            carried(IP(bytes(packet)))


def test_dropped():
    tunnel()
    anchor = Wire(A, "tun1")
    mac = A.link("tun1")["address"]
    frame = Ether(src=mac, dst=mac)

    def onto_anchor(data):
        with contextlib.suppress(OSError):  # ENOBUFS is how a drop at egress looks from here
            anchor.send(data)

    with REPORT.test("an IPv6 packet is dropped as inner_proto"):
        dropped("inner_proto", frame / IPv6(src="fd00::1", dst="fd00::2") / UDP(), onto_anchor)
    with REPORT.test("an ARP packet is dropped as inner_proto"):
        dropped("inner_proto", frame / ARP(pdst="172.16.0.8"), onto_anchor)
    with REPORT.test("half a header is dropped as inner_length"):
        dropped("inner_length", bytes(frame / IP())[:24], onto_anchor)
    with REPORT.test("no route to the remote is dropped as no_route"):
        A.command("ip", "link", "set", "eth1", "up")
        A.xtun("tunnel", "change", "tun1", "remote", "10.77.0.1")
        dropped("no_route", inner())
        tunnel()
    with REPORT.test("remote any is dropped as no_peer"):
        A.xtun("tunnel", "change", "tun1", "remote", "any")
        dropped("no_peer", inner())
        tunnel()
    with REPORT.test("a route back into the tunnel is dropped as loop"):
        A.command("ip", "route", "add", "10.1.1.7/32", "dev", "tun1")
        before = A.stats("tun1")
        routed(bytes(inner()))
        after = A.stats("tun1")
        A.command("ip", "route", "del", "10.1.1.7/32", "dev", "tun1")
        equal("drops gained", after["drops"].get("loop", 0) - before["drops"].get("loop", 0), 1)
        equal("tx_packets", after["tx_packets"], before["tx_packets"])
    with REPORT.test("longer than the underlay is dropped as too_big"):
        A.command("ip", "link", "set", "eth0", "mtu", "1400")
        A.command("ip", "link", "set", "tun1", "mtu", "1480")
        dropped("too_big", IP(bytes(IP(src="172.16.0.6", dst="172.16.0.8", id=1, proto=59) /
                                    Raw(b"m" * 1400))))
        carried(IP(bytes(IP(src="172.16.0.6", dst="172.16.0.8", id=1, proto=59) /
                         Raw(b"m" * 1360))))
        A.command("ip", "link", "set", "eth0", "mtu", "1500")
        tunnel()
    with REPORT.test("carries again after all that"):
        carried(inner())


def test_local_any():
    """The outer source is the address that the route prefers."""
    with REPORT.test("local any"):
        A.xtun("tunnel", "change", "tun1", "local", "any")
        equal("outer source", carried(inner()).src, "10.1.1.5")
        tunnel()


test_ttl()
test_tos()
test_df()
test_inner_shapes()
test_dropped()
test_local_any()
