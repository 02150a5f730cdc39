# SPDX-License-Identifier: BSD-3-Clause
"""What a host says about itself in /proc and /sys, for peal-doctor. Reads only, and says None or nothing
where a file is missing: kernels and virtual machines differ in what they have.

All paths go through a root, so that a test can show a made-up host.
"""
import collections
import functools
import glob
import json
import os
import re

CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_SYS_ADMIN": 21}
PMD_FOLDERS = ("/usr/lib/*/dpdk/pmds-*", "/usr/lib64/dpdk/pmds-*", "/usr/local/lib/*/dpdk/pmds-*",
               "/usr/local/lib64/dpdk/pmds-*", "/usr/local/lib/dpdk/pmds-*")
# Between what drivers say of themselves and the list of their devices; see dpdk-pmdinfo.py of DPDK.
PMD_MARK = b"PMD_INFO_STRING= "
NETWORK_CLASS = 0x02
ANY_ID = 0xFFFF

# address: "0000:3b:00.0". driver: of the kernel, or None. interfaces: of the kernel. pmd: driver of
# DPDK that takes it, or None. kernel_drivers: that the PMD works on, any of them.
Card = collections.namedtuple("Card", "address vendor device driver node interfaces group pmd kernel_drivers")


def parse_list(text):
    """{0, 1, 2, 5} of "0-2,5"; a stride as in "0-31:2/4" is not taken for CPUs."""
    cpus = set()
    for part in (text or "").strip().split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match:
            cpus.update(range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1))
    return cpus


def show_list(numbers):
    """ "0-2,5" of {0, 1, 2, 5}."""
    ranges = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


class Host:
    def __init__(self, root=""):
        self.root = root.rstrip("/")

    # Files.

    def path(self, path):
        return self.root + path

    def text(self, path):
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return None

    def word(self, path):
        text = self.text(path)
        return text.strip() if text is not None else None

    def number(self, path):
        word = self.word(path)
        try:
            return int(word, 0) if word else None
        except ValueError:
            return None

    def names(self, path):
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def exists(self, path):
        return os.path.exists(self.path(path))

    def link(self, path):
        """Name of what a link leads to, or None."""
        try:
            return os.path.basename(os.readlink(self.path(path)))
        except OSError:
            return None

    def glob(self, pattern):
        return sorted(path[len(self.root):] for path in glob.glob(glob.escape(self.root) + pattern))

    # This process, and whoever starts peald from the same shell.

    def status(self, key, process="self"):
        match = re.search(rf"^{key}:\s*(.*)$", self.text(f"/proc/{process}/status") or "", re.MULTILINE)
        return match.group(1).strip() if match else None

    def is_root(self):
        return (self.status("Uid") or "1").split()[0] == "0"

    def capabilities(self):
        bits = int(self.status("CapEff") or "0", 16)
        return {name for name, bit in CAPABILITIES.items() if bits >> bit & 1}

    def limit(self, name):
        """Soft limit, None when there is none."""
        match = re.search(rf"^{name}\s+(\S+)", self.text("/proc/self/limits") or "", re.MULTILINE)
        return int(match.group(1)) if match and match.group(1).isdigit() else None

    def quota(self):
        """CPUs that the control group of this process may use, or None."""
        for line in (self.text("/proc/self/cgroup") or "").splitlines():
            number, controllers, group = (line.split(":", 2) + ["", ""])[:3]
            group = group.rstrip("/")
            if number == "0" and not controllers:
                while True:
                    given = re.fullmatch(r"(\d+) ([1-9]\d*)", self.word(f"/sys/fs/cgroup{group}/cpu.max") or "")
                    if given:
                        return int(given.group(1)) / int(given.group(2))
                    if not group:
                        break
                    group = group.rpartition("/")[0]
            elif "cpu" in controllers.split(","):
                quota = self.number(f"/sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us")
                period = self.number(f"/sys/fs/cgroup/cpu{group}/cpu.cfs_period_us")
                if quota and period and quota > 0:
                    return quota / period
        return None

    # Processors.

    def cpus_allowed(self):
        return parse_list(self.status("Cpus_allowed_list")) or self.cpus_online()

    def cpus_online(self):
        return parse_list(self.word("/sys/devices/system/cpu/online"))

    def command_line(self, key):
        """Value of key=value of the kernel's command line; "" for a bare key, None without it."""
        for word in (self.text("/proc/cmdline") or "").split():
            name, _, value = word.partition("=")
            if name == key:
                return value
        return None

    def kept_free(self, key):
        """CPUs of isolcpus, nohz_full or rcu_nocbs. The flags of isolcpus=managed_irq,domain,2-3 are no CPUs."""
        known = {"isolcpus": "isolated", "nohz_full": "nohz_full"}.get(key)
        cpus = parse_list(self.word(f"/sys/devices/system/cpu/{known}")) if known else set()
        return cpus | parse_list(self.command_line(key))

    def cpu_flags(self):
        match = re.search(r"^flags\s*:\s*(.*)$", self.text("/proc/cpuinfo") or "", re.MULTILINE)
        return set(match.group(1).split()) if match else set()

    def is_virtual(self):
        return "hypervisor" in self.cpu_flags()

    def node_of(self, cpu):
        for name in self.names("/sys/devices/system/node"):
            if re.fullmatch(r"node\d+", name) and cpu in parse_list(
                    self.word(f"/sys/devices/system/node/{name}/cpulist")):
                return int(name[4:])
        return 0

    def irqs_on(self, cpus):
        """(number, name, CPUs) of interrupts that may go to one of these, and have been seen at all."""
        found = []
        for line in (self.text("/proc/interrupts") or "").splitlines()[1:]:
            match = re.match(r"\s*(\d+):((?:\s+\d+)+)\s+(.*)", line)
            if not match or not any(int(count) for count in match.group(2).split()):
                continue
            number = match.group(1)
            to = parse_list(self.word(f"/proc/irq/{number}/effective_affinity_list")
                            or self.word(f"/proc/irq/{number}/smp_affinity_list"))
            if to & cpus:
                found.append((int(number), match.group(3).split()[-1], to))
        return found

    # Memory.

    def huge_pages(self):
        """(node or None for all, page size in KiB, reserved, free)."""
        for folder, node in [("/sys/kernel/mm", None)] + [
                (f"/sys/devices/system/node/{name}", int(name[4:]))
                for name in self.names("/sys/devices/system/node") if re.fullmatch(r"node\d+", name)]:
            for name in self.names(f"{folder}/hugepages"):
                match = re.fullmatch(r"hugepages-(\d+)kB", name)
                if match:
                    yield (node, int(match.group(1)), self.number(f"{folder}/hugepages/{name}/nr_hugepages") or 0,
                           self.number(f"{folder}/hugepages/{name}/free_hugepages") or 0)

    def available_mb(self):
        match = re.search(r"^MemAvailable:\s+(\d+)", self.text("/proc/meminfo") or "", re.MULTILINE)
        return int(match.group(1)) // 1024 if match else None

    # Network.

    def interfaces(self):
        return [name for name in self.names("/sys/class/net") if self.exists(f"/sys/class/net/{name}/mtu")]

    def is_up(self, interface):
        return bool((self.number(f"/sys/class/net/{interface}/flags") or 0) & 1)

    def default_interface(self):
        for line in (self.text("/proc/net/route") or "").splitlines()[1:]:
            words = line.split()
            if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000":
                return words[0]
        return None

    def own_addresses(self):
        """IP addresses of the kernel, as it writes them: "10.0.0.1" and 32 hexadecimal digits."""
        trie = self.text("/proc/net/fib_trie") or ""
        found = set(re.findall(r"\|-- ([\d.]+)\n\s+/32 host LOCAL", trie))
        return found | {line.split()[0] for line in (self.text("/proc/net/if_inet6") or "").splitlines() if line}

    def unix_names(self):
        """Names of sockets; an abstract one begins with @."""
        return [line.split(None, 7)[7] for line in (self.text("/proc/net/unix") or "").splitlines()[1:]
                if len(line.split(None, 7)) == 8]

    @functools.cached_property
    def pmds(self):
        """What the drivers of DPDK say of themselves: [{"name", "kmod", "pci_ids"}]."""
        files = {os.path.realpath(self.path(path)) for folder in PMD_FOLDERS
                 for path in self.glob(f"{folder}/librte_net_*.so")}
        found = []
        for path in sorted(files):
            with open(path, "rb") as file:
                parts = file.read().split(PMD_MARK)[1:]
            for part in parts:
                try:
                    found.append(json.loads(part.partition(b"\0")[0]))
                except ValueError:
                    continue
        return found

    def pmd_of(self, vendor, device):
        for pmd in self.pmds:
            if any(ids[0] == vendor and ids[1] in (device, ANY_ID) for ids in pmd.get("pci_ids", ())):
                return pmd["name"], re.findall(r"[\w-]+", pmd.get("kmod", ""))
        return None, []

    @functools.cached_property
    def cards(self):
        found = []
        for address in self.names("/sys/bus/pci/devices"):
            folder = f"/sys/bus/pci/devices/{address}"
            if (self.number(f"{folder}/class") or 0) >> 16 != NETWORK_CLASS:
                continue
            vendor, device = self.number(f"{folder}/vendor") or 0, self.number(f"{folder}/device") or 0
            pmd, kernel_drivers = self.pmd_of(vendor, device)
            # A virtio card has a device of its own between itself and its interface.
            interfaces = self.glob(f"{folder}/net/*") + self.glob(f"{folder}/virtio*/net/*")
            found.append(Card(address, vendor, device, self.link(f"{folder}/driver"),
                              self.number(f"{folder}/numa_node"), [os.path.basename(path) for path in interfaces],
                              self.link(f"{folder}/iommu_group"), pmd, kernel_drivers))
        return found

    def card_of(self, name):
        """The card with this PCI address, with or without its domain, or with this interface."""
        for card in self.cards:
            if name in (card.address, card.address.partition(":")[2]) or name in card.interfaces:
                return card
        return None

    # Other daemons.

    def daemons(self):
        """(pid, CPUs that threads of it have to themselves) of each peald."""
        for pid in self.names("/proc"):
            if pid.isdigit() and self.word(f"/proc/{pid}/comm") == "peald":
                pinned = set()
                for thread in self.names(f"/proc/{pid}/task"):
                    cpus = parse_list(self.status("Cpus_allowed_list", f"{pid}/task/{thread}"))
                    # DPDK calls them lcore-worker-1, and later dpdk-worker1; other threads only avoid those.
                    is_lcore = "worker" in (self.word(f"/proc/{pid}/task/{thread}/comm") or "")
                    pinned |= cpus if is_lcore and len(cpus) == 1 else set()
                yield int(pid), pinned
