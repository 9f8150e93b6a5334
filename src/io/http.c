/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

/* Bytes of a body of an error that a message quotes. */
#define QUOTED_MAX 200

#define HEADER_MAX ((size_t)16 << 10)

struct dpi_http {
	const dp_allocator *alloc;
	CURL *curl;
	struct curl_slist *headers;
	char text[CURL_ERROR_SIZE];
};

/* Adds "NAME: VALUE". */
static bool add_header(dpi_http *http, const char *name, const char *value)
{
	struct curl_slist *list = NULL;
	dpi_buf line;
	const char *text;

	if (value == NULL) {
		return true;
	}
	dpi_buf_init(&line, http->alloc, HEADER_MAX);
	(void)dpi_buf_printf(&line, "%s: %s", name, value);
	text = dpi_buf_text(&line);
	if (text != NULL) {
		list = curl_slist_append(http->headers, text);
	}
	dpi_buf_fini(&line);
	if (list == NULL) {
		return false;
	}
	http->headers = list;
	return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
	return dpi_buf_append(user, data, size * count) == DP_OK ? size * count
								 : 0;
}

static bool set_options(dpi_http *http, const dpi_http_options *opts)
{
	CURL *curl = http->curl;
	long timeout_ms = (long)((opts->timeout_ns + 999999) / 1000000);

	return curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
		       (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->text) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) ==
		CURLE_OK;
}

dp_status dpi_http_new(dpi_http **ret, const dp_allocator *alloc,
	const dpi_http_options *opts, dp_error **err)
{
	dpi_http *http = dpi_zalloc(alloc, 1, sizeof(*http));

	if (http != NULL) {
		http->alloc = alloc;
		http->curl = curl_easy_init();
	}
	if (http == NULL || http->curl == NULL ||
		!add_header(http, "Accept", opts->accept) ||
		!add_header(http, "Authorization", opts->authorization) ||
		!set_options(http, opts)) {
		dpi_http_free(http);
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for an HTTP client");
	}
	*ret = http;
	return DP_OK;
}

void dpi_http_free(dpi_http *http)
{
	if (http == NULL) {
		return;
	}
	curl_easy_cleanup(http->curl);
	curl_slist_free_all(http->headers);
	dpi_free(http->alloc, http, 1, sizeof(*http));
}

/*
 * A TLS library may write to a connection that the server closed, and the
 * signal of that is not for the application: it is blocked here, and taken.
 */
static CURLcode perform(CURL *curl)
{
	static const struct timespec at_once = {0, 0};
	sigset_t pipe_only;
	sigset_t before;
	sigset_t pending;
	CURLcode code;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	code = curl_easy_perform(curl);
	if (!sigismember(&pending, SIGPIPE)) {
		(void)sigtimedwait(&pipe_only, NULL, &at_once);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* One of another protocol, or none; but who answers in a way of its own is
 * said to have no protocol, too. */
static bool is_bad_url(CURLcode code, const char *url)
{
	return code == CURLE_URL_MALFORMAT ||
		(code == CURLE_UNSUPPORTED_PROTOCOL &&
			strncmp(url, "http:", 5) != 0 &&
			strncmp(url, "https:", 6) != 0);
}

/* What went wrong below HTTP. */
static dp_status explain(const dpi_http *http, CURLcode code, const char *url,
	const dpi_buf *out, dp_error **err)
{
	const char *why =
		http->text[0] != '\0' ? http->text : curl_easy_strerror(code);

	if (out->failed == DP_ETOOBIG) {
		return dpi_error_set(err, DP_ETOOBIG,
			"%s: the answer is over %zu bytes", url,
			out->limit_bytes);
	}
	if (is_bad_url(code, url)) {
		return dpi_error_set(err, DP_EINVAL,
			"%s: not a URL of http or https: %s", url, why);
	}
	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		return dpi_error_set(err, DP_ENOMEM, "%s: no memory", url);
	case CURLE_OPERATION_TIMEDOUT:
		return dpi_error_set(err, DP_ETIMEDOUT, "%s: %s", url, why);
	default:
		return dpi_error_set(err,
			out->failed != DP_OK ? out->failed : DP_EREMOTE,
			"%s: %s", url, why);
	}
}

static dp_status status_of(long answer)
{
	switch (answer) {
	case 404:
		return DP_ENOTFOUND;
	case 401:
	case 403:
		return DP_EDENIED;
	default:
		return DP_EREMOTE;
	}
}

/* The body of an error says more than its number. */
static dp_status refuse(long answer, const char *url, const dpi_buf *out,
	size_t begin, dp_error **err)
{
	char said[QUOTED_MAX + 1] = "";
	size_t size = out->size - begin;

	size = size < QUOTED_MAX ? size : QUOTED_MAX;
	if (size > 0) {
		memcpy(said, out->data + begin, size);
	}
	said[size] = '\0';
	dpi_text_clean(said);
	return dpi_error_set(err, status_of(answer),
		"%s: HTTP status %ld%s%s%s", url, answer,
		answer == 401 || answer == 403
			? ": set the authorization that it asks for"
			: "",
		size > 0 ? ": " : "", said);
}

dp_status dpi_http_get(
	dpi_http *http, const char *url, dpi_buf *out, dp_error **err)
{
	size_t begin = out->size;
	long answer = 0;
	CURLcode code;

	http->text[0] = '\0';
	code = curl_easy_setopt(http->curl, CURLOPT_URL, url);
	if (code == CURLE_OK) {
		code = curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, out);
	}
	if (code == CURLE_OK) {
		code = perform(http->curl);
	}
	if (code != CURLE_OK) {
		return explain(http, code, url, out, err);
	}
	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer);
	return answer == 200 ? DP_OK : refuse(answer, url, out, begin, err);
}
