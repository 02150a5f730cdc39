#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An order group is created by an operator: all daemons show the same, a newcomer too, and what cannot be is refused.

The preset cloud bears that a shared machine stands still for a while: nobody is to be found dead for that."""
import json
import os
import sys

from integ import Lab, LabError, expect, first_event, outcome_as_root

NODES = [1, 2, 3]


def groups(lab, node):
    """What a node shows: id to (generation, [(name, member), ...])."""
    answer = json.loads(lab.run("ctl", str(node), "group", "show", "--json"))
    entries = [answer[str(place)] for place in range(answer["count"])]
    return {entry["id"]: (entry["generation"], [(entry[f"name{i}"], entry[f"member{i}"]) for i in range(entry["ranks"])])
            for entry in entries}


def state(lab, node, group):
    """How a group is at a node, in words, and who holds its ranks there; one whose rank stands is not in it."""
    answer = json.loads(lab.run("ctl", str(node), "group", "show", "--json"))
    entry = next(answer[str(place)] for place in range(answer["count"]) if answer[str(place)]["id"] == group)
    return entry.get("state"), [entry.get(f"holder{i}") for i in range(entry["ranks"])], entry.get("active")


def wait_running(lab, group, holders):
    """All ranks of the group run, in a view in which all of them may send."""
    for node in NODES:
        lab.wait(f"order group {group} to run at n{node}",
                 lambda node=node: state(lab, node, group) == ("running", holders, 2 ** len(holders) - 1), 60.0)


def ask(lab, node, verb, group, ranks):
    words = [f"{name}={member}" for name, member in ranks]
    return lab.run("ctl", str(node), "group", verb, str(group), *words)


def refused(lab, node, verb, group, ranks, why):
    try:
        ask(lab, node, verb, group, ranks)
    except LabError as error:
        expect(why in str(error), f"refused with other words: {error}")
        return
    raise LabError(f"not refused: {verb} {group} {ranks}")


def ranks_now(lab):
    return [(f"n{node}", lab.own_view(node)["member"]) for node in NODES]


def create(lab):
    ranks = ranks_now(lab)
    ask(lab, 2, "create", 7, ranks)
    for node in NODES:
        lab.wait(f"the order group at n{node}", lambda node=node: groups(lab, node) == {7: (1, ranks)}, 60.0)
        expect(first_event(lab.events(node), "order group"), f"n{node} does not tell of the order group")
    ask(lab, 2, "create", 7, ranks)  # is there already, and stays
    expect(groups(lab, 1) == {7: (1, ranks)}, "the same wish again changed something")
    wait_running(lab, 7, [member for _, member in ranks])
    return ranks


def refusals(lab, ranks):
    refused(lab, 1, "create", 7, ranks[::-1], "another one with this id")
    refused(lab, 1, "create", 8, [*ranks[:2], ("x", 1000000)], "no member of the view")
    refused(lab, 1, "create", 8, ranks[:2], "1, 3, 5, 7 or 9 ranks")
    refused(lab, 1, "create", 8, [*ranks[:2], ("n1", ranks[2][1])], "each name and each member once")
    refused(lab, 1, "recreate", 7, [*ranks[:2], ("no/name", ranks[2][1])], "NAME=MEMBER")
    expect(list(groups(lab, 3)) == [7], "what was refused is there")


def restart(lab, ranks):
    """A process that comes back is another member, and learns how the group began; then it is created anew."""
    lab.kill(3)
    lab.wait_view([1, 2], 2)
    lab.start(3)
    lab.wait_view(NODES, 3)
    lab.wait("the order group at the newcomer", lambda: groups(lab, 3) == {7: (1, ranks)}, 60.0)
    anew = ranks_now(lab)
    expect(anew != ranks, "the restarted process has its old number")
    wait_running(lab, 7, [member for _, member in anew])  # its name gave it the rank that it had
    ask(lab, 3, "recreate", 7, anew)
    for node in NODES:
        lab.wait(f"the second generation at n{node}", lambda node=node: groups(lab, node) == {7: (2, anew)}, 60.0)
    wait_running(lab, 7, [member for _, member in anew])


def crowded(lab):
    """A member takes ranks of four groups: a fifth one would have none, and is not created."""
    ranks = ranks_now(lab)
    for group in (11, 12, 13):
        ask(lab, 1, "create", group, ranks)
    refused(lab, 1, "create", 14, ranks, "takes no more ranks")
    expect(14 not in groups(lab, 1), "a group is there that one of its ranks does not take")
    ask(lab, 1, "recreate", 13, ranks)


def main():
    with Lab(f"group{os.getpid()}", 3, "--preset", "cloud") as lab:
        lab.wait_view(NODES, 3)
        ranks = create(lab)
        print("ok - all show the order group that one was asked for")
        refusals(lab, ranks)
        print("ok - what cannot be is refused, and says why")
        restart(lab, ranks)
        print("ok - a newcomer learns it, and it is created anew")
        crowded(lab)
        print("ok - a member takes ranks of four groups and no more")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
