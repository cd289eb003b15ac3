/* The candidate looks at events whose decision is out, in a thread of its own: while it
 * does, the event only keeps its slot, and where more than SHADOW_QUEUE events wait for it
 * the next one is left out and counted. Nothing here is seen by a decision.
 */
#include "pipeline/parts.h"

#include <math.h>

/* Rules that fire, prescaled away or not: a prescale is not the model's doing. */
static uint32_t fires(const struct event *ev)
{
    return ev->decision.rules_fired | ev->decision.rules_prescaled;
}

static enum monitor_shadow_verdict verdict(uint32_t now, uint32_t candidate)
{
    if (now == candidate)
        return now != 0 ? SHADOW_both : SHADOW_neither;
    if (candidate == 0)
        return SHADOW_current_only;
    return now == 0 ? SHADOW_candidate_only : SHADOW_other_rules;
}

static void count_difference(struct monitor *m, double difference)
{
    uint32_t i = 0;
    while (i < MONITOR_SHADOW_EDGES && difference > monitor_shadow_edge[i])
        i++;
    counter_add(&m->shadow_difference[i], 1);
}

/* The largest difference of any score of each window of the model's place. Windows in which
 * neither sees a pixel are left out: there are thousands, with one score each. */
static void compare_windows(struct monitor *m, uint32_t place, const struct event *now,
                            const struct event *candidate)
{
    for (uint32_t i = 0; i < now->n_windows; i++) {
        if (now->window[i].model != place ||
            (now->window[i].n_listed == 0 && candidate->window[i].n_listed == 0))
            continue;
        double most = 0;
        uint32_t outputs = now->info->models->entry[place].model->n_outputs;
        for (uint32_t k = 0; k < outputs; k++) {
            double a = now->score[(size_t)i * now->score_stride + k];
            double b = candidate->score[(size_t)i * candidate->score_stride + k];
            most = fmax(most, fabs(a - b));
        }
        count_difference(m, most);
    }
}

static void look(struct pipeline *p, const struct event *ev)
{
    struct epoch *e = epoch_of(ev);
    struct event *candidate = shadow_score(e->shadow, ev);
    trigger_decide(e->shadow_trigger, candidate);
    counter_add(&p->monitor->shadow_verdict[verdict(fires(ev), fires(candidate))], 1);
    compare_windows(p->monitor, e->settings.shadow.model, ev, candidate);
}

bool pipeline_shadow_wants(struct pipeline *p, const struct event *ev)
{
    const struct epoch *e = epoch_of(ev);
    if (e->shadow == NULL || !shadow_chosen(e->shadow, &ev->id))
        return false;
    if (ring_count(&p->to_shadow) < SHADOW_QUEUE)
        return true;
    counter_add(&p->monitor->shadow_skipped, 1);
    return false;
}

enum pipeline_step pipeline_shadow_step(struct pipeline *p)
{
    bool stopped = pipeline_stopped(p, STOP_RECORDER); /* before the last look */
    struct event *ev = ring_pop(&p->to_shadow);
    if (ev == NULL)
        return stopped ? STEP_END : STEP_IDLE;
    look(p, ev);
    ring_push(&p->from_shadow, ev);
    wake_signal(&p->event_wake);
    return STEP_MOVED;
}

void *pipeline_shadow_thread(void *arg)
{
    struct pipeline *p = arg;
    struct thread_clock clock = pipeline_clock(p, THREAD_shadow);
    enum pipeline_step step;
    while ((step = pipeline_shadow_step(p)) != STEP_END) {
        (void)pipeline_busy(&clock);
        if (step == STEP_MOVED)
            continue;
        pipeline_sleep(p, &p->shadow_wake, &p->to_shadow, STOP_RECORDER);
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}
