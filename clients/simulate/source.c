/* The output of --to: the detector itself. Events are made ahead by the workers;
 * the caller's thread sends each when it is due. Payloads are shared with ZeroMQ,
 * not copied. A slow receiver slows the simulation down: nothing is dropped. */
#include "simulate/readout.h"
#include "simulate/run.h"

#include "common/sender.h"
#include "proto/readout.pb-c.h"

#include <stdlib.h>
#include <time.h>

enum { HEADER_BYTES = 256, STOP_LINGER_MS = 1000 };

struct source {
    const struct run *run;
    struct sender sender;
    uint64_t sequence, bytes;
    uint64_t start_ns, sent; /* pace: event k is due k / rate after the first */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *open_socket(const struct run *r, struct error *err)
{
    const struct options *o = r->o;
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    s->run = r;
    struct sender_settings settings = {
        .endpoint = o->to, .pub = o->pub, .hwm = 256, .wait_ns = o->wait_ns, .keys = o->keys};
    struct failure f = {""};
    bool good = sender_open(&s->sender, &settings, r->stop, &f);
    if (good && !o->quiet)
        fprintf(stderr, "waiting for a %s at %s\n", o->pub ? "subscriber" : "peer",
                s->sender.address);
    if (!good || sender_wait(&s->sender, &f) == SENDER_FAILED) {
        sender_close(&s->sender, 0);
        free(s);
        error_set(err, ERROR_NETWORK, "%s", f.text);
        return NULL;
    }
    return s;
}

static bool close_socket(void *output, bool good, struct error *err)
{
    struct source *s = output;
    (void)err;
    sender_close(&s->sender, good ? 30 * 1000 : STOP_LINGER_MS);
    free(s);
    return true;
}

static void *worker_create(void *output, struct error *err)
{
    const struct source *s = output;
    struct readout_shape shape = {.group_wires = s->run->o->pre.pool_wires,
                                  .block_wires = s->run->o->block_wires,
                                  .float32 = s->run->o->float32};
    struct readout_maker *m = readout_maker_create(s->run->physics, &shape);
    if (m == NULL)
        error_set(err, ERROR_SYSTEM, "no memory for a worker");
    return m;
}

static void worker_destroy(void *worker)
{
    struct readout_maker *m = worker;
    readout_maker_destroy(&m);
}

static void *slot_create(void *output, struct error *err)
{
    (void)output;
    struct readout *r = calloc(1, sizeof *r);
    if (r == NULL)
        error_set(err, ERROR_SYSTEM, "no memory");
    return r;
}

static void slot_destroy(void *slot)
{
    readout_fini(slot);
    free(slot);
}

static bool make(void *output, void *worker, void *slot, struct made_event *e, struct error *err)
{
    const struct source *s = output;
    return readout_maker_run(worker, &e->tracker->charge, s->run->o->numbering.seed, e->stream,
                             slot) ||
           error_set(err, ERROR_SYSTEM, "no memory for the samples of event %d",
                     e->truth.event_id[2]);
}

/* In slices, so that a stop is seen. */
static void wait_until_due(struct source *s)
{
    double rate = s->run->o->rate_hz;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (s->sent++ == 0)
        s->start_ns = now;
    uint64_t due = rate > 0 ? s->start_ns + (uint64_t)((double)(s->sent - 1) * 1e9 / rate) : now;
    while (!*s->run->stop && now < due) {
        uint64_t wait_ns = due - now < 100000000 ? due - now : 100000000;
        nanosleep(&(struct timespec){.tv_nsec = (long)wait_ns}, NULL);
        now = clock_ns(CLOCK_MONOTONIC);
    }
}

static size_t pack_header(const struct source *s, const struct truth_event *truth,
                          const struct readout_block *b, uint64_t time_ns,
                          uint8_t out[HEADER_BYTES])
{
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.run = (uint32_t)truth->event_id[0];
    h.subrun = (uint32_t)truth->event_id[1];
    h.event = (uint64_t)truth->event_id[2];
    h.source_id = s->run->o->source_id;
    h.sequence = s->sequence;
    h.plane = b->plane;
    h.first_wire = b->first_wire;
    h.wires = b->wires;
    h.ticks = (uint32_t)s->run->o->constants.ticks;
    h.sample_type =
        s->run->o->float32 ? SPARSED__SAMPLE_TYPE__FLOAT32 : SPARSED__SAMPLE_TYPE__INT16;
    h.encoding = b->payload ? SPARSED__ENCODING__NONE : SPARSED__ENCODING__EMPTY;
    h.payload_bytes = b->payload ? b->payload->bytes : 0;
    h.event_time_ns = time_ns;
    return sparsed__fragment_header__pack(&h, out);
}

static bool take(void *output, void *slot, const struct truth_event *truth, uint64_t number,
                 struct error *err)
{
    struct source *s = output;
    struct readout *r = slot;
    (void)number;
    wait_until_due(s);
    uint64_t time_ns = s->run->o->simulated_times ? truth->event_time_ns : clock_ns(CLOCK_REALTIME);
    struct failure f = {""};
    for (uint32_t i = 0; i < r->n_blocks && !*s->run->stop; i++) {
        const struct readout_block *b = &r->block[i];
        uint8_t header[HEADER_BYTES];
        size_t bytes = pack_header(s, truth, b, time_ns, header);
        enum sender_result result = sender_send(&s->sender, header, bytes, b->payload, &f);
        if (result == SENDER_FAILED)
            return error_set(err, ERROR_NETWORK, "%s", f.text);
        s->sequence++;
        s->bytes += b->payload ? b->payload->bytes : 0;
    }
    readout_clear(r);
    return true;
}

static uint64_t sent_bytes(const void *output)
{
    return ((const struct source *)output)->bytes;
}

const struct run_output source_output = {.about = "sent",
                                         .open = open_socket,
                                         .close = close_socket,
                                         .worker_create = worker_create,
                                         .worker_destroy = worker_destroy,
                                         .slot_create = slot_create,
                                         .slot_destroy = slot_destroy,
                                         .make = make,
                                         .take = take,
                                         .bytes = sent_bytes};
