#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One and two members on real frames: who goes on when the other dies or leaves.

The preset cloud bears that a shared machine stands still for a while: nobody is to be found dead for that."""
import os
import signal
import sys
import time

from integ import Lab, expect, first_event, outcome_as_root, play


def find_senior(lab):
    return 1 if lab.own_view(1)["rank"] == 0 else 2


def junior_killed(lab):
    senior = find_senior(lab)
    lab.kill(3 - senior)
    lab.wait_view([senior], 1)
    expect(lab.own_view(senior)["quorum"] == 1, "the senior of two has no quorum after the junior's crash")
    lab.start(3 - senior)
    lab.wait_view([1, 2], 2)


def senior_killed(lab):
    senior = find_senior(lab)
    junior = 3 - senior
    epoch = lab.own_view(junior)["epoch"]
    lab.kill(senior)
    lab.wait("no quorum at the junior", lambda: lab.own_view(junior)["quorum"] == 0, 60.0)
    time.sleep(1.0)
    view = lab.own_view(junior)
    expect(view["epoch"] == epoch and view["members"] == 2, "a junior alone changed its view")
    lab.wait("no quorum to be told", lambda: first_event(lab.events(junior), "no quorum"), 30.0)


def leaves(lab, by_senior):
    senior = find_senior(lab)
    leaver = senior if by_senior else 3 - senior
    stays = 3 - leaver
    member = lab.own_view(leaver)["member"]
    os.kill(lab.pid(leaver), signal.SIGTERM)
    lab.wait_view([stays], 1)
    out = lab.wait("the end of the leaver to be told", lambda: next((event for event in lab.events(stays) if (
        event["member"] == member and event["event"] in ("left", "crashed"))), None), 30.0)
    expect(out["event"] == "left", "a leave was taken for a crash")
    lab.wait("the leaver's process to end", lambda: lab.view(leaver) is None, 30.0)
    lab.start(leaver)
    lab.wait_view([1, 2], 2)


def alone(lab):
    lab.wait_view([1], 1)
    os.kill(lab.pid(1), signal.SIGTERM)
    lab.wait("a member alone to stop", lambda: lab.view(1) is None, 30.0)


def main():
    with Lab(f"two{os.getpid()}", 2, "--preset", "cloud") as lab:
        lab.wait_view([1, 2], 2)
        play((("junior killed", junior_killed), ("junior leaves", lambda l: leaves(l, False)),
              ("senior leaves", lambda l: leaves(l, True)), ("senior killed", senior_killed)), lab)
    with Lab(f"one{os.getpid()}", 1, "--preset", "cloud") as lab:
        play((("one member alone", alone),), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
