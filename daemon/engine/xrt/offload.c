/* Batches are slots of the memory shared with the process. What a slot is to the card is
 * in that memory (shared.h); what it is to us is in `slot`, because when the process goes
 * its memory goes with it. */
#include "engine/xrt/offload.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/xrt/network.h"
#include "engine/xrt/process.h"
#include "engine/xrt/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS        (20 * NS_PER_MS) /* how often a process is looked after */
#define MAX_BACKOFF_NS (60 * NS_PER_S)
#define TRUSTED_TIMES  10 /* up for so many first back-offs: the next is as the first was */

enum slot_use { SLOT_FREE, SLOT_FILLING, SLOT_OUT, SLOT_LOST };

struct slot {
    enum slot_use use;
    uint32_t n_windows, tag;
    uint64_t submitted_ns;
};

struct offload {
    const struct fpga_settings *settings;
    struct fpga_monitor *monitor;
    struct offload_test test;
    struct xclbin xclbin;
    struct network network; /* of a kernel that loads it */
    char program[SETTINGS_PATH_BYTES];
    struct process_settings start;
    struct process process;
    enum fpga_state state;
    uint64_t since_ns;      /* when it came to this state */
    uint64_t next_start_ns; /* while down */
    uint64_t backoff_ns;
    uint64_t next_look_ns;
    bool gone; /* while down: the last process is reaped */
    uint32_t next_tag;
    struct slot slot[SHARED_SLOTS];
};

/* ---- states ---- */

static void go(struct offload *o, enum fpga_state state, uint64_t now_ns)
{
    o->state = state;
    o->since_ns = now_ns;
    atomic_store_explicit(&o->monitor->state, (uint32_t)state, memory_order_relaxed);
}

/* What the process said before it was refused or its batch failed, else what the cause means. */
static const char *reason(const struct offload *o, enum fpga_down cause,
                          char text[SHARED_TEXT_BYTES])
{
    const struct shared *s = o->process.shared;
    bool refused = cause == FPGA_DOWN_refused && s != NULL &&
                   atomic_load_explicit(&s->process, memory_order_acquire) == PROCESS_REFUSED;
    bool failed = cause == FPGA_DOWN_failed && s != NULL && s->error[0] != '\0';
    if (!refused && !failed)
        return monitor_fpga_down_help(cause);
    (void)snprintf(text, SHARED_TEXT_BYTES, "%.*s", SHARED_TEXT_BYTES - 1, s->error);
    return text;
}

static void down(struct offload *o, enum fpga_down cause, uint64_t now_ns)
{
    char text[SHARED_TEXT_BYTES];
    bool trusted = o->state == FPGA_STATE_up &&
                   now_ns - o->since_ns >= TRUSTED_TIMES * o->settings->restart_ns;
    o->backoff_ns = trusted ? o->settings->restart_ns : o->backoff_ns;
    counter_add(&o->monitor->down[cause], 1);
    log_warn("fpga %u (%s): %s; on the CPU until it has proved itself, next start in %.1f s",
             o->start.device, o->xclbin.kernel, reason(o, cause, text),
             (double)o->backoff_ns / 1e9);
    for (uint32_t i = 0; i < SHARED_SLOTS; i++)
        o->slot[i].use = o->slot[i].use == SLOT_OUT ? SLOT_LOST : SLOT_FREE;
    process_kill(&o->process);
    o->next_start_ns = now_ns + o->backoff_ns;
    o->next_look_ns = now_ns;
    o->backoff_ns = o->backoff_ns * 2 < MAX_BACKOFF_NS ? o->backoff_ns * 2 : MAX_BACKOFF_NS;
    go(o, FPGA_STATE_down, now_ns);
}

static void start(struct offload *o, uint64_t now_ns)
{
    struct error err = {0};
    counter_add(&o->monitor->starts, 1);
    o->gone = false;
    if (process_start(&o->process, &o->start, &err)) {
        go(o, FPGA_STATE_starting, now_ns);
    } else {
        log_warn("fpga %u: %s", o->start.device, err.text);
        down(o, FPGA_DOWN_died, now_ns);
    }
}

static uint32_t batch_state(const struct offload *o, int slot)
{
    return atomic_load_explicit(&o->process.shared->batch[slot].state, memory_order_acquire);
}

/* ---- self-test ---- */

static uint32_t test_windows(const struct offload *o)
{
    uint32_t room = offload_batch_windows(o);
    return o->test.n < room ? o->test.n : room;
}

static void begin_test(struct offload *o, uint64_t now_ns)
{
    uint32_t n = test_windows(o);
    o->slot[0].use = SLOT_FILLING;
    for (uint32_t i = 0; i < n; i++)
        offload_put(o, 0, i, &o->test.window[i]);
    offload_submit(o, 0, n, now_ns);
    go(o, FPGA_STATE_testing, now_ns);
}

static bool test_is_right(struct offload *o)
{
    int64_t raw[MODEL_MAX_OUTPUTS];
    const struct xclbin *x = &o->xclbin;
    const uint8_t *results = shared_results(o->process.shared, &o->start.layout, 0);
    for (uint32_t i = 0; i < o->slot[0].n_windows; i++) {
        const uint8_t *from = results + (size_t)i * x->result_bytes;
        if (!record_result(x, from, o->slot[0].tag + i, raw) ||
            memcmp(raw, o->test.raw + (size_t)i * x->n_outputs, x->n_outputs * sizeof *raw) != 0)
            return false;
    }
    return true;
}

static void look_at_test(struct offload *o, uint64_t now_ns)
{
    uint32_t state = batch_state(o, 0);
    if (state == BATCH_FAILED) {
        down(o, FPGA_DOWN_failed, now_ns);
    } else if (state == BATCH_DONE && !test_is_right(o)) {
        down(o, FPGA_DOWN_test, now_ns);
    } else if (state == BATCH_DONE) {
        log_info("fpga %u (%s): up after %u windows of self-test, 0 differ", o->start.device,
                 o->xclbin.kernel, o->slot[0].n_windows);
        offload_release(o, 0);
        go(o, FPGA_STATE_up, now_ns);
    }
}

/* ---- looking after ---- */

static void look_at_start(struct offload *o, uint64_t now_ns)
{
    switch (atomic_load_explicit(&o->process.shared->process, memory_order_acquire)) {
    case PROCESS_READY:
        begin_test(o, now_ns);
        break;
    case PROCESS_REFUSED:
        down(o, FPGA_DOWN_refused, now_ns);
        break;
    default:
        if (now_ns - o->since_ns > o->settings->start_limit_ns)
            down(o, FPGA_DOWN_refused, now_ns);
    }
}

/* How long a batch may be out. The first one of a process may take as long as its start:
 * the card and its driver come out of their beds, and nobody waits for it. */
static uint64_t limit_ns(const struct offload *o)
{
    return o->state == FPGA_STATE_testing ? o->settings->start_limit_ns : o->settings->deadline_ns;
}

/* Whether a batch is back; anything else that stands there is not. */
static bool is_back(const struct offload *o, int slot)
{
    uint32_t state = batch_state(o, slot);
    return state == BATCH_DONE || state == BATCH_FAILED;
}

static bool is_late(const struct offload *o, uint64_t now_ns)
{
    for (int i = 0; i < SHARED_SLOTS; i++) {
        if (o->slot[i].use == SLOT_OUT && now_ns - o->slot[i].submitted_ns > limit_ns(o) &&
            !is_back(o, i))
            return true;
    }
    return false;
}

/* Now and then: whether the process is there. */
static bool look(struct offload *o, uint64_t now_ns)
{
    if (now_ns < o->next_look_ns)
        return true;
    o->next_look_ns = now_ns + LOOK_NS;
    return !process_gone(&o->process);
}

/* Why a process that was in use is gone: it may have said so. */
static enum fpga_down why_gone(const struct offload *o)
{
    if (atomic_load(&o->process.shared->process) == PROCESS_REFUSED)
        return FPGA_DOWN_refused;
    for (int i = 0; i < SHARED_SLOTS; i++) {
        if (o->slot[i].use == SLOT_OUT && batch_state(o, i) == BATCH_FAILED)
            return FPGA_DOWN_failed;
    }
    return FPGA_DOWN_died;
}

static void tick_down(struct offload *o, uint64_t now_ns)
{
    /* A process in a driver's hands may outlive its SIGKILL; there is never a second one. */
    if (!look(o, now_ns))
        o->gone = true;
    if (o->gone && now_ns >= o->next_start_ns)
        start(o, now_ns);
}

void offload_tick(struct offload *o, uint64_t now_ns)
{
    if (o->state == FPGA_STATE_down) {
        tick_down(o, now_ns);
    } else if (is_late(o, now_ns)) {
        down(o, FPGA_DOWN_late, now_ns);
    } else if (!look(o, now_ns)) {
        down(o, why_gone(o), now_ns);
    } else if (o->state == FPGA_STATE_starting) {
        look_at_start(o, now_ns);
    } else if (o->state == FPGA_STATE_testing) {
        look_at_test(o, now_ns);
    }
}

uint64_t offload_next_ns(const struct offload *o)
{
    if (o->state == FPGA_STATE_down)
        return o->gone ? o->next_start_ns : o->next_look_ns;
    uint64_t next = o->next_look_ns;
    for (int i = 0; i < SHARED_SLOTS; i++) {
        uint64_t late = o->slot[i].submitted_ns + limit_ns(o) + 1;
        if (o->slot[i].use == SLOT_OUT && late < next)
            next = late;
    }
    return next;
}

/* ---- batches ---- */

int offload_slot(const struct offload *o)
{
    for (int i = 0; o->state == FPGA_STATE_up && i < (int)o->start.layout.n_slots; i++) {
        if (o->slot[i].use == SLOT_FREE)
            return i;
    }
    return -1;
}

uint32_t offload_units(const struct offload *o)
{
    return o->xclbin.n_units;
}

uint32_t offload_batch_windows(const struct offload *o)
{
    return (uint32_t)o->start.layout.batch_windows;
}

void offload_put(struct offload *o, int slot, uint32_t i, const struct window *w)
{
    o->slot[slot].use = SLOT_FILLING;
    record_window(&o->xclbin, w,
                  shared_windows(o->process.shared, &o->start.layout, (uint32_t)slot) +
                      (size_t)i * o->xclbin.window_bytes);
}

void offload_submit(struct offload *o, int slot, uint32_t n, uint64_t now_ns)
{
    struct shared_batch *b = &o->process.shared->batch[slot];
    o->slot[slot] = (struct slot){SLOT_OUT, n, o->next_tag, now_ns};
    o->next_tag += n;
    b->n_windows = n;
    b->tag = o->slot[slot].tag;
    atomic_store_explicit(&b->state, BATCH_SUBMITTED, memory_order_release);
    counter_add(&o->monitor->launches, 1);
    counter_add(&o->monitor->windows, n);
    process_tell(&o->process);
}

enum offload_outcome offload_poll(struct offload *o, int slot, uint64_t now_ns)
{
    if (o->slot[slot].use == SLOT_LOST) {
        o->slot[slot].use = SLOT_FREE;
        return OFFLOAD_LOST;
    }
    uint32_t state = batch_state(o, slot);
    if (state == BATCH_FAILED) {
        down(o, FPGA_DOWN_failed, now_ns);
        o->slot[slot].use = SLOT_FREE;
        return OFFLOAD_LOST;
    }
    return state == BATCH_DONE ? OFFLOAD_DONE : OFFLOAD_PENDING;
}

bool offload_result(struct offload *o, int slot, uint32_t i, int64_t *raw)
{
    return record_result(&o->xclbin,
                         shared_results(o->process.shared, &o->start.layout, (uint32_t)slot) +
                             (size_t)i * o->xclbin.result_bytes,
                         o->slot[slot].tag + i, raw);
}

void offload_release(struct offload *o, int slot)
{
    bool down_meanwhile = o->slot[slot].use != SLOT_OUT;
    o->slot[slot].use = SLOT_FREE;
    if (down_meanwhile)
        return;
    const struct shared_batch *b = &o->process.shared->batch[slot];
    uint64_t submitted = o->slot[slot].submitted_ns;
    if (b->started_ns >= submitted && b->done_ns >= b->started_ns) {
        histogram_record(&o->monitor->queue_ns, b->started_ns - submitted);
        histogram_record(&o->monitor->card_ns, b->done_ns - b->started_ns);
    }
}

void offload_distrust(struct offload *o, enum fpga_down cause, uint64_t now_ns)
{
    if (o->state == FPGA_STATE_up)
        down(o, cause, now_ns);
}

/* ---- life ---- */

/* sparsed-xrt: as configured, else beside this program. */
static bool find_program(struct offload *o, struct error *err)
{
    (void)snprintf(o->program, sizeof o->program, "%s", o->settings->program);
    if (o->program[0] == '\0') {
        ssize_t n = readlink("/proc/self/exe", o->program, sizeof o->program - 16);
        o->program[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(o->program, '/');
        (void)strcpy(slash != NULL ? slash + 1 : o->program, "sparsed-xrt");
    }
    return access(o->program, X_OK) == 0 ||
           error_set(err, ERROR_CONFIG,
                     "engine.fpga.program: %s: not there: sparsed was built without XRT, or set "
                     "it to where sparsed-xrt is",
                     o->program);
}

struct offload *offload_create(const struct fpga_settings *settings,
                               const struct model_settings *model, uint32_t device,
                               const struct model *m, const struct offload_test *test, int done_fd,
                               struct fpga_monitor *monitor, struct error *err)
{
    struct offload *o = calloc(1, sizeof *o);
    if (o == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the offload");
        return NULL;
    }
    o->settings = settings;
    o->monitor = monitor;
    o->test = *test;
    o->process.work_fd = -1;
    o->backoff_ns = settings->restart_ns;
    if (!xclbin_read(model->xclbin, &o->xclbin, err) ||
        (o->xclbin.loads && !network_init(&o->network, &o->xclbin, m, err)) ||
        !xclbin_fits(&o->xclbin, model->xclbin, m, model->device_command[0] != '\0', err) ||
        !find_program(o, err)) {
        network_fini(&o->network);
        free(o);
        return NULL;
    }
    o->start = (struct process_settings){
        .program = o->program,
        .xclbin = model->xclbin,
        .kernel = o->xclbin.kernel,
        .device_command = model->device_command,
        .device = device,
        .layout = {.n_slots = settings->batches,
                   .window_bytes = o->xclbin.window_bytes,
                   .result_bytes = o->xclbin.result_bytes,
                   .batch_windows = settings->batch_windows,
                   .image_bytes = o->network.bytes,
                   .image_name = o->network.name},
        .image = o->network.image,
        .done_fd = done_fd,
    };
    return o; /* down, and due to start */
}

void offload_end(struct offload *o)
{
    process_kill(&o->process);
    for (uint32_t i = 0; i < SHARED_SLOTS; i++)
        o->slot[i].use = SLOT_FREE;
    o->next_start_ns = UINT64_MAX;
    go(o, FPGA_STATE_down, o->since_ns);
}

bool offload_gone(struct offload *o)
{
    return process_gone(&o->process);
}

void offload_destroy(struct offload **offload)
{
    struct offload *o = *offload;
    if (o == NULL)
        return;
    process_kill(&o->process);
    /* A second for the kernel to take the process away, so that its folder goes too. */
    for (int i = 0; i < 100 && !process_gone(&o->process); i++)
        (void)usleep(10 * 1000);
    network_fini(&o->network);
    free(o);
    *offload = NULL;
}
