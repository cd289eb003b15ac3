#include "bench/whole.h"

#include "base/clock.h"
#include "bench/planes.h"
#include "config/config.h"
#include "proto/readout.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const uint32_t whole_wires[WHOLE_PLANES] = {2400, 2400, 3456};

enum { STOP_LIMIT_S = 10 };

/* ---- samples ------------------------------------------------------------------ */

bool samples_make(struct samples *s)
{
    for (uint32_t i = 0; i < WHOLE_PLANES; i++) {
        s->plane[i] = malloc((size_t)whole_wires[i] * PLANES_TICKS * sizeof(int16_t));
        if (!s->plane[i])
            return false;
        (void)planes_fill(s->plane[i], SAMPLE_INT16, whole_wires[i], i + 1);
    }
    return true;
}

void samples_free(struct samples *s)
{
    for (uint32_t i = 0; i < WHOLE_PLANES; i++)
        free(s->plane[i]);
}

/* ---- the readout ---------------------------------------------------------------- */

uint32_t feeder_messages(const struct feeder *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < WHOLE_PLANES; i++)
        n += (whole_wires[i] + f->fragment_wires - 1) / f->fragment_wires;
    return n;
}

double feeder_event_bytes(void)
{
    return (double)WHOLE_WIRES * PLANES_TICKS * sizeof(int16_t);
}

static bool send_fragment(struct feeder *f, uint32_t plane, uint32_t first_wire, uint32_t wires)
{
    size_t bytes = (size_t)wires * PLANES_TICKS * sizeof(int16_t);
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.run = 1;
    h.event = f->next_event;
    h.event_time_ns = (f->next_event + 1) * NS_PER_MS;
    h.sequence = f->sequence++;
    h.plane = plane;
    h.first_wire = first_wire;
    h.wires = wires;
    h.ticks = PLANES_TICKS;
    h.sample_type = SPARSED__SAMPLE_TYPE__INT16;
    h.payload_bytes = bytes;
    uint8_t header[256];
    size_t header_bytes = sparsed__fragment_header__pack(&h, header);
    if (zmq_send(f->socket, "fragment", 8, ZMQ_SNDMORE) < 0 ||
        zmq_send(f->socket, header, header_bytes, ZMQ_SNDMORE) < 0)
        return false;
    zmq_msg_t payload; /* without a function to free it: sent from where it lies */
    int16_t *samples = f->samples->plane[plane] + (size_t)first_wire * PLANES_TICKS;
    if (zmq_msg_init_data(&payload, samples, bytes, NULL, NULL) != 0)
        return false;
    if (zmq_msg_send(&payload, f->socket, 0) >= 0)
        return true;
    (void)zmq_msg_close(&payload);
    return false;
}

void whole_endpoint(char *text, size_t bytes, const char *transport, int which)
{
    int id = (int)getpid();
    if (strcmp(transport, "tcp") == 0) /* below the ports of outgoing connections */
        (void)snprintf(text, bytes, "tcp://127.0.0.1:%d", 10000 + id % 10000 * 2 + which);
    else if (strcmp(transport, "ipc") == 0) /* a name without a file */
        (void)snprintf(text, bytes, "ipc://@sparse-bench-%d-%d", id, which);
    else
        (void)snprintf(text, bytes, "inproc://sparse-bench-%d", which);
}

void *whole_context(int number)
{
    void *context = zmq_ctx_new();
    (void)zmq_ctx_set(context, ZMQ_THREAD_NAME_PREFIX, number);
    return context;
}

enum { FEEDER_CONTEXT = 1, DAEMON_CONTEXT = 2 };

bool feeder_open(struct feeder *f, void *shared, const char *endpoint)
{
    int mark = WHOLE_HIGH_WATER, zero = 0;
    f->shares_context = shared != NULL;
    f->context = shared != NULL ? shared : whole_context(FEEDER_CONTEXT);
    f->socket = zmq_socket(f->context, ZMQ_PUSH);
    (void)zmq_setsockopt(f->socket, ZMQ_SNDHWM, &mark, sizeof mark);
    (void)zmq_setsockopt(f->socket, ZMQ_LINGER, &zero, sizeof zero);
    if (zmq_connect(f->socket, endpoint) == 0)
        return true;
    (void)fprintf(stderr, "%s: %s\n", endpoint, zmq_strerror(zmq_errno()));
    return false;
}

void feeder_close(struct feeder *f)
{
    if (f->context == NULL)
        return;
    (void)zmq_close(f->socket);
    if (!f->shares_context)
        (void)zmq_ctx_term(f->context);
    f->context = NULL;
}

bool feeder_send(struct feeder *f)
{
    for (uint32_t e = 0; e < f->events; e++, f->next_event++) {
        for (uint32_t plane = 0; plane < WHOLE_PLANES; plane++) {
            for (uint32_t wire = 0; wire < whole_wires[plane]; wire += f->fragment_wires) {
                uint32_t left = whole_wires[plane] - wire;
                uint32_t wires = left < f->fragment_wires ? left : f->fragment_wires;
                if (!send_fragment(f, plane, wire, wires)) {
                    (void)fprintf(stderr, "feeder: %s\n", zmq_strerror(zmq_errno()));
                    return false;
                }
            }
        }
        f->last_sent_ns = clock_monotonic_ns();
    }
    return true;
}

static void *run_feeder(void *arg)
{
    struct feeder *f = arg;
    (void)pthread_setname_np(pthread_self(), "feeder");
    f->failed = !feeder_send(f);
    return NULL;
}

bool feeder_start(struct feeder *f)
{
    return pthread_create(&f->thread, NULL, run_feeder, f) == 0;
}

bool feeder_join(struct feeder *f)
{
    return pthread_join(f->thread, NULL) == 0 && !f->failed;
}

/* ---- the daemon ------------------------------------------------------------------- */

static const char configuration[] =
    "[detector]\n"
    "name = \"bench\"\nticks = 6400\n"
    "[[detector.plane]]\nid = 0\nwires = 2400\npedestal = 2048\nscale = 0.0625\n"
    "[[detector.plane]]\nid = 1\nwires = 2400\npedestal = 2048\nscale = 0.0625\n"
    "[[detector.plane]]\nid = 2\nwires = 3456\npedestal = 2048\nscale = 0.0625\n"
    "[readout]\n"
    "endpoints = [\"@%s\"]\npattern = \"pull\"\nhigh_water_mark = %d\n"
    "event_timeout = \"60 s\"\noverload = \"block\"\nevent_slots = 16\n"
    "[imaging]\nworkers = %u\n"
    "[engine]\nkind = \"cpu\"\n"
    "[[engine.model]]\nfile = \"%s\"\n"
    "[[trigger.rule]]\nname = \"neutrino\"\nlabel = \"neutrino\"\nthreshold = 0.5\n"
    "[output]\ndecisions = []\npush = [\">%s\"]\n"
    "[service]\nhttp = \"\"\nmetrics = []\n";

static const char decisions[] = "inproc://bench-decisions";

static bool load(struct whole *w, const char *endpoint, const char *model, uint32_t workers,
                 struct error *err)
{
    char text[4096];
    int n = snprintf(text, sizeof text, configuration, endpoint, WHOLE_HIGH_WATER, workers, model,
                     decisions);
    if (n < 0 || (size_t)n >= sizeof text)
        return error_set(err, ERROR_CONFIG, "%s: the name is too long", model);
    return config_load_text("bench", text, (size_t)n, NULL, 0, &w->settings, err) &&
           model_set_load(&w->models, &w->geometry, &w->settings, err);
}

static bool start_run(struct pipeline *p, struct error *err)
{
    struct run_begin run = {1, "bench", clock_monotonic_ns(), clock_wall_ns()};
    return pipeline_start(p, &run, err) == RUN_RESULT_DONE;
}

struct whole *whole_start(const char *endpoint, const char *model, uint32_t workers)
{
    struct error err = {0};
    if (model == NULL) {
        (void)fprintf(stderr, "no model: give one with --model FILE\n");
        return NULL;
    }
    struct whole *w = calloc(1, sizeof *w);
    if (w == NULL || !load(w, endpoint, model, workers, &err)) {
        (void)fprintf(stderr, "%s\n", w == NULL ? "no memory" : err.text);
        free(w);
        return NULL;
    }
    int patience = WHOLE_PATIENCE_MS;
    w->context = whole_context(DAEMON_CONTEXT);
    w->decisions = zmq_socket(w->context, ZMQ_PULL);
    (void)zmq_setsockopt(w->decisions, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (zmq_bind(w->decisions, decisions) == 0)
        w->pipeline =
            pipeline_create(&w->settings, &w->geometry, &w->models, w->context, &w->monitor, &err);
    /* The run's begin comes first. */
    if (w->pipeline == NULL || !start_run(w->pipeline, &err) ||
        !whole_receive(w->decisions, NULL)) {
        (void)fprintf(stderr, "%s\n", err.text);
        whole_stop(&w);
    }
    return w;
}

void whole_stop(struct whole **w)
{
    if (*w == NULL)
        return;
    if ((*w)->pipeline != NULL) {
        (void)pipeline_stop((*w)->pipeline, STOP_LIMIT_S * NS_PER_S);
        pipeline_destroy(&(*w)->pipeline);
    }
    (void)zmq_close((*w)->decisions);
    (void)zmq_ctx_term((*w)->context);
    model_set_fini(&(*w)->models);
    geometry_fini(&(*w)->geometry);
    free(*w);
    *w = NULL;
}

bool whole_receive(void *socket, zmq_msg_t *last)
{
    for (;;) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            (void)zmq_msg_close(&part);
            (void)fprintf(stderr, "nothing came for %d s\n", WHOLE_PATIENCE_MS / 1000);
            return false;
        }
        bool more = zmq_msg_more(&part);
        if (!more && last != NULL) {
            *last = part;
            return true;
        }
        (void)zmq_msg_close(&part);
        if (!more)
            return true;
    }
}
