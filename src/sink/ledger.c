/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/ledger.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Processes of one job at a time. */
#define SLOTS_MAX 1000

#define LIST_MAX ((size_t)16 << 20)

void dpi_ledger_init(dpi_ledger *ledger, dp_store *store)
{
	*ledger = (dpi_ledger){.store = store};
}

static dp_status claim_slot(
	dp_store *store, const char *folder, dpi_claim **ret, dp_error **err)
{
	char name[DPI_SLOT_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s/lock", folder);
	return store->ops->claim(store, name, ret, err);
}

/* The first slot that no live process has, made if need be. */
static dp_status claim_free(dpi_ledger *ledger, dp_error **err)
{
	dp_store *store = ledger->store;

	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		char number[16];
		dp_status st;

		(void)snprintf(number, sizeof(number), "%u", i);
		dpi_job_slot_init(&ledger->slot, store, ledger->job, number);
		st = store->ops->make_folder(store, ledger->slot.folder, err);
		if (st == DP_OK) {
			st = claim_slot(store, ledger->slot.folder,
				&ledger->claim, err);
		}
		if (st != DP_ELOCKED) {
			return st;
		}
		dpi_error_clear(err);
	}
	return dpi_error_set(err, DP_ELOCKED,
		"all %d slots of job '%s' are in use", SLOTS_MAX, ledger->job);
}

dp_status dpi_ledger_open(dpi_ledger *ledger, const char *job, dp_error **err)
{
	dp_status st;

	if (!dpi_name_valid(job, sizeof(ledger->job) - 1)) {
		return dpi_error_set(err, DP_EINVAL,
			"job '%.120s' is not 1 to 100 of [A-Za-z0-9._-]", job);
	}
	memcpy(ledger->job, job, strlen(job) + 1);
	st = claim_free(ledger, err);
	if (st == DP_OK) {
		st = dpi_job_slot_recover(&ledger->slot, err);
		if (st != DP_OK) {
			dpi_ledger_close(ledger);
		}
	}
	return st;
}

void dpi_ledger_close(dpi_ledger *ledger)
{
	if (ledger->claim != NULL) {
		dpi_job_slot_fini(&ledger->slot);
		ledger->store->ops->unclaim(ledger->store, ledger->claim);
		ledger->claim = NULL;
	}
}

/*
 * Of a live process only what it says is read. It may still move, but not in
 * partitions that it gave away before we asked.
 */
static dp_status ask_other(dpi_job_slot *slot, dp_error **err)
{
	dp_store *store = slot->store;
	dpi_claim *claim;
	dp_status st = claim_slot(store, slot->folder, &claim, err);

	if (st == DP_OK) {
		st = dpi_job_slot_recover(slot, err);
		store->ops->unclaim(store, claim);
		return st;
	}
	if (st == DP_ELOCKED) {
		return dpi_job_slot_peek(slot, err);
	}
	return st;
}

static dp_status add_other(dpi_ledger *ledger, const char *number,
	dp_positions *ret, dp_error **err)
{
	dpi_job_slot slot;
	dp_status st;

	dpi_job_slot_init(&slot, ledger->store, ledger->job, number);
	if (strcmp(slot.folder, ledger->slot.folder) == 0) {
		dpi_job_slot_fini(&slot);
		return DP_OK;
	}
	st = ask_other(&slot, err);
	if (st == DP_OK && dpi_positions_merge(ret, &slot.positions) != DP_OK) {
		st = dpi_error_set(err, DP_ENOMEM,
			"no memory for the positions in %s", slot.folder);
	}
	dpi_job_slot_fini(&slot);
	return st;
}

static bool is_number(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size < 10 && strspn(text, "0123456789") == size;
}

static dp_status add_others(
	dpi_ledger *ledger, dp_positions *ret, dp_error **err)
{
	dp_store *store = ledger->store;
	char folder[DPI_SLOT_NAME_MAX];
	const char *const *numbers = NULL;
	size_t count = 0;
	dpi_arena arena;
	dp_status st;

	dpi_arena_init(&arena, ledger->slot.alloc, LIST_MAX);
	(void)snprintf(folder, sizeof(folder), "_commits/%s", ledger->job);
	st = store->ops->list(store, folder, &arena, &numbers, &count, err);
	for (size_t i = 0; i < count && st == DP_OK; i++) {
		if (is_number(numbers[i])) {
			st = add_other(ledger, numbers[i], ret, err);
		}
	}
	dpi_arena_fini(&arena);
	return st;
}

dp_status dpi_ledger_positions(
	dpi_ledger *ledger, dp_positions *ret, dp_error **err)
{
	if (dpi_positions_merge(ret, &ledger->slot.positions) != DP_OK) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for the positions of job '%s'", ledger->job);
	}
	return add_others(ledger, ret, err);
}
