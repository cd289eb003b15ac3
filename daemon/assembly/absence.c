/* For each wire the row of the source that sent it last, 0 where nobody did. Counting by
 * source needs a number for each row; only rows that were touched are cleared again.
 */
#include "assembly/absence.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct absence {
    const struct geometry *g;
    struct monitor *m;
    uint16_t *owner[SETTINGS_MAX_PLANES]; /* [wires], row of the monitor */
    uint32_t wires[MONITOR_MAX_SOURCES];  /* missing in the event at hand */
    enum loss why[MONITOR_MAX_SOURCES];
    uint16_t touched[MONITOR_MAX_SOURCES];
    uint32_t n_touched;
};

struct absence *absence_create(const struct geometry *g, struct monitor *m, struct error *err)
{
    struct absence *a = calloc(1, sizeof *a);
    bool good = a != NULL;
    for (uint32_t p = 0; good && p < g->n_planes; p++) {
        a->owner[p] = calloc((size_t)g->plane[p].wires + 1, sizeof *a->owner[p]);
        good = a->owner[p] != NULL;
    }
    if (!good) {
        error_set(err, ERROR_SYSTEM, "no memory for the owners of wires");
        absence_destroy(&a);
        return NULL;
    }
    a->g = g;
    a->m = m;
    return a;
}

void absence_destroy(struct absence **handle)
{
    struct absence *a = *handle;
    if (a == NULL)
        return;
    for (uint32_t p = 0; p < SETTINGS_MAX_PLANES; p++)
        free(a->owner[p]);
    free(a);
    *handle = NULL;
}

void absence_learn(struct absence *a, const struct fragment *f)
{
    uint16_t *owner = &a->owner[f->plane][f->first_wire];
    /* Whoever cuts a plane cuts it the same way again: two looks, then nothing to do. */
    if (a->g->images || (owner[0] == f->source && owner[f->wires - 1] == f->source))
        return;
    for (uint32_t w = 0; w < f->wires; w++)
        owner[w] = (uint16_t)f->source;
}

/* ---- why ---- */

static bool lost_near(const struct source_monitor *row, enum loss cause, uint64_t since_ns)
{
    uint64_t at = counter_read(&row->lost_at_ns[cause]);
    return at != 0 && at >= since_ns;
}

static enum loss explain(const struct absence *a, uint32_t source, const struct event *ev,
                         uint64_t now_ns)
{
    uint64_t open = now_ns > ev->first_fragment_ns ? now_ns - ev->first_fragment_ns : 0;
    uint64_t since = ev->first_fragment_ns > open ? ev->first_fragment_ns - open : 0;
    const struct source_monitor *row = &a->m->source[source], *unknown = &a->m->source[0];
    for (uint32_t cause = LOSS_none + 1; cause < LOSS_deadline; cause++) {
        if (lost_near(row, (enum loss)cause, since) ||
            (cause == LOSS_source && lost_near(unknown, LOSS_source, since)))
            return (enum loss)cause;
    }
    bool sending = source != 0 && counter_read(&row->last_seen_ns) >= since;
    bool blocked = atomic_load_explicit(&a->m->blocked_at_ns, memory_order_relaxed) >= since;
    return sending && blocked ? LOSS_overload : LOSS_deadline;
}

/* ---- which wires, whose ---- */

static void touch(struct absence *a, uint32_t source, enum loss why)
{
    a->why[source] = why;
    a->touched[a->n_touched++] = (uint16_t)source;
}

static void add_range(struct absence *a, struct event *ev, uint32_t plane, uint32_t first,
                      uint32_t wires)
{
    uint32_t source = a->owner[plane][first];
    a->wires[source] += wires;
    if (ev->n_missing == EVENT_MISSING_RANGES)
        return;
    ev->missing[ev->n_missing++] =
        (struct missing_wires){.plane = plane,
                               .first_wire = first,
                               .wires = wires,
                               .source_known = source != 0,
                               .source_id = atomic_load(&a->m->source[source].id),
                               .why = a->why[source]};
}

static bool came(const struct plane_image *image, uint32_t wire)
{
    return (image->wire_present[wire / 64] >> (wire % 64) & 1) != 0;
}

/* Ranges of missing wires that lie together and are one source's. */
static void add_plane(struct absence *a, struct event *ev, uint32_t p, bool stopping,
                      uint64_t now_ns)
{
    const struct plane_image *image = &ev->plane[p];
    const uint16_t *owner = a->owner[p];
    uint32_t wires = a->g->plane[p].wires;
    for (uint32_t w = 0; w < wires; w++) {
        uint32_t first = w;
        if (came(image, w))
            continue;
        while (w + 1 < wires && !came(image, w + 1) && owner[w + 1] == owner[first])
            w++;
        if (a->wires[owner[first]] == 0)
            touch(a, owner[first], stopping ? LOSS_stop : explain(a, owner[first], ev, now_ns));
        add_range(a, ev, p, first, w + 1 - first);
    }
}

/* "plane 2 wires 500 to 511 of source 9 (network)" */
static void tell(const struct absence *a, const struct event *ev)
{
    char text[400] = "";
    uint32_t shown = ev->n_missing < 3 ? ev->n_missing : 3;
    for (uint32_t i = 0; i < shown; i++) {
        const struct missing_wires *r = &ev->missing[i];
        size_t used = strlen(text);
        char whose[40] = "a source not seen yet";
        if (r->source_known && r->source_id == SOURCE_OTHERS)
            (void)snprintf(whose, sizeof whose, "a source without a row");
        else if (r->source_known)
            (void)snprintf(whose, sizeof whose, "source %u", r->source_id);
        (void)snprintf(text + used, sizeof text - used, "%s plane %u wires %u to %u of %s (%s)",
                       i > 0 ? "," : "", a->g->plane[r->plane].id, r->first_wire,
                       r->first_wire + r->wires - 1, whose, loss_name(r->why));
    }
    log_limited(LOG_LEVEL_WARN, "event %u/%u/%llu is incomplete, %u wires are missing:%s%s",
                ev->id.run, ev->id.subrun, (unsigned long long)ev->id.event, ev->wires_missing,
                text, ev->n_missing > shown ? ", ..." : "");
}

enum loss absence_explain(struct absence *a, struct event *ev, bool stopping, uint64_t now_ns)
{
    enum loss first = stopping ? LOSS_stop : LOSS_deadline;
    ev->n_missing = 0;
    for (uint32_t p = 0; p < a->g->n_planes && !a->g->images; p++) {
        if (ev->plane[p].wires_missing > 0)
            add_plane(a, ev, p, stopping, now_ns);
    }
    for (uint32_t i = 0; i < a->n_touched; i++) {
        uint32_t source = a->touched[i];
        struct source_monitor *row = &a->m->source[source];
        counter_add(&row->missing_wires, a->wires[source]);
        counter_add(&row->missing_events[a->why[source]], 1);
        first = a->why[source] < first ? a->why[source] : first;
        a->wires[source] = 0;
    }
    a->n_touched = 0;
    counter_add(&a->m->events_timed_out[first], 1);
    tell(a, ev);
    return first;
}

void absence_repeat(struct absence *a, const struct event *ev)
{
    enum loss first = LOSS_deadline;
    for (uint32_t i = 0; i < ev->n_missing; i++)
        first = ev->missing[i].why < first ? ev->missing[i].why : first;
    counter_add(&a->m->events_timed_out[first], 1);
    tell(a, ev);
}
