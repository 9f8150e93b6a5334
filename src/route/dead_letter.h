/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_DEAD_LETTER_H
#define DPI_ROUTE_DEAD_LETTER_H

#include <stdbool.h>

#include "route/hop.h"
#include "route/intake.h"

/*
 * Events that a job gives up on, on their way into its topic of dead letters:
 * the original id, attributes and payload, and beside them
 *
 *   dpjob        name of the job
 *   dpcause      name of the status with which it was refused, "crash" if it
 *                ended its process, or "unmatched" if no rule took it
 *   dpmessage    one line for a person
 *   dpattempts   how often it was tried
 *   dpfirstfail  when it first failed, as far as this process knows
 *   dptopic, dppartition, dpoffset  where it was read from
 *
 * Exactly once, although the events between two dead letters are taken by
 * another destination, which may forget them in a crash: so "all below this
 * offset" does not say enough. Each dead letter that the job would meet again
 * if it began anew has a slot of its own, 0, 1, 2, ..., and the slot is part of
 * the key of its source place. Whoever takes the partition over asks the
 * target slot by slot until one was never used, and then knows each of these
 * letters. Once the job's beginning has moved past them, the slots start from
 * 0 again.
 */

/* A job finishes what it has in hand when so many slots are in use. */
#define DPI_DEAD_SLOTS 256u

typedef struct dpi_dead_letters {
	dpi_hop hop;
	const char *topic;
} dpi_dead_letters;

/* Why an event is given up. */
typedef struct dpi_death {
	const char *job;
	const char *cause;
	const char *message; /* "" if there is nothing to say */
	uint32_t attempts;
	dp_time_ns first_fail; /* wall clock */
} dpi_death;

/* Takes no partition of topic before there is a letter. Borrows the name. */
DP_NODISCARD dp_status dpi_dead_letters_init(
	dpi_dead_letters *dead, dp_hub *hub, const char *topic, dp_error **err);
void dpi_dead_letters_fini(dpi_dead_letters *dead);

/* Asks which events of intake at or after from are dead letters already. */
DP_NODISCARD dp_status dpi_dead_letters_learn(dpi_dead_letters *dead,
	dpi_intake *intake, dp_offset from, dp_error **err);

/* Stages a letter; errors as dpi_hop_stage(). */
DP_NODISCARD dp_status dpi_dead_letters_stage(dpi_dead_letters *dead,
	dpi_intake *intake, const dp_message *msg, const dpi_death *death,
	dp_error **err);

#endif /* DPI_ROUTE_DEAD_LETTER_H */
