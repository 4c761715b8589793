#include "agent/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>

int privilege_drop(struct err *err)
{
	static const unsigned kept[] = {
		CAP_BPF,             /* the probe's counters: bpf(2) asks for it wherever unprivileged_bpf_disabled is set */
		CAP_DAC_READ_SEARCH, /* logs, and open_by_handle_at of a cgroup */
		CAP_SYS_PTRACE,      /* /proc/PID/fd and ns of others: who holds a listening socket */
	};
	enum { KEPT = sizeof kept / sizeof kept[0] };
	bool held[KEPT];
	if (capng_get_caps_process()) {
		err_set(err, "capabilities cannot be read: %s", strerror(errno));
		return -EIO;
	}
	for (int i = 0; i < KEPT; i++)
		held[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	/* CAP_SYS_ADMIN is how CAP_BPF was said before Linux 5.8, and contains it (capabilities(7)). */
	bool by_admin = !held[0] && capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN);
	capng_clear(CAPNG_SELECT_CAPS);
	for (int i = 0; i < KEPT; i++)
		if (held[i])
			capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), kept[i]);
	if (by_admin)
		capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_SYS_ADMIN);
	if (capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		int r = errno ? -errno : -EPERM;
		err_set(err, "capabilities cannot be given up: %s", strerror(-r));
		return r;
	}
	return 0;
}
