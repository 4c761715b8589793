#include "lib/command_line.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int command_line_parse(int argc, char **argv, struct command_line *ret, struct err *err)
{
	struct command_line c = {0};
	bool options = true;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (!options || arg[0] != '-' || arg[1] == '\0') {
			if (c.word_count == COMMAND_WORDS_MAX) {
				err_set(err, "more than %d words", COMMAND_WORDS_MAX);
				return -EINVAL;
			}
			c.words[c.word_count++] = arg;
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			options = false;
			continue;
		}
		const char **value = strcmp(arg, "--state") == 0    ? &c.state
				     : strcmp(arg, "--config") == 0 ? &c.config
				     : strcmp(arg, "--to") == 0     ? &c.to
				     : strcmp(arg, "--set") == 0    ? &c.set[c.set_count]
								    : NULL;
		if (!value) {
			err_set(err, "unknown option %s; known are --state DIR, --config FILE, --set key=value, --to DIR", arg);
			return -EINVAL;
		}
		if (++i == argc) {
			err_set(err, "%s wants a value", arg);
			return -EINVAL;
		}
		if (value == &c.set[c.set_count] && ++c.set_count == COMMAND_SETS_MAX) {
			err_set(err, "more than %d times --set", COMMAND_SETS_MAX - 1);
			return -EINVAL;
		}
		*value = argv[i];
	}
	*ret = c;
	return 0;
}
