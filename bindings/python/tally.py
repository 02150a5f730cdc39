#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each member votes, in each view anew, and all count.

    tally.py SOCKET VOTE     says VOTE to all, prints the counts when every member has voted
"""
import asyncio
import collections
import sys

import peal


async def count(session, vote):
    votes = {}
    session.hear()
    async for event in session:
        if event.kind == peal.EventKind.VIEW and session.view.epoch:
            votes.clear()
            session.send_to_all(vote.encode())
        elif event.kind == peal.EventKind.CAST:
            if event.member not in votes and event.member != session.view.self:
                # It may have come after our vote.
                session.send_to_all(vote.encode())
            votes[event.member] = event.data.decode(errors="replace")
            if len(votes) == len(session.view.members):
                counts = sorted(collections.Counter(votes.values()).items())
                print(f"view {session.view.epoch}:", *(f"{name} {number}" for name, number in counts), flush=True)


def main():
    socket, vote = sys.argv[1:]
    try:
        with peal.Session(socket, name="tally") as session:
            asyncio.run(count(session, vote))
    except peal.Error as error:
        print(f"tally: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
