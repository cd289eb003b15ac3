/* How: one byte chooses what is odd about an attribute or a data set (enum oddity); further
 * bytes say how. What HDF5 refuses to write is left out. */
#include "made_h5.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLAIN_BELOW = 230, MOST_ELEMENTS = 1 << 14 };

enum oddity {
    ODD_NUMBER,
    ODD_ANY_NUMBER,
    ODD_MISSING,
    ODD_REAL,
    ODD_TEXT,
    ODD_LIST,
    ODD_EMPTY,
    ODD_UNSIGNED,
    ODD_SHORT,
    ODD_VARIABLE_TEXT,
    ODD_LINK,
    ODD_COUNT
};

static void no_messages(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

hid_t made_h5_open(void)
{
    no_messages();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fapl_core(access, 1 << 16, 0);
    hid_t file = H5Fcreate("made.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    (void)H5Pclose(access);
    if (file < 0)
        abort();
    return file;
}

void *made_h5_close(hid_t file, size_t *bytes)
{
    (void)H5Fflush(file, H5F_SCOPE_LOCAL);
    ssize_t n = H5Fget_file_image(file, NULL, 0);
    void *image = n > 0 ? malloc((size_t)n) : NULL;
    if (image == NULL || H5Fget_file_image(file, image, (size_t)n) != n)
        abort();
    (void)H5Fclose(file);
    *bytes = (size_t)n;
    return image;
}

bool made_h5_all_closed(void)
{
    hsize_t spaces = 0;
    (void)H5Inmembers(H5I_DATASPACE, &spaces);
    return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0 && spaces == 0;
}

bool made_h5_odd(struct stream *s)
{
    return stream_take(s, 1) >= PLAIN_BELOW;
}

static enum oddity odd(struct stream *s)
{
    return (enum oddity)(stream_take(s, 1) % ODD_COUNT);
}

int64_t made_h5_near(struct stream *s, int64_t value)
{
    switch (stream_take(s, 1) % 4) {
    case 0:
        return value + 1 - 2 * (int64_t)(stream_take(s, 1) & 1);
    case 1:
        return (int64_t)(stream_take(s, 1));
    case 2:
        return (int64_t)(stream_take(s, 2)) - 1024;
    default:
        return (int64_t)stream_take(s, 8);
    }
}

hid_t made_h5_group(struct stream *s, hid_t parent, const char *name)
{
    if (made_h5_odd(s)) {
        switch (stream_take(s, 1) % 4) {
        case 0:
            return -1;
        case 1:
            (void)H5Lcreate_soft("/", parent, name, H5P_DEFAULT, H5P_DEFAULT);
            return -1;
        case 2:
            (void)H5Lcreate_external("other.h5", "/", parent, name, H5P_DEFAULT, H5P_DEFAULT);
            return -1;
        default: { /* a data set where a group should be */
            struct stream none = {0};
            made_h5_array(&none, parent, name,
                          &(struct made_array){.rank = 1, .dims = {3}, .count = true});
            return -1;
        }
        }
    }
    return H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

/* ---- attributes ---- */

static void write_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                            const void *value)
{
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (a >= 0) {
        if (value != NULL)
            (void)H5Awrite(a, type, value);
        (void)H5Aclose(a);
    }
    (void)H5Sclose(space);
}

static void write_number(hid_t object, const char *name, hid_t type, const void *value)
{
    write_attribute(object, name, type, H5Screate(H5S_SCALAR), value);
}

static void write_text(hid_t object, const char *name, const char *text, size_t bytes,
                       bool variable)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, variable ? H5T_VARIABLE : bytes > 0 ? bytes : 1);
    const void *value = variable ? (const void *)&text : (const void *)text;
    write_attribute(object, name, type, H5Screate(H5S_SCALAR), value);
    (void)H5Tclose(type);
}

/* An attribute of any type but the one asked for. */
static void write_odd(struct stream *s, hid_t object, const char *name, enum oddity what)
{
    int64_t number[4];
    double real;
    char text[256] = {0};
    hsize_t three = 3;
    for (size_t i = 0; i < 4; i++)
        number[i] = made_h5_near(s, 1);
    switch (what) {
    case ODD_REAL:
        real = stream_take_double(s);
        write_number(object, name, H5T_NATIVE_DOUBLE, &real);
        break;
    case ODD_TEXT:
    case ODD_VARIABLE_TEXT: {
        size_t n = (size_t)stream_take(s, 1) % (sizeof text - 1);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(stream_take(s, 1) + (what == ODD_VARIABLE_TEXT));
        write_text(object, name, text, n, what == ODD_VARIABLE_TEXT);
        break;
    }
    case ODD_LIST:
        write_attribute(object, name, H5T_NATIVE_INT64, H5Screate_simple(1, &three, NULL), number);
        break;
    case ODD_EMPTY:
        write_attribute(object, name, H5T_NATIVE_INT64, H5Screate(H5S_NULL), NULL);
        break;
    case ODD_UNSIGNED:
        write_number(object, name, H5T_NATIVE_UINT64, number);
        break;
    case ODD_SHORT:
        write_number(object, name, H5T_NATIVE_INT8, number);
        break;
    case ODD_NUMBER:
    case ODD_ANY_NUMBER:
        write_number(object, name, H5T_NATIVE_INT64, number);
        break;
    case ODD_MISSING:
    case ODD_LINK:
    case ODD_COUNT:
        break;
    }
}

void made_h5_string(struct stream *s, hid_t object, const char *name, const char *text)
{
    if (made_h5_odd(s))
        write_odd(s, object, name, odd(s));
    else
        write_text(object, name, text, strlen(text), false);
}

void made_h5_number(struct stream *s, hid_t object, const char *name, int64_t value)
{
    if (!made_h5_odd(s)) {
        write_number(object, name, H5T_NATIVE_INT64, &value);
        return;
    }
    enum oddity what = odd(s);
    int64_t near = made_h5_near(s, value);
    if (what == ODD_NUMBER)
        write_number(object, name, H5T_NATIVE_INT64, &near);
    else
        write_odd(s, object, name, what);
}

void made_h5_real(struct stream *s, hid_t object, const char *name, double value)
{
    if (made_h5_odd(s))
        write_odd(s, object, name, odd(s));
    else
        write_number(object, name, H5T_NATIVE_DOUBLE, &value);
}

void made_h5_type(struct stream *s, hid_t object, const char *name, const char *type)
{
    static const char *const quantization[] = {"TRN",      "TRN_ZERO", "RND",        "RND_CONV",
                                               "RND_ZERO", "RND_INF",  "RND_MIN_INF"};
    static const char *const overflow[] = {"WRAP", "SAT", "SAT_SYM"};
    char text[96];
    uint64_t choice = stream_take(s, 1);
    if (choice < 180) {
        write_text(object, name, type, strlen(type), false);
    } else if (choice < PLAIN_BELOW) {
        int width = (int)(stream_take(s, 1) % 66);
        int integer = width - (int)(stream_take(s, 1) % 70);
        uint64_t mode = stream_take(s, 1);
        (void)snprintf(text, sizeof text, "ap_%sfixed<%d,%d,AP_%s,AP_%s>",
                       (mode & 1) != 0 ? "u" : "", width, integer, quantization[mode / 2 % 7],
                       overflow[mode / 14 % 3]);
        write_text(object, name, text, strlen(text), false);
    } else {
        write_odd(s, object, name, odd(s));
    }
}

/* ---- data sets ---- */

/* Elements as doubles where the array is real, else as integers. */
static void fill(struct stream *s, const struct made_array *a, size_t n, int64_t *whole)
{
    uint64_t seed = stream_take(s, 1);
    uint64_t range = (uint64_t)a->high - (uint64_t)a->low + 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t mixed = (i + 1) * (seed * 2 + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
        whole[i] = a->value != NULL ? a->value(i)
                   : a->count       ? a->low + (int64_t)i
                              : (int64_t)((uint64_t)a->low + (range > 0 ? mixed % range : mixed));
    }
    if (n > 0 && made_h5_odd(s)) {
        size_t at = (size_t)stream_take(s, 2) % n;
        whole[at] = made_h5_near(s, whole[at]);
    }
}

static void write_set(struct stream *s, hid_t group, const char *name, const struct made_array *a,
                      hid_t type)
{
    size_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= (size_t)a->dims[i];
    if (n > MOST_ELEMENTS)
        return;
    int64_t *whole = calloc(n + 1, sizeof *whole);
    double *real = calloc(n + 1, sizeof *real);
    if (whole == NULL || real == NULL)
        abort();
    fill(s, a, n, whole);
    for (size_t i = 0; i < n; i++)
        real[i] = (double)whole[i];
    if (a->real && n > 0 && made_h5_odd(s))
        real[stream_take(s, 2) % n] = stream_take_double(s);
    hid_t space = a->rank > 0 ? H5Screate_simple(a->rank, a->dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (set >= 0) {
        (void)H5Dwrite(set, a->real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, H5S_ALL, H5S_ALL,
                       H5P_DEFAULT, a->real ? (const void *)real : (const void *)whole);
        (void)H5Dclose(set);
    }
    (void)H5Sclose(space);
    free(whole);
    free(real);
}

/* Another shape. */
static struct made_array reshaped(struct stream *s, const struct made_array *a)
{
    struct made_array other = *a;
    uint64_t how = stream_take(s, 1);
    if (how % 3 == 0) {
        other.rank = (int)(how / 3 % 5);
        for (int i = 0; i < other.rank; i++)
            other.dims[i] = other.dims[i] > 0 && i < a->rank ? other.dims[i] : 1;
    } else if (a->rank > 0) {
        other.dims[how / 3 % (uint64_t)a->rank] = stream_take(s, 1) % 32;
    }
    return other;
}

void made_h5_array(struct stream *s, hid_t group, const char *name, const struct made_array *a)
{
    hid_t type = a->real         ? H5T_NATIVE_FLOAT
                 : a->bytes == 2 ? H5T_NATIVE_INT16
                 : a->bytes == 4 ? H5T_NATIVE_INT32
                                 : H5T_NATIVE_INT64;
    if (!made_h5_odd(s)) {
        write_set(s, group, name, a, type);
        return;
    }
    struct made_array other;
    switch (stream_take(s, 1) % 9) {
    case 0:
        break; /* missing */
    case 1:
        (void)H5Lcreate_soft("elsewhere", group, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        (void)H5Gclose(H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        break;
    case 3:
        write_set(s, group, name, a, H5T_NATIVE_INT8);
        break;
    case 4:
        write_set(s, group, name, a, H5T_NATIVE_UINT64);
        break;
    case 5:
        write_set(s, group, name, a, H5T_NATIVE_DOUBLE);
        break;
    case 6:
        write_set(s, group, name, a, H5T_NATIVE_INT16);
        break;
    default:
        other = reshaped(s, a);
        write_set(s, group, name, &other, type);
    }
}
