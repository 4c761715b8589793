#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/cgroup_name.h"

#define ID  "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa00112233445566778899"
#define UID "0a1b2c3d-1111-2222-3333-444455556666"
#define UIS "0a1b2c3d_1111_2222_3333_444455556666"

static void paths_that_name_a_workload(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum workload_kind kind;
		const char *name;
		const char *reason;
	} rows[] = {
		{"/system.slice/nginx.service", WORKLOAD_SYSTEMD, "nginx.service", "a unit"},
		{"/system.slice/system-app.slice/app@7.service", WORKLOAD_SYSTEMD, "app@.service", "an instance is its template"},
		{"/user.slice/user-1000.slice/user@1000.service/init.scope", WORKLOAD_SYSTEMD, "user@.service",
		 "no user's number is a name"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/blog.service", WORKLOAD_SYSTEMD, "blog.service",
		 "the innermost unit"},
		{"/system.slice/a b\xc3.service", WORKLOAD_SYSTEMD, "a?b?.service", "bytes that are not printable"},
		{"/docker/" ID, WORKLOAD_CONTAINER, "3f4e5d6c7b8a", "Docker, cgroupfs driver"},
		{"/system.slice/docker-" ID ".scope", WORKLOAD_CONTAINER, "3f4e5d6c7b8a", "Docker, systemd driver"},
		{"/machine.slice/libpod-" ID ".scope/container", WORKLOAD_CONTAINER, "3f4e5d6c7b8a", "Podman"},
		{"/system.slice/docker-" ID ".scope/system.slice/nginx.service", WORKLOAD_CONTAINER, "3f4e5d6c7b8a",
		 "a unit inside a container is the container's"},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UIS ".slice/cri-containerd-" ID ".scope", WORKLOAD_POD,
		 "pod-0a1b2c3d", "containerd under Kubernetes, systemd driver"},
		{"/kubepods/besteffort/pod" UID "/" ID, WORKLOAD_POD, "pod-0a1b2c3d", "cgroupfs driver"},
		{"/kubepods.slice/kubepods-pod" UIS ".slice/crio-" ID ".scope", WORKLOAD_POD, "pod-0a1b2c3d", "CRI-O, guaranteed class"},
		{"/system.slice/containerd.service/kubepods-besteffort-pod" UIS ".slice:cri-containerd:" ID, WORKLOAD_POD, "pod-0a1b2c3d",
		 "a driver mismatch that is often met"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cgroup_name name;
		assert_true(cgroup_name(span_str(rows[i].path), &name));
		assert_int_equal(name.kind, rows[i].kind);
		assert_string_equal(name.text, rows[i].name);
	}
}

static void paths_that_name_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		const char *reason;
	} rows[] = {
		{"/", "the root"},
		{"", "a cgroup that is gone"},
		{"/init.scope", "socket activation: the service manager made the listener"},
		{"/system.slice", "a slice is many workloads"},
		{"/user.slice/user-1000.slice/session-3.scope", "a login session"},
		{"/podium/pod0a1b2c3d", "a pod's uid has 36 characters"},
		{"/docker/3f4e5d6c7b8a99887766554433221100ffeeddccbbaa0011223344556677889", "63 digits: one short"},
		{"/.service", "a suffix alone"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cgroup_name name;
		assert_false(cgroup_name(span_str(rows[i].path), &name));
	}
}

static void a_long_unit_name_is_cut_at_the_ceiling(void **state)
{
	(void)state;
	char path[300] = "/system.slice/";
	size_t at = strlen(path);
	memset(path + at, 'u', 200);
	strcpy(path + at + 200, ".service");
	struct cgroup_name name;
	assert_true(cgroup_name(span_str(path), &name));
	assert_int_equal(strlen(name.text), CGROUP_NAME_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_that_name_a_workload),
		cmocka_unit_test(paths_that_name_nothing),
		cmocka_unit_test(a_long_unit_name_is_cut_at_the_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
