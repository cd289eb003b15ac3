/* How: two buffers as large as the largest tensor; each layer reads one and
 * writes the other. */
#include "engine/cpu/reference.h"

#include "model/layer_load.h"

#include <stdlib.h>
#include <string.h>

struct reference {
    const struct model *model;
    int64_t *buffer[2];
    struct place *place;
    bool *occupied;
};

static uint64_t largest_tensor(const struct model *m)
{
    uint64_t most = 1;
    for (uint32_t i = m->reduce == NULL ? 0 : 1; i < m->n_layers; i++) {
        uint64_t n = layer_elements(&m->layer[i].out);
        most = n > most ? n : most;
    }
    return most;
}

struct reference *reference_create(const struct model *m, struct error *err)
{
    struct reference *r = calloc(1, sizeof *r);
    if (r == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
        return NULL;
    }
    uint64_t n = largest_tensor(m);
    size_t slots = m->reduce == NULL ? 1 : m->reduce->out.slots;
    r->model = m;
    r->buffer[0] = calloc(n, sizeof *r->buffer[0]);
    r->buffer[1] = calloc(n, sizeof *r->buffer[1]);
    r->place = calloc(slots, sizeof *r->place);
    r->occupied = calloc(slots, sizeof *r->occupied);
    if (r->buffer[0] == NULL || r->buffer[1] == NULL || r->place == NULL || r->occupied == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
        reference_destroy(&r);
    }
    return r;
}

void reference_destroy(struct reference **r)
{
    if (*r == NULL) {
        return;
    }
    free((*r)->buffer[0]);
    free((*r)->buffer[1]);
    free((*r)->place);
    free((*r)->occupied);
    free(*r);
    *r = NULL;
}

void reference_trace(struct reference *r, const struct window *w, int64_t *raw, reference_see *see,
                     void *user)
{
    const struct model *m = r->model;
    struct tensors t = {.place = r->place, .occupied = r->occupied, .window = w};
    for (uint32_t i = m->reduce == NULL ? 0 : 1; i < m->n_layers; i++) {
        const struct layer *l = &m->layer[i];
        t.out = r->buffer[i % 2];
        layer_run(l, &t);
        t.in = t.out;
        if (see != NULL) {
            struct reference_tensor seen = {.value = t.out, .n_values = layer_elements(&l->out)};
            if (l->out.sparse) {
                seen.place = r->place;
                seen.occupied = r->occupied;
            }
            see(user, i, l, &seen);
        }
    }
    memcpy(raw, t.in, m->n_outputs * sizeof *raw);
}

void reference_run(struct reference *r, const struct window *w, int64_t *raw)
{
    reference_trace(r, w, raw, NULL, NULL);
}

/* ---- as a kernel ---- */

static bool matches(const struct model *m)
{
    (void)m;
    return true;
}

static void *create(const struct model *m, struct error *err)
{
    return reference_create(m, err);
}

static void run(void *state, const struct window *w, int64_t *raw)
{
    reference_run(state, w, raw);
}

static void destroy(void *state)
{
    struct reference *r = state;
    reference_destroy(&r);
}

const struct kernel reference_kernel = {
    .family = "scalar",
    .name = "scalar",
    .help = "plain int64 arithmetic, the judge of all others",
    .matches = matches,
    .create = create,
    .run = run,
    .destroy = destroy,
};
