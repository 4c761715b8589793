/* Small whole files: read with a ceiling, written so that a crash leaves the old one or the new one. */
#ifndef TOCSIN_LIB_FILE_H
#define TOCSIN_LIB_FILE_H

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

/* Appends the file's bytes to `out`, up to out->max. -ENOENT, -EFBIG, -EIO … with a sentence. */
int file_read(const char *path, struct buf *out, struct err *err);
/* Temporary file, fsync, rename, fsync of the folder. */
int file_write(const char *path, struct span bytes, mode_t mode, struct err *err);
/* Makes a folder and its parents, 0700. 0 when it is there already. */
int file_make_folder(const char *path, struct err *err);

#endif
