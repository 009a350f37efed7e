#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Traffic between two hosts whose every byte is checked.

traffic.py tcp NETNS ADDRESS NETNS ADDRESS MIB        bulk data, one way, then the other
traffic.py udp NETNS ADDRESS NETNS ADDRESS COUNT SIZE COUNT datagrams with SIZE bytes of payload
traffic.py udpgso NETNS ADDRESS NETNS ADDRESS         datagrams that leave as one large packet

Addresses are of IPv4 or of IPv6. Several of these, with a comma as a word of its own between them, follow
one another.
"""

import contextlib
import hashlib
import random
import socket
import sys
import threading

from host import Host

CHUNK = 1 << 18
UDP_SEGMENT = 103


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp_one_way(sender, receiver, address, mib):
    """Send mib MiB to address; both ends' SHA-256 must agree."""
    listener = receiver.socket(family(address), socket.SOCK_STREAM)
    listener.bind((address, 0))
    listener.listen(1)
    # A block that is not a multiple of any segment size, so that a segment that is lost, doubled
    # or swapped changes the sum.
    block = random.Random(address).randbytes(CHUNK + 7)
    sent = hashlib.sha256()

    def send():
        # A failure here shows at the other end, which gets less than it should.
        with contextlib.suppress(OSError), \
             sender.socket(family(address), socket.SOCK_STREAM) as sock:
            sock.connect(listener.getsockname())
            for _ in range((mib << 20) // CHUNK):
                sent.update(block)
                sock.sendall(block)

    thread = threading.Thread(target=send)
    thread.start()
    got = hashlib.sha256()
    count = 0
    try:
        conn, _ = listener.accept()
        conn.settimeout(5)
        while data := conn.recv(1 << 20):
            got.update(data)
            count += len(data)
    finally:
        thread.join()
    if count != (mib << 20) // CHUNK * len(block) or got.digest() != sent.digest():
        sys.exit(f"tcp to {address}: the data differ after {count} bytes")


def udp(sender, source, receiver, address, count, size):
    sink = receiver.socket(family(address), socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sink.bind((address, 0))
    sock = sender.socket(family(address), socket.SOCK_DGRAM)
    sock.bind((source, 0))
    rng = random.Random(size)
    for i in range(count):
        data = rng.randbytes(size)
        sock.sendto(data, sink.getsockname())
        try:
            got, peer = sink.recvfrom(1 << 16)
        except TimeoutError:
            sys.exit(f"udp to {address}: datagram {i + 1} of {count} did not arrive")
        if got != data:
            sys.exit(f"udp to {address}: datagram {i + 1} of {count} arrived changed")
        if peer[0] != source:
            sys.exit(f"udp to {address}: comes from {peer[0]}, not {source}")


def udp_gso(sender, receiver, address):
    """One send call, forty datagrams: the kernel segments them behind the tunnel."""
    size, count = 1200, 40
    sink = receiver.socket(family(address), socket.SOCK_DGRAM)
    sink.bind((address, 0))
    sock = sender.socket(family(address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
    data = random.Random(size).randbytes(size * count)
    sock.sendto(data, sink.getsockname())
    for i in range(count):
        try:
            got = sink.recv(1 << 16)
        except TimeoutError:
            sys.exit(f"udp to {address}: segment {i + 1} of {count} did not arrive")
        if got != data[i * size:(i + 1) * size]:
            sys.exit(f"udp to {address}: segment {i + 1} of {count} arrived changed")


def request(verb, *args):
    if verb == "tcp":
        a, b = Host(args[0]), Host(args[2])
        tcp_one_way(a, b, args[3], int(args[4]))
        tcp_one_way(b, a, args[1], int(args[4]))
    elif verb == "udpgso":
        udp_gso(Host(args[0]), Host(args[2]), args[3])
        udp_gso(Host(args[2]), Host(args[0]), args[1])
    elif verb == "udp":
        udp(Host(args[0]), args[1], Host(args[2]), args[3], int(args[4]), int(args[5]))
    else:
        sys.exit(__doc__)


def main(words):
    while words:
        end = words.index(",") if "," in words else len(words)
        try:
            request(*words[:end])
        except OSError as error:
            sys.exit(f"{words[0]}: {error}")
        words = words[end + 1:]


main(sys.argv[1:] or [""])
