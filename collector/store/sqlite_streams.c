/* How far each agent's records are merged, by epoch; and the beginning and the end of its stream. */
#include <errno.h>

#include "collector/store/sqlite.h"

enum {
	STREAMS_MAX = 16384,       /* in memory */
	EPOCHS_PER_AGENT_MAX = 64, /* in the database: an agent that lost its state more often than this forgot long ago what it sent */
};

int sqlite_streams_init(struct sqlite *s)
{
	return table_init(&s->streams, sizeof(struct sqlite_stream), STREAMS_MAX, NULL);
}

void sqlite_stream_seen(struct sqlite *s, struct sqlite_stream *stream, int64_t now_ms)
{
	if (now_ms > stream->seen_ms)
		stream->seen_ms = now_ms;
	table_touch(&s->streams, &stream->entry);
}

static int agent_id_of(struct sqlite *s, struct span agent, uint64_t epoch, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT id FROM agent WHERE name = ?", "s", agent);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r < 0)
		return r;
	if (r > 0) {
		*ret_id = sqlite3_column_int64(stmt, 0);
		sqlite_leave(stmt);
		return 0;
	}
	r = sqlite_run(s, err, "INSERT INTO agent (name, epoch, first_seen_ms, last_seen_ms) VALUES (?, ?, ?, ?)", "suii", agent, epoch,
		       now_ms, now_ms);
	*ret_id = sqlite3_last_insert_rowid(s->db);
	return r;
}

/* How far the epoch is merged; a new epoch begins at 0 and may push the longest unused one out. */
static int read_stream(struct sqlite *s, struct sqlite_stream *stream, int64_t now_ms, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT sequence FROM stream WHERE agent_id = ? AND epoch = ?", "iu", stream->agent_id,
			     stream->epoch);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r > 0) {
		stream->sequence = (uint64_t)sqlite3_column_int64(stmt, 0);
		sqlite_leave(stmt);
		return 0;
	}
	if (r == 0)
		r = sqlite_run(s, err, "INSERT INTO stream (agent_id, epoch, sequence, used_ms) VALUES (?, ?, 0, ?)", "iui",
			       stream->agent_id, stream->epoch, now_ms);
	if (r == 0)
		r = sqlite_run(s, err,
			       "DELETE FROM stream WHERE agent_id = ?1 AND epoch IN"
			       " (SELECT epoch FROM stream WHERE agent_id = ?1 ORDER BY used_ms DESC, epoch LIMIT -1 OFFSET ?2)",
			       "id", stream->agent_id, EPOCHS_PER_AGENT_MAX);
	return r;
}

int sqlite_stream_find(struct sqlite *s, struct span agent, uint64_t epoch, int64_t now_ms, struct sqlite_stream **ret, struct err *err)
{
	struct table_key key = {.len = 0};
	struct span name = table_key_name(&key, agent);
	table_key_number(&key, (int64_t)epoch);
	struct sqlite_stream *stream = table_find(&s->streams, table_key_span(&key));
	if (stream) {
		*ret = stream;
		return 0;
	}
	int64_t agent_id = 0;
	int r = sqlite_memory_room(s, &s->streams, err);
	if (r == 0)
		r = agent_id_of(s, name, epoch, now_ms, &agent_id, err);
	if (r < 0)
		return r;
	stream = table_add(&s->streams, table_key_span(&key));
	if (!stream)
		return sqlite_out_of_memory(err);
	stream->agent_id = agent_id;
	stream->epoch = epoch;
	r = read_stream(s, stream, now_ms, err);
	if (r < 0)
		return r;
	*ret = stream;
	return 0;
}

int sqlite_streams_write(struct sqlite *s, struct err *err)
{
	struct sqlite_stream *e;
	int r = 0;
	while (r == 0 && (e = table_next_dirty(&s->streams))) {
		r = sqlite_run(s, err, "UPDATE stream SET sequence = ?, used_ms = max(used_ms, ?) WHERE agent_id = ? AND epoch = ?", "uiiu",
			       e->sequence, e->seen_ms, e->agent_id, e->epoch);
		if (r == 0)
			r = sqlite_run(s, err,
				       "UPDATE agent SET last_seen_ms = max(last_seen_ms, ?2), lost_records = min(lost_records + ?3, ?5),"
				       " sketches_refused = min(sketches_refused + ?4, ?5) WHERE id = ?1",
				       "iiuuu", e->agent_id, e->seen_ms, e->lost, e->refused, CELL_REQUESTS_MAX);
		e->lost = e->refused = 0;
	}
	return r;
}

/* ---- the ends of a stream ---- */

static int greet(struct sqlite *s, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err)
{
	struct sqlite_stream *stream = NULL;
	int r = sqlite_stream_find(s, hello->agent, hello->epoch, now_ms, &stream, err);
	if (r < 0)
		return r;
	sqlite_stream_seen(s, stream, now_ms);
	if (hello->first_sequence > stream->sequence + 1) {
		uint64_t hole = hello->first_sequence - stream->sequence - 1;
		stream->lost += hole < CELL_REQUESTS_MAX ? hole : CELL_REQUESTS_MAX;
		stream->sequence = hello->first_sequence - 1;
	}
	*ret_merged = stream->sequence;
	return sqlite_run(s, err, "UPDATE agent SET version = ?, kernel = ?, epoch = ?, connected = 1 WHERE id = ?", "ssui", hello->version,
			  hello->kernel, hello->epoch, stream->agent_id);
}

int sqlite_hello(struct store *store, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t merged = 0;
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = sqlite_end(s, greet(s, hello, now_ms, &merged, err), err);
	if (r == 0)
		*ret_merged = merged;
	return r;
}

int sqlite_goodbye(struct store *store, struct span agent, int64_t now_ms, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = sqlite_run(s, err, "UPDATE agent SET connected = 0, last_seen_ms = max(last_seen_ms, ?) WHERE name = ?", "is", now_ms, agent);
	return sqlite_end(s, r, err);
}
