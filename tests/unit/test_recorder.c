#include "cmocka_all.h"
#include "run_fixture.h"

#include "output/recorder.h"

#include <dirent.h>
#include <hdf5.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t second = 1000000000, wall = UINT64_C(1700000000000000000);
static struct run_fixture *run;
static char directory[64];

static int set_up(void **state)
{
    (void)state;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    run = fixture_create();
    (void)snprintf(directory, sizeof directory, "/tmp/sparsed-record-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(run->settings.output.record.directory, SETTINGS_PATH_BYTES, "%s", directory);
    return 0;
}

/* Paths of the files in the directory, by name; at most 32. */
static size_t list_files(char path[32][400])
{
    struct dirent **entry = NULL;
    size_t n = 0;
    int found = scandir(directory, &entry, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        if (entry[i]->d_name[0] != '.' && n < 32) {
            (void)snprintf(path[n++], 400, "%s/%s", directory, entry[i]->d_name);
        }
        free(entry[i]);
    }
    free(entry);
    return n;
}

static int tear_down(void **state)
{
    char path[32][400];
    (void)state;
    for (size_t i = 0, n = list_files(path); i < n; i++) {
        (void)unlink(path[i]);
    }
    (void)rmdir(directory);
    free(run);
    return 0;
}

static struct recorder *create(void)
{
    struct error err = {0};
    struct recorder *r =
        recorder_create(&run->settings.output.record, &run->info, &run->monitor, &err);
    if (r == NULL) {
        fail_msg("%s", err.text);
    }
    return r;
}

static void write_events(struct recorder *r, uint64_t first, uint64_t n, uint64_t now_ns)
{
    for (uint64_t i = first; i < first + n; i++) {
        run->event.id.event = i;
        recorder_write(r, &run->event, now_ns, wall);
    }
}

/* Rows of a data set, its whole content into `data` (NULL: none wanted); -1: cannot. */
static int64_t read_set(const char *path, const char *name, hid_t type, void *data, size_t room)
{
    int64_t rows = -1;
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = file >= 0 ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
    if (set >= 0) {
        hid_t space = H5Dget_space(set);
        hsize_t size[2] = {0};
        assert_int_equal(H5Sget_simple_extent_dims(space, size, NULL), 2);
        (void)H5Sclose(space);
        rows = (int64_t)size[0];
        if (data != NULL) {
            assert_true(size[0] * size[1] * H5Tget_size(type) <= room);
            rows = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0 ? -1 : rows;
        }
        (void)H5Dclose(set);
    }
    if (file >= 0) {
        (void)H5Fclose(file);
    }
    return rows;
}

/* 1,000 events have more pixel rows than fit a buffer: rows must come out in order
 * across writes, and the index must say which belong to whom. */
static void what_is_written_can_be_read(void **state)
{
    enum { EVENTS = 1000, PIXELS = EVENTS * FIXTURE_WINDOWS * FIXTURE_LISTED };
    (void)state;
    struct recorder *r = create();
    write_events(r, 0, EVENTS, 0);
    recorder_destroy(&r);
    assert_null(r);
    assert_int_equal(counter_read(&run->monitor.recorded_events), EVENTS);
    assert_int_equal(counter_read(&run->monitor.record_lost), 0);
    char path[32][400];
    assert_int_equal(list_files(path), 1);
    assert_non_null(strstr(path[0], "/Micro__Boo__NE-run001207-20231114T221320-0000.h5"));
    struct stat info;
    assert_int_equal(stat(path[0], &info), 0);
    assert_in_range(counter_read(&run->monitor.recorded_bytes), info.st_size / 2, info.st_size);
    int64_t(*id)[3] = calloc(PIXELS, sizeof *id);
    int32_t *value = calloc(PIXELS, sizeof *value);
    assert_int_equal(
        read_set(path[0], "decision_table/event_id", H5T_NATIVE_INT64, id, PIXELS * sizeof *id),
        EVENTS);
    for (int64_t i = 0; i < EVENTS; i++) {
        assert_int_equal(id[i][0], 1207);
        assert_int_equal(id[i][1], 3);
        assert_int_equal(id[i][2], i);
    }
    assert_int_equal(
        read_set(path[0], "pixel_table/event_id", H5T_NATIVE_INT64, id, PIXELS * sizeof *id),
        PIXELS);
    assert_int_equal(
        read_set(path[0], "pixel_table/value", H5T_NATIVE_INT32, value, PIXELS * sizeof *value),
        PIXELS);
    for (int64_t i = 0; i < PIXELS; i++) {
        assert_int_equal(id[i][2], i / (FIXTURE_WINDOWS * FIXTURE_LISTED));
        assert_int_equal(value[i], 100 + i % FIXTURE_LISTED);
    }
    int64_t(*index)[2] = calloc(EVENTS, sizeof *index);
    assert_int_equal(read_set(path[0], "scored_table/event_id.seq_cnt", H5T_NATIVE_INT64, index,
                              EVENTS * sizeof *index),
                     EVENTS);
    assert_int_equal(index[999][0], 999);
    assert_int_equal(index[999][1], FIXTURE_WINDOWS);
    free(id);
    free(value);
    free(index);
}

/* Counts stay counts, with what turns them into units beside them. An event of
 * float samples cannot go into that file and gets one of its own. */
static void samples_are_kept_as_they_came(void **state)
{
    (void)state;
    run->settings.output.record.contents |= RECORD_SAMPLES;
    fixture_samples(run);
    struct recorder *r = create();
    write_events(r, 0, 2, 0);
    static float units[FIXTURE_WIRES][FIXTURE_TICKS];
    units[129][63] = 1.5F;
    run->kept.fragment.sample_type = SAMPLE_FLOAT32;
    run->kept.fragment.samples = units;
    write_events(r, 2, 1, 0);
    recorder_destroy(&r);
    char path[32][400];
    assert_int_equal(list_files(path), 2);
    static int16_t counts[2 * FIXTURE_WIRES][FIXTURE_TICKS];
    assert_int_equal(read_set(path[0], "wire_table/adc", H5T_NATIVE_INT16, counts, sizeof counts),
                     2 * FIXTURE_WIRES);
    assert_memory_equal(counts[FIXTURE_WIRES], run->samples, sizeof run->samples);
    static float back[FIXTURE_WIRES][FIXTURE_TICKS];
    assert_int_equal(read_set(path[1], "wire_table/adc", H5T_NATIVE_FLOAT, back, sizeof back),
                     FIXTURE_WIRES);
    assert_memory_equal(back, units, sizeof units);
    static float wire[2 * FIXTURE_WIRES];
    assert_int_equal(
        read_set(path[0], "wire_table/local_wire", H5T_NATIVE_FLOAT, wire, sizeof wire),
        2 * FIXTURE_WIRES);
    assert_true(wire[FIXTURE_WIRES + 7] == 7.0F);
}

static void files_rotate_by_time_and_run(void **state)
{
    (void)state;
    run->settings.output.record.rotate_ns = 10 * second;
    struct recorder *r = create();
    write_events(r, 0, 1, second);
    write_events(r, 1, 1, 5 * second);
    recorder_tick(r, 12 * second); /* closes the first without an event */
    write_events(r, 2, 1, 13 * second);
    run->event.id.run = 1208;
    write_events(r, 3, 1, 14 * second);
    recorder_destroy(&r);
    char path[32][400];
    assert_int_equal(list_files(path), 3);
    assert_int_equal(counter_read(&run->monitor.record_files), 3);
    assert_int_equal(read_set(path[0], "decision_table/fate", H5T_NATIVE_UINT8, NULL, 0), 2);
    assert_int_equal(read_set(path[2], "decision_table/fate", H5T_NATIVE_UINT8, NULL, 0), 1);
    assert_non_null(strstr(path[2], "run001208"));
}

/* Killed at any moment, the file opens without a tool and holds at least what was
 * flushed by then; the child tells how much that was. */
static void a_killed_writer_leaves_a_readable_file(void **state)
{
    (void)state;
    _Atomic uint64_t *flushed =
        mmap(NULL, sizeof *flushed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run->settings.output.record.flush_ns = 20;
    for (uint64_t round = 1; round <= 10; round++) {
        atomic_store(flushed, 0);
        pid_t child = fork();
        if (child == 0) {
            struct error err = {0};
            struct recorder *r =
                recorder_create(&run->settings.output.record, &run->info, &run->monitor, &err);
            for (uint64_t i = 0;; i++) {
                run->event.id.event = i;
                recorder_write(r, &run->event, i, wall);
                atomic_store(flushed, counter_read(&run->monitor.recorded_events));
            }
        }
        while (atomic_load(flushed) < 211 * round) {
            (void)usleep(100);
        }
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        char path[32][400];
        assert_int_equal(list_files(path), 1);
        int64_t rows = read_set(path[0], "pixel_table/value", H5T_NATIVE_INT32, NULL, 0);
        assert_in_range(rows, atomic_load(flushed) * FIXTURE_WINDOWS * FIXTURE_LISTED, INT64_MAX);
        int64_t(*id)[3] = calloc((size_t)rows, sizeof *id);
        rows = read_set(path[0], "decision_table/event_id", H5T_NATIVE_INT64, id,
                        (size_t)rows * sizeof *id);
        assert_in_range(rows, atomic_load(flushed), INT64_MAX);
        for (uint64_t i = 0; i < atomic_load(flushed); i++) {
            assert_int_equal(id[i][2], i);
        }
        free(id);
        (void)unlink(path[0]);
    }
    (void)munmap((void *)flushed, sizeof *flushed);
}

/* Writes fail at 6 MB, as on a full disk. The recorder says so, loses and counts
 * events, keeps what it had flushed, tries again when it said it would, and goes on
 * when there is room: all of it in one process, which then exits cleanly. */
static void a_full_disk_is_counted_and_recovered_from(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small = {6000000, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    run->settings.output.record.flush_ns = 20;
    struct recorder *r = create();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t n = 0;
    while (!atomic_load(&run->monitor.record_failing) && n < 100000) {
        write_events(r, n, 1, n);
        n++;
    }
    uint64_t recorded = counter_read(&run->monitor.recorded_events);
    assert_true(atomic_load(&run->monitor.record_failing));
    assert_int_equal(counter_read(&run->monitor.record_errors), 1);
    assert_int_equal(recorded + counter_read(&run->monitor.record_lost), n);
    assert_true(recorded > 0);
    write_events(r, n, 1, n + second / 2); /* before the retry: lost at once */
    assert_int_equal(counter_read(&run->monitor.record_files), 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    write_events(r, n + 1, 1, n + 2 * second);
    recorder_tick(r, n + 3 * second);
    assert_false(atomic_load(&run->monitor.record_failing));
    recorder_destroy(&r);
    assert_int_equal(counter_read(&run->monitor.recorded_events), recorded + 1);
    assert_int_equal(counter_read(&run->monitor.recorded_events) +
                         counter_read(&run->monitor.record_lost),
                     n + 2);
    char path[32][400];
    assert_int_equal(list_files(path), 2);
    assert_in_range(read_set(path[0], "decision_table/fate", H5T_NATIVE_UINT8, NULL, 0), recorded,
                    n);
    assert_int_equal(read_set(path[1], "decision_table/fate", H5T_NATIVE_UINT8, NULL, 0), 1);
}

static void refuse(const char *path, const char *reason)
{
    struct error err = {0};
    (void)snprintf(run->settings.output.record.directory, SETTINGS_PATH_BYTES, "%s", path);
    struct recorder *r =
        recorder_create(&run->settings.output.record, &run->info, &run->monitor, &err);
    assert_null(r);
    assert_int_equal(err.code, ERROR_STORAGE);
    assert_non_null(strstr(err.text, "output.record.directory = "));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, reason));
}

/* Found at the start, not with the first accepted event at night. */
static void a_directory_that_cannot_be_written_is_an_error_at_start(void **state)
{
    (void)state;
    refuse("/nonexistent/sparsed", "No such file");
    refuse("/dev/null", "not a directory");
    refuse("/dev/null/x", "Not a directory");
    refuse("/proc/self", "cannot write");
}

/* The directory vanishes in mid-run: the same as a full disk, with its own reason. */
static void a_directory_that_vanishes_is_no_crash(void **state)
{
    (void)state;
    struct recorder *r = create();
    assert_int_equal(rmdir(directory), 0);
    write_events(r, 0, 1, 1);
    assert_true(atomic_load(&run->monitor.record_failing));
    assert_int_equal(counter_read(&run->monitor.record_lost), 1);
    recorder_tick(r, 2 * second);
    recorder_destroy(&r);
}

/* Killed and started again in the same second: the second daemon once found its first file's
 * name taken, and lost what was accepted in the second that it waited before it tried again. */
static void a_name_that_is_taken_costs_no_event(void **state)
{
    (void)state;
    for (uint32_t daemon = 0; daemon < 3; daemon++) {
        struct recorder *r = create();
        write_events(r, 10 * daemon, 2, second);
        recorder_destroy(&r);
    }
    char path[32][400];
    assert_int_equal(list_files(path), 3);
    assert_int_equal(counter_read(&run->monitor.recorded_events), 6);
    assert_int_equal(counter_read(&run->monitor.record_lost), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_written_can_be_read),
        T(a_name_that_is_taken_costs_no_event),
        T(samples_are_kept_as_they_came),
        T(files_rotate_by_time_and_run),
        T(a_killed_writer_leaves_a_readable_file),
        T(a_full_disk_is_counted_and_recovered_from),
        T(a_directory_that_cannot_be_written_is_an_error_at_start),
        T(a_directory_that_vanishes_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
