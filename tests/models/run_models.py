#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the Spin models of membership, channels and order, and that each of their mutants is found.

    run_models.py [--nightly] [--only TEXT] [--keep FOLDER]

A run is one line: model, variant, how it was searched, states, processor seconds with compiling, and
what came of it. A model must hold, a mutant must break the property named for it, and so must a run
beyond a known limit; anything else is a failure. The very last line is "N passed, N failed".

--nightly adds larger sizes, some ten minutes of processor time. --only runs the variants whose line
contains TEXT. --keep leaves the programs and the trails of errors in FOLDER.
"""
import argparse
import collections
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_MIB = 1900
DEPTH_MAX = 1000000
BITS_DEPTH_MAX = 5000000
SECONDS_MAX = 900

# breaks: the property that must fail, None when all must hold. search: "all" states, or "bits",
# which visits what does not collide in a bit table and stops after `minutes`.
Run = collections.namedtuple("Run", "model variant defines breaks search minutes")

# What pan prints of a failed assertion, and the property it stands for.
PROPERTIES = {
    "agreement": (
        (r"^decided!=3", "agreement"),
        (r"^\(decided& ?~", "validity"),
        (r"^ ?!\(is_quorum\)\)?$", "fast"),
        (r"^\(proposals&", "one value"),
        (r"forced_values|possible|weight", "open"),
    ),
    "install": (
        (r"chain==", "chain"),
        (r"^weight>=need", "quorum"),
        (r"dead>>i", "open"),
    ),
    "coldstart": ((r"^founders<=1", "one cluster"),),
    "channel": (
        (r"^ends_count==0", "settle"),
        (r"acked<=", "ack"),
        (r"state==0\)\|\|\(end\[.*its!=", "reset"),
        (r"^\(end\[[01]\]\.state==0", "idle"),
        (r"delivered==life", "end"),
        (r"==0\)\|\|", "pair"),
        (r"is_over|its==|\.delivered|\.accepted", "life"),
    ),
    "order": (
        (r"^history\[position\]==", "order"),
        (r"^what>", "generation"),
        (r"holders|by\[change", "one cut"),
        (r"is_held|^rank\[k\]|by\[cut_generation", "open"),
        (r"seal\[|given<=place", "seal"),
        (r"history\[|is_installed|given<=change|position==length", "uniform"),
        (r"stamp\[", "late"),
    ),
}


def holds(model, variant, defines, search="all", minutes=0):
    return Run(model, variant, defines, None, search, minutes)


def breaks(model, variant, defines, what):
    return Run(model, variant, defines, what, "all", 0)


def agreement_mutant(name, defines="", what="agreement"):
    # The other assertions would often fail first: two decisions are the proof that it matters.
    only = " ONLY_AGREEMENT" if what in ("agreement", "validity") else ""
    variant = "mutant " + name.lower().replace("_", " ")
    return breaks("agreement", variant, f"MUTANT_{name}{only} {defines}", what)


def install_mutant(name, what, defines=""):
    only = " ONLY_SAFETY" if what != "open" else ""
    variant = "mutant " + name.lower().replace("_", " ")
    return breaks("install", variant, f"MUTANT_{name}{only} {defines}", what)


def channel_mutant(name, what, defines=""):
    variant = "mutant " + name.lower().replace("_", " ")
    return breaks("channel", variant, f"MUTANT_{name} {defines}", what)


def order_mutant(name, what, defines=""):
    # Delivered differently, or lost after delivery, is the proof; a check before that ends sooner.
    only = " ONLY_ORDER" if what in ("order", "uniform") else ""
    variant = "mutant " + name.lower().replace("_", " ")
    return breaks("order", variant, f"MUTANT_{name}{only} {defines}", what)


def coldstart_mutant(name, defines=""):
    variant = "mutant " + name.lower().replace("_", " ")
    return breaks("coldstart", variant, f"MUTANT_{name} {defines}", "one cluster")


SEAL_ONLY = "BALLOTS=1 CHANGES=0 READERS=3"
SEAL_TWICE = "BALLOTS=2 CHANGES=0 FRAMES=1 STAMP_MAX=2 READERS=3"
CHANGE_ONCE = "SEALS=0 CHANGES=1"
CHANGE_TWICE = "SEALS=0 CHANGES=2 FRAMES=1 STAMP_MAX=2"
SEAL_AND_CHANGE = "BALLOTS=1 CHANGES=1 FRAMES=1 STAMP_MAX=2 READERS=3"
# One lane in use: enough for what is lost, and it leaves room for ballots.
ONE_LANE = "FRAMES=1 FRAMES_OTHER=0 STAMP_MAX=1 READERS=3"

GATE = (
    holds("agreement", "N=2, 4 ballots, senior leaves", "MEMBERS=2 BALLOTS=4 LEAVER=0"),
    holds("agreement", "N=3, 4 ballots", "MEMBERS=3 BALLOTS=4"),
    holds("agreement", "N=3, 3 ballots, leave", "MEMBERS=3 BALLOTS=3 LEAVER=2"),
    holds("agreement", "N=4, 3 ballots", "MEMBERS=4 BALLOTS=3"),
    holds("agreement", "N=4, 2 ballots, leave", "MEMBERS=4 BALLOTS=2 LEAVER=3"),
    holds("agreement", "N=5, 2 ballots", "MEMBERS=5 BALLOTS=2"),
    agreement_mutant("VOTE_AFTER_PROMISE", "BALLOTS=2"),
    agreement_mutant("SLACK_TOO_WIDE", "BALLOTS=2"),
    agreement_mutant("LOOSE_LEARNER", "BALLOTS=2"),
    agreement_mutant("MIXED_QUORUM", "MEMBERS=4 BALLOTS=2"),
    agreement_mutant("KEY_WITHOUT_BALLOT", "BALLOTS=2"),
    agreement_mutant("OWN_ROUND_FORGOTTEN", "BALLOTS=2", "one value"),
    agreement_mutant("SHARED_BALLOT", "MUTANT_OWN_ROUND_FORGOTTEN BALLOTS=3"),
    agreement_mutant("ANY_VALUE", "BALLOTS=2"),
    agreement_mutant("INVENTED_VALUE", "BALLOTS=2", "validity"),
    agreement_mutant("FAST_WITHOUT_VALUE", "BALLOTS=2"),
    agreement_mutant("CLASSIC_WITHOUT_VALUE", "MUTANT_OWN_ROUND_FORGOTTEN BALLOTS=2"),
    agreement_mutant("PROMISE_COUNTED_TWICE", "BALLOTS=2"),
    agreement_mutant("ACCEPT_BELOW_PROMISE", "BALLOTS=2"),
    agreement_mutant("LEAVE_AFTER_VOTE", "BALLOTS=2 LEAVER=2"),
    agreement_mutant("LEAVE_NOT_RECORDED", "BALLOTS=2 LEAVER=2"),
    agreement_mutant("LEAVE_ANY_CUT", "BALLOTS=2 LEAVER=2"),
    agreement_mutant("LEAVE_AS_PROMISE", "BALLOTS=3 LEAVER=2"),
    agreement_mutant("LEAVE_STOPS_EARLY", "MEMBERS=2 BALLOTS=2 LEAVER=0", "open"),
    holds("agreement", "classic votes without value, own ballots",
        "MUTANT_CLASSIC_WITHOUT_VALUE BALLOTS=3"),
    holds("agreement", "own round forgotten, conflicts stop",
        "MUTANT_OWN_ROUND_FORGOTTEN ONLY_AGREEMENT BALLOTS=2"),
    holds("install", "2 founders, senior leaves", "FOUNDERS=2"),
    holds("install", "3 founders, joiner, removal", "FOUNDERS=3"),
    holds("install", "early frames dropped, not held", "FOUNDERS=3 DROP_EARLY"),
    install_mutant("NO_PARENT_CHECK", "chain"),
    install_mutant("PARENT_BY_EPOCH", "chain"),
    install_mutant("NO_HOLD", "chain"),
    install_mutant("OLD_VOTES_COUNT", "quorum"),
    install_mutant("TALLY_KEPT", "quorum"),
    install_mutant("HELD_KEEPS_RANK", "quorum"),
    install_mutant("NO_REPEAT", "open"),
    install_mutant("NO_REPAIR", "open"),
    install_mutant("SHORT_HISTORY", "open"),
    install_mutant("OUT_FORGETS", "open", "FOUNDERS=2"),
    breaks("install", "limit: leave and crash at once", "LIMIT_LEAVE_AND_CRASH", "open"),
    holds("coldstart", "n=3", "NODES=3"),
    holds("coldstart", "n=3, restart, listens for T_boot", "NODES=3 RESTARTS=1 LISTEN=4"),
    holds("coldstart", "n=3, the same, a smaller uuid", "NODES=3 RESTARTS=1 LISTEN=4 REBORN_FIRST"),
    coldstart_mutant("MINORITY_GRANT"),
    coldstart_mutant("TWO_GRANTS"),
    coldstart_mutant("COUNTED_FOR_ALL"),
    coldstart_mutant("COUNTED_TWICE", "NODES=4"),
    coldstart_mutant("SELF_FOR_FREE"),
    coldstart_mutant("CALL_IGNORED"),
    breaks("coldstart", "mutant: repeats above a half", "REPEAT_ABOVE=2", "one cluster"),
    breaks("coldstart", "mutant: restart, listens a quarter", "RESTARTS=1 LISTEN=1", "one cluster"),
    breaks("coldstart", "mutant: restart, listens three quarters", "RESTARTS=1 LISTEN=3",
        "one cluster"),
    breaks("coldstart", "limit: grants come late", "DELAY=2", "one cluster"),
    breaks("coldstart", "limit: nobody calls", "LIMIT_NO_CALLS", "one cluster"),
    holds("channel", "2 and 1 epochs", "EPOCHS=2"),
    holds("channel", "1 epoch each, resets are heard", "EPOCHS=1 HEAR_RESETS"),
    holds("channel", "1 epoch each, a restart", "EPOCHS=1 RESTARTS=1"),
    channel_mutant("NO_EPOCH_ON_DATA", "life"),
    channel_mutant("NO_EPOCH_ON_ACK", "ack"),
    channel_mutant("NO_EPOCH_ON_RESET", "reset", "HEAR_RESETS"),
    channel_mutant("NARROW_EPOCH", "life", "EPOCHS=3"),
    channel_mutant("FLOOR_FORGOTTEN", "life", "ONLY_SAFETY"),
    channel_mutant("ANY_PAIR", "pair"),
    channel_mutant("NO_RENEWAL", "settle", "MUTANT_TAINTED_KEPT ONLY_IN_THE_END"),
    channel_mutant("ANY_PAIR", "settle", "MUTANT_NO_RENEWAL ONLY_IN_THE_END"),
    channel_mutant("TAINTED_KEPT", "settle", "ONLY_IN_THE_END"),
    channel_mutant("OLD_PROCESS_HEARD", "life", "EPOCHS=1 RESTARTS=1"),
    channel_mutant("REMOVED_KEPT", "life", "EPOCHS=1 RESTARTS=1"),
    holds("order", "a seal, 2 frames", SEAL_ONLY),
    holds("order", "a seal, 2 proposers, 1 frame", SEAL_TWICE),
    holds("order", "a view change, 2 proposers", CHANGE_TWICE),
    holds("order", "a seal and a view change", SEAL_AND_CHANGE),
    holds("order", "a seal, the clock follows what is heard", f"{SEAL_ONLY} CLOCK_FOLLOWS"),
    holds("order", "wedged ranks deliver", f"{SEAL_AND_CHANGE} MUTANT_DELIVERS_WEDGED"),
    holds("order", "acks of any generation, 3 ranks", f"{SEAL_ONLY} MUTANT_ACK_OF_ANY_GENERATION"),
    holds("order", "promises of any generation, 3 ranks",
        f"{SEAL_ONLY} MUTANT_PROMISE_OF_ANY_GENERATION"),
    order_mutant("NOT_HELD", "order", SEAL_ONLY),
    order_mutant("SOMETHING_EARLIER", "order", SEAL_ONLY),
    order_mutant("PROMISE_WITHOUT_LAST", "order", SEAL_ONLY),
    order_mutant("NO_MICRO_WEDGE", "order", SEAL_ONLY),
    order_mutant("OWNER_GOES_ON", "order", SEAL_ONLY),
    order_mutant("SEAL_TAKES_MINIMUM", "order", SEAL_ONLY),
    order_mutant("SEAL_FORGETS", "one cut", SEAL_TWICE),
    order_mutant("SEAL_BELOW_PROMISE", "one cut", SEAL_TWICE),
    order_mutant("STAGE_IS_HAVE", "order", SEAL_TWICE),
    order_mutant("SEAL_TIME_IGNORED", "generation", SEAL_ONLY),
    order_mutant("OWN_PROMISE_FORGOTTEN", "generation", f"{SEAL_ONLY} UNTIL=0"),
    order_mutant("SEALED_WHILE_WEDGED", "uniform", SEAL_AND_CHANGE),
    order_mutant("NO_WEDGE", "uniform", CHANGE_ONCE),
    order_mutant("CHANGE_TAKES_MINIMUM", "uniform", CHANGE_ONCE),
    order_mutant("CHANGE_FORGETS", "order", CHANGE_TWICE),
    order_mutant("CHANGE_BELOW_PROMISE", "order", CHANGE_TWICE),
    order_mutant("CHANGE_IGNORES_SEALS", "uniform", SEAL_AND_CHANGE),
    order_mutant("GENERATIONS_MIXED", "open", SEAL_AND_CHANGE),
    order_mutant("NEVER_PAST", "open", SEAL_AND_CHANGE),
    order_mutant("AMNESIAC_ANSWERS", "uniform", CHANGE_ONCE),
)

NIGHTLY = (
    holds("agreement", "N=3, 4 ballots, leave", "MEMBERS=3 BALLOTS=4 LEAVER=2"),
    holds("agreement", "N=4, 3 ballots, leave", "MEMBERS=4 BALLOTS=3 LEAVER=3", "bits", 2),
    holds("agreement", "N=4, 4 ballots", "MEMBERS=4 BALLOTS=4", "bits", 1),
    holds("agreement", "N=5, 2 ballots, leave", "MEMBERS=5 BALLOTS=2 LEAVER=4"),
    holds("agreement", "N=5, 3 ballots", "MEMBERS=5 BALLOTS=3", "bits", 1),
    breaks("agreement", "N=4, slack too wide",
        "MEMBERS=4 BALLOTS=2 MUTANT_SLACK_TOO_WIDE ONLY_AGREEMENT", "agreement"),
    breaks("agreement", "N=5, loose learner",
        "MEMBERS=5 BALLOTS=2 MUTANT_LOOSE_LEARNER ONLY_AGREEMENT", "agreement"),
    breaks("agreement", "N=4, leave of any cut",
        "MEMBERS=4 BALLOTS=2 LEAVER=3 MUTANT_LEAVE_ANY_CUT ONLY_AGREEMENT", "agreement"),
    holds("agreement", "the same, 3 ballots",
        "MUTANT_OWN_ROUND_FORGOTTEN ONLY_AGREEMENT BALLOTS=3"),
    holds("install", "4 founders, joiner, removal", "FOUNDERS=4", "bits", 1),
    holds("coldstart", "n=3, finer ticks", "T_BOOT=8 DELAY=1 CALL_GAP=2"),
    holds("coldstart", "n=3, finer ticks, slower grants", "T_BOOT=8 DELAY=2 CALL_GAP=1"),
    holds("coldstart", "n=4", "NODES=4", "bits", 1),
    holds("coldstart", "n=5", "NODES=5", "bits", 1),
    holds("channel", "2 and 1 epochs, resets are heard", "EPOCHS=2 HEAR_RESETS"),
    holds("channel", "2 and 1 epochs, a restart", "EPOCHS=2 RESTARTS=1"),
    holds("channel", "2 and 1 epochs, 2 messages", "EPOCHS=2 MESSAGES=2", "bits", 1),
    holds("channel", "2 epochs each", "EPOCHS=2 EPOCHS_OTHER=2", "bits", 2),
    holds("channel", "3 and 1 epochs", "EPOCHS=3", "bits", 1),
    holds("order", "a seal, 2 proposers, 2 frames", "BALLOTS=2 CHANGES=0 READERS=3"),
    holds("order", "a view change, 2 proposers, 2 frames", "SEALS=0 CHANGES=2 READERS=3"),
    holds("order", "a seal and a view change, 2 frames", "BALLOTS=1 CHANGES=1 READERS=3"),
    holds("order", "one lane, 2 proposers of the seal", f"{ONE_LANE} BALLOTS=2 CHANGES=1"),
    holds("order", "one lane, 2 proposers of the change", f"{ONE_LANE} BALLOTS=1 CHANGES=2"),
    holds("order", "2 proposers of both", "BALLOTS=2 CHANGES=2 FRAMES=1 STAMP_MAX=2 READERS=3", "bits", 2),
    holds("order", "all deliver, 2 lanes sealed",
        "BALLOTS=1 CHANGES=1 SEALED_LANES=2 READERS=7", "bits", 2),
    holds("order", "sealed twice", "BALLOTS=1 CHANGES=1 SEALS=2 FRAMES=2 READERS=5", "bits", 2),
    holds("order", "the passive rank and the owner deliver",
        "BALLOTS=2 CHANGES=0 FRAMES=2 READERS=5", "bits", 1),
    order_mutant("CHANGE_TAKES_OLDEST", "open", f"{ONE_LANE} BALLOTS=2 CHANGES=1"),
)


def property_of(model, text):
    for pattern, name in PROPERTIES[model]:
        if re.search(pattern, text):
            return name
    return text


def command_output(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=SECONDS_MAX, check=False, errors="replace")
    return done.returncode, done.stdout


def build(run, folder):
    """Makes `pan` in the folder; returns what went wrong, or nothing."""
    defines = ["-D" + define for define in run.defines.split()]
    status, text = command_output(
        ["spin", "-a", *defines, os.path.join(HERE, run.model + ".pml")], folder)
    if status != 0 or "Error" in text:
        return text
    # A mutant is found soon: for it compiling is what takes the time.
    level = "-O2" if run.breaks is None else "-O0"
    store = "-DBITSTATE" if run.search == "bits" else "-DCOLLAPSE"
    status, text = command_output([os.environ.get("CC", "cc"), level, "-w", "-DSAFETY",
        "-DNOREDUCE", store, f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"], folder)
    return text if status != 0 else ""


def judge(run, text):
    """Returns whether a search came out as it must, and what is to be said about it."""
    counted = re.search(r"errors: (\d+)", text)
    failed = re.search(r"assertion violated \(?(.*?)\)? \(at depth", text)
    is_cut = "max search depth too small" in text
    is_stopped = "Search not completed" in text or is_cut
    if counted is None:
        return False, "no result:\n" + text
    if run.breaks is not None:
        if failed is None:
            return False, f"NOT FOUND, must break: {run.breaks}"
        found = property_of(run.model, failed.group(1))
        return found == run.breaks, f"breaks {found}" + (
            "" if found == run.breaks else f", must break: {run.breaks}")
    if failed is not None:
        return False, f"BREAKS {property_of(run.model, failed.group(1))}"
    is_short = re.search(r"reached -DMEMLIM|out of memory", text) is not None
    if counted.group(1) != "0" or is_short or (is_stopped and run.search == "all"):
        return False, "search is not complete:\n" + text
    return True, "holds, stopped" if is_stopped else "holds"


def processor_seconds():
    """What all runs so far took; other work on the machine does not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def check(run, folder):
    began = processor_seconds()
    wrong = build(run, folder)
    if wrong:
        return False, "cannot be built:\n" + wrong, 0, 0.0
    if run.search == "bits":
        command = ["./pan", "-n", f"-m{BITS_DEPTH_MAX}", "-w32", "-k3", f"-Q{run.minutes}"]
    else:
        command = ["./pan", "-n", f"-m{DEPTH_MAX}"] + (["-w20"] if run.breaks is not None else [])
    try:
        _, text = command_output(command, folder)
    except subprocess.TimeoutExpired:
        return False, f"search had not ended after {SECONDS_MAX} s", 0, processor_seconds() - began
    states = re.search(r"([\d.e+]+) states, stored", text)
    is_good, what = judge(run, text)
    return is_good, what, int(float(states.group(1))) if states else 0, processor_seconds() - began


def way_of(run):
    if run.breaks is not None:
        return "to first error"
    return "bitstate" if run.search == "bits" else "exhaustive"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightly", action="store_true", help="larger sizes as well")
    parser.add_argument("--only", default="", metavar="TEXT", help="variants that contain it")
    parser.add_argument("--keep", metavar="FOLDER", help="leave programs and trails there")
    options = parser.parse_args(arguments)
    for tool in ("spin", os.environ.get("CC", "cc")):
        if shutil.which(tool) is None:
            print(f"{tool} is missing; run 'sudo tools/dev/install-deps'")
            return 1

    runs = [run for run in GATE + (NIGHTLY if options.nightly else ())
        if options.only in f"{run.model} {run.variant}"]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="peal-models-") as scratch:
        for number, run in enumerate(runs):
            folder = os.path.join(os.path.abspath(options.keep or scratch), f"{run.model}-{number}")
            os.makedirs(folder, exist_ok=True)
            is_good, what, states, took = check(run, folder)
            passed, failed = passed + is_good, failed + (not is_good)
            print(f"{'ok' if is_good else 'FAIL':<5}{run.model:<10} {run.variant:<45} "
                f"{way_of(run):<15} {states:>10} states {took:6.1f} s  {what}", flush=True)
            if not options.keep:
                shutil.rmtree(folder)
    print(f"{processor_seconds():.0f} s of processor time")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
