# SPDX-License-Identifier: GPL-2.0
"""Forwarding at XDP: into a tunnel the bytes of tc, one hop later; out of one what a router sends; all
that is not plain up to the stack, untouched."""

import contextlib
import glob
import itertools
import os
import random
import struct
import time
from collections import Counter

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from arrivals import PORTS, from_remote, port_commands
from damage import DAMAGE, PACKETS, damaged
from harness import Failure, Skip, expect, expect_bytes, few, test, times
from kernel import Program, mapped
from modes import ETH_PROTO, MODES, ModeTunnel, variants
from oracle import ETH_HLEN, frame, pattern
from scene import (DEV, LOCAL, LOCAL6, NEIGHBOUR, REDIRECT, REMOTES, REMOTES6, command, ifindex)
from test_hostile_modes import damage_gre, damage_ipv6

PASS, XDP_REDIRECT = 2, 4
SEED = 9
BUDGET = 120000
# Where plain packets of the kinds go: a host on the wire, whose neighbour is known.
HOST = {"4": REMOTES[20], "6": REMOTES6[20]}


def inner(kind, dest, length, ttl=64, tos=0, label=0, flags="DF"):
    """A whole UDP packet with its checksum."""
    header = IP(src="172.30.0.6", dst=dest, ttl=ttl, tos=tos, flags=flags) if kind == "4" else \
        IPv6(src="fd00:30::6", dst=dest, hlim=ttl, tc=tos, fl=label)
    hlen = 28 if kind == "4" else 48
    return bytes(header / UDP(sport=5, dport=6) / Raw(pattern(max(length - hlen, 1))))


def one_hop(kind, packet):
    """The packet as a router passes it on."""
    if kind == "6":
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    header = IP(packet)
    header.ttl -= 1
    header.chksum = None
    return bytes(header)[:20] + packet[20:]


class Gateway:
    """Tunnels, each with a prefix of either family behind it, and XDP that forwards."""

    def __init__(self, scene, tunnels, *more):
        self.scene, self.tunnels = scene, tunnels
        command("sysctl", "-qw", "net.ipv4.conf.all.forwarding=1",
                "net.ipv6.conf.all.forwarding=1")
        scene.configure(*more, *(tunnel.command() for tunnel in tunnels),
                        f"attach {DEV} xdp forward")
        lines = []
        for i, tunnel in enumerate(tunnels):
            command("ip", "link", "set", tunnel.name, "up")
            if "4" in tunnel.kinds:
                lines.append(f"route replace 172.31.{i}.0/24 dev {tunnel.name}")
            if "6" in tunnel.kinds:
                command("sysctl", "-qw", f"net.ipv6.conf.{tunnel.name}.disable_ipv6=0")
                lines.append(f"route replace fd00:31:{i:x}::/64 dev {tunnel.name}")
        command("ip", "-batch", "-", text="".join(line + "\n" for line in lines))
        path, = glob.glob("/sys/fs/bpf/xtun/*/xdp_forward_frags")
        self.xdp, self.ifindex = Program(path), ifindex(DEV)

    def dest(self, tunnel, kind):
        i = self.tunnels.index(tunnel)
        return f"172.31.{i}.8" if kind == "4" else f"fd00:31:{i:x}::8"

    @contextlib.contextmanager
    def known(self):
        """What XDP knows of the device, as programs see it: struct xdp_device, and where it begins."""
        path, = glob.glob("/sys/fs/bpf/xtun/*/slots")
        with mapped(path) as slots:
            yield slots, slots.find(struct.pack("=II6s", self.ifindex, 0xffffffff, self.scene.mac))

    def is_hardware(self):
        """The device has no checksums that are still to be filled in."""
        with self.known() as (slots, at):
            expect("flags of the device", *struct.unpack_from("=H", slots, at + 14), 3)
            struct.pack_into("=H", slots, at + 14, 1)

    def run(self, data):
        """Verdict and bytes. In one tick of many the stack has its turn: then once more."""
        for _ in range(4):
            verdict, _, out = self.xdp.run_xdp(data, self.ifindex)
            if verdict != PASS:
                break
            time.sleep(0.005)
        return verdict, out

    def close(self):
        self.xdp.close()
        command("sysctl", "-qw", "net.ipv4.conf.all.forwarding=0",
                "net.ipv6.conf.all.forwarding=0")


def numbered(tunnel, packet):
    """Where the sequence number is, and where checksums are that depend on it."""
    at = 20 if tunnel.family == 4 else 40 if tunnel.limit is None else 48
    sums = [at + 6] if tunnel.wrap_csum else []
    at += {"": 0, "fou": 8, "gue": 12}[tunnel.encap]
    sums += [at + 4] if tunnel.ocsum else []
    return at + 4 + 4 * (tunnel.ocsum + (tunnel.okey is not None)), sums


def comparable(tunnel, packet):
    """Without what is made by chance, the identification, where there is no DF, or in turn."""
    packet = bytearray(packet)
    if tunnel.family == 4 and not packet[6] & 0x40:
        packet[4:6] = packet[10:12] = bytes(2)
    if getattr(tunnel, "oseq", False):
        at, sums = numbered(tunnel, packet)
        packet[at:at + 4] = bytes(4)
        for field in sums:
            packet[field:field + 2] = bytes(2)
    return bytes(packet)


def into(scene, mode):
    tunnels = [tunnel for tunnel in few(variants(mode), least=6) if set(tunnel.kinds) & set("46")]
    gateway = Gateway(scene, tunnels)
    sizes = itertools.cycle((49, 64, 65, 577, 1200))
    for tunnel, kind, tos, ttl in itertools.product(tunnels, "46", (0, 0xb8, 1, 3), (2, 64)):
        if kind not in tunnel.kinds:
            continue
        packet = inner(kind, gateway.dest(tunnel, kind), next(sizes), ttl, tos, 0x12345)
        what = f"{tunnel.command()}: {packet[:60].hex(' ')}"
        _, tc_out = scene.encap(tunnel.name, frame(one_hop(kind, packet),
                                                   eth_proto=ETH_PROTO[kind]))
        last = tc_out
        # Short frames come filled up. The ones after find the answers of those before.
        for fill in (max(46 - len(packet), 0) + 3, 0, 0, 0):
            data = frame(packet + bytes(fill), scene.mac, NEIGHBOUR, ETH_PROTO[kind])
            verdict, out = gateway.run(data)
            expect("verdict for " + what, verdict, XDP_REDIRECT)
            if tunnel.oseq:
                at = ETH_HLEN + numbered(tunnel, out)[0]
                before, now = (struct.unpack_from("!I", data, at)[0] for data in (last, out))
                # The host itself may have sent one in between, to look for routers.
                expect(f"{before} before number {now} of " + what, before < now <= before + 4, True)
                last = out
            expect_bytes(what, comparable(tunnel, out[ETH_HLEN:]),
                         comparable(tunnel, tc_out[ETH_HLEN:]))
            expect_bytes("Ethernet header of " + what, out[:ETH_HLEN], NEIGHBOUR + scene.mac + (
                b"\x08\x00" if tunnel.family == 4 else b"\x86\xdd"))
    counted = scene.counted()
    expect("drops", {name for _, name in counted} - {"tx_packets", "tx_bytes"}, set())
    gateway.close()


for MODE in few(MODES, least=5):
    if set(MODES[MODE][2]) & set("46"):
        test("gateway/into_" + MODE)(lambda scene, mode=MODE: into(scene, mode))


def ends():
    return [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
            ModeTunnel("sit", REMOTES[1], LOCAL, mode="sit"),
            ModeTunnel("gre", REMOTES[2], LOCAL, mode="gre", ikey=7, okey=7),
            ModeTunnel("ip6ip6", REMOTES6[0], LOCAL6, mode="ip6ip6"),
            ModeTunnel("ipip6", REMOTES6[1], LOCAL6, mode="ipip6", limit=None),
            ModeTunnel("ip6gre", REMOTES6[2], LOCAL6, mode="ip6gre")]


@test("gateway/out_of")
def out_of(scene):
    """Out of a tunnel onto the wire, and into the next one."""
    tunnels = ends()
    gateway = Gateway(scene, tunnels)
    for tunnel, kind, size, ttl in few(itertools.product(tunnels, "46", (60, 577, 1300), (2, 64)),
                                       least=12):
        if kind not in tunnel.kinds:
            continue
        proto = 0x0800 if tunnel.family == 4 else 0x86dd
        packet = inner(kind, HOST[kind], size, ttl)
        what = f"{tunnel.command()}: {packet[:60].hex(' ')}"
        for fill in (5, 0, 0):
            data = frame(from_remote(tunnel, kind, packet) + bytes(fill), scene.mac, NEIGHBOUR,
                         proto)
            verdict, out = gateway.run(data)
            expect("verdict for " + what, verdict, XDP_REDIRECT)
            expect_bytes(what, out, frame(one_hop(kind, packet), NEIGHBOUR, scene.mac,
                                          ETH_PROTO[kind]))
        for other in tunnels:
            if kind not in other.kinds:
                continue
            packet = inner(kind, gateway.dest(other, kind), size, ttl)
            what = f"{tunnel.name} into {other.name}: {packet[:60].hex(' ')}"
            _, tc_out = scene.encap(other.name, frame(one_hop(kind, packet),
                                                      eth_proto=ETH_PROTO[kind]))
            for fill in (5, 0, 0):
                data = frame(from_remote(tunnel, kind, packet) + bytes(fill), scene.mac,
                             NEIGHBOUR, proto)
                verdict, out = gateway.run(data)
                expect("verdict for " + what, verdict, XDP_REDIRECT)
                expect_bytes(what, comparable(other, out[ETH_HLEN:]),
                             comparable(other, tc_out[ETH_HLEN:]))
    gateway.close()


def partial(kind, packet):
    """As a virtual device passes it on, the checksum still to be filled in."""
    at = 26 if kind == "4" else 46
    data = packet[at - 6:at] + b"\0\0" + packet[at + 2:]
    words = data + b"\0" * (len(data) & 1)
    rest = sum(struct.unpack(f"!{len(words) // 2}H", words))
    field = struct.unpack("!H", packet[at:at + 2])[0]
    return packet[:at] + struct.pack("!H", (0xffff - field - rest) % 0xffff) + packet[at + 2:]


@test("gateway/untouched")
def untouched(scene):
    """What the stack has to see: each reason alone."""
    tunnels = [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
               ModeTunnel("sit", REMOTES[1], LOCAL, mode="sit"),
               ModeTunnel("lost", "10.1.2.77", LOCAL, mode="ipip", more="dev eth1")]
    gateway = Gateway(scene, tunnels)
    four, six = gateway.dest(tunnels[0], "4"), gateway.dest(tunnels[1], "6")
    good4, good6 = inner("4", four, 100), inner("6", six, 100)
    odd = [("4", packet) for packet in (
        inner("4", four, 100, ttl=1), inner("4", four, 100, ttl=0), inner("4", four, 1481),
        inner("4", four, 100, flags="MF"), good4[:10] + b"\x12\x34" + good4[12:],
        bytes(IP(src="172.30.0.6", dst=four, options=b"\1\1\1\0") / UDP() / Raw(b"12345678")),
        bytes(IP(src="172.30.0.6", dst=four, frag=9) / Raw(bytes(80))),
        bytes(IP(src="172.30.0.6", dst=four, proto=132) / Raw(bytes(80))),
        bytes(IP(src="172.30.0.6", dst=four, proto=47) / Raw(bytes(80))),
        bytes(IP(src="127.0.0.1", dst=four) / UDP() / Raw(b"12345678")),
        bytes(IP(src="224.0.0.1", dst=four) / UDP() / Raw(b"12345678")),
        bytes(IP(src="0.0.0.0", dst=four) / UDP() / Raw(b"12345678")),
        bytes(IP(src="172.30.0.6", dst=four) / UDP(chksum=0) / Raw(b"12345678")),
        partial("4", good4), good4[:60], inner("4", LOCAL, 100), inner("4", HOST["4"], 100),
        inner("4", gateway.dest(tunnels[2], "4"), 100), inner("4", "224.0.0.9", 100))]
    odd += [("6", packet) for packet in (
        inner("6", six, 100, ttl=1), inner("6", six, 1481), partial("6", good6), good6[:70],
        bytes(IPv6(src="fe80::6", dst=six) / UDP() / Raw(b"12345678")),
        bytes(IPv6(src="ff02::6", dst=six) / UDP() / Raw(b"12345678")),
        bytes(IPv6(src="::", dst=six) / UDP() / Raw(b"12345678")),
        bytes(IPv6(src="fd00:30::6", dst=six, nh=0) / Raw(b"\x11\0\1\4\0\0\0\0" + bytes(40))),
        bytes(IPv6(src="fd00:30::6", dst=six, nh=44) / Raw(b"\x11\0\0\1\0\0\0\0" + bytes(40))),
        inner("6", "fe80::9", 100), inner("6", LOCAL6, 100), inner("6", HOST["6"], 100))]
    good = [frame(packet, scene.mac, NEIGHBOUR, ETH_PROTO[kind])
            for kind, packet in (("4", good4), ("6", good6))]
    for kind, packet in odd * 2:
        # So that the way is known, which alone does not make them right.
        for data in good * 2:
            gateway.run(data)
        data = frame(packet, scene.mac, NEIGHBOUR, ETH_PROTO[kind])
        verdict, out = gateway.run(data)
        expect("verdict for " + packet[:60].hex(" "), verdict, PASS)
        expect_bytes("untouched: " + packet[:60].hex(" "), out, data)
    # The same ones are carried when nothing is the matter.
    for data in good:
        expect("verdict", gateway.run(data)[0], XDP_REDIRECT)
    gateway.close()


def slot(packet):
    """Where gateway_flow.h keeps what it knows about the packet's way."""
    factor, mask = 0x9e3779b97f4a7c15, (1 << 64) - 1
    if packet[0] >> 4 == 4:
        pair, = struct.unpack("<Q", packet[12:20])
    else:
        words = struct.unpack("<4Q", packet[8:40])
        pair = (words[0] ^ words[1]) * factor & mask ^ words[2] ^ words[3]
    return (pair * factor & mask) >> 55


def same_slot(gateway, tunnels, kind):
    """Packets into each of two tunnels that share a slot."""
    seen = {}
    for host in range(1, 255 if kind == "4" else 4096):
        for i, tunnel in enumerate(tunnels):
            dest = gateway.dest(tunnel, kind)[:-1] + (f"{host}" if kind == "4" else f"{host:x}")
            packet = inner(kind, dest, 100)
            both = seen.setdefault(slot(packet), {})
            both[i] = packet
            if len(both) == 2:
                return both[0], both[1]
    raise Failure("no two packets share a slot")


@test("gateway/in_turn")
def in_turn(scene):
    """What is kept of one flow is not taken for another that shares its place, nor for one whose outer
    headers differ; and a packet that goes the long way for it is as it was."""
    tunnels = [ModeTunnel(f"{mode}{i}", REMOTES[10 * i + n], LOCAL, mode=mode, inherit=True)
               for n, mode in enumerate(("ipip", "sit")) for i in (0, 1)]
    gateway = Gateway(scene, tunnels)
    flows = []

    def flow(tunnel, kind, packet):
        _, tc_out = scene.encap(tunnel.name, frame(one_hop(kind, packet),
                                                   eth_proto=ETH_PROTO[kind]))
        data = frame(packet, scene.mac, NEIGHBOUR, ETH_PROTO[kind])
        flows.append((tunnel, data, comparable(tunnel, tc_out[ETH_HLEN:])))

    for kind, pair in (("4", tunnels[:2]), ("6", tunnels[2:])):
        for tunnel, packet in zip(pair, same_slot(gateway, pair, kind)):
            flow(tunnel, kind, packet)
        # In places of their own.
        for host, tos in (("8", 0), ("9", 0xb8)):
            flow(pair[0], kind, inner(kind, gateway.dest(pair[0], kind)[:-1] + host, 100, tos=tos))
    # The same addresses, but for another TOS there is another route.
    other = gateway.dest(tunnels[0], "4")[:-1] + "10"
    command("ip", "route", "replace", other + "/32", "tos", "0x10", "dev", tunnels[1].name)
    for tunnel, tos in zip(tunnels, (0, 0x10)):
        flow(tunnel, "4", inner("4", other, 100, tos=tos))
    # In a row, so that the way gets known; then each goes by what the one before has left there.
    for tunnel, data, wanted in ([flow for flow in flows for _ in range(4)] + flows) * 10:
        verdict, out = gateway.run(data)
        expect("verdict", verdict, XDP_REDIRECT)
        expect_bytes(f"through {tunnel.name}", comparable(tunnel, out[ETH_HLEN:]), wanted)
    gateway.close()


VLAN, VLAN_LOCAL, VLAN_HOST = "vlan7", "10.1.9.1", "10.1.9.6"


def tagged(data, vid=7, proto=0x8100):
    return data[:12] + struct.pack("!HH", proto, vid) + data[12:]


def tags_checked(scene):
    lines = [f"addr add {VLAN_LOCAL}/24 dev {VLAN}", f"link set {VLAN} up",
             f"neigh replace {VLAN_HOST} lladdr {NEIGHBOUR.hex(':')} nud permanent dev {VLAN}"]
    command("ip", "-batch", "-", text="".join(line + "\n" for line in lines))
    tunnels = [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
               ModeTunnel("here", VLAN_HOST, VLAN_LOCAL, mode="ipip")]
    gateway = Gateway(scene, tunnels)
    packet = bytes(IP(src=VLAN_HOST, dst=gateway.dest(tunnels[0], "4"), flags="DF") /
                   UDP(sport=5, dport=6) / Raw(bytes(60)))
    right = frame(packet, scene.mac, NEIGHBOUR)
    _, tc_out = scene.encap("ipip", frame(one_hop("4", packet)))
    out_of_tunnel = frame(from_remote(tunnels[1], "4", inner("4", HOST["4"], 100)), scene.mac,
                          NEIGHBOUR)

    def goes():
        for vid in (7, 0xa007):
            for _ in range(3):
                verdict, out = gateway.run(tagged(right, vid))
                expect("verdict", verdict, XDP_REDIRECT)
                expect_bytes("into the tunnel", out[ETH_HLEN:], tc_out[ETH_HLEN:])
        verdict, out = gateway.run(tagged(out_of_tunnel))
        expect("verdict out of a tunnel", verdict, XDP_REDIRECT)
        expect_bytes("out of the tunnel", out, frame(one_hop("4", inner("4", HOST["4"], 100)),
                                                     NEIGHBOUR, scene.mac))

    def stays(data):
        verdict, out = gateway.run(data)
        expect("verdict for " + data[:60].hex(" "), verdict, PASS)
        expect_bytes("untouched: " + data[:60].hex(" "), out, data)

    def udp(**fields):
        return frame(bytes(IP(**{"src": VLAN_HOST, "dst": gateway.dest(tunnels[0], "4"), **fields}) /
                           UDP(sport=5, dport=6) / Raw(bytes(60))), scene.mac, NEIGHBOUR)

    goes()
    for data in (tagged(right, 8), tagged(right, 7, 0x88a8), tagged(tagged(right)), tagged(right[:14]),
                 tagged(udp(ttl=1)), tagged(udp(dst=VLAN_LOCAL)), tagged(udp(src="10.1.99.6")),
                 tagged(udp(proto=132)), tagged(NEIGHBOUR + right[6:]), tagged(udp(dst="224.0.0.9")),
                 tagged(frame(from_remote(tunnels[0], "4", inner("4", HOST["4"], 100)), scene.mac,
                              NEIGHBOUR))):
        stays(data)
    goes()
    command("ip", "link", "set", VLAN, "down")
    time.sleep(0.02)
    stays(tagged(right))
    stays(tagged(out_of_tunnel))
    gateway.close()


@test("gateway/tagged")
def with_tags(scene):
    """What comes in for a VLAN device: into a tunnel, and out of one; or up, with the tag."""
    try:
        command("ip", "link", "add", VLAN, "link", DEV, "type", "vlan", "id", "7")
    except Failure as failure:
        raise Skip("this kernel has no VLAN devices") from failure
    try:
        command("ethtool", "-K", DEV, "rxvlan", "off")
        tags_checked(scene)
    finally:
        command("ip", "link", "del", VLAN)


@test("gateway/hardware")
def hardware(scene):
    """Network cards sum what they hand over: what goes up from a virtual device is carried, but for
    what a router has to look at."""
    tunnels = [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
               ModeTunnel("sit", REMOTES[1], LOCAL, mode="sit")]
    gateway = Gateway(scene, tunnels)
    gateway.is_hardware()
    four, six = gateway.dest(tunnels[0], "4"), gateway.dest(tunnels[1], "6")
    for kind, packet, verdict in (
            ("4", bytes(IP(src="172.30.0.6", dst=four) / UDP(chksum=0) / Raw(bytes(30))), 4),
            ("4", bytes(IP(src="172.30.0.6", dst=four, proto=132) / Raw(bytes(80))), 4),
            ("4", bytes(IP(src="172.30.0.6", dst=four, frag=9) / Raw(bytes(80))), 2),
            ("6", bytes(IPv6(src="fd00:30::6", dst=six) / UDP(chksum=0) / Raw(bytes(30))), 4),
            ("6", bytes(IPv6(src="fd00:30::6", dst=six, nh=132) / Raw(bytes(80))), 4),
            *(("6", bytes(IPv6(src="fd00:30::6", dst=six, nh=nh) / Raw(b"\x11" + bytes(79))), 2)
              for nh in (0, 43, 44, 60))):
        got, _ = gateway.run(frame(packet, scene.mac, NEIGHBOUR, ETH_PROTO[kind]))
        expect("verdict for " + packet[:60].hex(" "), got, verdict)
    gateway.close()


@test("gateway/damaged")
def all_sorts(scene):
    """Damaged plain packets are forwarded as tc would send them, or left alone."""
    tunnels = [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
               ModeTunnel("sit", REMOTES[1], LOCAL, mode="sit")]
    gateway = Gateway(scene, tunnels)
    rng, seen = random.Random(SEED), Counter()
    whole = [frame(inner(kind, gateway.dest(tunnel, kind), size), scene.mac, NEIGHBOUR,
                   ETH_PROTO[kind])
             for tunnel, kind in zip(tunnels, "46") for size in (60, 64, 300, 1300)]
    for _ in range(times(PACKETS)):
        data = damaged(rng, whole, DAMAGE)
        try:
            verdict, _, out = gateway.xdp.run_xdp(data, gateway.ifindex)
        except OSError:
            continue
        seen[verdict] += 1
        if verdict == PASS:
            expect_bytes("untouched: " + data[:80].hex(" "), out, data)
            continue
        expect("verdict for " + data[:80].hex(" "), verdict, XDP_REDIRECT)
        kind = "4" if data[12:14] == b"\x08\x00" else "6"
        tunnel = tunnels["46".index(kind)]
        length = struct.unpack_from("!H", data, ETH_HLEN + (2 if kind == "4" else 4))[0]
        packet = data[ETH_HLEN:][:length + (0 if kind == "4" else 40)]
        _, tc_out = scene.encap(tunnel.name, frame(one_hop(kind, packet),
                                                   eth_proto=ETH_PROTO[kind]))
        expect_bytes("for " + data[:80].hex(" "), comparable(tunnel, out[ETH_HLEN:]),
                     comparable(tunnel, tc_out[ETH_HLEN:]))
    gateway.close()
    if min(seen[PASS], seen[XDP_REDIRECT]) < times(PACKETS) // 20:
        raise Failure(f"too few of one kind: {seen}")
    return [f"{seen[XDP_REDIRECT]} forwarded, {seen[PASS]} passed up"]


@test("gateway/out_damaged")
def out_of_all_sorts(scene):
    """What is forwarded of damaged packets is what tc takes out of them, one hop later."""
    pair = ModeTunnel("pair", REMOTES[3], LOCAL, mode="ipip", more="anchor veth")
    tunnels = [*ends(), pair]
    gateway = Gateway(scene, tunnels, *port_commands(PORTS))
    # Who chose a pair wants to see the packets there.
    data = frame(from_remote(pair, "4", inner("4", HOST["4"], 60)), scene.mac, NEIGHBOUR)
    for _ in range(3):
        expect("verdict for a pair's packet", gateway.run(data)[0], PASS)
    rng, seen = random.Random(SEED), Counter()
    whole = {kind: [] for kind in "46"}
    for tunnel, kind, wrap, size in itertools.product(ends(), "46", ("", "fou", "gue"),
                                                      (30, 60, 300)):
        if kind in tunnel.kinds:
            whole[kind].append([frame(from_remote(tunnel, kind, inner(kind, HOST[kind], length), wrap),
                                      scene.mac, NEIGHBOUR, ETH_PROTO[str(tunnel.family)])
                                for length in (60, size)])
    for turn in range(times(PACKETS)):
        kind = "46"[turn % 2]
        usual, good = rng.choice(whole[kind])
        # So that the way is known.
        for data in (usual, usual):
            gateway.run(data)
        data = damaged(rng, [good], DAMAGE + [damage_gre, damage_ipv6])
        what = f"{data[:100].hex(' ')} ({len(data)} bytes)"
        try:
            verdict, _, out = gateway.xdp.run_xdp(data, gateway.ifindex)
            tc, tc_out = scene.decap(data)
        except OSError:
            continue
        seen[verdict] += 1
        if verdict != XDP_REDIRECT:
            expect("verdict for " + what, verdict, PASS)
            continue
        kind = "4" if out[12:14] == b"\x08\x00" else "6"
        length = struct.unpack_from("!H", tc_out, ETH_HLEN + (2 if kind == "4" else 4))[0]
        packet = tc_out[ETH_HLEN:][:length + (0 if kind == "4" else 40)]
        expect("verdict of tc for " + what, tc, REDIRECT)
        expect_bytes(what, out, frame(one_hop(kind, packet), NEIGHBOUR, scene.mac, ETH_PROTO[kind]))
    gateway.close()
    if min(seen[PASS], seen[XDP_REDIRECT]) < times(PACKETS) // 20:
        raise Failure(f"too few of one kind: {seen}")
    return [f"{seen[XDP_REDIRECT]} forwarded, {seen[PASS]} not"]


@test("gateway/relay_in_turn")
def relay_in_turn(scene):
    """From one tunnel into another, whose outer headers are not those of the packet before: what was
    taken off for nothing is put back."""
    ends4 = [ModeTunnel("ipip", REMOTES[0], LOCAL, mode="ipip"),
             ModeTunnel("gre", REMOTES[2], LOCAL, mode="gre", ikey=7, okey=7)]
    other = ModeTunnel("other", REMOTES[1], LOCAL, mode="ipip", inherit=True)
    gateway = Gateway(scene, [*ends4, other])
    flows, runs = [], 0
    # Each with a place of its own.
    for host, (end, tos) in enumerate(itertools.product(ends4, (0, 0xb8)), 8):
        packet = inner("4", gateway.dest(other, "4")[:-1] + str(host), 100, tos=tos)
        _, tc_out = scene.encap("other", frame(one_hop("4", packet)))
        flows.append((frame(from_remote(end, "4", packet), scene.mac, NEIGHBOUR),
                      comparable(other, tc_out[ETH_HLEN:])))
    for data, wanted in ([flow for flow in flows for _ in range(4)] + flows) * 10:
        verdict, out = gateway.run(data)
        expect("verdict", verdict, XDP_REDIRECT)
        expect_bytes("into the other", comparable(other, out[ETH_HLEN:]), wanted)
        runs += 1
    # Each was the end's, whichever way it went.
    received = sum(count for (_, name), count in scene.counted().items() if name == "rx_packets")
    expect(f"{runs} packets, and {received} received", received >= runs, True)
    gateway.close()


@test("gateway/own_addresses")
def own_addresses(scene):
    """What is for a tunnel's end comes out of it, though the kernel would forward it into another
    tunnel: the look at the tunnels' addresses comes before what is remembered."""
    through = ModeTunnel("through", REMOTES[1], LOCAL, mode="ipip")
    ends4 = [ModeTunnel("end", REMOTES[0], "172.31.0.8", mode="ipip"),
             ModeTunnel("endgre", REMOTES[0], "172.31.0.9", mode="gre", ikey=7, okey=7)]
    gateway = Gateway(scene, [through, *ends4])
    gateway.is_hardware()
    packet = inner("4", HOST["4"], 100)
    for end in ends4:
        plain = bytes(IP(src=end.remote, dst=end.local) / UDP(sport=5, dport=6) / Raw(bytes(60)))
        _, tc_out = scene.encap("through", frame(one_hop("4", plain)))
        for _ in range(4):
            verdict, out = gateway.run(frame(plain, scene.mac, NEIGHBOUR))
            expect("verdict for UDP", verdict, XDP_REDIRECT)
            expect_bytes("UDP", comparable(through, out[ETH_HLEN:]),
                         comparable(through, tc_out[ETH_HLEN:]))
            verdict, out = gateway.run(frame(from_remote(end, "4", packet), scene.mac, NEIGHBOUR))
            expect("verdict for " + end.name, verdict, XDP_REDIRECT)
            expect_bytes(end.name, out, frame(one_hop("4", packet), NEIGHBOUR, scene.mac))
    gateway.close()


@test("gateway/unfilled")
def unfilled(scene):
    """A checksum that is still to be filled in stays with the stack, out of a tunnel, too."""
    tunnels = ends()
    gateway = Gateway(scene, tunnels, *port_commands(PORTS))
    for tunnel, kind, wrap in itertools.product(tunnels, "46", ("", "fou", "gue")):
        if kind not in tunnel.kinds:
            continue
        for dest in (HOST[kind], gateway.dest(tunnels[0 if kind == "4" else 1], kind)):
            packet = inner(kind, dest, 100)
            for right in (True, True, False, True):
                data = frame(from_remote(tunnel, kind, packet if right else partial(kind, packet),
                                         wrap), scene.mac, NEIGHBOUR, ETH_PROTO[str(tunnel.family)])
                verdict, _ = gateway.run(data)
                expect(f"verdict for {tunnel.name} {wrap} {right}", verdict,
                       XDP_REDIRECT if right else PASS)
    gateway.close()


@test("gateway/put_together")
def put_together(scene):
    """In generic mode what is longer than a frame was put together by GRO, and is tc's."""
    tunnels = ends()[:3]
    gateway = Gateway(scene, tunnels)
    with gateway.known() as (slots, at):
        struct.pack_into("=I", slots, at + 4, ETH_HLEN + 300)
        time.sleep(0.02)
        for tunnel in tunnels:
            kind = "6" if tunnel.name == "sit" else "4"
            into_it, out_of_it = [], []
            for length in (200, 301):
                into_it.append(frame(inner(kind, gateway.dest(tunnel, kind), length), scene.mac,
                                     NEIGHBOUR, ETH_PROTO[kind]))
                out_of_it.append(frame(from_remote(tunnel, kind, inner(kind, HOST[kind], length)),
                                       scene.mac, NEIGHBOUR))
            for single, put in (into_it, out_of_it):
                expect("verdict of 200 bytes", gateway.run(single)[0], XDP_REDIRECT)
                for _ in range(50):
                    # So that the way is known, in this tick.
                    gateway.xdp.run_xdp(single, gateway.ifindex)
                    expect("verdict of 301 bytes", gateway.xdp.run_xdp(put, gateway.ifindex)[0],
                           PASS)
        struct.pack_into("=I", slots, at + 4, 0xffffffff)
    gateway.close()


@test("gateway/keeps_neighbours")
def keeps_neighbours(scene):
    """Once in a while one packet of a way is the stack's, and the next one is not."""
    tunnel = ends()[0]
    gateway = Gateway(scene, [tunnel])
    data = frame(from_remote(tunnel, "4", inner("4", HOST["4"], 60)), scene.mac, NEIGHBOUR)
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        verdicts = []
        end = time.monotonic() + 10
        while verdicts.count(PASS) < 2 and time.monotonic() < end:
            verdicts.append(gateway.xdp.run_xdp(data, gateway.ifindex)[0])
        for _ in range(200):
            verdicts.append(gateway.xdp.run_xdp(data, gateway.ifindex)[0])
    finally:
        os.sched_setaffinity(0, cpus)
    gateway.close()
    expect("verdicts", set(verdicts), {XDP_REDIRECT, PASS})
    expect("packets in turn for the stack", (PASS, PASS) in itertools.pairwise(verdicts), False)
    expect("packets for the stack in two turns", verdicts.count(PASS) in (2, 3), True)


@test("gateway/budget")
def budget(scene):
    gateway = Gateway(scene, ends()[:1])
    count = gateway.xdp.info().verified_insns
    gateway.close()
    if count > BUDGET:
        raise Failure(f"the verifier walked {count} instructions; budget {BUDGET}")
    return [f"{count} instructions verified, budget {BUDGET}"]
