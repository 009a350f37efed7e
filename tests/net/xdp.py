#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What tests of XDP ask of sockets.

xdp.py hold NETNS DEV SECONDS          a packet socket on DEV that holds a clone of each packet
xdp.py arrive NETNS PORT SECONDS       the devices where datagrams to PORT arrive, and how many
xdp.py send NETNS ADDRESS PORT SECONDS as many datagrams as there is time for
xdp.py flows NETNS ADDRESS FLOWS COUNT  COUNT datagrams from each of so many ports
"""

import collections
import socket
import sys
import time

from host import Host

IP_PKTINFO = 8


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


VERBS = {"hold": hold, "arrive": arrive, "send": send, "flows": flows}
VERBS[sys.argv[1]](*sys.argv[2:])
