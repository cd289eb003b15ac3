/* One mutex and two conditions: an event takes milliseconds, so that nothing finer
 * is needed. A slot is free when the event `slots` before was taken. */
#include "simulate/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct crew {
    const struct crew_work *work;
    pthread_mutex_t lock;
    pthread_cond_t made, freed;
    uint64_t next;  /* event that the next free worker makes */
    uint64_t taken; /* events the caller has given back */
    bool *ready;    /* [slots] */
    bool ending;
    struct error error; /* of the first worker that failed */
};

struct member {
    struct crew *crew;
    uint32_t number;
    pthread_t thread;
};

static void *work(void *argument)
{
    struct member *m = argument;
    struct crew *c = m->crew;
    const struct crew_work *w = c->work;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->ending && c->next < w->events && c->next - c->taken >= w->slots)
            pthread_cond_wait(&c->freed, &c->lock);
        if (c->ending || c->next >= w->events)
            break;
        uint64_t number = c->next++;
        uint32_t slot = (uint32_t)(number % w->slots);
        pthread_mutex_unlock(&c->lock);
        struct error error = {0};
        bool good = w->make(w->context, m->number, slot, number, &error);
        pthread_mutex_lock(&c->lock);
        if (!good && !c->ending) {
            c->error = error;
            c->ending = true;
        }
        c->ready[slot] = good;
        pthread_cond_broadcast(&c->made);
        if (!good)
            pthread_cond_broadcast(&c->freed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* The caller's part. */
static bool take_all(struct crew *c, struct error *err)
{
    const struct crew_work *w = c->work;
    bool good = true;
    pthread_mutex_lock(&c->lock);
    while (good && c->taken < w->events && !*w->stop) {
        uint32_t slot = (uint32_t)(c->taken % w->slots);
        while (!c->ready[slot] && !c->ending)
            pthread_cond_wait(&c->made, &c->lock);
        if (c->ending)
            break;
        pthread_mutex_unlock(&c->lock);
        good = w->take(w->context, slot, c->taken, err);
        pthread_mutex_lock(&c->lock);
        c->ready[slot] = false;
        c->taken += good;
        pthread_cond_broadcast(&c->freed);
    }
    if (good && c->error.code != ERROR_NONE) {
        *err = c->error;
        good = false;
    }
    c->ending = true;
    pthread_cond_broadcast(&c->freed);
    pthread_mutex_unlock(&c->lock);
    return good;
}

bool crew_run(const struct crew_work *w, uint64_t *taken, struct error *err)
{
    struct crew c = {.work = w};
    struct member *member = calloc(w->threads, sizeof *member);
    c.ready = calloc(w->slots, sizeof *c.ready);
    *taken = 0;
    if (member == NULL || c.ready == NULL) {
        free(member);
        free(c.ready);
        return error_set(err, ERROR_SYSTEM, "no memory for %u threads", w->threads);
    }
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.made, NULL);
    pthread_cond_init(&c.freed, NULL);
    uint32_t started = 0;
    bool good = true;
    for (; good && started < w->threads; started += good) {
        member[started] = (struct member){.crew = &c, .number = started};
        int code = pthread_create(&member[started].thread, NULL, work, &member[started]);
        good = code == 0 || error_set(err, ERROR_SYSTEM, "thread %u of %u: %s", started + 1,
                                      w->threads, strerror(code));
    }
    if (good) {
        good = take_all(&c, err);
    } else {
        pthread_mutex_lock(&c.lock);
        c.ending = true;
        pthread_cond_broadcast(&c.freed);
        pthread_mutex_unlock(&c.lock);
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(member[i].thread, NULL);
    *taken = c.taken;
    pthread_cond_destroy(&c.made);
    pthread_cond_destroy(&c.freed);
    pthread_mutex_destroy(&c.lock);
    free(member);
    free(c.ready);
    return good;
}
