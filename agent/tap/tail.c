#include "agent/tap/tail.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tap/siblings.h"

/* QUIET: looks without a change after which a writer is believed to have gone. EARLY: sweeps that events may cause between two regular ones, so
 * that a folder in which files come and go all the time costs no more than that. */
enum { QUIET_LOOKS = 2, EARLY_SWEEPS = 8 };

struct tail {
	char **rules;
	size_t rule_count;
	bool once;
	struct tail_sink sink;
	struct file *files; /* TAIL_FILES_MAX */
	size_t count;
	size_t path_bytes;
	size_t refused;
	size_t next; /* where the next poll begins: one busy file must not starve the others */
	uint8_t *buffer;
	struct cursor *remembered; /* not yet found again, and those of files that no rule names; paths owned */
	size_t remembered_count;
	bool unsettled; /* some of them may be files of ours that are not found yet */
	int64_t written_ms;
	struct cursor *cursors; /* RECORD_CURSORS_MAX, as last handed out */
	int inotify;
	unsigned early;
};

/* ---- life ---- */

int tail_new(const char *const *paths, size_t count, bool once, const struct tail_sink *sink, struct tail **ret)
{
	struct tail *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	t->inotify = once ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	t->once = once;
	t->sink = *sink;
	t->rules = calloc(count ? count : 1, sizeof *t->rules);
	t->files = calloc(TAIL_FILES_MAX, sizeof *t->files);
	t->cursors = calloc(RECORD_CURSORS_MAX, sizeof *t->cursors);
	t->buffer = malloc(FILE_BUFFER_BYTES);
	bool whole = t->rules && t->files && t->cursors && t->buffer;
	for (size_t i = 0; whole && i < count; i++) {
		t->rules[i] = strdup(paths[i]);
		whole = t->rules[i] != NULL;
		t->rule_count++;
	}
	if (!whole) {
		tail_free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

static void forget_cursor(struct tail *t, size_t i)
{
	free((char *)(uintptr_t)t->remembered[i].path.data);
	t->remembered[i] = t->remembered[--t->remembered_count];
}

void tail_free(struct tail *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		file_close(&t->files[i]);
	while (t->remembered_count > 0)
		forget_cursor(t, 0);
	for (size_t i = 0; i < t->rule_count; i++)
		free(t->rules[i]);
	if (t->inotify >= 0)
		close(t->inotify);
	free(t->remembered);
	free(t->cursors);
	free(t->buffer);
	free(t->files);
	free(t->rules);
	free(t);
}

int tail_resume(struct tail *t, const struct cursor *cursors, size_t count, int64_t written_ms)
{
	t->remembered = calloc(count ? count : 1, sizeof *t->remembered);
	if (!t->remembered)
		return -ENOMEM;
	t->written_ms = written_ms;
	t->unsettled = !t->once;
	for (size_t i = 0; i < count; i++) {
		char *path = strndup(cursors[i].path.data, cursors[i].path.len);
		if (!path)
			return -ENOMEM;
		t->remembered[i] = cursors[i];
		t->remembered[i].path = span_make(path, cursors[i].path.len);
		t->remembered_count++;
	}
	return 0;
}

/* ---- the followed files ---- */

static struct file *find(struct tail *t, uint64_t device, uint64_t inode)
{
	for (size_t i = 0; i < t->count; i++)
		if (file_same(&t->files[i], device, inode))
			return &t->files[i];
	return NULL;
}

static int rename_file(struct tail *t, struct file *f, const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	t->path_bytes += strlen(copy);
	t->path_bytes -= strlen(f->path);
	free(f->path);
	f->path = copy;
	return 0;
}

/* Opens `at` into the next free entry, which is not followed before keep_opened. NULL when that cannot be: `*ret` says why. */
static struct file *open_next(struct tail *t, const char *at, unsigned rule, int *ret)
{
	struct file *f = &t->files[t->count];
	*ret = -ENFILE;
	if (t->count < TAIL_FILES_MAX && t->path_bytes + strlen(at) <= TAIL_PATH_BYTES_MAX)
		*ret = file_open(f, at);
	if (*ret == 0 && find(t, f->device, f->inode)) { /* another file took the name meanwhile */
		file_close(f);
		*ret = -EEXIST;
	}
	if (*ret < 0) {
		t->refused += *ret != -ENOENT && *ret != -EEXIST && *ret != -EINVAL;
		return NULL;
	}
	f->rule = rule;
	return f;
}

static void keep_opened(struct tail *t)
{
	t->path_bytes += strlen(t->files[t->count].path);
	t->count++;
}

static void drop(struct tail *t, size_t i)
{
	t->path_bytes -= strlen(t->files[i].path);
	file_close(&t->files[i]);
	memmove(&t->files[i], &t->files[i + 1], (--t->count - i) * sizeof t->files[0]);
}

/* In the same folder, and the same up to the first dot of the name: "access.log" and "access-20260101.log". */
static bool may_be_copy(const char *path, const char *of)
{
	const char *slash = strrchr(of, '/');
	const char *name = slash ? slash + 1 : of;
	size_t stem = (size_t)(name - of) + strcspn(name[0] == '.' ? name + 1 : name, ".");
	return strncmp(path, of, stem) == 0 && strchr(path + stem, '/') == NULL;
}

/* A copytruncate's copy that a glob finds: the original is read to where it was truncated, and the copy from there on, but never both. */
static bool is_copy_of_followed(const struct tail *t, const struct file *f)
{
	for (size_t i = 0; i < t->count; i++) {
		if (!may_be_copy(f->path, t->files[i].path))
			continue;
		struct cursor c = file_cursor(&t->files[i]);
		if (file_looks_like(f, &c))
			return true;
	}
	return false;
}

/* ---- searching beside a path ---- */

/* A file that is read because of `path`, but is found under another name. */
static int adopt(struct tail *t, const struct sibling *s, const char *path, unsigned rule, const struct cursor *c)
{
	int r;
	struct file *f = open_next(t, s->path, rule, &r);
	if (!f)
		return r == -ENOENT || r == -EEXIST || r == -EINVAL ? 0 : r;
	if (c ? !file_resume(f, c) : is_copy_of_followed(t, f)) {
		file_close(f);
		return 0;
	}
	f->rotated = true;
	keep_opened(t);
	r = rename_file(t, f, path);
	return r < 0 ? r : 1;
}

/* Finds what a cursor was taken of, by inode first, then by its text. 1: found and followed; 0: it is not there; -errno: cannot be told now. */
static int search(struct tail *t, const char *path, unsigned rule, const struct cursor *c, int64_t *ret_mtime_ns)
{
	struct siblings beside;
	int r = siblings_list(path, &beside);
	if (r < 0)
		return r;
	for (int by_text = 0; by_text < 2 && r == 0; by_text++) {
		for (size_t i = beside.count; i > 0 && r == 0; i--) { /* the newest first */
			const struct sibling *s = &beside.items[i - 1];
			bool same = s->device == c->device && s->inode == c->inode;
			if (s->size < c->offset || (by_text ? c->head_len == 0 : !same) || find(t, s->device, s->inode))
				continue;
			r = adopt(t, s, path, rule, c);
			*ret_mtime_ns = s->mtime_ns;
		}
	}
	siblings_done(&beside);
	return r;
}

/* Files that were rotated away from `path` before anybody looked: its kin, written after what was read last. By time and not by number, because
 * names may carry dates; a writer that goes on in the older file while two more are rotated can hide one from this. */
static void adopt_successors(struct tail *t, const char *path, unsigned rule, int64_t after_ns)
{
	struct siblings beside;
	if (siblings_list(path, &beside) < 0)
		return;
	for (size_t i = 0; i < beside.count; i++) {
		const struct sibling *s = &beside.items[i];
		if (s->kin && s->mtime_ns >= after_ns && !find(t, s->device, s->inode))
			adopt(t, s, path, rule, NULL);
	}
	siblings_done(&beside);
}

/* The text that `c` points into is no longer behind its name: goes on in the copy that was made of it, or tells the gap. */
static void follow_copy(struct tail *t, const char *path, unsigned rule, const struct cursor *c, uint64_t unread)
{
	int64_t mtime_ns;
	if (c->offset == 0 || search(t, path, rule, c, &mtime_ns) > 0)
		return;
	t->sink.on_gap(t->sink.ctx, rule, path, unread, "was truncated or replaced, and no copy of it was found");
}

static void restart_truncated(struct tail *t, struct file *f, uint64_t unread)
{
	struct cursor c = file_cursor(f);
	follow_copy(t, f->path, f->rule, &c, unread);
	file_rewind(f);
}

/* ---- sweeping ---- */

static void look_at_files(struct tail *t)
{
	size_t count = t->count; /* copies that are adopted on the way were just looked at */
	for (size_t i = 0; i < count; i++) {
		struct file *f = &t->files[i];
		uint64_t before = f->size;
		f->present = false;
		if (file_look(f) < 0)
			continue;
		if (f->size < f->offset)
			restart_truncated(t, f, before > f->offset ? before - f->offset : 0);
		else if (f->size < f->scanned) /* an unfinished line was taken back */
			f->scanned = f->offset;
	}
}

static void watch_folder(struct tail *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	/* Only names are watched: growth is found by the sweep, or a busy log would wake the agent at every line. The same folder is the same watch;
	 * one that cannot be had is made up for by the sweep. */
	if (folder && t->inotify >= 0 && !strpbrk(folder, "*?["))
		inotify_add_watch(t->inotify, folder, IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
	free(folder);
}

static void open_discovered(struct tail *t, const char *path, unsigned rule)
{
	int r;
	struct file *f = open_next(t, path, rule, &r);
	if (!f)
		return;
	size_t i = 0;
	while (i < t->remembered_count && !file_same(f, t->remembered[i].device, t->remembered[i].inode))
		i++;
	if (i == t->remembered_count && is_copy_of_followed(t, f)) {
		file_close(f);
		return;
	}
	f->present = true;
	keep_opened(t);
	if (i < t->remembered_count) {
		struct cursor *c = &t->remembered[i];
		/* A changed generation is another file in the same inode, whatever its bytes are. */
		bool reused = c->generation != 0 && f->generation != 0 && c->generation != f->generation;
		if ((reused || !file_resume(f, c)) && !t->once)
			follow_copy(t, path, rule, c, 0);
		forget_cursor(t, i);
	}
}

static void discover(struct tail *t, const char *path, unsigned rule)
{
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	struct file *f = find(t, st.st_dev, st.st_ino);
	if (!f) {
		watch_folder(t, path);
		open_discovered(t, path, rule);
		return;
	}
	if (!f->present && strcmp(f->path, path) != 0)
		rename_file(t, f, path);
	f->present = true;
	f->rotated = false;
}

static void discover_all(struct tail *t)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		glob_t found;
		watch_folder(t, t->rules[i]);
		if (!strpbrk(t->rules[i], "*?[")) {
			discover(t, t->rules[i], (unsigned)i);
			continue;
		}
		if (glob(t->rules[i], t->once ? 0 : GLOB_NOSORT, NULL, &found) == 0) {
			for (size_t k = 0; k < found.gl_pathc; k++)
				discover(t, found.gl_pathv[k], (unsigned)i);
			globfree(&found);
		}
	}
}

static bool rule_of(const struct tail *t, const char *path, unsigned *ret)
{
	for (size_t i = 0; i < t->rule_count; i++)
		if (strcmp(t->rules[i], path) == 0 || fnmatch(t->rules[i], path, FNM_PATHNAME | FNM_PERIOD) == 0) {
			*ret = (unsigned)i;
			return true;
		}
	return false;
}

static struct file *at_path(struct tail *t, const char *path)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->files[i].present && strcmp(t->files[i].path, path) == 0)
			return &t->files[i];
	return NULL;
}

/* A path whose file of the last run has been rotated away, and when that file was last written. */
struct leftover {
	char *path;
	unsigned rule;
	int64_t after_ns;
};

/* The file of a remembered cursor is no longer at its path. 1: found beside it; 0: gone, its successors were written after the cursor was; -errno:
 * its folder may not be mounted yet. */
static int settle_cursor(struct tail *t, const struct cursor *c, struct leftover *ret)
{
	ret->after_ns = t->written_ms * 1000000;
	int r = search(t, c->path.data, ret->rule, c, &ret->after_ns);
	if (r == 0)
		t->sink.on_gap(t->sink.ctx, ret->rule, c->path.data, 0, "is gone, with what was written to it since it was last read");
	return r;
}

static void adopt_after(struct tail *t, const struct leftover *items, size_t count, size_t i)
{
	const struct file *now = at_path(t, items[i].path);
	if (now && now->resumed)
		return;
	for (size_t k = 0; k < count; k++)
		if (strcmp(items[k].path, items[i].path) == 0 &&
		    (items[k].after_ns > items[i].after_ns || (items[k].after_ns == items[i].after_ns && k < i)))
			return;
	adopt_successors(t, items[i].path, items[i].rule, items[i].after_ns);
}

/* Finds again what the cursors of the last run point to and no rule found: files rotated or copied while nobody looked. Only when all of them are
 * found is it known which other files came between them and the one that is there now. A replay leaves the cursors of others alone. */
static void settle_remembered(struct tail *t)
{
	struct leftover *items = t->unsettled ? calloc(t->remembered_count + 1, sizeof *items) : NULL;
	if (!items)
		return;
	size_t count = 0;
	t->unsettled = false;
	for (size_t i = t->remembered_count; i > 0; i--) {
		struct cursor *c = &t->remembered[i - 1];
		if (!rule_of(t, c->path.data, &items[count].rule))
			continue;
		if (settle_cursor(t, c, &items[count]) < 0) {
			t->unsettled = true;
			continue;
		}
		items[count++].path = (char *)(uintptr_t)c->path.data;
		*c = t->remembered[--t->remembered_count];
	}
	for (size_t i = 0; i < count; i++)
		adopt_after(t, items, count, i);
	for (size_t i = 0; i < count; i++)
		free(items[i].path);
	free(items);
}

static void notice_rotations(struct tail *t)
{
	size_t count = t->count;
	for (size_t i = 0; i < count; i++) {
		struct file *f = &t->files[i];
		if (f->present || f->rotated || !at_path(t, f->path))
			continue;
		f->rotated = true;
		f->quiet = 0;
		adopt_successors(t, f->path, f->rule, f->mtime_ns);
	}
}

/* Whether nobody will write to the file any more, as far as can be told: what is unfinished in it stays so. */
static bool is_final(struct tail *t, const struct file *f)
{
	if (t->once)
		return true;
	if (f->present || f->quiet < QUIET_LOOKS)
		return false;
	const struct file *successor = f->rotated ? at_path(t, f->path) : NULL;
	return f->links == 0 || (successor && successor->size > 0);
}

static bool has_younger_rotated(const struct tail *t, const struct file *f)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct file *g = &t->files[i];
		if (g != f && g->rotated && g->mtime_ns > f->mtime_ns && strcmp(g->path, f->path) == 0)
			return true;
	}
	return false;
}

static void close_drained(struct tail *t)
{
	for (size_t i = t->count; i > 0 && !t->once; i--) {
		const struct file *f = &t->files[i - 1];
		if (!f->present && f->quiet >= QUIET_LOOKS && f->offset == f->size &&
		    (f->links == 0 || (f->rotated && has_younger_rotated(t, f))))
			drop(t, i - 1);
	}
}

static void sweep(struct tail *t)
{
	t->refused = 0;
	look_at_files(t);
	discover_all(t);
	settle_remembered(t);
	notice_rotations(t);
	close_drained(t);
}

void tail_sweep(struct tail *t)
{
	t->early = EARLY_SWEEPS;
	sweep(t);
}

int tail_fd(const struct tail *t)
{
	return t->inotify;
}

void tail_on_wake(struct tail *t)
{
	/* What happened is not looked at: a queue that ran over tells as much as one that did not. */
	char events[4096];
	while (t->inotify >= 0 && read(t->inotify, events, sizeof events) > 0)
		;
	if (t->early == 0)
		return;
	t->early--;
	sweep(t);
}

/* ---- reading ---- */

static int read_file(struct tail *t, struct file *f, struct file_reading *reading)
{
	reading->final = is_final(t, f);
	if (!file_waits(f, reading->final))
		return FILE_DONE;
	int r = file_read_lines(f, reading);
	if (r == FILE_CHANGED) {
		restart_truncated(t, f, 0);
		return FILE_MORE;
	}
	if (r >= 0 || r == -ENOBUFS || r == -ENOMEM) {
		f->failed = false;
		return r;
	}
	if (!f->failed)
		t->sink.on_gap(t->sink.ctx, f->rule, f->path, 0, "cannot be read, and is tried again");
	f->failed = true;
	f->size = f->scanned; /* nothing waits until the next sweep has looked again */
	return FILE_DONE;
}

int tail_poll(struct tail *t, size_t budget)
{
	struct file_reading reading = {.buffer = t->buffer, .budget = budget, .on_piece = t->sink.on_piece, .ctx = t->sink.ctx};
	for (int pass = 0; pass < 2; pass++) { /* what was rotated away is older */
		for (size_t k = 0; k < t->count; k++) {
			size_t i = t->once ? k : (t->next + k) % t->count;
			if (t->files[i].rotated != (pass == 0))
				continue;
			int r = read_file(t, &t->files[i], &reading);
			if (r == FILE_DONE)
				continue;
			t->next = i + 1;
			return r;
		}
	}
	return 0;
}

/* ---- handing on ---- */

int tail_cursors(struct tail *t, const struct cursor **ret_cursors, size_t *ret_count)
{
	size_t count = 0, path_bytes = t->path_bytes;
	for (size_t i = 0; i < t->count; i++)
		t->cursors[count++] = file_cursor(&t->files[i]);
	for (size_t i = 0; i < t->remembered_count && count < RECORD_CURSORS_MAX; i++) {
		path_bytes += t->remembered[i].path.len;
		if (path_bytes > TAIL_PATH_BYTES_MAX)
			break;
		t->cursors[count++] = t->remembered[i];
	}
	*ret_cursors = t->cursors;
	*ret_count = count;
	return 0;
}

size_t tail_files(const struct tail *t)
{
	return t->count;
}

size_t tail_refused(const struct tail *t)
{
	return t->refused;
}
