/* tocsin-agent: the command line. What a command does stands in its own file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/check.h"
#include "agent/daemon.h"
#include "agent/settings.h"
#include "agent/spool.h"
#include "agent/tap/tap.h"
#include "lib/command_line.h"
#include "lib/file.h"
#include "lib/log.h"

static const char default_state[] = "/var/lib/tocsin-agent";

struct invocation {
	struct command_line line;
	const char *state;
	struct agent_settings *settings;
};

static int fail(const struct err *err)
{
	char text[1024];
	log_error("%s", err_text(err, text, sizeof text));
	return 1;
}

static int run(struct invocation *in)
{
	struct err err = {0};
	return daemon_run(in->settings, in->state, &err) < 0 ? fail(&err) : 0;
}

static int replay(struct invocation *in)
{
	struct err err = {0};
	if (in->line.word_count < 2) {
		fprintf(stderr, "replay wants the files to read, oldest first\n");
		return 2;
	}
	return daemon_replay(in->settings, in->state, in->line.words + 1, in->line.word_count - 1, &err) < 0 ? fail(&err) : 0;
}

static int check(struct invocation *in)
{
	const char *logs[TAPS_MAX];
	size_t count = 0;
	for (uint32_t i = 0; i < in->settings->taps_count && count < TAPS_MAX; i++)
		logs[count++] = in->settings->taps[i].path;
	struct check_options options = {.state_dir = in->state,
					.spool_bytes = in->settings->spool_bytes,
					.ring_bytes = in->settings->ring_bytes,
					.logs = logs,
					.log_count = count};
	return check_run(&options, stdout);
}

static void print_entry(void *ctx, const struct spool_entry *e)
{
	(void)ctx;
	if (e->valid)
		printf("%s  offset %-9" PRIu64 "  epoch %" PRIu64 "  sequence %-8" PRIu64 "  %u bytes\n", e->segment, e->offset, e->epoch,
		       e->sequence, e->payload_len);
	else
		printf("%s  offset %-9" PRIu64 "  BAD, %u bytes\n", e->segment, e->offset, e->payload_len);
}

static void ignore_entry(void *ctx, const struct spool_entry *e)
{
	(void)ctx;
	(void)e;
}

static int spool(struct invocation *in)
{
	struct err err = {0};
	struct spool_stats stats;
	char dir[4096];
	const char *what = in->line.word_count == 2 ? in->line.words[1] : "";
	if (strcmp(what, "list") != 0 && strcmp(what, "check") != 0) {
		fprintf(stderr, "usage: tocsin-agent spool list|check [--state DIR]\n");
		return 2;
	}
	snprintf(dir, sizeof dir, "%s/spool", in->state);
	if (spool_scan(dir, strcmp(what, "list") == 0 ? print_entry : ignore_entry, NULL, &stats, &err) < 0)
		return fail(&err);
	printf("epoch %" PRIu64 ": sequences %" PRIu64 " to %" PRIu64 ", acknowledged up to %" PRIu64 "; %" PRIu64 " segments, %" PRIu64
	       " bytes\n",
	       stats.epoch, stats.first, stats.next ? stats.next - 1 : 0, stats.acked, stats.segments, stats.bytes);
	printf("torn tails %" PRIu64 ", bad records %" PRIu64 "\n", stats.torn_tails, stats.bad_records);
	return stats.bad_records > 0 ? 1 : 0;
}

static int print_settings(struct invocation *in)
{
	(void)in;
	settings_print_example(&agent_settings_table, stdout);
	return 0;
}

static int version(struct invocation *in)
{
	(void)in;
	puts("tocsin-agent " TOCSIN_VERSION);
	return 0;
}

static const struct command {
	const char *name, *help;
	int needs_settings;
	int (*run)(struct invocation *in);
} commands[] = {
	{"run", "watch this host (the default)", 1, run},
	{"check", "what this host offers, what is missing, how to mend it", 1, check},
	{"replay", "FILE...  old logs through the same path, with their own times", 1, replay},
	{"spool", "list|check  what waits on disk", 0, spool},
	{"settings", "every key with its default and meaning", 0, print_settings},
	{"version", "the version", 0, version},
};

static int usage(void)
{
	fprintf(stderr, "usage: tocsin-agent [command] [--state DIR] [--config FILE] [--set key=value]...\n");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(stderr, "  %-9s %s\n", commands[i].name, commands[i].help);
	return 2;
}

int main(int argc, char **argv)
{
	struct invocation in = {0};
	struct err err = {0};
	log_open("agent", LOG_LEVEL_INFO);
	if (command_line_parse(argc, argv, &in.line, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return usage();
	}
	in.state = in.line.state ? in.line.state : default_state;
	const char *name = in.line.word_count > 0 ? in.line.words[0] : "run";
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].needs_settings) {
			if (agent_settings_load(in.line.config, in.line.set, in.line.set_count, in.state, &in.settings, &err) < 0 ||
			    file_make_folder(in.state, &err) < 0) {
				agent_settings_free(in.settings);
				return fail(&err);
			}
			log_open("agent", in.settings->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
		}
		int code = commands[i].run(&in);
		agent_settings_free(in.settings);
		return code;
	}
	return usage();
}
