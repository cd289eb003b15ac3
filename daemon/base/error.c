#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (err == NULL) {
        return false;
    }
    va_list args;
    va_start(args, format);
    err->code = code;
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL) {
        return false;
    }
    char sentence[ERROR_TEXT_BYTES];
    memcpy(sentence, err->text, sizeof sentence);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = length < 0 ? 0 : strlen(err->text);
    strncat(err->text, ": ", sizeof err->text - used - 1);
    used = strlen(err->text);
    strncat(err->text, sentence, sizeof err->text - used - 1);
    return false;
}

int error_exit_status(const struct error *err)
{
    static const int status[] = {
#define X(name, exit_status) [ERROR_##name] = (exit_status),
        ERROR_CODES(X)
#undef X
    };
    return status[err->code];
}
