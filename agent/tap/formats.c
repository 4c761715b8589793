/* The table of log formats, and what several of them share. */
#include "agent/tap/format.h"

#include <string.h>

const struct log_format log_formats[] = {
	{"combined", "nginx's and Apache's default: combined, and common, which is its beginning", combined_parse},
	{0},
};

const struct log_format *log_format_find(struct span name)
{
	for (const struct log_format *f = log_formats; f->name; f++)
		if (span_equal(span_str(f->name), name))
			return f;
	return NULL;
}

/* ---- times ---- */

enum { DAY_MS = 86400000 };

/* `count` digits, or -1. */
static int digits(const char *text, int count)
{
	int value = 0;
	for (int i = 0; i < count; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';
		if (digit > 9)
			return -1;
		value = value * 10 + (int)digit;
	}
	return value;
}

static int month_of(const char text[3])
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int i = 0; i < 12; i++)
		if (memcmp(names + 3 * i, text, 3) == 0)
			return i + 1;
	return 0;
}

/* Days since 1970-01-01 in the Gregorian calendar: years that begin in March put the leap day last (Hinnant, "chrono-compatible low-level
 * date algorithms"). */
static int64_t days_since_epoch(int year, int month, int day)
{
	if (month <= 2)
		year--;
	int64_t era = year / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_day(const char text[12], int64_t *ret_days)
{
	static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int day = digits(text, 2), month = month_of(text + 3), year = digits(text + 7, 4);
	if (text[2] != '/' || text[6] != '/' || text[11] != ':' || month == 0 || year < 1970 || day < 1 || day > lengths[month - 1])
		return false;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month == 2 && day == 29 && !leap)
		return false;
	*ret_days = days_since_epoch(year, month, day);
	return true;
}

static bool read_zone(const char text[5], int64_t *ret_minutes)
{
	int hours = digits(text + 1, 2), minutes = digits(text + 3, 2);
	if ((text[0] != '+' && text[0] != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	int64_t total = hours * 60 + minutes;
	*ret_minutes = text[0] == '-' ? -total : total;
	return true;
}

static bool learn_day(struct log_times *times, const char text[26])
{
	int64_t days, zone;
	if (memcmp(times->day, text, sizeof times->day) == 0 && memcmp(times->zone, text + 21, sizeof times->zone) == 0)
		return true;
	if (!read_day(text, &days) || !read_zone(text + 21, &zone))
		return false;
	memcpy(times->day, text, sizeof times->day);
	memcpy(times->zone, text + 21, sizeof times->zone);
	times->day_ms = days * DAY_MS - zone * 60000;
	return true;
}

bool log_time_common(struct log_times *times, const char text[26], int64_t *ret_ms)
{
	if (text[0] == '\0') /* a zeroed cache would agree */
		return false;
	if (memcmp(times->text, text, sizeof times->text) == 0) {
		*ret_ms = times->text_ms;
		return true;
	}
	int hour = digits(text + 12, 2), minute = digits(text + 15, 2), second = digits(text + 18, 2);
	if (text[14] != ':' || text[17] != ':' || text[20] != ' ' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 60) /* 60: a leap second */
		return false;
	if (!learn_day(times, text))
		return false;
	memcpy(times->text, text, sizeof times->text);
	times->text_ms = times->day_ms + ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
	*ret_ms = times->text_ms;
	return true;
}

/* ---- request lines ---- */

enum { METHOD_BYTES_MAX = 32 };

/* Registered methods are upper case letters and '-' (RFC 9110, section 16.1; "VERSION-CONTROL"); "M_SEARCH" and the like are seen in the wild. */
static bool is_method(struct span s)
{
	if (s.len == 0 || s.len > METHOD_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((s.data[i] < 'A' || s.data[i] > 'Z') && s.data[i] != '-' && s.data[i] != '_')
			return false;
	return true;
}

static bool has_control(struct span s)
{
	unsigned found = 0;
	for (size_t i = 0; i < s.len; i++) /* without a branch, so that it vectorises */
		found |= (unsigned)((unsigned char)s.data[i] < 0x20) | (unsigned)(s.data[i] == 0x7f);
	return found != 0;
}

static bool is_version(struct span s)
{
	return s.len == 8 && memcmp(s.data, "HTTP/", 5) == 0 && s.data[5] >= '0' && s.data[5] <= '9' && s.data[6] == '.' &&
	       s.data[7] >= '0' && s.data[7] <= '9';
}

static struct span without_port(struct span authority)
{
	const char *colon = authority.len ? memrchr(authority.data, ':', authority.len) : NULL;
	const char *bracket = authority.len ? memrchr(authority.data, ']', authority.len) : NULL;
	if (!colon || (bracket && colon < bracket))
		return authority;
	return span_make(authority.data, (size_t)(colon - authority.data));
}

/* "http://host:port/path" as a proxy is asked: leaves the path in `*target`. */
static bool split_absolute(struct span *target, struct span *ret_host)
{
	size_t scheme = span_starts_with(*target, span_str("http://")) ? 7 : span_starts_with(*target, span_str("https://")) ? 8 : 0;
	if (scheme == 0)
		return false;
	struct span rest = span_from(*target, scheme);
	size_t len = 0;
	while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?' && rest.data[len] != '#')
		len++;
	struct span host = without_port(span_make(rest.data, len));
	if (host.len == 0)
		return false;
	*ret_host = host;
	*target = len < rest.len && rest.data[len] == '/' ? span_from(rest, len) : span_str("/");
	return true;
}

static struct span without_query(struct span target)
{
	for (int i = 0; i < 2 && target.len > 0; i++) {
		const char *end = memchr(target.data, "?#"[i], target.len);
		if (end)
			target.len = (size_t)(end - target.data);
	}
	return target;
}

bool log_request_line(struct span request, struct log_line *line)
{
	const char *space = request.len ? memchr(request.data, ' ', request.len) : NULL;
	if (!space)
		return false;
	struct span method = span_make(request.data, (size_t)(space - request.data));
	struct span target = span_from(request, method.len + 1), host = span_make(request.data, 0);
	const char *last = target.len ? memrchr(target.data, ' ', target.len) : NULL;
	bool versioned = last && is_version(span_from(target, (size_t)(last - target.data) + 1));
	if (versioned)
		target.len = (size_t)(last - target.data);
	if (!is_method(method) ||
	    (!versioned && (last || method.len != 3 || memcmp(method.data, "GET", 3) != 0))) /* HTTP/0.9 knew GET alone */
		return false;
	if (target.len == 0 || has_control(target))
		return false;
	if (target.data[0] != '/' && !(target.len == 1 && target.data[0] == '*') && !split_absolute(&target, &host))
		return false;
	line->method = method;
	line->host = host;
	line->path = without_query(target);
	return true;
}
