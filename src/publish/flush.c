/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "base/error.h"
#include "publish/publisher.h"

/*
 * A flush waits for a count. Without a deadline, the first thread that waits
 * leads: it commits on its own thread, for itself and for those who follow,
 * which saves two wake-ups for a single durable event. Events that come while
 * it is at the disk are the next leader's.
 *
 * Each thread sleeps on the news of the round that will complete its events, so
 * that the end of one wakes nobody of the next but the one who is to lead it.
 */

dp_time_ns dpi_publisher_deadline(
	const dp_publisher *pub, dp_time_ns timeout_ns)
{
	dp_time_ns now = pub->os->monotonic(pub->os->self);

	return timeout_ns < DP_FOREVER - now ? now + timeout_ns : DP_FOREVER;
}

static uint64_t completed(const dp_publisher *pub)
{
	return pub->succeeded + pub->failed;
}

static dpi_news *news_of_next_round(dp_publisher *pub)
{
	return &pub->news[(pub->rounds + 1) % 2];
}

/* With the gate, and again at the end. */
static int await_news(dp_publisher *pub, uint64_t target, dp_time_ns deadline)
{
	dpi_news *news = target > pub->collected ? news_of_next_round(pub)
						 : &pub->news[pub->rounds % 2];
	uint32_t seen = news->word;
	int rc;

	news->waits++;
	dpi_publisher_unlock(pub);
	rc = pub->os->wait(pub->os->self, &news->word, seen, deadline);
	dpi_publisher_lock(pub);
	return rc;
}

/* Of those who came too late for a commit, one leads the next. But who has a
 * deadline does not lead. */
static void call_leader(dp_publisher *pub)
{
	dpi_news *news = news_of_next_round(pub);
	bool calls_all = pub->timed > 0;

	if (news->waits == 0) {
		return;
	}
	news->waits = calls_all ? 0 : news->waits - 1;
	__atomic_fetch_add(&news->word, 1, __ATOMIC_RELEASE);
	pub->os->wake(pub->os->self, &news->word, calls_all ? INT_MAX : 1);
}

/* With the gate, and again at the end. */
static void lead(dp_publisher *pub)
{
	pub->leading = true;
	dpi_publisher_unlock(pub);
	pub->writer->ops->commit(pub->writer);
	dpi_publisher_lock(pub);
	pub->leading = false;
	call_leader(pub);
}

/*
 * With the gate, and again at the end. After a commit of our own, what is not
 * done is held by a hub whose disk is full, or was not complete when it was
 * collected: the first comes without us, the second soon.
 */
static void commit_until(dp_publisher *pub, uint64_t target)
{
	bool has_led = false;

	while (completed(pub) < target) {
		if (pub->leading) {
			(void)await_news(pub, target, DP_FOREVER);
		} else if (has_led) {
			(void)await_news(pub, target,
				dpi_os_deadline(pub->os, DPI_LOOK_AGAIN_NS));
			has_led = false;
		} else {
			lead(pub);
			has_led = true;
		}
	}
}

/* With the gate, and again at the end. */
static void wait_until(
	dp_publisher *pub, uint64_t target, dp_time_ns timeout_ns)
{
	dp_time_ns deadline;

	if (completed(pub) >= target || timeout_ns <= 0) {
		return;
	}
	deadline = dpi_publisher_deadline(pub, timeout_ns);
	dpi_publisher_unlock(pub);
	dpi_publisher_arm(pub, pub->os->monotonic(pub->os->self));
	dpi_publisher_lock(pub);
	pub->timed++;
	while (completed(pub) < target) {
		if (await_news(pub, target, deadline) == -ETIMEDOUT) {
			break;
		}
	}
	pub->timed--;
}

uint64_t dpi_publisher_wait(dp_publisher *pub, dp_time_ns timeout_ns)
{
	uint64_t target;
	uint64_t done;

	dpi_publisher_lock(pub);
	dpi_publisher_settle(pub);
	target = pub->accepted;
	if (timeout_ns == DP_FOREVER) {
		commit_until(pub, target);
	} else {
		wait_until(pub, target, timeout_ns);
	}
	done = completed(pub);
	dpi_publisher_unlock(pub);
	return done < target ? target - done : 0;
}

/* Hands the first failure over; the next flush begins anew. */
static dp_status take_failure(dp_publisher *pub, dp_error **err)
{
	dp_error *failure;
	dp_status st;

	dpi_publisher_lock(pub);
	failure = pub->failure;
	pub->failure = NULL;
	dpi_publisher_unlock(pub);
	st = dp_error_code(failure);
	dpi_error_give(err, failure);
	return st;
}

dp_status dp_publisher_flush(
	dp_publisher *pub, dp_time_ns timeout_ns, dp_error **err)
{
	uint64_t left;
	dp_status st;

	if (pub == NULL) {
		return dpi_error_set(err, DP_EINVAL, "flush: pub is NULL");
	}
	st = dpi_runtime_check(pub->rt, err);
	if (st != DP_OK) {
		return st;
	}
	left = dpi_publisher_wait(pub, timeout_ns);
	if (left > 0) {
		return dpi_error_set(err, DP_ETIMEDOUT,
			"flush of the publisher of %s: %" PRIu64
			" events are not completed",
			pub->opts.topic, left);
	}
	return take_failure(pub, err);
}
