/* sources: who sends, and what of each source's sequence did not arrive.
 *
 * Each source numbers its messages from 0, by 1. Against the last number seen:
 *
 *     last + 1          as it should be
 *     above             a gap: the numbers between were missed
 *     the same          repeated
 *     0                 the source restarted; what was lost before is unknown
 *     below             out of order; if SOURCES_RESTART_RUN of them follow each
 *                       other, the source restarted and its 0 was lost
 *
 * The first message of a source may have any number: the daemon may have come
 * later. Rows of struct monitor: 0 is for messages without a readable header, one
 * each for the first sources that are seen, and the last one, whose id is
 * SOURCE_OTHERS, for all sources beyond; its sequences are not followed.
 * The readout thread owns it; any thread may read the monitor meanwhile.
 */
#ifndef SPARSED_READOUT_SOURCES_H
#define SPARSED_READOUT_SOURCES_H

#include "base/error.h"
#include "data/monitor.h"

#include <stddef.h>
#include <stdint.h>

enum { SOURCES_UNKNOWN_ROW = 0, SOURCES_RESTART_RUN = 8 };

struct sources;

/* Takes row 0 of `m`, which must outlive it, zeroed or with the rows of earlier sources:
 * those go on counting. NULL: no memory. */
struct sources *sources_create(struct monitor *m, struct error *err);
void sources_destroy(struct sources **s);

/* A run begins: what was sent between two runs is no gap. */
void sources_begin_run(struct sources *s);

/* Counts a message whose header was readable (its payload may have been refused)
 * and returns the row of its source. Never allocates. */
uint32_t sources_note(struct sources *s, uint32_t source_id, uint64_t sequence,
                      size_t payload_bytes, uint64_t now_ns);

/* The same for a sender whose messages go to many daemons: its sequence is not followed. */
uint32_t sources_note_shared(struct sources *s, uint32_t source_id, size_t payload_bytes,
                             uint64_t now_ns);

/* Counts a message without a readable header in row 0, and returns 0. */
uint32_t sources_note_unknown(struct sources *s, size_t payload_bytes, uint64_t now_ns);

#endif
