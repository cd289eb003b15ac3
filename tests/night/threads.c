/* The daemon's threads without threads: pthread_create remembers a body, whose step a
 * scheduler makes when its turn comes. A thread that had nothing to do sleeps until another
 * one moved or time has passed, as the real ones sleep on their wakes. */
#include "night.h"

#include "pipeline/parts.h"

#include <errno.h>
#include <string.h>

enum { MOST = 16 };

struct actor {
    void *(*body)(void *);
    void *argument;
    const char *name;
    bool there, ended, asleep;
    uint64_t blocked_until_ns;
};

static struct actor actor[MOST];
static uint32_t n_actors;

/* How long a thread sleeps at most when nothing wakes it. */
#define DOZE_NS (20 * NS_PER_MS)

void threads_reset(void)
{
    memset(actor, 0, sizeof actor);
    n_actors = 0;
}

static enum pipeline_step step(struct actor *a)
{
    if (a->body == pipeline_readout_thread)
        return pipeline_readout_step(a->argument, night.now_ns);
    if (a->body == pipeline_worker_thread)
        return pipeline_worker_step(a->argument, night.now_ns);
    if (a->body == pipeline_event_thread)
        return pipeline_event_step(a->argument, night.now_ns);
    if (a->body == pipeline_output_thread)
        return pipeline_output_step(a->argument, night.now_ns);
    if (a->body == pipeline_shadow_thread)
        return pipeline_shadow_step(a->argument);
    return pipeline_record_step(a->argument, night.now_ns);
}

static bool runs(const struct actor *a)
{
    return a->there && !a->ended;
}

struct pipeline *threads_pipeline(void)
{
    for (uint32_t i = 0; i < n_actors; i++) {
        if (actor[i].there && actor[i].body != pipeline_worker_thread)
            return actor[i].argument;
    }
    return NULL;
}

void threads_wake_all(void)
{
    for (uint32_t i = 0; i < n_actors; i++)
        actor[i].asleep = false;
}

static void stall_somebody(struct actor *a)
{
    uint64_t ns = random_below(&night.random, 30) * NS_PER_MS;
    a->blocked_until_ns = night.now_ns + ns;
    night_note("%s gets no time for %llu ms", a->name, (unsigned long long)(ns / NS_PER_MS));
}

bool threads_step(void)
{
    uint32_t ready[MOST], n = 0;
    for (uint32_t i = 0; i < n_actors; i++) {
        const struct actor *a = &actor[i];
        if (runs(a) && !a->asleep && a->blocked_until_ns <= night.now_ns)
            ready[n++] = i;
    }
    if (n == 0)
        return false;
    struct actor *a = &actor[ready[random_below(&night.random, n)]];
    if (random_below(&night.random, 1000) < night.weather.stall) {
        stall_somebody(a);
        return true;
    }
    enum pipeline_step s = step(a);
    night.steps++;
    night.now_ns += 200 + random_below(&night.random, 20000);
    a->asleep = s == STEP_IDLE;
    a->ended = s == STEP_END;
    if (s == STEP_END)
        night_note("thread %s has ended", a->name);
    if (s != STEP_IDLE)
        threads_wake_all();
    return true;
}

uint64_t threads_next_ns(void)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < n_actors; i++) {
        const struct actor *a = &actor[i];
        if (!runs(a))
            continue;
        uint64_t one = night.now_ns + DOZE_NS;
        if (a->blocked_until_ns > night.now_ns)
            one = a->blocked_until_ns;
        else if (a->body == pipeline_event_thread) {
            struct pipeline *p = a->argument;
            uint64_t due = assembler_next_deadline_ns(p->assembler);
            uint64_t cards = epoch_next_ns(p, night.now_ns);
            due = cards < due ? cards : due;
            one = due < one ? due : one;
        }
        next = one < next ? one : next;
    }
    return next;
}

void threads_block(const char *name, uint64_t ns)
{
    for (uint32_t i = 0; i < n_actors; i++) {
        if (strcmp(actor[i].name, name) == 0)
            actor[i].blocked_until_ns = night.now_ns + ns;
    }
}

bool threads_blocked(const char *name)
{
    for (uint32_t i = 0; i < n_actors; i++) {
        if (runs(&actor[i]) && strcmp(actor[i].name, name) == 0 &&
            actor[i].blocked_until_ns > night.now_ns)
            return true;
    }
    return false;
}

/* ---- what the daemon calls ---- */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
int __wrap_pthread_setname_np(pthread_t thread, const char *name);
int __wrap_pthread_tryjoin_np(pthread_t thread, void **result);
int __wrap_nanosleep(const struct timespec *length, struct timespec *left);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    (void)attributes;
    uint32_t i = 0;
    while (i < n_actors && actor[i].there)
        i++;
    if (i == MOST)
        return EAGAIN;
    n_actors = i == n_actors ? i + 1 : n_actors;
    actor[i] = (struct actor){.body = body, .argument = argument, .name = "?", .there = true};
    *thread = (pthread_t)(i + 1);
    return 0;
}

int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
    actor[(size_t)thread - 1].name = name;
    return 0;
}

int __wrap_pthread_tryjoin_np(pthread_t thread, void **result)
{
    (void)result;
    struct actor *a = &actor[(size_t)thread - 1];
    if (!a->there || !a->ended)
        return a->there ? EBUSY : ESRCH;
    a->there = false;
    return 0;
}

int __wrap_nanosleep(const struct timespec *length, struct timespec *left)
{
    (void)left;
    night_pass((uint64_t)length->tv_sec * NS_PER_S + (uint64_t)length->tv_nsec);
    return 0;
}
