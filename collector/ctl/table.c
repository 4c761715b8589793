#include "collector/ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

struct cell {
	char *text;
	size_t width;
};

struct table {
	const char *head[TABLE_COLUMNS_MAX];
	bool right[TABLE_COLUMNS_MAX];
	size_t columns;
	struct cell *cells;
	size_t count, cap;
	bool out_of_memory;
};

struct table *table_new(const char *const *head)
{
	struct table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	for (; head[t->columns] && t->columns < TABLE_COLUMNS_MAX; t->columns++) {
		t->right[t->columns] = head[t->columns][0] == '>';
		t->head[t->columns] = head[t->columns] + t->right[t->columns];
	}
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

/* Copies one character; what cannot be shown becomes '?'. Returns its bytes in `text`. */
static size_t copy_character(const char *text, size_t left, char **out, size_t *width)
{
	wchar_t wide = 0;
	mbstate_t state = {0};
	size_t len = mbrtowc(&wide, text, left, &state);
	int places = len == 0 || len > left ? -1 : wcwidth(wide);
	if (places < 0) {
		*(*out)++ = '?';
		*width += 1;
		return len == 0 || len > left ? 1 : len;
	}
	memcpy(*out, text, len);
	*out += len;
	*width += (size_t)places;
	return len;
}

static struct cell make_cell(const char *text)
{
	size_t len = strlen(text);
	struct cell cell = {.text = malloc(len + 1)};
	char *out = cell.text;
	if (!cell.text)
		return cell;
	for (size_t i = 0; i < len;)
		i += copy_character(text + i, len - i, &out, &cell.width);
	*out = '\0';
	return cell;
}

void table_cell(struct table *t, const char *text)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct cell *cells = realloc(t->cells, cap * sizeof *cells);
		if (!cells) {
			t->out_of_memory = true;
			return;
		}
		t->cells = cells;
		t->cap = cap;
	}
	struct cell cell = make_cell(text ? text : "");
	if (!cell.text) {
		t->out_of_memory = true;
		return;
	}
	t->cells[t->count++] = cell;
}

static void pad(size_t places, FILE *out)
{
	while (places-- > 0)
		fputc(' ', out);
}

/* The last column is not padded: it may be as long as a sentence. */
static void print_cell(const struct table *t, size_t column, const char *text, size_t width, size_t column_width, FILE *out)
{
	bool last = column + 1 == t->columns;
	if (t->right[column])
		pad(column_width - width, out);
	fputs(text, out);
	if (!last && !t->right[column])
		pad(column_width - width, out);
	fputs(last ? "\n" : "  ", out);
}

int table_print(const struct table *t, const char *none, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};
	assert(t->columns > 0);
	if (t->out_of_memory)
		return -ENOMEM;
	if (t->count == 0) {
		fprintf(out, "%s\n", none);
		return 0;
	}
	for (size_t c = 0; c < t->columns; c++)
		widths[c] = strlen(t->head[c]);
	for (size_t i = 0; i < t->count; i++)
		if (t->cells[i].width > widths[i % t->columns])
			widths[i % t->columns] = t->cells[i].width;
	for (size_t c = 0; c < t->columns; c++)
		print_cell(t, c, t->head[c], strlen(t->head[c]), widths[c], out);
	for (size_t i = 0; i < t->count; i++)
		print_cell(t, i % t->columns, t->cells[i].text, t->cells[i].width, widths[i % t->columns], out);
	return 0;
}
