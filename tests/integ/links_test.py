#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Groups over other links than one IPv4 segment: IPv6, two segments with a router between them, a VLAN.

The kernel is the other party where it can be: it routes the frames, asks for a node's link address, pings it, and
takes a frame into a socket of its own, which it does only when the UDP checksum over IPv6 is right."""
import os
import subprocess
import sys

from integ import Lab, LabError, expect, outcome_as_root

# Runs inside the router's namespace: waits for one frame on a socket of the kernel.
LISTEN = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 7400))
s.settimeout(60)
print("ready", flush=True)
print(s.recv(2048)[:2].hex())
"""

# The same: echo requests to argv[1] until one is answered. The kernel finds the link address first.
PING = """
import socket, struct, sys
ipv6 = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_RAW,
                  socket.IPPROTO_ICMPV6 if ipv6 else socket.IPPROTO_ICMP)
s.settimeout(2)
body = struct.pack("!BBHHH", 128 if ipv6 else 8, 0, 0, 77, 1) + b"peal" * 25
if not ipv6:
    total = sum(struct.unpack("!%dH" % (len(body) // 2), body))
    total = (total >> 16) + (total & 0xffff)
    total += total >> 16
    body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
for _ in range(30):
    s.sendto(body, (sys.argv[1], 0))
    try:
        reply = s.recv(2048)
        while (reply if ipv6 else reply[20:])[4:] != body[4:] or reply[0 if ipv6 else 20] != (129 if ipv6 else 0):
            reply = s.recv(2048)
    except TimeoutError:
        continue
    print("answered")
    break
"""


def stats(lab, node):
    return lab.insist(node, "stats")


def in_router(lab, code, *arguments):
    return subprocess.Popen(["ip", "netns", "exec", f"{lab.name}-rt", sys.executable, "-c", code, *arguments],
                            stdout=subprocess.PIPE, text=True)


def ping(lab, address):
    child = in_router(lab, PING, address)
    said = child.communicate(timeout=90)[0]
    expect(child.returncode == 0 and "answered" in said, f"the router's kernel cannot ping {address}")


def one_segment_ipv6(lab):
    lab.wait_view([1, 2], 2)
    address = lab.insist(1, "members", 0)["0"]["address"]
    expect(address.startswith("[fd00:77::") and address.endswith("]:7400"), f"an address reads {address}")
    lab.kill(2)
    lab.start(2)
    lab.wait_view([1, 2], 2)


def add_seed(lab, node, seed):
    path = f"{lab.state}/n{node}.yaml"
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("seeds: [", f'seeds: ["{seed}", '))


def two_segments(lab, router, seed, far):
    """Nodes 1 and 3 on one segment, 2 on the other, router between; started one by one."""
    add_seed(lab, 1, seed)
    listener = in_router(lab, LISTEN, router)
    expect(listener.stdout.readline() == "ready\n", "the router's kernel has no socket for us")
    lab.run("start", "1", "2", "3")
    expect(listener.communicate(timeout=90)[0].strip() == "504c",
           "a frame does not reach a socket of the router's kernel: is its checksum wrong?")
    lab.wait_view([1, 2, 3], 3)
    ping(lab, far)
    # All that node 1 and 2 say to each other went through the router: neither knows the other's link address.
    macs = {entry["address"]: entry["mac"] for entry in
            (value for value in lab.insist(1, "members", 0).values() if isinstance(value, dict))}
    expect(len(macs) == 3, f"members: {macs}")
    lab.kill(2)
    lab.wait_view([1, 3], 2)
    lab.start(2)
    lab.wait_view([1, 2, 3], 3)
    expect(stats(lab, 1).get("rx_bad_ip", 0) == 0, "packets of the router are refused as damaged")


def tagged(lab):
    """Two nodes on VLAN 100; a third is moved to VLAN 200 and finds nobody."""
    path = f"{lab.state}/n3.yaml"
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("vlan: 100", "vlan: 200").replace("expect: 3", "expect: 2"))
    lab.run("start", "1", "2", "3")
    lab.wait_view([1, 2], 2)
    lab.wait("node 1 to see a frame of the other VLAN",
             lambda: stats(lab, 1).get("rx_wrong_vlan", 0) > 0, 60.0)
    lab.wait("node 3 to see a frame of the other VLAN",
             lambda: stats(lab, 3).get("rx_wrong_vlan", 0) > 0, 60.0)
    lab.wait_view([1, 2], 2)
    expect(lab.own_view(3)["members"] == 0, "a node of another VLAN got in")


def shared_memory(lab):
    """Two daemons whose frames pass no kernel: messages, a member that is killed and comes back, and no faults of a
    bridge."""
    lab.start(1)
    lab.wait_view([1], 1)  # the senior of two: who goes on without the other
    lab.start(2)
    lab.wait_view([1, 2], 2)
    number = lab.own_view(2)["member"]
    lab.run("ctl", "1", "load", str(number), "--count", "2000", "--interval", "100")
    lab.kill(2)
    lab.wait_view([1], 1)
    lab.start(2)
    lab.wait_view([1, 2], 2)
    try:
        lab.run("cut", "1", "2")
    except LabError as error:
        expect("pass no bridge" in str(error), str(error))
    else:
        raise LabError("a link without a bridge was cut at the bridge")


def run(name, story, count, *options):
    with Lab(f"{name}{os.getpid()}", count, *options) as lab:
        story(lab)
    print(f"ok - {' '.join(options)}", flush=True)


def main():
    if not os.path.exists("/proc/sys/net/ipv6"):
        print("SKIP: this kernel has no IPv6")
        return 77
    run("six", one_segment_ipv6, 2, "--ipv6")
    run("rt4", lambda lab: two_segments(lab, "10.77.0.254", "10.77.0.254:7400", "10.77.1.2"), 3,
        "--routed", "--no-start", "--expect", "2")
    run("rt6", lambda lab: two_segments(lab, "fd00:77::fe", "[fd00:77::fe]:7400", "fd00:77:0:1::2"), 3,
        "--ipv6", "--routed", "--no-start", "--expect", "2")
    run("tag", tagged, 3, "--vlan", "100", "--no-start")
    for link in ("memif", "vhost"):
        run(link, shared_memory, 2, "--link", link, "--no-start", "--expect", "1")


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
