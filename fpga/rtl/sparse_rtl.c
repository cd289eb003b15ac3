/* sparse-rtl: a model file as an image that the kernel in SystemVerilog loads. */
#include "compile.h"

#include <errno.h>
#include <getopt.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_DEFAULT = 20 };

static const char help[] =
    "usage: sparse-rtl [OPTION]... MODEL -o IMAGE\n"
    "Compiles a model file to what the kernel in fpga/rtl loads at run time: weights, types,\n"
    "tables and the settings of its stages. The same kernel runs every model that fits; a model\n"
    "that does not is refused with the layer and the limit.\n"
    "\n"
    "  -o, --output FILE   the image\n"
    "      --form FORM     how windows come: list (active pixels, the default) or image\n"
    "      --slots N       slots that the kernel was built with, 8 .. 63 (default 20)\n"
    "      --at-once S     slots a cycle that it was built with, 1 or 2 (default 1)\n"
    "      --filters F     filters of its first convolution, 1 .. 3 (default 3)\n"
    "      --reuse R       slots that share a lane in it, 1, 2 or 4; divides N (default 1)\n"
    "  -h, --help          this text\n"
    "\n"
    "sparse-rtl neutrino.model.h5 -o neutrino.rtl\n";

struct options {
    const char *model, *output;
    struct rtl_build build;
    bool image_form;
};

static bool parse_number(const char *option, const char *text, uint32_t least, uint32_t most,
                         uint32_t *number, struct error *err)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < (long)least || n > (long)most)
        return error_set(err, ERROR_CONFIG, "--%s = %s: must be %u .. %u", option, text, least,
                         most);
    *number = (uint32_t)n;
    return true;
}

static bool parse_form(const char *text, bool *image_form, struct error *err)
{
    *image_form = strcmp(text, "image") == 0;
    return *image_form || strcmp(text, "list") == 0 ||
           error_set(err, ERROR_CONFIG, "--form = %s: must be list or image", text);
}

static bool parse_options(int argc, char **argv, struct options *o, struct error *err)
{
    static const struct option option[] = {
        {"output", required_argument, NULL, 'o'},  {"form", required_argument, NULL, 'f'},
        {"slots", required_argument, NULL, 'n'},   {"at-once", required_argument, NULL, 's'},
        {"filters", required_argument, NULL, 'k'}, {"reuse", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},          {0}};
    for (int c; (c = getopt_long(argc, argv, "o:h", option, NULL)) != -1;) {
        bool good = true;
        if (c == 'h') {
            (void)fputs(help, stdout);
            exit(EXIT_SUCCESS);
        } else if (c == 'o')
            o->output = optarg;
        else if (c == 'f')
            good = parse_form(optarg, &o->image_form, err);
        else if (c == 'n')
            good =
                parse_number("slots", optarg, RTL_SLOTS_MIN, RTL_SLOTS_MAX, &o->build.slots, err);
        else if (c == 's')
            good = parse_number("at-once", optarg, 1, RTL_MOST_AT_ONCE, &o->build.at_once, err);
        else if (c == 'k')
            good = parse_number("filters", optarg, 1, RTL_CHANNELS, &o->build.filters, err);
        else if (c == 'r')
            good = parse_number("reuse", optarg, 1, RTL_MOST_REUSE, &o->build.reuse, err);
        else
            good = error_set(err, ERROR_CONFIG,
                             "%s: no such option, or without its value; see "
                             "sparse-rtl --help",
                             argv[optind - 1]);
        if (!good)
            return false;
    }
    if (optind + 1 != argc || o->output == NULL)
        return error_set(err, ERROR_CONFIG,
                         "needs a model file and -o IMAGE; see sparse-rtl --help");
    o->model = argv[optind];
    if (o->build.slots % o->build.at_once != 0)
        return error_set(err, ERROR_CONFIG, "--slots = %u: must be even with --at-once 2",
                         o->build.slots);
    return image_build_exists(&o->build) ||
           error_set(
               err, ERROR_CONFIG,
               "--reuse = %u: must be 1, 2 or 4, divide --slots = %u, and be 1 with --at-once 2",
               o->build.reuse, o->build.slots);
}

static bool write_file(const char *path, const uint8_t *data, size_t bytes, struct error *err)
{
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(data, 1, bytes, f) == bytes;
    if (f != NULL)
        good = fclose(f) == 0 && good;
    return good || error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
}

static bool build(const struct options *o, const struct model *m, struct error *err)
{
    struct image im;
    struct image_facts facts;
    size_t bytes = 0;
    image_init(&im);
    bool good = compile_model(m, &o->build, o->image_form, &im, &facts, err);
    uint8_t *block = good ? image_finish(&im, &o->build, &facts, &bytes) : NULL;
    if (good && block == NULL)
        good = error_set(err, ERROR_SYSTEM, "%s: no memory for an image", m->path);
    good = good && write_file(o->output, block, bytes, err);
    if (good)
        (void)printf("%s: %s, %s of %u bytes, %u records, for %u slots\n", o->output, m->name,
                     o->image_form ? "images" : "lists", facts.window_bytes, im.n, o->build.slots);
    free(block);
    image_fini(&im);
    return good;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct options o = {.build = {SLOTS_DEFAULT, 1, RTL_CHANNELS, 1}};
    struct model *m = NULL;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    opterr = 0;
    bool good = parse_options(argc, argv, &o, &err);
    if (good) {
        m = model_load(o.model, &err);
        good = m != NULL && build(&o, m, &err);
    }
    model_destroy(&m);
    if (!good) {
        (void)fprintf(stderr, "sparse-rtl: %s\n", err.text);
        return error_exit_status(&err);
    }
    return EXIT_SUCCESS;
}
