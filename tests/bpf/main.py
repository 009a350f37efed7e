#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run the tests of every test_*.py here, in a namespace that nobody else uses."""

import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    names = sys.argv[1:] or sorted(os.path.basename(path)[len("test_"):-len(".py")]
                                   for path in glob.glob(HERE + "/test_*.py"))
    for name in names:
        importlib.import_module("test_" + name)
    from harness import run_all
    from scene import Scene
    return 1 if run_all(Scene()) else 0


if __name__ == "__main__":
    sys.exit(main())
