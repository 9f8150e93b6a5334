/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_SINK_H
#define DATAPIPE_SINK_H

/**
 * @file
 * The sinks that come with the library, and the store that file sinks fill.
 * Authors of further sinks include datapipe/ext/sink.h.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/** Where a job writes. */
typedef struct dp_sink dp_sink;

/** Where file sinks put files. */
typedef struct dp_store dp_store;

/**
 * Opens a store by its address, and makes it if it is not there.
 *
 * @param ret_store  receives the store; untouched on failure
 * @param rt         runtime; must outlive the store
 * @param address    "file:DIRECTORY"
 * @param err        why, or NULL
 * @errors           DP_EINVAL, DP_ENOMEM, DP_EIO, DP_EDENIED
 * @owns             the caller, who calls dp_store_close()
 * @thread           any
 * @since            0.1
 */
DP_API DP_NODISCARD dp_status dp_store_open(dp_store **ret_store,
	dp_runtime *rt, const char *address, dp_error **err);

/**
 * Closes a store that no sink uses any more.
 *
 * @param store  store, or NULL
 * @thread       any, but only one
 * @since        0.1
 */
DP_API void dp_store_close(dp_store *store);

/** Compression of file sinks. */
typedef int32_t dp_compression;

enum {
	DP_COMPRESSION_DEFAULT = 0, /**< As DP_COMPRESSION_ZSTD. */
	DP_COMPRESSION_NONE = 1,    /**< Avro codec "null". */
	DP_COMPRESSION_DEFLATE = 2, /**< Avro codec "deflate". */
	DP_COMPRESSION_ZSTD = 3,    /**< Avro codec "zstandard", level 1. */
	DP_COMPRESSION_SNAPPY = 4,  /**< Avro codec "snappy". */
	/** Avro codec "bzip2"; not of Parquet, nor of every build. */
	DP_COMPRESSION_BZIP2 = 5,
	/** Avro codec "xz"; not of Parquet, nor of every build. */
	DP_COMPRESSION_XZ = 6
};

/** What the files of a sink are. */
typedef int64_t dp_file_format;

enum {
	DP_FILE_FORMAT_DEFAULT = 0, /**< As DP_FILE_FORMAT_AVRO. */
	DP_FILE_FORMAT_AVRO = 1,    /**< Avro object container files. */
	DP_FILE_FORMAT_PARQUET = 2  /**< Apache Parquet; files sink only. */
};

/** Options of file sinks; 0 or NULL means the default. */
typedef struct dp_file_sink_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/**
	 * Folder of an event's file below the store. Placeholders: {topic},
	 * {type}, {source}, {date} and {hour} (append time, UTC),
	 * {event_date}, {event_hour}, {attr:NAME}; and for the files sink
	 * {version} and {field:PATH}. Values are percent-encoded.
	 * NULL: "{topic}/{date}/{hour}" for lake, "{type}/{date}" for files.
	 */
	const char *destination;
	/** One of DP_COMPRESSION_*. */
	dp_compression compression;
	/** Most files open at a time. 0: 256. The idlest is finished early. */
	uint32_t open_max;
	/** Most bytes of memory of open files together. 0: 64 MiB. */
	uint64_t open_bytes;
	/** A file that reaches this is finished. 0: 256 MiB. */
	uint64_t file_bytes;
	/**
	 * Of the lake: schemas of its events that the store is to carry, in
	 * "_schemas"; must outlive the sink. NULL: none. The files sink has a
	 * registry, and carries what it used.
	 */
	dp_registry *registry;
	/** One of DP_FILE_FORMAT_*. */
	dp_file_format format;
} dp_file_sink_options;

/** Initializer of #dp_file_sink_options. */
#define DP_FILE_SINK_OPTIONS_INIT \
	{ \
		sizeof(dp_file_sink_options), NULL, 0, 0, 0, 0, NULL, 0 \
	}

/**
 * Makes a sink that keeps every event as it came: Avro files with one record
 * an event, its attributes and its payload bytes. Exactly once.
 *
 * @param ret_sink  receives the sink; untouched on failure
 * @param rt        runtime; must outlive the sink
 * @param store     where; must outlive the sink
 * @param opts      options, or NULL
 * @param err       why, or NULL
 * @errors          DP_EINVAL, DP_EABI, DP_ENOMEM
 * @owns            the caller, until a pipeline takes it
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_lake_sink_new(dp_sink **ret_sink,
	dp_runtime *rt, dp_store *store, const dp_file_sink_options *opts,
	dp_error **err);

/**
 * Makes a sink that parses events of known schemas into Avro or Parquet files,
 * one column a field. Refuses events of unknown schemas and broken ones, which
 * the job turns into dead letters. Exactly once.
 *
 * @param ret_sink  receives the sink; untouched on failure
 * @param rt        runtime; must outlive the sink
 * @param store     where; must outlive the sink
 * @param reg       schemas; must outlive the sink
 * @param opts      options, or NULL
 * @param err       why, or NULL
 * @errors          DP_EINVAL, DP_EABI, DP_ENOMEM
 * @owns            the caller, until a pipeline takes it
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_files_sink_new(dp_sink **ret_sink,
	dp_runtime *rt, dp_store *store, dp_registry *reg,
	const dp_file_sink_options *opts, dp_error **err);

/** Options of dp_sqlite_sink_new(); 0 or NULL means the default. */
typedef struct dp_sqlite_sink_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/**
	 * Name of an event's table. Placeholders: {type}, {source}.
	 * NULL: "{type}".
	 */
	const char *table;
} dp_sqlite_sink_options;

/** Initializer of #dp_sqlite_sink_options. */
#define DP_SQLITE_SINK_OPTIONS_INIT \
	{ \
		sizeof(dp_sqlite_sink_options), NULL \
	}

/**
 * Makes a sink that writes rows into an SQLite database: a table for each
 * message type, made and altered as versions of its schema arrive. Refuses
 * events of unknown schemas and broken ones. Exactly once: the position is in
 * the transaction of the rows.
 *
 * @param ret_sink  receives the sink; untouched on failure
 * @param rt        runtime; must outlive the sink
 * @param path      database file; made if it is not there
 * @param reg       schemas; must outlive the sink
 * @param opts      options, or NULL
 * @param err       why, or NULL
 * @errors          DP_EINVAL, DP_EABI, DP_ENOMEM
 * @owns            the caller, until a pipeline takes it
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_sqlite_sink_new(dp_sink **ret_sink,
	dp_runtime *rt, const char *path, dp_registry *reg,
	const dp_sqlite_sink_options *opts, dp_error **err);

/**
 * Frees a sink that no pipeline took.
 *
 * @param sink  sink, or NULL
 * @thread      any, but only one
 * @since       0.1
 */
DP_API void dp_sink_free(dp_sink *sink);

DP_END_DECLS

#endif /* DATAPIPE_SINK_H */
