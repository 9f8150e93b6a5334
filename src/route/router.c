/* SPDX-License-Identifier: Apache-2.0 */
#include "route/router.h"

#include <stdbool.h>
#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "io/runtime.h"

#define RULES_MAX_BYTES ((size_t)64 << 20)
#define TOPIC_MAX 200
#define KNOWN_FLAGS (DP_RULE_DROP | DP_RULE_CONTINUE)

typedef struct topic {
	const char *name;
	size_t index;
	struct topic *next;
} topic;

typedef struct rule {
	dp_rule is; /* its strings are the router's */
	const topic *to;
	struct rule *next;
} rule;

struct dp_router {
	dp_runtime *rt;
	dpi_arena arena; /* of all below */
	rule *rules;
	rule **rules_end;
	topic *topics;
	topic **topics_end;
	size_t topic_count;
	const topic *fallback;
	uint64_t fingerprint;
};

static const topic *find_topic(const dp_router *router, const char *name)
{
	for (const topic *t = router->topics; t != NULL; t = t->next) {
		if (strcmp(t->name, name) == 0) {
			return t;
		}
	}
	return NULL;
}

/* The topic of this name, made if need be; NULL if out of memory. */
static const topic *get_topic(dp_router *router, const char *name)
{
	const topic *known = find_topic(router, name);
	topic *made;

	if (known != NULL) {
		return known;
	}
	made = dpi_arena_zalloc(&router->arena, 1, sizeof(*made));
	if (made == NULL) {
		return NULL;
	}
	made->name = dpi_arena_dup(&router->arena, name, strlen(name));
	if (made->name == NULL) {
		return NULL;
	}
	made->index = router->topic_count++;
	*router->topics_end = made;
	router->topics_end = &made->next;
	return made;
}

/* The final NUL is hashed, so that texts cannot run together. */
static void add_to_fingerprint(dp_router *router, const char *text)
{
	if (text == NULL) {
		router->fingerprint = dpi_hash64(router->fingerprint, "\1", 2);
	} else {
		router->fingerprint =
			dpi_hash64(router->fingerprint, text, strlen(text) + 1);
	}
}

static dp_status check_topic(const char *name, dp_error **err)
{
	if (!dpi_name_valid(name, TOPIC_MAX)) {
		return dpi_error_set(err, DP_EINVAL,
			"'%.256s' is no topic: use 1 to %d of [A-Za-z0-9._-]",
			name, TOPIC_MAX);
	}
	return DP_OK;
}

static dp_status set_fallback(
	dp_router *router, const char *name, dp_error **err)
{
	dp_status st;

	add_to_fingerprint(router, name);
	if (name == NULL) {
		return DP_OK;
	}
	st = check_topic(name, err);
	if (st != DP_OK) {
		return st;
	}
	router->fallback = get_topic(router, name);
	return router->fallback != NULL
		? DP_OK
		: dpi_error_set(err, DP_ENOMEM, "no memory for a router");
}

dp_status dp_router_new(dp_router **ret_router, dp_runtime *rt,
	const char *default_topic, dp_error **err)
{
	dp_router *router;
	dp_status st;

	if (ret_router == NULL || rt == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "ret_router or rt of a router is NULL");
	}
	st = dpi_runtime_check(rt, err);
	if (st != DP_OK) {
		return st;
	}
	router = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*router));
	if (router == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a router");
	}
	router->rt = rt;
	router->rules_end = &router->rules;
	router->topics_end = &router->topics;
	dpi_arena_init(&router->arena, dpi_runtime_alloc(rt), RULES_MAX_BYTES);
	st = set_fallback(router, default_topic, err);
	if (st != DP_OK) {
		dp_router_free(router);
		return st;
	}
	*ret_router = router;
	return DP_OK;
}

static dp_status check_rule(const dp_rule *given, dp_error **err)
{
	if ((given->flags & ~KNOWN_FLAGS) != 0) {
		return dpi_error_set(err, DP_EINVAL,
			"rule has unknown flags 0x%x",
			(unsigned)(given->flags & ~KNOWN_FLAGS));
	}
	if (given->flags == KNOWN_FLAGS) {
		return dpi_error_set(err, DP_EINVAL,
			"rule both drops and continues: take one flag");
	}
	if ((given->flags & DP_RULE_DROP) != 0) {
		if (given->to != NULL) {
			return dpi_error_set(err, DP_EINVAL,
				"rule drops events and sends them to '%.256s': "
				"take one",
				given->to);
		}
	} else if (given->to == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"rule names no topic to send events to");
	}
	if (given->value != NULL && given->attribute == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"rule has a value '%.256s' but no attribute",
			given->value);
	}
	return given->to != NULL ? check_topic(given->to, err) : DP_OK;
}

/* Has *text point to a copy of it. */
static bool keep_text(dp_router *router, const char **text)
{
	if (*text != NULL) {
		*text = dpi_arena_dup(&router->arena, *text, strlen(*text));
		return *text != NULL;
	}
	return true;
}

static rule *copy_rule(dp_router *router, const dp_rule *given)
{
	rule *copy = dpi_arena_zalloc(&router->arena, 1, sizeof(*copy));

	if (copy == NULL) {
		return NULL;
	}
	copy->is = *given;
	if (!keep_text(router, &copy->is.topic) ||
		!keep_text(router, &copy->is.type) ||
		!keep_text(router, &copy->is.source) ||
		!keep_text(router, &copy->is.attribute) ||
		!keep_text(router, &copy->is.value)) {
		return NULL;
	}
	if (given->to != NULL) {
		copy->to = get_topic(router, given->to);
		copy->is.to = copy->to != NULL ? copy->to->name : NULL;
	}
	return given->to == NULL || copy->to != NULL ? copy : NULL;
}

static void add_rule_to_fingerprint(dp_router *router, const dp_rule *added)
{
	const char *texts[] = {added->topic, added->type, added->source,
		added->attribute, added->value, added->to};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		add_to_fingerprint(router, texts[i]);
	}
	router->fingerprint = dpi_hash64(
		router->fingerprint, &added->flags, sizeof(added->flags));
}

dp_status dp_router_add_rule(
	dp_router *router, const dp_rule *given, dp_error **err)
{
	dp_rule whole;
	rule *added;
	dp_status st;

	if (router == NULL || given == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "router or rule to add is NULL");
	}
	st = dpi_adopt(&whole, sizeof(whole), given,
		DPI_SIZE_UP_TO(dp_rule, flags), "rules", "DP_RULE_INIT", err);
	if (st == DP_OK) {
		st = check_rule(&whole, err);
	}
	if (st != DP_OK) {
		return st;
	}
	added = copy_rule(router, &whole);
	if (added == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a rule");
	}
	add_rule_to_fingerprint(router, &added->is);
	*router->rules_end = added;
	router->rules_end = &added->next;
	return DP_OK;
}

void dp_router_free(dp_router *router)
{
	if (router == NULL) {
		return;
	}
	dpi_arena_fini(&router->arena);
	dpi_free(dpi_runtime_alloc(router->rt), router, 1, sizeof(*router));
}

size_t dpi_router_topic_count(const dp_router *router)
{
	return router->topic_count;
}

const char *dpi_router_topic(const dp_router *router, size_t index)
{
	const topic *t = router->topics;

	while (t->index != index) {
		t = t->next;
	}
	return t->name;
}

uint64_t dpi_router_fingerprint(const dp_router *router)
{
	return router->fingerprint;
}

/* What an event does not have matches no pattern, not even '*'. */
static bool text_matches(const char *pattern, dp_bytes text)
{
	return pattern == NULL ||
		(text.data != NULL && dpi_pattern_match(pattern, text));
}

static bool attribute_matches(const dp_rule *is, const dp_message *msg)
{
	dp_bytes text;

	if (is->attribute == NULL) {
		return true;
	}
	text = dp_message_attribute_by_name(msg, is->attribute);
	return text.data != NULL && text_matches(is->value, text);
}

static bool rule_matches(const dp_rule *is, const dp_message *msg)
{
	return text_matches(is->topic, dpi_bytes_text(dp_message_topic(msg))) &&
		text_matches(
			is->type, dp_message_attribute(msg, DP_ATTR_TYPE)) &&
		text_matches(is->source,
			dp_message_attribute(msg, DP_ATTR_SOURCE)) &&
		attribute_matches(is, msg);
}

static size_t add_once(size_t *topics, size_t count, size_t index)
{
	for (size_t i = 0; i < count; i++) {
		if (topics[i] == index) {
			return count;
		}
	}
	topics[count] = index;
	return count + 1;
}

dpi_verdict dpi_router_decide(const dp_router *router, const dp_message *msg,
	size_t *topics, size_t *ret_count)
{
	size_t count = 0;

	for (const rule *r = router->rules; r != NULL; r = r->next) {
		if (!rule_matches(&r->is, msg)) {
			continue;
		}
		if (r->to != NULL) {
			count = add_once(topics, count, r->to->index);
		} else if (count == 0) {
			return DPI_VERDICT_DROPPED;
		}
		if ((r->is.flags & DP_RULE_CONTINUE) == 0) {
			break;
		}
	}
	if (count == 0 && router->fallback != NULL) {
		topics[count++] = router->fallback->index;
	}
	*ret_count = count;
	return count > 0 ? DPI_VERDICT_ROUTED : DPI_VERDICT_UNMATCHED;
}
