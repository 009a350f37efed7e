#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""frames.py DEV DESTINATION SOURCE COUNT [SIZE] - Ethernet frames of a type that nobody answers (IEEE 802,
for experiments)"""

import contextlib
import errno
import socket
import sys


@contextlib.contextmanager
def dropped():
    """The sender is told where the tunnel drops a frame, but whether it does is for counters to say."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise


def main():
    dev, destination, source, count = sys.argv[1:5]
    size = int(sys.argv[5]) if len(sys.argv) > 5 else 60
    head = bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", ""))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((dev, 0))
    for i in range(int(count)):
        with dropped():
            out.send((head + b"\x88\xb5" + i.to_bytes(4, "big")).ljust(size, b"\0"))


main()
