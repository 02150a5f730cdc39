#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A DPDK application with a node inside, examples/dpdk/embedded, in a group with two daemons: they start together,
talk, and each end that the application can have is seen by the others for what it is.

The preset cloud bears that a shared machine stands still for a while: nobody is to be found dead for that."""
import os
import signal
import sys
import time

from integ import BUILD, Lab, LabError, Partner, example, expect, outcome_as_root, socket_of

CHAT = example("chat")
EMBEDDED = os.path.join(BUILD, "examples", "dpdk", "embedded")
NODE = 3
ALL = [1, 2, NODE]
PATIENCE_S = 60.0
# Some probe intervals: a member of which nothing was heard yet since its view began is given 30 s to begin.
HEARD_S = 2.0
TRIES_COUNT = 5


class Program(Partner):
    """One that signals end."""

    def wait(self, wanted):
        """The lines up to the one that begins like this."""
        return self.wait_for(lambda line: line.startswith(wanted), wanted, PATIENCE_S)

    def end(self, number):
        """How it ends after this signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def chat_at(lab, node):
    return Program(CHAT, socket_of(lab, node))


def write_config(lab, **changes):
    """That of the lab without what is for peald alone."""
    lines = []
    with open(f"{lab.state}/n{NODE}.yaml", encoding="ascii") as file:
        for line in file:
            key = line.split(":")[0]
            if key != "memory_mb":
                lines.append(f"{key}: {changes[key]}\n" if key in changes else line)
    with open(f"{lab.state}/embedded.yaml", "w", encoding="ascii") as file:
        file.writelines(lines)


def start(lab, *more):
    """The application in the namespace of its node, where Ctrl-C means what it means to a program in a terminal."""
    cpu = min(os.sched_getaffinity(0))
    return Program("ip", "netns", "exec", f"{lab.name}-n{NODE}", "env", "--default-signal",
                   f"RUNTIME_DIRECTORY={lab.state}/run", EMBEDDED, "--no-pci", "--no-huge", "-m", "64", "--no-shconf",
                   "--iova-mode=va", f"--file-prefix=n{NODE}", f"--lcores=0@{cpu}", "--log-level=error", *more, "--",
                   f"{lab.state}/embedded.yaml")


def started(lab, *more):
    """Once it is in the group. A door that got no turn of the processor within a second is not waited for by libpeal,
    and the example ends then; that is the machine's doing."""
    for _ in range(TRIES_COUNT):
        application = start(lab, *more)
        try:
            lab.wait("the application in a view of three",
                     lambda one=application: one.process.poll() is not None or lab.agrees(ALL, 3), PATIENCE_S)
        except LabError as error:
            raise LabError(f"{error}; the application said {list(application.lines.queue)}") from None
        if application.process.poll() is None:
            application.wait("- view ")
            return application
        application.wait("no welcome came")
    raise LabError("no attachment in time, each time")


def together(lab):
    """A cold start of two daemons and the application."""
    lab.start(1)
    lab.start(2)
    return started(lab)


def talk(lab, application):
    numbers = {node: lab.own_view(node)["member"] for node in ALL}
    chats = {node: chat_at(lab, node) for node in ALL}
    try:
        for node, chat in chats.items():
            chat.wait(f"* {max(numbers.values())} is here")
            chat.say("here")  # who hears itself hears the others
            chat.wait(f"{numbers[node]}: here")
        chats[1].say("from a daemon")
        for listener in (application, *chats.values()):
            listener.wait(f"{numbers[1]}: from a daemon")
        application.say("from the application")
        for listener in (application, *chats.values()):
            listener.wait(f"{numbers[NODE]}: from the application")
        chats[NODE].say(f"/to {numbers[2]} a word")
        chats[2].wait(f"{numbers[NODE]} to me: a word")
    finally:
        for chat in chats.values():
            chat.close()


def leaves(lab, application):
    number = lab.own_view(NODE)["member"]
    far, near = chat_at(lab, 1), chat_at(lab, NODE)
    try:
        far.wait(f"* {number} is here")
        near.wait("* view ")
        expect(application.end(signal.SIGINT) == 0, "it did not end well")
        application.wait("- ended: 3")
        far.wait(f"* {number} has left")
        near.wait("* closed")
    finally:
        far.close()
        near.close()
    lab.wait_view([1, 2], 2, PATIENCE_S)
    expect(not os.path.exists(socket_of(lab, NODE)), "its socket is still there")


def stands_still(lab, application):
    """The group goes on without one that does not poll, and takes it back when it does."""
    before = lab.own_view(NODE)["member"]
    time.sleep(HEARD_S)
    application.process.send_signal(signal.SIGSTOP)
    try:
        lab.wait_view([1, 2], 2, PATIENCE_S)
    finally:
        application.process.send_signal(signal.SIGCONT)
    lab.wait_view(ALL, 3, PATIENCE_S)
    expect(lab.own_view(NODE)["member"] > before, "it has the number of its former life")
    expect(application.process.poll() is None, "it has ended for that")


def crashes(lab, application):
    number = lab.own_view(NODE)["member"]
    far, near = chat_at(lab, 1), chat_at(lab, NODE)
    try:
        far.wait(f"* {number} is here")
        near.wait("* view ")
        time.sleep(HEARD_S)
        application.end(signal.SIGKILL)
        near.wait("* closed")
        far.wait(f"* {number} has crashed")
    finally:
        far.close()
        near.close()
    lab.wait_view([1, 2], 2, PATIENCE_S)


def again(lab, **changes):
    """Another life of the application, with another configuration perhaps."""
    write_config(lab, **changes)
    return started(lab)


def lends_a_port(lab):
    """A device that the application made itself; the node takes it by its name."""
    write_config(lab, device="net_af_packet5", device_args='""')
    with open(f"{lab.state}/embedded.yaml", encoding="ascii") as file:
        lines = [line for line in file if not line.startswith("device_args")]
    with open(f"{lab.state}/embedded.yaml", "w", encoding="ascii") as file:
        file.writelines(lines)
    return started(lab, f"--vdev=net_af_packet5,iface=peal{NODE},qdisc_bypass=1")


def refused(lab):
    """It says why in words, and ends."""
    with open(f"{lab.state}/embedded.yaml", "a", encoding="ascii") as file:
        file.write("memory_mb: 64\n")
    application = start(lab)
    application.wait(f"{lab.state}/embedded.yaml")
    expect(application.process.wait(timeout=PATIENCE_S) == 1, "a configuration for peald was no failure")


def tell(what, begin_s):
    print(f"ok - {what} ({time.monotonic() - begin_s:.1f} s)")
    return time.monotonic()


def run(lab):
    begin_s = time.monotonic()
    write_config(lab)
    application = together(lab)
    begin_s = tell("an application and two daemons form a group", begin_s)
    talk(lab, application)
    begin_s = tell("they talk", begin_s)
    expect(lab.ask(NODE, "stats") is not None, "pealctl does not find the node in the application")
    leaves(lab, application)
    begin_s = tell("Ctrl-C leaves the group", begin_s)
    application = again(lab, idle="dedicated")
    talk(lab, application)
    begin_s = tell("it comes back, with an lcore that never sleeps", begin_s)
    stands_still(lab, application)
    begin_s = tell("it stands still, and comes back", begin_s)
    crashes(lab, application)
    begin_s = tell("SIGKILL is a crash", begin_s)
    application = lends_a_port(lab)
    talk(lab, application)
    leaves(lab, application)
    begin_s = tell("it comes back with a port of its own", begin_s)
    refused(lab)
    tell("what is for peald is refused", begin_s)


def main():
    with Lab(f"embd{os.getpid()}", 3, "--preset", "cloud", "--no-start") as lab:
        run(lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
