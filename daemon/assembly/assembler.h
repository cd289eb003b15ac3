/* assembler: reduced fragments of many sources in, whole events out.
 *
 * A readout sends one event as many fragments, from many sources, in any order.
 * The assembler keeps `slots` events open at a time, each with a bit for every
 * wire, and hands an event over when no wire is missing or its time is up.
 *
 *            first fragment             last wire
 *     free ------------------> open ------------------> complete ----> taken by
 *       ^                       |                          ^          the caller
 *       |                       | deadline passed, or      |              |
 *       |                       | assembler_expire_all     |              |
 *       |                       +------> incomplete -------+              |
 *       +------------------------- assembler_release ---------------------+
 *
 * A slot holds what imaging left of each fragment, not the samples. All memory is
 * taken by assembler_create. An identity that was handed over (or refused) is
 * remembered for a while, so that a fragment that comes too late is known as such
 * and does not open its event again. Not thread-safe: the event thread owns it.
 */
#ifndef SPARSED_ASSEMBLY_ASSEMBLER_H
#define SPARSED_ASSEMBLY_ASSEMBLER_H

#include "base/error.h"
#include "data/event.h"
#include "data/fate.h"
#include "data/geometry.h"
#include "data/reduced.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct assembler;

struct assembler_settings {
    uint32_t slots;        /* events open at a time, 1 .. 65536 */
    uint64_t timeout_ns;   /* from an event's first fragment */
    uint32_t edge_values;  /* bins of shared pixels kept for each event, over all planes */
    bool wire_hits;        /* keep how often each wire is hit, of wires */
    bool own_masks;        /* masks of an event stay with it: of two tiers, see data/event.h */
    bool keep_samples;     /* the recorder wants the samples of accepted events */
    bool refuse_when_full; /* with no slot free: refuse the event, else let the caller wait */
};

/* How many events the assembler has seen: in = opened + refused. */
struct assembler_counts {
    uint64_t opened, refused;
};

/* `g` must outlive it. NULL: no memory (SYSTEM). */
struct assembler *assembler_create(const struct assembler_settings *settings,
                                   const struct geometry *g, struct error *err);
void assembler_destroy(struct assembler **a);

/* Takes what a fragment left; or, with r->whole, an event as another tier brought it, which is
 * complete at once, and a DUPLICATE where its event was here before. FRAGMENT_ASSEMBLED: it is part
 * of its event now, and r->message, if any, belongs to the event until assembler_release. Any other
 * fate: nothing was kept, r->message stays the caller's. FRAGMENT_NO_SLOT without refuse_when_full:
 * nothing happened; release an event and push again. */
enum fragment_fate assembler_push(struct assembler *a, const struct reduced *r, uint64_t now_ns);

/* The next event that is complete or whose time is up at `now_ns`, or NULL. The
 * caller owns it until assembler_release. Planes without data have has_data false;
 * event->incomplete says that wires are missing. Never blocks. */
struct event *assembler_take(struct assembler *a, uint64_t now_ns);

/* Makes every open event take-able at once, as if its time were up. */
void assembler_expire_all(struct assembler *a);

/* Forgets which events are over: a run may bring the numbers of an earlier one again. */
void assembler_forget(struct assembler *a);

/* The event was not decided here and may come again: its fragments will not be late. Then
 * release it. */
void assembler_reopen(struct assembler *a, const struct event *e);

/* Gives the slot back. Kept messages are the caller's to close before. */
void assembler_release(struct assembler *a, struct event *e, uint64_t now_ns);

/* When the oldest open event's time is up; UINT64_MAX if none is open. */
uint64_t assembler_next_deadline_ns(const struct assembler *a);

uint32_t assembler_slots_used(const struct assembler *a);
struct assembler_counts assembler_counts(const struct assembler *a);

/* Bytes taken by assembler_create (address space: pages never touched cost nothing). */
uint64_t assembler_memory_bytes(const struct assembler *a);

#endif
