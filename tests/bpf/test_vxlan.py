# SPDX-License-Identifier: GPL-2.0
"""VXLAN and GENEVE: exact bytes against scapy's headers both ways, and headers that are damaged."""

import itertools
import struct
from dataclasses import dataclass

from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from departures import port_range
from harness import expect, expect_bytes, few, test
from modes import facts, inner_of
from oracle import ECN_INSIDE, ECN_OUTSIDE, ETH_HLEN, frame, pattern, with_tos
from scene import (DROP, LOCAL, LOCAL6, MTU, NEIGHBOUR, NEXT, REDIRECT, REMOTES, REMOTES6, mac)
from test_taps import ETHER, OTHERS, bare, marked

# Options that a header may have: (class, type, data).
NOTED = ((0x0102, 0x01, b"\0\1\2\3"), (0xffff, 0x7f, b""))
LONG = tuple((0x0103, i, pattern(124)) for i in range(1)) + ((4, 5, pattern(116)),)
CRITICAL = ((0x0104, 0x80, b"\xaa\xbb\xcc\xdd"),)


@dataclass
class Wrapped:
    """A tunnel of either mode, in the words of its command and in what they mean."""
    name: str
    mode: str = "vxlan"
    remote: str = REMOTES[0]
    local: str = LOCAL
    vni: int = 42
    dport: int = 4789
    ttl: int = 64           # 0: inherit
    tos: int = 0
    inherit: bool = False
    df: str = "unset"
    csum: bool = False
    srcport: tuple = ()
    label: int = 0
    options: tuple = ()
    more: str = ""

    @property
    def family(self):
        return 6 if ":" in self.local else 4

    @property
    def kinds(self):
        return ""

    def command(self):
        words = [f"tunnel add {self.name} mode {self.mode} id {self.vni} dstport {self.dport}",
                 f"local {self.local} remote {self.remote} ttl {self.ttl or 'inherit'}",
                 f"tos inherit/{self.tos:02x}" if self.inherit else f"tos {self.tos:02x}",
                 f"df {self.df}"]
        if self.family == 4:
            words.append("udpcsum" if self.csum else "noudpcsum")
        else:
            words.append("noudp6zerocsumtx" if self.csum else "udp6zerocsumtx")
        if self.srcport:
            words.append("srcport %d %d" % self.srcport)
        if self.label:
            words.append(f"flowlabel {self.label:x}")
        if self.options:
            words.append("geneve-opt " + ",".join(
                f"{group:04x}:{kind:02x}:{data.hex()}" for group, kind, data in self.options))
        return " ".join([*words, self.more])

    def overhead(self):
        return (20 if self.family == 4 else 40) + 8 + 8 + 14 + len(options_of(self.options))

    def ports(self):
        """The range that source ports come from, the last one not in it."""
        if self.srcport:
            return self.srcport[0], max(self.srcport[1], self.srcport[0] + 1)
        return (1, 65535) if self.mode == "geneve" else port_range()


def options_of(options):
    return b"".join(struct.pack("!HBB", group, kind, len(data) // 4) + data
                    for group, kind, data in options)


def header(tunnel, **fields):
    if tunnel.mode == "vxlan":
        return VXLAN(**{"vni": tunnel.vni, "flags": "Instance", **fields})
    options = [GeneveOptions(classid=group, type=kind, data=data)
               for group, kind, data in tunnel.options]
    critical = any(kind & 0x80 for _, kind, _ in tunnel.options)
    return GENEVE(**{"vni": tunnel.vni, "proto": 0x6558, "critical": critical, "options": options,
                     "optionlen": len(options_of(tunnel.options)) // 4, **fields})


def wrapped(tunnel, data, sport, src, dst, tos=0, ttl=64, ident=0, df=False, csum=None, **fields):
    """The packet around the frame @data; @fields: of the VXLAN or GENEVE header."""
    udp = UDP(sport=sport, dport=tunnel.dport)
    if not (tunnel.csum if csum is None else csum):
        udp.chksum = 0
    payload = udp / Raw(bytes(header(tunnel, **fields)) + data)
    if tunnel.family == 4:
        return bytes(IP(src=src, dst=dst, tos=tos, ttl=ttl, id=0 if df else ident,
                        flags="DF" if df else 0) / payload)
    return bytes(IPv6(src=src, dst=dst, tc=tos, hlim=ttl, fl=tunnel.label) / payload)


def departed(tunnel, kind, inner, data, packet):
    """What should have left, where @packet did."""
    tos, ttl, df, _ = facts(kind, inner)
    ours = tos if tunnel.inherit and tos is not None else tunnel.tos
    at = 20 if tunnel.family == 4 else 40
    sport = struct.unpack("!H", packet[at:at + 2])[0]
    first, last = tunnel.ports()
    expect(f"{first} <= {sport} < {last}", first <= sport < last, True)
    return wrapped(tunnel, data, sport, tunnel.local, tunnel.remote,
                   tos=ours & ~3 | (ECN_OUTSIDE[tos & 3] if tos is not None else 0),
                   ttl=tunnel.ttl or ttl, ident=struct.unpack("!H", packet[4:6])[0],
                   df=tunnel.df == "set" or (tunnel.df == "inherit" and (df or kind == "6")))


SETS = [
    {}, {"ttl": 0, "inherit": True}, {"ttl": 255, "tos": 0xb8, "df": "set"},
    {"df": "inherit", "inherit": True, "tos": 0x10}, {"csum": True}, {"vni": 0, "dport": 1},
    {"vni": 0xffffff, "dport": 65535, "more": "nolearning"},
]
VXLAN_SETS = [{"srcport": (7, 7)}, {"srcport": (1000, 1100), "csum": True}]
GENEVE_SETS = [{"dport": 6081, "options": NOTED}, {"options": LONG}, {"options": CRITICAL, "csum": True}]
IPV6_SETS = [{"label": 0x12345}]


def tunnels_of(mode, family):
    sets = SETS + (VXLAN_SETS if mode == "vxlan" else GENEVE_SETS) + \
        (IPV6_SETS if family == 6 else [])
    remotes, local = (REMOTES, LOCAL) if family == 4 else (REMOTES6, LOCAL6)
    tunnels = []
    for i, fields in enumerate(sets):
        fields = {"vni": 100 + i, **fields}
        if mode == "geneve" and "more" in fields:
            del fields["more"]
        tunnels.append(Wrapped(f"v{i}", mode, remotes[i], local, **fields))
    return tunnels


def encap_every_option(scene, mode, family):
    tunnels = few(tunnels_of(mode, family))
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    for tunnel in tunnels:
        frames = [(kind, inner_of(kind, length, tos=0xb8 | ecn, ttl=9, df=length == 64))
                  for kind, ecn, length in itertools.product("46", range(4), (64, 513))]
        frames = [(kind, inner, bare(kind, inner)) for kind, inner in frames]
        frames += [("", b"", data) for data in OTHERS.values()]
        frames.append(("", b"", bytes(Ether(**ETHER, type=0x88b5) /
                                      Raw(pattern(MTU - tunnel.overhead())))))
        # Twice: the second may take a way that the first has prepared.
        for kind, inner, data in frames + frames:
            what = f"{tunnel.command()}: {data[:34].hex(' ')} ({len(data)} bytes)"
            verdict, out = scene.encap(tunnel.name, data)
            if not kind and len(data) + tunnel.overhead() - 14 > MTU:
                expect("verdict for " + what, verdict, DROP)
                continue
            expect("verdict for " + what, verdict, REDIRECT)
            packet = out[ETH_HLEN:]
            expect_bytes(what, packet, departed(tunnel, kind, inner, data, packet))
        sent = {name: count for (tap, name), count in scene.counted().items()
                if tap == tunnel.name and name == "tx_packets"}
        expect("counted", sent["tx_packets"] >= 2 * len(frames) - 2, True)


def arrived(tunnel, data, src=None, dst=None, **how):
    """From the other end, or another."""
    return wrapped(tunnel, data, 40000, src or tunnel.remote, dst or tunnel.local, **how)


def decap(scene, tunnel, packet):
    return scene.decap(frame(packet, scene.mac, NEIGHBOUR,
                             0x0800 if tunnel.family == 4 else 0x86dd))


def carried(scene, tunnel, packet, data):
    verdict, out = decap(scene, tunnel, packet)
    what = f"{tunnel.command()}: {packet[:100].hex(' ')}"
    expect("verdict for " + what, verdict, REDIRECT)
    expect_bytes(what, out, data)
    counted = scene.counted()
    expect("counted for " + what, counted[tunnel.name, "rx_packets"], 1)


def dropped(scene, tunnel, packet, reason):
    verdict, _ = decap(scene, tunnel, packet)
    what = f"{reason}: {packet[:100].hex(' ')}"
    expect("verdict for " + what, verdict, DROP)
    expect("counted for " + what, scene.counted(), {(tunnel.name, reason): 1})


def decap_every_option(scene, mode, family):
    tunnels = few([tunnel for tunnel in tunnels_of(mode, family) if tunnel.options != CRITICAL])
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    frames = [*OTHERS.values(), *(bare(kind, inner_of(kind, length, tos=2)) for kind, length in
                                  itertools.product("46", (64, 513, 1300)))]
    for tunnel, csum in itertools.product(tunnels, (False, True)):
        refused = family == 6 and not csum
        for data, padding in itertools.product(frames, (b"", pattern(7))):
            packet = arrived(tunnel, data, csum=csum) + padding
            verdict, out = decap(scene, tunnel, packet)
            what = f"{tunnel.command()}: {packet[:100].hex(' ')}"
            expect("verdict for " + what, verdict, DROP if refused else REDIRECT)
            if not refused:
                expect_bytes(what, out, data)
        counted = scene.counted()
        expect("counted", counted[tunnel.name, "wrap_checksum" if refused else "rx_packets"],
               2 * len(frames))


for MODE, FAMILY in itertools.product(("vxlan", "geneve"), (4, 6)):
    test(f"vxlan/encap_{MODE}{FAMILY}")(
        lambda scene, mode=MODE, family=FAMILY: encap_every_option(scene, mode, family))
    test(f"vxlan/decap_{MODE}{FAMILY}")(
        lambda scene, mode=MODE, family=FAMILY: decap_every_option(scene, mode, family))


@test("vxlan/whose")
def whose(scene):
    """VXLAN from whoever has the number, at whichever address of the host, by port; GENEVE from the
    remote alone."""
    near = Wrapped("near", vni=5)
    far = Wrapped("far", vni=5, dport=8472)
    gen = Wrapped("gen", "geneve", dport=6081, vni=5)
    beside = Wrapped("beside", "geneve", remote=REMOTES[1], dport=6081, vni=5)
    tunnels = [near, far, gen, beside]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    data = OTHERS["arp"]
    for tunnel in tunnels:
        carried(scene, tunnel, arrived(tunnel, data), data)
        carried(scene, tunnel, arrived(tunnel, data, dst="10.1.1.6"), data)
        verdict, out = decap(scene, tunnel, arrived(tunnel, data, vni=6))
        expect(f"verdict for another number than {tunnel.name}'s", verdict, NEXT)
        expect_bytes("untouched", out[ETH_HLEN:], arrived(tunnel, data, vni=6))
    for tunnel in (near, far):
        carried(scene, tunnel, arrived(tunnel, data, src=REMOTES[9]), data)
    verdict, _ = decap(scene, gen, arrived(gen, data, src=REMOTES[9]))
    expect("verdict for a strange GENEVE sender", verdict, NEXT)
    expect("counted", scene.counted(), {})
    # Two of one number and port cannot be, nor two kinds at one port.
    scene.configure(near.command())
    verdict, _ = decap(scene, far, arrived(far, data))
    expect("verdict where the port is gone", verdict, NEXT)


@test("vxlan/ecn")
def ecn(scene):
    tunnels = [Wrapped("x"), Wrapped("g", "geneve", dport=6081),
               Wrapped("x6", local=LOCAL6, remote=REMOTES6[0], csum=True)]
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    cases = itertools.product(tunnels, "46", range(4), range(4))
    for tunnel, kind, inside, outside in few(cases, least=16):
        inner = inner_of(kind, 100, tos=0xb8 | inside)
        packet = marked(arrived(tunnel, bare(kind, inner)), tunnel.family, outside)
        left = ECN_INSIDE[inside][outside]
        if left is None:
            dropped(scene, tunnel, packet, "ecn")
            continue
        want = inner_of(kind, 100, tos=0xb8 | left) if kind == "6" else \
            with_tos(inner, 0xb8 | left)
        carried(scene, tunnel, packet, bare(kind, want))


@test("vxlan/damaged_vxlan")
def damaged_vxlan(scene):
    """Bits that nobody knows, a missing one, sums and lengths that are wrong; the driver's own frames
    that come back."""
    tunnel = Wrapped("x")
    scene.configure(tunnel.command())
    data = OTHERS["arp"]
    right = arrived(tunnel, data)
    for bit in range(64):
        at = 28 + bit // 8
        packet = right[:at] + bytes([right[at] ^ 0x80 >> bit % 8]) + right[at + 1:]
        if 32 <= bit < 56:
            expect(f"verdict for bit {bit}", decap(scene, tunnel, packet)[0], NEXT)
        else:
            dropped(scene, tunnel, packet, "wrap_header")
    summed = arrived(tunnel, data, csum=True)
    dropped(scene, tunnel, summed[:-1] + bytes([summed[-1] ^ 1]), "wrap_checksum")
    for length in (0, 7, len(right) - 20 + 1, 65535):
        dropped(scene, tunnel, right[:24] + struct.pack("!H", length) + right[26:], "wrap_header")
    for size in (0, 1, 13):
        dropped(scene, tunnel, arrived(tunnel, data[:size]), "payload_length")
    dropped(scene, tunnel, arrived(tunnel, data[:6] + mac("x") + data[12:]), "source_mac")
    expect("verdict for half a header", decap(scene, tunnel, right[:32])[0], NEXT)
    # A fragment is the stack's to put together.
    expect("verdict for a fragment",
           decap(scene, tunnel, bytes(IP(right[:20], chksum=None, flags="MF")) + right[20:])[0], NEXT)


@test("vxlan/damaged_geneve")
def damaged_geneve(scene):
    """RFC 8926: version, O, C and ethertype; options that end too early or too late."""
    tunnel = Wrapped("g", "geneve", dport=6081)
    scene.configure(tunnel.command())
    data = OTHERS["arp"]
    for fields, reason in (({"version": 1}, "wrap_header"), ({"oam": 1}, "wrap_header"),
                           ({"proto": 0x0800}, "payload_proto"), ({"proto": 0}, "payload_proto"),
                           ({"critical": 1}, "options")):
        dropped(scene, tunnel, arrived(tunnel, data, **fields), reason)
    # Reserved bits mean nothing.
    carried(scene, tunnel, arrived(tunnel, data, reserved=0x3f, reserved2=0xff), data)

    def with_options(bytes_):
        return arrived(tunnel, bytes_ + data, options=[], optionlen=len(bytes_) // 4)

    word = pattern(4)
    good = [options_of(NOTED), options_of(LONG), b"\1\2\3\xe0", b"\0\0\0\0" * 63,
            b"\1\2\3\x1f" + word * 31, b"\1\2\3\xe1" + word]
    for options in good:
        carried(scene, tunnel, with_options(options), data)
    broken = [b"\1\2\3\1", b"\1\2\3\2" + word, b"\1\2\3\x1f" + word * 30,
              options_of(NOTED) + b"\1\2\3\3" + word * 2, b"\1\2\x83\0", options_of(CRITICAL),
              options_of(NOTED) + options_of(CRITICAL), b"\0\0\0\0" * 62 + b"\0\0\0\1"]
    for options in broken:
        dropped(scene, tunnel, with_options(options), "options")
    right = arrived(tunnel, data)
    # Options that reach beyond the packet.
    dropped(scene, tunnel, right[:28] + b"\x3f" + right[29:], "payload_length")
    expect("verdict for half a header", decap(scene, tunnel, right[:32])[0], NEXT)
    dropped(scene, tunnel, arrived(tunnel, data[:6] + mac("g") + data[12:]), "source_mac")


@test("vxlan/zero_sums")
def zero_sums(scene):
    """Over IPv6 a checksum has to be there unless it is said that it need not."""
    tunnel = Wrapped("x", local=LOCAL6, remote=REMOTES6[0], more="udp6zerocsumrx")
    scene.configure(tunnel.command())
    data = OTHERS["arp"]
    for csum in (False, True):
        carried(scene, tunnel, arrived(tunnel, data, csum=csum), data)


@test("vxlan/no_remote")
def no_remote(scene):
    tunnel = Wrapped("x", remote="any")
    scene.configure(tunnel.command())
    carried(scene, tunnel, arrived(tunnel, OTHERS["arp"], src=REMOTES[4]), OTHERS["arp"])
    expect("verdict", scene.encap("x", OTHERS["arp"])[0], DROP)
    expect("counted", scene.counted(), {("x", "no_peer"): 1})
