/* Trained networks, changed at random: types wider and narrower, other roundings and overflows,
 * weights at the ends of their types. What the loader still takes, every kernel that says it can
 * compute it must compute as the reference does. A kernel's planner proves that for a network
 * before it takes it; a proof that is wrong at one edge shows on no network that somebody
 * trained, and on few that are drawn from nothing. */
#include "random_chain.h"

#include "base/hdf5.h"
#include "model/h5_read.h"

#include <hdf5.h>
#include <stdio.h>

enum { NETWORKS = 300, WINDOWS = 4, MOST_CHANGES = 4, MOST_NAMES = 40, NAME_BYTES = 64 };

static const char *const files[] = {"neutrino-t-8b", "neutrino-s-16b",  "jet-l-16b",
                                    "digit-l-16b",   "neutrino-n48-8b", "neutrino-standard-8b"};
enum { FILES = sizeof files / sizeof *files };

static struct random_chain r;
static uint32_t networks = NETWORKS;

/* ---- changes to an open file ---- */

static herr_t note_name(hid_t group, const char *name, const H5L_info_t *info, void *list)
{
    char(*names)[NAME_BYTES] = list;
    (void)group, (void)info;
    for (int i = 0; i < MOST_NAMES; i++) {
        if (names[i][0] == '\0') {
            (void)snprintf(names[i], NAME_BYTES, "%s", name);
            break;
        }
    }
    return 0;
}

static uint32_t list_links(hid_t group, char names[MOST_NAMES][NAME_BYTES])
{
    uint32_t n = 0;
    memset(names, 0, (size_t)MOST_NAMES * NAME_BYTES);
    (void)H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, note_name, names);
    while (n < MOST_NAMES && names[n][0] != '\0')
        n++;
    return n;
}

/* A type near the one that was there. */
static void change_type(char *text, size_t bytes)
{
    static const char *const modes[] = {"AP_TRN",      "AP_RND",     "AP_RND_CONV",   "AP_TRN_ZERO",
                                        "AP_RND_ZERO", "AP_RND_INF", "AP_RND_MIN_INF"};
    static const char *const overflows[] = {"AP_WRAP", "AP_SAT", "AP_SAT_SYM", "AP_SAT_ZERO"};
    struct fixed_type t;
    if (!fixed_parse(text, &t)) /* an earlier change gave it a mode that is none of ours */
        return;
    int width = t.width, integer = t.integer;
    bool is_signed = t.is_signed;
    uint32_t mode = draw(&r, 7), overflow = draw(&r, 4);
    switch (draw(&r, 6)) {
    case 0:
        width = draw_between(&r, 1, 40);
        break;
    case 1:
        width += draw_between(&r, -4, 4);
        integer += draw_between(&r, -3, 3);
        break;
    case 2: /* more fraction bits, the same range */
        width += draw_between(&r, -3, 6);
        break;
    case 3:
        integer += draw_between(&r, -20, 20);
        break;
    case 4:
        is_signed = !is_signed;
        break;
    default: /* other modes only */
        (void)snprintf(text, bytes, "ap_%sfixed<%d,%d,%s,%s>", is_signed ? "" : "u", width, integer,
                       modes[mode], overflows[overflow]);
        return;
    }
    struct fixed_type other = {0};
    if (width >= 1 && width <= 64 &&
        fixed_init(&other, width, integer, is_signed, t.quantization, t.overflow))
        fixed_format(&other, text, bytes);
}

static void replace_text(hid_t group, const char *name, const char *text)
{
    hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, strlen(text) + 1);
    (void)H5Adelete(group, name);
    hid_t a = H5Acreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, type, text) >= 0);
    (void)H5Aclose(a);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
}

static bool read_text(hid_t group, const char *name, char *text, size_t bytes)
{
    struct error err = {0};
    return H5Aexists(group, name) > 0 && h5_read_string(group, name, text, bytes, &err);
}

static bool change_a_type(hid_t group)
{
    static const char *const names[] = {"out_t",   "accum_t",     "weight_t",    "bias_t",
                                        "recip_t", "exp_table_t", "inv_table_t", "table_t"};
    char text[128];
    const char *name = names[draw(&r, sizeof names / sizeof *names)];
    if (!read_text(group, name, text, sizeof text))
        return false;
    change_type(text, sizeof text);
    replace_text(group, name, text);
    return true;
}

/* Numbers of a data set: largest, smallest, none, one of another sign. */
static bool change_numbers(hid_t group)
{
    static const char *const names[] = {"weight", "bias", "width", "integer", "signed"};
    const char *name = names[draw(&r, sizeof names / sizeof *names)];
    if (H5Lexists(group, name, H5P_DEFAULT) <= 0)
        return false;
    hid_t set = H5Dopen2(group, name, H5P_DEFAULT), space = H5Dget_space(set);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    int64_t *value = calloc((size_t)n, sizeof *value), most = 1, least = 0;
    assert_true(H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    for (hssize_t i = 0; i < n; i++) {
        most = value[i] > most ? value[i] : most;
        least = value[i] < least ? value[i] : least;
    }
    uint32_t kind = draw(&r, 6), percent = draw_chance(&r, 50) ? 100 : 10;
    int64_t step = draw_between(&r, -2, 2);
    for (hssize_t i = 0; i < n; i++) {
        if (!draw_chance(&r, percent))
            continue;
        value[i] = kind == 0   ? most
                   : kind == 1 ? least
                   : kind == 2 ? 0
                   : kind == 3 ? -value[i]
                   : kind == 4 ? value[i] * 4
                               : value[i] + step;
    }
    (void)H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
    free(value);
    (void)H5Sclose(space);
    (void)H5Dclose(set);
    return true;
}

static bool change_words(hid_t group)
{
    static const char *const words[] = {"feature", "slot"};
    static const char *const rounding[] = {"AP_TRN", "AP_RND", "AP_RND_CONV"};
    static const char *const overflows[] = {"AP_WRAP", "AP_SAT", "AP_SAT_SYM"};
    if (H5Aexists(group, "mask") > 0) {
        replace_text(group, "mask", words[draw(&r, 2)]);
        return true;
    }
    if (H5Aexists(group, "overflow") <= 0)
        return false;
    replace_text(group, "overflow", overflows[draw(&r, 3)]);
    replace_text(group, "quantization", rounding[draw(&r, 3)]);
    return true;
}

static void change(hid_t file)
{
    static char names[MOST_NAMES][NAME_BYTES];
    hid_t layers = H5Gopen2(file, "layers", H5P_DEFAULT);
    uint32_t n = list_links(layers, names), changes = 1 + draw(&r, MOST_CHANGES);
    for (uint32_t tries = 0, done = 0; done < changes && tries < 1000; tries++) {
        hid_t group = H5Gopen2(layers, names[draw(&r, n)], H5P_DEFAULT);
        uint32_t what = draw(&r, 10);
        done += what < 6   ? change_a_type(group)
                : what < 9 ? change_numbers(group)
                           : change_words(group);
        (void)H5Gclose(group);
    }
    (void)H5Gclose(layers);
}

/* ---- */

/* The file in memory, changed; NULL: the loader refuses it. */
static struct model *changed_model(const char *name)
{
    char path[512];
    struct error err = {0};
    struct model *m = NULL;
    (void)snprintf(path, sizeof path, SPARSED_SOURCE "/config/models/%s.model.h5", name);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fapl_core(list, 1 << 16, false);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, list);
    assert_true(file >= 0);
    change(file);
    (void)H5Fflush(file, H5F_SCOPE_LOCAL);
    ssize_t bytes = H5Fget_file_image(file, NULL, 0);
    void *image = bytes > 0 ? malloc((size_t)bytes) : NULL;
    if (image != NULL && H5Fget_file_image(file, image, (size_t)bytes) == bytes)
        m = model_load_bytes(name, image, (size_t)bytes, &err);
    free(image);
    (void)H5Fclose(file);
    (void)H5Pclose(list);
    return m;
}

static void kernels_agree_on_changed_networks(void **state)
{
    uint32_t matched[16] = {0}, taken = 0;
    (void)state;
    for (uint32_t seed = 0; seed < networks; seed++) {
        r = (struct random_chain){.state = UINT64_C(0x9e3779b97f4a7c15) * (seed + 1)};
        struct model *m = changed_model(files[seed % FILES]);
        if (m == NULL)
            continue;
        (void)snprintf(m->name, sizeof m->name, "%s, seed %u", files[seed % FILES], seed);
        r.model = *m;
        random_chain_judge(&r, WINDOWS, matched);
        model_destroy(&m);
        taken++;
    }
    print_message("%u of %u networks taken by the loader\n", taken, networks);
    for (size_t k = 0; kernel_table[k]->name != NULL; k++)
        print_message("%-18s %u\n", kernel_table[k]->name, matched[k]);
    assert_true(taken > networks / 4);
}

/* test_kernels_changed [NETWORKS] */
int main(int argc, char **argv)
{
    if (argc > 1)
        networks = (uint32_t)strtoul(argv[1], NULL, 10);
    hdf5_prepare();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_agree_on_changed_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
