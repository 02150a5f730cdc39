#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests the commands of peal-bench about total order: order, infinite and cpg. Form and sanity of what they print, one
# order at all, refusals in one sentence, Ctrl-C, nothing left behind. How fast anything is decides nothing here, nor
# whether the machine let a rank fall behind: then there are figures all the same, for --anyway is said. cpg needs
# root and corosync, and is left out where either is missing. Prints TAP; exits 77 where it cannot run, 1 if a check
# failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

find_bench
need python3 setsid setpriv
open_scratch

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py WHAT FILE [WORD...]: the figures are there and fit together.
import json, sys

what, path = sys.argv[1:3]
with open(path) as file:
    r = json.load(file)

def rising(name=""):
    times = [r[f"{name}{key}_ns"] for key in ("min", "p50", "p90", "p99", "p999", "max")]
    assert times == sorted(times) and times[0] >= 0, (name, times)

def judge_common():
    assert r["violations"] == 0 and r["ordered"] > 0
    assert 0 < r["messages_per_s_min"] <= r["messages_per_s"] <= r["messages_per_s_max"]
    assert r["host"]["kernel"]

def judge_roles(count):
    assert len(r["cycles_per_message"]) == len(r["frames_per_message"]) == count
    assert all(cycles > 0 for cycles in r["cycles_per_message"])
    assert r["tsc_hz"] > 10**8 and r["views"] >= 1 and r["skips"] >= 0

def judge_order():
    link, nodes, senders, size = sys.argv[3], *map(int, sys.argv[4:7])
    assert r["command"] == "order" and r["link"] == link and r["nodes"] == nodes and r["senders"] == senders
    assert r["message_bytes"] == size and r["sealed"] == (r["aead"] is not None)
    for name in ("", "paced_own_", "paced_others_"):
        rising(name)
    judge_common()
    judge_roles(nodes)

def judge_infinite():
    assert r["command"] == "infinite" and r["nodes"] == 3 and r["senders"] == 3 and r["message_bytes"] == 1024
    assert 0 < r["mean_ns_min"] <= r["mean_ns"] <= r["mean_ns_max"]
    assert r["reference"]["mean_ms"] == 23.47
    judge_common()
    judge_roles(3)

def judge_cpg():
    assert r["command"] == "cpg" and r["nodes"] == 3 and not r["sealed"] and r["corosync"]
    rising()
    assert r["pipelined_messages_per_s"] > 0
    judge_common()

globals()["judge_" + what]()
PYTHON
judge() { python3 "$scratch/judge.py" "$@"; }

# The run ends with STATUS and says one line that contains each of WORDS.
refuses() { # STATUS WORDS... -- ARGUMENTS...
    local status=$1 words=() word said
    shift
    while [[ $1 != -- ]]; do words+=("$1") && shift; done
    shift
    said=$("$bench" "$@" 2>&1 >/dev/null)
    (($? == status)) || { echo "another status: $said"; return 1; }
    (($(wc -l <<<"$said") == 1)) || { echo "not one line: $said"; return 1; }
    for word in "${words[@]}"; do
        [[ $said == *"$word"* ]] || { echo "no '$word' in: $said"; return 1; }
    done
}

helps() { # COMMAND OPTION...
    local command=$1 text option
    shift
    text=$("$bench" "$command" --help) && grep -q "^examples:" <<<"$text" || return 1
    for option in "$@" --json --quiet; do
        grep -q -e "^  $option" <<<"$text" || { echo "no $option"; return 1; }
    done
    "$bench" --help | grep -q "peal-bench $command"
}

calm=(--idle shared --anyway --rounds 1 --interval 1000000)

check "help of order" helps order --link --nodes --senders --size --rounds --count --none
check "order of three" calmly "$bench" order "${calm[@]}" --count 100 --json "$scratch/order" --hdr "$scratch/table"
check "order of three: figures" judge order "$scratch/order" ring 3 1 64
check "order of three: a table" grep -q "Total count *= *" "$scratch/table"
check "order of five, all send" calmly "$bench" order "${calm[@]}" --nodes 5 --senders 5 --size 1000 --count 20 \
    --json "$scratch/five"
check "order of five: figures" judge order "$scratch/five" ring 5 5 1000
check "order in many frames, not sealed" calmly "$bench" order "${calm[@]}" --size 20000 --none --count 20 --quiet
check "order on one CPU says its cost" grep -q "rank 0 sends" <("$bench" order "${calm[@]}" --count 20 --cores 0)
check "an even number of ranks" refuses 2 --nodes 4 -- order --nodes 4
check "more senders than ranks" refuses 2 --senders 5 -- order --senders 5
check "a message without room for its number" refuses 2 --size 16 -- order --size 8
check "a link of order" refuses 2 --link af_packet -- order --link memif
check "Ctrl-C ends order" is_interrupted 3 "$bench" order --idle shared --count 1000000 --interval 1000000

check "help of infinite" helps infinite --link --count --rounds
check "infinite in this process" calmly "$bench" infinite --link ring --count 300 --rounds 2 --interval 1000000 \
    --idle shared --anyway --json "$scratch/infinite"
check "infinite: figures" judge infinite "$scratch/infinite"
check "infinite, text for people" grep -q "the thesis *mean 23.47 ms" <("$bench" infinite --link ring --count 30 \
    --rounds 1 --interval 1000000 --idle shared --anyway)

check "help of cpg" helps cpg --size --count --rounds --idle
if ((EUID == 0)) && command -v ip >/dev/null; then
    check "order of three processes" calmly "$bench" order --link af_packet "${calm[@]}" --count 100 \
        --json "$scratch/lab"
    check "order of three processes: figures" judge order "$scratch/lab" af_packet 3 1 64
    check "five processes" refuses 2 --nodes three -- order --link af_packet --nodes 5
    check "Ctrl-C ends order of three processes" is_interrupted 3 "$bench" order --link af_packet --idle shared \
        --count 1000000 --interval 1000000
fi
if ((EUID == 0)) && command -v corosync >/dev/null && ldconfig -p | grep -q libcpg.so.4; then
    check "cpg" calmly "$bench" cpg --count 20 --rounds 1 --json "$scratch/cpg"
    check "cpg: figures" judge cpg "$scratch/cpg"
fi

check "nothing stays in the runtime directory" test -z "$(find "$RUNTIME_DIRECTORY" -mindepth 1)"
check "no socket stays" test -z "$(find "$TMPDIR" -mindepth 1)"

finish_tap
