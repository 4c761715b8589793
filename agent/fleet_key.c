#include "agent/fleet_key.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"

enum { HEX_DIGITS = IDENTITY_KEY_BYTES * 2 };

static int make_key(const char *path, uint8_t key[IDENTITY_KEY_BYTES], struct err *err)
{
	char hex[HEX_DIGITS + 2];
	randombytes_buf(key, IDENTITY_KEY_BYTES);
	sodium_bin2hex(hex, sizeof hex, key, IDENTITY_KEY_BYTES);
	hex[HEX_DIGITS] = '\n';
	int r = file_write(path, span_make(hex, HEX_DIGITS + 1), 0600, err);
	sodium_memzero(hex, sizeof hex);
	return r;
}

int fleet_key_load(const char *path, uint8_t ret_key[IDENTITY_KEY_BYTES], struct err *err)
{
	struct stat st;
	struct buf text;
	uint8_t key[IDENTITY_KEY_BYTES];

	if (sodium_init() < 0) {
		err_set(err, "libsodium cannot start: no source of randomness");
		return -EIO;
	}
	if (stat(path, &st) < 0 && errno == ENOENT)
		return make_key(path, ret_key, err);
	if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		err_at(err, path, 0, "others may read the fleet key: chmod 600 it");
		return -EINVAL;
	}
	buf_init(&text, 4096);
	int r = file_read(path, &text, err);
	if (r == 0) {
		struct span hex = buf_span(&text);
		while (hex.len > 0 && (hex.data[hex.len - 1] == '\n' || hex.data[hex.len - 1] == ' '))
			hex.len--;
		size_t made = 0;
		if (hex.len != HEX_DIGITS || sodium_hex2bin(key, sizeof key, hex.data, hex.len, NULL, &made, NULL) != 0 ||
		    made != sizeof key) {
			err_at(err, path, 1,
			       "is no fleet key: expected %d hexadecimal digits; copy the file from another host of the fleet", HEX_DIGITS);
			r = -EINVAL;
		} else {
			memcpy(ret_key, key, sizeof key);
		}
	}
	if (text.data)
		sodium_memzero(text.data, text.cap);
	buf_done(&text);
	return r;
}
