/* model_file: small model files for tests, from tables of items, so that a test
 * can write a good one and then spoil one item of it. */
#ifndef SPARSED_TESTS_MODEL_FILE_H
#define SPARSED_TESTS_MODEL_FILE_H

#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum item_kind { ITEM_TEXT, ITEM_TEXTS, ITEM_WHOLE, ITEM_REAL, ITEM_ARRAY };

struct item {
    const char *group; /* "/", "preprocessing" or "layers/NNN_name" */
    const char *name;
    enum item_kind kind;
    const char *text; /* TEXT; TEXTS: `number` copies */
    double number;    /* WHOLE, REAL; ARRAY: every element, where there is no data */
    int rank;         /* ARRAY */
    hsize_t axis[4];
    const int32_t *data;
    int spoil_as_list;  /* an attribute as a list of two */
    int spoil_as_other; /* a string as a number and the other way round */
};

#define TEXT(group, name, text)                                                                    \
    {                                                                                              \
        group, name, ITEM_TEXT, text, 0, 0, {0}, NULL, 0, 0                                        \
    }
#define WHOLE(group, name, value)                                                                  \
    {                                                                                              \
        group, name, ITEM_WHOLE, NULL, value, 0, {0}, NULL, 0, 0                                   \
    }
#define REAL(group, name, value)                                                                   \
    {                                                                                              \
        group, name, ITEM_REAL, NULL, value, 0, {0}, NULL, 0, 0                                    \
    }
#define FILLED(group, name, value, rank, ...)                                                      \
    {                                                                                              \
        group, name, ITEM_ARRAY, NULL, value, rank, {__VA_ARGS__}, NULL, 0, 0                      \
    }
#define DATA(group, name, data, rank, ...)                                                         \
    {                                                                                              \
        group, name, ITEM_ARRAY, NULL, 0, rank, {__VA_ARGS__}, data, 0, 0                          \
    }
#define ROOT(outputs) ROOT_NAMED("test", outputs)
#define ROOT_NAMED(name, outputs)                                                                  \
    TEXT("/", "format", "sparsed-model"), WHOLE("/", "version", 1), TEXT("/", "name", name),       \
        TEXT("/", "created_by", "a test"),                                                         \
    {                                                                                              \
        "/", "labels", ITEM_TEXTS, "label", outputs, 0, {0}, NULL, 0, 0                            \
    }

/* The layers of the smallest network that scores: an image, flat, one dense layer; all of
 * 16 bits. `weight` is the item of its weights, [height * width][outputs]. */
#define SMALL_DENSE "layers/002_dense"
#define SMALL_TYPE  "ap_fixed<16,8,AP_TRN,AP_WRAP>"
#define SMALL_NETWORK(height, width, outputs, weight)                                              \
    TEXT("layers/000_input", "class", "input"), WHOLE("layers/000_input", "height", height),       \
        WHOLE("layers/000_input", "width", width), WHOLE("layers/000_input", "channels", 1),       \
        TEXT("layers/000_input", "out_t", SMALL_TYPE),                                             \
        TEXT("layers/001_flatten", "class", "flatten"),                                            \
        TEXT("layers/001_flatten", "out_t", SMALL_TYPE), TEXT(SMALL_DENSE, "class", "dense"),      \
        WHOLE(SMALL_DENSE, "n_in", (height) * (width)), WHOLE(SMALL_DENSE, "n_out", outputs),      \
        TEXT(SMALL_DENSE, "accum_t", SMALL_TYPE), TEXT(SMALL_DENSE, "out_t", SMALL_TYPE),          \
        TEXT(SMALL_DENSE, "weight_t", SMALL_TYPE), TEXT(SMALL_DENSE, "bias_t", SMALL_TYPE),        \
        weight, FILLED(SMALL_DENSE, "bias", 1, 1, outputs)

static inline void model_file_attribute(hid_t group, const struct item *item)
{
    int as_text = (item->kind == ITEM_TEXT || item->kind == ITEM_TEXTS) != item->spoil_as_other;
    hsize_t n = item->kind == ITEM_TEXTS ? (hsize_t)item->number : 2;
    hid_t space = item->kind == ITEM_TEXTS || item->spoil_as_list ? H5Screate_simple(1, &n, NULL)
                                                                  : H5Screate(H5S_SCALAR);
    hid_t type = H5Tcopy(as_text                   ? H5T_C_S1
                         : item->kind == ITEM_REAL ? H5T_NATIVE_DOUBLE
                                                   : H5T_NATIVE_INT64);
    char texts[128][64] = {{0}};
    int64_t number = item->kind == ITEM_REAL ? 0 : (int64_t)item->number;
    int64_t whole[128] = {number, number};
    double real[128] = {item->number, item->number};
    for (size_t i = 0; i < 128; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%s", item->text == NULL ? "7" : item->text);
    }
    if (as_text) {
        (void)H5Tset_size(type, sizeof texts[0]);
    }
    hid_t a = H5Acreate2(group, item->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Awrite(a, type,
                   as_text                   ? (void *)texts
                   : item->kind == ITEM_REAL ? (void *)real
                                             : (void *)whole);
    (void)H5Aclose(a);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
}

static inline void model_file_array(hid_t group, const struct item *item)
{
    size_t n = 1;
    for (int i = 0; i < item->rank; i++) {
        n *= item->axis[i];
    }
    int32_t *filled = calloc(n, sizeof *filled);
    for (size_t i = 0; i < n; i++) {
        filled[i] = item->data == NULL ? (int32_t)item->number : item->data[i];
    }
    hid_t space = H5Screate_simple(item->rank, item->axis, NULL);
    hid_t type = item->spoil_as_other ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT32;
    hid_t d = H5Dcreate2(group, item->name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Dwrite(d, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, filled);
    (void)H5Dclose(d);
    (void)H5Sclose(space);
    free(filled);
}

/* Writes the items but `without` (NULL: all). */
static inline void model_file_write(const char *path, const struct item *items, size_t n,
                                    const struct item *without)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t list = H5Pcreate(H5P_LINK_CREATE);
    (void)H5Pset_create_intermediate_group(list, 1);
    for (size_t i = 0; i < n; i++) {
        int nested = strncmp(items[i].group, "layers/", 7) == 0;
        int exists =
            items[i].group[0] == '/' || ((!nested || H5Lexists(file, "layers", H5P_DEFAULT) > 0) &&
                                         H5Lexists(file, items[i].group, H5P_DEFAULT) > 0);
        hid_t group = exists ? H5Gopen2(file, items[i].group, H5P_DEFAULT)
                             : H5Gcreate2(file, items[i].group, list, H5P_DEFAULT, H5P_DEFAULT);
        if (&items[i] == without) {
            /* the group stays, as the writer forgot this one item */
        } else if (items[i].kind == ITEM_ARRAY) {
            model_file_array(group, &items[i]);
        } else {
            model_file_attribute(group, &items[i]);
        }
        (void)H5Gclose(group);
    }
    (void)H5Pclose(list);
    (void)H5Fclose(file);
}

#endif
