#include "agent/probe/cgroup_name.h"

#include <ctype.h>
#include <string.h>

enum {
	COMPONENTS_MAX = 32,
	CONTAINER_DIGITS = 64, /* of a container's id, in every runtime … */
	CONTAINER_SHOWN = 12,  /* … of which their own tools show these */
	POD_UID = 36,          /* 8-4-4-4-12; the systemd driver writes '_' for '-' */
	POD_SHOWN = 8,
};

static bool is_hex(struct span s, size_t from, size_t len)
{
	if (s.len < from + len)
		return false;
	for (size_t i = from; i < from + len; i++)
		if (!isxdigit((unsigned char)s.data[i]))
			return false;
	return true;
}

/* "docker-<id>.scope", "cri-containerd-<id>.scope", "crio-<id>.scope", "libpod-<id>.scope", "<id>" */
static bool container_id(struct span part, struct span *ret)
{
	for (size_t i = 0; i + CONTAINER_DIGITS <= part.len; i++) {
		if (!is_hex(part, i, CONTAINER_DIGITS))
			continue;
		*ret = span_make(part.data + i, CONTAINER_SHOWN);
		return true;
	}
	return false;
}

/* "pod<uid>", "kubepods-burstable-pod<uid>.slice" */
static bool pod_uid(struct span part, struct span *ret)
{
	static const size_t dashes[] = {8, 13, 18, 23};
	for (size_t i = 0; i + 3 + POD_UID <= part.len; i++) {
		if (memcmp(part.data + i, "pod", 3) != 0 || !is_hex(part, i + 3, POD_SHOWN))
			continue;
		const char *uid = part.data + i + 3;
		bool shaped = true;
		for (size_t k = 0; k < sizeof dashes / sizeof dashes[0]; k++)
			shaped = shaped && (uid[dashes[k]] == '-' || uid[dashes[k]] == '_');
		if (!shaped)
			continue;
		*ret = span_make(uid, POD_SHOWN);
		return true;
	}
	return false;
}

static bool is_service(struct span part)
{
	static const char suffix[] = ".service";
	size_t n = sizeof suffix - 1;
	return part.len > n && memcmp(part.data + part.len - n, suffix, n) == 0;
}

/* What is not printable is shown as '?'; past the ceiling a name's end is what gets lost. */
static void put(struct cgroup_name *name, struct span text)
{
	size_t used = strlen(name->text);
	for (size_t i = 0; i < text.len && used < sizeof name->text - 1; i++)
		name->text[used++] = isgraph((unsigned char)text.data[i]) ? text.data[i] : '?';
	name->text[used] = '\0';
}

static void put_service(struct span unit, struct cgroup_name *ret)
{
	const char *at = memchr(unit.data, '@', unit.len);
	if (!at) {
		put(ret, unit);
		return;
	}
	put(ret, span_make(unit.data, (size_t)(at + 1 - unit.data)));
	put(ret, span_str(".service"));
}

bool cgroup_name(struct span path, struct cgroup_name *ret)
{
	struct span part, id = {0}, pod = {0}, service = {0};
	bool in_container = false, in_pod = false;
	for (int i = 0; i < COMPONENTS_MAX && path.len; i++) {
		part = span_cut(&path, '/');
		in_pod = in_pod || pod_uid(part, &pod);
		in_container = in_container || container_id(part, &id);
		if (is_service(part))
			service = part;
	}
	if (!in_pod && !in_container && !service.len)
		return false;
	ret->text[0] = '\0';
	if (in_pod) {
		ret->kind = WORKLOAD_POD;
		put(ret, span_str("pod-"));
		put(ret, pod);
	} else if (in_container) {
		ret->kind = WORKLOAD_CONTAINER;
		put(ret, id);
	} else {
		ret->kind = WORKLOAD_SYSTEMD;
		put_service(service, ret);
	}
	return true;
}
