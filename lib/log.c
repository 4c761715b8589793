#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *log_program = "tocsin";
static enum log_level log_max = LOG_LEVEL_INFO;

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return " error";
	case LOG_LEVEL_WARN: return " warning";
	case LOG_LEVEL_INFO: return "";
	case LOG_LEVEL_DEBUG: return " debug";
	}
	return "";
}

void log_line(enum log_level level, const char *format, ...)
{
	if (level > log_max)
		return;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);

	if (getenv("JOURNAL_STREAM")) { /* the journal stamps time and program itself */
		fprintf(stderr, "<%d>%s\n", (int)level, text);
		return;
	}
	struct timespec now;
	struct tm utc;
	char stamp[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	fprintf(stderr, "%s.%03ldZ %s%s: %s\n", stamp, now.tv_nsec / 1000000, log_program, level_word(level), text);
}
