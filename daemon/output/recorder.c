/* How: what a file holds is record_file's business; here are the choices. An event
 * is `pending` from its append to the flush that makes it safe, and is counted as
 * recorded or as lost there, in one place each. */
#include "output/recorder.h"

#include "base/hdf5.h"
#include "base/log.h"
#include "output/record_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS       UINT64_C(1000000000)
#define BACK_OFF_MAX_NS (60 * SECOND_NS)

enum { MOST_PATHS = 10000 }; /* of one second */

struct recorder {
    struct record_settings settings;
    const struct run_info *info; /* of the event being written */
    uint32_t epoch;              /* of the open file */
    struct monitor *monitor;
    struct record_file *file; /* NULL: closed or failing */
    uint32_t run;             /* of the open file */
    struct run_record begun;  /* the operators' run; number 0: none was told */
    uint32_t sequence;        /* files begun */
    uint64_t opened_ns, flushed_ns, looked_ns;
    uint64_t pending;       /* events appended since the last flush */
    uint64_t counted_bytes; /* of the open file, in recorded_bytes already */
    uint64_t back_off_ns;   /* 0: the last try went well */
    uint64_t retry_ns;
};

static bool check_directory(const char *directory, struct error *err)
{
    struct stat info;
    char probe[SETTINGS_PATH_BYTES + 32];
    if (stat(directory, &info) != 0) {
        return error_set(err, ERROR_STORAGE, "output.record.directory = \"%s\": %s", directory,
                         strerror(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return error_set(err, ERROR_STORAGE, "output.record.directory = \"%s\": not a directory",
                         directory);
    }
    /* Permission bits say nothing to root and on read-only disks: try. */
    (void)snprintf(probe, sizeof probe, "%s/.sparsed-XXXXXX", directory);
    int fd = mkstemp(probe);
    if (fd < 0) {
        return error_set(err, ERROR_STORAGE, "output.record.directory = \"%s\": cannot write: %s",
                         directory, strerror(errno));
    }
    (void)close(fd);
    (void)unlink(probe);
    return true;
}

static void look_at_disk(struct recorder *r, uint64_t now_ns)
{
    struct statvfs disk;
    r->looked_ns = now_ns;
    if (statvfs(r->settings.directory, &disk) == 0) {
        atomic_store(&r->monitor->disk_free_bytes, (uint64_t)disk.f_bavail * disk.f_frsize);
    }
}

struct recorder *recorder_create(const struct record_settings *settings,
                                 const struct run_info *info, struct monitor *monitor,
                                 struct error *err)
{
    if (info->geometry->images && (settings->contents & RECORD_SAMPLES) != 0) {
        (void)error_set(err, ERROR_CONFIG,
                        "output.record.contents: samples of ready-made images are not recorded; "
                        "\"windows\" holds their pixels");
        return NULL;
    }
    if (!check_directory(settings->directory, err)) {
        return NULL;
    }
    struct recorder *r = calloc(1, sizeof *r);
    if (r == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the recorder");
        return NULL;
    }
    r->settings = *settings;
    r->info = info;
    r->monitor = monitor;
    look_at_disk(r, 0);
    return r;
}

static uint64_t file_bytes(const struct recorder *r)
{
    hdf5_lock();
    uint64_t bytes = record_file_bytes(r->file);
    hdf5_unlock();
    return bytes;
}

/* ---- where an event ends ---- */

static void set_pending(struct recorder *r, uint64_t events)
{
    r->pending = events;
    atomic_store_explicit(&r->monitor->record_pending, events, memory_order_release);
}

static void count_recorded(struct recorder *r)
{
    uint64_t bytes = file_bytes(r);
    counter_add(&r->monitor->recorded_events, r->pending);
    counter_add(&r->monitor->recorded_bytes,
                bytes > r->counted_bytes ? bytes - r->counted_bytes : 0);
    r->counted_bytes = bytes > r->counted_bytes ? bytes : r->counted_bytes;
    if (r->pending > 0) {
        r->back_off_ns = 0;
        atomic_store(&r->monitor->record_failing, false);
    }
    set_pending(r, 0);
}

/* Gives the file up and waits: 1 s, then twice as long each time, at most 60 s. */
static void fail(struct recorder *r, uint64_t now_ns, const char *why)
{
    r->back_off_ns = r->back_off_ns == 0 ? SECOND_NS : 2 * r->back_off_ns;
    r->back_off_ns = r->back_off_ns > BACK_OFF_MAX_NS ? BACK_OFF_MAX_NS : r->back_off_ns;
    r->retry_ns = now_ns + r->back_off_ns;
    counter_add(&r->monitor->record_errors, 1);
    counter_add(&r->monitor->record_lost, r->pending);
    atomic_store(&r->monitor->record_failing, true);
    log_warn("recorder: %s; %llu events lost, next try in %llu s", why,
             (unsigned long long)r->pending, (unsigned long long)(r->back_off_ns / SECOND_NS));
    set_pending(r, 0);
    if (r->file != NULL) {
        hdf5_lock();
        record_file_abandon(&r->file);
        hdf5_unlock();
    }
}

static void flush(struct recorder *r, uint64_t now_ns)
{
    r->flushed_ns = now_ns;
    if (r->pending == 0) {
        return;
    }
    errno = 0;
    hdf5_lock();
    bool good = record_file_flush(r->file);
    hdf5_unlock();
    if (good) {
        count_recorded(r);
    } else {
        fail(r, now_ns, errno != 0 ? strerror(errno) : "flush failed");
    }
}

/* HDF5 writes metadata once more when it closes; a failure there is told, though
 * all events are flushed. */
static void close_file(struct recorder *r, uint64_t now_ns)
{
    flush(r, now_ns);
    if (r->file == NULL) {
        return;
    }
    hdf5_lock();
    bool good = record_file_close(&r->file);
    hdf5_unlock();
    if (!good) {
        fail(r, now_ns, "close failed");
    }
}

/* ---- files ---- */

/* Letters, digits, - and _ of the detector's name; anything else becomes _. */
static void make_path(const struct recorder *r, const char *what, uint32_t run, uint64_t wall_ns,
                      char *path, size_t bytes)
{
    char name[SETTINGS_NAME_BYTES], date[32];
    (void)snprintf(name, sizeof name, "%s", r->info->settings->detector.name);
    for (char *c = name; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) || *c == '-' ? *c : '_';
    }
    time_t seconds = (time_t)(wall_ns / SECOND_NS);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(date, sizeof date, "%Y%m%dT%H%M%S", &utc);
    (void)snprintf(path, bytes, "%s/%s-%s%06u-%s-%04u.h5", r->settings.directory,
                   name[0] != '\0' ? name : "sparsed", what, run, date, r->sequence);
}

/* The first such path that is not there yet: a daemon that was killed and started again
 * within a second has used some of them. */
static void free_path(struct recorder *r, const char *what, uint32_t run, uint64_t wall_ns,
                      char *path, size_t bytes)
{
    make_path(r, what, run, wall_ns, path, bytes);
    for (uint32_t i = 0; i < MOST_PATHS && access(path, F_OK) == 0; i++) {
        r->sequence++;
        make_path(r, what, run, wall_ns, path, bytes);
    }
}

/* Counts are kept as counts where every fragment of the event has counts. */
static bool has_counts(const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n_kept; i++) {
        if (ev->kept[i].fragment.sample_type != SAMPLE_INT16) {
            return false;
        }
    }
    return ev->n_kept > 0;
}

/* `lost` events are lost with it if it cannot be opened. */
static bool open_file(struct recorder *r, const char *path, bool counts, uint64_t lost,
                      uint64_t now_ns)
{
    struct error err = {0};
    const struct run_record *run = r->begun.number > 0 ? &r->begun : NULL;
    r->sequence++;
    hdf5_lock();
    r->file = record_file_create(path, r->settings.contents, counts, r->info, run, &err);
    hdf5_unlock();
    if (r->file == NULL) {
        set_pending(r, lost);
        fail(r, now_ns, err.text);
        return false;
    }
    r->epoch = r->info->epoch;
    r->opened_ns = r->flushed_ns = now_ns;
    r->counted_bytes = 0;
    counter_add(&r->monitor->record_files, 1);
    log_info("recorder: %s", path);
    return true;
}

static bool open_for(struct recorder *r, const struct event *ev, uint64_t now_ns, uint64_t wall_ns)
{
    char path[SETTINGS_PATH_BYTES + 160];
    free_path(r, "run", ev->id.run, wall_ns, path, sizeof path);
    r->run = ev->id.run;
    return open_file(r, path, has_counts(ev), 1, now_ns);
}

static bool is_over(const struct recorder *r, uint64_t now_ns)
{
    return (r->settings.rotate_bytes > 0 && file_bytes(r) >= r->settings.rotate_bytes) ||
           (r->settings.rotate_ns > 0 && now_ns - r->opened_ns >= r->settings.rotate_ns);
}

static bool fits(const struct recorder *r, const struct event *ev)
{
    return r->run == ev->id.run && r->epoch == r->info->epoch &&
           ((r->settings.contents & RECORD_SAMPLES) == 0 ||
            record_file_counts(r->file) == has_counts(ev));
}

void recorder_write(struct recorder *r, const struct event *ev, uint64_t now_ns, uint64_t wall_ns)
{
    if (ev->info != NULL) {
        r->info = ev->info;
        r->settings = ev->info->settings->output.record;
    }
    if (r->file != NULL && (is_over(r, now_ns) || !fits(r, ev))) {
        close_file(r, now_ns);
    }
    if (r->file == NULL) {
        if (r->back_off_ns > 0 && now_ns < r->retry_ns) {
            counter_add(&r->monitor->record_lost, 1);
            return;
        }
        if (!open_for(r, ev, now_ns, wall_ns)) {
            return;
        }
    }
    set_pending(r, r->pending + 1);
    errno = 0;
    hdf5_lock();
    bool good = record_file_append(r->file, ev, now_ns, wall_ns);
    hdf5_unlock();
    if (!good) {
        fail(r, now_ns, errno != 0 ? strerror(errno) : "write failed");
    } else if (now_ns - r->flushed_ns >= r->settings.flush_ns) {
        flush(r, now_ns);
    }
}

void recorder_begin_run(struct recorder *r, const struct run_record *run)
{
    r->begun = *run;
}

/* What was recorded counts before it is told: flush first. */
void recorder_end_run(struct recorder *r, const struct run_record *run, const struct run_info *info,
                      uint64_t now_ns)
{
    struct run_record last = *run;
    char path[SETTINGS_PATH_BYTES + 160];
    uint64_t recorded = counter_read(&r->monitor->recorded_events);
    if (r->file != NULL) {
        flush(r, now_ns);
    } else if (r->back_off_ns == 0) {
        r->info = info;
        free_path(r, "end", run->number, run->end_wall_ns, path, sizeof path);
        (void)open_file(r, path, false, 0, now_ns);
    }
    if (r->file == NULL) {
        return;
    }
    last.tally.output[RUN_OUTPUT_recorded] += counter_read(&r->monitor->recorded_events) - recorded;
    errno = 0;
    hdf5_lock();
    bool good = record_file_end(r->file, &last);
    hdf5_unlock();
    if (!good) {
        fail(r, now_ns, errno != 0 ? strerror(errno) : "the run's end could not be written");
    } else {
        close_file(r, now_ns);
    }
}

void recorder_tick(struct recorder *r, uint64_t now_ns)
{
    if (now_ns - r->looked_ns >= SECOND_NS) {
        look_at_disk(r, now_ns);
    }
    if (r->file != NULL && now_ns - r->flushed_ns >= r->settings.flush_ns) {
        flush(r, now_ns);
    }
    if (r->file != NULL && is_over(r, now_ns)) {
        close_file(r, now_ns);
    }
}

void recorder_destroy(struct recorder **recorder)
{
    struct recorder *r = *recorder;
    if (r == NULL) {
        return;
    }
    if (r->file != NULL) {
        close_file(r, r->flushed_ns);
    }
    free(r);
    *recorder = NULL;
}
