# SPDX-License-Identifier: BSD-3-Clause
"""The checks of peal-doctor: one function each, in CHECKS, in the order in which they are printed.

A check yields findings. What a finding blocks is named: a core that sleeps when idle ("shared"), one
that spins ("dedicated"), a card that DPDK drives itself ("pci"). Whether that stops this node is
decided by what it wants, not by the check.
"""
import collections
import ipaddress
import os
import re
import shlex

from doctorhost import parse_list, show_list

SHARED, DEDICATED, PCI = "shared", "dedicated", "pci"
ROLES = (SHARED, DEDICATED)
EVERYTHING = (SHARED, DEDICATED, PCI)

# blocks: what cannot run with this; empty and not is_advice: all is well. mend: a command, or None.
Finding = collections.namedtuple("Finding", "check blocks is_advice text mend")

# What a node asks of the host: what peald --check --json prints, or as much as is known.
DEFAULTS = {"name": None, "address": None, "device": None, "device_args": "", "idle": SHARED, "lcore": -1, "cores": 1,
            "mtu": 0, "memory_mb": 64, "huge": "auto", "members_max": 1024, "socket": ""}
MTU_MIN, MTU_MAX = 1280, 9000
FILES_MIN = 1024  # 64 applications at some files each, and DPDK
GRUB = "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&{} /' /etc/default/grub && update-grub && reboot"


class Plan:
    """A node as it would run here: the fields of DEFAULTS, and what follows from them."""

    def __init__(self, host, demands, config_path=None, peald="peald", capabilities=()):
        self.__dict__.update(DEFAULTS, **demands)
        # As they stand in a command.
        self.file = shlex.quote(config_path or "FILE")
        self.peald = shlex.quote(peald)
        # What its file gives to whoever starts it, beside what they have.
        self.capabilities = host.capabilities() | set(capabilities)
        match = re.search(r"(?:^|,)iface=([^,]+)", self.device_args)
        self.interface = match.group(1) if match else None
        self.is_pci = bool(re.fullmatch(r"(?:[0-9a-fA-F]+:)?[0-9a-fA-F]+:[0-9a-fA-F]+\.[0-9a-fA-F]+",
                                        self.device or ""))
        # A device that is not named is taken for the one that every host has.
        self.is_packet = self.device is None or self.device.startswith("net_af_packet")
        self.card = host.card_of(self.device if self.is_pci else self.interface or "") if self.device else None
        self.wants = {self.idle} | ({PCI} if self.is_pci else set())
        allowed = sorted(host.cpus_allowed())
        self.asked = set()  # CPUs of its data cores; none: the kernel chooses
        if self.lcore >= 0:
            self.asked = set(range(self.lcore, self.lcore + self.cores))
        elif self.idle == DEDICATED:
            self.asked = set(allowed[-self.cores:])  # the same choice as peald's
        self.cpus = self.asked & set(allowed)
        self.spinning = self.cpus if self.idle == DEDICATED else set()

    def drives_itself(self):
        """True when the driver of DPDK works beside that of the kernel, as those of mlx5 do."""
        return self.card is not None and bool(self.card.kernel_drivers) and not takes_over(self.card)


def takes_over(card):
    return "vfio-pci" in card.kernel_drivers


def well(check, text):
    return Finding(check, (), False, text, None)


def advice(check, text, mend=None):
    return Finding(check, (), True, text, mend)


def stops(check, blocks, text, mend=None):
    return Finding(check, blocks, False, text, mend)


def set_key(plan, key, value):
    """The command that gives a key of the configuration this value, whether it stands there or not."""
    return f"sed -i '/^{key}:/d' {plan.file} && echo '{key}: {value}' >> {plan.file}"


def check_cpus(host, plan):
    allowed, online = host.cpus_allowed(), host.cpus_online()
    if not allowed:
        yield advice("cpus", "which CPUs may be used is not known: neither /proc nor /sys says so")
        return
    missing = plan.asked - allowed
    if missing - online:
        yield stops("cpus", ROLES, f"lcore: there is no CPU {show_list(missing - online)} here; online are "
                    f"{show_list(online)}", set_key(plan, "lcore", max(0, max(allowed) - plan.cores + 1)))
    elif missing:
        yield stops("cpus", ROLES, f"lcore: this process may not use CPU {show_list(missing)}, only "
                    f"{show_list(allowed)}", f"taskset -c {show_list(allowed | missing)} peald --config "
                    f"{plan.file}")
    if len(allowed) <= plan.cores:
        yield stops("cpus", (DEDICATED,), f"{len(allowed)} CPUs for {plan.cores} spinning cores and everything else: "
                    "the control thread and the kernel would wait for a core that never sleeps",
                    f"taskset -c {show_list(online)} peald --config {plan.file}"
                    if len(online) > plan.cores else None)
    quota = host.quota()
    if quota is not None and quota < plan.cores + 1:
        yield stops("cpus", (DEDICATED,), f"the control group gives {quota:.1f} CPUs of time; cores that spin use it "
                    "up and are then held for tens of milliseconds, which others take for a crash",
                    "systemctl set-property peald.service CPUQuota=")
    for pid, pinned in host.daemons():
        both = pinned & plan.cpus
        if both:
            yield stops("cpus", (DEDICATED,), f"CPU {show_list(both)} belongs to a data core of the peald with pid "
                        f"{pid}; two cores on one CPU halve each other and look dead",
                        set_key(plan, "lcore", free[-1]) if (free := sorted(allowed - pinned)) else f"kill {pid}")
    if not missing and len(allowed) > plan.cores:
        yield well("cpus", f"{len(allowed)} of {len(online)} CPUs may be used" + (
            f", data cores on {show_list(plan.cpus)}" if plan.cpus else ""))


def check_isolation(host, plan):
    cpus = plan.spinning
    if not cpus:
        isolated = host.kept_free("isolcpus")
        rest = "; a core that sleeps when idle needs none" if plan.idle == SHARED else ""
        yield well("isolation", f"isolated CPUs: {show_list(isolated) or 'none'}{rest}")
        return
    words = []
    for key in ("isolcpus", "nohz_full", "rcu_nocbs"):
        kept = host.kept_free(key) | (host.kept_free("nohz_full") if key == "rcu_nocbs" else set())
        if cpus - kept:
            words.append(key)
    if words:
        wanted = show_list(cpus)
        yield advice("isolation", f"the kernel keeps CPU {wanted} not free ({', '.join(words)}): other threads and "
                     "ticks interrupt a spinning core for milliseconds",
                     GRUB.format(" ".join(f"{word}={wanted}" for word in words)))
    else:
        yield well("isolation", f"CPU {show_list(cpus)} is kept free of threads, ticks and callbacks")


def check_interrupts(host, plan):
    cpus = plan.spinning
    found = host.irqs_on(cpus)
    others = host.cpus_online() - cpus
    if found and others:
        listed = ", ".join(f"{number} ({name})" for number, name, _ in found[:4])
        rest = f" and {len(found) - 4} more" if len(found) > 4 else ""
        numbers = " ".join(str(number) for number, _, _ in found)
        yield advice("interrupts", f"interrupts may go to CPU {show_list(cpus)}: {listed}{rest}",
                     f"systemctl stop irqbalance; for irq in {numbers}; do echo {show_list(others)} > "
                     "/proc/irq/$irq/smp_affinity_list; done")
    elif cpus:
        yield well("interrupts", f"no interrupt of a device goes to CPU {show_list(cpus)}")


def check_frequency(host, plan):
    governors = collections.defaultdict(set)
    for cpu in plan.spinning or host.cpus_allowed():
        governors[host.word(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor")].add(cpu)
    slow = {name: cpus for name, cpus in governors.items() if name not in (None, "performance")}
    for name, cpus in sorted(slow.items()):
        yield advice("frequency", f"CPU {show_list(cpus)} has the governor {name}: its first turns after a sleep are "
                     "slow ones", f"cpupower --cpu {show_list(cpus)} frequency-set --governor performance")
    if not slow:
        yield well("frequency", "the governor is performance" if "performance" in governors else
                   "the kernel does not set the frequency here")
    turbo = host.word("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = host.word("/sys/devices/system/cpu/cpufreq/boost")
    if turbo == "0" or boost == "1":
        yield well("frequency", "turbo is on: fastest, and less even; switch it off for measurements only")


def check_siblings(host, plan):
    siblings = set()
    for cpu in plan.spinning:
        siblings |= parse_list(host.word(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")) - {cpu}
    busy = (siblings - plan.spinning) & host.cpus_online()
    double = siblings & plan.spinning
    if double:
        yield advice("siblings", f"data cores {show_list(double)} are hardware threads of one core and halve each "
                     "other; choose an lcore from where on each CPU has another core", "lscpu --extended=CPU,CORE")
    if busy:
        yield advice("siblings", f"CPU {show_list(busy)} shares a core with a data core: what runs there slows it",
                     "; ".join(f"echo 0 > /sys/devices/system/cpu/cpu{cpu}/online" for cpu in sorted(busy)))
    if not siblings:
        yield well("siblings", "no data core shares its core with another hardware thread")


def check_clock(host, plan):
    source = host.word("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    available = (host.word("/sys/devices/system/clocksource/clocksource0/available_clocksource") or "").split()
    missing = {"constant_tsc", "nonstop_tsc"} - host.cpu_flags()
    if not host.cpu_flags():
        yield advice("clock", "the flags of the processor are not known")
    elif "constant_tsc" in missing or (missing and not host.is_virtual()):
        yield stops("clock", (DEDICATED,), f"the time stamp counter is not invariant ({', '.join(sorted(missing))} "
                    "missing): Peal reads the time from it, and probes come early or late", None)
    elif source != "tsc" and "tsc" in available:
        yield advice("clock", f"the kernel's clock is {source}, although tsc is there",
                     "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource")
    elif source != "tsc" and not host.is_virtual():
        yield stops("clock", (DEDICATED,), f"the kernel's clock is {source}: it does not trust tsc, which Peal reads",
                    "journalctl -k --grep tsc")
    elif source != "tsc":
        yield advice("clock", f"the kernel's clock is {source}, of the hypervisor: Peal follows it, with steps of up "
                     "to 500 ppm")
    else:
        yield well("clock", "tsc, at a constant rate")


def check_memory(host, plan):
    pages = list(host.huge_pages())
    whole = [entry for entry in pages if entry[0] is None]
    free_mb = sum(size * free for _, size, _, free in whole) // 1024
    reserved_mb = sum(size * reserved for _, size, reserved, _ in whole) // 1024
    nodes = ", ".join(f"node {node}: {sum(e[1] * e[3] for e in pages if e[0] == node) // 1024} of "
                      f"{sum(e[1] * e[2] for e in pages if e[0] == node) // 1024} MiB free"
                      for node in sorted({entry[0] for entry in pages} - {None}))
    count = (plan.memory_mb - free_mb + reserved_mb + 1) // 2
    mend = f"sysctl -w vm.nr_hugepages={count}"
    if plan.huge == "no" and plan.is_pci:
        yield advice("huge-pages", "huge is no, and nobody has tried that with a card", set_key(plan, "huge", "auto"))
    elif plan.huge == "no":
        yield well("huge-pages", "huge is no, so none are needed")
    elif free_mb >= plan.memory_mb:
        yield well("huge-pages", f"{free_mb} of {reserved_mb} MiB free ({nodes})")
    elif plan.huge == "yes":
        yield stops("huge-pages", EVERYTHING, f"{free_mb} of {reserved_mb} MiB of huge pages are free, memory_mb asks "
                    f"for {plan.memory_mb} and huge is yes", mend)
    else:
        yield stops("huge-pages", (PCI,), f"{free_mb} of {reserved_mb} MiB of huge pages are free and "
                    f"{plan.memory_mb} are wanted: a virtual device goes on in small pages, slower; a "
                    "card is driven from huge ones", mend)
    mounts = re.findall(r"^\S+ (\S+) hugetlbfs ", host.text("/proc/mounts") or "", re.MULTILINE)
    if whole:
        yield well("huge-pages", f"mounted at {', '.join(mounts)}" if mounts else
                   "no hugetlbfs is mounted, and peald needs none")
    available_mb = host.available_mb()
    if free_mb < plan.memory_mb and available_mb is not None and available_mb < 2 * plan.memory_mb:
        yield stops("memory", EVERYTHING, f"{available_mb} MiB of memory are available and memory_mb asks for "
                    f"{plan.memory_mb}", "ps aux --sort -rss | head")


def check_iommu(host, plan):
    groups = host.names("/sys/kernel/iommu_groups")
    if plan.drives_itself():
        yield well("iommu", f"{plan.card.pmd} works beside the kernel's driver, without vfio")
        return
    if plan.card is not None and plan.is_pci and plan.card.driver in ("uio_pci_generic", "igb_uio"):
        yield advice("iommu", f"{plan.card.driver} lets the card write anywhere in memory, vfio-pci does not",
                     f"modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci {plan.card.address}")
        return
    if not groups:
        vendor = "amd_iommu=on" if "AuthenticAMD" in (host.text("/proc/cpuinfo") or "") else "intel_iommu=on"
        given = host.command_line("intel_iommu") or host.command_line("amd_iommu")
        where = "the kernel was asked for it, so the firmware has it off (VT-d, AMD-Vi) or there is none" \
            if given else "switch it on in the firmware (VT-d, AMD-Vi) too"
        yield stops("iommu", (PCI,), f"there is no IOMMU group, and vfio-pci needs one; {where}",
                    None if given else GRUB.format(f"{vendor} iommu=pt"))
    else:
        yield well("iommu", f"{len(groups)} groups")
    if host.exists("/sys/bus/pci/drivers/vfio-pci"):
        yield well("iommu", "the driver vfio-pci is loaded")
    else:
        yield stops("iommu", (PCI,), "the driver vfio-pci is not loaded",
                    "modprobe vfio-pci && echo vfio-pci > /etc/modules-load.d/vfio-pci.conf")


def bind_command(card, driver):
    down = "".join(f"ip link set {name} down && " for name in card.interfaces)
    return f"{down}modprobe {driver} && dpdk-devbind.py --bind={driver} {card.address}"


def companions(host, card):
    """Devices of its IOMMU group that the kernel still drives; bridges are no harm."""
    found = []
    for address in host.names(f"/sys/kernel/iommu_groups/{card.group}/devices") if card.group else []:
        kind = (host.number(f"/sys/bus/pci/devices/{address}/class") or 0) >> 16
        driver = host.link(f"/sys/bus/pci/devices/{address}/driver")
        if address != card.address and kind != 0x06 and driver not in (None, "vfio-pci"):
            found.append((address, driver))
    return found


def check_card(host, card, is_wanted):
    """Whether DPDK can have a card. One that nobody asked for is described and not objected to."""
    what = f"{card.address} ({card.vendor:04x}:{card.device:04x}" + (
        f", {' '.join(card.interfaces)}" if card.interfaces else "") + ")"
    object_to = stops if is_wanted else lambda check, blocks, text, mend=None: well(
        check, text + (f"; to change it: {mend}" if mend else ""))
    if card.pmd is None:
        rest = "; net_af_packet works on its interface" if card.interfaces else ""
        yield object_to("devices", (PCI,), f"{what}: this DPDK has no driver for it{rest}")
    elif not takes_over(card) and card.kernel_drivers:
        if card.driver in card.kernel_drivers:
            yield well("devices", f"{what}: {card.pmd} beside the kernel's {card.driver}, as it should be")
        else:
            right = next((name for name in card.kernel_drivers if name.endswith("_core")), card.kernel_drivers[0])
            yield object_to("devices", (PCI,), f"{what}: {card.pmd} works beside {right} and the card has "
                            f"{card.driver or 'no driver'}", f"modprobe {right} && dpdk-devbind.py --bind={right} "
                            f"{card.address}")
    elif card.driver in card.kernel_drivers:
        yield well("devices", f"{what}: {card.pmd} on {card.driver}, as it should be")
        for address, driver in companions(host, card):
            yield object_to("devices", (PCI,), f"{address} is in the IOMMU group of {card.address} and the kernel "
                            f"drives it ({driver}); the group is given away as a whole",
                            f"dpdk-devbind.py --bind=vfio-pci {address}")
    elif host.default_interface() in card.interfaces:
        yield object_to("devices", (PCI,), f"{what}: carries this host's default route, so leave it to the kernel "
                        f"({card.driver}); net_af_packet or net_af_xdp work on it, or take another card")
    else:
        yield object_to("devices", (PCI,), f"{what}: the kernel's {card.driver or 'no driver'}; {card.pmd} needs "
                        "vfio-pci. Or, as it is: net_af_packet, net_af_xdp", bind_command(card, "vfio-pci"))


def check_devices(host, plan):
    if plan.is_pci and plan.card is None:
        yield stops("devices", ROLES, f"device: there is no network card {plan.device} here",
                    "lspci -D | grep -i -E 'ethernet|network'")
    for card in host.cards:
        yield from check_card(host, card, plan.is_pci and card == plan.card)
    if not host.cards:
        yield well("devices", "there is no network card on a PCI bus; net_af_packet works on any interface")
    if plan.interface is None or plan.is_pci:
        return
    if plan.interface not in host.interfaces():
        yield stops("devices", ROLES, f"device_args: there is no interface {plan.interface}; there are "
                    f"{', '.join(host.interfaces())}", "ip -brief link")
        return
    if not host.is_up(plan.interface):
        yield stops("devices", ROLES, f"interface {plan.interface} is down", f"ip link set {plan.interface} up")
    elif host.word(f"/sys/class/net/{plan.interface}/carrier") == "0":
        yield stops("devices", ROLES, f"interface {plan.interface} has no carrier: no cable, or the other end is down",
                    f"ethtool {plan.interface}")
    else:
        yield well("devices", f"interface {plan.interface} is up")


def check_numa(host, plan):
    cards = [plan.card] if plan.card else []
    pages = {node: size * free // 1024 for node, size, _, free in host.huge_pages() if node is not None and free}
    for card in cards:
        if card.node is None or card.node < 0:
            yield well("numa", f"{card.address} is as near to all CPUs")
            continue
        far = {cpu for cpu in plan.cpus if host.node_of(cpu) != card.node}
        near = parse_list(host.word(f"/sys/devices/system/node/node{card.node}/cpulist")) & host.cpus_allowed()
        if far and near:
            best = sorted(near)[-min(plan.cores, len(near))]
            yield advice("numa", f"{card.address} is on node {card.node} and CPU {show_list(far)} is not: every frame "
                         "crosses between sockets", set_key(plan, "lcore", best))
        elif plan.cpus and not far:
            yield well("numa", f"{card.address} and CPU {show_list(plan.cpus)} are on node {card.node}")
        if pages and plan.huge != "no" and card.node not in pages:
            yield advice("numa", f"{card.address} is on node {card.node}, and the free huge pages are on node "
                         f"{show_list(pages)}", f"echo {(plan.memory_mb + 1) // 2} > /sys/devices/system/node/"
                         f"node{card.node}/hugepages/hugepages-2048kB/nr_hugepages")


def check_mtu(host, plan):
    if plan.is_pci or plan.interface is None:
        if plan.is_pci and plan.mtu > 1500:
            yield well("mtu", f"mtu: {plan.mtu}; what the card can is seen at the start, what the switches let "
                       "through is found by each node")
        return
    mtu = host.number(f"/sys/class/net/{plan.interface}/mtu")
    if mtu is None:
        return
    mend = f"ip link set {plan.interface} mtu {plan.mtu or 1500}"
    if mtu < max(plan.mtu, MTU_MIN):
        yield stops("mtu", ROLES, f"interface {plan.interface} carries packets of {mtu} bytes and " + (
            f"mtu asks for {plan.mtu}" if plan.mtu else f"Peal needs {MTU_MIN}"), mend)
    elif plan.mtu and plan.mtu < min(mtu, MTU_MAX):
        yield advice("mtu", f"interface {plan.interface} carries {mtu} bytes and mtu asks for {plan.mtu} only",
                     set_key(plan, "mtu", min(mtu, MTU_MAX)))
    else:
        yield well("mtu", f"interface {plan.interface} carries packets of {mtu} bytes")


def kernel_form(address):
    """An address as the kernel's tables have it."""
    return str(address) if address.version == 4 else address.exploded.replace(":", "")


def check_address(host, plan):
    if not plan.address:
        return
    text = plan.address.rpartition(":")[0].strip("[]")
    if kernel_form(ipaddress.ip_address(text)) not in host.own_addresses():
        yield well("address", f"{plan.address} is not the kernel's, so it and its ports are Peal's")
        return
    yield stops("address", ROLES, f"address: the kernel has {text} as well, and both would answer for it",
                f"ip address flush to {text}" + (f" dev {plan.interface}" if plan.interface else ""))


def check_daemons(host, plan):
    names = host.unix_names()
    # The names that runtime/portlock.c and the telemetry of DPDK give their sockets.
    claim = f"@peal/interface {plan.interface}" if plan.interface else \
        f"@peal/device {plan.device or '':.40},{plan.device_args:.30}"
    found = False
    if plan.device and claim in names:
        found = True
        yield stops("daemons", EVERYTHING, f"the {claim[6:].rstrip(',')} is used by another Peal process here; stop "
                    "that one, or give this node a device of its own", "ss -xlp | grep @peal/")
    if plan.name and any(name.endswith(f"/dpdk/{plan.name}/dpdk_telemetry.v2") for name in names):
        found = True
        yield stops("daemons", EVERYTHING, f"name: a process named {plan.name} runs already; stop it or take "
                    "another name", f"pealctl -n {plan.name} leave")
    running = [pid for pid, _ in host.daemons()]
    if not found:
        yield well("daemons", f"{len(running)} other peald on this host, none of them in the way")


def check_drivers(host, plan):
    names = {pmd["name"] for pmd in host.pmds}
    wanted = re.sub(r"\d+$", "", plan.device or "net_af_packet0")
    if not names:
        yield advice("dpdk", "no drivers of DPDK lie where its packages put them; one that was linked in has its own",
                     "sudo apt-get install dpdk")
    elif wanted.startswith("net_") and wanted not in names:
        yield stops("dpdk", ROLES, f"device: this DPDK has no driver {wanted}", "sudo apt-get install dpdk")
    else:
        yield well("dpdk", f"{len(names)} drivers of network devices")


def check_permissions(host, plan):
    if plan.is_packet:
        # The second for what DPDK does at every start: it sets the address of the interface.
        needs = ("CAP_NET_RAW", "CAP_NET_ADMIN")
    elif plan.device.startswith("net_tap"):
        needs = ("CAP_NET_ADMIN",)
    elif plan.device.startswith("net_af_xdp"):
        needs = ("CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_SYS_ADMIN")
    else:
        needs = ()
    missing = [name for name in needs if name not in plan.capabilities]
    if missing:
        letters = ",".join(name.lower() for name in needs)
        yield stops("permissions", ROLES, f"{plan.device or 'net_af_packet0'} needs {', '.join(missing)}, which this "
                    "user has not", f"sudo setcap {letters}+ep {plan.peald}")
    else:
        yield well("permissions", "root" if host.is_root() else "what the device needs is there")
    if plan.is_pci and not plan.drives_itself() and not host.is_root() and plan.card and plan.card.group:
        door = f"/dev/vfio/{plan.card.group}"
        if host.exists(door) and not os.access(host.path(door), os.R_OK | os.W_OK):
            yield stops("permissions", (PCI,), f"this user may not open {door}", f"sudo chown $USER {door}")


def check_limits(host, plan):
    locked = host.limit("Max locked memory")
    files = host.limit("Max open files")
    asks = plan.is_pci or (plan.device or "").startswith("net_af_xdp")
    is_free = host.is_root() or "CAP_IPC_LOCK" in plan.capabilities
    if locked is not None and not is_free and locked < plan.memory_mb << 20:
        text = f"{locked >> 10} KiB may be locked in memory, and a card of DPDK wants {plan.memory_mb} MiB of it"
        mend = "sudo prlimit --memlock=unlimited --pid $$"
        yield stops("limits", ROLES + (PCI,) if asks else (PCI,), text, mend)
    else:
        yield well("limits", "locked memory is no limit here")
    if files is not None and files < FILES_MIN:
        yield advice("limits", f"{files} open files; 64 applications need some hundreds", f"ulimit -n {FILES_MIN}")


def check_neighbours(host, plan):
    limit = host.number("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
    if limit is None or limit >= plan.members_max:
        yield well("neighbours", "Peal has a table of its own; the kernel's is large enough for the same members")
    else:
        yield advice("neighbours", f"the kernel's table ends at {limit} neighbours and members_max is "
                     f"{plan.members_max}: Peal has its own, but programs of the kernel that talk to all "
                     "members meet it",
                     "sysctl -w " + " ".join(f"net.ipv{version}.neigh.default.gc_thresh{i}={plan.members_max * times}"
                                             for version in (4, 6) for i, times in ((1, 1), (2, 2), (3, 4))))


def check_socket(host, plan):
    if not plan.socket:
        return
    folder = os.path.dirname(plan.socket) or "."
    if not host.exists(folder):
        yield stops("socket", EVERYTHING, f"socket: there is no folder {folder}", f"mkdir -p {shlex.quote(folder)}")
    else:
        yield well("socket", f"{folder} is there")


CHECKS = (
    check_drivers, check_permissions, check_limits, check_cpus, check_isolation, check_interrupts, check_frequency,
    check_siblings, check_clock, check_memory, check_iommu, check_devices, check_numa, check_mtu, check_address,
    check_daemons, check_neighbours, check_socket)
