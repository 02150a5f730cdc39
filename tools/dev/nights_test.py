#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of nights: the record, with a simulator that is a script."""
import contextlib
import io
import json
import os
import stat
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
import nights  # noqa: E402

# Fails the seeds of FAILS, dies of those of DIES, and names at most two, as peal-sim names sixteen.
SIMULATOR = """#!/usr/bin/env python3
import json, os, sys
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
if words["--scenario"] == "nothing":
    sys.exit(2)
first, last = words["--seeds"].split("..") if "--seeds" in words else [words["--seed"]] * 2
seeds = range(int(first), int(last) + 1)
listed = lambda name: [int(seed) for seed in os.environ.get(name, "").split()]
with open(os.environ["CALLS"], "a") as file:
    file.write(f"{words['--scenario']} {first} {last}\\n")
if set(seeds) & set(listed("DIES")):
    os.abort()
if set(seeds) & set(listed("ENDED")):
    os.kill(os.getpid(), 15)  # SIGTERM
failed = [seed for seed in seeds if seed in listed("FAILS")]
print("wrong:", failed)
with open(words["--json"], "w") as file:
    json.dump({"failed_runs": len(failed), "failed_seeds": failed[:2], "counters": {"frames": len(seeds)},
        "nodes": 5, "preset": "dpdk"}, file)
sys.exit(1 if failed else 0)
"""


class Nights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "nights.jsonl")
        self.mended_path = os.path.join(folder.name, "seeds.txt")
        self.program = os.path.join(folder.name, "sim")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(SIMULATOR)
        os.chmod(self.program, os.stat(self.program).st_mode | stat.S_IXUSR)
        self.calls_path = os.path.join(folder.name, "calls")
        self.set(CALLS=self.calls_path, FAILS="", DIES="")
        self.at("a1")

    def set(self, **words):
        patch = mock.patch.dict(os.environ, words)
        patch.start()
        self.addCleanup(patch.stop)

    def at(self, commit, same=("a1",)):
        for name, value in (("commit_now", lambda: commit), ("is_same_code", same.__contains__)):
            patch = mock.patch.object(nights, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def run_plan(self, plan, **options):
        return nights.run_plan(plan, self.program, self.path, **options)

    def lines(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_seeds_are_fresh_each_night(self):
        self.run_plan({"talk": 10})
        self.run_plan({"talk": 5, "cast --nodes 66": 3})
        self.assertEqual(self.lines(), [
            {"run": "cast --nodes 66", "commit": "a1", "count": 3, "seeds": "1000001..1000003"},
            {"run": "talk", "commit": "a1", "count": 15, "seeds": "1000001..1000015"}])

    def test_each_seed_is_run_once(self):
        self.run_plan({"talk": 300, "cast": 20}, jobs=3)
        seeds = []
        with open(self.calls_path, encoding="utf-8") as file:
            for name, first, last in (line.split() for line in file):
                seeds += [(name, seed) for seed in range(int(first), int(last) + 1)]
        self.assertEqual(len(seeds), 320)
        self.assertEqual(len(set(seeds)), 320)

    def test_a_commit_has_a_line_of_its_own(self):
        self.run_plan({"talk": 10})
        self.at("b2")
        self.run_plan({"talk": 10})
        self.assertEqual([(line["commit"], line["seeds"]) for line in self.lines()],
                         [("a1", "1000001..1000010"), ("b2", "1000011..1000020")])
        self.assertEqual(nights.gathered("talk".__eq__, self.path), {"seeds": 20, "of_this_code": 10, "failed": 0})
        self.assertEqual(nights.gathered("cast".__eq__, self.path), {"seeds": 0, "of_this_code": 0, "failed": 0})

    def test_a_night_that_is_run_again_counts_once(self):
        self.run_plan({"talk": 10}, first=7)
        self.at("b2")
        self.run_plan({"talk": 10}, first=12)
        self.assertEqual(nights.gathered("talk".__eq__, self.path)["seeds"], 15)

    def test_all_that_fail_are_named(self):
        self.set(FAILS="1000002 1000003 1000007 1000009", DIES="1000005")
        with mock.patch.object(nights, "CALL_SECONDS", 1e6):  # ranges as on a machine that is quick
            results = self.run_plan({"talk": 10})
        self.assertEqual(self.lines()[0]["failed"], [1000002, 1000003, 1000005, 1000007, 1000009])
        self.assertEqual(self.lines()[0]["count"], 10)
        self.assertEqual(results["talk"].counters["frames"], 9)
        self.assertIn("wrong: [1000007, 1000009]", results["talk"].said)

    def test_who_is_ended_from_outside_says_nothing_of_a_seed(self):
        self.set(ENDED="1000003")
        self.assertRaises(ValueError, self.run_plan, {"talk": 4})
        self.assertEqual(nights.gathered("talk".__eq__, self.path)["failed"], 0)

    def test_what_failed_stays_until_it_is_mended(self):
        self.set(FAILS="1000002")
        self.run_plan({"talk": 3})
        self.at("b2", ("b2",))
        self.set(FAILS="")
        self.run_plan({"talk": 3}, first=1000001)
        self.assertEqual(nights.gathered("talk".__eq__, self.path)["failed"], 1)

    def mend(self, name, seed, why="a reason"):
        return nights.mended(self.program, self.path, name, seed, why, self.mended_path)

    def test_a_mended_seed_moves(self):
        self.set(FAILS="1000002")
        self.run_plan({"talk": 3})
        self.assertIn("still fails", self.mend("talk", 1000002))
        self.assertEqual(self.lines()[0]["failed"], [1000002])
        self.set(FAILS="")
        self.assertIn("no seed", self.mend("talk", 1000001))
        self.assertIn("one line", self.mend("talk", 1000002, " "))
        self.assertIsNone(self.mend("talk", 1000002))
        self.assertNotIn("failed", self.lines()[0])
        self.assertEqual(self.lines()[0]["mended"], [1000002])
        with open(self.mended_path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "talk 5 dpdk 1000002 # a reason\n")

    def test_the_command_mends_with_the_program_and_in_the_record_that_are_named(self):
        self.set(FAILS="1000001")
        self.run_plan({"talk": 3})
        words = ["--program", self.program, "--record", self.path, "talk", "1000001", "a reason"]
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(nights.mended_command(words, self.mended_path), 1)
            self.assertIn("still fails", said.getvalue())
            self.assertEqual(nights.mended_command(["--program", self.program + "x", *words[2:]], self.mended_path), 1)
            self.assertRaises(SystemExit, nights.mended_command, words[:-1])
        self.set(FAILS="")
        self.assertEqual(nights.mended_command(words, self.mended_path), 0)
        self.assertEqual(self.lines()[0]["mended"], [1000001])

    def test_lines_of_two_branches_mean_both(self):
        lines = [{"run": "talk", "commit": "a1", "seeds": "5..8", "failed": [6]},
                 {"run": "talk", "commit": "a1", "seeds": "7..9", "mended": [6], "failed": [9]}]
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        record = nights.Record(self.path)
        self.assertEqual(record.failed("talk"), [9])
        self.assertEqual(record.fresh("talk"), nights.FRESH_FROM)
        self.assertEqual(list(record.lines()), ['{"run": "talk", "commit": "a1", "count": 5, "seeds": "5..9", '
                                                '"failed": [9], "mended": [6]}\n'])

    def test_time_ends_a_plan(self):
        results = self.run_plan({"talk": 10}, minutes=-1)
        self.assertEqual(results["talk"], nights.EMPTY)

    def test_plans(self):
        self.assertEqual(nights.plan_of(["talk:10", "crash --nodes 100 --faulty 25%:3", "talk:1"]),
                         {"talk": 11, "crash --nodes 100 --faulty 25%": 3})
        for wrong in ("talk", "talk:0", ":3", "talk:-1", "talk:x"):
            self.assertRaises(ValueError, nights.plan_of, [wrong])
        self.assertRaises(ValueError, self.run_plan, {"nothing": 1})
        self.assertEqual(nights.gathered("talk".__eq__, self.path)["failed"], 0)

    def test_the_record_of_this_tree(self):
        with open(nights.RECORD_PATH, encoding="utf-8") as file:
            for line in map(json.loads, file):
                ranges = nights.ranges_of(line["seeds"])
                self.assertEqual(line["count"], nights.count_of(ranges))
                for seed in line.get("failed", []) + line.get("mended", []):
                    self.assertTrue(any(first <= seed <= last for first, last in ranges), line)


class Code(unittest.TestCase):
    def test_the_commit_of_this_checkout_is_known(self):
        self.assertRegex(nights.commit_now(), r"^([0-9a-f]{12}\+?|unknown)$")

    def test_an_unknown_commit_is_not_this_code(self):
        self.assertFalse(nights.is_same_code("000000000000"))


if __name__ == "__main__":
    unittest.main()
