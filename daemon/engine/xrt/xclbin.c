/* Offsets are XRT's (xclbin.h there), spelt out here because XRT is optional at build
 * time. Every offset and length is checked against the file before it is used. */
#include "engine/xrt/xclbin.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    AT_LENGTH = 304, /* u64: of the whole file */
    AT_MODE = 332,   /* u16 */
    AT_PLATFORM = 352,
    PLATFORM_BYTES = 64,
    AT_SECTIONS = 448,
    HEADER_BYTES = 456,
    SECTION_BYTES = 40,
    AT_SECTION_OFFSET = 24,
    AT_SECTION_SIZE = 32,
    MAX_SECTIONS = 1024,
    AT_UNITS = 8, /* in IP_LAYOUT, after i32 how many */
    UNIT_BYTES = 80,
    AT_UNIT_NAME = 16, /* "kernel:instance" */
    UNIT_NAME_BYTES = 64,
};
enum { EMBEDDED_METADATA = 2, IP_LAYOUT = 8, USER_METADATA = 16 };
enum { MODE_FLAT = 0, MODE_PR = 1, MODE_HW_EMU = 4 };
enum { MAX_RECORD_BYTES = 1 << 20 };

/* What sparse-xclbin writes; another platform's emulation needs another device process. */
static const char emulated_platform[] = "sparsed_emulation";

struct file {
    const char *path;
    const uint8_t *data;
    uint64_t bytes;
};

static uint64_t number(const struct file *f, uint64_t at, uint32_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, f->data + at, bytes);
    return value;
}

static bool refuse(const struct file *f, struct error *err, const char *why)
{
    return error_set(err, ERROR_CONFIG, "%s: %s", f->path, why);
}

static bool check_header(const struct file *f, struct xclbin *x, struct error *err)
{
    if (f->bytes < HEADER_BYTES || memcmp(f->data, "xclbin2", 8) != 0)
        return refuse(f, err, "not an xclbin");
    if (number(f, AT_LENGTH, 8) != f->bytes)
        return error_set(err, ERROR_CONFIG,
                         "%s: truncated: %" PRIu64 " bytes of %" PRIu64 " are there", f->path,
                         f->bytes, number(f, AT_LENGTH, 8));
    uint64_t mode = number(f, AT_MODE, 2), sections = number(f, AT_SECTIONS, 4);
    if (mode != MODE_FLAT && mode != MODE_PR && mode != MODE_HW_EMU)
        return error_set(err, ERROR_CONFIG,
                         "%s: mode %" PRIu64 ": must be for a card or hardware emulation (4)",
                         f->path, mode);
    if (sections > MAX_SECTIONS || HEADER_BYTES + sections * SECTION_BYTES > f->bytes)
        return refuse(f, err, "its table of sections lies outside of it");
    x->emulation = mode == MODE_HW_EMU;
    const char *platform = (const char *)f->data + AT_PLATFORM;
    if (x->emulation && strncmp(platform, emulated_platform, PLATFORM_BYTES) != 0)
        return error_set(err, ERROR_CONFIG, "%s: emulation of platform \"%.*s\": must be %s",
                         f->path, PLATFORM_BYTES, platform, emulated_platform);
    return true;
}

/* The section of this kind, or NULL, 0 bytes: there is none, or it lies outside of the file. */
static const char *section(const struct file *f, uint32_t kind, uint64_t *bytes)
{
    uint64_t n = number(f, AT_SECTIONS, 4);
    *bytes = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = HEADER_BYTES + i * SECTION_BYTES;
        uint64_t offset = number(f, at + AT_SECTION_OFFSET, 8);
        uint64_t size = number(f, at + AT_SECTION_SIZE, 8);
        if (number(f, at, 4) == kind && offset <= f->bytes && size <= f->bytes - offset) {
            *bytes = size;
            return (const char *)f->data + offset;
        }
    }
    return NULL;
}

/* The kernel's compute units; other kernels may be in it too. */
static bool count_units(const struct file *f, struct xclbin *x, struct error *err)
{
    uint64_t bytes, length = strlen(x->kernel);
    const char *units = section(f, IP_LAYOUT, &bytes);
    int32_t n = 0;
    if (units != NULL && bytes >= AT_UNITS)
        memcpy(&n, units, sizeof n);
    if (n < 0 || (uint64_t)n * UNIT_BYTES + AT_UNITS > bytes)
        return refuse(f, err, "its list of compute units is cut short");
    for (int32_t i = 0; i < n; i++) {
        const char *name = units + AT_UNITS + (size_t)i * UNIT_BYTES + AT_UNIT_NAME;
        x->n_units += length < UNIT_NAME_BYTES && strncmp(name, x->kernel, length) == 0 &&
                      name[length] == ':';
    }
    return x->n_units > 0 || error_set(err, ERROR_CONFIG, "%s: no compute unit of kernel %s in it",
                                       f->path, x->kernel);
}

static bool text(const json_t *o, const char *key, char *to, size_t bytes)
{
    const char *value = json_string_value(json_object_get(o, key));
    return value != NULL && (size_t)snprintf(to, bytes, "%s", value) < bytes;
}

static bool natural(const json_t *o, const char *key, uint32_t *to)
{
    const json_t *value = json_object_get(o, key);
    json_int_t n = json_integer_value(value);
    *to = (uint32_t)n;
    return json_is_integer(value) && n >= 0 && n <= MAX_RECORD_BYTES;
}

static bool read_metadata(const json_t *o, struct xclbin *x, const char **missing)
{
    uint32_t form = 0;
    const struct {
        const char *key;
        uint32_t *to;
    } figure[] = {
        {"form", &form},
        {"height", &x->height},
        {"width", &x->width},
        {"channels", &x->channels},
        {"n_slots", &x->n_slots},
        {"place_bytes", &x->place_bytes},
        {"value_bytes", &x->value_bytes},
        {"pixel_bytes", &x->pixel_bytes},
        {"window_bytes", &x->window_bytes},
        {"n_outputs", &x->n_outputs},
        {"raw_bytes", &x->raw_bytes},
        {"result_bytes", &x->result_bytes},
    };
    *missing = "kernel_name";
    if (!text(o, "kernel_name", x->kernel, sizeof x->kernel))
        return false;
    *missing = "model_sha256";
    if (!text(o, "model_sha256", x->model_sha256, sizeof x->model_sha256))
        return false;
    for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
        *missing = figure[i].key;
        if (!natural(o, figure[i].key, figure[i].to))
            return false;
    }
    x->loads = x->model_sha256[0] == '\0';
    *missing = "at_once, filters, reuse";
    x->reuse = 1; /* of containers that were made before there was another */
    if (x->loads && (!natural(o, "at_once", &x->at_once) || !natural(o, "filters", &x->filters) ||
                     (json_object_get(o, "reuse") != NULL && !natural(o, "reuse", &x->reuse))))
        return false;
    *missing = "form";
    x->form = form == 0 ? KERNEL_LIST : KERNEL_IMAGE;
    return form <= 1;
}

static bool places_fit(const struct xclbin *x)
{
    uint32_t most = x->place_bytes == 1 ? 1U << 8 : 1U << 16;
    return (x->place_bytes == 1 || x->place_bytes == 2) && x->height <= most && x->width <= most;
}

/* What packing and reading of records relies on. */
static bool consistent(const struct xclbin *x)
{
    uint64_t list = 4 + (uint64_t)x->n_slots * x->pixel_bytes;
    uint64_t image = (uint64_t)x->height * x->width * x->pixel_bytes;
    uint64_t place = x->form == KERNEL_LIST ? (uint64_t)2 * x->place_bytes : 0;
    if (x->loads)
        return x->n_slots > 0;
    return (x->value_bytes == 1 || x->value_bytes == 2 || x->value_bytes == 4) &&
           (x->form == KERNEL_IMAGE || places_fit(x)) &&
           x->pixel_bytes >= place + (uint64_t)x->channels * x->value_bytes &&
           (x->form == KERNEL_LIST ? list : image) <= x->window_bytes &&
           (x->raw_bytes == 4 || x->raw_bytes == 8) &&
           (uint64_t)8 + (uint64_t)x->n_outputs * x->raw_bytes <= x->result_bytes;
}

static bool check(const struct file *f, struct xclbin *x, struct error *err)
{
    uint64_t bytes;
    if (!check_header(f, x, err))
        return false;
    if (section(f, EMBEDDED_METADATA, &bytes) == NULL || section(f, IP_LAYOUT, &bytes) == NULL)
        return refuse(f, err, "no kernel in it");
    const char *user = section(f, USER_METADATA, &bytes);
    json_t *o = user != NULL ? json_loadb(user, bytes, 0, NULL) : NULL;
    if (o == NULL)
        return refuse(f, err,
                      "no user metadata that says which model it was made from "
                      "(sparse-xclbin --json, fpga/README.md)");
    const char *missing;
    bool good = read_metadata(o, x, &missing) ||
                error_set(err, ERROR_CONFIG, "%s: user metadata: no usable %s", f->path, missing);
    json_decref(o);
    return good && count_units(f, x, err) &&
           (consistent(x) || refuse(f, err, "user metadata: its sizes do not fit each other"));
}

/* The whole file in memory: a map of it would end the process if it shrank meanwhile. */
static uint8_t *read_file(const char *path, uint64_t *bytes, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s = {0};
    bool regular = fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    uint8_t *data = regular ? malloc((size_t)s.st_size + 1) : NULL;
    ssize_t n = 1;
    for (*bytes = 0; data != NULL && n > 0 && *bytes < (uint64_t)s.st_size; *bytes += (uint64_t)n)
        n = read(fd, data + *bytes, (size_t)((uint64_t)s.st_size - *bytes));
    if (data == NULL || n < 0) {
        (void)error_set(err, ERROR_CONFIG, "%s: %s", path,
                        fd >= 0 && !regular ? "not a regular file" : strerror(errno));
        free(data);
        data = NULL;
    }
    if (fd >= 0)
        (void)close(fd);
    return data;
}

bool xclbin_parse(const char *path, const uint8_t *data, uint64_t bytes, struct xclbin *x,
                  struct error *err)
{
    *x = (struct xclbin){0};
    struct file f = {.path = path, .data = data, .bytes = bytes};
    return bytes > 0 ? check(&f, x, err) : refuse(&f, err, "empty");
}

bool xclbin_read(const char *path, struct xclbin *x, struct error *err)
{
    uint64_t bytes;
    uint8_t *data = read_file(path, &bytes, err);
    bool good = data != NULL && xclbin_parse(path, data, bytes, x, err);
    free(data);
    return good;
}

bool xclbin_fits(const struct xclbin *x, const char *path, const struct model *m, bool emulation,
                 struct error *err)
{
    char hex[SHA256_HEX_BYTES];
    hash_hex(m->sha256, hex);
    if (strcmp(hex, x->model_sha256) != 0)
        return error_set(err, ERROR_CONFIG,
                         "%s: made from a model with sha256 %.8s, but model %s has %.8s", path,
                         x->model_sha256, m->name, hex);
    if (x->height != m->height || x->width != m->width || x->channels != m->channels ||
        x->n_outputs != m->n_outputs)
        return error_set(err, ERROR_CONFIG,
                         "%s: its image or its outputs are not those of model %s", path, m->name);
    if (x->form == KERNEL_LIST && x->n_slots < m->max_listed)
        return error_set(err, ERROR_CONFIG, "%s: lists of %u pixels, but model %s may keep %u",
                         path, x->n_slots, m->name, m->max_listed);
    if (x->emulation != emulation)
        return error_set(err, ERROR_CONFIG, "%s: made for %s, but the configuration asks for %s",
                         path, x->emulation ? "emulation" : "a card",
                         emulation ? "emulation" : "a card");
    return true;
}
