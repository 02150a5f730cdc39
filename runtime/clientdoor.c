/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/clientdoor.h"

#include "base/assert.h"
#include "client/life.h"
#include "dataplane/dpdk/tsc.h"
#include "runtime/clientaccess.h"
#include "runtime/clientlanes.h"
#include "runtime/clientmem.h"
#include "runtime/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Beside those that the core has, so many may be on their way in or out. */
#define GUESTS_MAX     (PEAL_CLIENTS_MAX + 32U)
#define BACKLOG        64
#define EVENTS_MAX     16
#define READY_NS_MAX   UINT64_C(1000000000)
#define STOP_STEPS_MAX 200
#define STOP_STEP_US   1000U
#define NS_PER_MS      UINT64_C(1000000)

enum stage {
	STAGE_FREE = 0,
	STAGE_HELLO, /* has connected */
	STAGE_READY, /* was welcomed */
	STAGE_INSIDE,
	STAGE_LEAVING, /* the core was asked to have done with it */
};

struct guest {
	enum stage stage;
	uint32_t life; /* how often the place was used, so that old events are known for that */
	int socket;
	int pidfd;
	int bell;  /* the client rings, the lcore waits */
	int wake;  /* the core rings; nobody else has it */
	int waker; /* epoll of `wake`, once for each ring: what the client has, and waits for */
	uint32_t place;
	uint16_t version; /* from STAGE_READY on */
	uint64_t session;
	uint64_t patience_at_ns;
	uint64_t since_at_ns;
	struct ucred who;
	const struct peal_clientrights *rights; /* from STAGE_READY on */
	struct peal_clientmem up;
	struct peal_clientmem down;
	char name[PEAL_NAME_SIZE_MAX + 1U];
};

struct peal_clientdoor {
	struct peal_clientdoor_config config;
	struct sockaddr_un address;
	bool is_bound;
	bool is_held;
	bool is_running;
	_Atomic bool is_stopping;
	int listener;
	int events; /* epoll of all that this thread waits for */
	int told;   /* eventfd: the core has done with somebody, or the thread shall end */
	int bells;  /* epoll of the clients' bells, for the lcore */
	struct peal_clientmem page;
	struct peal_shmbell_sleeper sleeper; /* of the lcore */
	pthread_t thread;
	pthread_mutex_t lock; /* held by the thread but where it waits: guests, list, refused */
	struct peal_clientlist list;
	struct peal_clientlanes lanes;
	uint64_t refused_counts[PEAL_CLIENT_STATUSES];
	struct guest guests[GUESTS_MAX];
	struct peal_clients_room room;
	struct peal_client_member *large_members; /* of views above PEAL_DIRECT_MAX */
};

/* What an event is about: a guest (place, and its life above), or one of these. */
#define ABOUT_LISTENER UINT64_MAX
#define ABOUT_TOLD     (UINT64_MAX - 1U)

static void
close_one(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}

/* --- called by the core --- */

/* Never waits: `bell` is in no other hands. Who shares a descriptor may make its writes wait. */
static void
ring(void *state, uint64_t bell)
{
	const struct peal_clientdoor *door = state;
	uint64_t one = 1, old[512];

	/* Full of old rings, which nobody else reads. */
	while (write((int)bell, &one, sizeof(one)) < 0 && errno == EAGAIN &&
		read((int)bell, old, sizeof(old)) > 0) {
	}
	if (peal_clients_converse(door->config.clients)) {
		peal_idle_make_room(door->config.idle);
	}
}

static void
tell(void *state)
{
	const struct peal_clientdoor *door = state;
	uint64_t one = 1;
	ssize_t written = write(door->told, &one, sizeof(one));

	(void)written; /* full of rings already */
}

/* --- one guest --- */

static void
make_free(struct guest *guest)
{
	*guest = (struct guest){.life = guest->life + 1U,
		.socket = -1,
		.pidfd = -1,
		.bell = -1,
		.wake = -1,
		.waker = -1,
		.up = {.fd = -1},
		.down = {.fd = -1}};
}

static void
see_off(struct peal_clientdoor *door, struct guest *guest)
{
	/* The client may hold it for ever, so closing it here would leave it in the set. */
	if (guest->bell >= 0) {
		(void)epoll_ctl(door->bells, EPOLL_CTL_DEL, guest->bell, NULL);
	}
	close_one(&guest->socket);
	close_one(&guest->pidfd);
	close_one(&guest->bell);
	close_one(&guest->wake);
	close_one(&guest->waker);
	peal_clientmem_close(&guest->up);
	peal_clientmem_close(&guest->down);
	make_free(guest);
}

static uint64_t
name_of(const struct peal_clientdoor *door, const struct guest *guest)
{
	return (uint64_t)(guest - door->guests) | (uint64_t)guest->life << 32;
}

/* The guest hung up, died, or was never ready. */
static void
send_away(struct peal_clientdoor *door, struct guest *guest, enum peal_client_end reason)
{
	if (guest->stage == STAGE_INSIDE) {
		peal_clients_hang_up(door->config.clients, guest->place, reason);
		peal_bell_ring(&door->config.bell);
		guest->stage = STAGE_LEAVING;
		/* Both would go on saying the same. */
		(void)epoll_ctl(door->events, EPOLL_CTL_DEL, guest->socket, NULL);
		close_one(&guest->pidfd);
	} else if (guest->stage != STAGE_LEAVING) {
		see_off(door, guest);
	}
}

static bool
open_guest(struct peal_clientdoor *door, struct guest *guest)
{
	struct epoll_event ring_event = {.events = EPOLLIN | EPOLLET};
	struct epoll_event end_event = {.events = EPOLLIN, .data.u64 = name_of(door, guest)};

	guest->bell = peal_clientlanes_open_bell();
	guest->wake = peal_clientlanes_open_bell();
	guest->waker = epoll_create1(EPOLL_CLOEXEC);
	guest->pidfd = (int)syscall(SYS_pidfd_open, guest->who.pid, 0);
	return guest->bell >= 0 && guest->wake >= 0 && guest->waker >= 0 && guest->pidfd >= 0 &&
	       getrandom(&guest->session, sizeof(guest->session), 0) ==
		       (ssize_t)sizeof(guest->session) &&
	       peal_clientmem_open(&guest->up, PEAL_REGION_UP_SIZE, PEAL_CLIENTMEM_CLIENT) &&
	       peal_clientmem_open(&guest->down, PEAL_REGION_DOWN_SIZE, PEAL_CLIENTMEM_DAEMON) &&
	       epoll_ctl(door->bells, EPOLL_CTL_ADD, guest->bell, &ring_event) == 0 &&
	       epoll_ctl(guest->waker, EPOLL_CTL_ADD, guest->wake, &ring_event) == 0 &&
	       epoll_ctl(door->events, EPOLL_CTL_ADD, guest->pidfd, &end_event) == 0;
}

/* Says welcome, with everything, or no, with nothing but the reason. */
static bool
answer(struct peal_clientdoor *door, struct guest *guest, enum peal_client_status status,
	const char *text)
{
	bool is_awake = door->config.idle->role == PEAL_IDLE_DEDICATED;
	uint32_t forbidden = guest->rights == NULL ? 0 : PEAL_CLIENT_MAY_ALL & ~guest->rights->acts;
	struct peal_client_welcome welcome = {.magic = PEAL_CLIENT_MAGIC,
		.packet = PEAL_CLIENT_WELCOME,
		.version = guest->version != 0 ? guest->version : PEAL_CLIENT_VERSION_MAX,
		.status = (uint16_t)status,
		.flags =
			(uint16_t)((is_awake ? PEAL_CLIENT_FLAG_AWAKE : 0U) |
				   (door->config.config->hold_ns > 0 ? PEAL_CLIENT_FLAG_HOLD : 0U) |
				   PEAL_CLIENT_FLAG_FORBIDDEN(forbidden)),
		.session = guest->session,
		.up_size = PEAL_CLIENT_UP_SIZE,
		.down_size = PEAL_CLIENT_DOWN_SIZE,
		.queue_size = PEAL_CLIENT_QUEUE_SIZE,
		.message_size_max = PEAL_CLIENT_MESSAGE_SIZE_MAX};
	const int descriptors[PEAL_CLIENT_DESCRIPTORS] = {
		guest->up.fd, guest->down.fd, door->page.fd, guest->bell, guest->waker};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(descriptors))];
	} control;
	struct iovec part = {.iov_base = &welcome, .iov_len = sizeof(welcome)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	(void)snprintf(welcome.text, sizeof(welcome.text), "%s", text);
	if (status == PEAL_CLIENT_WELCOMED) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(descriptors));
		memcpy(CMSG_DATA(&control.header), descriptors, sizeof(descriptors));
	}
	return sendmsg(guest->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)sizeof(welcome);
}

static void
refuse(struct peal_clientdoor *door, struct guest *guest, enum peal_client_status status,
	const char *text)
{
	door->refused_counts[status]++;
	(void)answer(door, guest, status, text);
	see_off(door, guest);
}

static void
on_hello(struct peal_clientdoor *door, struct guest *guest)
{
	struct peal_client_hello hello;
	ssize_t size = recv(guest->socket, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);
	uint32_t inside_count = 0;

	if (size != (ssize_t)sizeof(hello) || hello.magic != PEAL_CLIENT_MAGIC ||
		hello.packet != PEAL_CLIENT_HELLO) {
		refuse(door, guest, PEAL_CLIENT_MALFORMED, "that was no hello");
		return;
	}
	if (hello.version_min > PEAL_CLIENT_VERSION_MAX ||
		hello.version_max < PEAL_CLIENT_VERSION_MIN) {
		refuse(door, guest, PEAL_CLIENT_VERSION,
			"this daemon and this libpeal have no version in common");
		return;
	}
	guest->version = hello.version_max < PEAL_CLIENT_VERSION_MAX ? hello.version_max
								     : PEAL_CLIENT_VERSION_MAX;
	guest->rights = peal_clientaccess_find(door->config.config, guest->socket, &guest->who);
	if (guest->rights == NULL) {
		refuse(door, guest, PEAL_CLIENT_FORBIDDEN,
			"this user is not among `users` or `access` of the node's configuration");
		return;
	}
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		inside_count += door->guests[i].stage >= STAGE_READY;
	}
	if (inside_count >= PEAL_CLIENTS_MAX) {
		refuse(door, guest, PEAL_CLIENT_CROWDED, "as many as there is room for are here");
		return;
	}
	memcpy(guest->name, hello.name, sizeof(guest->name));
	guest->name[sizeof(guest->name) - 1U] = '\0';
	if (!open_guest(door, guest)) {
		refuse(door, guest, PEAL_CLIENT_NO_MEMORY, strerror(errno));
		return;
	}
	guest->stage = STAGE_READY;
	if (!answer(door, guest, PEAL_CLIENT_WELCOMED, "")) {
		see_off(door, guest);
	}
}

static void
on_ready(struct peal_clientdoor *door, struct guest *guest)
{
	struct peal_client_ready ready;
	ssize_t size = recv(guest->socket, &ready, sizeof(ready), MSG_DONTWAIT | MSG_TRUNC);

	if (size != (ssize_t)sizeof(ready) || ready.magic != PEAL_CLIENT_MAGIC ||
		ready.packet != PEAL_CLIENT_READY || ready.session != guest->session ||
		!peal_clientmem_settle(&guest->up)) {
		see_off(door, guest);
		return;
	}
	peal_clientmem_close_fd(&guest->up);
	peal_clientmem_close_fd(&guest->down);
	guest->place = peal_clients_attach(door->config.clients, guest->up.memory,
		guest->down.memory, guest->rights, (uint64_t)guest->wake,
		guest->version >= PEAL_CLIENT_VERSION_LANES);
	/* Those who are leaving are counted as inside, so there is a place. */
	PEAL_ASSERT(guest->place != PEAL_CLIENTS_NONE);
	guest->stage = STAGE_INSIDE;
	peal_bell_ring(&door->config.bell);
}

/* --- all guests --- */

/* A free place; when there is none, that of who has said nothing for the longest time: whoever
 * means to attach says so as soon as it is connected. */
static struct guest *
make_place(struct peal_clientdoor *door)
{
	struct guest *silent = NULL;

	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		struct guest *guest = &door->guests[i];

		if (guest->stage == STAGE_FREE) {
			return guest;
		}
		if (guest->stage == STAGE_HELLO &&
			(silent == NULL || guest->since_at_ns < silent->since_at_ns)) {
			silent = guest;
		}
	}
	/* No more than PEAL_CLIENTS_MAX were welcomed, and there are more places. */
	PEAL_ASSERT(silent != NULL);
	see_off(door, silent);
	return silent;
}

static void
let_in(struct peal_clientdoor *door)
{
	int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct guest *guest;
	socklen_t size = sizeof(guest->who);

	if (fd < 0) {
		return;
	}
	guest = make_place(door);
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP, .data.u64 = name_of(door, guest)};

	guest->stage = STAGE_HELLO;
	guest->socket = fd;
	guest->since_at_ns = peal_tsc_now_ns();
	guest->patience_at_ns = guest->since_at_ns + READY_NS_MAX;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &guest->who, &size) != 0 ||
		epoll_ctl(door->events, EPOLL_CTL_ADD, fd, &event) != 0) {
		see_off(door, guest);
	}
}

/* Something of a guest: a packet, the end of its socket, or the end of its process. */
static void
on_guest(struct peal_clientdoor *door, uint64_t name, uint32_t events)
{
	struct guest *guest = &door->guests[(uint32_t)name];

	if (name_of(door, guest) != name) {
		return; /* of who had the place before */
	}
	if (guest->stage == STAGE_HELLO && (events & EPOLLIN) != 0) {
		on_hello(door, guest);
	} else if (guest->stage == STAGE_READY && (events & EPOLLIN) != 0) {
		on_ready(door, guest);
	} else if (guest->stage != STAGE_FREE) {
		/* Nothing more is to be said, so whatever this is, it is the end. */
		send_away(door, guest, PEAL_CLIENT_END_ASKED);
	}
}

static void
describe(const struct peal_clientdoor *door, const struct guest *guest,
	struct peal_clientlist_entry *entry)
{
	*entry = (struct peal_clientlist_entry){.state = PEAL_CLIENTLIST_ARRIVING,
		.pid = guest->who.pid,
		.user = guest->who.uid,
		.at_ns = guest->since_at_ns};
	memcpy(entry->name, guest->name, sizeof(entry->name));
	if (guest->stage >= STAGE_INSIDE) {
		entry->state = guest->stage == STAGE_INSIDE ? PEAL_CLIENTLIST_ATTACHED
							    : PEAL_CLIENTLIST_LEAVING;
		peal_clientlist_measure(entry, &door->room.clients[guest->place], guest->up.memory,
			guest->down.memory);
	}
}

/* Who did not go by itself is remembered. */
static void
remember(struct peal_clientdoor *door, const struct guest *guest)
{
	enum peal_client_end end = peal_clients_end_of(door->config.clients, guest->place);
	struct peal_clientlist_entry entry;

	if (end == PEAL_CLIENT_END_VIOLATION || end == PEAL_CLIENT_END_SLOW) {
		describe(door, guest, &entry);
		entry.state = PEAL_CLIENTLIST_CUT_OFF;
		entry.end = end;
		entry.at_ns = peal_tsc_now_ns();
		peal_clientlist_remember(&door->list, &entry);
	}
}

uint32_t
peal_clientdoor_list(struct peal_clientdoor *door, uint64_t from,
	struct peal_clientlist_entry *entries, uint32_t entries_max, uint32_t *next_out)
{
	const uint64_t places_count = GUESTS_MAX + PEAL_CLIENTLIST_CUT_OFF_MAX;
	uint32_t count = 0;
	uint64_t place;

	(void)pthread_mutex_lock(&door->lock);
	for (place = from; place < places_count && count < entries_max; place++) {
		const struct peal_clientlist_entry *gone;

		if (place >= GUESTS_MAX) {
			gone = &door->list.cut_off[place - GUESTS_MAX];
			if (gone->times_count > 0) {
				entries[count++] = *gone;
			}
		} else if (door->guests[place].stage >= STAGE_READY) {
			describe(door, &door->guests[place], &entries[count++]);
		}
	}
	(void)pthread_mutex_unlock(&door->lock);
	*next_out = place < places_count ? (uint32_t)place : 0;
	return count;
}

uint64_t
peal_clientdoor_refused_count(struct peal_clientdoor *door, enum peal_client_status status)
{
	uint64_t count;

	PEAL_ASSERT((uint32_t)status < PEAL_CLIENT_STATUSES);
	(void)pthread_mutex_lock(&door->lock);
	count = door->refused_counts[status];
	(void)pthread_mutex_unlock(&door->lock);
	return count;
}

const struct peal_procgroups_page *
peal_clientdoor_read_groups(struct peal_clientdoor *door, uint64_t from)
{
	struct peal_procgroups *groups = door->config.clients->config.groups;

	/* One that was asked for and given up by this thread may still be on its way. */
	if (peal_procgroups_has_page(groups)) {
		peal_procgroups_ask_page(groups, from);
	}
	for (uint32_t step = 0; step < STOP_STEPS_MAX; step++) {
		if (peal_procgroups_has_page(groups)) {
			return groups->page.from == from ? &groups->page : NULL;
		}
		peal_bell_ring(&door->config.bell);
		(void)usleep(STOP_STEP_US);
	}
	return NULL;
}

/* Some client wishes for an order group. */
static void
ask_control(struct peal_clientdoor *door)
{
	const struct peal_ordergroup *group = peal_clients_find_wish(door->config.clients);

	if (group != NULL) {
		peal_clients_answer_wish(
			door->config.clients, door->config.wish(door->config.wish_state, group));
		peal_bell_ring(&door->config.bell);
	}
}

/* The client of a place of the core, as the door names it; UINT64_MAX: it hung up, or died. */
static uint64_t
find_inside(const struct peal_clientdoor *door, uint32_t place)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &door->guests[i];

		if (guest->stage == STAGE_INSIDE && guest->place == place) {
			return name_of(door, guest);
		}
	}
	return UINT64_MAX;
}

static struct peal_clientlanes_guest
find_lane_guest(const struct peal_clientdoor *door, uint64_t name)
{
	const struct guest *guest = &door->guests[(uint32_t)name % GUESTS_MAX];
	bool is_here = name_of(door, guest) == name &&
		       (guest->stage == STAGE_INSIDE || guest->stage == STAGE_LEAVING);

	return (struct peal_clientlanes_guest){
		.socket = is_here ? guest->socket : -1, .waker = is_here ? guest->waker : -1};
}

/* The core has a task about a lane. */
static void
serve_lane(struct peal_clientdoor *door)
{
	const struct peal_clients_lane_ask *ask = peal_clients_find_lane_ask(door->config.clients);
	const struct peal_clientlanes_end *ends;
	struct peal_clientlanes_guest guests[2];
	uint32_t sent_mask = 0;

	if (ask == NULL) {
		return;
	}
	ends = door->lanes.lanes[ask->lane].ends;
	if (ask->task == PEAL_CLIENTS_LANE_MAKE) {
		const uint64_t names[2] = {
			find_inside(door, ask->clients[0]), find_inside(door, ask->clients[1])};

		guests[0] = find_lane_guest(door, names[0]);
		guests[1] = find_lane_guest(door, names[1]);
		sent_mask = peal_clientlanes_make(&door->lanes, ask->lane, ask->id, guests, names);
	} else {
		guests[0] = find_lane_guest(door, ends[0].guest);
		guests[1] = find_lane_guest(door, ends[1].guest);
		if (ask->task == PEAL_CLIENTS_LANE_HAND) {
			sent_mask = peal_clientlanes_hand(&door->lanes, ask->lane, guests);
		} else {
			peal_clientlanes_release(&door->lanes, ask->lane, guests);
		}
	}
	peal_clients_answer_lane_ask(door->config.clients, sent_mask);
	peal_bell_ring(&door->config.bell);
}

/* The core has done with some. */
static void
sweep(struct peal_clientdoor *door)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		struct guest *guest = &door->guests[i];

		if (guest->stage >= STAGE_INSIDE &&
			peal_clients_is_over(door->config.clients, guest->place)) {
			uint32_t place = guest->place;

			remember(door, guest);
			see_off(door, guest);
			peal_clients_free(door->config.clients, place);
		}
	}
}

/* How long to wait for the next who may have to be sent away, in ms; -1 = for ever. */
static int
send_away_the_slow(struct peal_clientdoor *door)
{
	uint64_t now_ns = peal_tsc_now_ns();
	uint64_t wait_ns = UINT64_MAX;

	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		struct guest *guest = &door->guests[i];

		if (guest->stage != STAGE_HELLO && guest->stage != STAGE_READY) {
			continue;
		}
		if (now_ns >= guest->patience_at_ns) {
			see_off(door, guest);
		} else if (guest->patience_at_ns - now_ns < wait_ns) {
			wait_ns = guest->patience_at_ns - now_ns;
		}
	}
	return wait_ns == UINT64_MAX ? -1 : (int)(wait_ns / NS_PER_MS) + 1;
}

static void *
run(void *argument)
{
	struct peal_clientdoor *door = argument;
	struct epoll_event events[EVENTS_MAX];
	uint64_t rings;

	(void)pthread_mutex_lock(&door->lock);
	while (!atomic_load_explicit(&door->is_stopping, memory_order_acquire)) {
		int wait_ms = send_away_the_slow(door);

		(void)pthread_mutex_unlock(&door->lock);
		int count = epoll_wait(door->events, events, EVENTS_MAX, wait_ms);

		(void)pthread_mutex_lock(&door->lock);
		for (int i = 0; i < count; i++) {
			uint64_t about = events[i].data.u64;

			if (about == ABOUT_LISTENER) {
				let_in(door);
			} else if (about == ABOUT_TOLD) {
				ssize_t size = read(door->told, &rings, sizeof(rings));

				(void)size;
				serve_lane(door);
				sweep(door);
				ask_control(door);
			} else {
				on_guest(door, about, events[i].events);
			}
		}
	}
	(void)pthread_mutex_unlock(&door->lock);
	return NULL;
}

/* --- opening and closing --- */

static bool
is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool is_there =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	close_one(&fd);
	return is_there;
}

static bool
listen_at(struct peal_clientdoor *door, struct peal_sentence *error)
{
	const char *path = door->config.config->socket;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = ABOUT_LISTENER};

	door->address.sun_family = AF_UNIX;
	memcpy(door->address.sun_path, path, strlen(path) + 1U);
	if (is_answered(&door->address)) {
		return peal_sentence_set(error,
			"socket: another daemon listens at %s; give each node a path of its own",
			path);
	}
	(void)unlink(path);
	door->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (door->listener < 0 || bind(door->listener, (const struct sockaddr *)&door->address,
					  sizeof(door->address)) != 0) {
		return peal_sentence_set(error,
			"socket: %s cannot be made (%s); create its folder, or choose another path",
			path, strerror(errno));
	}
	door->is_bound = true;
	/* Who may attach is looked up when somebody comes, and told why not. */
	(void)chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH);
	if (listen(door->listener, BACKLOG) != 0 ||
		epoll_ctl(door->events, EPOLL_CTL_ADD, door->listener, &event) != 0) {
		return peal_sentence_set(
			error, "socket: nobody can attach at %s (%s)", path, strerror(errno));
	}
	return true;
}

/* Room for views, which takes memory only in large groups. */
static size_t
large_size(const struct peal_clientdoor *door)
{
	return PEAL_CLIENTS_LARGE_VIEWS * (size_t)door->config.config->members_max *
	       sizeof(struct peal_client_member);
}

static bool
prepare(struct peal_clientdoor *door, struct peal_sentence *error)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = ABOUT_TOLD};
	struct peal_region_page *page;

	door->events = epoll_create1(EPOLL_CLOEXEC);
	door->bells = epoll_create1(EPOLL_CLOEXEC);
	door->told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (door->events < 0 || door->bells < 0 || door->told < 0 ||
		epoll_ctl(door->events, EPOLL_CTL_ADD, door->told, &event) != 0 ||
		!peal_clientmem_open(&door->page, PEAL_REGION_PAGE_SIZE, PEAL_CLIENTMEM_DAEMON)) {
		return peal_sentence_set(error,
			"socket: no descriptors or memory for applications (%s); raise the limit "
			"of open files",
			strerror(errno));
	}
	door->large_members =
		peal_memory_reserve("views of applications", large_size(door), -1, error);
	if (door->large_members == NULL) {
		return false;
	}
	page = door->page.memory;
	door->is_held = peal_life_hold(&page->death);
	if (!door->is_held) {
		return peal_sentence_set(
			error, "socket: a thread could not be started; raise the limit of threads");
	}
	door->sleeper = (struct peal_shmbell_sleeper){.word = &page->sleep};
	peal_idle_add_clients(door->config.idle, door->bells, &door->sleeper);
	const struct peal_clients_outside outside = {.room = &door->room,
		.large_members = door->large_members,
		.members_max = door->config.config->members_max,
		.page = page,
		.plane = door->config.plane,
		.lease_ns = door->config.config->timing.probe_interval_ns,
		.hold_ns = door->config.config->hold_ns,
		.stuck_ns = door->config.config->timing.stuck_ns,
		.has_lanes = door->config.config->has_lanes,
		.ring = ring,
		.tell = tell,
		.state = door};

	peal_clients_serve(door->config.clients, &outside);
	return listen_at(door, error);
}

struct peal_clientdoor *
peal_clientdoor_open(const struct peal_clientdoor_config *config, struct peal_sentence *error)
{
	struct peal_clientdoor *door = peal_memory_take("door", sizeof(*door), -1, error);

	if (door == NULL) {
		return NULL;
	}
	memset(door, 0, sizeof(*door));
	(void)pthread_mutex_init(&door->lock, NULL);
	door->config = *config;
	door->listener = door->events = door->told = door->bells = door->page.fd = -1;
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		make_free(&door->guests[i]);
	}
	peal_clientlanes_init(&door->lanes);
	if (!prepare(door, error)) {
		peal_clientdoor_close(door);
		return NULL;
	}
	return door;
}

bool
peal_clientdoor_start(struct peal_clientdoor *door, struct peal_sentence *error)
{
	int result = rte_ctrl_thread_create(&door->thread, "peal-door", NULL, run, door);

	if (result != 0) {
		return peal_sentence_set(error,
			"the thread for applications could not be started (%s); raise the limit of "
			"threads",
			strerror(result < 0 ? -result : result));
	}
	door->is_running = true;
	return true;
}

void
peal_clientdoor_stop(struct peal_clientdoor *door)
{
	bool is_empty = false;

	if (door == NULL || !door->is_running) {
		return;
	}
	atomic_store_explicit(&door->is_stopping, true, memory_order_release);
	tell(door);
	(void)pthread_join(door->thread, NULL);
	door->is_running = false;
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		send_away(door, &door->guests[i], PEAL_CLIENT_END_STOPPED);
	}
	/* The core ends them in its turns. One that stands still will not touch them any more,
	 * either: its lcore is stopped next. */
	for (uint32_t step = 0; step < STOP_STEPS_MAX && !is_empty; step++) {
		is_empty = true;
		if (door->config.turn != NULL) {
			door->config.turn(door->config.turn_state);
		}
		sweep(door);
		for (uint32_t i = 0; i < GUESTS_MAX; i++) {
			is_empty = is_empty && door->guests[i].stage == STAGE_FREE;
		}
		if (!is_empty) {
			(void)usleep(STOP_STEP_US);
		}
	}
}

void
peal_clientdoor_close(struct peal_clientdoor *door)
{
	if (door == NULL) {
		return;
	}
	PEAL_ASSERT(!door->is_running);
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		see_off(door, &door->guests[i]);
	}
	peal_clientlanes_close(&door->lanes);
	if (door->is_held) {
		peal_life_let_go(&((struct peal_region_page *)door->page.memory)->death);
	}
	peal_clientmem_close(&door->page);
	close_one(&door->listener);
	close_one(&door->events);
	close_one(&door->told);
	close_one(&door->bells);
	if (door->is_bound) {
		(void)unlink(door->config.config->socket);
	}
	(void)pthread_mutex_destroy(&door->lock);
	peal_memory_release(door->large_members, large_size(door));
	peal_memory_give(door);
}
