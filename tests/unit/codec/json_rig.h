/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_RIG_H
#define JSON_RIG_H

#include <datapipe/codec.h>

#include "base/bytes.h"
#include "set_builder.h"
#include "test_heap.h"

/* The bytes of a literal, NULs included. */
#define BYTES(literal) \
	{ \
		(literal), sizeof(literal) - 1 \
	}

/*
 * A codec of `t.M`, which has a field of each construct; fields are declared
 * in another order than their numbers have. `p.P` is proto2.
 */
struct json_rig {
	struct test_heap heap;
	dp_schema *schema;
	dp_codec *codec;
	dp_error *err;
};

void json_rig_init(
	struct json_rig *rig, const char *type, const dp_codec_options *opts);
void json_rig_fini(struct json_rig *rig);

/* The text of a message, or what is wrong with it; until the next call. */
const char *json_rig_text(struct json_rig *rig, dp_bytes wire);

/*
 * The message in canonical form, in digits of base 16, or what is wrong with it;
 * until the next call.
 */
const char *json_rig_wire(struct json_rig *rig, dp_bytes wire);
/* The same of what JSON is read into. */
const char *json_rig_again(struct json_rig *rig, const char *json);

#endif /* JSON_RIG_H */
