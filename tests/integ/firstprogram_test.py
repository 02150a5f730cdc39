#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Programs that were written for the headers of former versions (tests/abi), compiled with those headers, at two
daemons and with the library of today."""
import os
import sys
import tempfile
import time

from integ import LIBRARY, ROOT, Lab, outcome_as_root, run, socket_of

KEPT = os.path.join(ROOT, "tests", "abi")
TIMES = 3


def main():
    with Lab(f"fst{os.getpid()}", 2) as lab, tempfile.TemporaryDirectory() as folder:
        lab.wait_view([1, 2], 2, 20.0)
        for version in sorted(os.listdir(KEPT)):
            begin_s = time.monotonic()
            program = os.path.join(folder, version)
            run(os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(KEPT, version),
                os.path.join(KEPT, version, "program.c"), "-o", program, LIBRARY,
                f"-Wl,-rpath,{os.path.dirname(LIBRARY)}", seconds=300.0)
            for _ in range(TIMES):
                run(program, socket_of(lab, 1), socket_of(lab, 2), seconds=300.0)
            print(f"ok - {version} ({time.monotonic() - begin_s:.1f} s)")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
