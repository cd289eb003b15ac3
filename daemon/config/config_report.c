#include "config/config_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_report_add(struct config_report *r, config_place place, const char *format, ...)
{
    if (r->n_problems++ >= CONFIG_REPORT_PROBLEMS)
        return;
    struct config_problem *p = &r->problem[r->n_problems - 1];
    int n;
    p->place = place;
    if (place > 0)
        n = snprintf(p->text, sizeof p->text, "%.200s:%d: ", r->name, place);
    else if (place == 0)
        n = snprintf(p->text, sizeof p->text, "%.200s: ", r->name);
    else
        n = snprintf(p->text, sizeof p->text, "--set %.120s: ", r->overrides[-place - 1]);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->text + n, sizeof p->text - (size_t)n, format, args);
    va_end(args);
    for (char *c = p->text; *c != 0; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void config_report_value(struct config_report *r, config_place place, const char *key,
                         const char *value, const char *problem)
{
    if (place < 0)
        config_report_add(r, place, "%s", problem);
    else
        config_report_add(r, place, "%.100s = %s: %s", key, value, problem);
}

/* Lines of the file, then the file as a whole, then overrides as given. */
static int by_place(const void *a, const void *b)
{
    config_place pa = ((const struct config_problem *)a)->place;
    config_place pb = ((const struct config_problem *)b)->place;
    if ((pa > 0) != (pb > 0))
        return pa > 0 ? -1 : 1;
    if (pa == pb)
        return strcmp(((const struct config_problem *)a)->text,
                      ((const struct config_problem *)b)->text);
    return (pa > 0) == (pa < pb) ? -1 : 1;
}

bool config_report_end(struct config_report *r, struct error *err)
{
    if (r->n_problems == 0)
        return true;
    size_t kept = r->n_problems < CONFIG_REPORT_PROBLEMS ? r->n_problems : CONFIG_REPORT_PROBLEMS;
    qsort(r->problem, kept, sizeof r->problem[0], by_place);
    char text[ERROR_TEXT_BYTES];
    size_t used = 0, shown = 0;
    enum { ROOM_FOR_REST = 40 };
    for (; shown < kept; shown++) {
        size_t n = strlen(r->problem[shown].text) + (used > 0);
        if (used + n + ROOM_FOR_REST >= sizeof text)
            break;
        (void)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? "\n" : "",
                       r->problem[shown].text);
        used += n;
    }
    if (shown < r->n_problems)
        (void)snprintf(text + used, sizeof text - used, "\nand %zu more",
                       (size_t)r->n_problems - shown);
    return error_set(err, ERROR_CONFIG, "%s", text);
}
