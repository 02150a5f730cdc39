# SPDX-License-Identifier: BSD-3-Clause
"""What these tests share: where things are, daemons in namespaces, programs that run to their end, programs beside the
test of which it reads the output, programs that it talks to, and how a test ends. No test by itself."""
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
from labclient import PEAL_LAB, Lab, LabError, first_event  # noqa: E402,F401 (for who imports this)

BUILD = os.environ.get("PEAL_BUILD", os.path.join(ROOT, "build"))
LIBRARY = os.path.join(BUILD, "client", "libpeal.so.0")
PEALD = os.path.join(BUILD, "tools", "peald", "peald")
PEALCTL = os.path.join(BUILD, "tools", "pealctl", "pealctl")


def expect(condition, text):
    if not condition:
        raise LabError(text)


def expect_clean(lab, node):
    """Nothing was found by a sanitizer that the daemon was built with."""
    told = [line for line in lab.log(node).splitlines() if "Sanitizer" in line or "runtime error" in line]
    expect(not told, f"n{node} was found at fault: {told}")


def socket_of(lab, node):
    return f"{lab.state}/n{node}.sock"


def example(name):
    return os.path.join(BUILD, "examples", name)


def run(*command, seconds=60.0, code=0, **more):
    """What a program says; it ends with this code."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
                          check=False, **more)
    expect(done.returncode == code, f"{' '.join(command)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def pealctl(lab, node, *words):
    return run(PEALCTL, "-n", f"n{node}", *words, env={**os.environ, "RUNTIME_DIRECTORY": f"{lab.state}/run"})


# Who is started by a test ends with it, even if the test is killed.
TIED = ["setpriv", "--pdeathsig", "KILL", "--"]


class Beside:
    """A program that runs beside the test; its output is a file, which is read until something stands in it."""

    def __init__(self, *command, **more):
        self.command = command
        self.file = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*TIED, *command], stdout=self.file, stderr=subprocess.STDOUT, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.file.close()

    def text(self):
        with open(f"/proc/self/fd/{self.file.fileno()}", encoding="utf-8") as again:
            return again.read()

    def wait(self, pattern, timeout_s=10.0):
        end_s = time.monotonic() + timeout_s
        while True:
            found = re.search(pattern, self.text(), re.MULTILINE)
            if found:
                return found
            if time.monotonic() > end_s:
                raise LabError(f"'{pattern}' did not come of {' '.join(self.command)}: {self.text()}")
            time.sleep(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Partner:
    """A program that the test talks to; its lines come in order."""

    def __init__(self, *command):
        self.process = subprocess.Popen([*TIED, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, is_it, wanted, timeout_s):
        """The lines up to the first one that is it."""
        seen = []
        end_s = time.monotonic() + timeout_s
        while not seen or not is_it(seen[-1]):
            try:
                seen.append(self.lines.get(timeout=max(0.0, end_s - time.monotonic())))
            except queue.Empty:
                raise LabError(f"'{wanted}' did not come; there were {seen}") from None
        return seen

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=10.0)


def by_name(*stories):
    """Functions by their names, for `play`."""
    return [(story.__name__.replace("_", " "), story) for story in stories]


def play(stories, *arguments):
    """Calls each of them, (name, function), and says that it went well, how long it took, and what it returned."""
    for name, story in stories:
        begin_s = time.monotonic()
        try:
            said = story(*arguments)
        except LabError as error:
            raise LabError(f"{name}: {error}") from error
        print(f"ok - {name} ({time.monotonic() - begin_s:.1f} s) {said or ''}".rstrip(), flush=True)


def outcome(test, *failures):
    """Exit status of a test: its own, or that of one that failed, which is said."""
    try:
        return test() or 0
    except (LabError, *failures) as error:
        print(f"not ok - {error}")
        return 1


def outcome_as_root(test, *failures):
    """The same of one that needs network namespaces; without root it cannot run."""
    if os.geteuid() != 0:
        print("SKIP: network namespaces need root")
        return 77
    return outcome(test, *failures)
