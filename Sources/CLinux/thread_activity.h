#ifndef CLINUX_THREAD_ACTIVITY_H
#define CLINUX_THREAD_ACTIVITY_H

/* What the calling thread runs; NULL: nothing of a plugin's. May be called in a signal handler. */
const char *thread_activity(void);

#endif
