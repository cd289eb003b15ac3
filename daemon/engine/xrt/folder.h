/* folder: where a sparsed-xrt keeps what XRT needs around an emulated card: sockets,
 * settings, a link to the library. Named after the process, so that whoever sees it end
 * can remove it: the process itself, or sparsed where it was killed.
 */
#ifndef SPARSED_ENGINE_XRT_FOLDER_H
#define SPARSED_ENGINE_XRT_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

enum { FOLDER_BYTES = 64 };

/* "/tmp/sparsed-xrt-PID" */
void folder_name(pid_t pid, char folder[FOLDER_BYTES]);

/* Makes it, empty, for this user alone. One that an earlier process of the same number left
 * is removed first. False: errno says why; also where it is another user's. */
bool folder_make(pid_t pid);

/* Removes it with what is in it; nothing there is as good. Follows no links. */
void folder_remove(pid_t pid);

#endif
