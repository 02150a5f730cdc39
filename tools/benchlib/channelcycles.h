/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message over a channel costs two cores together, without a device.
 *
 * Two cores on one thread, joined by rings of packets that are never copied. In a round the first
 * accepts 32 messages, or --burst, and takes a turn, the second takes a turn, delivers them and
 * answers. Counted is the whole round, ports and all, divided by what was accepted in it, which is
 * less when the queue is full; figures are medians over rounds. Everything is warm.
 *
 *     bench_channel [--aead NAME] [--size N] [--burst N] [--rounds N] [--alone]    a line of JSON
 *     bench_channel --lend --size 65536 --burst 1 [--mtu 9000] [--two-passes] ...
 *     bench_channel --callgrind ...                                a fixed number of rounds
 *
 * --alone sends each message in a frame of its own; --burst 1 tells what one message costs that
 * nothing else is done with: half of a round trip, without its link.
 *
 * --echo has the second core answer each message from within its delivery: the round then goes on
 * until both have taken what the other sent, and round_trip_cycles is the part of it that a program
 * waits for, from its message to the delivery of the answer. --idle N lets both cores turn N times
 * in 20 us between two rounds, as cores do that spin: then nothing of the round is as warm as in a
 * row of them, and idle_turn_cycles is what such a turn takes, by half of which a frame waits.
 * --cold N reads N KiB of other memory after each call that sends, as a driver does that goes
 * through the kernel; the time for that is taken off.
 *
 * --lend lends messages, which may be large, and --mtu says how large packets may be; then the
 * figure of interest is the cycles for each byte that was delivered, both ends. --two-passes copies
 * what is lent into the packet and seals it there, as it was before the cipher read it where it
 * lies.
 *
 * Then the same rounds once more with a clock that is read wherever one stage hands over to
 * another, and what reading it costs is taken off again. The stages are
 *
 *     port      packets in, out, lent and given back
 *     frame     headers, checks, replay window, and the turn around all of it
 *     aead      sealing and opening
 *     channel   queue, window, acknowledgements, timers
 *     delivery  the user takes the bytes
 *
 * so their sum is near the total that was taken without a clock, and not the same.
 */
#ifndef PEAL_BENCHLIB_CHANNELCYCLES_H
#define PEAL_BENCHLIB_CHANNELCYCLES_H

/* The whole program. Returns its exit status: 0, 1 with a sentence, 2 for a wrong argument. */
int peal_channelcycles_run(int argc, char **argv);

#endif
