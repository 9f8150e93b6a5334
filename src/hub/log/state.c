/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/state.h"

#include <string.h>

#include "base/text.h"
#include "hub/log/page.h"

/* "dpstate1", as the bytes of a little-endian number. */
#define MAGIC UINT64_C(0x3165746174737064)

static uint64_t key_of(const dpi_segment_owner *owner)
{
	uint64_t key;

	key = dpi_hash64(owner->name.partition, owner->uuid, DPI_LOG_UUID_SIZE);
	return dpi_hash64(key, owner->name.topic, strlen(owner->name.topic));
}

dp_status dpi_log_state_map(dpi_log_state **ret, const dpi_os *os,
	const char *directory, const dpi_partition_name *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st;
	void *page;

	dpi_log_partition_path(path, directory, name, "state");
	st = dpi_log_page_map(&page, os, path, err);
	if (st == DP_OK) {
		*ret = page;
	}
	return st;
}

void dpi_log_state_unmap(dpi_log_state *state, const dpi_os *os)
{
	dpi_log_page_unmap(state, os);
}

bool dpi_log_state_is_of(
	const dpi_log_state *state, const dpi_segment_owner *owner)
{
	return atomic_load_explicit(&state->magic, memory_order_acquire) ==
		MAGIC &&
		atomic_load_explicit(&state->key, memory_order_relaxed) ==
		key_of(owner);
}

void dpi_log_state_reset(dpi_log_state *state, const dpi_segment_owner *owner)
{
	atomic_store_explicit(&state->magic, 0, memory_order_relaxed);
	atomic_store_explicit(&state->key, key_of(owner), memory_order_relaxed);
	atomic_store_explicit(&state->epoch, 0, memory_order_relaxed);
	atomic_store_explicit(&state->base, 0, memory_order_relaxed);
	atomic_store_explicit(&state->written, 0, memory_order_relaxed);
	atomic_store_explicit(&state->durable, 0, memory_order_relaxed);
	atomic_store_explicit(&state->pid, 0, memory_order_relaxed);
	atomic_store_explicit(&state->magic, MAGIC, memory_order_release);
}

/* Whoever raises the epoch stores another value then: what was there before is
 * either still right, or changed. */
bool dpi_log_state_store(dpi_log_state *state, uint64_t epoch,
	_Atomic uint64_t *word, uint64_t value)
{
	uint64_t seen = atomic_load(word);

	do {
		if (atomic_load(&state->epoch) != epoch) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(word, &seen, value));
	return true;
}
