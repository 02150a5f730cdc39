/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What clients that hear broadcasts must have heard: what was sent, in order per sender, from
 * members of the view that they were shown, and in each view the same as all who went on with them
 * into the next.
 *
 * A session is one attachment that sends. Its messages are numbered, so a gap is seen; only the
 * sender's own daemon can excuse one (CAST_LOST).
 */
#ifndef PEAL_SIM_CHECK_HEARD_H
#define PEAL_SIM_CHECK_HEARD_H

#include "shm/clientmsg.h"
#include "shm/shmring.h"
#include "sim/report.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_CHECK_HEARD_SESSIONS 8192U
#define PEAL_CHECK_HEARD_PASSES   8192U
#define PEAL_CHECK_HEARD_MEMBERS  1024U
/* The smallest message. */
#define PEAL_CHECK_HEARD_SIZE_MIN 16U

struct peal_check_heard_session {
	uint32_t said_count;
	uint32_t lost_count; /* of those, so many first ones may be lost in places */
};

/* From one view into the next: what was heard in the first. */
struct peal_check_heard_pass {
	uint64_t cluster;
	uint64_t epoch;
	uint64_t next_epoch;
	uint64_t members_digest; /* of the next view */
	uint64_t digest;
	uint64_t count;
};

struct peal_check_heard {
	struct peal_report *report;
	const uint64_t *now_ns;
	uint32_t sessions_count;
	struct peal_check_heard_session sessions[PEAL_CHECK_HEARD_SESSIONS];
	uint32_t passes_count;
	struct peal_check_heard_pass passes[PEAL_CHECK_HEARD_PASSES];
	uint64_t heard_count;    /* by all */
	uint64_t compared_count; /* passes that were found equal to others */
};

/* One client. */
struct peal_check_heard_seat {
	uint32_t session; /* from 1 on; 0 = there are too many, and it says nothing */
	uint64_t epoch;   /* of the view that it was shown as a whole; 0 = none */
	uint64_t self_mid;
	bool is_coming;     /* a view, of which pieces are missing */
	bool is_from_begin; /* it heard this view from its beginning */
	uint64_t digest;
	uint64_t count;
	uint64_t members_digest;
	uint32_t members_count;
	uint64_t members[PEAL_CHECK_HEARD_MEMBERS];
	uint32_t heard[PEAL_CHECK_HEARD_SESSIONS]; /* number of the last; 0 = none yet */
};

/* A client attaches. */
void peal_check_heard_begin(struct peal_check_heard *check, struct peal_check_heard_seat *seat);
/* Makes its next message; `size` is at least PEAL_CHECK_HEARD_SIZE_MIN. */
void peal_check_heard_write(
	struct peal_check_heard *check, uint32_t session, uint8_t *bytes, uint32_t size);
/* Its daemon told it that some of its messages may be lost. */
void peal_check_heard_on_lost(
	struct peal_check_heard *check, const struct peal_check_heard_seat *seat);

/* It was shown a piece of a view. */
void peal_check_heard_on_view(struct peal_check_heard *check, struct peal_check_heard_seat *seat,
	uint64_t cluster, const struct peal_shmring_record *record);
/* It heard a whole message of a member. */
void peal_check_heard_on_message(struct peal_check_heard *check, struct peal_check_heard_seat *seat,
	uint64_t mid, const uint8_t *bytes, uint32_t size);

/* Whether it heard the last message of a session. */
bool peal_check_heard_has_all(const struct peal_check_heard *check,
	const struct peal_check_heard_seat *seat, uint32_t session);

#endif
