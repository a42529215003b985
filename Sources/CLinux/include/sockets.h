/* Unix sockets. */
#ifndef CLINUX_SOCKETS_H
#define CLINUX_SOCKETS_H

/* Whether somebody listens on a Unix socket: 1, also when so many wait to be accepted that no more are let in; 0 when
 * nobody does, or there is nothing; -1 with errno when it can't be told. */
int clinux_unix_listens(const char *path);

#endif
