/* Any bytes as a template, however they stand, are classified without a fault and into known classes only. */
#include <stdint.h>
#include <stdlib.h>

#include "collector/services/functions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = {"GET", "POST"};
	for (int i = 0; i < 2; i++)
		if (functions_of(span_str(methods[i]), span_make(data, size), i == 1, span_str("html")) >> FUNCTION_CLASSES)
			abort();
	return 0;
}
