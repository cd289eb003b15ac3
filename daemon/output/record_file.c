/* How: rows of four tables (record_table), and adc, whose rows go straight to its data
 * set.
 *
 * Safe against kills: no filters (a compressed chunk moves when it grows), chunks
 * are only appended to, and the metadata cache may not evict, so that the file's
 * structure changes in flushes only.
 *
 * Safe against full disks: a failed HDF5 file cannot be closed by HDF5, which tries
 * to write again, fails again, and complains at exit. So its descriptor is first
 * pointed at anonymous memory: HDF5 closes cleanly, and the file keeps what it had. */
#include "output/record_file.h"

#include "output/record_attributes.h"
#include "output/record_rows.h"
#include "output/record_table.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    ADC_CHUNK_BYTES = 1024 * 1024,
    FLUSH_MARGIN_BYTES = 4 * 1024 * 1024, /* its metadata and chunks begun, and more */
};

struct pixel_row {
    int64_t event_id[3];
    uint32_t window;
    uint16_t row, col, channel;
    int32_t value;
};
static const struct record_column pixel_columns[] = {
    RECORD_COLUMN(pixel_row, event_id, I64, 3),
    RECORD_COLUMN(pixel_row, window, U32, 1),
    RECORD_COLUMN(pixel_row, row, U16, 1),
    RECORD_COLUMN(pixel_row, col, U16, 1),
    RECORD_COLUMN(pixel_row, channel, U16, 1),
    RECORD_COLUMN(pixel_row, value, I32, 1),
    {0},
};

/* As OpenSamples; adc is a data set of its own, below. */
struct wire_row {
    int64_t event_id[3];
    int32_t tpc, local_plane;
    float local_wire;
};
static const struct record_column wire_columns[] = {
    RECORD_COLUMN(wire_row, event_id, I64, 3),
    RECORD_COLUMN(wire_row, tpc, I32, 1),
    RECORD_COLUMN(wire_row, local_plane, I32, 1),
    RECORD_COLUMN(wire_row, local_wire, F32, 1),
    {0},
};

enum { DECISION, SCORED, PIXEL, WIRE, TABLES };

struct record_file {
    hid_t file;
    const struct run_info *info;
    char path[SETTINGS_PATH_BYTES + 256];
    uint32_t contents, max_outputs;
    bool counts;
    int64_t n_events;
    struct record_table table[TABLES];
    hid_t adc; /* -1: no samples */
    hsize_t adc_rows, ticks;
    float *wire;              /* [ticks], for samples that become units */
    uint64_t unflushed_bytes; /* of adc */
};

/* ---- life ---- */

static hid_t create_file(const char *path)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    (void)H5Pget_mdc_config(list, &cache);
    cache.evictions_enabled = 0;
    cache.incr_mode = H5C_incr__off;
    cache.flash_incr_mode = H5C_flash_incr__off;
    cache.decr_mode = H5C_decr__off;
    (void)H5Pset_mdc_config(list, &cache);
    hid_t file = H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, list);
    (void)H5Pclose(list);
    return file;
}

static bool make_table(struct record_file *f, uint32_t which, const char *name,
                       const struct record_column *columns, size_t row_bytes)
{
    return record_table_create(&f->table[which], f->file, name, columns, row_bytes, f->max_outputs);
}

static bool make_samples(struct record_file *f)
{
    hid_t type = f->counts ? H5T_NATIVE_INT16 : H5T_NATIVE_FLOAT;
    if (!make_table(f, WIRE, "wire_table", wire_columns, sizeof(struct wire_row))) {
        return false;
    }
    hid_t group = H5Gopen2(f->file, "wire_table", H5P_DEFAULT);
    f->adc = record_table_make_set(group, "adc", type, f->ticks, ADC_CHUNK_BYTES);
    (void)H5Gclose(group);
    return f->adc >= 0 && record_attributes_samples(f->file, f->info, f->counts);
}

static bool make_tables(struct record_file *f)
{
    bool good = make_table(f, DECISION, "decision_table", record_decision_columns,
                           sizeof(struct record_decision_row));
    if (good && (f->contents & RECORD_WINDOWS) != 0) {
        good = make_table(f, SCORED, "scored_table", record_scored_columns,
                          sizeof(struct record_scored_row)) &&
               make_table(f, PIXEL, "pixel_table", pixel_columns, sizeof(struct pixel_row));
    }
    if (good && (f->contents & RECORD_SAMPLES) != 0) {
        good = make_samples(f);
    }
    return good && record_attributes_run(f->file, f->info);
}

static uint64_t unflushed(const struct record_file *f)
{
    uint64_t bytes = f->unflushed_bytes;
    for (uint32_t i = 0; i < TABLES; i++) {
        bytes += f->table[i].unflushed_bytes;
    }
    return bytes;
}

struct record_file *record_file_create(const char *path, uint32_t contents, bool counts,
                                       const struct run_info *info, const struct run_record *run,
                                       struct error *err)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* of this thread */
    struct record_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory", path);
        return NULL;
    }
    f->info = info;
    f->contents = contents;
    f->counts = counts;
    f->max_outputs = info->models->max_outputs;
    f->ticks = info->settings->detector.ticks;
    f->adc = -1;
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->wire = malloc((size_t)f->ticks * sizeof *f->wire + 1);
    errno = 0;
    f->file = create_file(path);
    if (f->file < 0 || f->wire == NULL || !make_tables(f) ||
        (run != NULL && !record_attributes_begin(f->file, run, info)) || !record_file_flush(f)) {
        (void)error_set(err, ERROR_STORAGE, "%s: cannot be written%s%s", path,
                        errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
        bool ours = f->file >= 0;
        record_file_abandon(&f);
        if (ours) {
            (void)unlink(path); /* empty */
        }
    }
    return f;
}

/* Takes the room of a flush before the file is touched: one that breaks off half-way
 * could leave a file that cannot be read. Sets errno (ENOSPC, EDQUOT, EFBIG). */
static bool reserve(struct record_file *f)
{
    void *handle = NULL;
    struct stat now;
    struct rlimit limit;
    struct statvfs disk;
    if (H5Fget_vfd_handle(f->file, H5P_DEFAULT, &handle) < 0) {
        return false;
    }
    int fd = *(int *)handle;
    uint64_t need = unflushed(f) + FLUSH_MARGIN_BYTES;
    if (fstat(fd, &now) != 0) {
        return false;
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && (uint64_t)now.st_size + need > limit.rlim_cur) {
        errno = EFBIG;
        return false;
    }
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, now.st_size, (off_t)need) == 0) {
        return true;
    }
    if (errno != EOPNOTSUPP || fstatvfs(fd, &disk) != 0) {
        return false;
    }
    if ((uint64_t)disk.f_bavail * disk.f_frsize < need) {
        errno = ENOSPC;
        return false;
    }
    errno = 0;
    return true;
}

bool record_file_flush(struct record_file *f)
{
    if (!reserve(f)) {
        return false;
    }
    for (uint32_t i = 0; i < TABLES; i++) {
        if (!record_table_write(&f->table[i])) {
            return false;
        }
        f->table[i].unflushed_bytes = 0;
    }
    f->unflushed_bytes = 0;
    return H5Fflush(f->file, H5F_SCOPE_LOCAL) >= 0;
}

bool record_file_end(struct record_file *f, const struct run_record *run)
{
    return reserve(f) && record_attributes_end(f->file, run);
}

uint64_t record_file_bytes(const struct record_file *f)
{
    hsize_t bytes = 0;
    (void)H5Fget_filesize(f->file, &bytes);
    return bytes + unflushed(f);
}

bool record_file_counts(const struct record_file *f)
{
    return f->counts;
}

static bool close_all(struct record_file *f)
{
    bool good = true;
    for (uint32_t i = 0; i < TABLES; i++) {
        good &= record_table_close(&f->table[i]);
    }
    good &= f->adc < 0 || H5Dclose(f->adc) >= 0;
    good &= f->file < 0 || H5Fclose(f->file) >= 0;
    free(f->wire);
    free(f);
    return good;
}

/* Gives back what reserve() took beyond the end. */
static void trim(const char *path)
{
    struct stat now;
    if (stat(path, &now) == 0) {
        int ignored = truncate(path, now.st_size);
        (void)ignored;
    }
}

bool record_file_close(struct record_file **f)
{
    char path[sizeof(*f)->path];
    if (!record_file_flush(*f)) {
        record_file_abandon(f);
        return false;
    }
    memcpy(path, (*f)->path, sizeof path);
    bool good = close_all(*f);
    trim(path);
    *f = NULL;
    return good;
}

void record_file_abandon(struct record_file **f)
{
    void *handle = NULL;
    if ((*f)->file >= 0 && H5Fget_vfd_handle((*f)->file, H5P_DEFAULT, &handle) >= 0) {
        int nowhere = memfd_create("sparsed-abandoned", MFD_CLOEXEC);
        if (nowhere >= 0) {
            (void)dup3(nowhere, *(int *)handle, O_CLOEXEC);
            (void)close(nowhere);
        }
    }
    trim((*f)->path);
    (void)close_all(*f);
    *f = NULL;
}

/* ---- an event ---- */

static bool append_decision(struct record_file *f, const struct event *ev, uint64_t now_ns,
                            uint64_t wall_ns)
{
    struct record_decision_row *row = record_table_row(&f->table[DECISION]);
    if (row == NULL) {
        return false;
    }
    record_rows_decision(row, ev,
                         wall_ns - (now_ns > ev->decided_ns ? now_ns - ev->decided_ns : 0));
    return true;
}

static bool append_pixels(struct record_file *f, const struct event *ev, uint32_t window)
{
    const struct window *w = &ev->window[window];
    uint32_t channels = f->info->models->entry[w->model].model->channels;
    for (uint32_t i = 0; i < w->n_listed * channels; i++) {
        struct pixel_row *row = record_table_row(&f->table[PIXEL]);
        if (row == NULL) {
            return false;
        }
        record_rows_id(row->event_id, &ev->id);
        row->window = window;
        row->row = w->place[i / channels].row;
        row->col = w->place[i / channels].col;
        row->channel = (uint16_t)(i % channels);
        row->value = w->value[i];
    }
    return true;
}

static bool append_window(struct record_file *f, const struct event *ev, uint32_t window)
{
    struct record_scored_row *row = record_table_row(&f->table[SCORED]);
    if (row == NULL) {
        return false;
    }
    record_rows_scored(row, ev, window, f->info);
    return append_pixels(f, ev, window);
}

/* One wire's samples: as they came, or counts as units in a file of units. */
static bool append_samples(struct record_file *f, const struct fragment *from, uint32_t wire)
{
    const struct plane_settings *plane = &f->info->settings->detector.plane[from->plane];
    const uint8_t *samples =
        (const uint8_t *)from->samples + wire * f->ticks * sample_bytes(from->sample_type);
    hid_t type = f->counts ? H5T_NATIVE_INT16 : H5T_NATIVE_FLOAT;
    const void *data = samples;
    if (from->sample_type == SAMPLE_INT16 && !f->counts) {
        for (hsize_t i = 0; i < f->ticks; i++) {
            int16_t counts;
            memcpy(&counts, samples + 2 * i, sizeof counts);
            f->wire[i] = (float)((counts - plane->pedestal) * plane->scale);
        }
        data = f->wire;
    }
    f->unflushed_bytes += f->ticks * 4;
    return record_table_append(f->adc, type, f->adc_rows++, 1, f->ticks, data);
}

static bool append_fragment(struct record_file *f, const struct event *ev,
                            const struct fragment *from)
{
    for (uint32_t i = 0; from->samples != NULL && i < from->wires; i++) {
        struct wire_row *row = record_table_row(&f->table[WIRE]);
        if (row == NULL || !append_samples(f, from, i)) {
            return false;
        }
        record_rows_id(row->event_id, &ev->id);
        row->local_plane = (int32_t)f->info->geometry->plane[from->plane].id;
        row->local_wire = (float)(from->first_wire + i);
    }
    return true;
}

bool record_file_append(struct record_file *f, const struct event *ev, uint64_t now_ns,
                        uint64_t wall_ns)
{
    bool good = append_decision(f, ev, now_ns, wall_ns);
    for (uint32_t i = 0; good && (f->contents & RECORD_WINDOWS) != 0 && i < ev->n_windows; i++) {
        good = append_window(f, ev, i);
    }
    for (uint32_t i = 0; good && (f->contents & RECORD_SAMPLES) != 0 && i < ev->n_kept; i++) {
        good = append_fragment(f, ev, &ev->kept[i].fragment);
    }
    for (uint32_t i = 0; good && i < TABLES; i++) {
        good = record_table_end_event(&f->table[i], f->n_events);
    }
    f->n_events++;
    return good;
}
