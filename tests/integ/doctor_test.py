#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tools/peal-doctor looks at made-up hosts, each a perfect one with one thing changed, and must find exactly that; then
at this machine, and, as root, at a daemon that runs. Every command that it recommends must at least be one for a shell.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from integ import BUILD, PEAL_LAB, PEALD, ROOT, Lab, expect, outcome  # knows where the next two are
from doctorchecks import CHECKS, Plan
from doctorhost import Host

DOCTOR = os.path.join(ROOT, "tools", "peal-doctor")

CARD, GROUP = "0000:3b:00.0", 17
PCI = f"/sys/bus/pci/devices/{CARD}"
LAN, LAN_PCI = "eno1", "/sys/bus/pci/devices/0000:01:00.0"
CPU = "/sys/devices/system/cpu"
CLOCK = "/sys/devices/system/clocksource/clocksource0"
NODE = "/sys/devices/system/node"
PAGES = "hugepages/hugepages-2048kB"
PMDS = "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"
NONSENSE = ("", "x", "-1", "0x", "3-", "0-,a", "\n\n", "max", "1:2:3\n::", "40:", "99999999999999999999",
            "1 2 3 4 5 6 7 8 9")
UNIX_HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n"

CONFIG = {"cluster": "made-up", "name": "n1", "address": "10.77.0.1:7400", "seeds": "[10.77.0.1:7400]",
          "encryption": "none", "device": CARD, "idle": "dedicated", "lcore": 2, "cores": 2, "mtu": 9000}
PACKET = {"device": "net_af_packet0", "device_args": f"iface={LAN}", "mtu": None}
SHARED = {"idle": "shared", "lcore": None, "cores": None}


class Link(str):
    """Content of a file that is a symbolic link."""


def status(cpus="0-15", effective="000001ffffffffff", uid="0"):
    return f"Name:\tpeal-doctor\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nCapEff:\t{effective}\nCpus_allowed_list:\t{cpus}\n"


def limits(locked="unlimited", files="65536"):
    return ("Limit                     Soft Limit           Hard Limit           Units     \n"
            f"Max open files            {files}                65536                files     \n"
            f"Max locked memory         {locked}            unlimited            bytes     \n")


def pmd(name, kernel, ids):
    said = json.dumps({"name": name, "kmod": kernel, "pci_ids": [[*one, 65535, 65535] for one in ids]})
    return "\x7fELF some code\0PMD_INFO_STRING= " + said + "\0more code"


def pages(count, free):
    return {f"{folder}/{PAGES}/{name}": value for folder, share in (
        ("/sys/kernel/mm", 1), (f"{NODE}/node0", 2), (f"{NODE}/node1", 2)) for name, value in (
            ("nr_hugepages", count // share), ("free_hugepages", free // share))}


def perfect():
    """A server of two sockets with everything as it should be for two spinning cores on a card."""
    files = {
        "/proc/self/status": status(), "/proc/self/limits": limits(), "/proc/self/cgroup": "0::/user.slice\n",
        "/sys/fs/cgroup/user.slice/cpu.max": "max 100000",
        "/proc/cpuinfo": "processor : 0\nvendor_id : GenuineIntel\nflags : fpu tsc constant_tsc nonstop_tsc\n",
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz isolcpus=managed_irq,domain,2-3,10-11 nohz_full=2-3,10-11 "
                         "rcu_nocbs=2-3,10-11 intel_iommu=on iommu=pt",
        "/proc/interrupts": "           CPU0       CPU1\n 40:   7   9   PCI-MSI 1-edge   eno1-rx\n"
                            " 41:   0   0   PCI-MSI 1-edge   never-seen\n",
        "/proc/irq/40/smp_affinity_list": "0-1", "/proc/irq/41/smp_affinity_list": "0-15",
        "/proc/meminfo": "MemTotal: 65536000 kB\nMemAvailable: 32768000 kB\n",
        "/proc/mounts": "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n",
        "/proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                           f"{LAN}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n",
        "/proc/net/fib_trie": "Local:\n           |-- 192.0.2.2\n              /32 host LOCAL\n",
        "/proc/net/if_inet6": "", "/proc/net/unix": UNIX_HEAD,
        "/proc/sys/net/ipv4/neigh/default/gc_thresh3": 4096,
        f"{CPU}/online": "0-15", f"{CPU}/isolated": "2-3,10-11", f"{CPU}/nohz_full": "2-3,10-11",
        f"{NODE}/node0/cpulist": "0-7", f"{NODE}/node1/cpulist": "8-15",
        f"{CLOCK}/current_clocksource": "tsc", f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm",
        f"{PCI}/class": "0x020000", f"{PCI}/vendor": "0x8086", f"{PCI}/device": "0x159b", f"{PCI}/numa_node": 0,
        f"{PCI}/driver": Link("../../drivers/vfio-pci"), f"{PCI}/iommu_group": Link(f"../../iommu_groups/{GROUP}"),
        f"/sys/kernel/iommu_groups/{GROUP}/devices/{CARD}/class": "0x020000",
        f"{LAN_PCI}/class": "0x020000", f"{LAN_PCI}/vendor": "0x8086", f"{LAN_PCI}/device": "0x1521",
        f"{LAN_PCI}/numa_node": 0, f"{LAN_PCI}/driver": Link("../../drivers/igb"), f"{LAN_PCI}/net/{LAN}/mtu": 9000,
        "/sys/bus/pci/devices/0000:00:1f.0/class": "0x060100",
        "/sys/bus/pci/drivers/vfio-pci/new_id": "",
        f"/sys/class/net/{LAN}/mtu": 9000, f"/sys/class/net/{LAN}/flags": "0x1003", f"/sys/class/net/{LAN}/carrier": 1,
        f"{PMDS}/librte_net_ice.so": pmd("net_ice", "* igb_uio | uio_pci_generic | vfio-pci", [(0x8086, 0x159B)]),
        f"{PMDS}/librte_net_e1000.so": pmd("net_e1000_igb", "* igb_uio | vfio-pci", [(0x8086, 0x1521)]),
        f"{PMDS}/librte_net_mlx5.so": pmd("mlx5_eth", "* ib_uverbs & mlx5_core & mlx5_ib", [(0x15B3, 0x101D)]),
        f"{PMDS}/librte_net_af_packet.so": pmd("net_af_packet", "", []),
    }
    files.update(pages(1024, 1024))
    for cpu in range(16):
        files[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "performance"
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = cpu
    return files


def governor(name):
    return {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": name for cpu in range(16)}


def interrupt_on(cpus):
    return {"/proc/irq/40/smp_affinity_list": cpus}


def daemon(pid, cpu):
    """Another peald with a data core, and its main thread on the one CPU that is left to it."""
    return {f"/proc/{pid}/comm": "peald", f"/proc/{pid}/task/{pid}/comm": "peald",
            f"/proc/{pid}/task/{pid}/status": status("2"), f"/proc/{pid}/task/{pid + 1}/comm": "lcore-worker-1",
            f"/proc/{pid}/task/{pid + 1}/status": status(cpu)}


def socket_named(name):
    return {"/proc/net/unix": UNIX_HEAD + f"0000000000000000: 00000002 00000000 00010000 0001 01 31337 {name}\n"}


# Without huge pages, IOMMU and a card for DPDK: 4 CPUs of a battery, and an ordinary user.
LAPTOP = {
    **pages(0, 0), **governor("powersave"), "/proc/cmdline": "quiet splash", f"{CPU}/isolated": "",
    f"{CPU}/nohz_full": None, f"{CPU}/online": "0-3", "/proc/self/status": status("0-3", "0", "1000"),
    "/proc/self/limits": limits(8388608),
    **{path: None for path in perfect() if path.startswith((PCI, "/sys/kernel/iommu", "/sys/bus/pci/drivers/vfio"))},
    f"{NODE}/node0/cpulist": "0-3", f"{NODE}/node1/cpulist": None, f"/sys/class/net/{LAN}/mtu": 1500,
    **{f"{CPU}/cpu{cpu}/topology/thread_siblings_list": f"{cpu % 2},{cpu % 2 + 2}" for cpu in range(4)},
    "/proc/sys/net/ipv4/neigh/default/gc_thresh3": 1024,
}
LAPTOP_USES = {**PACKET, **SHARED}

# name, what differs from the perfect host (None: is not there), from CONFIG, and what must be found: check -> level.
HOSTS = (
    ("bare metal, a card, two spinning cores", {}, {}, {}),
    ("bare metal, af_packet, sleeping", {}, {**PACKET, **SHARED}, {}),
    ("laptop of an ordinary user", LAPTOP, LAPTOP_USES, {
        "permissions": "stops", "limits": "advice", "huge-pages": "advice", "iommu": "advice", "frequency": "advice"}),
    ("laptop, root", {**LAPTOP, "/proc/self/status": status("0-3")}, LAPTOP_USES, {
        "huge-pages": "advice", "iommu": "advice", "frequency": "advice"}),
    ("laptop, spinning", {**LAPTOP, "/proc/self/status": status("0-3")}, {**PACKET, "lcore": None}, {
        "huge-pages": "advice", "iommu": "advice", "frequency": "advice", "isolation": "advice", "siblings": "advice"}),
    ("no huge pages, a card", pages(0, 0), {}, {"huge-pages": "stops"}),
    ("no huge pages, huge: yes", pages(0, 0), {**PACKET, "huge": "yes"}, {"huge-pages": "stops"}),
    ("no huge pages, huge: no", pages(0, 0), {**PACKET, "huge": "no"}, {}),
    ("no huge pages, huge: no, a card", pages(0, 0), {"huge": "no"}, {"huge-pages": "advice"}),
    ("no huge pages, af_packet", pages(0, 0), PACKET, {"huge-pages": "advice"}),
    ("huge pages in use", pages(1024, 16), {}, {"huge-pages": "stops"}),
    ("no memory", {**pages(0, 0), "/proc/meminfo": "MemAvailable: 65536 kB\n"}, PACKET, {
        "huge-pages": "advice", "memory": "stops"}),
    ("card on another node", {f"{PCI}/numa_node": 1}, {}, {"numa": "advice"}),
    ("huge pages on another node", {f"{NODE}/node0/{PAGES}/free_hugepages": 0}, {}, {"numa": "advice"}),
    ("governor powersave", governor("powersave"), {}, {"frequency": "advice"}),
    ("no IOMMU", {path: None for path in perfect() if path.startswith("/sys/kernel/iommu")}, {}, {"iommu": "stops"}),
    ("no vfio-pci", {"/sys/bus/pci/drivers/vfio-pci/new_id": None}, {}, {"iommu": "stops"}),
    ("uio in place of vfio", {f"{PCI}/driver": Link("../../drivers/uio_pci_generic")}, {}, {"iommu": "advice"}),
    ("card at the kernel", {f"{PCI}/driver": Link("../../drivers/ice")}, {}, {"devices": "stops"}),
    ("card shares its group", {
        f"/sys/kernel/iommu_groups/{GROUP}/devices/0000:3b:00.1/class": "",
        "/sys/bus/pci/devices/0000:3b:00.1/class": "0x010000",
        "/sys/bus/pci/devices/0000:3b:00.1/driver": Link("../../drivers/nvme")}, {}, {"devices": "stops"}),
    ("card with the default route", {}, {"device": "0000:01:00.0"}, {"devices": "stops"}),
    ("card that DPDK does not know", {f"{PCI}/device": "0x9999"}, {}, {"devices": "stops"}),
    ("card that is not there", {}, {"device": "0000:5e:00.0"}, {"devices": "stops"}),
    ("mlx5 at the kernel", {f"{PCI}/vendor": "0x15b3", f"{PCI}/device": "0x101d",
                            f"{PCI}/driver": Link("../../drivers/mlx5_core")}, {}, {}),
    ("mlx5 at vfio", {f"{PCI}/vendor": "0x15b3", f"{PCI}/device": "0x101d"}, {}, {"devices": "stops"}),
    ("no such CPU", {f"{CPU}/online": "0-3", "/proc/self/status": status("0-3")}, {"lcore": 3}, {"cpus": "stops"}),
    ("a CPU that may not be used", {"/proc/self/status": status("0-1,4-15")}, {}, {"cpus": "stops"}),
    ("one CPU, spinning", {"/proc/self/status": status("2")}, {"cores": 1}, {"cpus": "stops"}),
    ("one CPU, sleeping", {"/proc/self/status": status("2")}, SHARED, {"cpus": "advice"}),
    ("a quota of time", {"/sys/fs/cgroup/user.slice/cpu.max": "200000 100000"}, {}, {"cpus": "stops"}),
    ("a quota of time, sleeping", {"/sys/fs/cgroup/user.slice/cpu.max": "50000 100000"}, SHARED, {"cpus": "advice"}),
    ("another core on its CPU", daemon(900, "3"), {}, {"cpus": "stops"}),
    ("another core beside it", daemon(900, "4"), {}, {}),
    ("CPUs not isolated", {"/proc/cmdline": "quiet", f"{CPU}/isolated": "", f"{CPU}/nohz_full": ""}, {}, {
        "isolation": "advice"}),
    ("interrupts on its CPU", interrupt_on("0-15"), {}, {"interrupts": "advice"}),
    ("hyper-threads", {f"{CPU}/cpu2/topology/thread_siblings_list": "2,12"}, {}, {"siblings": "advice"}),
    ("cores that are one", {f"{CPU}/cpu{cpu}/topology/thread_siblings_list": "2-3" for cpu in (2, 3)}, {}, {
        "siblings": "advice"}),
    ("clock is hpet", {f"{CLOCK}/current_clocksource": "hpet"}, {}, {"clock": "advice"}),
    ("tsc is not trusted", {f"{CLOCK}/current_clocksource": "hpet", f"{CLOCK}/available_clocksource": "hpet"}, {}, {
        "clock": "stops"}),
    ("tsc is not invariant", {"/proc/cpuinfo": "flags : fpu tsc\n"}, {}, {"clock": "stops"}),
    ("tsc is not invariant, sleeping", {"/proc/cpuinfo": "flags : fpu tsc\n"}, SHARED, {"clock": "advice"}),
    ("an ordinary user, locked memory", {"/proc/self/status": status("0-15", "0", "1000"),
                                         "/proc/self/limits": limits(65536)}, {}, {"limits": "stops"}),
    ("an ordinary user, one right of two", {"/proc/self/status": status("0-15", "2000", "1000")}, PACKET, {
        "permissions": "stops"}),
    ("few open files", {"/proc/self/limits": limits(files=256)}, {}, {"limits": "advice"}),
    ("narrow interface", {f"/sys/class/net/{LAN}/mtu": 1500}, {**PACKET, "mtu": 9000}, {"mtu": "stops"}),
    ("too narrow interface", {f"/sys/class/net/{LAN}/mtu": 1000}, PACKET, {"mtu": "stops"}),
    ("mtu below the interface", {}, {**PACKET, "mtu": 1500}, {"mtu": "advice"}),
    ("no such interface", {}, {**PACKET, "device_args": "iface=eth9"}, {"devices": "stops"}),
    ("interface down", {f"/sys/class/net/{LAN}/flags": "0x1002"}, PACKET, {"devices": "stops"}),
    ("no cable", {f"/sys/class/net/{LAN}/carrier": 0}, PACKET, {"devices": "stops"}),
    ("address of the kernel", {}, {**PACKET, "address": "192.0.2.2:7400"}, {"address": "stops"}),
    ("address of the kernel, IPv6", {"/proc/net/if_inet6": "fd000000000000000000000000000001 02 40 00 80 eno1\n"},
     {**PACKET, "address": '"[fd00::1]:7400"', "seeds": '["[fd00::1]:7400"]'}, {"address": "stops"}),
    ("a daemon on the interface", socket_named(f"@peal/interface {LAN}"), PACKET, {"daemons": "stops"}),
    ("a daemon on the card", socket_named(f"@peal/device {CARD},"), {}, {"daemons": "stops"}),
    ("a daemon of this name", socket_named("/run/dpdk/n1/dpdk_telemetry.v2"), {}, {"daemons": "stops"}),
    ("a daemon of another name", socket_named("/run/dpdk/n11/dpdk_telemetry.v2"), {}, {}),
    ("a small table of neighbours", {"/proc/sys/net/ipv4/neigh/default/gc_thresh3": 1024}, {"members_max": 2000}, {
        "neighbours": "advice"}),
    ("no folder for the socket", {}, {"socket": "/run/peal/n1.sock"}, {"socket": "stops"}),
    ("no driver for the device", {f"{PMDS}/librte_net_af_packet.so": None}, PACKET, {"dpdk": "stops"}),
    ("a configuration with a mistake", {}, {"mtu": 90}, {"config": "stops"}),
)


def build(folder, changes):
    for path, content in {**perfect(), **changes}.items():
        if content is None:
            continue
        os.makedirs(folder + os.path.dirname(path), exist_ok=True)
        if isinstance(content, Link):
            os.symlink(content, folder + path)
        else:
            with open(folder + path, "w", encoding="ascii") as file:
                file.write(str(content))


def snapshot(folder):
    found = {}
    for where, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(where, name)
            found[path] = os.lstat(path).st_mtime_ns
    return found


def write_config(path, changes):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{key}: {value}\n" for key, value in {**CONFIG, **changes}.items() if value is not None)


def run(*arguments, peald=PEALD):
    return subprocess.run([DOCTOR, *arguments], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "PEALD": peald})


def ask(*arguments, **how):
    done = run("--json", *arguments, **how)
    expect(done.returncode in (0, 1), f"ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    expect(answer["ready"] == (done.returncode == 0), "the exit status and the answer differ")
    expect(answer["ready"] == all(one["level"] != "stops" for one in answer["findings"]), "ready, and something stops")
    for one in answer["findings"]:
        expect(one["level"] in ("ready", "advice", "stops") and one["text"], f"a finding without level or text: {one}")
        if one["mend"]:
            shell = subprocess.run(["bash", "-n", "-c", one["mend"]], capture_output=True, text=True, check=False)
            expect(shell.returncode == 0 and "None" not in one["mend"], f"no command: {one['mend']} {shell.stderr}")
        elif one["level"] == "stops":
            expect(one["check"] in ("clock", "cpus", "iommu", "config", "devices"), f"nothing mends {one}")
    return answer


def worst(answer):
    """check -> the worst level it came to, of those that are not ready."""
    rank = {"advice": 1, "stops": 2}
    found = {}
    for one in answer["findings"]:
        if one["level"] in rank and rank[one["level"]] > rank.get(found.get(one["check"]), 0):
            found[one["check"]] = one["level"]
    return found


def made_up_hosts(scratch):
    for number, (name, changes, config, wanted) in enumerate(HOSTS):
        folder, path = f"{scratch}/{number}", f"{scratch}/{number}.yaml"
        build(folder, changes)
        write_config(path, config)
        before = snapshot(folder)
        found = worst(answer := ask("--sysroot", folder, "--config", path))
        expect(found == wanted, f"{name}: wanted {wanted}, found {found}: "
               f"{[one for one in answer['findings'] if one['level'] != 'ready']}")
        expect(answer["ready"] == ("stops" not in wanted.values()), f"{name}: ready is {answer['ready']}")
        expect(snapshot(folder) == before, f"{name}: something was changed")
        print(f"ok - {name}", flush=True)


def odd_hosts(scratch):
    """Kernels and containers that say nothing, or what nobody expects: every check still comes to an end."""
    draw = random.Random(7)
    plans = ({}, {"idle": "dedicated", "device": CARD}, {"device": "", "lcore": 3, "cores": 16},
             {"device": "net_af_packet0", "device_args": f"iface={LAN}", "address": "10.0.0.1:1", "mtu": 9000})
    for number in range(8):
        changes = {path: None for path in perfect() if number == 0 or draw.random() < 0.1}
        if number > 0:
            changes.update({path: draw.choice(NONSENSE) for path in perfect() if draw.random() < 0.15})
        folder = f"{scratch}/odd{number}"
        build(folder, changes)
        for plan in plans:
            host = Host(folder)
            found = [finding for check in CHECKS for finding in check(host, Plan(host, plan))]
            expect(all(finding.text for finding in found), f"odd host {number}: a finding without words")
    print("ok - hosts that say little, or nonsense")


def roles(scratch):
    """Without a configuration: what blocks which."""
    build(f"{scratch}/laptop", {**LAPTOP, "/proc/self/status": status("0")})
    for arguments, wants, is_ready in (((), ["shared"], True), (("--role", "dedicated"), ["dedicated"], False),
                                       (("--device", CARD), ["pci", "shared"], False)):
        answer = ask("--sysroot", f"{scratch}/laptop", *arguments)
        expect(answer["wants"] == wants and answer["ready"] == is_ready, f"{arguments}: {answer['wants']}")
        expect(answer["ready_for"] == {"shared": "pci" not in wants, "dedicated": False, "pci": False},
               f"{arguments}: {answer['ready_for']}")
    text = run("--sysroot", f"{scratch}/laptop", "--role", "dedicated").stdout
    expect(re.search(r"^stops +cpus .*\[blocks dedicated\]\n +\$ taskset -c 0-3 ", text, re.MULTILINE), text)
    expect(re.search(r"^a core that spins .*not ready: cpus <- asked for$", text, re.MULTILINE), text)
    print("ok - what a sleeping core, a spinning one and a card need is told apart")


def same_sentence(scratch):
    path = f"{scratch}/wrong.yaml"
    write_config(path, {"preset": "fast"})
    said = subprocess.run([PEALD, "--check", "--config", path], capture_output=True, text=True, check=False)
    said = said.stderr.strip()
    found = [one["text"] for one in ask("--config", path)["findings"] if one["check"] == "config"]
    expect([f"peald: {text}" for text in found] == [said], f"peald: {said}; the doctor: {found}")
    missing = [one for one in ask("--config", f"{scratch}/none.yaml")["findings"] if one["check"] == "config"]
    expect("cannot be read" in missing[0]["text"], f"{missing}")
    print("ok - what is wrong with a configuration is said as peald says it")


def without_peald(scratch):
    stand_in = f"{scratch}/peald"
    with open(stand_in, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho 'peald: error while loading shared libraries: librte_eal.so.23' >&2\nexit 127\n")
    os.chmod(stand_in, 0o755)
    for peald, word in ((stand_in, "librte_eal.so.23"), (f"{scratch}/nowhere", "No such file")):
        answer = ask("--config", f"{scratch}/0.yaml", peald=peald)
        expect(any(one["check"] == "peald" and one["level"] == "stops" and word in one["text"]
                   for one in answer["findings"]), f"{word} is not said: {answer['findings'][:2]}")
    print("ok - a peald that does not start")


def usage():
    help_text = run("--help")
    expect(help_text.returncode == 0 and "\nexamples:\n" in help_text.stdout, "no help with examples")
    with open(os.path.join(ROOT, "docs", "man", "peal-doctor.1"), encoding="utf-8") as file:
        manual = file.read()
    for option in re.findall(r"(?<=--)[a-z]+", help_text.stdout):
        expect(f"Fl -{option}" in manual, f"the manual does not know --{option}")
    for wrong in (["--role", "lazy"], ["--rolle"], ["n1.yaml"], ["--config"], ["--config", "a", "--role", "shared"],
                  ["--sysroot", "/nowhere"]):
        done = run(*wrong)
        expect(done.returncode == 2 and "see peal-doctor --help" in done.stderr and not done.stdout, f"{wrong}: {done}")
    print("ok - help, manual and wrong usage")


def installed(scratch):
    """Where meson would put it, it finds its modules, and a reader that goes away is no error."""
    plan = json.loads(subprocess.run(["meson", "introspect", "--installed", BUILD], capture_output=True, text=True,
                                     timeout=60, check=True).stdout)
    places = {os.path.basename(path): place for path, place in plan.items() if "doctor" in path and path.endswith(
        (".py", "doctor"))}
    expect(sorted(places) == ["doctorchecks.py", "doctorhost.py", "peal-doctor"], f"{places}")
    for name, place in places.items():
        source = DOCTOR if name == "peal-doctor" else os.path.join(ROOT, "tools", "lib", name)
        copy = scratch + place
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(source, copy)
    done = subprocess.run(["bash", "-c", f"'{scratch}{places['peal-doctor']}' | head -1"], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, "PEALD": PEALD, "PYTHONDONTWRITEBYTECODE": "1"})
    expect(done.stdout.startswith("ready  peald") and not done.stderr, f"{done}")
    print("ok - installed")


def this_machine():
    answer = ask()
    checks = {one["check"] for one in answer["findings"]}
    expect({"peald", "dpdk", "permissions", "cpus", "clock", "huge-pages", "devices"} <= checks, f"only {checks}")
    text = run()
    expect(text.returncode == (0 if answer["ready"] else 1) and "<- asked for" in text.stdout, text.stdout)
    print(f"ok - this machine: {answer['ready_for']}")


def beside_a_daemon(scratch):
    """The names of sockets and threads that other files of the tree and DPDK give, seen on a daemon that runs."""
    with Lab(f"doc{os.getpid()}", 1, "--no-start") as lab:
        path, spinning = os.path.join(lab.state, "n1.yaml"), f"{scratch}/spinning.yaml"
        with open(path, "a", encoding="utf-8") as file:
            file.write("lcore: 0\n")
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"^idle:.*\n", "", file.read(), flags=re.MULTILINE)
        with open(spinning, "w", encoding="utf-8") as file:
            file.write(text + "idle: dedicated\n")

        def inside(*command):
            return subprocess.run([PEAL_LAB, "--lab", lab.name, "exec", "1", "env", f"PEALD={PEALD}", *command],
                                  capture_output=True, text=True, timeout=60, check=False)

        def look(config, *wrapper):
            done = inside(*wrapper, DOCTOR, "--json", "--config", config)
            expect(done.stdout, done.stderr)
            return json.loads(done.stdout)["findings"]

        raw_only = ("setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw")
        expect(any(one["check"] == "permissions" and one["level"] == "stops" for one in look(path, *raw_only)),
               "CAP_NET_RAW alone is said to be enough")
        expect(inside(*raw_only, PEALD, "--config", path).returncode == 1, "CAP_NET_RAW alone is enough for the daemon")

        expect(not any(one["check"] in ("daemons", "address") and one["level"] != "ready" for one in look(path)),
               "in the way before it was started")
        lab.start(1)
        lab.wait_view([1], 1, 30.0)
        daemons = [one["text"] for one in look(path) if one["check"] == "daemons" and one["level"] == "stops"]
        expect(any("interface peal1" in one for one in daemons), f"{daemons}")
        expect(any("named n1" in one for one in daemons), f"{daemons}")
        cpus = [one["text"] for one in look(spinning) if one["check"] == "cpus" and one["level"] == "stops"]
        expect(any("CPU 0 belongs to a data core of the peald" in one for one in cpus), f"{cpus}")
    print("ok - beside a daemon that runs")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        made_up_hosts(scratch)
        odd_hosts(scratch)
        roles(scratch)
        same_sentence(scratch)
        without_peald(scratch)
        usage()
        installed(scratch)
        this_machine()
        if os.geteuid() == 0:
            beside_a_daemon(scratch)
        else:
            print("# no daemon beside it: network namespaces need root")


if __name__ == "__main__":
    sys.exit(outcome(main))
