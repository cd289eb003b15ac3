/* sparsectl: one question to sparsed's run control; waits for what takes its time. */
#include "common/json.h"
#include "common/subscriber.h"
#include "common/text.h"
#include "ctl/ask.h"
#include "ctl/options.h"
#include "ctl/reply_json.h"
#include "ctl/status_text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

static void drop(Sparsed__ControlReply *reply)
{
    if (reply != NULL)
        sparsed__control_reply__free_unpacked(reply, NULL);
}

static Sparsed__ControlReply *ask_status(struct ask *a, const struct options *o, int64_t timeout_ms,
                                         struct failure *f)
{
    Sparsed__ControlRequest request = o->request;
    request.command = SPARSED__CONTROL_REQUEST__COMMAND__STATUS;
    request.file = request.name = request.comment = (char *)(uintptr_t)protobuf_c_empty_string;
    return ask_for(a, &request, timeout_ms, f);
}

static int exit_of(const Sparsed__ControlReply *reply)
{
    switch (reply->outcome) {
    case SPARSED__CONTROL_REPLY__OUTCOME__DONE:
        return CTL_DONE;
    case SPARSED__CONTROL_REPLY__OUTCOME__BAD:
        return CTL_BAD;
    case SPARSED__CONTROL_REPLY__OUTCOME__REFUSED:
        return CTL_REFUSED;
    case SPARSED__CONTROL_REPLY__OUTCOME__FAILED:
    case _SPARSED__CONTROL_REPLY__OUTCOME_IS_INT_SIZE:
        break;
    }
    return CTL_FAILED;
}

static bool drains(const Sparsed__ControlReply *reply)
{
    return reply->status->state == SPARSED__RUN_STATUS__STATE__DRAINING;
}

/* Looks until the run has drained. `*reply` becomes the last answer. A daemon that ends
 * gives none any more. */
static int wait_for_drain(struct ask *a, const struct options *o, Sparsed__ControlReply **reply,
                          struct failure *f)
{
    bool ends = o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__SHUTDOWN;
    uint64_t end_ns = subscriber_now_ns() + (uint64_t)(o->wait_s * 1e9);
    const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
    while (drains(*reply)) {
        if (subscriber_stopped() || subscriber_now_ns() >= end_ns) {
            (void)failure_set(f, "run %u still drains", (*reply)->status->run_number);
            return CTL_LATE;
        }
        (void)nanosleep(&moment, NULL);
        Sparsed__ControlReply *next =
            ask_status(a, o, ends ? 1000 : (int64_t)(o->timeout_s * 1e3), f);
        if (next == NULL)
            return ends ? CTL_DONE : CTL_SILENT;
        drop(*reply);
        *reply = next;
    }
    if ((*reply)->status->state == SPARSED__RUN_STATUS__STATE__ERROR)
        return CTL_FAILED;
    return (*reply)->status->last_complete ? CTL_DONE : CTL_INCOMPLETE;
}

/* An answer of several lines: those after the first are indented. */
static void print_lines(const char *from_outside, FILE *to)
{
    char line[2048], clean[2048];
    for (const char *rest = from_outside; rest != NULL;) {
        const char *end = strchr(rest, '\n');
        size_t bytes = end != NULL ? (size_t)(end - rest) : strlen(rest);
        (void)snprintf(line, sizeof line, "%.*s", (int)(bytes < sizeof line ? bytes : 0), rest);
        fprintf(to, "%s%s\n", rest == from_outside ? "" : "  ",
                text_clean(clean, sizeof clean, line));
        rest = end != NULL ? end + 1 : NULL;
    }
}

static void say(const struct options *o, const Sparsed__ControlReply *reply, int status)
{
    char text[2048];
    if (reply == NULL)
        return;
    bool shows = o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__STATUS;
    bool config = o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__CONFIG;
    bool ran = o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__STOP &&
               (status == CTL_DONE || status == CTL_INCOMPLETE) && o->wait_s > 0;
    if (o->json) {
        (void)json_write_line(reply_json_object(reply), stdout);
        return;
    }
    if (status != CTL_DONE && status != CTL_INCOMPLETE && status != CTL_LATE) {
        fputs("sparsectl: ", stderr);
        print_lines(reply->text, stderr);
        if (status == CTL_REFUSED) {
            fputs("  now: ", stderr);
            for (size_t i = 0; i < reply->n_allowed; i++)
                fprintf(stderr, "%s%s", i > 0 ? ", " : "",
                        text_clean(text, sizeof text, reply->allowed[i]));
            fputc('\n', stderr);
        }
    } else if (shows) {
        status_text_print(reply, isatty(STDOUT_FILENO) == 1, stdout);
    } else if (config) {
        fputs(reply->configuration, stdout);
    } else {
        print_lines(ran ? reply->status->last_result : reply->text, stdout);
    }
}

/* The number after the last run's. */
static int find_next(struct ask *a, struct options *o, struct failure *f)
{
    Sparsed__ControlReply *reply = ask_status(a, o, (int64_t)(o->timeout_s * 1e3), f);
    if (reply == NULL)
        return CTL_SILENT;
    uint32_t last = reply->status->run_number;
    drop(reply);
    o->request.run = last + 1;
    if (last != 0 && last != UINT32_MAX)
        return CTL_DONE;
    (void)failure_set(f, "there was no run yet: give the number");
    return CTL_BAD;
}

static int talk(struct ask *a, struct options *o, struct failure *f)
{
    int status = o->next ? find_next(a, o, f) : CTL_DONE;
    if (status != CTL_DONE)
        return status;
    Sparsed__ControlReply *reply = ask_for(a, &o->request, (int64_t)(o->timeout_s * 1e3), f);
    if (reply == NULL)
        return CTL_SILENT;
    status = exit_of(reply);
    bool ends = o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__STOP ||
                o->request.command == SPARSED__CONTROL_REQUEST__COMMAND__SHUTDOWN;
    if (status == CTL_DONE && ends && o->wait_s > 0)
        status = wait_for_drain(a, o, &reply, f);
    if (status == CTL_LATE)
        fprintf(stderr, "sparsectl: %s\n", f->text);
    if (status != CTL_SILENT)
        say(o, reply, status);
    drop(reply);
    return status;
}

int main(int argc, char **argv)
{
    struct options o;
    struct failure f = {""};
    struct ask a;
    int status = options_read(argc, argv, &o);
    if (status >= 0)
        return status;
    subscriber_catch_signals();
    if (!ask_init(&a, o.endpoint, &o.keys, &f)) {
        fprintf(stderr, "sparsectl: %s\n", f.text);
        return CTL_BAD;
    }
    f.text[0] = '\0';
    status = talk(&a, &o, &f);
    if (status == CTL_SILENT || (status == CTL_BAD && f.text[0] != '\0'))
        fprintf(stderr, "sparsectl: %s\n", f.text);
    ask_fini(&a);
    return status;
}
