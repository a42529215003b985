/* Descriptors that no child inherits. */
#ifndef CLINUX_DESCRIPTORS_H
#define CLINUX_DESCRIPTORS_H

/* pipe(2) with both ends closed on exec. Returns 0, or -1 with errno. */
int clinux_pipe(int ends[2]);

/* open(2) of a directory entry itself, whatever it is, without reading it: a reference to its inode. Returns a
 * descriptor that is closed on exec, or -1 with errno. */
int clinux_open_entry(const char *path);

#endif
