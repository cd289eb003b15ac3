/* Any bytes as a message of the daemon's, the way its clients read them: a decision, a run
 * record, metrics, an answer of the control socket; as JSON and as lines for people. A line
 * ends inside its room and holds nothing that a terminal would obey.
 *
 * Input: a byte, which of them; then the message; of metrics also two, with the first one's length
 * (two bytes, the lower one first) before them. */
#include "common/decision_json.h"
#include "common/json.h"
#include "common/run_json.h"
#include "common/text.h"
#include "ctl/reply_json.h"
#include "ctl/status_text.h"
#include "decisions/decision_text.h"
#include "top/view.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* What is printed is what text_clean leaves as it is: whole characters, none of control. */
static void check_text(const char *text, size_t bytes)
{
    check(memchr(text, '\0', bytes) != NULL);
    char *clean = malloc(strlen(text) + 1);
    check(clean != NULL);
    check(strcmp(text_clean(clean, strlen(text) + 1, text), text) == 0);
    free(clean);
}

static void check_lines(char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL;)
        check_text(line, strlen(line) + 1);
}

/* One line, and every name in it clean; a configuration keeps its line ends and what it holds. */
static void check_json(json_t *value)
{
    check(value != NULL);
    (void)json_object_del(value, "configuration");
    char *text = json_dumps(value, JSON_COMPACT);
    check(text != NULL);
    check_text(text, strlen(text) + 1);
    free(text);
    json_decref(value);
}

static void read_decision(const uint8_t *data, size_t size)
{
    static struct decision_layout layout;
    char line[DECISION_TEXT_BYTES];
    Sparsed__Decision *d = sparsed__decision__unpack(NULL, size, data);
    if (d == NULL)
        return;
    check_json(decision_json_object(d));
    decision_text_line(&layout, d, line, sizeof line);
    check_text(line, sizeof line);
    sparsed__decision__free_unpacked(d, NULL);
}

static void read_run(const uint8_t *data, size_t size)
{
    char line[DECISION_TEXT_BYTES];
    Sparsed__RunRecord *r = sparsed__run_record__unpack(NULL, size, data);
    if (r == NULL)
        return;
    check_json(run_json_object(r));
    run_json_line(r, line, sizeof line);
    check_text(line, sizeof line);
    sparsed__run_record__free_unpacked(r, NULL);
}

struct top {
    struct facts now, before;
    struct facts_history past;
    struct view view;
};

static void show_metrics(struct top *t, const uint8_t *data, size_t size)
{
    Sparsed__Metrics *m = sparsed__metrics__unpack(NULL, size, data);
    if (m == NULL)
        return;
    t->before = t->now;
    facts_read(&t->now, m);
    struct facts_rates rates = facts_compare(&t->now, &t->before);
    facts_remember(&t->past, &rates);
    for (int utf8 = 0; utf8 < 2; utf8++) {
        view_render(&t->view, &t->now, &rates, &t->past, utf8 != 0);
        check(t->view.n <= VIEW_LINES);
        for (size_t i = 0; i < t->view.n; i++)
            check_text(t->view.line[i].text, VIEW_LINE_BYTES);
    }
    check_json(view_json(&t->now, &rates, "tcp://127.0.0.1:5557"));
    sparsed__metrics__free_unpacked(m, NULL);
}

static void read_metrics(const uint8_t *data, size_t size)
{
    static struct top top;
    top = (struct top){.past.n = 0};
    show_metrics(&top, data, size);
}

static void read_two_metrics(const uint8_t *data, size_t size)
{
    static struct top top;
    if (size < 2)
        return;
    size_t first = data[0] + 256U * data[1], most = size - 2;
    first = first < most ? first : most;
    top = (struct top){.past.n = 0};
    show_metrics(&top, data + 2, first);
    show_metrics(&top, data + 2 + first, most - first);
}

static void read_reply(const uint8_t *data, size_t size)
{
    Sparsed__ControlReply *r = sparsed__control_reply__unpack(NULL, size, data);
    if (r == NULL || r->status == NULL) { /* ctl/ask.c takes none without */
        sparsed__control_reply__free_unpacked(r, NULL);
        return;
    }
    check_json(reply_json_object(r));
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    check(to != NULL);
    status_text_print(r, false, to);
    (void)fclose(to);
    check_lines(text);
    free(text);
    sparsed__control_reply__free_unpacked(r, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *data, size_t size) = {
        read_decision, read_run, read_metrics, read_reply, read_two_metrics};
    if (size > 0)
        readers[data[0] % (sizeof readers / sizeof *readers)](data + 1, size - 1);
    return 0;
}
