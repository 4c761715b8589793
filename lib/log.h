/* The log of a program: one line a fact, on standard error, with the object and what happens next.
 *
 * Only the edges (main.c, and the modules that talk to a loop) write here; libraries and pure cores return errors instead.
 * Under systemd the level travels as the "<N>" prefix that the journal understands (sd-daemon(3)). */
#ifndef TOCSIN_LIB_LOG_H
#define TOCSIN_LIB_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

void log_open(const char *program, enum log_level level);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
