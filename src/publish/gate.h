/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_GATE_H
#define DPI_PUBLISH_GATE_H

#include <stdint.h>

#include "io/os.h"

/*
 * A lock of four bytes, so that it stands beside what it guards and threads
 * that meet pass one cache line to and fro. For what takes a few instructions:
 * who finds it closed spins, and sleeps only if its holder seems to.
 */
typedef struct dpi_gate {
	uint32_t word; /* 0: open, 1: closed, 2: closed, and somebody sleeps */
} dpi_gate;

void dpi_gate_wait(dpi_gate *gate, const dpi_os *os);

static inline void dpi_gate_close(dpi_gate *gate, const dpi_os *os)
{
	uint32_t open = 0;

	if (!__atomic_compare_exchange_n(&gate->word, &open, 1, 0,
		    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		dpi_gate_wait(gate, os);
	}
}

static inline void dpi_gate_open(dpi_gate *gate, const dpi_os *os)
{
	if (__atomic_exchange_n(&gate->word, 0, __ATOMIC_RELEASE) == 2) {
		os->wake(os->self, &gate->word, 1);
	}
}

/* Tells the processor that this thread spins. */
static inline void dpi_gate_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif /* DPI_PUBLISH_GATE_H */
