# SPDX-License-Identifier: GPL-2.0
"""kill.py WALK - end a command by SIGKILL at each of its system calls that change state, in turn.

First the command runs undisturbed under strace: that gives the new configuration and the list of
calls. Then, for every call, it runs from the old configuration and strace kills it as it enters the
call; what the calls before have done is what stays. Afterwards `xtun save` must print the old or
the new text, the next command must work, and all that the kernel holds must be what that command
leaves behind when nobody was killed.

Environment: XTUN_KILL_ALL=1 walks every call of these kinds, also those that only read.
"""

import collections
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time

from host import Host
from state import hook_list

XTUN = os.environ["XTUN"]
TMP = os.environ.get("TMPDIR", "/tmp")
NETNS = "xtun-test-kill"
BPFFS = "/sys/fs/bpf"
ROOT = BPFFS + "/xtun"
LIBBPF = ctypes.CDLL("libbpf.so.1", use_errno=True)
HASH_MAPS = (1, 5, 9, 10, 11)

CALLS = ("bpf", "sendto", "sendmsg", "write", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat",
         "rename", "renameat", "renameat2", "mount", "umount2", "setsockopt")
# What only makes or reads an object of the process dies with it.
BPF_CHANGES = re.compile(r"BPF_(MAP_(UPDATE|DELETE)|OBJ_PIN|LINK_|PROG_(ATTACH|DETACH))")
NETLINK_TYPE = re.compile(r"nlmsg_type=(0x[0-9a-f]+|\d+|[A-Z]\w+)")

T0 = "t0 mode ipip local 10.1.1.5 remote 10.7.0.1 ttl 64"
T1 = "t1 mode ipip local 10.1.1.5 remote 10.7.0.2 dev eth0"
ANY = ["tunnel add g1 mode gre local any remote any",
       "tunnel add g2 mode ip6tnl local any remote any nosrccheck",
       *(f"peer add g1 10.{i}.0.0/16 via 10.1.1.{i}" for i in range(2, 30)),
       "peer add g1 fd00::/16 via 10.1.1.3", "peer add g2 10.2.0.0/16 via fd01::2"]
NOBODY = "00:00:00:00:00:00"
MACS = ["tunnel add any1 mode gretap local 10.1.1.5 remote any",
        "tunnel add any2 mode ip6gretap local any remote any nolearning",
        *(f"peer add any1 lladdr {NOBODY} via 10.1.1.{i}" for i in range(2, 9)),
        "peer add any1 lladdr 02:00:00:00:00:02 via 10.1.1.2", f"peer add any2 lladdr {NOBODY} via fd01::2"]
TAP = "tunnel add tap mode gretap local 10.1.1.5 remote 10.7.0.3"
M1 = "mirror add m1 dev eth1 both to tap filter 'tcp port 80' sample 5"
NEXT = ("tunnel", "replace", *T0.split())
# name: (lines of the old configuration, the command; a list of lines is a file)
WALKS = {
    "add": ([f"tunnel add {T0}"], ["tunnel", "add", *T1.split()]),
    "change": ([f"tunnel add {T0}", f"tunnel add {T1}"],
               "tunnel change t1 remote 10.7.0.9 tos inherit dev eth1".split()),
    "replace": ([f"tunnel add {T0}", f"tunnel add {T1}"],
                "tunnel replace t1 mode ipip local any remote 10.7.0.8 dev eth1".split()),
    "del": ([f"tunnel add {T0}", f"tunnel add {T1}"], ["tunnel", "del", "t1"]),
    "batch": ([f"tunnel add {T0}", f"tunnel add {T1}"],
              ["-b", ["tunnel add t2 mode ipip remote 10.7.0.3", "tunnel del t1",
                      "tunnel add t3 mode ipip remote 10.7.0.4 dev eth1",
                      "tunnel change t0 ttl 5", "attach eth1"]]),
    "restore": ([f"tunnel add {T0}", f"tunnel add {T1}"],
                ["restore", [f"tunnel add {T0}", "tunnel add t5 mode ipip remote 10.7.0.5",
                             "tunnel add t6 mode ipip remote any local 10.1.1.5"]]),
    "flush": ([f"tunnel add {T0}", f"tunnel add {T1}", "attach eth1"], ["flush"]),
    "first": (None, ["tunnel", "add", *T0.split()]),
    "peer-add": ([f"tunnel add {T0}", *ANY], "peer add g1 10.2.3.0/24 via 10.1.1.9".split()),
    "peer-first": ([f"tunnel add {T0}", *ANY], "peer add g2 fd00:2::/32 via fd01::9".split()),
    "peer-last": ([f"tunnel add {T0}", *ANY], "peer del g2 10.2.0.0/16".split()),
    "peer-load": ([f"tunnel add {T0}", *ANY],
                  ["peer", "load", "g1", [f"10.9.{i}.0/24 via 10.1.1.{i}" for i in range(1, 200)]]),
    "peer-batch": ([f"tunnel add {T0}", *ANY],
                   ["-b", ["peer replace g1 10.2.0.0/16 via 10.1.1.9", "peer flush g2",
                           "peer add g2 fd00:2::/32 via fd01::9", "tunnel change g1 ttl 9"]]),
    "peer-restore": ([f"tunnel add {T0}", *ANY],
                     ["restore", [f"tunnel add {T0}", *ANY[:2],
                                  "peer add g1 fd00::/16 via 10.1.1.4"]]),
    "peer-mac": ([f"tunnel add {T0}", *MACS],
                 ["-b", ["peer flush any1", "peer add any1 lladdr 02:00:00:00:00:02 via 10.1.1.9",
                         *(f"peer add any1 lladdr {NOBODY} via 10.1.1.{i}" for i in range(20, 30)),
                         f"peer del any2 lladdr {NOBODY} via fd01::2", "tunnel change any1 ageing 9"]]),
    "peer-del": ([f"tunnel add {T0}", *ANY], ["tunnel", "del", "g1"]),
    "mirror-add": ([f"tunnel add {T0}", TAP, M1],
                   ["mirror", "add", "m2", "dev", "eth1", "both", "to", "tap", "filter", "tcp or icmp"]),
    "mirror-batch": ([f"tunnel add {T0}", TAP, M1, "mirror add m3 dev eth0 ingress to tap filter tcp"],
                     ["-b", ["mirror del m1", "mirror add m1 dev eth0 egress to tap filter tcp",
                             "mirror del m3", "tunnel change tap ttl 9",
                             "tunnel add tap2 mode gretap local 10.1.1.5 remote 10.7.0.4",
                             "mirror add m4 dev eth1 ingress to tap2 filter tcp"]]),
    "attach": ([f"tunnel add {T0}"], ["attach", "eth1"]),
    "attach-xdp": ([f"tunnel add {T0}"], ["attach", "eth1", "xdp"]),
    "detach-xdp": ([f"tunnel add {T0}", "attach eth1 xdp"], ["detach", "eth1"]),
    "change-xdp": ([f"tunnel add {T0}", "attach eth1 xdp", "attach eth0 xdp"],
                   ["restore", [f"tunnel add {T0}", "attach eth1 xdp generic"]]),
    "upgrade": ([f"tunnel add {T0}", TAP, M1, "attach eth1 xdp"], ["upgrade"]),
}
# What these change is no configuration.
SAME = ("upgrade",)
# These begin with programs and maps made anew: an XDP program that no device runs any more stays while one runs
# another, and a tunnel that comes back is listed behind those that stayed.
FRESH = ("change-xdp", "peer-del")


class MapInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("type", "id", "key_size", "value_size",
                                                     "max_entries", "map_flags")]


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def xtun(*args, prefix=()):
    return subprocess.run([*prefix, XTUN, "-n", NETNS, *args], capture_output=True, text=True,
                          timeout=20, check=False)


def good(*args):
    done = xtun(*args)
    assert done.returncode == 0, f"xtun {' '.join(args)}: {done.stderr.strip()}"
    return done.stdout


def file_of(lines, name):
    path = os.path.join(TMP, name)
    with open(path, "w") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def netns_new():
    subprocess.run(["ip", "netns", "del", NETNS], check=False, capture_output=True)
    if os.path.ismount(BPFFS):
        subprocess.run(["umount", BPFFS], check=True)
    ip("netns", "add", NETNS)
    for dev, address in (("eth0", "10.1.1.5/24"), ("eth1", "10.1.2.5/24")):
        ip("-n", NETNS, "link", "add", dev, "type", "veth", "peer", "name", dev + "peer")
        ip("-n", NETNS, "addr", "add", address, "dev", dev)
        ip("-n", NETNS, "link", "set", dev, "up")
        ip("-n", NETNS, "link", "set", dev + "peer", "up")


def elements(path):
    """How many elements a pinned hash map has; None for other objects."""
    fd = LIBBPF.bpf_obj_get(path.encode())
    if fd < 0:
        return None
    try:
        info, length = MapInfo(), ctypes.c_uint32(ctypes.sizeof(MapInfo))
        if LIBBPF.bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length)):
            return None
        if info.type not in HASH_MAPS or not 0 < info.key_size < 512:
            return None
        key, count = None, 0
        following = ctypes.create_string_buffer(info.key_size)
        while not LIBBPF.bpf_map_get_next_key(fd, key, following):
            key, count = ctypes.create_string_buffer(following.raw, info.key_size), count + 1
        return count
    finally:
        os.close(fd)


def nameless(name):
    """Names that hold an index or a cookie, without it."""
    return re.sub(r"\d+", "N", name)


def holdings():
    """All that the kernel holds for the namespace, in words that compare."""
    pins = []
    if os.path.isdir(ROOT):
        for directory in sorted(os.listdir(ROOT)):
            path = os.path.join(ROOT, directory)
            pins += [nameless(directory)]
            if os.path.isdir(path):
                pins += sorted(f"{nameless(name)} {elements(os.path.join(path, name))}"
                               for name in os.listdir(path))
    links = json.loads(subprocess.check_output(["ip", "-n", NETNS, "-j", "-d", "link", "show"]))
    return {
        "save": good("save"),
        "watched": sorted(map(str, json.loads(good("-j", "dev", "show")))),
        "pins": pins,
        "devices": sorted(f"{link['ifname']} {link.get('linkinfo', {}).get('info_kind')} "
                          f"{link['mtu']} {'UP' in link['flags']}" for link in links),
        "programs": sorted(hook_list(Host(NETNS))),
        "strangers": strangers(),
    }


class ObjectInfo(ctypes.Structure):
    """The beginning of what the kernel tells of a program (type, id) and of a link (type, id, program)."""
    _fields_ = [(name, ctypes.c_uint32) for name in ("type", "id", "prog_id")] + \
        [("rest", ctypes.c_uint8 * 256)]


def strangers():
    """Links that run a program which is not one of those that are pinned, and by what name."""
    programs, links = set(), []
    for directory in os.listdir(ROOT) if os.path.isdir(ROOT) else ():
        for name in os.listdir(os.path.join(ROOT, directory)):
            fd = LIBBPF.bpf_obj_get(os.path.join(ROOT, directory, name).encode())
            if fd < 0:
                continue
            what, info = os.readlink(f"/proc/self/fd/{fd}"), ObjectInfo()
            length = ctypes.c_uint32(ctypes.sizeof(info))
            if "map" not in what:
                LIBBPF.bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length))
            if "prog" in what:
                programs.add(info.id)
            elif "link" in what and not name.startswith("mirror-"):
                links.append((nameless(name), info.prog_id))
            os.close(fd)
    return sorted(name for name, program in links if program not in programs)


def ifindex(name):
    done = subprocess.run(["ip", "-n", NETNS, "-j", "link", "show", name], capture_output=True,
                          check=False)
    return json.loads(done.stdout)[0]["ifindex"] if done.returncode == 0 else None


def reset(name, old_file):
    """The old configuration again, where it can be without loading the programs: that takes long."""
    if old_file is None:
        netns_new()
    elif name in FRESH:
        good("flush")
        good("-b", old_file)
    else:
        good("restore", old_file)


def trace(command):
    """Run the command; the calls to be killed at, as (system call, how manieth, as strace has it)."""
    log = os.path.join(TMP, "trace")
    done = xtun(*command, prefix=("strace", "-f", "-qq", "-s", "0", "-o", log, "-e",
                                  "trace=" + ",".join(CALLS)))
    assert done.returncode == 0, done.stderr.strip()
    seen, points = collections.Counter(), []
    with open(log) as file:
        for line in file:
            found = re.match(r"(\d+) +(\w+)\((.*)", line)
            if not found:
                continue
            process, call, rest = found.groups()
            seen[process, call] += 1
            if os.environ.get("XTUN_KILL_ALL") or changes(call, rest):
                points.append((call, seen[process, call], f"{call}({rest[:70]}"))
    return list(dict.fromkeys(points))


def changes(call, rest):
    if re.search(r"= -1 E", rest):
        return False
    if call == "bpf":
        return bool(BPF_CHANGES.match(rest))
    if call in ("sendto", "sendmsg"):
        found = NETLINK_TYPE.search(rest)
        if not found:
            return True
        kind = found.group(1)
        # rtnetlink numbers come in fours: new, delete, get, set.
        return "GET" not in kind if kind[0].isalpha() else int(kind, 0) % 4 != 2
    if call == "write":
        return not rest.startswith(("1,", "2,"))  # what it says is no state
    return True


def differences(is_, should_be):
    return "; ".join(f"{name}: {is_[name]!r}, should be {should_be[name]!r}"
                     for name in should_be if is_[name] != should_be[name])


def killed_at(point, command, texts, afters):
    """One kill. Returns what is wrong, or None, and whether the old configuration stands."""
    call, nth, _ = point
    before = ifindex("t0")
    done = xtun(*command, prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                  "-e", f"inject={call}:signal=SIGKILL:when={nth}"))
    if done.returncode != -signal.SIGKILL:
        return f"not killed, but ended with status {done.returncode}", False
    saved = xtun("save")
    if saved.returncode:
        return f"save: {saved.stderr.strip()}", False
    if saved.stdout not in texts:
        return f"save (status {done.returncode}) prints {saved.stdout!r}", False
    old = saved.stdout == texts[0]
    following = xtun(*NEXT)
    if following.returncode:
        return f"the next command: {following.stderr.strip()}", False
    # A link that was not pinned yet goes with the process, but the kernel may take its time.
    deadline = time.monotonic() + 5
    while True:
        wrong = differences(holdings(), afters[0] if old else afters[1])
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if wrong:
        return f"after the next command, {wrong}", False
    if before and " t0 " in saved.stdout and ifindex("t0") != before:
        return "the device of a tunnel that stays was made anew", False
    return None, old


def walk(name):
    old, command = WALKS[name]
    old_file = None if old is None else file_of(old, "old")
    command = [word if isinstance(word, str) else file_of(word, "new") for word in command]
    netns_new()

    def after_next():
        good(*NEXT)
        return holdings()

    if old_file:
        good("-b", old_file)
    texts, afters = [good("save")], [after_next()]
    reset(name, old_file)
    points = trace(command)
    texts.append(good("save"))
    afters.append(after_next())
    assert len(points) > 2, f"strace shows only {len(points)} calls that change state"
    assert name in SAME or texts[0] != texts[1], "the command changes nothing: this walk tests nothing"

    clean, failures, ends = False, [], collections.Counter()
    for point in points:
        if not clean:
            reset(name, old_file)
        wrong, old_stands = killed_at(point, command, texts, afters)
        # The next command changed nothing if the old configuration has what it asks for.
        clean = not wrong and old_stands and old_file is not None
        if wrong:
            failures.append(f"killed at {point[0]} number {point[1]}: {wrong}")
            if len(failures) < 4:
                print(f"  {failures[-1]}, in {point[2]}")
            netns_new()
        else:
            ends["old" if old_stands else "new"] += 1
    if failures:
        print(f"FAIL kill/{name}: {len(failures)} of {len(points)} calls; {failures[0]}")
    else:
        print(f"ok kill/{name}, {len(points)} calls: {ends['old']} times the old, "
              f"{ends['new']} times the new")


walk(sys.argv[1])
