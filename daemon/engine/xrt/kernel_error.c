#include "engine/xrt/kernel_error.h"

const char *kernel_error_text(uint32_t code)
{
    static const char *const sentence[] = {
#define X(code, name, text) [code] = (text),
        KERNEL_ERRORS(X)
#undef X
    };
    return code < sizeof sentence / sizeof sentence[0] ? sentence[code]
                                                       : "a code that is not known";
}
