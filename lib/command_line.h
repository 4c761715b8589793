/* The command line that all programs share: a command, --state DIR, --config FILE, --set key=value …, and the words in between.
 *
 * Everything is borrowed from argv. */
#ifndef TOCSIN_LIB_COMMAND_LINE_H
#define TOCSIN_LIB_COMMAND_LINE_H

#include <stddef.h>

#include "lib/err.h"

enum { COMMAND_SETS_MAX = 128, COMMAND_WORDS_MAX = 1024 };

struct command_line {
	const char *state;  /* NULL when not said */
	const char *config; /* NULL when not said */
	const char *to;     /* --to DIR, for commands that write somewhere */
	const char *set[COMMAND_SETS_MAX];
	size_t set_count;
	const char *words[COMMAND_WORDS_MAX]; /* the command first */
	size_t word_count;
};

/* -EINVAL with a sentence for an option that is not known or lacks its value. "--" ends the options. */
int command_line_parse(int argc, char **argv, struct command_line *ret, struct err *err);

#endif
