/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_CODEC_H
#define DATAPIPE_CODEC_H

/**
 * @file
 * Messages as ProtoJSON and in canonical form, whole or some of their fields,
 * by a schema that is known at run time: what sinks do with events, for
 * programs that want one event at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/**
 * A schema compiled, and memory to work in that is kept from event to event.
 * One thread at a time; threads that each have a codec share the schema.
 */
typedef struct dp_codec dp_codec;

/** Flags of dp_codec_options::json. */
enum {
	/** Members have the names of the fields: `user_id`, not `userId`. */
	DP_JSON_FIELD_NAMES = 1u << 0,
	/**
	 * Fields without presence are there when they are zero, and lists and
	 * maps when they are empty.
	 */
	DP_JSON_ZEROS = 1u << 1,
	/** Enums are numbers. */
	DP_JSON_ENUM_NUMBERS = 1u << 2,
	/** When it is read: members and enum values of other names are skipped. */
	DP_JSON_IGNORE_UNKNOWN = 1u << 3
};

/** Options of dp_codec_new(); 0 means the default. */
typedef struct dp_codec_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** DP_JSON_* flags. */
	uint64_t json;
	/** Most bytes of one result. 0: 64 MiB. */
	size_t limit_bytes;
	/**
	 * Paths of the only fields that results have, such as
	 * "customer.name": names of fields, through messages and lists of
	 * them. A field is there with all that is in it. Others are not
	 * decoded, and what the schema does not know is left out. NULL: all.
	 */
	const char *const *fields;
	/** How many. */
	size_t field_count;
} dp_codec_options;

/** Initializer of #dp_codec_options. */
#define DP_CODEC_OPTIONS_INIT \
	{ \
		sizeof(dp_codec_options), 0, 0, NULL, 0 \
	}

/**
 * Compiles a schema.
 *
 * @param ret_codec  receives the codec; untouched on failure
 * @param schema     schema; the codec takes a reference of its own
 * @param opts       options, or NULL
 * @param err        why, or NULL
 * @errors           DP_EINVAL  also: no field is at a path of fields
 *                   DP_EABI, DP_ENOMEM
 *                   DP_ETOOBIG  more than 500,000 fields
 * @owns             the caller, who calls dp_codec_free() before the runtime
 *                   of the schema's registry goes
 * @thread           any
 * @since            0.1
 */
DP_API DP_NODISCARD dp_status dp_codec_new(dp_codec **ret_codec,
	dp_schema *schema, const dp_codec_options *opts, dp_error **err);

/**
 * Frees a codec, and what it returned last.
 *
 * @param codec  codec, or NULL
 * @thread       any, but only one
 * @since        0.1
 */
DP_API void dp_codec_free(dp_codec *codec);

/**
 * Writes a message as ProtoJSON: one line without spaces, members by the
 * numbers of their fields, maps by their keys, text that is safe inside HTML.
 * Fields that the schema does not know are left out. An Any is shown with its
 * fields if the schema has its type.
 *
 * Once a codec has seen its largest event, this allocates nothing.
 *
 * @param codec     codec
 * @param wire      serialized message; at most 16 MiB
 * @param ret_json  receives the text, in UTF-8 and without a NUL; untouched
 *                  on failure
 * @param err       why, with the path of the field, or NULL
 * @errors          DP_ESCHEMA  not such a message; a required field is
 *                              missing; a value that JSON has no form for;
 *                              an Any of a type that the schema lacks
 *                  DP_ETOOBIG  over a limit that the message names
 *                  DP_EINVAL, DP_ENOMEM
 * @owns            the codec: the text lives until its next call
 * @thread          one at a time
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_codec_to_json(
	dp_codec *codec, dp_bytes wire, dp_bytes *ret_json, dp_error **err);

/**
 * Writes a message as wire bytes again, in one form: equal messages have equal
 * bytes, however they were written. Fields by number, each once; lists packed
 * or not as the schema says; maps by their keys; zeros without presence left
 * out; then what the schema does not know, as it came. What a parser would
 * refuse is refused: a required field that is missing, text that the schema
 * wants checked and that is not UTF-8.
 *
 * With dp_codec_options::fields the result has only these: required fields
 * that are not asked for are left out, too.
 *
 * Once a codec has seen its largest event, this allocates nothing.
 *
 * @param codec     codec
 * @param wire      serialized message; at most 16 MiB
 * @param ret_wire  receives the bytes; untouched on failure
 * @param err       why, with the path of the field, or NULL
 * @errors          DP_ESCHEMA  not such a message; a required field is
 *                              missing
 *                  DP_ETOOBIG  over a limit that the message names
 *                  DP_EINVAL, DP_ENOMEM
 * @owns            the codec: the bytes live until its next call
 * @thread          one at a time
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_codec_to_wire(
	dp_codec *codec, dp_bytes wire, dp_bytes *ret_wire, dp_error **err);

/**
 * Recovers what a sink kept in a column `_unknown`, by a schema that knows
 * more than the sink did: the fields of it as a JSON object, and the bytes
 * that are still unknown. The object has these fields only: none is missing
 * because it is required, none is there because it is zero. It is written as
 * sinks write JSON into columns, which loses nothing: what the schema does not
 * know inside of a field is a member `_unknown` there, in Base64, and an Any
 * has its bytes. #DP_JSON_ZEROS has no say in it.
 *
 * The rest is what a sink with this schema would keep: fields that it does not
 * know either, and whole those of which the object shows a part, such as a
 * Timestamp with fields that it does not have.
 *
 * Once a codec has seen its largest event, this allocates nothing.
 *
 * @param codec     codec of all fields, without dp_codec_options::fields
 * @param at        message whose `_unknown` it is: NULL or "" for the event
 *                  itself, else a path by the names of fields, through
 *                  messages, lists and maps, such as "customer.address" or
 *                  "prices.value"
 * @param unknown   bytes of the column; at most 16 MiB
 * @param ret_json  receives the object, in UTF-8 and without a NUL; untouched
 *                  on failure
 * @param ret_rest  receives what is still unknown; untouched on failure
 * @param err       why, with the path of the field, or NULL
 * @errors          DP_ESCHEMA  not such bytes; a value that JSON has no form
 *                              for; a message inside lacks a required field
 *                  DP_ETOOBIG  over a limit that the message names
 *                  DP_EINVAL   also: no message is at that path
 *                  DP_ENOMEM
 * @owns            the codec: both live until its next call
 * @thread          one at a time
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_codec_recover(dp_codec *codec, const char *at,
	dp_bytes unknown, dp_bytes *ret_json, dp_bytes *ret_rest,
	dp_error **err);

/**
 * Reads ProtoJSON into the bytes of a message, by the rules that Google gives
 * for parsers: names as in JSON or as in the schema, integers as numbers or
 * strings, Base64 of either alphabet. A member that is there twice, a second
 * member of a oneof, a key that a map has already, and a member that the
 * schema lacks are errors, but the last with #DP_JSON_IGNORE_UNKNOWN.
 *
 * Fields are in the order of the JSON. Once a codec has seen its largest
 * event, this allocates nothing.
 *
 * @param codec     codec
 * @param json      text in UTF-8; at most 32 MiB
 * @param ret_wire  receives the message; untouched on failure
 * @param err       why, with the path of the field, line and column, or NULL
 * @errors          DP_ESCHEMA  not JSON, or not of that message; a required
 *                              field is missing; an Any of a type that the
 *                              schema lacks
 *                  DP_ETOOBIG  nested deeper than 64 messages; more than 16
 *                              MiB, or than twice the text and 1 MiB
 *                  DP_EINVAL, DP_ENOMEM
 * @owns            the codec: the bytes live until its next call
 * @thread          one at a time
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_codec_from_json(
	dp_codec *codec, dp_bytes json, dp_bytes *ret_wire, dp_error **err);

DP_END_DECLS

#endif /* DATAPIPE_CODEC_H */
