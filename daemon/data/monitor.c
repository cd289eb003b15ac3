#include "data/monitor.h"

#include <stdio.h>
#include <string.h>

static const char *const stages[] = {
#define X(name, help) #name,
    MONITOR_STAGES(X)
#undef X
};

static const struct {
    const char *name, *help;
} causes[] = {
#define X(name, help) {#name, help},
    MONITOR_DEAD_CAUSES(X)
#undef X
};

static const char *const threads[] = {
#define X(name, help) #name,
    MONITOR_THREADS(X)
#undef X
};

static const char *const invariants[] = {
#define X(name, help) #name,
    MONITOR_INVARIANTS(X)
#undef X
};

static const char *const fpga_states[] = {
#define X(name, help) #name,
    MONITOR_FPGA_STATES(X)
#undef X
};

static const struct {
    const char *name, *help;
} fpga_downs[] = {
#define X(name, help) {#name, help},
    MONITOR_FPGA_DOWNS(X)
#undef X
};

static const char *const fpga_fallbacks[] = {
#define X(name, help) #name,
    MONITOR_FPGA_FALLBACKS(X)
#undef X
};

const char *monitor_stage_name(enum monitor_stage stage)
{
    return stages[stage];
}

const char *monitor_dead_cause_name(enum monitor_dead_cause cause)
{
    return causes[cause].name;
}

const char *monitor_dead_cause_help(enum monitor_dead_cause cause)
{
    return causes[cause].help;
}

const char *monitor_thread_name(enum monitor_thread thread)
{
    return threads[thread];
}

const char *monitor_invariant_name(enum monitor_invariant invariant)
{
    return invariants[invariant];
}

const double monitor_shadow_edge[MONITOR_SHADOW_EDGES] = {0,    0.0001, 0.001, 0.003, 0.01,
                                                          0.03, 0.1,    0.3,   0.6,   1};

static const char *const shadow_verdicts[] = {
#define X(name, help) #name,
    MONITOR_SHADOW_VERDICTS(X)
#undef X
};

const char *monitor_shadow_verdict_name(enum monitor_shadow_verdict verdict)
{
    return shadow_verdicts[verdict];
}

const char *monitor_fpga_state_name(enum fpga_state state)
{
    return fpga_states[state];
}

const char *monitor_fpga_down_name(enum fpga_down cause)
{
    return fpga_downs[cause].name;
}

const char *monitor_fpga_down_help(enum fpga_down cause)
{
    return fpga_downs[cause].help;
}

const char *monitor_fpga_fallback_name(enum fpga_fallback cause)
{
    return fpga_fallbacks[cause];
}

/* ---- time ---- */

void monitor_time_begin(struct monitor *m, uint64_t now_ns)
{
    atomic_store_explicit(&m->timed_until_ns, now_ns, memory_order_release);
}

static counter *time_cell(struct monitor *m, enum monitor_time what)
{
    return what == TIME_live       ? &m->live_ns
           : what == TIME_paused   ? &m->paused_ns
           : what == TIME_draining ? &m->draining_ns
                                   : &m->dead_ns[what];
}

void monitor_time_charge(struct monitor *m, enum monitor_time what, uint64_t now_ns)
{
    uint64_t until = atomic_load_explicit(&m->timed_until_ns, memory_order_relaxed);
    if (now_ns <= until)
        return;
    uint64_t passed = now_ns - until, stalled = 0;
    if (passed > MONITOR_STALL_NS && what != TIME_draining) {
        stalled = passed - MONITOR_STALL_NS;
        counter_add(&m->dead_ns[DEAD_stalled], stalled);
    }
    counter_add(time_cell(m, what), passed - stalled);
    /* Release: who reads `timed` finds at least as much in the classes. */
    atomic_fetch_add_explicit(&m->timed_ns, passed, memory_order_release);
    atomic_store_explicit(&m->timed_until_ns, now_ns, memory_order_release);
}

uint64_t monitor_dead_ns(const struct monitor *m)
{
    uint64_t dead = 0;
    for (uint32_t i = 0; i < MONITOR_DEAD_CAUSE_COUNT; i++)
        dead += counter_read(&m->dead_ns[i]);
    return dead;
}

void monitor_thread_charge(struct thread_monitor *t, bool busy, uint64_t *at_ns, uint64_t now_ns)
{
    if (now_ns <= *at_ns)
        return;
    counter_add(busy ? &t->busy_ns : &t->idle_ns, now_ns - *at_ns);
    atomic_fetch_add_explicit(&t->total_ns, now_ns - *at_ns, memory_order_release);
    *at_ns = now_ns;
}

uint64_t monitor_broken(const struct monitor *m)
{
    uint64_t broken = 0;
    for (uint32_t i = 0; i < MONITOR_INVARIANT_COUNT; i++)
        broken += counter_read(&m->invariant_broken[i]);
    return broken;
}

/* ---- the ledger ---- */

/* Fates before `in`: an event that ends between the two reads then counts as in
 * flight; the other way round in_flight could fall below 0. */
struct ledger monitor_ledger(const struct monitor *m)
{
    struct ledger l = {0};
    uint64_t ended = 0;
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++) {
        l.fate[i] = atomic_load_explicit(&m->event_fate[i], memory_order_acquire);
        ended += l.fate[i];
        l.lost += event_fate_is_loss((enum event_fate)i) ? l.fate[i] : 0;
    }
    l.in = counter_read(&m->events_in);
    l.in_flight = l.in > ended ? l.in - ended : 0;
    return l;
}

/* 184220 -> "184,220" */
static const char *grouped(uint64_t n, char text[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

struct text {
    char *to;
    size_t room; /* with the final zero */
};

static void put(struct text *t, const char *before, uint64_t n)
{
    char number[32];
    int wrote = snprintf(t->to, t->room, "%s%s", before, grouped(n, number));
    size_t used = wrote < 0 ? 0 : (size_t)wrote;
    used = used < t->room ? used : t->room - 1;
    t->to += used;
    t->room -= used;
}

void ledger_format(const struct ledger *l, char *text, uint32_t bytes)
{
    if (bytes == 0) {
        return;
    }
    struct text t = {text, bytes};
    char before[64];
    put(&t, "in ", l->in);
    const char *sign = " = ";
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++) {
        bool tier = i == EVENT_FORWARDED && l->fate[i] == 0; /* of one daemon in two tiers only */
        if (!event_fate_is_loss((enum event_fate)i) && !tier) {
            (void)snprintf(before, sizeof before, "%s%s ", sign,
                           event_fate_name((enum event_fate)i));
            put(&t, before, l->fate[i]);
            sign = " + ";
        }
    }
    put(&t, " + lost ", l->lost);
    const char *open = " (";
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++) {
        if (event_fate_is_loss((enum event_fate)i) && l->fate[i] > 0) {
            (void)snprintf(before, sizeof before, "%s%s ", open,
                           event_fate_name((enum event_fate)i));
            put(&t, before, l->fate[i]);
            open = ", ";
        }
    }
    put(&t, l->lost > 0 ? ") + in flight " : " + in flight ", l->in_flight);
}
