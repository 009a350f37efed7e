# SPDX-License-Identifier: GPL-2.0
"""The programs load on this kernel, and the verifier's work stays within a budget."""

from harness import Failure, Skip, expect, test
from kernel import SCHED_CLS
from scene import DEV, LOCAL, NEXT, REMOTES
from oracle import frame, ip

# Instructions that the verifier may walk. A program that needs many times more than it has is one
# that the next kernel's verifier, or the next mode, will push over the limit.
BUDGET = {
    "encap": 160000,  # Linux 6.1 walks 125,400, younger ones less
    "decap": 66000,   # 63,334 there
    "handoff": 500,
}


def configure(scene):
    scene.configure(f"tunnel add tun1 mode ipip local {LOCAL} remote {REMOTES[0]} dev {DEV}")


@test("load/programs")
def programs(scene):
    configure(scene)
    expect("programs with a budget", sorted(BUDGET), sorted(scene.programs))
    for name, program in scene.programs.items():
        info = program.info()
        expect(f"type of {name}", info.type, SCHED_CLS)
        expect("name", info.name.decode(), "xtun_" + name)


@test("load/budget")
def budget(scene):
    configure(scene)
    lines = []
    for name, most in BUDGET.items():
        count = scene.programs[name].info().verified_insns
        if not count:
            raise Skip("this kernel does not tell how many instructions it verified")
        if count > most:
            raise Failure(f"{name}: the verifier walked {count} instructions; budget {most}")
        lines.append(f"{name}: {count} instructions verified, budget {most}")
    return lines


@test("load/fail_closed")
def fail_closed(scene):
    """Where no tunnel is, the encapsulating program sends nothing: it leaves packets to the device behind
    it, and those of tunnels drop whatever comes to them."""
    configure(scene)
    scene.ports["nothing"] = 1
    verdict, out = scene.encap("nothing", frame(ip()))
    expect("verdict at a device without a tunnel", verdict, NEXT)
    expect("the packet, unchanged", out, frame(ip()))
    expect("counted", scene.counted(), {})
