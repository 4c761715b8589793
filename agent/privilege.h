/* What the agent may still do once its probes are attached: less than what brought it there. */
#ifndef TOCSIN_AGENT_PRIVILEGE_H
#define TOCSIN_AGENT_PRIVILEGE_H

#include "lib/err.h"

/* Gives up every capability but those that watching goes on to need, and the right to gain any by running a program (no_new_privs). Of the calling
 * thread and those that it makes: call it before there are others. Who never had one does not get it. -errno with a sentence. */
int privilege_drop(struct err *err);

#endif
