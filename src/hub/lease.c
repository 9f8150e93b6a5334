/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/lease.h"

#include <assert.h>

#include "base/alloc.h"

#define CAPACITY_LEAST 64u

void dpi_leases_init(dpi_leases *leases, const dp_allocator *alloc)
{
	*leases = (dpi_leases){
		.alloc = alloc,
		.next_expiry = DP_FOREVER,
		.next_due = DP_FOREVER,
	};
}

void dpi_leases_fini(dpi_leases *leases)
{
	if (leases->slots != NULL) {
		dpi_free(leases->alloc, leases->slots, leases->capacity,
			sizeof(*leases->slots));
	}
}

dp_status dpi_leases_reserve(dpi_leases *leases, size_t extra)
{
	size_t wanted = leases->count + extra;
	size_t capacity = CAPACITY_LEAST;
	dpi_lease *slots;

	if (wanted <= leases->capacity) {
		return DP_OK;
	}
	while (capacity < wanted) {
		capacity *= 2;
	}
	slots = dpi_zalloc(leases->alloc, capacity, sizeof(*slots));
	if (slots == NULL) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < leases->count; i++) {
		slots[i] = *dpi_leases_at(leases, i);
	}
	dpi_leases_fini(leases);
	leases->slots = slots;
	leases->capacity = capacity;
	leases->head = 0;
	return DP_OK;
}

static dp_time_ns earlier(dp_time_ns a, dp_time_ns b)
{
	return a < b ? a : b;
}

/* Keeps the account of a lease that comes into a state (sign 1) or leaves. */
static void account(dpi_leases *leases, const dpi_lease *lease, int sign)
{
	size_t one = sign > 0 ? 1 : SIZE_MAX;

	if (lease->state == DPI_LEASE_OUT) {
		leases->out += one;
		leases->out_bytes += one * (uint64_t)lease->size;
	} else if (lease->state == DPI_LEASE_WAITING) {
		leases->waiting += one;
	}
}

static void set_state(dpi_leases *leases, dpi_lease *lease,
	dpi_lease_state state, dp_time_ns at)
{
	account(leases, lease, -1);
	lease->state = state;
	lease->at = at;
	account(leases, lease, 1);
	if (state == DPI_LEASE_OUT) {
		leases->next_expiry = earlier(leases->next_expiry, at);
	} else if (state == DPI_LEASE_WAITING) {
		leases->next_due = earlier(leases->next_due, at);
	}
}

void dpi_leases_push(dpi_leases *leases, dp_offset offset, uint32_t size,
	uint32_t attempt, dp_time_ns deadline)
{
	dpi_lease *lease;

	assert(leases->count < leases->capacity);
	lease = dpi_leases_at(leases, leases->count++);
	*lease = (dpi_lease){
		.offset = offset,
		.at = deadline,
		.size = size,
		.attempt = attempt,
		.state = DPI_LEASE_OUT,
	};
	account(leases, lease, 1);
	leases->next_expiry = earlier(leases->next_expiry, deadline);
}

void dpi_leases_unpush(dpi_leases *leases, size_t n)
{
	while (n-- > 0) {
		account(leases, dpi_leases_at(leases, --leases->count), -1);
	}
}

size_t dpi_leases_find(dpi_leases *leases, dp_offset offset)
{
	size_t low = 0;
	size_t high = leases->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dpi_leases_at(leases, middle)->offset < offset) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

void dpi_leases_finish(dpi_leases *leases, dpi_lease *lease)
{
	set_state(leases, lease, DPI_LEASE_FINISHED, 0);
}

void dpi_leases_give_back(dpi_leases *leases, dpi_lease *lease, dp_time_ns due)
{
	set_state(leases, lease, DPI_LEASE_WAITING, due);
}

void dpi_leases_hand_over(
	dpi_leases *leases, dpi_lease *lease, dp_time_ns deadline)
{
	lease->attempt++;
	set_state(leases, lease, DPI_LEASE_OUT, deadline);
}

void dpi_leases_extend(
	dpi_leases *leases, dpi_lease *lease, dp_time_ns deadline)
{
	set_state(leases, lease, DPI_LEASE_OUT, deadline);
}

void dpi_leases_trim(dpi_leases *leases)
{
	while (leases->count > 0 &&
		dpi_leases_at(leases, 0)->state == DPI_LEASE_FINISHED) {
		leases->head = (leases->head + 1) & (leases->capacity - 1);
		leases->count--;
	}
}

void dpi_leases_expire(dpi_leases *leases, dp_time_ns now)
{
	if (now < leases->next_expiry) {
		return;
	}
	leases->next_expiry = DP_FOREVER;
	for (size_t i = 0; i < leases->count; i++) {
		dpi_lease *lease = dpi_leases_at(leases, i);

		if (lease->state != DPI_LEASE_OUT) {
			continue;
		}
		if (lease->at <= now) {
			dpi_leases_give_back(leases, lease, now);
		} else {
			leases->next_expiry =
				earlier(leases->next_expiry, lease->at);
		}
	}
}

static bool is_due(const dpi_lease *lease, dp_time_ns now)
{
	return lease->state == DPI_LEASE_WAITING && lease->at <= now;
}

size_t dpi_leases_due(
	dpi_leases *leases, dp_time_ns now, size_t max, size_t *ret_index)
{
	dp_time_ns next_due = DP_FOREVER;
	size_t n = 0;
	size_t i = 0;

	if (leases->waiting == 0 || now < leases->next_due) {
		return 0;
	}
	while (i < leases->count && !is_due(dpi_leases_at(leases, i), now)) {
		const dpi_lease *lease = dpi_leases_at(leases, i++);

		if (lease->state == DPI_LEASE_WAITING) {
			next_due = earlier(next_due, lease->at);
		}
	}
	*ret_index = i;
	while (n < max && i + n < leases->count &&
		is_due(dpi_leases_at(leases, i + n), now)) {
		n++;
	}
	if (n == 0) {
		leases->next_due = next_due;
	}
	return n;
}
