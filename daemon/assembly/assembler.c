/* Open slots are found by the book and stand in a list in the order they were
 * opened: with one timeout for all, that is the order of their deadlines. A slot
 * whose event is over moves to the list of ready ones, then to the caller, then
 * back to the stack of free ones. The lists are indices into one array, so moving
 * a slot is a few stores.
 *
 * Pixels go into a dense grid, found by their bit in the plane's mask. Only the
 * masks are cleared for a new event; the grid keeps what it held.
 */
#include "assembly/assembler.h"

#include "assembly/book.h"
#include "assembly/plane_image.h"
#include "assembly/whole.h"
#include "base/bits.h"
#include "base/clock.h"
#include "data/pixel.h"

#include <stdlib.h>
#include <string.h>

/* An event that is over is known as such for so long, and so many of them. */
enum { KEEP_AT_LEAST = 4096, KEEP_PER_SLOT = 4 };
#define KEEP_LEAST_NS    (2 * NS_PER_S)
#define KEEP_PER_TIMEOUT 5
#define NO_SLOT_INDEX    UINT32_MAX

struct edges {
    struct edge_value *value;
    uint32_t count, capacity;
};

struct slot {
    struct event event;
    uint32_t next, previous; /* in the list it stands in */
    uint64_t deadline_ns;
    struct edges edges[SETTINGS_MAX_PLANES];
};

struct list {
    uint32_t first, last;
};

struct assembler {
    struct assembler_settings settings;
    const struct geometry *g;
    struct slot *slot;
    struct book *book;
    struct list open, ready, free;
    uint32_t used;
    struct assembler_counts counts;
    struct hit *scratch; /* hits of one plane's edges */
    uint64_t memory_bytes;
};

/* --- lists ------------------------------------------------------------- */

static void list_append(struct assembler *a, struct list *l, uint32_t i)
{
    a->slot[i].next = NO_SLOT_INDEX;
    a->slot[i].previous = l->last;
    if (l->last == NO_SLOT_INDEX)
        l->first = i;
    else
        a->slot[l->last].next = i;
    l->last = i;
}

/* The slot that was used last is free first: it is still in the cache, and slots
 * that a quiet run never needs are never touched. */
static void list_prepend(struct assembler *a, struct list *l, uint32_t i)
{
    a->slot[i].previous = NO_SLOT_INDEX;
    a->slot[i].next = l->first;
    if (l->first == NO_SLOT_INDEX)
        l->last = i;
    else
        a->slot[l->first].previous = i;
    l->first = i;
}

static void list_remove(struct assembler *a, struct list *l, uint32_t i)
{
    struct slot *s = &a->slot[i];
    if (s->previous == NO_SLOT_INDEX)
        l->first = s->next;
    else
        a->slot[s->previous].next = s->next;
    if (s->next == NO_SLOT_INDEX)
        l->last = s->previous;
    else
        a->slot[s->next].previous = s->previous;
}

/* --- memory ------------------------------------------------------------ */

/* Wires of a plane as the assembler counts them: an image is one. */
static uint32_t plane_wires(const struct geometry *g, uint32_t p)
{
    return g->images ? 1 : g->plane[p].wires;
}

static uint64_t total_wires(const struct geometry *g)
{
    uint64_t total = 0;
    for (uint32_t p = 0; p < g->n_planes; p++)
        total += plane_wires(g, p);
    return total;
}

static void *take(struct assembler *a, uint64_t count, uint64_t size)
{
    a->memory_bytes += count * size;
    return calloc(count, size);
}

static bool create_slot(struct assembler *a, struct slot *s)
{
    const struct geometry *g = a->g;
    uint64_t all_wires = total_wires(g);
    s->event.slot = s;
    for (uint32_t p = 0; p < g->n_planes; p++) {
        const struct plane_geometry *pg = &g->plane[p];
        struct plane_image *image = &s->event.plane[p];
        uint64_t pixels = (uint64_t)pg->rows * pg->cols;
        image->mask = take(a, (uint64_t)pg->rows * pg->words_per_row, sizeof *image->mask);
        image->value = take(a, pixels * pg->channels, sizeof *image->value);
        image->wire_present = take(a, bits_words(plane_wires(g, p)), sizeof(uint64_t));
        if (image->mask == NULL || image->value == NULL || image->wire_present == NULL)
            return false;
        if (!g->images) {
            struct edges *e = &s->edges[p];
            e->capacity =
                (uint32_t)(((uint64_t)a->settings.edge_values * pg->wires + all_wires - 1) /
                           all_wires);
            e->value = take(a, (uint64_t)e->capacity + 1, sizeof *e->value);
            if (e->value == NULL)
                return false;
        }
        if (a->settings.own_masks)
            image->own_masked = take(a, bits_words(plane_wires(g, p)), sizeof(uint64_t));
        if (a->settings.own_masks && image->own_masked == NULL)
            return false;
        if (a->settings.wire_hits)
            image->wire_hits = take(a, pg->wires, sizeof *image->wire_hits);
        if (a->settings.wire_hits && image->wire_hits == NULL)
            return false;
    }
    if (a->settings.keep_samples) {
        s->event.kept_capacity = (uint32_t)all_wires;
        s->event.kept = take(a, all_wires, sizeof *s->event.kept);
        if (s->event.kept == NULL)
            return false;
    }
    return true;
}

struct assembler *assembler_create(const struct assembler_settings *settings,
                                   const struct geometry *g, struct error *err)
{
    struct assembler *a = calloc(1, sizeof *a);
    if (a == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for event slots");
        return NULL;
    }
    *a = (struct assembler){.settings = *settings,
                            .g = g,
                            .open = {NO_SLOT_INDEX, NO_SLOT_INDEX},
                            .ready = {NO_SLOT_INDEX, NO_SLOT_INDEX},
                            .free = {NO_SLOT_INDEX, NO_SLOT_INDEX}};
    uint64_t keep_ns = KEEP_PER_TIMEOUT * settings->timeout_ns;
    uint32_t keep = KEEP_PER_SLOT * settings->slots;
    a->book = book_create(settings->slots, keep > KEEP_AT_LEAST ? keep : KEEP_AT_LEAST,
                          keep_ns > KEEP_LEAST_NS ? keep_ns : KEEP_LEAST_NS);
    a->slot = take(a, settings->slots, sizeof *a->slot);
    a->scratch = take(a, (uint64_t)settings->edge_values + 1, sizeof *a->scratch);
    bool ok = a->book != NULL && a->slot != NULL && a->scratch != NULL;
    for (uint32_t i = 0; ok && i < settings->slots; i++) {
        a->slot[i].event.index = i;
        ok = create_slot(a, &a->slot[i]);
        list_append(a, &a->free, i);
    }
    if (!ok) {
        error_set(err, ERROR_SYSTEM, "readout.event_slots = %u: no memory for so many",
                  settings->slots);
        assembler_destroy(&a);
        return NULL;
    }
    a->memory_bytes += book_memory_bytes(a->book);
    return a;
}

void assembler_destroy(struct assembler **handle)
{
    struct assembler *a = *handle;
    if (a == NULL)
        return;
    for (uint32_t i = 0; a->slot != NULL && i < a->settings.slots; i++) {
        for (uint32_t p = 0; p < a->g->n_planes; p++) {
            free(a->slot[i].event.plane[p].mask);
            free(a->slot[i].event.plane[p].value);
            free(a->slot[i].event.plane[p].wire_present);
            free(a->slot[i].event.plane[p].wire_hits);
            free(a->slot[i].edges[p].value);
            free(a->slot[i].event.plane[p].own_masked);
        }
        free(a->slot[i].event.kept);
    }
    free(a->slot);
    free(a->scratch);
    book_destroy(&a->book);
    free(a);
    *handle = NULL;
}

/* --- an event opens ----------------------------------------------------- */

static void clear_plane(const struct assembler *a, struct slot *s, uint32_t p)
{
    const struct plane_geometry *pg = &a->g->plane[p];
    struct plane_image *image = &s->event.plane[p];
    uint32_t wires = plane_wires(a->g, p);
    memset(image->mask, 0, (size_t)pg->rows * pg->words_per_row * sizeof *image->mask);
    memset(image->wire_present, 0, bits_words(wires) * sizeof *image->wire_present);
    image->raw = false;
    image->has_data = false;
    image->wires_missing = wires;
    image->masked = pg->masked;
    if (image->wire_hits != NULL)
        memset(image->wire_hits, 0, wires * sizeof *image->wire_hits);
    s->edges[p].count = 0;
}

/* The engine's part of the event (windows, scores) stays: it belongs to the slot. */
static uint32_t open_slot(struct assembler *a, const struct fragment *f)
{
    uint32_t i = a->free.first;
    if (i == NO_SLOT_INDEX)
        return i;
    list_remove(a, &a->free, i);
    list_append(a, &a->open, i);
    a->used++;
    a->counts.opened++;
    struct slot *s = &a->slot[i];
    struct event *e = &s->event;
    e->id = f->id;
    e->event_time_ns = f->event_time_ns;
    e->first_fragment_ns = e->last_fragment_ns = f->arrived_ns;
    e->complete_ns = e->scored_ns = e->decided_ns = 0;
    e->nonfinite_bins = 0;
    e->incomplete = e->brought = false;
    e->n_kept = e->n_missing = 0;
    e->info = NULL;
    e->receipt = NULL;
    e->wires_missing = (uint32_t)total_wires(a->g);
    e->masked = a->g->masked;
    e->decision = (struct decision){0};
    s->deadline_ns = f->arrived_ns + a->settings.timeout_ns;
    for (uint32_t p = 0; p < a->g->n_planes; p++)
        clear_plane(a, s, p);
    book_open(a->book, &f->id, i);
    return i;
}

/* --- a fragment joins its event ------------------------------------------ */

/* Whether the fragment fits what its event has already; ASSEMBLED: it does. */
static enum fragment_fate check(const struct assembler *a, const struct slot *s,
                                const struct reduced *r, uint32_t first, uint32_t wires)
{
    const struct fragment *f = &r->fragment;
    const struct plane_image *image = &s->event.plane[f->plane];
    uint32_t there = bits_count(image->wire_present, first, wires);
    if (there > 0)
        return there == wires ? FRAGMENT_DUPLICATE : FRAGMENT_OVERLAP;
    if (f->event_time_ns != s->event.event_time_ns)
        return FRAGMENT_CONTRADICTION;
    if (f->encoding != ENCODING_EMPTY && image->has_data && image->sample_type != f->sample_type)
        return FRAGMENT_CONTRADICTION;
    if (!a->g->images && r->n_edges > s->edges[f->plane].capacity - s->edges[f->plane].count)
        return FRAGMENT_EDGE_FULL;
    return FRAGMENT_ASSEMBLED;
}

static void join(struct assembler *a, struct slot *s, const struct reduced *r, uint32_t first,
                 uint32_t wires)
{
    const struct fragment *f = &r->fragment;
    struct event *e = &s->event;
    struct plane_image *image = &e->plane[f->plane];
    struct edges *edges = &s->edges[f->plane];
    bits_fill(image->wire_present, first, wires);
    image->wires_missing -= wires;
    e->wires_missing -= wires;
    e->nonfinite_bins += r->nonfinite_bins;
    e->receipt = receipt_join(e->receipt, f->receipt);
    if (f->arrived_ns > e->last_fragment_ns)
        e->last_fragment_ns = f->arrived_ns;
    if (f->encoding != ENCODING_EMPTY) {
        image->has_data = true;
        image->sample_type = f->sample_type;
        image->raw = a->g->images && f->sample_type != SAMPLE_FLOAT32;
    }
    plane_image_add(&a->g->plane[f->plane], image, r->hit, r->n_hits);
    if (image->wire_hits != NULL && r->wire_hits != NULL)
        memcpy(&image->wire_hits[first], r->wire_hits, wires * sizeof *r->wire_hits);
    if (r->n_edges > 0) {
        memcpy(&edges->value[edges->count], r->edge, r->n_edges * sizeof *r->edge);
        edges->count += r->n_edges;
    }
    if (r->message != NULL)
        e->kept[e->n_kept++] = (struct kept_fragment){*f, r->message};
}

/* An event is over: the pixels that fragments shared are put together. */
static void finish(struct assembler *a, uint32_t i)
{
    struct slot *s = &a->slot[i];
    for (uint32_t p = 0; p < a->g->n_planes; p++) {
        if (s->edges[p].count == 0)
            continue;
        struct plane_image *image = &s->event.plane[p];
        uint32_t n = pixel_from_edges(&a->g->plane[p], image->sample_type, s->edges[p].value,
                                      s->edges[p].count, a->scratch, s->edges[p].count);
        plane_image_add(&a->g->plane[p], image, a->scratch, n);
    }
    s->event.incomplete = s->event.wires_missing > 0;
    list_remove(a, &a->open, i);
    list_append(a, &a->ready, i);
}

static enum fragment_fate no_slot(struct assembler *a, const struct identity *id, uint64_t now_ns)
{
    if (a->settings.refuse_when_full) {
        book_refuse(a->book, id, now_ns);
        a->counts.refused++;
    }
    return FRAGMENT_NO_SLOT;
}

/* Opens its event's slot and completes it at once. */
static enum fragment_fate push_whole(struct assembler *a, const struct reduced *r, uint64_t now_ns)
{
    const struct fragment *f = &r->fragment;
    uint32_t i = NO_SLOT_INDEX;
    enum book_state answer = book_find(a->book, &f->id, &i);
    if (answer == BOOK_CLOSED || answer == BOOK_OPEN)
        return FRAGMENT_DUPLICATE;
    i = answer == BOOK_REFUSED ? NO_SLOT_INDEX : open_slot(a, f);
    if (i == NO_SLOT_INDEX)
        return answer == BOOK_REFUSED ? FRAGMENT_NO_SLOT : no_slot(a, &f->id, now_ns);
    whole_fill(&a->slot[i].event, a->g, r);
    book_close(a->book, &f->id, now_ns);
    finish(a, i);
    return FRAGMENT_ASSEMBLED;
}

enum fragment_fate assembler_push(struct assembler *a, const struct reduced *r, uint64_t now_ns)
{
    const struct fragment *f = &r->fragment;
    uint32_t i = NO_SLOT_INDEX;
    book_tidy(a->book, now_ns);
    if (r->whole != NULL)
        return push_whole(a, r, now_ns);
    switch (book_find(a->book, &f->id, &i)) {
    case BOOK_CLOSED:
        return FRAGMENT_LATE;
    case BOOK_REFUSED:
        return FRAGMENT_NO_SLOT;
    case BOOK_UNKNOWN:
    case BOOK_AGAIN:
        i = open_slot(a, f);
        if (i == NO_SLOT_INDEX)
            return no_slot(a, &f->id, now_ns);
        break;
    case BOOK_OPEN:
        break;
    }
    struct slot *s = &a->slot[i];
    uint32_t first = a->g->images ? 0 : f->first_wire;
    uint32_t wires = a->g->images ? 1 : f->wires;
    enum fragment_fate fate = check(a, s, r, first, wires);
    if (fate != FRAGMENT_ASSEMBLED)
        return fate;
    join(a, s, r, first, wires);
    if (s->event.wires_missing == 0) {
        book_close(a->book, &f->id, now_ns);
        finish(a, i);
    }
    return FRAGMENT_ASSEMBLED;
}

/* --- an event leaves ------------------------------------------------------ */

struct event *assembler_take(struct assembler *a, uint64_t now_ns)
{
    uint32_t i = a->open.first;
    if (a->ready.first == NO_SLOT_INDEX && i != NO_SLOT_INDEX && a->slot[i].deadline_ns <= now_ns) {
        book_close(a->book, &a->slot[i].event.id, now_ns);
        finish(a, i);
    }
    i = a->ready.first;
    if (i == NO_SLOT_INDEX)
        return NULL;
    list_remove(a, &a->ready, i);
    a->slot[i].event.complete_ns = now_ns;
    return &a->slot[i].event;
}

void assembler_expire_all(struct assembler *a)
{
    for (uint32_t i = a->open.first; i != NO_SLOT_INDEX; i = a->slot[i].next)
        a->slot[i].deadline_ns = 0;
}

void assembler_forget(struct assembler *a)
{
    book_forget(a->book);
}

void assembler_reopen(struct assembler *a, const struct event *e)
{
    book_reopen(a->book, &e->id);
}

void assembler_release(struct assembler *a, struct event *e, uint64_t now_ns)
{
    struct slot *s = e->slot;
    e->n_kept = 0;
    list_prepend(a, &a->free, (uint32_t)(s - a->slot));
    a->used--;
    book_tidy(a->book, now_ns);
}

uint64_t assembler_next_deadline_ns(const struct assembler *a)
{
    return a->open.first == NO_SLOT_INDEX ? UINT64_MAX : a->slot[a->open.first].deadline_ns;
}

uint32_t assembler_slots_used(const struct assembler *a)
{
    return a->used;
}

struct assembler_counts assembler_counts(const struct assembler *a)
{
    return a->counts;
}

uint64_t assembler_memory_bytes(const struct assembler *a)
{
    return a->memory_bytes;
}
