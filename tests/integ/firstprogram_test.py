#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Programs that were written for the headers of former versions (tests/abi), compiled with those headers, at two
daemons and with the library of today."""
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
from labclient import Lab, LabError  # noqa: E402

BUILD = os.environ.get("PEAL_BUILD", os.path.join(ROOT, "build"))
LIBRARY = os.path.join(BUILD, "client", "libpeal.so.0")
KEPT = os.path.join(ROOT, "tests", "abi")
TIMES = 3


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise LabError(f"{command[0]}: {done.stdout.strip()}")


def main():
    if os.geteuid() != 0:
        print("SKIP: network namespaces need root")
        return 77
    try:
        with Lab(f"fst{os.getpid()}", 2) as lab, tempfile.TemporaryDirectory() as folder:
            lab.wait_view([1, 2], 2, 20.0)
            for version in sorted(os.listdir(KEPT)):
                begin_s = time.monotonic()
                program = os.path.join(folder, version)
                run(os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(KEPT, version),
                    os.path.join(KEPT, version, "program.c"), "-o", program, LIBRARY,
                    f"-Wl,-rpath,{os.path.dirname(LIBRARY)}")
                for _ in range(TIMES):
                    run(program, f"{lab.state}/n1.sock", f"{lab.state}/n2.sock")
                print(f"ok - {version} ({time.monotonic() - begin_s:.1f} s)")
    except LabError as error:
        print(f"not ok - {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
