# SPDX-License-Identifier: GPL-2.0
"""Every reason to drop, by a packet that has just this fault."""

import errno
import os
import re
import socket
import time

from arrivals import from_remote
from harness import Failure, expect, expect_bytes, test
from modes import ModeTunnel, ip6
from oracle import IPIP, Tunnel, checksum_mend, frame, ip, pattern
from scene import (DEV, DROP, LOCAL, LOCAL2, LOCAL6, NEIGHBOUR, NEXT, REMOTES, REMOTES6, XTUN,
                   command)

TUN1 = Tunnel("tun1", REMOTES[0], LOCAL)
TUNNELS = [
    TUN1,
    Tunnel("nobody", local=LOCAL2),
    Tunnel("nowhere", "198.51.100.1", LOCAL),
    Tunnel("circle", "198.51.100.2", LOCAL),
]


def configure(scene):
    scene.configure(*(tunnel.command() for tunnel in TUNNELS))
    command("ip", "link", "set", "circle", "up")
    command("ip", "route", "replace", "198.51.100.2", "dev", "circle")


def ipv6():
    return b"\x60" + bytes(5) + b"\x3b\x40" + pattern(32)


# reason: (tunnel, frame, what else the run is told)
ENCAP = [
    ("inner_proto", "tun1", frame(ipv6(), eth_proto=0x86dd), {}),
    ("inner_proto", "tun1", frame(pattern(28), eth_proto=0x0806), {}),
    ("inner_proto", "tun1", frame(b"", eth_proto=0x88cc), {}),
    ("inner_proto", "tun1", frame(ip(), eth_proto=0x8100), {}),
    ("inner_proto", "tun1", frame(ip(version=6)), {}),
    ("inner_proto", "tun1", frame(ip(version=0)), {}),
    ("no_peer", "nobody", frame(ip()), {}),
    ("no_route", "nowhere", frame(ip()), {}),
    ("loop", "circle", frame(ip()), {}),
    ("too_big", "tun1", frame(ip(1481)), {}),
    ("too_big", "tun1", frame(ip(3000)), {}),
    # Segments of a kind that cannot be told to a test run: the kernel makes no room.
    ("push_failed", "tun1", frame(ip(3000)), {"gso_size": 1000}),
]


def outer(inner=None, mend=True, **fields):
    packet = ip(payload=ip() if inner is None else inner,
                **{"src": REMOTES[0], "dst": LOCAL, "proto": IPIP, **fields})
    return checksum_mend(packet) if mend else packet


INNER = ip()
DECAP = [
    ("outer_length", outer(len=len(outer()) + 1), {}),
    ("outer_length", outer(len=0xffff), {}),
    ("outer_length", outer(len=19), {}),
    ("outer_length", outer(len=0), {}),
    ("outer_length", outer(options=b"\1" * 40, len=59), {}),
    ("outer_checksum", outer(mend=False, chksum=0), {}),
    ("outer_checksum", outer(mend=False, chksum=0xffff), {}),
    ("outer_checksum", outer(mend=False, options=b"\1" * 4, chksum=0x1234), {}),
    ("outer_checksum", outer(options=b"\1" * 4)[:23] + b"\0" + outer(options=b"\1" * 4)[24:], {}),
    ("outer_options", outer(options=b"\x83\7\4\1\2\3\4\0"), {}),
    ("outer_options", outer(options=b"\x89\7\4\1\2\3\4\0"), {}),
    ("outer_options", outer(options=b"\1" * 33 + b"\x83\7\4\1\2\3\4"), {}),
    ("outer_options", outer(options=b"\x94\0\0\0"), {}),
    ("outer_options", outer(options=b"\x94\1\0\0"), {}),
    ("outer_options", outer(options=b"\x94\5\0\0"), {}),
    ("outer_options", outer(options=b"\1\1\1\x94"), {}),
    ("outer_options", outer(options=b"\1" * 39 + b"\x94"), {}),
    ("outer_options", outer(options=b"\1" * 38 + b"\x94\3"), {}),
    ("payload_proto", outer(ipv6()), {}),
    ("payload_proto", outer(ip(version=6)), {}),
    ("payload_proto", outer(bytes(20), options=b"\1" * 40), {}),
    ("payload_length", outer(b""), {}),
    ("payload_length", outer(INNER[:19]), {}),
    ("payload_length", outer(INNER[:19], options=b"\1" * 40), {}),
    ("payload_length", outer(INNER[:-1]), {}),
    ("payload_length", outer(INNER[:20]), {}),
    ("payload_length", outer(ip(len=0xffff)), {}),
    # The packet inside ends behind the outer one, though these bytes are there as padding.
    ("payload_length", outer(INNER, len=20 + len(INNER) - 1), {}),
    ("payload_length", outer(INNER, len=39), {}),
    ("payload_length", outer(INNER, len=20), {}),
    ("wrong_remote", outer(src=REMOTES[1]), {}),
    ("wrong_remote", outer(src="0.0.0.0"), {}),
    ("wrong_remote", outer(src="255.255.255.255"), {}),
    ("wrong_remote", outer(src=LOCAL), {}),
    ("ecn", outer(tos=3), {}),
    ("ecn", outer(tos=0xff, inner=ip(tos=0xfc)), {}),
    ("pop_failed", outer(), {"gso_size": 1000}),
    # An aggregate of more than 64 kB has no length of its own; see above for the rest.
    ("pop_failed", outer(len=0), {"gso_size": 1000}),
]


def dropped(scene, what, reason, tunnel, run):
    verdict, _ = run()
    expect(f"counted for {what}", scene.counted(), {(tunnel, reason): 1})
    expect(f"verdict for {what}", verdict, DROP)


@test("drops/encap")
def encap(scene):
    configure(scene)
    for reason, tunnel, data, how in ENCAP:
        dropped(scene, f"{reason}: {data[12:40].hex(' ')}", reason, tunnel,
                lambda: scene.encap(tunnel, data, **how))


@test("drops/encap_ready")
def encap_ready(scene):
    """The same of one tunnel right behind packets that it carried in this tick of the clock, where the
    short way (bpf/ready.h) looks first."""
    configure(scene)
    for reason, tunnel, data, how in ENCAP:
        if tunnel != "tun1":
            continue
        for tries in range(1, 101):
            time.sleep(0.011)
            carried = [scene.encap(tunnel, frame(ip()))[1][:6] for _ in range(2)]
            verdict, _ = scene.encap(tunnel, data, **how)
            if [to == NEIGHBOUR for to in carried] == [False, True]:
                break
        what = f"{reason}: {data[12:40].hex(' ')}"
        expect(f"counted for {what}", scene.counted().get((tunnel, reason)), tries)
        expect(f"verdict for {what}", verdict, DROP)


@test("drops/decap")
def decap(scene):
    configure(scene)
    for reason, packet, how in DECAP:
        dropped(scene, f"{reason}: {packet[:60].hex(' ')}", reason, "tun1",
                lambda: scene.decap(frame(packet, scene.mac, NEIGHBOUR), **how))


SUMS = ModeTunnel("sums", REMOTES[2], LOCAL, mode="gre", ocsum=True, icsum=True)
NUMBERS = ModeTunnel("numbers", REMOTES[3], LOCAL, mode="gre", oseq=True, iseq=True)
WRAPPED = ModeTunnel("wrapped", REMOTES[4], LOCAL, mode="gre", encap="fou", sport=5,
                     wrap_csum=True)
SIX = ModeTunnel("six", REMOTES6[0], LOCAL6, mode="ip6tnl")
ANY = ModeTunnel("any", "any", LOCAL, mode="gre", ikey=5, okey=5,
                 peers=(("172.16.0.0/24", REMOTES[5]), ("172.16.1.0/24", REMOTES[6])))
# What only other modes can have wrong: (reason, way, tunnel, frame, what else the run is told).
MODES = [
    ("gso", "tx", "sums", frame(ip(3000)), {"gso_size": 1000}),
    ("gso", "tx", "numbers", frame(ip(3000)), {"gso_size": 1000}),
    ("gso", "tx", "wrapped", frame(ip(3000)), {"gso_size": 1000}),
    ("encap_limit", "tx", "six",
     frame(ip6(nh=60, payload=b"\x3b\0\4\1\0\1\1\0"), eth_proto=0x86dd), {}),
    ("inner_length", "tx", "sums", frame(b"\1\2\3", eth_proto=0x8847), {}),
    ("payload_checksum", "rx", "sums", from_remote(SUMS, "4", ip(), ocsum=False), {}),
    ("segments", "rx", "wrapped", from_remote(WRAPPED, "4", ip(3000), "fou"), {"gso_size": 1000}),
    ("sequence", "rx", "numbers", from_remote(NUMBERS, "4", ip(), oseq=False), {}),
    ("no_peer", "tx", "any", frame(ip(dst="172.16.2.8")), {}),
    ("wrong_peer", "rx", "any", from_remote(ANY, "4", ip(src="172.16.0.6"), remote=LOCAL,
                                            local=REMOTES[6]), {}),
    ("wrong_peer", "rx", "any", from_remote(ANY, "4", ip(src="172.16.2.6"), remote=LOCAL,
                                            local=REMOTES[6]), {}),
    ("wrap_header", "rx", "wrapped",
     checksum_mend(from_remote(WRAPPED, "4", ip(), "gue")[:30] + b"\1\0" +
                   from_remote(WRAPPED, "4", ip(), "gue")[32:]), {}),
    ("wrap_checksum", "rx", "wrapped",
     from_remote(WRAPPED, "4", ip(), "fou", wrap_csum=True)[:26] + b"\1\0" +
     from_remote(WRAPPED, "4", ip(), "fou")[28:], {}),
]


@test("drops/modes")
def modes(scene):
    scene.configure("fou add port 7747 ipproto 47", "fou add port 5555 gue",
                    *(tunnel.command() for tunnel in (SUMS, NUMBERS, WRAPPED, SIX, ANY)))
    for reason, way, tunnel, data, how in MODES:
        dropped(scene, f"{reason}: {data[:60].hex(' ')}", reason, tunnel,
                lambda: scene.encap(tunnel, data, **how) if way == "tx" else
                scene.decap(frame(data, scene.mac, NEIGHBOUR), **how))


# What test runs cannot bring about, and where it is: VLAN tags beside the packet. Copies that fail while
# the frame itself goes on; sources that only tunnels without remote look at.
ELSEWHERE = [("vlan", "rx", "../net/xdp.sh", "drops.vlan"),
             ("flood", "tx", "test_fdb.py", '"flood"'),
             ("source_mac", "rx", "test_fdb.py", '"source_mac"'),
             ("options", "rx", "test_vxlan.py", '"options")')]


@test("drops/no_other")
def no_other(scene):
    """The tables above have every reason that the command knows, and no other."""
    known = {name: way for name, way in
             re.findall(r"^ *(\S+) +(tx|rx) ", command(XTUN, "help", "drops"), re.M)}
    tried = {reason: "tx" for reason, *_ in ENCAP} | {reason: "rx" for reason, *_ in DECAP}
    tried |= {reason: way for reason, way, *_ in MODES}
    for reason, way, family, words in ELSEWHERE:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), family), encoding="utf-8") as text:
            if words in text.read():
                tried[reason] = way
    expect("reasons", tried, known)


# ---- too short for test runs --------------------------------------------------------------------
# Kernels of today refuse test runs on IPv4 frames that are shorter than an IPv4 header. Those go
# over packet sockets.

ETH_P_IP = 0x0800


def packet_socket(dev, proto=0):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(proto))
    sock.bind((dev, proto))
    return sock


@test("drops/short_inner")
def short_inner(scene):
    configure(scene)
    command("ip", "link", "set", "tun1", "up")
    with packet_socket("tun1", ETH_P_IP) as sock:
        for size in range(1, 20):
            try:
                sock.send(frame(ip()[:size]))
                raise Failure(f"{size} bytes were sent")
            except OSError as error:
                expect("what the sender is told", error.errno, errno.ENOBUFS)
        expect("counted", scene.counted(), {("tun1", "inner_length"): 19})
        try:
            verdicts = [scene.encap("tun1", frame(ip()[:size]))[0] for size in range(1, 20)]
        except OSError:
            return ["by packet sockets alone"]
        expect("verdicts", verdicts, [DROP] * 19)
        expect("counted", scene.counted(), {("tun1", "inner_length"): 19})
    return []


@test("drops/short_outer")
def short_outer(scene):
    """An IPv4 frame without a whole header is not ours: the stack gets it as it is."""
    configure(scene)
    sent = [frame(outer()[:size], scene.mac, NEIGHBOUR) for size in range(1, 20)]
    with packet_socket("wire") as wire, packet_socket(DEV, ETH_P_IP) as stack:
        stack.settimeout(5)
        for data in sent:
            wire.send(data)
            got, (_, _, kind, _, _) = stack.recvfrom(2048)
            expect_bytes("what the stack gets", got, data)
            expect("packet type", kind, socket.PACKET_HOST)
    expect("counters", scene.counters(), {})
    for data in sent:
        try:
            verdict, out = scene.decap(data)
        except OSError:
            return ["by packet sockets alone"]
        expect("verdict", verdict, NEXT)
        expect_bytes("frame", out, data)
    return []
