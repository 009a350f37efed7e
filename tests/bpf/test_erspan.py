# SPDX-License-Identifier: GPL-2.0
"""ERSPAN: exact bytes both ways in all versions, what is cut, sessions, damaged headers."""

import itertools
import json
import random
import struct
import time
from dataclasses import dataclass

from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.packet import Raw

from departures import unknown
from harness import Failure, expect, expect_bytes, test, times
from modes import ModeTunnel, facts, inner_of, limit_option
from oracle import ECN_OUTSIDE, ETH_HLEN, frame, ip, pattern
from scene import (DROP, LOCAL, LOCAL6, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, REMOTES6, XTUN,
                   command)
from test_taps import ETHER, OTHERS, bare
from test_xdp import Both

GRE_PROTO = 47


@dataclass
class Span(ModeTunnel):
    mode: str = "erspan"
    version: int = 1
    index: int = 0
    egress: bool = False
    hwid: int = 0

    family = property(lambda self: 4 if self.mode == "erspan" else 6)
    gre = True

    def overhead(self):
        ip_hlen = 20 if self.family == 4 else 40 if self.limit is None else 48
        return ip_hlen + (4, 16, 20)[self.version] + 14

    def command(self):
        words = [super().command().replace("\n", " "), f"erspan_ver {self.version}"]
        if self.version == 1 and self.index:
            words.append(f"erspan {self.index}")
        if self.version == 2:
            words.append(f"erspan_dir {'egress' if self.egress else 'ingress'} "
                         f"erspan_hwid {self.hwid}")
        return " ".join(words)

    def header(self, data, number, truncated, stamp=0):
        """What stands in front of the frame @data, as erspan_build_header() has it."""
        if not self.version:
            return bytes(GRE(proto=0x88be))
        tagged = data[12:14] == b"\x81\x00"
        at = 14
        while data[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        first, second = data[at:at + 2]
        tos = second if self.family == 4 else (first << 4 | second >> 4) & 255
        fields = {"ver": self.version, "cos": tos >> 5, "t": truncated,
                  "vlan": struct.unpack("!H", data[14:16])[0] & 0xfff if tagged else 0,
                  "session_id": self.okey or 0}
        if self.version == 1:
            span = ERSPAN_II(**fields, en=3 if tagged else 0, index=self.index)
            return bytes(GRE(proto=0x88be, seqnum_present=1, seqence_number=number) / span)
        span = ERSPAN_III(**fields, bso=1 if len(data) < 60 else 2 if len(data) > 1514 else 0,
                          timestamp=stamp, p=1, hw=self.hwid, d=self.egress)
        return bytes(GRE(proto=0x22eb, seqnum_present=1, seqence_number=number) / span)

    def outer(self, data, payload, ident=0, label=0, **_):
        """The outer header around @payload, in which the frame @data is."""
        kind = {b"\x08\x00": "4", b"\x86\xdd": "6"}.get(data[12:14], "")
        if kind and data[14] >> 4 != int(kind):
            kind = ""
        tos, ttl, df, _ = facts(kind, data[14:])
        ours = tos if self.inherit and tos is not None else self.tos
        if self.family == 4:
            df = self.df or (df and not self.ignore_df)
            tos = ours & ~3 | (ECN_OUTSIDE[tos & 3] if tos is not None else 0)
            return bytes(IP(src=self.source, dst=self.remote, proto=GRE_PROTO, tos=tos,
                            ttl=self.ttl or ttl, id=0 if df else ident,
                            flags="DF" if df else 0) / Raw(payload))
        known = data[12:14] in (b"\x08\x00", b"\x86\xdd")
        header = IPv6(src=self.source, dst=self.remote, tc=ours if known else 0,
                      fl=self.label or label, hlim=self.ttl or ttl, nh=GRE_PROTO)
        if self.limit is None or not known:
            return bytes(header / Raw(payload))
        header.nh = 60
        return bytes(header / IPv6ExtHdrDestOpt(nh=GRE_PROTO, options=limit_option(self.limit),
                                                autopad=0) / Raw(payload))


VERSIONS = [{"version": 0}, {"okey": 0, "index": 5}, {"okey": 1023, "index": 0xfffff, "ttl": 64},
            {"version": 2, "okey": 5, "egress": True, "hwid": 63, "inherit": True},
            {"version": 2, "okey": 513, "hwid": 17, "tos": 0xb8}, {"index": 1}]


def tunnels_of(mode):
    remotes, local = (REMOTES, LOCAL) if mode == "erspan" else (REMOTES6, LOCAL6)
    more = [{}, {"df": False}] if mode == "erspan" else [{"limit": None}, {"ttl": 64}]
    return [Span(**{"name": f"s{i}", "mode": mode, "remote": remotes[i], "local": local,
                    **more[i % 2], **fields}) for i, fields in enumerate(VERSIONS)]


FRAMES = [
    *OTHERS.values(), bytes(Ether(**ETHER) / Dot1Q(vlan=4095, prio=7, type=0x88b5)) + pattern(50),
    *(bare(kind, inner_of(kind, length, tos=tos, ttl=9, df=length == 64)) for kind, tos, length in
      itertools.product("46", (0, 0x23, 0xb9, 0xff), (64, 513))),
]


def stamp_of(tunnel, payload):
    """The time in a header of version 2, which must be now."""
    if tunnel.version != 2:
        return 0
    stamp, now = struct.unpack("!I", payload[12:16])[0], int(time.time() * 10000)
    if (now - stamp) % (1 << 32) > 50000:
        raise Failure(f"timestamp {stamp}, and not {now % (1 << 32)}")
    return stamp


def encap_bytes(scene, mode):
    tunnels = tunnels_of(mode)
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    for tunnel in tunnels:
        most = MTU - tunnel.overhead() + ETH_HLEN
        long = (bytes(Ether(**ETHER, type=0x88b5)) + pattern(1600))
        frames = [*FRAMES, long[:most], long[:most + 1], long,
                  bare("4", inner_of("4", 1600, df=True)),
                  # The IP header says that there is more.
                  bare("4", inner_of("4", 200)[:150]), bare("6", inner_of("6", 200)[:150])]
        for number, data in enumerate(frames):
            what = f"{tunnel.command()}: {data[:34].hex(' ')} ({len(data)} bytes)"
            verdict, out = scene.encap(tunnel.name, data)
            expect("verdict for " + what, verdict, REDIRECT)
            packet, sent = out[ETH_HLEN:], data[:most]
            payload = packet[-len(sent) - tunnel.overhead() + ETH_HLEN +
                             (20 if tunnel.family == 4 else 40 if tunnel.limit is None else 48):]
            # Fragments say nothing of their own length.
            cut = len(sent) < len(data) or len(data) == 164
            want = tunnel.header(sent, number, cut, stamp_of(tunnel, payload)) + sent
            expect_bytes(what, packet, tunnel.outer(sent, want, **unknown(tunnel, packet)))


def decap_bytes(scene, mode):
    """Every version for every tunnel, whatever that sends itself; the session decides."""
    tunnels = tunnels_of(mode)
    for tunnel in tunnels:
        tunnel.ikey = tunnel.okey
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    number = itertools.count()
    for tunnel, version, data in itertools.product(tunnels, range(3), FRAMES):
        if tunnel.ikey is not None and not version:
            continue
        # Without a session of its own it takes all.
        sent = back(tunnel, version, tunnel.ikey if tunnel.ikey is not None else 77)
        packet = sent.outer(data, sent.header(data, next(number), False) + data)
        arrived(scene, tunnel, packet, data)
    tunnels = [tunnel for tunnel in tunnels if tunnel.ikey is not None]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    for tunnel in tunnels:
        sent = back(tunnel, 1, (tunnel.ikey + 100) % 1024)
        packet = sent.outer(FRAMES[0], sent.header(FRAMES[0], 1, False) + FRAMES[0])
        expect("verdict for another session", decapped(scene, tunnel, packet)[0], NEXT)


def back(tunnel, version, session):
    """The other end, which sends in that version and session."""
    return Span(**{**vars(tunnel), "local": tunnel.remote, "remote": tunnel.local,
                   "version": version, "okey": session, "ttl": 64, "label": 7, "df": True})


def decapped(scene, tunnel, packet):
    return scene.decap(frame(packet, scene.mac, NEIGHBOUR,
                             0x0800 if tunnel.family == 4 else 0x86dd))


def arrived(scene, tunnel, packet, data):
    what = f"{tunnel.command()}: {packet[:100].hex(' ')}"
    verdict, out = decapped(scene, tunnel, packet)
    expect("verdict for " + what, verdict, REDIRECT)
    expect_bytes(what, out, data)


for MODE in ("erspan", "ip6erspan"):
    test("erspan/encap_" + MODE)(lambda scene, mode=MODE: encap_bytes(scene, mode))
    test("erspan/decap_" + MODE)(lambda scene, mode=MODE: decap_bytes(scene, mode))


def sessions(scene, name):
    del scene
    shown = json.loads(command(XTUN, "-j", "-s", "tunnel", "show", name))[0]["stats"]["sessions"]
    return {(row["remote"], row.get("session")): (row["frames"], row["gaps"], row["lost"],
                                                  row["late"]) for row in shown}


@test("erspan/sessions")
def count_sessions(scene):
    """A receiver for everybody keeps books on each sender and session. Numbers that are missing or
    late refuse nothing, unless `seq` asks for that."""
    for mode, local, remotes in (("erspan", LOCAL, REMOTES), ("ip6erspan", LOCAL6, REMOTES6)):
        tunnel = Span(name="many", mode=mode, remote="any", local=local)
        scene.configure(tunnel.command())
        data = OTHERS["arp"]
        for remote, session, numbers in ((remotes[0], 5, (7, 8, 9, 12, 11, 13)),
                                         (remotes[1], 5, (0xffffffff, 0, 1)),
                                         (remotes[0], 6, (100, 200, 3, 201))):
            sent = Span(mode=mode, name="", local=remote, remote=local, okey=session, ttl=64)
            for number in numbers:
                arrived(scene, tunnel, sent.outer(data, sent.header(data, number, False) + data),
                        data)
        plain = Span(mode=mode, name="", local=remotes[2], remote=local, version=0, ttl=64)
        arrived(scene, tunnel, plain.outer(data, plain.header(data, 0, False) + data), data)
        expect("sessions", sessions(scene, "many"),
               {(remotes[0], 5): (6, 1, 1, 1), (remotes[1], 5): (3, 0, 0, 0),
                (remotes[0], 6): (4, 1, 98, 1), (remotes[2], None): (1, 0, 0, 0)})
        expect("counted", scene.counted(), {("many", "rx_packets"): 14,
                                            ("many", "rx_bytes"): 14 * 28})
        scene.configure(tunnel.command() + " seq")
        sent = Span(mode=mode, name="", local=remotes[0], remote=local, okey=5, ttl=64)
        expect("sessions of a new tunnel", sessions(scene, "many"), {})
        for number, verdict in ((7, REDIRECT), (9, REDIRECT), (8, DROP), (10, REDIRECT)):
            packet = sent.outer(data, sent.header(data, number, False) + data)
            expect(f"verdict for {number}", decapped(scene, tunnel, packet)[0], verdict)
        plain = Span(mode=mode, name="", local=remotes[2], remote=local, version=0, ttl=64)
        packet = plain.outer(data, plain.header(data, 0, False) + data)
        expect("verdict without a number", decapped(scene, tunnel, packet)[0], DROP)
        expect("sessions", sessions(scene, "many"), {(remotes[0], 5): (3, 1, 1, 1)})


@test("erspan/headers")
def headers(scene):
    """What is in no version, or is no frame, is dropped under its name; subheaders are skipped."""
    tunnel = Span(name="s", remote=REMOTES[0], local=LOCAL, ikey=5, okey=5)
    scene.configure(tunnel.command())
    sent, data = back(tunnel, 1, 5), OTHERS["arp"]

    def packet(proto, span, number=1):
        gre = GRE(proto=proto) if number is None else \
            GRE(proto=proto, seqnum_present=1, seqence_number=number)
        return sent.outer(data, bytes(gre / span / Raw(data)))

    for version in range(16):
        for span, proto in ((ERSPAN_II(ver=version, session_id=5), 0x88be),
                            (ERSPAN_III(ver=version, session_id=5, p=1), 0x22eb)):
            # The version in the header counts, and not the ethertype.
            right = ERSPAN_II(ver=1, session_id=5) if version == 1 else \
                ERSPAN_III(ver=2, session_id=5) if version == 2 else span
            if version in (1, 2):
                arrived(scene, tunnel, packet(proto, right), data)
                scene.counted()
                continue
            expect(f"verdict for version {version}",
                   decapped(scene, tunnel, packet(proto, span))[0], DROP)
            expect("counted", scene.counted(), {("s", "payload_proto"): 1})
    platform = ERSPAN_III(session_id=5, o=1, p=1) / ERSPAN_PlatformSpecific(platf_id=3, info1=9)
    arrived(scene, tunnel, packet(0x22eb, platform), data)
    scene.counted()
    for kind in (1, 2, 31):
        bad = packet(0x22eb, ERSPAN_III(session_id=5, p=0, ft=kind))
        expect(f"verdict for frame type {kind}", decapped(scene, tunnel, bad)[0], DROP)
        expect("counted", scene.counted(), {("s", "payload_proto"): 1})
    # Not all there.
    whole = packet(0x22eb, ERSPAN_III(session_id=5, p=1))
    for length in range(20, len(whole) - len(data) + 14):
        header = IP(whole[:20])
        header.len, header.chksum = length, None
        short = bytes(header) + whole[20:length]
        verdict, out = decapped(scene, tunnel, short)
        if length < 40:
            expect_bytes("not ours", out[ETH_HLEN:], short)
            expect(f"verdict for {length} bytes", verdict, NEXT)
        else:
            expect(f"verdict for {length} bytes", verdict, DROP)
            expect("counted", scene.counted(), {("s", "payload_length"): 1})


@test("erspan/xdp")
def xdp(scene):
    """XDP leaves ERSPAN to tc, whole or damaged."""
    tunnels = [Span(name="a", remote=REMOTES[0], local=LOCAL, ikey=5, okey=5),
               Span(name="b", mode="ip6erspan", remote=REMOTES6[0], local=LOCAL6, ikey=5, okey=5),
               Span(name="c", remote="any", local=LOCAL)]
    both, rng, count = Both(scene, tunnels), random.Random(3), 0
    for tunnel, version, data in itertools.product(tunnels, range(3), FRAMES):
        if tunnel.remote == "any":
            tunnel = Span(name="", remote=REMOTES[4], local=LOCAL)
        sent = back(tunnel, version, 5)
        packet = sent.outer(data, sent.header(data, count, False) + data)
        whole = frame(packet, scene.mac, NEIGHBOUR, 0x0800 if tunnel.family == 4 else 0x86dd)
        expect("who takes it at XDP", both.run(whole), None)
        for _ in range(times(30)):
            damaged = bytearray(whole)
            damaged[rng.randrange(14, min(90, len(damaged)))] ^= 1 << rng.randrange(8)
            both.run(bytes(damaged))
            count += 1
    both.xdp.close()
    return [f"{count} damaged frames"]


@test("erspan/too_big")
def too_big(scene):
    """A path that is narrower than the tunnel's device: the sender is told, as every driver does."""
    tunnel = Span(name="s", remote=REMOTES[0], local=LOCAL, okey=5)
    scene.configure(tunnel.command())
    command("ip", "link", "set", "s", "mtu", "1480")
    most = MTU - tunnel.overhead()
    verdict, _ = scene.encap("s", bare("4", ip(most + 1, flags="DF")))
    expect("verdict", verdict, REDIRECT)
    expect("counted", scene.counted(), {("s", "too_big"): 1})
