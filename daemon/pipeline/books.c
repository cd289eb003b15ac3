/* The books: once a second, and at the end, the event thread holds the monitor's numbers
 * against each other and against its own slots (data/invariant.h has the table).
 *
 * Fragments are counted by three kinds of threads, so their account is exact only where
 * none is under way. The order of looking makes that sure, not luck: a fragment that was
 * received before the first look is, if the readout's hand is empty, with a worker or
 * further; if all jobs are free, with the event thread or ended; if all places for
 * reduced fragments are free, ended, and its end was counted before its place was free.
 */
#include "data/invariant.h"
#include "pipeline/parts.h"

static uint64_t received(const struct monitor *m)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < MONITOR_MAX_SOURCES; i++)
        all += atomic_load_explicit(&m->source[i].received, memory_order_acquire);
    return all;
}

static uint64_t ended(const struct monitor *m)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < MONITOR_MAX_SOURCES; i++) {
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            all += atomic_load_explicit(&m->source[i].fate[k], memory_order_acquire);
    }
    return all;
}

static bool nothing_under_way(const struct pipeline *p)
{
    if (atomic_load_explicit(&p->readout_holds, memory_order_acquire))
        return false;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        if (ring_count(&p->worker[i].free_jobs) != p->settings->readout.fragment_queue)
            return false;
    }
    for (uint32_t i = 0; i < p->n_workers; i++) {
        if (ring_count(&p->worker[i].free_reduced) != PIPELINE_REDUCED_PER_WORKER)
            return false;
    }
    return true;
}

/* Fragments that have no fate though none is under way; 0 also where some are. */
static uint64_t stranded(const struct pipeline *p)
{
    uint64_t before = received(p->monitor);
    if (!nothing_under_way(p))
        return 0;
    uint64_t ends = ended(p->monitor);
    return received(p->monitor) == before ? before - ends : 0;
}

void pipeline_check_books(struct pipeline *p, uint64_t now_ns, bool all_ended)
{
    uint64_t room = p->settings->readout.fragment_queue + PIPELINE_REDUCED_PER_WORKER;
    struct invariant_sight sight = {.now_ns = now_ns,
                                    .undecided = assembler_slots_used(p->assembler) - p->decided,
                                    .undelivered = p->decided,
                                    .fragment_room = p->n_workers * room + 1,
                                    .fragments_stranded = stranded(p),
                                    .ended = all_ended};
    (void)invariant_check_all(p->monitor, &sight);
    p->next_check_ns = now_ns + NS_PER_S;
}
