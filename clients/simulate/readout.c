/* A run of groups ends where the next has no deposits, or is long enough; its wires
 * are read into one block of samples, which then is copied into a payload. A block
 * whose deposits all stay below the threshold becomes an empty one. */
#include "simulate/readout.h"

#include "simulate/electronics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MASK_WORDS = READOUT_MAX_BLOCK_WIRES / 64 };

struct readout_maker {
    const struct physics *physics;
    struct readout_shape shape;
    struct wires *wires;
    uint32_t ticks, bin_ticks;
    bool electronics;    /* every wire has samples */
    int16_t *counts;     /* [block_wires][ticks], 0 between blocks */
    double *of_particle; /* [TRACKER_PARTICLES] MeV in one hit; 0 between hits */
    uint64_t seed, event;
    struct readout *out;
};

struct readout_maker *readout_maker_create(const struct physics *p,
                                           const struct readout_shape *shape)
{
    struct readout_maker *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->physics = p;
    m->shape = *shape;
    m->ticks = (uint32_t)p->c.ticks;
    m->bin_ticks = (uint32_t)p->c.roi_bin;
    m->electronics = electronics_on(&p->c);
    m->wires = wires_create(p);
    m->counts = calloc((size_t)shape->block_wires * m->ticks, sizeof *m->counts);
    m->of_particle = calloc(TRACKER_PARTICLES, sizeof *m->of_particle);
    if (!m->wires || !m->counts || !m->of_particle)
        readout_maker_destroy(&m);
    return m;
}

void readout_maker_destroy(struct readout_maker **m)
{
    if (*m == NULL)
        return;
    wires_destroy(&(*m)->wires);
    free((*m)->counts);
    free((*m)->of_particle);
    free(*m);
    *m = NULL;
}

/* Room for one more of `bytes` each. */
static bool grow(void **list, uint32_t n, uint32_t *capacity, size_t bytes)
{
    if (n < *capacity)
        return true;
    uint32_t more = *capacity ? 2 * *capacity : 256;
    void *larger = realloc(*list, more * bytes);
    if (larger == NULL)
        return false;
    *list = larger;
    *capacity = more;
    return true;
}

static bool add_block(struct readout *r, const struct readout_block *b)
{
    void *list = r->block;
    bool good = grow(&list, r->n_blocks, &r->block_capacity, sizeof *r->block);
    r->block = list;
    if (good)
        r->block[r->n_blocks++] = *b;
    return good;
}

/* The energies of the neutrino's particles among the deposits of a hit. */
static bool add_edeps(struct readout_maker *m, uint32_t wire, uint32_t from, uint32_t to)
{
    const struct deposit *d;
    struct readout *r = m->out;
    uint32_t n = wires_deposits(m->wires, wire, &d), most = 0;
    int64_t begin = (int64_t)from * CHARGE_SUBTICKS, end = (int64_t)to * CHARGE_SUBTICKS;
    double total = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (d[i].time < begin || d[i].time >= end)
            continue;
        total += (double)d[i].mev;
        if (d[i].neutrino) {
            m->of_particle[d[i].particle] += (double)d[i].mev;
            most = d[i].particle >= most ? d[i].particle + 1u : most;
        }
    }
    for (uint32_t i = 0; i < most; i++) {
        if (m->of_particle[i] == 0)
            continue;
        void *list = r->edep;
        bool good = grow(&list, r->n_edeps, &r->edep_capacity, sizeof *r->edep);
        r->edep = list;
        if (!good)
            return false;
        r->edep[r->n_edeps++] =
            (struct readout_edep){.hit = r->n_hits - 1,
                                  .particle = i,
                                  .mev = (float)m->of_particle[i],
                                  .fraction = (float)(m->of_particle[i] / total)};
        m->of_particle[i] = 0;
    }
    return true;
}

/* One hit of ticks from .. to - 1: integral, mean tick and rms of what is above 0. */
static bool add_hit(struct readout_maker *m, uint32_t plane, uint32_t wire, const int16_t *counts,
                    uint32_t from, uint32_t to)
{
    struct readout *r = m->out;
    double sum = 0, first = 0, second = 0;
    for (uint32_t t = from; t < to; t++) {
        double x = counts[t] > 0 ? counts[t] : 0;
        sum += x;
        first += x * (t - from + 0.5);
        second += x * (t - from + 0.5) * (t - from + 0.5);
    }
    if (sum == 0)
        return true;
    void *list = r->hit;
    bool good = grow(&list, r->n_hits, &r->hit_capacity, sizeof *r->hit);
    r->hit = list;
    if (!good)
        return false;
    double mean = first / sum, variance = second / sum - mean * mean;
    r->hit[r->n_hits++] = (struct readout_hit){.plane = plane,
                                               .wire = wire,
                                               .integral = (float)(sum / WIRES_COUNTS_PER_UNIT),
                                               .rms = (float)sqrt(fmax(variance, 0)),
                                               .tick = (float)(from + mean)};
    return add_edeps(m, wire, from, to);
}

static bool bit(const uint64_t *mask, uint32_t i)
{
    return mask[i / 64] >> i % 64 & 1;
}

/* Runs of bins with samples. */
static bool find_hits(struct readout_maker *m, uint32_t plane, uint32_t wire, const int16_t *counts,
                      const struct wires_bins *bins)
{
    uint32_t n = (m->ticks + m->bin_ticks - 1) / m->bin_ticks;
    for (uint32_t b = 0; b < n; b++) {
        if (!bit(bins->region, b))
            continue;
        uint32_t from = b * m->bin_ticks;
        while (b < n && bit(bins->region, b))
            b++;
        uint32_t to = b * m->bin_ticks;
        if (!add_hit(m, plane, wire, counts, from, to < m->ticks ? to : m->ticks))
            return false;
    }
    return true;
}

static int32_t count_labels(const struct readout_maker *m, const struct wires_bins *bins)
{
    int32_t n = 0;
    uint32_t whole = m->ticks / m->bin_ticks;
    for (uint32_t i = 0; i < bins->words; i++)
        n += __builtin_popcountll(bins->labelled[i]);
    for (uint32_t b = whole; b < bins->words * 64; b++) /* a last bin that is not whole */
        n -= bit(bins->labelled, b);
    return n;
}

static void copy_samples(const struct readout_maker *m, uint32_t wires, unsigned char *to)
{
    size_t n = (size_t)wires * m->ticks;
    if (!m->shape.float32) {
        memcpy(to, m->counts, n * sizeof *m->counts);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float units = (float)m->counts[i] / WIRES_COUNTS_PER_UNIT;
        memcpy(to + i * sizeof units, &units, sizeof units);
    }
}

/* Signals become raw samples: each wire has some then. */
static void add_electronics(struct readout_maker *m, uint32_t plane, uint32_t first, uint32_t end,
                            uint64_t *signal)
{
    for (uint32_t wire = first; wire < end; wire++) {
        electronics_apply(m->physics, m->seed, m->event, plane, wire,
                          m->counts + (size_t)(wire - first) * m->ticks, m->ticks);
        signal[(wire - first) / 64] |= (uint64_t)1 << (wire - first) % 64;
    }
}

/* Wires first .. end - 1, all with deposits in their groups, or with electronics. */
static bool make_block(struct readout_maker *m, uint32_t plane, uint32_t first, uint32_t end)
{
    struct readout_block b = {.plane = plane, .first_wire = first, .wires = end - first};
    uint64_t signal[MASK_WORDS] = {0};
    bool any = false;
    for (uint32_t wire = first; wire < end; wire++) {
        struct wires_bins bins;
        int16_t *counts = m->counts + (size_t)(wire - first) * m->ticks;
        if (!wires_read(m->wires, wire, counts, &bins))
            continue;
        any = true;
        signal[(wire - first) / 64] |= (uint64_t)1 << (wire - first) % 64;
        m->out->label_bins[plane] += count_labels(m, &bins);
        if (m->shape.hits && !find_hits(m, plane, wire, counts, &bins))
            return false;
    }
    if (m->electronics)
        add_electronics(m, plane, first, end, signal);
    else if (!any)
        return add_block(m->out, &b);
    size_t samples = (size_t)b.wires * m->ticks;
    b.payload = payload_new(samples * (m->shape.float32 ? sizeof(float) : sizeof(int16_t)));
    b.signal = malloc(sizeof signal);
    bool good = b.payload != NULL && b.signal != NULL;
    if (good) {
        copy_samples(m, b.wires, b.payload->data);
        memcpy(b.signal, signal, sizeof signal);
    }
    memset(m->counts, 0, samples * sizeof *m->counts);
    if (good && add_block(m->out, &b))
        return true;
    if (b.payload != NULL)
        payload_release(NULL, b.payload);
    free(b.signal);
    return false;
}

static bool group_has_deposits(const struct readout_maker *m, uint32_t first, uint32_t wires)
{
    uint32_t end = first + m->shape.group_wires;
    const struct deposit *list;
    for (uint32_t wire = first; wire < end && wire < wires; wire++)
        if (wires_deposits(m->wires, wire, &list) > 0)
            return true;
    return false;
}

static bool make_plane(struct readout_maker *m, uint32_t plane)
{
    uint32_t wires = m->physics->charge.plane[plane].wires, group = m->shape.group_wires;
    for (uint32_t first = 0, end; first < wires; first = end) {
        bool has = m->electronics || group_has_deposits(m, first, wires);
        for (end = first + group;
             end < wires && (m->electronics || group_has_deposits(m, end, wires)) == has;
             end += group)
            if (has && end - first >= m->shape.block_wires)
                break;
        end = end < wires ? end : wires;
        struct readout_block empty = {.plane = plane, .first_wire = first, .wires = end - first};
        if (!(has ? make_block(m, plane, first, end) : add_block(m->out, &empty)))
            return false;
    }
    return true;
}

bool readout_maker_run(struct readout_maker *m, const struct charge *q, uint64_t seed,
                       uint64_t event, struct readout *out)
{
    readout_clear(out);
    m->out = out;
    m->seed = seed;
    m->event = event;
    for (uint32_t plane = 0; plane < CHARGE_PLANES; plane++)
        if (!wires_plane(m->wires, q, plane, seed, event) || !make_plane(m, plane))
            return false;
    return true;
}

void readout_clear(struct readout *r)
{
    for (uint32_t i = 0; i < r->n_blocks; i++) {
        if (r->block[i].payload != NULL)
            payload_release(NULL, r->block[i].payload);
        free(r->block[i].signal);
    }
    r->n_blocks = r->n_hits = r->n_edeps = 0;
    memset(r->label_bins, 0, sizeof r->label_bins);
}

void readout_fini(struct readout *r)
{
    readout_clear(r);
    free(r->block);
    free(r->hit);
    free(r->edep);
    *r = (struct readout){0};
}
