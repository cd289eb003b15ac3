/* How: the file is read once (model/h5_image.h), hashed, first looked at in a child
 * process, and only then taken. A plane's arrays are read whole, checked, and given to
 * the geometry, which keeps what reducing needs. */
#include "model/calibration.h"

#include "base/hdf5.h"
#include "model/h5_image.h"
#include "model/h5_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_root(hid_t file, enum sample_type *type, struct error *err)
{
    char text[64];
    uint32_t version;
    if (!h5_read_string(file, "format", text, sizeof text, err))
        return false;
    if (strcmp(text, CALIBRATION_FORMAT) != 0)
        return error_set(err, ERROR_MODEL, "attribute format = \"%s\": must be %s", text,
                         CALIBRATION_FORMAT);
    if (!h5_read_uint(file, "format_version", CALIBRATION_FORMAT_VERSION,
                      CALIBRATION_FORMAT_VERSION, &version, err) ||
        !h5_read_string(file, "sample_type", text, sizeof text, err))
        return false;
    bool counts = strcmp(text, "int16") == 0;
    if (!counts && strcmp(text, "float32") != 0)
        return error_set(err, ERROR_MODEL,
                         "attribute sample_type = \"%s\": must be int16 or "
                         "float32",
                         text);
    *type = counts ? SAMPLE_INT16 : SAMPLE_FLOAT32;
    return true;
}

/* ---- a plane ---- */

struct columns {
    double *number; /* [wires], one data set after the other */
    double *pedestal;
    uint8_t *status;
};

static bool bad_number(const char *set, uint32_t wire, double value, const char *must,
                       struct error *err)
{
    return error_set(err, ERROR_MODEL, "data set %s, wire %u: %g: must be %s", set, wire, value,
                     must);
}

static bool read_columns(hid_t group, uint32_t wires, const struct columns *c, struct error *err)
{
    if (!h5_read_numbers(group, "wire", wires, c->number, err))
        return false;
    for (uint32_t w = 0; w < wires; w++)
        if (c->number[w] != w)
            return bad_number("wire", w, c->number[w], "the wires 0, 1, 2, ... in order", err);
    if (!h5_read_numbers(group, "noise", wires, c->number, err))
        return false;
    for (uint32_t w = 0; w < wires; w++)
        if (!(c->number[w] >= 0) || !isfinite(c->number[w]))
            return bad_number("noise", w, c->number[w], "0 or more, and finite", err);
    if (!h5_read_numbers(group, "status", wires, c->number, err))
        return false;
    for (uint32_t w = 0; w < wires; w++) {
        uint8_t status = c->number[w] >= 0 && c->number[w] < WIRE_STATUS_COUNT
                             ? (uint8_t)c->number[w]
                             : (uint8_t)WIRE_STATUS_COUNT;
        if ((double)status != c->number[w] || status == WIRE_STATUS_COUNT)
            return bad_number("status", w, c->number[w], "0 good, 1 dead or 2 hot", err);
        c->status[w] = status;
    }
    if (!h5_read_numbers(group, "pedestal", wires, c->pedestal, err))
        return false;
    for (uint32_t w = 0; w < wires; w++)
        if (!isfinite(c->pedestal[w]))
            return bad_number("pedestal", w, c->pedestal[w], "finite", err);
    return true;
}

static bool check_wires(hid_t group, const struct plane_geometry *p, struct error *err)
{
    uint32_t wires;
    if (!h5_read_uint(group, "wires", 1, UINT32_MAX, &wires, err))
        return false;
    return wires == p->wires ||
           error_set(err, ERROR_MODEL, "attribute wires = %u: detector.plane %u has %u wires",
                     wires, p->id, p->wires);
}

static bool take_plane(hid_t group, struct geometry *g, uint32_t plane, enum sample_type type,
                       struct error *err)
{
    uint32_t wires = g->plane[plane].wires;
    struct columns c = {.number = malloc(wires * sizeof *c.number),
                        .pedestal = malloc(wires * sizeof *c.pedestal),
                        .status = malloc(wires)};
    bool good = c.number != NULL && c.pedestal != NULL && c.status != NULL;
    if (!good)
        error_set(err, ERROR_SYSTEM, "no memory for %u wires", wires);
    good = good && check_wires(group, &g->plane[plane], err) &&
           read_columns(group, wires, &c, err) &&
           geometry_calibrate(g, plane, type, c.pedestal, c.status, err);
    free(c.number);
    free(c.pedestal);
    free(c.status);
    return good;
}

/* ---- the whole ---- */

static bool take_file(hid_t file, struct geometry *g, struct error *err)
{
    enum sample_type type = SAMPLE_INT16;
    if (!read_root(file, &type, err))
        return false;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "plane_%u", g->plane[i].id);
        hid_t group = h5_read_group(file, name, err);
        if (group < 0)
            return false;
        bool good = take_plane(group, g, i, type, err);
        (void)H5Gclose(group);
        if (!good)
            return error_prefix(err, "%s", name);
    }
    return geometry_close_calibration(g, err);
}

bool calibration_load_bytes(const char *path, const void *data, size_t bytes, struct geometry *g,
                            struct error *err)
{
    /* HDF5 would print its own stack of messages; ours is one sentence */
    H5E_auto2_t report;
    void *report_to;
    (void)H5Eget_auto2(H5E_DEFAULT, &report, &report_to);
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = h5_image_open(data, bytes);
    bool good = file >= 0 ? take_file(file, g, err)
                          : error_set(err, ERROR_MODEL, "not an HDF5 file, or a damaged one");
    if (file >= 0)
        (void)H5Fclose(file);
    (void)H5Eset_auto2(H5E_DEFAULT, report, report_to);
    if (good && !hash_sha256(data, bytes, g->calibration_sha256))
        good = error_set(err, ERROR_SYSTEM, "no memory");
    g->calibrated = good;
    return good || error_prefix(err, "%s", path);
}

struct image {
    const char *path;
    const void *data;
    size_t bytes;
    struct geometry *geometry;
};

/* In the child: what it does to the geometry is lost. */
static void load_and_forget(void *arg)
{
    const struct image *image = arg;
    struct error ignored;
    (void)calibration_load_bytes(image->path, image->data, image->bytes, image->geometry, &ignored);
}

bool calibration_load(const char *path, struct geometry *g, struct error *err)
{
    struct image image = {.path = path, .geometry = g};
    void *data = h5_image_read(path, "a calibration", &image.bytes, err);
    if (data == NULL)
        return false;
    image.data = data;
    hdf5_lock();
    bool good = h5_image_rehearse(path, load_and_forget, &image, err) &&
                calibration_load_bytes(path, data, image.bytes, g, err);
    hdf5_unlock();
    free(data);
    return good;
}
