/* One batch at a time: here nothing is gained by more. */
#include "offline/verify_card.h"

#include "base/clock.h"
#include "engine/cpu/reference.h"
#include "engine/self_test.h"
#include "engine/xrt/offload.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LIMIT_NS (60 * NS_PER_S)
enum { BATCH_WINDOWS = 128 };

struct session {
    struct fpga_settings settings;
    struct model_settings model;
    struct fpga_monitor monitor;
    struct self_test test;
    struct offload *offload;
    int done_fd;
};

/* Lets the card go on. False: it is down, and `err` says why. */
static bool step(struct session *s, const char *xclbin, struct error *err)
{
    offload_tick(s->offload, clock_monotonic_ns());
    for (uint32_t i = 0; i < MONITOR_FPGA_DOWN_COUNT; i++) {
        if (counter_read(&s->monitor.down[i]) > 0)
            return error_set(err, ERROR_SYSTEM, "%s: the card does not score: %s", xclbin,
                             monitor_fpga_down_help((enum fpga_down)i));
    }
    struct pollfd p = {.fd = s->done_fd, .events = POLLIN};
    uint64_t taken;
    if (poll(&p, 1, 10) > 0)
        (void)!read(s->done_fd, &taken, sizeof taken);
    return true;
}

static bool score_batch(struct session *s, const struct model *m, const struct window *window,
                        uint32_t n, int64_t *raw, struct error *err)
{
    int slot;
    while ((slot = offload_slot(s->offload)) < 0) {
        if (!step(s, s->model.xclbin, err))
            return false;
    }
    for (uint32_t i = 0; i < n; i++)
        offload_put(s->offload, slot, i, &window[i]);
    offload_submit(s->offload, slot, n, clock_monotonic_ns());
    while (offload_poll(s->offload, slot, clock_monotonic_ns()) == OFFLOAD_PENDING) {
        if (!step(s, s->model.xclbin, err))
            return false;
    }
    if (offload_poll(s->offload, slot, clock_monotonic_ns()) != OFFLOAD_DONE)
        return step(s, s->model.xclbin, err);
    for (uint32_t i = 0; i < n; i++) {
        if (!offload_result(s->offload, slot, i, raw + (size_t)i * m->n_outputs))
            return error_set(err, ERROR_SYSTEM, "%s: the card does not score: %s", s->model.xclbin,
                             monitor_fpga_down_help(FPGA_DOWN_lied));
    }
    offload_release(s->offload, slot);
    return true;
}

static bool begin(struct session *s, const struct verify_card *card, const struct model *m,
                  struct error *err)
{
    s->settings = (struct fpga_settings){.batches = 1,
                                         .batch_windows = BATCH_WINDOWS,
                                         .deadline_ns = LIMIT_NS,
                                         .start_limit_ns = LIMIT_NS,
                                         .restart_ns = LIMIT_NS};
    (void)snprintf(s->model.xclbin, sizeof s->model.xclbin, "%s", card->xclbin);
    if (card->device_command != NULL)
        (void)snprintf(s->model.device_command, sizeof s->model.device_command, "%s",
                       card->device_command);
    s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    void *state = s->done_fd >= 0 ? reference_kernel.create(m, err) : NULL;
    bool good = state != NULL && self_test_init(&s->test, m, &reference_kernel, state, err);
    if (state != NULL)
        reference_kernel.destroy(state);
    s->offload = good ? offload_create(&s->settings, &s->model, 0, m, &s->test.test, s->done_fd,
                                       &s->monitor, err)
                      : NULL;
    return s->offload != NULL;
}

bool verify_card_score(const struct verify_card *card, const struct model *m,
                       const struct window *window, uint64_t n, int64_t *raw, struct error *err)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory");
    bool good = begin(s, card, m, err);
    for (uint64_t i = 0; good && i < n; i += BATCH_WINDOWS) {
        uint64_t left = n - i;
        good = score_batch(s, m, window + i, left < BATCH_WINDOWS ? (uint32_t)left : BATCH_WINDOWS,
                           raw + i * m->n_outputs, err);
    }
    offload_destroy(&s->offload);
    self_test_fini(&s->test);
    if (s->done_fd >= 0)
        (void)close(s->done_fd);
    free(s);
    return good;
}
