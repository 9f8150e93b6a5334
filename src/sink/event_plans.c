/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/event_plans.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "sink/event_schemas.h"

void dpi_event_plans_init(dpi_event_plans *plans, const dp_allocator *alloc,
	dp_registry *reg, dpi_target target)
{
	*plans = (dpi_event_plans){
		.alloc = alloc, .reg = reg, .target = target, .next_id = 1};
}

static void drop_plan(dpi_event_plan *plan)
{
	dpi_plan_free(plan->plan);
	dp_schema_unref(plan->schema);
}

static size_t claim_size(size_t type_size, size_t fingerprint_size)
{
	return type_size + 1 + fingerprint_size + 1;
}

static void drop_claim(dpi_event_plans *plans, dpi_event_claim *claim)
{
	dpi_free(plans->alloc, claim->text,
		claim_size(claim->type_size, claim->fingerprint_size), 1);
}

void dpi_event_plans_fini(dpi_event_plans *plans)
{
	for (size_t i = 0; i < plans->plan_count; i++) {
		drop_plan(&plans->plans[i]);
	}
	for (size_t i = 0; i < plans->claim_count; i++) {
		drop_claim(plans, &plans->claims[i]);
	}
}

void dpi_event_plans_begin(dpi_event_plans *plans)
{
	plans->batch++;
}

bool dpi_event_plans_refuses(dp_status st)
{
	return st == DP_ESCHEMA || st == DP_ENOTFOUND || st == DP_ETOOBIG;
}

static bool is_protobuf(dp_bytes type)
{
	static const char *const names[] = {
		"application/protobuf",
		"application/x-protobuf",
		"application/vnd.google.protobuf",
	};
	const char *end;

	if (dpi_bytes_equal(type, dpi_bytes_text(names[0]))) {
		return true;
	}
	end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
	if (end != NULL) {
		type.size = (size_t)(end - (const char *)type.data);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (dpi_bytes_equal(type, dpi_bytes_text(names[i]))) {
			return true;
		}
	}
	return type.data == NULL;
}

/* Bytes of another kind may well look like some protobuf. */
static dp_status check_content(const dp_message *msg, dp_error **err)
{
	dp_bytes type = dp_message_attribute(msg, DP_ATTR_DATACONTENTTYPE);

	if (is_protobuf(type)) {
		return DP_OK;
	}
	return dpi_error_set(err, DP_ESCHEMA,
		"the payload is '%.*s', not application/protobuf",
		(int)(type.size < 100 ? type.size : 100),
		(const char *)type.data);
}

static bool is_claim_of(
	const dpi_event_claim *claim, dp_bytes type, dp_bytes fingerprint)
{
	return claim->type_size == type.size &&
		claim->fingerprint_size == fingerprint.size &&
		memcmp(claim->text, type.data, type.size) == 0 &&
		(fingerprint.size == 0 ||
			memcmp(claim->text + type.size + 1, fingerprint.data,
				fingerprint.size) == 0);
}

static dpi_event_plan *find_plan(dpi_event_plans *plans, uint64_t id)
{
	for (size_t i = 0; i < plans->plan_count; i++) {
		if (plans->plans[i].id == id) {
			return &plans->plans[i];
		}
	}
	return NULL;
}

/* Room for one more: the one that was not used for longest goes. */
static dpi_event_plan *make_plan_room(dpi_event_plans *plans)
{
	dpi_event_plan *oldest = &plans->plans[0];

	if (plans->plan_count < DPI_EVENT_PLANS_MAX) {
		return &plans->plans[plans->plan_count++];
	}
	for (size_t i = 1; i < plans->plan_count; i++) {
		if (plans->plans[i].used < oldest->used) {
			oldest = &plans->plans[i];
		}
	}
	drop_plan(oldest);
	return oldest;
}

static dpi_event_claim *make_claim_room(dpi_event_plans *plans)
{
	dpi_event_claim *oldest = &plans->claims[0];

	if (plans->claim_count < DPI_EVENT_PLANS_MAX) {
		return &plans->claims[plans->claim_count++];
	}
	for (size_t i = 1; i < plans->claim_count; i++) {
		if (plans->claims[i].used < oldest->used) {
			oldest = &plans->claims[i];
		}
	}
	drop_claim(plans, oldest);
	return oldest;
}

/* Takes the reference to schema, also on failure. */
static dp_status plan_of_schema(dpi_event_plans *plans, dp_schema *schema,
	dpi_event_plan **ret, dp_error **err)
{
	dpi_event_plan *slot;
	dpi_plan *plan = NULL;
	dp_status st;

	for (size_t i = 0; i < plans->plan_count; i++) {
		if (plans->plans[i].schema == schema) {
			dp_schema_unref(schema);
			*ret = &plans->plans[i];
			return DP_OK;
		}
	}
	st = dpi_plan_new(&plan, plans->alloc, schema, plans->target, err);
	if (st != DP_OK) {
		dp_schema_unref(schema);
		return st;
	}
	slot = make_plan_room(plans);
	*slot = (dpi_event_plan){plan, schema, plans->next_id++, 0};
	*ret = slot;
	return DP_OK;
}

static dp_status look_up(dpi_event_plans *plans, dpi_event_claim *claim,
	dpi_event_plan **ret, dp_error **err)
{
	const char *fingerprint = claim->text + claim->type_size + 1;
	dp_schema *schema = NULL;
	dp_status st = claim->fingerprint_size > 0
		? dp_registry_find(
			  plans->reg, &schema, claim->text, fingerprint, err)
		: dp_registry_get(plans->reg, &schema, claim->text, 0, err);

	if (st == DP_OK) {
		st = plan_of_schema(plans, schema, ret, err);
	}
	if (st == DP_OK) {
		claim->plan_id = (*ret)->id;
		claim->batch = plans->batch;
	}
	return st;
}

static dp_status add_claim(dpi_event_plans *plans, dp_bytes type,
	dp_bytes fingerprint, uint64_t hash, dpi_event_claim **ret,
	dp_error **err)
{
	dpi_event_claim *claim;
	char *text = dpi_zalloc(
		plans->alloc, claim_size(type.size, fingerprint.size), 1);

	if (text == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a plan");
	}
	memcpy(text, type.data, type.size);
	if (fingerprint.size > 0) {
		memcpy(text + type.size + 1, fingerprint.data,
			fingerprint.size);
	}
	claim = make_claim_room(plans);
	*claim = (dpi_event_claim){.hash = hash,
		.text = text,
		.type_size = type.size,
		.fingerprint_size = fingerprint.size};
	*ret = claim;
	return DP_OK;
}

static dp_status find_claim(dpi_event_plans *plans, dp_bytes type,
	dp_bytes fingerprint, dpi_event_claim **ret, dp_error **err)
{
	uint64_t hash = dpi_hash64(dpi_hash64(0, type.data, type.size),
		fingerprint.data, fingerprint.size);

	if (type.size == 0 || memchr(type.data, '\0', type.size) != NULL) {
		return dpi_error_set(err, DP_ESCHEMA, "the event has no type");
	}
	for (size_t i = 0; i < plans->claim_count; i++) {
		if (plans->claims[i].hash == hash &&
			is_claim_of(&plans->claims[i], type, fingerprint)) {
			*ret = &plans->claims[i];
			return DP_OK;
		}
	}
	return add_claim(plans, type, fingerprint, hash, ret, err);
}

dp_status dpi_event_plans_get(dpi_event_plans *plans, const dp_message *msg,
	const dpi_event_plan **ret, dp_error **err)
{
	dp_bytes type = dp_message_attribute(msg, DP_ATTR_TYPE);
	dp_bytes fingerprint = dpi_event_fingerprint(msg);
	dpi_event_claim *claim = NULL;
	dpi_event_plan *plan = NULL;
	dp_status st = check_content(msg, err);

	if (st != DP_OK) {
		return st;
	}
	if (plans->last < plans->claim_count &&
		is_claim_of(&plans->claims[plans->last], type, fingerprint)) {
		claim = &plans->claims[plans->last];
	} else {
		st = find_claim(plans, type, fingerprint, &claim, err);
	}
	if (st != DP_OK) {
		return st;
	}
	if (claim->plan_id != 0 &&
		(claim->fingerprint_size > 0 || claim->batch == plans->batch)) {
		plan = find_plan(plans, claim->plan_id);
	}
	if (plan == NULL) {
		st = look_up(plans, claim, &plan, err);
	}
	claim->used = ++plans->clock;
	plans->last = (size_t)(claim - plans->claims);
	if (st == DP_OK) {
		plan->used = plans->clock;
		*ret = plan;
	}
	return st;
}
