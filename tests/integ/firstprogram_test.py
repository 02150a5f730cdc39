#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The application of the README as the first one that its daemon sees. Then programs that were written for the headers
of former versions (tests/abi), compiled with those headers, at two daemons and with the library of today."""
import os
import re
import sys
import tempfile
import time

from integ import LIBRARY, ROOT, Beside, Lab, outcome_as_root, run, socket_of

KEPT = os.path.join(ROOT, "tests", "abi")
TIMES = 3


def greet(lab, folder):
    """It speaks as soon as it is attached, and hears itself."""
    path = os.path.join(folder, "hello")
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file, open(f"{path}.c", "w", encoding="utf-8") as code:
        code.write(re.search(r"^```c\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)[1])
    run(os.environ.get("CC", "cc"), "-I", os.path.join(ROOT, "include"), f"{path}.c", "-o", path, LIBRARY,
        f"-Wl,-rpath,{os.path.dirname(LIBRARY)}")
    for node in (1, 2):
        with Beside("stdbuf", "-oL", "env", f"PEAL_SOCKET={socket_of(lab, node)}", path) as program:
            program.wait("^hello$")
    print("ok - README")


def main():
    with Lab(f"fst{os.getpid()}", 2) as lab, tempfile.TemporaryDirectory() as folder:
        lab.wait_view([1, 2], 2, 20.0)
        greet(lab, folder)
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
