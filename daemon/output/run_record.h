/* run_record: what is said about a run when it begins, when what decides changes, and
 * when it ends: a message in the stream of decisions (proto/run.proto), and the same
 * numbers in the recorder's files.
 */
#ifndef SPARSED_OUTPUT_RUN_RECORD_H
#define SPARSED_OUTPUT_RUN_RECORD_H

#include "data/run_command.h"
#include "data/run_tally.h"
#include "output/run_info.h"

#include <stddef.h>
#include <stdint.h>

enum run_record_kind { RUN_RECORD_BEGIN, RUN_RECORD_CHANGE, RUN_RECORD_END };

struct run_record {
    uint32_t number; /* the operators' */
    char comment[RUN_COMMENT_BYTES];
    uint64_t begin_wall_ns; /* since the epoch */
    /* Of the end. */
    uint64_t end_wall_ns;
    const char *ended_by; /* "stop", "shutdown", "signal" or "failure" */
    struct run_tally tally;
};

/* "run.begin", "run.change", "run.end" */
const char *run_record_topic(enum run_record_kind kind);

enum { RUN_RECORD_KEY_BYTES = 160 };

/* A key that no other record has: TOPIC@HOST.NUMBER.BEGIN_NS.EPOCH. A compacted topic, into which
 * many daemons write, keeps all of them. */
void run_record_key(const struct run_record *r, enum run_record_kind kind,
                    const struct run_info *info, char key[RUN_RECORD_KEY_BYTES]);

/* A packed sparsed.RunRecord, written at `wall_ns`; the caller frees it. NULL: no memory. */
uint8_t *run_record_message(const struct run_record *r, enum run_record_kind kind,
                            const struct run_info *info, uint64_t wall_ns, size_t *bytes);

#endif
