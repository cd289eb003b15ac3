/* Three networks for the same input, one for another, and one file that is not there. They
 * are made and loaded once, and handed out again for as often as the daemon loads one; what
 * each template of an event scores with each of them is computed here, by the stages one
 * after the other and the scalar reference, before any night begins. */
#include "night.h"

#include "../unit/model_file.h"
#include "assembly/assembler.h"
#include "config/config.h"
#include "engine/engine.h"
#include "imaging/reduce.h"

enum { FILES = NIGHT_MODELS + 1, PIXELS = 8, OUTPUTS = 2, WINDOWS = 3, WIRES = 16 };

static char path[FILES + 1][SETTINGS_PATH_BYTES];
static struct model *model[FILES];
static uint64_t handed_out;
static int16_t samples[NIGHT_TEMPLATES][NIGHT_PLANES][WIRES][NIGHT_TICKS];
static int64_t expected[NIGHT_TEMPLATES][NIGHT_MODELS][WINDOWS * OUTPUTS];

struct model *__real_model_load(const char *file, struct error *err);
struct model *__wrap_model_load(const char *file, struct error *err);
void __real_model_destroy(struct model **m);
void __wrap_model_destroy(struct model **m);

struct model *__wrap_model_load(const char *file, struct error *err)
{
    for (int i = 0; i < FILES; i++) {
        if (model[i] != NULL && strcmp(file, path[i]) == 0) {
            handed_out++;
            return model[i];
        }
    }
    (void)error_set(err, ERROR_MODEL, "%s: not there", file);
    return NULL;
}

void __wrap_model_destroy(struct model **m)
{
    if (*m != NULL)
        handed_out--;
    *m = NULL;
}

uint64_t models_handed_out(void)
{
    return handed_out;
}

const char *models_path(uint32_t i)
{
    return path[i];
}

int models_find(const uint8_t *sha256)
{
    for (int i = 0; i < NIGHT_MODELS; i++) {
        if (memcmp(model[i]->sha256, sha256, SHA256_BYTES) == 0)
            return i;
    }
    return -1;
}

const int64_t *models_expected(uint32_t t, uint32_t i)
{
    return expected[t][i];
}

const int16_t *models_samples(uint32_t t, uint32_t plane)
{
    return samples[t][plane][0];
}

static void write_file(uint32_t i, struct random *r)
{
    int32_t weight[PIXELS * OUTPUTS];
    char name[] = "night-a";
    name[6] = (char)('a' + i);
    for (int k = 0; k < PIXELS * OUTPUTS; k++)
        weight[k] = (int32_t)random_below(r, 64) - 24;
    const struct item items[] = {
        WHOLE("preprocessing", "time_rebin", 2),
        REAL("preprocessing", "bin_floor", 5),
        REAL("preprocessing", "bin_clip", 500),
        WHOLE("preprocessing", "window_time_bins", 8),
        WHOLE("preprocessing", "window_wires", 8),
        WHOLE("preprocessing", "pool_time", 2),
        WHOLE("preprocessing", "pool_wires", 4),
        REAL("preprocessing", "pixel_threshold", i < NIGHT_MODELS ? 10 : 20),
        WHOLE("preprocessing", "image_height", 4),
        WHOLE("preprocessing", "image_width", 2),
        REAL("preprocessing", "pixel_scale", 64),
        ROOT_NAMED(name, OUTPUTS),
        SMALL_NETWORK(4, 2, OUTPUTS, DATA(SMALL_DENSE, "weight", weight, 2, PIXELS, OUTPUTS)),
    };
    model_file_write(path[i], items, sizeof items / sizeof *items, NULL);
}

/* Quiet wires and a few pulses; one template in four is all quiet. */
static void make_samples(struct random *r)
{
    for (int t = 0; t < NIGHT_TEMPLATES; t++) {
        for (int k = 0; t % 4 != 3 && k < 24; k++)
            samples[t][random_below(r, NIGHT_PLANES)][random_below(r, WIRES)]
                   [random_below(r, NIGHT_TICKS)] = (int16_t)random_below(r, 400);
    }
}

static bool push_plane(struct assembler *a, struct reducer *r, const struct geometry *g, uint32_t t,
                       uint32_t plane)
{
    static struct hit hit[4096];
    static struct edge_value edge[4096];
    struct reduced out = {.hit = hit, .edge = edge, .hit_capacity = 4096, .edge_capacity = 4096};
    struct fragment f = {.id = {1, 1, t},
                         .sample_type = SAMPLE_INT16,
                         .plane = plane,
                         .wires = g->plane[plane].wires,
                         .samples = samples[t][plane],
                         .samples_bytes = (size_t)g->plane[plane].wires * NIGHT_TICKS * 2};
    f.payload = f.samples;
    f.payload_bytes = f.samples_bytes;
    return reduce_fragment(r, &f, &out) == FRAGMENT_ASSEMBLED &&
           assembler_push(a, &out, 0) == FRAGMENT_ASSEMBLED;
}

/* What each template scores with model `i`. */
static bool compute(uint32_t i, const struct settings *base, struct error *err)
{
    static struct settings s;
    struct geometry g;
    struct model_set set;
    struct assembler_settings one = {.slots = 1, .timeout_ns = NS_PER_S, .edge_values = 4096};
    s = *base;
    (void)snprintf(s.engine.model[0].file, sizeof s.engine.model[0].file, "%s", path[i]);
    (void)snprintf(s.engine.kernel, sizeof s.engine.kernel, "scalar");
    if (!model_set_load(&set, &g, &s, err))
        return false;
    struct reducer *r = reducer_create(&g, err);
    struct assembler *a = assembler_create(&one, &g, err);
    struct engine *e = engine_create(&s.engine, &g, &set, 1, -1, NULL, err);
    bool good = r != NULL && a != NULL && e != NULL;
    for (uint32_t t = 0; good && t < NIGHT_TEMPLATES; t++) {
        for (uint32_t p = 0; good && p < NIGHT_PLANES; p++)
            good = push_plane(a, r, &g, t, p);
        struct event *ev = good ? assembler_take(a, 0) : NULL;
        good = ev != NULL && engine_windows_per_event(e) == WINDOWS;
        if (!good)
            break;
        engine_submit(e, ev, 0);
        good = engine_take(e, 0) == ev;
        memcpy(expected[t][i], ev->score_raw, sizeof expected[t][i]);
        assembler_release(a, ev, 0);
    }
    engine_destroy(&e);
    assembler_destroy(&a);
    reducer_destroy(&r);
    model_set_fini(&set);
    geometry_fini(&g);
    return good || err->text[0] != '\0' || error_set(err, ERROR_SYSTEM, "no expected scores");
}

bool models_load(const char *folder, struct error *err)
{
    struct random r = {7};
    static struct settings base;
    make_samples(&r);
    for (uint32_t i = 0; i <= FILES; i++)
        (void)snprintf(path[i], sizeof path[i], "%s/model-%c.h5", folder, 'a' + (int)i);
    for (uint32_t i = 0; i < FILES; i++) {
        write_file(i, &r);
        model[i] = __real_model_load(path[i], err);
        if (model[i] == NULL)
            return false;
    }
    if (!config_load(crew_configuration(0), NULL, 0, &base, err))
        return false;
    for (uint32_t i = 0; i < NIGHT_MODELS; i++) {
        if (!compute(i, &base, err))
            return false;
    }
    return true;
}
