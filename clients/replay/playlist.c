#include "replay/playlist.h"

#include "recorded/column.h"
#include "recorded/images.h"

#include <stdlib.h>
#include <string.h>

struct part {
    const char *path;
    struct opensamples *wires; /* one of the two is set */
    struct images *images;
    size_t count;
};

struct playlist {
    struct part *part;
    size_t parts, count;
    uint32_t ticks;
    struct opensamples_wires event;
    void *pixels;
};

/* MicroBooNE; other detectors give --plane. */
static const struct {
    uint32_t id, wires;
} usual_planes[] = {{0, 2400}, {1, 2400}, {2, 3456}};

static bool holds_wires(const char *path, const char *dataset, bool *wires, struct failure *f)
{
    hid_t file = column_open_file(path, f);
    if (file < 0)
        return false;
    bool table = column_exists(file, "wire_table") || column_exists(file, "event_table");
    bool images = column_exists(file, dataset ? dataset : "images");
    H5Fclose(file);
    *wires = table && !dataset;
    return *wires || images ||
           failure_set(f,
                       dataset ? "%s: no dataset %s in it"
                               : "%s: neither wire_table (OpenSamples) nor a dataset %s in it; "
                                 "--dataset names another",
                       path, dataset ? dataset : "images");
}

static bool open_part(struct part *part, const char *path, const char *dataset, struct failure *f)
{
    bool wires = false;
    part->path = path;
    if (!holds_wires(path, dataset, &wires, f))
        return false;
    if (wires) {
        part->wires = opensamples_open(path, f);
        part->count = part->wires ? opensamples_count(part->wires) : 0;
        return part->wires != NULL;
    }
    part->images = images_open(path, dataset ? dataset : "images", f);
    part->count = part->images ? images_count(part->images) : 0;
    return part->images != NULL;
}

static bool settle_ticks(struct playlist *p, uint32_t asked, struct failure *f)
{
    p->ticks = asked;
    for (size_t i = 0; i < p->parts; i++) {
        uint32_t ticks = opensamples_ticks(p->part[i].wires);
        if (!p->ticks)
            p->ticks = ticks;
        if (asked ? ticks < asked : ticks != p->ticks)
            return failure_set(f, "%s: %u ticks a wire, %s %u", p->part[i].path, ticks,
                               asked ? "fewer than --ticks" : "the files before have", p->ticks);
    }
    return true;
}

static bool occurs(const struct playlist *p, uint32_t plane)
{
    for (size_t i = 0; i < p->parts; i++)
        if (opensamples_has_plane(p->part[i].wires, plane))
            return true;
    return false;
}

static bool settle_planes(const struct playlist *p, struct recipe *r, struct failure *f)
{
    size_t usual = sizeof usual_planes / sizeof usual_planes[0];
    if (r->planes)
        return true;
    for (uint32_t id = 0; id < OPENSAMPLES_PLANES; id++) {
        if (!occurs(p, id))
            continue;
        if (id >= usual)
            return failure_set(f,
                               "%s: plane %u is not one of MicroBooNE: name the planes to send "
                               "with --plane ID:WIRES",
                               p->part[0].path, id);
        r->plane[r->planes].id = usual_planes[id].id;
        r->plane[r->planes++].wires = usual_planes[id].wires;
    }
    return r->planes || failure_set(f,
                                    "%s: no wire in it: name the planes to send with --plane "
                                    "ID:WIRES",
                                    p->part[0].path);
}

static bool settle_images(struct playlist *p, const struct recipe *r,
                          const struct playlist_settings *s, struct failure *f)
{
    size_t most = 0;
    if (r->planes || s->ticks || r->samples != SAMPLES_AS_FILE || r->wires_per_fragment)
        return failure_set(f,
                           "%s: holds images: --plane, --ticks, --type and --wires-per-fragment "
                           "are for wires",
                           p->part[0].path);
    for (size_t i = 0; i < p->parts; i++) {
        size_t bytes = images_bytes(p->part[i].images);
        most = bytes > most ? bytes : most;
    }
    p->pixels = malloc(most);
    return p->pixels || failure_set(f, "no memory for an image of %zu bytes", most);
}

struct playlist *playlist_open(const struct playlist_settings *s, struct recipe *r,
                               struct failure *f)
{
    struct playlist *p = calloc(1, sizeof *p);
    bool good = p && (p->part = calloc(s->files, sizeof *p->part));
    if (!good)
        failure_set(f, "no memory");
    for (size_t i = 0; good && i < s->files; i++) {
        p->parts = i + 1;
        good = open_part(&p->part[i], s->file[i], s->dataset, f);
        p->count += p->part[i].count;
        if (good && !p->part[i].wires != !p->part[0].wires)
            good = failure_set(f, "%s: holds %s, %s does not: replay them one after the other",
                               s->file[i], p->part[i].wires ? "wires" : "images", s->file[0]);
    }
    if (good && p->part[0].wires)
        good = settle_ticks(p, s->ticks, f) && (p->count == 0 || settle_planes(p, r, f));
    else if (good)
        good = settle_images(p, r, s, f);
    if (!good)
        playlist_close(&p);
    return p;
}

void playlist_close(struct playlist **p)
{
    struct playlist *dead = *p;
    if (!dead)
        return;
    for (size_t i = 0; i < dead->parts; i++) {
        opensamples_close(&dead->part[i].wires);
        images_close(&dead->part[i].images);
    }
    opensamples_wires_fini(&dead->event);
    free(dead->pixels);
    free(dead->part);
    free(dead);
    *p = NULL;
}

size_t playlist_count(const struct playlist *p)
{
    return p->count;
}

/* The part that holds event `index`, which becomes the event's number in it. */
static const struct part *find(const struct playlist *p, size_t *index, size_t *before)
{
    const struct part *part = p->part;
    *before = 0;
    while (*index >= part->count) {
        *index -= part->count;
        *before += part->count;
        part++;
    }
    return part;
}

bool playlist_has_times(const struct playlist *p, struct failure *f)
{
    for (size_t i = 0; i < p->parts; i++) {
        const struct part *part = &p->part[i];
        if (part->wires ? !opensamples_has_times(part->wires) : !images_has_times(part->images))
            return failure_set(f,
                               "%s: no recorded times in it (%s): use --rate or --fast, and "
                               "--event-time now",
                               part->path,
                               part->wires ? "event_table/event_time_ns" : "event_time_ns");
    }
    return true;
}

uint32_t playlist_run_stride(const struct playlist *p)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < p->parts; i++) {
        const struct part *part = &p->part[i];
        for (size_t k = 0; k < part->count; k++) {
            uint32_t run = part->wires ? opensamples_event(part->wires, k)->run
                                       : images_event(part->images, k)->run;
            least = run < least ? run : least;
            most = run > most ? run : most;
        }
    }
    return p->count ? most - least + 1 : 1;
}

bool playlist_prepare(struct playlist *p, const struct recipe *r, size_t index, struct bundle *b,
                      struct failure *f)
{
    struct failure why;
    size_t before;
    const struct part *part = find(p, &index, &before);
    if (part->wires) {
        const struct event_entry *e = opensamples_event(part->wires, index);
        b->run = e->run;
        b->subrun = e->subrun;
        b->event = e->event;
        b->time_ns = e->time_ns;
        if (!opensamples_read(part->wires, index, p->ticks, &p->event, f))
            return false;
        return bundle_from_wires(b, r, &p->event, opensamples_int16(part->wires), &why) ||
               failure_set(f, "%s: event (%u, %u, %llu): %.300s", part->path, b->run, b->subrun,
                           (unsigned long long)b->event, why.text);
    }
    const struct images_event *e = images_event(part->images, index);
    b->run = e->run;
    b->subrun = e->subrun;
    b->event = e->event + (images_has_ids(part->images) ? 0 : before);
    b->time_ns = e->time_ns;
    images_shape(part->images, &b->height, &b->width, &b->channels);
    return images_read(part->images, index, p->pixels, f) &&
           bundle_from_image(b, r, p->pixels, images_bytes(part->images),
                             images_float(part->images), f);
}
