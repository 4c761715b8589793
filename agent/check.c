#include "agent/check.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/probe/host.h"
#include "agent/probe/http_probe.h"

enum grade {
	GRADE_OK,
	GRADE_ABSENT, /* not there, and nothing of this version needs it */
	GRADE_MISSING,
};

/* What was found, and, when it is not right, what to do about it. */
struct answer {
	enum grade grade;
	char found[320];
	const char *mend;
};

__attribute__((format(printf, 4, 5))) static void say(struct answer *a, enum grade grade, const char *mend, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(a->found, sizeof a->found, format, args);
	va_end(args);
	a->grade = grade;
	a->mend = mend;
}

/* ---- the host ---- */

static void look_kernel(const struct check_options *o, struct answer *a)
{
	char release[128] = "?";
	(void)o;
	bool enough = host_kernel(release, sizeof release);
	say(a, enough ? GRADE_OK : GRADE_MISSING, "upgrade to Linux 5.10 or later, or use log taps only (probes: false)", "Linux %s",
	    release);
}

static void look_capabilities(const struct check_options *o, struct answer *a)
{
	char missing[128];
	(void)o;
	if (host_capabilities(missing, sizeof missing))
		say(a, GRADE_OK, NULL, "what loading, attaching and naming workloads needs");
	else
		say(a, GRADE_MISSING, "run as root, or add them to AmbientCapabilities= (systemd) or securityContext (Kubernetes)",
		    "without %s", missing);
}

static void look_cgroup2(const struct check_options *o, struct answer *a)
{
	char path[256];
	struct err err = {0};
	int fd;
	(void)o;
	if (host_cgroup2(&fd, path, sizeof path, &err)) {
		say(a, GRADE_MISSING, "mount -t cgroup2 none /sys/fs/cgroup/unified", "%s", err.text);
		return;
	}
	close(fd);
	say(a, GRADE_OK, NULL, "%s", path);
}

static void look_memlock(const struct check_options *o, struct answer *a)
{
	size_t ring = o->ring_bytes ? o->ring_bytes : HTTP_PROBE_RING_DEFAULT;
	bool enough = host_memlock_is_enough(2 * ring);
	say(a, enough ? GRADE_OK : GRADE_MISSING, "LimitMEMLOCK=infinity (systemd), ulimit -l unlimited", "%s",
	    enough ? "enough, or counted elsewhere (Linux 5.11 and later)" : "less than the ring buffer takes");
}

static void look_lockdown(const struct check_options *o, struct answer *a)
{
	char mode[32];
	(void)o;
	host_lockdown(mode, sizeof mode);
	say(a, GRADE_OK, NULL, "%s; the HTTP probe reads no kernel memory, so it works under every mode", mode);
}

static void look_btf(const struct check_options *o, struct answer *a)
{
	(void)o;
	bool has = host_has_btf();
	say(a, has ? GRADE_OK : GRADE_ABSENT, NULL, "%s", has ? "/sys/kernel/btf/vmlinux" : "none; the HTTP probe does without");
}

static void look_tracefs(const struct check_options *o, struct answer *a)
{
	(void)o;
	bool has = host_has_tracefs();
	say(a, has ? GRADE_OK : GRADE_ABSENT, NULL, "%s", has ? "mounted" : "not mounted; the HTTP probe does without");
}

static void look_probe(const struct check_options *o, struct answer *a)
{
	struct http_probe_options options = {.ring_bytes = o->ring_bytes};
	struct http_probe *probe = NULL;
	struct err err = {0};
	char path[256];
	if (host_cgroup2(&options.cgroup_fd, path, sizeof path, &err)) {
		say(a, GRADE_MISSING, "see cgroup2", "not tried");
		return;
	}
	int r = http_probe_new(&options, &probe, &err);
	close(options.cgroup_fd);
	http_probe_free(probe);
	if (r < 0)
		say(a, GRADE_MISSING, "mend the rows above; until then the agent goes on with log taps", "%s", err.text);
	else
		say(a, GRADE_OK, NULL, "loaded and attached at %s, and let go again", path);
}

/* ---- the agent's own folders and files ---- */

static void look_state(const struct check_options *o, struct answer *a)
{
	struct statvfs fs;
	if (access(o->state_dir, R_OK | W_OK | X_OK)) {
		say(a, GRADE_MISSING, "make the folder, owned by the agent's user: install -d -m 700", "%s: %s", o->state_dir,
		    strerror(errno));
		return;
	}
	if (statvfs(o->state_dir, &fs)) {
		say(a, GRADE_MISSING, "see the error", "%s: %s", o->state_dir, strerror(errno));
		return;
	}
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	bool enough = free_bytes >= o->spool_bytes;
	say(a, enough ? GRADE_OK : GRADE_MISSING, "free some space, or make spool_bytes smaller",
	    "%s: %ju MiB free, the spool may take %ju", o->state_dir, (uintmax_t)(free_bytes >> 20), (uintmax_t)(o->spool_bytes >> 20));
}

/* The first that cannot be read, of the files that a tap's path or glob names now; errno says why. */
static const char *find_unreadable(const glob_t *found)
{
	for (size_t i = 0; i < found->gl_pathc; i++)
		if (access(found->gl_pathv[i], R_OK))
			return found->gl_pathv[i];
	return NULL;
}

static void look_log(const char *path, struct answer *a)
{
	glob_t found = {0};
	bool is_glob = strpbrk(path, "*?[") != NULL;
	int r = glob(path, is_glob ? 0 : GLOB_NOMAGIC, NULL, &found);
	const char *unreadable = r == 0 ? find_unreadable(&found) : NULL;
	if (unreadable)
		say(a, GRADE_MISSING, "let the agent's user read it: add the user to the group adm, or CAP_DAC_READ_SEARCH", "%s: %s",
		    unreadable, strerror(errno));
	else if (r != 0)
		say(a, GRADE_MISSING, "no file has such a name yet, or its folder cannot be read", "%s", path);
	else if (is_glob)
		say(a, GRADE_OK, NULL, "%s, now %zu", path, found.gl_pathc);
	else
		say(a, GRADE_OK, NULL, "%s", path);
	globfree(&found);
}

static int print(FILE *out, const char *name, const struct answer *a)
{
	static const char *const words[] = {[GRADE_OK] = "ok", [GRADE_ABSENT] = "absent", [GRADE_MISSING] = "MISSING"};
	fprintf(out, "%-8s %-14s %s\n", words[a->grade], name, a->found);
	if (a->grade == GRADE_MISSING && a->mend)
		fprintf(out, "%-8s %-14s mend: %s\n", "", "", a->mend);
	return a->grade == GRADE_MISSING;
}

int check_run(const struct check_options *options, FILE *out)
{
	static const struct {
		const char *name;
		void (*look)(const struct check_options *options, struct answer *ret);
	} rows[] = {
		{"kernel", look_kernel},         {"capabilities", look_capabilities}, {"cgroup2", look_cgroup2},
		{"locked memory", look_memlock}, {"lockdown", look_lockdown},         {"kernel BTF", look_btf},
		{"tracefs", look_tracefs},       {"HTTP probe", look_probe},          {"state folder", look_state},
	};
	int missing = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct answer a = {0};
		rows[i].look(options, &a);
		missing |= print(out, rows[i].name, &a);
	}
	for (size_t i = 0; i < options->log_count; i++) {
		struct answer a = {0};
		look_log(options->logs[i], &a);
		missing |= print(out, "log", &a);
	}
	return missing;
}
