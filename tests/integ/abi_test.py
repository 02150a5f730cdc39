#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The boundary that applications are compiled against: which symbols libpeal and libpeal-node have, what they need
(libpeal nothing but the C library; libpeal-node no allocator of its own), that the headers mean the same to C11 and
to C++11, byte by byte, and that they keep what those of former versions promised (tools/dev/abi)."""
import glob
import importlib.machinery
import importlib.util
import os
import re
import shutil
import sys
import tempfile

from integ import BUILD, LIBRARY, ROOT, LabError, outcome, play, run

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

# What could be done to the first headers, and which of it programs would not notice.
HARMLESS = ("\tPEAL_TOO_FEW = 21,\n\tPEAL_NEWER = 99,", "\tuint64_t fresh;\n\tuint64_t reserved;\n};\n\n/*\n * The next")
BREAKS = (
    ("peal.h", "\tPEAL_TOO_FEW = 21,", "\tPEAL_TOO_FEW = 22,"),
    ("peal.h", "\tPEAL_TOO_FEW = 21,", "\tPEAL_TOO_MUCH = 21,"),
    ("peal.h", "\tPEAL_TOO_FEW = 21,", HARMLESS[0]),
    ("peal.h", "\tuint64_t reserved[2];\n};\n\n/*\n * The next", HARMLESS[1]),
    ("peal.h", "\tuint64_t lost_count;", "\tuint64_t gone_count;"),
    ("peal.h", "\tuint32_t tag;", "\tuint64_t tag;"),
    ("peal.h", "\tuint32_t size;\n", "\tuint32_t more;\n\tuint32_t size;\n"),
    ("peal.h", "peal_flush(struct peal *peal)", "peal_flush(const struct peal *peal)"),
    ("services.h", "PEAL_API uint64_t peal_late_count(const struct peal *peal);", ""),
    ("services.h", "#define PEAL_SERVICE_MAX 255U", "#define PEAL_SERVICE_MAX 127U"),
)

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
            raise LabError(f"declared in the header and {what} differ in {sorted(names ^ declared)}")
    others = [line for line in lines if " T " not in line and not line.endswith(f" {version}")]
    if others:
        raise LabError(f"{library} shows more than functions: {others}")


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
        raise LabError(f"libpeal needs {strange}")
    if "[libpeal.so.0]" not in dynamic:
        raise LabError("libpeal has another name than libpeal.so.0")
    dynamic = run("readelf", "-d", NODE_LIBRARY)
    strange = [name for name in re.findall(r"NEEDED.*\[(.*)\]", dynamic) if re.search(r"jemalloc|jansson", name)]
    if strange:
        raise LabError(f"libpeal-node brings an application {strange}")
    if "[libpeal-node.so.0]" not in dynamic or "NODELETE" not in dynamic:
        raise LabError("libpeal-node has another name than libpeal-node.so.0, or can be unloaded")


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


def check_promises(folder):
    """All that was promised is kept; and what breaks a promise is noticed."""
    run(os.path.join(ROOT, "tools", "dev", "abi"), seconds=300.0)
    loader = importlib.machinery.SourceFileLoader("abi", os.path.join(ROOT, "tools", "dev", "abi"))
    abi = importlib.util.module_from_spec(importlib.util.spec_from_loader("abi", loader))
    loader.exec_module(abi)
    kept = abi.Promises(os.path.join(abi.KEPT, abi.kept_versions()[0]))
    for number, (path, before, after) in enumerate(BREAKS):
        include = os.path.join(folder, f"break{number}")
        shutil.copytree(kept.include, include)
        with open(os.path.join(include, "peal", path), encoding="ascii") as file:
            text = file.read()
        if text.count(before) != 1:
            raise LabError(f"'{before}' stands {text.count(before)} times in {path} of {abi.kept_versions()[0]}")
        with open(os.path.join(include, "peal", path), "w", encoding="ascii") as file:
            file.write(text.replace(before, after))
        changed = abi.Promises(include)
        if bool(abi.gone_of(kept, changed)) == (after in HARMLESS):
            raise LabError(f"'{before}' became '{after}', and it was said: {abi.gone_of(kept, changed)}")
        if after in HARMLESS and not abi.added_to(kept, changed):
            raise LabError(f"'{after}' was not told as added")


def main():
    with tempfile.TemporaryDirectory() as folder:
        play((("symbols", check_both_symbols), ("needs", check_needs),
              ("compilers", lambda: check_compilers(folder, "abi", PROGRAM, LAYOUT, LIBRARY)),
              ("compilers, of a node", lambda: check_compilers(folder, "node", NODE_PROGRAM, NODE_LAYOUT,
                                                               NODE_LIBRARY, LIBRARY)),
              ("promises", lambda: check_promises(folder))))


if __name__ == "__main__":
    sys.exit(outcome(main))
