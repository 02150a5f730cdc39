#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two applications of one node over a channel to it: past the core, by a lane, and through it where the configuration
says `lanes: off`. What they are told is the same; lane_client.c says what that is."""
import json
import os
import subprocess
import sys
import time

from integ import BUILD, Lab, expect, expect_clean, outcome_as_root, pealctl, run, socket_of

CLIENT = os.path.join(BUILD, "tests", "lane_client")
# What is done, how often, and where: with lanes, without them.
STORIES = (("talk", 40000, True), ("flow", 200000, True), ("die", 12, True), ("talk", 10000, False), ("flow", 50000, False),
           ("die", 3, False))


def stat(lab, name):
    return lab.insist(1, "stats")[name]


def descriptors_count(lab):
    return len(os.listdir(f"/proc/{lab.pid(1)}/fd"))


def tell(lab, mode, count, has_lanes):
    before, made = descriptors_count(lab), stat(lab, "client_lanes_ready")
    said = json.loads(run(CLIENT, socket_of(lab, 1), mode, str(count), str(count), seconds=150.0).splitlines()[-1])
    made = stat(lab, "client_lanes_ready") - made
    print(f"# lanes {made}: {json.dumps(said)}")
    expect((made > 0) == has_lanes, f"{mode}: {made} lanes were made")
    for name in ("clients_violated", "clients_evicted", "client_lanes_broken"):
        expect(stat(lab, name) == 0, f"{mode}: {name} is {stat(lab, name)}")
    if mode == "talk":
        expect(said["heard"] > 5 * count and said["orderly"] > 5 and said["lost"] > 0 and said["checked"] > 20,
               f"too little was done: {said}")
    if mode == "die" and has_lanes:
        # None, but where a lane was not made in time.
        expect(said["untold"] <= count // 4, f"messages are gone and nobody was told: {said}")
    lab.wait("all that was made for lanes to be given back", lambda: descriptors_count(lab) <= before, 5.0)


def show(lab):
    """While they talk, pealctl says that they do."""
    with subprocess.Popen([CLIENT, socket_of(lab, 1), "flow", "100000000"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as talking:
        try:
            lab.wait("lanes to be shown", lambda: [entry["lanes"] for key, entry in lab.insist(1, "clients", 0).items()
                                                   if key.isdigit()] == [1, 1], 10.0)
            expect(" lanes " in pealctl(lab, 1, "clients"), "pealctl clients has no lanes")
        finally:
            talking.kill()


def end_daemon(lab):
    """What was shown when the daemon ends is heard, and then that it has ended."""
    with subprocess.Popen([CLIENT, socket_of(lab, 1), "last"], stdout=subprocess.PIPE, text=True) as talking:
        expect(talking.stdout.readline() == "ready\n", "it never began")
        lab.kill(1)
        told = talking.stdout.read().strip()
        expect(talking.wait(timeout=20.0) == 0, f"the end of the daemon: {told}")
        print(f"# {told}")


def main():
    for has_lanes in (True, False):
        with Lab(f"lan{os.getpid()}", 1, "--no-start", "--preset", "cloud") as lab:
            if not has_lanes:
                with open(f"{lab.state}/n1.yaml", "a", encoding="ascii") as file:
                    file.write("lanes: off\n")
            lab.start(1)
            lab.wait_view([1], 1)
            for mode, count, wanted in STORIES:
                begin_s = time.monotonic()
                if wanted == has_lanes:
                    tell(lab, mode, count, has_lanes)
                    print(f"ok - {mode}, lanes {'on' if has_lanes else 'off'} ({time.monotonic() - begin_s:.1f} s)",
                          flush=True)
            if has_lanes:
                show(lab)
                end_daemon(lab)
                print("ok - shown, and over with the daemon", flush=True)
            expect_clean(lab, 1)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
