#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Names the C sources of one folder for Meson, or of the whole tree for tools/dev/build.

    sources.py FOLDER [PREFIX]     .c files directly inside FOLDER (none when it does not exist), sorted
    sources.py --scripts FOLDER    the test scripts there: *_test.sh and *_test.py
    sources.py --all               all that decides what is built, one path a line
"""
import os
import sys

SKIPPED = ("build", ".")


SCRIPTS = ("_test.sh", "_test.py")


def list_folder(folder, prefix, endings):
    if not os.path.isdir(folder):
        return []
    return sorted(
        name
        for name in os.listdir(folder)
        if name.endswith(endings) and name.startswith(prefix) and not name.startswith(".")
    )


def list_tree(root):
    found = []
    for path, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(SKIPPED))
        for name in names:
            where = os.path.relpath(os.path.join(path, name), root)
            is_script = where.startswith("tests/") and name.endswith(SCRIPTS)
            is_story = where.startswith("tests/script/")
            if name.endswith(".c") or name == "meson.build" or is_script or is_story:
                found.append(where)
    return sorted(found)


def main(arguments):
    if arguments == ["--all"]:
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        names = list_tree(os.path.normpath(root))
    elif len(arguments) == 2 and arguments[0] == "--scripts":
        names = list_folder(arguments[1], "", SCRIPTS)
    elif len(arguments) in (1, 2):
        names = list_folder(arguments[0], arguments[1] if len(arguments) == 2 else "", ".c")
    else:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    for name in names:
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
