/* cmocka with the headers it wants before it. */
#ifndef SPARSED_TESTS_CMOCKA_ALL_H
#define SPARSED_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#endif
