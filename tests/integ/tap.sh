# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What shell tests share. Source it; then `need` what must be there, `open_scratch` for a folder $scratch that
# goes with the script, `check` as often as there is something to say, and `finish_tap` as the last line. Prints
# TAP; the exit status is 77 where a test cannot run and 1 if a check failed.

number=0
failures=0

skip() {
    echo "1..0 # SKIP $1"
    exit 77
}

need() { # PROGRAM...
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "the program $tool is missing"
    done
}

open_scratch() {
    scratch=$(mktemp -d)
    export RUNTIME_DIRECTORY=$scratch/run
    mkdir "$RUNTIME_DIRECTORY"
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
}

check() { # DESCRIPTION CMD...
    local what=$1
    shift
    number=$((number + 1))
    if "$@" >"$scratch/said" 2>&1; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# /' "$scratch/said"
        failures=$((failures + 1))
    fi
}

# True when CMD, interrupted after so many seconds, ends with the status that says so.
is_interrupted() { # SECONDS CMD...
    local after=$1 pid status
    shift
    setsid "$@" >/dev/null 2>&1 &
    pid=$!
    sleep "$after"
    kill -INT "$pid"
    wait "$pid"
    status=$?
    ((status == 130)) || { echo "status $status"; return 1; }
}

finish_tap() {
    echo "1..$number"
    ((failures == 0))
}
