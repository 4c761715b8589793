/* The running agent: sources, windows, spool and uplink on one libuv loop. It wires; what the parts do is theirs. */
#ifndef TOCSIN_AGENT_DAEMON_H
#define TOCSIN_AGENT_DAEMON_H

#include "agent/settings.h"
#include "lib/err.h"

/* Runs until SIGINT or SIGTERM: then seals what is open and gives the uplink a moment to deliver it. 0, or a negative errno with a sentence
 * when it could not start. */
int daemon_run(const struct agent_settings *settings, const char *state_dir, struct err *err);

/* `tocsin-agent replay`: reads the files to their ends with their own times, delivers everything, returns. */
int daemon_replay(const struct agent_settings *settings, const char *state_dir, const char *const *files, size_t count, struct err *err);

#endif
