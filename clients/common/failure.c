#include "common/failure.h"

#include <stdarg.h>
#include <stdio.h>

bool failure_set(struct failure *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->text, sizeof f->text, format, arguments);
    va_end(arguments);
    return false;
}
