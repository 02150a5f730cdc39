#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests peal-bench: each command over each link gives figures, in JSON too, that fit together; what cannot work
# is refused in one sentence; Ctrl-C ends it, and nothing stays behind. How fast anything is decides nothing
# here. Prints TAP; exits 77 where it cannot run, 1 if a check failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

((EUID == 0)) || skip "needs root to make network namespaces"
find_bench
need ip python3 setsid setpriv pgrep
unshare -n true 2>/dev/null || skip "network namespaces cannot be made here"

open_scratch

# A schedule that a busy machine keeps up with: a stall of a third of a second loses nothing.
# What others take of the machine is no matter here.
calm=(--count 200 --interval 1000000 --anyway)
idles=(shared)
(($(nproc) >= 2)) && idles+=(spin)

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py FILE COMMAND LINK IDLE SEALED: the figures are there and fit together.
import json, sys

path, command, link, idle, sealed = sys.argv[1:]
with open(path) as file:
    r = json.load(file)

def positive(table, *keys):
    for key in keys:
        assert table[key] > 0, key

def judge_run(run):
    positive(run, "p50_ns", "p90_ns", "p99_ns", "p999_ns", "min_ns", "max_ns", "mean_ns", "count")
    assert run["min_ns"] <= run["p50_ns"] <= run["p90_ns"] <= run["p99_ns"] <= run["p999_ns"] <= run["max_ns"]
    assert run["min_ns"] <= run["mean_ns"] <= run["max_ns"] * 1.01
    assert run["count"] + run["lost"] == 200, (run["count"], run["lost"])
    assert len(run["cpu_shares"]) == 2 and isinstance(run["warnings"], list)
    positive(run, "elapsed_ns")
    assert run["steal_ns"] >= 0 and run["loop_gaps"] >= 0 and run["longest_gap_ns"] >= 0

assert r["command"] == command and r["link"] == link and r["idle"] == idle
assert r["sealed"] == (sealed == "yes"), r["sealed"]
assert (r["aead"] is not None) == (sealed == "yes"), r["aead"]
if command == "message" or r.get("of") == "message":
    assert r["message_bytes"] == 64
else:
    assert r["frame_bytes"] == 106
assert r["clock"] == "tsc" and r["tsc_hz"] > 10**8
assert r["interval_ns"] == 10**6 and len(r["cores"]) == 2
assert all(r["host"][key] for key in ("cpu", "cpus", "kernel", "dpdk", "clocksource", "isolated", "compiler",
                                      "load_average", "huge_pages_free", "taken_at"))
# What was done, so that it can be done again.
assert f" {command} --link {link}" in r["host"]["command_line"]
if command != "ratio":
    assert len(r["drivers"]) == 2 and (link == "ring" or r["drivers"][0].startswith("net_"))
if command == "ratio":
    assert len(r["pairs"]) == 5
    for pair in r["pairs"]:
        judge_run(pair["raw"])
        judge_run(pair["rtt"])
        assert abs(pair["ratio"] - pair["rtt_p50_ns"] / pair["raw_p50_ns"]) < 1e-6
    ratios = sorted(pair["ratio"] for pair in r["pairs"])
    assert [r["ratio_p50_min"], r["ratio_p50"], r["ratio_p50_max"]] == [ratios[0], ratios[2], ratios[4]]
    positive(r, "raw_p50_ns", "rtt_p50_ns")
else:
    judge_run(r)
    assert r["sent"] == 200 and r["refused"] == (r["refusal"] is not None)
    # The run in slots: all of it is in one of them, and its largest is that of the run.
    slots = r["timeline"]
    assert sum(count for _, count, _, _, _ in slots) == r["count"] and max(slot[4] for slot in slots) == r["max_ns"]
    assert [slot[0] for slot in slots] == sorted({slot[0] for slot in slots}) and slots[-1][0] < 200 * 10**6
    assert all(p50 <= p99 <= most for _, _, p50, p99, most in slots)
    xs = [x for x, _ in r["curve"]]
    assert xs[0] == 1 and xs == sorted(xs)
PYTHON

cat >"$scratch/judge_flow.py" <<'PYTHON'
# judge_flow.py FILE LINK SIZE: a throughput that fits together.
import json, sys

path, link, size = sys.argv[1:]
with open(path) as file:
    r = json.load(file)
assert r["command"] == "throughput" and r["link"] == link and r["message_bytes"] == int(size)
assert r["sealed"] and r["aead"] and r["rounds"] == 1 and r["coalescing"]
if not r["refused"]:
    assert 0 < r["messages_per_s_min"] <= r["messages_per_s"] <= r["messages_per_s_max"]
    assert r["frames_per_s"] > 0
    # Windows of the round, one after the other, without a gap.
    windows = r["rates"]
    assert len(windows) >= 1 and windows[0][0] == 0 and all(rate >= 0 for _, _, rate in windows)
    assert all(before[1] == after[0] < after[1] for before, after in zip(windows, windows[1:]))
    assert abs(r["gigabytes_per_s"] - r["messages_per_s"] * int(size) / 1e9) < 1e-6
PYTHON

judge_flow() { python3 "$scratch/judge_flow.py" "$@"; }

# A throughput, or the one refusal that a machine which others use may cause again and again.
flows() { # FILE LINK SIZE
    local file=$1 said
    said=$("$bench" throughput --link "$2" --size "$3" --idle shared --rounds 1 --quiet --json "$file" 2>&1) ||
        [[ $said == *"no figure"*"frames found no room"* || $said == *"no figure"*"hypervisor"* ]] ||
        { echo "$said"; return 1; }
}

judge() { python3 "$scratch/judge.py" "$@"; }

# The rate over the run, and how long a message took in its windows.
rates_drawn() {
    local said
    said=$("$bench" throughput --link ring --idle shared --rounds 1 --quiet --anyway --json "$scratch/rates.json" \
        --plot "$scratch/rates.svg" --hdr "$scratch/rates.hdr" 2>&1) || { echo "$said"; return 1; }
    grep -q "million messages a second" "$scratch/rates.svg" && grep -q "Total count" "$scratch/rates.hdr"
}
drawn_together() {
    "$bench" plot "$scratch/rates.json" "$scratch/rates.json" --svg "$scratch/two.svg" &&
        (($(grep -c "throughput over ring" "$scratch/two.svg") >= 2))
}

refuses() { refuses_as "$bench" "$@"; }

helps() { # WORD ARGUMENTS...
    local word=$1
    shift
    "$bench" "$@" --help | grep -q -- "$word"
}

for link in ring af_packet; do
    for idle in "${idles[@]}"; do
        out=$scratch/$link.$idle
        check "raw over $link, $idle" \
            calmly "$bench" raw --link "$link" --idle "$idle" "${calm[@]}" --json "$out.raw"
        check "raw over $link, $idle: figures" judge "$out.raw" raw "$link" "$idle" no
        check "rtt over $link, $idle" \
            calmly "$bench" rtt --link "$link" --idle "$idle" "${calm[@]}" --json "$out.rtt"
        check "rtt over $link, $idle: figures" judge "$out.rtt" rtt "$link" "$idle" yes
    done
done

# Links between two processes, and messages: each link once, one of them spinning too.
for link in memif vhost; do
    check "raw over $link" calmly "$bench" raw --link "$link" --idle shared "${calm[@]}" --json "$scratch/$link.raw"
    check "raw over $link: figures" judge "$scratch/$link.raw" raw "$link" shared no
done
for pair in ring.shared af_packet.shared vhost.shared "memif.${idles[-1]}"; do
    link=${pair%.*} idle=${pair#*.}
    check "message over $link, $idle" \
        calmly "$bench" message --link "$link" --idle "$idle" "${calm[@]}" --json "$scratch/message"
    check "message over $link, $idle: figures" judge "$scratch/message" message "$link" "$idle" yes
done
check "message of many frames" \
    calmly "$bench" message --link vhost --idle shared --size 60000 --count 20 --interval 10000000 --anyway --quiet
# What probes prove while the members warm up: that of the link asked for.
for link in ring memif af_packet; do
    check "message over $link with large packets" calmly "$bench" message --link "$link" --idle shared --mtu 9000 \
        --size 60000 --count 20 --interval 10000000 --anyway --quiet --json "$scratch/large.json"
    check "message over $link with large packets: proven" grep -q '"path_mtu": 9000,' "$scratch/large.json"
done
check "the bare echo with large packets" calmly "$bench" raw --link vhost --idle shared --mtu 9000 "${calm[@]}" --quiet
for pair in ring.64 af_packet.64 memif.65536 vhost.1024; do
    check "throughput over ${pair%.*}" flows "$scratch/flow" "${pair%.*}" "${pair#*.}"
    check "throughput over ${pair%.*}: figures" judge_flow "$scratch/flow" "${pair%.*}" "${pair#*.}"
done

quiet() {
    "$bench" rtt --link ring --idle shared "${calm[@]}" --none --quiet --json - --hdr "$scratch/table" \
        2>"$scratch/none.err" >"$scratch/none.json" || { cat "$scratch/none.err"; return 1; }
}
check "rtt not sealed" calmly quiet
check "rtt not sealed, JSON on standard output" judge "$scratch/none.json" rtt ring shared no
check "quiet is quiet" test ! -s "$scratch/none.err"
count=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["count"])' "$scratch/none.json")
check "the table ends with the count" grep -q "Total count *= *$count\]" "$scratch/table"

head -c 32 /dev/urandom >"$scratch/key"
chmod 600 "$scratch/key"
check "rtt with a key of one's own" \
    calmly "$bench" rtt --link ring --idle shared "${calm[@]}" --key "$scratch/key" --json "$scratch/key.json"
check "rtt with a key of one's own: figures" judge "$scratch/key.json" rtt ring shared yes

check "ratio over ring" \
    calmly "$bench" ratio --link ring --idle shared "${calm[@]}" --json "$scratch/ratio.json"
check "ratio over ring: figures" judge "$scratch/ratio.json" ratio ring shared yes
check "ratio of messages over memif" calmly "$bench" ratio --of message --link memif --idle shared --count 20 \
    --interval 1000000 --anyway --json "$scratch/ratio.json"
check "ratio of messages over memif: figures" \
    grep -q '"of": "message"' "$scratch/ratio.json"

if command -v gnuplot >/dev/null; then
    check "a curve as SVG" \
        calmly "$bench" raw --link ring --idle shared "${calm[@]}" --plot "$scratch/curve.svg"
    check "a curve as SVG is one" grep -q "</svg>" "$scratch/curve.svg"
    check "beside the curve stands the run" grep -q "time of the run" "$scratch/curve.svg"
    check "rates as SVG" calmly rates_drawn
    check "rates of two runs in one picture" drawn_together
    check "rates and times in one picture" \
        refuses 1 "no axis" -- plot "$scratch/rates.json" "$scratch/ring.shared.raw" --svg "$scratch/x.svg"
    check "a curve as PNG" \
        calmly "$bench" raw --link ring --idle shared "${calm[@]}" --plot "$scratch/curve.png"
    check "a curve as PNG is one" grep -q PNG "$scratch/curve.png"
else
    check "a curve without gnuplot is refused" \
        refuses 1 gnuplot -- raw --link ring --plot "$scratch/curve.svg"
fi

check "help names every command" helps "peal-bench ratio"
for command in rtt raw message ratio throughput; do
    check "help of $command has examples" helps "^examples:" "$command"
done
check "a link that is none" refuses 2 --link ring af_packet -- rtt --link ether
check "rtt between two processes" refuses 2 --link memif message -- rtt --link memif
check "a message of no size" refuses 2 --size 65536 -- message --link ring --size 7
check "a key of messages" refuses 2 --key -- message --link ring --key "$scratch/key"
check "large packets of echoes" refuses 2 --mtu rtt -- rtt --link ring --mtu 9000
check "large packets of a ratio of echoes" refuses 2 --mtu message -- ratio --link ring --mtu 9000
check "rounds of echoes" refuses 2 --rounds -- raw --link ring --rounds 5
check "no link" refuses 2 --link -- raw
check "no command" refuses 2 rtt raw ratio -- --link ring
check "an option that is none" refuses 2 --speed -- rtt --link ring --speed 9
check "an option without its value" refuses 2 --count -- rtt --link ring --count
check "a schedule that is said twice" refuses 2 --interval --rate -- rtt --link ring --interval 20000 --rate 50000
check "a schedule that is said twice, the other way round" refuses 2 --interval --rate -- message --link ring --rate 50000 --interval 20000
check "no number" refuses 2 --count -- rtt --link ring --count many
check "one CPU for two spinning loops" refuses 2 --idle "CPU 0" -- rtt --link ring --cores 0,0
check "a CPU that is none" refuses 2 --cores 1023 -- rtt --link ring --cores 0,1023
check "too few pairs" refuses 2 --pairs -- ratio --link ring --pairs 2
check "a picture of another kind" refuses 2 --plot .svg -- rtt --link ring --plot x.gif
check "a key that is none" \
    refuses 1 key "$scratch/none" -- rtt --link ring --idle shared --key "$scratch/none"
check "a key of a ratio that is none" \
    refuses 1 --key "$scratch/none" "No such file" -- ratio --link ring --idle shared --key "$scratch/none"
# Before the run, which would take a minute.
for option in json hdr plot; do
    check "a file that cannot be written, by --$option" timeout 30 bash -c "$(declare -f refuses_as); refuses_as \"\$@\"" \
        bash "$bench" 1 "--$option" "$scratch/none/x.svg" -- raw --link ring --idle shared --count 60 \
        --interval 1000000000 --quiet "--$option" "$scratch/none/x.svg"
done
check "a directory for a file" refuses 1 --json directory -- raw --link ring --json "$scratch"
check "a disk that is full" refuses 1 /dev/full "No space" -- raw --link ring --idle shared "${calm[@]}" --quiet --json /dev/full

# A user namespace in which no network namespace may be made stands for a user who may not.
if unshare -Ur true 2>/dev/null; then
    cat >"$scratch/confined" <<CONFINED
#!/usr/bin/env bash
exec unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_net_namespaces; exec "\$@"' bash "$bench" "\$@"
CONFINED
    chmod +x "$scratch/confined"
    check "a user who may not make a network namespace" \
        refuses_as "$scratch/confined" 1 af_packet root -- rtt --link af_packet
fi

long=(--count 1000000 --interval 1000000)
check "Ctrl-C ends raw" is_interrupted 2 "$bench" raw --idle shared --link ring "${long[@]}"
check "Ctrl-C ends rtt" is_interrupted 4 "$bench" rtt --idle shared --link af_packet "${long[@]}"
check "Ctrl-C ends ratio" is_interrupted 2 "$bench" ratio --idle shared --link ring "${long[@]}"
check "Ctrl-C ends raw between two processes" is_interrupted 3 "$bench" raw --idle shared --link vhost "${long[@]}"
check "Ctrl-C ends message while it starts" is_interrupted 0.3 "$bench" message --idle shared --link memif "${long[@]}"
check "Ctrl-C ends message" is_interrupted 3 "$bench" message --idle shared --link memif "${long[@]}"
check "Ctrl-C ends throughput" is_interrupted 3 "$bench" throughput --idle shared --link vhost --rounds 100

# Stands still for a second of a run of three, all commands at once. A tool that times from the actual departure, or
# leaves out what it could not send meanwhile, has one slow message of 3000; here a third of them were due in it, and
# nine tenths of those were half a second late at least. A machine that is slow makes that no less.
stall() { # SECONDS COMMAND...
    local after=$1 command pids=()
    shift
    for command in "$@"; do
        case $command in
            cast) set -- cast --nodes 2 --rounds 1 ;;
            *) set -- "$command" --link ring ;;
        esac
        start_apart "$bench" "$@" --idle shared --anyway --count 3000 --interval 1000000 --quiet \
            --json "$scratch/stalled.$command"
        pids+=("$pid")
    done
    sleep "$after"
    kill -STOP "${pids[@]}"
    sleep 1
    kill -CONT "${pids[@]}"
    wait "${pids[@]}"
}
shows_stall() { # COMMAND
    python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
late = [slot for slot in r["timeline"] if slot[4] > 5 * 10**8]
# The stop stands in one place of the run, and takes some slots of it.
if r["p90_ns"] < 5 * 10**8 or len(late) < 20:
    sys.exit("p90 %d ns, %d late slots" % (r["p90_ns"], len(late)))
' "$scratch/stalled.$1"
}
stalled=(rtt raw message oneway cast)
# One that had not begun when it was stopped is stopped again, later.
for after in 2 3.5 5 2 4 8; do
    again=()
    stall "$after" "${stalled[@]}" >/dev/null 2>&1
    for command in "${stalled[@]}"; do shows_stall "$command" 2>/dev/null || again+=("$command"); done
    stalled=("${again[@]}")
    ((${#stalled[@]} > 0)) || break
done
for command in rtt raw message oneway cast; do
    check "a stop shows in the percentiles of $command" shows_stall "$command"
done

# What is left of processes that are killed outright, the next one clears away. The pictures that it cannot draw are
# quick to ask for.
sweep() { "$bench" plot "$scratch/none" --svg "$scratch/none.svg" 2>/dev/null; }
is_swept() { # PID...
    local one
    sweep
    for one in "$@"; do
        [[ ! -e $RUNTIME_DIRECTORY/dpdk/peal-bench-$one ]] || { echo "$RUNTIME_DIRECTORY/dpdk/peal-bench-$one"; return 1; }
    done
    [[ -z $(find "$TMPDIR" -mindepth 1) ]] || { find "$TMPDIR"; return 1; }
}

# The second process of $pid, into `second`.
has_second() { second=$(pgrep -P "$pid"); }

# The process that answers is killed: the other one says so, and goes.
survives_nobody() {
    local pid second status
    start_apart "$bench" message --link vhost --idle shared "${long[@]}" >"$scratch/lonely" 2>&1
    sleep 3
    await has_second || { echo "no second process"; kill -INT "$pid"; return 1; }
    kill -KILL "$second"
    await is_gone "$pid" || { echo "it goes on for $PATIENCE_S s"; return 1; }
    wait "$pid"
    status=$?
    is_swept "$second" || return 1
    ((status == 1)) || { echo "status $status"; return 1; }
    grep -q "answering process was ended by signal 9" "$scratch/lonely" || { cat "$scratch/lonely"; return 1; }
}
check "a killed second process is noticed" survives_nobody
is_orphan_gone() {
    local pid second
    start_apart "$bench" raw --link vhost --idle shared "${long[@]}" >/dev/null 2>&1
    sleep 3
    await has_second || { echo "no second process"; kill -INT "$pid"; return 1; }
    [[ -d $RUNTIME_DIRECTORY/dpdk/peal-bench-$pid ]] || { echo "it is elsewhere"; return 1; }
    # Of who lives nothing is taken.
    sweep
    [[ -d $RUNTIME_DIRECTORY/dpdk/peal-bench-$pid ]] || { echo "it was not left over"; return 1; }
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    await is_gone "$second" && { is_swept "$pid" "$second"; return; }
    echo "the second process lives on"
    kill -KILL "$second"
    return 1
}
check "a second process without its first one goes" is_orphan_gone

check "nothing stays in the runtime directory" test -z "$(find "$RUNTIME_DIRECTORY" -mindepth 1)"
check "no socket stays" test -z "$(find "$TMPDIR" -mindepth 1)"
check "no interface stays" test -z "$(ip -br link | grep pealbench)"

finish_tap
