/* sparse-replay: recorded events, sent as the detector would send them.
 *
 *     playlist --> bundle --> pace --> sender        (progress looks on)
 *     which        fragments  when     the socket
 *
 * One thread. An event is read and encoded before it is due, so that at a given
 * rate the disk's time is spent while waiting. */
#include "replay/account.h"
#include "replay/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { AFTER_STOP_LINGER_MS = 1000, HEADER_BYTES = 256 };

static volatile sig_atomic_t stop; /* how many times ^C was pressed */

static void on_signal(int number)
{
    (void)number;
    if (stop >= 1)
        _exit(1);
    stop = stop + 1;
}

struct replay {
    struct options o;
    struct playlist *playlist;
    struct sender sender;
    struct progress progress;
    struct tally tally;
    uint64_t *sequence;    /* [sources] */
    struct bundle *bundle; /* one, or with --preload one an event */
    size_t bundles;
    uint32_t *order; /* of an event's fragments, as they are sent */
    size_t order_capacity;
    uint32_t run_stride;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t due_ns)
{
    while (!stop) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (now_ns >= due_ns)
            return;
        uint64_t wait_ns = due_ns - now_ns; /* in slices: a signal between look and sleep */
        wait_ns = wait_ns < 100000000 ? wait_ns : 100000000;
        struct timespec t = {.tv_nsec = (long)wait_ns};
        nanosleep(&t, NULL);
    }
}

static uint64_t mix(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool make_order(struct replay *r, const struct bundle *b, struct failure *f)
{
    if (b->count > r->order_capacity) {
        uint32_t *larger = realloc(r->order, b->count * sizeof *r->order);
        if (!larger)
            return failure_set(f, "no memory for an event of %zu fragments", b->count);
        r->order = larger;
        r->order_capacity = b->count;
    }
    for (size_t i = 0; i < b->count; i++)
        r->order[i] = (uint32_t)i;
    uint64_t state = r->o.seed ^ (r->tally.events * 0x2545f4914f6cdd1du);
    for (size_t i = r->o.shuffle ? b->count : 0; i > 1; i--) {
        size_t k = (size_t)(mix(&state) % i);
        uint32_t kept = r->order[i - 1];
        r->order[i - 1] = r->order[k];
        r->order[k] = kept;
    }
    return true;
}

static size_t pack_header(const struct replay *r, const struct bundle *b,
                          const struct fragment *fragment, uint64_t loop, uint32_t source,
                          uint64_t time_ns, uint8_t out[HEADER_BYTES])
{
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.run = b->run + (uint32_t)loop * r->run_stride;
    h.subrun = b->subrun;
    h.event = b->event;
    h.source_id = r->o.source_id + source;
    h.sequence = r->sequence[source];
    h.kind = b->kind;
    h.plane = fragment->plane;
    h.first_wire = fragment->first_wire;
    h.wires = fragment->wires;
    if (b->kind == SPARSED__PAYLOAD_KIND__IMAGE) {
        h.height = b->height;
        h.width = b->width;
        h.channels = b->channels;
    } else {
        h.ticks = b->ticks;
    }
    h.sample_type = b->type;
    h.encoding = fragment->encoding;
    h.payload_bytes = fragment->payload ? fragment->payload->bytes : 0;
    if (r->o.recipe.checksum) {
        h.checksum_type = SPARSED__CHECKSUM__XXH3_64;
        h.checksum = fragment->checksum;
    }
    h.event_time_ns = time_ns;
    return sparsed__fragment_header__pack(&h, out);
}

/* All fragments of one event. A dropped fragment has used its sequence number: the
 * receiver sees the gap that a detector would leave. */
static enum sender_result send_event(struct replay *r, const struct bundle *b, uint64_t loop,
                                     struct failure *f)
{
    uint8_t header[HEADER_BYTES];
    struct tally *t = &r->tally;
    uint64_t time_ns = r->o.recorded_times ? b->time_ns : clock_ns(CLOCK_REALTIME);
    if (!make_order(r, b, f))
        return SENDER_FAILED;
    t->unheard += !sender_heard(&r->sender);
    t->without += b->count == 0;
    uint64_t dropped_before = t->dropped_fragments;
    for (size_t i = 0; i < b->count; i++) {
        const struct fragment *fragment = &b->fragment[r->order[i]];
        uint32_t source = (uint32_t)(i % r->o.sources);
        size_t bytes = pack_header(r, b, fragment, loop, source, time_ns, header);
        enum sender_result result =
            stop ? SENDER_STOPPED : sender_send(&r->sender, header, bytes, fragment->payload, f);
        if (result == SENDER_STOPPED || result == SENDER_FAILED) {
            t->cut += i > 0;
            return result;
        }
        r->sequence[source]++;
        if (result == SENDER_DROPPED) {
            t->dropped_fragments++;
            continue;
        }
        t->fragments++;
        t->empty_fragments += fragment->payload == NULL;
        t->bytes += fragment->payload ? fragment->payload->bytes : 0;
    }
    t->events++;
    t->holed += t->dropped_fragments > dropped_before;
    t->counts.saturated += b->counts.saturated;
    t->counts.nonnumber += b->counts.nonnumber;
    t->counts.duplicates += b->counts.duplicates;
    return SENDER_SENT;
}

static bool setup(struct replay *r, struct failure *f)
{
    struct options *o = &r->o;
    r->playlist = playlist_open(&o->files, &o->recipe, f);
    if (!r->playlist)
        return false;
    uint64_t count = playlist_count(r->playlist);
    if (count == 0)
        return failure_set(f, "%s: no event in it", o->files.file[0]);
    if (o->end == UINT64_MAX)
        o->end = count;
    if (o->first >= count || o->end > count)
        return failure_set(f, "--events %" PRIu64 ":%" PRIu64 ": there are %" PRIu64 " events",
                           o->first, o->end, count);
    if ((o->pace.kind == PACE_RECORDED || o->recorded_times) && !playlist_has_times(r->playlist, f))
        return false;
    r->run_stride = playlist_run_stride(r->playlist);
    r->bundles = o->preload ? (size_t)(o->end - o->first) : 1;
    r->bundle = calloc(r->bundles, sizeof *r->bundle);
    r->sequence = calloc(o->sources, sizeof *r->sequence);
    return (r->bundle && r->sequence) || failure_set(f, "no memory");
}

static bool preload(struct replay *r, struct failure *f)
{
    for (size_t i = 0; i < r->bundles && r->o.preload && !stop; i++) {
        struct bundle *b = &r->bundle[i];
        if (!playlist_prepare(r->playlist, &r->o.recipe, (size_t)r->o.first + i, b, f))
            return false;
        free(b->scratch);
        b->scratch = NULL;
        b->scratch_bytes = 0;
    }
    return true;
}

static bool wait_for_peer(struct replay *r, struct failure *f)
{
    const char *who = r->o.sender.pub ? "subscriber" : "peer";
    if (!r->o.quiet)
        fprintf(stderr, "waiting for a %s at %s ... ", who, r->sender.address);
    fflush(stderr);
    enum sender_result result = sender_wait(&r->sender, f);
    if (!r->o.quiet)
        fputs(result == SENDER_SENT ? "connected\n" : "\n", stderr);
    return result != SENDER_FAILED;
}

/* Event `index` of loop `loop`, when it is due. */
static enum sender_result replay_event(struct replay *r, uint64_t index, uint64_t loop,
                                       struct failure *f)
{
    struct bundle *b = &r->bundle[r->o.preload ? index - r->o.first : 0];
    if (!r->o.preload && !playlist_prepare(r->playlist, &r->o.recipe, (size_t)index, b, f))
        return SENDER_FAILED;
    sleep_until(pace_next(&r->o.pace, b->time_ns, clock_ns(CLOCK_MONOTONIC)));
    if (stop)
        return SENDER_STOPPED;
    enum sender_result result = send_event(r, b, loop, f);
    account_progress(&r->tally, &r->progress, b, clock_ns(CLOCK_MONOTONIC));
    return result;
}

/* False: failure. A stop is none. */
static bool replay_all(struct replay *r, struct failure *f)
{
    const struct options *o = &r->o;
    for (uint64_t loop = 0; !stop && (o->loops == 0 || loop < o->loops); loop++)
        for (uint64_t index = o->first; !stop && index < o->end; index++)
            if (replay_event(r, index, loop, f) == SENDER_FAILED)
                return false;
    return true;
}

static void fini(struct replay *r)
{
    for (size_t i = 0; r->bundle && i < r->bundles; i++)
        bundle_fini(&r->bundle[i]);
    free(r->bundle);
    free(r->sequence);
    free(r->order);
    playlist_close(&r->playlist);
}

int main(int argc, char **argv)
{
    struct replay r = {0};
    struct failure f = {""};
    struct sigaction action = {.sa_handler = on_signal};
    options_parse(&r.o, argc, argv);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    bool good = setup(&r, &f) && preload(&r, &f) &&
                sender_open(&r.sender, &r.o.sender, &stop, &f) && wait_for_peer(&r, &f);
    bool begun = good;
    progress_start(&r.progress, r.o.quiet, r.o.loops * (r.o.end - r.o.first),
                   clock_ns(CLOCK_MONOTONIC));
    if (good)
        good = replay_all(&r, &f);
    bool complete = good && !stop;
    sender_close(&r.sender, !complete && r.o.linger_ms > AFTER_STOP_LINGER_MS ? AFTER_STOP_LINGER_MS
                                                                              : r.o.linger_ms);
    r.tally.slips = r.o.pace.slips;
    uint64_t end_ns = clock_ns(CLOCK_MONOTONIC);
    if (begun)
        account_print(&r.tally, &r.progress, stop != 0, end_ns);
    if (begun && r.o.json)
        account_json(&r.tally, progress_seconds(&r.progress, end_ns), complete, stdout);
    if (!good)
        fprintf(stderr, "sparse-replay: %s\n", f.text);
    fini(&r);
    return complete ? 0 : 1;
}
