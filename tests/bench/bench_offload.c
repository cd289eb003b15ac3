/* offload: what the way to a card and back costs, with a card that takes no time: windows
 * packed, handed to the other process, answers found and unpacked. The stand-in is null-card;
 * everything else is the daemon's own.
 *
 *     feeds   what one core can feed, were its thread to do nothing else: from the thread's own
 *             processor time
 *     back    from a batch's submission until its answer is seen, with the other process asleep
 *             before: two wake-ups and two changes of process on a machine that has cores free */
#include "base/clock.h"
#include "base/log.h"
#include "bench/bench.h"
#include "data/window.h"
#include "engine/xrt/offload.h"
#include "unit/xclbin_file.h"

#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 20, PIXELS = 12, LARGEST = 256, REPEATS = 200 };
static const uint32_t sizes[] = {1, 35, 85, 256};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

/* The records of a kernel for the neutrino windows, as sparse-hls makes them. */
static const char metadata[] =
    "{\"kernel_name\": \"k\", \"model_sha256\": "
    "\"0000000000000000000000000000000000000000000000000000000000000000\", \"form\": 0, "
    "\"height\": 63, \"width\": 63, \"channels\": 1, \"n_slots\": 20, \"place_bytes\": 1, "
    "\"value_bytes\": 2, \"pixel_bytes\": 4, \"window_bytes\": 128, \"n_outputs\": 1, "
    "\"raw_bytes\": 4, \"result_bytes\": 12}";

struct way {
    struct fpga_settings settings;
    struct model_settings model_settings;
    struct model model;
    struct fpga_monitor monitor;
    struct pixel place[PIXELS];
    int32_t value[PIXELS];
    struct window window;
    int64_t zero;
    struct offload *offload;
    int done_fd;
    uint64_t sink;
};

static bool write_xclbin(char *path)
{
    static struct xclbin_file f = XCLBIN_FILE_GOOD;
    f.metadata = metadata;
    xclbin_file_make(&f);
    int fd = mkstemp(path);
    bool good = fd >= 0 && write(fd, f.data, f.bytes) == (ssize_t)f.bytes;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

/* null-card lies beside sparse-bench. */
static void find_card(char *program, size_t bytes)
{
    char self[PATH_MAX] = "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    (void)snprintf(program, bytes, "%.400s/null-card", dirname(self));
}

static bool wait_until_up(struct way *w)
{
    for (int i = 0; i < 500 && atomic_load(&w->monitor.state) != FPGA_STATE_up; i++) {
        offload_tick(w->offload, clock_monotonic_ns());
        (void)poll(NULL, 0, 10);
    }
    return atomic_load(&w->monitor.state) == FPGA_STATE_up;
}

static bool begin(struct way *w, struct error *err)
{
    for (uint16_t i = 0; i < PIXELS; i++) {
        w->place[i] = (struct pixel){(uint16_t)(5 * i), (uint16_t)(3 * i)};
        w->value[i] = 100 + i;
    }
    w->window = (struct window){
        .n_active = PIXELS, .n_listed = PIXELS, .place = w->place, .value = w->value};
    w->settings = (struct fpga_settings){.batches = 1,
                                         .batch_windows = LARGEST,
                                         .deadline_ns = 10 * NS_PER_S,
                                         .start_limit_ns = 10 * NS_PER_S,
                                         .restart_ns = 10 * NS_PER_S};
    w->model = (struct model){
        .height = 63, .width = 63, .channels = 1, .n_outputs = 1, .max_listed = SLOTS};
    find_card(w->settings.program, sizeof w->settings.program);
    char path[] = "/tmp/sparse-bench-XXXXXX";
    w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->done_fd < 0 || !write_xclbin(path))
        return error_set(err, ERROR_SYSTEM, "%s: cannot be written", path);
    (void)snprintf(w->model_settings.xclbin, sizeof w->model_settings.xclbin, "%s", path);
    (void)snprintf(w->model_settings.device_command, sizeof w->model_settings.device_command,
                   "none");
    const struct offload_test test = {&w->window, &w->zero, 1};
    w->offload = offload_create(&w->settings, &w->model_settings, 0, &w->model, &test, w->done_fd,
                                &w->monitor, err);
    (void)unlink(path);
    return w->offload != NULL &&
           (wait_until_up(w) || error_set(err, ERROR_SYSTEM, "null-card did not come up"));
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* One batch, all of its way. False: the card did not answer. */
static bool one_batch(struct way *w, uint32_t n)
{
    int slot = offload_slot(w->offload);
    if (slot < 0)
        return false;
    for (uint32_t i = 0; i < n; i++)
        offload_put(w->offload, slot, i, &w->window);
    offload_submit(w->offload, slot, n, clock_monotonic_ns());
    enum offload_outcome outcome;
    while ((outcome = offload_poll(w->offload, slot, clock_monotonic_ns())) == OFFLOAD_PENDING) {
        struct pollfd p = {.fd = w->done_fd, .events = POLLIN};
        uint64_t taken;
        if (poll(&p, 1, 1000) <= 0)
            return false;
        (void)!read(w->done_fd, &taken, sizeof taken);
    }
    for (uint32_t i = 0; i < n; i++) {
        int64_t raw;
        if (outcome != OFFLOAD_DONE || !offload_result(w->offload, slot, i, &raw))
            return false;
        w->sink += (uint64_t)raw;
    }
    offload_release(w->offload, slot);
    return true;
}

struct row {
    uint64_t cpu[BENCH_MAX_ROUNDS], wall[BENCH_MAX_ROUNDS]; /* a batch, ns */
};

static bool measure(struct way *w, uint32_t n, uint32_t round, struct row *row)
{
    uint64_t cpu = cpu_ns(), wall = clock_monotonic_ns();
    for (int i = 0; i < REPEATS; i++) {
        if (!one_batch(w, n))
            return false;
    }
    row->cpu[round] = (cpu_ns() - cpu) / REPEATS;
    row->wall[round] = (clock_monotonic_ns() - wall) / REPEATS;
    return true;
}

static void show(const struct bench_options *o, uint32_t n, struct row *row)
{
    double cpu = (double)bench_quantile_ns(row->cpu, o->rounds, 0.5) / 1e3;
    double least = (double)row->cpu[0] / 1e3; /* bench_quantile_ns has sorted it */
    double back = (double)bench_quantile_ns(row->wall, o->rounds, 0.5) / 1e3;
    bench_object(o, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f}", "table", "offload", "windows",
                              (int)n, "best_us", least, "median_us", cpu, "feeds_per_second",
                              n / cpu * 1e6, "back_us", back));
    if (!o->json)
        printf("%10u %10.2f %10.2f %14.0f %12.2f\n", n, least, cpu, n / cpu * 1e6, back);
}

int bench_offload(const struct bench_options *o)
{
    struct error err = {.code = ERROR_NONE};
    struct way *w = calloc(1, sizeof *w);
    struct row *row = calloc(N_SIZES, sizeof *row);
    log_set_level(LOG_LEVEL_WARN);
    bool good = w != NULL && row != NULL && begin(w, &err);
    for (uint32_t round = 0; good && round < o->rounds; round++) {
        for (uint32_t k = 0; good && k < N_SIZES; k++)
            good = measure(w, sizes[k], round, &row[k]) ||
                   error_set(&err, ERROR_SYSTEM, "null-card did not answer");
    }
    if (good && !o->json)
        printf(
            "\noffload: windows of %d pixels to a card that takes no time, and back, us a batch\n"
            "%10s %10s %10s %14s %12s\n",
            PIXELS, "windows", "best", "median", "feeds, /s", "back");
    for (uint32_t k = 0; good && k < N_SIZES; k++)
        show(o, sizes[k], &row[k]);
    if (!good)
        (void)fprintf(stderr, "offload: %s\n", err.text[0] != '\0' ? err.text : "no memory");
    if (w != NULL)
        offload_destroy(&w->offload);
    free(w);
    free(row);
    return good ? 0 : 1;
}
