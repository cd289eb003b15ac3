/* view: facts as health in words, as lines of text, and as JSON. No terminal here. */
#ifndef SPARSED_CLIENTS_TOP_VIEW_H
#define SPARSED_CLIENTS_TOP_VIEW_H

#include "top/facts.h"

#include <jansson.h>

enum { VIEW_LINES = 64, VIEW_LINE_BYTES = 512, VIEW_REASONS = 12, VIEW_REASON_BYTES = 128 };

/* A source is silent after so long. */
#define VIEW_SILENT_SECONDS 5.0

enum view_state { VIEW_HEALTHY, VIEW_IDLE, VIEW_TROUBLE, VIEW_DEGRADED };

/* Healthy, or why not. Idle: nothing is wrong, but no source sends. Degraded: nothing is
 * lost, but a card is not up. */
struct view_health {
    enum view_state state;
    char reason[VIEW_REASONS][VIEW_REASON_BYTES];
    size_t n;
};

struct view_line {
    char text[VIEW_LINE_BYTES];
    bool bad; /* a line with something wrong in it; its words say so as well */
};

struct view {
    struct view_line line[VIEW_LINES];
    size_t n;
};

void view_health(struct view_health *h, const struct facts *f, const struct facts_rates *r);
const char *view_state_name(enum view_state state);

/* `utf8` false: sparklines in ASCII. */
void view_render(struct view *v, const struct facts *f, const struct facts_rates *r,
                 const struct facts_history *past, const struct view_health *h, bool utf8);

/* A new reference. */
json_t *view_json(const struct facts *f, const struct facts_rates *r, const struct view_health *h,
                  const char *endpoint);

#endif
