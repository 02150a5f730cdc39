/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_late.h"

#define HALVINGS_MAX 32U

void
peal_abcast_late_await(struct peal_abcast_late *late, uint64_t since_ns)
{
	if (late->since_ns == 0) {
		late->since_ns = since_ns;
	}
}

void
peal_abcast_late_come(
	struct peal_abcast_late *late, uint64_t least_ns, uint64_t most_ns, uint64_t now_ns)
{
	uint64_t known_ns, waited_ns;

	if (late->since_ns == 0) {
		return;
	}
	known_ns = peal_abcast_late_ns(late, now_ns);
	waited_ns = now_ns > late->since_ns ? now_ns - late->since_ns : 0;
	waited_ns = waited_ns < most_ns ? waited_ns : most_ns;
	late->since_ns = 0;
	if (waited_ns > known_ns) {
		uint64_t ceiling_ns = 2U * known_ns + least_ns;

		late->late_ns = waited_ns < ceiling_ns ? waited_ns : ceiling_ns;
		late->known_at_ns = now_ns;
	}
}

void
peal_abcast_late_forget(struct peal_abcast_late *late)
{
	late->since_ns = 0;
}

uint64_t
peal_abcast_late_ns(const struct peal_abcast_late *late, uint64_t now_ns)
{
	uint64_t halvings = now_ns > late->known_at_ns
				    ? (now_ns - late->known_at_ns) / PEAL_ABCAST_LATE_HALF_NS
				    : 0;

	return halvings > HALVINGS_MAX ? 0 : late->late_ns >> halvings;
}
