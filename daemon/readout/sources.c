/* Row of an id: an open hash of twice as many places as there can be rows, so that
 * a search always ends at a free place. Ids never leave. */
#include "readout/sources.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 2 * MONITOR_MAX_SOURCES, OTHERS_ROW = MONITOR_MAX_SOURCES - 1 };

/* What only the readout thread needs to know of a source. */
struct sequence_state {
    uint64_t last;  /* highest number of this life of the source */
    uint64_t below; /* last number below it */
    uint32_t run;   /* numbers below `last` that followed each other */
};

struct sources {
    struct monitor *monitor;
    uint32_t n_rows;
    uint16_t place[PLACES]; /* row, or 0: free */
    struct sequence_state state[MONITOR_MAX_SOURCES];
    bool followed[MONITOR_MAX_SOURCES]; /* `state` is of this run */
};

static uint32_t add_row(struct sources *s, uint32_t row, uint32_t id)
{
    atomic_store_explicit(&s->monitor->source[row].id, id, memory_order_relaxed);
    s->n_rows = row + 1;
    /* Release: a reader that sees the row also sees its id. */
    atomic_store_explicit(&s->monitor->n_sources, s->n_rows, memory_order_release);
    return row;
}

/* Rows of a daemon that is configured again keep their sources. */
static void adopt_rows(struct sources *s, uint32_t known)
{
    s->n_rows = known;
    for (uint32_t row = SOURCES_UNKNOWN_ROW + 1; row < known && row < OTHERS_ROW; row++) {
        uint32_t at = (uint32_t)hash_mix(s->monitor->source[row].id) % PLACES;
        while (s->place[at])
            at = (at + 1) % PLACES;
        s->place[at] = (uint16_t)row;
    }
}

struct sources *sources_create(struct monitor *m, struct error *err)
{
    struct sources *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_SYSTEM, "no memory for the table of sources");
        return NULL;
    }
    s->monitor = m;
    uint32_t known = atomic_load_explicit(&m->n_sources, memory_order_relaxed);
    if (known <= SOURCES_UNKNOWN_ROW)
        add_row(s, SOURCES_UNKNOWN_ROW, 0);
    else
        adopt_rows(s, known);
    return s;
}

void sources_begin_run(struct sources *s)
{
    memset(s->followed, 0, sizeof s->followed);
}

void sources_destroy(struct sources **s)
{
    free(*s);
    *s = NULL;
}

/* The row of an id, made if it is new. */
static uint32_t find_row(struct sources *s, uint32_t id)
{
    uint32_t at = (uint32_t)hash_mix(id) % PLACES;
    while (s->place[at]) {
        uint32_t row = s->place[at];
        if (atomic_load_explicit(&s->monitor->source[row].id, memory_order_relaxed) == id)
            return row;
        at = (at + 1) % PLACES;
    }
    if (s->n_rows >= OTHERS_ROW) { /* full: only the shared row is left */
        if (s->n_rows == OTHERS_ROW)
            add_row(s, OTHERS_ROW, SOURCE_OTHERS);
        return OTHERS_ROW;
    }
    s->place[at] = (uint16_t)s->n_rows;
    return add_row(s, s->n_rows, id);
}

static void begin_again(struct sequence_state *state, struct source_monitor *row, uint64_t sequence)
{
    counter_add(&row->restarts, 1);
    state->last = sequence;
    state->run = 0;
}

static void follow(struct sequence_state *state, struct source_monitor *row, uint64_t sequence,
                   uint64_t now_ns)
{
    if (sequence == state->last + 1) {
        state->last = sequence;
        state->run = 0;
    } else if (sequence == state->last) {
        counter_add(&row->repeated, 1);
    } else if (sequence == 0) {
        begin_again(state, row, 0);
    } else if (sequence > state->last) {
        counter_add(&row->gaps, 1);
        counter_add(&row->missed, sequence - state->last - 1);
        atomic_store_explicit(&row->lost_at_ns[LOSS_network], now_ns, memory_order_relaxed);
        state->last = sequence;
        state->run = 0;
    } else {
        counter_add(&row->out_of_order, 1);
        state->run = state->run > 0 && sequence == state->below + 1 ? state->run + 1 : 1;
        state->below = sequence;
        if (state->run == SOURCES_RESTART_RUN)
            begin_again(state, row, sequence);
    }
}

static void count_message(struct source_monitor *row, size_t payload_bytes, uint64_t now_ns)
{
    counter_add(&row->received, 1);
    counter_add(&row->received_bytes, payload_bytes);
    atomic_store_explicit(&row->last_seen_ns, now_ns, memory_order_relaxed);
}

uint32_t sources_note(struct sources *s, uint32_t source_id, uint64_t sequence,
                      size_t payload_bytes, uint64_t now_ns)
{
    uint32_t index = find_row(s, source_id);
    struct source_monitor *row = &s->monitor->source[index];
    count_message(row, payload_bytes, now_ns);
    if (!s->followed[index]) {
        s->followed[index] = true;
        s->state[index] = (struct sequence_state){.last = sequence};
    } else if (index != OTHERS_ROW) {
        follow(&s->state[index], row, sequence, now_ns);
    }
    return index;
}

uint32_t sources_note_shared(struct sources *s, uint32_t source_id, size_t payload_bytes,
                             uint64_t now_ns)
{
    uint32_t index = find_row(s, source_id);
    count_message(&s->monitor->source[index], payload_bytes, now_ns);
    return index;
}

uint32_t sources_note_unknown(struct sources *s, size_t payload_bytes, uint64_t now_ns)
{
    count_message(&s->monitor->source[SOURCES_UNKNOWN_ROW], payload_bytes, now_ns);
    return SOURCES_UNKNOWN_ROW;
}
