/* processor: which sets of instructions may be used here.
 *
 * A set stands for all flags that daemon/CMakeLists.txt gives to the files
 * NAME_avx2.c and NAME_avx512.c: the compiler may use any of them anywhere in such
 * a file, so the question is asked outside of them. The answer also covers whether
 * the operating system keeps the wide registers of a thread. Any thread.
 */
#ifndef SPARSED_BASE_PROCESSOR_H
#define SPARSED_BASE_PROCESSOR_H

#include <stdbool.h>

bool processor_has_avx2(void);   /* AVX2, FMA, BMI, BMI2, LZCNT, POPCNT: Haswell, Zen and later */
bool processor_has_avx512(void); /* and F, BW, CD, DQ, VL, VBMI, VNNI: Ice Lake, Zen 4 and later */

#endif
