/* compile: a model file's network as an image for the kernel in SystemVerilog.
 *
 * The kernel has stages in a fixed order, each as wide as sparse_pkg.sv says:
 *
 *     reduction [quantizer] - convolution [relu, quantizer] - [average pool] -
 *     convolution [relu, quantizer] - [average pool] [quantizer] - flatten - dense
 *     [relu, quantizer] - dense - [table of sigmoids or softmax, or none]
 *
 * A network that fits gives, bit for bit, what the reference engine gives. One that does not is
 * refused with the layer and the limit.
 */
#ifndef FPGA_RTL_COMPILE_H
#define FPGA_RTL_COMPILE_H

#include "image.h"
#include "model/model.h"

/* `build`: what the kernel was built with. `image_form`: windows come as images, not as lists. */
bool compile_model(const struct model *m, const struct rtl_build *build, bool image_form,
                   struct image *im, struct image_facts *facts, struct error *err);

#endif
