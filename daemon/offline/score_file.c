#include "offline/score_file.h"

#include "base/hdf5_put.h"
#include "output/record_attributes.h"
#include "output/record_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct window_row {
    struct record_scored_row scored; /* first: its columns' offsets hold */
    int32_t neutrino_bins;
    uint8_t vertex;
};

struct event_row {
    int64_t event_id[3];
};

static const struct record_column event_columns[] = {RECORD_COLUMN(event_row, event_id, I64, 3),
                                                     {0}};

struct score_file {
    hid_t file;
    char *path, *part; /* its name, and the one it has until it is whole */
    const struct run_info *info;
    bool no_empty;
    int64_t events;
    struct record_column window_column[RECORD_SCORED_COLUMNS + 3];
    struct record_table event, decision, window;
};

/* The recorder's columns, then those of the truth. */
static void make_columns(struct score_file *f, const struct score_source *s)
{
    uint32_t n = RECORD_SCORED_COLUMNS;
    memcpy(f->window_column, record_scored_columns, n * sizeof *f->window_column);
    if (score_source_has_vertex(s))
        f->window_column[n++] = (struct record_column)RECORD_COLUMN(window_row, vertex, U8, 1);
    if (score_source_has_neutrino_bins(s))
        f->window_column[n++] = (struct record_column){"neutrino_bins", I32, 1,
                                                       offsetof(struct window_row, neutrino_bins)};
    f->window_column[n] = (struct record_column){0};
}

static bool copy_truth(struct score_file *f, struct score_source *s, size_t first, size_t count,
                       struct error *err)
{
    struct failure why = {""};
    hid_t group = H5Gopen2(f->file, "event_table", H5P_DEFAULT);
    bool good = group >= 0 && truth_copy(&s->truth, group, first, count, &why);
    if (group >= 0)
        (void)H5Gclose(group);
    return good || error_set(err, ERROR_STORAGE, "%s: %s", f->path, why.text);
}

static bool make_tables(struct score_file *f)
{
    uint32_t outputs = f->info->models->max_outputs;
    return record_table_create(&f->event, f->file, "event_table", event_columns,
                               sizeof(struct event_row), 0) &&
           record_table_create(&f->decision, f->file, "decision_table", record_decision_columns,
                               sizeof(struct record_decision_row), 0) &&
           record_table_create(&f->window, f->file, "window_table", f->window_column,
                               sizeof(struct window_row), outputs) &&
           record_attributes_run(f->file, f->info);
}

static bool failed(const struct score_file *f, struct error *err)
{
    return error_set(err, ERROR_STORAGE, "%s: cannot be written%s%s", f->path,
                     errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
}

/* A file that would be written over while it is read. */
static bool is_source(const char *path, const char *source)
{
    struct stat a, b;
    return stat(path, &a) == 0 && stat(source, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

struct score_file *score_file_create(const char *path, bool no_empty, struct score_source *source,
                                     size_t first, size_t count, const struct run_info *info,
                                     struct error *err)
{
    struct score_file *f = calloc(1, sizeof *f);
    if (f == NULL || asprintf(&f->part, "%s.part", path) < 0) {
        free(f);
        error_set(err, ERROR_SYSTEM, "%s: no memory", path);
        return NULL;
    }
    f->file = -1;
    f->path = strdup(path);
    f->info = info;
    f->no_empty = no_empty;
    make_columns(f, source);
    bool good = f->path != NULL || error_set(err, ERROR_SYSTEM, "%s: no memory", path);
    if (good && is_source(path, source->path))
        good = error_set(err, ERROR_STORAGE, "%s: is the file that is read", path);
    errno = 0;
    if (good) {
        f->file = H5Fcreate(f->part, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        good = (f->file >= 0 && make_tables(f) && hdf5_put_text(f->file, "source", source->path)) ||
               failed(f, err);
    }
    good = good && copy_truth(f, source, first, count, err);
    if (!good)
        score_file_abandon(&f);
    return f;
}

static bool append_windows(struct score_file *f, const struct score_lane *l)
{
    const struct event *ev = l->event;
    for (uint32_t i = 0; i < ev->n_windows; i++) {
        if (f->no_empty && ev->window[i].n_active == 0)
            continue;
        struct window_row *row = record_table_row(&f->window);
        if (row == NULL)
            return false;
        record_rows_scored(&row->scored, ev, i, f->info);
        row->vertex = l->vertex[i];
        row->neutrino_bins = l->neutrino_bins[i];
    }
    return true;
}

bool score_file_append(struct score_file *f, const struct score_lane *l, struct error *err)
{
    struct event_row *event = record_table_row(&f->event);
    struct record_decision_row *decision = record_table_row(&f->decision);
    errno = 0;
    if (event == NULL || decision == NULL)
        return failed(f, err);
    record_rows_id(event->event_id, &l->event->id);
    record_rows_decision(decision, l->event, 0);
    bool good = append_windows(f, l) && record_table_end_event(&f->event, f->events) &&
                record_table_end_event(&f->decision, f->events) &&
                record_table_end_event(&f->window, f->events);
    f->events++;
    return good || failed(f, err);
}

static bool close_all(struct score_file *f)
{
    bool good = record_table_close(&f->event);
    good = record_table_close(&f->decision) && good;
    good = record_table_close(&f->window) && good;
    return (f->file < 0 || H5Fclose(f->file) >= 0) && good;
}

bool score_file_close(struct score_file **file, struct error *err)
{
    struct score_file *f = *file;
    errno = 0;
    bool good = record_table_write(&f->event) && record_table_write(&f->decision) &&
                record_table_write(&f->window);
    if (!good) {
        failed(f, err);
        score_file_abandon(file);
        return false;
    }
    good = close_all(f) && rename(f->part, f->path) == 0;
    if (!good) {
        failed(f, err);
        (void)unlink(f->part);
    }
    free(f->path);
    free(f->part);
    free(f);
    *file = NULL;
    return good;
}

void score_file_abandon(struct score_file **file)
{
    struct score_file *f = *file;
    if (f == NULL)
        return;
    bool ours = f->file >= 0;
    (void)close_all(f);
    if (ours)
        (void)unlink(f->part);
    free(f->path);
    free(f->part);
    free(f);
    *file = NULL;
}
