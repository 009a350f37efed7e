# SPDX-License-Identifier: GPL-2.0
"""Tunnels with remote any: who gets a packet and who may send one."""

import contextlib
import itertools
import os
import random
import tempfile
import threading
import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.packet import Raw

from arrivals import Arrivals, from_remote
from departures import Sender, frame_of
from harness import QUICK, expect, expect_bytes, few, test, times
from modes import MODES, ModeTunnel, inner_of, ip6
from oracle import frame, icmp_error, ip, too_big_error
from scene import (DEV, DROP, LOCAL, LOCAL6, NEIGHBOUR, NEXT, REDIRECT, REMOTES, REMOTES6, XTUN, command,
                   mac)


def remotes(family):
    return REMOTES if family == 4 else REMOTES6


def local(family):
    return LOCAL if family == 4 else LOCAL6


def any_tunnel(mode, **fields):
    return ModeTunnel(**{"name": "any", "mode": mode, "local": local(MODES[mode][0]), **fields})


# Prefixes inside each other and at both ends of all addresses. /8, /32 and the like stand alone so
# that beside each there is somebody else, or nobody.
NESTED = {
    "4": ("10.0.0.0/8", "10.2.0.0/16", "10.2.3.0/24", "10.2.3.4/32", "10.2.3.5/32", "10.2.4.0/23",
          "172.16.0.0/12", "0.0.0.0/32", "255.255.255.255/32", "128.0.0.0/2"),
    "6": ("fd00::/16", "fd00:2::/32", "fd00:2::/64", "fd00:2::8/128", "fd00:2::9/128",
          "fd00:3::/33", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "4000::/2",
          "fd00:2:0:1::/66"),
}


def nested(tunnel):
    """Every prefix that the tunnel carries, in turn of each remote of its family."""
    prefixes = [prefix for kind in tunnel.kinds if kind in NESTED for prefix in NESTED[kind]]
    return tuple(zip(prefixes, itertools.cycle(remotes(tunnel.family)[:7])))


def edges(prefix):
    """Both ends of a prefix and what is beside them, as (kind, address)."""
    net = ip_network(prefix)
    address = IPv4Address if net.version == 4 else IPv6Address
    first, last = int(net[0]), int(net[-1])
    for number in sorted({first - 1, first, last, last + 1}):
        if 0 <= number < 1 << net.max_prefixlen:
            yield str(net.version), address(number)


def inner_to(kind, address):
    return (ip if kind == "4" else ip6)(dst=str(address))


def inner_from(kind, address):
    return (ip if kind == "4" else ip6)(src=str(address))


class Peers(Sender):
    """Sends through tunnels with remote any to whoever should get it."""

    def __init__(self, scene, tunnels):
        super().__init__(scene, tunnels)
        self.nobody = 0

    def to(self, tunnel, kind, address):
        inner = inner_to(kind, address)
        fixed = tunnel.toward(kind, inner)
        if fixed:
            return self.send(fixed, kind, inner)
        verdict, _ = self.scene.encap(tunnel.name, frame_of(kind, inner))
        expect(f"verdict for {address}, which is nobody's", verdict, DROP)
        self.nobody += 1
        return None

    def finish(self):
        want = {}
        for name, (packets, octets) in self.carried.items():
            want |= {(name, "tx_packets"): packets, (name, "tx_bytes"): octets}
        found = self.scene.counters()
        expect("packets for nobody", sum(count for (_, name), count in found.items()
                                         if name == "no_peer"), self.nobody)
        expect("counters", {key: count for key, count in found.items() if key[1] != "no_peer"}, want)


# ---- encap --------------------------------------------------------------------------------------

OPTIONS = [{}, {"encap": "fou", "sport": 7}, {"encap": "gue", "sport": 7},
           {"ttl": 9, "inherit": True}, {"local": "any"}]


@test("peers/encap")
def encap(scene):
    """Every mode that carries IP, every kind inside, at the edges of every prefix."""
    for mode, fields in few(itertools.product(MODES, OPTIONS)):
        tunnel = any_tunnel(mode, **fields)
        tunnel.peers = nested(tunnel)
        if not tunnel.peers:
            continue
        run = Peers(scene, [tunnel])
        for prefix, _ in tunnel.peers:
            for kind, address in edges(prefix):
                run.to(tunnel, kind, address)
        expect("somebody got something", bool(run.carried), True)
        run.finish()


@test("peers/encap_mpls")
def encap_mpls(scene):
    """A label is of no peer."""
    tunnel = any_tunnel("gre", peers=(("0.0.0.0/0", REMOTES[0]), ("::/0", REMOTES[0])))
    scene.configure(tunnel.command())
    expect("verdict", scene.encap("any", frame_of("m", inner_of("m", 60)))[0], DROP)
    expect("counters", scene.counters(), {("any", "no_peer"): 1})


@contextlib.contextmanager
def file_of(peers):
    with tempfile.NamedTemporaryFile("w", dir=os.environ.get("TMPDIR")) as file:
        file.writelines(f"{prefix} via {remote}\n" for prefix, remote in peers)
        file.flush()
        yield file.name


def random_peers(kind, count, family, chance):
    """Half of them anywhere, half crowded in one place."""
    bits = 32 if kind == "4" else 128
    found = {}
    while len(found) < count:
        crowded = chance.random() < 0.5
        length = chance.randint(bits // 2, bits) if crowded else chance.randint(1, bits)
        number = chance.getrandbits(bits)
        if crowded:
            number = number >> bits // 3 | 0x0a << bits - 8
        address = (IPv4Address if kind == "4" else IPv6Address)(number >> bits - length <<
                                                                bits - length)
        found[f"{address}/{length}"] = chance.choice(remotes(family))
    return tuple(found.items())


@test("peers/encap_many")
def encap_many(scene):
    """Tables of one leaf, of a few, and of a tree; each after the other in the same tunnel."""
    chance = random.Random(4)
    for mode, counts in (("gre", few((1, 15, 16, 17, 40, 255, 256, 257, 5000))),
                         ("ip6tnl", few((17, 300, 5000), least=1))):
        tunnel = any_tunnel(mode)
        run = Peers(scene, [tunnel])
        for count in counts:
            tunnel.peers = sum((random_peers(kind, count, tunnel.family, chance) for kind in "46"),
                               ())
            with file_of(tunnel.peers) as name:
                command(XTUN, "peer", "load", "any", name)
            for prefix, _ in chance.sample(tunnel.peers, min(len(tunnel.peers), times(60))):
                for kind, address in edges(prefix):
                    run.to(tunnel, kind, address)
        run.finish()


@test("peers/edits")
def edits(scene):
    """What a command changes is so when it has ended."""
    tunnel = any_tunnel("gre", peers=(("10.2.0.0/16", REMOTES[0]), ("fd00:2::/32", REMOTES[1])))
    run = Peers(scene, [tunnel])

    def after(words, *peers):
        command(XTUN, "peer", *words.split())
        tunnel.peers = peers
        for kind, address in (("4", "10.2.3.4"), ("6", "fd00:2::8"), ("4", "10.3.0.1")):
            run.to(tunnel, kind, address)

    one, two = ("10.2.0.0/16", REMOTES[0]), ("fd00:2::/32", REMOTES[1])
    more = ("10.2.3.0/24", REMOTES[2])
    after("replace any 10.2.0.0/16 via " + REMOTES[3], (one[0], REMOTES[3]), two)
    after("replace any 10.2.0.0/16 via " + REMOTES[0], one, two)
    after("add any 10.2.3.0/24 via " + REMOTES[2], one, two, more)
    after("del any 10.2.0.0/16", two, more)
    after("del any 10.2.3.0/24", two)
    after("add any 0.0.0.0/0 via " + REMOTES[0], ("0.0.0.0/0", REMOTES[0]), two)
    after("del any fd00:2::/32", ("0.0.0.0/0", REMOTES[0]))
    after("flush any")
    after("add any ::/0 via " + REMOTES[4], ("::/0", REMOTES[4]))
    run.finish()


@test("peers/tunnels_apart")
def tunnels_apart(scene):
    """Two tunnels with the same prefixes and other remotes; numbers of one are nothing to the other."""
    tunnels = [ModeTunnel(f"t{i}", "any", LOCAL6, mode="ip6gre", ikey=i, okey=i,
                          peers=tuple((f"fd00:{n}::/32", REMOTES6[(n * (i + 1)) % 9])
                                      for n in range(2, 9)))
               for i in range(3)]
    run = Peers(scene, tunnels)
    for n, tunnel in itertools.product(range(1, 10), tunnels):
        run.to(tunnel, "6", f"fd00:{n}::8")
    run.finish()


@test("peers/one_tick")
def one_tick(scene):
    """What is remembered of one destination serves no other, no other tunnel's and no other family's:
    packets that follow each other faster than the clock ticks."""
    tunnels = [ModeTunnel(f"t{i}", "any", LOCAL, mode="gre", ikey=i, okey=i, peers=(
        ("10.2.0.1/32", REMOTES[i % 20]), ("a02:1::/128", REMOTES[(i + 7) % 20]))) for i in range(64)]
    tunnels[0].peers += tuple((f"10.3.{n >> 8}.{n & 255}/32", REMOTES[n % 23]) for n in range(600))
    scene.configure(*(tunnel.command() for tunnel in tunnels))
    sent = [(tunnel, frame_of(kind, inner_to(kind, address)), tunnel.toward(kind, inner_to(
        kind, address)).remote) for tunnel in tunnels
            for kind, address in (("4", "10.2.0.1"), ("6", "a02:1::"))]
    sent += [(tunnels[0], frame_of("4", inner_to("4", prefix[:-3])), remote)
             for prefix, remote in tunnels[0].peers[2:]]
    for turn in range(times(40)):
        for tunnel, data, remote in sent[:128] if turn % 4 else sent:
            verdict, out = scene.encap(tunnel.name, data)
            expect("verdict", verdict, REDIRECT)
            expect(f"remote of {tunnel.name}", str(IPv4Address(out[30:34])), remote)


# ---- what is remembered of a remote -------------------------------------------------------------

def tick():
    """What was found out is good for one tick of the clock."""
    time.sleep(0.02)


def told(scene, family, quoted, mtu):
    """A router says that @quoted was too long."""
    if family == 4:
        report = ip(src="10.1.1.1", dst=LOCAL, proto=1, payload=icmp_error(3, 4, mtu, quoted[:28]))
    else:
        report = bytes(IPv6(src="fd00:1::1", dst=LOCAL6) / ICMPv6PacketTooBig(mtu=mtu) /
                       Raw(quoted[:200]))
    eth_proto = 0x0800 if family == 4 else 0x86dd
    verdict, _ = scene.decap(frame(report, scene.mac, NEIGHBOUR, eth_proto))
    expect("verdict for the report", verdict, NEXT)
    tick()


@test("peers/path_mtu")
def path_mtu(scene):
    """The path to one remote says nothing of those to others."""
    for mode, source in few(itertools.product(("gre", "ipip", "ip6gre", "ip6tnl"),
                                              (True, False))):
        family = MODES[mode][0]
        tunnel = any_tunnel(mode, **({} if source else {"local": "any"}))
        tunnel.peers = tuple((f"10.{n}.0.0/16", remotes(family)[n]) for n in range(4))
        run = Peers(scene, [tunnel])
        sent = {n: run.to(tunnel, "4", f"10.{n}.0.1") for n in range(4)}
        for n, mtu in ((1, 1400), (2, 1300)):
            told(scene, family, sent[n], mtu)
        for n, mtu in ((0, 1500), (1, 1400), (2, 1300), (3, 1500)):
            for size, fits in ((mtu - tunnel.overhead(), True), (mtu - tunnel.overhead() + 1, False)):
                inner = ip(size, dst=f"10.{n}.0.1", flags="DF")
                if fits:
                    run.send(tunnel.toward("4", inner), "4", inner)
                    continue
                verdict, out = scene.encap("any", frame(inner))
                expect(f"verdict for {size} bytes to remote {n} of {mode}", verdict, REDIRECT)
                expect_bytes("ICMP error", out, too_big_error(inner, size - 1, mac("any")))
        tick()


@test("peers/tos_of_gateways")
def tos_of_gateways(scene):
    """Routes may depend on the TOS, and so may their gateways, in packets that follow at once."""
    tunnel = any_tunnel("gre")
    run = Peers(scene, [tunnel])
    command("ip", "link", "set", "any", "up")
    with route("10.2.0.0/16", "via", REMOTES[1], "dev", "any", "onlink"), \
            route("10.2.0.0/16", "tos", "0x10", "via", REMOTES[2], "dev", "any", "onlink"):
        for _ in range(8):
            for tos, remote in ((0, REMOTES[1]), (0x10, REMOTES[2])):
                run.send(replace(tunnel, remote=remote), "4", ip(dst="10.2.0.9", tos=tos))
    run.finish()


# ---- decap --------------------------------------------------------------------------------------

def arrive(run, tunnel, kind, source, remote, verdict, wrap=""):
    """A packet of @remote whose inner source is @source."""
    end = ModeTunnel(**{**vars(tunnel), "remote": remote, "peers": ()})
    run.arrive(from_remote(end, kind, inner_from(kind, source), wrap), tunnel.family, verdict,
               "wrong_peer" if verdict == DROP else None)


@test("peers/decap")
def decap(scene):
    """Every mode, at the edges of every prefix: from its owner, from another, bare and wrapped."""
    for mode in few(MODES):
        tunnel = any_tunnel(mode)
        tunnel.peers = nested(tunnel)
        if not tunnel.peers:
            continue
        run = Arrivals(scene, [tunnel])
        wraps = itertools.cycle(("", "fou", "gue"))
        for prefix, _ in tunnel.peers:
            for kind, address in edges(prefix):
                owner = tunnel.owner(kind, address.packed)
                others = [remote for remote in remotes(tunnel.family)[:8] if remote != owner]
                if owner:
                    arrive(run, tunnel, kind, address, owner, REDIRECT, next(wraps))
                for remote in few(others)[:3]:
                    arrive(run, tunnel, kind, address, remote, DROP, next(wraps))
        if "m" in tunnel.kinds:
            run.arrive(from_remote(ModeTunnel(**{**vars(tunnel), "remote": remotes(tunnel.family)[0],
                                                 "peers": ()}), "m", inner_of("m", 60)),
                       tunnel.family, REDIRECT)
        run.finish()


@test("peers/decap_everybody")
def decap_everybody(scene):
    """With nosrccheck, and without peers, whoever sends is believed."""
    for mode, fields in few(itertools.product(("gre", "ipip", "ip6tnl", "ip6gre"), (True, False))):
        tunnel = any_tunnel(mode, srccheck=not fields)
        if fields:
            tunnel.peers = nested(tunnel)
        run = Arrivals(scene, [tunnel])
        for kind, remote in itertools.product(set(tunnel.kinds) - {"m"},
                                              remotes(tunnel.family)[:3]):
            for prefix in NESTED[kind]:
                arrive(run, tunnel, kind, ip_network(prefix)[0], remote, REDIRECT)
        run.finish()


@test("peers/decap_fixed")
def decap_fixed(scene):
    """A tunnel with that remote is asked before the one with any, and has no peers."""
    anyone = any_tunnel("gre", peers=(("172.16.0.0/24", REMOTES[1]),))
    fixed = ModeTunnel("fixed", REMOTES[0], LOCAL, mode="gre")
    run = Arrivals(scene, [anyone, fixed])
    arrive(run, fixed, "4", "172.16.0.6", REMOTES[0], REDIRECT)
    arrive(run, anyone, "4", "172.16.0.6", REMOTES[1], REDIRECT)
    arrive(run, anyone, "4", "172.16.0.6", REMOTES[2], DROP)
    run.finish()


@test("peers/swap")
def swap(scene):
    """While one table takes the place of another, in which remotes have other numbers, nobody is taken
    for another remote."""
    ours, other = ("10.1.0.0/16", REMOTES6[0]), ("10.2.0.0/16", REMOTES6[1])
    tunnel = any_tunnel("ip6gre", peers=(ours, other))
    scene.configure(tunnel.command())
    sender = ModeTunnel(**{**vars(tunnel), "remote": REMOTES6[1], "peers": ()})
    data = frame(from_remote(sender, "4", inner_from("4", "10.1.0.6")), scene.mac, NEIGHBOUR, 0x86dd)
    done = threading.Event()

    def send():
        while not done.is_set():
            scene.decap(data, repeat=100000)

    thread = threading.Thread(target=send)
    with file_of((ours, other)) as one, file_of((("10.0.0.0/16", REMOTES6[1]), ours)) as two:
        thread.start()
        try:
            end = time.monotonic() + (1 if QUICK else 4)
            for name in itertools.cycle((one, two)):
                command(XTUN, "peer", "load", "any", name)
                if time.monotonic() > end:
                    break
        finally:
            done.set()
            thread.join()
    expect("packets of another remote that passed", scene.counters().get(("any", "rx_packets"), 0), 0)


# ---- 6to4 ---------------------------------------------------------------------------------------

@contextlib.contextmanager
def route(*words):
    family = ["-6"] if ":" in words[0] else []
    command("ip", *family, "route", "add", *words)
    try:
        yield
    finally:
        command("ip", *family, "route", "del", *words)


SITE, OUTSIDE = "2002:c000:207::8", "192.0.2.7"


@test("peers/6to4")
def six_to_four(scene):
    """2002:c000:207::/48 is behind 192.0.2.7 unless a peer says otherwise, and nobody else's."""
    with route("192.0.2.0/24", "via", REMOTES[0], "dev", DEV):
        for mode, peers in itertools.product(("sit", "sit-any"), ((), (("2002:c000:207:1::/64",
                                                                        REMOTES[3]),))):
            tunnel = any_tunnel(mode, peers=peers)
            run = Peers(scene, [tunnel])
            for address in (SITE, "2002:c000:207:1::8", "2002:c000:208::1", "2002::1",
                            "2003:c000:207::8", "2002:0:207::1"):
                if address != "2002:0:207::1":  # 0.0.2.7: no route
                    run.to(tunnel, "6", address)
            run.finish()
            run = Arrivals(scene, [tunnel])
            arrive(run, tunnel, "6", SITE, OUTSIDE, REDIRECT)
            arrive(run, tunnel, "6", SITE, REMOTES[0], DROP)
            arrive(run, tunnel, "6", "2002:c000:208::1", OUTSIDE, DROP)
            arrive(run, tunnel, "6", "2002:c000:207:1::8", OUTSIDE, DROP if peers else REDIRECT)
            arrive(run, tunnel, "6", "2002:c000:207:1::8", REMOTES[3], REDIRECT if peers else DROP)
            arrive(run, tunnel, "6", "fd00:2::6", REMOTES[3], DROP if peers else REDIRECT)
            run.finish()
        tunnel = any_tunnel("sit", srccheck=False)
        run = Arrivals(scene, [tunnel])
        arrive(run, tunnel, "6", SITE, REMOTES[0], REDIRECT)
        run.finish()
        # GRE and tunnels over IPv6 know nothing of it.
        for mode in ("gre", "ip6tnl"):
            tunnel = any_tunnel(mode)
            run = Peers(scene, [tunnel])
            run.to(tunnel, "6", SITE)
            run.finish()
            run = Arrivals(scene, [tunnel])
            arrive(run, tunnel, "6", SITE, remotes(tunnel.family)[0], REDIRECT)
            run.finish()


# ---- the route's gateway ------------------------------------------------------------------------

def gateway(scene, tunnel, prefix, via, kind, want, peers=()):
    """A packet to the second half of @prefix by a route through @via goes to @want (None: nobody)."""
    tunnel.peers = peers
    run = Peers(scene, [tunnel])
    # Without an address of its own the device sends nothing by itself.
    command("sysctl", "-qw", f"net.ipv6.conf.{tunnel.name}.addr_gen_mode=1",
            f"net.ipv6.conf.{tunnel.name}.disable_ipv6=0")
    command("ip", "link", "set", tunnel.name, "up")
    with route(prefix, *via.split(), "dev", tunnel.name, *(["onlink"] if via else [])):
        address = ip_network(prefix)[9]
        if want:
            tunnel.peers = ((prefix, want), *peers)
        run.to(tunnel, kind, address)
        run.to(tunnel, kind, address)
        tunnel.peers = peers
        run.to(tunnel, kind, "203.0.113.1" if kind == "4" else "2001:db8:9::1")
    run.finish()


@test("peers/gateway")
def by_gateway(scene):
    """As the kernel's NBMA tunnels: what no peer has goes to the gateway of the route into the tunnel."""
    # As if no tunnel over IPv6 had ever been here.
    command(XTUN, "flush")
    # IPv6 lets no gateway be on one device that another has a route to, but for the default one.
    with route("::/0", "via", REMOTES6[0], "dev", DEV):
        by_gateways(scene, REMOTES[4], "2001:db8:77::7")


def by_gateways(scene, four, six):
    over4 = [("10.2.0.0/16", "via " + four, "4", four), ("10.2.0.0/16", "", "4", None),
             ("10.2.0.0/16", "via inet6 " + six, "4", None)]
    six4 = [("fd00:5::/48", "via ::" + four, "6", four), ("fd00:5::/48", "via " + six, "6", None),
            ("fd00:5::/48", "", "6", None)]
    over6 = [("fd00:5::/48", "via " + six, "6", six), ("fd00:5::/48", "", "6", None),
             ("10.2.0.0/16", "via inet6 " + six, "4", six), ("10.2.0.0/16", "via " + four, "4", None)]
    for modes, cases in ((("gre", "ipip"), over4), (("gre", "sit"), six4),
                         (("ip6gre", "ip6tnl"), over6)):
        for mode, case in few(itertools.product(modes, cases), least=2):
            gateway(scene, any_tunnel(mode), *case)
    # A longer route does not come before a peer.
    gateway(scene, any_tunnel("gre"), "10.2.0.0/24", "via " + four, "4", REMOTES[5],
            (("10.2.0.0/16", REMOTES[5]),))
