/* A /proc of our own making: folders, files and links with the texts of the real one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/probe/listeners.h"
#include "agent/probe/resolve.h"

#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

static char root[64];

static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_link(const char *path, const char *target)
{
	char full[256];
	put(path, "");
	snprintf(full, sizeof full, "%s/%s", root, path);
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink(target, full), 0);
}

static void drop(const char *path)
{
	char full[256];
	snprintf(full, sizeof full, "%s/%s", root, path);
	assert_int_equal(unlink(full), 0);
}

/* Two processes in our namespace hold port 8080 (master and worker), one in another holds 9090. */
static int make_proc(void **state)
{
	(void)state;
	strcpy(root, "/tmp/tocsin-proc-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("self/ns/net", "");
	put("self/net/tcp",
	    HEADING "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 501 1 0 100 0 0 10 0\n"
		    "   1: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 502 1 0 20 4 30 10 -1\n"
		    "   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 503 1 0 100 0 0 10 0\n");
	put("self/net/tcp6", HEADING
	    "   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 504 1 0\n");
	put("40/ns/net", "");
	put("40/net/tcp",
	    HEADING "   0: 00000000:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 601 1 0 100 0 0 10 0\n");
	put_link("40/fd/5", "socket:[601]");
	put_link("40/exe", "/usr/bin/python3.11");
	put("40/cgroup", "1:name=systemd:/x\n0::/docker/3f4e5d6c7b8a99887766554433221100ffeeddccbbaa00112233445566778899\n");
	put_link("31/fd/6", "socket:[501]");
	put_link("31/exe", "/usr/sbin/worker");
	put_link("30/fd/0", "/dev/null");
	put_link("30/fd/6", "socket:[501]");
	put_link("30/exe", "/usr/sbin/nginx (deleted)");
	put("30/cgroup", "0::/\n");
	put_link("1/fd/9", "socket:[504]");
	put_link("1/exe", "/lib/systemd/systemd");
	put("1/cgroup", "0::/init.scope\n");
	put_link("50/fd/3", "socket:[504]");
	put_link("50/exe", "/opt/forum/bin/forum");
	put("50/cgroup", "0::/system.slice/forum.service\n");
	return 0;
}

static int drop_proc(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

static void listeners_of_every_namespace_are_found_with_their_holders(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	assert_int_equal(listeners_scan(l), 0);
	assert_int_equal(listeners_count(l), 3);

	const struct listener *own = listeners_find(l, 8080);
	assert_non_null(own);
	assert_int_equal(own->pid, 30);
	assert_string_equal(own->executable, "nginx");

	const struct listener *container = listeners_find(l, 9090);
	assert_non_null(container);
	assert_int_equal(container->pid, 40);
	assert_string_equal(container->executable, "python3.11");
	listeners_free(l);
}

static void a_socket_activated_listener_belongs_to_the_service_not_to_init(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	assert_int_equal(listeners_scan(l), 0);
	assert_int_equal(listeners_find(l, 3000)->pid, 50);
	assert_string_equal(listeners_find(l, 3000)->cgroup, "/system.slice/forum.service");
	listeners_free(l);
}

static void reading_stops_at_the_first_connection(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	assert_int_equal(listeners_scan(l), 0);
	assert_null(listeners_find(l, 80));
	listeners_free(l);
}

static void a_holder_is_remembered_while_it_holds_on_and_replaced_when_it_went(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	assert_int_equal(listeners_scan(l), 0);
	drop("30/exe");
	assert_int_equal(listeners_scan(l), 0);
	assert_string_equal(listeners_find(l, 8080)->executable, "nginx");
	drop("30/fd/6");
	assert_int_equal(listeners_scan(l), 0);
	assert_int_equal(listeners_find(l, 8080)->pid, 31);
	assert_string_equal(listeners_find(l, 8080)->executable, "worker");
	listeners_free(l);
}

static void an_unreadable_proc_is_an_error(void **state)
{
	(void)state;
	struct listeners *l = listeners_new("/nonexistent");
	assert_int_equal(listeners_scan(l), -ENOENT);
	assert_int_equal(listeners_count(l), 0);
	listeners_free(l);
}

static void assert_workload(const struct workloads *w, uint32_t id, enum workload_kind kind, const char *name)
{
	const struct workload *got = workloads_get(w, id);
	assert_int_equal(got->kind, kind);
	assert_true(span_equal(got->name, span_str(name)));
}

static void without_a_telling_cgroup_the_holder_of_the_port_names_the_workload(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	struct workloads *w = workloads_new(16);
	struct resolver *r = resolver_new(-1, l, w);
	assert_workload(w, resolver_workload(r, 1, 8080, 0), WORKLOAD_EXECUTABLE, "nginx");
	assert_workload(w, resolver_workload(r, 1, 9090, 0), WORKLOAD_CONTAINER, "3f4e5d6c7b8a");
	assert_workload(w, resolver_workload(r, 1, 3000, 0), WORKLOAD_SYSTEMD, "forum.service");
	resolver_free(r);
	workloads_free(w);
	listeners_free(l);
}

static void a_server_that_began_later_is_searched_at_once_and_then_ever_more_rarely(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	struct workloads *w = workloads_new(16);
	struct resolver *r = resolver_new(-1, l, w);
	assert_int_equal(resolver_workload(r, 1, 80, 0), 0); /* searched: not before 2,000 again */
	put("self/net/tcp",
	    HEADING "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 503 1 0 100 0 0 10 0\n");
	put_link("30/fd/7", "socket:[503]");
	assert_int_equal(resolver_workload(r, 1, 80, 1999), 0);
	assert_workload(w, resolver_workload(r, 1, 80, 2000), WORKLOAD_EXECUTABLE, "nginx");
	resolver_free(r);
	workloads_free(w);
	listeners_free(l);
}

static void answers_are_kept_for_a_minute(void **state)
{
	(void)state;
	struct listeners *l = listeners_new(root);
	struct workloads *w = workloads_new(16);
	struct resolver *r = resolver_new(-1, l, w);
	uint32_t id = resolver_workload(r, 1, 8080, 0);
	drop("30/fd/6");
	assert_int_equal(resolver_workload(r, 1, 8080, 59999), id);
	assert_workload(w, resolver_workload(r, 1, 8080, 60000), WORKLOAD_EXECUTABLE, "worker");
	resolver_free(r);
	workloads_free(w);
	listeners_free(l);
}

#define with_proc(test) cmocka_unit_test_setup_teardown(test, make_proc, drop_proc)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_proc(listeners_of_every_namespace_are_found_with_their_holders),
		with_proc(a_socket_activated_listener_belongs_to_the_service_not_to_init),
		with_proc(reading_stops_at_the_first_connection),
		with_proc(a_holder_is_remembered_while_it_holds_on_and_replaced_when_it_went),
		cmocka_unit_test(an_unreadable_proc_is_an_error),
		with_proc(without_a_telling_cgroup_the_holder_of_the_port_names_the_workload),
		with_proc(a_server_that_began_later_is_searched_at_once_and_then_ever_more_rarely),
		with_proc(answers_are_kept_for_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
