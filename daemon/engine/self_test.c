#include "engine/self_test.h"

#include "base/hash.h"

#include <stdlib.h>

enum { LONGEST = 256 }; /* pixels of a window; more than any card's list so far */

/* A stream of numbers that is the same everywhere. */
static uint64_t next(uint64_t *state)
{
    return *state = hash_mix(*state);
}

static int32_t above(const struct model *m, uint64_t random)
{
    int64_t least = m->reduce != NULL ? m->reduce->threshold_raw + 1 : 1;
    int64_t most = fixed_max(m->input_t);
    if (least > most)
        return (int32_t)most;
    return (int32_t)(random % 8 == 0 ? most
                                     : least + (int64_t)(random % (uint64_t)(most - least + 1)));
}

static int compare_places(const void *a, const void *b)
{
    const struct pixel *p = a, *q = b;
    return p->row != q->row ? p->row - q->row : p->col - q->col;
}

/* Distinct places in scan order; every second window is crowded into one corner, where
 * all kernels overlap. Returns how many. */
static uint32_t draw_places(const struct model *m, struct pixel *place, uint32_t n, uint64_t *state)
{
    uint32_t side = next(state) % 2 == 0 ? 24 : 65535, distinct = 0;
    uint32_t rows = m->height < side ? m->height : side, cols = m->width < side ? m->width : side;
    for (uint32_t i = 0; i < n; i++)
        place[i] = (struct pixel){(uint16_t)(next(state) % rows), (uint16_t)(next(state) % cols)};
    qsort(place, n, sizeof *place, compare_places);
    for (uint32_t i = 0; i < n; i++) {
        if (distinct == 0 || compare_places(&place[i], &place[distinct - 1]) != 0)
            place[distinct++] = place[i];
    }
    return distinct;
}

bool self_test_init(struct self_test *t, const struct model *m, const struct kernel *kernel,
                    void *state, struct error *err)
{
    uint32_t longest = m->max_listed < LONGEST ? m->max_listed : LONGEST;
    size_t pixels = (size_t)OFFLOAD_TEST_WINDOWS * longest;
    *t = (struct self_test){
        .window = calloc(OFFLOAD_TEST_WINDOWS, sizeof *t->window),
        .place = calloc(pixels, sizeof *t->place),
        .value = calloc(pixels * m->channels, sizeof *t->value),
        .raw = calloc((size_t)OFFLOAD_TEST_WINDOWS * m->n_outputs, sizeof *t->raw),
    };
    if (t->window == NULL || t->place == NULL || t->value == NULL || t->raw == NULL) {
        self_test_fini(t);
        return error_set(err, ERROR_SYSTEM, "no memory for the self-test of cards");
    }
    uint64_t random = 1;
    for (uint32_t i = 0; i < OFFLOAD_TEST_WINDOWS; i++) {
        struct pixel *place = t->place + (size_t)i * longest;
        int32_t *value = t->value + (size_t)i * longest * m->channels;
        uint32_t n = draw_places(m, place, i % (longest + 1), &random);
        for (uint32_t k = 0; k < n * m->channels; k++)
            value[k] = above(m, next(&random));
        t->window[i] =
            (struct window){.n_active = n, .n_listed = n, .place = place, .value = value};
        kernel->run(state, &t->window[i], t->raw + (size_t)i * m->n_outputs);
    }
    t->test = (struct offload_test){t->window, t->raw, OFFLOAD_TEST_WINDOWS};
    return true;
}

void self_test_fini(struct self_test *t)
{
    free(t->window);
    free(t->place);
    free(t->value);
    free(t->raw);
    *t = (struct self_test){0};
}
