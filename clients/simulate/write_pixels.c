#include "simulate/write_pixels.h"

#include <string.h>

static const struct record_column pixel_columns[] = {
    RECORD_COLUMN(pixel_row, event_id, I32, 3),
    {"local_plane", U8, 1, offsetof(struct pixel_row, plane)},
    RECORD_COLUMN(pixel_row, row, U16, 1),
    RECORD_COLUMN(pixel_row, col, U16, 1),
    RECORD_COLUMN(pixel_row, value, F32, 1),
    RECORD_COLUMN(pixel_row, neutrino, U8, 1),
    {0}};

static bool failed(const struct pixel_file *f, struct error *err)
{
    return error_set(err, ERROR_STORAGE, "%s: cannot be written; is the disk full?", f->path);
}

bool write_pixels_open(struct pixel_file *f, const char *path, const struct constants *c,
                       const struct preprocessing *pre, uint64_t seed, const char *command,
                       struct error *err)
{
    *f = (struct pixel_file){.file = -1, .path = path};
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    f->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (f->file < 0)
        return error_set(err, ERROR_STORAGE, "%s: cannot be made", path);
    if (!truth_write_detector(f->file, c, seed, command) ||
        !truth_write_preprocessing(f->file, pre) ||
        !record_table_create(&f->events, f->file, "event_table", truth_event_columns,
                             sizeof(struct truth_event), 0) ||
        !record_table_create(&f->pixels, f->file, "pixel_table", pixel_columns,
                             sizeof(struct pixel_row), 0))
        return failed(f, err);
    return true;
}

bool write_pixels_event(struct pixel_file *f, uint64_t number, const struct truth_event *event,
                        struct pixels *pixels, struct error *err)
{
    struct truth_event *e = record_table_row(&f->events);
    if (e == NULL)
        return failed(f, err);
    *e = *event;
    for (uint32_t i = 0; i < pixels->n; i++) {
        struct pixel_row *row = record_table_row(&f->pixels);
        if (row == NULL)
            return failed(f, err);
        *row = pixels->row[i];
        memcpy(row->event_id, event->event_id, sizeof row->event_id);
    }
    if (!record_table_end_event(&f->events, (int64_t)number) ||
        !record_table_end_event(&f->pixels, (int64_t)number))
        return failed(f, err);
    return true;
}

bool write_pixels_close(struct pixel_file *f, struct error *err)
{
    if (f->file < 0)
        return true;
    bool good = record_table_write(&f->events) && record_table_write(&f->pixels);
    good &= record_table_close(&f->events);
    good &= record_table_close(&f->pixels);
    good &= H5Fclose(f->file) >= 0;
    f->file = -1;
    return good || failed(f, err);
}
