/* How: the interval of every lane is carried from cast to cast. A cast is written
 * down as one step for all lanes; a lane that it cannot change gets neutral
 * numbers, and if all are neutral the step is left out.
 */
#include "engine/cpu/sparse7_steps.h"

#include <stdlib.h>
#include <string.h>

bool sparse7_range_init(struct sparse7_range *r, size_t lanes, size_t stride, size_t used,
                        int fraction, int64_t lo, int64_t hi)
{
    *r = (struct sparse7_range){
        .fraction = fraction, .lanes = lanes, .stride = stride, .used = used};
    r->lo = calloc(lanes, sizeof *r->lo);
    r->hi = calloc(lanes, sizeof *r->hi);
    if (r->lo == NULL || r->hi == NULL) {
        sparse7_range_fini(r);
        return false;
    }
    for (size_t i = 0; i < lanes; i++) {
        if (i % stride < used) {
            r->lo[i] = lo < 0 ? lo : 0;
            r->hi[i] = hi > 0 ? hi : 0;
        }
    }
    return true;
}

void sparse7_range_fini(struct sparse7_range *r)
{
    free(r->lo);
    free(r->hi);
    *r = (struct sparse7_range){0};
}

/* ---- one cast of one lane ---- */

/* The numbers of one lane of a step; see the header's formula. */
struct lane {
    int32_t add, mask, sign, lo, hi;
    bool masks, clamps;
};

static const struct lane neutral = {.mask = -1, .lo = INT32_MIN, .hi = INT32_MAX};

/* The grid of `type` is `s` bits coarser than the value's (finer, if negative);
 * *lo and *hi become the interval after the cast, still on the grid before it. */
static bool cast_lane(struct lane *l, const struct fixed_type *type, int s, int64_t *lo,
                      int64_t *hi)
{
    int64_t step = s > 0 ? INT64_C(1) << s : 1;
    int64_t half = s > 0 ? step / 2 : 0;
    *l = neutral;
    if (s > 0 && type->quantization == FIXED_RND_CONV) {
        l->add = (int32_t)(half - 1);
    } else if (s > 0 && type->quantization == FIXED_RND) {
        l->add = (int32_t)half;
    } else if (s > 0 && type->quantization != FIXED_TRN) {
        return false;
    }
    if (s > 0) {
        l->mask = (int32_t)-step;
        if (*hi + half > INT32_MAX) {
            return false;
        }
        *lo = (*lo + l->add) & -step; /* an odd bit can only move it up to a multiple */
        *hi = (*hi + l->add + (type->quantization == FIXED_RND_CONV)) & -step;
        *lo = *lo > 0 ? 0 : *lo;
    }
    /* the type's range on the value's grid; if that is coarser, what is inside */
    int up = s < 0 ? -s : 0;
    if (s + type->width > 62) {
        return *lo >= 0 || type->is_signed; /* wider than any value here */
    }
    int64_t least = (fixed_min(type) >> up) * step;
    int64_t most = (fixed_max(type) >> up) * step;
    if (*lo >= least && *hi <= most) {
        return true;
    }
    int bits = type->width + s; /* that are kept, counted on the value's grid */
    if (type->overflow != FIXED_WRAP) {
        if (s < 0) {
            return false;
        }
        l->clamps = true;
        l->lo = (int32_t)(least < INT32_MIN ? INT32_MIN : least);
        l->hi = (int32_t)(most > INT32_MAX ? INT32_MAX : most);
    } else if (bits < 32) {
        l->masks = true;
        l->mask &= bits <= 0 ? 0 : (int32_t)(UINT32_MAX >> (32 - bits));
        l->sign = bits > 0 && type->is_signed ? (int32_t)(UINT32_C(1) << (bits - 1)) : 0;
    } else if (bits > 32 || !type->is_signed) {
        return false;
    }
    *lo = bits <= 0 && !l->clamps ? 0 : *lo < least || l->masks || bits == 32 ? least : *lo;
    *hi = bits <= 0 && !l->clamps ? 0 : *hi > most || l->masks || bits == 32 ? most : *hi;
    return true;
}

/* A sum that went round 2^32 is right only if nothing but its low bits count. */
static bool fits(const struct sparse7_range *r, size_t i, const struct fixed_type *type, int s)
{
    bool inside = r->lo[i] >= INT32_MIN && r->hi[i] <= INT32_MAX;
    return inside || (type->overflow == FIXED_WRAP && type->width <= 32 && s == 0 && !r->rectify);
}

/* ---- one step of all lanes ---- */

static int32_t *lanes_of(const int32_t *first)
{
    return (int32_t *)(uintptr_t)first; /* this file made them */
}

static bool step_init(struct sparse7_step *p, size_t lanes)
{
    int32_t *all = aligned_alloc(64, 5 * lanes * sizeof *all);
    if (all == NULL) {
        return false;
    }
    *p = (struct sparse7_step){.add = all,
                               .mask = all + lanes,
                               .sign = all + 2 * lanes,
                               .lo = all + 3 * lanes,
                               .hi = all + 4 * lanes};
    return true;
}

static void set_lane(struct sparse7_step *p, size_t i, const struct lane *l)
{
    lanes_of(p->add)[i] = l->add;
    lanes_of(p->mask)[i] = l->mask;
    lanes_of(p->sign)[i] = l->sign;
    lanes_of(p->lo)[i] = l->lo;
    lanes_of(p->hi)[i] = l->hi;
    p->clamps = p->clamps || l->clamps;
    p->masks = p->masks || l->masks;
}

static int64_t shifted(int64_t v, int s)
{
    return s >= 0 ? v >> s : v * (INT64_C(1) << -s);
}

/* The type of lane i: of its element, or one for all (elements == NULL). Width 0:
 * always 0. */
static const struct fixed_type *type_of(const struct sparse7_range *r, size_t i,
                                        const struct fixed_type *elements,
                                        const struct fixed_type *out)
{
    if (elements == NULL) {
        return out;
    }
    return &elements[(i / r->stride) * r->used + i % r->stride];
}

/* A cast to each lane's own type (to out_t, if elements is NULL), then exactly to
 * out_t's grid. */
static bool add_cast(struct sparse7_steps *s, struct sparse7_range *r,
                     const struct fixed_type *elements, const struct fixed_type *out)
{
    if (s->n == SPARSE7_MAX_STEPS || !step_init(&s->step[s->n], r->lanes)) {
        return false;
    }
    struct sparse7_step *p = &s->step[s->n++];
    p->shift = r->fraction - out->fraction;
    p->rectify = r->rectify;
    p->to_even = p->shift > 0 && out->quantization == FIXED_RND_CONV;
    bool moves = p->shift != 0;
    bool good = p->shift < 31 && p->shift > -24;
    for (size_t i = 0; good && i < r->lanes; i++) {
        struct lane l = neutral;
        const struct fixed_type *t = type_of(r, i, elements, out);
        bool used = i % r->stride < r->used;
        int shift = used ? r->fraction - t->fraction : 0;
        if (used && t->width == 0) {
            l.mask = 0;
            l.masks = true;
            r->lo[i] = r->hi[i] = 0;
        } else if (used) {
            int64_t lo = r->rectify && r->lo[i] < 0 ? 0 : r->lo[i];
            int64_t hi = r->hi[i];
            good = shift < 31 && shift > -24 && fits(r, i, t, shift) &&
                   cast_lane(&l, t, shift, &lo, &hi);
            /* ties to even look at one bit, the same for all lanes */
            good = good && (shift <= 0 || t->quantization != FIXED_RND_CONV ||
                            (p->shift == shift && p->to_even));
            l.masks = l.masks || shift > p->shift;
            r->lo[i] = shifted(lo, p->shift);
            r->hi[i] = shifted(hi, p->shift);
            good = good && r->lo[i] >= INT32_MIN && r->hi[i] <= INT32_MAX;
        }
        set_lane(p, i, &l);
    }
    r->fraction = out->fraction;
    r->rectify = false;
    if (good && !moves && !p->masks && !p->clamps && !p->rectify) {
        free(lanes_of(p->add));
        s->n--;
    }
    return good;
}

/* ---- layers ---- */

bool sparse7_steps_cast(struct sparse7_steps *s, struct sparse7_range *r,
                        const struct fixed_type *type)
{
    return add_cast(s, r, NULL, type);
}

static bool any_below_zero(const struct sparse7_range *r)
{
    for (size_t i = 0; i < r->lanes; i++) {
        if (r->lo[i] < 0) {
            return true;
        }
    }
    return false;
}

/* Whether a relu's own cast does nothing to values from 0 on. */
static bool relu_is_plain(const struct sparse7_range *r, const struct fixed_type *type)
{
    for (size_t i = 0; i < r->lanes; i++) {
        if (r->hi[i] > fixed_max(type)) {
            return false;
        }
    }
    return type->fraction == r->fraction;
}

/* A quantizer has a type for each channel where slots are, for each element
 * behind the flatten layer. */
static bool quantize(struct sparse7_steps *s, struct sparse7_range *r, const struct layer *l)
{
    struct fixed_type *elements = calloc(r->lanes, sizeof *elements);
    if (elements == NULL) {
        return false;
    }
    bool to_even = false;
    for (size_t i = 0; i < r->lanes; i++) {
        bool each = !l->in.sparse; /* a type an element, not a channel */
        size_t channel = i % r->stride;
        size_t at = each ? (i / r->stride) * r->used + channel : channel;
        if (channel < r->used && at < l->element_count) {
            elements[(i / r->stride) * r->used + channel] = l->element_t[at];
            to_even = to_even || l->element_t[at].quantization == FIXED_RND_CONV;
        }
    }
    struct fixed_type out = l->out_t;
    out.quantization = to_even ? FIXED_RND_CONV : FIXED_TRN;
    bool good = add_cast(s, r, elements, &out);
    free(elements);
    return good;
}

bool sparse7_steps_layer(struct sparse7_steps *s, struct sparse7_range *r, const struct layer *l)
{
    if (l->class == LAYER_QUANTIZE) {
        return !l->element_per_pixel && quantize(s, r, l);
    }
    if (l->class != LAYER_RELU) {
        return false;
    }
    r->rectify = r->rectify || any_below_zero(r);
    for (size_t i = 0; i < r->lanes; i++) {
        if (r->hi[i] > INT32_MAX || r->lo[i] < INT32_MIN) {
            return false;
        }
        r->lo[i] = r->lo[i] < 0 ? 0 : r->lo[i];
    }
    return relu_is_plain(r, &l->out_t) || add_cast(s, r, NULL, &l->out_t);
}

bool sparse7_steps_end(struct sparse7_steps *s, struct sparse7_range *r)
{
    struct fixed_type any = {
        .width = 32, .integer = 32 - r->fraction, .fraction = r->fraction, .is_signed = true};
    any.quantization = FIXED_TRN;
    any.overflow = FIXED_WRAP;
    return !r->rectify || add_cast(s, r, NULL, &any);
}

void sparse7_steps_fini(struct sparse7_steps *s)
{
    for (int i = 0; i < s->n; i++) {
        free(lanes_of(s->step[i].add));
    }
    s->n = 0;
}
