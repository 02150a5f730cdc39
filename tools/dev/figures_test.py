#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of figures: what becomes of the table in a document."""
import importlib.machinery
import importlib.util
import os
import sys
import unittest

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "figures")
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("figures", PATH)
figures = importlib.util.module_from_spec(importlib.util.spec_from_loader("figures", LOADER))
LOADER.exec_module(figures)

HEAD = "# Benchmarks\n\nText with | a pipe.\n\n"
TAIL = "\n\n## How they are taken\n\n| P1 | a table that is none of this |\n"
HERE = "Machine: 2 processors, here."
THERE = "Machine: 64 processors, there."
KNOWN = ["P1", "P2", "C5a"]
COLUMNS = "| id | what | measured | target | verdict | command |\n| --- | --- | --- | --- | --- | --- |\n"
ROWS = {name: f"| {name} | as it was | x 1 / y 2 | <= 3 | met | `do {name} \\|\\| true` |" for name in KNOWN}


def document(*rows, machines=(HERE,)):
    names = "".join(f"{machine}\n\n" for machine in machines)
    return f"{HEAD}{figures.BEGIN}\n\n{names}{COLUMNS}" + "".join(f"{row}\n" for row in rows) + f"\n{figures.END}{TAIL}"


def result(name, value=7, **more):
    return {"id": name, "what": "anew", "value": value, "unit": "us", "target": "<= 9", "verdict": "met",
            "command": f"do {name}", **more}


def anew(name):
    return f"| {name} | anew | 7 us | <= 9 | met | `do {name}` |"


class Table(unittest.TestCase):
    def put(self, text, results, fresh, machine=HERE):
        return figures.put_table(text, {entry["id"]: entry for entry in results}, fresh, KNOWN, machine)

    def test_rows_that_are_not_measured_stay_as_they_are(self):
        text = document(ROWS["P1"], ROWS["P2"], ROWS["C5a"])
        self.assertEqual(self.put(text, [result("P2")], {"P2"}), document(ROWS["P1"], anew("P2"), ROWS["C5a"]))

    def test_nothing_measured_changes_nothing(self):
        text = document(ROWS["P1"], ROWS["C5a"])
        self.assertEqual(self.put(text, [], set()), text)

    def test_a_new_row_comes_in_its_place(self):
        text = document(ROWS["P1"], ROWS["C5a"])
        self.assertEqual(self.put(text, [result("P2")], {"P2"}), document(ROWS["P1"], anew("P2"), ROWS["C5a"]))
        self.assertEqual(self.put(document(), [result("P2")], {"P2"}), document(anew("P2")))

    def test_the_document_comes_before_an_earlier_result_of_this_checkout(self):
        text = document(ROWS["P1"])
        self.assertEqual(self.put(text, [result("P1"), result("P2"), result("C5a")], {"C5a"}),
                         document(ROWS["P1"], anew("P2"), anew("C5a")))

    def test_figures_that_are_gone_go(self):
        text = document("| P0 | of yesterday | 1 | 1 | met | `rm` |", ROWS["P1"])
        self.assertEqual(self.put(text, [result("X9")], set()), document(ROWS["P1"]))

    def test_what_cannot_be_measured_says_why(self):
        entry = result("P2", None, verdict="not measurable", reason="no card")
        self.assertEqual(self.put(document(ROWS["P2"]), [entry], {"P2"}),
                         document("| P2 | anew | no card | <= 9 | not measurable | `do P2` |"))

    def test_machines_are_named_while_a_row_may_be_of_them(self):
        text = document(ROWS["P1"], ROWS["P2"], machines=(THERE,))
        text = self.put(text, [result("P1")], {"P1"})
        self.assertEqual(text, document(anew("P1"), ROWS["P2"], machines=(HERE, THERE)))
        self.assertEqual(self.put(text, [result("P1"), result("P2")], {"P1", "P2"}), document(anew("P1"), anew("P2")))

    def test_every_row_of_the_real_document_stays(self):
        with open(figures.TABLE_PATH, encoding="utf-8") as file:
            text = file.read()
        machine = next(line for line in text.splitlines() if line.startswith("Machine: "))
        known = [figure[0] for figure in figures.FIGURES]
        self.assertEqual(figures.put_table(text, {}, set(), known, machine), text)


if __name__ == "__main__":
    unittest.main()
