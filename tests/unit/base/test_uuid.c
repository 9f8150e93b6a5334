/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <datapipe/version.h>

#define MAX_MS ((INT64_C(1) << 48) - 1)
#define MAX_WRITER ((UINT64_C(1) << DPI_WRITER_BITS) - 1)
#define MAX_SEQ ((UINT64_C(1) << DPI_SEQ_BITS) - 1)

static void its_parts_come_back(void **state)
{
	static const struct {
		int64_t ms;
		uint64_t writer, seq;
	} cases[] = {{0, 0, 0}, {1767225600000, 0x2aaaaaaaa, 0x5555555555},
		{MAX_MS, 0, 0}, {0, MAX_WRITER, 0}, {0, 0, MAX_SEQ},
		{MAX_MS, MAX_WRITER, MAX_SEQ}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t uuid[DPI_UUID_SIZE];

		dpi_uuid_make(uuid, cases[i].ms, cases[i].writer, cases[i].seq);
		assert_true(dpi_uuid_ms(uuid) == cases[i].ms);
		assert_true(dpi_uuid_writer(uuid) == cases[i].writer);
		assert_true(dpi_uuid_seq(uuid) == cases[i].seq);
		assert_int_equal(uuid[6] >> 4, 7);
		assert_int_equal(uuid[8] >> 6, 2);
	}
}

static void its_text_is_that_of_the_standard(void **state)
{
	uint8_t uuid[DPI_UUID_SIZE];
	char text[DPI_UUID_TEXT + 1];

	(void)state;
	dpi_uuid_make(uuid, 0x0123456789ab, MAX_WRITER, 0x0f1e2d3c4b);
	dpi_uuid_format(text, uuid);
	assert_string_equal(text, "01234567-89ab-7fff-bfff-ff0f1e2d3c4b");
}

static void ids_of_one_writer_ascend(void **state)
{
	uint8_t last[DPI_UUID_SIZE] = {0};

	(void)state;
	for (uint64_t seq = 0; seq < 1000; seq++) {
		uint8_t uuid[DPI_UUID_SIZE];

		dpi_uuid_make(uuid, (int64_t)(seq / 7), 5, seq);
		assert_true(memcmp(uuid, last, sizeof(last)) > 0);
		memcpy(last, uuid, sizeof(last));
	}
}

static void the_library_knows_its_version(void **state)
{
	char text[32];
	uint32_t hex = dp_version_hex();

	(void)state;
	assert_int_equal(hex, DP_VERSION_HEX);
	(void)snprintf(text, sizeof(text), "%u.%u.%u", hex >> 16,
		hex >> 8 & 0xff, hex & 0xff);
	assert_string_equal(dp_version(), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_parts_come_back),
		cmocka_unit_test(its_text_is_that_of_the_standard),
		cmocka_unit_test(ids_of_one_writer_ascend),
		cmocka_unit_test(the_library_knows_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
