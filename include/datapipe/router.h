/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_ROUTER_H
#define DATAPIPE_ROUTER_H

/**
 * @file
 * Rules that say to which topics an event goes.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/** Rules, asked in the order in which they were added. */
typedef struct dp_router dp_router;

/** Drop the events that match, and count them. */
#define DP_RULE_DROP (1u << 0)
/** Ask the rules after this one, too. */
#define DP_RULE_CONTINUE (1u << 1)

/**
 * One rule. An event matches if each field that is not NULL matches; in
 * patterns, '*' stands for any run of characters.
 */
typedef struct dp_rule {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Pattern of the topic that it comes from. */
	const char *topic;
	/** Pattern of its type. */
	const char *type;
	/** Pattern of its source. */
	const char *source;
	/** Name of any attribute but id and time; it must be there. */
	const char *attribute;
	/** Pattern of that attribute's value. */
	const char *value;
	/** Topic that it goes to. Required, except with #DP_RULE_DROP. */
	const char *to;
	/** Any of DP_RULE_*. */
	uint32_t flags;
} dp_rule;

/** Initializer of #dp_rule. */
#define DP_RULE_INIT \
	{ \
		sizeof(dp_rule), NULL, NULL, NULL, NULL, NULL, NULL, 0 \
	}

/**
 * Makes a router.
 *
 * @param ret_router     receives the router; untouched on failure
 * @param rt             runtime; must outlive the router
 * @param default_topic  where events go that no rule matches. NULL: they
 *                       become dead letters
 * @param err            why, or NULL
 * @errors               DP_EINVAL, DP_ENOMEM
 * @owns                 the caller, until a pipeline takes it
 * @thread               any
 * @since                0.1
 */
DP_API DP_NODISCARD dp_status dp_router_new(dp_router **ret_router,
	dp_runtime *rt, const char *default_topic, dp_error **err);

/**
 * Adds a rule after all others.
 *
 * @param router  router that no pipeline has taken yet
 * @param rule    copied
 * @param err     why, or NULL
 * @errors        DP_EINVAL, DP_EABI, DP_ENOMEM
 * @thread        owner
 * @since         0.1
 */
DP_API DP_NODISCARD dp_status dp_router_add_rule(
	dp_router *router, const dp_rule *rule, dp_error **err);

/**
 * Frees a router that no pipeline took.
 *
 * @param router  router, or NULL
 * @thread        any, but only one
 * @since         0.1
 */
DP_API void dp_router_free(dp_router *router);

DP_END_DECLS

#endif /* DATAPIPE_ROUTER_H */
