# SPDX-License-Identifier: GPL-2.0
"""Damaged packets, and the books that are kept on what becomes of them."""

import struct
from collections import Counter

from harness import Failure, expect, expect_bytes, times
from oracle import ETH_HLEN, checksum_mend
from scene import LOCAL, LOCAL2, REMOTES

PACKETS = 6000
BATCH = 100  # packets between two looks at the counters


def damage_byte(rng, data):
    """A byte of the headers."""
    if data:
        data[rng.randrange(min(len(data), ETH_HLEN + 80))] = rng.randrange(256)


def damage_bit(rng, data):
    if data:
        data[rng.randrange(min(len(data), ETH_HLEN + 80))] ^= 1 << rng.randrange(8)


def damage_cut(rng, data):
    del data[rng.randrange(ETH_HLEN, len(data) + 1) if len(data) > ETH_HLEN else 0:]


def damage_grow(rng, data):
    data += rng.randbytes(rng.randrange(1, 64))


def damage_length(rng, data):
    """The outer or the inner total length, mostly by a little."""
    at = ETH_HLEN + 2 + rng.choice((0, 20, 24, 60))
    if len(data) >= at + 2:
        old = struct.unpack_from("!H", data, at)[0]
        new = rng.choice((old + 1, old - 1, old + rng.randrange(-64, 64), 0, 19, 20, 0xffff))
        struct.pack_into("!H", data, at, new & 0xffff)


def damage_ihl(rng, data):
    at = ETH_HLEN + rng.choice((0, 20))
    if len(data) > at:
        data[at] = data[at] & 0xf0 | rng.randrange(16)


def damage_options(rng, data):
    if len(data) > ETH_HLEN + 20:
        data[ETH_HLEN] = 0x40 | rng.randrange(6, 16)
        at = rng.randrange(ETH_HLEN + 20, min(len(data), ETH_HLEN + 60))
        data[at] = rng.choice((0, 1, 7, 68, 130, 131, 137, 148))


def damage_address(rng, data):
    if len(data) >= ETH_HLEN + 20:
        words = rng.choice((LOCAL, LOCAL2, *REMOTES[:4], "0.0.0.0", "224.0.0.1",
                            "255.255.255.255"))
        at = ETH_HLEN + rng.choice((12, 16))
        data[at:at + 4] = bytes(map(int, words.split(".")))


DAMAGE = [damage_byte, damage_byte, damage_bit, damage_bit, damage_cut, damage_grow,
          damage_length, damage_length, damage_ihl, damage_options, damage_address]


def damaged(rng, whole, kinds=tuple(DAMAGE)):
    """One of the frames @whole, with up to eight kinds of damage, or none."""
    data = bytearray(rng.choice(whole))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 8))):
        rng.choice(kinds)(rng, data)
    if rng.random() < 0.6 and len(data) > ETH_HLEN and data[12:14] == b"\x08\x00":
        data[ETH_HLEN:] = checksum_mend(bytes(data[ETH_HLEN:]))
    return bytes(data)


class Batch:
    """Compares what was counted with what was planned, for some packets at a time. A packet with
    several faults may be counted under any of them."""

    def __init__(self, scene, way):
        self.scene, self.way = scene, way
        self.outcomes = Counter()
        self.begin()

    def begin(self):
        self.exact, self.most, self.drops = Counter(), Counter(), Counter()
        self.frames = []

    def add(self, data, plan, verdict, out, how=""):
        what = f"{how}{plan.tunnel} {'/'.join(sorted(plan.reasons))} {data[:80].hex()}"
        expect(f"verdict for {what}", verdict, plan.verdict)
        if plan.out is not None:
            expect_bytes(what, out, plan.out)
        self.frames.append(data)
        for reason in plan.reasons:
            self.most[plan.tunnel, reason] += 1
        if plan.reasons:
            self.drops[plan.tunnel] += 1
        elif plan.tunnel:
            self.exact[plan.tunnel, self.way + "_packets"] += 1
            self.exact[plan.tunnel, self.way + "_bytes"] += plan.size
        self.outcomes[plan.verdict, len(plan.reasons)] += 1
        if len(self.frames) == BATCH:
            self.settle()

    def settle(self):
        counted = self.scene.counted()
        drops = Counter()
        for (tunnel, name), value in counted.items():
            if name.endswith(("_packets", "_bytes")):
                continue
            drops[tunnel] += value
            if value > self.most[tunnel, name]:
                self.fail(f"{tunnel} {name}: counted {value}, at most {self.most[tunnel, name]}")
        if drops != self.drops:
            self.fail(f"drops: counted {dict(drops)}, not {dict(self.drops)}")
        carried = {name: value for name, value in counted.items()
                   if name[1].endswith(("_packets", "_bytes"))}
        if carried != self.exact:
            self.fail(f"carried: counted {carried}, not {dict(self.exact)}")
        self.begin()

    def fail(self, what):
        raise Failure("\n".join([what, "by these frames:", *(f.hex() for f in self.frames)]))

    def finish(self, least):
        """Damage that only ever has one outcome proves nothing."""
        self.settle()
        for outcome in least:
            if self.outcomes[outcome] < times(PACKETS) // 100:
                raise Failure(f"too few packets with the outcome {outcome}: {self.outcomes}")
        return [", ".join(f"verdict {verdict} with {faults} faults: {count}"
                          for (verdict, faults), count in sorted(self.outcomes.items()))]
