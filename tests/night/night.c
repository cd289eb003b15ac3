/* One night, from its seed alone: what the daemon is set up with, what goes wrong, and one
 * step after the other until the crew has gone home. */
#include "night.h"

#include "base/log.h"
#include "config/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A night that takes longer does not come to its end. */
#define LONGEST_NS (600 * NS_PER_S)
#define MOST_STEPS 400000

enum { OVERRIDES = 24, OVERRIDE_BYTES = 600 };

struct night night;
static struct monitor monitor;
static struct settings first;
static char override_text[OVERRIDES][OVERRIDE_BYTES];
static const char *override[OVERRIDES];
static size_t n_overrides;
static char folder[] = "/tmp/night-XXXXXX";

/* ---- the clock ---- */

static uint64_t monotonic_ns(void)
{
    return night.now_ns;
}

static uint64_t wall_ns(void)
{
    return night.wall_ns + night.now_ns;
}

static const struct clock_source virtual_clock = {monotonic_ns, wall_ns};

/* ---- notes ---- */

void night_note(const char *format, ...)
{
    char *line = night.trace[night.traced++ % NIGHT_TRACE];
    int n = snprintf(line, sizeof night.trace[0], "%12.3f ms  ", (double)night.now_ns / 1e6);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + n, sizeof night.trace[0] - (size_t)n, format, args);
    va_end(args);
    if (night.verbose)
        (void)fprintf(stderr, "%s\n", line);
}

void night_fail(const char *format, ...)
{
    if (night.failed)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(night.why, sizeof night.why, format, args);
    va_end(args);
    night.failed = true;
    night_note("FAILED: %s", night.why);
}

void __wrap_log_write(enum log_level level, const char *format, ...);
void __wrap_log_write_limited(struct log_limit *limit, enum log_level level, const char *format,
                              ...);

static void note_line(enum log_level level, const char *format, va_list args)
{
    char line[200];
    if (level > LOG_LEVEL_WARN && !night.verbose)
        return;
    (void)vsnprintf(line, sizeof line, format, args);
    night_note("log: %s", line);
}

void __wrap_log_write(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note_line(level, format, args);
    va_end(args);
}

void __wrap_log_write_limited(struct log_limit *limit, enum log_level level, const char *format,
                              ...)
{
    (void)limit;
    va_list args;
    va_start(args, format);
    note_line(level, format, args);
    va_end(args);
}

/* ---- a night ---- */

__attribute__((format(printf, 1, 2))) static void set(const char *format, ...)
{
    va_list args;
    assert(n_overrides < OVERRIDES);
    va_start(args, format);
    (void)vsnprintf(override_text[n_overrides], OVERRIDE_BYTES, format, args);
    va_end(args);
    override[n_overrides] = override_text[n_overrides];
    n_overrides++;
}

static unsigned from_to(unsigned least, unsigned most)
{
    return least + (unsigned)random_below(&night.random, most - least + 1);
}

/* How the daemon is set up this night. */
static void draw_settings(void)
{
    n_overrides = 0;
    set("imaging.workers=%u", from_to(1, 3));
    set("readout.fragment_queue=%u", from_to(1, 8));
    set("readout.overload=%s", from_to(0, 1) ? "block" : "drop-newest");
    set("readout.incomplete=%s", from_to(0, 1) ? "mask" : "drop");
    set("service.stop_limit=\"%u ms\"", from_to(0, 3) * 40);
    set("trigger.pass_through=%u", from_to(0, 4));
    if (from_to(0, 3) == 0)
        set("trigger.max_accept_rate=\"%u Hz\"", from_to(20, 500));
    if (from_to(0, 2) > 0) {
        set("output.record.directory=\"%s\"", folder);
        set("output.record.queue=%u", from_to(1, 4));
        set("output.record.flush=\"%u ms\"", from_to(10, 50));
        set("output.record.contents=['decision'%s]", from_to(0, 1) ? ", 'samples'" : "");
    }
    if (from_to(0, 2) == 0) {
        set("engine.kind=fpga");
        set("engine.model[0].xclbin=\"card\"");
        set("engine.fpga.batches=%u", from_to(1, 4));
        set("engine.fpga.batch_windows=%u", from_to(1, 8));
        set("engine.fpga.deadline=\"%u ms\"", from_to(1, 5));
        set("engine.fpga.cross_check=%u", from_to(0, 1));
    }
}

static void draw_weather(void)
{
    bool fair = from_to(0, 3) == 0;
    night.weather = (struct weather){
        .loss = fair ? 0 : from_to(0, 60),
        .copy = fair ? 0 : from_to(0, 60),
        .disorder = fair ? 0 : from_to(0, 100),
        .rubbish = fair ? 0 : from_to(0, 40),
        .silence = fair ? 0 : from_to(0, 30),
        .peer_full = fair ? 0 : from_to(0, 20),
        .disk_slow = from_to(0, 20),
        .disk_hangs = from_to(0, 5) == 0 ? from_to(1, 10) : 0,
        .disk_fails = fair ? 0 : from_to(0, 8),
        .card_fails = fair ? 0 : from_to(0, 3),
        .card_late = fair ? 0 : from_to(0, 40),
        .card_lies = fair ? 0 : from_to(0, 40),
        .stall = from_to(0, 4),
        .period_ns = from_to(20, 3000) * NS_PER_US,
        .clock_jumps = from_to(0, 3) == 0,
    };
}

/* One thing happens: whatever is due, else a step of a thread, else time passes. */
static void go_on(bool with_crew)
{
    if (readout_next_ns() <= night.now_ns) {
        readout_act();
        return;
    }
    if (with_crew && crew_next_ns() <= night.now_ns) {
        crew_act();
        return;
    }
    if (threads_step()) {
        check_step();
        return;
    }
    uint64_t next = threads_next_ns(), due = readout_next_ns(), act = crew_next_ns();
    next = due < next ? due : next;
    next = with_crew && act < next ? act : next;
    next = next == UINT64_MAX ? night.now_ns + NS_PER_MS : next;
    night.now_ns = next > night.now_ns ? next : night.now_ns + 1000;
    threads_wake_all();
}

void night_pass(uint64_t ns)
{
    uint64_t until = night.now_ns + ns;
    while (night.now_ns < until && !night.failed)
        go_on(false);
}

static bool begin(uint64_t seed)
{
    struct error err = {0};
    bool verbose = night.verbose;
    memset(&monitor, 0, sizeof monitor);
    memset(&night, 0, sizeof night);
    night.verbose = verbose;
    night.seed = seed;
    night.random.state = hash_mix(seed);
    night.monitor = &monitor;
    night.now_ns = NS_PER_S;
    night.wall_ns = UINT64_C(1700000000000000000);
    threads_reset();
    wire_reset();
    disk_reset();
    card_reset();
    check_reset();
    draw_weather();
    draw_settings();
    readout_reset();
    crew_reset();
    if (!config_load(crew_configuration(0), override, n_overrides, &first, &err)) {
        night_fail("%s", err.text);
        return false;
    }
    struct run_origin origin = {.file = crew_configuration(0),
                                .overrides = override,
                                .n_overrides = n_overrides,
                                .first = &first,
                                .zmq_context = &monitor, /* never looked into */
                                .monitor = &monitor};
    night.actions = run_actions_create(&origin, &err);
    if (night.actions == NULL) {
        night_fail("%s", err.text);
        return false;
    }
    struct run_world world = run_actions_world(night.actions);
    run_control_init(&night.control, &world, &monitor);
    return true;
}

/* A thread that was left behind by a drain comes to its end when its disk answers. */
static void wait_for_the_stuck(void)
{
    for (int i = 0; i < 10000 && threads_pipeline() != NULL && !night.failed; i++)
        go_on(false);
}

bool night_run(uint64_t seed)
{
    if (begin(seed)) {
        while (!crew_over() && !night.failed) {
            go_on(true);
            if (night.now_ns > LONGEST_NS || night.steps > MOST_STEPS)
                night_fail("the night does not end: state %s, %" PRIu64 " steps",
                           run_state_name(night.control.state), night.steps);
        }
        if (night.control.stuck)
            wait_for_the_stuck();
        if (!night.failed) {
            run_actions_destroy(&night.actions);
            check_end();
        }
    }
    return !night.failed;
}

void night_tell(void)
{
    uint64_t from = night.traced > NIGHT_TRACE ? night.traced - NIGHT_TRACE : 0;
    (void)printf("seed %" PRIu64 " failed after %" PRIu64 " steps: %s\n", night.seed, night.steps,
                 night.why);
    for (size_t i = 0; i < n_overrides; i++)
        (void)printf("    %s\n", override[i]);
    for (uint64_t i = from; i < night.traced; i++)
        (void)printf("%s\n", night.trace[i % NIGHT_TRACE]);
    (void)printf("again: night --seed %" PRIu64 " --verbose\n", night.seed);
}

/* ---- before the first, after the last ---- */

bool night_prepare(void)
{
    struct error err = {0};
    if (mkdtemp(folder) == NULL || !crew_write(folder)) {
        perror(folder);
        return false;
    }
    if (!models_load(folder, &err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    clock_replacement = &virtual_clock;
    return true;
}

void night_clean_up(void)
{
    char command[sizeof folder + 16];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) /* NOLINT(cert-env33-c): a folder of our own */
        perror(folder);
}
