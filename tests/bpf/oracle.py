# SPDX-License-Identifier: GPL-2.0
"""What the bytes should be: scapy's headers and checksums, and tables from the RFCs.

Nothing here was derived from the programs under test.
"""

import struct
from dataclasses import dataclass

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import checksum

ETH_HLEN = 14
IPIP = 4

NOT_ECT, ECT1, ECT0, CE = range(4)

# What the kernel's drivers write outside: RFC 3168 section 9.1.1, full functionality.
ECN_OUTSIDE = {NOT_ECT: NOT_ECT, ECT1: ECT1, ECT0: ECT0, CE: ECT0}

# RFC 6040 figure 4: what leaves the tunnel, by the inner field, then the outer one. None: drop.
ECN_INSIDE = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


@dataclass
class Tunnel:
    name: str
    remote: str = "any"
    local: str = "any"
    ttl: int = 0            # 0: inherit
    tos: int = 0
    inherit: bool = False   # the inner TOS
    df: bool = True         # pmtudisc
    more: str = ""          # words that change no header

    def command(self):
        tos = f"inherit/{self.tos:02x}" if self.inherit else f"{self.tos:02x}"
        return (f"tunnel add {self.name} mode ipip local {self.local} remote {self.remote} "
                f"ttl {self.ttl or 'inherit'} tos {tos} {'' if self.df else 'no'}pmtudisc "
                f"{self.more}")


def pattern(length):
    """Bytes in which no part looks like another."""
    return b"".join(struct.pack("!H", 0x4000 + i) for i in range(length // 2 + 1))[:length]


# Whole lists of options that do not stop a packet. RFC 791 section 3.1, router alert RFC 2113.
NOP, END = b"\1", b"\0"
OPTIONS = [
    NOP * 4, NOP * 40, END * 4, END * 40, NOP * 3 + END,
    b"\x94\4\0\0",                                     # router alert
    b"\x07\x07\4" + bytes(4) + END,                    # record route
    b"\x07\x27\4" + bytes(36) + END,                   # as long as there is room
    b"\x44\x0c\5\0" + bytes(8),                        # timestamps
    NOP + b"\x82\3\0" + NOP * 3 + END,
    b"\x1e\2" + NOP * 2, b"\x1e\x28" + pattern(38),    # experiment, RFC 4727
    END + b"\x83\7\4\1", END + pattern(39),            # behind the end nothing means anything
    NOP * 38 + b"\x1e\2",
]


def ip(length=None, payload=None, **fields):
    """An IPv4 packet of @length bytes, or with this payload."""
    header = IP(**{"src": "172.16.0.6", "dst": "172.16.0.8", "proto": 17, **fields})
    if payload is None:
        payload = pattern(length - len(header) if length else 64)
    return bytes(header / Raw(payload)) if payload else bytes(header)


def frame(packet, dst=b"\2\0\0\0\0\1", src=b"\2\0\0\0\0\2", eth_proto=0x0800):
    return dst + src + struct.pack("!H", eth_proto) + packet


def encapsulated(tunnel, inner, source, identification):
    """The outer packet that carries @inner."""
    tos, ttl, flags = inner[1], inner[8], inner[6]
    return bytes(IP(src=source, dst=tunnel.remote, proto=IPIP, id=identification,
                    tos=((tos if tunnel.inherit else tunnel.tos) & ~3) | ECN_OUTSIDE[tos & 3],
                    ttl=tunnel.ttl or ttl,
                    flags="DF" if tunnel.df or flags & 0x40 else 0) / Raw(inner))


def with_tos(packet, tos):
    """@packet with another TOS; its checksum is as right or wrong as before, RFC 1624."""
    old = struct.unpack("!H", packet[0:2])[0]
    new = packet[0] << 8 | tos
    check = struct.unpack("!H", packet[10:12])[0]
    total = (~check & 0xffff) + (~old & 0xffff) + new
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return packet[:1] + bytes([tos]) + packet[2:10] + struct.pack("!H", ~total & 0xffff) + \
        packet[12:]


def checksum_right(header):
    """Whether an IPv4 header, options included, sums up to zero."""
    words = struct.unpack(f"!{len(header) // 2}H", header)
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total == 0xffff


def checksum_mend(packet):
    """@packet with a right header checksum, if its header is there."""
    length = (packet[0] & 15) * 4
    if length < 20 or len(packet) < length:
        return packet
    header = bytearray(packet[:length])
    header[10:12] = b"\0\0"
    total = sum(struct.unpack(f"!{length // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return packet[:10] + struct.pack("!H", ~total & 0xffff) + packet[12:]


def too_big_error(inner, mtu, anchor_mac):
    """The frame that tells the sender of @inner to make packets of at most @mtu bytes."""
    header = IP(inner[:20])
    return bytes(Ether(src=anchor_mac, dst=anchor_mac) /
                 IP(src=header.dst, dst=header.src, tos=0xc0, ttl=64, id=0, proto=1) /
                 ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(inner[:48]))


def icmp_error(kind, code, mtu, quoted):
    """An ICMP message that quotes a packet; @mtu in its place of RFC 1191."""
    message = struct.pack("!BBHI", kind, code, 0, mtu) + quoted
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def options_broken(options):
    """Whether IP options have a source route, or are no whole list: RFC 791 section 3.1."""
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] in (131, 137) or len(options) < 2:
            return True
        if options[1] < 2 or options[1] > len(options):
            return True
        options = options[options[1]:]
    return False


def outer_faults(packet):
    """All reasons to drop an outer packet that some tunnel takes; and what is inside."""
    arrived = len(packet)
    hlen = (packet[0] & 15) * 4
    total = struct.unpack("!H", packet[2:4])[0]
    faults = set()

    if total > arrived or total < hlen or hlen > arrived:
        faults.add("outer_length")
    if hlen <= arrived:
        if not checksum_right(packet[:hlen]):
            faults.add("outer_checksum")
        if options_broken(packet[20:hlen]):
            faults.add("outer_options")
    if arrived < hlen + 20:
        return faults | {"payload_length"}, b""
    inner = packet[hlen:]
    if inner[0] >> 4 != 4:
        faults.add("payload_proto")
    if total - hlen < 20 or struct.unpack("!H", inner[2:4])[0] > total - hlen:
        faults.add("payload_length")
    if ECN_INSIDE[inner[1] & 3][packet[1] & 3] is None:
        faults.add("ecn")
    return faults, inner


def decapsulated(frame_in, anchor_mac, inner):
    """The frame that the anchor receives."""
    ecn = ECN_INSIDE[inner[1] & 3][frame_in[ETH_HLEN + 1] & 3]
    if ecn != inner[1] & 3:
        inner = with_tos(inner, inner[1] & ~3 | ecn)
    return anchor_mac + frame_in[6:12] + b"\x08\x00" + inner


def icmp_answers(inner):
    """Whether a packet may be answered by an error, RFC 1122 section 3.2.2."""
    return inner[6] & 0x40 and inner[0] & 15 == 5 and not (inner[6] & 0x1f or inner[7]) and \
        not (inner[9] == 1 and inner[20] not in (0, 8)) and \
        inner[12:16] not in (bytes(4), b"\xff" * 4) and inner[12] >> 4 != 14
