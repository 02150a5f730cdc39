#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nodes with two data cores on real frames: a queue each, and what the kernel puts into the wrong one is moved; over
all links that a node may have."""
import os
import sys

from integ import Lab, LabError, expect, outcome_as_root

CORES_COUNT = 2
# So often a view comes until each second core must have had an answer.
ASKING_VIEWS_MAX = 5


def give_cores(lab, node):
    with open(f"{lab.state}/n{node}.yaml", "a", encoding="ascii") as file:
        file.write(f"cores: {CORES_COUNT}\n")


def cores_of(lab, node):
    answer = lab.insist(node, "cores")
    return [answer[str(i)] for i in range(CORES_COUNT)]


def was_asked(lab, node):
    """The second core had a member answer to it, and knows by which queue."""
    return cores_of(lab, node)[1]["steering"] != "untested"


def is_balanced(lab, node):
    home, other = cores_of(lab, node)
    return (home["resteered_here"], home["resteered_away"]) == (other["resteered_away"], other["resteered_here"])


def hears_all(lab):
    """Who was never heard in a view may be silent for the whole time of an install before anybody misses it."""
    members = [value for node in (1, 2) for value in lab.insist(node, "members", 0).values() if isinstance(value, dict)]
    return all(member.get("reach", "ok") == "ok" for member in members)


def gather(lab):
    """Nodes 1 and 2 with two cores and node 3 with one meet, and their second cores have somebody answer."""
    for node in (1, 2):
        give_cores(lab, node)
    for node in (1, 2, 3):
        lab.start(node)
    lab.wait_view([1, 2, 3], 3)
    # A view may be there before the others know whom to answer; each later one asks again.
    for _ in range(ASKING_VIEWS_MAX):
        lab.wait("nodes 1 and 2 to hear all", lambda: hears_all(lab), 60.0)
        lab.kill(3)
        lab.wait_view([1, 2], 2)
        lab.start(3)
        lab.wait_view([1, 2, 3], 3)
        try:
            lab.wait("answers to the second cores", lambda: all(was_asked(lab, node) for node in (1, 2)), 10.0)
            return
        except LabError as error:
            late = error
    raise late


def tell(lab):
    gather(lab)
    for node in (1, 2):
        home, other = cores_of(lab, node)
        expect([home["shard"], other["shard"]] == [0, 1], "the shards are not 0 and 1")
        expect([home["queue"], other["queue"]] == [0, 1], "two cores poll one queue")
        expect(home["lcore"] != other["lcore"], "two cores share a thread")
        expect(home["rung"] == other["rung"] == "move", "af_packet takes no rules, and yet the rung is not move")
        # A packet may be between the two when they are asked.
        lab.wait("what one core moved to be with the other", lambda n=node: is_balanced(lab, n), 30.0)
        expect(home["resteer_dropped"] == other["resteer_dropped"] == 0, "the ring between two idle cores was full")
    moved = sum(core["resteered_away"] for node in (1, 2) for core in cores_of(lab, node))
    expect(moved > 0, "of all frames, the kernel's hash put each into the right queue")


def main():
    with Lab(f"cores-{os.getpid()}", 3, "--preset", "cloud", "--no-start") as lab:
        tell(lab)
        print("ok - two cores each", flush=True)
    # Node 2 has all others behind the router: its second core reaches them when it was told of the gateway.
    for options in (["--ipv6"], ["--vlan", "100"], ["--routed"], ["--ipv6", "--routed"]):
        with Lab(f"cores{os.getpid()}", 3, "--preset", "cloud", "--no-start", *options) as lab:
            gather(lab)
        print(f"ok - {' '.join(options)}", flush=True)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
