/* view: facts as lines of text, and as JSON. No terminal here. */
#ifndef SPARSED_CLIENTS_TOP_VIEW_H
#define SPARSED_CLIENTS_TOP_VIEW_H

#include "top/facts.h"

#include <jansson.h>

enum { VIEW_LINES = 64, VIEW_LINE_BYTES = 512 };

/* A source is silent after so long. */
#define VIEW_SILENT_SECONDS 5.0

struct view_line {
    char text[VIEW_LINE_BYTES];
    bool bad; /* a line with something wrong in it; its words say so as well */
};

struct view {
    struct view_line line[VIEW_LINES];
    size_t n;
};

/* `utf8` false: sparklines in ASCII. */
void view_render(struct view *v, const struct facts *f, const struct facts_rates *r,
                 const struct facts_history *past, bool utf8);

/* A new reference. */
json_t *view_json(const struct facts *f, const struct facts_rates *r, const char *endpoint);

#endif
