/* Models, a set of them with a calibration, and the engine's kernels. */
#include "calls.h"
#include "scenario.h"

#include "../unit/model_file.h"
#include "engine/cpu/kernel.h"
#include "engine/engine.h"
#include "model/calibration.h"
#include "model/model_set.h"

#include <string.h>

enum { N_PREPROCESSING = 11, WIRES = 8, TICKS = 64 };

void scenario_write_model(const char *path, const char *name, int weight, bool images)
{
    const struct item items[] = {
        WHOLE("preprocessing", "time_rebin", 2),
        REAL("preprocessing", "bin_floor", 10),
        REAL("preprocessing", "bin_clip", 100),
        WHOLE("preprocessing", "window_time_bins", 32),
        WHOLE("preprocessing", "window_wires", 8),
        WHOLE("preprocessing", "pool_time", 4),
        WHOLE("preprocessing", "pool_wires", 2),
        REAL("preprocessing", "pixel_threshold", 7),
        WHOLE("preprocessing", "image_height", 8),
        WHOLE("preprocessing", "image_width", 4),
        REAL("preprocessing", "pixel_scale", 320),
        ROOT_NAMED(name, 2),
        SMALL_NETWORK(8, 4, 2, FILLED(SMALL_DENSE, "weight", weight, 2, 32, 2)),
    };
    size_t first = images ? N_PREPROCESSING : 0;
    calls_pause(true);
    model_file_write(path, items + first, sizeof items / sizeof *items - first, NULL);
    calls_pause(false);
}

static const struct item calibration_items[] = {
    TEXT("/", "format", "sparsed-calibration"),  WHOLE("/", "format_version", 1),
    TEXT("/", "sample_type", "int16"),           FILLED("plane_3", "wire", 0, 1, WIRES),
    FILLED("plane_3", "noise", 2, 1, WIRES),     FILLED("plane_3", "status", 0, 1, WIRES),
    FILLED("plane_3", "pedestal", 50, 1, WIRES), WHOLE("plane_3", "wires", WIRES)};

/* Its wires are numbered, so one data set is filled by hand. */
static void write_calibration(const char *path)
{
    static const int32_t number[WIRES] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const int32_t status[WIRES] = {0, 1};
    struct item items[sizeof calibration_items / sizeof *calibration_items];
    memcpy(items, calibration_items, sizeof items);
    items[3].data = number;
    items[5].data = status;
    calls_pause(true);
    model_file_write(path, items, sizeof items / sizeof *items, NULL);
    calls_pause(false);
}

/* A network of the repository, with each layer class of the demonstrations. */
static bool load(struct error *err)
{
    static uint8_t sha256[SHA256_BYTES];
    static bool known;
    struct model *m = model_load(SPARSED_SOURCE "/config/models/neutrino-t-16b.model.h5", err);
    if (m == NULL)
        return false;
    if (!known)
        memcpy(sha256, m->sha256, sizeof sha256);
    known = true;
    if (memcmp(m->sha256, sha256, sizeof sha256) != 0 || m->n_parameters == 0 ||
        m->layer[m->n_layers - 1].out.channels != m->n_outputs)
        scenario_wrong("half a model was loaded");
    model_destroy(&m);
    return true;
}

static void fill_settings(struct settings *s)
{
    static bool done;
    if (!done) {
        scenario_write_model(scenario_path("set.h5"), "set", 3, false);
        write_calibration(scenario_path("calibration.h5"));
        done = true;
    }
    memset(s, 0, sizeof *s);
    s->detector.ticks = TICKS;
    s->detector.n_planes = 1;
    s->detector.plane[0] = (struct plane_settings){.id = 3, .wires = WIRES, .scale = 1};
    s->engine.n_models = 1;
    (void)snprintf(s->engine.model[0].file, SETTINGS_PATH_BYTES, "%s", scenario_path("set.h5"));
    (void)snprintf(s->detector.calibration, SETTINGS_PATH_BYTES, "%s",
                   scenario_path("calibration.h5"));
}

static bool load_set(struct error *err)
{
    static struct settings s;
    struct model_set set = {0};
    struct geometry g = {0};
    fill_settings(&s);
    calls_rehearse = true;
    bool good = model_set_load(&set, &g, &s, err);
    calls_rehearse = false;
    if (!good) {
        if (set.n_models != 0 || g.n_planes != 0)
            scenario_wrong("what was refused is there all the same");
        return false;
    }
    if (!g.calibrated || !geometry_is_masked(&g.plane[0], 1) || geometry_is_masked(&g.plane[0], 2))
        scenario_wrong("half a calibration was taken");
    model_set_fini(&set);
    geometry_fini(&g);
    return true;
}

/* Every kernel that this processor has for every network of these. */
static bool kernels(struct error *err)
{
    static struct model *m[3];
    static const char *const files[] = {"neutrino-t-16b", "neutrino-standard-8b", "digit-l-16b"};
    bool good = true;
    for (int i = 0; i < 3; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, SPARSED_SOURCE "/config/models/%s.model.h5", files[i]);
        calls_pause(true);
        if (m[i] == NULL)
            m[i] = model_load(path, err);
        calls_pause(false);
        for (const struct kernel *const *k = kernel_table; good && (*k)->name != NULL; k++) {
            if (!kernel_usable(*k, m[i]))
                continue;
            void *state = (*k)->create(m[i], err);
            good = state != NULL;
            if (good)
                (*k)->destroy(state);
        }
    }
    return good;
}

const struct scenario model_scenarios[] = {
    {"model", load}, {"model-set", load_set}, {"kernels", kernels}, {0}};
