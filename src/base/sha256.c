/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <string.h>

#define BLOCK 64

/* The first 32 bits of the fractions of the cube roots of 64 primes ... */
static const uint32_t round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf,
	0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
	0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee,
	0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

/* ... and of the square roots of the first eight. */
static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
	0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate(uint32_t v, int bits)
{
	return v >> bits | v << (32 - bits);
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void expand(uint32_t *w, const uint8_t *block)
{
	for (int i = 0; i < 16; i++) {
		w[i] = load_be32(block + 4 * i);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] +
			(rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			(rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

/* One round; v is a to h of the standard. */
static void mix(uint32_t *v, uint32_t word)
{
	uint32_t a = v[0], e = v[4];
	uint32_t choice = (e & v[5]) ^ (~e & v[6]);
	uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
	uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
		choice + word;
	uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;

	memmove(v + 1, v, 7 * sizeof(*v));
	v[0] = t1 + t2;
	v[4] += t1;
}

static void add_block(uint32_t *state, const uint8_t *block)
{
	uint32_t w[64], v[8];

	expand(w, block);
	memcpy(v, state, sizeof(v));
	for (int i = 0; i < 64; i++) {
		mix(v, round_constants[i] + w[i]);
	}
	for (int i = 0; i < 8; i++) {
		state[i] += v[i];
	}
}

/* What is left, a bit, zeros, and the length in bits: one block or two. */
static void add_end(
	uint32_t *state, const uint8_t *rest, size_t rest_size, size_t size)
{
	uint8_t end[2 * BLOCK] = {0};
	size_t blocks = rest_size + 9 <= BLOCK ? 1 : 2;
	uint64_t bits = (uint64_t)size * 8;
	uint8_t *length = end + blocks * BLOCK - 8;

	if (rest_size > 0) {
		memcpy(end, rest, rest_size);
	}
	end[rest_size] = 0x80;
	store_be32(length, (uint32_t)(bits >> 32));
	store_be32(length + 4, (uint32_t)bits);
	for (size_t i = 0; i < blocks; i++) {
		add_block(state, end + i * BLOCK);
	}
}

void dpi_sha256(uint8_t *digest, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t whole = size / BLOCK;
	uint32_t state[8];

	memcpy(state, start, sizeof(state));
	for (size_t i = 0; i < whole; i++, p += BLOCK) {
		add_block(state, p);
	}
	add_end(state, p, size % BLOCK, size);
	for (int i = 0; i < 8; i++) {
		store_be32(digest + 4 * i, state[i]);
	}
}
