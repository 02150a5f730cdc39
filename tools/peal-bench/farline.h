/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line between peal-bench on two machines: a TCP connection over which they agree on what is
 * measured and tell each other how far they are. What is measured goes over the devices.
 *
 * First a hello each way, which names version and command. Then each side sends what it would write
 * into memory that both processes of one machine share, and stores what the other one sends: see
 * stage.h. Nothing is believed that does not have the size it must have. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_FARLINE_H
#define PEAL_PEAL_BENCH_FARLINE_H

#include "tools/peal-bench/benchargs.h"

#define PEAL_FARLINE_PORT        7411U
#define PEAL_FARLINE_VERSION     1U
#define PEAL_FARLINE_REGIONS_MAX 4U
#define PEAL_FARLINE_BYTES_MAX   1024U

/* What the asking side wants of the answering one. */
struct peal_farline_hello {
	uint32_t magic;
	uint32_t version;
	char command[16];
	uint32_t size;
	uint16_t mtu;
	uint8_t is_alone;
	uint8_t is_sealed;
	uint8_t raw_keys[PEAL_BENCHARGS_SIDES_COUNT][16];
};

/* Words that one side writes and the other one reads. */
struct peal_farline_region {
	_Atomic uint64_t *words;
	uint32_t words_count;
};

struct peal_farline {
	int fd; /* -1 = none */
	uint32_t own_count;
	struct peal_farline_region own[PEAL_FARLINE_REGIONS_MAX];
	uint32_t others_count;
	struct peal_farline_region others[PEAL_FARLINE_REGIONS_MAX];
	uint32_t received_size; /* of the state that is coming */
	uint8_t received[PEAL_FARLINE_BYTES_MAX];
	uint64_t sent_at_ns;
	bool is_closed; /* by the other side */
};

/* True when `place` has the form that listen and connect take, and a port, if any, of 1 to 65535.
 */
bool peal_farline_is_place(const char *place);

/* The same in words, for who asked for another. */
#define PEAL_FARLINE_PLACE_EXPECTED                                                                \
	"HOST or HOST:PORT with a port from 1 to 65535, such as 10.0.0.2:7411 or [fd00::1]:7411"

/* Listens at "HOST:PORT", "HOST" or ":PORT", or everywhere. -1 with a sentence. */
int peal_farline_listen(const char *place, struct peal_sentence *error);

/* Waits for one that connects. -1 after Ctrl-C or with a sentence. */
int peal_farline_accept(int listener, struct peal_sentence *error);

/* Connects to "HOST" or "HOST:PORT". False with a sentence. */
bool peal_farline_connect(
	struct peal_farline *line, const char *place, struct peal_sentence *error);

/* The hello, which the other side must send in 5 s. False with a sentence. */
bool peal_farline_send_hello(const struct peal_farline *line,
	const struct peal_farline_hello *hello, struct peal_sentence *error);
bool peal_farline_receive_hello(const struct peal_farline *line,
	struct peal_farline_hello *hello_out, struct peal_sentence *error);

/* Memory that this side writes, or the other one: in one order on both. Size: a multiple of 8. */
void peal_farline_share(struct peal_farline *line, bool is_own, void *memory, uint32_t size);

/*
 * Sends what this side wrote, not more often than every millisecond unless `is_urgent`, and takes
 * what came. False once the other side has closed or talks nonsense.
 */
bool peal_farline_pump(struct peal_farline *line, bool is_urgent);

void peal_farline_close(struct peal_farline *line);

#endif
