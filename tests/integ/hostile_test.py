#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients that mean harm, at a real daemon, beside calm ones.

    hostile_test.py [--night] [--json FILE|-]

What they do is in hostile_client.c and dying_client.c. Whatever it is, the daemon goes on and keeps nothing
of them, two calm clients go on talking, and who offends is cut off soon and named. --json leaves the
figures: what was done, how long it took from an offence to the turn that ended it, and what a calm pair gets
beside such clients in so many turns (tests/prop/prop_calm.c). --night does ten times as much and more, a billion
writes among it, in minutes.
"""
import json
import os
import subprocess
import sys
import time

from embed_test import Chat, descriptors_count, stat
from integ import BUILD, Lab, LabError, expect, expect_clean, socket_of

HOSTILE = os.path.join(BUILD, "tests", "hostile_client")
DYING = os.path.join(BUILD, "tests", "dying_client")
IS_NIGHT = "--night" in sys.argv[1:]
CALM = os.path.join(BUILD, "tests", "prop_calm")
# What is done, and how often; the first is words written.
MODES = (("scribble", 1000000000 if IS_NIGHT else 100000000), ("offend", 100 if IS_NIGHT else 6),
         ("race", 1000 if IS_NIGHT else 40), ("hold", 4), ("connect", 10000), ("forge", 400 if IS_NIGHT else 40),
         ("descriptors", 40), ("lane", 100 if IS_NIGHT else 4), ("deaf", 1), ("peek", 1), ("die", 2000 if IS_NIGHT else 100))
# From an offence to the turn in which it is answered.
CUT_US_MAX = 100000
# Where a sanitizer has its notes of all other memory: ranges so large that a time in nanoseconds is in one.
SHADOW_SIZE_MIN = 1 << 40
# At how many points of the library a client must have died.
POINTS_MIN = 24
# A machine that stands still has members removed. It does so once; a client that can do it does it each time.
TRIES_COUNT = 3


class StoodStill(Exception):
    """A member was removed meanwhile; the text says all that is known of why."""


def bells_count(lab, node):
    """Descriptors that the daemon waits for, in all its epoll sets."""
    folder = f"/proc/{lab.pid(node)}/fdinfo"
    count = 0
    for name in os.listdir(folder):
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                count += sum(line.startswith("tfd:") for line in file)
        except FileNotFoundError:
            pass
    return count


def find_cut_off(lab, pid):
    """What `pealctl clients` has of a process that was cut off: entries by reason."""
    found, place = {}, 0
    while True:
        page = lab.insist(1, "clients", place)
        for key in page:
            if key.isdigit() and page[key]["pid"] == pid and page[key]["state"] == "cut off":
                found[page[key]["reason"]] = page[key]
        place = page["next"]
        if place == 0:
            return found


def find_addresses(lab, words):
    """Those that are addresses of the daemon's memory. Numbers of half a word are none:
    threads and counts."""
    with open(f"/proc/{lab.pid(1)}/maps", encoding="ascii") as file:
        ranges = [tuple(int(end, 16) for end in line.split()[0].split("-")) for line in file]
    ranges = [(low, high) for low, high in ranges if high - low < SHADOW_SIZE_MIN]
    return [f"{word:x}" for word in words if word >> 32 and word & 0xFFFFFFFF and any(low <= word < high for low, high in ranges)]


class Calm:
    """Two clients that talk all the while, and a look at what their nodes say of the group."""

    def __init__(self, lab):
        self.lab = lab
        self.near, self.far = Chat(lab, 1), Chat(lab, 2)
        self.near.wait("* view ")
        self.far.wait("* view ")
        self.number = lab.own_view(1)["member"]
        self.epoch = lab.own_view(1)["epoch"]
        self.pids = [lab.pid(node) for node in (1, 2)]
        self.before = [lab.insist(node, "stats") for node in (1, 2)]
        self.said_count = 0

    def talk(self):
        self.said_count += 1
        self.near.say(f"calm {self.said_count}")
        try:
            self.far.wait(f"{self.number}: calm {self.said_count}")
        except LabError:
            self.check()
            raise
        time.sleep(0.02)

    def check(self):
        """The same daemons, in the same view."""
        expect([self.lab.pid(node) for node in (1, 2)] == self.pids, "a daemon is another")
        for pid in self.pids:
            expect(os.path.exists(f"/proc/{pid}"), f"daemon {pid} is gone: {self.lab.log(1)[-2000:]}")
        epoch = self.lab.own_view(1)["epoch"]
        if epoch == self.epoch:
            return
        told = [f"view {self.epoch} became {epoch}"]
        for node, before in zip((1, 2), self.before):
            now = self.lab.insist(node, "stats")
            told += [f"n{node} {name} {now[name] - before.get(name, 0)}"
                     for name in ("turns_late", "turns_long", "longest_turn_ns", "probes_failed") if name in now]
            told += [f"n{node} {event['at_ns']} {event['text']}" for event in self.lab.events(node)
                     if event["epoch"] >= self.epoch]
        raise StoodStill("; ".join(told))

    def close(self):
        expect(self.near.close() == 0 and self.far.close() == 0, "a calm chat did not end well")


def run(calm, command, figures):
    """A hostile program, to its end. Returns what it said, and its process number."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as hostile:
        lines_count = calm.said_count
        bells = bells_count(calm.lab, 1)
        while hostile.poll() is None:
            calm.talk()
            if "hold" in command and bells >= 0 and stat(calm.lab, 1, "clients_violated") >= figures["held_from"] + 32:
                # All that it had are gone, though it holds their descriptors.
                calm.lab.wait("bells of those who are gone to be given up",
                              lambda: bells_count(calm.lab, 1) <= bells, 5.0)
                bells = -1
                hostile.stdin.close()
        text = hostile.stdout.read().strip()
        calm.check()
        expect(hostile.returncode == 0, f"{command[2:]}: {text}")
        expect("hold" not in command or bells == -1, "nobody held descriptors")
        said = json.loads(text.splitlines()[-1])
        said["lines_beside"] = calm.said_count - lines_count
        print(f"# {json.dumps(said)}")
        return said, hostile.pid


def do_harm(lab, figures):
    before = descriptors_count(lab, 1)
    calm = Calm(lab)
    for mode, count in MODES:
        figures["held_from"] = stat(lab, 1, "clients_violated")
        said, pid = run(calm, [HOSTILE, socket_of(lab, 1), mode, str(count)], figures)
        figures[mode] = said
        cut_off = find_cut_off(lab, pid)
        if mode == "offend":
            expect(said["cut_off"] == said["offences"], f"some were not cut off: {said}")
            expect(said["cut_us_max"] <= CUT_US_MAX, f"some were cut off late: {said}")
        if mode in ("offend", "scribble"):
            entry = cut_off.get("violation")
            expect(entry is not None and entry["name"] == "hostile", f"{mode}: who it was is not told: {cut_off}")
        if mode == "peek":
            addresses = find_addresses(lab, said.pop("words"))
            expect(not addresses, f"the daemon tells where its memory is: {addresses}")
        if mode == "deaf":
            expect("slow" in cut_off, f"who did not read is not told: {cut_off}")
        if mode == "lane":
            expect(said["ended"] == said["offences"] and stat(lab, 1, "client_lanes_broken") > 0,
                   f"some lanes were not ended: {said}")
            expect(stat(lab, 1, "clients_violated") == figures["held_from"], "somebody was cut off over a lane")
        if mode == "offend":
            expect(entry["times"] == said["cut_off"], f"{entry['times']} times are told of {said['cut_off']}")
            expect("hostile" in lab.run("ctl", "1", "clients"), "pealctl clients does not name it")
    said, _ = run(calm, [DYING, socket_of(lab, 1), socket_of(lab, 2)], figures)
    figures["marked"] = said
    expect(said["points"] >= POINTS_MIN, f"died at too few points: {said}")
    calm.close()
    lab.wait("hostile clients to be forgotten", lambda: descriptors_count(lab, 1) <= before, 5.0)
    for node in (1, 2):
        expect_clean(lab, node)
    del figures["held_from"]
    figures["calm"] = measure_calm()


def measure_calm():
    """Counted in turns of cores that run in one process."""
    done = subprocess.run([CALM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    expect(done.returncode == 0, f"a calm client got too little: {done.stdout.strip()}")
    return json.loads(next(line[2:] for line in done.stdout.splitlines() if line.startswith("# {")))


def main(arguments):
    if os.geteuid() != 0:
        print("SKIP: network namespaces need root")
        return 77
    figures = {}
    for attempt in range(TRIES_COUNT):
        begin_s = time.monotonic()
        try:
            with Lab(f"hos{os.getpid()}", 2) as lab:
                lab.wait_view([1, 2], 2, 20.0)
                do_harm(lab, figures)
        except StoodStill as still:
            print(f"# {still}")
            if attempt < TRIES_COUNT - 1:
                continue
            print("not ok - a member was removed each time")
            return 1
        except LabError as error:
            print(f"not ok - {error}")
            return 1
        print(f"ok - hostile clients beside calm ones ({time.monotonic() - begin_s:.1f} s)")
        break
    arguments = [argument for argument in arguments if argument != "--night"]
    if arguments[:1] == ["--json"] and arguments[1:] == ["-"]:
        print(json.dumps(figures))
    elif arguments[:1] == ["--json"] and len(arguments) == 2:
        with open(arguments[1], "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
