/* slice: how soon a thread that is woken gets a processor on which another runs.
 *
 * Linux lets a thread that has just begun run for a slice (0.7 ms, 1.4 with two processors, up to
 * 2.8 with more) before it asks who else wants to. A nice value does not end that sooner: somebody
 * at nice 19 who works for a millisecond now and then holds up a fragment for that millisecond,
 * and the next thread of its way again. Whoever asks for a shorter slice than the running
 * thread's does not wait. It gets no more of the processor than before, in shorter turns, and
 * needs no privilege.
 *
 * Linux 6.12 or later; earlier ones, which have no slices or all of one length, take no notice.
 */
#ifndef SPARSED_BASE_SLICE_H
#define SPARSED_BASE_SLICE_H

#include <stdint.h>

/* The shortest there is. */
#define SLICE_SHORT_NS UINT64_C(100000)

/* The calling thread's, from now on: for those on an event's way. Its policy and its nice value
 * stay. A thread with a real-time policy stays as it is; so does one that may not change
 * (seccomp). Threads that it starts later inherit it. */
void slice_shorten(void);

/* The calling thread's; 0: the system does not say. */
uint64_t slice_ns(void);

#endif
