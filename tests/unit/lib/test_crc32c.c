#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/crc32c.h"

static void vectors_of_rfc_3720_hold_on_both_paths(void **state)
{
	(void)state;
	uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
	memset(ones, 0xff, sizeof ones);
	for (uint8_t i = 0; i < 32; i++) {
		up[i] = i;
		down[i] = (uint8_t)(31 - i);
	}
	/* The SCSI Read (10) command PDU of appendix B.4. */
	const uint8_t read10[48] = {0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0,
				    0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2,    0, 0, 0, 0, 0, 0, 0};
	const struct {
		const void *data;
		size_t len;
		uint32_t crc;
		const char *why;
	} rows[] = {
		{"", 0, 0, "nothing"},
		{"123456789", 9, 0xe3069283, "the check value"},
		{zeros, 32, 0x8a9136aa, "32 bytes of zeros"},
		{ones, 32, 0x62a8ab43, "32 bytes of ones"},
		{up, 32, 0x46dd794e, "incrementing"},
		{down, 32, 0x113fdb5c, "decrementing"},
		{read10, 48, 0xd9963a56, "a command PDU"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (crc32c(0, rows[i].data, rows[i].len) != rows[i].crc)
			fail_msg("crc32c: %s", rows[i].why);
		if (crc32c_portable(0, rows[i].data, rows[i].len) != rows[i].crc)
			fail_msg("crc32c_portable: %s", rows[i].why);
	}
}

static void a_crc_chains_at_every_split_and_alignment(void **state)
{
	(void)state;
	uint8_t bytes[97];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 151 + 7);
	for (size_t start = 0; start < 9; start++) {
		size_t len = sizeof bytes - start;
		uint32_t whole = crc32c_portable(0, bytes + start, len);
		for (size_t split = 0; split <= len; split++)
			assert_int_equal(crc32c(crc32c(0, bytes + start, split), bytes + start + split, len - split), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_3720_hold_on_both_paths),
		cmocka_unit_test(a_crc_chains_at_every_split_and_alignment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
