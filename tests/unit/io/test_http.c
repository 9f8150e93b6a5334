/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/http.h"
#include "test_heap.h"

/*
 * What becomes of each kind of answer, and of none. The server is a thread
 * that says what a test wrote down, to one request after the other.
 */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

struct place {
	struct test_heap heap;
	dpi_http *http;
	dpi_buf body;
	dp_error *err;
	const char *answer; /* NULL: the server says nothing */
	char request[1024]; /* the last one */
	char url[64];
	int listener;
	pthread_t server;
};

static void read_request(struct place *p, int fd)
{
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0 && strstr(p->request, "\r\n\r\n") == NULL) {
		n = read(fd, p->request + size, sizeof(p->request) - size - 1);
		size += n > 0 ? (size_t)n : 0;
		p->request[size] = '\0';
	}
}

/* Ends when the socket is shut. */
static void *serve(void *arg)
{
	struct place *p = arg;
	char rest;
	int fd;

	while ((fd = accept(p->listener, NULL, NULL)) >= 0) {
		p->request[0] = '\0';
		read_request(p, fd);
		if (p->answer != NULL) {
			size_t size = strlen(p->answer);

			assert_int_equal(
				send(fd, p->answer, size, MSG_NOSIGNAL), size);
			(void)shutdown(fd, SHUT_WR);
		}
		while (read(fd, &rest, 1) > 0) {
		}
		(void)close(fd);
	}
	return NULL;
}

static void start_server(struct place *p)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(at);

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(
		getsockname(p->listener, (struct sockaddr *)&at, &size), 0);
	(void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u/subjects",
		(unsigned)ntohs(at.sin_port));
	assert_int_equal(pthread_create(&p->server, NULL, serve, p), 0);
}

static void init(struct place *p, dp_time_ns timeout_ns, size_t limit)
{
	const dpi_http_options opts = {
		.accept = "application/json",
		.authorization = "Bearer open sesame",
		.timeout_ns = timeout_ns,
	};

	*p = (struct place){.answer = OK};
	test_heap_init(&p->heap);
	start_server(p);
	dpi_buf_init(&p->body, &p->heap.alloc, limit);
	assert_int_equal(
		dpi_http_new(&p->http, &p->heap.alloc, &opts, NULL), DP_OK);
}

static void fini(struct place *p)
{
	dpi_http_free(p->http);
	dpi_buf_fini(&p->body);
	(void)shutdown(p->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(p->server, NULL), 0);
	(void)close(p->listener);
	assert_int_equal(p->heap.live_bytes, 0);
}

/* What the answer comes to, and what the error says, if anything. */
static void check(
	struct place *p, const char *answer, dp_status status, const char *says)
{
	p->answer = answer;
	dpi_buf_clear(&p->body);
	assert_int_equal(
		dpi_http_get(p->http, p->url, &p->body, &p->err), status);
	if (status != DP_OK) {
		assert_non_null(strstr(dp_error_message(p->err), p->url));
		assert_non_null(strstr(dp_error_message(p->err), says));
	}
	dp_error_free(p->err);
	p->err = NULL;
}

static void an_answer_is_appended(void **state)
{
	struct place p;

	(void)state;
	init(&p, 10 * DP_SECOND, 1000);
	check(&p, OK, DP_OK, "");
	assert_int_equal(dpi_http_get(p.http, p.url, &p.body, NULL), DP_OK);
	assert_int_equal(p.body.size, 10);
	assert_memory_equal(p.body.data, "hellohello", 10);
	assert_non_null(strstr(p.request, "GET /subjects HTTP/1.1\r\n"));
	assert_non_null(strstr(p.request, "Accept: application/json\r\n"));
	assert_non_null(
		strstr(p.request, "Authorization: Bearer open sesame\r\n"));
	fini(&p);
}

static void a_refusal_says_what_the_server_said(void **state)
{
	char text[600];
	struct place p;

	(void)state;
	init(&p, 10 * DP_SECOND, 1000);
	check(&p, "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone",
		DP_ENOTFOUND, "status 404: gone");
	check(&p, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", DP_EDENIED,
		"set the authorization");
	check(&p, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", DP_EDENIED,
		"set the authorization");
	check(&p, "HTTP/1.1 204 No\r\n\r\n", DP_EREMOTE, "status 204");
	(void)snprintf(text, sizeof(text),
		"HTTP/1.1 500 No\r\nContent-Length: 300\r\n\r\n%0300d", 7);
	check(&p, text, DP_EREMOTE, "status 500: 000");
	fini(&p);
}

static void an_answer_that_is_not_whole_is_none(void **state)
{
	struct place p;

	(void)state;
	init(&p, 10 * DP_SECOND, 10);
	check(&p, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", DP_EREMOTE,
		"");
	check(&p, "no HTTP", DP_EREMOTE, "");
	check(&p, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
		DP_ETOOBIG, "over 10 bytes");
	fini(&p);
}

static void a_server_that_says_nothing_is_not_waited_for(void **state)
{
	struct place p;

	(void)state;
	init(&p, 50 * DP_MILLISECOND, 1000);
	check(&p, NULL, DP_ETIMEDOUT, "");
	fini(&p);
}

static void what_is_no_url_or_nobodys_is_told(void **state)
{
	struct place p;

	(void)state;
	init(&p, 10 * DP_SECOND, 1000);
	assert_int_equal(
		dpi_http_get(p.http, "ftp://127.0.0.1/", &p.body, NULL),
		DP_EINVAL);
	assert_int_equal(
		dpi_http_get(p.http, "http://[", &p.body, NULL), DP_EINVAL);
	/* No server listens on the port of nobody. */
	assert_int_equal(
		dpi_http_get(p.http, "http://127.0.0.1:1/", &p.body, NULL),
		DP_EREMOTE);
	fini(&p);
}

static void a_client_without_memory_says_so(void **state)
{
	const dpi_http_options opts = {
		.accept = "application/json", .timeout_ns = DP_SECOND};
	struct place p;

	(void)state;
	init(&p, 10 * DP_SECOND, 1000);
	p.heap.fail_at = p.heap.made;
	check(&p, OK, DP_ENOMEM, "");
	for (long i = 0; i < 2; i++) {
		dpi_http *http = NULL;

		p.heap.fail_at = p.heap.made + i;
		assert_int_equal(
			dpi_http_new(&http, &p.heap.alloc, &opts, NULL),
			DP_ENOMEM);
		assert_null(http);
	}
	dpi_http_free(NULL);
	fini(&p);
}

/* A SIGPIPE that was pending before is the application's. */
static void a_signal_of_others_is_left(void **state)
{
	sigset_t pipe_only;
	sigset_t pending;
	struct place p;
	int number;

	(void)state;
	init(&p, 10 * DP_SECOND, 1000);
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
	(void)pthread_kill(pthread_self(), SIGPIPE);
	check(&p, OK, DP_OK, "");
	(void)sigpending(&pending);
	assert_true(sigismember(&pending, SIGPIPE));
	assert_int_equal(sigwait(&pipe_only, &number), 0);
	(void)pthread_sigmask(SIG_UNBLOCK, &pipe_only, NULL);
	fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_appended),
		cmocka_unit_test(a_refusal_says_what_the_server_said),
		cmocka_unit_test(an_answer_that_is_not_whole_is_none),
		cmocka_unit_test(a_server_that_says_nothing_is_not_waited_for),
		cmocka_unit_test(what_is_no_url_or_nobodys_is_told),
		cmocka_unit_test(a_client_without_memory_says_so),
		cmocka_unit_test(a_signal_of_others_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
