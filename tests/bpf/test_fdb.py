# SPDX-License-Identifier: GPL-2.0
"""Tunnels of frames with remote any: the bytes of each copy, and what is learned."""

import itertools
import json
import socket
import struct
import time
from dataclasses import replace

from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from arrivals import Arrivals, from_remote
from departures import unknown
from harness import expect, expect_bytes, few, test, times
from modes import TAPS, ModeTunnel, inner_of, outer_packet
from oracle import ETH_HLEN, frame, ip, pattern
from scene import (DEV, DROP, LOCAL, LOCAL6, NEIGHBOUR, REDIRECT, REMOTES, REMOTES6, XTUN, command,
                   port)

NOBODY = "00:00:00:00:00:00"
ONE, TWO, OTHER = "02:00:00:00:05:05", "02:00:00:00:07:07", "02:00:00:00:09:09"
GROUP = "33:33:00:00:00:01"
SO_RCVBUFFORCE = 33


def remotes(tunnel):
    return REMOTES if tunnel.family == 4 else REMOTES6


def any_tap(mode, **fields):
    return ModeTunnel(**{"name": "tap", "remote": "any", "mode": mode,
                         "local": LOCAL if TAPS[mode][0] == 4 else LOCAL6, **fields})


def frame_to(dst, src=ONE, size=60):
    return (bytes.fromhex((dst + src).replace(":", "")) + b"\x88\xb5" + pattern(size))[:size]


def peers(tunnel, *pairs):
    return [f"peer add {tunnel.name} lladdr {mac} via {remote}" for mac, remote in pairs]


def remote_of(tunnel, out):
    """To whom a packet goes."""
    at = ETH_HLEN + (16 if tunnel.family == 4 else 24)
    size = 4 if tunnel.family == 4 else 16
    return socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, out[at:at + size])


class Wire:
    """What leaves the device by itself."""

    def __enter__(self):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)
        self.sock.bind(("wire", 3))
        self.sock.settimeout(5)
        return self

    def __exit__(self, *_):
        self.sock.close()

    def take(self, tunnel, count):
        """The next @count packets of the tunnel, and no more than those are there."""
        found = []
        while len(found) < count:
            data, (_, _, kind, _, _) = self.sock.recvfrom(4096)
            if kind != socket.PACKET_OUTGOING and ours(tunnel, data):
                found.append(data)
        self.sock.setblocking(False)
        try:
            while True:
                data, (_, _, kind, _, _) = self.sock.recvfrom(4096)
                expect("another copy", kind != socket.PACKET_OUTGOING and ours(tunnel, data), False)
        except BlockingIOError:
            pass
        self.sock.settimeout(5)
        return found


def ours(tunnel, data):
    at = ETH_HLEN + (12 if tunnel.family == 4 else 8)
    size = 4 if tunnel.family == 4 else 16
    return data[at:at + size] == socket.inet_pton(
        socket.AF_INET if size == 4 else socket.AF_INET6, tunnel.local)


# ---- copies -------------------------------------------------------------------------------------

OPTIONS = [{}, {"ocsum": True, "okey": 7}, {"oseq": True}, {"encap": "fou", "sport": 9},
           {"encap": "gue", "sport": 9, "wrap_csum": True}, {"ttl": 9, "inherit": True}]


def same(tunnel, data, kind, inner, number, out, remote):
    """@out is what the tunnel sends to @remote."""
    what = f"copy {number} of {data[:20].hex(' ')} by {tunnel.command()}"
    packet = out[ETH_HLEN:]
    expect_bytes(what, packet, outer_packet(replace(tunnel, remote=remote), kind, inner,
                                            number=number, frame=data, **unknown(tunnel, packet)))


@test("fdb/copies")
def copies(scene):
    """Each peer gets the frame once, with headers, checksums and numbers that are right for it."""
    for mode, options in few(list(itertools.product(TAPS, OPTIONS))):
        tunnel = any_tap(mode, **options)
        to = remotes(tunnel)[:5]
        scene.configure(tunnel.command(), *peers(tunnel, *((NOBODY, remote) for remote in to)))
        inner = inner_of("4", 100, tos=0xb8, ttl=33)
        sent = itertools.count(0)
        ether = {"src": ONE, "dst": GROUP}
        frames = [(bytes(Ether(src=ONE, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="172.16.0.5", pdst="172.16.0.7")), "", b""),
                  (bytes(Ether(**ether) / Dot1Q(vlan=4094, prio=5) / Raw(ip(100, tos=0xb9))), "", b""),
                  (bytes(Ether(**ether, type=0x0800) / Raw(inner)), "4", inner),
                  (frame_to(GROUP, size=1300), "", b"")]
        with Wire() as wire:
            # Once more, when all ways are known.
            for data, kind, inside in frames + frames:
                verdict, last = scene.encap("tap", data)
                expect("verdict", verdict, REDIRECT)
                # Where the device cuts, copies go through its queue.
                if tunnel.ocsum or tunnel.oseq or tunnel.wrap_csum:
                    same(tunnel, data, kind, inside, next(sent), last, to[-1])
                for out, remote in zip(wire.take(tunnel, len(to) - 1), to):
                    same(tunnel, data, kind, inside, next(sent), out, remote)
                    expect_bytes("Ethernet header", out[:ETH_HLEN], NEIGHBOUR + scene.mac + (
                        b"\x08\x00" if tunnel.family == 4 else b"\x86\xdd"))
                if not (tunnel.ocsum or tunnel.oseq or tunnel.wrap_csum):
                    same(tunnel, data, kind, inside, next(sent), last, to[-1])
        found = scene.counters()
        expect("packets", found["tap", "tx_packets"], 2 * len(frames) * len(to))
        expect("other counters", sorted(found), [("tap", "tx_bytes"), ("tap", "tx_packets")])


@test("fdb/whom")
def whom(scene):
    """A MAC that is named goes to its peer; groups and all others to those for flooding, which may be
    one, or none."""
    for mode, count in itertools.product(TAPS, (0, 1, 2, 7)):
        tunnel = any_tap(mode)
        to = remotes(tunnel)
        flood = to[10:10 + count]
        scene.configure(tunnel.command(), *peers(tunnel, (TWO, to[2]), (ONE, to[1]),
                                                 *((NOBODY, remote) for remote in flood)))
        with Wire() as wire:
            for mac, want in ((TWO, [to[2]]), (ONE, [to[1]]), (OTHER, flood), (NOBODY, flood),
                              ("ff:ff:ff:ff:ff:ff", flood), ("03:00:00:00:07:07", flood),
                              ("02:00:00:00:07:06", flood), (TWO, [to[2]])):
                verdict, out = scene.encap("tap", frame_to(mac))
                expect(f"verdict for {mac}", verdict, REDIRECT if want else DROP)
                got = wire.take(tunnel, max(len(want) - 1, 0)) + ([out] if want else [])
                expect(f"who gets {mac}", [remote_of(tunnel, data) for data in got], want)
        dropped = scene.counters().get(("tap", "no_peer"), 0)
        expect("dropped", dropped, 0 if count else 5)


@test("fdb/most")
def most(scene):
    """128 peers, and the way to each of them."""
    tunnel = any_tap("gretap")
    scene.configure(tunnel.command(), *peers(tunnel, *(
        (NOBODY, f"10.1.1.{host}") for host in range(100, 228))))
    command("ip", "-batch", "-", text="".join(
        f"neigh replace 10.1.1.{host} lladdr 02:00:00:00:01:{host:02x} dev {DEV} nud permanent\n"
        for host in range(100, 228)))
    with Wire() as wire:
        for _ in range(times(4)):
            _, last = scene.encap("tap", frame_to("ff:ff:ff:ff:ff:ff"))
            for host, out in zip(range(100, 228), wire.take(tunnel, 127) + [last]):
                expect("remote", remote_of(tunnel, out), f"10.1.1.{host}")
                if out is not last:
                    expect("neighbour", out[:6], bytes((2, 0, 0, 0, 1, host)))


@test("fdb/refused_copies")
def refused_copies(scene):
    """A pair's copies go through a queue, which may refuse them; the frame itself goes on."""
    tunnel = any_tap("gretap", more="anchor veth")
    scene.configure(tunnel.command(), *peers(tunnel, *((NOBODY, remote) for remote in REMOTES[:3])))
    index = port("tap")
    with open("/proc/net/dev", encoding="ascii") as devices:
        names = [line.split(":")[0].strip() for line in devices if ":" in line]
    hidden = next(name for name in names if socket.if_nametoindex(name) == index)
    command("ip", "link", "set", hidden, "down")
    verdict, out = scene.encap("tap", frame_to("ff:ff:ff:ff:ff:ff"))
    expect("verdict", verdict, REDIRECT)
    expect("remote", remote_of(tunnel, out), REMOTES[2])
    found = scene.counted()
    expect("counted", (found["tap", "flood"], found["tap", "tx_packets"]), (2, 1))


@test("fdb/nested")
def nested(scene):
    """Copies that go into another tunnel of the kind are nothing but frames there, and so is the last."""
    under, over = any_tap("gretap", name="under"), any_tap("gretap", name="over", local="10.9.0.1")
    macs = {"10.9.0.2": TWO, "10.9.0.3": OTHER}
    scene.configure(under.command(), over.command(),
                    *peers(under, (TWO, REMOTES[5]), (OTHER, REMOTES[6]),
                           *((NOBODY, remote) for remote in REMOTES[:3])),
                    *peers(over, *((NOBODY, remote) for remote in macs)))
    command("ip", "link", "set", "under", "up")
    command("ip", "addr", "add", "10.9.0.1/24", "dev", "under")
    command("ip", "link", "set", "over", "up")
    for remote, mac in macs.items():
        command("ip", "neigh", "replace", remote, "lladdr", mac, "dev", "under", "nud", "permanent")
    with Wire() as wire, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("over", 0))
        for _ in range(2):
            out.send(frame_to("ff:ff:ff:ff:ff:ff"))
            expect("remotes", sorted(remote_of(under, data) for data in wire.take(under, 2)),
                   sorted(REMOTES[5:7]))


# ---- learning -----------------------------------------------------------------------------------

def shown(state):
    return {row["lladdr"]: row["via"] for row in json.loads(command(XTUN, "-j", "peer", "show", "tap"))
            if row["state"] == state}


class Learner:
    def __init__(self, scene, tunnel, *pairs):
        self.run = Arrivals(scene, [tunnel])
        scene.configure(tunnel.command(), *peers(tunnel, *pairs))
        self.scene, self.tunnel = scene, tunnel

    def arrive(self, mac, remote, reason=None, wrap=""):
        data = frame_to("ff:ff:ff:ff:ff:ff", mac)
        packet = from_remote(replace(self.tunnel, remote=remote), "", b"", wrap, around=data)
        self.scene.counted()
        verdict, out = self.scene.decap(frame(packet, self.scene.mac, NEIGHBOUR,
                                              0x0800 if self.tunnel.family == 4 else 0x86dd))
        what = f"{mac} from {remote}"
        expect("verdict for " + what, verdict, DROP if reason else REDIRECT)
        if reason:
            expect("counted for " + what, self.scene.counted(), {("tap", reason): 1})
        else:
            expect_bytes(what, out, data)

    def goes(self, mac, remote):
        """A frame for @mac goes to @remote, None: nobody."""
        verdict, out = self.scene.encap("tap", frame_to(mac))
        expect(f"verdict for a frame to {mac}", verdict, REDIRECT if remote else DROP)
        if remote:
            expect(f"who gets {mac}", remote_of(self.tunnel, out), remote)


@test("fdb/learn")
def learn(scene):
    """Who sent last from a MAC gets what is for it, but for a MAC that somebody named."""
    for mode in few(TAPS, least=1):
        tunnel = any_tap(mode)
        to = remotes(tunnel)
        learner = Learner(scene, tunnel, (TWO, to[2]))
        learner.goes(ONE, None)
        for remote in (to[4], to[5], to[5], to[4]):
            learner.arrive(ONE, remote)
            expect("learned", shown("learned"), {ONE: remote})
            learner.goes(ONE, remote)
        learner.arrive(TWO, to[2])
        learner.arrive(TWO, to[3], "wrong_peer")
        learner.goes(TWO, to[2])
        expect("learned", shown("learned"), {ONE: to[4]})
        command(XTUN, "peer", "del", "tap", "lladdr", TWO)
        learner.arrive(TWO, to[3])
        learner.goes(TWO, to[3])
        for mac in ("01:00:00:00:00:07", "ff:ff:ff:ff:ff:ff", NOBODY, own(scene)):
            learner.arrive(mac, to[6], "source_mac")
        expect("learned", shown("learned"), {ONE: to[4], TWO: to[3]})
        command(XTUN, "peer", "flush", "tap")
        expect("after flush", shown("learned"), {})
        learner.goes(ONE, None)


def own(_):
    with open("/sys/class/net/tap/address", encoding="ascii") as file:
        return file.read().strip()


@test("fdb/learn_apart")
def learn_apart(scene):
    """What one tunnel learns is nothing to another, and nothing to one that does not learn."""
    tunnels = [any_tap("gretap", name=name, ikey=i, okey=i) for i, name in enumerate(("tap", "b", "c"))]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    command(XTUN, "tunnel", "change", "c", "nolearning")
    for tunnel, remote in zip(tunnels, REMOTES):
        packet = from_remote(replace(tunnel, remote=remote), "", b"", around=frame_to(TWO, ONE))
        expect("verdict", scene.decap(frame(packet, scene.mac, NEIGHBOUR))[0], REDIRECT)
    for tunnel, remote in zip(tunnels, (REMOTES[0], REMOTES[1], None)):
        verdict, out = scene.encap(tunnel.name, frame_to(ONE))
        expect("verdict", verdict, REDIRECT if remote else DROP)
        if remote:
            expect("remote", remote_of(tunnel, out), remote)
    # Another tunnel of the same number knows nothing.
    command(XTUN, "tunnel", "del", "b")
    command(XTUN, "tunnel", "add", *tunnels[1].command().split()[2:])
    scene.ports.pop("b")
    expect("verdict", scene.encap("b", frame_to(ONE))[0], DROP)


@test("fdb/ageing")
def ageing(scene):
    """What was not seen for so long is not believed, and not shown."""
    tunnel = any_tap("gretap", more="ageing 2")
    learner = Learner(scene, tunnel)
    learner.arrive(ONE, REMOTES[0])
    learner.goes(ONE, REMOTES[0])
    time.sleep(2.2)
    learner.goes(ONE, None)
    expect("learned", shown("learned"), {})
    learner.arrive(ONE, REMOTES[0])
    learner.goes(ONE, REMOTES[0])
    # For ever.
    command(XTUN, "tunnel", "change", "tap", "ageing", "0")
    time.sleep(2.2)
    learner.goes(ONE, REMOTES[0])


@test("fdb/many_macs")
def many_macs(scene):
    """More than there is room for: the latest are known, and everybody else is still learned."""
    tunnel = any_tap("gretap")
    learner = Learner(scene, tunnel)
    count = times(20000)
    packet = bytearray(frame(from_remote(replace(tunnel, remote=REMOTES[0]), "", b"",
                                         around=frame_to(TWO, ONE)), scene.mac, NEIGHBOUR))
    at = bytes(packet).index(bytes.fromhex(ONE.replace(":", "")))
    for i in range(count):
        packet[at:at + 6] = b"\2\1" + struct.pack("!I", i)
        scene.decap(bytes(packet))
    learner.goes("02:01:" + struct.pack("!I", count - 1).hex(":"), REMOTES[0])
    learner.arrive(ONE, REMOTES[1])
    learner.goes(ONE, REMOTES[1])
    expect("as many as there is room for, or fewer", len(shown("learned")) <= 16384, True)
