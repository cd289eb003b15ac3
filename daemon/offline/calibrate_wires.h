/* calibrate_wires: pedestal and noise of every wire, gathered event by event.
 *
 *     samples of a wire in an event --wire_noise--> one pedestal, one noise
 *     of all its events             --median-->     the wire's
 *     of all wires of the plane     --compared-->   good, dead, hot
 *
 * A wire is dead if its noise is below `dead` times the median of its plane's wires, or if no
 * sample of it came; hot if it is above `hot` times. The median over events leaves out the
 * few events in which a wire misbehaves, or sees more signal than noise.
 *
 * Memory is 8 bytes a wire and event. One thread.
 */
#ifndef SPARSED_OFFLINE_CALIBRATE_WIRES_H
#define SPARSED_OFFLINE_CALIBRATE_WIRES_H

#include "base/error.h"
#include "data/fragment.h"
#include "data/geometry.h"

#include <stdbool.h>
#include <stdint.h>

struct calibrate_plane {
    uint32_t id, wires;
    double *pedestal, *noise;      /* [wires] */
    uint8_t *status;               /* [wires] enum wire_status */
    uint64_t *samples;             /* [wires] that they are of */
    double typical_noise;          /* the median of the wires that have samples */
    double typical_pedestal;       /* the same */
    uint32_t n[WIRE_STATUS_COUNT]; /* wires of each status */
    float *of_event;               /* [wires][2][events]: pedestals, noises */
    uint32_t *events;              /* [wires] */
};

struct calibrate_wires {
    enum sample_type type;    /* of the first samples; 0: none came */
    uint32_t ticks, events;   /* samples a wire; events that are kept of a wire */
    uint64_t nonfinite_wires; /* events of wires without a finite sample */
    uint32_t n_planes;
    struct calibrate_plane plane[SETTINGS_MAX_PLANES];
    uint32_t *histogram;
    float *scratch;
};

/* For the planes of a wire detector. False: no memory; calibrate_wires_fini in any case. */
bool calibrate_wires_init(struct calibrate_wires *c, const struct geometry *g, uint32_t events,
                          struct error *err);
void calibrate_wires_fini(struct calibrate_wires *c);

/* Samples of one wire of one event, [ticks] at any address. What is more than `events` is
 * left out. False: another type than before (DATA). */
bool calibrate_wires_add(struct calibrate_wires *c, uint32_t plane, uint32_t wire,
                         enum sample_type type, const void *samples, struct error *err);

/* Fills pedestal, noise, status and samples. False (DATA): a plane has no samples at all, or
 * half of its wires have no noise, as zero-suppressed samples have: then nobody can say
 * which wires are dead. */
bool calibrate_wires_judge(struct calibrate_wires *c, double dead, double hot, struct error *err);

#endif
