/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_ROUTER_H
#define DPI_ROUTE_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/message.h>
#include <datapipe/router.h>

/*
 * A router as a job sees it: topics with numbers, and for each event the
 * numbers of those that it goes to. Deciding allocates nothing and writes to
 * the caller's memory only, so any number of threads may do it.
 */

typedef enum dpi_verdict {
	DPI_VERDICT_ROUTED,
	DPI_VERDICT_DROPPED,  /* by a rule */
	DPI_VERDICT_UNMATCHED /* no rule, and no default topic */
} dpi_verdict;

/* Topics that rules and the default name, each once. */
size_t dpi_router_topic_count(const dp_router *router);
const char *dpi_router_topic(const dp_router *router, size_t index);

/*
 * Stores the numbers of the topics that msg goes to, each once, in topics[],
 * which has room for dpi_router_topic_count(), and their count if it is
 * routed.
 */
dpi_verdict dpi_router_decide(const dp_router *router, const dp_message *msg,
	size_t *topics, size_t *ret_count);

/*
 * A number that changes with any rule: what a job has appended to a topic says
 * how far it got under the same rules only.
 */
uint64_t dpi_router_fingerprint(const dp_router *router);

#endif /* DPI_ROUTE_ROUTER_H */
