#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests `peal-bench scale` with a dozen nodes: they reach one view, lose two members in one cut each time, sleep
# when there is nothing to do, and say so in text and JSON; what cannot work is refused in one sentence; Ctrl-C
# ends it, and nothing stays behind. How fast anything is decides nothing here. Prints TAP; exits 77 where it
# cannot run, 1 if a check failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

find_bench
need python3 setsid setpriv
open_scratch

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py FILE PRESET KILLS REST_S: the figures are there and fit together.
import json, sys

path, preset, kills, rest_s = sys.argv[1:]
with open(path) as file:
    r = json.load(file)

def judge_cost(cost):
    assert cost["elapsed_ns"] > 0 and cost["cpu_ns"] > 0 and cost["frames"] > 0
    assert 0 <= cost["loop_cpu_ns"] <= cost["cpu_ns"] * 1.1 + 2e7, cost
    assert cost["payload_bytes"] >= 48 * cost["frames"] * 0.5, cost
    assert cost["steal_ns"] >= 0 and cost["others_cpu_ns"] >= 0

def judge_spread(spread):
    assert 0 < spread["p50"] <= spread["p90"] <= spread["max"], spread

assert r["command"] == "scale" and r["nodes"] == 12 and r["preset"] == preset and r["aead"]
assert r["aead"] != "none"
forming = r["forming"]
judge_spread(forming["view_ns"])
judge_cost(forming)
assert forming["joins"] == 11 and 1 <= forming["cuts"] <= 11
assert forming["cpu_s_per_join"] > 0
wanted = [int(count) for count in kills.split(",")] if kills != "none" else []
assert [kill["count"] for kill in r["kills"]] == wanted
for kill in r["kills"]:
    judge_spread(kill["view_ns"])
    judge_cost(kill)
    assert 0 < kill["detection_ns"] <= kill["detection_ns_last"], kill
    assert kill["detection_ns"] <= kill["view_ns"]["max"]
    assert kill["cuts"] >= 1
if float(rest_s) > 0:
    idle = r["idle"]
    judge_cost(idle)
    assert idle["elapsed_ns"] >= float(rest_s) * 0.99e9
    assert 0 < idle["cpu_s_per_s"] < 2, idle
    assert idle["sleeps_per_s"] > 1, "it does not sleep"
    assert idle["frames_per_s"] > 12, idle
    assert idle["payload_bytes_per_s_and_node"] > 48
else:
    assert "idle" not in r
assert r["memory"]["resident_bytes"] > r["memory"]["base_bytes"] > 0
assert r["memory"]["bytes_per_node"] > 100000
assert all(r["host"][key] for key in ("cpu", "cpus", "kernel", "dpdk", "clocksource"))
assert isinstance(r["warnings"], list)
PYTHON

judge() { python3 "$scratch/judge.py" "$@"; }

refuses() { refuses_as "$bench" "$@"; }

# Preset cloud: a neighbour that hogs the CPU for a while is not what is tested here.
check "a dozen nodes under one preset" calmly sh -c \
    "'$bench' scale --nodes 12 --preset cloud --seconds 2 --kill 1,2 --json '$scratch/one.json' >'$scratch/text'"
check "a dozen nodes under one preset: the text" grep -q "kill  *2 at once" "$scratch/text"
check "a dozen nodes under one preset: figures" judge "$scratch/one.json" cloud 1,2 2

quiet() {
    "$bench" scale --nodes 12 --preset cloud --seconds 0 --kill none --quiet --json - \
        2>"$scratch/quiet.err" >"$scratch/quiet.json" || { cat "$scratch/quiet.err"; return 1; }
}
check "no rest and no kills" calmly quiet
check "no rest and no kills, JSON on standard output" judge "$scratch/quiet.json" cloud none 0
check "quiet is quiet" test ! -s "$scratch/quiet.err"

check "two runs, each under the preset that suits it" \
    calmly "$bench" scale --nodes 12 --seconds 1 --kill 1 --json "$scratch/two.json"
check "two runs: figures" judge "$scratch/two.json" dpdk 1 1
check "two runs: rest under another preset" grep -q '"preset": "paper"' "$scratch/two.json"

check "help has examples" sh -c "'$bench' scale --help | grep -q '^examples:'"
check "too many nodes" refuses 2 --nodes 256 -- scale --nodes 257
check "too few nodes" refuses 2 --nodes -- scale --nodes 1
check "a list that is none" refuses 2 --kill none -- scale --kill 1,,2
check "half of the nodes at once" refuses 2 --kill half -- scale --nodes 12 --kill 6
check "half of those that are left" refuses 2 --kill half -- scale --nodes 12 --kill 5,4
check "a preset that is none" refuses 2 --preset paper -- scale --preset rdma
check "an option of others" refuses 2 --link scale -- scale --link ring
check "an option of scale" refuses 2 --nodes rtt -- rtt --link ring --nodes 3
check "a file that cannot be written" \
    refuses 1 "$scratch/none/x" -- scale --nodes 2 --preset cloud --seconds 0 --kill none --quiet \
    --json "$scratch/none/x"

check "Ctrl-C ends a run" is_interrupted 3 "$bench" scale --nodes 12 --kill 1 --preset paper --seconds 60
check "Ctrl-C ends both runs" is_interrupted 2 "$bench" scale --nodes 12 --kill 1 --seconds 60

check "nothing stays in the runtime directory" test -z "$(find "$RUNTIME_DIRECTORY" -mindepth 1)"

finish_tap
