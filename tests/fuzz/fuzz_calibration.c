/* Calibration files that are right but for what the input changes, made in memory (made_h5.h).
 * What is refused says why; what is taken counts its masked wires as its list of them does. */
#include "made_h5.h"
#include "model/calibration.h"
#include "small_detector.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { PLANES = 2, WIRES = 24 };

static void check(bool good)
{
    if (!good)
        abort();
}

static void *make(struct stream *s, size_t *bytes)
{
    static const char *const names[PLANES] = {"plane_0", "plane_7"};
    hid_t file = made_h5_open();
    made_h5_string(s, file, "format", CALIBRATION_FORMAT);
    made_h5_number(s, file, "format_version", CALIBRATION_FORMAT_VERSION);
    made_h5_string(s, file, "sample_type", (stream_take(s, 1) & 1) != 0 ? "float32" : "int16");
    for (int p = 0; p < PLANES; p++) {
        hid_t g = made_h5_group(s, file, names[p]);
        if (g < 0)
            continue;
        struct made_array a = {.rank = 1, .dims = {WIRES}, .count = true};
        made_h5_number(s, g, "wires", WIRES);
        made_h5_array(s, g, "wire", &a);
        a = (struct made_array){.rank = 1, .dims = {WIRES}, .high = 2};
        made_h5_array(s, g, "status", &a);
        a.high = 50;
        a.real = true;
        made_h5_array(s, g, "noise", &a);
        a.low = -2048;
        a.high = 2048;
        made_h5_array(s, g, "pedestal", &a);
        (void)H5Gclose(g);
    }
    return made_h5_close(file, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const struct preprocessing pre = small_detector_preprocessing;
    struct detector_settings d = {.ticks = SMALL_DETECTOR_TICKS, .n_planes = PLANES};
    d.plane[0] = (struct plane_settings){.id = 0, .wires = WIRES, .scale = 0.0625};
    d.plane[1] = (struct plane_settings){.id = 7, .wires = WIRES, .scale = 0.0625};
    const struct preprocessing both[PLANES] = {pre, pre};
    static struct geometry g;
    struct error err = {.code = ERROR_NONE};
    check(geometry_init_wires(&g, &d, both, &err));
    struct stream s = {data, bytes};
    size_t file_bytes;
    void *file = make(&s, &file_bytes);
    if (!calibration_load_bytes("made.h5", file, file_bytes, &g, &err)) {
        check(err.code != ERROR_NONE && strncmp(err.text, "made.h5: ", 9) == 0);
        check(!g.calibrated);
    } else {
        uint8_t list[8 * PLANES * WIRES];
        const uint64_t *masked[PLANES] = {g.plane[0].masked, g.plane[1].masked};
        check(geometry_list_masked(&g, masked, list) == 8 * (size_t)g.masked.wires);
    }
    geometry_fini(&g);
    check(made_h5_all_closed());
    free(file);
    return 0;
}
