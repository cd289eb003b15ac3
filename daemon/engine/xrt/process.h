/* process: sparsed-xrt as a child: its memory, its eventfds, its birth and its end.
 *
 * Nothing here waits: an end is asked for (SIGKILL) and looked for later, because a
 * process that hangs in a driver may not die for a long time.
 */
#ifndef SPARSED_ENGINE_XRT_PROCESS_H
#define SPARSED_ENGINE_XRT_PROCESS_H

#include "base/error.h"
#include "engine/xrt/shared.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid;             /* 0: none */
    struct shared *shared; /* NULL: none */
    uint64_t bytes;
    int work_fd; /* written when a batch was submitted; -1: none */
};

struct process_settings {
    const char *program; /* sparsed-xrt */
    const char *xclbin, *kernel, *device_command;
    uint32_t device;
    struct shared_layout layout;
    const uint8_t *image; /* [layout.image_bytes], borrowed */
    int done_fd;          /* borrowed */
};

/* Makes the shared memory and starts the process. */
bool process_start(struct process *p, const struct process_settings *s, struct error *err);

/* Tells the process that a batch is there. */
void process_tell(const struct process *p);

/* Asks for the end and lets go of the shared memory. */
void process_kill(struct process *p);

/* Whether there is no process any more: there was none, or it ended and was reaped. */
bool process_gone(struct process *p);

#endif
