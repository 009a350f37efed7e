# SPDX-License-Identifier: GPL-2.0
"""Decapsulation: exact bytes, and whose packet it is."""

import itertools

from harness import QUICK, expect, expect_bytes, few, test
from oracle import ECN_INSIDE, IPIP, NOP, OPTIONS, Tunnel, encapsulated, frame, ip, pattern
from scene import (DEV, DROP, LOCAL, LOCAL2, NEIGHBOUR, NEXT, REDIRECT, REMOTES, XTUN, command,
                   mac)

TUNNEL = Tunnel("tun1", REMOTES[0], LOCAL)

def outer(inner, tunnel=TUNNEL, **fields):
    """A packet from the tunnel's remote to us."""
    return ip(payload=inner, **{"src": tunnel.remote, "dst": tunnel.local, "proto": IPIP,
                                "ttl": 64, **fields})


class Decap:
    def __init__(self, scene, *tunnels):
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        self.scene = scene
        self.carried = {}
        self.macs = {tunnel.name: mac(tunnel.name) for tunnel in tunnels}

    def check(self, what, packet, inner, tunnel=TUNNEL, padding=b"", counted=None):
        """@packet is taken by @tunnel, and @inner comes out, @padding behind it."""
        verdict, out = self.scene.decap(frame(packet + padding, self.scene.mac, NEIGHBOUR))
        expect("verdict for " + what, verdict, REDIRECT)
        expect_bytes(what, out, self.macs[tunnel.name] + NEIGHBOUR + b"\x08\x00" + inner + padding)
        packets, octets = self.carried.get(tunnel.name, (0, 0))
        self.carried[tunnel.name] = packets + 1, octets + (counted or len(inner))

    def finish(self):
        want = {}
        for name, (packets, octets) in self.carried.items():
            want[name, "rx_packets"], want[name, "rx_bytes"] = packets, octets
        expect("counters", self.scene.counters(), want)


@test("decap/header")
def header(scene):
    """Nothing of the outer header but its ECN field gets inside."""
    run = Decap(scene, TUNNEL)
    for tos, ttl, flags, ident in few(itertools.product(
            range(0, 256, 4), (0, 1, 64, 255), (0, "DF", "evil"), (0, 0xffff)), share=80):
        inner = ip(ttl=ttl, flags="DF", tos=tos ^ 0xfc)
        run.check(f"outer TOS {tos:#04x}, TTL {ttl}, flags {flags}",
                  outer(inner, tos=tos, ttl=ttl, flags=flags, id=ident), inner)
    run.finish()


@test("decap/sizes")
def sizes(scene):
    run = Decap(scene, TUNNEL)
    for size in few(range(20, 1481)) + [20, 1480, 3000]:
        inner = ip(size)
        run.check(f"{size} bytes", outer(inner), inner)
    run.finish()


@test("decap/ecn")
def ecn(scene):
    """RFC 6040 figure 4 under every inner TOS; what may not be lost is dropped."""
    run = Decap(scene, TUNNEL)
    dropped = 0
    for tos, mark in itertools.product(few(range(256)), range(4)):
        what = f"inner TOS {tos:#04x}, outer ECN {mark}"
        inside = ECN_INSIDE[tos & 3][mark]
        packet = outer(ip(tos=tos, id=tos), tos=mark | 0xb8)
        if inside is not None:
            run.check(what, packet, ip(tos=tos & ~3 | inside, id=tos))
            continue
        expect("verdict for " + what, scene.decap(frame(packet, scene.mac))[0], DROP)
        dropped += 1
    expect("drops", scene.counters().get(("tun1", "ecn")), dropped)


@test("decap/ecn_checksum")
def ecn_checksum(scene):
    """The inner checksum stays right whatever it was: all 65536 sums, and both zeros."""
    run = Decap(scene, TUNNEL)
    for ident in few(range(0, 65536, 61)):
        run.check(f"identification {ident}", outer(ip(tos=1, id=ident), tos=3),
                  ip(tos=3, id=ident))
    run.finish()


@test("decap/options")
def options(scene):
    run = Decap(scene, TUNNEL)
    for bytes_, size in itertools.product(OPTIONS, (20, 21, 60, 100, 1000)):
        inner = ip(size)
        run.check(f"options {bytes_.hex()}, {size} bytes", outer(inner, options=bytes_), inner)
    run.finish()


@test("decap/padding")
def padding(scene):
    """What the link added behind the packet does not count; the stack cuts it off."""
    run = Decap(scene, TUNNEL)
    for size, more in itertools.product((20, 26, 60, 1000), few(range(1, 47))):
        inner = ip(size)
        run.check(f"{size} bytes and {more} of padding", outer(inner), inner,
                  padding=pattern(more))
    inner = ip(60)
    # Bytes behind the inner packet that belong to the outer one.
    run.check("a trailer", outer(inner + b"trailer"), inner + b"trailer")
    run.finish()


@test("decap/inner_kinds")
def inner_kinds(scene):
    run = Decap(scene, TUNNEL)
    for inner in (ip(proto=6), ip(proto=1), ip(proto=4, payload=ip()), ip(frag=100),
                  ip(flags="MF"), ip(flags="evil"), ip(options=NOP * 40), ip(chksum=0x1234),
                  ip(len=20), ip(len=0), ip(ihl=15), ip(ihl=0), ip(ttl=0), ip(dst=LOCAL),
                  ip(src=LOCAL), ip(dst="255.255.255.255")):
        run.check(inner[:20].hex(), outer(inner), inner)
    run.finish()


@test("decap/encap")
def of_encap(scene):
    """What our own encapsulation makes, turned round."""
    there = Tunnel("there", REMOTES[1], LOCAL2, df=False, inherit=True)
    back = Tunnel("back", LOCAL2, REMOTES[1])
    run = Decap(scene, there, back)
    for tos, size in itertools.product(few(range(256)), (20, 500, 1480)):
        inner = ip(size, tos=tos)
        verdict, out = scene.encap("there", frame(inner))
        expect("verdict", verdict, REDIRECT)
        expect_bytes("outer packet", out[14:18] + out[20:24],
                     (want := encapsulated(there, inner, LOCAL2, 0))[:4] + want[6:10])
        run.check(f"TOS {tos:#04x}", out[14:], inner, back)


# ---- not ours -----------------------------------------------------------------------------------

def untouched(scene, what, data, **how):
    verdict, out = scene.decap(data, **how)
    expect("verdict for " + what, verdict, NEXT)
    expect_bytes(what, out, data)


@test("decap/not_ours")
def not_ours(scene):
    scene.configure(TUNNEL.command())
    inner, us = ip(), scene.mac
    for proto in set(range(256)) - {IPIP}:
        untouched(scene, f"protocol {proto}", frame(outer(inner, proto=proto), us))
    for fields in ({"flags": "MF"}, {"frag": 1}, {"frag": 100}, {"flags": "MF", "frag": 8},
                   {"frag": 0x1fff}):
        untouched(scene, f"fragment {fields}", frame(outer(inner, **fields), us))
    for version in set(range(16)) - {4}:
        untouched(scene, f"IP version {version}", frame(outer(inner, version=version), us))
    for ihl in range(5):
        untouched(scene, f"header length {ihl}", frame(outer(inner, ihl=ihl), us))
    untouched(scene, "another destination", frame(outer(inner, dst=LOCAL2), us))
    untouched(scene, "a destination elsewhere", frame(outer(inner, dst="192.0.2.1"), us))
    untouched(scene, "no addresses", frame(outer(inner, src="0.0.0.0", dst="0.0.0.0"), us))
    untouched(scene, "both turned round", frame(outer(inner, src=LOCAL, dst=REMOTES[0]), us))
    expect("counters", scene.counters(), {})


@test("decap/other_frames")
def other_frames(scene):
    """Frames of other protocols, of every length from the header on, and for other stations."""
    scene.configure(TUNNEL.command())
    packet, us = outer(ip()), scene.mac
    for eth_proto in (0x0806, 0x86dd, 0x8847, 0x88cc, 0x8863, 0x8100, 0x88a8, 0x0805, 0x0801,
                      0x05dc, 0x0026, 0, 0xffff):
        for size in few(range(1, 61)) + [len(packet)]:
            data = frame(packet[:size], us, eth_proto=eth_proto)
            # Test runs take no IPv6 packet that is shorter than its header.
            if eth_proto != 0x86dd or size >= 40:
                untouched(scene, f"{size} bytes of ethertype {eth_proto:#06x}", data)
    tagged = us + NEIGHBOUR + b"\x81\0\0\5\x08\0" + packet
    untouched(scene, "a frame with a VLAN tag", tagged)
    for station in (b"\2\0\0\0\0\x63", b"\xff" * 6, b"\1\0\x5e\0\0\1", mac("eth1")):
        untouched(scene, f"a frame for {station.hex(':')}", frame(packet, station))
    expect("counters", scene.counters(), {})


# ---- look-up order ------------------------------------------------------------------------------

def taken_by(scene, remote, local=LOCAL):
    """The tunnel that counted the packet and as what: `tun1 rx`, `tun1 ecn`; or `nobody`."""
    data = frame(ip(src=remote, dst=local, proto=IPIP, payload=ip(20)), scene.mac)
    verdict, out = scene.decap(data)
    counted = scene.counted()
    names = {name for name, _ in counted}
    if verdict == NEXT:
        expect_bytes("untouched", out, data)
        expect("counted", counted, {})
        return "nobody"
    expect("tunnels that counted", len(names), 1)
    name = names.pop()
    if verdict == REDIRECT:
        expect("counted", counted, {(name, "rx_packets"): 1, (name, "rx_bytes"): 20})
        expect("station", out[:6], mac(name))
        return name + " rx"
    expect("verdict", verdict, DROP)
    expect("how many were counted", list(counted.values()), [1])
    return f"{name} {next(iter(counted))[1]}"


BOTH = Tunnel("both", REMOTES[0], LOCAL)
REMOTE = Tunnel("remote", REMOTES[0])
LOCAL_ONLY = Tunnel("local", local=LOCAL)
KEY = Tunnel("key")
BOTH2 = Tunnel("both2", REMOTES[1], LOCAL2)

# Tunnels that exist; then who takes packets from the first remote, the second and a stranger to
# the first local address, and from these to the second.
LOOKUPS = [
    ((BOTH, REMOTE, LOCAL_ONLY, KEY),
     ("both rx", "local rx", "local rx", "remote rx", "key rx", "key rx")),
    ((KEY, LOCAL_ONLY, REMOTE, BOTH),
     ("both rx", "local rx", "local rx", "remote rx", "key rx", "key rx")),
    ((REMOTE, LOCAL_ONLY, KEY),
     ("remote rx", "local rx", "local rx", "remote rx", "key rx", "key rx")),
    ((LOCAL_ONLY, KEY),
     ("local rx", "local rx", "local rx", "key rx", "key rx", "key rx")),
    ((KEY,), ("key rx",) * 6),
    ((LOCAL_ONLY,), ("local rx",) * 3 + ("nobody",) * 3),
    ((REMOTE,), ("remote rx", "nobody", "nobody") * 2),
    ((BOTH,), ("both rx", "both wrong_remote", "both wrong_remote") + ("nobody",) * 3),
    ((BOTH, REMOTE),
     ("both rx", "both wrong_remote", "both wrong_remote", "remote rx", "nobody", "nobody")),
    ((BOTH, KEY), ("both rx", "key rx", "key rx", "key rx", "key rx", "key rx")),
    ((BOTH, LOCAL_ONLY), ("both rx", "local rx", "local rx") + ("nobody",) * 3),
    ((BOTH, BOTH2),
     ("both rx", "both wrong_remote", "both wrong_remote",
      "both2 wrong_remote", "both2 rx", "both2 wrong_remote")),
    ((BOTH2, REMOTE),
     ("remote rx", "nobody", "nobody", "remote rx", "both2 rx", "both2 wrong_remote")),
]


@test("decap/lookup")
def lookup(scene):
    for tunnels, want in few(LOOKUPS):
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        got = tuple(taken_by(scene, remote, local) for local in (LOCAL, LOCAL2)
                    for remote in (REMOTES[0], REMOTES[1], "192.0.2.9"))
        expect("with " + " ".join(tunnel.name for tunnel in tunnels), got, want)


def carry_each(scene, tunnels):
    """A packet for each of @tunnels is counted there and nowhere else."""
    want = {}
    for tunnel in tunnels:
        verdict, out = scene.decap(frame(outer(ip(20), tunnel), scene.mac))
        expect(f"verdict for {tunnel.name}", verdict, REDIRECT)
        expect(f"station of {tunnel.name}", out[:6], mac(tunnel.name))
        want[tunnel.name, "rx_packets"], want[tunnel.name, "rx_bytes"] = 1, 20
    expect("counted", scene.counted(), want)


@test("decap/lookup_many")
def lookup_many(scene):
    """Tunnels by the hundred: each takes its own, also when others have come and gone."""
    tunnels = [Tunnel(f"t{n}", f"10.{n % 7}.{n}.{n * 7 % 256}", LOCAL if n % 3 else LOCAL2)
               for n in range(1, 31 if QUICK else 151)]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    carry_each(scene, tunnels)
    gone, left = tunnels[::2], tunnels[1::2]
    command(XTUN, "-b", "-", text="".join(f"tunnel del {tunnel.name}\n" for tunnel in gone))
    carry_each(scene, left)
    for tunnel in gone:
        verdict, _ = scene.decap(frame(outer(ip(20), tunnel), scene.mac))
        expect(f"verdict for the remote of {tunnel.name}", verdict, DROP)
    counted = scene.counted()
    expect("counted as", {name for _, name in counted}, {"wrong_remote"})
    expect("counted", sum(counted.values()), len(gone))
    command(XTUN, "-b", "-", text="".join(tunnel.command() + "\n" for tunnel in gone[::-1]))
    carry_each(scene, tunnels)


@test("decap/lookup_steps")
def lookup_steps(scene):
    """One configuration, from which the tunnels go one by one."""
    scene.configure(*(tunnel.command() for tunnel in (BOTH, REMOTE, LOCAL_ONLY, KEY)))
    for name in ("both", "remote", "local", "key"):
        expect("taken by", taken_by(scene, REMOTES[0]), name + " rx")
        if name != "key":
            command(XTUN, "tunnel", "del", name)


@test("decap/not_local")
def not_local(scene):
    """A router with a tunnel of local any leaves alone what it forwards."""
    command("ip", "route", "replace", "203.0.113.0/24", "via", REMOTES[3], "dev", DEV)
    try:
        for tunnel in (REMOTE, KEY):
            scene.configure(tunnel.command())
            expect("taken by", taken_by(scene, REMOTES[0], "203.0.113.9"), "nobody")
            expect("taken by", taken_by(scene, REMOTES[0], LOCAL2), tunnel.name + " rx")
    finally:
        command("ip", "route", "del", "203.0.113.0/24")
