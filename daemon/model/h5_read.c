/* How: an attribute is opened, its class, size and number of elements are looked
 * at, and only then it is read, converted by HDF5 to a type of ours. */
#include "model/h5_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STRING_BYTES = 4096 };

uint64_t h5_read_elements(const struct h5_shape *shape)
{
    uint64_t n = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (__builtin_mul_overflow(n, shape->axis[i], &n)) {
            return UINT64_MAX;
        }
    }
    return n;
}

void h5_read_format_shape(const struct h5_shape *shape, char *text, size_t bytes)
{
    size_t at = 0;
    for (int i = 0; i < shape->rank && at < bytes; i++) {
        int n = snprintf(text + at, bytes - at, "%s%llu", i == 0 ? "(" : ", ",
                         (unsigned long long)shape->axis[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at < bytes) {
        (void)snprintf(text + at, bytes - at, "%s", shape->rank == 0 ? "()" : ")");
    }
}

bool h5_read_has_attribute(hid_t object, const char *name)
{
    return H5Aexists(object, name) > 0;
}

/* An attribute, open, with its type and number of elements. */
struct attribute {
    hid_t id, type;
    H5T_class_t class;
    size_t type_bytes;
    hssize_t elements;
    int rank;
};

static void close_attribute(struct attribute *a)
{
    if (a->type >= 0) {
        (void)H5Tclose(a->type);
    }
    if (a->id >= 0) {
        (void)H5Aclose(a->id);
    }
}

static bool open_attribute(hid_t object, const char *name, struct attribute *a, struct error *err)
{
    *a = (struct attribute){.id = -1, .type = -1};
    if (!h5_read_has_attribute(object, name)) {
        return error_set(err, ERROR_MODEL, "attribute %s is missing", name);
    }
    a->id = H5Aopen(object, name, H5P_DEFAULT);
    a->type = a->id < 0 ? -1 : H5Aget_type(a->id);
    hid_t space = a->id < 0 ? -1 : H5Aget_space(a->id);
    if (a->type >= 0 && space >= 0) {
        a->class = H5Tget_class(a->type);
        a->type_bytes = H5Tget_size(a->type);
        a->elements = H5Sget_simple_extent_npoints(space);
        a->rank = H5Sget_simple_extent_ndims(space);
    }
    bool good = a->type >= 0 && space >= 0 && a->elements >= 0 && a->rank >= 0;
    if (space >= 0) {
        (void)H5Sclose(space);
    }
    if (!good) {
        close_attribute(a);
        return error_set(err, ERROR_MODEL, "attribute %s cannot be read", name);
    }
    return true;
}

/* An attribute that is one value of a class; opened. */
static bool open_scalar(hid_t object, const char *name, struct attribute *a, struct error *err)
{
    if (!open_attribute(object, name, a, err)) {
        return false;
    }
    if (a->rank != 0 || a->elements != 1) {
        close_attribute(a);
        return error_set(err, ERROR_MODEL, "attribute %s must be one value, not a list", name);
    }
    return true;
}

static bool copy_text(const char *from, size_t length, const char *name, char *to, size_t bytes,
                      struct error *err)
{
    if (length >= bytes) {
        return error_set(err, ERROR_MODEL, "attribute %s is longer than %zu bytes", name,
                         bytes - 1);
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool read_variable_strings(const struct attribute *a, const char *name, char *text,
                                  size_t bytes, struct error *err)
{
    size_t n = (size_t)a->elements;
    char **list = calloc(n, sizeof *list);
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5Tget_cset(a->type));
    bool good = list != NULL && H5Aread(a->id, type, list) >= 0;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "attribute %s cannot be read", name);
    }
    for (size_t i = 0; good && i < n; i++) {
        const char *from = list[i] == NULL ? "" : list[i];
        good = copy_text(from, strlen(from), name, text + i * bytes, bytes, err);
    }
    for (size_t i = 0; list != NULL && i < n; i++) {
        (void)H5free_memory(list[i]);
    }
    (void)H5Tclose(type);
    free(list);
    return good;
}

static bool read_fixed_strings(const struct attribute *a, const char *name, char *text,
                               size_t bytes, struct error *err)
{
    size_t n = (size_t)a->elements;
    if (a->type_bytes > MAX_STRING_BYTES) {
        return error_set(err, ERROR_MODEL, "attribute %s is longer than %d bytes", name,
                         MAX_STRING_BYTES);
    }
    char *list = calloc(n, a->type_bytes);
    bool good = list != NULL && H5Aread(a->id, a->type, list) >= 0;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "attribute %s cannot be read", name);
    }
    for (size_t i = 0; good && i < n; i++) {
        const char *from = list + i * a->type_bytes;
        size_t length = strnlen(from, a->type_bytes);
        while (H5Tget_strpad(a->type) == H5T_STR_SPACEPAD && length > 0 &&
               from[length - 1] == ' ') {
            length--;
        }
        good = copy_text(from, length, name, text + i * bytes, bytes, err);
    }
    free(list);
    return good;
}

static bool read_strings(const struct attribute *a, const char *name, char *text, size_t bytes,
                         struct error *err)
{
    if (a->class != H5T_STRING) {
        return error_set(err, ERROR_MODEL, "attribute %s must be a string", name);
    }
    return H5Tis_variable_str(a->type) > 0 ? read_variable_strings(a, name, text, bytes, err)
                                           : read_fixed_strings(a, name, text, bytes, err);
}

bool h5_read_string(hid_t object, const char *name, char *text, size_t bytes, struct error *err)
{
    struct attribute a;
    if (!open_scalar(object, name, &a, err)) {
        return false;
    }
    bool good = read_strings(&a, name, text, bytes, err);
    close_attribute(&a);
    return good;
}

bool h5_read_strings(hid_t object, const char *name, char *text, size_t bytes, uint32_t most,
                     uint32_t *n, struct error *err)
{
    struct attribute a;
    if (!open_attribute(object, name, &a, err)) {
        return false;
    }
    bool good = a.rank <= 1 && a.elements >= 1 && a.elements <= (hssize_t)most;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "attribute %s must be a list of 1 .. %u strings", name,
                        most);
    }
    good = good && read_strings(&a, name, text, bytes, err);
    *n = good ? (uint32_t)a.elements : 0;
    close_attribute(&a);
    return good;
}

bool h5_read_int(hid_t object, const char *name, int64_t min, int64_t max, int64_t *value,
                 struct error *err)
{
    struct attribute a;
    if (!open_scalar(object, name, &a, err)) {
        return false;
    }
    bool good = a.class == H5T_INTEGER && a.type_bytes <= 8;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "attribute %s must be an integer", name);
    } else if (H5Aread(a.id, H5T_NATIVE_INT64, value) < 0) {
        good = error_set(err, ERROR_MODEL, "attribute %s cannot be read", name);
    } else if (*value < min || *value > max) {
        good = error_set(err, ERROR_MODEL, "attribute %s = %lld: must be %lld .. %lld", name,
                         (long long)*value, (long long)min, (long long)max);
    }
    close_attribute(&a);
    return good;
}

bool h5_read_uint(hid_t object, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                  struct error *err)
{
    int64_t v;
    if (!h5_read_int(object, name, min, max, &v, err)) {
        return false;
    }
    *value = (uint32_t)v;
    return true;
}

bool h5_read_double(hid_t object, const char *name, double *value, struct error *err)
{
    struct attribute a;
    if (!open_scalar(object, name, &a, err)) {
        return false;
    }
    bool good = (a.class == H5T_FLOAT || a.class == H5T_INTEGER) && a.type_bytes <= 8;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "attribute %s must be a number", name);
    } else if (H5Aread(a.id, H5T_NATIVE_DOUBLE, value) < 0) {
        good = error_set(err, ERROR_MODEL, "attribute %s cannot be read", name);
    } else if (!isfinite(*value)) {
        good = error_set(err, ERROR_MODEL, "attribute %s = %g: must be finite", name, *value);
    }
    close_attribute(&a);
    return good;
}

bool h5_read_type(hid_t object, const char *name, struct fixed_type *type, struct error *err)
{
    char text[128];
    if (!h5_read_string(object, name, text, sizeof text, err)) {
        return false;
    }
    if (!fixed_parse(text, type)) {
        return error_set(err, ERROR_MODEL,
                         "attribute %s = \"%s\": must be ap_fixed<W,I,Q,O> or ap_ufixed<W,I,Q,O>",
                         name, text);
    }
    return true;
}

/* A link may lead to another file, or to a pipe that never ends. */
static bool is_hard_link(hid_t parent, const char *name)
{
    H5L_info_t info;
    return H5Lexists(parent, name, H5P_DEFAULT) > 0 &&
           H5Lget_info(parent, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

hid_t h5_read_group(hid_t parent, const char *name, struct error *err)
{
    hid_t group = is_hard_link(parent, name) ? H5Gopen2(parent, name, H5P_DEFAULT) : -1;
    if (group < 0) {
        (void)error_set(err, ERROR_MODEL, "group %s is missing", name);
    }
    return group;
}

static bool is_inside_file(hid_t set)
{
    hid_t list = H5Dget_create_plist(set);
    if (list < 0) {
        return false;
    }
    H5D_layout_t layout = H5Pget_layout(list);
    bool inside = layout >= 0 && layout != H5D_VIRTUAL && H5Pget_external_count(list) == 0;
    (void)H5Pclose(list);
    return inside;
}

/* A data set of integers, or, if `real`, of any numbers. */
static hid_t open_set(hid_t group, const char *name, bool real, struct error *err)
{
    hid_t set = is_hard_link(group, name) ? H5Dopen2(group, name, H5P_DEFAULT) : -1;
    if (set < 0) {
        (void)error_set(err, ERROR_MODEL, "data set %s is missing", name);
        return -1;
    }
    hid_t type = H5Dget_type(set);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    bool good = (class == H5T_INTEGER || (real && class == H5T_FLOAT)) && H5Tget_size(type) <= 8;
    if (type >= 0) {
        (void)H5Tclose(type);
    }
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "data set %s must hold %s", name,
                        real ? "numbers" : "integers");
    } else if (!is_inside_file(set)) {
        good = error_set(err, ERROR_MODEL, "data set %s lies outside this file", name);
    }
    if (!good) {
        (void)H5Dclose(set);
        return -1;
    }
    return set;
}

static hid_t open_integers(hid_t group, const char *name, struct error *err)
{
    return open_set(group, name, false, err);
}

bool h5_read_numbers(hid_t group, const char *name, uint64_t n, double *value, struct error *err)
{
    hid_t set = open_set(group, name, true, err);
    if (set < 0) {
        return false;
    }
    hid_t space = H5Dget_space(set);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    hssize_t is = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    bool good = rank == 1 && is == (hssize_t)n;
    if (!good) {
        (void)error_set(err, ERROR_MODEL,
                        "data set %s: %d axes, %lld numbers: must be one axis of "
                        "%llu",
                        name, rank, (long long)is, (unsigned long long)n);
    } else if (H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        good = error_set(err, ERROR_MODEL, "data set %s cannot be read", name);
    }
    if (space >= 0) {
        (void)H5Sclose(space);
    }
    (void)H5Dclose(set);
    return good;
}

bool h5_read_shape(hid_t group, const char *name, struct h5_shape *shape, struct error *err)
{
    hid_t set = open_integers(group, name, err);
    if (set < 0) {
        return false;
    }
    hid_t space = H5Dget_space(set);
    hsize_t axis[H5S_MAX_RANK];
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, axis, NULL);
    bool good = rank >= 1 && rank <= H5_READ_MAX_RANK;
    if (!good) {
        (void)error_set(err, ERROR_MODEL, "data set %s must have 1 .. %d axes", name,
                        H5_READ_MAX_RANK);
    }
    shape->rank = good ? rank : 0;
    for (int i = 0; i < shape->rank; i++) {
        shape->axis[i] = axis[i];
    }
    if (space >= 0) {
        (void)H5Sclose(space);
    }
    (void)H5Dclose(set);
    return good;
}

int64_t *h5_read_integers(hid_t group, const char *name, const struct h5_shape *shape,
                          struct error *err)
{
    hid_t set = open_integers(group, name, err);
    if (set < 0) {
        return NULL;
    }
    int64_t *value = calloc((size_t)h5_read_elements(shape), sizeof *value);
    if (value == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "data set %s: no memory", name);
    } else if (H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        (void)error_set(err, ERROR_MODEL, "data set %s cannot be read", name);
        free(value);
        value = NULL;
    }
    (void)H5Dclose(set);
    return value;
}
