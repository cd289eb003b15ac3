/* How: pairs of slots in each other's field are found once, for both convolutions;
 * slots come in scan order, so the search for a slot's earlier neighbours ends
 * where a row is more than three above. A pair is two terms, p's at q and q's at p,
 * whose taps mirror each other. Plain C in 32 bits, as the plan has proved; sums
 * are unsigned because a dense sum may wrap.
 */
#include "engine/cpu/sparse7.h"

#include <stdlib.h>
#include <string.h>

enum { MIRROR = 6 * 8 + 6, MAX_PAIRS = SPARSE7_SLOTS * (SPARSE7_SLOTS + 1) / 2 };

/* Slot q, at or before p in scan order, lies in p's field. */
struct pair {
    uint8_t p, q, tap; /* tap: the weight of q's value in p's sum */
};

struct state {
    struct sparse7_plan *plan;
    int64_t empty; /* the answer to a window without pixels */
    struct pair pair[MAX_PAIRS];
    uint32_t sum[SPARSE7_CELLS + 1][SPARSE7_FILTERS]; /* of places, 0 between windows */
};

struct list {
    uint32_t n, n_pairs;
    uint32_t cell[SPARSE7_SLOTS];
    int32_t x[SPARSE7_SLOTS];
    bool computed[SPARSE7_SLOTS];
    uint32_t sum[SPARSE7_FILTERS][SPARSE7_SLOTS];
};

/* ---- the list ---- */

static void find_pairs(struct state *s, const struct window *w, struct list *l)
{
    struct pair *out = s->pair;
    for (uint32_t p = 0; p < l->n; p++) {
        int32_t code_p = w->place[p].row * 128 + w->place[p].col + SPARSE7_CENTRE;
        for (uint32_t q = p + 1; q-- > 0 && w->place[p].row - w->place[q].row <= 3;) {
            int32_t d = code_p - (w->place[q].row * 128 + w->place[q].col);
            *out = (struct pair){(uint8_t)p, (uint8_t)q, (uint8_t)((d | d >> 4) & 63)};
            out += (d & SPARSE7_OUTSIDE) == 0; /* no branch: half of them are */
        }
    }
    l->n_pairs = (uint32_t)(out - s->pair);
}

static void list_make(struct state *s, const struct window *w, struct list *l)
{
    const struct sparse7_plan *p = s->plan;
    l->n = w->n_listed;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t r = w->place[i].row * p->cell_mul_h >> 16;
        uint32_t c = w->place[i].col * p->cell_mul_w >> 16;
        bool inside = r < p->pooled_height && c < p->pooled_width;
        l->cell[i] = inside ? r * p->pooled_width + c : p->cells;
        l->x[i] = sparse7_steps_apply(&p->listed, w->value[i], 0);
        l->computed[i] = p->conv[0].mask_slot || l->x[i] != 0;
    }
    find_pairs(s, w, l);
}

/* ---- sums ---- */

/* A product on the sum's grid; rounded, ties to even, in the first generation. */
static inline uint32_t term(const struct sparse7_conv *c, bool rounded, int32_t weight, int32_t x)
{
    uint32_t v = (uint32_t)weight * (uint32_t)x;
    if (!rounded || c->shift == 0) {
        return v;
    }
    return (v + (UINT32_C(1) << (c->shift - 1)) - 1 + (v >> c->shift & 1)) >> c->shift;
}

static inline void sums(const struct state *s, struct list *l, const struct sparse7_conv *c,
                        uint32_t f, bool rounded)
{
    uint32_t *sum = l->sum[f];
    const int16_t *weight = c->weight[f];
    memset(sum, 0, l->n * sizeof *sum);
    for (uint32_t k = 0; k < l->n_pairs; k++) {
        const struct pair *r = &s->pair[k];
        sum[r->p] += term(c, rounded, weight[r->tap], l->x[r->q]);
        if (r->p != r->q) {
            sum[r->q] += term(c, rounded, weight[MIRROR - r->tap], l->x[r->p]);
        }
    }
}

/* The sum with its bias, unless it is 0. */
static int32_t biased(const struct sparse7_plan *p, const struct sparse7_conv *c, uint32_t f,
                      uint32_t sum)
{
    int32_t a = (int32_t)sum;
    bool rounded = p->sum == SPARSE7_ROUNDED;
    a = rounded && a > c->limit ? c->limit : a;
    a += a != 0 ? c->bias[f] : 0;
    if (rounded) {
        a = a < 0 ? 0 : a > c->limit ? c->limit : a;
    }
    return a;
}

static void convolve(const struct state *s, struct list *l, uint32_t which, uint32_t filters)
{
    const struct sparse7_conv *c = &s->plan->conv[which];
    for (uint32_t f = 0; f < filters; f++) {
        if (s->plan->sum == SPARSE7_ROUNDED) {
            sums(s, l, c, f, true);
        } else {
            sums(s, l, c, f, false);
        }
    }
}

static void between(const struct sparse7_plan *p, struct list *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        int32_t x = biased(p, &p->conv[0], 0, l->sum[0][i]);
        l->x[i] = l->computed[i] ? sparse7_steps_apply(&p->between, x, 0) : 0;
        l->computed[i] = p->conv[1].mask_slot || l->x[i] != 0;
    }
}

/* ---- the tail: pool, dense, dense ---- */

static void add_slot(struct state *s, const struct list *l, uint32_t i)
{
    const struct sparse7_plan *p = s->plan;
    for (uint32_t f = 0; f < SPARSE7_FILTERS && l->computed[i]; f++) {
        int32_t x = biased(p, &p->conv[1], f, l->sum[f][i]);
        s->sum[l->cell[i]][f] += (uint32_t)sparse7_steps_apply(&p->features, x, f);
    }
}

static int32_t average(const struct sparse7_pool *q, uint32_t sum)
{
    int64_t x = sum < (uint32_t)q->limit ? (int64_t)sum : q->limit;
    x *= q->factor;
    return (int32_t)((x + q->add + (q->to_even ? x >> q->shift & 1 : 0)) >> q->shift);
}

/* Takes a place's sum, leaving 0, and adds its share of the dense layer. */
static void take_cell(struct state *s, uint32_t cell, uint32_t acc[SPARSE7_HIDDEN])
{
    const struct sparse7_plan *p = s->plan;
    for (uint32_t f = 0; f < SPARSE7_FILTERS; f++) {
        int32_t x = average(&p->pool, s->sum[cell][f]);
        s->sum[cell][f] = 0;
        x = sparse7_steps_apply(&p->pooled, x, (size_t)4 * cell + f);
        for (uint32_t j = 0; x != 0 && j < SPARSE7_HIDDEN; j++) {
            acc[j] += (uint32_t)(p->dense1[cell][f / 2][j][f % 2] * x);
        }
    }
}

static int64_t tail(struct state *s, const struct list *l)
{
    const struct sparse7_plan *p = s->plan;
    uint32_t acc[SPARSE7_HIDDEN], last = (uint32_t)p->dense2_bias;
    memcpy(acc, p->dense1_bias, sizeof acc);
    for (uint32_t i = 0; i < l->n; i++) {
        add_slot(s, l, i);
    }
    for (uint32_t i = 0; i < l->n; i++) {
        const uint32_t *sum = s->sum[l->cell[i]]; /* 0 where it was taken already */
        if ((sum[0] | sum[1] | sum[2]) != 0) {
            take_cell(s, l->cell[i], acc);
        }
    }
    for (uint32_t j = 0; j < SPARSE7_HIDDEN; j++) {
        int32_t x = sparse7_steps_apply(&p->hidden, (int32_t)acc[j], j);
        last += (uint32_t)(x * p->dense2[j] >> p->dense2_shift);
    }
    return sparse7_finish(p, sparse7_steps_apply(&p->last, (int32_t)last, 0));
}

/* ---- the kernel ---- */

static void run(void *state, const struct window *w, int64_t *raw)
{
    struct state *s = state;
    struct list l;
    if (w->n_listed == 0) {
        raw[0] = s->empty;
        return;
    }
    list_make(s, w, &l);
    convolve(s, &l, 0, 1);
    between(s->plan, &l);
    convolve(s, &l, 1, SPARSE7_FILTERS);
    raw[0] = tail(s, &l);
}

static void destroy(void *state)
{
    struct state *s = state;
    sparse7_plan_destroy(&s->plan);
    free(s);
}

static void *create(const struct model *m, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->plan = sparse7_plan_create(m);
    }
    if (s == NULL || s->plan == NULL) {
        free(s);
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
        return NULL;
    }
    struct list none = {0};
    s->empty = tail(s, &none);
    return s;
}

const struct kernel sparse7_portable_kernel = {
    .family = "portable",
    .name = "portable-sparse7",
    .help = "neutrino-shaped networks: two sparse convolutions up to 7 x 7, 64 slots",
    .matches = sparse7_matches,
    .create = create,
    .run = run,
    .destroy = destroy,
};
