/* rehearse: does something first in a child process, where a library's crash or
 * hang costs nothing.
 *
 * libhdf5 1.10 reads past its own memory on some damaged files. A file from
 * outside is therefore read once in a child before this process touches it.
 */
#ifndef SPARSED_BASE_REHEARSE_H
#define SPARSED_BASE_REHEARSE_H

#include <stdbool.h>

/* Runs body(arg) in a child, for `seconds` at most; what it does to memory is lost.
 * True: it returned. False: *signal ended it (SIGALRM: the time was over), or 0: no
 * child could be made. */
bool rehearse(void (*body)(void *arg), void *arg, unsigned seconds, int *signal);

#endif
