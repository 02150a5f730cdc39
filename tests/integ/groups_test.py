#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Process groups: three daemons in namespaces, the example room at each, and what the others see when one of these
leaves, dies, or loses its daemon.

    groups_test.py --kills N     does nothing but measure from SIGKILL to the view, N times in each of four ways, and
                                 prints that as JSON: one daemon and three, who waits sleeps or polls"""
import json
import os
import re
import subprocess
import sys

from integ import BUILD, Lab, Partner, by_name, example, expect, outcome_as_root, pealctl, play, socket_of

ROOM = example("room")
KILL = os.path.join(BUILD, "tests", "groupkill")
NODES = (1, 2, 3)


class Room(Partner):
    """A room at a node, and the views that it told."""

    def __init__(self, lab, node, name):
        super().__init__(ROOM, name, socket_of(lab, node))
        self.views = {}
        self.order = []
        self.name = None

    def wait(self, wanted, timeout_s=10.0):
        """The first line to come that is so; views before it are noted."""
        return self.wait_for(lambda line: self.note(line, wanted), f"{wanted} to {self.name}", timeout_s)[-1]

    def note(self, line, wanted):
        view = re.match(r"\* \((\d+), (\d+)\): (.*) and I am (\S+)$", line)
        if view:
            self.views[(int(view[1]), int(view[2]))] = view[3]
            self.order.append((int(view[1]), int(view[2])))
            self.name = view[4]
        return re.match(wanted + "$", line)

    def wait_members(self, count, timeout_s=10.0):
        line = self.wait(r"\* \(\d+, \d+\):" + r" \S+" * count + r" and I am \S+", timeout_s)
        return re.findall(r"\d+\.\d+", line.split("and")[0])


def expect_same(rooms):
    """Views of one name have the same members everywhere, and came in one order."""
    for room in rooms:
        expect(room.order == sorted(room.order), f"views came out of order: {room.order}")
        for other in rooms:
            for name in set(room.views) & set(other.views):
                expect(room.views[name] == other.views[name],
                       f"view {name} is {room.views[name]} here and {other.views[name]} there")
            # Who was there from one view on misses none of those that the other saw from then on.
            begin = max(room.order[0], other.order[0])
            end = min(room.order[-1], other.order[-1])
            expect([name for name in room.order if begin <= name <= end] ==
                   [name for name in other.order if begin <= name <= end], "one of two missed a view")


def listed(lab, node):
    return json.loads(pealctl(lab, node, "process-groups", "--json"))["groups"]


def talk(lab):
    rooms = [Room(lab, node, "talk") for node in NODES for _ in range(2)]
    for room in rooms:
        room.wait_members(6)
    beside = Room(lab, 1, "other")
    beside.wait_members(1)
    for node in NODES:
        lab.wait("all to know both groups", lambda node=node: len(listed(lab, node)) == 2, 5.0)
        groups = {group["name"]: group for group in listed(lab, node)}
        members = [f"{member['member']}.{member['client']}" for member in groups["talk"]["members"]]
        expect(" ".join(members) == rooms[0].views[max(rooms[0].order)] and
               (groups["talk"]["epoch"], groups["talk"]["n"]) == max(rooms[0].order),
               f"pealctl process-groups says {groups}")
    for index, room in enumerate(rooms):
        for word in range(20):
            room.say(f"word {index} {word}")
    for room in rooms:
        heard = {}
        while len(heard) < 6 or any(count < 20 for count in heard.values()):
            line = room.wait(r"\d+\.\d+: word \d+ \d+")
            who, _, index, word = re.match(r"(\S+): (word) (\d+) (\d+)", line).groups()
            expect(who == rooms[int(index)].name, f"{line} is not what {who} said")
            expect(int(word) == heard.get(index, 0), f"{line} came where word {heard.get(index, 0)} of it is next")
            heard[index] = int(word) + 1
    rooms[3].say("/leave")
    rooms[3].wait(r"\* out, for reason 0; 0 lines may be lost")
    gone = re.escape(rooms[3].name)
    stay = rooms[:3] + rooms[4:]
    for room in stay:
        room.wait(rf"\* {gone} has left")
    expect_same(stay)
    expect(re.search(r"^talk, view \(\d+, \d+\), 5 members: ", pealctl(lab, 1, "process-groups"), re.MULTILINE),
           f"in text: {pealctl(lab, 1, 'process-groups')}")
    for room in rooms + [beside]:
        expect(room.close() == 0, "a room did not end well")
    lab.wait("the groups to be gone", lambda: not listed(lab, 2), 5.0)


def client_dies(lab):
    rooms = [Room(lab, node, "deaths") for node in (1, 1, 2, 3)]
    for room in rooms:
        room.wait_members(4)
    rooms[1].kill()
    gone = re.escape(rooms[1].name)
    stay = [rooms[0], rooms[2], rooms[3]]
    for room in stay:
        room.wait(rf"\* {gone} has crashed", 5.0)
    again = Room(lab, 1, "deaths")
    for room in stay + [again]:
        room.wait_members(4)
    expect_same(stay)
    for room in stay + [again]:
        expect(room.close() == 0, "a room did not end well")


def daemon_dies(lab):
    numbers = {node: lab.view(node)["member"] for node in NODES}
    elder = min(numbers, key=numbers.get)
    rooms = {node: [Room(lab, node, "daemons"), Room(lab, node, "daemons")] for node in NODES}
    for pair in rooms.values():
        for room in pair:
            room.wait_members(6)
    lab.kill(elder)
    late = {node: Room(lab, node, "daemons") for node in NODES if node != elder}
    for room in rooms.pop(elder):
        room.wait(r"\* closed", 5.0)
        expect(room.process.wait(timeout=5.0) == 1, "a room without a daemon ended as if all were well")
    stay = [room for pair in rooms.values() for room in pair]
    for room in stay:
        for _ in range(2):
            room.wait(rf"\* {numbers[elder]}\.\d+ went with its node", 15.0)
    for room in stay + list(late.values()):
        if room in late.values() or len(room.views[room.order[-1]].split()) < 6:
            room.wait_members(6)
    expect_same(stay)
    lab.start(elder)
    lab.wait_view(NODES, 3, 15.0)
    back = Room(lab, elder, "daemons")
    expect(back.wait_members(7) == stay[0].wait_members(7), "who came back has another view")
    back.say("again")
    for room in stay:
        room.wait(r"\d+\.\d+: again")
    expect_same(stay)
    for room in stay + list(late.values()) + [back]:
        expect(room.close() == 0, "a room did not end well")


def measure(lab, count, *mode):
    done = subprocess.run([KILL, socket_of(lab, 1), str(count), *mode], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600.0, check=False)
    expect(done.returncode == 0, f"groupkill: {done.stdout.strip()}")
    figures = json.loads(done.stdout)
    expect(figures["count"] == count and figures["view"]["p50_ns"] > 0, f"that is no figure: {figures}")
    return figures


def kills(lab):
    for mode in ([], ["block"]):
        print(f"# {measure(lab, 20, *mode)}")


def measure_all(count):
    result = {}
    for nodes_count in (1, 3):
        with Lab(f"grp{os.getpid()}", nodes_count) as lab:
            lab.wait_view(list(range(1, nodes_count + 1)), nodes_count, 10.0)
            for name, mode in (("sleeping", ["block"]), ("polling", [])):
                result[f"{name}_{nodes_count}"] = measure(lab, count, *mode)
    print(json.dumps(result))


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--kills":
        measure_all(int(sys.argv[2]))
        return 0
    with Lab(f"grp{os.getpid()}", len(NODES)) as lab:
        lab.wait_view(list(NODES), len(NODES), 10.0)
        play(by_name(talk, client_dies, daemon_dies, kills), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
