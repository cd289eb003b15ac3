/* record_file: one HDF5 file of the recorder, column by column.
 *
 * Rows gather in memory and reach the file when a table's buffer is full or at
 * record_file_flush. Between two flushes nothing that the file needs to be read is
 * overwritten in place, so that a kill leaves what the last flush left.
 *
 * Any failure is final for the file: record_file_abandon keeps what was flushed and
 * frees everything, even with no room left on the disk. One thread.
 */
#ifndef SPARSED_OUTPUT_RECORD_FILE_H
#define SPARSED_OUTPUT_RECORD_FILE_H

#include "base/error.h"
#include "data/event.h"
#include "output/run_info.h"
#include "output/run_record.h"

#include <stdbool.h>
#include <stdint.h>

struct record_file;

/* Creates a file that must not exist yet. With `samples`, wire_table holds int16
 * counts where `counts` is set (pedestal and scale are attributes), else float32
 * units. `run` NULL: it is not said which run. NULL: `err` (STORAGE) names the file. */
struct record_file *record_file_create(const char *path, uint32_t contents, bool counts,
                                       const struct run_info *info, const struct run_record *run,
                                       struct error *err);

/* Adds an event. False: the write failed. */
bool record_file_append(struct record_file *f, const struct event *ev, uint64_t now_ns,
                        uint64_t wall_ns);

/* Everything appended reaches the system. False: it did not, or there is no room
 * (errno = ENOSPC), in which case the file was left as it is. */
bool record_file_flush(struct record_file *f);

/* Adds the end of the run; a flush is due. False: the write failed. */
bool record_file_end(struct record_file *f, const struct run_record *run);

/* Bytes the file takes, with what is still in memory, roughly. */
uint64_t record_file_bytes(const struct record_file *f);
bool record_file_counts(const struct record_file *f);

/* Flushes and closes. False: as record_file_flush; the file is gone either way. */
bool record_file_close(struct record_file **f);

/* Gives up what was not flushed, writes nothing more. */
void record_file_abandon(struct record_file **f);

#endif
