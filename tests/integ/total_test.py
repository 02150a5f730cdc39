#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Process groups in total order: four daemons in namespaces, three of them ranks of an order group, and two applications
at each in one group. All of them are told the same sequence of views and messages, also when one of them dies, when
others come, and when a daemon dies."""
import os
import sys
import time

from integ import Lab, LabError, Partner, example, expect, outcome_as_root, socket_of
import sessions
from sessions import PATIENCE_S, Application, peal, say


NODES = (1, 2, 3, 4)
RANKS = (1, 2, 3)
ORDER = 5


class Member(Application):
    """What it was told of the group, views and messages, in one list."""

    def __init__(self, lab, node, name="ledger", **order):
        super().__init__(lab, node, "member")
        self.name, self.order = name, order

    def join(self):
        self.ended = None
        self.group = self.session.join(self.name, **self.order)
        return self

    def note(self, event):
        if event.kind == peal.EventKind.GROUP_VIEW:
            view = self.group.view
            expect(view.self in view.members and view.order_group == ORDER, f"n{self.node} is told of {view}")
            self.log.append(("view", view.epoch, view.n, view.members))
        elif event.kind == peal.EventKind.GROUP_MESSAGE:
            view = self.group.view
            expect((event.member, event.client) in view.members and (event.epoch, event.n) == (view.epoch, view.n),
                   f"n{self.node} in {view} is told of {event}")
            self.log.append(("said", event.member, event.client, event.data))
        elif event.kind == peal.EventKind.GROUP_ENDED:
            self.ended = event

    def state(self):
        view = self.group.view
        return f"{super().state()}, {len(view.members) if view else 'no'} members"

    def heard(self, data):
        return any(entry[0] == "said" and entry[3] == data for entry in self.log)

    def sees(self, count):
        view = self.group.view
        return view is not None and len(view.members) == count


def pump(members, until, what):
    """As of all applications, and nobody is cut off meanwhile."""
    def is_so():
        if until():
            return True
        expect(not any(one.is_closed for one in members) or what.startswith("the end"),
               f"while {what} was to come somebody was cut off: {[one.state() for one in members]}")
        return False

    sessions.pump(members, is_so, what)


def expect_same(members):
    """Of two, who came later has been told what the other was from that view on, as far as both have got."""
    for one in members:
        for other in members:
            if one.log[0] not in other.log:
                continue
            theirs = other.log[other.log.index(one.log[0]):]
            count = min(len(one.log), len(theirs))
            for mine, their in zip(one.log, theirs):
                expect(mine == their, f"n{one.node} was told {mine}, and n{other.node} {their}")
            expect(count > 0, "nothing in common")


def begin(lab):
    """The order group, and a group by it: also at the node without a rank."""
    first = peal.Session(socket_of(lab, 1), name="founder")
    end_s = time.monotonic() + PATIENCE_S
    ranks = {}
    for node in RANKS:
        session = peal.Session(socket_of(lab, node), name="asker")
        while not session.view.epoch:
            session.poll()
            expect(time.monotonic() < end_s, "no view")
            time.sleep(0.001)
        ranks[f"n{node}"] = session.view.self
    order = first.create_order(ORDER, ranks)
    while order.view is None:
        first.poll()
        expect(time.monotonic() < end_s, "no order group")
        time.sleep(0.001)
    members = [Member(lab, node, order=peal.Order.TOTAL) if i else Member(lab, node, order_group=ORDER)
               for node in NODES for i in range(2)]
    # All nodes have the order group when they say so.
    while any(one.group is None or one.ended is not None for one in members):
        for one in members:
            if one.group is None or one.ended is not None:
                one.join()
        pump(members, lambda: all(one.ended is not None or one.group.view is not None for one in members), "a view or an end")
        expect(time.monotonic() < end_s, "not all come in")
    pump(members, lambda: all(one.sees(len(members)) for one in members), "the view of all")
    return members


def listener_is_refused(members):
    for member in members:
        if member.node not in RANKS:
            try:
                member.group.send(b"x")
                raise LabError("who has no rank can send")
            except peal.Error as error:
                expect(error.result == peal.Result.NOT_RANK, f"who has no rank is told {error}")


def others_are_refused(lab, members):
    """A group has one order."""
    for order, reason in (({}, peal.GroupEnd.OTHER_ORDER), ({"order_group": 4711}, peal.GroupEnd.NO_ORDER)):
        for node in (2, 4):
            other = Member(lab, node, **order).join()
            pump(members + [other], lambda: other.ended is not None, "the end")  # pylint: disable=cell-var-from-loop
            expect(other.ended.reason == reason, f"refused as {other.ended}")


def talk(members, mark, words):
    talkers = [one for one in members if one.node in RANKS]
    for word in range(words):
        for i, member in enumerate(talkers):
            say(members, member, f"{mark} {i} {word} ".encode() + b"." * (word % 5 * 700))
        for member in members:
            member.take()
    last = [f"{mark} {i} {words - 1} ".encode() + b"." * ((words - 1) % 5 * 700) for i in range(len(talkers))]
    pump(members, lambda: all(one.heard(data) for one in members for data in last), f"all of {mark}")
    for one in members:
        count = sum(entry[0] == "said" and entry[3].startswith(mark.encode()) for entry in one.log)
        expect(count == words * len(talkers), f"n{one.node} heard {count} messages of {mark}")
    expect_same(members)


def come_and_go_in_the_middle(lab, members):
    """While all talk, large messages among it, some come, one leaves, and one dies: each at one place for all."""
    late = []
    talkers = [one for one in members if one.node in RANKS]
    leaver, leaver_count = talkers[1], 0
    victim = Partner(example("room"), "ledger", socket_of(lab, 2), str(ORDER))
    for word in range(60):
        for member in [one for one in talkers if one is not leaver or word < 30]:
            say(members + late, member, f"mid {word} ".encode() + b"." * (word % 4 * 5000))
            leaver_count += member is leaver
        # Nobody is to have more before it than a ring takes.
        mark = f"mid {word - 1} ".encode()
        pump(members + late, lambda: not word or any(e[0] == "said" and e[3].startswith(mark) for e in talkers[0].log[-40:]),  # pylint: disable=cell-var-from-loop
             "what was said before")
        if word == 30:
            leaver.group.leave()
            victim.kill()
        if word % 20 == 10:
            late.append(Member(lab, 2 + word // 20, order=peal.Order.TOTAL).join())
    stay = [one for one in members if one is not leaver]
    pump(stay + [leaver], lambda: leaver.ended is not None, "the end of who left")
    expect(leaver.ended.reason == peal.GroupEnd.LEFT and leaver.ended.lost_count == 0, f"who left is told {leaver.ended}")
    own = leaver.session.view.self
    pump(stay + late, lambda: all(one.group.view is not None and one.sees(len(stay) + len(late)) for one in stay + late), "the last view")
    said = sum(entry[0] == "said" and entry[1] == own and entry[3].startswith(b"mid") for entry in stay[0].log)
    expect(said >= leaver_count, f"of who left {said} messages were heard, and it said {leaver_count}")
    for member in stay + late:
        if member.node in RANKS:
            say(stay + late, member, f"end of {member.node}".encode())
    pump(stay + late, lambda: all(one.heard(f"end of {node}".encode()) for one in stay + late for node in RANKS), "the last word")
    pump(stay + late, lambda: len({len([e for e in one.log if e[0] == "said" and e[3].startswith(b"end")]) for one in stay}) == 1,
         "all last words")
    expect_same(stay + late)
    return stay + late


def daemon_dies(lab, members):
    """The node of a rank is gone, and its members with it: the same view at the same place."""
    stay = [one for one in members if one.node != 3]
    gone = [one for one in members if one.node == 3]
    for word in range(20):
        for member in [one for one in members if one.node in RANKS]:
            say(members, member, f"before {word}".encode())
    lab.kill(3)
    for word in range(20):
        for member in [one for one in stay if one.node in RANKS]:
            say(stay, member, f"after {word}".encode())
    pump(stay, lambda: all(one.sees(len(stay)) for one in stay), "the view without the node")
    talk(stay, "later", 10)
    pump(gone, lambda: all(one.is_closed for one in gone), "the end of who lost its daemon")
    expect_same(stay)
    return stay


def rooms(lab):
    """The example: two people say something at once, and read the same."""
    both = [Partner(example("room"), "hall", socket_of(lab, node), str(ORDER)) for node in (1, 2)]
    for room in both:
        room.wait_for(lambda line: line.startswith("* (") and line.split(" and ")[0].count(".") == 2, "two in the room", PATIENCE_S)
    for index, room in enumerate(both):
        for word in range(10):
            room.say(f"line {index} {word}")
    heard = []
    for room in both:
        lines = []
        while len(lines) < 20:
            lines.append(room.wait_for(lambda line: ": line " in line, "a line", PATIENCE_S)[-1])
        heard.append(lines)
    expect(heard[0] == heard[1], f"one read {heard[0]}, the other {heard[1]}")
    for room in both:
        expect(room.close() == 0, "a room did not end well")


def main():
    with Lab(f"tot{os.getpid()}", len(NODES), "--preset", "paper") as lab:
        lab.wait_view(list(NODES), len(NODES), PATIENCE_S)
        members = begin(lab)
        print("ok - two at each of four nodes are in a group in total order", flush=True)
        listener_is_refused(members)
        others_are_refused(lab, members)
        print("ok - who has no rank cannot send, and another order is refused", flush=True)
        talk(members, "word", 30)
        print("ok - all are told the same", flush=True)
        members = come_and_go_in_the_middle(lab, members)
        print("ok - some come, one leaves and one dies in the middle, at one place for all", flush=True)
        rooms(lab)
        print("ok - two in a room read the same", flush=True)
        members = daemon_dies(lab, members)
        print("ok - the node of a rank dies, at one place for all", flush=True)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main, peal.Error))
