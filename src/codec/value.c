/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/value.h"

#include "base/text.h"
#include "codec/scan.h"

#define NANOS 1000000000

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define TIMESTAMP_MIN INT64_C(-62135596800)
#define TIMESTAMP_MAX INT64_C(253402300799)

/* About 10,000 years. */
#define DURATION_MAX INT64_C(315576000000)

bool dpi_value_check_utf8(dpi_coder *coder, dp_bytes bytes)
{
	return dpi_utf8_valid(bytes.data, bytes.size) ||
		dpi_coder_fail(coder, DP_ESCHEMA, "its text is not UTF-8");
}

static bool check_timestamp(dpi_coder *coder, dpi_time_value time)
{
	if (time.seconds < TIMESTAMP_MIN || time.seconds > TIMESTAMP_MAX) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"a Timestamp is from the year 1 to 9999");
	}
	if (time.nanos < 0 || time.nanos >= NANOS) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"nanos of a Timestamp are 0 to 999999999");
	}
	return true;
}

static bool check_duration(dpi_coder *coder, dpi_time_value time)
{
	if (time.seconds < -DURATION_MAX || time.seconds > DURATION_MAX) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"seconds of a Duration are at most 315576000000");
	}
	if (time.nanos <= -NANOS || time.nanos >= NANOS ||
		(time.seconds > 0 && time.nanos < 0) ||
		(time.seconds < 0 && time.nanos > 0)) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"nanos of a Duration are at most 999999999, "
			"with the sign of its seconds");
	}
	return true;
}

bool dpi_value_time(dpi_coder *coder, const dpi_plan_node *node, dpi_run pieces,
	dpi_time_value *ret)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	size_t seconds;

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	/* Two fields, and seconds are number 1 of whichever comes first. */
	seconds = node->fields[0].field->number == 1 ? 0 : 1;
	ret->seconds = (int64_t)dpi_frame_slot(frame, seconds)->bits;
	ret->nanos = (int32_t)dpi_frame_slot(frame, 1 - seconds)->bits;
	dpi_coder_leave_text(coder);
	return node->shape == DPI_WKT_TIMESTAMP ? check_timestamp(coder, *ret)
						: check_duration(coder, *ret);
}

bool dpi_value_nanos(dpi_coder *coder, dpi_time_value time, int64_t *ret)
{
	int64_t nanos;

	if (__builtin_mul_overflow(time.seconds, (int64_t)NANOS, &nanos) ||
		__builtin_add_overflow(nanos, (int64_t)time.nanos, &nanos)) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"a Duration of more than 292 years is over 64 bits "
			"of nanoseconds");
	}
	*ret = nanos;
	return true;
}
