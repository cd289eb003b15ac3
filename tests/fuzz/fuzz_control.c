/* A request on the control socket as anybody may send it. What is taken is a command that
 * run control knows, whose texts end and are UTF-8 without control characters; what is not
 * taken has a reason. */
#include "service/control_message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
    if (memchr(text, '\0', room) == NULL)
        abort();
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run_command ask;
    struct run_reply reply = {.outcome = RUN_DONE};
    if (!control_message_read(data, size, &ask, &reply)) {
        if (reply.outcome != RUN_BAD || reply.text[0] == '\0')
            abort();
        return 0;
    }
    if (!run_state_step_asked(ask.step) || !isfinite(ask.share))
        abort();
    check_text(ask.file, sizeof ask.file);
    check_text(ask.name, sizeof ask.name);
    check_text(ask.comment, sizeof ask.comment);
    check_text(ask.asked_by, sizeof ask.asked_by);
    return 0;
}
