#include "offline/calibrate_file.h"

#include "base/clock.h"
#include "base/hdf5_put.h"
#include "model/calibration.h"

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool put_column(hid_t group, const char *name, hid_t type, uint32_t wires, const void *value)
{
    hsize_t n = wires;
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    return good;
}

static bool put_plane(hid_t file, const struct calibrate_plane *p)
{
    char name[32];
    (void)snprintf(name, sizeof name, "plane_%u", p->id);
    uint32_t *wire = malloc(p->wires * sizeof *wire);
    hid_t group = wire == NULL ? -1 : H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (uint32_t w = 0; wire != NULL && w < p->wires; w++)
        wire[w] = w;
    bool good = group >= 0 && hdf5_put_number(group, "plane", H5T_NATIVE_UINT32, &p->id) &&
                hdf5_put_number(group, "wires", H5T_NATIVE_UINT32, &p->wires) &&
                hdf5_put_number(group, "median_noise", H5T_NATIVE_DOUBLE, &p->typical_noise) &&
                put_column(group, "wire", H5T_NATIVE_UINT32, p->wires, wire) &&
                put_column(group, "pedestal", H5T_NATIVE_DOUBLE, p->wires, p->pedestal) &&
                put_column(group, "noise", H5T_NATIVE_DOUBLE, p->wires, p->noise) &&
                put_column(group, "status", H5T_NATIVE_UINT8, p->wires, p->status) &&
                put_column(group, "samples", H5T_NATIVE_UINT64, p->wires, p->samples);
    if (group >= 0)
        (void)H5Gclose(group);
    free(wire);
    return good;
}

static bool put_root(hid_t file, const struct calibrate_wires *c, const struct calibrate_made *made)
{
    char created[32];
    int32_t version = CALIBRATION_FORMAT_VERSION;
    time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
    struct tm utc;
    (void)strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return hdf5_put_text(file, "format", CALIBRATION_FORMAT) &&
           hdf5_put_number(file, "format_version", H5T_NATIVE_INT32, &version) &&
           hdf5_put_text(file, "created_by", "sparse-calibrate " SPARSED_VERSION) &&
           hdf5_put_text(file, "created", created) &&
           hdf5_put_text(file, "detector", made->detector) &&
           hdf5_put_text(file, "source", made->source) &&
           hdf5_put_text(file, "sample_type", c->type == SAMPLE_INT16 ? "int16" : "float32") &&
           hdf5_put_number(file, "ticks", H5T_NATIVE_UINT32, &c->ticks) &&
           hdf5_put_number(file, "events", H5T_NATIVE_UINT64, &made->events) &&
           hdf5_put_number(file, "dead_below", H5T_NATIVE_DOUBLE, &made->dead) &&
           hdf5_put_number(file, "hot_above", H5T_NATIVE_DOUBLE, &made->hot);
}

static bool write_part(const char *part, const struct calibrate_wires *c,
                       const struct calibrate_made *made)
{
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    bool good = file >= 0 && put_root(file, c, made);
    for (uint32_t i = 0; good && i < c->n_planes; i++)
        good = put_plane(file, &c->plane[i]);
    return (file < 0 || H5Fclose(file) >= 0) && good;
}

bool calibrate_file_write(const char *path, const struct calibrate_wires *c,
                          const struct calibrate_made *made, struct error *err)
{
    char *part = NULL;
    if (asprintf(&part, "%s.part", path) < 0)
        return error_set(err, ERROR_SYSTEM, "%s: no memory", path);
    H5E_auto2_t report;
    void *report_to;
    (void)H5Eget_auto2(H5E_DEFAULT, &report, &report_to);
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    errno = 0;
    bool good = write_part(part, c, made) && rename(part, path) == 0;
    if (!good) {
        error_set(err, ERROR_STORAGE, "%s: cannot be written%s%s", path, errno != 0 ? ": " : "",
                  errno != 0 ? strerror(errno) : "");
        (void)unlink(part);
    }
    (void)H5Eset_auto2(H5E_DEFAULT, report, report_to);
    free(part);
    return good;
}
