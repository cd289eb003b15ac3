/* event_index: which events a file has, and which rows of a table are theirs.
 *
 *     event_table/event_id        [event][3]  run, subrun, event; also of events without rows
 *     TABLE/event_id              [row][3]
 *     TABLE/event_id.seq_cnt      [k][2]      event index, rows; rows of one event are together
 *
 * Either of event_table and event_id.seq_cnt may be missing; then event_id of the table is
 * scanned for places where the identity changes. No identity is there twice. Memory is one
 * entry an event; not thread-safe.
 */
#ifndef RECORDED_EVENT_INDEX_H
#define RECORDED_EVENT_INDEX_H

#include "common/failure.h"
#include "recorded/column.h"

#include <stddef.h>
#include <stdint.h>

struct event_entry {
    uint32_t run;
    uint32_t subrun;
    uint64_t event;
    uint64_t time_ns; /* 0 where the file has no times */
    uint64_t first_row;
    uint64_t rows; /* 0: an event without a row */
};

struct event_index {
    /* borrowed */
    hid_t file;
    const char *path, *table; /* "wire_table" */
    const struct column *id;  /* its event_id, or not open */
    uint64_t rows;            /* of the table */
    struct event_entry *event;
    size_t count, capacity;
    bool listed; /* by event_table, in its order */
    bool has_times;
};

/* Builds the index of `table`. All that is given is borrowed. False: failure;
 * event_index_fini frees in any case. */
bool event_index_init(struct event_index *x, hid_t file, const char *path, const char *table,
                      const struct column *id, uint64_t rows, struct failure *f);
void event_index_fini(struct event_index *x);

/* Do the rows of an event carry its identity? `scratch` holds 3 int64_t a row. */
bool event_index_check_rows(const struct event_index *x, const struct event_entry *e,
                            int64_t *scratch, struct failure *f);

#endif
