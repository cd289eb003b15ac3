/* What lasts as long as a configuration: memory, stages, the sockets of the output. Made in
 * the order in which data flows. What a run has of its own is in threads.c.
 */
#include "pipeline/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/parts.h"

#include <stdlib.h>
#include <string.h>

/* --- memory ------------------------------------------------------------ */

static bool create_jobs(struct worker *w, uint32_t queue)
{
    w->job = calloc(queue, sizeof *w->job);
    if (w->job == NULL || !ring_init(&w->jobs, queue) || !ring_init(&w->free_jobs, queue))
        return false;
    for (uint32_t i = 0; i < queue; i++)
        ring_push(&w->free_jobs, &w->job[i]);
    return true;
}

static bool looks_for_hot_wires(const struct pipeline *p)
{
    return p->settings->imaging.hot.events > 0 && !p->g->images;
}

static bool takes_windows(const struct pipeline *p)
{
    return p->settings->service.stages == STAGES_DECISION;
}

/* What a message leaves at most: of one fragment, or of a whole event. */
static void most_reduced(const struct pipeline *p, uint32_t *hits, uint32_t *edges)
{
    reduce_capacity(p->g, hits, edges);
    if (takes_windows(p)) {
        *hits = windows_capacity(p->g);
        *edges = 0;
    }
}

static bool create_reduced(struct worker *w, uint64_t *memory_bytes)
{
    uint32_t hits, edges;
    uint32_t counted = looks_for_hot_wires(w->p) ? geometry_most_wires(w->p->g) : 0;
    most_reduced(w->p, &hits, &edges);
    w->reduced = calloc(PIPELINE_REDUCED_PER_WORKER, sizeof *w->reduced);
    if (w->reduced == NULL || !ring_init(&w->out, PIPELINE_REDUCED_PER_WORKER) ||
        !ring_init(&w->free_reduced, PIPELINE_REDUCED_PER_WORKER))
        return false;
    for (uint32_t i = 0; i < PIPELINE_REDUCED_PER_WORKER; i++) {
        struct reduced *r = &w->reduced[i];
        r->hit_capacity = hits;
        r->edge_capacity = edges;
        r->hit = calloc((size_t)hits + 1, sizeof *r->hit);
        r->edge = calloc((size_t)edges + 1, sizeof *r->edge);
        r->wire_hits = counted > 0 ? calloc(counted, sizeof *r->wire_hits) : NULL;
        r->whole = takes_windows(w->p) ? windows_whole_create(w->p->g) : NULL;
        if (r->hit == NULL || r->edge == NULL || (counted > 0 && r->wire_hits == NULL) ||
            (takes_windows(w->p) && r->whole == NULL))
            return false;
        ring_push(&w->free_reduced, r);
    }
    *memory_bytes += PIPELINE_REDUCED_PER_WORKER *
                     ((uint64_t)hits * sizeof(struct hit) + edges * sizeof(struct edge_value) +
                      counted * sizeof(uint16_t));
    return true;
}

static bool create_worker(struct pipeline *p, struct worker *w, uint64_t *memory_bytes,
                          struct error *err)
{
    w->p = p;
    if (!wake_init(&w->wake))
        return error_set(err, ERROR_SYSTEM, "no file descriptor left for a worker");
    w->payload = payload_create(p->g, err);
    w->reducer = reducer_create(p->g, err);
    if (w->payload == NULL || w->reducer == NULL)
        return false;
    if (takes_windows(p) && (w->windows = windows_create(p->g, err)) == NULL)
        return false;
    if (!create_jobs(w, p->settings->readout.fragment_queue) || !create_reduced(w, memory_bytes))
        return error_set(err, ERROR_SYSTEM, "no memory for a worker");
    return true;
}

static void destroy_worker(struct worker *w)
{
    wake_fini(&w->wake);
    payload_destroy(&w->payload);
    reducer_destroy(&w->reducer);
    windows_destroy(&w->windows);
    for (uint32_t i = 0; w->reduced != NULL && i < PIPELINE_REDUCED_PER_WORKER; i++) {
        free(w->reduced[i].hit);
        free(w->reduced[i].edge);
        free(w->reduced[i].wire_hits);
        windows_whole_destroy(&w->reduced[i].whole);
    }
    free(w->reduced);
    free(w->job);
    ring_fini(&w->jobs);
    ring_fini(&w->free_jobs);
    ring_fini(&w->out);
    ring_fini(&w->free_reduced);
}

static bool create_workers(struct pipeline *p, uint64_t *memory_bytes, struct error *err)
{
    p->n_workers = p->settings->imaging.workers;
    p->worker = aligned_alloc(_Alignof(struct worker), p->n_workers * sizeof *p->worker);
    if (p->worker == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for workers");
    memset(p->worker, 0, p->n_workers * sizeof *p->worker);
    for (uint32_t i = 0; i < p->n_workers; i++)
        p->worker[i].wake.fd = -1;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        if (!create_worker(p, &p->worker[i], memory_bytes, err))
            return false;
    }
    return true;
}

static bool create_slots(struct pipeline *p, uint64_t *memory_bytes, struct error *err)
{
    const struct readout_settings *readout = &p->settings->readout;
    struct assembler_settings settings = {
        .slots = readout->event_slots,
        .timeout_ns = readout->event_timeout_ns,
        .edge_values = takes_windows(p) ? 0 : p->settings->imaging.edge_values,
        .own_masks = p->settings->service.stages != STAGES_ALL,
        .wire_hits = looks_for_hot_wires(p),
        .keep_samples = p->keep_samples,
        .refuse_when_full = readout->overload == OVERLOAD_DROP_NEWEST};
    p->assembler = assembler_create(&settings, p->g, err);
    if (p->assembler == NULL || (p->absence = absence_create(p->g, p->monitor, err)) == NULL)
        return false;
    *memory_bytes += assembler_memory_bytes(p->assembler);
    if (!looks_for_hot_wires(p))
        return true;
    p->hot = hot_wires_create(&p->settings->imaging.hot, p->g, p->monitor, err);
    if (p->hot == NULL)
        return false;
    *memory_bytes += hot_wires_memory_bytes(p->hot);
    return true;
}

static bool create_output(struct pipeline *p, void *zmq_context, struct error *err)
{
    uint32_t slots = p->settings->readout.event_slots;
    struct ring *rings[] = {&p->to_output,   &p->from_output, &p->to_record,
                            &p->from_record, &p->to_shadow,   &p->from_shadow};
    bool ok = true;
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++)
        ok = ok && ring_init(rings[i], slots);
    if (!ok)
        return error_set(err, ERROR_SYSTEM, "no memory for queues");
    const struct run_info *info = &p->epoch->info;
    p->publisher = publisher_create(&p->settings->output, info, zmq_context, p->output_wake.fd,
                                    p->monitor, err);
    if (p->publisher == NULL)
        return false;
    if (p->record)
        p->recorder = recorder_create(&p->settings->output.record, info, p->monitor, err);
    return !p->record || p->recorder != NULL;
}

static bool create_wakes(struct pipeline *p, struct error *err)
{
    struct wake *wakes[] = {&p->readout_wake, &p->event_wake, &p->output_wake, &p->record_wake,
                            &p->shadow_wake};
    bool ok = true;
    for (size_t i = 0; i < sizeof wakes / sizeof wakes[0]; i++)
        ok = wake_init(wakes[i]) && ok;
    return ok || error_set(err, ERROR_SYSTEM, "no file descriptor left for the pipeline");
}

struct pipeline *pipeline_create(const struct settings *settings, const struct geometry *g,
                                 const struct model_set *models, void *zmq_context,
                                 struct monitor *monitor, struct error *err)
{
    struct pipeline *p = aligned_alloc(_Alignof(struct pipeline), sizeof *p);
    if (p == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for the pipeline");
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->settings = settings;
    p->g = g;
    p->monitor = monitor;
    p->record = settings->output.record.directory[0] != '\0';
    p->keep_samples = p->record && (settings->output.record.contents & RECORD_SAMPLES) != 0;
    p->zmq_context = zmq_context;
    if (monitor->started_ns == 0)
        monitor->started_ns = clock_monotonic_ns();
    bool ok = create_wakes(p, err) && (p->decoder = decoder_create(err)) != NULL &&
              (!takes_windows(p) || (p->windows = windows_create(p->g, err)) != NULL) &&
              (p->sources = sources_create(monitor, err)) != NULL &&
              create_workers(p, &p->fixed_bytes, err) && create_slots(p, &p->fixed_bytes, err) &&
              epoch_first(p, models, err) && create_output(p, zmq_context, err);
    if (!ok) {
        pipeline_destroy(&p);
        return NULL;
    }
    atomic_store(&monitor->slots, settings->readout.event_slots);
    return p;
}

void pipeline_destroy(struct pipeline **handle)
{
    struct pipeline *p = *handle;
    if (p == NULL)
        return;
    readout_socket_destroy(&p->socket);
    recorder_destroy(&p->recorder);
    epoch_free_all(p);
    publisher_destroy(&p->publisher, 1000);
    struct ring *rings[] = {&p->to_output,   &p->from_output, &p->to_record,
                            &p->from_record, &p->to_shadow,   &p->from_shadow};
    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        struct event *ev;
        while (rings[i]->slot != NULL && (ev = ring_pop(rings[i])) != NULL) {
            /* One that stands in two of them is closed once. */
            if (rings[i] != &p->to_output && --ev->holders > 0)
                continue;
            for (uint32_t k = 0; k < ev->n_kept; k++)
                pipeline_kept_close(ev->kept[k].message);
        }
        ring_fini(rings[i]);
    }
    absence_destroy(&p->absence);
    assembler_destroy(&p->assembler);
    hot_wires_destroy(&p->hot);
    for (uint32_t i = 0; p->worker != NULL && i < p->n_workers; i++)
        destroy_worker(&p->worker[i]);
    free(p->worker);
    kafka_readout_destroy(&p->kafka); /* all its messages are closed */
    sources_destroy(&p->sources);
    decoder_destroy(&p->decoder);
    windows_destroy(&p->windows);
    wake_fini(&p->readout_wake);
    wake_fini(&p->event_wake);
    wake_fini(&p->output_wake);
    wake_fini(&p->record_wake);
    wake_fini(&p->shadow_wake);
    free(p);
    *handle = NULL;
}
