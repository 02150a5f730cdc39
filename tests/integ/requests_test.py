#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Requests and answers at three daemons in namespaces: who answers, who does not and why, and what becomes of a request
whose service, asker or member is killed."""
import os
import re
import select
import signal
import subprocess
import sys
import time

from integ import ROOT, Beside, Lab, LabError, by_name, example, expect, outcome_as_root, play, run, socket_of
from sessions import peal

EventKind, Result = peal.EventKind, peal.Result

PYTHON = {**os.environ, "PYTHONPATH": os.path.join(ROOT, "bindings", "python"), "PYTHONDONTWRITEBYTECODE": "1"}
SERVICE = example("service")
CLIENT = os.path.join(ROOT, "tests", "integ", "service_client.py")
EXAMPLE = os.path.join(ROOT, "bindings", "python", "service.py")
# What a killed process takes at most to be noticed, on a busy machine; deadlines are far beyond.
NOTICED_S = 5.0
FAR_S = 60.0


class Server(Beside):
    """service_client.py beside the test, ready to serve."""

    def __init__(self, lab, node, service, *way, command=None):
        super().__init__(*(command or [sys.executable, CLIENT, socket_of(lab, node), str(service), *way]), env=PYTHON)
        if service is not None:
            self.wait("^serves$")


def attach(lab, node, name="asks"):
    session = peal.Session(socket_of(lab, node), name=name)
    while not session.view.epoch:
        expect(session.next(5.0) is not None, "no view came")
    return session


def members_of(lab):
    return {node: lab.view(node)["member"] for node in (1, 2, 3)}


def until_served(session, service, members):
    """Who serves has said so to its daemon, which takes it in the next turn."""
    end_s = time.monotonic() + 10.0
    while time.monotonic() < end_s:
        if session.call(service, b"there?", members=members, seconds=5.0).result == Result.OK:
            return
        time.sleep(0.01)
    raise LabError(f"nobody serves {service} at {members}")


def examples(lab):
    """The example in C serves at two nodes, that in Python at the third; both ask."""
    for path in (os.path.join(ROOT, "examples", "service.c"), EXAMPLE):
        with open(path, encoding="utf-8") as file:
            expect(len(file.readlines()) < 100, f"{path} is no small example any more")
    numbers = members_of(lab)
    with Server(lab, 1, None, command=[SERVICE, socket_of(lab, 1)]), \
            Server(lab, 2, None, command=[SERVICE, socket_of(lab, 2)]), \
            Server(lab, 3, None, command=[sys.executable, EXAMPLE, socket_of(lab, 3)]):
        with attach(lab, 1) as session:
            until = time.monotonic() + 10.0
            zero = (0).to_bytes(8, "little")
            while session.call(9, zero, seconds=5.0).result != Result.OK:
                expect(time.monotonic() < until, "three do not serve")
        said = run(SERVICE, socket_of(lab, 1), "5")
        expect(sorted(said.splitlines()) == sorted([f"member {number}: 5" for number in numbers.values()] + ["ok"]),
               f"three were asked: {said}")
        said = run(sys.executable, EXAMPLE, socket_of(lab, 2), "-2", env=PYTHON)
        expect(said.endswith("ok\n") and len(re.findall(r"^member \d+: 3$", said, re.MULTILINE)) >= 2,
               f"a majority was asked: {said}")


def many_at_once(lab):
    """Two that ask at each node, of services at all nodes, crosswise and at the same time."""
    with Server(lab, 1, 20, "echo"), Server(lab, 2, 20, "echo"), Server(lab, 3, 20, "echo"):
        sessions = [attach(lab, node, f"asks {node}") for node in (1, 2, 3, 1, 2, 3)]
        for session in sessions:
            until_served(session, 20, None)
        for turn in range(20):
            asked = [session.ask(20, b"%d %d" % (i, turn), seconds=FAR_S) for i, session in enumerate(sessions)]
            for i, session in enumerate(sessions):
                replies = 0
                while True:
                    event = session.next(FAR_S)
                    expect(event is not None, "an answer is missing")
                    if event.kind == EventKind.REPLY and event.request == asked[i]:
                        expect(event.data == b"%d %d" % (i, turn), f"{i} got the answer {event.data}")
                        replies += 1
                    elif event.kind == EventKind.DONE:
                        break
                expect(replies == 3 and event.result == Result.OK, f"{replies} answers, {event.result}")
        for session in sessions:
            expect(session.late_count == 0, "an answer was late")
            session.detach()


def bounds(lab):
    """As many as there may be, as large as they may be; one more is refused, and all that were taken are answered."""
    numbers = members_of(lab)
    with Server(lab, 2, 21, "echo"), Server(lab, 1, 21, "echo"), attach(lab, 1) as session:
        limit = session.message_size_max - 32
        for node in (1, 2):
            until_served(session, 21, [numbers[node]])
            data = [bytes([65 + i]) * (limit - i) for i in range(64)]
            asked = {session.ask(21, data[i], members=[numbers[node]], seconds=FAR_S): i for i in range(64)}
            for what, wanted in (((21, b""), Result.TOO_MANY), ((256, b""), Result.TOO_BIG), ((21, b"x" * (limit + 1)), Result.TOO_BIG)):
                try:
                    session.ask(*what)
                    raise LabError("one more was taken")
                except peal.Error as error:
                    expect(error.result == wanted, f"refused as {error.result}, not {wanted}")
            failed = 0
            while asked:
                event = session.next(FAR_S)
                expect(event is not None, "an answer is missing")
                if event.kind == EventKind.REPLY:
                    expect(event.data == data[asked[event.request]], "an answer is another")
                elif event.kind == EventKind.NO_REPLY:
                    # At one node there is no credit: who serves is not overrun, which is told.
                    expect(node == 1 and event.result in (Result.BUSY, Result.FULL), f"no answer for {event.result}")
                    failed += 1
                elif event.kind == EventKind.DONE:
                    del asked[event.request]
            expect(failed < 64, "nothing was answered")


def reasons(lab):
    numbers = members_of(lab)
    with Server(lab, 2, 22, "echo"), Server(lab, 3, 22, "refuse"), attach(lab, 1) as session:
        until_served(session, 22, [numbers[2]])
        until = time.monotonic() + 10.0
        while session.call(22, b"x", members=[numbers[3]]).result == Result.NO_SERVICE:
            expect(time.monotonic() < until, "nobody refuses")
        answers = session.call(22, b"x", seconds=FAR_S)
        expect(answers.result == Result.TOO_FEW and answers.failures in (
            {numbers[1]: Result.NO_SERVICE, numbers[3]: Result.BUSY}, {numbers[1]: Result.NO_SERVICE},
            {numbers[3]: Result.BUSY}), f"all were wanted: {answers}")
        answers = session.call(22, b"x", wanted=1, seconds=FAR_S)
        expect(answers.result == Result.OK and answers.replies == {numbers[2]: b"x"}, f"one was wanted: {answers}")
        answers = session.call(22, b"x", members=[numbers[3]], seconds=FAR_S)
        expect(answers.result == Result.BUSY, f"one that refuses: {answers}")
        answers = session.call(23, b"x", members=[numbers[2]], seconds=FAR_S)
        expect(answers.result == Result.NO_SERVICE, f"one that does not serve: {answers}")
        answers = session.call(22, b"x", members=[numbers[2], 999], wanted=1, seconds=FAR_S)
        expect(answers.result == Result.OK and answers.failures.get(999, Result.PEER_GONE) == Result.PEER_GONE,
               f"with one that is no member: {answers}")
        try:
            session.ask(22, b"x", members=[999])
            raise LabError("999 was asked")
        except peal.Error as error:
            expect(error.result == Result.NOT_IN_VIEW, f"999: {error}")


def deadlines(lab):
    """In each way to wait; and what is answered later is counted and not told."""
    numbers = members_of(lab)
    with Server(lab, 2, 24, "late", "0.6"), Server(lab, 3, 24, "twice"), attach(lab, 1) as session:
        until_served(session, 24, [numbers[2], numbers[3]])
        late = session.late_count
        for way in ("poll", "wait", "fd"):
            begin_s = time.monotonic()
            request = session.ask(24, way.encode(), members=[numbers[2]], seconds=0.2)
            event = None
            while event is None or event.kind != EventKind.DONE:
                if way == "fd" and session.rest():
                    select.select([session.fileno()], [], [], 10.0)
                event = session.next(10.0) if way == "wait" else session.poll()
            span_s = time.monotonic() - begin_s
            expect(event.request == request and event.result == Result.TIMEOUT and event.lost_count == 1,
                   f"{way}: it ended with {event}")
            expect(0.2 <= span_s < 0.55, f"{way}: the deadline took {span_s} s")
        end_s = time.monotonic() + 10.0
        while session.late_count < late + 3 and time.monotonic() < end_s:
            expect(session.next(0.05) is None, "a late answer was told")
        expect(session.late_count == late + 3, f"{session.late_count - late} answers were late, not three")
        # Two answers to one request: one is too many.
        answers = session.call(24, b"x", members=[numbers[3]], seconds=FAR_S)
        expect(answers.replies == {numbers[3]: b"x"}, f"answered twice: {answers}")
        while session.late_count < late + 4 and time.monotonic() < end_s:
            session.next(0.05)
        expect(session.late_count >= late + 4, "the second answer was not counted")


def next_about(session, request, seconds):
    """The next event of a request, behind what an attachment is told of the view; or None."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        event = session.next(max(0.0, end_s - time.monotonic()))
        if event is not None and event.request == request:
            return event
    return None


def service_killed(lab):
    """SIGKILL in mid-request, at another node and at this one: gone at once, and nothing is left of it."""
    numbers = members_of(lab)
    for node in (2, 1):
        with Server(lab, node, 25, "mute") as mute, attach(lab, 1) as session:
            request = None
            end_s = time.monotonic() + 10.0
            while not request or "asked" not in mute.text():
                expect(time.monotonic() < end_s, "nobody was asked")
                request = request or session.ask(25, b"x", members=[numbers[node]], seconds=FAR_S)
                event = session.next(0.05)
                if event is not None and event.kind == EventKind.DONE:
                    request = None
            begin_s = time.monotonic()
            mute.kill()
            event = next_about(session, request, NOTICED_S)
            expect(event is not None and event.kind == EventKind.NO_REPLY and event.result == Result.PEER_GONE and
                   event.request == request, f"a service of node {node} was killed: {event}")
            print(f"# node {node}: gone after {(time.monotonic() - begin_s) * 1000:.1f} ms")
            event = next_about(session, request, 1.0)
            expect(event.kind == EventKind.DONE and event.result == Result.PEER_GONE, f"it ended with {event}")
            # Another takes its place.
            with Server(lab, node, 25, "echo"):
                until_served(session, 25, [numbers[node]])


def asker_killed(lab):
    """What was asked in a former life is not answered to the next one."""
    numbers = members_of(lab)
    for node in (2, 1):
        with Server(lab, node, 26, "late", "0.3") as late:
            with attach(lab, 1) as first:
                until_served(first, 26, [numbers[node]])
                first.ask(26, b"former", members=[numbers[node]], seconds=FAR_S)
                late.wait("former$")
            with attach(lab, 1) as second:
                answers = second.call(26, b"latter", members=[numbers[node]], seconds=FAR_S)
                expect(answers.replies == {numbers[node]: b"latter"}, f"the next life was told {answers}")
                expect(second.next(0.3) is None and second.late_count == 0, "it was told of the former")


def member_killed(lab):
    """A majority does not wait for a dead member; who wants all learns that it is gone."""
    numbers = members_of(lab)
    with Server(lab, 1, 27, "echo"), Server(lab, 2, 27, "echo"), Server(lab, 3, 27, "echo"), attach(lab, 1) as session:
        until_served(session, 27, None)
        lab.kill(3)
        begin_s = time.monotonic()
        both = {session.ask(27, b"most", wanted=peal.MAJORITY, seconds=FAR_S): "most",
                session.ask(27, b"all", wanted=peal.ALL, seconds=FAR_S): "all"}
        ends = {}
        while len(ends) < 2:
            event = session.next(30.0)
            expect(event is not None, f"no end: {ends}")
            if event.kind == EventKind.DONE:
                ends[both[event.request]] = (event.result, time.monotonic() - begin_s)
            elif event.kind == EventKind.NO_REPLY:
                expect(event.member == numbers[3] and event.result == Result.PEER_GONE, f"failed: {event}")
        expect(ends["most"][0] == Result.OK and ends["all"][0] == Result.TOO_FEW, f"they ended as {ends}")
        expect(ends["most"][1] < ends["all"][1], "the majority waited for the dead")
        print(f"# majority after {ends['most'][1] * 1000:.1f} ms, gone after {ends['all'][1] * 1000:.1f} ms")
        # The end of channels is told before the view, which waits for broadcasts.
        while len(session.view.members) > 2:
            expect(session.next(10.0) is not None, "no view came")
        expect(session.call(27, b"x", seconds=FAR_S).result == Result.OK, "the view has two members, and two serve")
        # Of two, the junior alone has no quorum, and says so.
        junior = 2 if numbers[2] > numbers[1] else 1
        with attach(lab, junior) as other:
            request = other.ask(27, b"x", members=[numbers[junior]], seconds=FAR_S)
            other.cancel(request)
            lab.kill(3 - junior)
            lab.wait("the junior to hear too few", lambda: other.next(0.05) is None and other.membership is None, 30.0)
            with Server(lab, junior, 28, "mute"):
                deadline = time.monotonic() + 10.0
                result = None
                while result != Result.NO_QUORUM and time.monotonic() < deadline:
                    try:
                        result = other.call(28, b"x", members=[numbers[junior]], seconds=0.3).result
                    except peal.Error as error:
                        result = error.result
                expect(result == Result.NO_QUORUM, f"without a quorum it ended with {result}")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with Lab(f"req{os.getpid()}", 3) as lab:
        lab.wait_view([1, 2, 3], 3, 10.0)
        play(by_name(examples, many_at_once, bounds, reasons, deadlines, service_killed, asker_killed, member_killed), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main, peal.Error, subprocess.TimeoutExpired))
