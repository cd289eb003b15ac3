/* calls: makes the n-th call of a library or of the system fail.
 *
 *     calls_arm(3, false)   malloc ok   H5Dopen2 ok   malloc NULL   zmq_socket ok ...
 *     calls_arm(3, true)    malloc ok   H5Dopen2 ok   malloc NULL   zmq_socket NULL ...
 *
 * The daemon's objects are linked so that each function of calls_table.h comes here first.
 * Only calls of the thread that armed are counted: what other threads do depends on time.
 */
#ifndef SPARSED_TESTS_FAILING_CALLS_H
#define SPARSED_TESTS_FAILING_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th call from now on fails, n from 1; `all_after`: so do all that follow it. */
void calls_arm(uint64_t n, bool all_after);

/* None fails any more. Gives the function that failed first; NULL: there were fewer calls. */
const char *calls_disarm(void);

/* For the test's own work in the middle of a scenario: its calls do not count. Pauses nest. */
void calls_pause(bool paused);

/* Whether a file is first looked at in a child process, as the daemon does it. It costs most of a
 * scenario's time, so only those about files do; else it is a call like others. */
extern bool calls_rehearse;

/* Whether they are shown. */
extern bool calls_show_log;

#endif
