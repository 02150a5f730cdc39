#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One and two members on real frames: who goes on when the other dies or leaves."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
from labclient import Lab, LabError, first_event  # noqa: E402


def expect(condition, text):
    if not condition:
        raise LabError(text)


def find_senior(lab):
    return 1 if lab.view(1)["rank"] == 0 else 2


def junior_killed(lab):
    senior = find_senior(lab)
    lab.kill(3 - senior)
    lab.wait_view([senior], 1, 15.0)
    expect(lab.view(senior)["quorum"] == 1, "the senior of two has no quorum after the junior's crash")
    lab.start(3 - senior)
    lab.wait_view([1, 2], 2, 10.0)


def senior_killed(lab):
    senior = find_senior(lab)
    junior = 3 - senior
    epoch = lab.view(junior)["epoch"]
    lab.kill(senior)
    lab.wait("no quorum at the junior", lambda: lab.view(junior)["quorum"] == 0, 15.0)
    time.sleep(1.0)
    view = lab.view(junior)
    expect(view["epoch"] == epoch and view["members"] == 2, "a junior alone changed its view")
    expect(first_event(lab.events(junior), "no quorum") is not None, "no quorum was not told")


def leaves(lab, by_senior):
    senior = find_senior(lab)
    leaver = senior if by_senior else 3 - senior
    stays = 3 - leaver
    member = lab.view(leaver)["member"]
    os.kill(lab.pid(leaver), signal.SIGTERM)
    lab.wait_view([stays], 1, 15.0)
    expect(first_event(lab.events(stays), "left", member) is not None, "a leave was taken for a crash")
    lab.wait("the leaver's process to end", lambda: lab.view(leaver) is None, 10.0)
    lab.start(leaver)
    lab.wait_view([1, 2], 2, 10.0)


def alone(lab):
    lab.wait_view([1], 1, 5.0)
    os.kill(lab.pid(1), signal.SIGTERM)
    lab.wait("a member alone to stop", lambda: lab.view(1) is None, 10.0)


def main():
    if os.geteuid() != 0:
        print("SKIP: network namespaces need root")
        return 77
    try:
        with Lab(f"two{os.getpid()}", 2) as lab:
            lab.wait_view([1, 2], 2, 10.0)
            for name, story in (("junior killed", junior_killed), ("junior leaves", lambda l: leaves(l, False)),
                                ("senior leaves", lambda l: leaves(l, True)), ("senior killed", senior_killed)):
                story(lab)
                print(f"ok - {name}")
        with Lab(f"one{os.getpid()}", 1) as lab:
            alone(lab)
            print("ok - one member alone")
    except LabError as error:
        print(f"not ok - {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
