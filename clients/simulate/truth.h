/* truth: an event's row of the event table, laid out as OpenSamples does, and the
 * attributes that say how a file was made. Used by every kind of output file.
 */
#ifndef SIMULATE_TRUTH_H
#define SIMULATE_TRUTH_H

#include "data/preprocessing.h"
#include "output/record_table.h"
#include "simulate/event.h"

/* Which events: their identities, times and random streams. */
struct numbering {
    uint64_t seed;
    int32_t run, subrun, first_event;
    uint64_t first_time_ns; /* since the epoch */
    double event_rate_hz;   /* of event times */
};

struct truth_event {
    int32_t event_id[3];
    int32_t is_cc, nu_pdg;
    float nu_energy, lep_energy; /* GeV */
    float nu_dir[3], nu_vtx[3], nu_vtx_corr[3];
    int32_t nu_vtx_wire_pos[3];
    float nu_vtx_wire_time; /* tick */
    int32_t label_bins[3];
    uint64_t event_time_ns;
};

/* Columns of struct truth_event. */
extern const struct record_column truth_event_columns[];

/* Event `number` of the run, 0 the first; label_bins are the caller's. */
void truth_event_fill(struct truth_event *row, const struct numbering *n, uint64_t number,
                      const struct physics *p, const struct neutrino *nu);

/* Group /detector: ticks, plane_wires, scale, seed, version, command, every constant. */
bool truth_write_detector(hid_t file, const struct constants *c, uint64_t seed,
                          const char *command);

/* Group /preprocessing, as a model file has it. */
bool truth_write_preprocessing(hid_t file, const struct preprocessing *p);

#endif
