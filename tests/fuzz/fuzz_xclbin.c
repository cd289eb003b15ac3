/* Any bytes as an xclbin. What is taken must have sizes by which records can be packed and
 * read inside their batch: the largest window and a result of any bytes are, with nothing to
 * spare; and a result is the answer to the window of its tag alone. */
#include "engine/xrt/record.h"
#include "engine/xrt/xclbin.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { MANY = 4096 };

static void pack_and_read(const struct xclbin *x, const uint8_t *data, size_t bytes)
{
    struct pixel place[MANY];
    uint32_t n = x->form == KERNEL_LIST ? x->n_slots : 1;
    if (n > MANY || x->height == 0 || x->width == 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        place[i] = (struct pixel){(uint16_t)(x->height - 1), (uint16_t)(x->width - 1)};
    int32_t *value = calloc((size_t)n * x->channels + 1, sizeof *value);
    int64_t *raw = calloc(x->n_outputs + 1, sizeof *raw);
    uint8_t *window = malloc(x->window_bytes + 1), *result = calloc(1, x->result_bytes);
    if (value == NULL || raw == NULL || window == NULL || result == NULL)
        abort();
    uint8_t *exact = realloc(window, x->window_bytes);
    struct window w = {.n_listed = n, .place = place, .value = value};
    record_window(x, &w, exact);
    uint32_t tag;
    memcpy(result, data, bytes < x->result_bytes ? bytes : x->result_bytes);
    memcpy(&tag, result, sizeof tag);
    if (!record_result(x, result, tag, raw) || record_result(x, result, tag + 1, raw))
        abort();
    free(value);
    free(raw);
    free(exact);
    free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct xclbin x;
    struct error err = {.code = ERROR_NONE};
    bool good = xclbin_parse("fuzz", data, bytes, &x, &err);
    if (good && !x.loads) /* one that loads has no sizes yet */
        pack_and_read(&x, data, bytes);
    else if (!good && (err.code != ERROR_CONFIG || err.text[0] == '\0'))
        abort();
    return 0;
}
