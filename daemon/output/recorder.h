/* recorder: accepted events into HDF5 files, laid out as MicroBooNE's OpenSamples
 * are: a group a table, a 2-D data set a column, event_id (N,3) = run, subrun,
 * event in every table, event_id.seq_cnt (M,2) = event's index in this file, rows.
 *
 *     decision_table   always: one row an event
 *     scored_table     contents "windows": one row a window
 *     pixel_table      contents "windows": one row a listed pixel and channel
 *     wire_table       contents "samples": one row a wire, as OpenSamples has it,
 *                      so that sparse-replay can play the file again
 *
 *     closed --event--> open --size, time, another run, other models or settings--> closed
 *                        | write or flush failed
 *                        v
 *                     failing: events are lost and counted; after 1 s, then 2, 4
 *                     .. 60 s the next event tries again with a new file
 *
 * A file is DETECTOR-runNNNNNN-YYYYmmddTHHMMSS-SEQ.h5 (UTC) from its first byte
 * on. What was flushed can be read after a kill, without any tool; an event counts
 * as recorded when it has been flushed, and as lost otherwise.
 *
 * One thread owns it, and no other uses HDF5 at the same time. It may wait for the
 * disk, so that thread is not the trigger's.
 */
#ifndef SPARSED_OUTPUT_RECORDER_H
#define SPARSED_OUTPUT_RECORDER_H

#include "base/error.h"
#include "data/event.h"
#include "data/monitor.h"
#include "output/run_info.h"
#include "output/run_record.h"

#include <stdint.h>

struct recorder;

/* Checks that the directory is there and can be written to (STORAGE). Samples of
 * ready-made images are not recorded (CONFIG): their pixels are in pixel_table.
 * Everything given is borrowed. */
struct recorder *recorder_create(const struct record_settings *settings,
                                 const struct run_info *info, struct monitor *monitor,
                                 struct error *err);

/* A run begins: its number and comment go into each file from now on. `run` is copied. */
void recorder_begin_run(struct recorder *r, const struct run_record *run);

/* The run has ended: its account goes into the last file, or, where none is open, into one
 * of its own, DETECTOR-endNNNNNN-.. after the run's number. The file is closed. `info` is
 * what is in force. While the disk fails there is none: that is counted already. */
void recorder_end_run(struct recorder *r, const struct run_record *run, const struct run_info *info,
                      uint64_t now_ns);

/* Writes an accepted event, under event->info (NULL: as recorder_create was told): `now_ns`
 * monotonic, `wall_ns` since the epoch. The event may be released when this returns. */
void recorder_write(struct recorder *r, const struct event *ev, uint64_t now_ns, uint64_t wall_ns);

/* Flushes and rotates when it is time; looks at the disk. Call at least every second. */
void recorder_tick(struct recorder *r, uint64_t now_ns);

/* Flushes and closes the file. */
void recorder_destroy(struct recorder **r);

#endif
