/* fpga: the kernel in SystemVerilog against the published kernels, in cycles: it runs as
 * Verilator translates it (libkernel_rtl.so), with golden windows, which it has to score as the
 * CPU does. Resources are not simulated: they are what fpga/rtl/measure.py --json counted of the
 * same build; without its file, or with one of another build, they are not given.
 *
 *     latency    from a window's last beat, taken at the read port, to its last score on the
 *                write port; the worst window. Windows may differ by nothing.
 *     interval   from one window's last score to the next one's; the worst pair */
#include "bench/cases.h"
#include "bench/goals.h"

#include "engine/xrt/network.h"
#include "engine/xrt/record.h"
#include "rtl/kernel_circuit.h"
#include "rtl/sim/kernel_rtl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* arXiv 2512.06208: sparse-l, xcu250, 5 ns, from the reports of HLS. */
#define PAPER_INTERVAL 84.0
#define PAPER_LUT_16   1192000.0
#define PAPER_DSP_16   4752.0

enum { READ_LATENCY = 30 }; /* cycles of the simulated memory; not part of a window's latency */

struct library {
    void *handle;
    const struct kernel_build *build;
    void *(*create)(void);
    void (*destroy)(void *card);
    bool (*run)(void *card, struct kernel_rtl_launch *launch);
};

/* A row of the table; goals 0: none. Those of lists are for a build of one slot a cycle and, the
 * last column, of two. */
static const struct {
    const char *what, *model;
    enum kernel_form form;
    double latency, paper_latency, interval, interval_two;
} rows[] = {
    {"neutrino 16 bits", "neutrino-sparse_l-16b", KERNEL_IMAGE, 110, 136, 125, 125},
    {"neutrino 8 bits", "neutrino-sparse_l-8b", KERNEL_IMAGE, 110, 133, 63, 63},
    {"neutrino 16 bits", "neutrino-sparse_l-16b", KERNEL_LIST, 0, 136, 20, 10},
    {"neutrino 8 bits", "neutrino-sparse_l-8b", KERNEL_LIST, 0, 133, 20, 10},
    {"jet 16 bits", "jet-sparse_l-16b", KERNEL_IMAGE, 130, 0, 0, 0},
    {"MNIST 16 bits", "sparsemnist-sparse_l-16b", KERNEL_IMAGE, 155, 0, 0, 0},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

struct cycles {
    uint64_t latency, interval;
};

static bool library_open(struct library *l, const char *path, struct error *err)
{
    *l = (struct library){.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (l->handle == NULL)
        return error_set(err, ERROR_CONFIG, "%s", dlerror());
    const struct kernel_build *(*build)(void) = NULL;
    *(void **)&build = dlsym(l->handle, "kernel_build");
    *(void **)&l->create = dlsym(l->handle, "kernel_rtl_create");
    *(void **)&l->destroy = dlsym(l->handle, "kernel_rtl_destroy");
    *(void **)&l->run = dlsym(l->handle, "kernel_rtl_run");
    if (build == NULL || l->create == NULL || l->destroy == NULL || l->run == NULL)
        return error_set(err, ERROR_CONFIG, "%s: not libkernel_rtl.so", path);
    l->build = build();
    return true;
}

/* ---- one network ---- */

struct batch {
    struct xclbin x;
    struct network network;
    uint32_t n;
    uint8_t *windows, *results;
    uint64_t *last_beat, *last_score;
};

static void batch_close(struct batch *b)
{
    network_fini(&b->network);
    free(b->windows);
    free(b->results);
    free(b->last_beat);
    free(b->last_score);
}

/* Windows as the kernel reads them, and room for what it gives. */
static bool batch_open(struct batch *b, const struct library *l, const struct bench_case *c,
                       enum kernel_form form, struct error *err)
{
    *b = (struct batch){.x = {.kernel = "sparse_kernel",
                              .loads = true,
                              .form = form,
                              .n_slots = l->build->slots,
                              .at_once = l->build->at_once,
                              .filters = l->build->filters,
                              .reuse = l->build->reuse},
                        .n = c->windows.n};
    if (!network_init(&b->network, &b->x, c->model, err))
        return false;
    b->windows = calloc(b->n, b->x.window_bytes);
    b->results = calloc(b->n, b->x.result_bytes);
    b->last_beat = calloc(b->n, sizeof *b->last_beat);
    b->last_score = calloc(b->n, sizeof *b->last_score);
    if (!b->windows || !b->results || !b->last_beat || !b->last_score)
        return error_set(err, ERROR_SYSTEM, "no memory for %u windows", b->n);
    for (uint32_t i = 0; i < b->n; i++)
        record_window(&b->x, &c->windows.window[i], b->windows + (size_t)i * b->x.window_bytes);
    return true;
}

/* Twice: the first launch loads the network, the second is timed. */
static bool batch_run(struct batch *b, const struct library *l, struct error *err)
{
    void *card = l->create();
    bool good = true;
    for (uint32_t pass = 0; good && pass < 2; pass++) {
        struct kernel_rtl_launch launch = {.image = pass == 0 ? b->network.image : NULL,
                                           .image_bytes = b->network.bytes,
                                           .windows = b->windows,
                                           .windows_bytes = (uint64_t)b->n * b->x.window_bytes,
                                           .results = b->results,
                                           .results_bytes = (uint64_t)b->n * b->x.result_bytes,
                                           .n_windows = b->n,
                                           .tag = pass * b->n,
                                           .beats = pass == 0 ? 0 : b->x.window_bytes / 64,
                                           .words = b->x.result_bytes / 4,
                                           .latency = READ_LATENCY,
                                           .last_beat = b->last_beat,
                                           .last_score = b->last_score};
        good = (l->run(card, &launch) || error_set(err, ERROR_SYSTEM, "the kernel does not end")) &&
               (launch.error == 0 ||
                error_set(err, ERROR_SYSTEM, "the kernel's error code is %u", launch.error));
    }
    l->destroy(card);
    return good;
}

/* Every score as the CPU's, and the same latency for every window; else the figures are of
 * something else than the network. */
static bool batch_judge(const struct batch *b, const struct bench_case *c, struct cycles *found,
                        struct error *err)
{
    const struct kernel *k = kernel_choose("scalar", c->model, err);
    void *state = k != NULL ? k->create(c->model, err) : NULL;
    int64_t raw[MODEL_MAX_OUTPUTS], want[MODEL_MAX_OUTPUTS];
    uint32_t wrong = 0, late = 0;
    *found = (struct cycles){.latency = b->last_score[0] - b->last_beat[0]};
    for (uint32_t i = 0; state != NULL && i < b->n; i++) {
        k->run(state, &c->windows.window[i], want);
        bool mine = record_result(&b->x, b->results + (size_t)i * b->x.result_bytes, b->n + i, raw);
        wrong += !mine || memcmp(raw, want, b->x.n_outputs * sizeof *raw) != 0;
        late += b->last_score[i] - b->last_beat[i] != found->latency;
        uint64_t step = i == 0 ? 0 : b->last_score[i] - b->last_score[i - 1];
        found->interval = step > found->interval ? step : found->interval;
    }
    if (state == NULL)
        return false;
    k->destroy(state);
    return wrong + late == 0 ||
           error_set(err, ERROR_SYSTEM,
                     "%s: %u of %u windows differ from the CPU's, %u are not as "
                     "fast as the first",
                     c->model->name, wrong, b->n, late);
}

static bool measure(const struct library *l, const char *path, enum kernel_form form,
                    struct cycles *found, struct error *err)
{
    struct bench_case c;
    struct batch b;
    if (!case_open(&c, path, err))
        return false;
    bool good = batch_open(&b, l, &c, form, err) && batch_run(&b, l, err) &&
                batch_judge(&b, &c, found, err);
    batch_close(&b);
    case_close(&c);
    return good;
}

/* ---- the table ---- */

static void add(const struct bench_options *o, const char *what, const char *against,
                const char *unit, double value, double goal, enum goal_sense sense)
{
    goals_add(o->goals, &(struct goal){.what = what,
                                       .against = against,
                                       .unit = unit,
                                       .best = value,
                                       .median = value,
                                       .ratio = value,
                                       .goal = goal,
                                       .sense = sense});
}

static void add_absent(const struct bench_options *o, const char *what, const char *why)
{
    goals_add(o->goals, &(struct goal){.what = what, .against = "", .unit = "", .absent = why});
}

/* False: something failed, which is not the same as a file that is not there. */
static bool run_row(const struct bench_options *o, const struct library *l, size_t i,
                    struct cycles *found)
{
    struct error err = {0};
    char path[1024], what[96], against[64];
    const char *form = rows[i].form == KERNEL_LIST ? "lists" : "images";
    *found = (struct cycles){0};
    (void)snprintf(path, sizeof path, "%s/golden/%s.model.h5", SPARSED_SHARED, rows[i].model);
    (void)snprintf(what, sizeof what, "%s, %s: latency", rows[i].what, form);
    if (access(path, R_OK) != 0) {
        add_absent(o, what, "its golden model is not there");
        return true;
    }
    if (!measure(l, path, rows[i].form, found, &err)) {
        (void)fprintf(stderr, "sparse-bench: %s\n", err.text);
        *found = (struct cycles){0};
        return false;
    }
    (void)snprintf(against, sizeof against,
                   rows[i].paper_latency > 0 ? "paper: %.0f" : "nothing published",
                   rows[i].paper_latency);
    add(o, what, against, "cycles", (double)found->latency, rows[i].latency, GOAL_AT_MOST);
    (void)snprintf(what, sizeof what, "%s, %s: interval", rows[i].what, form);
    (void)snprintf(against, sizeof against,
                   rows[i].paper_latency > 0 ? "paper: %.0f" : "nothing published", PAPER_INTERVAL);
    double goal = l->build->at_once == 2 ? rows[i].interval_two : rows[i].interval;
    add(o, what, against, "cycles", (double)found->interval, goal, GOAL_AT_MOST);
    return true;
}

/* The line of the file that measure.py wrote of this build, or NULL. */
static json_t *resources_of(const char *path, const struct kernel_build *b)
{
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    json_t *found = NULL;
    for (json_t *o;
         f != NULL && found == NULL && (o = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)) != NULL;) {
        uint32_t slots = 0, at_once = 0, filters = 0, reuse = 1;
        bool good = json_unpack(o, "{s:i, s:i, s:i, s?i}", "slots", &slots, "at_once", &at_once,
                                "filters", &filters, "reuse", &reuse) == 0;
        if (good && slots == b->slots && at_once == b->at_once && filters == b->filters &&
            reuse == b->reuse)
            found = o;
        else
            json_decref(o);
    }
    if (f != NULL)
        (void)fclose(f);
    return found;
}

/* Published scores a second and 100,000 LUT, at the same clock, are 1. */
static void add_density(const struct bench_options *o, const char *what, uint64_t interval,
                        double lut, double goal)
{
    if (interval > 0)
        add(o, what, "paper, 16 bits, same clock", "times",
            PAPER_INTERVAL * PAPER_LUT_16 / ((double)interval * lut), goal, GOAL_AT_LEAST);
}

static void add_resources(const struct bench_options *o, const struct kernel_build *b,
                          const struct cycles found[N_ROWS])
{
    json_t *r = resources_of(o->resources, b);
    double lut = 0, dsp = 0, levels = 0, carries = 0;
    bool two = b->at_once == 2;
    if (r == NULL || json_unpack(r, "{s:F, s:F, s:F, s:F}", "lut", &lut, "DSP", &dsp, "levels",
                                 &levels, "carries", &carries) != 0) {
        add_absent(o, "LUT, DSP, longest path",
                   "--resources names no line of measure.py --json for this build");
        json_decref(r);
        return;
    }
    json_decref(r);
    char paper[64];
    (void)snprintf(paper, sizeof paper, "paper, 16 bits: %.0f", PAPER_LUT_16);
    add(o, "LUT, LUTRAM and SRL", paper, "LUT", lut, two ? 75000 : 50000, GOAL_AT_MOST);
    (void)snprintf(paper, sizeof paper, "paper, 16 bits: %.0f", PAPER_DSP_16);
    add(o, "DSP", paper, "DSP", dsp, two ? 400 : 240, GOAL_AT_MOST);
    add(o, "longest path, LUT", "nothing published", "levels", levels, 8, GOAL_AT_MOST);
    add(o, "longest path, carries", "nothing published", "CARRY4", carries, 12, GOAL_AT_MOST);
    add_density(o, "scores/s/LUT, lists", found[2].interval, lut, 80);
    add_density(o, "scores/s/LUT, images of 16 bits", found[0].interval, lut, 14);
}

int bench_fpga(const struct bench_options *o)
{
    struct error err = {0};
    struct library l;
    struct cycles found[N_ROWS];
    bool good = true;
    if (access(o->rtl, R_OK) != 0) {
        add_absent(o, "kernel in SystemVerilog",
                   "libkernel_rtl.so is not built: target kernel_rtl");
        return 0;
    }
    if (!library_open(&l, o->rtl, &err)) {
        (void)fprintf(stderr, "sparse-bench: %s\n", err.text);
        return 1;
    }
    bench_note(o,
               "\nfpga: the kernel in SystemVerilog, %u slots, %u a cycle, reuse %u; cycles by "
               "Verilator",
               l.build->slots, l.build->at_once, l.build->reuse);
    for (size_t i = 0; i < N_ROWS; i++)
        good &= run_row(o, &l, i, &found[i]);
    add_resources(o, l.build, found);
    (void)dlclose(l.handle);
    return good ? 0 : 1;
}
