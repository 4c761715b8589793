#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>

void err_set(struct err *e, const char *format, ...)
{
	if (!e)
		return;
	e->file[0] = '\0';
	e->line = 0;
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
}

void err_at(struct err *e, const char *file, int line, const char *format, ...)
{
	if (!e)
		return;
	snprintf(e->file, sizeof e->file, "%s", file);
	e->line = line;
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
}

const char *err_text(const struct err *e, char *out, unsigned long cap)
{
	if (e->file[0] && e->line > 0)
		snprintf(out, cap, "%s:%d: %s", e->file, e->line, e->text);
	else if (e->file[0])
		snprintf(out, cap, "%s: %s", e->file, e->text);
	else
		snprintf(out, cap, "%s", e->text);
	return out;
}
