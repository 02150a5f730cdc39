#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Python binding at two daemons, for tests/integ/bindings_test.py: its numbers are those of the headers, and what is
sent by one session comes at the other.

    python_client.py FOLDER-OF-HEADERS SOCKET SOCKET
"""
import asyncio
import dataclasses
import os
import re
import sys

import peal
from peal import _library

NUMBER = 13
ENUMS = {"PEAL_EVENT_": peal.EventKind, "PEAL_GONE_": peal.Gone, "PEAL_REASON_": peal.Reason,
         "PEAL_ORDER_END_": peal.OrderEnd, "PEAL_ORDER_": peal.Order, "PEAL_GROUP_END_": peal.GroupEnd, "PEAL_GROUP_": peal.GroupGone, "PEAL_": peal.Result}


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def check_numbers(folder):
    text = read(os.path.join(folder, "peal.h"))
    # Other headers are of other libraries.
    text += "".join(read(os.path.join(folder, name)) for name in re.findall(r"^#include <peal/(\w+\.h)>$", text, re.MULTILINE))
    found = {enum: {} for enum in ENUMS.values()}
    for name, number in re.findall(r"^\t(PEAL_\w+) = (\d+),", text, re.MULTILINE):
        prefix = next(prefix for prefix in ENUMS if name.startswith(prefix))
        found[ENUMS[prefix]][name[len(prefix):]] = int(number)
    for enum, names in found.items():
        have = {item.name: item.value for item in enum}
        expect(names == have, f"{enum.__name__} is {have}, and {names} in the headers")
    for name, struct in (("member", _library.Member), ("view", _library.View), ("event", _library.Event),
                         ("group_member", _library.GroupMember), ("group_view", _library.GroupView),
                         ("order_rank", _library.OrderRank), ("order_view", _library.OrderView),
                         ("question", _library.Question)):
        body = re.search(rf"^struct peal_{name} {{\n(.*?)^}};", text, re.MULTILINE | re.DOTALL).group(1)
        fields = re.findall(r"^\t[\w ]*?[ *](\w+)(?:\[\d+\])?;", body, re.MULTILINE)
        expect(fields == [field[0] for field in struct._fields_], f"struct peal_{name} is {fields}")
    functions = set(re.findall(r"^PEAL_API [^;]*?\b(peal_\w+)\(", text, re.MULTILINE))
    # In shared memory Python would have to copy all the same.
    in_place = {"peal_claim", "peal_commit", "peal_flush"}
    expect(functions - in_place == set(_library.SIGNATURES), "functions are not those of the headers: "
           f"{sorted((functions - in_place) ^ set(_library.SIGNATURES))}")


def await_kind(session, kind):
    for event in session:
        if event.kind == kind:
            return event
    raise AssertionError("a session has no end")


def refused(call, *arguments):
    try:
        call(*arguments)
    except peal.Error as error:
        return error.result
    return peal.Result.OK


def talk(near, far):
    far.listen(NUMBER)
    far.serve(31)
    far.hear()
    for session in (near, far):
        while len(session.view.members) != 2:
            await_kind(session, peal.EventKind.VIEW)
    expect(near.membership == near.view.epoch, "a member is none")
    expect(str(near.view.members[0].address).startswith("10."), f"an address is {near.view.members[0]}")
    expect(refused(near.open, 999, NUMBER) == peal.Result.NOT_IN_VIEW, "999 was opened")
    expect(refused(near.send_to_all, b"x" * (near.message_size_max + 1)) == peal.Result.TOO_BIG, "too big was not")
    with near.open(far.view.self, NUMBER) as there:
        there.send(b"first")
        opened = await_kind(far, peal.EventKind.OPENED)
        expect((opened.member, opened.number) == (near.view.self, NUMBER), f"opened by {opened}")
        expect(await_kind(far, peal.EventKind.MESSAGE).data == b"first", "the first message is another")
        for size in (0, 1, 1000, 65536):
            data = bytes(i % 251 for i in range(size))
            there.send(data)
            message = await_kind(far, peal.EventKind.MESSAGE)
            expect(message.data == data and message.channel == opened.channel, f"{size} bytes are others")
            message.channel.send(data)
            expect(await_kind(near, peal.EventKind.MESSAGE).data == data, f"{size} bytes came back as others")
        busy = 0
        try:
            while busy < 10000:
                there.send(b"y" * 30000)
                busy += 1
        except peal.Busy as error:
            expect(error.result in (peal.Result.FULL, peal.Result.NO_CREDIT), f"busy for {error}")
        expect(0 < busy < 10000, "nobody was ever held back")
    await_kind(far, peal.EventKind.FINISHED)
    opened.channel.close()
    ended = await_kind(near, peal.EventKind.ENDED)
    expect(ended.reason == peal.Reason.ORDERLY and ended.lost_count == 0, f"ended by {ended}")


def tell_values(near, far):
    """A reader that reads nothing gets the last of many, and is not evicted for the others."""
    values_count = 20000
    for i in range(values_count):
        while refused(near.set, 5, b"v%d" % i + b"x" * 900) != peal.Result.OK:
            near.wait(0.1)
    seen = 0
    while True:
        event = await_kind(far, peal.EventKind.VALUE)
        expect((event.member, event.number) == (near.view.self, 5), f"whose is {event}?")
        seen += 1
        if event.data.startswith(b"v%dx" % (values_count - 1)):
            break
    expect(seen < values_count, "each of the values was told")
    expect(refused(near.set, 16, b"") == peal.Result.TOO_BIG and refused(near.set, 0, b"x" * 1017) ==
           peal.Result.TOO_BIG, "too big was not")
    return f"{seen} of {values_count} values"


def ask(near, far):
    """One session asks, the other answers between two polls of the first."""
    answers = []

    def play(_=None):
        event = far.poll()
        if event is not None and event.kind == peal.EventKind.REQUEST:
            answers.append(event.data)
            far.reply(event, event.data.upper())

    request = near.ask(31, b"what", members=[far.view.self], seconds=20.0)
    replies = []
    while not replies or replies[-1].kind != peal.EventKind.DONE:
        play()
        event = near.poll()
        if event is not None and event.request == request:
            replies.append(event)
    expect([event.kind for event in replies] == [peal.EventKind.REPLY, peal.EventKind.DONE] and
           replies[0].data == b"WHAT" and replies[1].result == peal.Result.OK and answers == [b"what"],
           f"answered by {replies}")
    answers = near.call(32, b"nobody", seconds=20.0)
    expect(answers.result == peal.Result.TOO_FEW and set(answers.failures.values()) == {peal.Result.NO_SERVICE},
           f"nobody serves 32, and {answers} came")
    expect(refused(near.serve, 256) == peal.Result.TOO_BIG, "256 is no service")
    expect(refused(far.reply, request, b"") == peal.Result.OK, "an answer to nobody goes nowhere")
    near.cancel(near.ask(31, b"x", members=[far.view.self], wanted=peal.MAJORITY, seconds=None))
    far.unserve(31)


def share(near, far):
    """A process group of both: one view, a message for both, and how one of them leaves."""
    expect({refused(near.join, name) for name in ("", "a b", "a\0b", "\u00e9", "x" * 64)} == {peal.Result.BAD_NAME},
           "there is a group of a name that cannot be")
    near.join("python", peal.Order.TOTAL, order_group=4711)
    expect(await_kind(near, peal.EventKind.GROUP_ENDED).reason == peal.GroupEnd.NO_ORDER, "an order group that is not there")
    there = far.join("python")
    expect(refused(there.send, b"x") == peal.Result.NOT_IN_VIEW and there.view is None, "in before the first view")
    await_kind(far, peal.EventKind.GROUP_VIEW)
    expect(there.view.members == (there.view.self,), f"who is alone sees {there.view}")
    with near.join("python") as here:
        expect(await_kind(near, peal.EventKind.GROUP_VIEW).group == here, "a view of another group")
        seen = await_kind(far, peal.EventKind.GROUP_VIEW)
        view = there.view
        expect((seen.group, seen.epoch, seen.n) == (there, view.epoch, view.n), f"{seen} told of {view}")
        expect(view == dataclasses.replace(here.view, self=view.self) and view.members == (view.self, here.view.self) and
               [one.member for one in view.members] == [far.view.self, near.view.self] and view.name == "python",
               f"{here.view} at the one, {view} at the other")
        joined = await_kind(far, peal.EventKind.GROUP_JOINED)
        expect((joined.member, joined.client) == here.view.self, f"{joined} is not who came")
        again = near.join("python")
        ended = await_kind(near, peal.EventKind.GROUP_ENDED)
        expect((ended.group, ended.reason) == (again, peal.GroupEnd.IN_USE) and again != here, f"in twice: {ended}")
        expect(refused(here.send, b"x" * (near.message_size_max + 1)) == peal.Result.TOO_BIG, "too big was not")
        for data in (b"to both", b"", bytes(range(256)) * 40):
            here.send(data)
            for session, group in ((near, here), (far, there)):
                message = await_kind(session, peal.EventKind.GROUP_MESSAGE)
                expect(message.data == data and message.group == group and message.channel is None and
                       (message.member, message.client) == here.view.self and
                       (message.epoch, message.n) == (view.epoch, view.n), f"{message} came of {data}")
    ended = await_kind(near, peal.EventKind.GROUP_ENDED)
    expect((ended.group, ended.reason, ended.lost_count) == (here, peal.GroupEnd.LEFT, 0), f"left by {ended}")
    expect(here.view is None and refused(here.send, b"x") != peal.Result.OK, "who left is in")
    here.leave()
    gone = await_kind(far, peal.EventKind.GROUP_GONE)
    expect((gone.member, gone.client) == view.members[1] and gone.reason == peal.GroupGone.LEFT, f"{gone} is not who left")
    expect(there.view.members == view.members[:1] and (there.view.epoch, there.view.n) > (view.epoch, view.n),
           f"after {view} came {there.view}")
    there.leave()
    expect(await_kind(far, peal.EventKind.GROUP_ENDED).group == there and there.view is None, "who was last is in")


def order(near, far):
    """An order group of one rank: created, said to, opened again, and not to be had elsewhere."""
    mine = near.view.self
    expect({refused(near.create_order, 21, ranks) for ranks in ({}, {"": mine}, {"a b": mine}, {"a\0": mine},
            {"x" * 32: mine}, {"a": 0}, {"a": mine, "b": mine + 1}, [(mine, "a")] * 3)} == {peal.Result.BAD_NAME},
           "there is a group of ranks that cannot be")
    expect(refused(near.open_order, 0) == peal.Result.BAD_NAME, "a group without a number")
    far.open_order(20)
    expect(await_kind(far, peal.EventKind.ORDER_ENDED).reason == peal.OrderEnd.UNKNOWN, "20 was there")
    with near.create_order(21, {"alone": mine}) as group:
        expect(refused(group.send, b"x") == peal.Result.NOT_IN_VIEW and group.view is None, "before the first view")
        seen = await_kind(near, peal.EventKind.ORDER_VIEW)
        view = group.view
        expect(seen.order == group and seen.position == view.position and view.ranks == ((mine, "alone"),) and
               (view.group, view.generation, view.active, view.own_rank, view.is_waiting) == (21, 1, 1, 0, False),
               f"{seen} told of {view}")
        expect(refused(group.send, b"x" * (near.order_size_max + 1)) == peal.Result.TOO_BIG, "too big was not")
        position = view.position
        for data in (b"first", b"", bytes(range(256)) * 256):
            group.send(data)
            message = await_kind(near, peal.EventKind.ORDERED)
            expect(message.data == data and message.order == group and message.channel is None and
                   message.member == mine and message.position > position, f"{message} came of {data[:9]}")
            position = message.position
        again = near.open_order(21)
        ended = await_kind(near, peal.EventKind.ORDER_ENDED)
        expect((ended.order, ended.reason) == (again, peal.OrderEnd.IN_USE) and again != group, f"open twice: {ended}")
    ended = await_kind(near, peal.EventKind.ORDER_ENDED)
    expect((ended.order, ended.reason, ended.lost_count) == (group, peal.OrderEnd.CLOSED, 0), f"closed by {ended}")
    expect(group.view is None and refused(group.send, b"x") == peal.Result.CLOSED, "what is closed is open")
    far.create_order(21, {"other": mine})
    expect(await_kind(far, peal.EventKind.ORDER_ENDED).reason == peal.OrderEnd.TAKEN, "21 is there twice")
    there, here = far.open_order(21), near.open_order(21)
    await_kind(near, peal.EventKind.ORDER_VIEW)
    await_kind(far, peal.EventKind.ORDER_VIEW)
    expect(there.view.own_rank is None and refused(there.send, b"x") == peal.Result.NOT_RANK, f"a rank: {there.view}")
    # Who listens begins where the ranks have heard of it, so it is said until it is heard.
    heard = None
    while heard is None:
        here.send(b"to all")
        mine, heard = await_kind(near, peal.EventKind.ORDERED), far.next(0.2)
    expect(heard.kind == peal.EventKind.ORDERED and heard.data == b"to all" and heard.order == there and
           heard.member == near.view.self and heard.client == mine.client, f"who listens heard {heard}")
    for group in (there, here):
        group.close()


async def cast(near, far):
    """Two tasks in one loop, each asleep until the other has sent."""
    near.hear()

    async def play(session, mine, theirs, begins):
        if begins:
            session.send_to_all(mine + b"0")
        async for event in session:
            if event.kind == peal.EventKind.CAST and event.data[:1] == theirs:
                turn = int(event.data[1:])
                if turn == 20:
                    return
                session.send_to_all(mine + str(turn + 1).encode())
                if turn == 19:
                    return

    await asyncio.wait_for(asyncio.gather(play(near, b"n", b"f", True), play(far, b"f", b"n", False)), 20)


def main():
    folder, near_path, far_path = sys.argv[1:]
    check_numbers(folder)
    expect(refused(peal.Session, "/nonexistent") == peal.Result.NO_DAEMON, "there is a daemon where there is none")
    with peal.Session(near_path, name="py-near") as near, peal.Session(far_path, name="py-far") as far:
        talk(near, far)
        ask(near, far)
        share(near, far)
        order(near, far)
        seen = tell_values(near, far)
        asyncio.run(cast(near, far))
        expect(near.next(0.05) is None or near.state == peal.Result.OK, "nothing more should come")
    expect(refused(near.poll) == peal.Result.CLOSED, "a detached session is not closed")
    print(f"python: numbers, channel, group, {seen}, asyncio")
    return 0


if __name__ == "__main__":
    sys.exit(main())
