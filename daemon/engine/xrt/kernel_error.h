/* kernel_error: what the error register of a kernel that loads its network says, as sentences.
 * One row a code of fpga/rtl/sparse_pkg.sv, in its order: X(code, name, sentence)
 */
#ifndef SPARSED_ENGINE_XRT_KERNEL_ERROR_H
#define SPARSED_ENGINE_XRT_KERNEL_ERROR_H

#include <stdint.h>

#define KERNEL_ERRORS(X)                                                                           \
    X(0, NONE, "no error")                                                                         \
    X(1, NO_MODEL, "no network is loaded")                                                         \
    X(2, MAGIC, "the image is not one of sparse-rtl")                                              \
    X(3, VERSION, "the image is of another version")                                               \
    X(4, SIZE, "the image is cut off, or for a kernel with other slots, filters or reuse")         \
    X(5, UNIT, "the image writes to a part that the kernel has not")                               \
    X(6, ADDRESS, "the image writes beyond the end of a part")                                     \
    X(7, VALUE, "the image asks for more than the kernel's limits")                                \
    X(8, CHECK, "the image has changed on its way: its check is wrong")                            \
    X(9, ALIGN, "an address is not aligned")                                                       \
    X(10, BUS, "the memory answered with an error")                                                \
    X(11, LOST, "scores did not come although all windows had")

/* Never NULL. */
const char *kernel_error_text(uint32_t code);

#endif
