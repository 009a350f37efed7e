# SPDX-License-Identifier: GPL-2.0
"""Result lines, failures that show bytes, and how large the sets of cases are."""

import os
import random
import time
import traceback

QUICK = os.environ.get("XTUN_QUICK") == "1"
# Which part of the tests is done here, and in how many parts they are cut for others to do the rest.
PART, PARTS = map(int, os.environ.get("XTUN_TURN", "0/1").split("/"))
# What is done everywhere: no kernel verifies as another does.
EVERYWHERE = ("load/", "gateway/budget", "xdp/budget")

TESTS = []


class Failure(Exception):
    """What is wrong in the first line, more in those that follow."""


class Skip(Exception):
    """Why a test cannot be done here."""


def test(name):
    """Decorator: the function is the test @name. It gets the scene and may return lines to show."""
    def register(function):
        TESTS.append((name, function))
        return function
    return register


def run_all(scene):
    """Run what is registered, print one line each. Returns the number of failures."""
    failed = 0
    for number, (name, function) in enumerate(TESTS):
        if number % PARTS != PART and not name.startswith(EVERYWHERE):
            continue
        start = time.monotonic()
        try:
            lines = function(scene) or []
            print(f"ok {name}", flush=True)
        except Skip as reason:
            lines = []
            print(f"skip {name}: {reason}", flush=True)
        except Exception as error:  # a bug in a test is a failed test as well
            failed += 1
            lines = str(error).splitlines() if isinstance(error, Failure) else \
                traceback.format_exc().splitlines()[::-1]
            print(f"FAIL {name}: {lines.pop(0) if lines else 'no reason given'}")
        if os.environ.get("XTUN_TIMES"):
            lines.append(f"{time.monotonic() - start:.2f} s")
        for line in lines:
            print("  " + line, flush=True)
    return failed


def few(cases, seed=1, least=3, share=20):
    """All of @cases, or when time is short one in @share of them, or the @least, always the same."""
    cases = list(cases)
    if not QUICK:
        return cases
    return random.Random(seed).sample(cases, max(len(cases) // share, min(len(cases), least)))


def times(count):
    return count // 30 if QUICK else count


def expect(what, got, want):
    if got != want:
        raise Failure(f"{what}: {got!r}, not {want!r}")


def hexdump(data):
    return [f"{at:4}  {data[at:at + 16].hex(' ')}" for at in range(0, min(len(data), 128), 16)]


def expect_bytes(what, got, want):
    if got == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    raise Failure("\n".join([f"{what}: differs at byte {at} ({len(got)} bytes, not {len(want)})",
                             "got:", *hexdump(got), "wanted:", *hexdump(want)]))
