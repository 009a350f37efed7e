# SPDX-License-Identifier: GPL-2.0
"""XDP and tc agree: what XDP takes out of a tunnel is what tc would have made of the frame, byte by
byte, for the same anchor; all else it leaves untouched."""

import glob
import itertools
import random
import struct
from collections import Counter

from arrivals import PORTS, from_remote, port_commands
from damage import DAMAGE, PACKETS, damaged
from harness import Failure, expect, expect_bytes, test, times
from kernel import XDP, Program
from modes import MODES, ModeTunnel, inner_of
from oracle import frame
from scene import (DEV, LOCAL, LOCAL6, NEIGHBOUR, REDIRECT, REMOTES, REMOTES6, ifindex, mac)
from test_hostile_modes import (GRE, IPV4, IPV6, damage_gre, damage_gue, damage_ipv6, damage_udp,
                                whole_frames)
from test_taps import OTHERS
from test_vxlan import Wrapped, arrived

SEED = 5
PASS = 2
MAGIC = 0x7874756e
# What the verifier may walk, as in test_load.
BUDGET = {"xdp": 100000, "xdp_frags": 100000}


class Both:
    """Runs frames at both hooks, and compares."""

    def __init__(self, scene, tunnels):
        scene.configure(*port_commands(PORTS), *(tunnel.command() for tunnel in tunnels),
                        f"attach {DEV} xdp")
        self.scene, self.taken, self.seen = scene, Counter(), Counter()
        self.anchors = {ifindex(tunnel.name): tunnel.name for tunnel in tunnels}
        self.macs = {mac(tunnel.name): tunnel.name for tunnel in tunnels}
        path, = glob.glob("/sys/fs/bpf/xtun/*/xdp_frags")
        self.xdp, self.ifindex = Program(path), ifindex(DEV)

    def run(self, data):
        """Returns the tunnel that XDP gave the frame to, None: it is the stack's."""
        tc, tc_out = self.scene.decap(data)
        verdict, note, out = self.xdp.run_xdp(data, self.ifindex)
        what = f"{data[:100].hex(' ')} ({len(data)} bytes)"
        expect("verdict of XDP for " + what, verdict, PASS)
        self.seen[tc] += 1
        if not note:
            expect_bytes("passed up: " + what, out, data)
            return None
        magic, _, device, flags, address = struct.unpack("=IIII6s2x", note)
        expect("magic for " + what, magic, MAGIC)
        expect("verdict of tc for " + what, tc, REDIRECT)
        expect_bytes(what, out, tc_out)
        expect("flags of the redirect for " + what, flags, 1)
        name = self.anchors.get(device)
        expect("anchor for " + what, (name, self.macs.get(address)),
               (self.macs[out[:6]], self.macs[out[:6]]))
        self.taken[name] += 1
        return name

    def finish(self, carried):
        """@carried: of what both hooks carried, all packets at tc, and those that XDP took again."""
        counted = self.scene.counted()
        got = sum(value for (_, name), value in counted.items() if name == "rx_packets")
        expect("rx_packets", got, carried + sum(self.taken.values()))
        self.xdp.close()


def compared(scene, tunnels, wraps, damages):
    """Frames with all sorts of damage."""
    both = Both(scene, tunnels)
    rng, whole = random.Random(SEED), list(whole_frames(tunnels, wraps, scene.mac))
    refused = 0
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole, DAMAGE + damages)
        try:
            both.run(data)
        except OSError:
            refused += 1  # too short for a test run on this kernel
    if refused > times(PACKETS) // 4:
        raise Failure(f"the kernel ran only {times(PACKETS) - refused} of the frames")
    taken = sum(both.taken.values())
    if wraps == ("",) and taken < times(PACKETS) // 100:
        raise Failure(f"XDP took only {taken} frames")
    both.finish(both.seen[REDIRECT])
    return [f"{sum(both.seen.values())} frames: tc carries {both.seen[REDIRECT]}, "
            f"XDP {taken} of them"]


@test("xdp/gre")
def gre(scene):
    return compared(scene, GRE, ("",), [damage_gre, damage_gre])


@test("xdp/ipv4")
def ipv4(scene):
    return compared(scene, IPV4, ("",), [damage_gre])


@test("xdp/ipv6")
def ipv6(scene):
    return compared(scene, IPV6, ("",), [damage_ipv6, damage_ipv6, damage_gre])


@test("xdp/wraps")
def wraps(scene):
    return compared(scene, IPV4, ("fou", "gue"), [damage_udp, damage_gue])


@test("xdp/ipv6_wraps")
def ipv6_wraps(scene):
    return compared(scene, IPV6, ("fou", "gue"), [damage_ipv6, damage_udp])


@test("xdp/forms")
def forms(scene):
    """What XDP must take: whole packets of every size, with and without padding, to the device. Each
    tunnel has a remote of its own, and so its slot (include/tunnel.h)."""
    modes = [("ipip", {}), ("sit", {}), ("gre", {}), ("gre", {"ikey": 7, "okey": 7}),
             ("ip6ip6", {}), ("ipip6", {}), ("ipip6", {"limit": None}), ("ip6gre", {}),
             ("ip6gre", {"ikey": 9, "okey": 9}), ("sit-any", {}), ("ip6tnl", {})]
    tunnels = [ModeTunnel(f"t{i}", REMOTES[i] if MODES[mode][0] == 4 else REMOTES6[i],
                          LOCAL if MODES[mode][0] == 4 else LOCAL6, mode=mode, **more)
               for i, (mode, more) in enumerate(modes)]
    both, count = Both(scene, tunnels), 0
    for tunnel, kind, size, padding, wrap in itertools.product(
            tunnels, "46", (40, 41, 64, 577, 1400), (0, 6), ("", "fou", "gue")):
        if kind not in tunnel.kinds:
            continue
        packet = from_remote(tunnel, kind, inner_of(kind, size), wrap) + bytes(padding)
        proto = 0x0800 if tunnel.family == 4 else 0x86dd
        data = frame(packet, scene.mac, NEIGHBOUR, proto)
        expect("who takes " + data[:80].hex(" "), both.run(data), tunnel.name)
        count += 1
        # To somebody else, who may hear it because the device listens to all.
        for other in (NEIGHBOUR, b"\xff" * 6, b"\1\0\x5e\0\0\1"):
            verdict, note, out = both.xdp.run_xdp(frame(packet, other, NEIGHBOUR, proto),
                                                  both.ifindex)
            expect("what becomes of another's frame", (verdict, note), (PASS, b""))
            expect_bytes("another's frame", out, frame(packet, other, NEIGHBOUR, proto))
    both.finish(count)


@test("xdp/unknown_device")
def unknown_device(scene):
    """A device that XDP was not told of: another one whose place in the map is the same."""
    tunnel = ModeTunnel("sit", REMOTES[0], LOCAL, mode="sit-any")
    both = Both(scene, [tunnel])
    data = frame(from_remote(tunnel, "4", inner_of("4", 100)), scene.mac, NEIGHBOUR)
    expect("verdict without a device", both.xdp.run_xdp(data, 0)[:2], (PASS, b""))
    both.finish(0)


@test("xdp/budget")
def budget(scene):
    both = Both(scene, [ModeTunnel("sit", REMOTES[0], LOCAL, mode="sit-any")])
    info = both.xdp.info()
    both.finish(0)
    expect("type", info.type, XDP)
    expect("name", info.name.decode(), "xtun_xdp_frags")
    if info.verified_insns > BUDGET["xdp_frags"]:
        raise Failure(f"the verifier walked {info.verified_insns} instructions; "
                      f"budget {BUDGET['xdp_frags']}")
    return [f"{info.verified_insns} instructions verified, budget {BUDGET['xdp_frags']}"]


@test("xdp/frames")
def frames(scene):
    """VXLAN and GENEVE are left to tc, which takes them."""
    tunnels = [Wrapped("x"), Wrapped("g", "geneve", dport=6081)]
    both = Both(scene, tunnels)
    for tunnel, csum, data in itertools.product(tunnels, (False, True), OTHERS.values()):
        expect("who gets it", both.run(frame(arrived(tunnel, data, csum=csum), scene.mac, NEIGHBOUR)),
               None)
    expect("verdicts of tc", both.seen, {REDIRECT: 4 * len(OTHERS)})
    both.finish(4 * len(OTHERS))
