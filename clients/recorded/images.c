#include "recorded/images.h"

#include "recorded/column.h"

#include <stdlib.h>
#include <string.h>

struct images {
    hid_t file;
    char *path;
    struct column pixel;
    struct images_event *event;
    bool has_ids, has_times;
};

static const uint64_t max_image_bytes = (uint64_t)256 << 20;

static bool check_pixels(const struct images *m, struct failure *f)
{
    const struct column *c = &m->pixel;
    if (c->rank < 3)
        return failure_set(f, "%s: %s has %d dimensions, needs [event][row][column][channel]",
                           m->path, c->name, c->rank);
    double bytes = sizeof(float);
    for (int d = 1; d < 4; d++)
        bytes *= (double)c->dims[d];
    if (bytes < 1 || bytes > (double)max_image_bytes)
        return failure_set(f, "%s: %s: an image takes %.0f bytes, needs 1 to 256 MiB", m->path,
                           c->name, bytes);
    if (c->class == H5T_INTEGER && c->size > (c->is_signed ? 4 : 2))
        return failure_set(f, "%s: %s: integers must fit int32", m->path, c->name);
    return true;
}

static bool read_ids(struct images *m, struct failure *f)
{
    size_t n = images_count(m);
    struct column c;
    for (size_t i = 0; i < n; i++)
        m->event[i] = (struct images_event){.run = 1, .event = i};
    if (!column_exists(m->file, "event_id"))
        return true;
    int64_t(*id)[3] = calloc(n + 1, sizeof *id);
    if (!id)
        return failure_set(f, "%s: no memory", m->path);
    bool good = column_open(&c, m->file, m->path, "event_id", f);
    if (good) {
        good = column_check(&c, n, 3, f) && column_read(&c, 0, n, 0, H5T_NATIVE_INT64, id, f);
        column_close(&c);
    }
    for (size_t i = 0; good && i < n; i++) {
        if (id[i][0] < 0 || id[i][0] > UINT32_MAX || id[i][1] < 0 || id[i][1] > UINT32_MAX ||
            id[i][2] < 0)
            good =
                failure_set(f, "%s: event_id: row %zu is not a run, subrun and event", m->path, i);
        m->event[i] = (struct images_event){
            .run = (uint32_t)id[i][0], .subrun = (uint32_t)id[i][1], .event = (uint64_t)id[i][2]};
    }
    m->has_ids = good;
    free(id);
    return good;
}

static bool read_times(struct images *m, struct failure *f)
{
    size_t n = images_count(m);
    struct column c;
    if (!column_exists(m->file, "event_time_ns"))
        return true;
    uint64_t *time_ns = calloc(n + 1, sizeof *time_ns);
    if (!time_ns)
        return failure_set(f, "%s: no memory", m->path);
    bool good = column_open(&c, m->file, m->path, "event_time_ns", f);
    if (good) {
        good = column_check(&c, n, 1, f) && column_read(&c, 0, n, 0, H5T_NATIVE_UINT64, time_ns, f);
        column_close(&c);
    }
    for (size_t i = 0; good && i < n; i++)
        m->event[i].time_ns = time_ns[i];
    m->has_times = good;
    free(time_ns);
    return good;
}

struct images *images_open(const char *path, const char *dataset, struct failure *f)
{
    struct images *m = calloc(1, sizeof *m);
    char *copy = strdup(path);
    if (!m || !copy) {
        free(m);
        free(copy);
        failure_set(f, "%s: no memory", path);
        return NULL;
    }
    m->path = copy;
    m->pixel.id = -1;
    m->file = column_open_file(path, f);
    bool good =
        m->file >= 0 && column_open(&m->pixel, m->file, m->path, dataset, f) && check_pixels(m, f);
    if (good) {
        m->event = calloc(images_count(m) + 1, sizeof *m->event);
        good =
            m->event ? read_ids(m, f) && read_times(m, f) : failure_set(f, "%s: no memory", path);
    }
    if (!good)
        images_close(&m);
    return m;
}

void images_close(struct images **m)
{
    struct images *dead = *m;
    if (!dead)
        return;
    column_close(&dead->pixel);
    if (dead->file >= 0)
        H5Fclose(dead->file);
    free(dead->event);
    free(dead->path);
    free(dead);
    *m = NULL;
}

size_t images_count(const struct images *m)
{
    return (size_t)m->pixel.dims[0];
}

const struct images_event *images_event(const struct images *m, size_t index)
{
    return &m->event[index];
}

bool images_float(const struct images *m)
{
    return m->pixel.class == H5T_FLOAT;
}

bool images_has_ids(const struct images *m)
{
    return m->has_ids;
}

bool images_has_times(const struct images *m)
{
    return m->has_times;
}

void images_shape(const struct images *m, uint32_t *height, uint32_t *width, uint32_t *channels)
{
    *height = (uint32_t)m->pixel.dims[1];
    *width = (uint32_t)m->pixel.dims[2];
    *channels = (uint32_t)m->pixel.dims[3];
}

size_t images_bytes(const struct images *m)
{
    return sizeof(float) * (size_t)(m->pixel.dims[1] * m->pixel.dims[2] * m->pixel.dims[3]);
}

bool images_read(struct images *m, size_t index, void *out, struct failure *f)
{
    return column_read(&m->pixel, index, 1, 0,
                       images_float(m) ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT32, out, f);
}
