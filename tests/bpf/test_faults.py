# SPDX-License-Identifier: GPL-2.0
"""What is wrong with packets of GRE, FOU, GUE and over IPv6, one fault at a time: dropped under its
name, or not ours at all."""

import itertools
import struct

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw
from scapy.utils import checksum

from arrivals import Arrivals
from harness import expect, few, test
from modes import ModeTunnel, gre_header, inner_of, ip6, mpls
from oracle import ip, pattern
from scene import DROP, LOCAL, LOCAL6, NEXT, REDIRECT, REMOTES, REMOTES6

GRE = ModeTunnel("gre", REMOTES[0], LOCAL, mode="gre")
KEYED = ModeTunnel("keyed", REMOTES[1], LOCAL, mode="gre", ikey=7, okey=7)
SUMMED = ModeTunnel("summed", REMOTES[2], LOCAL, mode="gre", icsum=True)
COUNTED = ModeTunnel("counted", REMOTES[3], LOCAL, mode="gre", iseq=True)
ALL = ModeTunnel("full", REMOTES[4], LOCAL, mode="gre", ikey=7, icsum=True, iseq=True)
GRE6 = ModeTunnel("gre6", REMOTES6[0], LOCAL6, mode="ip6gre", ikey=7, icsum=True)
SIT = ModeTunnel("sit", REMOTES[0], LOCAL, mode="sit-any")
TNL = ModeTunnel("tnl", REMOTES6[0], LOCAL6, mode="ip6tnl")
EVERYTHING = [GRE, KEYED, SUMMED, COUNTED, ALL, GRE6, SIT, TNL]


def over(tunnel, proto, payload, **fields):
    """A packet from the tunnel's remote with @payload behind its IP header."""
    if tunnel.family == 4:
        return ip(src=tunnel.remote, dst=tunnel.local, proto=proto, payload=payload, **fields)
    return bytes(IPv6(src=tunnel.remote, dst=tunnel.local, nh=proto, **fields) / Raw(payload))


def udp(tunnel, port, payload, csum=True, **fields):
    header = UDP(**{"sport": 40000, "dport": port, **({} if csum else {"chksum": 0}), **fields})
    base = IP(src=tunnel.remote, dst=tunnel.local) if tunnel.family == 4 else \
        IPv6(src=tunnel.remote, dst=tunnel.local)
    return bytes(base / header / Raw(payload))


@test("faults/gre_flags")
def gre_flags(scene):
    """All sixteen bits in front: three fields, agreed or not; routing and versions are not ours."""
    run = Arrivals(scene, EVERYTHING)
    number = itertools.count(1)
    every = [fields | other for fields in range(0, 0x10000, 0x1000)
             for other in (0, 1, 7, 0x80, 0x0800, 0x0008, 0x0700)]
    for tunnel, flags in few(itertools.product(EVERYTHING[:6], every)):
        csum, key, seq = flags & 0x8000, flags & 0x2000, flags & 0x1000
        header = struct.pack("!HH", flags, 0x0800)
        fields = (b"\0\0\0\0" if csum else b"") + (struct.pack("!I", 7) if key else b"") + \
            (struct.pack("!I", next(number)) if seq else b"")
        packet = header + fields + ip(100)
        if csum:
            packet = summed(packet)
        plan = run.arrive(over(tunnel, 47, packet), tunnel.family)
        if flags & 0x4007:
            expect(f"verdict for flags {flags:#06x}", plan.verdict, NEXT)
    run.finish()


def summed(gre):
    """@gre, whose checksum is zero, with a right one."""
    return gre[:4] + struct.pack("!H", checksum(gre)) + gre[6:]


@test("faults/gre_key")
def gre_key(scene):
    """A packet with another key, or with or without, is another tunnel's, or spoofed."""
    run = Arrivals(scene, [KEYED, GRE6])
    for key in (None, 0, 1, 6, 8, 0x07000000, 0xffffffff):
        run.arrive(over(KEYED, 47, bytes(gre_header("4", key) / Raw(ip()))), 4, NEXT)
        run.arrive(over(GRE6, 47, bytes(gre_header("4", key, csum=True) / Raw(ip()))), 6, NEXT)
    run.arrive(over(KEYED, 47, bytes(gre_header("4", 7) / Raw(ip()))), 4, REDIRECT)
    run.arrive(over(GRE6, 47, bytes(gre_header("4", 7, csum=True) / Raw(ip()))), 6, REDIRECT)
    # The right key from somebody else.
    run.arrive(over(ModeTunnel("x", REMOTES[5], LOCAL), 47,
                    bytes(gre_header("4", 7) / Raw(ip()))), 4, DROP, "wrong_remote")
    run.arrive(over(ModeTunnel("x", REMOTES6[5], LOCAL6, mode="ip6gre"), 47,
                    bytes(gre_header("4", 7, csum=True) / Raw(ip()))), 6, DROP, "wrong_remote")
    run.finish()


@test("faults/gre_checksum")
def gre_checksum(scene):
    """Every byte that the checksum covers, damaged; a checksum where none is agreed, and none."""
    run = Arrivals(scene, EVERYTHING)
    for tunnel, kind, size in itertools.product((SUMMED, GRE6), "46m", (60, 61, 512, 1025)):
        whole = bytearray(bytes(gre_header(kind, tunnel.ikey, csum=True) /
                                Raw(inner_of(kind, size))))
        run.arrive(over(tunnel, 47, bytes(whole)), tunnel.family, REDIRECT)
        header = 8 if tunnel.ikey is None else 12
        for at in (4, 5, 6, 7, *few(range(header, len(whole), 7)), len(whole) - 1):
            # Bytes of the inner header that are looked at later would be a second fault.
            if header <= at < header + 8 or (kind == "m" and at < header + 4):
                continue
            bad = bytearray(whole)
            bad[at] ^= 0x10
            run.arrive(over(tunnel, 47, bytes(bad)), tunnel.family, DROP, "payload_checksum")
        # Sums are one's complement: another zero is as right.
        run.arrive(over(tunnel, 47, bytes(gre_header(kind, tunnel.ikey) /
                                          Raw(inner_of(kind, size)))),
                   tunnel.family, DROP, "payload_checksum")
    run.arrive(over(GRE, 47, bytes(gre_header("4", csum=True) / Raw(ip()))), 4, DROP,
               "payload_checksum")
    # Padding of the link is not covered.
    packet = over(SUMMED, 47, bytes(gre_header("4", csum=True) / Raw(ip(61))))
    run.arrive(packet + pattern(13), 4, REDIRECT)
    run.finish()


@test("faults/gre_sequence")
def gre_sequence(scene):
    """Numbers that go back are late, others are not; the space of numbers is a circle."""
    run = Arrivals(scene, [COUNTED, ALL])
    late = 0

    def send(tunnel, number, verdict):
        nonlocal late
        header = gre_header("4", tunnel.ikey, number, tunnel.icsum)
        run.arrive(over(tunnel, 47, bytes(header / Raw(ip()))), 4, verdict,
                   "sequence" if verdict == DROP else None)
        late += verdict == DROP

    for tunnel in (COUNTED, ALL):
        for number, verdict in ((5, REDIRECT), (6, REDIRECT), (6, DROP), (5, DROP), (8, REDIRECT),
                                (7, DROP), (9, REDIRECT), (0x80000009, REDIRECT),
                                (10, DROP), (0x80000008, DROP), (0xffffffff, REDIRECT),
                                (0, REDIRECT), (0xffffffff, DROP), (1, REDIRECT), (0, DROP)):
            send(tunnel, number, verdict)
        header = gre_header("4", tunnel.ikey, None, tunnel.icsum)
        run.arrive(over(tunnel, 47, bytes(header / Raw(ip()))), 4, DROP, "sequence")
    # A damaged packet does not move on what is expected.
    packet = bytearray(bytes(gre_header("4", 7, 1000, True) / Raw(ip())))
    packet[-1] ^= 1
    run.arrive(over(ALL, 47, bytes(packet)), 4, DROP, "payload_checksum")
    send(ALL, 2, REDIRECT)
    run.finish()
    expect("late packets", late, 14)


@test("faults/gre_inside")
def gre_inside(scene):
    """Ethertypes that no mode carries, and headers that are not all there."""
    run = Arrivals(scene, EVERYTHING)
    for proto in (0, 0x6558, 0x0806, 0x8848, 0x883e, 0x86de, 0xffff):
        run.arrive(over(GRE, 47, bytes(gre_header(proto) / Raw(ip()))), 4, DROP, "payload_proto")
    # ERSPAN goes by sessions, and without a tunnel for those is nobody's, as with gre_rcv().
    run.arrive(over(GRE, 47, bytes(gre_header(0x88be) / Raw(ip()))), 4)
    run.arrive(over(GRE, 47, bytes(gre_header("6") / Raw(ip()))), 4)
    for tunnel in (GRE, ALL):
        whole = bytes(gre_header("4", tunnel.ikey, 5 if tunnel.iseq else None, tunnel.icsum))
        for size in range(len(whole)):
            run.arrive(over(tunnel, 47, whole[:size]), 4)
        for size in range(20):
            run.arrive(over(GRE, 47, bytes(gre_header("4") / Raw(ip()[:size]))), 4, DROP,
                       "payload_length")
    run.finish()


# ---- wraps --------------------------------------------------------------------------------------

WRAPPED = [(SIT, 7777, ip()), (SIT, 7778, ip6()), (SIT, 7779, mpls()),
           (GRE, 7747, bytes(gre_header("6") / Raw(ip6()))),
           (TNL, 7777, ip()), (TNL, 7778, ip6()), (TNL, 7779, mpls()),
           (SIT, 5555, b"\0\x29\0\0" + ip6()), (TNL, 5555, b"\0\4\0\0" + ip())]


@test("faults/udp")
def udp_faults(scene):
    """Lengths that lie, checksums that are wrong; zero is none, over IPv6 too (RFC 6935)."""
    run = Arrivals(scene, EVERYTHING)
    for tunnel, port, payload in WRAPPED:
        family, size = tunnel.family, len(payload) + 8
        run.arrive(udp(tunnel, port, payload), family, REDIRECT)
        run.arrive(udp(tunnel, port, payload, csum=False), family, REDIRECT)
        run.arrive(udp(tunnel, port, payload) + pattern(9), family, REDIRECT)
        for length in (0, 1, 7, size + 1, 0xffff):
            run.arrive(udp(tunnel, port, payload, csum=False, len=length), family, DROP,
                       "wrap_header")
        # Shorter than the IP packet: what is behind is no part of it.
        run.arrive(udp(tunnel, port, payload + pattern(12), csum=False, len=size), family,
                   REDIRECT)
        for length in (8, size - 1) if payload[0] != 0 else (8,):
            run.arrive(udp(tunnel, port, payload, csum=False, len=length), family)
        for wrong in (1, 0x8000, 0xffff):
            packet = bytearray(udp(tunnel, port, payload))
            at = (20 if family == 4 else 40) + 6
            field = struct.unpack_from("!H", packet, at)[0] ^ wrong
            struct.pack_into("!H", packet, at, field or 1)
            run.arrive(bytes(packet), family, DROP, "wrap_checksum")
        run.arrive(udp(tunnel, port, payload)[:-1], family)
    run.finish()


@test("faults/udp_not_ours")
def udp_not_ours(scene):
    """Ports of others, also those that share a bit of the filter; what the port does not say."""
    run = Arrivals(scene, EVERYTHING)
    for port in (53, 5555 + 64, 5555 - 64, 7776, 7777 + 1024, 0, 65535):
        run.arrive(udp(SIT, port, ip()), 4, NEXT)
        run.arrive(udp(TNL, port, ip()), 6, NEXT)
    for proto in (0, 6, 17, 50, 94, 255):
        run.arrive(udp(SIT, 5555, bytes([0, proto, 0, 0]) + ip()), 4, NEXT)
    for size in range(8):
        run.arrive(over(SIT, 17, udp(SIT, 7777, ip())[20:20 + size]), 4, NEXT)
        run.arrive(over(TNL, 17, udp(TNL, 7777, ip())[40:40 + size]), 6, NEXT)
    for size in range(4):
        run.arrive(udp(SIT, 5555, bytes(size), csum=False), 4, NEXT)
    run.arrive(udp(ModeTunnel("x", REMOTES[9], "192.0.2.1"), 7777, ip()), 4, NEXT)
    run.arrive(udp(ModeTunnel("x", REMOTES[9], LOCAL), 7777, ip()), 4, DROP, "wrong_remote")
    run.finish()
    run = Arrivals(scene, [SIT], [(6, 7777, 4)])
    run.arrive(udp(SIT, 7777, ip()), 4, NEXT)
    run.finish()


@test("faults/gue")
def gue(scene):
    """Variants 0 and 1, control messages, optional fields, flags."""
    run = Arrivals(scene, EVERYTHING)
    for tunnel in (SIT, TNL):
        family = tunnel.family

        def send(header, inner, verdict, reason=None):
            run.arrive(udp(tunnel, 5555, header + inner), family, verdict, reason)

        for words in (0, 1, 2, 7, 31):
            send(bytes([words, 4, 0, 0]) + bytes(4 * words), ip(), REDIRECT)
            send(bytes([words, 41, 0, 0]) + pattern(4 * words), ip6(), REDIRECT)
            # Private flags with nothing set in them may be ignored, others may not.
            ours = b"\0\1"
            send(bytes([words, 4]) + ours + bytes(4 * words), ip(),
                 REDIRECT if words else DROP, None if words else "wrap_header")
            for flags in (b"\0\2", b"\x80\0", b"\x40\0", b"\0\3", b"\xff\xff"):
                send(bytes([words, 4]) + flags + bytes(4 * words), ip(), DROP, "wrap_header")
        for private in (1, 0x80000000, 0x00010000):
            send(bytes([2, 4, 0, 1]) + struct.pack("!II", private, 0), ip(), DROP, "wrap_header")
        for first in range(0x20, 0x40):
            send(bytes([first, 4, 0, 0]), ip(), NEXT)
        for first in range(0x80, 0x100, 5):
            send(bytes([first, 4, 0, 0]), ip(), NEXT)
        # Variant 1: the inner header's version is the first nibble.
        send(b"", ip(), REDIRECT)
        send(b"", ip6(), REDIRECT)
        for version in (5, 7):
            send(b"", ip(version=version), NEXT)
        # Fields that go beyond the packet.
        send(bytes([31, 4, 0, 0]), ip()[:20], DROP, "payload_length")
    run.finish()


# ---- IP over IP ---------------------------------------------------------------------------------

@test("faults/outer6")
def outer6(scene):
    """Lengths of the outer IPv6 header that lie; next headers, versions and hosts that are none
    of ours."""
    run = Arrivals(scene, EVERYTHING)
    for proto, inner in ((4, ip()), (41, ip6()), (137, mpls())):
        size = len(inner)
        for length in (size + 1, 0xffff):
            run.arrive(over(TNL, proto, inner, plen=length), 6, DROP, "outer_length")
        for length in (0, 3, size - 1) if proto != 137 else (0, 3):
            run.arrive(over(TNL, proto, inner, plen=length), 6, DROP, "payload_length")
        run.arrive(over(TNL, proto, inner), 6, REDIRECT)
        run.arrive(over(TNL, proto, inner) + pattern(3), 6, REDIRECT)
        run.arrive(over(TNL, proto, inner, version=4), 6, NEXT)
        run.arrive(over(ModeTunnel("x", REMOTES6[1], LOCAL6, mode="ip6tnl"), proto, inner), 6,
                   DROP, "wrong_remote")
        run.arrive(over(ModeTunnel("x", REMOTES6[1], "fd00:1::99", mode="ip6tnl"), proto, inner),
                   6, NEXT)
    for proto in set(range(256)) - {4, 41, 137, 47, 17, 60}:
        run.arrive(over(TNL, proto, ip()), 6, NEXT)
    # A fragment is the stack's to put together.
    run.arrive(over(TNL, 44, b"\4\0\0\1\0\0\0\7" + ip()), 6, NEXT)
    run.finish()


@test("faults/inner")
def inner(scene):
    """Inner packets that are not what was announced, or longer than what carries them."""
    run = Arrivals(scene, EVERYTHING)
    for tunnel in (SIT, TNL):
        family = tunnel.family
        for proto, packet, reason in (
                (4, ip(version=6), "payload_proto"), (4, ip(version=0), "payload_proto"),
                (41, ip6(version=4), "payload_proto"), (41, ip6(version=15), "payload_proto"),
                (4, ip()[:-1], "payload_length"), (41, ip6()[:-1], "payload_length"),
                (4, ip()[:19], "payload_length"), (41, ip6()[:39], "payload_length"),
                (41, ip6(plen=0xffff), "payload_length"), (4, b"", "payload_length"),
                (41, b"", "payload_length"), (137, b"", "payload_length"),
                (137, b"\0\4\x41", "payload_length")):
            run.arrive(over(tunnel, proto, packet), family, DROP, reason)
        run.arrive(over(tunnel, 41, ip6(plen=0)), family, REDIRECT)
        run.arrive(over(tunnel, 41, ip6(nh=59, payload=b"")), family, REDIRECT)
        run.arrive(over(tunnel, 137, mpls(payload=pattern(16))), family, REDIRECT)
    # A label and little behind it: the kernel leaves nothing shorter than an IPv4 header.
    for size in range(16):
        run.arrive(over(SIT, 137, mpls(payload=pattern(size))), 4, DROP, "pop_failed")
        run.arrive(over(TNL, 137, mpls(payload=pattern(size))), 6, DROP, "pop_failed")
    # IPv4 that is shorter than an IPv6 header.
    for size in range(20, 41):
        run.arrive(over(TNL, 4, ip(size)), 6, REDIRECT)
    run.finish()


@test("faults/modes_inside")
def modes_inside(scene):
    """What a mode does not carry is nobody's where another protocol announces it, and a fault
    where the same does."""
    run = Arrivals(scene, [ModeTunnel("a", REMOTES[0], LOCAL, mode="sit"),
                           ModeTunnel("b", REMOTES6[0], LOCAL6, mode="ipip6")])
    for tunnel, carried in ((run.planner.tunnels[0], 41), (run.planner.tunnels[1], 4)):
        for proto, packet in ((4, ip()), (41, ip6()), (137, mpls())):
            run.arrive(over(tunnel, proto, packet), tunnel.family,
                       REDIRECT if proto == carried else NEXT)
    run.finish()
