# SPDX-License-Identifier: BSD-3-Clause
"""A lab of daemons as an object: starts and ends it with peal-lab, asks its nodes over telemetry."""
import json
import os
import signal
import socket
import subprocess
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PEAL_LAB = os.path.join(ROOT, "tools", "peal-lab")


class LabError(Exception):
    """Something of the lab did not do what it should; the text says what."""


class Lab:
    """`with Lab("name", 5) as lab:`. However the block ends, and even if this process is killed, a guard
    process takes the lab down."""

    def __init__(self, name, nodes_count, *options):
        self.name = name
        self.nodes_count = nodes_count
        self.options = options
        self.state = f"/run/peal-lab/{name}"
        self.guard = None

    def __enter__(self):
        # The guard reads a pipe that only this process holds: its end is the end of the lab.
        self.guard = subprocess.Popen(
            ["sh", "-c", f"trap '' INT TERM HUP; read -r line; '{PEAL_LAB}' --lab '{self.name}' down"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        try:
            self.run("up", str(self.nodes_count), *self.options)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.guard is not None:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            self.guard.stdin.close()
            self.guard.wait()
            self.guard = None
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def run(self, *arguments):
        done = subprocess.run([PEAL_LAB, "--lab", self.name, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise LabError((done.stderr or done.stdout).strip() or f"peal-lab {arguments[0]} failed")
        return done.stdout

    def start(self, node):
        """Starts the daemon of a node; returns the monotonic instant just before."""
        before_ns = time.monotonic_ns()
        self.run("start", str(node))
        return before_ns

    def kill(self, node):
        """SIGKILL; returns the monotonic instant just before it."""
        return json.loads(self.run("kill", str(node), "--json"))["monotonic_ns"]

    def pid(self, node):
        with open(f"{self.state}/n{node}.pid", encoding="ascii") as file:
            return int(file.read().split()[0])

    def log(self, node):
        with open(f"{self.state}/n{node}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, node, command, *parameters, timeout_s=10.0):
        """One telemetry question; the answer's dictionary, or None while the daemon is not there."""
        path = f"{self.state}/run/dpdk/n{node}/dpdk_telemetry.v2"
        line = f"/peal/{command},n{node}" + "".join(f",{value}" for value in parameters)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
                link.settimeout(timeout_s)
                link.connect(path)
                greeting = json.loads(link.recv(4096))
                link.send(line.encode())
                answer = json.loads(link.recv(greeting.get("max_output_len", 16384) + 4096))
        except (OSError, ValueError):
            return None
        answer = answer.get(f"/peal/{command}")
        if isinstance(answer, dict) and "starting or stopping" in answer.get("error", ""):
            return None
        if isinstance(answer, dict) and "error" in answer:
            raise LabError(f"n{node}: {answer['error']}")
        # What found no room in one dictionary of telemetry.
        if isinstance(answer, dict):
            answer.update(answer.pop("more", {}))
        return answer

    def insist(self, node, command, *parameters, timeout_s=30.0):
        """The same of a daemon that runs: it may have to wait for its processor, but it answers."""
        return self.wait(f"an answer of n{node} to {command}", lambda: self.ask(node, command, *parameters),
                         timeout_s)

    def view(self, node):
        """None while the daemon is not there."""
        return self.ask(node, "view")

    def own_view(self, node):
        """The view of a daemon that runs."""
        return self.insist(node, "view")

    def events(self, node, after=0):
        """All events with a number above `after`, in order."""
        found = []
        while True:
            page = self.ask(node, "events", after)
            if page is None:
                return found
            found += [page[key] for key in sorted((k for k in page if k.isdigit()), key=int)]
            if page["next"] >= page["last"] or page["next"] == after:
                return found
            after = page["next"]

    def agrees(self, nodes, members_count):
        """True when all these nodes are members of one view of that many."""
        hashes = set()
        for node in nodes:
            view = self.view(node)
            if view is None or view["members"] != members_count or view["state"] not in ("member", "leaving"):
                return False
            hashes.add(view["hash"])
        return len(hashes) == 1

    def wait(self, what, condition, timeout_s):
        """Polls every 5 ms until the condition gives something true; returns it."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            found = condition()
            if found:
                return found
            time.sleep(0.005)
        raise LabError(f"{what}: not within {timeout_s:g} s")

    def wait_view(self, nodes, members_count, timeout_s=60.0):
        self.wait(f"nodes {nodes} in one view of {members_count}",
                  lambda: self.agrees(nodes, members_count), timeout_s)


def first_event(events, kind, member=None, after_ns=0):
    for event in events:
        if event["event"] == kind and event["at_ns"] >= after_ns and member in (None, event["member"]):
            return event
    return None


def find_change(lab, survivors, member, after_ns):
    """Instants of a removal as the survivors saw it: (first detection, last install), or None so far."""
    detected, installed = [], []
    for node in survivors:
        events = lab.events(node)
        out = [event for event in events if event["member"] == member and event["at_ns"] >= after_ns and
               event["event"] in ("crashed", "left", "replaced")]
        if not out:
            return None
        installed.append(out[0]["at_ns"])
        seen = first_event(events, "detected", member, after_ns)
        if seen is not None:
            detected.append(seen["at_ns"])
    return (min(detected) if detected else None, max(installed))
