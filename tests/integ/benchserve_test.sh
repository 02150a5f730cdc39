#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests peal-bench between two machines, which are two network namespaces with a veth pair between them: serve in
# one, rtt, raw, message, oneway and throughput in the other. Figures that fit together, refusals in one sentence, calls of
# nobody, Ctrl-C on either side. How fast anything is decides nothing here. Prints TAP; exits 77 where it cannot
# run, 1 if a check failed.

# shellcheck source=tests/integ/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

((EUID == 0)) || skip "needs root to make network namespaces"
find_bench
need ip python3 setsid setpriv nsenter unshare
unshare -n true 2>/dev/null || skip "network namespaces cannot be made here"
open_scratch

# Two namespaces that go with the processes which hold them.
start_apart unshare -n sleep 1000
asker=$pid
start_apart unshare -n sleep 1000
server=$pid
own=$(readlink /proc/self/ns/net)
is_apart() { [[ $(readlink "/proc/$1/ns/net") != "$own" && $(cat "/proc/$1/comm") == sleep ]]; }
await is_apart "$asker" && await is_apart "$server" || skip "network namespaces cannot be made here"
in_ns() { # PID CMD...
    local holder=$1
    shift
    nsenter -t "$holder" -n "$@"
}
in_ns "$asker" ip link add near type veth peer name far netns "$server"
in_ns "$asker" ip addr add 10.99.0.1/24 dev near
in_ns "$server" ip addr add 10.99.0.2/24 dev far
in_ns "$asker" ip link set near up
in_ns "$server" ip link set far up
in_ns "$server" ip link set lo up

cat >"$scratch/judge.py" <<'PYTHON'
# judge.py WHAT FILE: the figures are there and fit together.
import json, sys

what, path = sys.argv[1:]
with open(path) as file:
    r = json.load(file)
assert r["command"] == what and r["link"] == "far" and r["sealed"] == (what != "raw")
assert r["frame_bytes"] == 106 if what in ("rtt", "raw") else r["message_bytes"] == 100
if what == "throughput":
    assert 0 < r["messages_per_s_min"] <= r["messages_per_s"] <= r["messages_per_s_max"]
    assert r["messages_per_s_best_window"] >= 0
else:
    assert r["count"] + r["lost"] == r["sent"] == 200
    assert sum(slot[1] for slot in r["timeline"]) == r["count"]
    times = [r[f"{key}_ns"] for key in ("min", "p50", "p90", "p99", "p999", "max")]
    assert times == sorted(times) and times[1] > 0, times
if what == "oneway":
    assert 0 < r["clock_error_ns"] <= r["p50_ns"]
    # The two machines are one, and so are their clocks: the truth is nothing, and the error must say so.
    assert abs(r["clock_ahead_ns"]) <= r["clock_error_ns"], (r["clock_ahead_ns"], r["clock_error_ns"])
    assert abs(r["clock_drift"]) < 1e-3
PYTHON
judge() { python3 "$scratch/judge.py" "$@"; }

refuses() { refuses_as env "$@"; } # STATUS WORDS... -- CMD...

echo=(--to 10.99.0.2 --device net_af_packet0 --device-args iface=near --idle shared --anyway)
far=("${echo[@]}" --size 100)
serve=(nsenter -t "$server" -n "$bench" serve --device net_af_packet0 --device-args iface=far --idle shared)
ask() { # COMMAND ARGUMENTS...
    local command=$1
    shift
    in_ns "$asker" "$bench" "$command" "${far[@]}" "$@"
}
serves() { grep -q "waiting for calls" "$scratch/served"; }
begin_serving() { # ARGUMENTS...
    : >"$scratch/served"
    start_apart "${serve[@]}" "$@" >"$scratch/served" 2>&1
    serving=$pid
    await serves || { cat "$scratch/served"; return 1; }
}
# nsenter becomes peal-bench, and start_apart's env and setsid become nsenter.
end_serving() {
    kill -INT "$serving"
    await is_gone "$serving" || return 1
    wait "$serving"
    (($? == 130))
}

check "help of serve" grep -q "^examples:" <("$bench" serve --help)
check "nobody serves" refuses 1 --to "serve" -- nsenter -t "$asker" -n "$bench" message "${far[@]}"
check "another machine without a device" refuses 2 --device -- "$bench" message --to 10.99.0.2
check "a device without another machine" refuses 2 --to -- "$bench" message --device net_null0 --link ring
check "another machine over a link" refuses 2 --link -- "$bench" message --to 10.99.0.2 --device net_null0 --link ring
check "no such machine" refuses 1 "nowhere" -- "$bench" oneway --to nowhere.invalid --device net_null0
check "a port that is none" refuses 2 --to 65535 -- "$bench" rtt --to 127.0.0.1:99999 --device net_null0
check "an address without its brackets" refuses 2 --to "[fd00::1]:7411" -- "$bench" message --to fd00::1 --device net_null0
check "another machine of cast" refuses 2 --to cast -- "$bench" cast --to 10.99.0.2
check "a key for another machine" refuses 2 --key --to -- "$bench" rtt "${echo[@]}" --key x
check "serve without a device" refuses 2 --device -- "$bench" serve
check "serve over a device that is none" refuses 1 net_nothing0 "look at --device and" -- "$bench" serve --device net_nothing0
check "serve over a device that is not whole" refuses 1 --device net_af_packet0 -- "$bench" serve --device net_af_packet0
check "serve at a port that is none" refuses 2 --listen 65535 -- "$bench" serve --device net_null0 --listen :0
check "serve at a place that is none" refuses 1 --listen -- "$bench" serve --device net_null0 --listen 192.0.2.1
check "several runs of serve" refuses 2 --runs serve -- "$bench" serve --device net_null0 --runs 2

check "serve begins" begin_serving
for command in rtt raw; do
    check "$command to another machine" calmly in_ns "$asker" "$bench" "$command" "${echo[@]}" --count 200 \
        --interval 1000000 --json "$scratch/$command"
    check "$command to another machine: figures" judge "$command" "$scratch/$command"
done
check "rtt to another machine, not sealed" calmly in_ns "$asker" "$bench" rtt "${echo[@]}" --none --count 20 \
    --interval 1000000 --quiet
for command in message oneway; do
    check "$command to another machine" calmly ask "$command" --count 200 --interval 1000000 --json "$scratch/$command"
    check "$command to another machine: figures" judge "$command" "$scratch/$command"
done
# On a machine that others use the link may lose too much for a figure; that is said, and is no fault.
flows() {
    local said
    said=$(ask throughput --rounds 1 --quiet --json "$scratch/throughput" 2>&1) ||
        [[ $said == *"no figure"* ]] || { echo "$said"; return 1; }
}
check "throughput to another machine" flows
grep -q '"messages_per_s"' "$scratch/throughput" &&
    check "throughput to another machine: figures" judge throughput "$scratch/throughput"
check "many frames to another machine" calmly ask message --size 60000 --count 20 --interval 10000000 --quiet

# Somebody who is no peal-bench, and one who hangs up, are the caller's affair.
noise() { in_ns "$asker" python3 -c '
import errno, socket
for bytes in (b"GET / HTTP/1.1\r\n\r\n" * 20, b"", bytes(68), b"SPEB" + b"\xff" * 200):
    with socket.create_connection(("10.99.0.2", 7411), timeout=10) as s:
        s.settimeout(20)
        try:
            s.sendall(bytes)
            s.shutdown(socket.SHUT_WR)
            s.recv(100)
        except ConnectionError:
            pass
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
'; }
check "noise is survived" noise
check "a run after noise" calmly ask message --count 200 --interval 1000000 --quiet

is_cut_off() { # COMMAND
    start_apart nsenter -t "$asker" -n "$bench" "$1" "${echo[@]}" --count 1000000 --interval 1000000 >/dev/null 2>&1
    sleep 3
    kill -INT "$pid"
    await is_gone "$pid" || return 1
    wait "$pid"
    (($? == 130))
}
for command in rtt raw message; do
    check "Ctrl-C ends the asking side of $command" is_cut_off "$command"
done
check "a run after Ctrl-C" calmly ask message --count 200 --interval 1000000 --quiet

is_left_alone() { # COMMAND
    local status
    start_apart nsenter -t "$asker" -n "$bench" "$1" "${echo[@]}" --count 1000000 --interval 1000000 \
        >"$scratch/left" 2>&1
    sleep 3
    end_serving || { echo "serve goes on, or ended otherwise"; kill -INT "$pid"; return 1; }
    await is_gone "$pid" || { echo "it goes on"; return 1; }
    wait "$pid"
    status=$?
    ((status == 1)) && grep -q "the other machine" "$scratch/left" || { echo "status $status"; cat "$scratch/left"; return 1; }
}
for command in rtt raw message; do
    check "Ctrl-C at serve ends the asking side of $command, too" is_left_alone "$command"
    check "serve begins again" begin_serving
done
end_serving

check "serve once begins" begin_serving --once --listen 10.99.0.2:7500
far[1]=10.99.0.2:7500
check "serve once" calmly ask message --count 200 --interval 1000000 --quiet
check "serve once ends" await is_gone "$serving"
wait "$serving"
check "serve once ends well" test $? = 0

check "nothing stays in the runtime directory" test -z "$(find "$RUNTIME_DIRECTORY" -mindepth 1)"
check "no socket stays" test -z "$(find "$TMPDIR" -mindepth 1)"

finish_tap
