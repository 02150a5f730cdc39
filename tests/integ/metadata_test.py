#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Daemons with metadata of every kind on real frames: all of them see all of it, whatever it is."""
import json
import os
import sys

from integ import Lab, expect, outcome_as_root

SIZE_MAX = 4096
# By node: the longest, one of two chunks that is no ASCII, and two short ones with a dot and a line end.
TEXTS = {
    1: ("0123456789abcdef" * 256)[:SIZE_MAX],
    2: "\u00e4\u00f6\u00fc\u20ac" * 150,
    3: "rack 7.2\nrow \"b\"",
}


def set_metadata(lab, node, text):
    path = os.path.join(lab.state, f"n{node}.yaml")
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("metadata:")]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
        file.write(f"metadata: {json.dumps(text, ensure_ascii=False)}\n")


def members_json(lab, node):
    return json.loads(lab.run("ctl", str(node), "members", "--json"))["members"]


def check(lab, texts):
    """Of a group that nobody leaves meanwhile: on a machine that stands still somebody may, and comes back."""
    lab.wait_view(list(texts), len(texts))
    for viewer in texts:
        for entry in members_json(lab, viewer):
            node = int(entry["address"].split(":")[0].split(".")[3])
            expect(entry["metadata_size"] == len(texts[node].encode()),
                   f"n{viewer} says that n{node} has {entry['metadata_size']} bytes")
            expect(entry["metadata"] == texts[node], f"n{viewer} shows other metadata of n{node}")


def main():
    with Lab(f"meta{os.getpid()}", 3, "--no-start") as lab:
        for node, text in TEXTS.items():
            set_metadata(lab, node, text)
            lab.start(node)
        lab.wait_view(list(TEXTS), 3)
        check(lab, TEXTS)
        print("ok - everybody sees all metadata")
        restarted = {**TEXTS, 1: "short now"}
        lab.kill(1)
        set_metadata(lab, 1, restarted[1])
        lab.start(1)
        lab.wait("the new metadata of n1", lambda: lab.agrees(list(TEXTS), 3) and any(
            entry["metadata"] == restarted[1] for entry in members_json(lab, 2)), 60.0)
        check(lab, restarted)
        print("ok - a restart changes it, for all")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
