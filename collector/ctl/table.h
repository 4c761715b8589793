/* Rows of text in aligned columns, for people.
 *
 * Owns copies of its cells. Counts what a terminal shows, in which a Chinese character takes two places, and lets no control character
 * through: names come from hosts, and a terminal obeys what it is sent. */
#ifndef TOCSIN_CTL_TABLE_H
#define TOCSIN_CTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table;

/* `head` names the columns, ended by NULL; a name that begins with '>' is a column of numbers, aligned right. NULL without memory. */
struct table *table_new(const char *const *head);
void table_free(struct table *t);
/* The next cell, row by row; NULL is an empty one. */
void table_cell(struct table *t, const char *text);
/* Prints the head and the rows; `none` when there are none. -ENOMEM when a cell did not fit into memory. */
int table_print(const struct table *t, const char *none, FILE *out);

#endif
