# SPDX-License-Identifier: GPL-2.0
"""untouched.py NETNS-FROM NETNS-TO - frames that are no tunnel's pass the program unchanged.

A packet socket for all protocols sees frames before tc, one that is bound to a protocol sees them
after it: both must see the same bytes.
"""

import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, GRE, STP, Dot3, Ether, LLC
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from host import Host, Report, Wire, equal

FROM, TO = Host(sys.argv[1]), Host(sys.argv[2])
REPORT = Report("untouched")
WIRE = Wire(FROM, "eth0")
MAC_FROM, MAC_TO = FROM.link("eth0")["address"], TO.link("eth0")["address"]
ETH_P_802_2 = 4


def frame(eth_type, dst=MAC_TO):
    return Ether(dst=dst, src=MAC_FROM, type=eth_type)


def ip(proto, **fields):
    return IP(**{"src": "10.1.1.1", "dst": "10.1.1.5", "proto": proto, "id": 4, **fields})


INSIDE = IP(src="172.16.0.8", dst="172.16.0.6") / ICMP(type=0)
DATA = Raw(bytes(range(64)))
FRAMES = {
    "arp request": frame(0x0806, "ff:ff:ff:ff:ff:ff") / ARP(pdst="10.1.1.55", psrc="10.1.1.56"),
    "rarp": frame(0x8035) / DATA,
    "ipv6": frame(0x86dd) / IPv6(src="fd00::1", dst="fd00::5") / UDP() / DATA,
    "ipv4 in ipv6": frame(0x86dd) / IPv6(src="fd00::1", dst="fd00::5", nh=4) / INSIDE,
    "lldp": frame(0x88cc, "01:80:c2:00:00:0e") / DATA,
    "mpls": frame(0x8847) / DATA,
    "pppoe": frame(0x8864) / DATA,
    "unknown ethertype": frame(0x88b5) / DATA,
    "spanning tree": Dot3(dst="01:80:c2:00:00:00", src=MAC_FROM) / LLC(dsap=0x42, ssap=0x42, ctrl=3) /
                     STP(),
    "icmp": frame(0x0800) / ip(1) / ICMP(type=0) / DATA,
    "tcp": frame(0x0800) / ip(6) / TCP(flags="R") / DATA,
    "udp": frame(0x0800) / ip(17) / UDP(dport=9) / DATA,
    "vxlan": frame(0x0800) / ip(17) / UDP(dport=4790) / VXLAN(vni=1) / Ether() / INSIDE,
    "gre": frame(0x0800) / ip(47) / GRE() / INSIDE,
    "ipv6 in ipv4": frame(0x0800) / ip(41) / IPv6() / UDP() / DATA,
    "mpls in ipv4": frame(0x0800) / ip(137) / DATA,
    "esp": frame(0x0800) / ip(50) / DATA,
    "ospf to a group": frame(0x0800, "01:00:5e:00:00:05") / ip(89, dst="224.0.0.5") / DATA,
    "ipip to a group": frame(0x0800, "01:00:5e:00:00:05") / ip(4, dst="224.0.0.5") / INSIDE,
    "ipip to everybody": frame(0x0800, "ff:ff:ff:ff:ff:ff") / ip(4, dst="255.255.255.255") / INSIDE,
    "ipip for another host": frame(0x0800) / ip(4, dst="10.1.1.77") / INSIDE,
    "ipip for another mac": frame(0x0800, "02:00:00:00:00:42") / ip(4) / INSIDE,
    "ipip, first fragment": frame(0x0800) / ip(4, flags="MF") / Raw(bytes(INSIDE)[:24]),
    "ipip, second fragment": frame(0x0800) / ip(4, frag=3) / Raw(bytes(INSIDE)[24:]),
    "udp, first fragment": frame(0x0800) / ip(17, flags="MF") / DATA,
    "padded udp": frame(0x0800) / ip(17) / UDP(dport=9) / Raw(b"short" + bytes(30)),
    "tcp with options": frame(0x0800) / ip(6, ttl=1, tos=3) / TCP(flags="R", options=[("MSS", 9)]),
}


def wire_proto(data):
    eth_type = int.from_bytes(data[12:14], "big")
    return eth_type if eth_type >= 0x600 else ETH_P_802_2


for name, packet in FRAMES.items():
    with REPORT.test(name):
        data = bytes(packet)
        before = Wire(TO, "eth0")
        after = Wire(TO, "eth0", proto=wire_proto(data))
        counted = {t: TO.stats(t) for t in ("tor", "tun1")}
        WIRE.send(data)
        assert before.until(lambda seen, data=data: seen == data), "the frame does not arrive"
        assert after.until(lambda seen, data=data: seen == data, 1), "it does not come out behind tc"
        for tunnel, stats in counted.items():
            equal(f"counters of {tunnel}", TO.stats(tunnel), stats)
