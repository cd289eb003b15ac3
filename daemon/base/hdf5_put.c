#include "base/hdf5_put.h"

#include <string.h>

static bool put(hid_t at, const char *name, hid_t type, hid_t space, const void *value)
{
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = a >= 0 && H5Awrite(a, type, value) >= 0;
    if (a >= 0)
        (void)H5Aclose(a);
    (void)H5Sclose(space);
    return good;
}

static bool put_strings(hid_t at, const char *name, hid_t space, size_t bytes, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, bytes);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    bool good = put(at, name, type, space, text);
    (void)H5Tclose(type);
    return good;
}

bool hdf5_put_text(hid_t at, const char *name, const char *text)
{
    return put_strings(at, name, H5Screate(H5S_SCALAR), strlen(text) + 1, text);
}

bool hdf5_put_texts(hid_t at, const char *name, const char *text, hsize_t n, size_t stride)
{
    return n == 0 || put_strings(at, name, H5Screate_simple(1, &n, NULL), stride, text);
}

bool hdf5_put_number(hid_t at, const char *name, hid_t type, const void *value)
{
    return put(at, name, type, H5Screate(H5S_SCALAR), value);
}

bool hdf5_put_numbers(hid_t at, const char *name, hid_t type, const void *value, hsize_t n)
{
    return put(at, name, type, H5Screate_simple(1, &n, NULL), value);
}
