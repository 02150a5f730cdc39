/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the stories of scenario.c share: setting up a world, and saying what must be true in it.
 *
 * Options given to a story are complete: node count and preset are filled in. One file holds the
 * stories about one kind of trouble.
 */
#ifndef PEAL_SIM_STORY_H
#define PEAL_SIM_STORY_H

#include "sim/scenario.h"
#include "sim/simworld.h"

#define PEAL_STORY_MILLISECOND_NS UINT64_C(1000000)
#define PEAL_STORY_SECOND_NS      UINT64_C(1000000000)

/*
 * Opens a world for one part of a story: same seed and another part give another world. Nodes are
 * down. Close it with peal_simworld_fini. The figures of all parts of a story meet in one report.
 */
void peal_story_open(struct peal_simworld *world, const struct peal_scenario_options *options,
	uint64_t part, struct peal_report *report);
/*
 * The same, and all nodes formed one group and heard each other. False after a violation; the world
 * is open either way.
 */
bool peal_story_open_formed(struct peal_simworld *world,
	const struct peal_scenario_options *options, uint64_t part, struct peal_report *report);

/* Notes a violation unless `condition`. Returns it. */
bool peal_story_expect(struct peal_simworld *world, bool condition, const char *what);
/* Runs for `span_ns`, in which no view may appear. */
void peal_story_stay_quiet(struct peal_simworld *world, uint64_t span_ns);
/* Runs for `span_ns`, in which nobody may go or come; an epoch that changes nobody may pass. */
void peal_story_keep_all(struct peal_simworld *world, uint64_t span_ns);
/* The same for as long as it takes until reports that became stale are forgotten. */
void peal_story_calm(struct peal_simworld *world);
/* No node may be removed from now on. */
void peal_story_protect_all(struct peal_simworld *world);
/* Time from a crash until an observer's edge has failed, at the latest. */
uint64_t peal_story_detection_ns(const struct peal_simworld *world);
/* Node that is the senior of the view of `index`; the number of nodes when nobody is. */
uint16_t peal_story_senior(const struct peal_simworld *world, uint16_t index);

/* What the event logs of all nodes say about the crash of one. */
struct peal_story_watch {
	uint64_t victim_mid;
	uint64_t epoch;           /* of the view that it is still in */
	uint64_t detected_at_ns;  /* first; UINT64_MAX = not yet */
	uint64_t installed_at_ns; /* the next view, by the last one so far */
};

/* Watches for the crash of a member from now on; `watch_out` outlives the world. */
void peal_story_watch(
	struct peal_simworld *world, uint16_t victim, struct peal_story_watch *watch_out);

/* What differs between stories in bad weather. */
struct peal_story_weather {
	uint32_t duplicate_ppm_max;
	/* At the end of it, while it still storms; NULL = nothing. */
	void (*last)(struct peal_simworld *world, struct peal_prng *prng);
	/* When it is fair again: what must be true then. */
	void (*finish)(struct peal_simworld *world);
};

/* Loss, duplicates and late frames, by seed, that nobody is removed for: a tenth of a second, in a
 * group that formed before. */
void peal_story_bad_weather(const struct peal_scenario_options *options,
	const struct peal_story_weather *weather, struct peal_report *report);

/* A group formed, then random faults for a second, and when all is healed and agreed: `finish`. */
void peal_story_storm_of(const struct peal_scenario_options *options, uint64_t part,
	void (*finish)(struct peal_simworld *world), struct peal_report *report);

/* Fills a configuration with the first members, or the last ones when `id` is even; they are named
 * n0, n1 and so on by their nodes. */
void peal_story_fill_ordergroup(const struct peal_simworld *world, uint32_t id, uint32_t generation,
	uint8_t ranks_count, struct peal_ordergroup *group_out);
/* Gives a rank of it to node `index`, by that name. */
void peal_story_set_rank(const struct peal_simworld *world, struct peal_ordergroup *group,
	uint32_t rank, uint16_t index);
/*
 * All is calm: node `index` is asked for the group, and takes the wish; all nodes, members all,
 * know it within `patience_ns`. False after a violation.
 */
bool peal_story_create_ordergroup(struct peal_simworld *world, uint16_t index,
	const struct peal_ordergroup *group, uint64_t patience_ns);

/* story_ordergroup.c */
void peal_story_ordergroup(const struct peal_scenario_options *options, struct peal_report *report);
/* story_member.c: coming, going and coming back. */
void peal_story_ghosts(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_reborn(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_cold(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_form(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_leave(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_restart(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_two(const struct peal_scenario_options *options, struct peal_report *report);
/* story_crash.c: processes that end, stand still or miss something. */
void peal_story_crash(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_many(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_pause(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_behind(const struct peal_scenario_options *options, struct peal_report *report);
/* story_link.c: a network that fails in parts. */
void peal_story_oneway(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_triangle(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_ingress(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_split(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_loss(const struct peal_scenario_options *options, struct peal_report *report);
/* story_large.c: more than PEAL_DIRECT_MAX nodes; what the stories of the same names become. */
void peal_story_large_form(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_large_crash(
	const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_large_loss(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_large_oneway(
	const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_flipflop(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_steady(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_join(const struct peal_scenario_options *options, struct peal_report *report);
/* story_churn.c: members that restart all the time. */
void peal_story_churn(const struct peal_scenario_options *options, struct peal_report *report);
/* story_talk.c: channels. */
/* Nobody says anything new, and what was said must arrive, or have been reported, soon. */
void peal_story_finish_talk(struct peal_simworld *world);
void peal_story_talk(const struct peal_scenario_options *options, struct peal_report *report);
/* story_channels.c: what channels promise, in figures. */
void peal_story_drowsy(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_bottleneck(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_tail(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_slow(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_crowd(const struct peal_scenario_options *options, struct peal_report *report);
/* story_mtu.c: paths that carry packets of different sizes. */
void peal_story_mtu(const struct peal_scenario_options *options, struct peal_report *report);
/* story_cast.c: broadcasts. */
void peal_story_cast(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_held(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_fanout(const struct peal_scenario_options *options, struct peal_report *report);
/* Everybody casts a last word, so that all are known to all; and what was said must arrive. */
void peal_story_finish_cast(struct peal_simworld *world);
void peal_story_relay(const struct peal_scenario_options *options, struct peal_report *report);
/* story_groups.c: process groups. */
void peal_story_heard(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_groups(const struct peal_scenario_options *options, struct peal_report *report);
/* story_brake.c: a member that is too slow for broadcasts. */
void peal_story_brake(const struct peal_scenario_options *options, struct peal_report *report);
/* story_broken.c: one pair whose link is broken, while all else is well. */
void peal_story_broken(const struct peal_scenario_options *options, struct peal_report *report);
/* story_total.c: process groups in total order. */
void peal_story_total(const struct peal_scenario_options *options, struct peal_report *report);
/* story_orders.c: order groups in the cores of a group. */
void peal_story_orders(const struct peal_scenario_options *options, struct peal_report *report);
/* The same, and ranks are given to others. */
void peal_story_handover(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_grow(const struct peal_scenario_options *options, struct peal_report *report);
/* story_audience.c: an order group, and everybody else listens. */
void peal_story_audience(const struct peal_scenario_options *options, struct peal_report *report);
/* story_order.c: total order. */
void peal_story_order(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_standstill(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_clocks(const struct peal_scenario_options *options, struct peal_report *report);
/* story_duel.c: two ranks of three seal the lane of the third against each other. */
void peal_story_duel(const struct peal_scenario_options *options, struct peal_report *report);
/* story_swarm.c: everything at once, and the alarm test. */
void peal_story_swarm(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_storm(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_quiet60(const struct peal_scenario_options *options, struct peal_report *report);
void peal_story_canary(const struct peal_scenario_options *options, struct peal_report *report);

#endif
