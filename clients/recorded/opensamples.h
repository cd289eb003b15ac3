/* opensamples: events out of a MicroBooNE OpenSamples file, one at a time.
 *
 *     wire_table/        one row a wire that has something, in no promised order
 *       adc              [row][tick]   float32, or int16 counts
 *       local_plane      [row][1]
 *       local_wire       [row][1]      a float in the public files
 *       event_id         [row][3]      run, subrun, event
 *       event_id.seq_cnt [k][2]        event index, rows; rows of one event are together
 *       tpc              [row][1]      optional, must be 0
 *     event_table/
 *       event_id         [event][3]    also events that have no wire
 *       event_time_ns    [event][1]    optional, not in the public files: when it happened
 *
 * Either of event_table and event_id.seq_cnt may be missing; then event_id of the
 * wire_table is scanned. Memory is one event and the index; not thread-safe.
 */
#ifndef RECORDED_OPENSAMPLES_H
#define RECORDED_OPENSAMPLES_H

#include "common/failure.h"
#include "recorded/event_index.h"

#include <stddef.h>
#include <stdint.h>

enum { OPENSAMPLES_PLANES = 256 };

struct opensamples;

struct opensamples_wire {
    uint32_t plane;
    uint32_t wire;
    uint32_t row; /* of samples */
};

/* One event's wires. Zero it before the first opensamples_read, which grows it
 * and uses it again; opensamples_wires_fini frees it. */
struct opensamples_wires {
    uint32_t count;                /* wires, sorted by plane and wire, each once */
    uint32_t duplicates;           /* rows left out: their wire was there already */
    struct opensamples_wire *wire; /* [count] */
    uint32_t ticks;
    void *samples; /* [row][ticks] float or int16_t, see opensamples_int16 */
    size_t wire_capacity, samples_bytes;
};

/* Opens the file and builds the index. NULL: failure. */
struct opensamples *opensamples_open(const char *path, struct failure *f);
void opensamples_close(struct opensamples **o);

size_t opensamples_count(const struct opensamples *o);
const struct event_entry *opensamples_event(const struct opensamples *o, size_t index);
uint32_t opensamples_ticks(const struct opensamples *o);
bool opensamples_int16(const struct opensamples *o); /* samples are int16_t, not float */
bool opensamples_has_times(const struct opensamples *o);
bool opensamples_has_plane(const struct opensamples *o, uint32_t plane);

/* The wires of event `index`, their first `ticks` samples (at most
 * opensamples_ticks). Samples are as the file has them, NaN included. */
bool opensamples_read(struct opensamples *o, size_t index, uint32_t ticks,
                      struct opensamples_wires *w, struct failure *f);
void opensamples_wires_fini(struct opensamples_wires *w);

#endif
