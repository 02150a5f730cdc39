#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The boundary that applications are compiled against: which symbols libpeal and libpeal-node have, what they need
(libpeal nothing but the C library; libpeal-node no allocator of its own), and that the headers mean the same to C11 and
to C++11, byte by byte."""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("PEAL_BUILD", os.path.join(ROOT, "build"))
LIBRARY = os.path.join(BUILD, "client", "libpeal.so.0")
NODE_LIBRARY = os.path.join(BUILD, "embed", "libpeal-node.so.0")

# What a program that was compiled once relies on. Lines may be added at the end of a struct's reserved room;
# changing one takes another PEAL_ABI.
LAYOUT = """
sizeof(struct peal_member) 48
offsetof(struct peal_member, uuid) 8
offsetof(struct peal_member, ip) 24
offsetof(struct peal_member, port) 40
sizeof(struct peal_view) 32
offsetof(struct peal_view, self) 8
offsetof(struct peal_view, tag) 16
offsetof(struct peal_view, members_count) 20
offsetof(struct peal_view, members) 24
sizeof(struct peal_event) 80
offsetof(struct peal_event, channel) 4
offsetof(struct peal_event, member) 8
offsetof(struct peal_event, bytes) 16
offsetof(struct peal_event, size) 24
offsetof(struct peal_event, number) 28
offsetof(struct peal_event, reason) 30
offsetof(struct peal_event, result) 31
offsetof(struct peal_event, lost_count) 32
offsetof(struct peal_event, epoch) 40
offsetof(struct peal_event, n) 48
offsetof(struct peal_event, client) 52
sizeof(struct peal_group_member) 16
offsetof(struct peal_group_member, client) 8
sizeof(struct peal_group_view) 64
offsetof(struct peal_group_view, n) 8
offsetof(struct peal_group_view, members_count) 12
offsetof(struct peal_group_view, members) 16
offsetof(struct peal_group_view, self) 24
offsetof(struct peal_group_view, name) 40
offsetof(struct peal_event, request) 56
offsetof(struct peal_event, position) 64
offsetof(struct peal_event, reserved) 72
sizeof(struct peal_order_rank) 40
offsetof(struct peal_order_rank, name) 8
sizeof(struct peal_order_view) 64
offsetof(struct peal_order_view, group) 8
offsetof(struct peal_order_view, generation) 12
offsetof(struct peal_order_view, view) 16
offsetof(struct peal_order_view, active) 20
offsetof(struct peal_order_view, is_waiting) 22
offsetof(struct peal_order_view, own_rank) 24
offsetof(struct peal_order_view, ranks_count) 28
offsetof(struct peal_order_view, ranks) 32
offsetof(struct peal_order_view, reserved) 40
sizeof(struct peal_question) 48
offsetof(struct peal_question, members_count) 8
offsetof(struct peal_question, wanted_count) 12
offsetof(struct peal_question, timeout_ns) 16
offsetof(struct peal_question, service) 24
offsetof(struct peal_question, reserved) 26
(int)PEAL_FULL 2
(int)PEAL_NO_CREDIT 3
(int)PEAL_NOT_IN_VIEW 4
(int)PEAL_TOO_BIG 5
(int)PEAL_CLOSED 6
(int)PEAL_NO_QUORUM 7
(int)PEAL_EVICTED 8
(int)PEAL_TIMEOUT 15
(int)PEAL_PEER_GONE 18
(int)PEAL_TOO_FEW 21
(int)PEAL_NOT_RANK 22
(int)PEAL_EVENT_VIEW 1
(int)PEAL_EVENT_MESSAGE 7
(int)PEAL_EVENT_CAST 8
(int)PEAL_EVENT_CAST_LOST 11
(int)PEAL_EVENT_VALUE 12
(int)PEAL_EVENT_GROUP_VIEW 20
(int)PEAL_EVENT_GROUP_MESSAGE 23
(int)PEAL_EVENT_GROUP_ENDED 24
(int)PEAL_EVENT_ORDER_VIEW 25
(int)PEAL_EVENT_ORDERED 26
(int)PEAL_EVENT_ORDER_ENDED 29
(int)PEAL_ORDER_END_IN_USE 9
(int)PEAL_GROUP_NODE_GONE 4
(int)PEAL_GROUP_END_IN_USE 5
(int)PEAL_NOT_SUPPORTED 16
(int)PEAL_BAD_NAME 17
(int)PEAL_EVENT_REQUEST 16
(int)PEAL_EVENT_DONE 19
(int)PEAL_REASON_REFUSED 8
PEAL_ABI 0
"""

NODE_LAYOUT = """
sizeof(struct peal_embed_options) 64
offsetof(struct peal_embed_options, has_port) 8
offsetof(struct peal_embed_options, port_id) 10
offsetof(struct peal_embed_options, lcores_count) 12
offsetof(struct peal_embed_options, lcore_ids) 16
offsetof(struct peal_embed_options, reserved) 24
(int)PEAL_EMBED_OVER -1
(int)PEAL_EMBED_OTHER_LCORE -2
(int)PEAL_EMBED_NO_LCORE -3
(int)PEAL_EMBED_NO_CORE -4
(int)PEAL_EMBED_JOINING 0
(int)PEAL_EMBED_MEMBER 1
(int)PEAL_EMBED_LEFT 3
(int)PEAL_EMBED_UNCONFIRMED 6
PEAL_EMBED_CORES_MAX 16U
"""

PROGRAM = """
#include <peal/peal.h>
#include <assert.h>
%s
int main(void)
{
	struct peal *peal = (struct peal *)0;
	return peal_attach("/nonexistent/socket", "abi", &peal) == PEAL_NO_DAEMON && !peal &&
		peal_result_name(PEAL_NO_CREDIT)[0] == 'n' ? 0 : 1;
}
"""

# Either header may come first; without DPDK a node is refused, in words.
NODE_PROGRAM = """
#include <peal/embed.h>
#include <peal/peal.h>
#include <assert.h>
#include <string.h>
%s
int main(void)
{
	struct peal_embed_options options;
	memset(&options, 0, sizeof(options));
	options.config_path = "/nonexistent/configuration";
	return !peal_embed_open(&options) && strstr(peal_embed_error(), "rte_eal_init") &&
		peal_embed_close((struct peal_embed *)0) ? 0 : 1;
}
"""


class Failed(Exception):
    """A sentence that says what differs."""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def declared_in(paths):
    text = ""
    for path in paths:
        with open(path, encoding="ascii") as file:
            text += file.read()
    return set(re.findall(r"^PEAL_API [^;]*?\b(peal_\w+)\(", text, re.MULTILINE))


def check_symbols(library, version_map, version, declared):
    with open(os.path.join(ROOT, version_map), encoding="ascii") as file:
        wanted = set(re.findall(r"^\t\t(peal_\w+);$", file.read(), re.MULTILINE))
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    found = {line.split()[-1].split("@")[0] for line in lines if " T " in line}
    for what, names in (("in the map", wanted), ("in the library", found)):
        if names != declared:
            raise Failed(f"declared in the header and {what} differ in {sorted(names ^ declared)}")
    others = [line for line in lines if " T " not in line and not line.endswith(f" {version}")]
    if others:
        raise Failed(f"{library} shows more than functions: {others}")


def check_both_symbols():
    headers = set(glob.glob(os.path.join(ROOT, "include", "peal", "*.h")))
    of_node = {os.path.join(ROOT, "include", "peal", "embed.h")}
    check_symbols(LIBRARY, "client/libpeal.map", "PEAL_0", declared_in(headers - of_node))
    check_symbols(NODE_LIBRARY, "embed/libpeal-node.map", "PEAL_NODE_0", declared_in(of_node))


def check_needs():
    dynamic = run("readelf", "-d", LIBRARY)
    strange = [name for name in re.findall(r"NEEDED.*\[(.*)\]", dynamic)
               if not re.match(r"libc\.so|ld-linux|libasan|libtsan|libubsan", name)]
    if strange:
        raise Failed(f"libpeal needs {strange}")
    if "[libpeal.so.0]" not in dynamic:
        raise Failed("libpeal has another name than libpeal.so.0")
    dynamic = run("readelf", "-d", NODE_LIBRARY)
    strange = [name for name in re.findall(r"NEEDED.*\[(.*)\]", dynamic) if re.search(r"jemalloc|jansson", name)]
    if strange:
        raise Failed(f"libpeal-node brings an application {strange}")
    if "[libpeal-node.so.0]" not in dynamic or "NODELETE" not in dynamic:
        raise Failed("libpeal-node has another name than libpeal-node.so.0, or can be unloaded")


def check_compilers(folder, stem, program, layout, *libraries):
    lines = [line.rsplit(" ", 1) for line in layout.strip().splitlines()]
    checks = "\n".join(f'static_assert({what} == {number}, "{what}");' for what, number in lines)
    for compiler, standard, ending in (("gcc", "c11", "c"), ("g++", "c++11", "cc")):
        source, program_path = os.path.join(folder, f"{stem}.{ending}"), os.path.join(folder, f"{stem}-{ending}")
        with open(source, "w", encoding="ascii") as file:
            file.write(program % checks)
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I",
            os.path.join(ROOT, "include"), source, "-o", program_path, *libraries,
            *(f"-Wl,-rpath,{os.path.dirname(library)}" for library in libraries))
        run(program_path)


def main():
    with tempfile.TemporaryDirectory() as folder:
        stories = (("symbols", check_both_symbols), ("needs", check_needs),
                   ("compilers", lambda: check_compilers(folder, "abi", PROGRAM, LAYOUT, LIBRARY)),
                   ("compilers, of a node", lambda: check_compilers(folder, "node", NODE_PROGRAM, NODE_LAYOUT,
                                                                    NODE_LIBRARY, LIBRARY)))
        for name, story in stories:
            try:
                story()
            except Failed as failed:
                print(f"not ok - {name}: {failed}")
                return 1
            print(f"ok - {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
