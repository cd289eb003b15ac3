/* One night after the other, each from its seed alone. A failing one prints what was
 * promised, its last lines, and how to see it again. */
#include "night.h"

#include "base/log.h"
#include "config/config.h"

#include <argp.h>
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static volatile uint64_t *progress; /* of this process: the seed under way, for its parent */

static bool run_night(uint64_t seed)
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

/* What the nights have seen, so that nobody believes in nights in which nothing happens. */
struct seen {
    uint64_t event[EVENT_FATE_COUNT], fragment[FRAGMENT_FATE_COUNT];
    uint64_t runs, changes, recorded, record_lost, fallbacks, shadowed, stuck;
};
static struct seen seen;

static void look_back(void)
{
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++)
        seen.event[k] += counter_read(&monitor.event_fate[k]);
    for (uint32_t i = 0; i < atomic_load(&monitor.n_sources); i++) {
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            seen.fragment[k] += counter_read(&monitor.source[i].fate[k]);
    }
    for (uint32_t k = 0; k < MONITOR_FPGA_FALLBACK_COUNT; k++)
        seen.fallbacks += counter_read(&monitor.fpga_fallback[k]);
    for (uint32_t k = 0; k < MONITOR_SHADOW_VERDICT_COUNT; k++)
        seen.shadowed += counter_read(&monitor.shadow_verdict[k]);
    seen.runs += night.control.runs;
    seen.changes += crew_changes();
    seen.recorded += counter_read(&monitor.recorded_events);
    seen.record_lost += counter_read(&monitor.record_lost);
    seen.stuck += night.control.stuck ? 1 : 0;
}

static void say_seen(void)
{
    (void)printf("  events   ");
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++)
        (void)printf(" %s %" PRIu64, event_fate_name((enum event_fate)k), seen.event[k]);
    (void)printf("\n  fragments");
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++) {
        if (seen.fragment[k] > 0)
            (void)printf(" %s %" PRIu64, fragment_fate_name((enum fragment_fate)k),
                         seen.fragment[k]);
    }
    (void)printf("\n  runs %" PRIu64 ", changes %" PRIu64 ", recorded %" PRIu64
                 ", not recorded %" PRIu64 ", windows that a card did not score %" PRIu64
                 ", events in the shadow %" PRIu64 ", drains that got stuck %" PRIu64 "\n",
                 seen.runs, seen.changes, seen.recorded, seen.record_lost, seen.fallbacks,
                 seen.shadowed, seen.stuck);
}

static void tell(void)
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

/* ---- the command ---- */

struct arguments {
    uint64_t from, to;
    unsigned jobs, failures;
};

static const struct argp_option options[] = {
    {"seed", 's', "N", 0, "one night", 0},
    {"seeds", 'r', "A..B", 0, "the nights A to B", 0},
    {"jobs", 'j', "N", 0, "processes; default 2", 0},
    {"failures", 'f', "N", 0, "end after so many failing nights; default 1", 0},
    {"verbose", 'v', NULL, 0, "every line as it is written", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    char *end = arg;
    switch (key) {
    case 's':
        a->from = a->to = strtoull(arg, &end, 10);
        break;
    case 'r':
        a->from = strtoull(arg, &end, 10);
        if (strncmp(end, "..", 2) == 0)
            a->to = strtoull(end + 2, &end, 10);
        break;
    case 'j':
        a->jobs = (unsigned)strtoul(arg, &end, 10);
        break;
    case 'f':
        a->failures = (unsigned)strtoul(arg, &end, 10);
        break;
    case 'v':
        night.verbose = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if (arg != NULL && (*end != '\0' || a->to < a->from || a->jobs == 0))
        argp_error(state, "%s: not a number, or not a range", arg);
    return 0;
}

/* Every jobs-th seed of the range. */
static int nights(const struct arguments *a, unsigned job)
{
    unsigned failed = 0;
    uint64_t steps = 0, n = 0;
    for (uint64_t seed = a->from + job; seed <= a->to && failed < a->failures; seed += a->jobs) {
        *progress = seed;
        bool good = run_night(seed);
        steps += night.steps;
        n++;
        look_back();
        if (!good) {
            failed++;
            tell();
        }
    }
    (void)printf("%" PRIu64 " nights, %" PRIu64 " steps, %u failed\n", n, steps, failed);
    say_seen();
    (void)fflush(stdout);
    return failed == 0 ? 0 : 1;
}

/* A process a job: a crash takes only its own nights, and its parent knows which it was. */
static bool run_jobs(const struct arguments *a)
{
    enum { MOST = 64 };
    pid_t child[MOST];
    bool good = true;
    unsigned jobs = a->jobs < MOST ? a->jobs : MOST;
    volatile uint64_t *at =
        mmap(NULL, MOST * sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    for (unsigned job = 0; job < jobs; job++) {
        (void)fflush(NULL);
        progress = &at[job];
        child[job] = fork();
        if (child[job] == 0)
            exit(nights(a, job)); /* not _exit: what gcov has counted is written then */
    }
    for (unsigned job = 0; job < jobs; job++) {
        int status = 1;
        if (child[job] < 0 || waitpid(child[job], &status, 0) < 0)
            return false;
        if (WIFSIGNALED(status))
            (void)printf("seed %" PRIu64 " failed: %s\nagain: night --seed %" PRIu64 "\n", at[job],
                         strsignal(WTERMSIG(status)), at[job]);
        good = good && status == 0;
    }
    return good;
}

static bool prepare(void)
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

static void clean_up(void)
{
    char command[sizeof folder + 16];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) /* NOLINT(cert-env33-c): a folder of our own */
        perror(folder);
}

int main(int argc, char **argv)
{
    static const char doc[] = "Nights of the trigger daemon in virtual time, each from its seed.\v"
                              "Exit status 0: every promise was kept.\n\n"
                              "  night --seeds 1..3000\n"
                              "  night --seed 17 --verbose";
    struct arguments a = {1, 1000, 2, 1};
    argp_parse(&(struct argp){options, parse, NULL, doc, NULL, NULL, NULL}, argc, argv, 0, NULL,
               &a);
    if (!prepare())
        return 2;
    a.jobs = a.to - a.from + 1 < a.jobs ? (unsigned)(a.to - a.from + 1) : a.jobs;
    bool good = run_jobs(&a);
    clean_up();
    return good ? 0 : 1;
}
