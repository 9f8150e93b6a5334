/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_CLAIM_H
#define DPI_HUB_LOG_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/log/log_hub.h"

/*
 * Who reads what: the openings of subscriptions and the partitions that each
 * of them holds, as locked bytes of DIRECTORY/readers. The kernel gives them
 * back when a process dies.
 *
 * An opening holds one of the subscription's seats, so that the others can
 * count how many share its partitions. One more byte is held while a
 * subscription is made or deleted.
 *
 * Whoever takes a seat, leaves it or gives a partition back has all look
 * again, by the layout in news.h. Of death the watch tells (watch.h).
 */

/* Most openings of one subscription at the same time. */
#define DPI_CLAIM_SEATS 256u

typedef struct dpi_claims {
	dpi_log_hub *hub;
	char name[DPI_NAME_MAX + 1];
	char topics[DPI_NAME_MAX + 1];
	dpi_locks locks;
	uint32_t seat;
} dpi_claims;

/*
 * Opens a subscription, and makes it if it is new.
 *
 * Errors: DP_EEXIST   it is known with another pattern
 *         DP_ELOCKED  all seats are taken
 *         DP_ECORRUPT, DP_EIO, DP_EDENIED, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_claims_open(dpi_claims *ret, dpi_log_hub *hub,
	const char *name, const dp_subscription_options *opts, dp_error **err);
/* Gives back what is held. In a child after fork() it frees memory only. */
void dpi_claims_close(dpi_claims *claims);

/* Has a cursor ready for the next partition, so that a full disk can be read
 * and with that be freed: the last one may have been taken. */
void dpi_claims_reserve(const dpi_claims *claims);

/* The file of the locks: closed by who closes a subscription, or dies. */
void dpi_claims_path(char *buf, const dpi_log_hub *hub);

/* How many openings there are, this one included. Errors: DP_EIO. */
DP_NODISCARD dp_status dpi_claims_openers(
	const dpi_claims *claims, size_t *ret, dp_error **err);

/* As dpi_locks_take(). */
DP_NODISCARD dp_status dpi_claims_take(dpi_claims *claims,
	const dpi_partition_name *partition, dp_error **err);
void dpi_claims_give(dpi_claims *claims, const dpi_partition_name *partition);

/* As dp_subscription_delete(). */
DP_NODISCARD dp_status dpi_log_unsubscribe(
	dp_hub *hub, const char *name, dp_error **err);

#endif /* DPI_HUB_LOG_CLAIM_H */
