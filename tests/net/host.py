# SPDX-License-Identifier: GPL-2.0
"""Network namespaces seen from one process.

A socket belongs to the namespace it was made in, so one process can hold sockets of several
hosts and needs no second process to be in step with.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SO_NETNS_COOKIE = 71
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
TIMEOUT = 3.0


def setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A namespace of /run/netns; `with host.entered():` makes sockets there."""

    def __init__(self, name):
        self.name = name
        self.fd = os.open("/run/netns/" + name, os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def entered(self):
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        setns(self.fd)
        try:
            yield self
        finally:
            setns(home)
            os.close(home)

    def socket(self, family, kind, proto=0):
        with self.entered():
            sock = socket.socket(family, kind, proto)
        sock.settimeout(TIMEOUT)
        return sock

    def cookie(self):
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0]

    def link(self, dev):
        return json.loads(subprocess.check_output(
            ["ip", "-n", self.name, "-j", "-d", "link", "show", dev]))[0]

    def snmp(self, proto, field):
        """A counter of the host's own stack, from /proc/net/snmp."""
        with self.entered():
            with open("/proc/thread-self/net/snmp") as file:
                rows = [line.split() for line in file if line.startswith(proto + ":")]
        return int(rows[1][rows[0].index(field)])

    def command(self, *args):
        with self.entered():
            subprocess.run(args, check=True, capture_output=True)

    def xtun(self, *args):
        return subprocess.check_output([os.environ["XTUN"], "-n", self.name, *args], text=True)

    def stats(self, tunnel):
        return json.loads(self.xtun("-j", "-s", "tunnel", "show", tunnel))[0]["stats"]


class Wire:
    """The frames that arrive at a device; sends frames as they are."""

    def __init__(self, host, dev, proto=ETH_P_ALL):
        self.sock = host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        with host.entered():
            self.sock.bind((dev, proto))

    def send(self, frame):
        self.sock.send(bytes(frame))

    def receive(self, timeout=TIMEOUT):
        """The next frame, or None."""
        if not select.select([self.sock], [], [], timeout)[0]:
            return None
        return self.sock.recv(1 << 17)

    def until(self, wanted, timeout=TIMEOUT):
        """All frames up to the first for which wanted(frame), that one included; None in time-out."""
        frames = []
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            frame = self.receive(max(0.0, end - time.monotonic()))
            if frame is None:
                return None
            frames.append(frame)
            if wanted(frame):
                return frames
        return None

    def waiting(self):
        """All frames that are here already."""
        frames = []
        while (frame := self.receive(0)) is not None:
            frames.append(frame)
        return frames


class Report:
    """Result lines. `with report.test(name):` is one test; an exception is its failure."""

    def __init__(self, family):
        self.family = family

    @contextlib.contextmanager
    def test(self, name):
        try:
            yield
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"FAIL {self.family}/{name}: {' '.join(str(error).split()) or repr(error)}")
        else:
            print(f"ok {self.family}/{name}")


def equal(what, is_, should_be):
    assert is_ == should_be, f"{what}: is {is_!r}, not {should_be!r}"
