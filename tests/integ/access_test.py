#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who may attach to a daemon and what it may do there, by `access` of its configuration: processes of several users
and groups try everything, and are told what they may not. Nobody is cut off for asking."""
import json
import os
import sys
import time

from integ import Lab, LabError, expect, outcome_as_root, socket_of
from sessions import peal

ACCESS = """
access:
  - uid: 0
  - {uid: 61001, may: []}
  - {gid: 61100, may: [groups], join: ["desk-*", lobby]}
  - {gid: 61101, may: [channels, broadcast]}
  - {uid: 61002, may: [services, orders]}
"""
ALL = {"listen", "open", "hear", "cast", "set", "serve", "ask", "order", "desk-7", "lobby", "vault"}
# User, group, other groups: what it may do; None = it may not attach.
PROCESSES = (
    ((0, 0, []), ALL),
    ((61001, 61100, []), set()),  # the entry of its user stands before that of its group
    ((61003, 61100, []), {"desk-7", "lobby"}),
    ((61003, 61003, [61100]), {"desk-7", "lobby"}),
    ((61003, 61003, [61099, 61101]), {"listen", "open", "hear", "cast", "set"}),
    ((61003, 61101, [61100]), {"desk-7", "lobby"}),
    ((61002, 61002, []), {"serve", "ask", "order"}),
    ((61003, 61003, [61099]), None),
    ((61100, 61003, []), None),  # the number of a group is not that of a user
)


def await_end_of_join(session, group):
    """Whether it is in the group, from then on."""
    while True:
        event = session.next(30.0)
        if event is None:
            raise LabError("a join was not answered")
        if event.kind == peal.EventKind.GROUP_VIEW and event.group == group:
            return True
        if event.kind == peal.EventKind.GROUP_ENDED and event.group == group:
            expect(event.reason == peal.GroupEnd.FORBIDDEN, f"a join ended by {event}")
            return False


def try_all(path, other):
    """What this process may do at the daemon, as a list; None: nothing."""
    try:
        session = peal.Session(path, "access")
    except peal.Error as error:
        expect(error.result == peal.Result.FORBIDDEN, f"refused by {error}")
        return None
    while len(session.view.members) < 2:
        expect(session.next(30.0) is not None, "no view came")
    acts = {
        "listen": lambda: session.listen(5),
        "open": lambda: session.open(other, 5),
        "hear": session.hear,
        "cast": lambda: session.send_to_all(b"hello"),
        "set": lambda: session.set(3, b"value"),
        "serve": lambda: session.serve(9),
        "ask": lambda: session.ask(9, b"question"),
        "order": lambda: session.open_order(7),
    }
    may = []
    for name, act in acts.items():
        try:
            act()
            may.append(name)
        except peal.Error as error:
            expect(error.result == peal.Result.FORBIDDEN, f"{name}: {error}")
    for name in ("desk-7", "lobby", "vault"):
        try:
            if await_end_of_join(session, session.join(name)):
                may.append(name)
        except peal.Error as error:
            expect(error.result == peal.Result.FORBIDDEN, f"join {name}: {error}")
    expect(session.state == peal.Result.OK, f"cut off for asking: {session.state}")
    session.detach()
    return may


def become_and_try(lab, who, other):
    """In a child, for there is no way back from another user."""
    reading, writing = os.pipe()
    path = socket_of(lab, 1)
    pid = os.fork()
    if pid == 0:
        said = {"error": "it died"}
        try:
            os.setgroups(who[2])
            os.setgid(who[1])
            os.setuid(who[0])
            said = {"may": try_all(path, other)}
        except BaseException as error:  # whatever it is, the parent says it
            said = {"error": repr(error)}
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = json.load(file)
    os.waitpid(pid, 0)
    expect("error" not in said, f"{who}: {said.get('error')}")
    return said["may"]


def restart_with_access(lab):
    lab.kill(1)
    with open(f"{lab.state}/n1.yaml", "a", encoding="ascii") as file:
        file.write(ACCESS)
    os.chmod(lab.state, 0o711)
    lab.start(1)
    lab.wait_view([1, 2], 2, 30.0)


def main():
    peal._peal()  # loads the library, while its file may be read
    begin_s = time.monotonic()
    with Lab(f"acc{os.getpid()}", 2) as lab:
        lab.wait_view([1, 2], 2, 20.0)
        restart_with_access(lab)
        other = lab.own_view(2)["member"]
        for who, wanted in PROCESSES:
            may = become_and_try(lab, who, other)
            expect((None if may is None else set(may)) == wanted, f"{who} may {may}, and not {wanted}")
        stats, clients = lab.insist(1, "stats"), lab.insist(1, "clients", 0)
        expect(stats["client_groups_forbidden"] == 3, f"joins refused: {stats['client_groups_forbidden']}")
        expect(stats["client_acts_forbidden"] == 0, "libpeal said what it may not")
        expect(stats["clients_violated"] == 0, "somebody was cut off")
        expect(clients["refused_forbidden"] == 2, f"refused: {clients['refused_forbidden']}")
        expect("refused 2 that may not" in lab.run("ctl", "1", "clients"), "pealctl clients does not say so")
    print(f"ok - each may what its entry says ({time.monotonic() - begin_s:.1f} s)")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
