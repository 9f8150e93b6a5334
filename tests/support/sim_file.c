/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim_disk.h"

#define ALL_SECTORS UINT32_MAX

_Static_assert(SIM_CHUNK / SIM_SECTOR == 32, "a bit for each sector");

void *sim_alloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL) {
		abort();
	}
	return memory;
}

void *sim_grow(void *items, size_t *capacity, size_t size)
{
	*capacity = *capacity > 0 ? *capacity * 2 : 16;
	items = realloc(items, *capacity * size);
	if (items == NULL) {
		abort();
	}
	return items;
}

uint64_t sim_random_next(sim_random *random)
{
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

sim_inode *sim_inode_new(bool is_directory)
{
	sim_inode *inode = sim_alloc(1, sizeof(*inode));

	inode->is_directory = is_directory;
	return inode;
}

static void end_sharing(sim_inode *inode)
{
	uint8_t *copy;

	if (!inode->is_shared) {
		return;
	}
	copy = sim_alloc(1, SIM_CHUNK);
	memcpy(copy, inode->chunks[0].now, SIM_CHUNK);
	sim_unmap(inode->chunks[0].now, SIM_CHUNK);
	(void)close(inode->shared_fd);
	inode->chunks[0].now = copy;
	inode->is_shared = false;
}

void sim_inode_free(sim_inode *inode)
{
	end_sharing(inode);
	for (size_t i = 0; i < inode->chunk_count; i++) {
		free(inode->chunks[i].now);
		free(inode->chunks[i].durable);
	}
	free(inode->chunks);
	free(inode);
}

static sim_chunk *chunk_at(sim_inode *inode, size_t index)
{
	size_t before = inode->chunk_count;

	if (index >= before) {
		size_t count = index + 1 > 2 * before ? index + 1 : 2 * before;

		inode->chunks =
			realloc(inode->chunks, count * sizeof(*inode->chunks));
		if (inode->chunks == NULL) {
			abort();
		}
		memset(inode->chunks + before, 0,
			(count - before) * sizeof(*inode->chunks));
		inode->chunk_count = count;
	}
	return &inode->chunks[index];
}

static bool is_zero(const uint8_t *data, size_t size)
{
	return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static uint32_t sectors(size_t begin, size_t size)
{
	size_t first = begin / SIM_SECTOR;
	size_t end = (begin + size - 1) / SIM_SECTOR + 1;

	return (ALL_SECTORS << first) & (ALL_SECTORS >> (32 - end));
}

static void mark_dirty(sim_chunk *chunk, uint32_t which)
{
	chunk->dirty |= which;
	chunk->lost &= ~which;
}

/* size > 0 bytes inside one chunk. */
static void write_chunk(
	sim_chunk *chunk, const uint8_t *data, size_t size, size_t begin)
{
	if (chunk->now == NULL) {
		if (chunk->durable == NULL && is_zero(data, size)) {
			return;
		}
		chunk->now = sim_alloc(1, SIM_CHUNK);
	}
	memcpy(chunk->now + begin, data, size);
	mark_dirty(chunk, sectors(begin, size));
}

void sim_inode_write(
	sim_inode *inode, const uint8_t *data, size_t size, uint64_t offset)
{
	while (size > 0) {
		size_t begin = (size_t)(offset % SIM_CHUNK);
		size_t n = SIM_CHUNK - begin < size ? SIM_CHUNK - begin : size;

		write_chunk(chunk_at(inode, (size_t)(offset / SIM_CHUNK)), data,
			n, begin);
		data += n;
		size -= n;
		offset += n;
	}
	if (offset > inode->size) {
		inode->size = offset;
	}
}

size_t sim_inode_read(
	const sim_inode *inode, uint8_t *data, size_t size, uint64_t offset)
{
	uint64_t left = offset < inode->size ? inode->size - offset : 0;
	size_t wanted = size < left ? size : (size_t)left;

	for (size_t done = 0; done < wanted;) {
		size_t index = (size_t)((offset + done) / SIM_CHUNK);
		size_t begin = (size_t)((offset + done) % SIM_CHUNK);
		size_t n = SIM_CHUNK - begin;
		const uint8_t *from = index < inode->chunk_count
			? inode->chunks[index].now
			: NULL;

		n = n < wanted - done ? n : wanted - done;
		if (from != NULL) {
			memcpy(data + done, from + begin, n);
		} else {
			memset(data + done, 0, n);
		}
		done += n;
	}
	return wanted;
}

/* Zeroes what is behind size, now and durable, or only now. */
static void zero_behind(sim_inode *inode, uint64_t size, bool durable)
{
	size_t i = (size_t)(size / SIM_CHUNK);
	size_t begin = (size_t)(size % SIM_CHUNK);

	for (; i < inode->chunk_count; i++, begin = 0) {
		sim_chunk *chunk = &inode->chunks[i];

		if (chunk->now != NULL) {
			memset(chunk->now + begin, 0, SIM_CHUNK - begin);
			mark_dirty(chunk, sectors(begin, SIM_CHUNK - begin));
		}
		if (durable && chunk->durable != NULL) {
			memset(chunk->durable + begin, 0, SIM_CHUNK - begin);
		}
	}
}

void sim_inode_truncate(sim_inode *inode, uint64_t size)
{
	if (size < inode->size) {
		zero_behind(inode, size, false);
	}
	inode->size = size;
}

static void copy_sectors(uint8_t *to, const uint8_t *from, uint32_t which)
{
	for (size_t i = 0; which != 0; i++, which >>= 1) {
		if ((which & 1) != 0) {
			memcpy(to + i * SIM_SECTOR, from + i * SIM_SECTOR,
				SIM_SECTOR);
		}
	}
}

/* Dirty sectors of `kept` become durable, the others are as they were. */
static void settle_chunk(sim_chunk *chunk, uint32_t kept)
{
	if (chunk->dirty == 0) {
		return;
	}
	if (chunk->durable == NULL) {
		chunk->durable = sim_alloc(1, SIM_CHUNK);
	}
	copy_sectors(chunk->durable, chunk->now, chunk->dirty & kept);
	copy_sectors(chunk->now, chunk->durable, chunk->dirty & ~kept);
	chunk->dirty = 0;
}

/* Nobody tells about stores to mapped memory. */
static void mark_shared_dirty(sim_inode *inode)
{
	if (inode->is_shared) {
		inode->chunks[0].dirty = ALL_SECTORS;
	}
}

void sim_inode_sync(sim_inode *inode)
{
	mark_shared_dirty(inode);
	for (size_t i = 0; i < inode->chunk_count; i++) {
		settle_chunk(&inode->chunks[i], ALL_SECTORS);
	}
	inode->durable_size = inode->size;
}

/* What is shared is written again by the next store; who knows when. */
void sim_inode_drop(sim_inode *inode)
{
	for (size_t i = inode->is_shared ? 1 : 0; i < inode->chunk_count; i++) {
		inode->chunks[i].lost |= inode->chunks[i].dirty;
		inode->chunks[i].dirty = 0;
	}
}

static void restore_lost(sim_chunk *chunk)
{
	if (chunk->lost != 0 && chunk->durable == NULL) {
		chunk->durable = sim_alloc(1, SIM_CHUNK);
	}
	copy_sectors(chunk->now, chunk->durable, chunk->lost);
	chunk->lost = 0;
}

void sim_inode_write_back(sim_inode *inode, sim_random *random)
{
	mark_shared_dirty(inode);
	for (size_t i = 0; i < inode->chunk_count; i++) {
		sim_chunk *chunk = &inode->chunks[i];
		uint32_t kept =
			(uint32_t)sim_random_next(random) & chunk->dirty;

		if (kept != 0 && chunk->durable == NULL) {
			chunk->durable = sim_alloc(1, SIM_CHUNK);
		}
		copy_sectors(chunk->durable, chunk->now, kept);
		chunk->dirty &= ~kept;
	}
}

static uint64_t between(sim_random *random, uint64_t a, uint64_t b)
{
	uint64_t low = a < b ? a : b;
	uint64_t high = a < b ? b : a;

	switch (sim_random_next(random) % 3) {
	case 0:
		return a;
	case 1:
		return b;
	default:
		return low + sim_random_next(random) % (high - low + 1);
	}
}

/* Of some sectors that were being written, some bytes are old, some new. */
static void mix_chunk(sim_chunk *chunk, sim_random *random)
{
	uint32_t which = chunk->dirty & (uint32_t)sim_random_next(random) &
		(uint32_t)sim_random_next(random);

	for (size_t i = 0; i < SIM_CHUNK && which != 0; i++) {
		if ((which & 1u << i / SIM_SECTOR) != 0 &&
			sim_random_next(random) % 2 == 0) {
			chunk->now[i] =
				chunk->durable != NULL ? chunk->durable[i] : 0;
		}
	}
}

/* Sectors that were written in order up to a point, or in any order. */
static void settle_some(sim_inode *inode, sim_random *random, bool mixes)
{
	bool in_order = sim_random_next(random) % 3 == 0;
	size_t cut = (size_t)(sim_random_next(random) %
		(inode->chunk_count * 32 + 1));

	for (size_t i = 0; i < inode->chunk_count; i++) {
		uint32_t kept = (uint32_t)sim_random_next(random);

		if (in_order && cut >= (i + 1) * 32) {
			kept = ALL_SECTORS;
		} else if (in_order) {
			kept = cut > i * 32
				? ALL_SECTORS >> (32 - (cut - i * 32))
				: 0;
		}
		if (mixes) {
			mix_chunk(&inode->chunks[i], random);
		}
		settle_chunk(&inode->chunks[i], kept);
	}
	inode->size = between(random, inode->durable_size, inode->size);
}

static void settle_whole(sim_inode *inode, bool is_kept)
{
	for (size_t i = 0; i < inode->chunk_count; i++) {
		settle_chunk(&inode->chunks[i], is_kept ? ALL_SECTORS : 0);
	}
	if (!is_kept) {
		inode->size = inode->durable_size;
	}
}

void sim_inode_settle(
	sim_inode *inode, sim_random *random, bool all, bool none, bool mixes)
{
	uint64_t turn = sim_random_next(random) % 5;

	mark_shared_dirty(inode);
	end_sharing(inode);
	for (size_t i = 0; i < inode->chunk_count; i++) {
		restore_lost(&inode->chunks[i]);
	}
	if (all || (!none && turn == 0)) {
		settle_whole(inode, true);
	} else if (none || turn == 1) {
		settle_whole(inode, false);
	} else {
		settle_some(inode, random, mixes);
	}
	inode->durable_size = inode->size;
	zero_behind(inode, inode->size, true);
	for (size_t i = 0; i < inode->chunk_count; i++) {
		inode->chunks[i].dirty = 0;
	}
}

static void *map_shared(int fd)
{
	void *memory = mmap(
		NULL, SIM_CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED) {
		abort();
	}
	return memory;
}

static void share(sim_inode *inode)
{
	sim_chunk *chunk = chunk_at(inode, 0);
	uint8_t *memory;

	inode->shared_fd = memfd_create("sim", MFD_CLOEXEC);
	if (inode->shared_fd < 0 ||
		ftruncate(inode->shared_fd, SIM_CHUNK) < 0) {
		abort();
	}
	memory = map_shared(inode->shared_fd);
	if (chunk->now != NULL) {
		memcpy(memory, chunk->now, SIM_CHUNK);
		free(chunk->now);
	}
	chunk->now = memory;
	inode->is_shared = true;
}

void *sim_inode_map(sim_inode *inode, size_t size)
{
	if (size > SIM_CHUNK || size > inode->size) {
		return NULL;
	}
	if (!inode->is_shared) {
		share(inode);
	}
	return map_shared(inode->shared_fd);
}

/* All mappings are of a whole chunk. */
void sim_unmap(void *memory, size_t size)
{
	(void)size;
	(void)munmap(memory, SIM_CHUNK);
}

/*
 * Word by word, since threads of the dead process may still store, be it a
 * whole record at once: it may be torn, as by a real loss of power, which is
 * no matter for the thread sanitizer.
 */
__attribute__((no_sanitize("thread"))) static void copy_words(
	uint64_t *to, uint64_t *from)
{
	for (size_t i = 0; i < SIM_CHUNK / sizeof(*to); i++) {
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

void sim_detach(void *memory, size_t size)
{
	void *copy = mmap(NULL, SIM_CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)size;
	if (copy == MAP_FAILED) {
		abort();
	}
	copy_words(copy, memory);
	if (mremap(copy, SIM_CHUNK, SIM_CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED,
		    memory) == MAP_FAILED) {
		abort();
	}
}
