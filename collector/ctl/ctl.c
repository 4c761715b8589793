/* tocsinctl: the operator's command line over the collector's REST API. Reads the command line, runs one command, says what went wrong. */
#include <curl/curl.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/ctl/client.h"
#include "collector/ctl/commands.h"
#include "lib/span.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, WORDS_MAX = 4, PATH_BYTES_MAX = 4096 };

static const char common_options[] = "collector= state= token-file= ca= json help version";
static const char default_collector[] = "https://127.0.0.1:8465";
static const char default_state[] = "/var/lib/tocsin-collector";

struct line {
	struct call call;
	const char *words[WORDS_MAX];
	size_t word_count;
};

static void print_help(FILE *out)
{
	fprintf(out, "tocsinctl [options] COMMAND\n\ncommands\n");
	for (const struct command *c = commands; c->words; c++)
		fprintf(out, "  %s%s%s\n      %s\n", c->words, *c->usage ? " " : "", c->usage, c->help);
	fprintf(out,
		"\noptions\n"
		"  --collector URL     where the collector's API is (%s)\n"
		"  --state DIR         the collector's state folder: its api.token and pki/ca.crt are used (%s)\n"
		"  --token-file FILE   the token, instead of DIR/api.token\n"
		"  --ca FILE           the authority of the collector's certificate, instead of DIR/pki/ca.crt\n"
		"  --json              the API's own answer, for programs\n"
		"  --version, --help\n"
		"\nends with 0 when done, 1 when the collector refused or was not reached, 2 when the command line is wrong\n",
		default_collector, default_state);
}

/* The entry of `name` in a list like "service=! all"; empty when it is not there. */
static struct span find_option(const char *list, struct span name)
{
	struct span rest = span_str(list);
	while (rest.len > 0) {
		struct span entry = span_cut(&rest, ' '), left = entry;
		if (span_equal(span_cut(&left, '='), name))
			return entry;
	}
	return span_make(NULL, 0);
}

static const char *given(const struct line *line, const char *name)
{
	for (size_t i = 0; i < line->call.option_count; i++)
		if (strcmp(line->call.options[i].name, name) == 0)
			return line->call.options[i].value;
	return NULL;
}

static bool takes_value(struct span entry)
{
	return memchr(entry.data, '=', entry.len) != NULL;
}

/* An option that any command knows; which of them this command knows is said when the command is. */
static struct span known_option(struct span name)
{
	struct span entry = find_option(common_options, name);
	for (const struct command *c = commands; entry.len == 0 && c->words; c++)
		entry = find_option(c->options, name);
	return entry;
}

/* Takes argv[i] and perhaps its value; returns the last index used, or a negative errno. */
static int take_option(struct line *line, int argc, char **argv, int i, struct err *err)
{
	char *name = argv[i] + 2, *value = strchr(name, '=');
	struct span entry = known_option(span_make(name, value ? (size_t)(value - name) : strlen(name)));
	if (entry.len == 0) {
		err_set(err, "there is no option %s", argv[i]);
		return -EINVAL;
	}
	if (value && !takes_value(entry)) {
		err_set(err, "--%.*s takes no value", (int)entry.len, entry.data);
		return -EINVAL;
	}
	if (value)
		*value++ = '\0';
	else if (takes_value(entry))
		value = i + 1 < argc ? argv[++i] : NULL;
	else
		value = "";
	if (!value) {
		err_set(err, "--%s needs a value", name);
		return -EINVAL;
	}
	if (given(line, name) || line->call.option_count == OPTIONS_MAX) {
		err_set(err, "--%s is given twice", name);
		return -EINVAL;
	}
	line->call.options[line->call.option_count++] = (struct given){name, value};
	return i;
}

static int read_line(struct line *line, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) == 0) {
			i = take_option(line, argc, argv, i, err);
			if (i < 0)
				return i;
		} else if (line->word_count < WORDS_MAX) {
			line->words[line->word_count++] = argv[i];
		} else {
			err_set(err, "\"%s\" is one word too many", argv[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static const struct command *find_command(const struct line *line, struct err *err)
{
	char words[256] = "";
	size_t len = 0;
	for (size_t i = 0; i < line->word_count && len < sizeof words; i++)
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", i ? " " : "", line->words[i]);
	for (const struct command *c = commands; c->words; c++)
		if (strcmp(c->words, words) == 0)
			return c;
	if (line->word_count == 0)
		err_set(err, "which command?");
	else
		err_set(err, "there is no command \"%s\"", words);
	return NULL;
}

/* Every option is one of this command's, and those it must have are there. */
static int check_options(const struct line *line, const struct command *command, struct err *err)
{
	for (size_t i = 0; i < line->call.option_count; i++) {
		const char *name = line->call.options[i].name;
		if (find_option(common_options, span_str(name)).len == 0 && find_option(command->options, span_str(name)).len == 0) {
			err_set(err, "%s knows no --%s; it is: tocsinctl %s %s", command->words, name, command->words, command->usage);
			return -EINVAL;
		}
	}
	for (struct span rest = span_str(command->options); rest.len > 0;) {
		struct span entry = span_cut(&rest, ' ');
		struct span name = span_cut(&entry, '=');
		char text[32];
		snprintf(text, sizeof text, "%.*s", (int)name.len, name.data);
		if (entry.len == 1 && !given(line, text)) { /* the "!" */
			err_set(err, "--%s is missing; it is: tocsinctl %s %s", text, command->words, command->usage);
			return -EINVAL;
		}
	}
	return 0;
}

static const char *in_state(const struct line *line, const char *file, char out[PATH_BYTES_MAX])
{
	const char *state = given(line, "state");
	snprintf(out, PATH_BYTES_MAX, "%s/%s", state ? state : default_state, file);
	return out;
}

static int run(struct line *line, const struct command *command, struct err *err)
{
	char token_file[PATH_BYTES_MAX], ca_file[PATH_BYTES_MAX], collector[PATH_BYTES_MAX];
	const char *url = given(line, "collector");
	struct client_options options = {.collector = collector, .token_file = given(line, "token-file"), .ca_file = given(line, "ca")};
	snprintf(collector, sizeof collector, "%s", url ? url : default_collector);
	for (size_t len = strlen(collector); len > 0 && collector[len - 1] == '/'; len--)
		collector[len - 1] = '\0';
	if (!options.token_file)
		options.token_file = in_state(line, "api.token", token_file);
	/* A certificate of the company's own authority needs no file of the collector's. */
	if (!options.ca_file && access(in_state(line, "pki/ca.crt", ca_file), R_OK) == 0)
		options.ca_file = ca_file;
	int r = client_new(&options, &line->call.client, err);
	if (r < 0)
		return r;
	line->call.collector = collector;
	line->call.json = given(line, "json") != NULL;
	r = command->run(&line->call, err);
	client_free(line->call.client);
	return r;
}

static int complain(const struct err *err, int code)
{
	char text[1024];
	fprintf(stderr, "tocsinctl: %s\n", err_text(err, text, sizeof text));
	if (code == EXIT_USAGE)
		fprintf(stderr, "tocsinctl --help lists commands and options\n");
	return code;
}

int main(int argc, char **argv)
{
	struct line line = {0};
	struct err err = {0};
	/* Widths of characters are known in UTF-8 only; numbers stay those of C. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (read_line(&line, argc, argv, &err) < 0)
		return complain(&err, EXIT_USAGE);
	if (given(&line, "help")) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (given(&line, "version")) {
		printf("tocsinctl %s\n", TOCSIN_VERSION);
		return EXIT_OK;
	}
	const struct command *command = find_command(&line, &err);
	if (!command || check_options(&line, command, &err) < 0)
		return complain(&err, EXIT_USAGE);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int r = run(&line, command, &err);
	curl_global_cleanup();
	if (r < 0)
		return complain(&err, EXIT_FAILED);
	/* A full disk or a closed pipe must not look like an empty answer. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		err_set(&err, "the answer could not be written");
		return complain(&err, EXIT_FAILED);
	}
	return EXIT_OK;
}
