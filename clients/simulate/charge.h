/* charge: what an energy deposit becomes at the wires.
 *
 *     MeV in a step --recombination--> electrons --lifetime--> --diffusion--> wire, tick
 *
 * A deposit is kept for each plane: wire, sub-tick time, width of its pulse and
 * charge, all integers, so that sums over deposits do not depend on their order.
 * What arrives before or after the readout, or beside the wires, is left out.
 */
#ifndef SIMULATE_CHARGE_H
#define SIMULATE_CHARGE_H

#include "simulate/space.h"

enum {
    CHARGE_PLANES = 3,
    CHARGE_SUBTICKS = 16, /* times are multiples of 1 / 16 tick */
    CHARGE_WIDTHS = 16,   /* pulse widths between no drift and full drift */
    CHARGE_MAX_TAPS = 256,
    CHARGE_UNIT = 256, /* charge is counted in 1 / 256 unit of adc */
};

struct deposit {
    uint16_t wire;
    uint16_t particle; /* index into the event's particles */
    int32_t time;      /* ticks * CHARGE_SUBTICKS; may lie outside the readout */
    int32_t charge;    /* 1 / CHARGE_UNIT unit */
    uint16_t width;    /* index of the pulse's width */
    bool neutrino;
    float mev;
};

/* The integral of a pulse over each tick, for sub-tick offset and width: weights
 * of 1 / 65,536 that add up to exactly 65,536. weight[..][k] is for tick
 * floor(time) - before + k. */
struct charge_pulses {
    uint32_t taps, before;
    int32_t weight[CHARGE_WIDTHS][CHARGE_SUBTICKS][CHARGE_MAX_TAPS];
};

/* Wire number of a point = cy * y + cz * z + origin. */
struct charge_plane {
    uint32_t wires;
    double cy, cz, origin;
};

struct charge_tables {
    struct charge_plane plane[CHARGE_PLANES];
    double recombination; /* box_b / (density * field), cm / MeV */
    double units_per_mev; /* before recombination */
    struct charge_pulses pulses;
};

/* The deposits of one event. */
struct charge {
    const struct constants *c;
    const struct charge_tables *tables;
    uint32_t n[CHARGE_PLANES], capacity[CHARGE_PLANES];
    struct deposit *list[CHARGE_PLANES];
    bool no_memory;
};

/* CONFIG: a pulse that is wider than CHARGE_MAX_TAPS ticks. */
bool charge_tables_init(struct charge_tables *t, const struct constants *c, struct error *err);

/* Nearest wire of each plane, -1 where there is none. */
void charge_wires(const struct charge_tables *t, struct vec at, int32_t wire[CHARGE_PLANES]);

/* Tick at which charge from x arrives, `late` ticks after the trigger. */
double charge_tick(const struct constants *c, double x, double late);

/* `mev` lost over `cm` around `at`. */
void charge_add(struct charge *q, struct random *r, struct vec at, double mev, double cm,
                double late, uint16_t particle, bool neutrino);

void charge_fini(struct charge *q);

#endif
