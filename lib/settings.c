#include "lib/settings.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/settings_table.h"
#include "lib/span.h"

const struct cyaml_strval settings_switch_words[2] = {{"false", SETTINGS_FALSE}, {"true", SETTINGS_TRUE}};
const struct cyaml_schema_value settings_text_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, SETTINGS_TEXT_MAX)};

/* What libcyaml logged about its first complaint: the sentence, and the innermost line of its backtrace. */
struct complaint {
	char text[256];
	int line;
};

__attribute__((format(printf, 3, 0))) static void on_cyaml_log(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct complaint *c = ctx;
	char text[256];
	(void)level;
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	const char *said = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
	const char *at = strstr(said, "(line: ");
	if (at) {
		long line = strtol(at + 7, NULL, 10);
		if (c->line == 0 && line > 0 && line < INT_MAX)
			c->line = (int)line;
	} else if (c->text[0] == '\0' && strncmp(said, "Backtrace", 9) != 0) {
		snprintf(c->text, sizeof c->text, "%s", said);
	}
}

static cyaml_config_t config_for(struct complaint *c)
{
	return (cyaml_config_t){
		.log_fn = on_cyaml_log, .log_ctx = c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS};
}

static cyaml_schema_value_t schema_of(const struct settings_table *table)
{
	return (cyaml_schema_value_t){.type = CYAML_MAPPING,
				      .flags = CYAML_FLAG_POINTER,
				      .data_size = (uint32_t)table->size,
				      .mapping = {.fields = table->fields}};
}

/* ---- the nearest valid key ---- */

enum { KEY_MAX = 64 };

/* Levenshtein distance, two rows; keys are short. */
static size_t edit_distance(struct span a, struct span b)
{
	size_t row[KEY_MAX + 1];
	if (a.len > KEY_MAX || b.len > KEY_MAX)
		return KEY_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			diagonal = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[b.len];
}

struct nearest {
	struct span wanted;
	const char *key;
	size_t distance;
};

static void nearest_in_value(const cyaml_schema_value_t *value, struct nearest *n);

static void nearest_in_fields(const cyaml_schema_field_t *fields, bool top, struct nearest *n)
{
	for (const cyaml_schema_field_t *f = fields; f->key; f++) {
		if (top) {
			size_t d = edit_distance(n->wanted, span_str(f->key));
			if (d < n->distance) {
				n->distance = d;
				n->key = f->key;
			}
		} else {
			nearest_in_value(&f->value, n);
		}
	}
}

static void nearest_in_value(const cyaml_schema_value_t *value, struct nearest *n)
{
	if (value->type == CYAML_SEQUENCE)
		nearest_in_value(value->sequence.entry, n);
	else if (value->type == CYAML_MAPPING)
		nearest_in_fields(value->mapping.fields, true, n);
}

static const char *nearest_key(const struct settings_table *table, struct span wanted, bool top)
{
	struct nearest n = {.wanted = wanted, .distance = KEY_MAX};
	nearest_in_fields(table->fields, top, &n);
	return n.key;
}

/* ---- one document out of the file, the command line and the defaults ---- */

struct document {
	struct buf text;
	int file_lines;
	const char *file;
};

/* Bytes from `from` to the end of its line, the newline included. */
static size_t line_end(const struct buf *b, size_t from)
{
	const uint8_t *at = from < b->len ? memchr(b->data + from, '\n', b->len - from) : NULL;
	return at ? (size_t)(at - b->data) + 1 : b->len;
}

static bool line_has_key(const struct buf *b, size_t from, struct span key)
{
	return b->len - from > key.len && memcmp(b->data + from, key.data, key.len) == 0 && b->data[from + key.len] == ':';
}

static bool has_key(const struct buf *b, struct span key)
{
	for (size_t at = 0; at < b->len; at = line_end(b, at))
		if (line_has_key(b, at, key))
			return true;
	return false;
}

/* Blanks a top-level key and everything that belongs to it, keeping the line count so that errors still name the right line. */
static void blank_key(struct buf *b, struct span key)
{
	bool inside = false;
	for (size_t at = 0; at < b->len;) {
		size_t end = line_end(b, at);
		if (line_has_key(b, at, key))
			inside = true;
		else if (inside && !strchr(" \t#-\n", b->data[at]))
			inside = false;
		for (size_t i = at; inside && i < end; i++)
			if (b->data[i] != '\n')
				b->data[i] = ' ';
		at = end;
	}
}

static int read_file(struct document *d, const char *file, struct err *err)
{
	FILE *f = fopen(file, "re");
	if (!f) {
		int error = errno;
		err_at(err, file, 0, "cannot be read: %s", strerror(error));
		return -error;
	}
	char chunk[4096];
	size_t got;
	int r = 0;
	while (r == 0 && (got = fread(chunk, 1, sizeof chunk, f)) > 0)
		r = buf_append(&d->text, chunk, got);
	if (r == 0 && ferror(f))
		r = -EIO;
	fclose(f);
	if (r == -EMSGSIZE)
		err_at(err, file, 0, "is larger than %d bytes: that is no settings file", SETTINGS_FILE_MAX);
	else if (r < 0)
		err_at(err, file, 0, "cannot be read: %s", strerror(-r));
	if (r < 0 || d->text.len == 0)
		return r;
	if (memchr(d->text.data, 0, d->text.len)) {
		err_at(err, file, 0, "holds NUL bytes: that is no YAML file");
		return -EINVAL;
	}
	if (d->text.data[d->text.len - 1] != '\n')
		r = buf_append_byte(&d->text, '\n');
	for (size_t i = 0; r == 0 && i < d->text.len; i++)
		d->file_lines += d->text.data[i] == '\n';
	return r;
}

static int add_set(struct document *d, const char *set, struct err *err)
{
	const char *equals = strchr(set, '=');
	if (!equals || equals == set || strchr(set, '\n')) {
		err_set(err, "--set %s: expected key=value", set);
		return -EINVAL;
	}
	struct span key = span_make(set, (size_t)(equals - set));
	blank_key(&d->text, key);
	return buf_printf(&d->text, "%.*s: %s\n", (int)key.len, key.data, equals[1] ? equals + 1 : "''");
}

static int add_defaults(struct document *d, const struct settings_table *table)
{
	int r = 0;
	for (const struct settings_row *row = table->rows; r == 0 && row->key; row++)
		if (!has_key(&d->text, span_str(row->key)))
			r = buf_printf(&d->text, "%s: %s\n", row->key, row->fallback);
	return r;
}

/* libcyaml names the last good place before an unknown key; the key's own line is at or after it. */
static int line_of_key(const struct buf *b, int from, struct span key, bool *ret_top)
{
	int line = 1;
	for (size_t at = 0; at < b->len; at = line_end(b, at), line++) {
		if (line < from)
			continue;
		for (size_t i = at, end = line_end(b, at); i + key.len < end; i++)
			if (line_has_key(b, i, key)) {
				*ret_top = i == at;
				return line;
			}
	}
	*ret_top = true;
	return from;
}

static struct span line_text(const struct buf *b, int line)
{
	size_t at = 0;
	while (--line > 0 && at < b->len)
		at = line_end(b, at);
	size_t end = line_end(b, at);
	return span_make(b->data + at, end > at ? end - at - 1 : 0);
}

/* libcyaml's words are a programmer's; these are an operator's. */
static void explain(const char *said, char *text, size_t cap)
{
	static const struct {
		const char *starts, *means;
	} words[] = {
		{"Invalid uint64_t value: ", "is no whole number that this key can take: "},
		{"Invalid UINT value: ", "is no whole number that this key can take: "},
		{"Invalid ENUM value: ", "is none of the words that this key can take (true, false): "},
		{"", ""},
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t len = strlen(words[i].starts);
		if (strncmp(said, words[i].starts, len) == 0) {
			snprintf(text, cap, "%s%s", words[i].means, said[0] ? said + len : "is no YAML mapping of settings");
			return;
		}
	}
}

static int refuse(const struct settings_table *table, const struct document *d, const struct complaint *c, struct err *err)
{
	static const char unknown[] = "Unexpected key: ", again[] = "Mapping field already seen: ";
	char text[448];
	int line = c->line;
	if (strncmp(c->text, unknown, sizeof unknown - 1) == 0) {
		struct span key = span_str(c->text + sizeof unknown - 1);
		bool top;
		line = line_of_key(&d->text, line, key, &top);
		const char *near = nearest_key(table, key, top);
		snprintf(text, sizeof text, "unknown key '%.*s'; did you mean '%s'?", (int)key.len, key.data, near ? near : "?");
	} else if (strncmp(c->text, again, sizeof again - 1) == 0) {
		bool top;
		line = line_of_key(&d->text, line + 1, span_str(c->text + sizeof again - 1), &top);
		snprintf(text, sizeof text, "key '%s' stands here a second time; remove one", c->text + sizeof again - 1);
	} else {
		explain(c->text, text, sizeof text);
	}
	if (line > 0 && line <= d->file_lines) {
		err_at(err, d->file, line, "%s", text);
	} else if (line > 0) {
		struct span said = line_text(&d->text, line);
		err_set(err, "--set %.*s: %s", (int)(said.len > 120 ? 120 : said.len), said.data, text);
	} else {
		err_at(err, d->file ? d->file : "--set", 0, "%s", text);
	}
	return -EINVAL;
}

int settings_load(const struct settings_table *table, const char *file, const char *const *set, size_t count, void **ret, struct err *err)
{
	struct document d = {.file = file};
	struct complaint said = {0};
	void *loaded = NULL;

	buf_init(&d.text, SETTINGS_FILE_MAX);
	int r = file ? read_file(&d, file, err) : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_set(&d, set[i], err);
	if (r == 0)
		r = add_defaults(&d, table);
	if (r == -ENOMEM || r == -EMSGSIZE)
		err_set(err, "settings do not fit in %d bytes", SETTINGS_FILE_MAX);
	if (r < 0)
		goto out;

	cyaml_config_t config = config_for(&said);
	cyaml_schema_value_t schema = schema_of(table);
	cyaml_err_t e = cyaml_load_data(d.text.data, d.text.len, &config, &schema, &loaded, NULL);
	if (e == CYAML_ERR_OOM)
		r = -ENOMEM;
	else if (e != CYAML_OK)
		r = refuse(table, &d, &said, err);
	else
		*ret = loaded;
out:
	buf_done(&d.text);
	return r;
}

void settings_free(const struct settings_table *table, void *settings)
{
	if (!settings)
		return;
	struct complaint said = {0};
	cyaml_config_t config = config_for(&said);
	cyaml_schema_value_t schema = schema_of(table);
	cyaml_free(&config, &schema, settings, 0);
}

int settings_default_text(char **field, const char *dir, const char *name)
{
	if (*field && (*field)[0])
		return 0;
	char *made = NULL;
	if (asprintf(&made, "%s%s", dir, name) < 0)
		return -ENOMEM;
	free(*field); /* libcyaml's default allocator is realloc and free */
	*field = made;
	return 0;
}

void settings_print_example(const struct settings_table *table, FILE *out)
{
	const cyaml_schema_field_t *field = table->fields;
	for (const struct settings_row *row = table->rows; row->key; row++, field++) {
		assert(field->key && strcmp(field->key, row->key) == 0);
		fprintf(out, "# %s\n# %s: %s\n\n", row->help, row->key, row->fallback);
	}
}
