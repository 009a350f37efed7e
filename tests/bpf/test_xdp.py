# SPDX-License-Identifier: GPL-2.0
"""XDP and tc agree: what XDP takes out of a tunnel is what tc would have made of the frame, byte by
byte, for the same anchor; all else it leaves untouched."""

import glob
import itertools
import json
import random
import struct
from collections import Counter

from arrivals import PORTS, from_remote, port_commands
from damage import DAMAGE, PACKETS, damaged
from harness import Failure, expect, expect_bytes, few, test, times
from kernel import XDP, Program
from modes import MODES, ModeTunnel, inner_of
from oracle import ETH_HLEN, frame, pattern
from scene import (DEV, LOCAL, LOCAL6, MTU, NEIGHBOUR, REDIRECT, REMOTES, REMOTES6, XTUN,
                   command, ifindex, mac)
from test_hostile_modes import (GRE, IPV4, IPV6, damage_gre, damage_gue, damage_ipv6, damage_udp,
                                whole_frames)
from test_taps import OTHERS, bare, marked
from test_vxlan import NOTED, Wrapped, arrived, options_of

SEED = 5
PASS = 2
MAGIC = 0x7874756e
# Flags of the note: it has the frame's destination; the frame has a tag.
FRAME, TAGGED = 1 << 15, 1 << 14
# What the verifier may walk, as in test_load.
BUDGET = {"xdp": 100000, "xdp_frags": 100000}


class Both:
    """Runs frames at both hooks, and compares."""

    def __init__(self, scene, tunnels):
        scene.configure(*port_commands(PORTS), *(tunnel.command() for tunnel in tunnels),
                        f"attach {DEV} xdp")
        self.scene, self.taken, self.seen = scene, Counter(), Counter()
        self.bytes = Counter()
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
        name, whole = self.noted(note, out, what)
        expect("verdict of tc for " + what, tc, REDIRECT)
        expect_bytes(what, whole, tc_out)
        self.taken[name] += 1
        self.bytes[name] += len(out) - ETH_HLEN
        return name

    def noted(self, note, out, what):
        """The tunnel that a note names, and the frame as the program at tc gives it on."""
        magic, device, _, flags, address, dest = struct.unpack("=IIHH6s6s", note)
        expect("magic for " + what, magic, MAGIC)
        expect("flags of the redirect for " + what, flags & ~(FRAME | TAGGED), 1)
        expect("a tag in " + what, bool(flags & TAGGED), out[12:14] in (b"\x81\0", b"\x88\xa8"))
        name = self.anchors.get(device)
        # Nobody takes it for a frame to the device, or to all, before that program has seen it.
        expect("anchor for " + what, (name, self.macs.get(address)),
               (self.macs.get(out[:6]), self.macs.get(out[:6])))
        if flags & FRAME:
            expect("another destination", dest != address, True)
            return name, dest + out[6:]
        expect("destination", dest, bytes(6))
        return name, out

    def finish(self, carried):
        """@carried: of what both hooks carried, all packets at tc, and those that XDP took again."""
        counted = self.scene.counted()
        got = sum(value for (_, name), value in counted.items() if name == "rx_packets")
        expect("rx_packets", got, carried + sum(self.taken.values()))
        self.xdp.close()
        return counted


def compared(scene, tunnels, wraps, damages, whole=None):
    """Frames with all sorts of damage."""
    both = Both(scene, tunnels)
    whole = whole or list(whole_frames(tunnels, wraps, scene.mac))
    rng, refused = random.Random(SEED), 0
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
    for tunnel, kind, size, padding, (wrap, csum) in few(itertools.product(
            tunnels, "46", (40, 41, 64, 577, 1400), (0, 6),
            [("", False), *itertools.product(("fou", "gue"), (False, True))]), least=200):
        if kind not in tunnel.kinds:
            continue
        packet = from_remote(tunnel, kind, inner_of(kind, size), wrap, wrap_csum=csum) + bytes(padding)
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


# ---- frames --------------------------------------------------------------------------------------

# Tunnels whose frames XDP takes, each with a remote and so a slot of its own, and the wraps it takes
# them in; and those that are left to tc.
TAKEN = [(Wrapped("x"), ("",)), (Wrapped("any", remote="any", vni=6), ("",)),
         (Wrapped("g", "geneve", REMOTES[1], dport=6081, vni=0), ("",)),
         (Wrapped("x6", "vxlan", REMOTES6[4], LOCAL6, vni=5, more="udp6zerocsumrx"), ("",)),
         (Wrapped("any6", "vxlan", "any", LOCAL6, vni=6, more="udp6zerocsumrx"), ("",)),
         (Wrapped("g6", "geneve", REMOTES6[5], LOCAL6, dport=6081, vni=7, more="udp6zerocsumrx"),
          ("",)),
         (ModeTunnel("t", REMOTES[2], LOCAL, mode="gretap"), ("", "fou", "gue")),
         (ModeTunnel("k", REMOTES[3], LOCAL, mode="gretap", ikey=7, okey=7), ("", "fou", "gue")),
         (ModeTunnel("t6", REMOTES6[2], LOCAL6, mode="ip6gretap"), ("", "fou", "gue")),
         (ModeTunnel("k6", REMOTES6[3], LOCAL6, mode="ip6gretap", ikey=7, okey=7, limit=None),
          ("", "fou", "gue"))]
LEFT = [ModeTunnel("c", REMOTES[5], LOCAL, mode="gretap", icsum=True),
        ModeTunnel("c6", REMOTES6[6], LOCAL6, mode="ip6gretap", icsum=True)]


def kinds_of_frames(anchor=None):
    """Name, frame: with IP of several sizes, and with all else; @anchor: to that address, too."""
    found = {f"IPv{kind}, {size}": bare(kind, inner_of(kind, size)) for kind, size in
             itertools.product("46", (40, 41, 64, 577, 1300))}
    found["no data"] = bare("4", inner_of("4", 20))
    # Length 0x5ff is one of LLC yet, and no ethertype.
    found["longest LLC"] = found["IPv4, 1300"][:12] + b"\x05\xff" + pattern(1000)
    found["LLC with FFFF"] = found["IPv4, 1300"][:12] + b"\0\x40\xff\xff" + pattern(62)
    found.update(OTHERS)
    if anchor:
        found["own"] = anchor + found["IPv4, 64"][6:]
    return found


def around(tunnel, data, us, wrap="", **fields):
    """What the other end sends for the frame @data, as it arrives."""
    if isinstance(tunnel, Wrapped):
        nobody = REMOTES[9] if tunnel.family == 4 else REMOTES6[9]
        remote = nobody if tunnel.remote == "any" else tunnel.remote
        packet = arrived(tunnel, data, src=remote, **fields)
    else:
        packet = from_remote(tunnel, "", b"", wrap, around=data, inherit=False, tos=0, **fields)
    return frame(packet, us, NEIGHBOUR, 0x0800 if tunnel.family == 4 else 0x86dd)


def taken(tunnel, kind, data):
    """Whether XDP takes it: not with two tags, nor what tc has to treat as a small one."""
    return kind != "qinq" and len(data) - ETH_HLEN >= (20 if tunnel.family == 4 else 40)


# How the other end says that it sends UDP checksums.
SUM = {Wrapped: {"csum": True}, ModeTunnel: {"wrap_csum": True}}


def unfilled(data):
    """The packet as a virtual device passes it on: its UDP checksum is still to be filled in."""
    if data[12:14] == b"\x08\x00":
        udp, addresses = ETH_HLEN + 20, data[ETH_HLEN + 12:ETH_HLEN + 20]
    else:
        options = data[ETH_HLEN + 6] == 60
        udp, addresses = ETH_HLEN + 40 + 8 * options, data[ETH_HLEN + 8:ETH_HLEN + 40]
    words = addresses + bytes([0, 17]) + data[udp + 4:udp + 6]
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return data[:udp + 6] + struct.pack("!H", total) + data[udp + 8:]


def ambiguous(data):
    """A packet over IPv4 whose right UDP checksum is what stands in its place before it is filled in."""
    data, at = unfilled(data), ETH_HLEN + 20
    pseudo, = struct.unpack("!H", data[at + 6:at + 8])
    words = data[at:-2]
    total = pseudo + sum(struct.unpack(f"!{len(words) // 2}H", words))
    return data[:-2] + struct.pack("!H", 0xffff - total % 0xffff)


@test("xdp/frames")
def frames(scene):
    """XDP takes frames of every kind."""
    tunnels = [tunnel for tunnel, _ in TAKEN]
    both, count, size = Both(scene, tunnels), Counter(), Counter()
    for tunnel, wraps in TAKEN:
        for wrap, (kind, data) in itertools.product(
                wraps, kinds_of_frames(mac(tunnel.name)).items()):
            udp = wrap or isinstance(tunnel, Wrapped)
            for csum in ({}, SUM[type(tunnel)]) if udp else ({},):
                name = both.run(around(tunnel, data, scene.mac, wrap, **csum))
                expect(f"who takes {kind} of {tunnel.command()} in {wrap}, {csum}", name,
                       tunnel.name if taken(tunnel, kind, data) else None)
                count[tunnel.name] += 1
                size[tunnel.name] += len(data) - ETH_HLEN
    expect("verdicts of tc", both.seen, {REDIRECT: sum(count.values())})
    counted = both.finish(sum(count.values()))
    for name in count:
        expect("what was counted of " + name,
               (counted[name, "rx_packets"], counted[name, "rx_bytes"]),
               (count[name] + both.taken[name], size[name] + both.bytes[name]))
    return [f"{sum(count.values())} frames, XDP takes {sum(both.taken.values())} of them"]


@test("xdp/frames_left")
def frames_left(scene):
    """What XDP leaves to tc as it came: other tunnels, unfilled checksums, padding, small ones, marks of ECN."""
    tunnels = [tunnel for tunnel, _ in TAKEN] + LEFT
    both, carried = Both(scene, tunnels), 0
    whole = [around(tunnel, data, scene.mac) for tunnel in LEFT
             for data in kinds_of_frames().values()]
    data = bare("4", inner_of("4", 100, tos=2))
    for tunnel, wraps in TAKEN:
        for wrap in wraps:
            right = around(tunnel, data, scene.mac, wrap)
            whole.append(right + bytes(7))
            whole.append(around(tunnel, data[:33 if tunnel.family == 4 else 53], scene.mac, wrap))
            whole.append(right[:ETH_HLEN] + marked(right[ETH_HLEN:], tunnel.family, 3))
            if isinstance(tunnel, Wrapped) or wrap:
                whole.append(unfilled(around(tunnel, data, scene.mac, wrap, **SUM[type(tunnel)])))
    geneve = TAKEN[2][0]
    whole.append(around(geneve, options_of(NOTED) + data, scene.mac, options=[],
                        optionlen=len(options_of(NOTED)) // 4))
    whole.append(ambiguous(around(TAKEN[0][0], bare("4", inner_of("4", 100)), scene.mac, csum=True)))
    for data in whole:
        expect("who takes " + data[:100].hex(" "), both.run(data), None)
    expect("verdicts of tc", both.seen, {REDIRECT: len(whole)})
    both.finish(len(whole))


@test("xdp/frames_learn")
def frames_learn(scene):
    """What XDP learns; what it must not learn, it leaves to tc, which drops it."""
    tunnel, stays, moves = Wrapped("x", remote="any"), "02:00:00:00:09:09", "02:00:00:00:0a:0a"
    both = Both(scene, [tunnel])
    command(XTUN, "peer", "add", "x", "lladdr", stays, "via", REMOTES[3])
    inner = bare("4", inner_of("4", 100))[12:]

    def run(source, remote):
        data = bytes.fromhex(("02:00:00:00:07:07" + source).replace(":", "")) + inner
        whole = frame(arrived(tunnel, data, src=remote), scene.mac, NEIGHBOUR)
        verdict, note, out = both.xdp.run_xdp(whole, both.ifindex)
        expect("verdict", verdict, PASS)
        expect_bytes("what comes out", both.noted(note, out, source)[1] if note else out,
                     data if note else whole)
        return bool(note)

    expect("taken", [run(moves, REMOTES[4]), run(stays, REMOTES[3]), run(moves, REMOTES[5])], [True] * 3)
    expect("left", [run(stays, REMOTES[4]), run("03:00:00:00:0b:0b", REMOTES[4]),
                    run(mac("x").hex(":"), REMOTES[4])], [False] * 3)
    expect("learned", {(peer["lladdr"], peer["via"]) for peer in
                       json.loads(command(XTUN, "-j", "peer", "show", "x"))},
           {(stays, REMOTES[3]), (moves, REMOTES[5])})
    both.finish(3)


@test("xdp/frames_jumbo")
def frames_jumbo(scene):
    """In several buffers. Test runs at tc have no room for the longest, which come out as they went in."""
    command("ip", "link", "set", DEV, "mtu", "9000")
    try:
        both = Both(scene, [tunnel for tunnel, _ in TAKEN])
        for (tunnel, wraps), size in itertools.product(TAKEN, (3000, 7900)):
            data = bare("4", inner_of("4", size))
            for wrap in wraps:
                whole = around(tunnel, data, scene.mac, wrap)
                if size < 4000:
                    expect(f"who takes {size} bytes", both.run(whole), tunnel.name)
                    continue
                verdict, note, out = both.xdp.run_xdp(whole, both.ifindex)
                expect(f"verdict for {size} bytes", (verdict, bool(note)), (PASS, True))
                name, out = both.noted(note, out, f"{size} bytes")
                expect(f"who takes {size} bytes", name, tunnel.name)
                expect_bytes(f"{size} bytes", out, data)
        both.xdp.close()
    finally:
        command("ip", "link", "set", DEV, "mtu", str(MTU))


@test("xdp/frames_damaged")
def frames_damaged(scene):
    tunnels = [tunnel for tunnel, _ in TAKEN] + LEFT
    whole = [around(tunnel, data, scene.mac, wrap) for tunnel, wraps in TAKEN for wrap in wraps
             for data in kinds_of_frames().values()]
    whole += [around(tunnel, data, scene.mac) for tunnel in LEFT
              for data in list(kinds_of_frames().values())[::3]]
    return compared(scene, tunnels, ("",), [damage_gre, damage_udp, damage_gue], whole)
