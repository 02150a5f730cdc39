#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A service that counts, as examples/service.c: the two understand each other.

    service.py SOCKET            serves: adds what it is sent and answers with its sum
    service.py SOCKET NUMBER     asks all members, and is content with a majority
"""
import struct
import sys

import peal

SERVICE = 9
NUMBER = struct.Struct("=q")


def serve(session):
    total = 0
    session.serve(SERVICE)
    for event in session:
        if event.kind == peal.EventKind.REQUEST:
            try:
                total += NUMBER.unpack(event.data)[0]
                session.reply(event, NUMBER.pack(total))
            except struct.error:
                session.refuse(event)


def ask(session, number):
    while not session.view.epoch:
        session.next()
    answers = session.call(SERVICE, NUMBER.pack(number), wanted=peal.MAJORITY, seconds=2.0)
    for member, data in sorted(answers.replies.items()):
        print(f"member {member}: {NUMBER.unpack(data)[0]}")
    for member, result in sorted(answers.failures.items()):
        print(f"member {member}: {result.name.lower().replace('_', ' ')}")
    print(answers.result.name.lower().replace("_", " "))
    return answers.result != peal.Result.OK


def main():
    try:
        with peal.Session(sys.argv[1], name="service") as session:
            return serve(session) if len(sys.argv) == 2 else ask(session, int(sys.argv[2]))
    except peal.Error as error:
        print(f"service: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
