#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Jumbo frames over the kernel's interfaces: used where both ends prove them, never lost silently.

Three daemons on one bridge. The links of nodes 1 and 2 carry 9 000 bytes, that of node 3 1 500. While messages of
64 KiB go from 1 to 2, the bridge's port to 2 shrinks to 1 500: the bridge drops what is larger without a word, and
all messages arrive all the same, checked by their receiver."""
import json
import os
import subprocess
import sys

from integ import PEAL_LAB, Lab, expect, outcome_as_root

SIZE = 65536
WIDE, USUAL = 9000, 1500
# Bytes of a message in one frame: IPv4, UDP, the frame's header and trailer, the channel's, that of a part.
OVERHEAD = 28 + 48 + 44 + 8


def set_mtu(namespace, interface, mtu):
    subprocess.run(["ip", "-n", namespace, "link", "set", interface, "mtu", str(mtu)], check=True)


def widen(lab, node):
    set_mtu(f"{lab.name}-br", f"p{node}", WIDE)
    set_mtu(f"{lab.name}-n{node}", f"peal{node}", WIDE)


def counter(lab, node, name):
    return (lab.ask(node, "stats") or {}).get(name, 0)


def load(lab, node, member, count):
    """Starts a run of checked messages; its answer says what arrived."""
    return subprocess.Popen([PEAL_LAB, "--lab", lab.name, "ctl", str(node), "--json", "load", str(member), "--size",
                             str(SIZE), "--count", str(count), "--interval", "0"], stdout=subprocess.PIPE, text=True)


def finish(run, count):
    text = run.communicate(timeout=60)[0]
    expect(run.returncode == 0, f"load ended with {run.returncode}: {text}")
    answer = json.loads(text)
    expect(answer["accepted"] == count and answer["in_doubt"] == 0 and answer["cut_short"] == 0,
           f"of {count} messages: {answer}")


def frames_of(lab, node, member, count):
    """Frames that a message takes."""
    before = counter(lab, node, "channel_frames_sent") - counter(lab, node, "channel_frames_repeated")
    finish(load(lab, node, member, count), count)
    after = counter(lab, node, "channel_frames_sent") - counter(lab, node, "channel_frames_repeated")
    return (after - before) / count


def fits(frames, mtu):
    """The frames of a message, and not many more: probes and answers are among them."""
    needed = SIZE / (mtu - OVERHEAD)
    return needed <= frames <= 1.3 * needed + 1


def story(lab):
    set_mtu(f"{lab.name}-br", "peal", WIDE)
    widen(lab, 1)
    widen(lab, 2)
    for node in 1, 2:
        path = f"{lab.state}/n{node}.yaml"
        with open(path, encoding="ascii") as file:
            text = file.read()
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("memory_mb: 48", "memory_mb: 80"))
    lab.run("start", "1", "2", "3")
    lab.wait_view([1, 2, 3], 3, 15.0)
    members = {entry["address"]: entry["member"] for entry in
               (value for value in lab.ask(1, "members", 0).values() if isinstance(value, dict))}
    second, third = members["10.77.0.2:7400"], members["10.77.0.3:7400"]

    frames_of(lab, 1, second, 20)  # by the end of which the path is known
    wide = frames_of(lab, 1, second, 300)
    print(f"# frames of a message of {SIZE} bytes: {wide:.1f} where both ends have an MTU of {WIDE}", flush=True)
    expect(fits(wide, WIDE), f"{wide} frames a message between links of {WIDE}")
    frames_of(lab, 1, third, 20)
    usual = frames_of(lab, 1, third, 300)
    print(f"# and {usual:.1f} where one has {USUAL}", flush=True)
    expect(fits(usual, USUAL), f"{usual} frames a message to a link of {USUAL}")
    expect(counter(lab, 1, "paths_narrowed") == 0, "a path was found narrow that is not")

    run = load(lab, 1, second, 3000)
    sent = counter(lab, 1, "channel_messages_sent")
    lab.wait("messages to flow", lambda: counter(lab, 1, "channel_messages_sent") > sent + 200, 20.0)
    set_mtu(f"{lab.name}-br", "p2", USUAL)
    finish(run, 3000)
    expect(counter(lab, 1, "paths_narrowed") >= 1, "nobody noticed that a path became narrower")
    expect(counter(lab, 1, "channels_ended") == 0, "a channel ended over it")
    told = [json.loads(lab.run("ctl", str(node), "--json", "heard")) for node in (2, 3)]
    heard = [value for answer in told for value in answer.values() if isinstance(value, dict)]
    expect(len(heard) == 2 and all(one["wrong"] == 0 and one["missing"] == 0 for one in heard), f"heard: {heard}")
    narrow = frames_of(lab, 1, second, 300)
    expect(fits(narrow, USUAL), f"{narrow} frames a message after the path became narrower")


def main():
    with Lab(f"mtu{os.getpid()}", 3, "--no-start") as lab:
        story(lab)
    print("ok - jumbo frames where both ends prove them")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
