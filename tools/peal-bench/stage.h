/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all measurements of two sides set up alike, so that they stand on the same ground: namespace
 * and devices, the processes, the arguments of DPDK, the length of the warm-up, and the clocks of
 * the threads of the two loops. Main thread, but for enter.
 *
 * On links that join processes, prepare makes the second one. It plays the answering side to its
 * end and leaves; the first one plays the asking side, tells the other when to stop, and is who
 * delivers the figures. They meet at points, in the order of the enum, and share memory that was
 * made before. A process that ends early, or a point that is not reached in time, is an error at
 * the other one; nothing waits for ever, and nothing stays when either is killed.
 */
#ifndef PEAL_PEAL_BENCH_STAGE_H
#define PEAL_PEAL_BENCH_STAGE_H

#include "runtime/eal.h"
#include "tools/peal-bench/farline.h"
#include "tools/peal-bench/joint.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <time.h>

#define PEAL_STAGE_TEXT_SIZE_MAX 128U
/* What to look at when DPDK does not start: a bench has no configuration, and no arguments for it.
 */
#define PEAL_STAGE_DEVICE_ADVICE "--device and --device-args"
#define PEAL_STAGE_MEMORY_ADVICE "the memory that is free, and at --cores"

/* How far a side has come. */
enum peal_stage_point {
	PEAL_STAGE_BEGUN = 0,
	PEAL_STAGE_OPEN = 1,    /* its port is there: the other side can connect to it */
	PEAL_STAGE_JOINED = 2,  /* the link is up, and its MAC is known */
	PEAL_STAGE_STOPPED = 3, /* its loop turns no more */
	PEAL_STAGE_FAILED = 4,  /* it ended early; the sentence says why */
};

/* What a side tells another machine. */
struct peal_stage_far {
	_Atomic uint64_t point;
	_Atomic uint64_t entered;
	uint8_t mac[8]; /* six of them */
	char error[256];
};

/* What both processes see. */
struct peal_stage_shared {
	_Atomic uint32_t entered_count;
	_Atomic uint32_t points[PEAL_BENCHARGS_SIDES_COUNT];
	uint8_t macs[PEAL_BENCHARGS_SIDES_COUNT][6]; /* from JOINED on */
	uint8_t raw_keys[PEAL_BENCHARGS_SIDES_COUNT][16];
	struct peal_sentence error;
	alignas(8) struct peal_stage_far far[PEAL_BENCHARGS_SIDES_COUNT];
};

/* Fields are private, but for eal, clocks, sides and shared. Outlives EAL. */
struct peal_stage {
	struct peal_eal_config eal;
	struct peal_stage_shared *shared;
	uint32_t first_side; /* sides of this process: [first_side, sides_end) */
	uint32_t sides_end;
	enum peal_benchargs_link link;
	double line_rtt_ns;       /* of the two CPUs, taken before anything else ran; 0 = none */
	pid_t other_pid;          /* 0 = none */
	struct peal_farline line; /* to another machine; fd 0 or below = none */
	char prefix[PEAL_STAGE_TEXT_SIZE_MAX];
	char folder[PEAL_STAGE_TEXT_SIZE_MAX]; /* of the socket; empty = none */
	char socket[PEAL_STAGE_TEXT_SIZE_MAX];
	char device_args[PEAL_JOINT_TEXT_SIZE_MAX];
	char second_device[PEAL_JOINT_TEXT_SIZE_MAX];
	char single_file[PEAL_STAGE_TEXT_SIZE_MAX];
	char *extra[2];
	clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT]; /* of the loops, once both have entered */
};

/* Zeroed memory that both processes see at one address; before prepare. NULL without memory. */
void *peal_stage_share(size_t size);

/*
 * Makes the namespace and the second process, if the link needs them, and the configuration of EAL,
 * with the loop of each side on the CPU that was asked for. Before the first thread. False with a
 * sentence. Returns in both processes.
 */
bool peal_stage_prepare(
	struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error);

/* Starts EAL; on a split link, the asking side waits until the answering one is open. */
bool peal_stage_start_eal(struct peal_stage *stage, struct peal_sentence *error);

/* True in the process that only answers. */
bool peal_stage_is_second(const struct peal_stage *stage);

/* The lcore of a side of this process. */
unsigned int peal_stage_lcore(const struct peal_stage *stage, uint32_t side);

/* This process has come to a point, with all its sides. */
void peal_stage_reach(struct peal_stage *stage, enum peal_stage_point point);

/*
 * Waits until the other process has come to a point; at once true when there is none.
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_stage_await(
	struct peal_stage *stage, enum peal_stage_point point, struct peal_sentence *error);

/* Waits, a while, until the loop of the other process turns no more; Ctrl-C does not end it. */
void peal_stage_await_stop(struct peal_stage *stage);

/* True when the other process is there no more although it should, or asked to end. Cheap. */
bool peal_stage_is_broken(struct peal_stage *stage, struct peal_sentence *error);

/* Memory of each side that the other machine is to see, too; before start_eal. The same on both,
 * and nothing where there is no other machine. */
void peal_stage_mirror(struct peal_stage *stage, uint32_t side, void *memory, uint32_t size);

/* Of the answering side: the other machine asks for no more. */
bool peal_stage_is_over(const struct peal_stage *stage);

/* Called on each of the lcores when its loop starts. The argument is the stage. */
void peal_stage_enter(void *argument);
/* True when both loops run. */
bool peal_stage_is_entered(const struct peal_stage *stage);

/*
 * True when devices are to be closed before the end. On links between processes they are not: the
 * drivers notice on a thread of their own that the other side went, or came, and closing at that
 * moment brings memif down (a panic or a segmentation fault, seen in one of ten). The kernel takes
 * back everything when the process ends, a moment later.
 */
bool peal_stage_is_closing(const struct peal_stage *stage);

/*
 * Ends the play: EAL, the socket, and the second process, which does not return. Call in any case
 * after prepare, with the sentence of what went wrong, or an empty one.
 */
void peal_stage_end(struct peal_stage *stage, const struct peal_sentence *error);

/* Echoes before the ones that count: half a second of the same schedule. */
uint64_t peal_stage_warm_up_count(const struct peal_benchargs *args);

#endif
