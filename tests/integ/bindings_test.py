#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What applications are written with, at two daemons in namespaces: the examples, C++, Python, and what pealctl says of
them all."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from integ import BUILD, LIBRARY, Beside, Lab, ROOT, by_name, example, expect, outcome_as_root, pealctl, play, run, socket_of

HOSTILE = os.path.join(BUILD, "tests", "hostile_client")
PINGS = 500
READINGS = 2000


def clients_of(lab, node):
    return json.loads(pealctl(lab, node, "clients", "--json"))["clients"]


def named(clients, name):
    return [client for client in clients if client["name"] == name]


def examples(lab):
    """A watcher and a reader at the one node, what they see at the other."""
    for name in ("adder", "chat", "watcher", "publisher", "latest", "pingpong"):
        with open(os.path.join(ROOT, "examples", f"{name}.c"), encoding="utf-8") as file:
            expect(len(file.readlines()) < 100, f"{name}.c is no small example any more")
    with Beside(example("watcher"), socket_of(lab, 1)) as watcher, \
            Beside(example("publisher"), socket_of(lab, 1)) as reader, \
            Beside(example("pingpong"), socket_of(lab, 1)):
        watcher.wait(r" view \d+\.[0-9a-f]{8}: 2 members, this node is \d+$")
        watcher.wait(r" member \d+ is here: 10\.\d+\.\d+\.\d+:\d+$")
        lab.wait("three applications", lambda: len(clients_of(lab, 1)) == 3, 5.0)
        # Who is attached need not hear yet.
        lab.wait("the reader to hear", lambda: run(example("publisher"), socket_of(lab, 2), "1") and reader.text(), 10.0)
        before = named(clients_of(lab, 1), "publisher")[0]["delivered"]
        said = run(example("publisher"), socket_of(lab, 2), str(READINGS))
        expect(said.endswith("ok\n") and "!" not in said, f"a publisher heard {said[-200:]}")
        number = lab.view(2)["member"]
        reader.wait(rf"^member {number}: {READINGS}$")
        expect("!" not in reader.text(), "a reading is missing")
        line = run(example("pingpong"), socket_of(lab, 2), str(PINGS)).strip()
        expect(re.fullmatch(rf"{PINGS} round trips of 64 bytes: p0 [\d.]+ p50 [\d.]+ p90 [\d.]+ p99 [\d.]+ "
                            r"p99\.9 [\d.]+ p100 [\d.]+ us", line), f"pingpong said {line}")
        print(f"# {line}")
        seen = {client["name"]: client for client in clients_of(lab, 1)}
        expect(seen["publisher"]["delivered"] == before + READINGS and
               seen["publisher"]["delivered_bytes"] == 8 * (before + READINGS) and
               seen["publisher"]["sent"] == 0, f"a reader is told of as {seen['publisher']}")
        expect(seen["pingpong"]["sent"] >= PINGS and seen["pingpong"]["sent_bytes"] == 64 * seen["pingpong"]["sent"],
               f"who answers is told of as {seen['pingpong']}")
    lab.wait("them to be gone", lambda: not clients_of(lab, 1), 5.0)


def clients(lab):
    """Who is there, what it does, and who was evicted and why."""
    with Beside(example("chat"), socket_of(lab, 1), stdin=subprocess.PIPE) as chat:
        chat.wait(r"^\* view ")
        found = lab.wait("a chat", lambda: named(clients_of(lab, 1), "chat"), 5.0)[0]
        expect(found["pid"] == chat.process.pid and found["user"] == 0 and found["state"] == "attached" and
               "reason" not in found, f"a chat is told of as {found}")
        chat.process.stdin.write(b"a line\n")
        chat.process.stdin.flush()
        chat.wait(r"^\d+: a line$")
        found = named(clients_of(lab, 1), "chat")[0]
        expect((found["sent"], found["sent_bytes"], found["delivered"], found["delivered_bytes"]) == (1, 6, 1, 6),
               f"a chat that said a line is told of as {found}")
        expect(re.search(rf"^ *{chat.process.pid} root +chat +attached .* 1 +6 +1 +6 +\d+ +\d+$",
                         pealctl(lab, 1, "clients"), re.MULTILINE), f"in text: {pealctl(lab, 1, 'clients')}")
        run(HOSTILE, socket_of(lab, 1), "deaf")
        run(HOSTILE, socket_of(lab, 1), "scribble", "3000000")
        gone = [client for client in clients_of(lab, 1) if client["state"] == "cut off"]
        expect({client["reason"] for client in gone} == {"slow", "violation"} and len(gone) <= 32,
               f"evicted were {gone}")
        expect("it did not read what it was sent" in pealctl(lab, 1, "clients") and
               "it said what cannot be" in pealctl(lab, 1, "clients"), "reasons are not named")
        expect([client["state"] for client in named(clients_of(lab, 1), "chat")] == ["attached"],
               "who said nothing wrong is gone")
    expect(pealctl(lab, 2, "clients").startswith("no application"), "there is one at the other node")
    with Beside("sh", "-c", f"for i in $(seq 40); do '{example('watcher')}' '{socket_of(lab, 2)}' & done; wait",
                start_new_session=True) as many:
        try:
            lab.wait("forty, which are more than a page",
                     lambda: len({client["pid"] for client in clients_of(lab, 2)}) == 40, 20.0)
        finally:
            os.killpg(many.process.pid, 9)
    lab.wait("forty to be gone", lambda: not clients_of(lab, 2), 10.0)


def values(lab):
    """Who comes later sees what is true now, and who is gone takes it along."""
    numbers = {node: lab.view(node)["member"] for node in (1, 2)}
    for text in ("old", "new"):
        run(example("latest"), socket_of(lab, 1), "3", text)
    with Beside(example("latest"), socket_of(lab, 2)) as reader:
        reader.wait(rf"^{numbers[1]}\.3 = new$")
        expect("old" not in reader.text(), "what is no more was told")
        run(example("latest"), socket_of(lab, 2), "15", "here")
        run(example("latest"), socket_of(lab, 1), "3", "")
        reader.wait(rf"^{numbers[2]}\.15 = here$")
        reader.wait(rf"^{numbers[1]}\.3 = $")
        said = run(example("latest"), socket_of(lab, 1), "16", "x", code=1)
        expect(said == "too big\n", f"a number that is none: {said}")


def readme(lab):
    """The application that the README shows, at both nodes."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = re.search(r"^```c\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL).group(1)
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "hello")
        run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"), "-x", "c", "-",
            "-x", "none", LIBRARY, f"-Wl,-rpath,{os.path.dirname(LIBRARY)}", "-o", program, input=text)
        both = [{**os.environ, "PEAL_SOCKET": socket_of(lab, node)} for node in (1, 2)]
        with Beside("stdbuf", "-oL", program, env=both[0]) as first:
            first.wait(r"^2 members\nhello$")
            with Beside("stdbuf", "-oL", program, env=both[1]) as second:
                second.wait(r"^2 members\nhello$")
                first.wait(r"^hello\nhello$")


def cplusplus(lab):
    with tempfile.TemporaryDirectory() as folder:
        for source in ("bindings/cpp/greeting.cc", "tests/integ/cpp_client.cc"):
            run("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
                "-I", os.path.join(ROOT, "include"), os.path.join(ROOT, source), LIBRARY,
                f"-Wl,-rpath,{os.path.dirname(LIBRARY)}", "-o", os.path.join(folder, os.path.basename(source)[:-3]))
        # Without exceptions there is still attach, and nothing else throws.
        run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-I",
            os.path.join(ROOT, "include"), os.path.join(ROOT, "include", "peal", "peal.hpp"))
        print("#", run(os.path.join(folder, "cpp_client"), socket_of(lab, 1), socket_of(lab, 2)).strip())
        greeting = os.path.join(folder, "greeting")
        with Beside(greeting, socket_of(lab, 1), "stay"):
            lab.wait("somebody to greet", lambda: named(clients_of(lab, 1), "greeting"), 5.0)
            # Who is attached need not listen yet.
            said = lab.wait("a greeting", lambda: run(greeting, socket_of(lab, 2)), 10.0)
        expect(said == f"{lab.view(1)['member']}: hello yourself\n", f"greeted by {said}")
        said = run(greeting, "/nonexistent", code=1)
        expect("no daemon" in said and "/nonexistent" in said, f"without a daemon: {said}")


def python(lab):
    environment = {**os.environ, "PEAL_LIBRARY": LIBRARY, "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONPATH": os.path.join(ROOT, "bindings", "python")}
    print("#", run(sys.executable, os.path.join(ROOT, "tests", "integ", "python_client.py"),
                   os.path.join(ROOT, "include", "peal"), socket_of(lab, 1), socket_of(lab, 2),
                   env=environment).strip())
    tally = os.path.join(ROOT, "bindings", "python", "tally.py")
    with Beside(sys.executable, tally, socket_of(lab, 1), "tea", env=environment) as first, \
            Beside(sys.executable, tally, socket_of(lab, 2), "coffee", env=environment) as second:
        for one in (first, second):
            one.wait(r"^view \d+: coffee 1 tea 1$")
    room(lab, environment)


def room(lab, environment):
    """The room in Python and that in C are one."""
    script = os.path.join(ROOT, "bindings", "python", "room.py")
    with Beside(example("room"), "tea", socket_of(lab, 1), stdin=subprocess.PIPE) as first:
        first.wait(r"^\* \(\d+, \d+\): (\d+\.\d+) and I am \1$")
        with Beside(sys.executable, script, "tea", socket_of(lab, 2), stdin=subprocess.PIPE, env=environment) as second:
            view, mine = second.wait(r"^\* (\(\d+, \d+\): \d+\.\d+ \d+\.\d+) and I am (\d+\.\d+)$").groups()
            first.wait(rf"^\* {re.escape(view)} and I am ")
            first.wait(rf"^\* {mine} is here$")
            for one in (first, second):
                one.process.stdin.write(b"a line\n")
                one.process.stdin.flush()
                for each in (first, second):
                    each.wait(rf"^{mine if one is second else view.split()[2]}: a line$")
            second.process.stdin.write(b"/leave\nto nobody\n")
            second.process.stdin.flush()
            second.wait(r"^\* out, left; 0 lines may be lost$")
            second.wait(r"^\* not said")
            first.wait(rf"^\* {mine} has left$")
            second.process.stdin.close()
            expect(second.process.wait(10) == 0, f"a room ended with {second.process.returncode}: {second.text()}")


def package(lab):
    """Installed by pip from a copy of the folder, without a network, it is what the loader finds."""
    able = "import setuptools as s, pip; assert int(s.__version__.split('.')[0]) > 70 or __import__('wheel')"
    pythons = [name for name in (sys.executable, "/usr/bin/python3")
               if subprocess.run([name, "-c", able], stderr=subprocess.DEVNULL, check=False).returncode == 0]
    if not pythons:
        return "# SKIP no Python here has pip, setuptools and wheel; see tools/dev/install-deps"
    with tempfile.TemporaryDirectory() as folder:
        copy, target = os.path.join(folder, "copy"), os.path.join(folder, "target")
        shutil.copytree(os.path.join(ROOT, "bindings", "python"), copy)
        run(pythons[0], "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-cache-dir",
            "--disable-pip-version-check", "--root-user-action=ignore", "--target", target, copy)
        said = run(pythons[0], "-c", "import peal, sys\nwith peal.Session(sys.argv[1]) as s: print(peal.__file__, s.next(5).kind)",
                   socket_of(lab, 1), cwd="/", env={**os.environ, "PYTHONPATH": target,
                                                    "LD_LIBRARY_PATH": os.path.dirname(LIBRARY)})
        expect(said.startswith(os.path.join(target, "peal")), f"the package says {said}")
    return ""


def main():
    with Lab(f"bind{os.getpid()}", 2) as lab:
        lab.wait_view([1, 2], 2, 10.0)
        play(by_name(examples, clients, values, readme, cplusplus, python, package), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main, subprocess.TimeoutExpired))
