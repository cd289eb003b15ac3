#include "compile.h"

#include "stages.h"

#include <stdio.h>
#include <stdlib.h>

/* Cycles from one window to the next: every stage must be done with the one before. */
static uint32_t pace(const struct stages *s)
{
    uint32_t outputs = s->dense[1]->out.channels;
    bool softmax = s->output != NULL && s->output->class == LAYER_SOFTMAX_TABLE;
    uint32_t cycles[] = {
        s->build.slots / s->build.at_once * s->passes,
        s->build.slots * s->build.reuse / s->build.at_once, 10, /* pooled places are held so long */
        outputs + (softmax ? 5U : 2U) /* words of a result; exponentials are held so long */
    };
    uint32_t most = 0;
    for (size_t i = 0; i < sizeof cycles / sizeof cycles[0]; i++)
        most = cycles[i] > most ? cycles[i] : most;
    return most;
}

static void fill_facts(const struct model *m, bool image_form, struct image_facts *f)
{
    char sha[SHA256_HEX_BYTES];
    hash_hex(m->sha256, sha);
    uint32_t value = image_form && m->input_t->width <= 8 ? 1 : 2;
    uint32_t pixel = image_form ? value : 4;
    uint32_t bytes = image_form ? m->height * m->width * pixel : 4 + pixel * m->max_listed;
    *f = (struct image_facts){.form = image_form ? 1 : 0,
                              .height = m->height,
                              .width = m->width,
                              .channels = m->channels,
                              .n_slots = m->max_listed,
                              .place_bytes = 1,
                              .value_bytes = value,
                              .pixel_bytes = pixel,
                              .window_bytes = (bytes + 63) / 64 * 64,
                              .n_outputs = m->n_outputs,
                              .raw_bytes = 4,
                              .result_bytes = 8 + 4 * m->n_outputs,
                              .n_layers = m->n_layers};
    (void)snprintf(f->model_name, sizeof f->model_name, "%s", m->name);
    (void)snprintf(f->model_sha256, sizeof f->model_sha256, "%s", sha);
}

bool compile_model(const struct model *m, const struct rtl_build *build, bool image_form,
                   struct image *im, struct image_facts *facts, struct error *err)
{
    struct stages *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_SYSTEM, "%s: no memory", m->path);
    bool good = stages_find(s, m, build, err) && stages_input(s, image_form, im, err) &&
                stages_conv(s, STAGE_A, im, err) && stages_conv(s, STAGE_B, im, err) &&
                stages_dense(s, im, err) && stages_output(s, im, err);
    if (good) {
        im->filters = s->conv[STAGE_A]->out.channels;
        image_put(im, UNIT_GLOBAL, GLOBAL_PACE, pace(s));
        image_put(im, UNIT_GLOBAL, GLOBAL_OUTPUTS, m->n_outputs);
        fill_facts(m, image_form, facts);
    }
    free(s);
    return good;
}
