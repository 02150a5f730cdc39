#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ranks of an order group are given to other members through pealctl, taken away and given again; the new holder ends
at once; a group of three becomes one of five and of three again, with messages that go on and daemons that are killed; and what cannot be is refused with a sentence that says what was expected.

The preset cloud bears that a shared machine stands still for a while: nobody is to be found dead for that."""
import json
import os
import sys
import threading

from integ import Lab, LabError, expect, outcome_as_root
from orderkill_test import SIZE, Meter, Stream
from orders_test import expect_same
from sessions import pump

NODES = [1, 2, 3, 4, 5]
GROUP = 7
PATIENCE_S = 60.0
CLOCK_READ_NS = 1000000


def show(lab, node):
    answer = json.loads(lab.run("ctl", str(node), "group", "show", "--json"))
    return next((answer[str(place)] for place in range(answer["count"]) if answer[str(place)]["id"] == GROUP), {})


def state(lab, node):
    """How the group is at a node, in words; who holds its ranks there; who may send; and the node's own rank."""
    entry = show(lab, node)
    return entry.get("state"), [entry.get(f"holder{i}") for i in range(entry.get("holders", 0))], entry.get("active"), \
        entry.get("own_rank")


def member(lab, node):
    return lab.own_view(node)["member"]


def command(lab, node, *words):
    lab.run("ctl", str(node), "group", *[str(word) for word in words])


def refused(lab, node, words, why):
    try:
        command(lab, node, *words)
    except LabError as error:
        expect(why in str(error), f"{words} is refused with other words: {error}")
        return
    raise LabError(f"not refused: {words}")


def wait_held(lab, ranks, active):
    """The nodes hold the ranks, 0 is nobody, and those in `active` may send."""
    holders = [member(lab, node) if node else 0 for node in ranks]
    for rank, node in enumerate(ranks):
        if node and active >> rank & 1:
            lab.wait(f"order group {GROUP} at n{node}, rank {rank}",
                     lambda node=node, rank=rank: state(lab, node) == ("running", holders, active, rank), PATIENCE_S)


def create(lab):
    command(lab, 1, "create", GROUP, *[f"n{node}={member(lab, node)}" for node in (1, 2, 3)])
    wait_held(lab, [1, 2, 3], 7)


def clocks(lab):
    """All nodes read the clock of one machine, when they start: what the ranks find out of it is nothing, to within its error and
    what a busy machine puts between two readings."""
    for node in (1, 2, 3):
        lab.wait(f"n{node} to know two clocks", lambda node=node: show(lab, node).get("clocks") == 2, PATIENCE_S)
        entry = show(lab, node)
        print(f"# n{node}: clock {entry['clock_behind_ns'] - entry['clock_ahead_ns']} ns behind the time of the group, "
              f"to within {entry['clock_error_ns']} ns")
        expect(0 < entry["clock_error_ns"], f"n{node} is surer of the clocks than can be: {entry}")
        expect(entry["clock_behind_ns"] + entry["clock_ahead_ns"] <= entry["clock_error_ns"] + CLOCK_READ_NS,
               f"n{node} takes clocks that are one for different ones: {entry}")
        expect("clock " in lab.run("ctl", str(node), "group", "show"), f"n{node} does not say it in words")


def refusals(lab):
    four = member(lab, 4)
    refused(lab, 1, ["replace", GROUP, 0], "take ID RANK MEMBER")
    refused(lab, 1, ["replace", GROUP, "zero", four], "take ID RANK MEMBER")
    refused(lab, 1, ["remove", GROUP, 0, four], "take ID RANK MEMBER")
    refused(lab, 1, ["move", GROUP, 0, four], "group takes show")
    refused(lab, 1, ["replace", GROUP + 1, 0, four], "no order group of this id")
    refused(lab, 4, ["replace", GROUP, 0, four], "ask one that does")
    refused(lab, 1, ["replace", GROUP, 3, four], "counted from 0")
    refused(lab, 1, ["replace", GROUP, 1, 1000000], "no member of the view")
    refused(lab, 1, ["replace", GROUP, 1, member(lab, 3)], "a member holds one at most")
    refused(lab, 1, ["add", GROUP, 1, four], "'group replace' gives it")
    wait_held(lab, [1, 2, 3], 7)


def replace(lab):
    """From another rank, and from the one that goes."""
    command(lab, 1, "replace", GROUP, 1, member(lab, 4))
    wait_held(lab, [1, 4, 3], 7)
    lab.wait("n2 to have no rank", lambda: state(lab, 2)[0] == "no rank here", PATIENCE_S)
    command(lab, 3, "replace", GROUP, 2, member(lab, 2))
    wait_held(lab, [1, 4, 2], 7)


def empty(lab):
    command(lab, 1, "remove", GROUP, 2)
    wait_held(lab, [1, 4, 0], 3)
    refused(lab, 1, ["remove", GROUP, 2], "nobody holds that rank")
    refused(lab, 1, ["replace", GROUP, 2, member(lab, 3)], "'group add' gives it")
    refused(lab, 1, ["remove", GROUP, 1], "no majority to go on")
    command(lab, 4, "add", GROUP, 2, member(lab, 3))
    wait_held(lab, [1, 4, 3], 7)


def kill_new_holder(lab):
    """Who was given a rank and ends does not come back to it: it is given again."""
    command(lab, 1, "replace", GROUP, 2, member(lab, 5))
    wait_held(lab, [1, 4, 5], 7)
    lab.kill(5)
    lab.wait_view([1, 2, 3, 4], 4)
    lab.wait("the others to go on", lambda: state(lab, 1)[2] == 3, PATIENCE_S)
    lab.start(5)
    lab.wait_view(NODES, 5)
    expect(state(lab, 5)[0] == "no rank here", "a process that came back has a rank that it was given before")
    refused(lab, 1, ["replace", GROUP, 1, member(lab, 2)], "not in yet")
    command(lab, 1, "replace", GROUP, 2, member(lab, 5))
    wait_held(lab, [1, 4, 5], 7)


def wait_heard(readers, stream, why):
    """All that was said until now is heard by all."""
    stream.say()
    last = stream.count - 1
    pump(readers, lambda: all(reader.heard(f"{last} ".encode().ljust(SIZE, b".")) for reader in readers), why)
    expect_same(readers)


def during(stream, *commands):
    """The stream goes on while the commands are done, and nothing of it is lost or skipped."""
    failures = []

    def do():
        try:
            for one in commands:
                one()
        except LabError as error:
            failures.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    stream.run(lambda: not thread.is_alive())
    expect(not failures, f"while messages went on: {failures}")


def grow(lab):
    """From three ranks to five under load, which go on without two; and to three, which go on without one."""
    readers = [Meter(lab, node) for node in (1, 2, 3)]
    for reader in readers:
        reader.group = reader.session.open_order(GROUP)
    pump(readers, lambda: all(one.group.view is not None for one in readers), "the view of the group")
    stream = Stream(readers)
    during(stream, lambda: command(lab, 1, "add", GROUP, member(lab, 2)),
           lambda: command(lab, 4, "add", GROUP, 4, member(lab, 3)))
    wait_held(lab, [1, 4, 5, 2, 3], 31)
    refused(lab, 1, ["add", GROUP, 6, member(lab, 2)], "'group add' opens the next one")
    shown = lab.run("ctl", "1", "group", "show")
    expect("majority 3 of 5" in shown, f"a group of five shows {shown}")
    wait_heard(readers, stream, "all that was said while the group grew")
    during(stream, lambda: lab.kill(4), lambda: lab.kill(5),
           lambda: lab.wait("three of five to go on", lambda: state(lab, 1)[2] == 0b11001, PATIENCE_S))
    wait_heard(readers, stream, "three of five")
    print("ok - a group of three becomes one of five under load, and bears that two are killed")
    during(stream, lambda: command(lab, 1, "remove", GROUP, 1), lambda: command(lab, 1, "remove", GROUP, 2))
    wait_held(lab, [1, 0, 0, 2, 3], 0b11001)
    during(stream, lambda: lab.kill(3),
           lambda: lab.wait("two of three to go on", lambda: state(lab, 1)[2] == 0b01001, PATIENCE_S))
    wait_heard(readers[:2], stream, "two of three")


def main():
    with Lab(f"hand{os.getpid()}", 5, "--preset", "cloud") as lab:
        lab.wait_view(NODES, 5)
        create(lab)
        clocks(lab)
        refusals(lab)
        print("ok - what cannot be is refused, and says what was expected")
        replace(lab)
        print("ok - ranks are given to other members")
        empty(lab)
        print("ok - a rank is taken away and given again")
        kill_new_holder(lab)
        print("ok - who was given a rank ends, and the rank is given again")
        grow(lab)
        print("ok - it becomes one of three again, and bears that one is killed")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
