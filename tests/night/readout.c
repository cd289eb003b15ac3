/* Three sources send the fragments of each event: two halves of one plane and the other
 * plane. Each has a sequence of its own and a way of its own to go wrong. */
#include "night.h"

#include "proto/readout.pb-c.h"

#include <string.h>

enum { LATER = 24, HEADER = 256 };

/* A message that was held back, to come after its successors. */
struct held {
    uint64_t at_ns;
    size_t header_bytes, payload_bytes;
    uint8_t header[HEADER];
    const void *payload;
    uint32_t parts;
};

struct source {
    uint64_t sequence;
    uint32_t event; /* to be sent next */
    uint64_t next_ns;
    uint64_t silent_until_ns;
};

static const struct {
    uint32_t plane, plane_id, first_wire, wires;
} part[NIGHT_SOURCES] = {{0, 0, 0, 8}, {0, 0, 8, 8}, {1, 2, 0, 8}};

static struct source source[NIGHT_SOURCES];
static struct held held[LATER];
static uint32_t n_held, n_events;
static uint64_t begin_ns; /* of event 0 */
static uint8_t template_of[NIGHT_EVENTS];
static const uint8_t rubbish_bytes[40] = {0xff, 0x13, 0x7f};

void readout_reset(void)
{
    n_events = 24 + (uint32_t)random_below(&night.random, NIGHT_EVENTS - 24);
    n_held = 0;
    begin_ns = night.now_ns;
    for (uint32_t i = 0; i < NIGHT_EVENTS; i++)
        template_of[i] = (uint8_t)random_below(&night.random, NIGHT_TEMPLATES);
    for (uint32_t i = 0; i < NIGHT_SOURCES; i++)
        source[i] = (struct source){.next_ns = night.now_ns + random_below(&night.random, 1000000)};
}

int readout_template(uint32_t run, uint32_t subrun, uint64_t event)
{
    return run == 7 && subrun == 1 && event < n_events ? template_of[event] : -1;
}

bool readout_over(void)
{
    for (uint32_t i = 0; i < NIGHT_SOURCES; i++) {
        if (source[i].event < n_events)
            return false;
    }
    return n_held == 0;
}

uint64_t readout_next_ns(void)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < NIGHT_SOURCES; i++) {
        if (source[i].event < n_events && source[i].next_ns < next)
            next = source[i].next_ns;
    }
    for (uint32_t i = 0; i < n_held; i++)
        next = held[i].at_ns < next ? held[i].at_ns : next;
    return next;
}

static size_t header_of(uint32_t s, uint32_t event, uint64_t sequence, uint8_t *to)
{
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.run = 7;
    h.subrun = 1;
    h.event = event;
    h.source_id = s + 1;
    h.sequence = sequence;
    h.plane = part[s].plane_id;
    h.first_wire = part[s].first_wire;
    h.wires = part[s].wires;
    h.ticks = NIGHT_TICKS;
    h.sample_type = SPARSED__SAMPLE_TYPE__INT16;
    h.payload_bytes = (uint64_t)part[s].wires * NIGHT_TICKS * sizeof(int16_t);
    h.event_time_ns = UINT64_C(1700000000000000000) + event * night.weather.period_ns;
    return sparsed__fragment_header__pack(&h, to);
}

static const void *payload_of(uint32_t s, uint32_t event)
{
    return models_samples(template_of[event], part[s].plane) +
           (size_t)part[s].first_wire * NIGHT_TICKS;
}

/* A full queue pushes back: the message is sent later, in its turn. */
static void hold(const struct held *h)
{
    if (n_held < LATER)
        held[n_held++] = *h;
}

static void put(struct held *h)
{
    if (!wire_put(h->header, h->header_bytes, h->payload, h->payload_bytes, h->parts) &&
        random_chance(&night.random, 70)) {
        h->at_ns = night.now_ns + NS_PER_MS;
        hold(h);
    }
}

/* Something that is no fragment, or not of this detector. */
static void put_rubbish(uint32_t s)
{
    struct held h = {.payload = rubbish_bytes, .parts = 3};
    switch (random_below(&night.random, 4)) {
    case 0: /* no header */
        h.header_bytes = sizeof rubbish_bytes;
        memcpy(h.header, rubbish_bytes, sizeof rubbish_bytes);
        break;
    case 1: /* two parts */
        h.header_bytes = header_of(s, source[s].event, source[s].sequence++, h.header);
        h.parts = 2;
        break;
    case 2: /* four parts */
        h.header_bytes = header_of(s, source[s].event, source[s].sequence++, h.header);
        h.payload_bytes = sizeof rubbish_bytes;
        h.parts = 4;
        break;
    default: /* a payload of another size */
        h.header_bytes = header_of(s, source[s].event, source[s].sequence++, h.header);
        h.payload_bytes = sizeof rubbish_bytes;
    }
    put(&h);
}

static void send_next(uint32_t s)
{
    struct source *from = &source[s];
    const struct weather *w = &night.weather;
    struct held h = {.parts = 3,
                     .payload = payload_of(s, from->event),
                     .payload_bytes = (size_t)part[s].wires * NIGHT_TICKS * sizeof(int16_t)};
    if (random_below(&night.random, 1000) < w->rubbish)
        put_rubbish(s);
    h.header_bytes = header_of(s, from->event, from->sequence++, h.header);
    from->event++;
    from->next_ns = begin_ns + from->event * w->period_ns + random_below(&night.random, 300000);
    if (random_below(&night.random, 1000) < w->silence) {
        from->silent_until_ns = night.now_ns + random_below(&night.random, 50) * NS_PER_MS;
        if (random_chance(&night.random, 30))
            from->sequence = 0; /* it was started again */
    }
    if (from->next_ns < from->silent_until_ns)
        from->next_ns = from->silent_until_ns;
    if (random_below(&night.random, 1000) < w->loss)
        return;
    if (random_below(&night.random, 1000) < w->disorder) {
        h.at_ns = night.now_ns + random_below(&night.random, 10 * NS_PER_MS);
        hold(&h);
        return;
    }
    put(&h);
    if (random_below(&night.random, 1000) < w->copy)
        put(&h);
}

void readout_act(void)
{
    for (uint32_t i = 0; i < NIGHT_SOURCES; i++) {
        if (source[i].event < n_events && source[i].next_ns <= night.now_ns)
            send_next(i);
    }
    for (uint32_t i = 0; i < n_held; i++) {
        if (held[i].at_ns > night.now_ns)
            continue;
        struct held h = held[i];
        held[i--] = held[--n_held];
        put(&h);
    }
}
