#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests the commands of peal-bench that need no link: form and sanity of what they print, refusals in one
# sentence, Ctrl-C. How fast anything is decides nothing here. Prints TAP; exits 77 where it cannot run, 1 if a
# check failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

find_bench
need python3 setsid setpriv taskset
open_scratch

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py WHAT FILE...: the figures are there and fit together.
import json, sys

what, path = sys.argv[1:3]
with open(path) as file:
    r = json.load(file)
assert r["command"] == what, r["command"]
assert all(r["host"][key] for key in ("cpu", "cpus", "kernel", "dpdk", "clocksource", "isolated", "nohz_full",
                                      "governor", "siblings_of_cpu0", "product", "compiler", "peal"))

def judge_jitter():
    assert r["threshold_ns"] == 2000 and r["tsc_hz"] > 10**8
    assert len(r["cores"]) == len({core["cpu"] for core in r["cores"]}) > 0
    for core in r["cores"]:
        assert core["elapsed_ns"] >= 0.9 * 10**9 and core["turns"] > 10**4 and core["turn_ns"] > 0
        assert core["gaps"] == sum(count for _, count in core["histogram"])
        assert core["gaps"] == 0 or core["longest_gap_ns"] >= core["gap_p99_ns"] >= core["gap_p50_ns"] >= 1900
        assert core["gaps"] * 1900 <= core["stolen_ns"] <= core["elapsed_ns"]
        assert core["longest_gap_ns"] <= core["stolen_ns"]
        assert abs(core["stolen_share"] - core["stolen_ns"] / core["elapsed_ns"]) < 1e-6
        starts = [start for start, _ in core["histogram"]]
        assert starts == sorted(starts) and all(start >= 2000 for start in starts)

def judge_floor():
    count = len(r["cores"])
    assert len(r["pairs"]) == count * (count - 1) // 2 > 0
    for pair in r["pairs"]:
        a, b = (r["cores"].index(cpu) for cpu in pair["cores"])
        assert r["matrix_ns"][a][b] == r["matrix_ns"][b][a] == pair["handover_ns"] > 0
        assert abs(pair["round_trip_ns"] - 2 * pair["handover_ns"]) < 1e-6
    assert all(r["matrix_ns"][i][i] is None for i in range(count))

def judge_shm():
    assert len(r["cores"]) == 2 and r["record_bytes"] == 64 and r["rounds"] == 2
    for name in ("", "rte_ring_", "wake_", "eventfd_"):
        times = [r[f"{name}{key}_ns"] for key in ("min", "p50", "p90", "p99", "p999", "max")]
        assert times == sorted(times) and times[0] >= 0 and times[1] > 0, (name, times)
    assert r["count"] == 4000 and r["wakes"] == 40
    assert abs(r["ratio_p50"] - r["p50_ns"] / r["rte_ring_p50_ns"]) < 1e-6
    assert abs(r["wake_ratio_p50"] - r["wake_p50_ns"] / r["eventfd_p50_ns"]) < 1e-6
    assert 0 < r["records_per_s_min"] <= r["records_per_s"] <= r["records_per_s_max"]
    assert r["push_pop_cycles"] > 0 and r["push_pop_cycles_of_32"] > 0
    # A rule of the bell, not a speed: none for who polls, one for each sleep.
    assert r["doorbells_polling"] == 0 and r["doorbells_waking"] == 40
    assert len(r["cpu_shares"]) == 2 and r["elapsed_ns"] > 0 and r["steal_ns"] >= 0
    assert r["curve"] and r["rte_ring_curve"]

globals()["judge_" + what]()
PYTHON

judge() { python3 "$scratch/judge.py" "$@"; }

refuses() { refuses_as "$bench" "$@"; }

helps() { # COMMAND
    "$bench" "$1" --help | grep -q "^examples:" && "$bench" --help | grep -q "peal-bench $1"
}

# CMD gives a figure; or none, with the status that says so, on a machine that is not its own, five times.
measures() { # CMD...
    local said status
    for _ in 1 2 3 4 5; do
        said=$("$@" 2>&1)
        status=$?
        ((status == 3)) || break
        [[ $said == *"no figure"* ]] || break
        sleep 1
    done
    ((status == 0)) || { echo "status $status: $said"; return 1; }
}

# A figure; or none, with the status that says so, and JSON without figures.
refuses_or_not() { # CMD... FILE
    local said status
    said=$("$@" 2>&1)
    status=$?
    ((status == 0)) && grep -q '"refused": false' "${!#}" && grep -q '"p50_ns"' "${!#}" && return
    ((status == 3)) && [[ $said == *"no figure: "* ]] && grep -q '"refused": true' "${!#}" &&
        ! grep -q '"p50_ns"' "${!#}" && return
    echo "status $status: $said"
    return 1
}

one=$(taskset -pc $$ | grep -o '[0-9]*$')

check "jitter" "$bench" jitter --seconds 1 --threshold 2000 --json "$scratch/jitter"
check "jitter: figures" judge jitter "$scratch/jitter"
check "jitter, text for people" grep -q "gaps of 2000 ns" <("$bench" jitter --seconds 1 --threshold 2000)
check "help of jitter" helps jitter
check "a CPU that is none" refuses 2 --cores 1023 -- jitter --cores 1023
check "no list of CPUs" refuses 2 --cores 0,2-5 -- jitter --cores 0,x
check "a threshold below a turn" refuses 2 --threshold -- jitter --threshold 1
check "a link of jitter" refuses 2 --link -- jitter --link ring
check "rounds of jitter" refuses 2 --rounds jitter -- jitter --rounds 3
check "Ctrl-C ends jitter" is_interrupted 1 "$bench" jitter --seconds 1000

check "help of floor" helps floor
check "a floor of one CPU" refuses 2 --cores "two CPUs" -- floor --cores "$one"
if (($(nproc) >= 2)); then
    check "floor" measures "$bench" floor --rounds 1 --json "$scratch/floor"
    check "floor: figures" judge floor "$scratch/floor"
    check "Ctrl-C ends floor" is_interrupted 1 "$bench" floor --rounds 1000
    check "shm" "$bench" shm --rounds 2 --anyway --json "$scratch/shm"
    check "shm: figures" judge shm "$scratch/shm"
    check "Ctrl-C ends shm" is_interrupted 2 "$bench" shm --rounds 1000
    check "shm without a figure says why" refuses_or_not "$bench" shm --rounds 1 --json "$scratch/refused"
fi
check "help of shm" helps shm
check "help of compare" helps compare
check "help of plot" helps plot

# Made-up results, so that the verdict is known.
runs() { # FILE COMMAND KEY VALUE...
    local file=$1 command=$2 key=$3
    shift 3
    printf "{\"command\": \"$command\", \"link\": \"ring\", \"refused\": false, \"$key\": %s}\n" "$@" >"$file"
}
runs "$scratch/a" rtt p50_ns 100 102 101 99 100
runs "$scratch/slow" rtt p50_ns 110 112 111 109 115
runs "$scratch/fast" rtt p50_ns 80 81 82 83 70
runs "$scratch/same" rtt p50_ns 100 103 99 98 102
runs "$scratch/four" rtt p50_ns 10 11 12 13
runs "$scratch/three" rtt p50_ns 10 11 12
runs "$scratch/many" rtt p50_ns $(seq 100 180)
runs "$scratch/more" rtt p50_ns $(seq 300 380)
runs "$scratch/flow" throughput messages_per_s 10 11 12 13 14
runs "$scratch/flood" throughput messages_per_s 20 21 22 23 24
runs "$scratch/raw" raw p50_ns 10 11 12 13
echo nonsense >"$scratch/noise"
sed 's/false/true/' "$scratch/a" >"$scratch/refusals"

says() { # STATUS VERDICT A B
    local said
    said=$("$bench" compare "$scratch/$3" "$scratch/$4" --json "$scratch/verdict")
    (($? == $1)) && [[ $said == *"$2: "* ]] && grep -q "\"verdict\": \"$2\"" "$scratch/verdict" ||
        { echo "$said"; return 1; }
}
check "faster" says 0 faster a fast
check "slower" says 1 slower a slow
check "no difference" says 2 "no difference" a same
check "the same file" says 2 "no difference" a a
check "four of each are enough" says 0 faster a four
check "many, by the normal distribution" says 1 slower many more
check "more is better of rates" says 0 faster flow flood
# The intervals once more, by looking at every order that n and m values can have.
cat >"$scratch/ranks.py" <<'PYTHON'
import itertools, json, math, random, subprocess, sys

def outside(n, m):
    """Quotients to leave out at each end."""
    counts = [0] * (n * m + 1)
    for places in itertools.combinations(range(n + m), n):
        counts[sum(place - at for at, place in enumerate(places))] += 1
    below, k = 0, 0
    while (below + counts[k]) / math.comb(n + m, n) <= 0.025:
        below += counts[k]
        k += 1
    return k

def median_at(n):
    """The place of the lower end of the interval of a median."""
    k = 0
    while sum(math.comb(n, i) for i in range(k + 2)) / 2**n <= 0.025 and 2 * (k + 1) < n:
        k += 1
    return k

bench, folder = sys.argv[1:]
chance = random.Random(7)
for n, m in ((4, 4), (4, 7), (5, 5), (6, 9), (8, 8), (9, 4)):
    sides = [[round(chance.uniform(50, 150), 3) for _ in range(count)] for count in (n, m)]
    paths = [f"{folder}/ranks{i}" for i in range(2)]
    for path, values in zip(paths, sides):
        with open(path, "w") as file:
            for value in values:
                print(json.dumps({"command": "rtt", "refused": False, "p50_ns": value}), file=file)
    done = subprocess.run([bench, "compare", *paths, "--quiet", "--json", "-"], stdout=subprocess.PIPE, check=False)
    found = json.loads(done.stdout)
    quotients = sorted(b / a for a in sides[0] for b in sides[1])
    k = outside(n, m)
    low, high = found["quotient_interval"]
    assert math.isclose(low, quotients[k - 1], rel_tol=1e-8), (n, m, k, low, quotients)
    assert math.isclose(high, quotients[n * m - k], rel_tol=1e-8), (n, m, k)
    assert done.returncode == (1 if low > 1 else 0 if high < 1 else 2), (low, high, done.returncode)
    for name, values in zip("ab", sides):
        at = median_at(len(values))
        ends = [sorted(values)[at], sorted(values)[len(values) - 1 - at]]
        assert all(math.isclose(x, y, rel_tol=1e-8) for x, y in zip(found[name]["median_interval"], ends)), (n, m, name)
PYTHON
check "intervals as by all orders of the values" python3 "$scratch/ranks.py" "$bench" "$scratch"
check "too few runs" refuses 3 "3 runs" three -- compare "$scratch/a" "$scratch/three"
check "of another command" refuses 3 "differ in command" -- compare "$scratch/a" "$scratch/raw"
check "runs without a figure" refuses 3 "no figure" -- compare "$scratch/a" "$scratch/refusals"
check "no such figure" refuses 3 p99_ns -- compare "$scratch/a" "$scratch/fast" --key p99_ns
check "no JSON" refuses 3 noise JSON -- compare "$scratch/a" "$scratch/noise"
check "no file" refuses 3 none "could not be read" -- compare "$scratch/a" "$scratch/none"
check "one file to compare" refuses 3 "two result files" -- compare "$scratch/a"
check "a result without a curve" refuses 1 "no percentile curve" -- plot "$scratch/a" --svg "$scratch/x.svg"
check "a plot with figures" refuses 2 --json plot -- plot "$scratch/a" --svg "$scratch/x.svg" --json -
check "a picture of no name" refuses 2 --svg -- plot "$scratch/a"
check "a picture of another kind" refuses 2 .png -- plot "$scratch/a" --png "$scratch/x.svg"
curve='{"command": "raw", "curve": [[1, 500], [2, 600], [10, 900], [100, 5000]]}'
echo "$curve" >"$scratch/one.json"
echo "${curve/500/700}" >"$scratch/other.json"
if command -v gnuplot >/dev/null; then
    check "two curves as SVG" "$bench" plot "$scratch/one.json" "$scratch/other.json" --svg "$scratch/both.svg"
    check "two curves as SVG have two names" eval "grep -q one.json '$scratch/both.svg' && grep -q other.json '$scratch/both.svg'"
    check "a curve as PNG" "$bench" plot "$scratch/one.json" --png "$scratch/one.png" --title "it's one"
    check "a curve as PNG is one" grep -q PNG "$scratch/one.png"
fi
check "a record of no size" refuses 2 --size 1024 -- shm --size 9
check "a core that is also the client's" refuses 2 --cores "two CPUs" -- shm --cores "$one,$one"

finish_tap
