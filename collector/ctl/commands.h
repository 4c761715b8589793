/* The commands of tocsinctl, one table row each. */
#ifndef TOCSIN_CTL_COMMANDS_H
#define TOCSIN_CTL_COMMANDS_H

#include <stdbool.h>

#include "collector/ctl/client.h"
#include "lib/err.h"

enum { OPTIONS_MAX = 24 };

/* An option as it was given: "--due 2026-12-18" is {"due", "2026-12-18"}, a switch has the value "". */
struct given {
	const char *name, *value;
};

struct call {
	struct client *client;
	const char *collector; /* its address, for what a person opens in a browser */
	bool json;             /* print the API's own answer */
	struct given options[OPTIONS_MAX];
	size_t option_count;
};

struct command {
	const char *words;   /* "notice add" */
	const char *options; /* names, separated by blanks; "service=" takes a value, "service=!" must be given, "all" is a switch */
	const char *usage;   /* the options as a person writes them */
	const char *help;
	int (*run)(struct call *call, struct err *err);
};

/* Ends with words NULL. */
extern const struct command commands[];

#endif
