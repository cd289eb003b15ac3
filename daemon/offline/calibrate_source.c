/* How: a file is first opened and its first event read in a child process, since libhdf5
 * does not survive every damaged file. Live, an event counts when its first fragment comes;
 * the fragments of the last events may come interleaved, so listening ends when one event more
 * than asked for begins, and what is missing of the last ones matters to no median. */
#include "offline/calibrate_source.h"

#include "base/clock.h"
#include "base/rehearse.h"
#include "common/progress.h"
#include "config/config.h"
#include "readout/decode.h"
#include "readout/payload.h"
#include "readout/socket.h"
#include "recorded/detector.h"
#include "recorded/opensamples.h"

#include <stdio.h>
#include <string.h>

enum { REHEARSAL_SECONDS = 120, RECENT_EVENTS = 1024, POLL_MS = 100 };

/* ---- the detector ---- */

static bool detector_of_file(const char *path, struct detector_settings *d, struct error *err)
{
    struct failure f = {""};
    struct detector is;
    hid_t file = column_open_file(path, &f);
    if (file < 0)
        return error_set(err, ERROR_DATA, "%s", f.text);
    bool exists = detector_exists(file), good = exists && detector_read(&is, file, path, &f);
    (void)H5Fclose(file);
    if (!exists)
        return error_set(err, ERROR_DATA,
                         "%s: no group /detector: give --config, which says what the planes are",
                         path);
    if (!good)
        return error_set(err, ERROR_DATA, "%s", f.text);
    *d = (struct detector_settings){.ticks = is.ticks, .n_planes = is.planes};
    (void)snprintf(d->name, sizeof d->name, "%s", "detector");
    for (uint32_t p = 0; p < is.planes; p++)
        d->plane[p] = (struct plane_settings){.id = p, .wires = is.wires[p], .scale = is.scale};
    return true;
}

bool calibrate_source_detector(const struct calibrate_options *o, struct settings *settings,
                               struct geometry *g, struct error *err)
{
    /* A recipe that changes nothing: samples are what is looked at. */
    static const struct preprocessing none = {.time_rebin = 1,
                                              .pool_time = 1,
                                              .pool_wires = 1,
                                              .window_time_bins = 1,
                                              .window_wires = 1,
                                              .image_height = 1,
                                              .image_width = 1,
                                              .pixel_scale = 1};
    struct preprocessing pre[SETTINGS_MAX_PLANES];
    for (uint32_t i = 0; i < SETTINGS_MAX_PLANES; i++)
        pre[i] = none;
    bool good = o->config != NULL
                    ? config_load(o->config, o->override, o->n_overrides, settings, err)
                    : detector_of_file(o->file[0], &settings->detector, err);
    if (good && settings->detector.n_planes == 0)
        good = error_set(err, ERROR_CONFIG,
                         "%s: no [[detector.plane]]: ready-made images have no wires", o->config);
    return good && geometry_init_wires(g, &settings->detector, pre, err);
}

/* ---- files ---- */

static bool add_event(const struct geometry *g, const struct opensamples_wires *w,
                      enum sample_type type, struct calibrate_wires *c,
                      struct calibrate_account *account, const char *path, struct error *err)
{
    for (uint32_t i = 0; i < w->count; i++) {
        int plane = geometry_find_plane(g, w->wire[i].plane);
        if (plane < 0) {
            account->foreign_wires++;
            continue;
        }
        const struct plane_geometry *p = &g->plane[plane];
        if (w->wire[i].wire >= p->wires)
            return error_set(err, ERROR_DATA,
                             "%s: wire_table/local_wire: wire %u in plane %u, which has %u wires",
                             path, w->wire[i].wire, p->id, p->wires);
        const char *samples =
            (const char *)w->samples + (size_t)w->wire[i].row * p->ticks * sample_bytes(type);
        if (!calibrate_wires_add(c, (uint32_t)plane, w->wire[i].wire, type, samples, err))
            return error_prefix(err, "%s", path);
    }
    account->duplicates += w->duplicates;
    account->events++;
    return true;
}

static bool read_events(struct opensamples *in, const char *path, uint32_t most,
                        const struct geometry *g, struct calibrate_wires *c,
                        const volatile sig_atomic_t *stop, struct calibrate_account *account,
                        struct progress *progress, struct error *err)
{
    struct opensamples_wires w = {0};
    struct failure f = {""};
    bool good = true;
    enum sample_type type = opensamples_int16(in) ? SAMPLE_INT16 : SAMPLE_FLOAT32;
    for (size_t i = 0; good && i < opensamples_count(in) && account->events < most && !*stop; i++) {
        good =
            opensamples_read(in, i, c->ticks, &w, &f) || error_set(err, ERROR_DATA, "%s", f.text);
        good = good && add_event(g, &w, type, c, account, path, err);
        uint64_t now = clock_monotonic_ns();
        if (progress_due(progress, now))
            progress_draw(progress, account->events, 0, "", now);
    }
    opensamples_wires_fini(&w);
    return good;
}

static void rehearse_file(void *arg)
{
    const char *path = arg;
    struct failure f;
    struct opensamples *in = opensamples_open(path, &f);
    struct opensamples_wires w = {0};
    if (in != NULL && opensamples_count(in) > 0)
        (void)opensamples_read(in, 0, opensamples_ticks(in), &w, &f);
    opensamples_wires_fini(&w);
    opensamples_close(&in);
}

static bool read_file(char *path, uint32_t most, const struct geometry *g,
                      struct calibrate_wires *c, const volatile sig_atomic_t *stop,
                      struct calibrate_account *account, struct progress *progress,
                      struct error *err)
{
    struct failure f = {""};
    int signal = 0;
    if (!rehearse(rehearse_file, path, REHEARSAL_SECONDS, &signal))
        return error_set(err, ERROR_DATA, "%s: damaged: libhdf5 cannot read it (signal %d)", path,
                         signal);
    struct opensamples *in = opensamples_open(path, &f);
    if (in == NULL)
        return error_set(err, ERROR_DATA, "%s", f.text);
    bool good = opensamples_ticks(in) == c->ticks;
    if (!good)
        error_set(err, ERROR_DATA, "%s: wire_table/adc has %u ticks a wire, the detector has %u",
                  path, opensamples_ticks(in), c->ticks);
    good = good && read_events(in, path, most, g, c, stop, account, progress, err);
    opensamples_close(&in);
    return good;
}

/* ---- live ---- */

struct listener {
    const struct geometry *g;
    struct decoder *decoder;
    struct payload_decoder *payload;
    struct identity recent[RECENT_EVENTS]; /* the last ones, a ring */
    uint64_t seen;
};

/* Whether it is one of the last events; else it is new, and remembered. */
static bool is_known(struct listener *l, const struct identity *id)
{
    uint64_t n = l->seen < RECENT_EVENTS ? l->seen : RECENT_EVENTS;
    for (uint64_t i = 1; i <= n; i++)
        if (identity_equal(&l->recent[(l->seen - i) % RECENT_EVENTS], id))
            return true;
    l->recent[l->seen++ % RECENT_EVENTS] = *id;
    return false;
}

static bool add_fragment(struct listener *l, const struct message *m, uint32_t most,
                         struct calibrate_wires *c, struct calibrate_account *account,
                         struct error *err)
{
    struct fragment f;
    account->fragments++;
    zmq_msg_t *header = (zmq_msg_t *)(uintptr_t)&m->header;
    zmq_msg_t *payload = (zmq_msg_t *)(uintptr_t)&m->payload;
    if (!m->whole ||
        decode_fragment(l->decoder, zmq_msg_data(header), zmq_msg_size(header),
                        zmq_msg_data(payload), zmq_msg_size(payload), l->g,
                        &f) != FRAGMENT_ASSEMBLED ||
        payload_open(l->payload, &f) != FRAGMENT_ASSEMBLED) {
        account->refused++;
        return true;
    }
    if (!is_known(l, &f.id))
        account->events++;
    const struct plane_geometry *p = &l->g->plane[f.plane];
    size_t wire_bytes = p->ticks * sample_bytes(f.sample_type);
    for (uint32_t w = 0; f.samples != NULL && account->events <= most && w < f.wires; w++)
        if (!calibrate_wires_add(c, f.plane, f.first_wire + w, f.sample_type,
                                 (const char *)f.samples + w * wire_bytes, err))
            return false;
    return true;
}

static bool listen_for(struct listener *l, struct readout_socket *socket,
                       const struct calibrate_options *o, struct calibrate_wires *c,
                       const volatile sig_atomic_t *stop, struct calibrate_account *account,
                       struct progress *progress, struct error *err)
{
    uint64_t last_ns = clock_monotonic_ns();
    while (account->events <= o->events && !*stop) {
        struct message m;
        uint64_t now = clock_monotonic_ns();
        if (readout_socket_receive(socket, &m) == RECEIVE_MESSAGE) {
            bool good = add_fragment(l, &m, o->events, c, account, err);
            message_close(&m);
            if (!good)
                return error_prefix(err, "%s", o->live);
            last_ns = now;
        } else if ((double)(now - last_ns) * 1e-9 > o->wait_s) {
            return account->events > 0 ||
                   error_set(err, ERROR_NETWORK, "%s: no fragment for %g s", o->live, o->wait_s);
        } else {
            readout_socket_wait(socket, -1, POLL_MS);
        }
        if (progress_due(progress, now))
            progress_draw(progress, account->events, 0, "", now);
    }
    account->events = account->events < o->events ? account->events : o->events;
    return true;
}

static bool read_live(const struct calibrate_options *o, const struct settings *settings,
                      const struct geometry *g, struct calibrate_wires *c,
                      const volatile sig_atomic_t *stop, struct calibrate_account *account,
                      struct progress *progress, struct error *err)
{
    static struct readout_settings readout;
    static struct listener l;
    readout = settings->readout;
    readout.pattern = READOUT_SUB; /* PULL would take the fragments from the daemon */
    readout.endpoints.count = 1;
    (void)snprintf(readout.endpoints.text[0], sizeof readout.endpoints.text[0], "%s", o->live);
    l = (struct listener){.g = g};
    void *context = zmq_ctx_new();
    struct readout_socket *socket = NULL;
    bool good = (l.decoder = decoder_create(err)) != NULL &&
                (l.payload = payload_create(g, err)) != NULL &&
                (socket = readout_socket_create(context, &readout, err)) != NULL &&
                listen_for(&l, socket, o, c, stop, account, progress, err);
    readout_socket_destroy(&socket);
    payload_destroy(&l.payload);
    decoder_destroy(&l.decoder);
    zmq_ctx_term(context);
    return good;
}

bool calibrate_source_read(const struct calibrate_options *o, const struct settings *settings,
                           const struct geometry *g, struct calibrate_wires *c,
                           const volatile sig_atomic_t *stop, struct calibrate_account *account,
                           struct error *err)
{
    struct progress progress;
    bool good = true;
    progress_start(&progress, o->quiet, o->events, clock_monotonic_ns());
    if (o->live != NULL)
        good = read_live(o, settings, g, c, stop, account, &progress, err);
    for (size_t i = 0; good && i < o->n_files && account->events < o->events && !*stop; i++)
        good = read_file(o->file[i], o->events, g, c, stop, account, &progress, err);
    progress_end(&progress);
    return good;
}
