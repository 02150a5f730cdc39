#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the house rules that neither the compiler nor the formatter nor the linter can see.

    tidy.py [ROOT]     checks the tree at ROOT, or the one this script stands in

A finding is one line: path:line, what is wrong, and what to do in its place. Findings marked
"asked" are advice; any other one makes the exit status 1. A rule that cannot be kept somewhere is
changed here, with its reason, and never switched off in the source.
"""
import collections
import os
import re
import sys

Finding = collections.namedtuple("Finding", "path line asked text")

# The pure folders: what decides. They know no clock, heap, chance, thread, file or floating point.
PURE = ("base", "wire", "membership", "abcast", "shm", "control", "dataplane")

# Who may include whom. An entry is a folder (its own files, not those of folders inside it) or one
# header. "tools" stands for any folder in tools/ that has no line of its own; those and the tests
# may always include what stands beside them.
MAY_INCLUDE = {
    "include/peal": ("include/peal",),
    "base": ("base",),
    "wire": ("base", "wire"),
    "wire/crypto": ("base", "wire", "wire/crypto"),
    "membership": ("base", "wire", "membership"),
    "abcast": ("base", "wire", "abcast"),
    "shm": ("base", "shm"),
    "client": ("base", "shm", "client", "include/peal"),
    "dataplane": (
        "base",
        "wire",
        "abcast",
        "shm",
        "membership/rings.h",
        "membership/trees.h",
        "membership/edge.h",
        "dataplane",
    ),
    "dataplane/dpdk": ("base", "wire", "shm", "dataplane", "dataplane/dpdk"),
    "control": (
        "base",
        "wire",
        "membership",
        "dataplane/plane.h",
        "dataplane/peers.h",
        "dataplane/stream.h",
        "dataplane/cast_tree.h",
        "control",
    ),
    "sim": PURE + ("sim",),
    "runtime": PURE
    + ("wire/crypto", "dataplane/dpdk", "client", "runtime", "include/peal"),
    # No file may see both peal/peal.h and wire/view.h, which have names in common.
    "embed": ("base", "runtime", "embed", "include/peal/embed.h"),
    "tools": ("base", "wire", "runtime", "include/peal"),
    # It measures a core and its channels without a daemon around them, and the rings of libpeal alone:
    # docs/design/0012.
    # Cores without control above, for peal-bench and the benches of the tests.
    "tools/benchlib": ("base", "wire", "wire/crypto", "membership/edge.h", "dataplane"),
    "tools/peal-bench-cycles": ("tools/benchlib",),
    "tools/peal-bench": (
        "tools/benchlib",
        "base",
        "shm",
        "wire",
        "wire/crypto",
        "dataplane",
        "dataplane/dpdk",
        "runtime",
        "include/peal",
    ),
    "tools/pealctl": ("base", "include/peal"),
    # What applications see, and nothing else.
    "examples": ("include/peal",),
    "examples/dpdk": ("include/peal",),
    "tools/peal-sim": ("base", "wire", "sim", "include/peal"),
    "tests": PURE
    + (
        "wire/crypto",
        "dataplane/dpdk",
        "client",
        "runtime",
        "sim",
        "include/peal",
        "tests/lib",
        "tools/benchlib",
    ),
}

# System headers a pure folder may use: types, limits, bytes, atomics, instructions.
PURE_SYSTEM_HEADERS = {
    "arm_acle.h",
    "endian.h",
    "immintrin.h",
    "inttypes.h",
    "limits.h",
    "nmmintrin.h",
    "stdalign.h",
    "stdarg.h",
    "stdatomic.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdnoreturn.h",
    "string.h",
}

# Headers of libraries, and the only folders that may use them.
LIBRARY_HEADERS = (
    (
        r"rte_.*",
        ("dataplane/dpdk", "runtime", "embed", "tools/peal-bench", "examples/dpdk", "tests/integ", "tests/bench"),
        "dataplane/port.h",
    ),
    (r"intel-ipsec-mb\.h|openssl/.*", ("wire/crypto",), "wire/aead.h"),
    (r"xxhash\.h|xxh3\.h", ("base",), "base/hash.h"),
    (r"jemalloc/.*|numa\.h|numaif\.h|cyaml/.*", ("runtime", "tests/integ"), "a function of runtime"),
    (r"jansson\.h", ("runtime", "tools", "tests/integ"), "a function of runtime"),
    (r"cmocka\.h", ("tests",), "a file in tests"),
    (r"peal/.*", ("runtime", "embed", "client", "tools", "tests", "examples", "include/peal"), "types of base"),
)

# Files of base whose purpose is text, arithmetic for people, or the end of the process.
NOT_QUITE_PURE = {"base/assert", "base/histogram", "base/status", "base/log"}

BANNED_CALLS = (
    (
        "heap",
        r"malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|alloca|strdup|"
        r"strndup|asprintf|mmap|munmap|qsort",
        "memory of the caller, or base/arena.h",
    ),
    (
        "clock",
        r"clock_gettime|clock|time|gettimeofday|times|nanosleep|clock_nanosleep|usleep|sleep|"
        r"__rdtsc|__builtin_ia32_rdtsc",
        "the now_ns parameter",
    ),
    (
        "chance",
        r"rand|srand|rand_r|random|srandom|drand48|lrand48|getrandom|getentropy|arc4random",
        "a struct peal_prng of the configuration",
    ),
    (
        "text",
        r"v?[fsd]?n?printf|vsnprintf|puts|fputs|putchar|fputc|putc|fwrite|perror|strerror",
        "a counter, a trace record, or a status",
    ),
)

TIME_WORDS = "timeout|interval|delay|deadline|period"
UNITS = r"_(ns|us|ms|s|sec|seconds|cycles|ticks|count|index|rank|seq|size|capacity|key|heap)(_|$)"
UNFINISHED = ("FIX" + "ME", "TO" + "DO", "XX" + "X")

FILE_ASKED, FILE_REFUSED = 600, 1000
HEADER_ASKED, HEADER_REFUSED = 300, 400
COMPOSITE_ASKED = 300
NESTING_MAX = 4
COMPOSITES = {"membership/membership.c", "control/node.c", "dataplane/core.c", "abcast/abcast.c"}

SPDX = "/* SPDX-License-Identifier: BSD-3-Clause */"
SPDX_SCRIPT = "# SPDX-License-Identifier: BSD-3-Clause"

TEXT_ENDINGS = (".c", ".h", ".def", ".py", ".sh", ".md", ".build", ".yaml", ".yml", ".gp", ".pml")
TEXT_NAMES = ("Makefile", "LICENSE", "meson_options.txt")


def blank(code):
    """Returns code with comments, strings and character constants emptied; lines stay in place."""
    pattern = re.compile(
        r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
    )

    def empty(match):
        text = match.group(0)
        if text[0] in "\"'":
            return text[0] * 2
        return re.sub(r"[^\n]", " ", text)

    return pattern.sub(empty, code)


class Source:
    """One file, read once: its lines, its code without comments, and the room it stands in."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), "rb") as file:
            self.bytes = file.read()
        self.text = self.bytes.decode("utf-8", "replace")
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.folder = os.path.dirname(path)
        self.name = os.path.basename(path)
        self.stem, self.ending = os.path.splitext(self.name)
        self.is_c = self.ending in (".c", ".h")
        self.is_pure = self.folder in PURE
        self.code = blank(self.text).split("\n") if self.is_c or self.ending == ".def" else []

    def room(self):
        """The line of the include table that holds for this file, or None."""
        for name in (self.folder, self.folder.split("/")[0]):
            if name in MAY_INCLUDE:
                return name
        return None

    def is_in(self, folders):
        return any(self.folder == name or self.folder.startswith(name + "/") for name in folders)


class Tree:
    """All files of the tree that are ours to check."""

    def __init__(self, root):
        self.root = root
        self.sources = []
        self.paths = set()
        for folder, folders, names in os.walk(root):
            here = os.path.relpath(folder, root)
            here = "" if here == "." else here.replace(os.sep, "/") + "/"
            folders[:] = sorted(
                name
                for name in folders
                if (not name.startswith(("build", ".")) or name == ".ci")
                and name not in ("__pycache__", "corpus")
            )
            for name in sorted(names):
                path = here + name
                self.paths.add(path)
                if self.is_text(path, name):
                    self.sources.append(Source(root, path))
        self.c_sources = [source for source in self.sources if source.is_c]

    def is_text(self, path, name):
        if name.endswith(TEXT_ENDINGS) or name in TEXT_NAMES:
            return True
        if path.startswith(("tools/", ".ci/")) and "." not in name:
            with open(os.path.join(self.root, path), "rb") as file:
                return file.read(2) == b"#!"
        return False


RULES = []


def rule(function):
    RULES.append(function)
    return function


def refuse(source, line, text):
    return Finding(source.path, line, False, text)


def ask(source, line, text):
    return Finding(source.path, line, True, text)


def included(source):
    """Yields (line, name, is_system) of each include."""
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        # The blanked line tells an include from one that is commented out.
        if match and source.code[number - 1].strip().startswith("#"):
            yield number, match.group(2), match.group(1) == "<"


@rule
def includes_follow_the_table(tree):
    for source in tree.c_sources:
        room = source.room()
        if room is None:
            yield refuse(source, 1, "folder is not in the include table; put the file into a known "
                "folder, or decide its place and add it to MAY_INCLUDE in tools/dev/tidy.py")
            continue
        allowed = MAY_INCLUDE[room]
        for line, name, is_system in included(source):
            if is_system:
                continue
            target = "include/" + name if name.startswith("peal/") else name
            if "/" not in name or name.startswith((".", "/")):
                yield refuse(source, line, f'"{name}" is no path from the root; write '
                    f'"{source.folder}/{os.path.basename(name)}" or the folder it is in')
                continue
            if target not in tree.paths:
                yield refuse(source, line, f'"{name}" is no file of the tree; include a library '
                    "header with <>, and write paths from the root")
                continue
            folder = os.path.dirname(target)
            beside = folder == source.folder and source.is_in(("tools", "tests"))
            if folder not in allowed and target not in allowed and not beside:
                yield refuse(source, line, f"{source.folder} may not include {target}; it may use "
                    f"{', '.join(allowed)}")


@rule
def library_headers_stay_in_their_room(tree):
    for source in tree.c_sources:
        for line, name, is_system in included(source):
            if not is_system:
                continue
            for pattern, rooms, instead in LIBRARY_HEADERS:
                if re.fullmatch(pattern, name) and not source.is_in(rooms):
                    yield refuse(source, line, f"<{name}> belongs to {', '.join(rooms)}; use "
                        f"{instead}")


@rule
def pure_folders_use_few_system_headers(tree):
    for source in tree.c_sources:
        if not source.is_pure or f"{source.folder}/{source.stem}" in NOT_QUITE_PURE:
            continue
        for line, name, is_system in included(source):
            if not is_system or name in PURE_SYSTEM_HEADERS:
                continue
            if any(re.fullmatch(pattern, name) for pattern, _, _ in LIBRARY_HEADERS):
                continue
            yield refuse(source, line, f"<{name}> reaches outside a pure folder; take the value as "
                "an input or give it out as an effect")


@rule
def own_header_comes_first(tree):
    for source in tree.c_sources:
        own = f"{source.folder}/{source.stem}.h"
        if source.ending != ".c" or own not in tree.paths:
            continue
        for line, name, _ in included(source):
            if name != own:
                yield refuse(source, line, f'first include is {name}; put "{own}" first, which '
                    "proves that it stands alone")
            break


@rule
def private_headers_are_for_their_noun(tree):
    for source in tree.c_sources:
        for line, name, is_system in included(source):
            if is_system or not name.endswith("_private.h"):
                continue
            noun = name[: -len("_private.h")]
            same = f"{source.folder}/{source.stem}".startswith(noun)
            # The handlers of a composite are one thing in several files.
            same = same or noun + ".c" in COMPOSITES and source.folder == os.path.dirname(noun)
            checker = source.folder == "sim" and source.stem.startswith("check_")
            if not same and not checker and not source.is_in(("tests",)):
                yield refuse(source, line, f"{name} is for {noun}.c, checkers and tests; use "
                    f"{noun}.h")


@rule
def dpdk_names_stay_in_their_room(tree):
    rooms = LIBRARY_HEADERS[0][1]
    for source in tree.c_sources:
        if source.is_in(rooms):
            continue
        for number, line in enumerate(source.code, 1):
            match = re.search(r"\b(rte_\w+|RTE_\w+)", line)
            if match and "#" not in line[: match.start()]:
                yield refuse(source, number, f"{match.group(1)} outside {', '.join(rooms)}; use "
                    "dataplane/port.h or dataplane/plane.h")


@rule
def pure_folders_call_nothing_of_the_world(tree):
    for source in tree.c_sources:
        in_sim = source.folder == "sim"
        if not in_sim and not source.is_pure:
            continue
        if f"{source.folder}/{source.stem}" in NOT_QUITE_PURE:
            continue
        for number, line in enumerate(source.code, 1):
            for kind, names, instead in BANNED_CALLS:
                if in_sim and kind not in ("clock", "chance"):
                    continue
                match = re.search(rf"(?<![\w.>])(?:{names})\s*\(", line)
                if match:
                    yield refuse(source, number, f"{kind}: {match.group(0).rstrip('( ')}() in "
                        f"{source.folder}; use {instead}")
            match = None if in_sim else re.search(
                r"\b(?:float|double)\b|(?<![\w.])\d+\.\d*|(?<![\w.)\]])\.\d+", line)
            if match and not line.lstrip().startswith("#include"):
                yield refuse(source, number, f"floating point ({match.group(0)}) in "
                    f"{source.folder}; use integers and ratios of integers")


@rule
def licence_comes_first(tree):
    for source in tree.sources:
        first = source.lines[0] if source.lines else ""
        if source.is_c or source.ending in (".def", ".pml"):
            if first != SPDX:
                yield refuse(source, 1, f"first line is not the licence; use {SPDX}")
        elif source.ending in (".py", ".build") or source.bytes.startswith(b"#!"):
            if SPDX_SCRIPT not in source.lines[:2]:
                yield refuse(source, 1, f"no licence in the first two lines; use {SPDX_SCRIPT}")


@rule
def headers_are_guarded(tree):
    for source in tree.c_sources:
        if source.ending != ".h":
            continue
        parts = [re.sub(r"\W", "_", part).upper() for part in source.folder.split("/")]
        file_part = re.sub(r"\W", "_", source.stem).upper()
        full = "_".join(["PEAL"] + parts + [file_part, "H"])
        short = "_".join(["PEAL"] + parts[-1:] + [file_part, "H"])
        public = "_".join(["PEAL", file_part.removeprefix("PEAL_"), "H"])
        accepted = {full, short} | ({public, "PEAL_H"} if source.folder == "include/peal" else set())
        code = [(number, line.strip()) for number, line in enumerate(source.code, 1) if line.strip()]
        found = re.fullmatch(r"#\s*ifndef (\w+)", code[0][1]) if code else None
        if found is None:
            yield refuse(source, code[0][0] if code else 1, "header does not begin with its guard; "
                f"use #ifndef {full} before anything else")
        elif found.group(1) not in accepted:
            yield refuse(source, code[0][0], f"guard is {found.group(1)}; use {short}")
        elif len(code) < 3 or not re.fullmatch(rf"#\s*define {found.group(1)}", code[1][1]):
            yield refuse(source, code[1][0] if len(code) > 1 else 1, "guard is not defined on the "
                f"line after it is asked for; use #define {found.group(1)}")
        elif not code[-1][1].startswith("#endif"):
            yield refuse(source, code[-1][0], "code after the guard; end the header with #endif")


@rule
def file_names_are_unique(tree):
    first = {}
    for source in tree.sources:
        if not source.is_c and source.ending != ".def" or source.is_in(("tests",)):
            continue
        if source.stem == "README":
            continue
        known = first.setdefault(source.stem, source)
        if known.folder != source.folder:
            yield refuse(source, 1, f"{source.stem} is a noun of {known.folder} already; use "
                "another noun, or move the file beside that one")


@rule
def files_stay_short(tree):
    for source in tree.sources:
        count = len(source.lines)
        if source.ending == ".h":
            if count > HEADER_REFUSED:
                yield refuse(source, count, f"header of {count} lines; at most {HEADER_ASKED} are "
                    f"asked and {HEADER_REFUSED} allowed, split it by noun")
            elif count > HEADER_ASKED:
                yield ask(source, count, f"header of {count} lines; keep it to {HEADER_ASKED}")
        elif source.ending in (".c", ".py", ".def"):
            if count > FILE_REFUSED:
                yield refuse(source, count, f"file of {count} lines; at most {FILE_ASKED} are asked "
                    f"and {FILE_REFUSED} allowed, split it by noun")
            elif count > FILE_ASKED:
                yield ask(source, count, f"file of {count} lines; keep it to {FILE_ASKED}")
            elif source.path in COMPOSITES and count > COMPOSITE_ASKED:
                yield ask(source, count, f"composite of {count} lines; it only routes, move what "
                    f"decides into a file of its own and keep it to {COMPOSITE_ASKED}")


@rule
def nesting_stays_shallow(tree):
    for source in tree.c_sources:
        depth = 0
        in_macro = False
        for number, line in enumerate(source.code, 1):
            is_macro = in_macro or line.lstrip().startswith("#")
            in_macro = is_macro and line.endswith("\\")
            if is_macro:
                continue
            for character in line:
                depth += (character == "{") - (character == "}")
                # The braces of the function itself are no level.
                if character == "{" and depth == NESTING_MAX + 2:
                    yield refuse(source, number, f"more than {NESTING_MAX} levels deep; leave "
                        "early, or give the inner part a name and a function")


@rule
def every_noun_has_a_unit_test(tree):
    for source in tree.c_sources:
        if source.ending != ".c" or not (source.is_pure or source.folder == "wire/crypto"):
            continue
        test = f"tests/unit/test_{source.stem}.c"
        if test not in tree.paths:
            yield refuse(source, 1, f"has no unit test; write {test}")


@rule
def times_name_their_unit(tree):
    integer = r"(?:u?int(?:\d+|_fast\d+|_least\d+|ptr|max)?_t|int|long|unsigned|short|size_t|double|float)"
    declared = re.compile(rf"\b{integer}\s+\*?\s*(\w*(?:{TIME_WORDS})\w*)\s*(?=[;,=)\[:])")
    continued = re.compile(rf",\s*\*?(\w*(?:{TIME_WORDS})\w*)\s*(?=[;,=])")
    constant = re.compile(rf"^\s*#\s*define\s+(\w*(?:{TIME_WORDS.upper()})\w*)\s+\S")
    for source in tree.c_sources:
        for number, line in enumerate(source.code, 1):
            names = declared.findall(line) + constant.findall(line)
            if re.match(rf"\s*(?:static\s+|const\s+)*{integer}\s", line) and "(" not in line:
                names += continued.findall(line)
            for name in names:
                if name.endswith("_H") or name.endswith("_h"):
                    continue
                if not re.search(UNITS, name.lower()):
                    yield refuse(source, number, f"{name} does not say its unit; use {name}"
                        f"{'_NS' if name.isupper() else '_ns'}, or _at_ns for an instant")


@rule
def no_typedefs_but_of_functions(tree):
    for source in tree.c_sources:
        text = "\n".join(source.code)
        for match in re.finditer(r"\btypedef\b([^;{]*)([;{])", text):
            number = text.count("\n", 0, match.start()) + 1
            # The compiler's 128-bit integer has no name of its own that -Wpedantic accepts.
            if "__int128" in match.group(1):
                continue
            # A typedef of a function names it in (*name_fn)( or in name_fn(.
            if match.group(2) == ";" and re.search(r"\b\w+_fn\)?\s*\(", match.group(1)):
                continue
            yield refuse(source, number, "typedef hides what a thing is; write struct or enum, and "
                "use typedef only for a function type whose name ends in _fn")


@rule
def nothing_is_left_unfinished(tree):
    pattern = re.compile(r"\b(" + "|".join(UNFINISHED) + r")\b")
    for source in tree.sources:
        for number, line in enumerate(source.lines, 1):
            match = pattern.search(line)
            if match:
                yield refuse(source, number, f"{match.group(1)} marks unfinished work; finish it, "
                    "or write the limit down as a sentence")


@rule
def lines_end_cleanly(tree):
    for source in tree.sources:
        for number, line in enumerate(source.lines, 1):
            if line.endswith("\r"):
                yield refuse(source, number, "carriage return at the end; use a bare line feed")
                break
            if line != line.rstrip() and not (source.ending == ".md" and line.endswith("  ")):
                yield refuse(source, number, "white space at the end of the line; remove it")
        if source.bytes and not source.bytes.endswith(b"\n"):
            yield refuse(source, len(source.lines), "no line feed at the end of the file; add one")
        elif source.bytes.endswith(b"\n\n"):
            yield refuse(source, len(source.lines), "empty line at the end of the file; remove it")


def check(root):
    tree = Tree(root)
    findings = [finding for one in RULES for finding in one(tree)]
    return sorted(set(findings)), len(tree.sources)


def main(arguments):
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    here = os.path.dirname(os.path.abspath(__file__))
    root = arguments[0] if arguments else os.path.join(here, "..", "..")
    if not os.path.isdir(root):
        print(f"tidy: {root} is no folder; give the root of a tree", file=sys.stderr)
        return 2
    findings, files_count = check(os.path.abspath(root))
    for finding in findings:
        mark = "asked: " if finding.asked else ""
        print(f"{finding.path}:{finding.line}: {mark}{finding.text}")
    refused_count = sum(not finding.asked for finding in findings)
    print(f"tidy: {files_count} files, {refused_count} refused, "
        f"{len(findings) - refused_count} asked")
    return 1 if refused_count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
