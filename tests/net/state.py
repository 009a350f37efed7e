#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What the kernel holds, without asking the program under test.

state.py cookie NETNS    the namespace's cookie
state.py hooks NETNS     one line per BPF program at tc, at XDP or in netkit: device, hook, how it is attached
state.py programs DIR    ids of the programs pinned below DIR
"""

import ctypes
import json
import os
import subprocess
import sys

from host import Host

TC = ("ingress", "egress")
# Attach types: programs in a chain at tc, and those that are a netkit device's own.
LINKS = {"ingress": ("tcx", 46), "egress": ("tcx", 47), "primary": ("netkit", 54), "peer": ("netkit", 55)}
LIBBPF = ctypes.CDLL("libbpf.so.1", use_errno=True)


def link_count(ifindex, attach_type):
    ids = (ctypes.c_uint32 * 64)()
    count = ctypes.c_uint32(len(ids))
    # A kernel or a device without such links refuses the attach type; then there is none.
    if LIBBPF.bpf_prog_query(ifindex, attach_type, 0, None, ids, ctypes.byref(count)):
        return 0
    return count.value


def tc(*args):
    return json.loads(subprocess.run(["tc", "-j", *args], capture_output=True, check=True).stdout
                      or b"[]")


def hook_list(host):
    links = json.loads(subprocess.check_output(["ip", "-n", host.name, "-j", "link", "show"]))
    with host.entered():
        for link in links:
            if "xdp" in link:
                yield f"{link['ifname']} xdp"
            for hook, (how, attach_type) in LINKS.items():
                for _ in range(link_count(link["ifindex"], attach_type)):
                    yield f"{link['ifname']} {hook} {how}"
        for qdisc in tc("qdisc", "show"):
            if qdisc["kind"] != "clsact":
                continue
            yield f"{qdisc['dev']} clsact"
            for hook in TC:
                for row in tc("filter", "show", "dev", qdisc["dev"], hook):
                    if "options" in row:
                        yield f"{qdisc['dev']} {hook} filter {row['options'].get('bpf_name')}"


def programs(directory):
    for name in sorted(os.listdir(directory)):
        shown = subprocess.run(
            ["bpftool", "-j", "prog", "show", "pinned", os.path.join(directory, name)],
            capture_output=True, check=False)
        row = json.loads(shown.stdout or b"{}")
        if "id" in row:
            print(row["id"])


def main(verb, argument):
    if verb == "cookie":
        print(Host(argument).cookie())
    elif verb == "hooks":
        print(*hook_list(Host(argument)), sep="\n", end="\n")
    elif verb == "programs":
        programs(argument)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
