/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_ADOPT_H
#define DPI_BASE_ADOPT_H

#include <stddef.h>

#include <datapipe/export.h>
#include <datapipe/status.h>

/*
 * Structs that users fill and that grow with releases: options, events and
 * vtables on the way in, statistics on the way out. Each begins with a size_t
 * struct_size, which says how much of it the user's header knew.
 */

/* Bytes of a struct up to and with a field: its size in an older release. */
#define DPI_SIZE_UP_TO(type, field) \
	(offsetof(type, field) + sizeof(((type *)NULL)->field))

/*
 * Copies a user's struct of any known size into ours of `size` bytes: what it
 * lacks is zero, and to's struct_size is `size`. given NULL: all zero.
 *
 * least is the size in the first release, name what it is called in messages,
 * such as "hub options", and init the macro to begin with. `to` is untouched
 * on failure.
 *
 * Errors: DP_EABI  struct_size was never set, or bytes that we do not know
 *                  are in use
 */
DP_NODISCARD dp_status dpi_adopt(void *to, size_t size, const void *given,
	size_t least, const char *name, const char *init, dp_error **err);

/*
 * Fills a user's struct of any known size from ours of `size` bytes: as much
 * as it has room for, and zero in what only its header knows. ret keeps its
 * struct_size, which is all that is read of it.
 *
 * Errors: DP_EINVAL  ret is NULL, or its struct_size was never set
 */
DP_NODISCARD dp_status dpi_adopt_out(void *ret, const void *from, size_t size,
	size_t least, const char *name, dp_error **err);

#endif /* DPI_BASE_ADOPT_H */
