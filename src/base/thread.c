/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <assert.h>
#include <signal.h>

#include "base/error.h"

#define STACK_BYTES (1u << 20)

void dpi_lock(pthread_mutex_t *lock)
{
	int rc = pthread_mutex_lock(lock);

	assert(rc == 0);
	(void)rc;
}

void dpi_unlock(pthread_mutex_t *lock)
{
	int rc = pthread_mutex_unlock(lock);

	assert(rc == 0);
	(void)rc;
}

/* Faults of the thread itself go to the application's crash handler. */
static void fill_mask(sigset_t *mask)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

	(void)sigfillset(mask);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		(void)sigdelset(mask, faults[i]);
	}
}

/* A new thread inherits the mask of its maker, so it is never unmasked. */
static int create_masked(
	pthread_t *ret, pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	sigset_t mask, before;
	int rc;

	fill_mask(&mask);
	(void)pthread_sigmask(SIG_SETMASK, &mask, &before);
	rc = pthread_create(ret, attr, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

dp_status dpi_thread_start(pthread_t *ret, const char *name,
	void *(*run)(void *arg), void *arg, dp_error **err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc != 0) {
		return dpi_error_sys(err, rc, "cannot start thread %s", name);
	}
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = create_masked(&thread, &attr, run, arg);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0) {
		return dpi_error_sys(err, rc, "cannot start thread %s", name);
	}
	(void)pthread_setname_np(thread, name);
	*ret = thread;
	return DP_OK;
}

void dpi_thread_join(pthread_t thread)
{
	int rc = pthread_join(thread, NULL);

	assert(rc == 0);
	(void)rc;
}
