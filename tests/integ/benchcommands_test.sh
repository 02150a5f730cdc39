#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests the commands of peal-bench that came with oneway: oneway, cast, view, cycles, and --runs. Form and sanity
# of what they print, refusals in one sentence, Ctrl-C, nothing left behind, no root but for af_packet. How fast
# anything is decides nothing here. Prints TAP; exits 77 where it cannot run, 1 if a check failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

find_bench
need python3 setsid setpriv
open_scratch

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py WHAT FILE [WORD]: the figures are there and fit together.
import json, sys

what, path = sys.argv[1:3]
with open(path) as file:
    text = file.read()
decoder, at, runs = json.JSONDecoder(), 0, []
while at < len(text):
    run, at = decoder.raw_decode(text, at)
    runs.append(run)
    while at < len(text) and text[at].isspace():
        at += 1
r = runs[0]

def rising(table, name=""):
    times = [table[f"{name}{key}_ns"] for key in ("min", "p50", "p90", "p99", "p999", "max")]
    assert times == sorted(times) and times[0] >= 0, (name, times)

def judge_host():
    assert all(r["host"][key] for key in ("cpu", "cpus", "kernel", "dpdk", "clocksource", "isolated", "compiler",
                                          "peal"))
    assert r["elapsed_ns"] > 0 and r["steal_ns"] >= 0 and len(r["cpu_shares"]) == 2
    assert r["refused"] == (r["refusal"] is not None)

def judge_oneway():
    assert r["command"] == "oneway" and r["link"] == sys.argv[3] and r["message_bytes"] == 64 and r["sealed"]
    assert r["count"] + r["lost"] == r["sent"] == 200 and r["interval_ns"] == 10**6
    rising(r)
    # Two readings of one clock: some hundred nanoseconds, and never nothing.
    assert 0 < r["clock_error_ns"] <= r["p50_ns"]
    assert r["curve"][0][0] == 1

def judge_cast():
    assert r["command"] == "cast" and r["nodes"] == 4 and r["message_bytes"] == 100 and r["aead"]
    assert r["count"] == 200 and r["deliveries"] == 200 * 3
    rising(r)
    rising(r, "last_")
    # The last one has it after the others.
    assert r["last_p50_ns"] >= r["p50_ns"] and r["last_max_ns"] == r["max_ns"]
    assert 0 < r["messages_per_s_min"] <= r["messages_per_s"] <= r["messages_per_s_max"]
    assert r["sender_cycles"] > 0 and r["sender_cycles_alone"] > 0
    assert 0 < r["frames_per_message"]
    assert r["curve"] and r["last_curve"]

def judge_view():
    assert r["command"] == "view" and r["nodes"] == 5 and r["preset"] == "dpdk-fast" and r["rounds"] == 1
    for change, count, survivors in (("join", 2, (5, 5)), ("leave", 1, (5,)), ("kill", 1, (5,))):
        table = r[change]
        # A join is seen by the five that were there; of six, five survive what follows.
        assert table["changes"] == count and table["views"] == sum(survivors), (change, table["views"])
        rising(table)
        rising(table, "last_")
        assert table["last_max_ns"] == table["max_ns"] and table["curve"]
    rising(r["join"], "joiner_")
    rising(r["kill"], "detection_")
    # Who is gone is found before the view says so.
    assert 0 < r["kill"]["detection_min_ns"] <= r["kill"]["min_ns"]
    assert r["kill_last_p50_ns"] == r["kill"]["last_p50_ns"] and r["healthy_removed"] == 0

def judge_cycles():
    assert r["command"] == "cycles" and r["message_bytes"] == 64 and r["burst"] == 1 and r["echo"]
    assert set(r["stages"]) == {"port", "frame", "aead", "channel", "delivery"}
    assert all(cycles > 0 for cycles in r["stages"].values())
    assert 0 < r["round_trip_cycles"] <= r["cycles_per_message"] and r["idle_turn_cycles"] > 0
    # A message there, and its answer back.
    assert r["frames_per_message"] == 2 and r["repeated"] == 0 and r["tsc_hz"] > 10**8

def judge_runs():
    assert len(runs) == 4 and len({run["command"] for run in runs}) == 1
    assert all(run["cycles_per_message"] > 0 for run in runs)

globals()["judge_" + what]()
judge_host()
PYTHON
judge() { python3 "$scratch/judge.py" "$@"; }

refuses() { refuses_as "$bench" "$@"; }

helps() { # COMMAND OPTION...
    local command=$1 text option
    shift
    text=$("$bench" "$command" --help) && grep -q "^examples:" <<<"$text" || return 1
    for option in "$@" --runs --json --quiet; do
        grep -q -e "^  $option" <<<"$text" || { echo "no $option"; return 1; }
    done
    "$bench" --help | grep -q "peal-bench $command"
}

calm=(--count 200 --interval 1000000 --idle shared --anyway)

check "help of oneway" helps oneway --link --hdr --plot --cores
for link in ring memif; do
    check "oneway over $link" calmly "$bench" oneway --link "$link" "${calm[@]}" --json "$scratch/oneway" \
        --hdr "$scratch/table"
    check "oneway over $link: figures" judge oneway "$scratch/oneway" "$link"
    check "oneway over $link: a table" grep -q "Total count *= *200\]" "$scratch/table"
done
check "oneway says its error" grep -q "+- error" <("$bench" oneway --link ring "${calm[@]}")
check "oneway of many frames" calmly "$bench" oneway --link vhost --size 60000 --count 20 --interval 10000000 \
    --idle shared --anyway --quiet
check "oneway without a link" refuses 2 --link -- oneway
check "oneway of more than are kept" refuses 2 --count 10000000 -- oneway --link ring --count 10000001
check "a key of oneway" refuses 2 --key oneway -- oneway --link ring --key x
check "Ctrl-C ends oneway" is_interrupted 3 "$bench" oneway --link memif --count 1000000 --interval 1000000 \
    --idle shared

check "help of cast" helps cast --nodes --size --rounds
check "cast" calmly "$bench" cast --nodes 4 --size 100 --rounds 2 "${calm[@]}" --json "$scratch/cast"
check "cast: figures" judge cast "$scratch/cast"
check "cast to one" calmly "$bench" cast --nodes 2 --rounds 1 "${calm[@]}" --quiet
check "cast in many frames" calmly "$bench" cast --nodes 3 --size 20000 --rounds 1 --count 20 --interval 10000000 \
    --idle shared --anyway --quiet
check "too many members" refuses 2 --nodes 64 -- cast --nodes 65
check "a link of cast" refuses 2 --link cast -- cast --link ring
check "Ctrl-C ends cast" is_interrupted 3 "$bench" cast --idle shared --count 1000000 --interval 1000000

check "help of view" helps view --nodes --rounds --preset --hdr
check "view" calmly "$bench" view --nodes 5 --rounds 1 --preset dpdk-fast --anyway --json "$scratch/view"
# On a machine that stands still for long, healthy nodes are removed as well; then there are no figures.
if grep -q '"kill_last_p50_ns"' "$scratch/view"; then
    check "view: figures" judge view "$scratch/view"
fi
check "a group that cannot lose one" refuses 2 --nodes 3 -- view --nodes 2
check "more starts than there is room for" refuses 2 --rounds room -- view --nodes 200 --rounds 100
check "no such preset" refuses 2 --preset dpdk-fast -- view --preset slow
check "Ctrl-C ends view" is_interrupted 2 "$bench" view --rounds 50

check "help of cycles" helps cycles --size --burst --echo --lend --idle-turns
check "cycles" calmly "$bench" cycles --burst 1 --echo --idle-turns 10 --rounds 500 --anyway --json "$scratch/cycles"
check "cycles: figures" judge cycles "$scratch/cycles"
check "cycles of what is lent" calmly "$bench" cycles --lend --size 65536 --burst 1 --rounds 100 --anyway --quiet
check "cycles, text for people" grep -q "^  channel " <("$bench" cycles --rounds 100 --anyway)
check "a large message that is not lent" refuses 2 --size --lend -- cycles --size 2000
check "answers of what is lent" refuses 2 --echo --lend -- cycles --echo --lend
check "no such AEAD" refuses 2 --aead rot13 ipsec_mb -- cycles --rounds 100 --aead rot13
check "Ctrl-C ends cycles" is_interrupted 2 "$bench" cycles --rounds 1000000 --size 1000
cp "$bench" "$scratch/alone"
bench_alone() { bench=$scratch/alone refuses 1 peal-bench-cycles -- cycles; }
check "cycles without its program" bench_alone

check "four runs" calmly "$bench" cycles --rounds 200 --anyway --runs 4 --json "$scratch/runs"
check "four runs: figures" judge runs "$scratch/runs"
same() { "$bench" compare "$scratch/runs" "$scratch/runs" --quiet; (($? == 2)); }
check "four runs are enough to compare" same
check "a table of several runs" refuses 2 --hdr -- oneway --link ring --runs 2 --hdr "$scratch/x"
check "no runs" refuses 2 --runs -- cycles --runs 0
check "several runs that cannot be" refuses 1 "a run failed" key "$scratch/none" -- rtt --link ring --idle shared --runs 2 \
    --key "$scratch/none"
check "directories to compare" refuses 3 "$scratch" directory -- compare "$scratch" "$scratch"
check "runs of compare" refuses 3 --runs -- compare a b --runs 2
check "Ctrl-C ends several runs" is_interrupted 3 "$bench" oneway --link ring --idle shared --count 1000000 \
    --interval 1000000 --runs 3

# Nothing of this needs root.
if ((EUID == 0)) && id nobody >/dev/null 2>&1; then
    mkdir -m 777 "$scratch/open" "$scratch/open/run" "$scratch/open/tmp"
    chmod 755 "$scratch"
    as_nobody() {
        env RUNTIME_DIRECTORY="$scratch/open/run" TMPDIR="$scratch/open/tmp" setpriv --reuid nobody --regid nogroup \
            --clear-groups "$@"
    }
    if as_nobody test -x "$bench"; then
        check "oneway without root" calmly as_nobody "$bench" oneway --link ring "${calm[@]}" --quiet
        check "cast without root" calmly as_nobody "$bench" cast --rounds 1 "${calm[@]}" --quiet
    fi
fi

check "nothing stays in the runtime directory" test -z "$(find "$RUNTIME_DIRECTORY" -mindepth 1)"
check "no socket stays" test -z "$(find "$TMPDIR" -mindepth 1)"

finish_tap
