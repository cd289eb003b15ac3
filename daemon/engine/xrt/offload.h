/* offload: one kernel on one card, as the event thread sees it: batches of windows go to
 * sparsed-xrt, the process that holds the card, and come back, or do not; then the card is
 * out until it has proved itself again.
 *
 *              spawned                ready                 vectors right
 *      down ------------> starting ----------> testing --------------------> up
 *       ^ back-off          |                    |                            |
 *       |                   | died, refused,     | died, late, wrong          | died, late,
 *       +-------------------+--------------------+----------------------------+ lied, differed
 *
 * Going down ends the process (SIGKILL), whatever it is doing; its batches are lost to the
 * card, not to the events: whoever submitted them computes them on the CPU. Back-off
 * doubles from fall to fall, up to a minute, and begins anew once the card was up for ten
 * times the first one.
 *
 * Self-test: windows made from a seed, whose scores the caller has computed on the CPU, are
 * sent as the first batch of each process; a card that gets one bit wrong is not used.
 *
 * Nothing here waits. The event thread owns it; only offload_create and a start allocate.
 */
#ifndef SPARSED_ENGINE_XRT_OFFLOAD_H
#define SPARSED_ENGINE_XRT_OFFLOAD_H

#include "base/error.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "engine/xrt/xclbin.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct offload;

enum { OFFLOAD_TEST_WINDOWS = 100 };

/* Windows with known answers, for the self-test. The caller's, for the offload's life. */
struct offload_test {
    const struct window *window; /* [n] */
    const int64_t *raw;          /* [n][n_outputs] */
    uint32_t n;
};

/* Down; the first offload_tick starts its process. `done_fd` is an eventfd that is written when a
 * batch is done. All arguments are borrowed. Errors (CONFIG): the xclbin is not good or not for
 * this model; (SYSTEM): no memory, no sparsed-xrt beside this program. */
struct offload *offload_create(const struct fpga_settings *settings,
                               const struct model_settings *model, uint32_t device,
                               const struct model *m, const struct offload_test *test, int done_fd,
                               struct fpga_monitor *monitor, struct error *err);
void offload_destroy(struct offload **o);

/* Ends the process (SIGKILL) for good: no other is started. */
void offload_end(struct offload *o);

/* Whether there is no process any more. Never waits. */
bool offload_gone(struct offload *o);

/* Moves the picture above on: a process that is due or dead, a test that is over, a batch
 * that is late. Call it whenever the event thread comes round. */
void offload_tick(struct offload *o, uint64_t now_ns);

/* When offload_tick has to be called at the latest; UINT64_MAX: when done_fd says so. */
uint64_t offload_next_ns(const struct offload *o);

/* A free slot of a card that is up, or -1. */
int offload_slot(const struct offload *o);

/* Launches that it runs at a time. */
uint32_t offload_units(const struct offload *o);

/* Windows a slot has room for. */
uint32_t offload_batch_windows(const struct offload *o);

/* Puts window `i` of a batch into a slot. */
void offload_put(struct offload *o, int slot, uint32_t i, const struct window *w);

/* Hands the slot's first n windows to the card. */
void offload_submit(struct offload *o, int slot, uint32_t n, uint64_t now_ns);

enum offload_outcome { OFFLOAD_PENDING, OFFLOAD_DONE, OFFLOAD_LOST };

/* What became of a submitted slot. LOST: the card went down; the slot is free again. */
enum offload_outcome offload_poll(struct offload *o, int slot, uint64_t now_ns);

/* The scores of window `i` of a slot that is DONE. False: what lies there is not its answer
 * (see offload_distrust). */
bool offload_result(struct offload *o, int slot, uint32_t i, int64_t *raw);

/* Frees a slot that is DONE. */
void offload_release(struct offload *o, int slot);

/* Takes a card that is up out: it gave a wrong answer. Its slots are LOST, a DONE one too. */
void offload_distrust(struct offload *o, enum fpga_down cause, uint64_t now_ns);

#endif
