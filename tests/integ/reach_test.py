#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A link that is dead in one direction, on real frames: both ends say which one it is, and messages go round it.

The preset cloud bears that a shared machine stands still for a while: nobody is to be found dead for that."""
import os
import sys

from integ import Lab, LabError, outcome_as_root, play


def find_reach(lab, node):
    """What goes through between a node and each other one, by the port that both are known by."""
    answer = lab.ask(node, "members", "0") or {}
    members = [answer[str(rank)] for rank in range(answer.get("members", 0)) if str(rank) in answer]
    return {member["address"]: member.get("reach") for member in members}


def find_via(lab, node, member):
    """The number of the member through which messages of a node to another go; None when they go directly."""
    answer = lab.ask(node, "members", "0") or {}
    members = [answer[str(rank)] for rank in range(answer.get("members", 0)) if str(rank) in answer]
    return {each["member"]: each.get("via") for each in members}.get(member)


def go_round(lab):
    """While node 2 does not hear node 1: both talk through node 3, and directly when the link is whole."""
    numbers = {node: lab.view(node)["member"] for node in (1, 2, 3)}
    lab.run("cut", "1", "2", "--one-way")
    lab.run("ctl", "1", "load", str(numbers[2]), "--count", "2000", "--interval", "1000")
    if find_via(lab, 1, numbers[2]) != numbers[3]:
        raise LabError("node 1 does not say that it reaches node 2 through node 3")
    if find_via(lab, 1, numbers[3]) is not None:
        raise LabError("node 1 says that it reaches node 3 through another")
    if find_via(lab, 2, numbers[1]) != numbers[3]:
        raise LabError("node 2 does not say that it reaches node 1 through node 3")
    if lab.ask(3, "stats")["relay_passed"] < 100:
        raise LabError("node 3 passed on too little")
    lab.run("heal")
    lab.wait("node 1 to reach node 2 directly", lambda: (
        find_via(lab, 1, numbers[2]) is None and find_via(lab, 2, numbers[1]) is None), 10.0)
    if lab.view(3)["members"] != 3:
        raise LabError("a broken pair cost somebody's membership")


def one_way(lab):
    addresses = {node: lab.own_view(node)["address"] for node in (1, 2, 3)}
    for node in (1, 2, 3):
        others = [addresses[other] for other in (1, 2, 3) if other != node]
        lab.wait(f"node {node} to reach all", lambda others=others, node=node: all(
            find_reach(lab, node).get(other) == "ok" for other in others), 60.0)
        if find_reach(lab, node).get(addresses[node]) is not None:
            raise LabError("a node says how it reaches itself")
    lab.run("cut", "1", "2", "--one-way")
    lab.wait("node 1 to be heard no more by node 2", lambda: (
        find_reach(lab, 1).get(addresses[2]) == "inbound only"
        and find_reach(lab, 2).get(addresses[1]) == "silent"), 60.0)
    lab.wait("the other links to stay whole", lambda: (
        find_reach(lab, 1).get(addresses[3]) == "ok" and find_reach(lab, 3).get(addresses[1]) == "ok"), 60.0)
    if lab.insist(1, "stats")["probes_one_way"] == 0:
        raise LabError("node 1 counted no probe that failed one way")
    lab.run("heal")
    lab.wait("the link to be whole again", lambda: (
        find_reach(lab, 1).get(addresses[2]) == "ok" and find_reach(lab, 2).get(addresses[1]) == "ok"), 60.0)
    if lab.own_view(3)["members"] != 3:
        raise LabError("one dead direction cost somebody's membership")


def main():
    with Lab(f"reach{os.getpid()}", 3, "--preset", "cloud") as lab:
        lab.wait_view([1, 2, 3], 3)
        play((("one way", one_way), ("round a broken link", go_round)), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
