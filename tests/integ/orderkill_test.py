#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A rank is killed in the middle of a stream: three daemons in namespaces, an application at one of them says something
every millisecond, and the daemon of another rank gets SIGKILL. What was accepted is delivered, in one order, at all that go on.

    orderkill_test.py --kills N     measures besides, N times, for how long the applications of the survivors heard
                                    nothing, and prints that as JSON

A short gap is asserted nowhere but in tools/dev/figures: on a machine that stands still everybody hears nothing."""
import json
import os
import sys
import threading
import time

from integ import Lab, LabError, expect, outcome_as_root
from orders_test import GROUP, Reader, expect_same, open_again
from sessions import PATIENCE_S, peal, pump

NODES = (1, 2, 3)
SPEAKER = 1
INTERVAL_NS = 1_000_000
CALM_S = 0.3  # of the stream, before a kill
AFTER_S = 1.0  # and behind it
SETTLE_S = 0.5  # a member that joined within a probe interval has not heard everybody yet
SIZE = 1000


class Meter(Reader):
    """A reader that knows how long it heard nothing."""

    def __init__(self, lab, node):
        super().__init__(lab, node)
        self.heard_ns = None
        self.gaps = []  # (end, length), of the last stream

    def note(self, event):
        super().note(event)
        if event.kind == peal.EventKind.ORDERED:
            now_ns = time.monotonic_ns()
            if self.heard_ns is not None:
                self.gaps.append((now_ns, now_ns - self.heard_ns))
            self.heard_ns = now_ns

    def begin(self):
        self.heard_ns = None
        self.gaps = []

    def gap_before(self, instant_ns):
        """The longest time without a message that ended before an instant."""
        return max((length for end_ns, length in self.gaps if end_ns < instant_ns), default=0)

    def gap_after(self, instant_ns):
        """And behind it."""
        return max(length for end_ns, length in self.gaps if end_ns >= instant_ns)


class Stream:
    """What the speaker says: numbers that go on, one every millisecond unless it may not."""

    def __init__(self, meters):
        self.meters = meters
        self.speaker = next(meter for meter in meters if meter.node == SPEAKER)
        self.count = 0

    def run(self, until):
        next_ns = time.monotonic_ns()
        while not until():
            now_ns = time.monotonic_ns()
            if now_ns >= next_ns:
                next_ns = max(next_ns + INTERVAL_NS, now_ns)
                self.say()
            for meter in self.meters:
                meter.take()
            time.sleep(0.0002)

    def run_for(self, seconds):
        end_s = time.monotonic() + seconds
        self.run(lambda: time.monotonic() >= end_s)

    def say(self):
        try:
            self.speaker.group.send(f"{self.count} ".encode().ljust(SIZE, b"."))
            self.count += 1
        except peal.Error as error:
            if error.result not in (peal.Result.FULL, peal.Result.NO_QUORUM):
                raise


def open_all(lab):
    meters = [Meter(lab, node) for node in NODES]
    pump(meters, lambda: all(len(one.session.view.members) == len(NODES) for one in meters), "the view of all")
    ranks = {f"n{node}": meters[node - 1].session.view.self for node in NODES}
    for meter in meters:
        meter.group = meter.session.create_order(GROUP, ranks)
    pump(meters, lambda: all(one.group.view is not None for one in meters), "the view of the group")
    return meters


def kill(lab, node):
    """SIGKILL while the stream goes on; returns what gets its instant."""
    killed = []

    def do():
        try:
            killed.append(lab.kill(node))
        except (LabError, ValueError, KeyError) as error:
            killed.append(LabError(f"n{node} was not killed: {error}"))

    threading.Thread(target=do, daemon=True).start()
    return killed


def one_kill(lab, meters, victim, first):
    """Returns the longest gaps at the survivors before and behind the kill, in ns, the meters of all afterwards, and the number that is next."""
    stay = [meter for meter in meters if meter.node != victim]
    stream = Stream(stay)
    stream.count = first
    for meter in stay:
        meter.begin()
    stream.run_for(CALM_S)
    stream.run(lambda: all(meter.heard_ns is not None for meter in stay))
    killed = kill(lab, victim)
    stream.run(lambda: killed)
    if isinstance(killed[0], LabError):
        raise killed[0]
    stream.run_for(AFTER_S)
    last = f"{stream.count - 1} ".encode().ljust(SIZE, b".")
    pump(stay, lambda: all(one.heard(last) for one in stay), f"what was said before and after the death of n{victim}")
    for meter in stay:
        expect(meter.ended is None and not meter.is_closed, f"n{meter.node} is no rank any more, though only n{victim} died")
        numbers = [int(entry[3].split()[0]) for entry in meter.log]
        expect(meter.skipped or numbers == list(range(numbers[0], stream.count)),
               f"n{meter.node} did not hear all that was said, once and in order: {len(numbers)} from {numbers[:3]} to {numbers[-3:]} of "
               f"{stream.count}, not next: {[pair for pair in zip(numbers, numbers[1:]) if pair[1] != pair[0] + 1][:5]}")
    expect_same(stay)
    calm_ns = max(meter.gap_before(killed[0]) for meter in stay)
    gap_ns = max(meter.gap_after(killed[0]) for meter in stay)
    lab.start(victim)
    lab.wait_view(list(NODES), len(NODES), PATIENCE_S)
    back = Meter(lab, victim)
    pump(stay + [back], lambda: back.session.view.epoch != 0, "a view")
    open_again(stay + [back], back)
    meters = sorted(stay + [back], key=lambda meter: meter.node)
    for meter in meters:
        # What one that came back was told to miss lies before what it hears from here on.
        meter.log = []
        meter.skipped = []
    return calm_ns, gap_ns, meters, stream.count


def spread(values_ns):
    values = sorted(value / 1e6 for value in values_ns)
    return {"min": values[0], "p50": values[len(values) // 2], "p90": values[int(len(values) * 0.9)], "max": values[-1]}


def run(kills, preset):
    calms, gaps = [], []
    with Lab(f"okl{os.getpid()}", len(NODES), "--preset", preset) as lab:
        lab.wait_view(list(NODES), len(NODES), PATIENCE_S)
        meters = open_all(lab)
        first = 0
        for number in range(kills):
            time.sleep(SETTLE_S)
            victim = 2 + number % 2
            calm_ns, gap_ns, meters, first = one_kill(lab, meters, victim, first)
            calms.append(calm_ns)
            gaps.append(gap_ns)
            print(f"# kill {number + 1} of n{victim}: {gap_ns / 1e6:.2f} ms without a delivery, {calm_ns / 1e6:.2f} before; {first} messages so far",
                  file=sys.stderr, flush=True)
    return {"kills": kills, "messages": first, "preset": preset, "gap_ms": spread(gaps), "calm_ms": spread(calms)}


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--kills":
        print(json.dumps(run(int(sys.argv[2]), "dpdk")))
        return 0
    # The preset paper bears that a shared machine stands still: nobody else is to be found dead.
    figures = run(2, "paper")
    print(f"ok - a rank is killed in the middle of a stream, and the others go on: {figures}")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main, peal.Error))
