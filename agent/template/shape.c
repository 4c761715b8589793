#include "agent/template/shape.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/utf8.h"

/* ---- decoding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What no segment of a route contains: slashes that were encoded, and the braces that mark labels. */
static bool has_forbidden(struct span s)
{
	return memchr(s.data, '/', s.len) || memchr(s.data, '\\', s.len) || memchr(s.data, '{', s.len) || memchr(s.data, '}', s.len);
}

bool shape_is_clean(struct span text)
{
	return text.len > 0 && text.len <= SEGMENT_BYTES_MAX && utf8_clean_len(text) == text.len && !has_forbidden(text) &&
	       !span_equal(text, span_str("..")) && !span_equal(text, span_str("."));
}

bool shape_decode(struct span raw, char room[SEGMENT_BYTES_MAX], struct span *ret_text)
{
	struct span text = raw;

	if (memchr(raw.data, '%', raw.len)) {
		size_t len = 0;
		for (size_t i = 0; i < raw.len; i++) {
			if (len == SEGMENT_BYTES_MAX)
				return false;
			if (raw.data[i] != '%') {
				room[len++] = raw.data[i];
				continue;
			}
			int high = i + 2 < raw.len ? hex_value(raw.data[i + 1]) : -1;
			int low = i + 2 < raw.len ? hex_value(raw.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			room[len++] = (char)(high << 4 | low);
			i += 2;
		}
		text = span_make(room, len);
	}
	if (!shape_is_clean(text))
		return false;
	*ret_text = text;
	return true;
}

/* ---- counting what a segment is made of ---- */

bool shape_is_number(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.len > 0;
}

struct census {
	size_t digits, lower, upper, hex_letters, hyphens, underscores, dots, colons, wide, others;
};

static struct census census_of(struct span s)
{
	struct census c = {0};

	for (size_t i = 0; i < s.len; i++) {
		unsigned char ch = (unsigned char)s.data[i];
		unsigned char lower = ch | 0x20;
		c.digits += ch >= '0' && ch <= '9';
		c.lower += ch >= 'a' && ch <= 'z';
		c.upper += ch >= 'A' && ch <= 'Z';
		c.hex_letters += lower >= 'a' && lower <= 'f';
		c.hyphens += ch == '-';
		c.underscores += ch == '_';
		c.dots += ch == '.';
		c.colons += ch == ':';
		c.wide += ch >= 0x80;
	}
	c.others = s.len - c.digits - c.lower - c.upper - c.hyphens - c.underscores - c.dots - c.colons - c.wide;
	return c;
}

/* `pattern`: 'h' a hexadecimal digit, 'd' a decimal one, anything else itself. */
static bool fits(struct span s, const char *pattern)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (pattern[i] == 'h' ? hex_value(c) < 0 : pattern[i] == 'd' ? c < '0' || c > '9' : c != pattern[i])
			return false;
	}
	return pattern[s.len] == '\0';
}

static bool is_date(struct span s)
{
	return (s.len == 7 && fits(s, "dddd-dd")) ||
	       (s.len == 10 && (fits(s, "dddd-dd-dd") || fits(s, "dddd_dd_dd") || fits(s, "dddd.dd.dd"))) ||
	       (s.len > 11 && s.data[10] == 'T' && fits(span_make(s.data, 10), "dddd-dd-dd"));
}

static bool is_uuid(struct span s)
{
	return s.len == 36 && fits(s, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
}

static bool is_email(struct span s)
{
	const char *at = memchr(s.data, '@', s.len);

	return at && at > s.data && memchr(at, '.', s.len - (size_t)(at - s.data));
}

/* Typed by form alone, whatever stands before it. */
static const char *typed(struct span s, const struct census *c)
{
	size_t letters = c->lower + c->upper;
	size_t marks = c->hyphens + c->underscores + c->dots;

	if (s.data[0] == '@')
		return "@{x}";
	if (s.data[0] == '~')
		return "~{x}";
	if (c->others > 0 && is_email(s))
		return "{email}";
	if (c->digits >= 6 && is_date(s))
		return "{date}";
	if (c->digits + letters + c->hyphens == s.len && is_uuid(s))
		return "{uuid}";
	if (c->dots == 3 && c->digits + c->dots == s.len)
		return "{ip}";
	if (c->colons >= 2 && c->digits + c->hex_letters + c->colons + c->dots == s.len)
		return "{ip}";
	if (c->digits > 0 && c->digits + marks + c->colons + (s.data[0] == '+') == s.len)
		return "{id}";
	if (c->digits + c->hex_letters == s.len && ((c->digits > 0 && s.len >= 8) || s.len >= 16))
		return "{hex}";
	return NULL;
}

/* Text that is no word: by its form it may still be surely no route. NULL: it might be one. */
static const char *formless(struct span s, const struct census *c)
{
	size_t separators = c->hyphens + c->underscores;
	bool mixed = c->digits >= 2 || c->upper * 3 > c->lower; /* words in camel case have fewer capitals than random text */

	if (c->others > 0 || c->colons > 0)
		return "{x}";
	if (separators >= 3 || c->wide > 18 || (separators > 0 && c->digits >= 3 && c->lower + c->upper > 0))
		return "{slug}";
	if (s.len >= 16 && mixed && (separators == 0 || c->upper >= 4))
		return "{token}";
	if (s.len > LITERAL_BYTES_MAX)
		return separators > 0 ? "{slug}" : "{token}";
	return c->digits >= 3 ? "{x}" : NULL;
}

/* ---- file names ---- */

enum extension_kind { EXTENSION_NONE, EXTENSION_FILE, EXTENSION_PAGE, EXTENSION_SCRIPT };

struct extension {
	const char *text;
	enum extension_kind kind;
};

static int compare_extension(const void *key, const void *row)
{
	return strcmp(key, ((const struct extension *)row)->text);
}

/* A script is a route of its own, a file one of many; a page or a document of data is a route when words name it. */
static enum extension_kind extension_kind(const char *lower)
{
	/* clang-format off */
	static const struct extension table[] = {
#define FILE_KIND(text) {text, EXTENSION_FILE}
#define PAGE(text) {text, EXTENSION_PAGE}
#define SCRIPT(text) {text, EXTENSION_SCRIPT}
		FILE_KIND("7z"), SCRIPT("action"), FILE_KIND("apk"), SCRIPT("ashx"), SCRIPT("asmx"), SCRIPT("asp"), SCRIPT("aspx"),
		PAGE("atom"), FILE_KIND("avi"), FILE_KIND("avif"), FILE_KIND("bin"), FILE_KIND("bmp"), FILE_KIND("bz2"), SCRIPT("cfm"),
		SCRIPT("cgi"), FILE_KIND("css"), FILE_KIND("csv"), FILE_KIND("dat"), FILE_KIND("deb"), FILE_KIND("dmg"), SCRIPT("do"),
		FILE_KIND("doc"), FILE_KIND("docx"), FILE_KIND("eot"), FILE_KIND("epub"), FILE_KIND("exe"), FILE_KIND("flac"), FILE_KIND("flv"),
		FILE_KIND("gif"), FILE_KIND("gz"), FILE_KIND("heic"), PAGE("htm"), PAGE("html"), FILE_KIND("ico"), FILE_KIND("ics"),
		FILE_KIND("ipa"), FILE_KIND("iso"), FILE_KIND("jar"), FILE_KIND("jpeg"), FILE_KIND("jpg"), FILE_KIND("js"), PAGE("json"),
		SCRIPT("jsp"), SCRIPT("jspx"), FILE_KIND("log"), FILE_KIND("m3u8"), FILE_KIND("m4a"), FILE_KIND("m4s"), FILE_KIND("m4v"),
		FILE_KIND("map"), PAGE("md"), FILE_KIND("mjs"), FILE_KIND("mkv"), FILE_KIND("mov"), FILE_KIND("mp3"), FILE_KIND("mp4"),
		FILE_KIND("mpd"), FILE_KIND("ogg"), FILE_KIND("ogv"), FILE_KIND("otf"), FILE_KIND("pdf"), SCRIPT("php"), SCRIPT("pl"),
		FILE_KIND("png"), FILE_KIND("ppt"), FILE_KIND("pptx"), SCRIPT("py"), FILE_KIND("rar"), FILE_KIND("rpm"), PAGE("rss"),
		PAGE("shtml"), FILE_KIND("srt"), SCRIPT("svc"), FILE_KIND("svg"), FILE_KIND("swf"), FILE_KIND("tar"), FILE_KIND("tgz"),
		FILE_KIND("ts"), FILE_KIND("ttf"), PAGE("txt"), FILE_KIND("vtt"), FILE_KIND("wasm"), FILE_KIND("wav"), FILE_KIND("webm"),
		FILE_KIND("webmanifest"), FILE_KIND("webp"), FILE_KIND("woff"), FILE_KIND("woff2"), PAGE("xhtml"), FILE_KIND("xls"),
		FILE_KIND("xlsx"), PAGE("xml"), FILE_KIND("xsl"), FILE_KIND("xz"), PAGE("yaml"), PAGE("yml"), FILE_KIND("zip"),
#undef FILE_KIND
#undef PAGE
#undef SCRIPT
	};
	/* clang-format on */
	const struct extension *row = bsearch(lower, table, sizeof table / sizeof table[0], sizeof table[0], compare_extension);
	return row ? row->kind : EXTENSION_NONE;
}

enum { EXTENSION_BYTES_MAX = 11 };

/* The extension in lower case, and what stood before it. */
static enum extension_kind split_extension(struct span s, struct span *ret_stem, char ret_extension[EXTENSION_BYTES_MAX + 1])
{
	const char *dot = memrchr(s.data, '.', s.len);

	if (!dot || dot == s.data)
		return EXTENSION_NONE;
	size_t stem = (size_t)(dot - s.data), len = s.len - stem - 1;
	if (len > EXTENSION_BYTES_MAX)
		return EXTENSION_NONE;
	for (size_t i = 0; i < len; i++) {
		char c = dot[1 + i];
		ret_extension[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	ret_extension[len] = '\0';
	*ret_stem = span_make(s.data, stem);
	return extension_kind(ret_extension);
}

/* ---- words ---- */

enum { COMPOUND_WORDS_MAX = 4 };

static bool ends_part(struct span s, size_t at)
{
	char c = s.data[at];

	if (c == '-' || c == '_')
		return true;
	return at > 0 && c >= 'A' && c <= 'Z' && s.data[at - 1] >= 'a' && s.data[at - 1] <= 'z';
}

/* "user-list", "get_posts", "uploadVideo": every part a word. What stands below is what stands below the last. */
static bool is_compound(struct span s, enum word_below *ret_below)
{
	size_t parts = 0;

	for (size_t from = 0; from < s.len; parts++) {
		size_t to = from + 1;
		while (to < s.len && !ends_part(s, to))
			to++;
		const struct word *word = vocabulary_find(span_make(s.data + from, to - from));
		if (!word || parts == COMPOUND_WORDS_MAX)
			return false;
		*ret_below = (enum word_below)word->below;
		bool camel = to < s.len && s.data[to] >= 'A' && s.data[to] <= 'Z';
		from = camel || to == s.len ? to : to + 1;
		if (!camel && to + 1 == s.len)
			return false;
	}
	return parts > 1;
}

/* "v12", "v2.1" */
static bool is_version(struct span s)
{
	size_t digits = 0, dots = 0;

	if (s.len < 2 || s.len > 6 || s.data[0] != 'v')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		digits += s.data[i] >= '0' && s.data[i] <= '9';
		dots += s.data[i] == '.';
	}
	return digits > 0 && dots <= 2 && digits + dots == s.len - 1 && digits <= 3;
}

/* ---- the verdict ---- */

static void set(struct shape *ret, enum shape_kind kind, struct span text, enum word_below below)
{
	ret->kind = kind;
	ret->text = text;
	ret->below = below;
}

static void set_label(struct shape *ret, const char *label)
{
	set(ret, SHAPE_LABEL, span_str(label), BELOW_ROUTES);
}

static void set_file(struct shape *ret, const char *extension)
{
	static const char head[] = "{file}.";
	size_t len = strlen(extension);

	memcpy(ret->room, head, sizeof head - 1);
	memcpy(ret->room + sizeof head - 1, extension, len);
	set(ret, SHAPE_LABEL, span_make(ret->room, sizeof head - 1 + len), BELOW_ROUTES);
}

/* Free text has one label for each kind of parent, so that the things of one collection stay one endpoint whatever they are called. */
static void set_free_text(struct shape *ret, enum word_below below, const char *label)
{
	set_label(ret, below == BELOW_NAMES ? "{x}" : below == BELOW_THINGS ? "{slug}" : label);
}

static bool set_word(struct span text, const struct census *c, enum word_below below, struct shape *ret)
{
	const struct word *word = vocabulary_find(text);
	enum word_below after = BELOW_ROUTES;

	if (word && (below != BELOW_NAMES || word->act)) {
		set(ret, SHAPE_WORD, span_make(word->text, word->len), (enum word_below)word->below);
		return true;
	}
	if (below != BELOW_ROUTES || text.len > LITERAL_BYTES_MAX || !(c->digits > 0 ? is_version(text) : is_compound(text, &after)))
		return false;
	set(ret, SHAPE_WORD, text, after);
	return true;
}

/* True when the name of a file says enough. */
static bool set_by_extension(struct span text, const struct census *c, enum word_below below, struct shape *ret)
{
	char extension[EXTENSION_BYTES_MAX + 1];
	struct span stem;
	enum extension_kind kind = split_extension(text, &stem, extension);
	enum word_below ignored;

	if (kind == EXTENSION_NONE)
		return false;
	if (kind != EXTENSION_FILE && below == BELOW_ROUTES && text.len <= LITERAL_BYTES_MAX && c->digits == 0 &&
	    (vocabulary_find(stem) || is_compound(stem, &ignored))) {
		set(ret, SHAPE_WORD, text, BELOW_ROUTES);
		return true;
	}
	if (kind != EXTENSION_SCRIPT)
		set_file(ret, extension);
	return kind != EXTENSION_SCRIPT;
}

void shape_of(struct span text, enum word_below below, struct shape *ret)
{
	if (shape_is_number(text)) {
		set_label(ret, "{id}");
		return;
	}
	struct census c = census_of(text);
	const char *label = typed(text, &c);
	if (label) {
		set_label(ret, label);
		return;
	}
	if (set_word(text, &c, below, ret) || (c.dots > 0 && set_by_extension(text, &c, below, ret)))
		return;
	label = formless(text, &c);
	if (label || below != BELOW_ROUTES)
		set_free_text(ret, below, label);
	else
		set(ret, SHAPE_UNKNOWN, text, BELOW_ROUTES);
}

void shape_of_undecodable(struct shape *ret)
{
	set_label(ret, "{x}");
}

enum word_below shape_below(struct span text)
{
	const struct word *word = vocabulary_find(text);
	enum word_below below = BELOW_ROUTES;

	if (word)
		return (enum word_below)word->below;
	return text.len > 0 && is_compound(text, &below) ? below : BELOW_ROUTES;
}
