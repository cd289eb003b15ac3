/* count-work: a fixed amount of a kernel's work, for test_instructions.py to count the
 * instructions of. Everything before and after is left out of the count: valgrind
 * collects only inside count_work.
 *
 *     count-work engine KERNEL               prints how many windows
 *     count-work imaging KERNEL SAMPLE-TYPE  prints how many samples
 *
 * Networks, windows and samples are made up, and the same every time. Exit status 3:
 * this processor, or what stands for it, cannot run the kernel. */
#include "bench/planes.h"
#include "engine/cpu/kernel.h"
#include "imaging/reduce.h"
#include "unit/random_sparse7.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETWORKS = 8, WINDOWS = 10, WIRES = 32, CANNOT = 3 };

void count_work(void (*work)(void *), void *state);

void count_work(void (*work)(void *), void *state)
{
    work(state);
    __asm__ volatile("" ::: "memory");
}

/* Called from where the compiler cannot see it, so that it stays one function. */
static void (*volatile counted)(void (*work)(void *), void *state) = count_work;

static void print(unsigned long units)
{
    printf("%lu\n", units);
}

/* ---- engine --------------------------------------------------------------------- */

struct engine_work {
    const struct kernel *kernel;
    void *state;
    struct window window[WINDOWS];
};

static void score(void *arg)
{
    struct engine_work *e = arg;
    int64_t raw[MODEL_MAX_OUTPUTS];
    for (int i = 0; i < WINDOWS; i++)
        e->kernel->run(e->state, &e->window[i], raw);
}

static bool count_network(struct random_sparse7 *r, const struct kernel *k)
{
    struct error err = {0};
    struct engine_work e = {.kernel = k, .state = k->create(&r->model, &err)};
    if (e.state == NULL)
        return false;
    for (int i = 0; i < WINDOWS; i++)
        random_window_init(r, &e.window[i]);
    counted(score, &e);
    for (int i = 0; i < WINDOWS; i++)
        random_window_fini(&e.window[i]);
    k->destroy(e.state);
    return true;
}

/* Half of the networks as the first firmware computes them, half as they are
 * exported from Keras. */
static int engine(const char *name)
{
    const struct kernel *k = NULL;
    for (size_t i = 0; kernel_table[i]->name != NULL; i++) {
        if (strcmp(kernel_table[i]->name, name) == 0)
            k = kernel_table[i];
    }
    if (k == NULL)
        return CANNOT;
    unsigned long networks = 0;
    for (uint64_t seed = 0; seed < 100 * NETWORKS && networks < NETWORKS; seed++) {
        struct random_sparse7 r;
        random_sparse7_init(&r, seed, networks % 2 == 0 ? 0 : 2, 16);
        bool taken = kernel_usable(k, &r.model) && count_network(&r, k);
        random_sparse7_fini(&r);
        networks += taken;
    }
    print(networks * WINDOWS);
    return networks == NETWORKS ? 0 : CANNOT;
}

/* ---- imaging -------------------------------------------------------------------- */

struct imaging_work {
    struct reducer *reducer;
    struct fragment fragment;
    struct reduced out;
};

static void reduce(void *arg)
{
    struct imaging_work *w = arg;
    (void)reduce_fragment(w->reducer, &w->fragment, &w->out);
}

static bool count_fragment(const struct geometry *g, const char *kernel, enum sample_type type)
{
    struct error err = {0};
    struct imaging_work w = {.reducer = reducer_create(g, &err)};
    reduce_capacity(g, &w.out.hit_capacity, &w.out.edge_capacity);
    w.out.hit = malloc(w.out.hit_capacity * sizeof *w.out.hit);
    w.out.edge = malloc(w.out.edge_capacity * sizeof *w.out.edge);
    void *samples = aligned_alloc(64, (size_t)WIRES * PLANES_TICKS * sample_bytes(type));
    bool good = w.reducer && w.out.hit && w.out.edge && samples && reducer_use(w.reducer, kernel);
    if (good) {
        (void)planes_fill(samples, type, WIRES, 1);
        w.fragment = (struct fragment){
            .kind = PAYLOAD_WIRES, .sample_type = type, .wires = WIRES, .samples = samples};
        counted(reduce, &w);
        print((unsigned long)WIRES * PLANES_TICKS);
    }
    free(samples);
    free(w.out.hit);
    free(w.out.edge);
    reducer_destroy(&w.reducer);
    return good;
}

static int imaging(const char *kernel, const char *type)
{
    const struct preprocessing pre = {.time_rebin = 6,
                                      .bin_floor = 10,
                                      .bin_clip = 100,
                                      .window_time_bins = 256,
                                      .window_wires = 32,
                                      .pool_time = 4,
                                      .pool_wires = 8,
                                      .pixel_threshold = 700,
                                      .image_height = 63,
                                      .image_width = 4,
                                      .pixel_scale = 3200};
    struct detector_settings d = {.ticks = PLANES_TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, WIRES, PLANES_PEDESTAL, 1.0 / PLANES_COUNTS_A_UNIT};
    struct geometry g;
    struct error err = {0};
    if (!geometry_init_wires(&g, &d, &pre, &err)) {
        (void)fprintf(stderr, "count-work: %s\n", err.text);
        return 1;
    }
    bool counts = strcmp(type, "int16") == 0;
    bool good = count_fragment(&g, kernel, counts ? SAMPLE_INT16 : SAMPLE_FLOAT32);
    geometry_fini(&g);
    return good ? 0 : CANNOT;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "engine") == 0)
        return engine(argv[2]);
    if (argc == 4 && strcmp(argv[1], "imaging") == 0)
        return imaging(argv[2], argv[3]);
    (void)fprintf(stderr, "count-work engine KERNEL | imaging KERNEL int16|float32\n");
    return 2;
}
