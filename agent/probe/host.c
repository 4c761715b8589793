#include "agent/probe/host.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Linux 5.11 charges BPF memory to the cgroup instead of RLIMIT_MEMLOCK. */
enum { MEMCG_MAJOR = 5, MEMCG_MINOR = 11 };

static bool is_at_least(int major, int minor)
{
	struct utsname name;
	if (uname(&name))
		return false;
	char *rest;
	long has_major = strtol(name.release, &rest, 10);
	long has_minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
	return has_major > major || (has_major == major && has_minor >= minor);
}

bool host_kernel(char *ret_release, size_t cap)
{
	struct utsname name;
	if (uname(&name))
		return false;
	snprintf(ret_release, cap, "%s", name.release);
	return is_at_least(HOST_KERNEL_MAJOR, HOST_KERNEL_MINOR);
}

bool host_has_btf(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

/* mountinfo: "36 35 98:0 /root /mount/point options - type source options" (proc_pid_mountinfo(5)). Only a mount of the hierarchy's own
 * root will do: a bind mount of one branch would show us one container. */
static bool find_mount(char *ret_path, size_t cap)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	if (!f)
		return false;
	while (!found && getline(&line, &size, f) >= 0) {
		const char *type = strstr(line, " - ");
		char *rest = line, *field[5] = {0};
		if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0)
			continue;
		for (size_t i = 0; i < 5; i++)
			field[i] = strsep(&rest, " ");
		if (field[3] && field[4] && strcmp(field[3], "/") == 0 && strlen(field[4]) < cap) {
			memcpy(ret_path, field[4], strlen(field[4]) + 1);
			found = true;
		}
	}
	free(line);
	fclose(f);
	return found;
}

static int mount_privately(struct err *err)
{
	int fd = -1;
	int context = fsopen("cgroup2", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		int r = errno == EPERM ? -EPERM : -ENODEV;
		if (r == -EPERM)
			err_set(err,
				"cgroup2 is not mounted, and mounting it needs CAP_SYS_ADMIN: mount -t cgroup2 none /sys/fs/cgroup/unified");
		else
			err_set(err, "this kernel has no cgroup2 (CONFIG_CGROUPS, CONFIG_CGROUP_BPF); the HTTP probe needs it");
		if (context >= 0)
			close(context);
		return r;
	}
	int tree = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close(context);
	if (tree >= 0) {
		fd = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(tree);
	}
	if (fd < 0) {
		int r = -errno;
		err_set(err, "cgroup2 could not be mounted: %s", strerror(-r));
		return r;
	}
	return fd;
}

int host_cgroup2(int *ret_fd, char *ret_path, size_t cap, struct err *err)
{
	char path[256];
	bool mounted = find_mount(path, sizeof path);
	int fd = mounted ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : mount_privately(err);
	if (fd < 0) {
		if (!mounted)
			return fd;
		int r = -errno;
		err_set(err, "cgroup2 root %s: %s", path, strerror(-r));
		return r;
	}
	snprintf(ret_path, cap, "%s", mounted ? path : "(private)");
	*ret_fd = fd;
	return 0;
}

bool host_capabilities(char *ret_missing, size_t cap)
{
	static const struct {
		unsigned number;
		const char *name;
	} needed[] = {
		{CAP_BPF, "CAP_BPF"},
		{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{CAP_PERFMON, "CAP_PERFMON"},
		{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
	};
	size_t used = 0;
	ret_missing[0] = '\0';
	if (capng_get_caps_process())
		return false;
	/* CAP_SYS_ADMIN contains these two (capabilities(7)). */
	bool admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		bool contained = admin && (needed[i].number == CAP_BPF || needed[i].number == CAP_PERFMON);
		if (contained || capng_have_capability(CAPNG_EFFECTIVE, needed[i].number))
			continue;
		int n = snprintf(ret_missing + used, cap - used, "%s%s", used ? ", " : "", needed[i].name);
		used = n < 0 || (size_t)n >= cap - used ? cap - 1 : used + (size_t)n;
	}
	return used == 0;
}

void host_lockdown(char *ret_mode, size_t cap)
{
	char text[128] = "";
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	snprintf(ret_mode, cap, "none");
	if (!f)
		return;
	if (fgets(text, sizeof text, f)) {
		char *from = strchr(text, '['), *to = from ? strchr(from, ']') : NULL;
		if (to)
			snprintf(ret_mode, cap, "%.*s", (int)(to - from - 1), from + 1);
	}
	fclose(f);
}

bool host_memlock_is_enough(size_t bytes)
{
	struct rlimit limit;
	if (is_at_least(MEMCG_MAJOR, MEMCG_MINOR))
		return true;
	/* libbpf raises the limit where it may. */
	if (capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_RESOURCE))
		return true;
	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= bytes;
}

bool host_has_tracefs(void)
{
	return access("/sys/kernel/tracing/events", F_OK) == 0 || access("/sys/kernel/debug/tracing/events", F_OK) == 0;
}
