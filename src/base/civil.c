/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#define DAY_SECONDS 86400
#define ERA_DAYS 146097     /* of 400 years, after which all repeats */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Years are taken to begin in March: then the leap day is the last of its
 * year, and the lengths of the months before any other follow from a line.
 */
static void set_date(dpi_civil *civil, int64_t days)
{
	int64_t era = floor_div(days + DAYS_TO_1970, ERA_DAYS);
	int64_t day = days + DAYS_TO_1970 - era * ERA_DAYS; /* [0, ERA_DAYS) */
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0 is March */

	civil->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	civil->month = (int)(month < 10 ? month + 3 : month - 9);
	civil->year = year + era * 400 + (civil->month <= 2);
}

dpi_civil dpi_civil_from_seconds(int64_t seconds)
{
	int64_t days = floor_div(seconds, DAY_SECONDS);
	int of_day = (int)(seconds - days * DAY_SECONDS);
	dpi_civil civil = {.hour = of_day / 3600,
		.minute = of_day / 60 % 60,
		.second = of_day % 60};

	set_date(&civil, days);
	return civil;
}
