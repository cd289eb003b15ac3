/* failing: every call that a scenario makes fails once, one after the other, and in a second
 * round each with all that follow it; until the scenario comes to its end without a failure.
 * After each: a sentence that a user can act on, or a right result; no descriptor, no thread,
 * no object of HDF5 left behind. Memory left behind is AddressSanitizer's to find.
 *
 *     failing                       a part of the calls of each scenario
 *     failing --points N            N of them, in each of both rounds (24)
 *     failing --all                 all of them
 *     failing --only NAME --call N [--after] [--log]    one again
 *
 * It guards what no other test comes to: malloc, open or pthread_create failing in the middle
 * of a configuration.
 */
#include "calls.h"
#include "scenario.h"

#include "base/hdf5.h"

#include <dirent.h>
#include <hdf5.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Points of failure of each scenario and round where not all are wanted. */
enum { PART = 24, SETTLE_MS = 5000 };

static struct {
    bool all, one, after;
    const char *only;
    uint64_t call, points;
} asked = {.points = PART};

static char directory[] = "/tmp/sparsed-failing-XXXXXX";
static const char *scenario_name = "";
static uint64_t call_now;
static bool after_now;

_Noreturn void scenario_wrong(const char *format, ...)
{
    const char *failed = calls_disarm();
    va_list list;
    va_start(list, format);
    (void)fprintf(stderr, "%s: ", scenario_name);
    (void)vfprintf(stderr, format, list);
    va_end(list);
    (void)fprintf(stderr,
                  "\n  after call %" PRIu64 " failed (%s)\n  again: failing --only %s "
                  "--call %" PRIu64 "%s --log\n",
                  call_now, failed == NULL ? "none did" : failed, scenario_name, call_now,
                  after_now ? " --after" : "");
    exit(1);
}

const char *scenario_path(const char *name)
{
    static char paths[8][sizeof directory + 256];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* ---- what is left behind ---- */

struct left {
    int descriptors, threads;
    ssize_t objects; /* of HDF5 */
};

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        (void)closedir(d);
    return n;
}

static struct left look(void)
{
    struct left l = {.descriptors = entries("/proc/self/fd"),
                     .threads = entries("/proc/self/task")};
    for (int type = H5I_FILE; type <= H5I_ATTR; type++) {
        hsize_t n = 0;
        if (H5Inmembers((H5I_type_t)type, &n) >= 0)
            l.objects += (ssize_t)n;
    }
    return l;
}

/* A thread that was joined is still listed for a moment, and libzmq closes in its own time. */
static struct left look_until(const struct left *wanted)
{
    struct left l = look();
    for (int i = 0; i < SETTLE_MS && memcmp(&l, wanted, sizeof l) != 0; i++) {
        (void)usleep(1000);
        l = look();
    }
    return l;
}

/* ---- one scenario ---- */

static void judge(bool good, const struct error *err, const char *failed)
{
    if (good)
        return;
    if (failed == NULL)
        scenario_wrong("failed by itself: %s", err->text);
    if (err->code == ERROR_NONE || strlen(err->text) < 8)
        scenario_wrong("failed and did not say why: \"%s\"", err->text);
    if (strstr(err->text, "(null)") != NULL || strstr(err->text, ": Success") != NULL)
        scenario_wrong("a sentence that tells nothing: \"%s\"", err->text);
}

/* With the n-th call failing. False: there are fewer calls than n. */
static bool run_once(const struct scenario *s, uint64_t n, bool after)
{
    struct error err = {0};
    struct left before = look();
    call_now = n;
    after_now = after;
    calls_arm(n, after);
    bool good = s->run(&err);
    const char *failed = calls_disarm();
    judge(good, &err, failed);
    if (n == UINT64_MAX) /* the first time: libraries make what stays */
        return false;
    struct left now = look_until(&before);
    if (now.descriptors != before.descriptors || now.threads != before.threads ||
        now.objects != before.objects)
        scenario_wrong("left behind (%s failed): %d descriptors, %d threads, %zd objects of HDF5",
                       failed == NULL ? "nothing" : failed, now.descriptors - before.descriptors,
                       now.threads - before.threads, now.objects - before.objects);
    if (asked.one || calls_show_log)
        (void)printf("  %s %" PRIu64 "%s: %s: %s\n", s->name, n, after ? " and after" : "",
                     failed == NULL ? "none failed" : failed, good ? "good" : err.text);
    return failed != NULL;
}

/* How many calls the scenario makes. Threads make it vary a little: at least so many. */
static uint64_t count_calls(const struct scenario *s)
{
    uint64_t least = 0, step = 4096;
    (void)run_once(s, UINT64_MAX, false);
    for (; step > 0; step /= 2)
        while (run_once(s, least + step, false))
            least += step;
    return least;
}

static void run_all(const struct scenario *s)
{
    scenario_name = s->name;
    if (asked.one) {
        (void)run_once(s, UINT64_MAX, false);
        (void)run_once(s, asked.call, asked.after);
        return;
    }
    uint64_t calls = count_calls(s), points = 0;
    uint64_t step = asked.all ? 1 : calls / asked.points + 1;
    for (int after = 0; after < 2; after++)
        for (uint64_t n = 1 + (uint64_t)after * (step / 2); n <= calls; n += step, points++)
            (void)run_once(s, n, after == 1);
    (void)printf("%-24s %5" PRIu64 " calls, %5" PRIu64 " failures survived\n", s->name, calls,
                 points);
    (void)fflush(stdout);
}

static uint32_t run_list(const struct scenario *list)
{
    uint32_t n = 0;
    for (; list->name != NULL; list++) {
        if (asked.only == NULL || strcmp(asked.only, list->name) == 0) {
            run_all(list);
            n++;
        }
    }
    return n;
}

static bool take_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0)
            asked.all = true;
        else if (strcmp(argv[i], "--after") == 0)
            asked.after = true;
        else if (strcmp(argv[i], "--log") == 0)
            calls_show_log = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            asked.only = argv[++i];
        else if (strcmp(argv[i], "--points") == 0 && i + 1 < argc)
            asked.points = strtoull(argv[++i], NULL, 10) + 1;
        else if (strcmp(argv[i], "--call") == 0 && i + 1 < argc)
            asked.one = (asked.call = strtoull(argv[++i], NULL, 10)) > 0;
        else
            return false;
    }
    return !asked.one || asked.only != NULL;
}

static void remove_directory(void)
{
    DIR *d = opendir(directory);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            (void)unlink(scenario_path(e->d_name));
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    static const struct scenario *const lists[] = {config_scenarios,
                                                   model_scenarios,
                                                   output_scenarios,
                                                   service_scenarios,
                                                   run_scenarios,
                                                   card_scenarios,
                                                   NULL};
    uint32_t n = 0;
    if (!take_arguments(argc, argv)) {
        (void)fprintf(stderr,
                      "usage: failing [--all | --points N] [--only NAME [--call N [--after]]] "
                      "[--log]\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    hdf5_prepare();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (mkdtemp(directory) == NULL)
        return 1;
    (void)atexit(remove_directory);
    for (size_t i = 0; lists[i] != NULL; i++)
        n += run_list(lists[i]);
    return n > 0 ? 0 : 2;
}
