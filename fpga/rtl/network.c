/* The daemon's side of the compiler. */
#include "engine/xrt/network.h"

#include "base/hash.h"
#include "compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complete(struct xclbin *x, const struct image_facts *f)
{
    x->height = f->height;
    x->width = f->width;
    x->channels = f->channels;
    x->n_slots = f->n_slots;
    x->place_bytes = f->place_bytes;
    x->value_bytes = f->value_bytes;
    x->pixel_bytes = f->pixel_bytes;
    x->window_bytes = f->window_bytes;
    x->n_outputs = f->n_outputs;
    x->raw_bytes = f->raw_bytes;
    x->result_bytes = f->result_bytes;
    (void)snprintf(x->model_sha256, sizeof x->model_sha256, "%s", f->model_sha256);
}

static bool build_of(const struct xclbin *x, struct rtl_build *b, struct error *err)
{
    *b = (struct rtl_build){
        .slots = x->n_slots, .at_once = x->at_once, .filters = x->filters, .reuse = x->reuse};
    return image_build_exists(b) ||
           error_set(err, ERROR_CONFIG,
                     "kernel %s: user metadata: n_slots = %u, at_once = %u, filters = %u, reuse = "
                     "%u: there is no such kernel",
                     x->kernel, b->slots, b->at_once, b->filters, b->reuse);
}

bool network_init(struct network *n, struct xclbin *x, const struct model *m, struct error *err)
{
    struct image im;
    struct image_facts facts;
    struct rtl_build build;
    size_t bytes = 0;
    *n = (struct network){0};
    if (!build_of(x, &build, err))
        return false;
    image_init(&im);
    if (compile_model(m, &build, x->form == KERNEL_IMAGE, &im, &facts, err)) {
        n->image = image_finish(&im, &build, &facts, &bytes);
        n->bytes = bytes;
        if (n->image == NULL)
            (void)error_set(err, ERROR_SYSTEM, "%s: no memory for its image", m->path);
    }
    image_fini(&im);
    if (n->image == NULL)
        return false;
    uint8_t digest[SHA256_BYTES];
    hash_sha256(n->image, bytes, digest);
    memcpy(&n->name, digest, sizeof n->name);
    complete(x, &facts);
    return true;
}

void network_fini(struct network *n)
{
    free(n->image);
    *n = (struct network){0};
}
