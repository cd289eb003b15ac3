/* A card behind engine/xrt/offload.h's functions: it scores with the scalar reference, and
 * is late, dies or lies as the night has it. A wrong answer that looks right is given only
 * where every window is checked: elsewhere it would be decided on, and rightly so. */
#include "night.h"

#include "engine/cpu/kernel.h"
#include "engine/xrt/offload.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 8, WINDOWS = 64, OUTPUTS = 2 };

struct slot {
    bool filling, out, lost, lies;
    uint32_t n;
    uint64_t done_ns, late_ns;
    int64_t raw[WINDOWS][OUTPUTS];
};

struct offload {
    const struct fpga_settings *settings;
    struct fpga_monitor *monitor;
    const struct kernel *kernel;
    void *state;
    bool ended;
    uint64_t up_ns; /* when it is up, next */
    uint64_t gone_ns;
    struct slot slot[SLOTS];
};

static uint64_t cards;

void card_reset(void)
{
    cards = 0;
}

uint64_t card_open(void)
{
    return cards;
}

#define W(name) __wrap_offload_##name

struct offload *W(create)(const struct fpga_settings *settings, const struct model_settings *ms,
                          uint32_t device, const struct model *m, const struct offload_test *test,
                          int done_fd, struct fpga_monitor *monitor, struct error *err);
void W(destroy)(struct offload **o);
void W(end)(struct offload *o);
bool W(gone)(struct offload *o);
void W(tick)(struct offload *o, uint64_t now_ns);
uint64_t W(next_ns)(const struct offload *o);
int W(slot)(const struct offload *o);
uint32_t W(units)(const struct offload *o);
uint32_t W(batch_windows)(const struct offload *o);
void W(put)(struct offload *o, int slot, uint32_t i, const struct window *w);
void W(submit)(struct offload *o, int slot, uint32_t n, uint64_t now_ns);
enum offload_outcome W(poll)(struct offload *o, int slot, uint64_t now_ns);
bool W(result)(struct offload *o, int slot, uint32_t i, int64_t *raw);
void W(release)(struct offload *o, int slot);
void W(distrust)(struct offload *o, enum fpga_down cause, uint64_t now_ns);

struct offload *W(create)(const struct fpga_settings *settings, const struct model_settings *ms,
                          uint32_t device, const struct model *m, const struct offload_test *test,
                          int done_fd, struct fpga_monitor *monitor, struct error *err)
{
    (void)ms;
    (void)device;
    (void)test;
    (void)done_fd;
    struct offload *o = calloc(1, sizeof *o);
    o->settings = settings;
    o->monitor = monitor;
    o->kernel = kernel_choose("scalar", m, err);
    o->state = o->kernel->create(m, err);
    cards++;
    return o;
}

void W(destroy)(struct offload **o)
{
    if (*o == NULL)
        return;
    (*o)->kernel->destroy((*o)->state);
    free(*o);
    *o = NULL;
    cards--;
}

static bool up(const struct offload *o)
{
    return atomic_load(&o->monitor->state) == FPGA_STATE_up;
}

static void down(struct offload *o, enum fpga_down cause, uint64_t now_ns)
{
    counter_add(&o->monitor->down[cause], 1);
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &o->slot[i];
        *s = (struct slot){.lost = s->out};
    }
    atomic_store(&o->monitor->state, FPGA_STATE_down);
    o->up_ns = now_ns + random_below(&night.random, 20) * NS_PER_MS;
    night_note("the card is down: %s", monitor_fpga_down_name(cause));
}

void W(end)(struct offload *o)
{
    memset(o->slot, 0, sizeof o->slot);
    atomic_store(&o->monitor->state, FPGA_STATE_down);
    o->ended = true;
    o->gone_ns = night.now_ns + random_below(&night.random, 30) * NS_PER_MS;
}

bool W(gone)(struct offload *o)
{
    return o->ended && o->gone_ns <= night.now_ns;
}

void W(tick)(struct offload *o, uint64_t now_ns)
{
    if (o->ended)
        night_fail("a card that was ended is used");
    if (!up(o) && o->up_ns == 0)
        o->up_ns = now_ns + random_below(&night.random, 10) * NS_PER_MS;
    else if (!up(o) && now_ns >= o->up_ns)
        atomic_store(&o->monitor->state, FPGA_STATE_up);
    for (int i = 0; up(o) && i < SLOTS; i++) {
        if (o->slot[i].out && now_ns >= o->slot[i].late_ns)
            down(o, FPGA_DOWN_late, now_ns);
    }
    if (up(o) && random_below(&night.random, 1000) < night.weather.card_fails)
        down(o, FPGA_DOWN_died, now_ns);
}

uint64_t W(next_ns)(const struct offload *o)
{
    uint64_t next = up(o) ? UINT64_MAX : o->up_ns;
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *s = &o->slot[i];
        uint64_t one = s->done_ns < s->late_ns ? s->done_ns : s->late_ns;
        if (s->out && one < next)
            next = one;
    }
    return next;
}

int W(slot)(const struct offload *o)
{
    for (int i = 0; up(o) && i < (int)o->settings->batches; i++) {
        const struct slot *s = &o->slot[i];
        if (!s->filling && !s->out && !s->lost)
            return i;
    }
    return -1;
}

uint32_t W(units)(const struct offload *o)
{
    (void)o;
    return 1;
}

uint32_t W(batch_windows)(const struct offload *o)
{
    return o->settings->batch_windows < WINDOWS ? o->settings->batch_windows : WINDOWS;
}

void W(put)(struct offload *o, int slot, uint32_t i, const struct window *w)
{
    o->slot[slot].filling = true;
    o->kernel->run(o->state, w, o->slot[slot].raw[i]);
}

void W(submit)(struct offload *o, int slot, uint32_t n, uint64_t now_ns)
{
    const struct weather *w = &night.weather;
    struct slot *s = &o->slot[slot];
    s->filling = false;
    s->out = true;
    s->n = n;
    s->done_ns = now_ns + random_below(&night.random, 300000);
    s->late_ns = now_ns + o->settings->deadline_ns;
    if (random_below(&night.random, 1000) < w->card_late)
        s->done_ns = UINT64_MAX;
    s->lies = random_below(&night.random, 1000) < w->card_lies;
    if (o->settings->cross_check >= 1 && random_below(&night.random, 1000) < w->card_lies)
        s->raw[random_below(&night.random, n)][0] ^= 1;
    counter_add(&o->monitor->launches, 1);
    counter_add(&o->monitor->windows, n);
}

enum offload_outcome W(poll)(struct offload *o, int slot, uint64_t now_ns)
{
    struct slot *s = &o->slot[slot];
    if (s->lost) {
        s->lost = false;
        return OFFLOAD_LOST;
    }
    return s->out && now_ns >= s->done_ns ? OFFLOAD_DONE : OFFLOAD_PENDING;
}

bool W(result)(struct offload *o, int slot, uint32_t i, int64_t *raw)
{
    memcpy(raw, o->slot[slot].raw[i], sizeof o->slot[slot].raw[i]);
    raw[0] ^= o->slot[slot].lies ? 3 : 0;
    return !o->slot[slot].lies;
}

/* What went down meanwhile is lost no more: its answers have been looked at. */
void W(release)(struct offload *o, int slot)
{
    o->slot[slot] = (struct slot){0};
}

void W(distrust)(struct offload *o, enum fpga_down cause, uint64_t now_ns)
{
    if (up(o))
        down(o, cause, now_ns);
}
