/* SPDX-License-Identifier: Apache-2.0 */
#include "io/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

#define TEXT_MAX 1024
#define OBJECT_MAX 256

void dpi_log(const dp_runtime *rt, dp_log_level level, uint32_t message_id,
	const char *module, const char *object, const char *fmt, ...)
{
	const dpi_log_target *target = dpi_runtime_log_target(rt);
	dp_log_record record = {.struct_size = sizeof(record),
		.level = level,
		.message_id = message_id,
		.module = module};
	char text[TEXT_MAX] = "";
	char name[OBJECT_MAX];
	va_list args;

	if (target->write == NULL || level > target->level) {
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)snprintf(name, sizeof(name), "%s", object);
	dpi_text_clean(text);
	dpi_text_clean(name);
	record.text = text;
	record.object = name;
	target->write(target->user, &record);
}
