/* An err is a sentence for the operator: what is wrong, where, and how to mend it.
 *
 * Functions that an operator's input can make fail take a `struct err *` beside their negative errno. The caller owns it, it may be
 * NULL, and it is written only on failure. Libraries never log: they fill this and the edge logs it once. */
#ifndef TOCSIN_LIB_ERR_H
#define TOCSIN_LIB_ERR_H

struct err {
	char file[256]; /* empty when the fault is not in a file */
	int line;       /* 1-based; 0 when unknown */
	char text[512];
};

void err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void err_at(struct err *e, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "file:line: text", or only the text; into `out`, always terminated; returns out. */
const char *err_text(const struct err *e, char *out, unsigned long cap);

#endif
