#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of tidy.py: plants each fault alone in a clean tree and expects the one finding it earns."""
import contextlib
import io
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

LICENCE = tidy.SPDX + "\n"


def header(guard, body=""):
    return f"{LICENCE}\n#ifndef {guard}\n#define {guard}\n\n{body}\n#endif\n"


def source(*lines):
    return LICENCE + "\n" + "".join(line + "\n" for line in lines)


# A small tree in which every folder uses all it may use.
CLEAN = {
    "include/peal/peal.h": header("PEAL_PEAL_H", "struct peal;\n"),
    "base/assert.h": header("PEAL_BASE_ASSERT_H"),
    "base/assert.c": source('#include "base/assert.h"', "", "#include <stdio.h>",
        "#include <stdlib.h>", "", "void peal_assert_fail(void)", "{", '\tprintf("no\\n");',
        "\tabort();", "}"),
    "base/hash.h": header("PEAL_BASE_HASH_H", "#include <stdint.h>\n"),
    "base/hash.c": source('#include "base/hash.h"', "", "#include <xxhash.h>"),
    "base/histogram.c": source("double peal_histogram_mean(void);"),
    "base/counters.def": LICENCE + 'PEAL_COUNTER(frame_rx, "frames received")\n',
    "wire/view.h": header("PEAL_WIRE_VIEW_H", '#include "base/hash.h"\n'),
    "wire/view.c": source('#include "wire/view.h"', "", '#include "base/assert.h"', "",
        "#include <string.h>", "", "typedef void (*peal_view_visit_fn)(int rank);",
        "__extension__ typedef unsigned __int128 wide;"),
    "wire/crypto/aead_ipsec.c": source('#include "wire/view.h"', "", "#include <intel-ipsec-mb.h>",
        "#include <openssl/evp.h>"),
    "membership/rings.h": header("PEAL_MEMBERSHIP_RINGS_H"),
    "membership/edge.h": header("PEAL_MEMBERSHIP_EDGE_H", "struct peal_edge;\n"),
    "membership/cut.c": source('#include "wire/view.h"', "", "#include <stdint.h>", "",
        "struct cut {", "\tuint64_t repeat_delay_ns;", "\tuint64_t deadline_at_ns;",
        "\tuint64_t probe_interval_ns_max;", "};", "",
        "/* malloc(1) in a comment, and 0.5 of it; printf() too */",
        "static void run(struct peal_pool *pool)", "{", "\tpool->free(pool);", "}"),
    "dataplane/plane.h": header("PEAL_DATAPLANE_PLANE_H"),
    "dataplane/peers.h": header("PEAL_DATAPLANE_PEERS_H"),
    "dataplane/heartbeat.c": source('#include "membership/edge.h"', '#include "membership/rings.h"'),
    "dataplane/dpdk/lcore.h": header("PEAL_DPDK_LCORE_H"),
    "dataplane/dpdk/lcore.c": source('#include "dataplane/dpdk/lcore.h"', "",
        '#include "dataplane/plane.h"', "", "#include <rte_eal.h>", "",
        "void peal_lcore_stop(void)", "{", "\trte_eal_cleanup();", "}"),
    "control/node_private.h": header("PEAL_CONTROL_NODE_PRIVATE_H"),
    "control/on_tick.c": source('#include "control/node_private.h"', "",
        "#define LOOP(x) do { if (x) { while (x) { if (x) { if (x) { \\", "\t} } } } } while (0)", "",
        "void f(void)", "{", "\tfor (;;) {", "\t\tif (a) {", "\t\t\twhile (b) {",
        "\t\t\t\tif (c) {", "\t\t\t\t}", "\t\t\t}", "\t\t}", "\t}", "}"),
    "control/node.c": source('#include "dataplane/peers.h"', '#include "dataplane/plane.h"',
        '#include "membership/edge.h"'),
    "sim/simnode.h": header("PEAL_SIM_SIMNODE_H"),
    "sim/simnode.c": source('#include "sim/simnode.h"', "", '#include "dataplane/plane.h"', "",
        "#include <stdlib.h>", "", "void *peal_simnode_new(void)", "{", "\treturn malloc(1);", "}"),
    "runtime/planes.h": header("PEAL_RUNTIME_PLANES_H"),
    "runtime/planes.c": source('#include "runtime/planes.h"', "",
        '#include "dataplane/dpdk/lcore.h"', '#include "peal/peal.h"', "", "#include <rte_ring.h>"),
    "tools/peald/peald.c": source('#include "runtime/planes.h"'),
    "tools/pealctl/pealctl.c": source('#include "base/hash.h"', "", "#include <jansson.h>"),
    "tools/peal-sim/peal_sim.c": source('#include "sim/simnode.h"'),
    "tests/lib/gen.h": header("PEAL_TESTS_LIB_GEN_H"),
    "tests/integ/integ_lcore.c": source('#include "tests/lib/gen.h"', "", "#include <rte_eal.h>"),
    "tests/models/agreement.pml": LICENCE + "byte votes;\n",
    "tests/meson.build": "# SPDX-License-Identifier: BSD-3-Clause\n",
    "tools/dev/run": "#!/bin/bash\n# SPDX-License-Identifier: BSD-3-Clause\n",
    "README.md": "# Peal\n",
}
for stem in ("assert", "hash", "histogram", "view", "aead_ipsec", "cut", "heartbeat", "node",
        "on_tick"):
    CLEAN[f"tests/unit/test_{stem}.c"] = source("int main(void);")

# (file, its new text, line of the finding, words of the finding). None removes the file.
CUT = "membership/cut.c"
SIM = "sim/simnode.c"


def includes(line):
    return source(f"#include {line}")


def body(*lines):
    return source(*lines)


PLANTS = {
    "includes_follow_the_table": [
        ("base/hash.c", includes('"base/hash.h"') + '#include "wire/view.h"\n', 4,
            "base may not include wire/view.h"),
        ("wire/view.c", includes('"wire/view.h"') + '#include "membership/edge.h"\n', 4,
            "wire may not include"),
        (CUT, includes('"dataplane/plane.h"'), 3, "membership may not include"),
        (CUT, includes('"sim/simnode.h"'), 3, "membership may not include"),
        ("dataplane/heartbeat.c", includes('"control/node.h"'), 3, "no file of the tree"),
        ("control/node.c", includes('"runtime/planes.h"'), 3, "control may not include"),
        (SIM, includes('"sim/simnode.h"') + '#include "runtime/planes.h"\n', 4,
            "sim may not include"),
        (SIM, includes('"sim/simnode.h"') + '#include "dataplane/dpdk/lcore.h"\n', 4,
            "sim may not include"),
        ("runtime/planes.c", includes('"runtime/planes.h"') + '#include "sim/simnode.h"\n', 4,
            "runtime may not include"),
        ("tools/peald/peald.c", includes('"sim/simnode.h"'), 3, "tools/peald may not include"),
        ("tools/pealctl/pealctl.c", includes('"runtime/planes.h"'), 3,
            "tools/pealctl may not include"),
        ("tools/peal-sim/peal_sim.c", includes('"runtime/planes.h"'), 3,
            "tools/peal-sim may not include"),
        ("dataplane/dpdk/lcore.c", includes('"dataplane/dpdk/lcore.h"')
            + '#include "membership/edge.h"\n', 4, "dataplane/dpdk may not include"),
        (CUT, includes('"edge.h"'), 3, "no path from the root"),
        ("extra/thing.c", source("int x;"), 1, "not in the include table"),
    ],
    "library_headers_stay_in_their_room": [
        (CUT, includes("<rte_ring.h>"), 3, "belongs to dataplane/dpdk"),
        ("tools/peald/peald.c", includes("<rte_eal.h>"), 3, "belongs to dataplane/dpdk"),
        ("tests/unit/test_cut.c", includes("<rte_eal.h>"), 3, "belongs to dataplane/dpdk"),
        ("runtime/planes.c", includes('"runtime/planes.h"') + "#include <openssl/evp.h>\n", 4,
            "belongs to wire/crypto"),
        ("wire/view.c", includes('"wire/view.h"') + "#include <xxhash.h>\n", 4, "belongs to base"),
        (SIM, includes('"sim/simnode.h"') + "#include <jemalloc/jemalloc.h>\n", 4,
            "belongs to runtime"),
        ("control/node.c", includes("<jansson.h>"), 3, "belongs to runtime"),
    ],
    "pure_folders_use_few_system_headers": [
        (CUT, includes("<pthread.h>"), 3, "reaches outside"),
        ("control/node.c", includes("<stdlib.h>"), 3, "reaches outside"),
        ("base/hash.c", includes('"base/hash.h"') + "#include <time.h>\n", 4, "reaches outside"),
        ("dataplane/heartbeat.c", includes("<sys/socket.h>"), 3, "reaches outside"),
    ],
    "own_header_comes_first": [
        ("wire/view.c", includes('"base/hash.h"') + '#include "wire/view.h"\n', 3,
            'put "wire/view.h" first'),
    ],
    "private_headers_are_for_their_noun": [
        ("control/node.c", includes('"membership/edge_private.h"'), 3, "is for membership/edge.c"),
    ],
    "dpdk_names_stay_in_their_room": [
        (CUT, body("void f(void)", "{", "\trte_pause();", "}"), 5, "rte_pause outside"),
        ("tools/peald/peald.c", body("int f = RTE_MAX_LCORE;"), 3, "RTE_MAX_LCORE outside"),
    ],
    "pure_folders_call_nothing_of_the_world": [
        (CUT, body("void *p = malloc(1);"), 3, "heap: malloc() in membership"),
        (CUT, body("\tfree(p);"), 3, "heap: free()"),
        ("control/node.c", body("\tp = calloc (1, 2);"), 3, "heap: calloc()"),
        ("base/hash.c", body('#include "base/hash.h"', "\tclock_gettime(0, &t);"), 4, "clock:"),
        ("dataplane/heartbeat.c", body("\tt = time(NULL);"), 3, "clock: time()"),
        ("wire/view.c", body('#include "wire/view.h"', "\tgettimeofday(&t, NULL);"), 4, "clock:"),
        (CUT, body("\tx = rand();"), 3, "chance: rand()"),
        (CUT, body("\tx = random();"), 3, "chance: random()"),
        (CUT, body('\tprintf("x");'), 3, "text: printf()"),
        (CUT, body('\tsnprintf(b, 1, "x");'), 3, "text: snprintf()"),
        (CUT, body('\tfprintf(f, "x");'), 3, "text: fprintf()"),
        (CUT, body("float x;"), 3, "floating point (float)"),
        (CUT, body("double x;"), 3, "floating point (double)"),
        (CUT, body("int x = 3 * 0.5;"), 3, "floating point (0.5)"),
        (SIM, body('#include "sim/simnode.h"', "\tx = rand();"), 4, "chance: rand()"),
        (SIM, body('#include "sim/simnode.h"', "\tt = time(NULL);"), 4, "clock: time()"),
    ],
    "licence_comes_first": [
        (CUT, "\nint x;\n", 1, "not the licence"),
        ("membership/edge.h", CLEAN["membership/edge.h"][len(LICENCE):], 1, "not the licence"),
        ("tests/models/agreement.pml", "byte votes;\n", 1, "not the licence"),
        ("tools/dev/run", "#!/bin/bash\ntrue\n", 1, "no licence"),
    ],
    "headers_are_guarded": [
        ("membership/edge.h", source("struct peal_edge;"), 3, "does not begin with its guard"),
        ("membership/edge.h", LICENCE, 1, "does not begin with its guard"),
        ("membership/edge.h", header("EDGE_H"), 3, "use PEAL_MEMBERSHIP_EDGE_H"),
        ("membership/edge.h", source("#ifndef PEAL_MEMBERSHIP_EDGE_H", "#define OTHER", "#endif"),
            4, "not defined on the line after"),
        ("membership/edge.h", header("PEAL_MEMBERSHIP_EDGE_H") + "struct late;\n", 8,
            "code after the guard"),
    ],
    "file_names_are_unique": [
        ("control/edge.h", header("PEAL_CONTROL_EDGE_H"), 1, "edge is a noun of control already"),
    ],
    "files_stay_short": [
        (CUT, LICENCE + "\n" * 699 + "int x;\n", 701, "asked: file of 701 lines"),
        (CUT, LICENCE + "\n" * 1099 + "int x;\n", 1101, "file of 1101 lines"),
        ("membership/edge.h", header("PEAL_MEMBERSHIP_EDGE_H", "\n" * 310), 317,
            "asked: header of 317 lines"),
        ("membership/edge.h", header("PEAL_MEMBERSHIP_EDGE_H", "\n" * 410), 417,
            "header of 417 lines"),
        ("control/node.c", LICENCE + "\n" * 310 + "int x;\n", 312, "asked: composite of 312"),
    ],
    "nesting_stays_shallow": [
        (CUT, body("void f(void)", "{", "\tfor (;;) {", "\t\tif (a) {", "\t\t\twhile (b) {",
            "\t\t\t\tif (c) {", "\t\t\t\t\tif (d) {", "\t\t\t\t\t}", "\t\t\t\t}", "\t\t\t}",
            "\t\t}", "\t}", "}"), 9, "more than 4 levels deep"),
    ],
    "every_noun_has_a_unit_test": [
        ("tests/unit/test_cut.c", None, 1, "write tests/unit/test_cut.c"),
    ],
    "times_name_their_unit": [
        (CUT, body("uint64_t timeout;"), 3, "use timeout_ns"),
        (CUT, body("struct x {", "\tuint32_t probe_interval;", "};"), 4, "probe_interval does not"),
        (CUT, body("void f(uint64_t delay, int x);"), 3, "delay does not say"),
        ("runtime/planes.c", body('#include "runtime/planes.h"', "int deadline = 3;"), 4,
            "deadline does not"),
        ("tools/peald/peald.c", body("unsigned int period[3];"), 3, "period does not"),
        (CUT, body("uint64_t start_ns, retry_delay;"), 3, "retry_delay does not"),
        ("membership/edge.h", header("PEAL_MEMBERSHIP_EDGE_H",
            "#define PEAL_EDGE_TIMEOUT 5U\n"), 6, "use PEAL_EDGE_TIMEOUT_NS"),
    ],
    "no_typedefs_but_of_functions": [
        (CUT, body("typedef struct cut {", "\tint x;", "} cut_t;"), 3, "typedef hides"),
        (CUT, body("typedef int rank;"), 3, "typedef hides"),
        (CUT, body("typedef void (*visit)(int rank);"), 3, "typedef hides"),
    ],
    "nothing_is_left_unfinished": [
        (CUT, body(f"/* {word}: later */"), 3, "marks unfinished work") for word in tidy.UNFINISHED
    ] + [("README.md", f"# Peal\n{tidy.UNFINISHED[1]}\n", 2, "marks unfinished work")],
    "lines_end_cleanly": [
        (CUT, body("int x; "), 3, "white space at the end"),
        (CUT, body("int x;\t"), 3, "white space at the end"),
        ("README.md", "# Peal \n", 1, "white space at the end"),
        (CUT, body("int x;\r"), 3, "carriage return"),
        (CUT, LICENCE + "int x;", 2, "no line feed"),
        (CUT, LICENCE + "int x;\n\n", 3, "empty line at the end"),
    ],
}


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="tidy-test-")
        for path, text in CLEAN.items():
            self.write(path, text)

    def tearDown(self):
        shutil.rmtree(self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        if text is None:
            os.remove(full)
            return
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def found(self, rule=None):
        tree = tidy.Tree(self.root)
        rules = [one for one in tidy.RULES if rule in (None, one.__name__)]
        return sorted(finding for one in rules for finding in one(tree))

    def status(self, arguments):
        """Exit status of a run; what it prints is of no interest here."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return tidy.main(arguments)

    def test_clean_tree_passes(self):
        self.assertEqual([], self.found())
        self.assertEqual(0, self.status([self.root]))

    def test_folders_that_are_not_ours_are_not_read(self):
        for folder in ("build", "build-asan", ".git", "tests/fuzz/corpus/frame"):
            self.write(f"{folder}/bad.c", "int x; \n")
        self.assertEqual([], self.found())

    def test_every_rule_has_a_plant(self):
        self.assertEqual({rule.__name__ for rule in tidy.RULES}, set(PLANTS))

    def test_every_plant_is_found_alone(self):
        for rule, plants in PLANTS.items():
            for path, text, line, words in plants:
                with self.subTest(rule=rule, path=path, words=words):
                    self.write(path, text)
                    found = self.found(rule)
                    self.assertEqual(1, len(found), found)
                    asked = words.startswith("asked: ")
                    # A clash of names is told where the noun is met again, a missing test where
                    # the noun is.
                    if rule not in ("file_names_are_unique", "every_noun_has_a_unit_test"):
                        self.assertEqual(path, found[0].path)
                    self.assertEqual(line, found[0].line)
                    self.assertIn(words.removeprefix("asked: "), found[0].text)
                    self.assertEqual(asked, found[0].asked)
                    if not asked:
                        self.assertEqual(1, self.status([self.root]))
                    if path in CLEAN:
                        self.write(path, CLEAN[path])
                    else:
                        os.remove(os.path.join(self.root, path))

    def test_advice_alone_passes(self):
        self.write(CUT, LICENCE + "\n" * 699 + "int x;\n")
        self.assertEqual(0, self.status([self.root]))

    def test_wrong_arguments_are_refused(self):
        self.assertEqual(2, self.status(["/nowhere/at/all"]))
        self.assertEqual(2, self.status(["a", "b"]))


if __name__ == "__main__":
    unittest.main()
