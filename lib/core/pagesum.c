#include "base/std.h"
#include "base/bytes.h"
#include "core/lsn.h"
#include "core/pagesum.h"

/* struct PageHeaderData of bufpage.h, in the byte order of the host. */
#define AT_LSN 0    /* two u32, the upper half first */
#define AT_SUM 8    /* u16 */
#define AT_UPPER 14 /* u16, 0: not initialised */

#define LANES 32
#define ROW (LANES * sizeof(uint32_t))
#define PRIME 16777619u /* FNV's */

/* What each lane begins with. */
static const uint32_t seeds[LANES] = {0x5b1f36e9, 0xb8525960, 0x02ab50aa,
    0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
    0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a,
    0x0b1c9cdb, 0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979,
    0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
    0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756};

/* FNV-1a over 32 columns of u32 side by side; what a multiplication leaves of
 * the upper bits is mixed into the lower ones.  Constant bounds and no state
 * but the lanes: compilers make vector code of it. */
static inline void
mix(uint32_t lane[LANES], const uint32_t row[LANES])
{
	for (unsigned i = 0; i < LANES; i++) {
		uint32_t v = lane[i] ^ row[i];

		lane[i] = v * PRIME ^ v >> 17;
	}
}

static uint32_t
fold(const uint8_t *page, const uint32_t first[LANES], uint32_t size)
{
	static const uint32_t zero[LANES];
	uint32_t lane[LANES], row[LANES], sum = 0;

	memcpy(lane, seeds, sizeof(lane));
	mix(lane, first);
	for (uint32_t at = ROW; at < size; at += ROW) {
		memcpy(row, page + at, ROW);
		mix(lane, row);
	}
	mix(lane, zero);
	mix(lane, zero);
	for (unsigned i = 0; i < LANES; i++)
		sum ^= lane[i];
	return sum;
}

/* The same in four registers, where the processor has such: three times as
 * fast.  Of the code above compilers keep the lanes in memory. */
#if defined(__x86_64__)
typedef uint32_t eight __attribute__((vector_size(32)));

__attribute__((target("avx2"), always_inline)) static inline void
mix_avx2(eight lane[4], const void *row)
{
	for (int i = 0; i < 4; i++) {
		eight v;

		memcpy(&v, (const uint8_t *)row + i * sizeof(v), sizeof(v));
		v ^= lane[i];
		lane[i] = v * PRIME ^ v >> 17;
	}
}

__attribute__((target("avx2"))) static uint32_t
fold_avx2(const uint8_t *page, const uint32_t first[LANES], uint32_t size)
{
	static const uint32_t zero[LANES];
	uint32_t sum = 0;
	eight lane[4];

	memcpy(lane, seeds, sizeof(lane));
	mix_avx2(lane, first);
	for (uint32_t at = ROW; at < size; at += ROW)
		mix_avx2(lane, page + at);
	mix_avx2(lane, zero);
	mix_avx2(lane, zero);
	lane[0] ^= lane[1] ^ lane[2] ^ lane[3];
	for (int i = 0; i < 8; i++)
		sum ^= lane[0][i];
	return sum;
}
#endif

/* The sum counts as 0 in itself. */
static void
first_row(const uint8_t *page, uint32_t row[LANES])
{
	memcpy(row, page, ROW);
	memset((uint8_t *)row + AT_SUM, 0, sizeof(uint16_t));
}

static uint16_t
reduce(uint32_t sum, uint32_t block)
{
	return (uint16_t)((sum ^ block) % 65535 + 1);
}

uint16_t
pagesum_portable(const uint8_t *page, uint32_t size, uint32_t block)
{
	uint32_t first[LANES];

	first_row(page, first);
	return reduce(fold(page, first, size), block);
}

uint16_t
pagesum(const uint8_t *page, uint32_t size, uint32_t block)
{
#if defined(__x86_64__)
	uint32_t first[LANES];

	if (__builtin_cpu_supports("avx2")) {
		first_row(page, first);
		return reduce(fold_avx2(page, first, size), block);
	}
#endif
	return pagesum_portable(page, size, block);
}

static bool
all_zero(const uint8_t *page, uint32_t size)
{
	return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

enum pagesum_state
pagesum_check(
    const uint8_t *page, uint32_t size, uint32_t block, uint64_t start)
{
	/* Servers look at the sum of a page that is initialised only; any other
	 * must be zero from one end to the other. */
	if (bytes_u16(page + AT_UPPER) == 0) {
		if (all_zero(page, size))
			return PAGESUM_NEW;
	} else if (bytes_u16(page + AT_SUM) == pagesum(page, size, block)) {
		return PAGESUM_OK;
	}
	return lsn_load(page + AT_LSN, false) >= start ? PAGESUM_LATER
						       : PAGESUM_BAD;
}
