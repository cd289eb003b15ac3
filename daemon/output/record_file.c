/* How: a table is a C struct of one row, a list of its columns (offset, type, width)
 * and a buffer of rows. Writing a buffer gathers each column and appends it to its
 * data set.
 *
 * Safe against kills: no filters (a compressed chunk moves when it grows), chunks
 * are only appended to, and the metadata cache may not evict, so that the file's
 * structure changes in flushes only.
 *
 * Safe against full disks: a failed HDF5 file cannot be closed by HDF5, which tries
 * to write again, fails again, and complains at exit. So its descriptor is first
 * pointed at anonymous memory: HDF5 closes cleanly, and the file keeps what it had. */
#include "output/record_file.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    FORMAT_VERSION = 1,
    MAX_COLUMNS = 20,
    BUFFER_ROWS = 1024,
    CHUNK_BYTES = 16 * 1024,
    ADC_CHUNK_BYTES = 1024 * 1024,
    FLUSH_MARGIN_BYTES = 4 * 1024 * 1024, /* its metadata and chunks begun, and more */
};

enum column_type { I64, U64, I32, U32, U16, U8, F64, F32 };

struct column {
    const char *name;
    enum column_type type;
    uint32_t width;
    size_t offset;
};

#define C(row, field, type, width)                                                                 \
    {                                                                                              \
#field, type, width, offsetof(struct row, field)                                           \
    }
enum { SCORES = 0 }; /* width 0: the largest number of outputs of a model */

struct decision_row {
    int64_t event_id[3];
    uint64_t event_time_ns, decided_time_ns, nonfinite_bins;
    uint64_t assembly_ns, reduce_ns, engine_ns, trigger_ns, latency_ns;
    uint32_t rules_fired, rules_prescaled, wires_missing, windows;
    uint8_t fate, pass_through, incomplete;
};
static const struct column decision_columns[] = {
    C(decision_row, event_id, I64, 3),
    C(decision_row, event_time_ns, U64, 1),
    C(decision_row, decided_time_ns, U64, 1),
    C(decision_row, fate, U8, 1),
    C(decision_row, rules_fired, U32, 1),
    C(decision_row, rules_prescaled, U32, 1),
    C(decision_row, pass_through, U8, 1),
    C(decision_row, incomplete, U8, 1),
    C(decision_row, wires_missing, U32, 1),
    C(decision_row, nonfinite_bins, U64, 1),
    C(decision_row, windows, U32, 1),
    C(decision_row, assembly_ns, U64, 1),
    C(decision_row, reduce_ns, U64, 1),
    C(decision_row, engine_ns, U64, 1),
    C(decision_row, trigger_ns, U64, 1),
    C(decision_row, latency_ns, U64, 1),
    {0},
};

struct scored_row {
    int64_t event_id[3];
    uint32_t window, model, plane, first_bin, first_wire, n_active, missing_wires;
    uint8_t truncated;
    double score[MODEL_MAX_OUTPUTS];
    int64_t score_raw[MODEL_MAX_OUTPUTS];
};
static const struct column scored_columns[] = {
    C(scored_row, event_id, I64, 3),       C(scored_row, window, U32, 1),
    C(scored_row, model, U32, 1),          C(scored_row, plane, U32, 1),
    C(scored_row, first_bin, U32, 1),      C(scored_row, first_wire, U32, 1),
    C(scored_row, n_active, U32, 1),       C(scored_row, truncated, U8, 1),
    C(scored_row, missing_wires, U32, 1),  C(scored_row, score, F64, SCORES),
    C(scored_row, score_raw, I64, SCORES), {0},
};

struct pixel_row {
    int64_t event_id[3];
    uint32_t window;
    uint16_t row, col, channel;
    int32_t value;
};
static const struct column pixel_columns[] = {
    C(pixel_row, event_id, I64, 3),
    C(pixel_row, window, U32, 1),
    C(pixel_row, row, U16, 1),
    C(pixel_row, col, U16, 1),
    C(pixel_row, channel, U16, 1),
    C(pixel_row, value, I32, 1),
    {0},
};

/* As OpenSamples; adc is a data set of its own, below. */
struct wire_row {
    int64_t event_id[3];
    int32_t tpc, local_plane;
    float local_wire;
};
static const struct column wire_columns[] = {
    C(wire_row, event_id, I64, 3),
    C(wire_row, tpc, I32, 1),
    C(wire_row, local_plane, I32, 1),
    C(wire_row, local_wire, F32, 1),
    {0},
};

/* event_id.seq_cnt: which event, how many rows; beside each table's columns. */
struct sequence_row {
    int64_t seq_cnt[2];
};
static const struct column sequence_columns[] = {
    {"event_id.seq_cnt", I64, 2, offsetof(struct sequence_row, seq_cnt)}, {0}};

struct table {
    const struct column *column;
    hid_t set[MAX_COLUMNS];
    size_t row_bytes;
    uint8_t *rows; /* [BUFFER_ROWS][row_bytes] */
    uint32_t n_rows;
    hsize_t written;
    struct table *sequence; /* NULL: this is one */
    uint64_t event_rows;    /* of the event being appended */
};

enum { DECISION, SCORED, PIXEL, WIRE, TABLES };

struct record_file {
    hid_t file;
    const struct run_info *info;
    char path[SETTINGS_PATH_BYTES + 256];
    uint32_t contents, max_outputs;
    bool counts;
    int64_t n_events;
    struct table table[TABLES], sequence[TABLES];
    hid_t adc; /* -1: no samples */
    hsize_t adc_rows, ticks;
    float *wire; /* [ticks], for samples that become units */
    uint8_t *scratch;
    uint64_t unflushed_bytes;
};

static hid_t type_of(enum column_type type)
{
    switch (type) {
    case I64:
        return H5T_NATIVE_INT64;
    case U64:
        return H5T_NATIVE_UINT64;
    case I32:
        return H5T_NATIVE_INT32;
    case U32:
        return H5T_NATIVE_UINT32;
    case U16:
        return H5T_NATIVE_UINT16;
    case U8:
        return H5T_NATIVE_UINT8;
    case F64:
        return H5T_NATIVE_DOUBLE;
    case F32:
        return H5T_NATIVE_FLOAT;
    }
    return -1;
}

static uint32_t width_of(const struct record_file *f, const struct column *c)
{
    return c->width == SCORES ? f->max_outputs : c->width;
}

/* ---- data sets ---- */

static hid_t make_set(hid_t group, const char *name, hid_t type, hsize_t width, hsize_t chunk_bytes)
{
    hsize_t rows = chunk_bytes / (width * H5Tget_size(type));
    hsize_t chunk[2] = {rows > 0 ? rows : 1, width};
    hsize_t none[2] = {0, width}, any[2] = {H5S_UNLIMITED, width};
    hid_t space = H5Screate_simple(2, none, any);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_chunk(list, 2, chunk);
    hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    (void)H5Pclose(list);
    (void)H5Sclose(space);
    return set;
}

static bool append(hid_t set, hid_t type, hsize_t at, hsize_t rows, hsize_t width, const void *data)
{
    hsize_t size[2] = {at + rows, width}, start[2] = {at, 0}, count[2] = {rows, width};
    if (H5Dset_extent(set, size) < 0) {
        return false;
    }
    hid_t to = H5Dget_space(set), from = H5Screate_simple(2, count, NULL);
    bool good = H5Sselect_hyperslab(to, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                H5Dwrite(set, type, from, to, H5P_DEFAULT, data) >= 0;
    (void)H5Sclose(from);
    (void)H5Sclose(to);
    return good;
}

/* ---- tables ---- */

static bool make_columns(struct record_file *f, struct table *t, hid_t group,
                         const struct column *columns, size_t row_bytes)
{
    t->column = columns;
    t->row_bytes = row_bytes;
    t->rows = calloc(BUFFER_ROWS, row_bytes);
    bool good = t->rows != NULL;
    for (uint32_t i = 0; good && columns[i].name != NULL; i++) {
        t->set[i] = make_set(group, columns[i].name, type_of(columns[i].type),
                             width_of(f, &columns[i]), CHUNK_BYTES);
        good = t->set[i] >= 0;
    }
    return good;
}

static bool make_table(struct record_file *f, uint32_t which, const char *name,
                       const struct column *columns, size_t row_bytes)
{
    hid_t group = H5Gcreate2(f->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0) {
        return false;
    }
    f->table[which].sequence = &f->sequence[which];
    bool good =
        make_columns(f, &f->table[which], group, columns, row_bytes) &&
        make_columns(f, &f->sequence[which], group, sequence_columns, sizeof(struct sequence_row));
    if (good && which == WIRE) {
        f->adc = make_set(group, "adc", f->counts ? H5T_NATIVE_INT16 : H5T_NATIVE_FLOAT, f->ticks,
                          ADC_CHUNK_BYTES);
        good = f->adc >= 0;
    }
    (void)H5Gclose(group);
    return good;
}

static bool write_rows(struct record_file *f, struct table *t)
{
    bool good = true;
    for (uint32_t i = 0; good && t->n_rows > 0 && t->column[i].name != NULL; i++) {
        const struct column *c = &t->column[i];
        hid_t type = type_of(c->type);
        size_t bytes = H5Tget_size(type) * width_of(f, c);
        for (uint32_t r = 0; r < t->n_rows; r++) {
            memcpy(f->scratch + r * bytes, t->rows + r * t->row_bytes + c->offset, bytes);
        }
        good = append(t->set[i], type, t->written, t->n_rows, width_of(f, c), f->scratch);
    }
    t->written += t->n_rows;
    t->n_rows = 0;
    return good;
}

/* Room for one more row, zeroed; NULL: the full buffer could not be written. */
static void *new_row(struct record_file *f, struct table *t)
{
    if (t->n_rows == BUFFER_ROWS && !write_rows(f, t)) {
        return NULL;
    }
    t->event_rows++;
    f->unflushed_bytes += t->row_bytes;
    void *row = t->rows + t->n_rows++ * t->row_bytes;
    memset(row, 0, t->row_bytes);
    return row;
}

static bool end_event(struct record_file *f, struct table *t)
{
    if (t->event_rows == 0) {
        return true;
    }
    struct sequence_row *row = new_row(f, t->sequence);
    if (row == NULL) {
        return false;
    }
    row->seq_cnt[0] = f->n_events;
    row->seq_cnt[1] = (int64_t)t->event_rows;
    t->event_rows = 0;
    return true;
}

/* ---- attributes ---- */

static bool put_text(hid_t at, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, strlen(text) + 1);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = a >= 0 && H5Awrite(a, type, text) >= 0;
    (void)H5Aclose(a);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return good;
}

/* Equally long strings, `stride` bytes apart; none at all leave the attribute out. */
static bool put_texts(hid_t at, const char *name, const char *text, hsize_t n, size_t stride)
{
    if (n == 0) {
        return true;
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, stride);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = a >= 0 && H5Awrite(a, type, text) >= 0;
    (void)H5Aclose(a);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return good;
}

static bool put_numbers(hid_t at, const char *name, hid_t type, const void *value, hsize_t n)
{
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = a >= 0 && H5Awrite(a, type, value) >= 0;
    (void)H5Aclose(a);
    (void)H5Sclose(space);
    return good;
}

static bool describe_run(const struct record_file *f)
{
    const struct run_info *info = f->info;
    const struct trigger_settings *t = &info->settings->trigger;
    char names[SETTINGS_MAX_MODELS][MODEL_NAME_BYTES] = {{0}};
    char hashes[SETTINGS_MAX_MODELS][SHA256_HEX_BYTES] = {{0}};
    char rules[SETTINGS_MAX_RULES][SETTINGS_NAME_BYTES] = {{0}};
    char hash[SHA256_HEX_BYTES];
    int32_t version = FORMAT_VERSION;
    for (uint32_t i = 0; i < info->models->n_models; i++) {
        memcpy(names[i], info->models->entry[i].model->name, MODEL_NAME_BYTES);
        hash_hex(info->models->entry[i].model->sha256, hashes[i]);
    }
    for (uint32_t i = 0; i < t->n_rules; i++) {
        memcpy(rules[i], t->rule[i].name, SETTINGS_NAME_BYTES);
    }
    hash_hex(info->settings->sha256, hash);
    return put_text(f->file, "format", "sparsed-record") &&
           put_numbers(f->file, "format_version", H5T_NATIVE_INT32, &version, 1) &&
           put_text(f->file, "version", SPARSED_VERSION) &&
           put_text(f->file, "detector", info->settings->detector.name) &&
           put_text(f->file, "engine", info->engine) &&
           put_text(f->file, "configuration_sha256", hash) &&
           put_texts(f->file, "models", names[0], info->models->n_models, sizeof names[0]) &&
           put_texts(f->file, "models_sha256", hashes[0], info->models->n_models,
                     sizeof hashes[0]) &&
           put_texts(f->file, "rules", rules[0], t->n_rules, sizeof rules[0]);
}

/* Which units the samples are in: units = (adc - pedestal) * scale where adc is int16. */
static bool describe_samples(const struct record_file *f)
{
    const struct detector_settings *d = &f->info->settings->detector;
    int32_t id[SETTINGS_MAX_PLANES];
    double pedestal[SETTINGS_MAX_PLANES], scale[SETTINGS_MAX_PLANES];
    for (uint32_t i = 0; i < d->n_planes; i++) {
        id[i] = (int32_t)d->plane[i].id;
        pedestal[i] = d->plane[i].pedestal;
        scale[i] = d->plane[i].scale;
    }
    hid_t group = H5Gopen2(f->file, "wire_table", H5P_DEFAULT);
    bool good = group >= 0 && put_numbers(group, "plane", H5T_NATIVE_INT32, id, d->n_planes);
    if (good && f->counts) {
        good = put_numbers(group, "pedestal", H5T_NATIVE_DOUBLE, pedestal, d->n_planes) &&
               put_numbers(group, "scale", H5T_NATIVE_DOUBLE, scale, d->n_planes);
    }
    (void)H5Gclose(group);
    return good;
}

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

static size_t scratch_bytes(const struct record_file *f)
{
    size_t width = f->max_outputs > 3 ? f->max_outputs : 3;
    return BUFFER_ROWS * width * 8;
}

static bool make_tables(struct record_file *f)
{
    bool good =
        make_table(f, DECISION, "decision_table", decision_columns, sizeof(struct decision_row));
    if (good && (f->contents & RECORD_WINDOWS) != 0) {
        good = make_table(f, SCORED, "scored_table", scored_columns, sizeof(struct scored_row)) &&
               make_table(f, PIXEL, "pixel_table", pixel_columns, sizeof(struct pixel_row));
    }
    if (good && (f->contents & RECORD_SAMPLES) != 0) {
        good = make_table(f, WIRE, "wire_table", wire_columns, sizeof(struct wire_row)) &&
               describe_samples(f);
    }
    return good && describe_run(f);
}

struct record_file *record_file_create(const char *path, uint32_t contents, bool counts,
                                       const struct run_info *info, struct error *err)
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
    f->scratch = malloc(scratch_bytes(f));
    f->wire = malloc((size_t)f->ticks * sizeof *f->wire + 1);
    errno = 0;
    f->file = create_file(path);
    if (f->file < 0 || f->scratch == NULL || f->wire == NULL || !make_tables(f) ||
        !record_file_flush(f)) {
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
    uint64_t need = f->unflushed_bytes + FLUSH_MARGIN_BYTES;
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
        if (!write_rows(f, &f->table[i]) || !write_rows(f, &f->sequence[i])) {
            return false;
        }
    }
    f->unflushed_bytes = 0;
    return H5Fflush(f->file, H5F_SCOPE_LOCAL) >= 0;
}

uint64_t record_file_bytes(const struct record_file *f)
{
    hsize_t bytes = 0;
    (void)H5Fget_filesize(f->file, &bytes);
    return bytes + f->unflushed_bytes;
}

bool record_file_counts(const struct record_file *f)
{
    return f->counts;
}

static bool close_all(struct record_file *f)
{
    bool good = true;
    for (uint32_t i = 0; i < 2 * TABLES; i++) {
        struct table *t = i < TABLES ? &f->table[i] : &f->sequence[i - TABLES];
        for (uint32_t k = 0; k < MAX_COLUMNS; k++) {
            good &= t->set[k] <= 0 || H5Dclose(t->set[k]) >= 0;
        }
        free(t->rows);
    }
    good &= f->adc < 0 || H5Dclose(f->adc) >= 0;
    good &= f->file < 0 || H5Fclose(f->file) >= 0;
    free(f->scratch);
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

static void put_id(int64_t to[3], const struct identity *id)
{
    to[0] = id->run;
    to[1] = id->subrun;
    to[2] = (int64_t)id->event;
}

static uint64_t since(uint64_t to, uint64_t from)
{
    return to > from ? to - from : 0;
}

static bool append_decision(struct record_file *f, const struct event *ev, uint64_t now_ns,
                            uint64_t wall_ns)
{
    struct decision_row *row = new_row(f, &f->table[DECISION]);
    if (row == NULL) {
        return false;
    }
    put_id(row->event_id, &ev->id);
    row->event_time_ns = ev->event_time_ns;
    row->decided_time_ns = wall_ns - since(now_ns, ev->decided_ns);
    row->fate = (uint8_t)ev->decision.fate;
    row->rules_fired = ev->decision.rules_fired;
    row->rules_prescaled = ev->decision.rules_prescaled;
    row->pass_through = ev->decision.pass_through;
    row->incomplete = ev->incomplete;
    row->wires_missing = ev->wires_missing;
    row->nonfinite_bins = ev->nonfinite_bins;
    row->windows = ev->n_windows;
    row->assembly_ns = since(ev->last_fragment_ns, ev->first_fragment_ns);
    row->reduce_ns = since(ev->complete_ns, ev->last_fragment_ns);
    row->engine_ns = since(ev->scored_ns, ev->complete_ns);
    row->trigger_ns = since(ev->decided_ns, ev->scored_ns);
    row->latency_ns = since(ev->decided_ns, ev->last_fragment_ns);
    return true;
}

static bool append_pixels(struct record_file *f, const struct event *ev, uint32_t window)
{
    const struct window *w = &ev->window[window];
    uint32_t channels = f->info->models->entry[w->model].model->channels;
    for (uint32_t i = 0; i < w->n_listed * channels; i++) {
        struct pixel_row *row = new_row(f, &f->table[PIXEL]);
        if (row == NULL) {
            return false;
        }
        put_id(row->event_id, &ev->id);
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
    const struct window *w = &ev->window[window];
    struct scored_row *row = new_row(f, &f->table[SCORED]);
    if (row == NULL) {
        return false;
    }
    put_id(row->event_id, &ev->id);
    row->window = window;
    row->model = w->model;
    row->plane = f->info->geometry->plane[w->plane].id;
    row->first_bin = w->first_bin;
    row->first_wire = w->first_wire;
    row->n_active = w->n_active;
    row->missing_wires = w->missing_wires;
    row->truncated = w->truncated;
    uint32_t n = f->info->models->entry[w->model].model->n_outputs;
    for (uint32_t i = 0; i < f->max_outputs; i++) { /* a smaller model's rest: NaN and 0 */
        size_t at = (size_t)window * ev->score_stride + i;
        row->score[i] = i < n ? ev->score[at] : (double)NAN;
        row->score_raw[i] = i < n ? ev->score_raw[at] : 0;
    }
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
    return append(f->adc, type, f->adc_rows++, 1, f->ticks, data);
}

static bool append_fragment(struct record_file *f, const struct event *ev,
                            const struct fragment *from)
{
    for (uint32_t i = 0; from->samples != NULL && i < from->wires; i++) {
        struct wire_row *row = new_row(f, &f->table[WIRE]);
        if (row == NULL || !append_samples(f, from, i)) {
            return false;
        }
        put_id(row->event_id, &ev->id);
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
        good = end_event(f, &f->table[i]);
    }
    f->n_events++;
    return good;
}
