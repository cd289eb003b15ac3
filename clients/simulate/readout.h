/* readout: the samples of one event, as blocks of whole wires.
 *
 *     plane 2   0 ....... 1024 ............ 1536 ............ 3455
 *               [  empty  ][ 40 ][ 40 ] .. [ 24 ][   empty     ]
 *
 * Planes are looked at in groups of 8 wires (or what the pixels pool): groups
 * without signal join into one empty block, groups with signal are cut into blocks
 * of at most `block_wires`. So a receiver reduces every block on its own. With it
 * come the hits and labels, which are seen while a wire is made.
 */
#ifndef SIMULATE_READOUT_H
#define SIMULATE_READOUT_H

#include "common/payload.h"
#include "simulate/wires.h"

struct readout_shape {
    uint32_t group_wires; /* of one pixel column */
    uint32_t block_wires; /* a multiple of it */
    bool float32;         /* units, not counts */
    bool hits;            /* find hits and what made them */
};

struct readout_block {
    uint32_t plane, first_wire, wires;
    struct payload *payload; /* [wires][ticks]; NULL: empty */
    uint64_t *signal;        /* bit k: wire first_wire + k has signal; 0 where empty */
};

/* A run of bins with samples on one wire. */
struct readout_hit {
    uint32_t plane, wire;
    float integral, rms, tick; /* units, ticks, ticks */
};

/* What a particle of the neutrino left in a hit. */
struct readout_edep {
    uint32_t hit, particle;
    float mev, fraction; /* of all the energy in the hit */
};

enum { READOUT_MAX_BLOCK_WIRES = 1024 };

struct readout {
    uint32_t n_blocks, block_capacity;
    struct readout_block *block;
    uint32_t n_hits, hit_capacity;
    struct readout_hit *hit;
    uint32_t n_edeps, edep_capacity;
    struct readout_edep *edep;
    int32_t label_bins[CHARGE_PLANES]; /* whole bins */
};

struct readout_maker; /* scratch of one worker */

struct readout_maker *readout_maker_create(const struct physics *p,
                                           const struct readout_shape *shape);
void readout_maker_destroy(struct readout_maker **m);

/* Replaces what `out` holds. False: no memory. */
bool readout_maker_run(struct readout_maker *m, const struct charge *q, uint64_t seed,
                       uint64_t event, struct readout *out);

/* Gives the payloads back; what is being sent lives on until it is sent. */
void readout_clear(struct readout *r);
void readout_fini(struct readout *r);

#endif
