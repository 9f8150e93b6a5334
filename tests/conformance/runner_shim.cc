// SPDX-License-Identifier: Apache-2.0
// What the conformance runner wants of a C library that is newer than
// Debian 12's: run.py makes its demand for those versions a weak one.
#include <cstdlib>
#include <ios>

static std::ios_base::Init streams;

extern "C" {

void _ZSt21ios_base_library_initv(void) {}

long __isoc23_strtol(const char *text, char **end, int base)
{
	return std::strtol(text, end, base);
}

long long __isoc23_strtoll(const char *text, char **end, int base)
{
	return std::strtoll(text, end, base);
}

unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{
	return std::strtoul(text, end, base);
}

unsigned long long __isoc23_strtoull(const char *text, char **end, int base)
{
	return std::strtoull(text, end, base);
}
}
