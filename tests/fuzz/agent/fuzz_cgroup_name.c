#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/probe/cgroup_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup_name name;
	if (!cgroup_name(span_make(data, size), &name))
		return 0;
	size_t len = strnlen(name.text, sizeof name.text);
	assert(len > 0 && len < sizeof name.text);
	return 0;
}
