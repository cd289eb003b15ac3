/* How: a ring of the last events' hits, wire by wire, and their sums. An event's counts take
 * the place of the oldest ones; where a wire is missing the oldest stay. The comparison with
 * both thresholds is a pass over the sums, 64 to a word; only a word that changed is looked
 * at. Masks, their hash and the column bits are made anew only when something changed. */
#include "imaging/hot_wires.h"

#include "base/bits.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct hot_plane {
    uint32_t wires, words;
    uint16_t *ring;          /* [events][wires] */
    uint32_t *sum;           /* [wires] */
    uint64_t *hot;           /* bit w: wire w is hot */
    uint64_t *taken;         /* of them: masked */
    uint64_t *masked;        /* what windows count: the calibration's and all of hot columns */
    uint64_t *column;        /* [words_per_row] columns to take away */
    uint32_t n_hot, n_taken; /* wires */
};

struct hot_wires {
    struct hot_settings settings;
    const struct geometry *g;
    struct monitor *monitor;
    uint64_t hot_above, quiet_at; /* sums */
    uint32_t at;                  /* row of the ring that the next event takes */
    struct hot_plane plane[SETTINGS_MAX_PLANES];
    struct masked_set set;
    uint8_t *list; /* of which set.sha256 is */
    uint64_t memory_bytes;
};

/* ---- life ---- */

static void *take(struct hot_wires *h, uint64_t n, uint64_t bytes)
{
    h->memory_bytes += n * bytes;
    return calloc(n, bytes);
}

static bool take_plane(struct hot_wires *h, struct hot_plane *p, const struct plane_geometry *g)
{
    p->wires = g->wires;
    p->words = bits_words(g->wires);
    p->ring = take(h, (uint64_t)p->wires * h->settings.events, sizeof *p->ring);
    p->sum = take(h, (uint64_t)p->words * 64, sizeof *p->sum);
    p->hot = take(h, p->words, sizeof *p->hot);
    p->taken = take(h, p->words, sizeof *p->taken);
    p->masked = take(h, p->words, sizeof *p->masked);
    p->column = take(h, g->words_per_row, sizeof *p->column);
    if (p->masked != NULL && g->masked != NULL)
        memcpy(p->masked, g->masked, p->words * sizeof *p->masked);
    return p->ring != NULL && p->sum != NULL && p->hot != NULL && p->taken != NULL &&
           p->masked != NULL && p->column != NULL;
}

struct hot_wires *hot_wires_create(const struct hot_settings *settings, const struct geometry *g,
                                   struct monitor *monitor, struct error *err)
{
    struct hot_wires *h = calloc(1, sizeof *h);
    bool good = h != NULL;
    uint64_t wires = 0;
    if (good)
        *h = (struct hot_wires){.settings = *settings,
                                .g = g,
                                .monitor = monitor,
                                .hot_above = (uint64_t)(settings->hits * settings->events),
                                .quiet_at = (uint64_t)(settings->release * settings->events),
                                .set = g->masked};
    for (uint32_t i = 0; good && i < g->n_planes; i++) {
        good = take_plane(h, &h->plane[i], &g->plane[i]);
        wires += g->plane[i].wires;
    }
    if (good)
        good = (h->list = take(h, wires, 8)) != NULL;
    if (!good) {
        error_set(err, ERROR_SYSTEM,
                  "imaging.hot.events = %u: no memory for the hits of so many events",
                  settings->events);
        hot_wires_destroy(&h);
    }
    return h;
}

void hot_wires_destroy(struct hot_wires **handle)
{
    struct hot_wires *h = *handle;
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < SETTINGS_MAX_PLANES; i++) {
        free(h->plane[i].ring);
        free(h->plane[i].sum);
        free(h->plane[i].hot);
        free(h->plane[i].taken);
        free(h->plane[i].masked);
        free(h->plane[i].column);
    }
    free(h->list);
    free(h);
    *handle = NULL;
}

uint64_t hot_wires_memory_bytes(const struct hot_wires *h)
{
    return h->memory_bytes;
}

bool hot_wires_is_hot(const struct hot_wires *h, uint32_t plane, uint32_t wire)
{
    return (h->plane[plane].hot[wire / 64] >> (wire % 64) & 1) != 0;
}

/* ---- counting ---- */

static void count(struct hot_wires *h, struct hot_plane *p, const struct plane_image *image)
{
    uint16_t *row = p->ring + (size_t)h->at * p->wires;
    for (uint32_t w = 0; w < p->wires; w++) {
        /* a missing wire's hits are those of the event that leaves the ring */
        bool came = (image->wire_present[w / 64] >> (w % 64) & 1) != 0;
        uint16_t hits = came ? image->wire_hits[w] : row[w];
        p->sum[w] += (uint32_t)hits - row[w];
        row[w] = hits;
    }
}

/* The hot wires among the 64 of word `i`. Sums behind the last wire are 0. */
static uint64_t judge(const struct hot_wires *h, const struct hot_plane *p, uint32_t i)
{
    uint64_t above = 0, not_quiet = 0;
    for (uint32_t k = 0; k < 64; k++) {
        uint32_t sum = p->sum[64 * i + k];
        above |= (uint64_t)(sum > h->hot_above) << k;
        not_quiet |= (uint64_t)(sum > h->quiet_at) << k;
    }
    return above | (p->hot[i] & not_quiet);
}

/* ---- masking ---- */

/* Wires that are masked stay so while they are hot; others follow, lowest number first, as
 * long as there is room. */
static void choose(const struct hot_wires *h, struct hot_plane *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->words; i++) {
        p->taken[i] &= p->hot[i];
        n += (uint32_t)__builtin_popcountll(p->taken[i]);
    }
    for (uint32_t i = 0; i < p->words && h->settings.action == HOT_MASK; i++) {
        for (uint64_t bits = p->hot[i] & ~p->taken[i]; bits != 0 && n < h->settings.most;
             bits &= bits - 1, n++)
            p->taken[i] |= bits & -bits;
    }
    p->n_taken = n;
}

/* Columns of the wires taken, and all wires of these columns. */
static void spread(struct hot_plane *p, const struct plane_geometry *g)
{
    uint32_t pool = g->pre.pool_wires;
    memset(p->column, 0, g->words_per_row * sizeof *p->column);
    memset(p->masked, 0, p->words * sizeof *p->masked);
    if (g->masked != NULL)
        memcpy(p->masked, g->masked, p->words * sizeof *p->masked);
    for (uint32_t i = 0; i < p->words; i++) {
        for (uint64_t bits = p->taken[i]; bits != 0; bits &= bits - 1) {
            uint32_t col = (64 * i + (uint32_t)__builtin_ctzll(bits)) / pool;
            bits_fill(p->column, col, 1);
            bits_fill(p->masked, col * pool, pool);
        }
    }
}

static void name_set(struct hot_wires *h)
{
    const uint64_t *masked[SETTINGS_MAX_PLANES];
    for (uint32_t i = 0; i < h->g->n_planes; i++)
        masked[i] = h->plane[i].masked;
    size_t bytes = geometry_list_masked(h->g, masked, h->list);
    (void)hash_sha256(h->list, bytes, h->set.sha256); /* without memory: a set of no name */
    h->set.wires = (uint32_t)(bytes / 8);
    h->set.hot_wires = h->set.wires - h->g->masked.wires;
}

/* ---- telling ---- */

static void tell(const struct hot_wires *h, uint32_t plane, uint32_t wire, bool hot)
{
    static struct log_limit limit;
    const struct hot_plane *p = &h->plane[plane];
    uint32_t pool = h->g->plane[plane].pre.pool_wires, first = wire / pool * pool;
    double mean = (double)p->sum[wire] / h->settings.events;
    if (!hot)
        log_write_limited(&limit, LOG_LEVEL_WARN,
                          "plane %u, wire %u is quiet again: %.1f hits an event",
                          h->g->plane[plane].id, wire, mean);
    else if ((p->taken[wire / 64] >> (wire % 64) & 1) == 0)
        log_write_limited(&limit, LOG_LEVEL_WARN, "plane %u, wire %u is hot: %.1f hits an event%s",
                          h->g->plane[plane].id, wire, mean,
                          h->settings.action == HOT_MASK ? "; too many are (imaging.hot.most)"
                                                         : "");
    else
        log_write_limited(&limit, LOG_LEVEL_WARN,
                          "plane %u, wire %u is hot: %.1f hits an event; wires %u to %u are masked",
                          h->g->plane[plane].id, wire, mean, first, first + pool - 1);
}

static void tell_changes(struct hot_wires *h, uint32_t plane, uint32_t word, uint64_t before)
{
    const struct hot_plane *p = &h->plane[plane];
    uint64_t changed = before ^ p->hot[word];
    for (uint64_t bits = changed; bits != 0; bits &= bits - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(bits);
        bool hot = (p->hot[word] >> k & 1) != 0;
        tell(h, plane, 64 * word + k, hot);
        if (h->monitor != NULL)
            counter_add(hot ? &h->monitor->hot_found[plane] : &h->monitor->hot_released[plane], 1);
    }
}

static void show(struct hot_wires *h, uint32_t plane)
{
    const struct hot_plane *p = &h->plane[plane];
    const uint64_t *calibrated = h->g->plane[plane].masked;
    uint32_t masked = bits_count(p->masked, 0, p->wires);
    if (calibrated != NULL)
        masked -= bits_count(calibrated, 0, p->wires);
    if (h->monitor == NULL)
        return;
    atomic_store_explicit(&h->monitor->hot_wires[plane], p->n_hot, memory_order_relaxed);
    atomic_store_explicit(&h->monitor->hot_masked[plane], masked, memory_order_relaxed);
}

/* ---- events ---- */

/* True: the plane's hot wires are not what they were. */
static bool update(struct hot_wires *h, uint32_t plane)
{
    struct hot_plane *p = &h->plane[plane];
    uint64_t differs = 0;
    for (uint32_t i = 0; i < p->words; i++)
        differs |= judge(h, p, i) ^ p->hot[i];
    if (differs == 0)
        return false;
    p->n_hot = 0;
    /* All new bits first: which are masked depends on all of them. */
    for (uint32_t i = 0; i < p->words; i++) {
        p->masked[i] = p->hot[i]; /* as they were, for telling; spread makes it anew */
        p->hot[i] = judge(h, p, i);
        p->n_hot += (uint32_t)__builtin_popcountll(p->hot[i]);
    }
    choose(h, p);
    for (uint32_t i = 0; i < p->words; i++)
        tell_changes(h, plane, i, p->masked[i]);
    spread(p, &h->g->plane[plane]);
    show(h, plane);
    return true;
}

static void take_away(const struct hot_plane *p, const struct plane_geometry *g,
                      struct plane_image *image)
{
    for (uint32_t row = 0; row < g->rows; row++)
        for (uint32_t i = 0; i < g->words_per_row; i++)
            image->mask[(size_t)row * g->words_per_row + i] &= ~p->column[i];
}

void hot_wires_apply(struct hot_wires *h, struct event *ev)
{
    bool changed = false;
    for (uint32_t i = 0; i < h->g->n_planes; i++) {
        count(h, &h->plane[i], &ev->plane[i]);
        changed |= update(h, i);
    }
    h->at = (h->at + 1) % h->settings.events;
    if (changed)
        name_set(h);
    for (uint32_t i = 0; i < h->g->n_planes; i++) {
        if (h->plane[i].n_taken == 0)
            continue;
        take_away(&h->plane[i], &h->g->plane[i], &ev->plane[i]);
        ev->plane[i].masked = h->plane[i].masked;
    }
    ev->masked = h->set;
}
