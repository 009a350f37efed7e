# SPDX-License-Identifier: GPL-2.0
"""Inner packets sent through tunnels of any mode, and what leaves compared byte by byte."""

import struct

from harness import Failure, expect, expect_bytes
from modes import ETH_PROTO, outer_packet
from oracle import ETH_HLEN, frame
from scene import NEIGHBOUR, REDIRECT


def port_range():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return tuple(map(int, file.read().split()))


def unknown(tunnel, packet):
    """What of an outer packet cannot be known before: what comes from the flow, or by chance."""
    at = 20 if tunnel.family == 4 else 40 if tunnel.limit is None else 48
    sport = struct.unpack("!H", packet[at:at + 2])[0] if tunnel.encap else 0
    first, last = port_range()
    if tunnel.encap and not tunnel.sport and not first <= sport <= last:
        raise Failure(f"source port {sport} of {tunnel.name} is not in {first}..{last}")
    if tunnel.family == 4:
        return {"sport": sport, "ident": struct.unpack("!H", packet[4:6])[0]}
    return {"sport": sport, "label": struct.unpack("!I", packet[:4])[0] & 0xfffff}


def frame_of(kind, inner):
    return frame(inner, eth_proto=ETH_PROTO[kind])


class Sender:
    """Sends inner packets through tunnels and compares what leaves; numbers grow by one."""

    def __init__(self, scene, tunnels):
        scene.configure(*(tunnel.command() for tunnel in tunnels))
        self.scene = scene
        self.carried, self.numbers = {}, {}

    def send(self, tunnel, kind, inner, limit=None):
        """Returns the outer packet."""
        return self.check(tunnel, kind, inner, limit,
                          *self.scene.encap(tunnel.name, frame_of(kind, inner)))

    def check(self, tunnel, kind, inner, limit, verdict, out):
        """As send(), when it has been done."""
        what = f"{tunnel.command()}: {len(inner)} bytes of kind {kind}, {inner[:8].hex(' ')}"
        expect("verdict for " + what, verdict, REDIRECT)
        number = self.numbers.get(tunnel.name, 0)
        self.numbers[tunnel.name] = number + 1
        packet = out[ETH_HLEN:]
        expect_bytes(what, packet, outer_packet(tunnel, kind, inner, number=number, limit=limit,
                                                **unknown(tunnel, packet)))
        if out[:6] == NEIGHBOUR:
            expect_bytes("Ethernet header of " + what, out[:ETH_HLEN], NEIGHBOUR + self.scene.mac +
                         (b"\x08\x00" if tunnel.family == 4 else b"\x86\xdd"))
        packets, octets = self.carried.get(tunnel.name, (0, 0))
        self.carried[tunnel.name] = packets + 1, octets + len(inner)
        return packet

    def finish(self):
        want = {}
        for name, (packets, octets) in self.carried.items():
            want[name, "tx_packets"], want[name, "tx_bytes"] = packets, octets
        expect("counters", self.scene.counters(), want)
