#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A chat room, as examples/room.c: a process group of this name, and the two understand each other.

    room.py NAME [SOCKET]    every line of standard input goes to all who are in it; /leave leaves
"""
import select
import sys

import peal


def show(event):
    """One event of the group, as a line."""
    who = f"{event.member}.{event.client}"
    if event.kind == peal.EventKind.GROUP_VIEW:
        view = event.group.view
        members = " ".join(f"{one.member}.{one.client}" for one in view.members)
        print(f"* ({view.epoch}, {view.n}): {members} and I am {view.self.member}.{view.self.client}", flush=True)
    elif event.kind == peal.EventKind.GROUP_JOINED:
        print(f"* {who} is here", flush=True)
    elif event.kind == peal.EventKind.GROUP_GONE:
        print(f"* {who} is gone: {event.reason.name.lower().replace('_', ' ')}", flush=True)
    elif event.kind == peal.EventKind.GROUP_MESSAGE:
        print(f"{who}: {event.data.decode(errors='replace')}", flush=True)
    elif event.kind == peal.EventKind.GROUP_ENDED:
        print(f"* out, {event.reason.name.lower().replace('_', ' ')}; {event.lost_count} lines may be lost", flush=True)


def talk(session, name):
    group = session.join(name)
    polls = select.poll()
    polls.register(session.fileno(), select.POLLIN)
    with open(0, "rb", buffering=0) as lines:  # so that poll knows all that waits
        polls.register(lines, select.POLLIN)
        while True:
            event = session.poll()
            while event is not None:
                show(event)
                event = session.poll()
            ready = polls.poll(None if session.rest() else 0)
            if any(number == lines.fileno() for number, _ in ready):
                line = lines.readline()
                if not line:
                    return
                say(group, line.rstrip(b"\n"))


def say(group, line):
    if line == b"/leave":
        group.leave()
        return
    try:
        group.send(line)
    except peal.Error as error:
        # When it is the session that ended, its next poll says so.
        print(f"* not said: {error}", flush=True)


def main():
    try:
        with peal.Session(sys.argv[2] if len(sys.argv) > 2 else None, name="room") as session:
            talk(session, sys.argv[1])
    except peal.Error as error:
        print(f"room: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
