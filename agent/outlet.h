/* The outlet: the spool and the uplink that empties it, for a daemon and a replay alike.
 *
 * Owns both. On finish it waits for the collector to have everything, within reason; what is left stays in the spool for the next run. */
#ifndef TOCSIN_AGENT_OUTLET_H
#define TOCSIN_AGENT_OUTLET_H

#include <stdbool.h>

#include <uv.h>

#include "agent/settings.h"
#include "agent/spool.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "proto/record.h"

struct outlet;

/* Opens `state_dir`/spool (-EBUSY: another agent has it) and starts the uplink with the settings' certificates. `settings` is borrowed. */
int outlet_start(uv_loop_t *loop, const struct agent_settings *settings, const char *state_dir, struct outlet **ret, struct err *err);
struct spool *outlet_spool(struct outlet *o);
/* The newest record, with spans into `bytes`; all zero when the spool never held one. One that cannot be read is an error with a sentence: who
 * went on without it would read every log from its beginning and count it a second time. */
int outlet_last_record(struct outlet *o, struct buf *bytes, struct record *ret, struct err *err);
/* A record was appended. */
void outlet_wake(struct outlet *o);
bool outlet_drained(const struct outlet *o);
/* Ends when everything is acknowledged, or after OUTLET_FINISH_MS without progress; the loop then runs empty of it. */
enum { OUTLET_FINISH_MS = 3000 };
void outlet_finish(struct outlet *o);
/* How outlet_finish ended: everything was acknowledged. */
bool outlet_delivered(const struct outlet *o);
/* Ends at once. */
void outlet_abandon(struct outlet *o);
/* After the loop ran empty. */
void outlet_free(struct outlet *o);

#endif
