/* What the reference's kernel side hands to its reader. */
#ifndef TOCSIN_TESTS_BENCH_HTTP_REFERENCE_H
#define TOCSIN_TESTS_BENCH_HTTP_REFERENCE_H

#include <linux/types.h>

#define REFERENCE_CAPTURE 512

struct reference_record {
	__u64 time_ns;
	__u32 process;
	__u32 descriptor;
	__u32 len;
	__u16 captured;
	__u8 is_write;
	__u8 reserved;
	__u8 data[REFERENCE_CAPTURE];
};

#endif
