# SPDX-License-Identifier: GPL-2.0
"""Thousands of damaged packets: each is left alone, carried right, or dropped and counted."""

import itertools
import random
import struct

from damage import PACKETS, Batch, damaged
from harness import Failure, few, test, times
from oracle import (ETH_HLEN, IPIP, OPTIONS, Tunnel, checksum_mend, decapsulated, encapsulated,
                    frame, icmp_answers, ip, outer_faults, too_big_error)
from plan import Plan
from scene import DROP, LOCAL, LOCAL2, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, mac

SEED = 20

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


# ---- frames -------------------------------------------------------------------------------------

def outer_packets(us):
    """Whole packets to begin with."""
    inners = (ip(20), ip(), ip(500), ip(options=b"\1" * 8), ip(tos=1), ip(tos=2), ip(tos=3),
              ip(payload=ip(), proto=4))
    cases = itertools.product(TUNNELS, inners, (b"", b"", b"", *OPTIONS[:8]), (0, 1, 2, 3))
    for tunnel, inner, options, tos in few(cases, least=60):
        remote = REMOTES[2] if tunnel.remote == "any" else tunnel.remote
        yield frame(ip(src=remote, dst=tunnel.local, proto=IPIP, tos=tos, options=options,
                       payload=inner), us, NEIGHBOUR)


def inner_packets():
    for size in (20, 40, 576, 1479, 1480, 1481, 1500, 3000):
        for fields in ({}, {"flags": "DF"}, {"proto": 6, "flags": "DF"}, {"tos": 3},
                       {"proto": 1, "flags": "DF"}):
            yield frame(ip(size, **fields))


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
    scene.pieces_wanted()
    macs = {tunnel.name: mac(tunnel.name) for tunnel in TUNNELS}
    rng, whole, batch = random.Random(SEED), list(outer_packets(scene.mac)), Batch(scene, "rx")
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
