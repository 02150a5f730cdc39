# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What shell tests share. Source it; then `find_bench` where peal-bench is tested, `need` what must be there,
# `open_scratch` for a folder $scratch that goes with the script, `check` as often as there is something to say, and
# `finish_tap` as the last line. Prints TAP; the exit status is 77 where a test cannot run and 1 if a check failed.
#
# How fast a machine is decides nothing: what a test waits for has $PATIENCE_S to come, and nobody waits longer
# than it takes.

set -u
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
number=0
failures=0
PATIENCE_S=60

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

# The program under test is $bench.
find_bench() {
    bench=${PEAL_BENCH:-${PEAL_BUILD:-$here/../../build}/tools/peal-bench/peal-bench}
    [[ -x $bench ]] || skip "$bench is not built"
}

open_scratch() {
    scratch=$(mktemp -d)
    export RUNTIME_DIRECTORY=$scratch/run TMPDIR=$scratch/tmp
    mkdir "$RUNTIME_DIRECTORY" "$TMPDIR"
    trap 'end_apart; rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
}

# Starts CMD in a session of its own, as its process $pid. It ends with this script, however that ends. SIGINT is
# what it is elsewhere: a background job of a script would ignore it until it says otherwise.
start_apart() { # CMD...
    setsid setpriv --pdeathsig TERM env --default-signal=INT "$@" &
    pid=$!
}

end_apart() {
    local one
    for one in $(jobs -pr); do
        kill -KILL -- "-$one"
    done 2>/dev/null
}

# True once CMD is; false after $PATIENCE_S.
await() { # CMD...
    local until_s=$((SECONDS + PATIENCE_S))
    until "$@"; do
        ((SECONDS <= until_s)) || return 1
        sleep 0.1
    done
}

# Runs CMD, a measurement. A machine that others use may stand still for long: then the bench says so, gives no
# figure, and is asked again.
calmly() { # CMD...
    local said
    for _ in 1 2 3 4 5; do
        said=$("$@" 2>&1) && return
        [[ $said == *"machine overloaded"* || $said == *"no figure"*"replies were lost"* ]] || break
        sleep 1
    done
    echo "$said"
    return 1
}

is_gone() { # PID
    ! kill -0 "$1" 2>/dev/null
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
    start_apart "$@" >/dev/null 2>&1
    sleep "$after"
    kill -INT "$pid"
    await is_gone "$pid" || { echo "it goes on for $PATIENCE_S s"; return 1; }
    wait "$pid"
    status=$?
    ((status == 130)) || { echo "status $status"; return 1; }
}

# True when PROGRAM ends with STATUS and says one line that contains each of WORDS.
refuses_as() { # PROGRAM STATUS WORDS... -- ARGUMENTS...
    local program=$1 status=$2 words=() word said
    shift 2
    while [[ $1 != -- ]]; do words+=("$1") && shift; done
    shift
    said=$("$program" "$@" 2>&1 >/dev/null)
    (($? == status)) || { echo "another status: $said"; return 1; }
    (($(wc -l <<<"$said") == 1)) || { echo "not one line: $said"; return 1; }
    for word in "${words[@]}"; do
        [[ $said == *"$word"* ]] || { echo "no '$word' in: $said"; return 1; }
    done
}

finish_tap() {
    echo "1..$number"
    ((failures == 0))
}
