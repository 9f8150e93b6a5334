/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A message is one line; a longer one is cut. */
#define MESSAGE_MAX 1024

struct dp_error {
	dp_status code;
	int sys_errno;
	char *message; /* points just past the struct, in the same block */
};

/*
 * Stands in for every error that could not be allocated, so that reporting a
 * failure never fails. dp_error_free() leaves it alone.
 */
static char no_memory_message[] = "out of memory";
static dp_error no_memory = {DP_ENOMEM, 0, no_memory_message};

/*
 * Errors use malloc() and not the runtime's allocator: they exist before the
 * first runtime does, and may outlive the last.
 */
static dp_error *make(dp_status code, int sys_errno, const char *message)
{
	size_t size = strlen(message) + 1;
	dp_error *e = malloc(sizeof(*e) + size);

	if (e == NULL) {
		return &no_memory;
	}
	e->code = code;
	e->sys_errno = sys_errno;
	e->message = (char *)(e + 1);
	memcpy(e->message, message, size);
	return e;
}

/* Returns the length, less than MESSAGE_MAX. */
static size_t format(char *message, const char *fmt, va_list args)
{
	int n = vsnprintf(message, MESSAGE_MAX, fmt, args);

	if (n < 0) {
		message[0] = '\0';
		return 0;
	}
	return n < MESSAGE_MAX ? (size_t)n : MESSAGE_MAX - 1;
}

static void append(char *message, size_t size, const char *more)
{
	(void)snprintf(message + size, MESSAGE_MAX - size, ": %s", more);
}

dp_status dpi_error_set(dp_error **err, dp_status code, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list args;

	assert(code < 0);

	if (err == NULL) {
		return code;
	}
	assert(*err == NULL);

	va_start(args, fmt);
	(void)format(message, fmt, args);
	va_end(args);
	dpi_text_clean(message);
	*err = make(code, 0, message);
	return code;
}

static dp_status code_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case ENOSPC:
	case EDQUOT:
		return DP_ENOSPC;
	case ENOMEM:
		return DP_ENOMEM;
	case EACCES:
	case EPERM:
		return DP_EDENIED;
	case ENOENT:
		return DP_ENOTFOUND;
	default:
		return DP_EIO;
	}
}

static dp_status set_sys(dp_error **err, dp_status code, int sys_errno,
	const char *fmt, va_list args)
{
	char message[MESSAGE_MAX];
	const char *why;
	size_t n;

	assert(sys_errno > 0);

	if (err == NULL) {
		return code;
	}
	assert(*err == NULL);

	n = format(message, fmt, args);
	/* Unlike strerror(), not in the language of the process. */
	why = strerrordesc_np(sys_errno);
	append(message, n, why != NULL ? why : "unknown error of the system");
	dpi_text_clean(message);
	*err = make(code, sys_errno, message);
	return code;
}

dp_status dpi_error_sys(dp_error **err, int sys_errno, const char *fmt, ...)
{
	dp_status code = code_of_errno(sys_errno);
	va_list args;

	va_start(args, fmt);
	(void)set_sys(err, code, sys_errno, fmt, args);
	va_end(args);
	return code;
}

dp_status dpi_error_io(dp_error **err, int sys_errno, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)set_sys(err, DP_EIO, sys_errno, fmt, args);
	va_end(args);
	return DP_EIO;
}

dp_status dpi_error_prefix(dp_error **err, dp_status code, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	dp_error *prefixed;
	size_t n;
	va_list args;

	if (err == NULL || *err == NULL || *err == &no_memory) {
		return code;
	}
	code = (*err)->code;
	va_start(args, fmt);
	n = format(message, fmt, args);
	va_end(args);
	append(message, n, (*err)->message);
	dpi_text_clean(message);
	prefixed = make(code, (*err)->sys_errno, message);
	if (prefixed != &no_memory) { /* else the cause is worth more */
		free(*err);
		*err = prefixed;
	}
	return code;
}

dp_error *dpi_error_dup(const dp_error *err)
{
	if (err == NULL || err == &no_memory) {
		return err != NULL ? &no_memory : NULL;
	}
	return make(err->code, err->sys_errno, err->message);
}

dp_status dp_error_code(const dp_error *err)
{
	return err != NULL ? err->code : DP_OK;
}

const char *dp_error_message(const dp_error *err)
{
	return err != NULL ? err->message : "";
}

int dp_error_sys_errno(const dp_error *err)
{
	return err != NULL ? err->sys_errno : 0;
}

int dp_error_is_retriable(const dp_error *err)
{
	switch (dp_error_code(err)) {
	case DP_EAGAIN:
	case DP_ENOMEM:
	case DP_ENOSPC:
	case DP_ELOCKED:
	case DP_ETIMEDOUT:
		return 1;
	default:
		return 0;
	}
}

void dp_error_free(dp_error *err)
{
	if (err != &no_memory) {
		free(err);
	}
}

void dpi_error_clear(dp_error **err)
{
	if (err != NULL) {
		dp_error_free(*err);
		*err = NULL;
	}
}

void dpi_error_give(dp_error **err, dp_error *cause)
{
	if (err != NULL) {
		*err = cause;
	} else {
		dp_error_free(cause);
	}
}
