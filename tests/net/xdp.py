#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What tests of XDP ask of sockets.

xdp.py hold NETNS DEV SECONDS          a packet socket on DEV that holds a clone of each packet
xdp.py arrive NETNS PORT SECONDS       the devices where datagrams to PORT arrive, and how many
xdp.py send NETNS ADDRESS PORT SECONDS as many datagrams as there is time for
xdp.py flows NETNS ADDRESS FLOWS COUNT  COUNT datagrams from each of so many ports
xdp.py frames NETNS DEV NETNS DEV ROUNDS
                                       frames of every kind into one device, which must come out of the
                                       other, each as it was
xdp.py datagram NETNS DEV MAC ADDRESS PORT COUNT [tagged]
                                       datagrams in frames to MAC, into DEV
"""

import collections
import socket
import struct
import sys
import time

from host import Host

IP_PKTINFO = 8
ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
SOURCE = bytes.fromhex("020000000d0d")
TAG = bytes.fromhex("8100a005")


def hold(netns, dev, seconds):
    sock = Host(netns).socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((dev, 0))
    print("ready", flush=True)
    time.sleep(float(seconds))


def arrive(netns, port, seconds):
    host = Host(netns)
    sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(("0.0.0.0", int(port)))
    sock.settimeout(0.2)
    print("ready", flush=True)
    seen, end = collections.Counter(), time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            info = sock.recvmsg(2048, 64)[1]
        except TimeoutError:
            continue
        seen[int.from_bytes(info[0][2][:4], sys.byteorder)] += 1
    for ifindex, count in seen.items():
        print(ifindex, count)


def send(netns, address, port, seconds):
    sock = Host(netns).socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        sock.sendto(b"inner", (address, int(port)))
        time.sleep(0.0002)


def flows(netns, address, count, packets):
    host = Host(netns)
    for flow in range(int(count)):
        sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 20000 + flow))
        for _ in range(int(packets)):
            sock.sendto(b"inner", (address, 7777))
            time.sleep(0.0002)
        sock.close()


def ipv4_udp(address, port, data):
    """A datagram without checksum, from nobody."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 1, 0, 64, 17, 0,
                         socket.inet_aton("172.31.0.1"), socket.inet_aton(address))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    total = ~((total & 0xffff) + (total >> 16)) & 0xffff
    return header[:10] + struct.pack("!H", total) + header[12:] + \
        struct.pack("!HHHH", 9, port, 8 + len(data), 0) + data


def every_kind(own):
    """Frames to one host, to a group, to all and to @own; with IP, without, with tags, with no
    ethertype at all."""
    one, group, all_ = (bytes.fromhex(mac) for mac in
                        ("020000000c0c", "01005e010203", "ffffffffffff"))
    packet = ipv4_udp("172.31.0.2", 9, b"inner" * 4)
    for dst in (one, group, all_, own):
        yield dst, b"\x08\x00" + packet
        yield dst, b"\x08\x06" + bytes(46)
        yield dst, b"\x86\xdd" + b"\x60" + bytes(3) + b"\0\x08\x3b\x40" + bytes(40)
        yield dst, b"\x88\xcc" + bytes(range(60))
        yield dst, b"\x00\x26\x42\x42\x03" + bytes(43)
        yield dst, b"\x05\xdc" + b"\xaa\xaa\x03" + bytes(1300)
        yield dst, TAG + b"\x08\x00" + packet
        yield dst, b"\x88\xa8\0\x07" + TAG + b"\x08\x00" + packet


def received(sock):
    """The next frame that a test sent, with the tag that the stack has beside it."""
    while True:
        data, notes, _, (_, _, kind, _, _) = sock.recvmsg(4096, 256)
        if kind == socket.PACKET_OUTGOING or data[6:12] != SOURCE:
            continue
        for level, what, note in notes:
            if (level, what) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, proto = struct.unpack("=IIIHHHH", note)
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack("!HH", proto, tci) + data[12:]
        return data


def frames(netns, dev, other, other_dev, rounds):
    out = Host(netns).socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((dev, 0))
    sock = Host(other).socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((other_dev, ETH_P_ALL))
    own = sock.getsockname()[4]
    for _ in range(int(rounds)):
        for dst, rest in every_kind(own):
            data = dst + SOURCE + rest
            out.send(data)
            try:
                got = received(sock)
            except TimeoutError:
                sys.exit(f"did not arrive: {data[:40].hex(' ')}")
            if got != data:
                sys.exit(f"arrived changed: {got[:40].hex(' ')}, not {data[:40].hex(' ')}")


def datagram(netns, dev, mac, address, port, count, *tagged):
    out = Host(netns).socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((dev, 0))
    for _ in range(int(count)):
        out.send(bytes.fromhex(mac.replace(":", "")) + SOURCE + (TAG if tagged else b"") +
                 b"\x08\x00" + ipv4_udp(address, int(port), b"inner"))


VERBS = {"hold": hold, "arrive": arrive, "send": send, "flows": flows, "frames": frames,
         "datagram": datagram}
VERBS[sys.argv[1]](*sys.argv[2:])
