# SPDX-License-Identifier: GPL-2.0
"""Damaged packets of GRE, FOU, GUE and over IPv6, each compared with a plan of its own."""

import itertools
import random
import struct

from arrivals import from_remote, port_commands
from damage import PACKETS, Batch, damage_bit, damage_byte, damage_cut, damage_grow, damaged
from departures import unknown
from harness import Failure, few, test, times
from modes import ETH_PROTO, ModeTunnel, inner_of, outer_packet, too_big6_error
from oracle import ETH_HLEN, frame, icmp_answers, too_big_error
from plan import Plan, Receiver
from scene import (DROP, LOCAL, LOCAL2, LOCAL6, LOCAL6_2, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES,
                   REMOTES6, mac)

SEED = 21

GRE = [ModeTunnel("plain", REMOTES[0], LOCAL, mode="gre"),
       ModeTunnel("keyed", REMOTES[0], LOCAL, mode="gre", ikey=7),
       ModeTunnel("summed", REMOTES[1], LOCAL, mode="gre", icsum=True),
       ModeTunnel("counted", REMOTES[2], LOCAL, mode="gre", iseq=True, ikey=0),
       ModeTunnel("anyone", local=LOCAL2, mode="gre", ikey=7)]
IPV4 = [ModeTunnel("sit", REMOTES[0], LOCAL, mode="sit-any"),
        ModeTunnel("ipip", local=LOCAL2, mode="ipip"), *GRE[:3]]
IPV6 = [ModeTunnel("tnl", REMOTES6[0], LOCAL6, mode="ip6tnl"),
        ModeTunnel("tnl_any", local=LOCAL6_2, mode="ip6ip6"),
        ModeTunnel("gre", REMOTES6[0], LOCAL6, mode="ip6gre"),
        ModeTunnel("keyed", REMOTES6[0], LOCAL6, mode="ip6gre", ikey=7, icsum=True),
        ModeTunnel("counted", REMOTES6[1], LOCAL6, mode="ip6gre", iseq=True)]
PORTS = [(4, 5555, "gue"), (4, 7777, 4), (4, 7778, 41), (4, 7779, 137), (4, 7747, 47),
         (6, 5555, "gue"), (6, 7777, 4), (6, 7778, 41), (6, 7779, 137), (6, 7747, 47)]


def whole_frames(tunnels, wraps, us):
    """Frames that are right, for every tunnel, kind, wrap and checksum."""
    cases = [(tunnel, kind, *how) for tunnel in tunnels for kind in tunnel.kinds
             for how in itertools.product(wraps, (False, True), (0, 1, 2), (None, 4), (60, 61, 200))]
    for number, case in enumerate(few(cases, least=60), 1):
        tunnel, kind, wrap, csum, tos, limit, length = case
        if tunnel.remote == "any":
            remote = REMOTES[3] if tunnel.family == 4 else REMOTES6[3]
            tunnel = ModeTunnel(**{**vars(tunnel), "remote": remote})
        packet = from_remote(tunnel, kind, inner_of(kind, length, tos=tos), wrap,
                             number=number, wrap_csum=csum, limit=limit, tos=tos)
        yield frame(packet, us, NEIGHBOUR, 0x0800 if tunnel.family == 4 else 0x86dd)


def field_damage(rng, data, places, values):
    """One of the 16-bit fields at @places behind the outer IP header, by a little or much."""
    at = ETH_HLEN + (20 if data[12:14] == b"\x08\x00" else rng.choice((0, 40, 48)))
    at += rng.choice(places)
    if len(data) >= at + 2:
        old = struct.unpack_from("!H", data, at)[0]
        struct.pack_into("!H", data, at, rng.choice((old + 1, old - 1, old ^ 0x8000, *values)) &
                         0xffff)


def damage_gre(rng, data):
    """Flags and ethertype."""
    field_damage(rng, data, (0, 2), (0, 0x2000, 0x8000, 0x1000, 0xb000, 0x4000, 1, 0x0800, 0x86dd,
                                     0x8847, rng.randrange(65536)))


def damage_udp(rng, data):
    """Ports, length, checksum."""
    field_damage(rng, data, (2, 4, 4, 6, 6), (0, 7, 8, 5555, 7777, 7747, 0xffff))


def damage_gue(rng, data):
    """The two words behind UDP."""
    field_damage(rng, data, (8, 8, 10), (0, 1, 0x0104, 0x0129, 0x2004, 0x4500, 0x6000, 0x1f04,
                                         rng.randrange(65536)))


def damage_ipv6(rng, data):
    """Length, next header, destination options."""
    if data[12:14] != b"\x86\xdd" or len(data) < ETH_HLEN + 48:
        return
    at = ETH_HLEN + rng.choice((0, 4, 5, 6, 40, 41, 42, 43, 45, 46))
    data[at] = rng.choice((0, 1, 4, 17, 41, 47, 60, 59, 137, 0x60, data[at] ^ 1,
                           rng.randrange(256)))


COMMON = [damage_byte, damage_bit, damage_bit, damage_cut, damage_grow]


def hostile(scene, tunnels, wraps, damages, least, linear=None):
    """@linear: how many bytes of a frame lie in one piece, as a function of the chance."""
    scene.configure(*port_commands(PORTS), *(tunnel.command() for tunnel in tunnels))
    if linear:
        scene.pieces_wanted()
    planner = Receiver(tunnels, PORTS, scene.mac, {tunnel.name: mac(tunnel.name)
                                                   for tunnel in tunnels})
    rng, whole = random.Random(SEED), list(whole_frames(tunnels, wraps, scene.mac))
    batch, refused = Batch(scene, "rx"), 0
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole, COMMON + damages)
        how = {"linear": min(linear(rng), len(data))} if linear else {}
        before = dict(planner.expected)
        plan = planner.plan(data)
        try:
            verdict, out = scene.decap(data, **how)
        except OSError:
            planner.expected = before
            refused += 1  # too short for a test run on this kernel
            continue
        batch.add(data, plan, verdict, out, str(how))
    if refused > times(PACKETS) // 4:
        raise Failure(f"the kernel ran only {times(PACKETS) - refused} of the packets")
    return batch.finish(least)


LEAST = [(NEXT, 0), (REDIRECT, 0), (DROP, 1)]


@test("hostile/gre")
def gre(scene):
    return hostile(scene, GRE, ("",), [damage_gre, damage_gre], LEAST + [(DROP, 2)])


@test("hostile/wraps")
def wraps(scene):
    return hostile(scene, IPV4, ("fou", "gue"), [damage_udp, damage_udp, damage_gue],
                   LEAST + [(DROP, 2)])


@test("hostile/ipv6")
def ipv6(scene):
    return hostile(scene, IPV6, ("",), [damage_ipv6, damage_ipv6, damage_gre], LEAST + [(DROP, 2)])


@test("hostile/ipv6_wraps")
def ipv6_wraps(scene):
    return hostile(scene, IPV6, ("fou", "gue"), [damage_ipv6, damage_udp, damage_gue],
                   LEAST + [(DROP, 2)])


def pieces(rng):
    return rng.choice((14, 34, 42, 54, 62, 70, 74, 94, rng.randrange(14, 200)))


@test("hostile/gre_fragments")
def gre_fragments(scene):
    return hostile(scene, GRE, ("", "gue"), [damage_gre, damage_udp], LEAST, pieces)


def pieces6(rng):
    """Kernels want the IPv6 header in the first one."""
    return max(54, pieces(rng))


@test("hostile/ipv6_fragments")
def ipv6_fragments(scene):
    return hostile(scene, IPV6, ("", "fou", "gue"), [damage_ipv6, damage_gue], LEAST, pieces6)


# ---- encapsulation ------------------------------------------------------------------------------

ANCHORS = [ModeTunnel("gre", REMOTES[0], LOCAL, mode="gre", okey=7, df=False, inherit=True),
           ModeTunnel("sums", REMOTES[1], LOCAL, mode="gre", ocsum=True),
           ModeTunnel("sit", REMOTES[2], LOCAL, mode="sit-any", encap="gue", sport=5, ttl=9),
           ModeTunnel("ipip6", REMOTES6[0], LOCAL6, mode="ipip6", limit=None),
           ModeTunnel("fou6", REMOTES6[1], LOCAL6, mode="ip6tnl", encap="fou", wrap_csum=True)]
KINDS = {struct.pack("!H", proto): kind for kind, proto in ETH_PROTO.items()}


def inner_limit(inner):
    """The encapsulation limit that an inner IPv6 packet brings, RFC 2473 section 4.1.1."""
    options = inner[42:40 + (inner[41] + 1) * 8] if inner[6] == 60 and len(inner) > 47 else b""
    while options and len(inner) >= 40 + (inner[41] + 1) * 8 <= 104:
        if options[0] == 0:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] + 2 > len(options):
            return None
        if options[:2] == b"\4\1":
            return options[2]
        if options[0] >> 6:
            return None
        options = options[options[1] + 2:]
    return None


def plan_encap(tunnel, data, macs):
    """The plan, but for the bytes of a packet that leaves; and its kind and limit."""
    inner, kind = data[ETH_HLEN:], KINDS.get(data[12:14])
    reasons = set()
    if not kind or kind not in tunnel.kinds:
        reasons.add("inner_proto")
    if kind and len(inner) < {"4": 20, "6": 40, "m": 4}[kind]:
        reasons.add("inner_length")
    elif kind and kind != "m" and inner[0] >> 4 != int(kind):
        reasons.add("inner_proto")
    if reasons:
        return Plan(DROP, tunnel.name, reasons), None, None
    limit = inner_limit(inner) if kind == "6" and tunnel.family == 6 else None
    if limit == 0:
        return Plan(DROP, tunnel.name, {"encap_limit"}), None, None
    if len(inner) > MTU - tunnel.overhead():
        most, out = MTU - tunnel.overhead(), None
        if kind == "4" and icmp_answers(inner):
            out = too_big_error(inner, most, macs[tunnel.name])
        elif kind == "6" and (inner[6] != 58 or inner[40] >= 128) and inner[8] != 0xff and \
                any(inner[8:24]):
            out = too_big6_error(inner, most, macs[tunnel.name])
        return Plan(REDIRECT if out else DROP, tunnel.name, {"too_big"}, out), None, None
    return Plan(REDIRECT, tunnel.name, size=len(inner)), kind, limit


@test("hostile/encap_modes")
def encap_modes(scene):
    """Anchors of every kind of header get whatever a host can send or forward."""
    scene.configure(*(tunnel.command() for tunnel in ANCHORS))
    macs = {tunnel.name: mac(tunnel.name) for tunnel in ANCHORS}
    rng, batch = random.Random(SEED), Batch(scene, "tx")
    whole = [frame(inner_of(kind, size, tos=tos, df=df), eth_proto=ETH_PROTO[kind])
             for kind in "446m" for size in (40, 100, 577, 1440, 1501, 3000)
             for tos, df in ((0, True), (1, True), (0xff, False))]
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole, COMMON + [damage_ipv6])
        tunnel = rng.choice(ANCHORS)
        try:
            verdict, out = scene.encap(tunnel.name, data)
        except OSError:
            continue  # too short for a test run on this kernel
        plan, kind, limit = plan_encap(tunnel, data, macs)
        if kind and verdict == plan.verdict:
            out = out[ETH_HLEN:]
            plan.out = outer_packet(tunnel, kind, data[ETH_HLEN:], limit=limit and limit - 1,
                                    **unknown(tunnel, out))
        batch.add(data, plan, verdict, out)
    return batch.finish([(REDIRECT, 0), (REDIRECT, 1), (DROP, 1)])
