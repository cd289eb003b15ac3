/* The recorder's files without a disk: what recorder.c asks of one, and what a bad disk
 * does to it: writes that take long (the recorder's thread gets no time), that fail, and a
 * file that cannot be begun. */
#include "night.h"

#include "output/record_file.h"

#include <errno.h>
#include <stdlib.h>

struct record_file {
    uint64_t bytes;
    uint32_t epoch;
    bool counts;
};

static uint64_t files;

void disk_reset(void)
{
    files = 0;
}

uint64_t disk_open_files(void)
{
    return files;
}

/* True: it went well. */
static bool write_something(void)
{
    if (random_chance(&night.random, night.weather.disk_slow)) {
        bool hangs = random_chance(&night.random, night.weather.disk_hangs);
        uint64_t ns = random_below(&night.random, hangs ? 4000 : 40) * NS_PER_MS;
        threads_block("record", ns);
    }
    errno = ENOSPC;
    return !random_chance(&night.random, night.weather.disk_fails);
}

struct record_file *__wrap_record_file_create(const char *path, uint32_t contents, bool counts,
                                              const struct run_info *info,
                                              const struct run_record *run, struct error *err);
bool __wrap_record_file_append(struct record_file *f, const struct event *ev, uint64_t now_ns,
                               uint64_t wall_ns);
bool __wrap_record_file_flush(struct record_file *f);
bool __wrap_record_file_end(struct record_file *f, const struct run_record *run);
uint64_t __wrap_record_file_bytes(const struct record_file *f);
bool __wrap_record_file_counts(const struct record_file *f);
bool __wrap_record_file_close(struct record_file **f);
void __wrap_record_file_abandon(struct record_file **f);

struct record_file *__wrap_record_file_create(const char *path, uint32_t contents, bool counts,
                                              const struct run_info *info,
                                              const struct run_record *run, struct error *err)
{
    (void)contents;
    (void)run;
    if (!write_something()) {
        (void)error_set(err, ERROR_STORAGE, "%s: cannot be written", path);
        return NULL;
    }
    struct record_file *f = calloc(1, sizeof *f);
    *f = (struct record_file){.epoch = info->epoch, .counts = counts};
    files++;
    return f;
}

/* A file is one epoch's: what it says of models and settings is true of all of it. */
bool __wrap_record_file_append(struct record_file *f, const struct event *ev, uint64_t now_ns,
                               uint64_t wall_ns)
{
    (void)now_ns;
    (void)wall_ns;
    if (ev->info == NULL || ev->info->epoch != f->epoch)
        night_fail("an event of epoch %u is written into a file of epoch %u",
                   ev->info != NULL ? ev->info->epoch : 0, f->epoch);
    f->bytes += 100;
    return write_something();
}

bool __wrap_record_file_flush(struct record_file *f)
{
    (void)f;
    return write_something();
}

bool __wrap_record_file_end(struct record_file *f, const struct run_record *run)
{
    (void)f;
    (void)run;
    return write_something();
}

uint64_t __wrap_record_file_bytes(const struct record_file *f)
{
    return f->bytes;
}

bool __wrap_record_file_counts(const struct record_file *f)
{
    return f->counts;
}

void __wrap_record_file_abandon(struct record_file **f)
{
    free(*f);
    *f = NULL;
    files--;
}

bool __wrap_record_file_close(struct record_file **f)
{
    bool good = write_something();
    __wrap_record_file_abandon(f);
    return good;
}
