/* One night after the other. A failing one prints what was promised, its last lines, and how
 * to see it again. */
#include "night.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile uint64_t *progress; /* of this process: the seed under way, for its parent */

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
        bool good = night_run(seed);
        steps += night.steps;
        n++;
        seen_look_back();
        if (!good) {
            failed++;
            night_tell();
        }
    }
    (void)printf("%" PRIu64 " nights, %" PRIu64 " steps, %u failed\n", n, steps, failed);
    seen_say();
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

int main(int argc, char **argv)
{
    static const char doc[] = "Nights of the trigger daemon in virtual time, each from its seed.\v"
                              "Exit status 0: every promise was kept.\n\n"
                              "  night --seeds 1..3000\n"
                              "  night --seed 17 --verbose";
    struct arguments a = {1, 1000, 2, 1};
    argp_parse(&(struct argp){options, parse, NULL, doc, NULL, NULL, NULL}, argc, argv, 0, NULL,
               &a);
    if (!night_prepare())
        return 2;
    a.jobs = a.to - a.from + 1 < a.jobs ? (unsigned)(a.to - a.from + 1) : a.jobs;
    bool good = run_jobs(&a);
    night_clean_up();
    return good ? 0 : 1;
}
