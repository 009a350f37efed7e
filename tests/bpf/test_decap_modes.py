# SPDX-License-Identifier: GPL-2.0
"""Decapsulation of every mode: exact bytes, whose packet it is, every reason to drop it."""

import itertools
import struct
from dataclasses import replace

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from arrivals import Arrivals, from_remote
from harness import QUICK, expect, few, test
from modes import DSTOPTS, LEAST, MODES, ModeTunnel, inner_of, ip6, variants
from oracle import OPTIONS, frame, ip, pattern
from scene import (DROP, LOCAL, LOCAL2, LOCAL6, LOCAL6_2, NEIGHBOUR, NEXT, REDIRECT, REMOTES,
                   REMOTES6)

# ---- every mode ---------------------------------------------------------------------------------

def every_option(scene, mode):
    """Each set of options and kind of inner packet: bare, in FOU and in GUE, with and without UDP
    checksum; TOS on both sides, sizes, padding."""
    tunnels = few(variants(mode))
    tunnels = [replace(tunnel, encap="") for tunnel in tunnels if tunnel.local != "any"]
    run = Arrivals(scene, tunnels)
    family, _, kinds = MODES[mode]
    turn = itertools.cycle(itertools.product(range(4), range(4), (0, 0xb8)))
    size = itertools.cycle((64, 65, 200, 511, 512, 513, 1400))
    numbers = itertools.count(1)
    cases = itertools.product(tunnels, kinds, ("", "fou", "gue"), (False, True), range(3))
    for tunnel, kind, wrap, csum, number in few(cases, share=4, least=24):
        outside, inside, tos = next(turn)
        if inside == 0 and outside == 3:
            outside = 2
        inner = inner_of(kind, next(size) if number else LEAST[kind], tos=tos | inside)
        packet = from_remote(tunnel, kind, inner, wrap, number=next(numbers), wrap_csum=csum,
                             inherit=False, tos=0)
        run.arrive(marked(packet, family, outside) + (pattern(11) if csum else b""), family,
                   REDIRECT)
    run.finish()


def marked(packet, family, mark):
    """The outer packet with ECN field @mark."""
    if family == 6:
        word = struct.unpack("!H", packet[:2])[0] & 0xffcf | mark << 4
        return struct.pack("!H", word) + packet[2:]
    header = IP(packet)
    header.tos = header.tos & ~3 | mark
    header.chksum = None
    return bytes(header)[:20] + packet[20:]


for MODE in MODES:
    test("decap/mode_" + MODE)(lambda scene, mode=MODE: every_option(scene, mode))


@test("decap/port_changes")
def port_changes(scene):
    """What a port says counts for its family, and until a command changes it. The last set has another
    one that looks like it (see struct config)."""
    ends = {4: ModeTunnel("four", REMOTES[0], LOCAL, mode="ipip"),
            6: ModeTunnel("six", REMOTES6[0], LOCAL6, mode="ipip6")}
    for ports in ([(4, 5555, "gue"), (6, 5555, 4)], [(4, 5555, 4), (6, 5555, "gue")],
                  [(4, 5555, "gue"), (6, 5555, "gue")], [(4, 5555 + 64, 4), (6, 5555 + 64, 4)]):
        run = Arrivals(scene, ends.values(), ports)
        for family in (4, 6) * 3:
            run.arrive(from_remote(ends[family], "4", ip(100), "gue"), family)
        run.finish()


@test("decap/ecn_families")
def ecn_families(scene):
    """RFC 6040 with every mix of families, under every TOS."""
    run = Arrivals(scene, [ModeTunnel("four", REMOTES[0], LOCAL, mode="sit-any"),
                           ModeTunnel("six", REMOTES6[0], LOCAL6, mode="ip6tnl")])
    dropped = 0
    fields = (0, 0xb9, 0x02, 0xff) if QUICK else range(256)
    for family, kind, tos, mark in itertools.product((4, 6), "46m", fields, range(4)):
        tunnel = run.planner.tunnels[0 if family == 4 else 1]
        packet = from_remote(tunnel, kind, inner_of(kind, 60, tos=tos))
        wrong = kind != "m" and not tos & 3 and mark == 3
        run.arrive(marked(packet, family, mark), family, DROP if wrong else REDIRECT,
                   "ecn" if wrong else None)
        dropped += wrong
    expect("marks that would be lost", dropped > 3, True)
    run.finish()


@test("decap/outer_options")
def outer_options(scene):
    """Options of the outer IPv4 header, in front of everything that may follow."""
    run = Arrivals(scene, [ModeTunnel("sit", REMOTES[0], LOCAL, mode="sit"),
                           ModeTunnel("gre", REMOTES[0], LOCAL, mode="gre", ikey=5, icsum=True)])
    for options, wrap, tunnel in few(itertools.product(OPTIONS, ("", "fou", "gue"),
                                                       run.planner.tunnels), share=4):
        packet = from_remote(tunnel, "6", ip6(100), wrap)
        rest = packet[20:]
        proto = packet[9]
        run.arrive(ip(src=tunnel.remote, dst=tunnel.local, proto=proto, options=options,
                      payload=rest), 4, REDIRECT)
    run.finish()


def dstopts(options, proto):
    return bytes([proto, (len(options) + 2) // 8 - 1]) + options


# Whole destination options, without their first two bytes, and whether they let a packet pass.
OPTIONS6 = [
    (b"\4\1\4\1\1\0", True), (b"\4\1\0\1\1\0", True), (bytes(6), True), (b"\1\4\0\0\0\0", True),
    (b"\1\4\1\2\3\4", True), (b"\x1e\4\1\2\3\4", True), (b"\x3e\4\1\2\3\4", True),
    (b"\x5e\4\1\2\3\4", False), (b"\x9e\4\1\2\3\4", False), (b"\xde\4\1\2\3\4", False),
    (b"\xc9\4\1\2\3\4", False), (b"\4\4\1\2\3\4", True), (b"\4\5\1\2\3\4", False),
    (b"\1\xff\0\0\0\0", False), (bytes(5) + b"\1", False), (bytes(4) + b"\1\0", True),
    (bytes(5) + b"\x1e", False), (b"\1\x0c" + bytes(12), True), (b"\1\x0d" + bytes(12), False),
    (bytes(62), True), (b"\1\x3c" + bytes(60), True), (b"\x1e\x3c" + bytes(60), True),
    (bytes(59) + b"\4\1\7", True), (bytes(61) + b"\1", False),
]


@test("decap/options6")
def options6(scene):
    """Destination options of the outer IPv6 header: those that may be skipped, and not."""
    tunnels = [ModeTunnel("tnl", REMOTES6[0], LOCAL6, mode="ip6tnl"),
               ModeTunnel("gre", REMOTES6[0], LOCAL6, mode="ip6gre", ikey=5)]
    run = Arrivals(scene, tunnels)
    for (options, passes), wrap, tunnel, kind in few(itertools.product(
            OPTIONS6, ("", "fou", "gue"), tunnels, "46"), share=6):
        packet = from_remote(tunnel, kind, inner_of(kind, 100), wrap, limit=None)
        rest = dstopts(options, packet[6]) + packet[40:]
        packet = bytes(IPv6(src=tunnel.remote, dst=tunnel.local, nh=DSTOPTS) / Raw(rest))
        run.arrive(packet, 6, REDIRECT if passes else DROP, None if passes else "outer_options")
    # More than any tunnel sends, and what is not all there, is the stack's.
    inner = inner_of("4", 100)
    for rest in (dstopts(bytes(70), 4) + inner, dstopts(bytes(6), DSTOPTS) +
                 dstopts(bytes(6), 4) + inner, dstopts(bytes(62), 4)[:40], dstopts(bytes(6), 59),
                 b"\4\0\4"):
        run.arrive(bytes(IPv6(src=REMOTES6[0], dst=LOCAL6, nh=DSTOPTS) / Raw(rest)), 6, NEXT)
    run.finish()


@test("decap/options6_end")
def options6_end(scene):
    """The longest list that is read may end with an option without data."""
    tunnel = ModeTunnel("tnl", REMOTES6[0], LOCAL6, mode="ip6tnl")
    run = Arrivals(scene, [tunnel])
    rest = dstopts(bytes(60) + b"\1\0", 4) + inner_of("4", 100)
    run.arrive(bytes(IPv6(src=REMOTES6[0], dst=LOCAL6, nh=DSTOPTS) / Raw(rest)), 6, REDIRECT)
    run.finish()


@test("decap/sequence")
def sequence(scene):
    """Each number once and none that is older (RFC 2890 section 2.2), whichever fields stand beside
    it."""
    tunnels = [ModeTunnel("seq", REMOTES[0], LOCAL, mode="gre", iseq=True),
               ModeTunnel("more", REMOTES[1], LOCAL, mode="gre", iseq=True, icsum=True, ikey=7,
                          okey=7)]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    for tunnel in tunnels:
        for number, verdict in ((5, REDIRECT), (6, REDIRECT), (6, DROP), (3, DROP), (7, REDIRECT),
                                (0x80000006, REDIRECT), (7, DROP), (0x80000007, REDIRECT)):
            packet = from_remote(tunnel, "4", ip(64), number=number)
            got, _ = scene.decap(frame(packet, scene.mac, NEIGHBOUR))
            expect(f"verdict for number {number} to {tunnel.name}", got, verdict)


@test("decap/partial")
def partial(scene):
    """On virtual devices an inner checksum may still be the pseudo header's sum, while those around
    it were made for what it will be."""
    tunnels = [ModeTunnel("gre", REMOTES[0], LOCAL, mode="gre", icsum=True),
               ModeTunnel("fou", REMOTES[1], LOCAL, mode="sit-any"),
               ModeTunnel("six", REMOTES6[1], LOCAL6, mode="ip6tnl")]
    run = Arrivals(scene, tunnels)
    for tunnel, kind in itertools.product(tunnels, "46"):
        header = IP(src="172.16.0.6", dst="172.16.0.8") if kind == "4" else \
            IPv6(src="fd00:2::6", dst="fd00:2::8")
        right = bytes(header / UDP(sport=5, dport=6) / Raw(pattern(51)))
        at = 26 if kind == "4" else 46
        field = struct.unpack("!H", right[at:at + 2])[0]
        data = right[at - 6:at] + b"\0\0" + right[at + 2:]
        words = data + b"\0" * (len(data) & 1)
        rest = sum(struct.unpack(f"!{len(words) // 2}H", words))
        # What the pseudo header adds up to: all that the right checksum makes up for.
        pseudo = (0xffff - field - rest) % 0xffff
        wrap = "gue" if tunnel.name != "gre" else ""
        whole = from_remote(tunnel, kind, right, wrap, wrap_csum=True)
        start = len(whole) - len(right)
        left = whole[:start + at] + struct.pack("!H", pseudo) + whole[start + at + 2:]
        for packet, verdict in ((whole, REDIRECT), (left, REDIRECT),
                                (left[:start + at] + b"\x12\x34" + left[start + at + 2:], DROP),
                                (left[:-1] + bytes([left[-1] ^ 1]), None)):
            if verdict is None:
                continue
            got, _ = scene.decap(frame(packet, scene.mac, NEIGHBOUR,
                                       0x0800 if tunnel.family == 4 else 0x86dd))
            expect(f"verdict for {tunnel.name}, kind {kind}: {packet.hex(' ')}", got, verdict)


# ---- look-up order ------------------------------------------------------------------------------

def overlap(mode, ends, keys=(None,)):
    """Tunnels of @mode with every pair of @ends and key that may exist at once."""
    return [ModeTunnel(f"t{i}", remote, local, mode=mode, ikey=key, okey=key)
            for i, ((local, remote), key) in enumerate(itertools.product(ends, keys))]


def all_ends(local, remote):
    return [(local, remote), ("any", remote), (local, "any"), ("any", "any")]


def subsets(tunnels, most):
    for size in range(1, most + 1):
        yield from itertools.combinations(tunnels, size)


def probe(run, mode, keys=(None,)):
    """A packet from each remote to each local address with each key and kind."""
    family, _, kinds = MODES[mode]
    remotes, locals_ = (REMOTES, (LOCAL, LOCAL2)) if family == 4 else (REMOTES6, (LOCAL6, LOCAL6_2))
    for remote, local, key, kind in itertools.product(remotes[:2], locals_, keys, kinds):
        tunnel = ModeTunnel("x", remote, local, mode=mode, ikey=key)
        run.arrive(from_remote(tunnel, kind, inner_of(kind, 60)), family)


def lookups(scene, mode, keys=(None,), most=2):
    local, remote = (LOCAL, REMOTES[0]) if MODES[mode][0] == 4 else (LOCAL6, REMOTES6[0])
    for tunnels in few(subsets(overlap(mode, all_ends(local, remote), keys), most), least=2,
                       share=40):
        run = Arrivals(scene, list(tunnels), ())
        probe(run, mode, keys)
        run.finish()


@test("decap/lookup_sit")
def lookup_sit(scene):
    lookups(scene, "sit", most=4)


@test("decap/lookup_gre")
def lookup_gre(scene):
    """Keyed and unkeyed; over IPv4 a key of zero is a key."""
    lookups(scene, "gre", (None, 0, 7))


@test("decap/lookup_ip6tnl")
def lookup_ip6tnl(scene):
    lookups(scene, "ip6tnl", most=4)


@test("decap/lookup_ip6tnl_claim")
def lookup_ip6tnl_claim(scene):
    """Who sends to the address of one tunnel, and is the remote of another of local any."""
    run = Arrivals(scene, [ModeTunnel("both", REMOTES6[0], LOCAL6, mode="ip6tnl"),
                           ModeTunnel("remote", REMOTES6[1], mode="ip6tnl")], ())
    probe(run, "ip6tnl")
    run.finish()


@test("decap/lookup_ip6gre")
def lookup_ip6gre(scene):
    lookups(scene, "ip6gre", (None, 7))


@test("decap/lookup_drivers")
def lookup_drivers(scene):
    """Where two drivers take the same packets, the one for one kind is asked first."""
    for first, second in itertools.permutations(("ipip", "sit-any"), 2):
        run = Arrivals(scene, [ModeTunnel("a", REMOTES[0], LOCAL, mode=first),
                               ModeTunnel("b", REMOTES[0], LOCAL, mode=second)], ())
        probe(run, "sit-any")
        run.finish()
    run = Arrivals(scene, [ModeTunnel("a", "any", LOCAL, mode="sit-any"),
                           ModeTunnel("b", "any", LOCAL, mode="mplsip")], ())
    probe(run, "sit-any")
    run.finish()
