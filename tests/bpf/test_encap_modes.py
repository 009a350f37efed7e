# SPDX-License-Identifier: GPL-2.0
"""Encapsulation of every mode with every set of options: exact bytes."""

import itertools
import struct
import time

from departures import Sender, frame_of, unknown
from harness import Failure, expect, expect_bytes, few, test, times
from modes import (DSTOPTS, ENCAP_LIMIT, LEAST, MODES, ModeTunnel, chance, inner_of, ip6, mpls,
                   too_big6_error, variants)
from oracle import frame, ip, pattern, too_big_error
from scene import (DROP, LOCAL, LOCAL6, MTU, NEIGHBOUR, REDIRECT, REMOTES, REMOTES6,
                   mac)

SIZES = (40, 41, 63, 64, 65, 127, 511, 512, 513, 575, 1000, 1023, 1279, 1400)


def every_option(scene, mode):
    """Each set of options with each kind of inner packet; TOS, TTL, DF and size in turn."""
    tunnels = few(variants(mode))
    run = Sender(scene, tunnels)
    turn = itertools.cycle(itertools.product((1, 64, 255), (True, False), (0, 0xfffff, 0x54321)))
    size = itertools.cycle(SIZES)
    for tunnel, kind in itertools.product(tunnels, MODES[mode][2]):
        if kind == "m" and tunnel.inherit and tunnel.tos:
            continue  # see encap/mpls_tos
        for tos in (0, 1, 2, 3, 0xb8, 0xff, 0x45):
            ttl, df, label = next(turn)
            run.send(tunnel, kind, inner_of(kind, next(size), tos, ttl, df, label))
        for length in (LEAST[kind], MTU - tunnel.overhead()):
            run.send(tunnel, kind, inner_of(kind, length))
    run.finish()


for MODE in MODES:
    test("encap/mode_" + MODE)(lambda scene, mode=MODE: every_option(scene, mode))


def both_ways(run, tunnel, kind, inner):
    """Send a packet twice within a tick of the clock. The first asks for the route and goes to the
    neighbour code, which keeps its Ethernet header; the second may go the short way. What shows the
    flow has to be the same."""
    packet = frame_of(kind, inner)
    shown = []
    for _ in range(100):
        time.sleep(0.011)
        done = [run.scene.encap(tunnel.name, packet) for _ in range(2)]
        for verdict, out in done:
            shown.append(unknown(tunnel, run.check(tunnel, kind, inner, None, verdict, out)))
        for name in ("sport", "label"):
            expect(f"values of {name} in {tunnel.command()}",
                   len({seen.get(name) for seen in shown}), 1)
        if [out[:6] == NEIGHBOUR for _, out in done] == [False, True]:
            return
    raise Failure(f"{tunnel.name}: a route was never asked for and remembered in two packets")


@test("encap/ways")
def ways(scene):
    """The short way (bpf/ready.h, ready_wrap.h) and the long one make the same of a packet, in all that the short
    one knows and next to it."""
    turn = itertools.cycle(itertools.product((1, 64, 255), (True, False), (0, 2, 3, 0xb9, 0xff)))
    for mode in ("ipip", "mplsip", "sit-any", "gre", "ip6tnl", "ip6gre"):
        tunnels = variants(mode)
        run = Sender(scene, tunnels)
        cases = itertools.product(tunnels, MODES[mode][2], range(3))
        for tunnel, kind, which in few(cases, least=24):
            size = (LEAST[kind], 100, MTU - tunnel.overhead())[which]
            ttl, df, tos = next(turn)
            both_ways(run, tunnel, kind, inner_of(kind, size, tos, ttl, df))
        run.finish()


@test("encap/ways_mixed")
def ways_mixed(scene):
    """Within one tick: packets of other TOS, family, size and kind than the one that found the route,
    those that are refused and labels among them."""
    tunnels = [ModeTunnel("t1", REMOTES[0], LOCAL, mode="gre", inherit=True, okey=5),
               ModeTunnel("t2", REMOTES[1], LOCAL, mode="sit-any", tos=0x10, ttl=3),
               ModeTunnel("t3", REMOTES[2], LOCAL, mode="ipip"),
               ModeTunnel("t4", REMOTES6[0], LOCAL6, mode="ip6gre", inherit=True, okey=5),
               ModeTunnel("t5", REMOTES6[1], LOCAL6, mode="ip6tnl", ttl=3, limit=None),
               ModeTunnel("t6", REMOTES[3], LOCAL, mode="gre", inherit=True, encap="gue"),
               ModeTunnel("t7", REMOTES6[2], LOCAL6, mode="ip6gre", tos=8, encap="fou")]
    run = Sender(scene, tunnels)
    rng = chance()
    for _ in range(times(300)):
        tunnel = rng.choice(tunnels)
        packets = [(kind, inner_of(kind, rng.choice((60, 61, 1400, 3000)), rng.choice((0, 3, 0x48, 0xff)),
                                   rng.choice((1, 255)), rng.random() < 0.5))
                   for kind in rng.choices("46m" if tunnel.mode != "ipip" else "4", k=6)]
        done = [(kind, inner, *scene.encap(tunnel.name, frame_of(kind, inner)))
                for kind, inner in packets]
        for kind, inner, verdict, out in done:
            if len(inner) < 3000:
                run.check(tunnel, kind, inner, None, verdict, out)


@test("encap/mpls_tos")
def mpls_tos(scene):
    """`tos inherit/X` gives X to packets that have no TOS."""
    for tunnel in (ModeTunnel("t1", REMOTES[0], LOCAL, mode="gre", inherit=True, tos=0x10),
                   ModeTunnel("t1", REMOTES6[0], LOCAL6, mode="ip6tnl", inherit=True, tos=0x10)):
        Sender(scene, [tunnel]).send(tunnel, "m", mpls())


@test("encap/checksum_sizes")
def checksum_sizes(scene):
    """GRE and UDP checksums over packets of every length, also those whose sum is all ones."""
    tunnels = [ModeTunnel("gre", REMOTES[0], LOCAL, mode="gre", ocsum=True),
               ModeTunnel("fou", REMOTES[1], LOCAL, mode="gre", encap="fou", sport=5,
                          wrap_csum=True),
               ModeTunnel("fou6", REMOTES6[1], LOCAL6, mode="ip6tnl", encap="gue", sport=5,
                          wrap_csum=True)]
    run = Sender(scene, tunnels)
    for size in few(range(20, 1420, 3)) + [507, 508, 509, 510, 511, 512, 1019, 1020, 1023, 1024]:
        for tunnel in tunnels:
            run.send(tunnel, "4", ip(size))
    # Over all contents of two bytes the sum takes every value.
    zero = 0
    for word in few(range(0, 65536, 257)):
        packet = run.send(tunnels[1], "4", ip(payload=struct.pack("!H", word) + bytes(20)))
        zero += packet[26:28] == b"\xff\xff"
    sums = struct.unpack("!H", packet[26:28])[0]
    # The word that makes the sum all ones: the checksum is never sent as zero.
    word = (word + sums) % 0xffff
    packet = run.send(tunnels[1], "4", ip(payload=struct.pack("!H", word) + bytes(20)))
    expect("checksum of a packet that sums up to zero", packet[26:28], b"\xff\xff")
    run.finish()


def flow(kind, number):
    ports = struct.pack("!HHHH", 1000 + number, 53, 40, 0)
    payload = ports + pattern(32)
    if kind == "m":
        return mpls(payload=ip(payload=payload), label=100 + number)
    return (ip if kind == "4" else ip6)(payload=payload)


@test("encap/flows")
def flows(scene):
    """Packets of one flow look alike outside, those of many do not; so do both families'."""
    tunnels = [ModeTunnel("fou", REMOTES[0], LOCAL, mode="gre", encap="fou"),
               ModeTunnel("gue6", REMOTES6[0], LOCAL6, mode="ip6gre", encap="gue"),
               ModeTunnel("ip6tnl", REMOTES6[1], LOCAL6, mode="ip6tnl", limit=None)]
    run = Sender(scene, tunnels)
    for tunnel, kind in itertools.product(tunnels, "46m"):
        seen = {"sport": set(), "label": set()}
        for number in range(16):
            alike = [unknown(tunnel, run.send(tunnel, kind, flow(kind, number)))
                     for _ in range(3)]
            for name in seen:
                values = {found.get(name) for found in alike}
                expect(f"{name} of one flow through {tunnel.name}", len(values), 1)
                seen[name] |= values
        for name, values in seen.items():
            shows = tunnel.encap if name == "sport" else tunnel.family == 6
            # What lies behind labels the kernel's dissector does not look at.
            if shows and kind != "m" and len(values) < 8:
                raise Failure(f"{name} of 16 flows of kind {kind} in {tunnel.name}: {values}")
    run.finish()


@test("encap/sequence")
def sequence(scene):
    """Numbers grow by one per tunnel, whatever is in between, and are not spent on drops."""
    tunnels = [ModeTunnel("s1", REMOTES[0], LOCAL, mode="gre", oseq=True),
               ModeTunnel("s2", REMOTES[1], LOCAL, mode="gre", oseq=True, okey=7),
               ModeTunnel("s6", REMOTES6[1], LOCAL6, mode="ip6gre", oseq=True)]
    run = Sender(scene, tunnels)
    for number in range(40):
        run.send(tunnels[number % 3 if number % 7 else 0], "46"[number % 2],
                 inner_of("46"[number % 2], 100))
        expect("verdict", scene.encap("s1", frame(ip(3000)))[0], DROP)
    expect("drops", scene.counters()["s1", "too_big"], 40)


def with_options(options, nh=17):
    """An inner IPv6 packet that has destination options."""
    length = (len(options) + 2 + 7) // 8 * 8
    rest = length - 2 - len(options)
    pad = b"" if not rest else b"\0" if rest == 1 else bytes([1, rest - 2]) + bytes(rest - 2)
    return ip6(nh=DSTOPTS, payload=bytes([nh, length // 8 - 1]) + options + pad + pattern(40))


@test("encap/limit")
def limit(scene):
    """An inner packet that came out of a tunnel with a limit goes into the next with one less."""
    tunnels = [ModeTunnel("own", REMOTES6[0], LOCAL6, mode="ip6tnl", limit=4),
               ModeTunnel("none", REMOTES6[1], LOCAL6, mode="ip6gre", limit=None)]
    run = Sender(scene, tunnels)
    left = {1: 0, 2: 1, 5: 4, 255: 254}
    for brought, tunnel in itertools.product(left, tunnels):
        run.send(tunnel, "6", with_options(bytes([ENCAP_LIMIT, 1, brought])), limit=left[brought])
        run.send(tunnel, "6", with_options(b"\0\1\1\0" + bytes([ENCAP_LIMIT, 1, brought])),
                 limit=left[brought])
    # No limit in it, or none of the right length; behind other headers nobody looks.
    for options in (b"", b"\1\4\0\0\0\0", b"\x1e\2\0\0", bytes([ENCAP_LIMIT, 2, 0, 0])):
        run.send(tunnels[0], "6", with_options(options))
    run.send(tunnels[0], "4", ip(proto=DSTOPTS))
    run.finish()
    limit_reached(scene, "own")


def limit_reached(scene, name):
    verdict, _ = scene.encap(name, frame_of("6", with_options(b"\4\1\0")))
    expect("verdict for a packet with limit 0", verdict, DROP)
    expect("counted", scene.counted(), {(name, "encap_limit"): 1})


@test("encap/limit_none")
def limit_none(scene):
    """A packet that may enter no more tunnels does not enter one that sends no limit either."""
    scene.configure(ModeTunnel("none", REMOTES6[1], LOCAL6, mode="ip6tnl", limit=None).command())
    limit_reached(scene, "none")


@test("encap/too_big_modes")
def too_big_modes(scene):
    """What does not fit is told to the sender, in the sender's family; MPLS has none to tell."""
    for mode, (family, _, kinds) in few(MODES.items(), least=4):
        tunnels = few(variants(mode), seed=3)[:4]
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        for tunnel, kind in itertools.product(tunnels, kinds):
            most = MTU - tunnel.overhead()
            inner = inner_of(kind, most + 1, df=True)
            verdict, out = scene.encap(tunnel.name, frame_of(kind, inner))
            what = f"{most + 1} bytes of kind {kind}, {tunnel.command()}"
            expect("verdict for " + what, verdict, DROP if kind == "m" else REDIRECT)
            expect("counted for " + what, scene.counted(), {(tunnel.name, "too_big"): 1})
            if kind != "m":
                error = too_big_error if kind == "4" else too_big6_error
                expect_bytes(what, out, error(inner, most, mac(tunnel.name)))


@test("encap/too_big_ipv6")
def too_big_ipv6(scene):
    """Errors are not answered, nor what no host has sent."""
    tunnel = ModeTunnel("tun1", REMOTES[0], LOCAL, mode="sit")
    scene.configure(tunnel.command())
    for fields, verdict in (({}, REDIRECT), ({"nh": 6}, REDIRECT), ({"src": "::"}, DROP),
                            ({"src": "ff02::1"}, DROP), ({"dst": "ff02::5"}, REDIRECT),
                            ({"nh": 58, "payload": b"\x80\0" + pattern(1500)}, REDIRECT),
                            ({"nh": 58, "payload": b"\x81\0" + pattern(1500)}, REDIRECT),
                            ({"nh": 58, "payload": b"\1\0" + pattern(1500)}, DROP),
                            ({"nh": 58, "payload": b"\x7f\0" + pattern(1500)}, DROP)):
        inner = ip6(1481, **fields)
        got, out = scene.encap("tun1", frame_of("6", inner))
        expect(f"verdict for {fields}", got, verdict)
        expect("counted", scene.counted(), {("tun1", "too_big"): 1})
        if verdict == REDIRECT:
            expect_bytes(f"the error for {fields}", out, too_big6_error(inner, 1480, mac("tun1")))
