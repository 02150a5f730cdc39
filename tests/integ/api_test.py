#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""docs/API.md, the C++ header and the README against peal.h: all that there is is named, nothing that there is not, and
what stands there as code compiles."""
import glob
import os
import re
import subprocess
import sys
import tempfile

from integ import LIBRARY, ROOT, LabError, outcome, play

# Of the header and not of its users; and what the environment has.
INSIDE = {"PEAL_H", "PEAL_EMBED_H", "PEAL_ORDER_H", "PEAL_PROCESS_GROUPS_H", "PEAL_SERVICES_H", "PEAL_API"}
ELSEWHERE = {"PEAL_SOCKET", "PEAL_LIBRARY"}
# What the pieces of code in API.md may use.
PIECE = """
#include <peal/embed.h>
#include <peal/peal.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
int piece(struct peal *peal, struct peal_event event, uint32_t channel, uint64_t member, const void *bytes,
	uint32_t size, int own_fd);
int piece(struct peal *peal, struct peal_event event, uint32_t channel, uint64_t member, const void *bytes,
	uint32_t size, int own_fd)
{
	enum peal_result result = PEAL_OK;
	(void)peal, (void)event, (void)channel, (void)member, (void)bytes, (void)size, (void)own_fd, (void)result;
%s
	return 0;
}
"""


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def read_header():
    """peal.h and what it includes, without comments."""
    paths = sorted(glob.glob(os.path.join(ROOT, "include", "peal", "*.h")))
    return re.sub(r"/\*.*?\*/", "", "".join(read(path) for path in paths), flags=re.DOTALL)


def names_of_header():
    """Functions, types, values: each a set of names."""
    text = read_header()
    functions = set(re.findall(r"^PEAL_API [^;]*?\b(peal_\w+)\(", text, re.MULTILINE))
    types = set(re.findall(r"\b(?:struct|enum) (peal_\w+)", text))
    values = set(re.findall(r"^\t(PEAL_\w+) = ", text, re.MULTILINE))
    macros = set(re.findall(r"^#define (PEAL_\w+)", text, re.MULTILINE)) - INSIDE
    if len(functions) < 20 or len(values) < 30:
        raise LabError(f"peal.h is read wrongly: {functions} {values}")
    return functions, types, values | macros


def fields_of_header():
    text = read_header()
    bodies = re.findall(r"^struct peal_\w+ {\n(.*?)^};", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"(\w+)(?:\[\d+\])?;", "".join(bodies))) - {"reserved", "reserved_bytes"}


def check_manual():
    functions, types, values = names_of_header()
    manual = read("docs", "API.md")
    named = set(re.findall(r"\b(peal_\w+|PEAL_\w+)\b", manual))
    missing = (functions | types | values) - named
    if missing:
        raise LabError(f"docs/API.md does not name {', '.join(sorted(missing))}")
    strange = named - functions - types - values - ELSEWHERE
    if strange:
        raise LabError(f"docs/API.md names what is not in peal.h: {', '.join(sorted(strange))}")
    quoted = set(re.findall(r"`(\w+)`", manual))
    missing = fields_of_header() - quoted
    if missing:
        raise LabError(f"docs/API.md does not name the fields {', '.join(sorted(missing))}")


def check_cplusplus():
    functions, _, values = (
        {name for name in names if not name.lower().startswith("peal_embed_")} for names in names_of_header())
    text = read("include", "peal", "peal.hpp")
    wanted = functions | {name for name in values if not re.match(
        r"PEAL_(GONE|REASON|GROUP_END|ORDER_END)_|PEAL_ORDER_(NO_RANK|GROUPS_MAX|GROUP_RANKS_MAX|RANK_NAME_SIZE_MAX)$|"
        r"PEAL_GROUP_(LEFT|CRASHED|EVICTED|NODE_GONE|NAME_SIZE_MAX)$|PEAL_GROUPS_MAX$|"
        r"PEAL_(ABI|NUMBER_MAX|SOCKET_DEFAULT|VALUES_MAX|VALUE_SIZE_MAX|SERVICE_MAX|REQUESTS_MAX|ASKED_MAX|"
        r"REQUEST_OVERHEAD)$", name)}
    missing = {name for name in wanted if not re.search(rf"\b{name}\b", text)}
    if missing:
        raise LabError(f"peal.hpp has nothing for {', '.join(sorted(missing))}")


def compile_c(folder, name, text, *more):
    source = os.path.join(folder, f"{name}.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run(
        ["gcc", "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I",
         os.path.join(ROOT, "include"), source, *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{name}: {done.stdout.strip()}\n{text}")


def pieces_of(path):
    return re.findall(r"^```c\n(.*?)^```", read(*path), re.MULTILINE | re.DOTALL)


def check_pieces():
    pieces = pieces_of(("docs", "API.md"))
    if len(pieces) < 4:
        raise LabError("docs/API.md shows too little code")
    with tempfile.TemporaryDirectory() as folder:
        for i, piece in enumerate(pieces):
            compile_c(folder, f"piece{i}", PIECE % piece, "-fsyntax-only")


def check_readme():
    """The application of the README is a whole one, and a short one."""
    programs = pieces_of(("README.md",))
    if len(programs) != 1 or len(programs[0].splitlines()) > 30:
        raise LabError("the README should show one application of some 20 lines")
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "readme")
        compile_c(folder, "readme", programs[0], LIBRARY, f"-Wl,-rpath,{os.path.dirname(LIBRARY)}", "-o", program)
        done = subprocess.run([program], env={**os.environ, "PEAL_SOCKET": "/nonexistent"}, stdout=subprocess.PIPE,
                              text=True, timeout=10.0, check=False)
        if done.returncode == 0 or "/nonexistent" not in done.stdout:
            raise LabError(f"without a daemon the application of the README says {done.stdout}")


def main():
    play((("manual", check_manual), ("pieces", check_pieces), ("c++", check_cplusplus), ("readme", check_readme)))


if __name__ == "__main__":
    sys.exit(outcome(main))
