/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAMAGES_H
#define DAMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_image.h"

/*
 * What disks, file systems and operators do to the files of a log, by chance
 * that follows from a seed, and which offsets may be lost by it.
 */

#define DAMAGE_LOG "/log"
#define DAMAGE_OTHER "/other"
#define DAMAGE_TOPIC "shop"
#define DAMAGE_SUBSCRIPTION "s"
#define DAMAGE_ELSE "else" /* another topic of the log */
#define DAMAGE_FOREIGN_CURSOR DAMAGE_LOG "/subscriptions/t/" DAMAGE_ELSE "@0"
#define DAMAGE_SEGMENTS_MAX 32
#define DAMAGE_RANGES_MAX 64

struct damage_range {
	uint64_t from;
	uint64_t to;
};

struct damages {
	struct log_image *image; /* what is damaged */
	uint64_t random;
	/* Segments of the topic as they were: where each begins, the log's end
	 * at last. */
	uint64_t bases[DAMAGE_SEGMENTS_MAX + 1];
	size_t segment_count;
	bool is_moved[DAMAGE_SEGMENTS_MAX];

	struct damage_range touched[DAMAGE_RANGES_MAX];
	size_t touched_count;
	bool header; /* of a segment, and it may be both copies */
	bool cursor;
	bool state;
	bool identity;
	bool registration;
	char text[512]; /* for people */
};

uint64_t damage_random(struct damages *damages, uint64_t below);

/* image is that of DAMAGE_LOG and DAMAGE_OTHER; end: of the topic's records. */
void damages_init(struct damages *damages, struct log_image *image,
	uint64_t end, uint64_t seed);

/* Does one thing of all that there are. */
void damages_add(struct damages *damages);

/* The log ends after so many bytes of records. */
void damages_cut(struct damages *damages, uint64_t length);

/* Whether some of the offsets [from, to) were touched. */
bool damages_touch(const struct damages *damages, uint64_t from, uint64_t to);

#endif /* DAMAGES_H */
