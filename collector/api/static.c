#include "collector/api/static.h"

#include <string.h>

const struct static_file *static_find(const char *path)
{
	for (const struct static_file *f = static_files; f->path; f++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}
