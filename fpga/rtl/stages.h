/* stages: which layer of a model each stage of the kernel runs. Layers between two sums are
 * casts and are looked up by position. */
#ifndef FPGA_RTL_STAGES_H
#define FPGA_RTL_STAGES_H

#include "cast_chain.h"
#include "image.h"

enum { STAGE_A, STAGE_B, STAGE_CONVS };

struct stages {
    const struct model *model;
    struct rtl_build build;
    const struct layer *conv[STAGE_CONVS];
    const struct layer *pool[STAGE_CONVS]; /* behind it; NULL: none */
    const struct layer *flatten;
    const struct layer *dense[2];
    const struct layer *output; /* the table; NULL: last sums are the scores */
    /* of the feature that reaches a stage: what the casts before it leave, a channel each */
    struct cast_chain into[STAGE_CONVS][RTL_CHANNELS];
    struct cast_chain into_dense[RTL_PLACES][RTL_CHANNELS]; /* by place */
    struct cast_chain into_second[RTL_LANE_OUTPUTS * RTL_PASSES];
    uint32_t passes; /* of the first dense layer */
};

/* Finds the stages. False: a layer that the kernel has not, or not there. */
bool stages_find(struct stages *s, const struct model *m, const struct rtl_build *build,
                 struct error *err);

/* Each writes one stage and the cast behind it, and leaves the features of the next one. */
bool stages_input(struct stages *s, bool image_form, struct image *im, struct error *err);
bool stages_conv(struct stages *s, int stage, struct image *im, struct error *err);
bool stages_dense(struct stages *s, struct image *im, struct error *err);
bool stages_output(struct stages *s, struct image *im, struct error *err);

/* "MODEL: layer NAME: SENTENCE". */
bool stages_refuse(const struct stages *s, const struct layer *l, struct error *err,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds the casts of a layer and of those after it to a chain, for one channel (at a place, or
 * one element) up to `until`. False: refused. */
bool stages_casts(const struct stages *s, struct cast_chain *c, const struct layer *from,
                  const struct layer *until, uint32_t place, uint32_t channel, struct error *err);

/* weight << shift as the kernel's weight field of `bits`, for a target `drop` bits below a product
 * and a rounding point `point` bits up. False: too wide. */
bool stages_weight(int64_t weight, int bits, int point, int drop, uint64_t *field);

#endif
