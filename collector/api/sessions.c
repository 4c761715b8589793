#include "collector/api/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

enum { SECRET_BYTES = 16, HASH_BYTES = crypto_generichash_BYTES, TOKEN_FILE_BYTES_MAX = 128 };

/* A login code or a session: an empty slot has expires_ms 0. */
struct secret {
	unsigned char hash[HASH_BYTES];
	int64_t expires_ms;
};

struct failures {
	unsigned char source[HASH_BYTES];
	int64_t since_ms;
	int count;
};

struct sessions {
	pthread_mutex_t lock;
	struct secret codes[LOGIN_CODES_MAX];
	struct secret open[SESSIONS_MAX];
	struct failures failures[LOGIN_SOURCES_MAX];
	struct sessions_stats stats;
	unsigned char token[HASH_BYTES];
};

static void hash_text(struct span text, unsigned char out[HASH_BYTES])
{
	crypto_generichash(out, HASH_BYTES, (const unsigned char *)text.data, text.len, NULL, 0);
}

static void make_secret(char out[SECRET_CAP])
{
	unsigned char bytes[SECRET_BYTES];
	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2base64(out, SECRET_CAP, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof bytes);
}

/* Looks at every slot whatever it finds, so that time tells nothing. */
static struct secret *find_secret(struct secret *slots, size_t count, struct span text, int64_t now_ms)
{
	unsigned char hash[HASH_BYTES];
	struct secret *found = NULL;
	hash_text(text, hash);
	for (size_t i = 0; i < count; i++)
		if (sodium_memcmp(slots[i].hash, hash, HASH_BYTES) == 0 && slots[i].expires_ms > now_ms)
			found = &slots[i];
	return found;
}

/* An empty slot has the earliest end of all, then come expired ones, then the oldest. */
static struct secret *oldest_slot(struct secret *slots, size_t count)
{
	struct secret *oldest = slots;
	for (size_t i = 1; i < count; i++)
		if (slots[i].expires_ms < oldest->expires_ms)
			oldest = &slots[i];
	return oldest;
}

static int64_t put_secret(struct secret *slots, size_t count, int64_t expires_ms, char out[SECRET_CAP])
{
	struct secret *slot = oldest_slot(slots, count);
	make_secret(out);
	hash_text(span_str(out), slot->hash);
	slot->expires_ms = expires_ms;
	return expires_ms;
}

/* ---- api.token ---- */

static int read_token(int fd, const char *path, char out[TOKEN_FILE_BYTES_MAX], struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_at(err, path, 0, "is not a regular file; move it away and start again");
		return -EINVAL;
	}
	if ((st.st_mode & 077) != 0) {
		err_at(err, path, 0, "others can read the token (mode %04o); make a new one: remove the file and start again",
		       (unsigned)(st.st_mode & 07777));
		return -EPERM;
	}
	ssize_t n = read(fd, out, TOKEN_FILE_BYTES_MAX - 1);
	if (n < 0) {
		err_at(err, path, 0, "%s", strerror(errno));
		return -EIO;
	}
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (strlen(out) < SECRET_CAP - 1) {
		err_at(err, path, 1, "holds no token; remove the file and start again, a new one is made");
		return -EINVAL;
	}
	return 0;
}

static int load_token(struct sessions *s, const char *dir, struct err *err)
{
	char path[4096], token[TOKEN_FILE_BYTES_MAX];
	if (snprintf(path, sizeof path, "%s/api.token", dir) >= (int)sizeof path) {
		err_set(err, "the state folder's name is too long");
		return -ENAMETOOLONG;
	}
	int r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		r = read_token(fd, path, token, err);
		close(fd);
	} else if (errno == ENOENT) {
		make_secret(token);
		size_t len = strlen(token);
		token[len] = '\n';
		r = file_write(path, span_make(token, len + 1), 0600, err);
		token[len] = '\0';
	} else {
		r = -errno;
		err_at(err, path, 0, "%s", strerror(-r));
	}
	if (r == 0)
		hash_text(span_str(token), s->token);
	sodium_memzero(token, sizeof token);
	return r;
}

int sessions_new(const char *state_dir, struct sessions **ret, struct err *err)
{
	if (sodium_init() < 0) {
		err_set(err, "libsodium found no source of randomness");
		return -ENOSYS;
	}
	struct sessions *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	int r = load_token(s, state_dir, err);
	if (r < 0) {
		free(s);
		return r;
	}
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void sessions_free(struct sessions *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- logins ---- */

void sessions_code(struct sessions *s, int64_t now_ms, char out[SECRET_CAP], int64_t *ret_expires_ms)
{
	pthread_mutex_lock(&s->lock);
	*ret_expires_ms = put_secret(s->codes, LOGIN_CODES_MAX, now_ms + LOGIN_CODE_LIFE_MS, out);
	pthread_mutex_unlock(&s->lock);
}

/* The row of this source; a new source takes the row that has been quiet for longest. */
static struct failures *failures_of(struct sessions *s, struct span source, int64_t now_ms)
{
	unsigned char hash[HASH_BYTES];
	struct failures *quiet = s->failures;
	hash_text(source, hash);
	for (size_t i = 0; i < LOGIN_SOURCES_MAX; i++) {
		struct failures *f = &s->failures[i];
		if (f->count > 0 && memcmp(f->source, hash, HASH_BYTES) == 0) {
			quiet = f;
			break;
		}
		if (f->since_ms < quiet->since_ms)
			quiet = f;
	}
	if (memcmp(quiet->source, hash, HASH_BYTES) != 0 || now_ms - quiet->since_ms >= LOGIN_FAILURES_SPAN_MS) {
		memcpy(quiet->source, hash, HASH_BYTES);
		quiet->since_ms = now_ms;
		quiet->count = 0;
	}
	return quiet;
}

static int login(struct sessions *s, struct span source, struct span code, int64_t now_ms, char out_secret[SECRET_CAP],
		 int64_t *ret_expires_ms, int *ret_retry_s)
{
	struct failures *failures = failures_of(s, source, now_ms);
	if (failures->count >= LOGIN_FAILURES_MAX) {
		s->stats.refused_by_rate++;
		*ret_retry_s = (int)((failures->since_ms + LOGIN_FAILURES_SPAN_MS - now_ms + 999) / 1000);
		return -EAGAIN;
	}
	struct secret *found = find_secret(s->codes, LOGIN_CODES_MAX, code, now_ms);
	if (!found) {
		failures->count++;
		s->stats.failures++;
		return -EACCES;
	}
	sodium_memzero(found, sizeof *found);
	*ret_expires_ms = put_secret(s->open, SESSIONS_MAX, now_ms + SESSION_LIFE_S * INT64_C(1000), out_secret);
	s->stats.logins++;
	return 0;
}

int sessions_login(struct sessions *s, struct span source, struct span code, int64_t now_ms, char out_secret[SECRET_CAP],
		   int64_t *ret_expires_ms, int *ret_retry_s)
{
	pthread_mutex_lock(&s->lock);
	int r = login(s, source, code, now_ms, out_secret, ret_expires_ms, ret_retry_s);
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool sessions_has(struct sessions *s, struct span secret, int64_t now_ms, int64_t *ret_expires_ms)
{
	pthread_mutex_lock(&s->lock);
	const struct secret *found = find_secret(s->open, SESSIONS_MAX, secret, now_ms);
	if (found)
		*ret_expires_ms = found->expires_ms;
	pthread_mutex_unlock(&s->lock);
	return found != NULL;
}

void sessions_logout(struct sessions *s, struct span secret)
{
	pthread_mutex_lock(&s->lock);
	struct secret *found = find_secret(s->open, SESSIONS_MAX, secret, INT64_MIN);
	if (found)
		sodium_memzero(found, sizeof *found);
	pthread_mutex_unlock(&s->lock);
}

bool sessions_is_token(const struct sessions *s, struct span token)
{
	unsigned char hash[HASH_BYTES];
	hash_text(token, hash);
	return sodium_memcmp(s->token, hash, HASH_BYTES) == 0;
}

void sessions_stats(struct sessions *s, int64_t now_ms, struct sessions_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	ret->open = 0;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		ret->open += s->open[i].expires_ms > now_ms;
	pthread_mutex_unlock(&s->lock);
}
