# SPDX-License-Identifier: GPL-2.0
"""One host, set up by the command under test in the namespace that this runs in.

    eth0 10.1.1.5, 10.1.1.6 ---- wire      neighbours 10.1.1.7 and up, permanent
         fd00:1::5, fd00:1::6              fd00:1::7 and up
    eth1 10.1.2.5 ---- wire1               no neighbour is known there
"""

import functools
import glob
import json
import os
import subprocess

from harness import Failure, Skip, expect
from kernel import Program

XTUN = os.environ["XTUN"]
DEV = "eth0"
LOCAL, LOCAL2 = "10.1.1.5", "10.1.1.6"
REMOTES = [f"10.1.1.{host}" for host in range(7, 32)]
LOCAL6, LOCAL6_2 = "fd00:1::5", "fd00:1::6"
REMOTES6 = [f"fd00:1::{host:x}" for host in range(7, 32)]
NEIGHBOUR = bytes.fromhex("020000000007")
MTU = 1500

# Verdicts of tc programs
NEXT, DROP, REDIRECT = -1, 2, 7


def command(*words, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"`{' '.join(words)}` ended with status {done.returncode}\n"
                      f"{done.stderr}")
    return done.stdout


def sysfs(dev, name):
    with open(f"/sys/class/net/{dev}/{name}", encoding="ascii") as file:
        return file.read().strip()


def mac(dev):
    return bytes.fromhex(sysfs(dev, "address").replace(":", ""))


def ifindex(dev):
    return int(sysfs(dev, "ifindex"))


def port(tunnel):
    """Ifindex of the device where a tunnel's packets are encapsulated."""
    own, other = ifindex(tunnel), int(sysfs(tunnel, "iflink"))
    return other if other else own


@functools.lru_cache
def route_source(remote):
    """The source address that the kernel's routes have for @remote."""
    return json.loads(command("ip", "-j", "route", "get", remote))[0]["prefsrc"]


class Scene:
    def __init__(self):
        command("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")
        for dev, wire, addresses in ((DEV, "wire", (LOCAL, LOCAL2)),
                                     ("eth1", "wire1", ("10.1.2.5",))):
            command("ip", "link", "add", dev, "type", "veth", "peer", "name", wire)
            for address in addresses:
                command("ip", "addr", "add", address + "/24", "dev", dev)
            command("ip", "link", "set", dev, "up")
            command("ip", "link", "set", wire, "up")
        # Devices that come later have no IPv6, and send nothing of their own.
        command("sysctl", "-qw", f"net.ipv6.conf.{DEV}.disable_ipv6=0")
        for address in (LOCAL6, LOCAL6_2):
            command("ip", "addr", "add", address + "/64", "dev", DEV, "nodad")
        command("ip", "-batch", "-", text="".join(
            f"neigh replace {remote} lladdr {NEIGHBOUR.hex(':')} dev {DEV} nud permanent\n"
            for remote in REMOTES + REMOTES6))
        self.mac = mac(DEV)
        self.programs, self.ports, self.seen = {}, {}, {}

    def configure(self, *lines):
        """Make these commands the whole configuration, with counters that begin at zero: no tunnel
        of before stays, but the programs do, which to load takes longest."""
        if self.programs:
            command(XTUN, "restore", "-", text=f"attach {DEV}\n")
        command(XTUN, "restore", "-", text="\n".join(lines) + "\n")
        for program in self.programs.values():
            program.close()
        self.programs = {}
        for name in ("encap", "decap", "handoff"):
            paths = glob.glob("/sys/fs/bpf/xtun/*/" + name)
            expect(f"pinned programs called {name}", len(paths), 1)
            self.programs[name] = Program(paths[0])
        self.ports = {}
        self.seen = {}

    def encap(self, tunnel, frame, **how):
        """Run the program of the tunnel's port. Returns verdict and bytes."""
        if tunnel not in self.ports:
            self.ports[tunnel] = port(tunnel)
        return self.programs["encap"].run(frame, self.ports[tunnel], **how)

    def decap(self, frame, dev=DEV, **how):
        return self.programs["decap"].run(frame, ifindex(dev), **how)

    def pieces_wanted(self):
        """Skip the test if test runs cannot make packets whose bytes lie in several pieces."""
        try:
            self.decap(self.mac + NEIGHBOUR + b"\x08\x06" + bytes(100), linear=60)
        except OSError as error:
            raise Skip("this kernel's test runs cannot make such packets") from error

    def counters(self):
        """All counters above zero: {("tun1", "rx_packets"): 3, ("tun1", "ecn"): 1}"""
        found = {}
        for tunnel in json.loads(command(XTUN, "-j", "-s", "tunnel", "show")):
            stats = tunnel["stats"]
            for name, value in [*stats.items(), *stats["drops"].items()]:
                if name not in ("drops", "sessions") and value:
                    found[tunnel["name"], name] = value
        self.seen = found
        return found

    def counted(self):
        """What was counted since the counters were last looked at, or configured."""
        before, now = self.seen, self.counters()
        return {name: value - before.get(name, 0) for name, value in now.items()
                if value != before.get(name, 0)}
