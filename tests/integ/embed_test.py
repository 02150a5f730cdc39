#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Applications through shared memory: two daemons in namespaces, the example chat at each, and what happens
when one of these four dies, or somebody comes who may not, or says what cannot be."""
import os
import signal
import socket
import subprocess
import sys

from integ import BUILD, Lab, Partner, by_name, example, expect, outcome_as_root, play, socket_of

CHAT = example("chat")
SLOW = os.path.join(BUILD, "tests", "slow_client")
FLOW = os.path.join(BUILD, "tests", "flow_client")
NOBODY = 65534


class Chat(Partner):
    """A chat at a node."""

    def __init__(self, lab, node):
        super().__init__(CHAT, socket_of(lab, node))

    def wait(self, wanted, timeout_s=10.0):
        """The lines up to the one that begins like this."""
        return self.wait_for(lambda line: line.startswith(wanted), wanted, timeout_s)


def stat(lab, node, name):
    return lab.ask(node, "stats")[name]


def descriptors_count(lab, node):
    return len(os.listdir(f"/proc/{lab.pid(node)}/fd"))


def talk(lab):
    first, second = Chat(lab, 1), Chat(lab, 2)
    numbers = {node: lab.view(node)["member"] for node in (1, 2)}
    for chat in (first, second):
        chat.wait(f"* {max(numbers.values())} is here")
    first.say("hello")
    for chat in (first, second):
        chat.wait(f"{numbers[1]}: hello")
    second.say(f"/to {numbers[1]} a word")
    first.wait(f"{numbers[2]} to me: a word")
    first.say("/to 999 nobody")
    first.wait("* not said: not in view")
    expect(first.close() == 0 and second.close() == 0, "a chat did not end well")


def flow(lab):
    """Between two nodes, and between two applications of one."""
    for node, count in ((2, 400), (1, 4000)):
        done = subprocess.run([FLOW, socket_of(lab, 1), socket_of(lab, node), str(count)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=100.0, check=False)
        expect(done.returncode == 0, f"flow to n{node}: {done.stdout.strip()}")
        print(f"# to n{node}: {done.stdout.strip()}")


def slow(lab):
    """Who reads slowly is waited for where it asks for it, and else evicted; who casts goes on."""
    for node, sender in ((2, 1), (1, 1)):
        for word in ("hold", "not"):
            done = subprocess.run([SLOW, socket_of(lab, node), socket_of(lab, sender), "1000", word],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100.0,
                                  check=False)
            expect(done.returncode == 0, f"slow {word} at n{node}: {done.stdout.strip()}")
            print(f"# slow {word} at n{node}: {done.stdout.strip()}")


def is_empty(lab, node):
    stats = lab.ask(node, "stats")
    return stats["clients_attached"] == sum(stats[f"clients_{how}"] for how in ("ended", "violated", "evicted"))


def client_dies(lab):
    lab.wait("those before to be gone", lambda: is_empty(lab, 1), 5.0)
    before = descriptors_count(lab, 1)
    ended = stat(lab, 1, "clients_ended")
    chats = [Chat(lab, 1) for _ in range(8)]
    for chat in chats:
        chat.wait("* view ")
    expect(descriptors_count(lab, 1) > before, "eight clients take no descriptors")
    for chat in chats:
        chat.kill()
    lab.wait("the end of eight dead clients", lambda: stat(lab, 1, "clients_ended") == ended + 8, 5.0)
    lab.wait("their descriptors to be closed", lambda: descriptors_count(lab, 1) <= before, 5.0)


def many_come_and_go(lab):
    before = descriptors_count(lab, 1)
    for _ in range(3):
        chats = [Chat(lab, 1) for _ in range(70)]
        codes = []
        for chat in chats:
            chat.process.stdin.close()
        for chat in chats:
            codes.append(chat.process.wait(timeout=20.0))
        expect(codes.count(0) >= 32, f"too few of seventy were let in: {codes}")
    lab.wait("all to be forgotten", lambda: descriptors_count(lab, 1) <= before, 5.0)


def strangers(lab):
    before = descriptors_count(lab, 1)
    link = None
    for i in range(300):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.settimeout(2.0)
        link.connect(socket_of(lab, 1))
        if i % 3 == 0:
            link.send(os.urandom(44))
            expect(b"no hello" in link.recv(512), "noise was answered otherwise")
        elif i % 3 == 1:
            link.send(b"leap")
        link.close()
    # Who says nothing is sent away.
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.settimeout(5.0)
    link.connect(socket_of(lab, 1))
    expect(link.recv(512) == b"", "who said nothing was told something")
    link.close()
    lab.wait("strangers to be gone", lambda: descriptors_count(lab, 1) <= before, 5.0)
    os.chmod(lab.state, 0o711)
    done = subprocess.run([CHAT, socket_of(lab, 1)], user=NOBODY, group=NOBODY, extra_groups=[],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=10.0, check=False)
    expect(done.returncode == 1 and "not among `users`" in done.stdout,
           f"a user who may not was told: {done.stdout}")


def daemon_dies(lab):
    near, far = Chat(lab, 1), Chat(lab, 2)
    numbers = {node: lab.view(node)["member"] for node in (1, 2)}
    for chat in (near, far):
        chat.wait(f"* {max(numbers.values())} is here")
    senior = min(numbers, key=numbers.get)
    dying, staying = (far, near) if senior == 1 else (near, far)
    lab.kill(3 - senior)
    dying.wait("* closed", 2.0)
    expect(dying.process.wait(timeout=5.0) == 1, "a chat without a daemon ended as if all were well")
    staying.wait(f"* {numbers[3 - senior]} has crashed", 15.0)
    staying.say("alone")
    staying.wait(f"{numbers[senior]}: alone")
    lab.start(3 - senior)
    lab.wait_view([1, 2], 2, 10.0)
    back = Chat(lab, 3 - senior)
    back.wait(f"* {lab.view(3 - senior)['member']} is here")
    back.say("again")
    staying.wait(f"{lab.view(3 - senior)['member']}: again")
    expect(back.close() == 0 and staying.close() == 0, "a chat did not end well")


def daemon_leaves(lab):
    chat, other = Chat(lab, 2), Chat(lab, 1)
    chat.wait("* view ")
    other.wait("* view ")
    number = lab.view(2)["member"]
    os.kill(lab.pid(2), signal.SIGTERM)
    chat.wait("* closed", 15.0)
    other.wait(f"* {number} has left", 15.0)
    expect(other.close() == 0, "a chat did not end well")
    lab.wait("the socket to be gone", lambda: not os.path.exists(socket_of(lab, 2)), 5.0)


def main():
    with Lab(f"emb{os.getpid()}", 2, "--preset", "cloud") as lab:
        lab.wait_view([1, 2], 2, 10.0)
        play(by_name(talk, flow, slow, client_dies, many_come_and_go, strangers, daemon_dies, daemon_leaves), lab)


if __name__ == "__main__":
    sys.exit(outcome_as_root(main))
