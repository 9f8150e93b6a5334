/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_FILE_SINK_H
#define DPI_SINK_FILE_SINK_H

#include <datapipe/ext/sink.h>

#include "sink/destination.h"
#include "sink/file_set.h"

/*
 * What the lake sink and the files sink share: everything but what a record
 * looks like.
 *
 * write encodes its batch into memory, and that is what "taken" means. Only
 * then do the records go to files, which may fail half-way, for want of disk
 * say: what is left goes first at the next write or flush, and their failure
 * is that call's. So a batch is taken whole or not at all, and a full disk
 * holds back the batches to come.
 */

/* What one kind of file sink does about one event. */
typedef struct dpi_file_record {
	const dpi_file_kind *kind; /* valid until begin is called again */
	const dpi_destination_values *values; /* until the next encode */
	dp_schema *schema; /* for the store to carry, or NULL; the same */
} dpi_file_record;

typedef struct dpi_file_format {
	const char *name;
	const char *default_destination;
	bool is_parsed;
	/* A batch comes. */
	void (*begin)(void *self);
	/*
	 * Appends the record of msg to out. DP_ESCHEMA, DP_ENOTFOUND and
	 * DP_ETOOBIG refuse the event; others fail the batch. Whatever out
	 * has then is taken back.
	 */
	dp_status (*encode)(void *self, const dp_message *msg, dpi_buf *out,
		dpi_file_record *ret, dp_error **err);
	void (*close)(void *self);
} dpi_file_format;

/*
 * Makes a sink. self is taken on success. init is told the destination, whose
 * fields encode has to provide; it outlives self.
 */
DP_NODISCARD dp_status dpi_file_sink_new(dp_sink **ret_sink, dp_runtime *rt,
	dp_store *store, const dp_file_sink_options *opts,
	const dpi_file_format *format, void *self,
	const dpi_destination **ret_destination, dp_error **err);

#endif /* DPI_SINK_FILE_SINK_H */
