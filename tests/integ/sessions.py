# SPDX-License-Identifier: BSD-3-Clause
"""Applications that are objects of a test, through the Python binding: what they are told, and ways to wait for it. No
test by itself."""
import os
import sys
import time

from integ import LIBRARY, ROOT, expect, socket_of

os.environ.setdefault("PEAL_LIBRARY", LIBRARY)
sys.path.insert(0, os.path.join(ROOT, "bindings", "python"))
sys.dont_write_bytecode = True
import peal  # noqa: E402

PATIENCE_S = 60.0


class Application:
    """One at a node, in a group; `note` and `state` are of the kind of group."""

    def __init__(self, lab, node, name):
        self.node = node
        self.session = peal.Session(socket_of(lab, node), name=f"{name}{node}")
        self.group = None
        self.log = []
        self.ended = None
        self.is_closed = False

    def take(self):
        """Events that are here."""
        try:
            event = self.session.poll()
            while event is not None:
                self.note(event)
                event = self.session.poll()
        except peal.Error:
            self.is_closed = True

    def note(self, event):
        """Puts into `log` and `ended` what it is told."""
        raise NotImplementedError

    def state(self):
        """What is shown of it when something does not come."""
        return f"n{self.node}: {len(self.log)} told, ended {self.ended}, closed {self.is_closed}"


def pump(applications, until, what):
    """Lets all of them read until it is so."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        for one in applications:
            one.take()
        if until():
            return
        expect(time.monotonic() < end_s, f"{what} did not come: {[one.state() for one in applications]}")
        time.sleep(0.001)


def say(applications, speaker, data):
    """It is sent, at once or when there is room and a majority is heard; meanwhile all read."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            speaker.group.send(data)
            return
        except peal.Error as error:
            # Full, or too few ranks are heard for a moment.
            expect(error.result in (peal.Result.FULL, peal.Result.NO_QUORUM) and time.monotonic() < end_s,
                   f"n{speaker.node} cannot say {data[:20]}: {error}")
        for one in applications:
            one.take()
