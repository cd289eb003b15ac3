/* Columns of small tables go through the daemon's record tables; samples have a
 * data set of their own, compressed: most of a wire's samples are 0. */
#include "simulate/write_opensamples.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_ROWS = 16, TABLES = 5 };

struct wire_row {
    int32_t event_id[3];
    int32_t tpc, local_plane;
    float local_wire;
};

struct hit_row {
    int32_t event_id[3];
    int32_t hit_id, tpc, local_plane, local_wire;
    float integral, rms, local_time;
};

struct edep_row {
    int32_t event_id[3];
    int32_t hit_id, g4_id;
    float energy, energy_fraction;
};

#define COLUMN(row, name, type, width)                                                             \
    {                                                                                              \
#name, type, width, offsetof(struct row, name)                                             \
    }

static const struct record_column wire_columns[] = {COLUMN(wire_row, event_id, I32, 3),
                                                    COLUMN(wire_row, tpc, I32, 1),
                                                    COLUMN(wire_row, local_plane, I32, 1),
                                                    COLUMN(wire_row, local_wire, F32, 1),
                                                    {0}};

static const struct record_column hit_columns[] = {COLUMN(hit_row, event_id, I32, 3),
                                                   COLUMN(hit_row, hit_id, I32, 1),
                                                   COLUMN(hit_row, tpc, I32, 1),
                                                   COLUMN(hit_row, local_plane, I32, 1),
                                                   COLUMN(hit_row, local_wire, I32, 1),
                                                   COLUMN(hit_row, integral, F32, 1),
                                                   COLUMN(hit_row, rms, F32, 1),
                                                   COLUMN(hit_row, local_time, F32, 1),
                                                   {0}};

static const struct record_column edep_columns[] = {
    COLUMN(edep_row, event_id, I32, 3),        COLUMN(edep_row, hit_id, I32, 1),
    COLUMN(edep_row, g4_id, I32, 1),           COLUMN(edep_row, energy, F32, 1),
    COLUMN(edep_row, energy_fraction, F32, 1), {0}};

static const struct record_column particle_columns[] = {
    COLUMN(particle_row, event_id, I32, 3),
    COLUMN(particle_row, g4_id, I32, 1),
    COLUMN(particle_row, g4_pdg, I32, 1),
    COLUMN(particle_row, parent_id, I32, 1),
    COLUMN(particle_row, category, I32, 1),
    COLUMN(particle_row, instance, I32, 1),
    COLUMN(particle_row, from_neutrino, I32, 1),
    COLUMN(particle_row, momentum, F32, 1),
    COLUMN(particle_row, start_position, F32, 3),
    COLUMN(particle_row, end_position, F32, 3),
    COLUMN(particle_row, start_position_corr, F32, 3),
    COLUMN(particle_row, end_position_corr, F32, 3),
    COLUMN(particle_row, start_wire_pos, I32, 3),
    COLUMN(particle_row, end_wire_pos, I32, 3),
    COLUMN(particle_row, start_wire_time, F32, 1),
    COLUMN(particle_row, end_wire_time, F32, 1),
    {0}};

struct sample_file {
    hid_t file, adc;
    const char *path;
    uint32_t ticks;
    bool float32;
    hsize_t wires; /* rows of adc */
    struct record_table event, wire, hit, edep, particle;
};

static bool failed(const struct sample_file *f, struct error *err)
{
    return error_set(err, ERROR_STORAGE, "%s: cannot be written; is the disk full?", f->path);
}

static hid_t sample_type(const struct sample_file *f)
{
    return f->float32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_INT16;
}

/* The group wire_table is there. */
static bool make_samples(struct sample_file *f, uint32_t deflate)
{
    hsize_t none[2] = {0, f->ticks}, any[2] = {H5S_UNLIMITED, f->ticks};
    hsize_t chunk[2] = {CHUNK_ROWS, f->ticks};
    hid_t space = H5Screate_simple(2, none, any), list = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_chunk(list, 2, chunk);
    (void)H5Pset_obj_track_times(list, false);
    if (deflate > 0) {
        (void)H5Pset_shuffle(list);
        (void)H5Pset_deflate(list, deflate);
    }
    f->adc = H5Dcreate2(f->file, "wire_table/adc", sample_type(f), space, H5P_DEFAULT, list,
                        H5P_DEFAULT);
    (void)H5Pclose(list);
    (void)H5Sclose(space);
    return f->adc >= 0;
}

struct sample_file *write_opensamples_open(const char *path, const struct constants *c,
                                           uint64_t seed, const char *command, bool float32,
                                           uint32_t deflate, struct error *err)
{
    struct sample_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    f->path = path;
    f->ticks = (uint32_t)c->ticks;
    f->float32 = float32;
    f->adc = -1;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    f->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (f->file < 0) {
        error_set(err, ERROR_STORAGE, "%s: cannot be made", path);
        free(f);
        return NULL;
    }
    bool good = truth_write_detector(f->file, c, seed, command) &&
                record_table_create(&f->event, f->file, "event_table", truth_event_columns,
                                    sizeof(struct truth_event), 0) &&
                record_table_create(&f->wire, f->file, "wire_table", wire_columns,
                                    sizeof(struct wire_row), 0) &&
                record_table_create(&f->hit, f->file, "hit_table", hit_columns,
                                    sizeof(struct hit_row), 0) &&
                record_table_create(&f->edep, f->file, "edep_table", edep_columns,
                                    sizeof(struct edep_row), 0) &&
                record_table_create(&f->particle, f->file, "particle_table", particle_columns,
                                    sizeof(struct particle_row), 0) &&
                make_samples(f, deflate);
    if (!good) {
        struct error at_end = {0};
        (void)write_opensamples_close(f, &at_end);
        error_set(err, ERROR_STORAGE, "%s: its tables cannot be made", path);
        return NULL;
    }
    return f;
}

/* A hit's plane, a particle's, ... begins with the event's identity. */
static bool put_row(struct record_table *t, const struct truth_event *e, const void *row,
                    size_t bytes)
{
    unsigned char *to = record_table_row(t);
    if (to == NULL)
        return false;
    memcpy(to, row, bytes);
    memcpy(to, e->event_id, sizeof e->event_id); /* the first member of every row */
    return true;
}

/* Wires with signal of one block. */
static bool put_block(struct sample_file *f, const struct truth_event *e,
                      const struct readout_block *b)
{
    size_t wire_bytes = f->ticks * (f->float32 ? sizeof(float) : sizeof(int16_t));
    for (uint32_t k = 0; b->payload != NULL && k < b->wires; k++) {
        if (!(b->signal[k / 64] >> k % 64 & 1))
            continue;
        uint32_t end = k; /* wires in a row are written together */
        for (; end < b->wires && (b->signal[end / 64] >> end % 64 & 1); end++) {
            struct wire_row row = {.local_plane = (int32_t)b->plane,
                                   .local_wire = (float)(b->first_wire + end)};
            if (!put_row(&f->wire, e, &row, sizeof row))
                return false;
        }
        if (!record_table_append(f->adc, sample_type(f), f->wires, end - k, f->ticks,
                                 b->payload->data + k * wire_bytes))
            return false;
        f->wires += end - k;
        k = end;
    }
    return true;
}

static bool put_hits(struct sample_file *f, const struct truth_event *e, const struct readout *r)
{
    for (uint32_t i = 0; i < r->n_hits; i++) {
        const struct readout_hit *h = &r->hit[i];
        struct hit_row row = {.hit_id = (int32_t)i,
                              .local_plane = (int32_t)h->plane,
                              .local_wire = (int32_t)h->wire,
                              .integral = h->integral,
                              .rms = h->rms,
                              .local_time = h->tick};
        if (!put_row(&f->hit, e, &row, sizeof row))
            return false;
    }
    for (uint32_t i = 0; i < r->n_edeps; i++) {
        const struct readout_edep *d = &r->edep[i];
        struct edep_row row = {.hit_id = (int32_t)d->hit,
                               .g4_id = (int32_t)d->particle + 1,
                               .energy = d->mev,
                               .energy_fraction = d->fraction};
        if (!put_row(&f->edep, e, &row, sizeof row))
            return false;
    }
    return true;
}

bool write_opensamples_event(struct sample_file *f, uint64_t number, const struct truth_event *e,
                             const struct readout *r, const struct particle_row *particle,
                             uint32_t particles, struct error *err)
{
    bool good = put_row(&f->event, e, e, sizeof *e);
    for (uint32_t i = 0; good && i < r->n_blocks; i++)
        good = put_block(f, e, &r->block[i]);
    good = good && put_hits(f, e, r);
    for (uint32_t i = 0; good && i < particles; i++)
        good = put_row(&f->particle, e, &particle[i], sizeof particle[i]);
    struct record_table *const table[TABLES] = {&f->event, &f->wire, &f->hit, &f->edep,
                                                &f->particle};
    for (size_t i = 0; good && i < TABLES; i++)
        good = record_table_end_event(table[i], (int64_t)number);
    return good || failed(f, err);
}

bool write_opensamples_close(struct sample_file *f, struct error *err)
{
    struct record_table *const table[TABLES] = {&f->event, &f->wire, &f->hit, &f->edep,
                                                &f->particle};
    bool good = true;
    for (size_t i = 0; i < TABLES; i++) {
        good &= table[i]->rows.row == NULL || record_table_write(table[i]);
        good &= record_table_close(table[i]);
    }
    good &= f->adc < 0 || H5Dclose(f->adc) >= 0;
    good &= H5Fclose(f->file) >= 0;
    if (!good)
        failed(f, err);
    free(f);
    return good;
}

/* As NuGraph sorts them: 0 minimum-ionising track, 1 proton, 2 shower, 3 Michel
 * electron; -1 leaves nothing itself. */
static int32_t category(const struct tracker *t, const struct particle *p)
{
    switch (abs(p->pdg)) {
    case 13:
    case 211:
        return 0;
    case 2212:
        return 1;
    case 11:
        return p->parent >= 0 && abs(t->particle[p->parent].pdg) == 13 ? 3 : 2;
    case 22:
        return 2;
    default:
        return -1;
    }
}

static void put_place(const struct tracker *t, struct vec at, double late, float position[3],
                      float corrected[3], int32_t wire[3], float *tick)
{
    const double x[3] = {at.x, at.y, at.z};
    for (int i = 0; i < 3; i++)
        position[i] = corrected[i] = (float)x[i];
    charge_wires(&t->physics->charge, at, wire);
    *tick = (float)charge_tick(&t->physics->c, at.x, late);
}

void write_opensamples_particle(struct particle_row *row, const struct tracker *t, uint32_t i)
{
    const struct particle *p = &t->particle[i];
    *row = (struct particle_row){.g4_id = (int32_t)i + 1,
                                 .g4_pdg = p->pdg,
                                 .parent_id = p->parent + 1,
                                 .category = category(t, p),
                                 .instance = (int32_t)i,
                                 .from_neutrino = p->origin == ORIGIN_NEUTRINO,
                                 .momentum = (float)(p->momentum / 1000)};
    put_place(t, p->start, p->late, row->start_position, row->start_position_corr,
              row->start_wire_pos, &row->start_wire_time);
    put_place(t, p->end, p->late, row->end_position, row->end_position_corr, row->end_wire_pos,
              &row->end_wire_time);
}
