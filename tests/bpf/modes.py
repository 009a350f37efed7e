# SPDX-License-Identifier: GPL-2.0
"""What every mode puts on the wire: scapy's headers, GUE's as its draft has them."""

import functools
import random
import struct
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Optional

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (HBHOptUnknown, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, PadN)
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

from oracle import ECN_OUTSIDE, Tunnel, ip, pattern
from scene import LOCAL, LOCAL2, LOCAL6, LOCAL6_2, REMOTES, REMOTES6, route_source

# Kinds of inner packets, with their ethertypes and IP protocols.
ETH_PROTO = {"4": 0x0800, "6": 0x86dd, "m": 0x8847}
IP_PROTO = {"4": 4, "6": 41, "m": 137}
UDP_PROTO, GRE_PROTO, DSTOPTS, ENCAP_LIMIT = 17, 47, 60, 4

# Mode: outer family, whether it has GRE, kinds of inner packets, type for ties (the driver asked
# first has the smaller number).
MODES = {
    "ipip": (4, False, "4"),
    "mplsip": (4, False, "m"),
    "ipip-any": (4, False, "4m"),
    "sit": (4, False, "6"),
    "sit-any": (4, False, "46m"),
    "gre": (4, True, "46m"),
    "ip6ip6": (6, False, "6"),
    "ipip6": (6, False, "4"),
    "ip6tnl": (6, False, "46m"),
    "ip6gre": (6, True, "46m"),
}

# Those that carry Ethernet frames, whatever is in them; likewise.
TAPS = {
    "gretap": (4, True, ""),
    "ip6gretap": (6, True, ""),
}
TEB = 0x6558


@functools.lru_cache
def networks(peers):
    """Longest first: family, first and last address, remote."""
    found = [(ip_network(prefix), remote) for prefix, remote in peers]
    return [(str(net.version), int(net[0]), int(net[-1]), remote) for net, remote in
            sorted(found, key=lambda peer: -peer[0].prefixlen)]


@dataclass
class ModeTunnel(Tunnel):
    """A tunnel of any mode. Over IPv6 ttl 0 is `inherit` too, and has to be said."""
    mode: str = "ipip"
    ignore_df: bool = False
    ikey: Optional[int] = None
    okey: Optional[int] = None
    icsum: bool = False
    ocsum: bool = False
    iseq: bool = False
    oseq: bool = False
    encap: str = ""         # fou, gue
    sport: int = 0          # 0: auto
    dport: int = 5555
    wrap_csum: bool = False
    label: object = 0       # a flow label, or "inherit"
    limit: Optional[int] = 4
    peers: tuple = ()       # of (prefix, remote), where the remote is any
    srccheck: bool = True

    @property
    def family(self):
        return {**MODES, **TAPS}[self.mode][0]

    @property
    def gre(self):
        return {**MODES, **TAPS}[self.mode][1]

    @property
    def kinds(self):
        return {**MODES, **TAPS}[self.mode][2]

    @property
    def protocols(self):
        return {GRE_PROTO} if self.gre else {IP_PROTO[kind] for kind in self.kinds}

    @property
    def source(self):
        return self.local if self.local != "any" else route_source(self.remote)

    def overhead(self):
        size = 20 if self.family == 4 else 40 if self.limit is None else 48
        size += {"": 0, "fou": 8, "gue": 12}[self.encap]
        size += 14 if self.mode in TAPS else 0
        if self.gre:
            size += 4 + 4 * ((self.okey is not None) + self.ocsum + self.oseq)
        return size

    def command(self):
        tos = f"inherit/{self.tos:02x}" if self.inherit else f"{self.tos:02x}"
        words = [f"tunnel add {self.name} mode {self.mode} local {self.local} remote {self.remote}",
                 f"ttl {self.ttl or 'inherit'} tos {tos}", self.more]
        if self.family == 4:
            words.append("pmtudisc" if self.df else "nopmtudisc")
            words.append("ignore-df" if self.ignore_df else "noignore-df")
        else:
            words.append("flowlabel " + (self.label if self.label == "inherit" else
                                         f"{self.label:x}"))
            words.append(f"encaplimit {'none' if self.limit is None else self.limit}")
        for word, value in (("ikey", self.ikey), ("okey", self.okey)):
            words.append(f"{word} {value}" if value is not None else "")
        words += [word for word in ("icsum", "ocsum", "iseq", "oseq") if getattr(self, word)]
        if self.encap:
            words.append(f"encap {self.encap} encap-sport {self.sport or 'auto'} "
                         f"encap-dport {self.dport} {'' if self.wrap_csum else 'no'}encap-csum")
        words.append("" if self.srccheck else "nosrccheck")
        return "\n".join([" ".join(word for word in words if word),
                          *(f"peer add {self.name} {prefix} via {remote}"
                            for prefix, remote in self.peers)])

    # ---- remote any ----

    def owner(self, kind, address):
        """The remote that an inner address is behind, None: nobody."""
        number = int.from_bytes(address, "big")
        for family, first, last, remote in networks(self.peers):
            if family == kind and first <= number <= last:
                return remote
        # RFC 3056
        if self.family == 4 and not self.gre and kind == "6" and address[:2] == b"\x20\x02" and \
                any(address[2:6]):
            return str(ip_address(address[2:6]))
        return None

    def toward(self, kind, inner):
        """The tunnel as it is for this packet, with a fixed remote; None: there is none."""
        remote = self.owner(kind, inner[16:20] if kind == "4" else inner[24:40])
        return remote and replace(self, remote=remote, peers=())

    def stranger(self, kind, inner, remote):
        """Whether the inner source is not behind the @remote that sent it."""
        if self.remote != "any" or not self.srccheck or kind == "m":
            return False
        owner = self.owner(kind, inner[12:16] if kind == "4" else inner[8:24])
        return ip_address(owner).packed != remote if owner else bool(self.peers)


# ---- inner packets ------------------------------------------------------------------------------

def ip6(length=None, payload=None, **fields):
    """An IPv6 packet of @length bytes, or with this payload."""
    header = IPv6(**{"src": "fd00:2::6", "dst": "fd00:2::8", "nh": 17, **fields})
    if payload is None:
        payload = pattern(length - 40 if length else 64)
    return bytes(header / Raw(payload)) if payload else bytes(header)


def mpls(length=None, payload=None, **fields):
    """One label, and behind it what a router would have there."""
    header = MPLS(**{"label": 77, "cos": 5, "s": 1, "ttl": 9, **fields})
    if payload is None:
        payload = ip(length - 4) if length and length >= 24 else pattern((length or 68) - 4)
    return bytes(header) + payload


def inner_of(kind, length, tos=0, ttl=64, df=False, label=0):
    if kind == "4":
        return ip(length, tos=tos, ttl=ttl, flags="DF" if df else 0)
    if kind == "6":
        return ip6(length, tc=tos, hlim=ttl, fl=label)
    return mpls(length, ttl=ttl)


LEAST = {"4": 20, "6": 40, "m": 24}


# ---- outer packets ------------------------------------------------------------------------------

def facts(kind, inner):
    """TOS, TTL, DF and flow label of an inner packet; what has none counts as a host's own."""
    if kind == "4":
        return inner[1], inner[8], bool(inner[6] & 0x40), 0
    if kind == "6":
        word = struct.unpack("!I", inner[:4])[0]
        return word >> 20 & 255, inner[7], False, word & 0xfffff
    return None, 64, False, 0


def limit_option(limit):
    return [HBHOptUnknown(otype=ENCAP_LIMIT, optlen=1, optdata=bytes([limit])),
            PadN(optdata=b"\0")]


def gre_header(kind, key=None, number=None, csum=False):
    fields = {"proto": ETH_PROTO.get(kind, kind)}
    if csum:
        fields["chksum_present"] = 1
    if key is not None:
        fields.update(key_present=1, key=key)
    if number is not None:
        fields.update(seqnum_present=1, seqence_number=number)
    return GRE(**fields)


def carried(tunnel, kind, inner, number=0, sport=0):
    """Protocol and packet behind the outer IP header."""
    proto, packet = IP_PROTO.get(kind), Raw(inner)
    if tunnel.gre:
        proto = GRE_PROTO
        packet = gre_header(kind, tunnel.okey, number if tunnel.oseq else None,
                            tunnel.ocsum) / packet
    if tunnel.encap:
        if tunnel.encap == "gue":
            packet = Raw(bytes([0, proto, 0, 0])) / Raw(bytes(packet))
        udp = UDP(sport=tunnel.sport or sport, dport=tunnel.dport)
        if not tunnel.wrap_csum:
            udp.chksum = 0
        proto, packet = UDP_PROTO, udp / Raw(bytes(packet))
    return proto, packet


def outer_packet(tunnel, kind, inner, number=0, sport=0, ident=0, label=0, limit=None, frame=b""):
    """The packet that carries @inner, or the @frame in which that is. What nobody can know is given:
    @sport for `auto`, @ident without DF, @label for that of the flow."""
    tos, ttl, df, flow = facts(kind, inner)
    if frame:
        kind, inner = TEB, frame
    ours = tos if tunnel.inherit and tos is not None else tunnel.tos
    # The kernel's ip6gre driver leaves ECN out: its class is the tunnel's, or the inner one whole.
    if tunnel.mode in ("ip6gre", "ip6gretap"):
        tos = ours
    else:
        tos = ours & ~3 | (ECN_OUTSIDE[tos & 3] if tos is not None else 0)
    proto, packet = carried(tunnel, kind, inner, number, sport)
    if tunnel.family == 4:
        df = tunnel.df or (df and not tunnel.ignore_df)
        return bytes(IP(src=tunnel.source, dst=tunnel.remote, proto=proto, tos=tos,
                        ttl=tunnel.ttl or ttl, id=0 if df else ident,
                        flags="DF" if df else 0) / packet)
    if tunnel.label == "inherit":
        label = flow or label
    elif tunnel.label:
        label = tunnel.label
    header = IPv6(src=tunnel.source, dst=tunnel.remote, tc=tos, fl=label, hlim=tunnel.ttl or ttl,
                  nh=proto)
    if tunnel.limit is None and limit is None:
        return bytes(header / packet)
    header.nh = DSTOPTS
    options = limit_option(tunnel.limit if limit is None else limit)
    return bytes(header / IPv6ExtHdrDestOpt(nh=proto, options=options, autopad=0) / packet)


def too_big6_error(inner, mtu, anchor_mac):
    """RFC 4443 section 3.2, to the sender of @inner."""
    header = IPv6(inner[:40])
    return bytes(Ether(src=anchor_mac, dst=anchor_mac, type=0x86dd) /
                 IPv6(src=header.dst, dst=header.src, hlim=64) /
                 ICMPv6PacketTooBig(mtu=mtu) / Raw(inner[:68]))


# ---- option sets --------------------------------------------------------------------------------

OVER_IPV4 = [
    {}, {"ttl": 1}, {"ttl": 64, "inherit": True}, {"ttl": 255, "tos": 0xb8},
    {"df": False, "inherit": True, "tos": 0x10}, {"df": False, "tos": 0xfc},
    {"df": False, "ignore_df": True, "inherit": True}, {"local": "any", "inherit": True},
]
OVER_IPV6 = [
    {"ttl": 64}, {"limit": None}, {"inherit": True, "limit": 0}, {"ttl": 255, "tos": 0xb8},
    {"label": 0x12345}, {"label": "inherit", "limit": 255}, {"label": "inherit", "limit": None},
    {"tos": 0x10, "inherit": True, "ttl": 1, "limit": None}, {"local": "any"},
]
GRE_FIELDS = [
    {"ikey": 42, "okey": 42}, {"okey": 0}, {"ikey": 7, "okey": 0xffffffff},
    {"icsum": True, "ocsum": True}, {"iseq": True, "oseq": True},
    {"okey": 1, "ocsum": True}, {"ocsum": True, "oseq": True}, {"okey": 2, "oseq": True},
    {"ikey": 3, "okey": 3, "icsum": True, "ocsum": True, "iseq": True, "oseq": True},
]
WRAPS = [
    {"encap": "fou", "sport": 7777}, {"encap": "gue", "sport": 7777, "dport": 65535},
    {"encap": "fou", "sport": 1, "dport": 1, "wrap_csum": True},
    {"encap": "gue", "wrap_csum": True}, {"encap": "fou"},
]


def variants(mode):
    """A tunnel of @mode for each set of options, each to a remote of its own."""
    family, gre, _ = {**MODES, **TAPS}[mode]
    sets = list(OVER_IPV4 if family == 4 else OVER_IPV6)
    sets += GRE_FIELDS if gre else []
    sets += WRAPS
    if gre:
        sets += [{"encap": "gue", "sport": 9, **GRE_FIELDS[-1]},
                 {"encap": "fou", "wrap_csum": True, **GRE_FIELDS[-1]}]
    remotes = REMOTES if family == 4 else REMOTES6
    locals_ = (LOCAL, LOCAL2) if family == 4 else (LOCAL6, LOCAL6_2)
    return [ModeTunnel(**{"name": f"v{i}", "mode": mode, "remote": remotes[i],
                          "local": locals_[i % 2], **fields}) for i, fields in enumerate(sets)]


def chance(seed=1):
    return random.Random(seed)
