#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A service for tests/integ/requests_test.py: answers each request in its own way.

    service_client.py SOCKET SERVICE echo | mute | refuse | late SECONDS | twice

It prints a line when it serves and one for each request. echo answers what it was sent; late does so after a while,
several at once; twice answers two times.
"""
import sys
import time

import peal


def answer(session, request, data):
    while True:
        try:
            session.reply(request, data)
            return
        except peal.Busy:
            session.wait(1.0)
        except peal.Error as error:
            print(f"not answered: {error}", flush=True)
            return


def main():
    socket, service, way, *more = sys.argv[1:]
    seconds = float(more[0]) if more else 0.0
    waiting = []
    with peal.Session(socket, name=f"serves {way}") as session:
        session.serve(int(service))
        print("serves", flush=True)
        while True:
            event = session.next(0.01 if waiting else None)
            while waiting and waiting[0][0] <= time.monotonic():
                answer(session, *waiting.pop(0)[1:])
            if event is None or event.kind != peal.EventKind.REQUEST:
                continue
            print(f"asked by {event.member}: {event.data[:20].decode(errors='replace')}", flush=True)
            if way == "refuse":
                session.refuse(event)
            elif way == "late":
                waiting.append((time.monotonic() + seconds, event.request, event.data))
            elif way != "mute":
                answer(session, event.request, event.data)
            if way == "twice":
                answer(session, event.request, event.data)


if __name__ == "__main__":
    sys.exit(main())
