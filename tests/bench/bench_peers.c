/* peers: other programs that compute the same networks, turn by turn with ours.
 *
 *     onnxruntime     the standard CNN in float32, one thread (onnx_peer.py): windows
 *                     one at a time, and all of them as one batch
 *     C simulation    of the kernel that is synthesised for a card: libkernel_NAME.so,
 *                     made by the project that sparse-hls writes (--kernel)
 *
 * onnx_peer.py is a process of its own: it is told to take its turn, measures
 * itself, and answers with the time. All times are processor time. */
#include "bench/cases.h"
#include "bench/goals.h"

#include "../../fpga/hls/kernel_abi.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- onnxruntime ---------------------------------------------------------------- */

static const char standard[] = SPARSED_SHARED "/golden/neutrino-full-16b.model.h5";
static const char standard_vectors[] = SPARSED_SHARED "/golden/neutrino-full-16b.vectors.h5";

struct onnx {
    pid_t pid;
    FILE *ask, *answer;
    uint32_t windows;
};

struct onnx_turn {
    struct onnx *peer;
    const char *how;
};

static bool onnx_start(struct onnx *p, const char *python)
{
    int ask[2], answer[2];
    if (pipe2(ask, 0) != 0 || pipe2(answer, 0) != 0)
        return false;
    p->pid = fork();
    if (p->pid == 0) {
        (void)dup2(ask[0], STDIN_FILENO);
        (void)dup2(answer[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(ask[i]);
            (void)close(answer[i]);
        }
        execlp(python, python, BENCH_SOURCE "/tests/bench/onnx_peer.py", standard, standard_vectors,
               NULL);
        _exit(127);
    }
    (void)close(ask[0]);
    (void)close(answer[1]);
    p->ask = fdopen(ask[1], "w");
    p->answer = fdopen(answer[0], "r");
    return p->pid > 0 && p->ask != NULL && p->answer != NULL &&
           fscanf(p->answer, "ready %u", &p->windows) == 1 && p->windows > 0;
}

static void onnx_stop(struct onnx *p)
{
    if (p->ask != NULL)
        (void)fclose(p->ask); /* the end of its input is its end */
    if (p->answer != NULL)
        (void)fclose(p->answer);
    if (p->pid > 0)
        (void)waitpid(p->pid, NULL, 0);
}

static uint64_t onnx_run(void *state)
{
    const struct onnx_turn *t = state;
    unsigned long ns = 0;
    (void)fprintf(t->peer->ask, "%s\n", t->how);
    if (fflush(t->peer->ask) == 0 && fscanf(t->peer->answer, "%lu", &ns) == 1)
        return ns;
    (void)fprintf(stderr, "peers: onnx_peer.py ended\n");
    return 0;
}

static void absent(const struct bench_options *o, const char *what, const char *against,
                   double goal, const char *why)
{
    goals_add(
        o->goals,
        &(struct goal){
            .what = what, .against = against, .goal = goal, .sense = GOAL_AT_LEAST, .absent = why});
}

/* Ours is the last of the series; rates are per ms. */
static void show(const struct bench_options *o, const char *title, struct bench_series *series,
                 uint32_t n, const struct bench_series *peer, double goal)
{
    bench_title(o, title);
    for (uint32_t i = 0; i < n; i++)
        series[i].work *= 1e6;
    for (uint32_t i = 0; i < n; i++)
        bench_row_rate(o, "peers", &series[i], i + 1 < n ? NULL : peer, i + 1 < n ? 0 : goal);
    for (uint32_t i = 0; i < n; i++)
        series[i].work /= 1e6;
}

static bool against_onnx(const struct bench_options *o, struct onnx *peer)
{
    struct error err = {0};
    struct bench_case c = {0};
    struct runner runner = {0};
    struct onnx_turn one = {peer, "one"}, batch = {peer, "batch"};
    struct bench_series series[3] = {
        {.name = "onnxruntime, one at a time", .run = onnx_run, .state = &one},
        {.name = "onnxruntime, all in a batch", .run = onnx_run, .state = &batch}};
    series[0].work = series[1].work = peer->windows;
    bool good = case_open(&c, standard, &err);
    const struct kernel *k = good ? kernel_choose("auto", c.model, &err) : NULL;
    good = k != NULL && runner_open(&runner, &series[2], k, c.model, &c.windows, 1, &err) &&
           bench_measure(series, 3, o->rounds);
    if (good) {
        const struct bench_series *best = bench_fastest(series, 2);
        show(o, "peers: the standard CNN, windows a millisecond", series, 3, best, 3);
        goals_add_series(o->goals, "standard CNN, neutrino, 16 bits", "ns", &series[2], best, 3);
    } else if (err.text[0]) {
        (void)fprintf(stderr, "peers: %s\n", err.text);
    }
    runner_close(&runner);
    case_close(&c);
    return good;
}

static int bench_onnx(const struct bench_options *o)
{
    static const char what[] = "standard CNN, neutrino, 16 bits";
    struct onnx peer = {0};
    bool good = true;
    if (access(standard, R_OK) != 0)
        absent(o, what, "onnxruntime", 3, "no test data here");
    else if (access(o->python, X_OK) != 0 || !onnx_start(&peer, o->python))
        absent(o, what, "onnxruntime", 3, "no peer here: see onnx_peer.py");
    else
        good = against_onnx(o, &peer);
    onnx_stop(&peer);
    return good ? 0 : 1;
}

/* ---- C simulation ------------------------------------------------------------------ */

struct csim {
    void *library;
    const struct kernel_info *info;
    void (*run)(const void *windows, void *results, uint32_t n_windows, uint32_t tag);
    uint32_t n;
    unsigned char *windows, *results;
};

static void put(unsigned char *to, uint32_t bytes, uint32_t value)
{
    memcpy(to, &value, bytes); /* little-endian, as all machines here */
}

/* A list of pixels, as kernel_abi.h lays it out. */
static void pack(const struct csim *s, const struct window *w, unsigned char *record)
{
    const struct kernel_info *k = s->info;
    put(record, 4, w->n_listed);
    for (uint32_t i = 0; i < w->n_listed; i++) {
        unsigned char *pixel = record + 4 + (size_t)i * k->pixel_bytes;
        put(pixel, k->place_bytes, w->place[i].row);
        put(pixel + k->place_bytes, k->place_bytes, w->place[i].col);
        for (uint32_t c = 0; c < k->channels; c++)
            put(pixel + 2 * k->place_bytes + c * k->value_bytes, k->value_bytes,
                (uint32_t)w->value[i * k->channels + c]);
    }
}

static bool csim_open(struct csim *s, const char *path, const struct bench_case *c)
{
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct kernel_info *(*info)(void) = NULL;
    if (s->library != NULL) {
        *(void **)&info = dlsym(s->library, "kernel_info");
        *(void **)&s->run = dlsym(s->library, "kernel_run");
    }
    if (info == NULL || s->run == NULL) {
        (void)fprintf(stderr, "peers: %s: no kernel: %s\n", path, dlerror());
        return false;
    }
    s->info = info();
    char sha[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < SHA256_BYTES; i++)
        (void)snprintf(sha + 2 * i, 3, "%02x", c->model->sha256[i]);
    if (s->info->abi_version != KERNEL_ABI_VERSION || s->info->form != KERNEL_LIST ||
        strcmp(s->info->model_sha256, sha) != 0) {
        (void)fprintf(stderr, "peers: %s: made from %s, not from %s, or takes no lists\n", path,
                      s->info->model_name, c->model->path);
        return false;
    }
    s->n = c->windows.n;
    s->windows = aligned_alloc(64, (size_t)s->n * s->info->window_bytes);
    s->results = malloc((size_t)s->n * s->info->result_bytes);
    if (s->windows == NULL || s->results == NULL)
        return false;
    memset(s->windows, 0, (size_t)s->n * s->info->window_bytes);
    for (uint32_t i = 0; i < s->n; i++)
        pack(s, &c->windows.window[i], s->windows + (size_t)i * s->info->window_bytes);
    return true;
}

static void csim_close(struct csim *s)
{
    free(s->windows);
    free(s->results);
    if (s->library != NULL)
        (void)dlclose(s->library);
}

static uint64_t csim_run(void *state)
{
    struct csim *s = state;
    uint64_t begin = bench_thread_ns();
    s->run(s->windows, s->results, s->n, 1);
    return bench_thread_ns() - begin;
}

static const char csim_what[] = "engine against C simulation, N = 20";

static int bench_csim(const struct bench_options *o)
{
    if (o->kernel == NULL) {
        absent(o, csim_what, "C simulation", 5000, "no peer here: give one with --kernel");
        return 0;
    }
    struct error err = {0};
    struct bench_case c = {0};
    struct runner runner = {0};
    struct csim csim = {0};
    struct bench_series series[2] = {
        {.name = "C simulation", .run = csim_run, .state = &csim, .work = 1}};
    bool good = case_open(&c, o->model, &err) && csim_open(&csim, o->kernel, &c);
    const struct kernel *k = good ? kernel_choose("auto", c.model, &err) : NULL;
    series[0].work = c.windows.n;
    good = k != NULL &&
           runner_open(&runner, &series[1], k, c.model, &c.windows, RUNNER_PASSES, &err) &&
           bench_measure(series, 2, o->rounds);
    if (good) {
        show(o, "peers: the kernel's C simulation, windows a millisecond", series, 2, &series[0],
             5000);
        goals_add_series(o->goals, csim_what, "ns", &series[1], &series[0], 5000);
    } else if (err.text[0]) {
        (void)fprintf(stderr, "peers: %s\n", err.text);
    }
    runner_close(&runner);
    csim_close(&csim);
    case_close(&c);
    return good ? 0 : 1;
}

int bench_peers(const struct bench_options *o)
{
    int status = bench_onnx(o);
    return bench_csim(o) | status;
}
