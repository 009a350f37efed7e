# SPDX-License-Identifier: GPL-2.0
"""Encapsulation: exact bytes."""

import itertools
import json
import struct
import time

from harness import Failure, expect, expect_bytes, few, test, times
from oracle import (ETH_HLEN, Tunnel, checksum_right, encapsulated, frame, icmp_error, ip,
                    pattern, too_big_error)
from scene import (DEV, DROP, LOCAL, LOCAL2, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, XTUN,
                   command, mac)

TTLS = (1, 64, 255)
SIZES = (20, 21, 28, 63, 64, 65, 127, 128, 511, 576, 1000, 1279, 1479, 1480)

# A fixed TTL needs pmtudisc, as with the kernel's driver.
TUNNELS = [
    Tunnel("plain", REMOTES[0], LOCAL),
    Tunnel("ttl1", REMOTES[1], LOCAL, ttl=1),
    Tunnel("ttl64", REMOTES[2], LOCAL, ttl=64, inherit=True),
    Tunnel("ttl255", REMOTES[3], LOCAL, ttl=255, tos=0xb8),
    Tunnel("nopmtu", REMOTES[4], LOCAL, df=False, inherit=True, tos=0x10),
    Tunnel("nopmtu_tos", REMOTES[5], LOCAL, df=False, tos=0xfc),
    Tunnel("second", REMOTES[6], LOCAL2, inherit=True),
    Tunnel("anyone", REMOTES[7], inherit=True),
    Tunnel("on_dev", REMOTES[8], LOCAL, more=f"dev {DEV}"),
    Tunnel("pair", REMOTES[9], LOCAL, more="anchor veth"),
]


def source_of(tunnel):
    return LOCAL if tunnel.local == "any" else tunnel.local


class Encap:
    """Sends frames through tunnels; remembers which forms of the Ethernet header were seen."""

    def __init__(self, scene, tunnels):
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        self.scene = scene
        self.carried = {}
        self.links = set()
        self.identifications = set()

    def check(self, tunnel, inner, frame_in=None):
        frame_in = frame_in or frame(inner)
        self.check_run(tunnel, inner, frame_in, *self.scene.encap(tunnel.name, frame_in))

    def check_run(self, tunnel, inner, frame_in, verdict, out):
        """As check(), when it has been done."""
        what = f"{tunnel.name}, {len(inner)} bytes, TOS {inner[1]:#04x}, TTL {inner[8]}, " \
               f"frag_off {inner[6]:#04x}"
        expect(f"verdict for {what}", verdict, REDIRECT)
        # Whatever has no DF may be fragmented by somebody, who needs an identification.
        identification = 0
        if not tunnel.df and not inner[6] & 0x40:
            identification = struct.unpack("!H", out[18:20])[0]
            self.identifications.add(identification)
        want = encapsulated(tunnel, inner, source_of(tunnel), identification)
        expect_bytes(what, out[ETH_HLEN:], want)
        expect("outer checksum", checksum_right(out[ETH_HLEN:ETH_HLEN + 20]), True)
        self.check_link(what, out[:ETH_HLEN], frame_in[:ETH_HLEN])
        packets, octets = self.carried.get(tunnel.name, (0, 0))
        self.carried[tunnel.name] = packets + 1, octets + len(inner)

    def check_link(self, what, link, before):
        """The neighbour's address, or what was there when the neighbour code is to write it, which drops
        frames to a group: of those not the first byte.
        """
        if before[0] & 1:
            before = b"\0" + before[1:]
        if link == NEIGHBOUR + self.scene.mac + b"\x08\x00":
            self.links.add("written")
        elif link == before:
            self.links.add("left")
        else:
            raise Failure(f"Ethernet header of {what}: {link.hex(' ')}")

    def finish(self):
        want = {}
        for name, (packets, octets) in self.carried.items():
            want[name, "tx_packets"], want[name, "tx_bytes"] = packets, octets
        expect("counters", self.scene.counters(), want)


@test("encap/header")
def header(scene):
    """Every TOS, with and without inner DF, TTL and size in turn."""
    run = Encap(scene, TUNNELS)
    turn = itertools.cycle(itertools.product(TTLS, SIZES))
    for tos in few(range(256)):
        for tunnel, flags in itertools.product(TUNNELS, ("DF", 0)):
            ttl, size = next(turn)
            run.check(tunnel, ip(size, tos=tos, flags=flags, ttl=ttl))
    for tunnel, ttl, flags, tos in few(itertools.product(TUNNELS, TTLS, ("DF", 0),
                                                         (0, 1, 2, 3, 0xb8, 0xff))):
        run.check(tunnel, ip(100, tos=tos, flags=flags, ttl=ttl))
    run.finish()
    if len(run.identifications) < 10:
        raise Failure(f"identifications without DF: only {sorted(run.identifications)}")


@test("encap/sizes")
def sizes(scene):
    run = Encap(scene, TUNNELS[:1])
    for size in few(range(20, MTU - 20 + 1)) + [20, MTU - 20]:
        run.check(TUNNELS[0], ip(size))
    run.finish()


@test("encap/inner_kinds")
def inner_kinds(scene):
    """The inner packet is whatever it is: options, fragments, wrong checksums, no own length."""
    run = Encap(scene, TUNNELS[:1])
    for inner in (ip(proto=6), ip(proto=1), ip(proto=4, payload=ip()), ip(proto=47),
                  ip(frag=100), ip(flags="MF"), ip(flags="MF", frag=7), ip(flags="evil"),
                  ip(options=b"\1\1\1\0"), ip(options=b"\x07\x27\4" + bytes(36) + b"\1"),
                  ip(chksum=0x1234), ip(len=20), ip(len=0xffff), ip(ihl=15), ip(ihl=0),
                  ip(ttl=0), ip(dst="224.0.0.5"), ip(dst="255.255.255.255"), ip(src="0.0.0.0"),
                  bytes(ip(20))):
        run.check(TUNNELS[0], inner)
    run.check(TUNNELS[0], ip(), frame(ip(), dst=b"\xff" * 6))
    run.finish()


@test("encap/link_header")
def link_header(scene):
    """Both ways to the next hop: by the neighbour code, and by the address remembered from it."""
    run = Encap(scene, TUNNELS[:1])
    inner = ip()
    end = time.monotonic() + 20
    while run.links != {"written", "left"}:
        # It is remembered for one tick: in a row, without looking at what comes out.
        done = [scene.encap(TUNNELS[0].name, frame(inner)) for _ in range(8)]
        for verdict, out in done:
            run.check_run(TUNNELS[0], inner, frame(inner), verdict, out)
        if time.monotonic() > end:
            raise Failure(f"the Ethernet header was only ever {run.links}")
        time.sleep(0.02)
    run.finish()


@test("encap/unresolved")
def unresolved(scene):
    """Where nobody knows the neighbour, its code is asked with every packet."""
    tunnel = Tunnel("tun1", "10.1.2.77", "10.1.2.5")
    run = Encap(scene, [tunnel])
    for _ in range(times(100)):
        run.check(tunnel, ip())
    expect("Ethernet header", run.links, {"left"})
    run.finish()


@test("encap/other_dev")
def other_dev(scene):
    """`dev` decides, also where the routes say something else."""
    tunnel = Tunnel("tun1", REMOTES[0], LOCAL, more="dev eth1")
    run = Encap(scene, [tunnel])
    for _ in range(times(100)):
        run.check(tunnel, ip())
    expect("Ethernet header", run.links, {"left"})
    run.finish()


def too_big(scene, frame_in, verdict, error=None, **how):
    got, out = scene.encap("tun1", frame_in, **how)
    expect("verdict", got, verdict)
    if error:
        expect_bytes("ICMP error", out, error)
    expect("counted", scene.counted(), {("tun1", "too_big"): 1})


@test("encap/too_big")
def too_big_answers(scene):
    """Who set DF is told what fits; errors, fragments and groups are not answered."""
    scene.configure(Tunnel("tun1", REMOTES[0], LOCAL).command())
    most = MTU - 20
    for size in (most + 1, most + 100, 3000):
        for inner in (ip(size, flags="DF", tos=0x13), ip(size, flags="DF", proto=6),
                      ip(flags="DF", proto=1, payload=b"\x08\0" + pattern(size))):
            too_big(scene, frame(inner), REDIRECT, too_big_error(inner, most, mac("tun1")))
        for inner in (ip(size), ip(size, flags="DF", frag=10), ip(size, flags="DF", src="0.0.0.0"),
                      ip(size, flags="DF", src="224.0.0.1"),
                      ip(size, flags="DF", src="255.255.255.255"),
                      ip(flags="DF", proto=1, payload=b"\x03\1" + pattern(size))):
            too_big(scene, frame(inner), DROP)


@test("encap/too_big_segments")
def too_big_segments(scene):
    """A packet of many segments is as large as one of them.

    Test runs cannot say how to segment, so what fits is refused by the kernel later on."""
    scene.configure(Tunnel("tun1", REMOTES[0], LOCAL).command())
    for proto, l4_header, hlen in ((6, 20, 20), (6, 32, 20), (6, 60, 20), (17, 8, 20)):
        payload = bytearray(pattern(3000))
        payload[12] = l4_header // 4 << 4
        inner = ip(proto=proto, payload=bytes(payload))
        room = MTU - 20 - hlen - l4_header
        too_big(scene, frame(inner), DROP, gso_size=room + 1)
        expect("verdict", scene.encap("tun1", frame(inner), gso_size=room)[0], DROP)
        expect("counted", scene.counted(), {("tun1", "push_failed"): 1})


# ---- path MTU -----------------------------------------------------------------------------------

def reported(scene, quoted, mtu, **fields):
    """A router says that @quoted was too big for it; the report goes up the stack as it is."""
    message = icmp_error(fields.pop("type", 3), fields.pop("code", 4), mtu, quoted)
    report = frame(ip(**{"src": "10.1.1.1", "dst": LOCAL, "proto": 1, "payload": message,
                         **fields}), dst=scene.mac)
    verdict, out = scene.decap(report)
    expect("verdict for the report", verdict, NEXT)
    expect_bytes("the report", out, report)
    time.sleep(0.02)  # what was remembered of the route is good for one tick


def expect_limit(scene, tunnel, mtu):
    """Outer packets of @mtu bytes fit, one more does not."""
    for size, fits in ((mtu - 20, True), (mtu - 19, False)):
        inner = ip(size, flags="DF")
        verdict, out = scene.encap(tunnel.name, frame(inner))
        expect(f"verdict for {size} bytes", verdict, REDIRECT)
        if fits:
            expect_bytes("outer packet", out[ETH_HLEN:], encapsulated(tunnel, inner, LOCAL, 0))
        else:
            expect_bytes("ICMP error", out, too_big_error(inner, mtu - 20, mac(tunnel.name)))


@test("encap/path_mtu")
def path_mtu(scene):
    """What a router reported about the path, RFC 1191; nothing below the kernel's least."""
    tunnel = Tunnel("tun1", REMOTES[0], LOCAL)
    scene.configure(tunnel.command())
    ours = encapsulated(tunnel, ip(100), LOCAL, 0)
    for told, mtu in ((1400, 1400), (1000, 1000), (100, 552), (1400, 1400), (9000, MTU)):
        reported(scene, ours[:28], told)
        expect_limit(scene, tunnel, mtu)


@test("encap/path_mtu_local_any")
def path_mtu_local_any(scene):
    tunnel = Tunnel("tun1", REMOTES[0])
    scene.configure(tunnel.command())
    reported(scene, encapsulated(tunnel, ip(100), LOCAL, 0)[:28], 1300)
    expect_limit(scene, tunnel, 1300)


@test("encap/path_mtu_others")
def path_mtu_others(scene):
    """Reports about packets that no tunnel sent, and errors that are none about size."""
    tunnel = Tunnel("tun1", REMOTES[0], LOCAL)
    scene.configure(tunnel.command())
    ours = encapsulated(tunnel, ip(100), LOCAL, 0)
    for quoted, mtu, fields in (
            (ours[:28], 0, {}), (ours[:28], 1000, {"code": 3}), (ours[:28], 1000, {"type": 11}),
            (ours[:28], 1000, {"frag": 8}), (ours[:19], 1000, {}),
            (ip(src=LOCAL, dst=REMOTES[0])[:28], 1000, {}),
            (ip(src=LOCAL, dst=REMOTES[1], proto=4)[:28], 1000, {}),
            (ip(src=LOCAL2, dst=REMOTES[0], proto=4)[:28], 1000, {}),
            (ip(src=REMOTES[0], dst=LOCAL, proto=4)[:28], 1000, {})):
        reported(scene, quoted, mtu, **fields)
        shown = json.loads(command(XTUN, "-j", "-d", "tunnel", "show"))[0]
        expect(f"path MTU after {quoted.hex()} {mtu} {fields}", shown.get("pathmtu"), None)
    expect_limit(scene, tunnel, MTU)


@test("encap/other_dev_mtu")
def other_dev_mtu(scene):
    """Where `dev` is not what the routes say, neither the device's MTU nor a report is lost."""
    tunnel = Tunnel("tun1", REMOTES[0], LOCAL, more="dev eth1")
    scene.configure(tunnel.command())
    expect_limit(scene, tunnel, MTU)
    reported(scene, encapsulated(tunnel, ip(100), LOCAL, 0)[:28], 1000)
    expect_limit(scene, tunnel, 1000)
