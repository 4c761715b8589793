#include "agent/vocabulary.h"

#include <endian.h>
#include <string.h>

/* One sorted paragraph reads better than a column of 1,500 lines. */
/* clang-format off */
#define PLAIN(word) {word, sizeof(word) - 1, BELOW_ROUTES, false}
#define THING(word) {word, sizeof(word) - 1, BELOW_THINGS, false}
#define NAME(word) {word, sizeof(word) - 1, BELOW_NAMES, false}
#define ACT(word) {word, sizeof(word) - 1, BELOW_NAMES, true}
#define ACT_THING(word) {word, sizeof(word) - 1, BELOW_THINGS, true}

static const struct word words[] = {
	PLAIN(".well-known"), PLAIN("about"), PLAIN("about-us"), ACT("accept"), THING("account"), THING("accounts"),
	PLAIN("acme-challenge"), PLAIN("acs"), PLAIN("action"), PLAIN("actions"), ACT("activate"), THING("activities"),
	THING("activity"), PLAIN("activitypub"), NAME("actor"), NAME("actors"), PLAIN("actuator"), THING("ad"), ACT("add"),
	PLAIN("addons"), PLAIN("address"), PLAIN("addresses"), PLAIN("admin"), PLAIN("administration"), PLAIN("administrator"),
	THING("ads"), PLAIN("ads.txt"), PLAIN("advanced"), PLAIN("agent"), PLAIN("agreement"), PLAIN("ajax"), THING("album"),
	THING("albums"), THING("alert"), THING("alerts"), PLAIN("all"), PLAIN("amp"), PLAIN("analytics"), PLAIN("and"), PLAIN("android"),
	THING("announcement"), THING("announcements"), PLAIN("annual"), PLAIN("anonymous"), ACT("answer"), PLAIN("api"), PLAIN("apis"),
	THING("app"), PLAIN("apple-app-site-association"), PLAIN("apple-touch-icon.png"), THING("applet"), THING("applets"),
	THING("application"), THING("applications"), ACT("apply"), ACT("approve"), THING("apps"), ACT("archive"), PLAIN("archived"),
	THING("archives"), PLAIN("area"), PLAIN("arpa"), THING("article"), THING("articles"), NAME("artist"), NAME("artists"),
	PLAIN("assessment"), PLAIN("asset"), PLAIN("assets"), THING("assignment"), THING("assignments"), PLAIN("async"), PLAIN("atom"),
	PLAIN("atom.xml"), ACT("attach"), THING("attachment"), THING("attachments"), ACT("attend"), THING("auction"), THING("auctions"),
	THING("audio"), THING("audios"), PLAIN("audit"), PLAIN("auth"), PLAIN("authenticate"), PLAIN("authentication"), NAME("author"),
	PLAIN("authorization"), ACT("authorize"), NAME("authors"), PLAIN("auto"), ACT("autocomplete"), ACT_THING("avatar"), THING("b"),
	PLAIN("backend"), PLAIN("backup"), ACT("ban"), PLAIN("bank"), PLAIN("banner"), PLAIN("banners"), THING("baoming"), PLAIN("base"),
	PLAIN("basic"), ACT_THING("batch"), ACT("batch-delete"), THING("bbs"), PLAIN("beta"), PLAIN("bff"), PLAIN("bin"),
	PLAIN("binary"), PLAIN("biz"), ACT("block"), THING("blog"), THING("blogs"), THING("board"), THING("boards"), THING("boke"),
	ACT("book"), THING("bookmark"), THING("bookmarks"), THING("books"), PLAIN("bot"), PLAIN("bots"), THING("box"), THING("branch"),
	THING("branches"), THING("brand"), THING("brands"), THING("broadcast"), THING("broadcaster"), THING("broadcasts"),
	PLAIN("browse"), PLAIN("browserconfig.xml"), PLAIN("bulk"), PLAIN("bundle"), PLAIN("bundles"), PLAIN("business"),
	PLAIN("button"), PLAIN("buttons"), ACT("buy"), NAME("by"), THING("c"), PLAIN("cache"), THING("calendar"), THING("calendars"),
	PLAIN("callback"), PLAIN("callbacks"), THING("campaign"), THING("campaigns"), ACT("cancel"), PLAIN("capacity"), PLAIN("captcha"),
	THING("card"), THING("cards"), THING("cart"), THING("carts"), THING("case"), THING("cases"), THING("catalog"), THING("catalogs"),
	THING("categories"), THING("category"), PLAIN("cc"), PLAIN("cdn"), NAME("celebrities"), NAME("celebrity"), PLAIN("center"),
	PLAIN("central"), THING("certificate"), THING("certificates"), PLAIN("cgi"), PLAIN("cgi-bin"), ACT("change"),
	PLAIN("change-password"), THING("channel"), THING("channels"), THING("chapter"), THING("chapters"), PLAIN("chart"),
	PLAIN("charts"), THING("chat"), THING("chatroom"), THING("chatrooms"), THING("chats"), ACT("check"), ACT("checkin"),
	ACT("checkout"), PLAIN("chunk"), THING("circle"), THING("circles"), PLAIN("city"), ACT("claim"), THING("class"),
	THING("classes"), ACT("clear"), PLAIN("client"), PLAIN("clients"), THING("clip"), THING("clips"), ACT("clone"), ACT("close"),
	PLAIN("cloud"), THING("club"), THING("clubs"), PLAIN("cluster"), PLAIN("cn"), PLAIN("co"), PLAIN("code"), PLAIN("codes"),
	THING("collection"), THING("collections"), THING("college"), THING("column"), THING("columns"), PLAIN("com"),
	ACT_THING("comment"), ACT_THING("comments"), PLAIN("common"), THING("communities"), THING("community"), THING("companies"),
	THING("company"), PLAIN("components"), ACT("compose"), PLAIN("compute"), THING("conference"), THING("conferences"),
	PLAIN("confidential"), PLAIN("config"), PLAIN("configs"), PLAIN("configuration"), ACT("confirm"), ACT("connect"),
	PLAIN("connections"), PLAIN("console"), PLAIN("constants"), NAME("contact"), PLAIN("contact-us"), NAME("contacts"),
	PLAIN("content"), PLAIN("contents"), PLAIN("contest"), PLAIN("contests"), PLAIN("context"), PLAIN("control"),
	PLAIN("controller"), PLAIN("controllers"), THING("conversation"), THING("conversations"), PLAIN("cookie"), PLAIN("cookies"),
	ACT_THING("copy"), PLAIN("core"), PLAIN("corp"), ACT("count"), PLAIN("country"), THING("coupon"), THING("coupons"),
	THING("course"), THING("courses"), PLAIN("cpanel"), ACT_THING("create"), PLAIN("cron"), PLAIN("crossdomain.xml"),
	THING("crowdfunding"), PLAIN("csrf"), PLAIN("css"), PLAIN("csv"), PLAIN("currency"), ACT("current"), PLAIN("custom"),
	NAME("customer"), NAME("customers"), PLAIN("cycle"), THING("d"), PLAIN("daily"), THING("danmaku"), THING("danmu"), THING("dash"),
	THING("dashang"), PLAIN("dashboard"), PLAIN("dashboards"), PLAIN("data"), PLAIN("database"), PLAIN("dates"), THING("day"),
	PLAIN("de"), ACT("deactivate"), THING("deal"), THING("deals"), PLAIN("debug"), PLAIN("default"), ACT("delete"), PLAIN("demo"),
	PLAIN("demos"), ACT("deny"), THING("department"), THING("departments"), ACT("destroy"), PLAIN("dev"), PLAIN("developer"),
	PLAIN("developers"), PLAIN("development"), THING("device"), THING("devices"), PLAIN("diagnostics"), THING("dialog"),
	THING("dialogs"), THING("dianzan"), PLAIN("dict"), PLAIN("dictionary"), PLAIN("diff"), THING("digest"), THING("dingyuehao"),
	THING("directory"), ACT("disable"), PLAIN("discount"), PLAIN("discounts"), ACT("discover"), THING("discussion"),
	THING("discussions"), ACT("dislike"), ACT("dismiss"), PLAIN("dispatch"), PLAIN("dist"), THING("doc"), PLAIN("docker"),
	THING("docs"), NAME("doctor"), NAME("doctors"), THING("document"), THING("documents"), THING("domain"), THING("domains"),
	THING("dongtai"), ACT_THING("download"), THING("draft"), THING("drafts"), THING("duanshipin"), PLAIN("dynamic"), THING("e"),
	ACT_THING("edit"), PLAIN("editor"), PLAIN("edu"), PLAIN("element"), PLAIN("elements"), PLAIN("email"), PLAIN("emails"),
	PLAIN("embed"), PLAIN("embedded"), PLAIN("emoji"), PLAIN("emojis"), NAME("employee"), NAME("employees"), PLAIN("en"),
	PLAIN("en-us"), ACT("enable"), PLAIN("endpoint"), PLAIN("endpoints"), PLAIN("engine"), ACT("enroll"), PLAIN("enterprise"),
	THING("entries"), THING("entry"), PLAIN("env"), PLAIN("environment"), PLAIN("environments"), THING("episode"), THING("episodes"),
	PLAIN("error"), PLAIN("errors"), THING("essay"), THING("essays"), PLAIN("eu"), THING("event"), PLAIN("event-stream"),
	THING("events"), PLAIN("eventsource"), THING("exam"), PLAIN("example"), THING("exams"), PLAIN("exchange"), THING("exhibition"),
	PLAIN("explore"), PLAIN("explorer"), ACT_THING("export"), PLAIN("express"), PLAIN("extension"), PLAIN("extensions"),
	PLAIN("external"), PLAIN("extra"), THING("f"), NAME("fan"), NAME("fans"), THING("faq"), THING("faqs"), PLAIN("favicon.ico"),
	THING("favorite"), THING("favorites"), PLAIN("feature"), PLAIN("features"), THING("feed"), PLAIN("feed.xml"), PLAIN("feedback"),
	THING("feeds"), ACT("fetch"), PLAIN("field"), PLAIN("fields"), THING("file"), THING("files"), THING("film"), THING("films"),
	PLAIN("filter"), PLAIN("filters"), PLAIN("finance"), ACT("find"), ACT("finish"), PLAIN("first"), ACT("flag"), THING("folder"),
	THING("folders"), ACT("follow"), NAME("follower"), ACT("followers"), ACT("following"), PLAIN("font"), PLAIN("fonts"),
	PLAIN("footer"), PLAIN("for"), ACT("forgot"), ACT("forgot-password"), THING("form"), PLAIN("format"), THING("forms"),
	THING("forum"), THING("forums"), ACT("forward"), ACT_THING("forwards"), PLAIN("fr"), PLAIN("fragment"), PLAIN("framework"),
	PLAIN("free"), NAME("friend"), NAME("friends"), PLAIN("frontend"), PLAIN("full"), PLAIN("function"), PLAIN("functions"),
	THING("g"), THING("galleries"), THING("gallery"), THING("game"), THING("games"), PLAIN("gateway"), PLAIN("general"),
	ACT("generate"), ACT("get"), THING("gift"), THING("gifts"), PLAIN("global"), PLAIN("go"), THING("gongzhonghao"), PLAIN("gov"),
	PLAIN("graph"), PLAIN("graphiql"), PLAIN("graphql"), PLAIN("grid"), THING("group"), THING("groupchat"), THING("groups"),
	THING("guangchang"), NAME("guest"), NAME("guests"), THING("guide"), THING("guides"), THING("guild"), THING("guilds"),
	NAME("handle"), PLAIN("handler"), PLAIN("has"), NAME("hashtag"), NAME("hashtags"), PLAIN("health"), PLAIN("healthcheck"),
	PLAIN("healthcheck.json"), PLAIN("healthz"), ACT("heartbeat"), PLAIN("heartbeats"), THING("help"), PLAIN("helpers"), ACT("hide"),
	PLAIN("history"), PLAIN("hk"), THING("hls"), PLAIN("home"), NAME("home-page"), NAME("homepage"), PLAIN("hongkong"),
	PLAIN("host"), PLAIN("hosts"), THING("hot"), PLAIN("hotel"), PLAIN("hotels"), PLAIN("hour"), PLAIN("hourly"), THING("huati"),
	PLAIN("hub"), PLAIN("humans.txt"), PLAIN("i18n"), PLAIN("icon"), PLAIN("icons"), PLAIN("id"), PLAIN("identity"), PLAIN("ids"),
	PLAIN("iframe"), PLAIN("im"), THING("image"), THING("images"), THING("img"), ACT_THING("import"), PLAIN("in"), THING("inbox"),
	PLAIN("inboxes"), PLAIN("inc"), PLAIN("include"), PLAIN("includes"), ACT("index"), PLAIN("index.htm"), PLAIN("index.html"),
	PLAIN("index.jsp"), PLAIN("index.php"), PLAIN("info"), PLAIN("information"), PLAIN("infra"), PLAIN("ingest"), ACT("init"),
	PLAIN("input"), PLAIN("insert"), PLAIN("insight"), PLAIN("insights"), PLAIN("install"), PLAIN("instance"), PLAIN("instances"),
	PLAIN("integration"), PLAIN("integrations"), PLAIN("interactive"), PLAIN("interface"), PLAIN("internal"), PLAIN("intranet"),
	PLAIN("invalid"), PLAIN("inventory"), THING("invitation"), THING("invitations"), ACT("invite"), THING("invoice"),
	THING("invoices"), PLAIN("io"), PLAIN("ios"), PLAIN("ip"), PLAIN("is"), THING("issue"), THING("issues"), THING("item"),
	THING("items"), PLAIN("iterations"), PLAIN("javascript"), THING("job"), THING("jobs"), ACT("join"), THING("journal"),
	THING("journals"), PLAIN("jp"), PLAIN("js"), PLAIN("jsapi"), PLAIN("json"), PLAIN("jsonp"), PLAIN("jwks"), PLAIN("jwks.json"),
	THING("k"), PLAIN("key"), PLAIN("keys"), NAME("keyword"), NAME("keywords"), ACT("kick"), THING("kuaiyingyong"),
	PLAIN("kubernetes"), THING("label"), THING("labels"), PLAIN("lan"), PLAIN("lang"), PLAIN("language"), PLAIN("languages"),
	PLAIN("last"), PLAIN("latest"), THING("layer"), THING("layers"), PLAIN("leaderboard"), PLAIN("leaderboards"), ACT("leave"),
	THING("lecture"), THING("lectures"), PLAIN("legal"), THING("lesson"), THING("lessons"), THING("letter"), THING("letters"),
	THING("level"), THING("levels"), THING("lianmai"), THING("lianshu"), THING("liaotian"), PLAIN("lib"), THING("library"),
	PLAIN("libs"), THING("license"), THING("licenses"), ACT("like"), PLAIN("limit"), PLAIN("limits"), THING("link"), THING("links"),
	ACT_THING("list"), THING("live"), PLAIN("liveness"), THING("lives"), THING("livestream"), THING("livestreams"), PLAIN("livez"),
	THING("liwu"), THING("lobbies"), THING("lobby"), PLAIN("local"), PLAIN("localdomain"), PLAIN("locale"), PLAIN("locales"),
	PLAIN("localhost"), THING("location"), THING("locations"), ACT("lock"), THING("log"), ACT("log-in"), ACT("log-out"),
	ACT("login"), ACT("logoff"), ACT("logon"), ACT("logout"), THING("logs"), PLAIN("long-polling"), PLAIN("longpoll"), ACT("lookup"),
	PLAIN("lookups"), THING("luntan"), THING("m"), THING("magazine"), THING("magazines"), THING("mail"), THING("mailbox"),
	PLAIN("main"), PLAIN("maintenance"), THING("mall"), PLAIN("manage"), PLAIN("management"), PLAIN("manager"), PLAIN("manifest"),
	PLAIN("manifest.json"), THING("map"), THING("maps"), ACT("mark"), ACT("mark-all-read"), THING("market"), PLAIN("marketing"),
	THING("marketplace"), PLAIN("master"), THING("match"), THING("matches"), ACT("me"), THING("media"), THING("meeting"),
	THING("meetings"), NAME("member"), PLAIN("member-center"), NAME("members"), PLAIN("menu"), PLAIN("menus"), ACT("merge"),
	ACT_THING("message"), ACT_THING("messages"), PLAIN("meta"), PLAIN("metadata"), PLAIN("metric"), PLAIN("metrics"),
	THING("microblog"), THING("microblogs"), PLAIN("migration"), PLAIN("migrations"), PLAIN("min"), ACT("mine"), THING("mini-app"),
	THING("mini-program"), THING("mini-programs"), THING("miniapp"), THING("miniapps"), THING("miniprogram"), THING("miniprograms"),
	PLAIN("misc"), PLAIN("mobile"), PLAIN("mobile-app"), PLAIN("mock"), THING("model"), THING("models"), ACT("modify"),
	THING("module"), THING("modules"), THING("moment"), THING("moments"), PLAIN("monitor"), PLAIN("monitoring"), THING("month"),
	PLAIN("monthly"), PLAIN("more"), ACT_THING("move"), THING("movie"), THING("movies"), PLAIN("mqtt"), THING("muc"), PLAIN("multi"),
	THING("music"), ACT("mute"), PLAIN("my"), THING("n"), NAME("name"), THING("namespace"), THING("namespaces"), PLAIN("native"),
	PLAIN("nav"), PLAIN("navigation"), PLAIN("net"), PLAIN("network"), ACT_THING("new"), THING("news"), THING("newsletter"),
	THING("newsletters"), PLAIN("next"), PLAIN("nginx_status"), NAME("nick"), NAME("nickname"), THING("node"), PLAIN("nodeinfo"),
	THING("nodes"), THING("note"), THING("notebook"), THING("notebooks"), THING("notes"), THING("notice"), THING("notices"),
	THING("notification"), THING("notifications"), PLAIN("notifier"), ACT("notify"), THING("novel"), THING("novels"), THING("o"),
	THING("oa"), ACT("oauth"), PLAIN("oauth1"), PLAIN("oauth2"), PLAIN("object"), PLAIN("objects"), PLAIN("of"), THING("offer"),
	THING("offers"), THING("official"), THING("official-account"), THING("official-accounts"), PLAIN("offline"), ACT("ok"),
	PLAIN("old"), PLAIN("on"), PLAIN("online"), ACT("open"), PLAIN("openapi"), PLAIN("openapi.json"), PLAIN("openid"),
	PLAIN("openid-configuration"), PLAIN("option"), PLAIN("options"), PLAIN("or"), ACT_THING("order"), THING("orders"), PLAIN("org"),
	PLAIN("organisation"), PLAIN("organisations"), THING("organization"), THING("organizations"), PLAIN("other"), PLAIN("outbox"),
	PLAIN("overview"), NAME("owner"), NAME("owners"), THING("p"), PLAIN("package"), PLAIN("packages"), THING("page"), THING("pages"),
	PLAIN("panel"), THING("paper"), THING("papers"), PLAIN("parameters"), PLAIN("params"), PLAIN("part"), PLAIN("partial"),
	PLAIN("partials"), NAME("participant"), NAME("participants"), PLAIN("partner"), PLAIN("partners"), PLAIN("parts"), ACT("passwd"),
	ACT("password"), PLAIN("patch"), PLAIN("path"), NAME("patient"), NAME("patients"), ACT("pause"), ACT("pay"), PLAIN("payload"),
	THING("payment"), THING("payments"), PLAIN("pdf"), NAME("people"), PLAIN("per"), PLAIN("performance"), PLAIN("period"),
	THING("permission"), THING("permissions"), NAME("person"), PLAIN("personal"), ACT_THING("petition"), ACT_THING("petitions"),
	PLAIN("phone"), THING("photo"), THING("photos"), PLAIN("php"), PLAIN("phpmyadmin"), THING("picture"), THING("pictures"),
	ACT("pin"), ACT("ping"), PLAIN("pingback"), THING("pinglun"), THING("pipeline"), THING("pipelines"), PLAIN("pix"),
	THING("place"), THING("places"), ACT_THING("plan"), THING("plans"), PLAIN("platform"), ACT_THING("play"), NAME("player"),
	NAME("players"), THING("playlist"), THING("playlists"), THING("plugin"), THING("plugins"), THING("podcast"), THING("podcasts"),
	THING("points"), THING("policies"), THING("policy"), ACT_THING("poll"), ACT_THING("polls"), PLAIN("popular"), PLAIN("popup"),
	PLAIN("portal"), PLAIN("portfolio"), ACT_THING("post"), PLAIN("postback"), THING("posts"), PLAIN("preference"),
	PLAIN("preferences"), PLAIN("prefs"), PLAIN("premium"), THING("presentation"), THING("presentations"), PLAIN("press"),
	ACT_THING("preview"), PLAIN("price"), PLAIN("prices"), PLAIN("pricing"), ACT("print"), PLAIN("print-view"), PLAIN("privacy"),
	PLAIN("privacy-policy"), PLAIN("private"), PLAIN("probe"), PLAIN("probes"), PLAIN("process"), PLAIN("processes"), PLAIN("prod"),
	THING("product"), PLAIN("production"), THING("products"), NAME("profile"), NAME("profiles"), THING("program"), THING("programs"),
	PLAIN("progress"), THING("project"), THING("projects"), THING("promotion"), THING("promotions"), PLAIN("properties"),
	PLAIN("property"), PLAIN("protected"), PLAIN("protocol"), PLAIN("provider"), PLAIN("providers"), PLAIN("proxy"), PLAIN("pub"),
	PLAIN("public"), THING("public-account"), ACT_THING("publish"), THING("pull"), THING("pulls"), ACT("purchase"), PLAIN("push"),
	ACT("put"), NAME("q"), PLAIN("qrcode"), ACT("query"), THING("question"), THING("questions"), THING("queue"), THING("queues"),
	THING("quiz"), THING("quizzes"), THING("qun"), THING("qunliao"), THING("qunzu"), THING("r"), PLAIN("random"), THING("rank"),
	THING("ranking"), THING("rankings"), PLAIN("rate"), THING("rating"), THING("ratings"), PLAIN("raw"), ACT_THING("reaction"),
	ACT_THING("reactions"), ACT_THING("read"), NAME("reader"), NAME("readers"), PLAIN("readiness"), PLAIN("ready"), PLAIN("readyz"),
	PLAIN("recent"), THING("recipe"), THING("recipes"), PLAIN("recommend"), THING("recommendation"), THING("recommendations"),
	PLAIN("recommended"), THING("record"), THING("records"), PLAIN("redirect"), THING("reel"), THING("reels"), PLAIN("reference"),
	PLAIN("references"), PLAIN("referral"), ACT("refresh"), THING("region"), THING("regions"), ACT("register"),
	PLAIN("register-device"), ACT("reject"), PLAIN("related"), ACT("release"), ACT("reload"), ACT("remind"), PLAIN("remote"),
	ACT("remove"), ACT("rename"), PLAIN("render"), ACT("renew"), ACT("reorder"), ACT_THING("replies"), ACT_THING("reply"),
	ACT_THING("report"), PLAIN("reporting"), ACT_THING("reports"), THING("repositories"), THING("repository"), ACT("repost"),
	ACT_THING("reposts"), ACT("request"), PLAIN("res"), ACT("resend"), ACT("reset"), ACT("reset-password"), THING("resou"),
	THING("resource"), THING("resources"), PLAIN("response"), PLAIN("responses"), PLAIN("rest"), ACT("restart"), ACT("restore"),
	PLAIN("result"), PLAIN("results"), ACT("resume"), ACT("retry"), THING("retweet"), THING("review"), THING("reviews"),
	ACT("revoke"), THING("reward"), THING("rewards"), PLAIN("robots.txt"), THING("role"), THING("roles"), THING("room"),
	THING("rooms"), PLAIN("root"), ACT("rotate"), PLAIN("route"), PLAIN("router"), PLAIN("routes"), PLAIN("rpc"), PLAIN("rss"),
	PLAIN("rss.xml"), ACT_THING("rsvp"), THING("rtmp"), PLAIN("ru"), THING("rule"), THING("rules"), ACT("run"), NAME("s"),
	PLAIN("sale"), PLAIN("sales"), PLAIN("sample"), PLAIN("samples"), PLAIN("sandbox"), ACT_THING("save"), PLAIN("scan"),
	PLAIN("scene"), ACT("schedule"), PLAIN("scheduler"), THING("schedules"), PLAIN("schema"), PLAIN("schemas"), THING("school"),
	THING("schools"), PLAIN("scope"), PLAIN("scopes"), THING("score"), THING("scores"), PLAIN("script"), PLAIN("scripts"),
	PLAIN("sdk"), ACT("search"), NAME("search-results"), PLAIN("secret"), PLAIN("secrets"), THING("section"), THING("sections"),
	PLAIN("secure"), PLAIN("security"), PLAIN("security.txt"), PLAIN("segment"), PLAIN("segments"), ACT("select"), ACT("self"),
	THING("seller"), THING("sellers"), ACT_THING("send"), PLAIN("sensor"), PLAIN("sensors"), PLAIN("seo"), THING("series"),
	THING("server"), PLAIN("server-status"), THING("servers"), THING("service"), PLAIN("service-worker.js"), THING("services"),
	THING("session"), THING("sessions"), ACT("settings"), PLAIN("sg"), ACT_THING("share"), PLAIN("shared"), PLAIN("shared-inbox"),
	ACT_THING("shares"), THING("shequ"), THING("shipin"), PLAIN("shipping"), THING("shop"), PLAIN("shopping"), THING("shops"),
	THING("short"), THING("short-video"), THING("shorts"), THING("shortvideo"), THING("shortvideos"), ACT_THING("show"), ACT("sign"),
	ACT("sign-in"), ACT("sign-out"), ACT("sign-up"), ACT("sign_in"), ACT("sign_out"), ACT("sign_up"), PLAIN("signal"),
	PLAIN("signalr"), ACT("signin"), ACT("signout"), ACT("signup"), PLAIN("similar"), PLAIN("simple"), THING("site"),
	PLAIN("sitemap"), PLAIN("sitemap.xml"), PLAIN("sitemap_index.xml"), THING("sites"), PLAIN("size"), ACT("skip"), THING("sku"),
	THING("skus"), THING("slide"), THING("slides"), PLAIN("sms"), THING("snapshot"), THING("snapshots"), PLAIN("snippet"),
	PLAIN("soap"), PLAIN("social"), PLAIN("socket"), PLAIN("socket.io"), PLAIN("sockjs"), PLAIN("software"), THING("song"),
	THING("songs"), ACT("sort"), PLAIN("source"), PLAIN("sources"), NAME("space"), NAME("spaces"), PLAIN("spec"), PLAIN("special"),
	PLAIN("specs"), THING("sport"), THING("sports"), PLAIN("sql"), PLAIN("src"), PLAIN("sse"), PLAIN("sso"), NAME("staff"),
	PLAIN("stage"), PLAIN("staging"), PLAIN("standard"), ACT("start"), PLAIN("stat"), PLAIN("state"), PLAIN("states"),
	PLAIN("static"), PLAIN("statistic"), PLAIN("statistics"), PLAIN("stats"), THING("status"), THING("statuses"), PLAIN("step"),
	PLAIN("steps"), THING("stock"), THING("stocks"), ACT("stop"), PLAIN("storage"), THING("store"), THING("stores"),
	THING("stories"), THING("story"), THING("stream"), THING("streamer"), THING("streaming"), THING("streams"), NAME("student"),
	NAME("students"), PLAIN("style"), PLAIN("style.css"), PLAIN("styles"), PLAIN("stylesheet"), PLAIN("subject"), PLAIN("subjects"),
	THING("submission"), THING("submissions"), ACT_THING("submit"), ACT("subscribe"), THING("subscription"), THING("subscriptions"),
	ACT("suggest"), PLAIN("summary"), PLAIN("support"), THING("survey"), THING("surveys"), ACT("suspend"), PLAIN("svc"),
	PLAIN("svg"), PLAIN("sw.js"), PLAIN("swagger"), PLAIN("swagger-ui"), PLAIN("swagger.json"), PLAIN("swf"), ACT("switch"),
	ACT("sync"), PLAIN("system"), PLAIN("systems"), THING("t"), PLAIN("tab"), PLAIN("table"), PLAIN("tables"), NAME("tag"),
	NAME("tagged"), NAME("tags"), THING("task"), THING("tasks"), NAME("teacher"), NAME("teachers"), THING("team"), THING("teams"),
	PLAIN("tel"), PLAIN("telemetry"), PLAIN("temp"), THING("template"), THING("templates"), NAME("term"), PLAIN("term-of-service"),
	PLAIN("terms"), PLAIN("terms-of-service"), ACT("test"), PLAIN("theme"), PLAIN("themes"), PLAIN("third-party"), THING("thread"),
	THING("threads"), PLAIN("thumb"), PLAIN("thumbnail"), PLAIN("thumbnails"), THING("ticket"), THING("tickets"), THING("tieba"),
	THING("tiezi"), PLAIN("time"), ACT_THING("timeline"), ACT_THING("timelines"), PLAIN("to"), ACT("toggle"), PLAIN("token"),
	PLAIN("tokens"), PLAIN("tool"), PLAIN("tools"), THING("toot"), THING("toots"), PLAIN("top"), THING("topic"), THING("topics"),
	THING("torrent"), THING("torrents"), THING("toupiao"), THING("tour"), THING("tours"), THING("town"), PLAIN("trace"),
	ACT("track"), PLAIN("trackback"), PLAIN("tracking"), PLAIN("traffic"), THING("transaction"), THING("transactions"),
	ACT("transfer"), PLAIN("translate"), PLAIN("translation"), PLAIN("translations"), ACT("trash"), THING("travel"), PLAIN("tree"),
	THING("trend"), THING("trending"), THING("trends"), ACT("trigger"), THING("trip"), THING("trips"), THING("tutorial"),
	THING("tutorials"), PLAIN("tv"), PLAIN("tw"), THING("tweet"), THING("tweets"), PLAIN("type"), PLAIN("types"), ACT("typing"),
	NAME("u"), PLAIN("ui"), PLAIN("uk"), ACT("unban"), ACT("unblock"), ACT("undo"), ACT("unfollow"), PLAIN("unit"), PLAIN("units"),
	PLAIN("unknown"), ACT("unlike"), ACT("unlock"), ACT("unmute"), ACT("unpin"), ACT("unread"), ACT("unsubscribe"), ACT("update"),
	ACT("upgrade"), ACT_THING("upload"), PLAIN("upload-video"), ACT_THING("uploads"), PLAIN("us"), PLAIN("usage"), NAME("user"),
	NAME("username"), NAME("usernames"), NAME("users"), PLAIN("util"), PLAIN("utility"), PLAIN("utils"), THING("v"), PLAIN("v1"),
	PLAIN("v10"), PLAIN("v2"), PLAIN("v3"), PLAIN("v4"), PLAIN("v5"), PLAIN("v6"), PLAIN("v7"), PLAIN("v8"), PLAIN("v9"),
	ACT("validate"), PLAIN("value"), PLAIN("values"), PLAIN("var"), THING("vendor"), THING("vendors"), THING("venue"),
	THING("venues"), ACT("verify"), PLAIN("version"), PLAIN("versions"), THING("video"), THING("videos"), ACT_THING("view"),
	PLAIN("views"), PLAIN("vip"), PLAIN("visit"), PLAIN("visitor"), PLAIN("visitors"), PLAIN("visits"), THING("vlog"),
	THING("vlogs"), THING("vod"), THING("voice"), THING("voiceroom"), ACT_THING("vote"), NAME("voter"), NAME("voters"),
	ACT_THING("votes"), NAME("w"), PLAIN("w3c"), PLAIN("wallet"), PLAIN("wallets"), THING("warehouse"), THING("warehouses"),
	THING("weather"), PLAIN("web"), PLAIN("web-api"), PLAIN("webapi"), PLAIN("webapp"), PLAIN("webdav"), PLAIN("webfinger"),
	THING("webhook"), THING("webhooks"), THING("webinar"), THING("webinars"), PLAIN("webmention"), PLAIN("weekly"), THING("weibo"),
	PLAIN("welcome"), THING("wenzhang"), PLAIN("whats-new"), THING("whep"), THING("whip"), NAME("who"), ACT("whoami"),
	PLAIN("widget"), PLAIN("widgets"), NAME("wiki"), NAME("wikis"), PLAIN("with"), ACT("withdraw"), THING("work"), THING("works"),
	THING("workspace"), THING("workspaces"), PLAIN("wp"), PLAIN("wp-admin"), PLAIN("wp-content"), PLAIN("wp-includes"),
	PLAIN("wp-json"), PLAIN("wp-login.php"), ACT("write"), PLAIN("ws"), PLAIN("wss"), PLAIN("www"), PLAIN("xhr"),
	THING("xiaochengxu"), THING("xiaoshipin"), THING("xinwen"), PLAIN("xml"), PLAIN("xmlrpc.php"), PLAIN("xyz"), THING("year"),
	PLAIN("yearly"), THING("years"), NAME("yonghu"), PLAIN("zh"), PLAIN("zh-cn"), PLAIN("zh-tw"), THING("zhibo"), THING("zhibojian"),
	THING("zhongchou"), THING("zhuanlan"), THING("zhuti"), PLAIN("zip"), NAME("zone"), THING("专栏"), NAME("个人主页"),
	PLAIN("中国"), THING("主题"), THING("众筹"), THING("信息分享"), THING("公众号"), THING("公众账号"), PLAIN("公司"), THING("分享"),
	THING("动态"), THING("博客"), THING("商品"), THING("回复"), THING("小程序"), THING("小视频"), THING("帖子"), THING("广场"),
	THING("弹幕"), THING("微博"), THING("微博客"), THING("快应用"), THING("房间"), THING("打赏"), THING("投票"), THING("报名"),
	NAME("搜索"), THING("文章"), THING("新闻"), THING("日志"), NAME("标签"), THING("活动"), THING("消息"), THING("热搜"),
	THING("版块"), NAME("用户"), THING("直播"), THING("直播间"), THING("短视频"), THING("社区"), THING("社群"), PLAIN("网络"),
	THING("网络直播"), THING("群"), THING("群组"), THING("群聊"), THING("聊天室"), THING("联署"), THING("视频"), THING("订单"),
	THING("订阅号"), THING("论坛"), THING("评论"), THING("话题"), THING("语音房"), THING("贴吧"), THING("转发"), THING("连麦"),
	THING("通讯群组"), THING("问答"), THING("首页"),
};
/* clang-format on */

enum { WORDS = sizeof words / sizeof words[0] };

/* Eight letters as one number in their order, so that most steps of the search are one comparison. */
static uint64_t letters(const char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof value);
	return be64toh(value);
}

static int compare(const char text[WORD_BYTES_MAX], const struct word *word)
{
	uint64_t a = letters(text), b = letters(word->text);

	return a != b ? (a > b ? 1 : -1) : memcmp(text + sizeof a, word->text + sizeof a, WORD_BYTES_MAX - sizeof a);
}

const struct word *vocabulary_find(struct span text)
{
	char lower[WORD_BYTES_MAX] = {0};
	size_t low = 0, high = WORDS;

	if (text.len == 0 || text.len > sizeof lower)
		return NULL;
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = compare(lower, &words[middle]);
		if (r == 0)
			return &words[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct word *vocabulary_words(size_t *ret_count)
{
	*ret_count = WORDS;
	return words;
}
