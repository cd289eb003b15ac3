#include "service/health.h"

#include "data/run_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Dead time of less than this share is nobody's concern. */
#define DEAD_SHARE 0.01

static const struct {
    const char *name, *help;
} states[] = {
#define X(name, help) {#name, help},
    HEALTH_STATES(X)
#undef X
};

const char *health_state_name(enum health_state state)
{
    return states[state].name;
}

const char *health_state_help(enum health_state state)
{
    return states[state].help;
}

bool health_live(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes)
{
    uint64_t beat = atomic_load(&m->heartbeat_ns);
    uint64_t silent = now_ns > beat ? now_ns - beat : 0;
    if (beat != 0 && silent > HEALTH_SILENT_NS) {
        (void)snprintf(text, bytes, "event thread has been silent for %.1f s",
                       (double)silent / 1e9);
        return false;
    }
    (void)snprintf(text, bytes, "alive");
    return true;
}

/* "1 of 2 cards not up, the CPU scores for them: device 0 starting", or nothing. */
static bool say_cards(const struct monitor *m, char *text, size_t bytes)
{
    uint32_t n = atomic_load(&m->n_cards), out = 0;
    char why[256] = "";
    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = atomic_load(&m->card[i].state);
        if (state == FPGA_STATE_up)
            continue;
        size_t used = strlen(why);
        (void)snprintf(why + used, sizeof why - used, "%s device %u %s", out++ > 0 ? "," : "",
                       atomic_load(&m->card[i].device),
                       monitor_fpga_state_name((enum fpga_state)state));
    }
    (void)snprintf(text, bytes, "%u of %u cards not up, the CPU scores for them:%s", out, n, why);
    return out > 0;
}

bool health_ready(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes)
{
    if (atomic_load(&m->stopping)) {
        (void)snprintf(text, bytes, "stopping");
        return false;
    }
    if (!atomic_load(&m->ready)) {
        (void)snprintf(text, bytes, "starting");
        return false;
    }
    if (!health_live(m, now_ns, text, bytes)) {
        return false;
    }
    if (atomic_load(&m->kafka.refused)) {
        (void)snprintf(text, bytes,
                       "left the consumer group: it judges with another model or "
                       "other rules (readout.kafka.mixed)");
        return false;
    }
    if (atomic_load(&m->kafka.consumes) && atomic_load(&m->kafka.partitions) == 0) {
        (void)snprintf(text, bytes,
                       "no partition is this daemon's: no broker, no topic, or more "
                       "daemons than partitions");
        return false;
    }
    char cards[384];
    bool degraded = say_cards(m, cards, sizeof cards);
    (void)snprintf(text, bytes, degraded ? "ready (degraded: %s)" : "ready", cards);
    return true;
}

/* ---- the judge: each of these functions looks at one thing ---- */

__attribute__((format(printf, 3, 4))) static void
because(struct health *h, enum health_state at_least, const char *format, ...)
{
    h->state = at_least > h->state ? at_least : h->state;
    if (h->n == HEALTH_REASONS)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(h->reason[h->n++], HEALTH_REASON_BYTES, format, args);
    va_end(args);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void judge_life(struct health *h, const struct monitor *m, uint64_t now_ns)
{
    char text[HEALTH_REASON_BYTES];
    if (!health_live(m, now_ns, text, sizeof text))
        because(h, HEALTH_trouble, "%s", text);
    for (uint32_t k = 0; k < MONITOR_INVARIANT_COUNT; k++) {
        uint64_t broken = counter_read(&m->invariant_broken[k]);
        if (broken > 0)
            because(h, HEALTH_trouble, "the ledger does not close (%llu checks of %s)",
                    (unsigned long long)broken, monitor_invariant_name((enum monitor_invariant)k));
    }
    if (atomic_load(&m->record_failing))
        because(h, HEALTH_trouble, "the recorder cannot write: accepted events are not recorded");
}

/* "18 events lost in the last 10 s: timeout 18" */
static void judge_losses(struct health *h, const struct counts *recent)
{
    char why[96];
    uint64_t lost = counts_events_lost(recent);
    double dt = seconds(recent->at_ns);
    size_t used = 0;
    for (uint32_t k = 0; k < EVENT_FATE_COUNT && used < sizeof why; k++) {
        if (event_fate_is_loss((enum event_fate)k) && recent->event_fate[k] > 0)
            used += (size_t)snprintf(why + used, sizeof why - used, "%s%s %llu",
                                     used > 0 ? ", " : "", event_fate_name((enum event_fate)k),
                                     (unsigned long long)recent->event_fate[k]);
    }
    if (lost > 0)
        because(h, HEALTH_trouble, "%llu events lost in the last %.0f s: %s",
                (unsigned long long)lost, dt, why);
    lost = counts_fragments_lost(recent);
    used = 0;
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT && used < sizeof why; k++) {
        if (k != FRAGMENT_ASSEMBLED && recent->fragment_fate[k] > 0)
            used +=
                (size_t)snprintf(why + used, sizeof why - used, "%s%s %llu", used > 0 ? ", " : "",
                                 fragment_fate_name((enum fragment_fate)k),
                                 (unsigned long long)recent->fragment_fate[k]);
    }
    if (lost > 0)
        because(h, HEALTH_trouble, "%llu fragments lost in the last %.0f s: %s",
                (unsigned long long)lost, dt, why);
}

static void judge_output(struct health *h, const struct counts *recent)
{
    double dt = seconds(recent->at_ns);
    if (recent->record_lost > 0)
        because(h, HEALTH_trouble, "%llu accepted events not recorded in the last %.0f s",
                (unsigned long long)recent->record_lost, dt);
    if (recent->decisions_missed > 0)
        because(h, HEALTH_trouble, "%llu decisions missed by a subscriber in the last %.0f s",
                (unsigned long long)recent->decisions_missed, dt);
}

static void judge_dead_time(struct health *h, const struct counts *recent)
{
    for (uint32_t k = 0; k < MONITOR_DEAD_CAUSE_COUNT; k++) {
        double share = (double)recent->dead_ns[k] / (double)(recent->at_ns + 1);
        if (share > DEAD_SHARE)
            because(h, HEALTH_trouble, "dead time %.1f %%: %s", 100 * share,
                    monitor_dead_cause_help((enum monitor_dead_cause)k));
    }
}

static void judge_cards(struct health *h, const struct monitor *m)
{
    uint64_t differing = 0;
    uint32_t n = atomic_load(&m->n_cards);
    for (uint32_t i = 0; i < n; i++)
        differing += counter_read(&m->card[i].differing);
    if (differing > 0)
        because(h, HEALTH_trouble, "a card gave %llu scores that are not the CPU's",
                (unsigned long long)differing);
    char text[HEALTH_REASON_BYTES];
    if (say_cards(m, text, sizeof text))
        because(h, HEALTH_degraded, "%s", text);
}

static double silence(const struct monitor *m, uint32_t source, uint64_t now_ns)
{
    uint64_t seen = counter_read(&m->source[source].last_seen_ns);
    return seconds(now_ns > seen ? now_ns - seen : 0);
}

/* Some silent, some not: those are missing. All of them silent: nothing comes, which is
 * no fault between spills or runs. */
static void judge_sources(struct health *h, const struct monitor *m, uint64_t now_ns)
{
    uint32_t n = atomic_load(&m->n_sources), heard = 0, silent = 0;
    double shortest = 1e18, limit = seconds(HEALTH_SILENT_NS);
    n = n < MONITOR_MAX_SOURCES ? n : MONITOR_MAX_SOURCES;
    for (uint32_t i = 1; i < n; i++) {
        double s = silence(m, i, now_ns);
        heard++;
        silent += s > limit;
        shortest = s < shortest ? s : shortest;
    }
    if (heard == 0)
        because(h, HEALTH_idle, "no fragment has come yet");
    else if (silent == heard)
        because(h, HEALTH_idle, "no source has sent for %.0f s", shortest);
    for (uint32_t i = 1; i < n && silent < heard; i++) {
        uint32_t id = atomic_load(&m->source[i].id);
        char name[16] = "others";
        if (id != SOURCE_OTHERS)
            (void)snprintf(name, sizeof name, "%u", id);
        if (silence(m, i, now_ns) > limit)
            because(h, HEALTH_trouble, "source %s silent for %.0f s", name, silence(m, i, now_ns));
    }
}

/* False: no data are taken, so that silence means nothing. */
static bool judge_run(struct health *h, const struct monitor *m)
{
    enum run_state run = (enum run_state)atomic_load(&m->run_state);
    if (run == RUN_ERROR)
        because(h, HEALTH_trouble, "run control is in the state error: %s", run_state_help(run));
    else if (atomic_load(&m->stopping))
        because(h, HEALTH_stopping, "no fragment is taken any more; what came is finished");
    else if (run == RUN_CONFIGURED)
        because(h, HEALTH_idle, "no run is under way: configured, waiting for start");
    else if (!atomic_load(&m->ready))
        because(h, HEALTH_starting, "no fragment is taken yet");
    else if (run == RUN_PAUSED)
        because(h, HEALTH_paused, "paused by an operator: no fragment is taken");
    else
        return true;
    return false;
}

void health_judge(struct health *h, const struct monitor *m, const struct counts *recent,
                  uint64_t now_ns)
{
    *h = (struct health){.state = HEALTH_healthy};
    judge_life(h, m, now_ns);
    judge_losses(h, recent);
    judge_output(h, recent);
    judge_cards(h, m);
    if (judge_run(h, m)) {
        judge_dead_time(h, recent);
        judge_sources(h, m, now_ns);
    }
}
