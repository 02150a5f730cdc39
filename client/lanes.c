/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/lanes.h"

#include "client/attachment.h"
#include "client/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages of lanes before the core is looked at. */
#define TURN_COUNT 32U

static struct peal_lane_end *
find_end(struct peal *peal, const struct peal_channel_end *end)
{
	return end == NULL || end->lane == 0 ? NULL : &peal->lanes.ends[end->lane - 1U];
}

static uint32_t
bit_of(const struct peal *peal, const struct peal_lane_end *lane)
{
	return 1U << (lane - peal->lanes.ends);
}

/* --- what the daemon sends --- */

static void
close_both(int descriptors[PEAL_CLIENT_LANE_DESCRIPTORS])
{
	for (uint32_t i = 0; i < PEAL_CLIENT_LANE_DESCRIPTORS; i++) {
		if (descriptors[i] >= 0) {
			(void)close(descriptors[i]);
			descriptors[i] = -1;
		}
	}
}

/* The next packet on the socket; descriptors that did not come are -1. */
static bool
receive(int fd, struct peal_client_lane *packet, int descriptors[PEAL_CLIENT_LANE_DESCRIPTORS])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * PEAL_CLIENT_LANE_DESCRIPTORS)];
	} control;
	struct iovec part = {.iov_base = packet, .iov_len = sizeof(*packet)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	descriptors[0] = descriptors[1] = -1;
	for (struct cmsghdr *header = size < 0 ? NULL : CMSG_FIRSTHDR(&message); header != NULL;
		header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
			size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
		}
	}
	return size == (ssize_t)sizeof(*packet) && packet->magic == PEAL_CLIENT_MAGIC &&
	       packet->packet == PEAL_CLIENT_LANE;
}

/* That of this step; those of others, which came to nothing, are thrown away. */
static bool
receive_step(const struct peal *peal, const struct peal_client_lane_made *made,
	int descriptors[PEAL_CLIENT_LANE_DESCRIPTORS])
{
	struct peal_client_lane packet;

	while (receive(peal->socket, &packet, descriptors)) {
		if (packet.lane == made->lane && packet.step == made->step) {
			return packet.size == PEAL_CLIENT_LANE_SIZE;
		}
		close_both(descriptors);
	}
	return false;
}

/* Memory that is shorter than said would end this process where it is touched. NULL: no. */
static void *
map(int fd, int protection)
{
	struct stat status;
	void *memory;

	if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < PEAL_SHMLANE_REGION_SIZE ||
		(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) == 0) {
		return NULL;
	}
	memory = mmap(NULL, PEAL_SHMLANE_REGION_SIZE, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED) {
		return NULL;
	}
	/* A child is another process, and not attached. */
	(void)madvise(memory, PEAL_SHMLANE_REGION_SIZE, MADV_DONTFORK);
	return memory;
}

static void
unmap(const void *memory)
{
	if (memory != NULL) {
		(void)munmap((void *)(uintptr_t)memory, PEAL_SHMLANE_REGION_SIZE);
	}
}

static void
give_up(struct peal *peal, struct peal_lane_end *lane)
{
	uint32_t bit = bit_of(peal, lane);

	peal->lanes.handed &= ~bit;
	peal->lanes.heard &= ~bit;
	peal->lanes.dirty &= ~bit;
	peal->lanes.breaking &= ~bit;
	unmap(lane->lane.own);
	unmap(lane->lane.others);
	if (lane->bell >= 0) {
		(void)close(lane->bell);
	}
	*lane = (struct peal_lane_end){.id = 0, .bell = -1};
}

/* A free place; NULL: there is none. */
static struct peal_lane_end *
find_free(struct peal *peal)
{
	for (uint32_t i = 0; i < PEAL_CLIENT_LANES_MAX; i++) {
		struct peal_lane_end *lane = &peal->lanes.ends[i];

		/* No claim is open while the core is told anything. */
		if (lane->is_over && !peal->has_claim) {
			give_up(peal, lane);
		}
		if (lane->id == 0) {
			return lane;
		}
	}
	return NULL;
}

/* The first step. */
static bool
take_own(struct peal *peal, uint32_t tag, uint32_t id, int fd)
{
	struct peal_channel_end *end = peal_sending_find(peal, tag);
	struct peal_lane_end *lane = find_free(peal);
	void *own;

	if (end == NULL || end->role != PEAL_ROLE_PLAIN || end->lane != 0 || lane == NULL) {
		return false;
	}
	if (peal->lanes.bytes == NULL) {
		peal->lanes.bytes = malloc(PEAL_CLIENT_MESSAGE_SIZE_MAX);
	}
	own = peal->lanes.bytes == NULL ? NULL : map(fd, PROT_READ | PROT_WRITE);
	if (own == NULL) {
		return false;
	}
	PEAL_MARK("own lane mapped");
	*lane = (struct peal_lane_end){.id = id, .tag = tag, .bell = -1, .lane = {.own = own}};
	end->lane = (uint8_t)(lane - peal->lanes.ends + 1);
	return true;
}

/* The second one. */
static bool
take_others(struct peal *peal, uint32_t tag, uint32_t id, int descriptors[2])
{
	struct peal_lane_end *lane = find_end(peal, peal_sending_find(peal, tag));
	const void *others;

	if (lane == NULL || lane->id != id || lane->is_handed || descriptors[1] < 0) {
		return false;
	}
	others = map(descriptors[0], PROT_READ);
	if (others == NULL) {
		return false;
	}
	PEAL_MARK("other lane mapped");
	peal_shmlane_init(&lane->lane, lane->lane.own, others);
	lane->bell = descriptors[1];
	descriptors[1] = -1;
	lane->is_handed = true;
	peal->lanes.handed |= bit_of(peal, lane);
	return true;
}

bool
peal_lanes_take_made(struct peal *peal, const struct peal_shmring_record *record)
{
	struct peal_client_lane_made made;
	int descriptors[PEAL_CLIENT_LANE_DESCRIPTORS] = {-1, -1};
	bool is_taken;

	if (record->size != sizeof(made) || peal->lanes.has_answer) {
		return false;
	}
	memcpy(&made, record->bytes, sizeof(made));
	is_taken = receive_step(peal, &made, descriptors);
	PEAL_MARK("lane received");
	if (is_taken) {
		is_taken = made.step == PEAL_CLIENT_LANE_OWN
				   ? take_own(peal, record->tag, made.lane, descriptors[0])
				   : take_others(peal, record->tag, made.lane, descriptors);
	}
	close_both(descriptors);
	peal->lanes.answer =
		(struct peal_client_lane_taken){.lane = made.lane, .is_refused = !is_taken};
	peal->lanes.has_answer = true;
	peal_lanes_speak(peal);
	return true;
}

bool
peal_lanes_take_ready(struct peal *peal, const struct peal_shmring_record *record)
{
	struct peal_lane_end *lane = find_end(peal, peal_sending_find(peal, record->tag));

	if (record->size != 0 || lane == NULL || !lane->is_handed) {
		return false;
	}
	lane->is_ready = true;
	return true;
}

bool
peal_lanes_take_used(struct peal *peal, const struct peal_shmring_record *record)
{
	struct peal_lane_end *lane = find_end(peal, peal_sending_find(peal, record->tag));

	if (record->size != 0 || lane == NULL || !lane->is_ready || lane->is_heard) {
		return false;
	}
	PEAL_MARK("lane used");
	lane->is_heard = true;
	if (!lane->is_broken) {
		peal->lanes.heard |= bit_of(peal, lane);
	}
	return true;
}

/* --- saying --- */

static void
ring(const struct peal_lane_end *lane)
{
	uint64_t one = 1, old[512];

	PEAL_MARK("to ring at a lane");
	/* Fails when the bell is full of old rings, which nobody else reads. */
	while (write(lane->bell, &one, sizeof(one)) < 0 && errno == EAGAIN &&
		read(lane->bell, old, sizeof(old)) > 0) {
	}
}

/* What the other end wrote cannot be. */
static void
note_broken(struct peal *peal, struct peal_lane_end *lane)
{
	if (!lane->is_broken) {
		lane->is_broken = true;
		peal->lanes.heard &= ~bit_of(peal, lane);
		peal->lanes.breaking |= bit_of(peal, lane);
	}
}

bool
peal_lanes_claim(struct peal *peal, const struct peal_channel_end *end, uint32_t size,
	void **bytes_out, enum peal_result *result_out)
{
	struct peal_lane_end *lane = find_end(peal, end);

	if (lane == NULL || !lane->is_ready) {
		return false;
	}
	if (!lane->is_used) {
		if (lane->is_broken || peal_sending_say(peal, PEAL_CLIENT_LANE_USE, lane->tag, NULL,
					       0) != PEAL_OK) {
			return false;
		}
		PEAL_MARK("lane used from here");
		lane->is_used = true;
	}
	*bytes_out = lane->is_broken ? NULL : peal_shmlane_claim(&lane->lane, size);
	if (*bytes_out != NULL) {
		peal->claim_lane = end->lane;
		*result_out = PEAL_OK;
		return true;
	}
	if (peal_shmlane_is_broken(&lane->lane)) {
		note_broken(peal, lane);
	}
	*result_out = lane->is_broken ? PEAL_CLOSED : PEAL_NO_CREDIT;
	return true;
}

void
peal_lanes_commit(struct peal *peal, uint32_t size)
{
	struct peal_lane_end *lane = &peal->lanes.ends[peal->claim_lane - 1U];

	if (lane->is_over || size > lane->lane.writer.claimed ||
		lane->lane.writer.claimed == UINT32_MAX) {
		return;
	}
	peal_shmlane_commit(&lane->lane, size);
	PEAL_MARK("lane message committed");
	peal->lanes.dirty |= bit_of(peal, lane);
}

void
peal_lanes_flush(struct peal *peal)
{
	for (uint32_t left = peal->lanes.dirty; left != 0; left &= left - 1U) {
		struct peal_lane_end *lane = &peal->lanes.ends[__builtin_ctz(left)];

		if (peal_shmlane_publish(&lane->lane)) {
			ring(lane);
		}
		PEAL_MARK("lane published");
	}
	peal->lanes.dirty = 0;
}

void
peal_lanes_speak(struct peal *peal)
{
	/* Bytes that an application is filling stand where a record would be said. */
	if (peal->has_claim) {
		return;
	}
	if (peal->lanes.has_answer &&
		peal_sending_say(peal, PEAL_CLIENT_LANE_TAKEN, 0, &peal->lanes.answer,
			sizeof(peal->lanes.answer)) == PEAL_OK) {
		peal->lanes.has_answer = false;
		PEAL_MARK("lane answered");
	}
	for (uint32_t left = peal->lanes.breaking; left != 0; left &= left - 1U) {
		uint32_t place = (uint32_t)__builtin_ctz(left);

		if (peal_sending_say(peal, PEAL_CLIENT_LANE_BROKEN, peal->lanes.ends[place].tag,
			    NULL, 0) != PEAL_OK) {
			return;
		}
		peal->lanes.breaking &= ~(1U << place);
	}
}

/* --- hearing --- */

bool
peal_lanes_hear(struct peal *peal, uint32_t place, struct peal_event *event)
{
	struct peal_lane_end *lane = &peal->lanes.ends[place];
	const struct peal_channel_end *end = &peal->channels[PEAL_CLIENT_TAG_PLACE(lane->tag)];
	enum peal_shmlane_taken taken;
	uint32_t size = 0;

	if (lane->is_broken) {
		return false;
	}
	taken = peal_shmlane_take(&lane->lane, peal->lanes.bytes, &size);
	if (taken == PEAL_SHMLANE_BROKEN) {
		note_broken(peal, lane);
		return false;
	}
	if (peal_shmlane_release(&lane->lane, taken == PEAL_SHMLANE_EMPTY)) {
		ring(lane);
	}
	if (taken == PEAL_SHMLANE_EMPTY) {
		return false;
	}
	PEAL_MARK("lane message taken");
	*event = (struct peal_event){.kind = PEAL_EVENT_MESSAGE,
		.channel = lane->tag,
		.member = end->member,
		.bytes = peal->lanes.bytes,
		.size = size};
	return true;
}

bool
peal_lanes_poll(struct peal *peal, struct peal_event *event)
{
	struct peal_lanes *lanes = &peal->lanes;

	if (lanes->heard == 0) {
		return false;
	}
	if (lanes->turn_left == 0) {
		lanes->turn_left = TURN_COUNT;
		lanes->at = (lanes->at + 1U) % PEAL_CLIENT_LANES_MAX;
		if (peal_state(peal) != PEAL_OK) {
			peal_lanes_stop(peal);
		}
		return false;
	}
	for (uint32_t i = 0; i < PEAL_CLIENT_LANES_MAX; i++) {
		uint32_t place = (lanes->at + i) % PEAL_CLIENT_LANES_MAX;

		if ((lanes->heard >> place & 1U) != 0 && peal_lanes_hear(peal, place, event)) {
			lanes->at = place;
			lanes->turn_left--;
			return true;
		}
	}
	return false;
}

bool
peal_lanes_hold(
	struct peal *peal, const struct peal_channel_end *end, const struct peal_lane_drain *drain)
{
	struct peal_lane_end *lane = find_end(peal, end);

	if (lane == NULL || !lane->is_heard || lane->is_broken) {
		return false;
	}
	/* What was shown before the core was told of the end is seen here. */
	if (lane->lane.until == PEAL_SHMLANE_NEVER && !peal_shmlane_stop(&lane->lane)) {
		note_broken(peal, lane);
		return false;
	}
	if (!peal_shmlane_has_more(&lane->lane)) {
		return false;
	}
	peal->lanes.drain = *drain;
	peal->lanes.drain.lane = end->lane - 1U;
	return true;
}

uint64_t
peal_lanes_part(struct peal *peal, struct peal_channel_end *end)
{
	struct peal_lane_end *lane = find_end(peal, end);
	uint64_t unheard_count;

	if (lane == NULL) {
		return 0;
	}
	unheard_count = lane->is_handed ? peal_shmlane_unheard_count(&lane->lane) : 0;
	end->lane = 0;
	if (peal->has_claim && peal->claim_lane == (uint32_t)(lane - peal->lanes.ends) + 1U) {
		uint32_t bit = bit_of(peal, lane);

		lane->is_over = true;
		peal->lanes.handed &= ~bit;
		peal->lanes.heard &= ~bit;
		peal->lanes.dirty &= ~bit;
		peal->lanes.breaking &= ~bit;
	} else {
		give_up(peal, lane);
	}
	return unheard_count;
}

void
peal_lanes_stop(struct peal *peal)
{
	for (uint32_t left = peal->lanes.heard; left != 0; left &= left - 1U) {
		struct peal_lane_end *lane = &peal->lanes.ends[__builtin_ctz(left)];

		if (lane->lane.until == PEAL_SHMLANE_NEVER && !peal_shmlane_stop(&lane->lane)) {
			note_broken(peal, lane);
		}
	}
}

/* --- waiting --- */

bool
peal_lanes_have_something(struct peal *peal)
{
	if (peal->lanes.drain.kind != 0) {
		return true;
	}
	for (uint32_t left = peal->lanes.handed; left != 0; left &= left - 1U) {
		uint32_t place = (uint32_t)__builtin_ctz(left);
		struct peal_lane_end *lane = &peal->lanes.ends[place];

		if ((peal->lanes.heard >> place & 1U) != 0 &&
			(peal_shmlane_has_more(&lane->lane) || lane->lane.reader.is_broken)) {
			return true;
		}
		if (peal_shmlane_has_room(&lane->lane)) {
			lane->lane.wanted_head = 0;
			return true;
		}
	}
	return false;
}

void
peal_lanes_declare_asleep(struct peal *peal)
{
	for (uint32_t left = peal->lanes.handed; left != 0; left &= left - 1U) {
		struct peal_lane_end *lane = &peal->lanes.ends[__builtin_ctz(left)];

		/* Who waits for room there must not wait for a part that was not told. */
		if (peal_shmlane_release(&lane->lane, true)) {
			ring(lane);
		}
		peal_shmlane_declare_asleep(&lane->lane);
	}
	PEAL_MARK("said to sleep in lanes");
}

void
peal_lanes_declare_awake(struct peal *peal)
{
	for (uint32_t left = peal->lanes.handed; left != 0; left &= left - 1U) {
		struct peal_shmlane *lane = &peal->lanes.ends[__builtin_ctz(left)].lane;

		peal_shmlane_declare_awake(lane);
		lane->wanted_head = 0;
	}
}

void
peal_lanes_note_rings(struct peal *peal, const struct epoll_event *rung, int count)
{
	for (int i = 0; i < count; i++) {
		for (uint32_t left = rung[i].data.u64 != 0 ? peal->lanes.handed : 0; left != 0;
			left &= left - 1U) {
			struct peal_lane_end *lane = &peal->lanes.ends[__builtin_ctz(left)];

			if (lane->id != rung[i].data.u64) {
				continue;
			}
			peal_shmlane_note_ring(&lane->lane);
			if (peal_shmlane_is_broken(&lane->lane)) {
				note_broken(peal, lane);
			}
		}
	}
}

void
peal_lanes_free(struct peal *peal)
{
	for (uint32_t i = 0; i < PEAL_CLIENT_LANES_MAX; i++) {
		if (peal->lanes.ends[i].id != 0) {
			give_up(peal, &peal->lanes.ends[i]);
		}
	}
	free(peal->lanes.bytes);
}
