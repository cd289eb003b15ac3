/* truth: what a file says about its events: every column of numbers of its event_table.
 *
 *     event_table/nu_pdg, nu_energy, nu_vtx_wire_pos ...   [event][width]
 *
 * Which columns there are is the file's choice; a file without event_table has none. Read
 * in blocks of events, so memory does not grow with the file. Not thread-safe.
 */
#ifndef RECORDED_TRUTH_H
#define RECORDED_TRUTH_H

#include "recorded/column.h"

#include <stddef.h>

enum { TRUTH_COLUMNS = 64 };

struct truth_column {
    struct column column;
    const char *name; /* without the table */
    uint32_t width;   /* numbers an event */
    bool real;        /* `real_block` is filled, else `whole_block` */
    int64_t *whole_block;
    double *real_block; /* [block][width] */
};

struct truth {
    hid_t file;
    size_t events;
    uint32_t n_columns;
    struct truth_column column[TRUTH_COLUMNS];
    size_t block_first, block_count; /* events in memory */
};

/* Opens the columns of `path`, whose event_table has `events` rows. False: failure;
 * truth_close in any case. */
bool truth_open(struct truth *t, const char *path, size_t events, struct failure *f);
void truth_close(struct truth *t);

/* The column of this name with at least so many numbers an event, or -1. */
int truth_find(const struct truth *t, const char *name, uint32_t width);

/* Brings event `index` into memory. */
bool truth_load(struct truth *t, size_t index, struct failure *f);

/* Number `k` of column `c` of a loaded event. */
double truth_number(const struct truth *t, int c, size_t index, uint32_t k);
int64_t truth_whole(const struct truth *t, int c, size_t index, uint32_t k); /* !real */

/* Copies rows first .. first + count - 1 of every column into `group`, types kept. */
bool truth_copy(struct truth *t, hid_t group, size_t first, size_t count, struct failure *f);

#endif
