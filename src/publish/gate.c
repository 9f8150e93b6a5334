/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/gate.h"

#include <stdbool.h>

/* Looks at a closed gate, some 30 ns apart: longer than anybody holds it who
 * runs. More often would only take the line away from its holder. */
#define LOOKS 100
#define PAUSES 2

static bool try_to_close(dpi_gate *gate)
{
	uint32_t open = 0;

	return __atomic_load_n(&gate->word, __ATOMIC_RELAXED) == 0 &&
		__atomic_compare_exchange_n(&gate->word, &open, 1, 0,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void dpi_gate_wait(dpi_gate *gate, const dpi_os *os)
{
	for (int i = 0; i < LOOKS; i++) {
		for (int pauses = 0; pauses < PAUSES; pauses++) {
			dpi_gate_pause();
		}
		if (try_to_close(gate)) {
			return;
		}
	}
	while (__atomic_exchange_n(&gate->word, 2, __ATOMIC_ACQUIRE) != 0) {
		(void)os->wait(os->self, &gate->word, 2, DP_FOREVER);
	}
}
