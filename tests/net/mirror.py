# SPDX-License-Identifier: GPL-2.0
"""mirror.py NAME NETNS-A NETNS-B NETNS-C TEST... - the copies of frames of a's eth0, as c gets them.

Frames leave a's eth0, or arrive there from b, and the outer packets are read at c's end of the wire,
so that nothing of ours stands between the copy and the comparison.
"""

import json
import os
import socket
import struct
import sys
import threading
import time

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from host import Host, Report, Wire, equal

A, B, C = (Host(name) for name in sys.argv[2:5])
REPORT = Report("mirror/" + sys.argv[1])
ANALYSER = Wire(C, "eth0")
OUT, IN = Wire(A, "eth0"), Wire(B, "eth0")
ETHER = Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a")
SO_RCVBUFFORCE = 33
QUICK = bool(os.environ.get("XTUN_QUICK"))

ANALYSER.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)


def padded(frame, length=64):
    return bytes(frame).ljust(length, b"\0")


FRAMES = {
    "arp": padded(ETHER / ARP(psrc="10.1.1.200", pdst="10.1.1.201")),
    "udp": padded(ETHER / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=7, dport=53) / Raw(b"x" * 90)),
    "tcp": padded(ETHER / IP(src="10.9.0.1", dst="10.9.0.2") / TCP(sport=7, dport=80) / Raw(b"y" * 500)),
    "ipv6": padded(ETHER / IPv6(src="fd09::1", dst="fd09::2") / UDP(sport=7, dport=53) / Raw(b"z" * 33)),
    "lldp": padded(Ether(dst="01:80:c2:00:00:0e", src="02:00:00:00:00:0a", type=0x88cc) / Raw(b"\2\7\4")),
    "stp": padded(bytes.fromhex("0180c2000000" "02000000000a" "0026" "424203") + bytes(35)),
    "mpls": padded(ETHER.__class__(dst=ETHER.dst, src=ETHER.src, type=0x8847) / Raw(bytes.fromhex("00064140"))),
    "vlan": padded(ETHER / Dot1Q(vlan=10) / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=7, dport=53)),
    "qinq": padded(Ether(dst=ETHER.dst, src=ETHER.src, type=0x88a8) / Dot1Q(vlan=20, type=0x8100) /
                   Dot1Q(vlan=30) / IP(src="10.9.0.1", dst="10.9.0.2") / TCP(sport=7, dport=80)),
    "long": padded(ETHER / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=7, dport=9) / Raw(b"w" * 1472)),
    "icmp": padded(ETHER / IP(src="10.9.0.1", dst="10.9.0.2", options=b"\1\1\1\1") / ICMP() / Raw(b"v" * 60)),
}


class Mirror:
    """One that stands for the time of a `with`; its counters outlive it."""

    def __init__(self, *words):
        self.words, self.stats = words, None

    def __enter__(self):
        A.xtun("mirror", "add", "m", "dev", "eth0", *self.words)
        ANALYSER.waiting()
        return self

    def read(self):
        rows = json.loads(A.xtun("-j", "-s", "mirror", "show", "m"))
        self.stats = rows[0]["stats"]
        return self.stats

    def __exit__(self, *_):
        self.read()
        A.xtun("mirror", "del", "m")


def gre_at(frame):
    """Where the GRE header of a packet begins, None: it has none."""
    if frame[12:14] == b"\x08\x00":
        return 34 if frame[23] == 47 else None
    if frame[12:14] != b"\x86\xdd":
        return None
    if frame[20] == 60:
        return 62 if frame[54] == 47 else None
    return 54 if frame[20] == 47 else None


# What came in ERSPAN: version, sequence number, first and last word of the header.
HEADERS_SEEN = []


def carried(frame):
    """What a GRE packet from a carries, None for other frames."""
    at = gre_at(frame)
    if at is None:
        return None
    proto = frame[at + 2:at + 4]
    if proto == b"\x65\x58":
        return frame[at + 4:]
    if proto == b"\x88\xbe" and not frame[at] & 0x10:
        HEADERS_SEEN.append((0, 0, 0, 0))
        return frame[at + 4:]
    version, hlen = {b"\x88\xbe": (1, 16), b"\x22\xeb": (2, 20)}.get(proto, (None, 0))
    if version is None:
        return None
    number, first = struct.unpack_from("!II", frame, at + 4)
    HEADERS_SEEN.append((version, number, first, struct.unpack_from("!I", frame, at + hlen - 4)[0]))
    return frame[at + hlen:]


def copies():
    """Those that have arrived; a softirq may still be on its way."""
    time.sleep(0.05)
    return [copy for copy in map(carried, ANALYSER.waiting()) if copy is not None]


def sent(*wires):
    """What arrives of all the frames, sent by each of @wires, without what the hosts say themselves."""
    for wire in wires:
        for frame in FRAMES.values():
            wire.send(frame)
    return [frame for frame in copies() if frame[6:12] == bytes.fromhex("02000000000a")]


def equal_frames(got, want):
    assert sorted(got) == sorted(want), \
        f"{[frame.hex() for frame in got if frame not in want]} besides what should be there, " \
        f"missing {[frame.hex() for frame in want if frame not in got]}"


def test_frames():
    every = list(FRAMES.values())
    for words, of_out, of_in in (("egress", 1, 0), ("ingress", 0, 1), ("both", 1, 1)):
        with REPORT.test(f"frames {words}"), Mirror(words, "to", "tap") as mirror:
            equal_frames(sent(OUT), every * of_out)
            equal_frames(sent(IN), every * of_in)
            stats = mirror.read()
            equal("matched", stats["matched"], stats["seen"])
            equal("sent", stats["sent"], stats["seen"])


FILTERS = {
    "tcp": {"tcp"},
    "tcp port 80": {"tcp"},
    "port 53": {"udp", "ipv6"},
    "ip6": {"ipv6"},
    "arp": {"arp"},
    "ether proto 0x88cc": {"lldp"},
    "stp": {"stp"},
    "vlan": {"vlan", "qinq"},
    "vlan 10 and udp port 53": {"vlan"},
    "vlan 20 and vlan 30 and tcp": {"qinq"},
    "greater 1000": {"long"},
    "icmp[icmptype] == icmp-echo": {"icmp"},
    "udp[8] = 0x77": {"long"},
    "tcp[0:2] = 7 and tcp[480] = 0x79": {"tcp"},
    "not (ip or ip6 or arp or vlan)": {"lldp", "stp", "mpls"},
    "host 192.0.2.1": set(),
}


def test_filters():
    for expression, names in list(FILTERS.items())[::4 if QUICK else 1]:
        with REPORT.test(f"filter {expression!r}"):
            with Mirror("both", "to", "tap", "filter", expression) as mirror:
                equal_frames(sent(OUT, IN), [FRAMES[name] for name in names] * 2)
                assert mirror.read()["seen"] >= 2 * len(FRAMES), mirror.stats


def test_passed():
    """What a filter lets pass is counted, where it is decided at once and where not, and a mirror begins
    at zero, also in the place of another. The hosts say a little themselves."""
    count, few = 200, 20
    frames = {"of IP": FRAMES["udp"], "with a tag": FRAMES["vlan"], "short": FRAMES["arp"][:20]}
    for what, frame in frames.items():
        words = ("egress", "to", "tap", "filter", "tcp port 9")
        with REPORT.test(f"count of frames {what}"), Mirror(*words) as mirror:
            before = mirror.read()["seen"]
            for _ in range(count):
                OUT.send(frame)
            seen = mirror.read()["seen"]
            assert before < few, f"{before} at the beginning"
            assert count <= seen - before < count + few, f"{before}, and then {seen}"
            equal("matched", mirror.stats["matched"], 0)


def test_sample():
    count = 1000 if QUICK else 3000
    with REPORT.test("one in ten"), Mirror("egress", "to", "tap", "sample", "10", "filter", "udp") as mirror:
        for _ in range(count):
            OUT.send(FRAMES["udp"])
        got = len(copies())
        stats = mirror.read()
        # Six standard deviations.
        assert abs(got - count / 10) < (60 if QUICK else 100), f"{got} copies of {count}"
        equal("sent", stats["sent"], got)
        equal("sampled out and sent", stats["sampled_out"] + stats["sent"], stats["matched"])


# The end of an IPv6 header behind a tag: the kernel may refuse to cut before it.
HEADERS = 58


def test_snaplen():
    for length in (14, 34, 60, 128, 1000, 9000):
        with REPORT.test(f"snaplen {length}"), Mirror("both", "to", "tap", "snaplen", str(length)):
            got = sent(OUT, IN)
            if length < HEADERS:
                equal("copies", len(got), 2 * len(FRAMES))
                assert max(map(len, got)) <= HEADERS, f"one of {max(map(len, got))} bytes"
                assert all(any(frame.startswith(copy) for frame in FRAMES.values()) for copy in got)
                got, length = [copy[:14] for copy in got], 14
            equal_frames(got, [frame[:length] for frame in FRAMES.values()] * 2)


def transfer(size):
    """Send @size bytes from a to b by TCP. Returns the first sequence number's connection port, and
    how many segments were sent again."""
    with B.entered():
        server = socket.create_server(("10.1.1.7", 0))
    client = A.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(server.getsockname())
    taken, _ = server.accept()
    received = []

    def drain():
        while chunk := taken.recv(1 << 20):
            received.append(len(chunk))

    drainer = threading.Thread(target=drain)
    drainer.start()
    client.settimeout(20)
    client.sendall(bytes(size))
    client.shutdown(socket.SHUT_WR)
    drainer.join(20)
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    equal("bytes received", sum(received), size)
    port = client.getsockname()[1]
    for sock in (client, taken, server):
        sock.close()
    return port, struct.unpack_from("I", info, 100)[0]  # tcpi_total_retrans


def segments(frames, port):
    """Sequence number and length of the data in each segment from @port."""
    for frame in frames:
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ihl = (frame[14] & 15) * 4
        at = 14 + ihl
        if struct.unpack_from("!H", frame, at)[0] != port:
            continue
        total = struct.unpack_from("!H", frame, 16)[0]
        yield struct.unpack_from("!I", frame, at + 4)[0], total - ihl - (frame[at + 12] >> 4) * 4


def every_segment_once(*words):
    size = (1 << 20) if QUICK else 4 << 20
    for attempt in range(6):
        with Mirror("egress", "to", "tap", "filter", "tcp", *words):
            port, again = transfer(size)
            got = copies()
        if not again:
            break
    equal("retransmissions", again, 0)
    longest = max(map(len, got))
    found = sorted(segment for segment in segments(got, port) if segment[1])
    begin = found[0][0]
    if found[-1][0] - begin > 1 << 31:  # it went through zero
        found = sorted(((seq + (1 << 31)) % (1 << 32), length) for seq, length in found)
        begin = found[0][0]
    for seq, length in found:
        equal("the next segment begins at", seq, begin)
        begin += length
    equal("bytes in all segments", begin - found[0][0], size)
    return longest


def test_tcp():
    # A device that segments in hardware is one that does it at the wire; here there is none.
    A.command("ethtool", "-K", "eth1", "tso", "off", "gso", "off")
    with REPORT.test("every segment of a TCP transfer once"):
        equal("longest frame", every_segment_once(), 1514)
    A.command("ethtool", "-K", "eth1", "tso", "on", "gso", "on")


def test_tcp_snaplen():
    with REPORT.test("every segment of a TCP transfer once, cut"):
        equal("longest frame", every_segment_once("snaplen", "80"), 80)


TRUNCATED, EGRESS = 1 << 10, 1 << 3


def headers_right(version, truncated, egress):
    """All that were seen since the last time: version, session, numbers without a gap, the T and D bits."""
    assert HEADERS_SEEN, "no copy"
    # Two processors may number frames and send them in another order.
    first = min(number for _, number, _, _ in HEADERS_SEEN)
    for i, (got, number, word, last) in enumerate(sorted(HEADERS_SEEN, key=lambda seen: seen[1])):
        equal("version", got, version)
        if not version:
            continue
        equal("sequence number", number, (first + i) & 0xffffffff)
        equal("version and session", (word >> 28, word & 0x3ff), (version, 77))
        if truncated is not None:
            equal("T", bool(word & TRUNCATED), truncated)
        if version == 2 and egress is not None:
            equal("D", bool(last & EGRESS), egress)
    HEADERS_SEEN.clear()


def test_erspan(version, family):
    """In one of its versions: the tunnel is there."""
    HEADERS_SEEN.clear()
    with REPORT.test("every segment of a TCP transfer once"):
        equal("longest frame", every_segment_once(), 1514)
        headers_right(version, False, True)
    with REPORT.test("every segment of a TCP transfer once, cut"):
        equal("longest frame", every_segment_once("snaplen", "80"), 80)
        headers_right(version, None, True)
    # The rest is the same in all of them.
    if (version, family) not in ((1, 4), (2, 6)):
        return
    every = list(FRAMES.values())
    for words, wire, egress in (("egress", OUT, True), ("ingress", IN, False)):
        with REPORT.test(f"frames {words}"), Mirror(words, "to", "tap"):
            equal_frames(sent(wire), every)
            headers_right(version, False, egress)
    with REPORT.test("cut frames"), Mirror("egress", "to", "tap", "snaplen", "60"):
        equal_frames(sent(OUT), [frame[:60] for frame in every])
        if version:
            count = sum(bool(word & TRUNCATED) for _, _, word, _ in HEADERS_SEEN)
            equal("with T", count >= sum(len(frame) > 60 for frame in every), True)
        headers_right(version, None, True)
    # What is longer than the tunnel's device carries is cut, as by the kernel's driver.
    A.command("ip", "link", "set", "tap", "mtu", "500")
    with REPORT.test("frames that are too long"), Mirror("egress", "to", "tap"):
        equal_frames(sent(OUT), [frame[:514] for frame in every])
        headers_right(version, None, True)


for test in sys.argv[5:]:
    if test.startswith("erspan"):
        test_erspan(*map(int, test[len("erspan"):].split(":")))
        continue
    globals()["test_" + test]()
