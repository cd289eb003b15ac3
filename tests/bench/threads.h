/* threads: which threads of this process spent how much processor time, by name.
 *
 * From /proc/self/task, in ns. Threads of one name are one row; a ZeroMQ context's
 * own threads are told apart by the number it was given (ZMQ_THREAD_NAME_PREFIX). */
#ifndef SPARSED_TESTS_BENCH_THREADS_H
#define SPARSED_TESTS_BENCH_THREADS_H

#include <stdint.h>

enum { THREADS_MAX = 32, THREADS_NAME_BYTES = 16 };

struct threads {
    uint32_t n;
    struct {
        char name[THREADS_NAME_BYTES];
        uint64_t ns;
    } row[THREADS_MAX];
};

void threads_look(struct threads *t);

/* What was spent between two looks, under `after`'s names. Threads that ended
 * between them are in neither. */
void threads_since(struct threads *after, const struct threads *before);

/* Processor time of the whole process, ended threads and the kernel's work for it
 * included, ns. */
uint64_t threads_process_ns(void);

/* Minor page faults of the process so far. */
uint64_t threads_page_faults(void);

#endif
