# SPDX-License-Identifier: GPL-2.0
"""What must become of a frame that arrives, for tunnels of every mode: whose it is in the order of
the kernel's drivers, every fault that it has, what comes out."""

import struct
from ipaddress import ip_address

from scapy.utils import checksum

from modes import DSTOPTS, ENCAP_LIMIT, ETH_PROTO, GRE_PROTO, IP_PROTO, UDP_PROTO
from oracle import ECN_INSIDE, ETH_HLEN, checksum_right, options_broken, with_tos
from scene import DROP, NEXT, REDIRECT

KIND_OF_PROTO = {proto: kind for kind, proto in IP_PROTO.items()}
KIND_OF_ETH = {proto: kind for kind, proto in ETH_PROTO.items()}
LEAST = {"4": 20, "6": 40, "m": 4}


class NotOurs(Exception):
    """The stack is to see it as it came."""


class Plan:
    """`verdict`, and for its kind the rest: the tunnel that counts it, under any of `reasons`, the
    bytes that come out, how many of them count."""

    def __init__(self, verdict, tunnel=None, reasons=frozenset(), out=None, size=0):
        self.verdict, self.tunnel, self.reasons = verdict, tunnel, set(reasons)
        self.out, self.size = out, size


class Outer:
    """The headers in front of an inner packet. @ports: {(family, port): "gue" or a protocol}."""

    def __init__(self, packet, family, ports):
        self.packet, self.family = packet, family
        self.faults = set()
        self.key = self.number = self.kind = None
        self.gre = self.udp = 0
        self.gre_csum = False
        (self.read4 if family == 4 else self.read6)()
        if self.proto == UDP_PROTO:
            self.read_udp(ports)
        if self.proto == GRE_PROTO:
            self.read_gre()
        elif self.proto in KIND_OF_PROTO:
            self.kind = KIND_OF_PROTO[self.proto]
        else:
            raise NotOurs

    def word(self, at, size):
        """Fields that tell whose a packet is must be there."""
        if at + size > len(self.packet):
            raise NotOurs
        return int.from_bytes(self.packet[at:at + size], "big")

    def claim_length(self, total, hlen):
        self.end = total
        if not hlen <= total <= len(self.packet):
            self.faults.add("outer_length")
            self.end = None

    def read4(self):
        packet = self.packet
        if len(packet) < 20 or packet[0] >> 4 != 4 or packet[0] & 15 < 5 or packet[6] & 0x3f or \
                packet[7] or packet[16:20] == bytes(4):
            raise NotOurs
        self.tos, self.proto = packet[1], packet[9]
        self.remote, self.local = packet[12:16], packet[16:20]
        self.at = self.hlen = (packet[0] & 15) * 4
        self.claim_length(struct.unpack("!H", packet[2:4])[0], self.at)
        if self.at > len(packet):
            self.faults.add("outer_length")
            return
        if not checksum_right(packet[:self.at]):
            self.faults.add("outer_checksum")
        if options_broken(packet[20:self.at]):
            self.faults.add("outer_options")

    def read6(self):
        packet = self.packet
        if len(packet) < 40 or packet[0] >> 4 != 6:
            raise NotOurs
        self.tos = struct.unpack("!I", packet[:4])[0] >> 20 & 255
        self.proto, self.at, self.hlen = packet[6], 40, 40
        self.remote, self.local = packet[8:24], packet[24:40]
        self.claim_length(struct.unpack("!H", packet[4:6])[0] + 40, 40)
        if self.proto != DSTOPTS:
            return
        size = (self.word(41, 1) + 1) * 8
        if size > 64:
            raise NotOurs
        self.word(40, size)
        if options6_broken(packet[42:40 + size]):
            self.faults.add("outer_options")
        self.proto = packet[40]
        self.at += size

    def read_udp(self, ports):
        self.udp = self.at
        self.word(self.at, 8)
        inside = ports.get((self.family, self.word(self.at + 2, 2)))
        if inside is None:
            raise NotOurs
        length = self.word(self.at + 4, 2)
        if self.end is not None:
            if length < 8 or self.at + length > self.end:
                self.faults.add("wrap_header")
            else:
                self.end = self.at + length
        self.at += 8
        self.proto = inside
        if inside == "gue":
            self.read_gue()

    def read_gue(self):
        first, flags = self.word(self.at, 1), self.word(self.at + 2, 2)
        if first >> 6 == 1:
            if first >> 4 not in (4, 6):
                raise NotOurs
            self.proto = 4 if first >> 4 == 4 else 41
            return
        if first >> 6 or first & 0x20:
            raise NotOurs
        self.proto = self.packet[self.at + 1]
        # Optional fields are skipped; of flags, only private ones with nothing set mean nothing.
        private = self.packet[self.at + 4:self.at + 8]
        if flags and (flags != 1 or not first & 31 or private != bytes(4)):
            self.faults.add("wrap_header")
        self.at += 4 + (first & 31) * 4

    def read_gre(self):
        self.gre = self.at
        flags = self.word(self.at, 2)
        self.kind = KIND_OF_ETH.get(self.word(self.at + 2, 2))
        # No tunnel here is for ERSPAN, whose sessions are looked up apart.
        if flags & 0x4007 or self.word(self.at + 2, 2) in (0x88be, 0x22eb):
            raise NotOurs
        self.gre_csum = bool(flags & 0x8000)
        self.at += 8 if self.gre_csum else 4
        if flags & 0x2000:
            self.key = self.word(self.at, 4)
            self.at += 4
        if flags & 0x1000:
            self.number = self.word(self.at, 4)
            self.at += 4

    # ---- checks ----

    def pseudo(self, length):
        return self.remote + self.local + struct.pack("!II", length, UDP_PROTO)

    # Virtual devices carry packets whose outer checksum is still to be filled in: in its place is the sum
    # of the pseudo header, which GRE has none of.
    def udp_right(self):
        data = self.packet[self.udp:self.end]
        pseudo = self.pseudo(len(data))
        return data[6:8] == b"\0\0" or len(data) < 8 or checksum(pseudo + data) == 0 or \
            data[6:8] == struct.pack("!H", ~checksum(pseudo) & 0xffff)

    def gre_right(self):
        if self.packet[self.gre + 4:self.gre + 6] == b"\0\0":
            return True
        return self.end > self.gre + 4 and checksum(self.packet[self.gre:self.end]) == 0

    def inner_faults(self):
        inner, room = self.packet[self.at:], self.end - self.at
        if room < LEAST[self.kind] or len(inner) < LEAST[self.kind]:
            return {"payload_length"}
        faults = set()
        if self.kind != "m" and inner[0] >> 4 != int(self.kind):
            faults.add("payload_proto")
        length = {"4": lambda: struct.unpack("!H", inner[2:4])[0],
                  "6": lambda: struct.unpack("!H", inner[4:6])[0] + 40,
                  "m": lambda: 0}[self.kind]()
        if length > room:
            faults.add("payload_length")
        if self.kind != "m" and self.ecn() is None:
            faults.add("ecn")
        # The kernel takes no header off when less than an IPv4 header is left.
        if self.kind == "m" and len(inner) < 20:
            faults.add("pop_failed")
        return faults

    def inner_tos(self):
        word = struct.unpack("!H", self.packet[self.at:self.at + 2])[0]
        return word & 255 if self.kind == "4" else word >> 4 & 255

    def ecn(self):
        return ECN_INSIDE[self.inner_tos() & 3][self.tos & 3]

    def inner(self):
        """The inner packet as it comes out, with what lies behind it."""
        packet = self.packet[self.at:]
        if self.kind != "m" and self.ecn() != self.inner_tos() & 3:
            tos = self.inner_tos() & ~3 | self.ecn()
            packet = with_tos(packet, tos) if self.kind == "4" else with_tos6(packet, tos)
        return packet


def with_tos6(packet, tos):
    word = struct.unpack("!H", packet[:2])[0] & 0xf00f | tos << 4
    return struct.pack("!H", word) + packet[2:]


def options6_broken(options):
    """Whether a list of options (RFC 8200 section 4.2) is broken, or has one that stops who does
    not know it."""
    while options:
        if options[0] == 0:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] + 2 > len(options):
            return True
        if options[0] >> 6 and options[0] != ENCAP_LIMIT:
            return True
        options = options[options[1] + 2:]
    return False


# ---- whose it is --------------------------------------------------------------------------------

def is_any(address):
    return address == "any"


def packed(address):
    return ip_address(address).packed


class Receiver:
    """Plans for one configuration. It remembers sequence numbers."""

    def __init__(self, tunnels, ports, us, macs):
        self.tunnels, self.us, self.macs = tunnels, us, macs
        self.ports = {(family, number): inside for family, number, inside in ports}
        self.expected = {}

    def matching(self, outer, exact):
        """Tunnels of the protocol and key, those for one kind of packet first. Over IPv4 a key of
        zero is not none, unless neither end is named."""
        key = outer.key if exact else outer.key or 0
        return sorted((tunnel for tunnel in self.tunnels if tunnel.family == outer.family and
                       outer.proto in tunnel.protocols and
                       (tunnel.ikey if exact else tunnel.ikey or 0) == key),
                      key=lambda tunnel: len(tunnel.kinds))

    def owner(self, outer):
        """(tunnel, whether it takes the packet)"""
        def first(local, remote, candidates):
            for tunnel in candidates:
                if (packed(tunnel.local) == outer.local if local else is_any(tunnel.local)) and \
                        (packed(tunnel.remote) == outer.remote if remote else
                         is_any(tunnel.remote)):
                    return tunnel
            return None

        def named(address):
            return not is_any(address)

        exact = self.matching(outer, outer.family == 4)
        ends = [tunnel for tunnel in exact if named(tunnel.local)]
        order = [(True, True), (False, True), (True, False), (False, False)]
        if outer.family == 6 and outer.proto != GRE_PROTO:
            order[1], order[2] = order[2], order[1]
        for local, remote in order:
            candidates = exact if local or remote else self.matching(outer, False)
            candidates = [tunnel for tunnel in candidates if named(tunnel.local) == local and
                          named(tunnel.remote) == remote]
            tunnel = first(local, remote, candidates)
            if tunnel:
                return tunnel, True
        for tunnel in ends:
            if packed(tunnel.local) == outer.local:
                return tunnel, False
        return None, False

    def plan(self, data):
        eth_proto = data[12:14]
        family = {b"\x08\x00": 4, b"\x86\xdd": 6}.get(eth_proto)
        if data[:6] != self.us or not family:
            return Plan(NEXT, out=data)
        try:
            outer = Outer(data[ETH_HLEN:], family, self.ports)
        except NotOurs:
            return Plan(NEXT, out=data)
        tunnel, takes = self.owner(outer)
        if not tunnel:
            return Plan(NEXT, out=data)
        if not takes or outer.remote == bytes(4):
            return Plan(DROP, tunnel.name, {"wrong_remote"})
        faults = self.faults(outer, tunnel)
        if faults:
            return Plan(DROP, tunnel.name, faults)
        link = self.macs[tunnel.name] + data[6:12] + struct.pack("!H", ETH_PROTO[outer.kind])
        return Plan(REDIRECT, tunnel.name, out=link + outer.inner(), size=outer.end - outer.at)

    def faults(self, outer, tunnel):
        faults = set(outer.faults)
        if outer.kind is None or outer.kind not in tunnel.kinds:
            faults.add("payload_proto")
        if outer.end is not None:
            if outer.udp and not outer.udp_right():
                faults.add("wrap_checksum")
            if outer.gre and (outer.gre_csum != tunnel.icsum or
                              (outer.gre_csum and not outer.gre_right())):
                faults.add("payload_checksum")
        if tunnel.iseq:
            self.sequence(outer, tunnel, faults)
        if outer.end is not None and outer.kind is not None:
            faults |= outer.inner_faults()
            if tunnel.stranger(outer.kind, outer.packet[outer.at:], outer.remote):
                faults.add("wrong_peer")
        return faults

    def sequence(self, outer, tunnel, faults):
        """RFC 2890 section 2.2: what is older than what came is dropped."""
        expected = self.expected.get(tunnel.name, 0)
        late = outer.number is not None and expected and \
            (outer.number - expected) & 0xffffffff >= 1 << 31
        if outer.number is None or late:
            faults.add("sequence")
        elif not faults:
            self.expected[tunnel.name] = (outer.number + 1) & 0xffffffff
