/* write_opensamples: samples and truth of simulated events, laid out as the
 * MicroBooNE OpenSamples are: a group a table, a data set a column, rows of an
 * event together. `sparse-replay` and `sparse-score` read it as it is.
 *
 *     wire_table      wires with signal: tpc, local_plane, local_wire, adc [row][tick]
 *     event_table     the neutrino, as in a pixel file
 *     hit_table       runs of bins with samples on a wire
 *     edep_table      what the neutrino's particles left in a hit (none: a cosmic's)
 *     particle_table  every particle that was tracked but delta rays
 */
#ifndef SIMULATE_WRITE_OPENSAMPLES_H
#define SIMULATE_WRITE_OPENSAMPLES_H

#include "simulate/readout.h"
#include "simulate/truth.h"

struct particle_row {
    int32_t event_id[3];
    int32_t g4_id, g4_pdg, parent_id, category, instance, from_neutrino;
    float momentum; /* GeV */
    float start_position[3], end_position[3], start_position_corr[3], end_position_corr[3];
    int32_t start_wire_pos[3], end_wire_pos[3];
    float start_wire_time, end_wire_time; /* ticks */
};

struct sample_file;

/* deflate 0 .. 9 of the samples. NULL: `err` (STORAGE). `path` stays the caller's. */
struct sample_file *write_opensamples_open(const char *path, const struct constants *c,
                                           uint64_t seed, const char *command, bool float32,
                                           uint32_t deflate, struct error *err);

/* Event `number` of the file, 0 the first. */
bool write_opensamples_event(struct sample_file *f, uint64_t number, const struct truth_event *e,
                             const struct readout *r, const struct particle_row *particle,
                             uint32_t particles, struct error *err);

/* Frees `f`. False: the last rows could not be written. */
bool write_opensamples_close(struct sample_file *f, struct error *err);

/* Particle `i` of the tracker; event_id is not filled. */
void write_opensamples_particle(struct particle_row *row, const struct tracker *t, uint32_t i);

#endif
