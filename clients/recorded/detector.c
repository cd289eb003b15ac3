#include "recorded/detector.h"

#include <math.h>
#include <string.h>

enum { MOST_TICKS = 1 << 20, MOST_WIRES = 1 << 20 };

bool detector_exists(hid_t file)
{
    return H5Lexists(file, "detector", H5P_DEFAULT) > 0;
}

/* An open attribute into value[]. */
static bool read_numbers(hid_t attribute, uint32_t most, double *value, uint32_t *n)
{
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    hssize_t points = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    bool good = (class == H5T_INTEGER || class == H5T_FLOAT) && points >= 1 &&
                points <= (hssize_t)most && H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0;
    *n = good ? (uint32_t)points : 0;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return good;
}

bool detector_numbers(hid_t file, const char *path, const char *group, const char *name,
                      uint32_t most, double *value, uint32_t *n, struct failure *f)
{
    if (H5Lexists(file, group, H5P_DEFAULT) <= 0)
        return failure_set(f, "%s: no %s in it", path, group);
    if (H5Aexists_by_name(file, group, name, H5P_DEFAULT) <= 0)
        return failure_set(f, "%s: %s: no attribute %s", path, group, name);
    hid_t attribute = H5Aopen_by_name(file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    bool good = attribute >= 0 && read_numbers(attribute, most, value, n);
    if (attribute >= 0)
        H5Aclose(attribute);
    return good || failure_set(f, "%s: %s: attribute %s must hold 1 .. %u numbers", path, group,
                               name, most);
}

static bool whole(double x, double least, double most)
{
    return x >= least && x <= most && floor(x) == x;
}

bool detector_read(struct detector *d, hid_t file, const char *path, struct failure *f)
{
    double ticks, wires[DETECTOR_PLANES];
    uint32_t one;
    *d = (struct detector){0};
    if (!detector_numbers(file, path, "detector", "ticks", 1, &ticks, &one, f) ||
        !detector_numbers(file, path, "detector", "plane_wires", DETECTOR_PLANES, wires, &d->planes,
                          f) ||
        !detector_numbers(file, path, "detector", "scale", 1, &d->scale, &one, f))
        return false;
    if (!whole(ticks, 1, MOST_TICKS))
        return failure_set(f, "%s: detector: ticks = %g: must be 1 .. %d", path, ticks, MOST_TICKS);
    if (!(d->scale > 0) || !isfinite(d->scale))
        return failure_set(f, "%s: detector: scale = %g: must be above 0", path, d->scale);
    d->ticks = (uint32_t)ticks;
    for (uint32_t p = 0; p < d->planes; p++) {
        if (!whole(wires[p], 1, MOST_WIRES))
            return failure_set(f, "%s: detector: plane_wires of plane %u = %g: must be 1 .. %d",
                               path, p, wires[p], MOST_WIRES);
        d->wires[p] = (uint32_t)wires[p];
    }
    return true;
}
