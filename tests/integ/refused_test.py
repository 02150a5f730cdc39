#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Daemons that a group does not take, or took and removed: each says why, and the group is as it was."""
import json
import os
import signal
import subprocess
import sys
import time

from integ import PEALCTL, PEALD, Lab, LabError, expect, first_event, outcome_as_root, play

STRANGER = 4
GROUP = [1, 2, 3]
EXIT_REFUSED, EXIT_REMOVED = 4, 5
ATTEMPTS_MAX = 5


class Stranger:
    """The daemon of the node that is not in the group, with some lines of its configuration replaced, or left out."""

    def __init__(self, lab, **changes):
        self.lab = lab
        path = f"{lab.state}/n{STRANGER}.yaml"
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        lines = [line for line in lines if line.split(":")[0] not in changes]
        lines += [f"{key}: {value}" for key, value in changes.items() if value is not None]
        self.config = f"{lab.state}/stranger.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.environment = dict(os.environ, RUNTIME_DIRECTORY=f"{lab.state}/run")
        self.process = None

    def __enter__(self):
        # It ends with this process, however that ends.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", f"{self.lab.name}-n{STRANGER}", PEALD, "--config", self.config],
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, timeout_s=60.0):
        """Waits for the end of the daemon: exit status, standard output, standard error."""
        try:
            out, error = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"the daemon did not end within {timeout_s:g} s") from late
        return self.process.returncode, out, error

    def ctl(self, *arguments):
        """One answer of pealctl --json, or None when the daemon is not there."""
        done = subprocess.run([PEALCTL, "-n", f"n{STRANGER}", "--json", *arguments], env=self.environment,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def watch(self):
        """pealctl watch --json, which ends with the daemon."""
        return subprocess.Popen([PEALCTL, "-n", f"n{STRANGER}", "--json", "watch"], env=self.environment,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def snapshot(lab):
    """What must not change, of each member of the group."""
    return [(view["epoch"], view["hash"], view["members"]) for view in map(lab.own_view, GROUP)]


def total(lab, counter):
    return sum(lab.insist(node, "stats")[counter] for node in GROUP)


def refused_once(lab, changes, sentence):
    """A daemon with other parameters: what it says, and how it ends. Returns its events, none when it was gone before
    anybody had asked: it stays for a second only."""
    with Stranger(lab, **changes) as stranger:
        def look():
            view = stranger.ctl("view")
            return stranger.process.poll() is not None or (view is not None and view["state"] == "refused" and view)
        view = lab.wait("the daemon to be refused", look, 60.0)
        expect(view is True or (view["epoch"] == 0 and view["members"] == 0), "a node that was refused has a view")
        watch = stranger.watch()
        status, out, error = stranger.end()
        events = [json.loads(line) for line in watch.communicate(timeout=60.0)[0].splitlines()]
    expect(status == EXIT_REFUSED, f"it ended with {status}, not {EXIT_REFUSED}")
    expect(f"peald: refused: {sentence}\n" in error, f"expected '{sentence}' on standard error: {error}")
    expect(sentence in out and "ended; the group refused this node" in out, f"standard output: {out}")
    return [] if view is True else events


def refused(lab, changes, sentence, parameter, own, group):
    """The same in words and as JSON, and what the group thinks of it."""
    before, refusals, events = snapshot(lab), total(lab, "joins_refused"), []
    for _ in range(ATTEMPTS_MAX):
        events = events or refused_once(lab, changes, sentence)
    told = [event for event in events if event["event"] == "refused" and event["parameter"] == parameter]
    expect(len(told) == 1 and told[0]["own"] == own and told[0]["value"] == group and
           told[0]["text"] == f"refused: {sentence}", f"events of {parameter}: {told}")
    expect(snapshot(lab) == before, "the group changed")
    expect(total(lab, "joins_refused") > refusals, "no member counted the refusal")


def unanswered(lab, changes, counter):
    """A daemon that the group does not even understand: it says that nobody answers, and goes on asking."""
    before, refusals = snapshot(lab), total(lab, counter)
    with Stranger(lab, **changes) as stranger:
        event = lab.wait("the daemon to say that nobody answers",
                         lambda: first_event(lab.events(STRANGER), "unanswered"), 60.0)
        expect("no seed answers" in event["text"], event["text"])
        view = stranger.ctl("view")
        expect(view is not None and view["state"] == "joining", "it does not ask any more")
        stranger.process.send_signal(signal.SIGTERM)
        status, out, _ = stranger.end()
    expect(status == 0 and "no seed answers" in out, f"it ended with {status}: {out}")
    expect(snapshot(lab) == before, "the group changed")
    expect(total(lab, counter) > refusals, f"no member counted {counter}")


def unreachable(lab):
    """One member does not reach the joiner, though the joiner reaches it: it says which one, and waits for the link."""
    before = snapshot(lab)
    lab.run("cut", "3", str(STRANGER), "--one-way")
    with Stranger(lab) as stranger:
        event = lab.wait("the daemon to say who does not reach it",
                         lambda: first_event(lab.events(STRANGER), "unreachable"), 60.0)
        expect(event["address"] == "10.77.0.3:7400" and "does not reach this node" in event["text"], str(event))
        view = stranger.ctl("view")
        expect(view is not None and view["state"] == "joining", "it does not ask any more")
        expect(snapshot(lab) == before, "the group changed")
        lab.run("heal")
        lab.wait_view([*GROUP, STRANGER], 4)
        named = [event["address"] for event in lab.events(STRANGER) if event["event"] == "unreachable"]
        expect(named == ["10.77.0.3:7400"], f"named: {named}")
        stranger.process.send_signal(signal.SIGTERM)
        status, _, _ = stranger.end()
        expect(status == 0, f"it ended with {status}")
    lab.wait_view(GROUP, 3)


def removed(lab, rejoin):
    """A member that stands still is removed; when it goes on it learns that, and comes back as another or ends."""
    policy = {"slow_member": "evict", "evict_ms": 60000} if rejoin else {}
    with Stranger(lab, rejoin="true" if rejoin else "false", **policy) as stranger:
        lab.wait_view([*GROUP, STRANGER], 4)
        time.sleep(2.0)  # newcomers that nobody has heard yet are given time
        before = lab.own_view(STRANGER)
        expect([before["slow_member"], before.get("evict_ms")] == (["evict", 60000] if rejoin else ["block", None]),
               f"the view does not show the policy of broadcasts: {before}")
        member, after = before["member"], before["now_ns"]
        stranger.process.send_signal(signal.SIGSTOP)
        lab.wait_view(GROUP, 3, 90.0)
        time.sleep(0.5)
        stranger.process.send_signal(signal.SIGCONT)
        if rejoin:
            lab.wait_view([*GROUP, STRANGER], 4)
            expect(lab.own_view(STRANGER)["member"] > member, "it came back under its old number")
            kicked = first_event(lab.events(STRANGER), "kicked", after_ns=after)
            expect(kicked is not None and "the group removed this node" in kicked["text"],
                   f"it was not told that it is out: {kicked}")
            stranger.process.send_signal(signal.SIGTERM)
            status, _, _ = stranger.end()
            expect(status == 0, f"it ended with {status}")
        else:
            status, out, _ = stranger.end()
            expect(status == EXIT_REMOVED and "the group removed this node and rejoin is false" in out,
                   f"it ended with {status}: {out}")
    lab.wait_view(GROUP, 3)


def other_key(lab):
    path = f"{lab.state}/other-key"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(os.urandom(32))
    return {"key": path}


STORIES = (
    ("other rings", lambda lab: refused(
        lab, {"rings": 6}, "rings is 6 here and 10 in the group; configure rings: 10", "rings", 6, 10)),
    ("other room", lambda lab: refused(
        lab, {"members_max": 64}, "members_max is 64 here and 1024 in the group; configure members_max: 1024",
        "members_max", 64, 1024)),
    ("other preset", lambda lab: refused(
        lab, {"preset": "paper"},
        "probes are 1000000 us apart here and 500000 us in the group; configure preset: cloud",
        "interval_us", 1000000, 500000)),
    ("other cluster", lambda lab: unanswered(lab, {"cluster": "elsewhere"}, "refused_cluster")),
    ("other key", lambda lab: unanswered(lab, other_key(lab), "refused_tag")),
    ("no encryption", lambda lab: unanswered(lab, {"key": None, "encryption": "none"}, "refused_key")),
    ("out of reach", unreachable),
    ("removed, rejoins", lambda lab: removed(lab, True)),
    ("removed, does not rejoin", lambda lab: removed(lab, False)),
)


def main():
    os.environ["PEALD"], os.environ["PEALCTL"] = PEALD, PEALCTL
    # The preset cloud bears that a shared machine stands still for a while.
    with Lab(f"refused{os.getpid()}", STRANGER, "--preset", "cloud", "--expect", "3", "--no-start") as lab:
        lab.run("start", *map(str, GROUP))
        lab.wait_view(GROUP, 3)
        play(STORIES, lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
