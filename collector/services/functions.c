/* The classifier: a route is cut into words, and a table says which words, standing how, mean which class of Article 2.
 *
 * A false class starts a false legal clock, a missed one hides a duty, and most route words mean more than one thing: "/live" is a health check,
 * "/live/{room}" a broadcast; "/groups" is an access list under "/admin" and a communication group elsewhere. So each cue names how it must stand
 * before it counts, and what follows a private context ("/admin/…", "/docs/…") does not count at all. tests/unit/collector/test_functions.c gives
 * every decision with its reason. */
#include "collector/services/functions.h"

#include <stdio.h>

static const struct function_class classes[FUNCTION_CLASSES] = {
	{"F01", "forum", "论坛"},
	{"F02", "blog", "博客"},
	{"F03", "microblog", "微博客"},
	{"F04", "chat room", "聊天室"},
	{"F05", "communication group", "通讯群组"},
	{"F06", "public account", "公众账号"},
	{"F07", "short video", "短视频"},
	{"F08", "online streaming", "网络直播"},
	{"F09", "information sharing", "信息分享"},
	{"F10", "mini-app", "小程序"},
	{"F11", "opinion expression or mobilization", "意见表达、社会动员"},
};

enum {
	SEGMENTS_MAX = 24, /* deeper routes are classified by their first segments */
	WORDS_MAX = 48,
	BYTES_MAX = NAME_BYTES_MAX,
};

/* How a cue must stand. SEGMENT and what follows it ask that the cue fill its path segment: "/consumer-groups/{id}" is no group. */
enum stand {
	ANYWHERE,   /* the word has one meaning */
	SEGMENT,    /* alone in its segment */
	COLLECTION, /* and followed by a variable or a verb, or written to: "/live/{room}", "/group/create", "POST /groups" */
	ITEM,       /* and followed by a variable: "/events/{id}"; "POST /events" is where analytics go */
	ACTION,     /* and follows a variable: "/users/{id}/follow" */
	SHARED,     /* either ACTION or COLLECTION */
	ROOT_ITEM,  /* ITEM, first in the path or after a variable: "/{user}/status/{id}", but not "/jobs/status/{id}" */
	WRITTEN,    /* and written to: "POST /videos" */
	CHINESE,    /* the characters occur anywhere: Chinese has no spaces to cut at */
};

/* `text` is one word in the singular, or several with spaces, which also match when written as one or across two segments. */
struct cue {
	unsigned class;
	enum stand stand;
	const char *text;
};

/* The words of the regulation's Article 2, what they are called in routes, in English, pinyin and Chinese. */
static const struct cue cues[] = {
	{1, ANYWHERE, "forum"},
	{1, ANYWHERE, "bbs"},
	{1, ANYWHERE, "thread"},
	{1, ANYWHERE, "topic"},
	{1, ANYWHERE, "discussion"},
	{1, ANYWHERE, "view topic"}, /* phpBB, vBulletin and Discuz name their pages so */
	{1, ANYWHERE, "view forum"},
	{1, ANYWHERE, "show thread"},
	{1, ANYWHERE, "forum display"},
	{1, ANYWHERE, "view thread"},
	{1, COLLECTION, "board"},
	{1, COLLECTION, "community"},
	{1, ANYWHERE, "luntan"},
	{1, ANYWHERE, "tieba"},
	{1, ANYWHERE, "tiezi"},
	{1, ANYWHERE, "shequ"},
	{1, CHINESE, "论坛"},
	{1, CHINESE, "社区"},
	{1, CHINESE, "贴吧"},
	{1, CHINESE, "帖子"},

	{2, ANYWHERE, "blog"},
	{2, ANYWHERE, "essay"},
	{2, ANYWHERE, "article"},
	{2, SEGMENT, "post"},
	{2, ANYWHERE, "boke"},
	{2, ANYWHERE, "zhuanlan"},
	{2, CHINESE, "博客"},
	{2, CHINESE, "日志"},
	{2, CHINESE, "专栏"},

	{3, ANYWHERE, "microblog"},
	{3, ANYWHERE, "tweet"},
	{3, ANYWHERE, "toot"},
	{3, ANYWHERE, "timeline"},
	{3, ANYWHERE, "statuses"},
	{3, ROOT_ITEM, "status"},
	{3, SEGMENT, "feed"},
	{3, ANYWHERE, "news feed"},
	{3, ANYWHERE, "weibo"},
	{3, SEGMENT, "dongtai"},
	{3, SEGMENT, "guangchang"},
	{3, CHINESE, "微博"},
	{3, CHINESE, "动态"},
	{3, CHINESE, "广场"},

	{4, ANYWHERE, "chat room"},
	{4, COLLECTION, "chat"},
	{4, COLLECTION, "room"},
	{4, COLLECTION, "lobby"},
	{4, ANYWHERE, "voice room"},
	{4, ANYWHERE, "liaotian"},
	{4, ANYWHERE, "liaotianshi"},
	{4, ANYWHERE, "yuyinfang"},
	{4, CHINESE, "聊天室"},
	{4, CHINESE, "语音房"},

	{5, COLLECTION, "group"},
	{5, COLLECTION, "channel"},
	{5, ANYWHERE, "conversation"},
	{5, ANYWHERE, "group chat"},
	{5, ANYWHERE, "chat group"},
	{5, SEGMENT, "im"},
	{5, SEGMENT, "muc"},
	{5, SEGMENT, "qun"},
	{5, ANYWHERE, "qunliao"},
	{5, ANYWHERE, "shequn"},
	{5, CHINESE, "群聊"},
	{5, CHINESE, "社群"},
	{5, CHINESE, "群组"},

	{6, ANYWHERE, "official account"},
	{6, ANYWHERE, "public account"},
	{6, ITEM, "oa"},
	{6, ACTION, "follow"},
	{6, ACTION, "unfollow"},
	{6, ACTION, "subscribe"},
	{6, ANYWHERE, "gongzhonghao"},
	{6, ANYWHERE, "dingyuehao"},
	{6, CHINESE, "公众号"},
	{6, CHINESE, "公众账号"},
	{6, CHINESE, "订阅号"},

	{7, ANYWHERE, "short video"},
	{7, COLLECTION, "shorts"},
	{7, COLLECTION, "clip"},
	{7, COLLECTION, "reel"},
	{7, ANYWHERE, "upload video"},
	{7, ANYWHERE, "video upload"},
	{7, WRITTEN, "video"},
	{7, ANYWHERE, "duanshipin"},
	{7, ANYWHERE, "xiaoshipin"},
	{7, CHINESE, "短视频"},
	{7, CHINESE, "小视频"},

	{8, COLLECTION, "live"},
	{8, ANYWHERE, "live stream"},
	{8, ANYWHERE, "live streaming"},
	{8, ANYWHERE, "live room"},
	{8, ANYWHERE, "live broadcast"},
	{8, COLLECTION, "stream"},
	{8, COLLECTION, "broadcast"},
	{8, SEGMENT, "whip"}, /* WebRTC-HTTP ingestion, RFC 9725 */
	{8, ANYWHERE, "rtmp"},
	{8, ANYWHERE, "zhibo"},
	{8, ANYWHERE, "zhibojian"},
	{8, ANYWHERE, "lianmai"},
	{8, ANYWHERE, "dashang"},
	{8, CHINESE, "直播"},
	{8, CHINESE, "连麦"},
	{8, CHINESE, "打赏"},

	{9, ANYWHERE, "comment"},
	{9, SEGMENT, "reply"},
	{9, ANYWHERE, "reaction"},
	{9, ANYWHERE, "repost"},
	{9, ANYWHERE, "reblog"},
	{9, ANYWHERE, "retweet"},
	{9, SHARED, "share"},
	{9, ACTION, "forward"},
	{9, ACTION, "react"},
	{9, ANYWHERE, "upvote"},
	{9, ANYWHERE, "downvote"},
	{9, ANYWHERE, "zhuanfa"},
	{9, ANYWHERE, "pinglun"},
	{9, ANYWHERE, "danmu"},
	{9, ANYWHERE, "danmaku"},
	{9, CHINESE, "转发"},
	{9, CHINESE, "评论"},
	{9, CHINESE, "弹幕"},

	{10, ANYWHERE, "mini app"},
	{10, ANYWHERE, "mini program"},
	{10, ANYWHERE, "applet"},
	{10, ANYWHERE, "quick app"},
	{10, ANYWHERE, "xiaochengxu"},
	{10, ANYWHERE, "kuaiyingyong"},
	{10, CHINESE, "小程序"},
	{10, CHINESE, "快应用"},

	{11, SHARED, "poll"},
	{11, ANYWHERE, "vote"},
	{11, ANYWHERE, "voting"},
	{11, ANYWHERE, "petition"},
	{11, ANYWHERE, "hashtag"},
	{11, ITEM, "event"},
	{11, SEGMENT, "trend"},
	{11, ANYWHERE, "trending"},
	{11, ANYWHERE, "crowdfund"},
	{11, ANYWHERE, "crowdfunding"},
	{11, ANYWHERE, "toupiao"},
	{11, ANYWHERE, "lianshu"},
	{11, ANYWHERE, "huati"},
	{11, ANYWHERE, "resou"},
	{11, ANYWHERE, "baoming"},
	{11, ANYWHERE, "zhongchou"},
	{11, CHINESE, "投票"},
	{11, CHINESE, "联署"},
	{11, CHINESE, "话题"},
	{11, CHINESE, "热搜"},
	{11, CHINESE, "报名"},
	{11, CHINESE, "众筹"},
};

/* Whole segments after which nothing is a function offered to the public. */
static const char *const private_contexts[] = {
	/* operated by staff */
	"admin",
	"administrator",
	"wp-admin",
	"backstage",
	"console",
	"internal",
	"manage",
	"moderation",
	"houtai",
	/* machines asking machines */
	"actuator",
	"debug",
	"health",
	"healthz",
	"livez",
	"readyz",
	"metrics",
	"prometheus",
	"probe",
	"socket.io",
	"webhook",
	"webhooks",
	/* who may do what */
	"acl",
	"auth",
	"iam",
	"ldap",
	"oauth",
	"oauth2",
	"permissions",
	"rbac",
	"roles",
	"scim",
	"settings",
	"sso",
	/* measuring, queueing */
	"analytics",
	"kafka",
	"mqtt",
	"pubsub",
	"reports",
	"stats",
	"telemetry",
	"tracking",
	/* written by the provider for its customers, or between the two */
	"booking",
	"bookings",
	"cart",
	"docs",
	"faq",
	"help",
	"helpdesk",
	"hotel",
	"hotels",
	"invoices",
	"kb",
	"orders",
	"payments",
	"support",
	"tickets",
	/* files */
	"_next",
	"_nuxt",
	"assets",
	"css",
	"dist",
	"fonts",
	"images",
	"img",
	"js",
	"static",
	"wp-content",
	"wp-includes",
	".well-known",
};

/* What a page is built of; and what a page's own name ends in. */
static const char *const asset_extensions[] = {"avif", "bmp", "css", "eot", "gif", "ico",  "jpeg", "jpg",     "js",
					       "map",  "mjs", "otf", "png", "svg", "ttf",  "webp", "woff",    "woff2",
					       "rss",  "xml", "txt", "pdf", "zip", "atom", "wasm", "manifest"};
static const char *const page_extensions[] = {"action", "asp", "aspx", "cgi", "do", "htm", "html", "json", "jsp", "php"};
static const char *const asset_contents[] = {"css", "font", "image", "javascript", "js", "script", "xml"};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
static const char *const verbs[] = {"add",  "create", "delete", "detail", "edit",    "enter", "info",    "invite",
				    "join", "leave",  "list",   "member", "message", "new",   "publish", "push",
				    "quit", "remove", "send",   "start",  "stop",    "update"};

/* Words that turn the word before or after them into something else. */
static const char *const other_meanings[][2] = {
	{"chat", "completion"}, /* a language model's API */
	{"thread", "dump"},
	{"thread", "pool"},
	{"event", "log"},
};

struct word {
	const char *text; /* lower case, terminated */
	unsigned segment;
};

struct segment {
	bool variable;         /* "{id}", and names with a variable inside them */
	unsigned first, count; /* its words */
};

struct route {
	char text[BYTES_MAX + WORDS_MAX + 1]; /* words, each terminated */
	size_t used;
	struct word words[WORDS_MAX];
	unsigned word_count;
	struct segment segments[SEGMENTS_MAX];
	unsigned segment_count;
	bool written;
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool listed(const char *const *list, size_t count, struct span text)
{
	for (size_t i = 0; i < count; i++)
		if (span_equal_nocase(span_str(list[i]), text))
			return true;
	return false;
}

static bool is_word_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* Length of the word that `s` begins with: up to a separator, or to the next hump of camelCase ("chatRoom", "RTMPPush"). */
static size_t word_length(struct span s)
{
	size_t n = 0;
	while (n < s.len && is_word_byte((unsigned char)s.data[n])) {
		if (n > 0 && is_upper(s.data[n]) && (is_lower(s.data[n - 1]) || (n + 1 < s.len && is_lower(s.data[n + 1]))))
			break;
		n++;
	}
	return n;
}

static void add_word(struct route *r, struct span word)
{
	if (r->word_count == WORDS_MAX || r->used + word.len + 1 > sizeof r->text)
		return;
	char *at = r->text + r->used;
	for (size_t i = 0; i < word.len; i++)
		at[i] = is_upper(word.data[i]) ? (char)(word.data[i] - 'A' + 'a') : word.data[i];
	at[word.len] = '\0';
	r->used += word.len + 1;
	r->words[r->word_count++] = (struct word){.text = at, .segment = r->segment_count};
}

static void add_segment(struct route *r, struct span s)
{
	struct segment *segment = &r->segments[r->segment_count];
	*segment = (struct segment){.first = r->word_count};
	while (s.len) {
		if (s.data[0] == '{') {
			segment->variable = true;
			span_cut(&s, '}');
			continue;
		}
		size_t n = word_length(s);
		if (n)
			add_word(r, span_make(s.data, n));
		s = span_from(s, n ? n : 1);
	}
	segment->count = r->word_count - segment->first;
	r->segment_count++;
}

static struct span extension_of(struct span segment)
{
	for (size_t i = segment.len; i > 1; i--)
		if (segment.data[i - 1] == '.')
			return span_from(segment, i);
	return span_make(segment.data, 0);
}

static unsigned hex_value(char c)
{
	return c >= '0' && c <= '9'                              ? (unsigned)(c - '0')
	       : is_lower((char)(c | 0x20)) && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
								 : 16;
}

/* Percent-decoding (RFC 3986, 2.1) of what is above ASCII: Chinese segments often arrive encoded. The rest keeps its meaning as it stands. */
static struct span decoded(struct span in, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.len && n < BYTES_MAX; i++) {
		if (in.data[i] == '%' && i + 2 < in.len && hex_value(in.data[i + 1]) >= 8 && hex_value(in.data[i + 1]) < 16 &&
		    hex_value(in.data[i + 2]) < 16) {
			out[n++] = (char)(hex_value(in.data[i + 1]) << 4 | hex_value(in.data[i + 2]));
			i += 2;
		} else {
			out[n++] = in.data[i];
		}
	}
	return span_make(out, n);
}

/* Cuts the template up to the first private context. False for files. */
static bool route_read(struct route *r, struct span template)
{
	while (template.len && r->segment_count < SEGMENTS_MAX) {
		struct span segment = span_cut(&template, '/');
		if (!segment.len)
			continue;
		if (listed(private_contexts, LENGTH(private_contexts), segment))
			return true;
		if (!template.len) {
			struct span extension = extension_of(segment);
			if (listed(asset_extensions, LENGTH(asset_extensions), extension))
				return false;
			if (extension.len && listed(page_extensions, LENGTH(page_extensions), extension))
				segment.len -= extension.len + 1;
		}
		add_segment(r, segment);
	}
	return true;
}

/* The singular itself or its plural: "groups", "statuses", "replies". */
static bool is_word(const char *word, struct span singular)
{
	size_t len = strlen(word);
	if (len < singular.len - 1 || strncmp(word, singular.data, singular.len - 1) != 0)
		return false;
	const char *end = word + singular.len - 1;
	char last = singular.data[singular.len - 1];
	if (*end == last)
		return end[1] == '\0' || strcmp(end + 1, "s") == 0 || strcmp(end + 1, "es") == 0;
	return last == 'y' && strcmp(end, "ies") == 0;
}

/* Words that the phrase covers when it begins at word `at`; 0 when it does not stand there. A phrase may run over the border of two segments,
 * but not over a variable. */
static unsigned match_phrase(const struct route *r, unsigned at, struct span phrase)
{
	unsigned n = 0;
	while (phrase.len) {
		struct span word = span_cut(&phrase, ' ');
		if (at + n >= r->word_count || !is_word(r->words[at + n].text, word))
			return 0;
		if (n > 0 && r->words[at + n].segment > r->words[at + n - 1].segment) {
			unsigned before = r->words[at + n - 1].segment;
			if (r->words[at + n].segment > before + 1 || r->segments[before].variable)
				return 0;
		}
		n++;
	}
	return n;
}

/* The same phrase written as one word: "chatroom". */
static bool match_joined(const char *word, const char *phrase)
{
	char joined[64];
	size_t n = 0;
	for (; *phrase && n < sizeof joined; phrase++)
		if (*phrase != ' ')
			joined[n++] = *phrase;
	return is_word(word, span_make(joined, n));
}

static bool means_something_else(const struct route *r, unsigned at)
{
	for (size_t i = 0; i < LENGTH(other_meanings); i++)
		if (is_word(r->words[at].text, span_str(other_meanings[i][0])) && at + 1 < r->word_count &&
		    is_word(r->words[at + 1].text, span_str(other_meanings[i][1])))
			return true;
	return false;
}

static bool stands(const struct route *r, enum stand stand, unsigned first_word, unsigned count)
{
	if (stand == ANYWHERE)
		return true;
	unsigned first = r->words[first_word].segment, last = r->words[first_word + count - 1].segment;
	if (r->segments[first].first != first_word || r->segments[last].first + r->segments[last].count != first_word + count)
		return false;
	const struct segment *next = last + 1 < r->segment_count ? &r->segments[last + 1] : NULL;
	bool follows_variable = first > 0 && r->segments[first - 1].variable;
	bool before_variable = r->segments[last].variable || (next && next->variable);
	bool collection = before_variable || (!next && r->written);
	for (size_t i = 0; next && next->count == 1 && i < LENGTH(verbs); i++)
		collection |= is_word(r->words[next->first].text, span_str(verbs[i]));
	switch (stand) {
	case COLLECTION: return collection;
	case ITEM: return before_variable;
	case ACTION: return follows_variable;
	case SHARED: return follows_variable || collection;
	case ROOT_ITEM: return before_variable && (first == 0 || follows_variable);
	case WRITTEN: return r->written && (!next || collection);
	case SEGMENT:
	case CHINESE:
	case ANYWHERE: break;
	}
	return true;
}

static bool cue_found(const struct route *r, const struct cue *cue)
{
	for (unsigned i = 0; i < r->word_count; i++) {
		if (cue->stand == CHINESE) {
			if (strstr(r->words[i].text, cue->text))
				return true;
			continue;
		}
		unsigned count = match_phrase(r, i, span_str(cue->text));
		if (!count && match_joined(r->words[i].text, cue->text))
			count = 1;
		if (count && !means_something_else(r, i) && stands(r, cue->stand, i, count))
			return true;
	}
	return false;
}

/* Discourse's "/t/{slug}/{id}" and Reddit's "/r/{name}" have no word to read: the letter and what follows it say forum. */
static bool is_known_forum_shape(const struct route *r)
{
	if (r->segment_count < 2 || r->segments[0].count != 1 || !r->segments[1].variable)
		return false;
	const char *letter = r->words[r->segments[0].first].text;
	return (strcmp(letter, "t") == 0 && r->segment_count >= 3 && r->segments[2].variable) || strcmp(letter, "r") == 0;
}

function_set functions_of(struct span method, struct span template, bool takes_input, struct span content)
{
	if (template.len == 0 || template.data[0] != '/' || template.len > BYTES_MAX || !listed(methods, LENGTH(methods), method) ||
	    listed(asset_contents, LENGTH(asset_contents), content))
		return 0;
	char plain[BYTES_MAX];
	struct route route = {.written = takes_input || method.data[0] == 'P'};
	if (!route_read(&route, decoded(template, plain)))
		return 0;
	function_set set = 0;
	for (size_t i = 0; i < LENGTH(cues); i++)
		if (!(set & FUNCTION(cues[i].class)) && cue_found(&route, &cues[i]))
			set |= FUNCTION(cues[i].class);
	if (is_known_forum_shape(&route))
		set |= FUNCTION(1);
	/* What a forum or a microblog calls a post is no blog. */
	if (set & (FUNCTION(1) | FUNCTION(3) | FUNCTION(5)))
		set &= ~FUNCTION(2);
	return set;
}

const struct function_class *function_class_at(unsigned n)
{
	return n >= 1 && n <= FUNCTION_CLASSES ? &classes[n - 1] : NULL;
}

const char *functions_text(function_set set, char *out, size_t cap)
{
	size_t used = 0;
	if (cap)
		out[0] = '\0';
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++) {
		if (!(set & FUNCTION(n)))
			continue;
		size_t need = strlen(classes[n - 1].code) + (used > 0);
		if (used + need >= cap)
			break;
		used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? "," : "", classes[n - 1].code);
	}
	return out;
}

function_set function_from_code(struct span code)
{
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++)
		if (span_equal(code, span_str(classes[n - 1].code)))
			return FUNCTION(n);
	return 0;
}
