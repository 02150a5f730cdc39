#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests tools/peal-lab: the links carry frames, each fault takes exactly what it should, and nothing is left
# behind however a lab ends. No daemon of ours is needed: a stand-in that only waits plays its part. Prints TAP;
# exits 77 where it cannot run, 1 if a check failed. All labs are named after this process.

set -u
export LC_ALL=C
unset PEAL_LAB PEAL_LAB_STOP_MS

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_tool=${PEAL_LAB_TOOL:-$here/../../tools/peal-lab}

skip() {
    echo "1..0 # SKIP $1"
    exit 77
}
((EUID == 0)) || skip "needs root to make network namespaces"
for tool in ip nft flock python3 setpriv setsid; do
    command -v "$tool" >/dev/null || skip "the program $tool is missing"
done
ip netns add "lt$$probe" 2>/dev/null || skip "network namespaces cannot be made here"
ip netns del "lt$$probe"

first=lt$$a
second=lt$$b
scratch=$(mktemp -d)
export PEALD=$scratch/stand-in PEALCTL=$scratch/stand-in-ctl

lab() { "$lab_tool" --lab "$first" "$@"; }

finish() {
    # A child that is killed before it has put off this trap is not the end of the test.
    [[ $BASHPID == "$$" ]] || return
    "$lab_tool" --lab "$first" down >/dev/null 2>&1
    "$lab_tool" --lab "$second" down >/dev/null 2>&1
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

cat >"$PEALD" <<'STUB'
#!/usr/bin/env bash
# Stands in for the daemon: waits. STUB=deaf ignores SIGTERM, STUB=refuse ends at once.
case ${STUB:-} in
    refuse) echo "no such preset"; exit 3 ;;
    deaf) trap '' TERM ;;
    *) trap 'exit 0' TERM ;;
esac
exec 3<> <(:)
while :; do read -rt 60 -u 3; done
STUB
cat >"$PEALCTL" <<'STUB'
#!/usr/bin/env bash
echo "$RUNTIME_DIRECTORY $*"
STUB
chmod +x "$PEALD" "$PEALCTL"

# Sends tagged Ethernet frames between nodes through packet sockets, as Peal does, and counts arrivals.
#   frames.py LAB COUNT 1-2 3-1 ...  prints "1-2:COUNT 3-1:COUNT ..."; "1-*" is broadcast, counted at each node
cat >"$scratch/frames.py" <<'PYTHON'
import ctypes, os, select, socket, struct, sys

lab, count, wishes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
libc = ctypes.CDLL(None, use_errno=True)
ETHERTYPE, FORCE_RECEIVE_BUFFER, NEW_NETWORK = 0x88B5, 33, 0x40000000
with open(f"/run/peal-lab/{lab}/nodes") as file:
    nodes = range(1, int(file.read()) + 1)

sockets = {}
for node in nodes:
    descriptor = os.open(f"/run/netns/{lab}-n{node}", os.O_RDONLY)
    if libc.setns(descriptor, NEW_NETWORK) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    s.setsockopt(socket.SOL_SOCKET, FORCE_RECEIVE_BUFFER, 1 << 22)
    s.bind((f"peal{node}", ETHERTYPE))
    sockets[node] = s

def mac(node):
    return bytes.fromhex(f"027065616c{node:02x}")

seen = {}
def drain(quiet_s):
    """Takes what comes, at any node, until nothing has come for a while."""
    while ready := select.select(sockets.values(), [], [], quiet_s)[0]:
        for node, s in sockets.items():
            if s not in ready:
                continue
            frame, origin = s.recvfrom(2048)
            if origin[2] != socket.PACKET_OUTGOING:
                key = (struct.unpack("!H", frame[14:16])[0], node)
                seen[key] = seen.get(key, 0) + 1

for tag, wish in enumerate(wishes):
    sender, receiver = wish.split("-")
    target = b"\xff" * 6 if receiver == "*" else mac(int(receiver))
    frame = target + mac(int(sender)) + struct.pack("!HH", ETHERTYPE, tag) + bytes(46)
    for i in range(count):
        sockets[int(sender)].send(frame)
        # The kernel passes them on when it comes to it, and keeps a thousand meanwhile.
        if i % 128 == 127:
            drain(0.01)
drain(0.5)

report = []
for tag, wish in enumerate(wishes):
    sender, receiver = wish.split("-")
    targets = [n for n in nodes if n != int(sender)] if receiver == "*" else [int(receiver)]
    report += [f"{sender}-{n}:{seen.get((tag, n), 0)}" for n in targets]
print(" ".join(report))
PYTHON
frames() { python3 "$scratch/frames.py" "$@"; }

number=0
failures=0
ok() { # DESCRIPTION, after the command whose status counts
    local status=$?
    number=$((number + 1))
    if ((status == 0)); then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        failures=$((failures + 1))
    fi
}

same() { # GOT WANTED
    [[ $1 == "$2" ]] && return
    printf '%s\n' "got:" "$1" "wanted:" "$2" | sed 's/^/# /'
    return 1
}

# Runs a command that must fail: status and part of what it says on stderr.
refuses() { # STATUS TEXT COMMAND...
    local wanted=$1 text=$2 said status
    shift 2
    said=$("$@" 2>&1 >/dev/null)
    status=$?
    [[ $status == "$wanted" && $said == *"$text"* ]] && return
    printf '# status %s, wanted %s: %s\n' "$status" "$wanted" "$said"
    return 1
}

# On a machine that others use a process may wait long for its turn.
await() { # COMMAND...
    local until_s=$((SECONDS + 60))
    until "$@"; do
        ((SECONDS <= until_s)) || return 1
        sleep 0.005
    done
}

processes_of() { grep -ls "[/]run/peal-lab/$1/" /proc/[0-9]*/cmdline; }

leaves_nothing() { # LAB
    local left
    left=$(compgen -G "/run/netns/$1-*"; compgen -G "/run/peal-lab/$1*"; processes_of "$1")
    same "$left" ""
}

pid_of() { cat "/run/peal-lab/$first/n$1.pid"; }
field() { python3 -c 'import json, sys; print(eval(sys.argv[1], {"s": json.load(sys.stdin)}))' "$1"; }
conditions() { lab status --json | field '[n["daemon"] for n in s["nodes"]]'; }
# A process stands still when it next comes to run.
are() { [[ $(conditions) == "$1" ]]; }
links_before=$(ip -o link)

# --- words and refusals

[[ $("$lab_tool" --help) == *examples:* ]]; ok "help has examples"
chmod 755 "$scratch"
cp "$lab_tool" "$scratch/peal-lab"
refuses 1 "needs root" setpriv --reuid 65534 --clear-groups bash "$scratch/peal-lab" up 3
ok "an ordinary user gets one sentence"
refuses 2 "at most 16" lab up 17; ok "seventeen nodes are refused with the reason"
refuses 2 "whole number" lab up 0; ok "zero nodes are refused"
refuses 2 "no command 'fly'" lab fly; ok "an unknown command is refused"
refuses 2 "down does not take --json" lab down --json; ok "an option of another command is refused"
refuses 2 "a lab's name" "$lab_tool" --lab ../x up 3; ok "a lab's name cannot leave its folder"
refuses 1 "is not up" lab cut 1 2; ok "a fault needs a lab"
refuses 1 "is not a program" env PEALD="$scratch/none" "$lab_tool" --lab "$first" up 3
ok "a missing daemon is noticed before anything is built"
lab down >/dev/null; ok "down of nothing succeeds"
leaves_nothing "$first"; ok "refusals leave nothing"

# --- what is built

start=${EPOCHREALTIME/./}
lab up 5 --no-start --preset quick --idle spin --expect 3 >/dev/null; ok "five nodes come up"
took_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
echo "# up 5 --no-start took $took_ms ms"
((took_ms < 10000)); ok "and that is quick"
refuses 1 "already up with 5 nodes" lab up 5; ok "a lab that is up is not built again"
same "$(stat -c '%a %s' "/run/peal-lab/$first/key")" "600 32"; ok "the key is 32 bytes that only root can read"
same "$(cat "/run/peal-lab/$first/n2.yaml")" "cluster: peal-lab
name: n2
address: \"10.77.0.2:7400\"
key: /run/peal-lab/$first/key
expect: 3
preset: quick
seeds: [\"10.77.0.1:7400\", \"10.77.0.2:7400\", \"10.77.0.3:7400\", \"10.77.0.4:7400\", \"10.77.0.5:7400\"]
metadata: \"lab node 2\"
idle: spin
socket: /run/peal-lab/$first/n2.sock
hold_ms: 500
device: net_af_packet0
device_args: \"iface=peal2,framecnt=512,qdisc_bypass=1\"
memory_mb: 48"
ok "a node's configuration is complete"
same "$(lab exec 2 ip -o addr show dev peal2)" ""; ok "a node's link has no address of the kernel's"
same "$(lab exec 2 cat /sys/class/net/peal2/operstate)" "up"; ok "a node's link is up"

# --- frames and faults

all="1-2 1-3 1-4 1-5 2-1 2-3 2-4 2-5 3-1 3-2 3-4 3-5 4-1 4-2 4-3 4-5 5-1 5-2 5-3 5-4"
# shellcheck disable=SC2086  # a list of words
reach() { frames "$first" 3 $all | tr ' ' '\n' | sed -n 's/:3$//p' | tr '\n' ' '; }

same "$(reach)" "$all "; ok "every node reaches every other"
same "$(frames "$first" 7 '1-*')" "1-2:7 1-3:7 1-4:7 1-5:7"; ok "a broadcast reaches all others once"
lab cut 1 2; ok "cut"
same "$(reach)" "$(sed 's/1-2 //; s/2-1 //' <<<"$all ")"; ok "a cut takes both directions and nothing else"
same "$(frames "$first" 2 '1-*')" "1-2:0 1-3:2 1-4:2 1-5:2"; ok "and it takes broadcasts on that pair alone"
lab cut 1 2 && lab cut 2 1; ok "a cut may be repeated"
lab cut 3 4 --one-way; ok "cut one way"
same "$(reach)" "$(sed 's/1-2 //; s/2-1 //; s/3-4 //' <<<"$all ")"; ok "a one-way cut leaves the way back"
same "$(lab status --json | field '[(f["kind"], f["from"], f["to"], f["dropped"] > 0) for f in s["faults"]]')" \
    "[('cut', 1, 2, True), ('cut', 2, 1, True), ('cut', 3, 4, True)]"
ok "status names the cuts and what they took"
lab heal 2 1 && lab heal 2 1
same "$(reach)" "${all/3-4 /} "; ok "heal of one pair leaves the other cut"
lab heal && lab heal
same "$(reach)" "$all "; ok "heal removes every cut, also twice"
lab cut 1,2 3-5
same "$(reach)" "1-2 2-1 3-4 3-5 4-3 4-5 5-3 5-4 "; ok "two lists make a partition"
lab heal
refuses 1 "no node 6" lab cut 1 6; ok "a node that does not exist is refused"
refuses 2 "both sides" lab cut 1-3 3; ok "a node on both sides is refused"
refuses 2 "percentage" lab loss 1 2 100.5; ok "a share above 100 is refused"

# 2000 frames at 20 % leave 1600 with a standard deviation of 18; the bounds are eight of these away.
lab loss 1 2 70 && lab loss 1 2 20
counts=$(frames "$first" 2000 1-2 2-1 1-3)
echo "# of 2000 at 20 %: $counts"
[[ $counts =~ ^1-2:([0-9]+)\ 2-1:([0-9]+)\ 1-3:2000$ ]] &&
    ((BASH_REMATCH[1] > 1450 && BASH_REMATCH[1] < 1750 && BASH_REMATCH[2] > 1450 && BASH_REMATCH[2] < 1750))
ok "loss takes its share each way, the last word counts, and other pairs lose nothing"
lab loss 3 4 100 --one-way && lab loss 4 5 0.25
same "$(frames "$first" 50 3-4 4-3)" "3-4:0 4-3:50"; ok "loss of everything, one way"
same "$(lab status --json | field '[(f["from"], f["to"], f["percent"]) for f in s["faults"]]')" \
    "[(1, 2, 20), (2, 1, 20), (3, 4, 100), (4, 5, 0.25), (5, 4, 0.25)]"
ok "status names the losses"
lab loss 1 2 0 && lab loss 1 2 0 && lab loss 4,5 3-4 0 2>/dev/null
same "$(frames "$first" 500 1-2 2-1)" "1-2:500 2-1:500"; ok "a loss of 0 removes the rule, also twice"
lab heal
same "$(lab status --json | field 's["faults"]')" "[]"; ok "heal removes every loss"

# --- two labs

"$lab_tool" --lab "$second" up 2 >/dev/null; ok "a second lab comes up beside the first"
lab cut 1 2
same "$(frames "$second" 3 1-2 2-1)" "1-2:3 2-1:3"; ok "a cut in one lab is none in the other"
lab down >/dev/null
leaves_nothing "$first"; ok "the first goes without a trace"
same "$("$lab_tool" --lab "$second" status --json | field '[n["daemon"] for n in s["nodes"]]')" "['running', 'running']"
ok "and the second's daemons still run"
"$lab_tool" --lab "$second" down >/dev/null
leaves_nothing "$second"; ok "then the second goes too"

# --- daemons

lab up 3 >/dev/null; ok "three nodes with daemons come up"
pid=$(pid_of 2)
runs_stand_in() { [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == "bash "* ]]; }
await runs_stand_in
same "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "bash $PEALD --config /run/peal-lab/$first/n2.yaml "
ok "the recorded pid is the daemon's own"
[[ /proc/$pid/ns/net -ef /run/netns/$first-n2 ]]; ok "it runs in its node's namespace"
grep -qz "^RUNTIME_DIRECTORY=/run/peal-lab/$first/run$" "/proc/$pid/environ"; ok "its sockets go to the lab's folder"
# SIGHUP, SIGINT, SIGPIPE and SIGTERM; what lies beyond is the business of whoever started this test.
ignored=$(sed -n 's/^SigIgn:\s*//p' "/proc/$pid/status")
same "$((16#$ignored & 0x5003))" "0"; ok "no signal is ignored on its behalf"
[[ ! -e /proc/$pid/fd/9 ]]; ok "it does not hold the lab's lock"
stat=$(sed 's/.*) //' "/proc/$pid/stat")
same "$(cut -d ' ' -f 4 <<<"$stat")" "$pid"; ok "it has a session of its own, away from Ctrl-C"
same "$(lab ctl 2 view --json)" "/run/peal-lab/$first/run --config /run/peal-lab/$first/n2.yaml view --json"
ok "ctl hands the node's configuration and all arguments to pealctl"
cat >"$scratch/late-ctl" <<SCRIPT
#!/bin/sh
[ "\$3" = version ] || exec echo answered
echo asked >>"$scratch/asked"
[ "\$(wc -l <"$scratch/asked")" -ge 3 ]
SCRIPT
chmod +x "$scratch/late-ctl"
lab start 2 >/dev/null
same "$(PEALCTL=$scratch/late-ctl lab ctl 2 view)$(wc -l <"$scratch/asked")" "answered3"
ok "ctl waits for a daemon that has just been started"

lab pause 1,2 >/dev/null
await are "['paused', 'paused', 'running']"; ok "pause"
lab resume 1 2 >/dev/null
await are "['running', 'running', 'running']"; ok "resume"
before=$(python3 -c 'import time; print(time.monotonic_ns())')
killed=$(lab kill 3 --json)
after=$(python3 -c 'import time; print(time.monotonic_ns())')
same "$(field "(s['node'], s['signal'], $before < s['monotonic_ns'] < $after)" <<<"$killed")" "(3, 'KILL', True)"
ok "kill tells the instant of the signal"
same "$(conditions)" "['running', 'running', 'dead']"; ok "and the node is dead"
refuses 1 "no running daemon" lab kill 3; ok "the dead are not killed again"
lab pause 1 >/dev/null
lab start 1 3 >/dev/null; ok "start brings back a dead node and replaces a paused one"
same "$(conditions)" "['running', 'running', 'running']"; ok "all run again"

sleep 300 &
stranger=$!
lab kill 3 >/dev/null
echo "$stranger" >"/run/peal-lab/$first/n3.pid"
refuses 1 "no running daemon" lab kill 3; ok "a pid that passed to a stranger is not signalled"
lab pause 2 >/dev/null
start=${EPOCHREALTIME/./}
lab down >/dev/null
echo "# down took $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
leaves_nothing "$first"; ok "down ends running and paused daemons"
kill -0 "$stranger"; ok "and leaves the stranger alone"
kill "$stranger"
lab down >/dev/null; ok "down again succeeds"

STUB=deaf lab up 2 >/dev/null
PEAL_LAB_STOP_MS=50 lab down >/dev/null
leaves_nothing "$first"; ok "a daemon that does not hear SIGTERM is killed"
refuses 1 "no such preset" env STUB=refuse "$lab_tool" --lab "$first" up 2
ok "a daemon that ends at once is reported with its last words"
lab down >/dev/null
leaves_nothing "$first"; ok "and nothing of it stays"

lab up 1 --no-start >/dev/null
"$lab_tool" --lab "$first" exec 1 sleep 300 &
guest=$!
await test "/proc/$guest/ns/net" -ef "/run/netns/$first-n1"
said=$(lab down 2>&1 >/dev/null)
[[ $said == *"process $guest"*"still runs in $first-n1"* ]]; ok "down names a process that someone left in a node"
kill -0 "$guest" && leaves_nothing "$first"; ok "and does not end it"
kill "$guest"

ip netns add "$first-n1"
refuses 1 "no lab" lab up 2; ok "a namespace that is not ours is not built upon"
refuses 1 "not of our making" lab down; ok "nor removed"
ip netns del "$first-n1"
lab up 2 --no-start >/dev/null
rm -rf "/run/peal-lab/$first"
lab down >/dev/null
leaves_nothing "$first"; ok "a lab whose state was deleted can still be taken down"

# --- ends in the middle of up

# Background children of a script ignore SIGINT, hence env.
up_in_background() { setsid env --default-signal "$@" "$lab_tool" --lab "$first" up 8 >/dev/null 2>&1 & }

delays_ms=(000 004 008 012 016 020 025 030 035 040 050 060 070 080 100 120 140 170 200 250)
interrupted=0
left=0
for delay_ms in "${delays_ms[@]}"; do
    for how in "-INT -- -" "-TERM "; do
        up_in_background
        sleep "0.$delay_ms"
        # shellcheck disable=SC2086  # signal and target
        kill ${how}$! 2>/dev/null
        wait "$!"
        case $? in
            0) lab down >/dev/null ;;
            *) interrupted=$((interrupted + 1)) ;;
        esac
        leaves_nothing "$first" || left=$((left + 1))
    done
done
echo "# $interrupted of $((2 * ${#delays_ms[@]})) were cut short"
((interrupted > 0 && left == 0)); ok "SIGINT or SIGTERM at any moment of up leaves nothing"

left=0
for delay_ms in "${delays_ms[@]}"; do
    for target in "" "-"; do
        up_in_background
        sleep "0.$delay_ms"
        # Too early there is no group of its own yet, and a signal to it would reach nobody.
        kill -KILL -- "$target$!" 2>/dev/null || kill -KILL "$!" 2>/dev/null
        lab down >/dev/null
        wait "$!" 2>/dev/null
        leaves_nothing "$first" || left=$((left + 1))
    done
done 2>/dev/null
((left == 0)); ok "SIGKILL at any moment of up, then down, leaves nothing"

# A helper that outlives its parent: down has to wait for it.
mkdir "$scratch/bin"
printf '#!/bin/sh\nsleep 1.5\nexec %s "$@"\n' "$(command -v ip)" >"$scratch/bin/ip"
chmod +x "$scratch/bin/ip"
up_in_background PATH="$scratch/bin:$PATH"
await test -e "/run/peal-lab/$first/n8.yaml"
kill -KILL "$!"
refuses 1 "half built" lab status; ok "a half-built lab is called so"
lab down >/dev/null
leaves_nothing "$first"; ok "down waits for what a killed up left running"
sleep 2
leaves_nothing "$first"; ok "and nothing comes after"

same "$(ip -o link)" "$links_before"; ok "the machine's own links are as they were"

echo "1..$number"
((failures == 0))
