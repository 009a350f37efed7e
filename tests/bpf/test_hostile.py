# SPDX-License-Identifier: GPL-2.0
"""Thousands of damaged packets: each is left alone, carried right, or dropped and counted."""

import random
import struct
from collections import Counter

from harness import Failure, Skip, expect, expect_bytes, test, times
from oracle import (ETH_HLEN, IPIP, OPTIONS, Tunnel, checksum_mend, decapsulated, encapsulated,
                    frame, ip, outer_faults, too_big_error)
from scene import DROP, LOCAL, LOCAL2, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, mac

SEED = 20
PACKETS = 6000
BATCH = 100  # packets between two looks at the counters

TUNNELS = [
    Tunnel("tun1", REMOTES[0], LOCAL),
    Tunnel("tun2", REMOTES[1], LOCAL),
    Tunnel("any2", local=LOCAL2),
]
# (remote, local): tunnel; None as remote: whoever else
ENDS = {(REMOTES[0], LOCAL): "tun1", (REMOTES[1], LOCAL): "tun2", (None, LOCAL2): "any2"}
CLAIMED = {LOCAL: "tun1"}


def address(packet, at):
    return ".".join(map(str, packet[at:at + 4]))


class Plan:
    """What must become of a frame: `verdict`, and for its kind the rest."""

    def __init__(self, verdict, tunnel=None, reasons=frozenset(), out=None, size=0):
        self.verdict, self.tunnel, self.reasons = verdict, tunnel, reasons
        self.out, self.size = out, size


def plan_decap(data, us, macs):
    packet = data[ETH_HLEN:]
    if data[:6] != us or data[12:14] != b"\x08\x00" or len(packet) < 20 or \
            packet[0] >> 4 != 4 or packet[0] & 15 < 5 or packet[9] != IPIP or \
            packet[6] & 0x3f or packet[7]:
        return Plan(NEXT, out=data)
    local, remote = address(packet, 16), address(packet, 12)
    tunnel = ENDS.get((remote, local)) or ENDS.get((None, local))
    if not tunnel:
        if local in CLAIMED:
            return Plan(DROP, CLAIMED[local], {"wrong_remote"})
        return Plan(NEXT, out=data)
    if remote == "0.0.0.0":
        return Plan(DROP, tunnel, {"wrong_remote"})
    faults, inner = outer_faults(packet)
    if faults:
        return Plan(DROP, tunnel, faults)
    size = struct.unpack("!H", packet[2:4])[0] - (packet[0] & 15) * 4
    return Plan(REDIRECT, tunnel, out=decapsulated(data, macs[tunnel], inner), size=size)


def icmp_answers(inner):
    """Whether a packet may be answered by an error, RFC 1122 section 3.2.2."""
    return inner[6] & 0x40 and inner[0] & 15 == 5 and not (inner[6] & 0x1f or inner[7]) and \
        not (inner[9] == 1 and inner[20] not in (0, 8)) and \
        inner[12:16] not in (bytes(4), b"\xff" * 4) and inner[12] >> 4 != 14


def plan_encap(data, tunnel, macs):
    inner = data[ETH_HLEN:]
    if data[12:14] != b"\x08\x00":
        return Plan(DROP, tunnel.name, {"inner_proto"})
    if len(inner) < 20:
        return Plan(DROP, tunnel.name, {"inner_length"})
    if inner[0] >> 4 != 4:
        return Plan(DROP, tunnel.name, {"inner_proto"})
    if len(inner) > MTU - 20:
        if icmp_answers(inner):
            return Plan(REDIRECT, tunnel.name, {"too_big"},
                        too_big_error(inner, MTU - 20, macs[tunnel.name]))
        return Plan(DROP, tunnel.name, {"too_big"})
    return Plan(REDIRECT, tunnel.name, out=encapsulated(tunnel, inner, LOCAL, 0), size=len(inner))


# ---- damage -------------------------------------------------------------------------------------

def damage_byte(rng, data):
    """A byte of the headers."""
    if data:
        data[rng.randrange(min(len(data), ETH_HLEN + 80))] = rng.randrange(256)


def damage_bit(rng, data):
    if data:
        data[rng.randrange(min(len(data), ETH_HLEN + 80))] ^= 1 << rng.randrange(8)


def damage_cut(rng, data):
    del data[rng.randrange(ETH_HLEN, len(data) + 1) if len(data) > ETH_HLEN else 0:]


def damage_grow(rng, data):
    data += rng.randbytes(rng.randrange(1, 64))


def damage_length(rng, data):
    """The outer or the inner total length, mostly by a little."""
    at = ETH_HLEN + 2 + rng.choice((0, 20, 24, 60))
    if len(data) >= at + 2:
        old = struct.unpack_from("!H", data, at)[0]
        new = rng.choice((old + 1, old - 1, old + rng.randrange(-64, 64), 0, 19, 20, 0xffff))
        struct.pack_into("!H", data, at, new & 0xffff)


def damage_ihl(rng, data):
    at = ETH_HLEN + rng.choice((0, 20))
    if len(data) > at:
        data[at] = data[at] & 0xf0 | rng.randrange(16)


def damage_options(rng, data):
    if len(data) > ETH_HLEN + 20:
        data[ETH_HLEN] = 0x40 | rng.randrange(6, 16)
        at = rng.randrange(ETH_HLEN + 20, min(len(data), ETH_HLEN + 60))
        data[at] = rng.choice((0, 1, 7, 68, 130, 131, 137, 148))


def damage_address(rng, data):
    if len(data) >= ETH_HLEN + 20:
        words = rng.choice((LOCAL, LOCAL2, *REMOTES[:4], "0.0.0.0", "224.0.0.1",
                            "255.255.255.255"))
        at = ETH_HLEN + rng.choice((12, 16))
        data[at:at + 4] = bytes(map(int, words.split(".")))


DAMAGE = [damage_byte, damage_byte, damage_bit, damage_bit, damage_cut, damage_grow,
          damage_length, damage_length, damage_ihl, damage_options, damage_address]


def outer_packets(us):
    """Whole packets to begin with."""
    for tunnel in TUNNELS:
        remote = REMOTES[2] if tunnel.remote == "any" else tunnel.remote
        for inner in (ip(20), ip(), ip(500), ip(options=b"\1" * 8), ip(tos=1), ip(tos=2),
                      ip(tos=3), ip(payload=ip(), proto=4)):
            for options in (b"", b"", b"", *OPTIONS[:8]):
                for tos in (0, 1, 2, 3):
                    yield frame(ip(src=remote, dst=tunnel.local, proto=IPIP, tos=tos,
                                   options=options, payload=inner), us, NEIGHBOUR)


def inner_packets():
    for size in (20, 40, 576, 1479, 1480, 1481, 1500, 3000):
        for fields in ({}, {"flags": "DF"}, {"proto": 6, "flags": "DF"}, {"tos": 3},
                       {"proto": 1, "flags": "DF"}):
            yield frame(ip(size, **fields))


def damaged(rng, whole):
    data = bytearray(rng.choice(whole))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 8))):
        rng.choice(DAMAGE)(rng, data)
    if rng.random() < 0.6 and len(data) > ETH_HLEN:
        data[ETH_HLEN:] = checksum_mend(bytes(data[ETH_HLEN:]))
    return bytes(data)


class Batch:
    """Compares what was counted with what was planned, for some packets at a time. A packet with
    several faults may be counted under any of them."""

    def __init__(self, scene, way):
        self.scene, self.way = scene, way
        self.outcomes = Counter()
        self.begin()

    def begin(self):
        self.exact, self.most, self.drops = Counter(), Counter(), Counter()
        self.frames = []

    def add(self, data, plan, verdict, out, how=""):
        what = f"{how}{plan.tunnel} {'/'.join(sorted(plan.reasons))} {data[:80].hex()}"
        expect(f"verdict for {what}", verdict, plan.verdict)
        if plan.out is not None:
            expect_bytes(what, out, plan.out)
        self.frames.append(data)
        for reason in plan.reasons:
            self.most[plan.tunnel, reason] += 1
        if plan.reasons:
            self.drops[plan.tunnel] += 1
        elif plan.tunnel:
            self.exact[plan.tunnel, self.way + "_packets"] += 1
            self.exact[plan.tunnel, self.way + "_bytes"] += plan.size
        self.outcomes[plan.verdict, len(plan.reasons)] += 1
        if len(self.frames) == BATCH:
            self.settle()

    def settle(self):
        counted = self.scene.counted()
        drops = Counter()
        for (tunnel, name), value in counted.items():
            if name.endswith(("_packets", "_bytes")):
                continue
            drops[tunnel] += value
            if value > self.most[tunnel, name]:
                self.fail(f"{tunnel} {name}: counted {value}, at most {self.most[tunnel, name]}")
        if drops != self.drops:
            self.fail(f"drops: counted {dict(drops)}, not {dict(self.drops)}")
        carried = {name: value for name, value in counted.items()
                   if name[1].endswith(("_packets", "_bytes"))}
        if carried != self.exact:
            self.fail(f"carried: counted {carried}, not {dict(self.exact)}")
        self.begin()

    def fail(self, what):
        raise Failure("\n".join([what, "by these frames:", *(f.hex() for f in self.frames)]))

    def finish(self, least):
        """Damage that only ever has one outcome proves nothing."""
        self.settle()
        for outcome in least:
            if self.outcomes[outcome] < times(PACKETS) // 100:
                raise Failure(f"too few packets with the outcome {outcome}: {self.outcomes}")
        return [", ".join(f"verdict {verdict} with {faults} faults: {count}"
                          for (verdict, faults), count in sorted(self.outcomes.items()))]


@test("hostile/decap")
def decap(scene):
    scene.configure(*(tunnel.command() for tunnel in TUNNELS))
    macs = {tunnel.name: mac(tunnel.name) for tunnel in TUNNELS}
    rng, whole, batch = random.Random(SEED), list(outer_packets(scene.mac)), Batch(scene, "rx")
    refused = 0
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole)
        try:
            verdict, out = scene.decap(data)
        except OSError:
            refused += 1  # too short for a test run on this kernel
            continue
        batch.add(data, plan_decap(data, scene.mac, macs), verdict, out)
    if refused > times(PACKETS) // 4:
        raise Failure(f"the kernel ran only {times(PACKETS) - refused} of the packets")
    return batch.finish([(NEXT, 0), (REDIRECT, 0), (DROP, 1), (DROP, 2)])


@test("hostile/decap_fragments")
def decap_fragments(scene):
    """The same with packets whose bytes do not lie in one piece, as many drivers deliver them."""
    scene.configure(*(tunnel.command() for tunnel in TUNNELS))
    macs = {tunnel.name: mac(tunnel.name) for tunnel in TUNNELS}
    rng, whole, batch = random.Random(SEED), list(outer_packets(scene.mac)), Batch(scene, "rx")
    try:
        scene.decap(whole[0], linear=34)
    except OSError as error:
        raise Skip("this kernel's test runs cannot make such packets") from error
    scene.counters()
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole)
        linear = rng.choice((14, 34, 54, 60, 64, 74, rng.randrange(14, 140)))
        try:
            verdict, out = scene.decap(data, linear=min(linear, len(data)))
        except OSError:
            continue
        batch.add(data, plan_decap(data, scene.mac, macs), verdict, out,
                  f"{min(linear, len(data))} of {len(data)} bytes linear: ")
    return batch.finish([(NEXT, 0), (REDIRECT, 0), (DROP, 1)])


@test("hostile/noise")
def noise(scene):
    """Frames to us of random bytes."""
    scene.configure(*(tunnel.command() for tunnel in TUNNELS))
    rng = random.Random(SEED)
    start = frame(ip(src=REMOTES[0], dst=LOCAL, proto=IPIP, payload=b""), scene.mac)
    macs = {tunnel.name: mac(tunnel.name) for tunnel in TUNNELS}
    batch = Batch(scene, "rx")
    for _ in range(times(PACKETS)):
        kept = rng.choice((14, 15, 34, 34))
        data = start[:kept] + rng.randbytes(rng.randrange(34, 200) - kept)
        if kept == 34:
            packet = bytearray(data[ETH_HLEN:])
            packet[2:4] = struct.pack("!H", rng.choice((len(packet), rng.randrange(65536))))
            data = data[:ETH_HLEN] + checksum_mend(bytes(packet))
        verdict, out = scene.decap(data)
        batch.add(data, plan_decap(data, scene.mac, macs), verdict, out)
    return batch.finish([(NEXT, 0), (DROP, 1)])


@test("hostile/encap")
def encap(scene):
    """The anchor gets whatever a host can send or forward."""
    scene.configure(*(tunnel.command() for tunnel in TUNNELS))
    macs = {tunnel.name: mac(tunnel.name) for tunnel in TUNNELS}
    rng, whole, batch = random.Random(SEED), list(inner_packets()), Batch(scene, "tx")
    for i in range(times(PACKETS)):
        data = damaged(rng, whole)
        tunnel = TUNNELS[i % 2]
        try:
            verdict, out = scene.encap(tunnel.name, data)
        except OSError:
            continue
        plan = plan_encap(data, tunnel, macs)
        if plan.verdict == REDIRECT and not plan.reasons:
            # Which of the two Ethernet headers it is depends on the clock; see test_encap.py.
            out = out[ETH_HLEN:]
        batch.add(data, plan, verdict, out)
    return batch.finish([(REDIRECT, 0), (REDIRECT, 1), (DROP, 1)])
