#include "recorded/column.h"

#include <stdio.h>
#include <string.h>

/* The first entry of HDF5's stack is the cause, the later ones are its callers. */
static herr_t keep_first(unsigned n, const H5E_error2_t *entry, void *out)
{
    if (n == 0 && entry->desc)
        snprintf(out, 160, "%s", entry->desc);
    return 0;
}

static const char *reason(char text[160])
{
    snprintf(text, 160, "unknown reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
    return text;
}

hid_t column_open_file(const char *path, struct failure *f)
{
    char text[160];
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        failure_set(f, "%s: cannot be opened as HDF5: %s", path, reason(text));
    return file;
}

bool column_exists(hid_t file, const char *name)
{
    char part[96];
    const char *slash = strchr(name, '/');
    if (slash) { /* H5Lexists fails where a group on the way is missing */
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (H5Lexists(file, part, H5P_DEFAULT) <= 0)
            return false;
    }
    return H5Lexists(file, name, H5P_DEFAULT) > 0;
}

/* Room for two rows of chunks: the one being read and the one shared with the next event. */
static hid_t cache_for(hid_t dataset, const struct column *c)
{
    const size_t least = (size_t)1 << 20, most = (size_t)1 << 30;
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS), create = H5Dget_create_plist(dataset);
    hsize_t chunk[4] = {1, 1, 1, 1};
    if (create >= 0 && H5Pget_layout(create) == H5D_CHUNKED &&
        H5Pget_chunk(create, c->rank, chunk) == c->rank) {
        double bytes = 2.0 * (double)c->size * (double)chunk[0];
        for (int d = 1; d < c->rank; d++)
            bytes *= (double)(c->dims[d] + chunk[d] - 1 - (c->dims[d] + chunk[d] - 1) % chunk[d]);
        size_t cache = bytes > (double)most ? most : (size_t)bytes;
        H5Pset_chunk_cache(access, 10007, cache > least ? cache : least, 1.0);
    }
    if (create >= 0)
        H5Pclose(create);
    return access;
}

static bool describe(struct column *c, struct failure *f)
{
    hid_t space = H5Dget_space(c->id), type = H5Dget_type(c->id);
    bool good = space >= 0 && type >= 0;
    c->rank = good ? H5Sget_simple_extent_ndims(space) : -1;
    if (good && c->rank >= 1 && c->rank <= 4) {
        H5Sget_simple_extent_dims(space, c->dims, NULL);
        c->class = H5Tget_class(type);
        c->size = H5Tget_size(type);
        c->is_signed = c->class != H5T_INTEGER || H5Tget_sign(type) == H5T_SGN_2;
    } else {
        good = failure_set(f, "%s: %s has %d dimensions, at most 4 are known", c->file, c->name,
                           c->rank);
    }
    if (good && c->class != H5T_INTEGER && c->class != H5T_FLOAT)
        good = failure_set(f, "%s: %s holds neither integers nor floats", c->file, c->name);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return good;
}

bool column_open(struct column *c, hid_t file, const char *path, const char *name,
                 struct failure *f)
{
    char text[160];
    *c = (struct column){.id = -1, .file = path, .dims = {0, 1, 1, 1}};
    snprintf(c->name, sizeof c->name, "%s", name);
    if (!column_exists(file, name))
        return failure_set(f, "%s: no %s in it", path, name);
    c->id = H5Dopen2(file, name, H5P_DEFAULT);
    if (c->id < 0)
        return failure_set(f, "%s: %s cannot be opened: %s", path, name, reason(text));
    if (!describe(c, f)) {
        column_close(c);
        return false;
    }
    hid_t access = cache_for(c->id, c);
    H5Dclose(c->id);
    c->id = H5Dopen2(file, name, access);
    H5Pclose(access);
    if (c->id < 0)
        return failure_set(f, "%s: %s cannot be opened: %s", path, name, reason(text));
    return true;
}

void column_close(struct column *c)
{
    if (c->id >= 0)
        H5Dclose(c->id);
    c->id = -1;
}

bool column_check(const struct column *c, hsize_t rows, hsize_t width, struct failure *f)
{
    hsize_t found = c->rank > 1 ? c->dims[1] : 1;
    if (c->rank > 2 || found == 0 || (width && found != width))
        return failure_set(f, "%s: %s has %d dimensions, %llu in the second, needs [rows][%s]",
                           c->file, c->name, c->rank, (unsigned long long)found,
                           width == 1   ? "1"
                           : width == 2 ? "2"
                           : width == 3 ? "3"
                                        : "ticks");
    if (c->dims[0] != rows)
        return failure_set(f, "%s: %s has %llu rows, the table has %llu", c->file, c->name,
                           (unsigned long long)c->dims[0], (unsigned long long)rows);
    return true;
}

bool column_read(const struct column *c, hsize_t first, hsize_t rows, hsize_t width, hid_t type,
                 void *out, struct failure *f)
{
    char text[160];
    hsize_t start[4] = {first}, count[4] = {rows, c->dims[1], c->dims[2], c->dims[3]};
    if (width)
        count[1] = width;
    if (rows == 0)
        return true;
    hid_t in_file = H5Dget_space(c->id), in_memory = H5Screate_simple(c->rank, count, NULL);
    bool good = in_file >= 0 && in_memory >= 0 &&
                H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                H5Dread(c->id, type, in_memory, in_file, H5P_DEFAULT, out) >= 0;
    if (!good)
        failure_set(f, "%s: %s: rows %llu to %llu cannot be read: %s", c->file, c->name,
                    (unsigned long long)first, (unsigned long long)(first + rows - 1),
                    reason(text));
    if (in_file >= 0)
        H5Sclose(in_file);
    if (in_memory >= 0)
        H5Sclose(in_memory);
    return good;
}
