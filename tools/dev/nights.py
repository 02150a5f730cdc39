#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keeps tests/sim/nights.jsonl, the record of what simulated worlds all nights have run, and runs more of them.

    nights.py                                  what has been run, and what failed
    nights.py run [OPTION]... 'RUN':SEEDS...   SEEDS fresh seeds of each RUN, in turns by their shares of the whole
    nights.py mended [OPTION]... 'RUN' SEED WHY
                                               runs a seed that failed; when it holds now, moves it to seeds.txt

RUN is a scenario and its options, such as "talk" or "crash --nodes 300 --faulty 10".

    --minutes M      start nothing new after M minutes; what was run by then is in the same shares
    --jobs N         programs at a time (default: 1)
    --program PATH   the simulator, built from this checkout (default: build/tools/peal-sim/peal-sim)
    --record PATH    the record (default: tests/sim/nights.jsonl)

Each line of the record is what one RUN had at one commit: seeds, how many, those that failed, and those that failed and
hold since. A plus behind the commit: what is simulated had been changed since and was not committed. Fresh seeds are those
above all that the record has of the RUN. Exit status: 0, 1 when a seed failed, 2 for a wrong argument.
"""
import argparse
import collections
import concurrent.futures
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
RECORD_PATH = os.path.join(ROOT, "tests", "sim", "nights.jsonl")
MENDED_PATH = os.path.join(ROOT, "tests", "sim", "seeds.txt")
PROGRAM_PATH = os.path.join(ROOT, "build", "tools", "peal-sim", "peal-sim")
# Seeds below are those of tests, figures and documents.
FRESH_FROM = 1000001
# What a simulated world consists of; a commit that touches nothing of it changes no run.
SIMULATED = ("abcast", "base", "control", "dataplane", "membership", "shm", "sim", "wire")
# About what one call of the simulator may take, and the most.
CALL_SECONDS = 20
# That says nothing of the seed.
ENDED_FROM_OUTSIDE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
CALL_SECONDS_MAX = 14400


def ranges_of(text):
    """[(first, last)] of "1..5,9..9"."""
    return [tuple(int(end) for end in part.split("..")) for part in text.split(",") if part]


def text_of(ranges):
    return ",".join(f"{first}..{last}" for first, last in ranges)


def union(ranges):
    """The same seeds in order, each once, neighbours as one range."""
    whole = []
    for first, last in sorted(ranges):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(whole[-1][1], last))
        else:
            whole.append((first, last))
    return whole


def count_of(ranges):
    return sum(last - first + 1 for first, last in union(ranges))


class Record:
    """One entry for each run and commit. A file with two lines of one key, as a merge leaves it, means both."""

    def __init__(self, path=RECORD_PATH):
        self.path = path
        self.entries = {}
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    entry = json.loads(line)
                    self.add(entry["run"], entry["commit"], ranges_of(entry["seeds"]), entry.get("failed", ()),
                             entry.get("mended", ()))
        except FileNotFoundError:
            pass

    def add(self, name, commit, ranges, failed=(), mended=()):
        entry = self.entries.setdefault((name, commit), {"ranges": [], "failed": set(), "mended": set()})
        entry["ranges"] = union(entry["ranges"] + list(ranges))
        entry["mended"] |= set(mended)
        entry["failed"] = (entry["failed"] | set(failed)) - entry["mended"]

    def lines(self):
        for (name, commit), entry in sorted(self.entries.items()):
            line = {"run": name, "commit": commit, "count": count_of(entry["ranges"]), "seeds": text_of(entry["ranges"])}
            line.update((key, sorted(entry[key])) for key in ("failed", "mended") if entry[key])
            yield json.dumps(line) + "\n"

    def write(self):
        """Whoever reads meanwhile sees the old file or the new one."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=os.path.dirname(self.path), prefix=".nights",
                                         delete=False) as file:
            file.writelines(self.lines())
        os.chmod(file.name, 0o644)
        os.replace(file.name, self.path)

    def names(self):
        return sorted({name for name, _ in self.entries})

    def seeds(self, name, is_of_commit=lambda commit: True):
        """Ranges of seeds of a run, of some commits."""
        return union([one for (other, commit), entry in self.entries.items()
                      if other == name and is_of_commit(commit) for one in entry["ranges"]])

    def failed(self, name):
        return sorted({seed for (other, _), entry in self.entries.items() if other == name for seed in entry["failed"]})

    def fresh(self, name):
        """The first seed that no night had."""
        return max([FRESH_FROM, *(last + 1 for _, last in self.seeds(name))])

    def mend(self, name, seed):
        """Moves a seed out of those that failed; returns whether it was there."""
        found = False
        for (other, _), entry in self.entries.items():
            if other == name and seed in entry["failed"]:
                found = True
                entry["failed"].remove(seed)
                entry["mended"].add(seed)
        return found


class Change:
    """`with Change(path) as record`: reads, and writes when all went well; one process at a time."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        folder, name = os.path.split(self.path)
        self.lock = open(os.path.join(tempfile.gettempdir(), f"peal-{re.sub('[^a-z0-9]+', '-', folder)}-{name}.lock"), "w",
                         encoding="utf-8")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.record = Record(self.path)
        return self.record

    def __exit__(self, kind, *_):
        if kind is None:
            self.record.write()
        self.lock.close()


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else None


def commit_now():
    """Of what is simulated: the commit of this checkout, with a plus when it has changed since."""
    commit = git("rev-parse", "--short=12", "HEAD")
    if commit is None:
        return "unknown"
    return commit + ("" if git("status", "--porcelain", "--", *SIMULATED) == "" else "+")


def is_same_code(commit):
    """Nothing that is simulated has changed since that commit."""
    return git("diff", "--quiet", commit, "--", *SIMULATED) is not None


# What one range came to: its seeds that failed, the counters of all, and what was said about failures.
Result = collections.namedtuple("Result", "ranges failed counters said")
EMPTY = Result([], [], collections.Counter(), "")


def both(one, other):
    return Result(union(one.ranges + other.ranges), one.failed + other.failed, one.counters + other.counters,
                  one.said + other.said)


def run_range(program, name, first, last):
    """All seeds of a range, also when the simulator dies of one. Raises when it cannot be started or does not end."""
    with tempfile.NamedTemporaryFile(prefix="peal-nights-", suffix=".json") as figures:
        done = subprocess.run([program, "run", "--scenario", *name.split(), "--seeds", f"{first}..{last}", "--json",
                               figures.name], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=CALL_SECONDS_MAX)
        text = figures.read()
    said = "" if done.returncode == 0 else done.stdout
    if done.returncode == 2:
        raise ValueError(done.stdout.strip())
    if -done.returncode in ENDED_FROM_OUTSIDE:
        raise ValueError(f"{name}: somebody ended the simulator ({signal.Signals(-done.returncode).name})")
    if text:
        result = json.loads(text)
        if result["failed_runs"] == len(result["failed_seeds"]):
            return Result([(first, last)], result["failed_seeds"], collections.Counter(result["counters"]), said)
    elif first == last:
        return Result([(first, last)], [first], collections.Counter(), said)
    # It names only the first that failed; or it died.
    middle = (first + last) // 2
    return both(run_range(program, name, first, middle), run_range(program, name, middle + 1, last))


def run_plan(plan, program, path=RECORD_PATH, minutes=None, jobs=1, first=None, on_result=None):
    """Runs {name: count} and notes it, in turns, so that all go forward by the same share. Seeds are fresh, or begin with
    `first`. `on_result(name, result)` is called with each range, never twice at a time. Returns {name: Result}."""
    commit = commit_now()
    record = Record(path)
    began = time.monotonic()
    lock = threading.Lock()
    is_over = threading.Event()
    begins = {name: record.fresh(name) if first is None else first for name in plan}
    given = dict.fromkeys(plan, 0)
    speeds = {}
    results = dict.fromkeys(plan, EMPTY)

    def take():
        """The next range of the run that is furthest behind."""
        if is_over.is_set() or minutes is not None and time.monotonic() - began > 60 * minutes:
            return None
        name = min(plan, key=lambda name: (given[name] / plan[name], name))
        left = plan[name] - given[name]
        if left == 0:
            return None
        # A hundredth of the plan, but neither much longer nor much shorter than what a call should take.
        fitting = int(speeds[name] * CALL_SECONDS) if name in speeds else 1
        count = max(1, min(left, fitting, max(plan[name] // 100, fitting // 10)))
        start = begins[name] + given[name]
        given[name] += count
        return name, start, start + count - 1

    def work():
        while True:
            with lock:
                task = take()
            if task is None:
                return
            name, start, last = task
            started = time.monotonic()
            result = run_range(program, name, start, last)
            took = max(time.monotonic() - started, 1e-3)
            with lock:
                speeds[name] = (last - start + 1) / took
                results[name] = both(results[name], result)
                with Change(path) as record:
                    record.add(name, commit, result.ranges, result.failed)
                if on_result is not None:
                    on_result(name, result)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for worker in [pool.submit(work) for _ in range(jobs)]:
                worker.result()
        finally:
            # Whoever ends a night waits for the ranges that were begun, and they count.
            is_over.set()
    return results


def gathered(is_asked, path=RECORD_PATH):
    """What nights have run of the scenarios asked for; how much of it with what is simulated now; what still fails."""
    record = Record(path)
    names = [name for name in record.names() if is_asked(name.split()[0])]
    same = {commit for _, commit in record.entries if is_same_code(commit)}
    return {"seeds": sum(count_of(record.seeds(name)) for name in names),
            "of_this_code": sum(count_of(record.seeds(name, same.__contains__)) for name in names),
            "failed": sum(len(record.failed(name)) for name in names)}


def show(path):
    record = Record(path)
    same = {commit for _, commit in record.entries if is_same_code(commit)}
    print(f"{'run':<40} {'seeds':>8} {'of this code':>13}  failed")
    for name in record.names():
        print(f"{name:<40} {count_of(record.seeds(name)):>8} {count_of(record.seeds(name, same.__contains__)):>13}  "
              f"{' '.join(str(seed) for seed in record.failed(name))}".rstrip())


def mended(program, path, name, seed, why, mended_path=MENDED_PATH):
    """Returns what is wrong, or None."""
    if seed not in Record(path).failed(name):
        return f"{name} has no seed {seed} that failed"
    if "\n" in why or not why.strip():
        return "say in one line what was wrong"
    result = run_range(program, name, seed, seed)
    if result.failed:
        return f"{name}, seed {seed} still fails:\n{result.said}"
    words = shlex.split(name)
    options = dict(zip(words[1::2], words[2::2]))
    with tempfile.NamedTemporaryFile(prefix="peal-nights-", suffix=".json") as figures:
        subprocess.run([program, "run", "--scenario", *words, "--seed", str(seed), "--json", figures.name], check=True,
                       cwd=ROOT, stdout=subprocess.DEVNULL)
        world = json.load(figures)
    with Change(path) as record:
        record.mend(name, seed)
    if set(options) - {"--nodes", "--preset"}:
        print(f"seeds.txt has no place for the options of {name}: keep it as a script")
        return None
    with open(mended_path, "a", encoding="utf-8") as file:
        file.write(f"{words[0]} {world['nodes']} {world['preset']} {seed} # {why}\n")
    return None


def plan_of(words):
    plan = {}
    for word in words:
        match = re.fullmatch(r"([a-z][\w-]*(?: [\w%-]+)*):([1-9]\d*)", word)
        if match is None:
            raise ValueError(f"'{word}': expected a run and how many seeds, such as talk:1000")
        plan[match.group(1)] = plan.get(match.group(1), 0) + int(match.group(2))
    return plan


def run_command(words):
    parser = argparse.ArgumentParser(prog="nights.py run", add_help=False)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--program", default=PROGRAM_PATH)
    parser.add_argument("--record", default=RECORD_PATH)
    parser.add_argument("plan", nargs="+")
    options = parser.parse_args(words)

    def say(name, result):
        if result.failed:
            print(f"--- {name}, seeds {result.failed}\n{result.said}", flush=True)

    try:
        plan = plan_of(options.plan)
        results = run_plan(plan, os.path.abspath(options.program), os.path.abspath(options.record), options.minutes,
                           options.jobs, on_result=say)
    except (OSError, ValueError) as error:
        print(f"nights.py: {error}", file=sys.stderr)
        return 2
    for name, result in results.items():
        print(f"{name}: {count_of(result.ranges)} seeds, {len(result.failed)} failed")
    return 1 if any(result.failed for result in results.values()) else 0


def mended_command(words, mended_path=MENDED_PATH):
    parser = argparse.ArgumentParser(prog="nights.py mended", add_help=False)
    parser.add_argument("--program", default=PROGRAM_PATH)
    parser.add_argument("--record", default=RECORD_PATH)
    parser.add_argument("run")
    parser.add_argument("seed", type=int)
    parser.add_argument("why")
    options = parser.parse_args(words)

    try:
        wrong = mended(os.path.abspath(options.program), os.path.abspath(options.record), options.run, options.seed, options.why,
                       mended_path)
    except OSError as error:
        wrong = error
    if wrong:
        print(f"nights.py: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


def main(words):
    if "-h" in words or "--help" in words:
        print(__doc__.strip())
        return 0
    if not words:
        show(RECORD_PATH)
        return 0
    if words[0] == "run":
        return run_command(words[1:])
    if words[0] == "mended":
        return mended_command(words[1:])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
