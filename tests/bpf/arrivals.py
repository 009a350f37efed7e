# SPDX-License-Identifier: GPL-2.0
"""Packets from the other ends of tunnels, compared with the plan for each."""

from dataclasses import replace

from harness import Failure, expect, expect_bytes
from modes import outer_packet
from oracle import frame
from plan import Receiver
from scene import NEIGHBOUR, mac

# Where wrapped packets arrive: family, port, what is there.
PORTS = [(4, 5555, "gue"), (4, 7777, 4), (4, 7778, 41), (4, 7779, 137), (4, 7747, 47),
         (6, 5555, "gue"), (6, 7777, 4), (6, 7778, 41), (6, 7779, 137), (6, 7747, 47)]
FOU_PORT = {"4": 7777, "6": 7778, "m": 7779}


def port_commands(ports):
    return [f"fou add port {port} {'gue' if inside == 'gue' else f'ipproto {inside}'}"
            f"{' -6' if family == 6 else ''}" for family, port, inside in ports]


class Arrivals:
    """Sends frames to a configuration and compares with the plan for each."""

    def __init__(self, scene, tunnels, ports=tuple(PORTS)):
        scene.configure(*port_commands(ports), *(tunnel.command() for tunnel in tunnels))
        self.scene = scene
        self.planner = Receiver(tunnels, ports, scene.mac,
                                {tunnel.name: mac(tunnel.name) for tunnel in tunnels})
        self.want = {}

    def count(self, tunnel, name, by=1):
        self.want[tunnel, name] = self.want.get((tunnel, name), 0) + by

    def arrive(self, packet, family=4, verdict=None, reason=None, **how):
        """@verdict and @reason: what the test thinks itself of the packet."""
        data = frame(packet, self.scene.mac, NEIGHBOUR, 0x0800 if family == 4 else 0x86dd)
        plan = self.planner.plan(data)
        what = f"{packet[:100].hex(' ')} ({len(packet)} bytes)"
        if verdict is not None:
            expect("plan for " + what, plan.verdict, verdict)
        if reason:
            expect("plan for " + what, plan.reasons, {reason})
        if len(plan.reasons) > 1:
            self.finish()
        got, out = self.scene.decap(data, **how)
        expect("verdict for " + what, got, plan.verdict)
        if plan.out is not None:
            expect_bytes(what, out, plan.out)
        if len(plan.reasons) > 1:
            # Of several faults whichever was found first is counted.
            counted = self.scene.counted()
            if len(counted) != 1 or not {(plan.tunnel, reason): 1 for reason in plan.reasons
                                         }.items() >= counted.items():
                raise Failure(f"counted {counted} and not {plan.reasons} for {what}")
            self.count(*next(iter(counted)))
        elif plan.reasons:
            self.count(plan.tunnel, *plan.reasons)
        elif plan.tunnel:
            self.count(plan.tunnel, "rx_packets")
            self.count(plan.tunnel, "rx_bytes", plan.size)
        return plan

    def finish(self):
        expect("counters", self.scene.counters(), self.want)


def back(tunnel):
    """The other end's tunnel: what it sends comes to @tunnel."""
    sport = tunnel.sport or 40000
    dport = tunnel.dport
    return replace(tunnel, local=tunnel.remote, remote=tunnel.local, okey=tunnel.ikey,
                   ocsum=tunnel.icsum, oseq=tunnel.iseq, sport=sport, dport=dport)


def from_remote(tunnel, kind, inner, wrap="", number=0, around=b"", **fields):
    """A packet of @tunnel's other end, wrapped or not; @around: the frame in which the inner packet
    is."""
    port = 5555 if wrap == "gue" else 7747 if tunnel.gre else FOU_PORT[kind]
    end = replace(back(tunnel), encap=wrap, dport=port, **fields)
    return outer_packet(end, kind, inner, number=number, label=0x777, frame=around)
