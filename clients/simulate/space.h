/* space: points and directions in the detector, in cm; and the active volume. */
#ifndef SIMULATE_SPACE_H
#define SIMULATE_SPACE_H

#include "simulate/constants.h"
#include "simulate/random.h"

struct vec {
    double x, y, z;
};

/* a + t d */
static inline struct vec space_along(struct vec a, double t, struct vec d)
{
    return (struct vec){a.x + t * d.x, a.y + t * d.y, a.z + t * d.z};
}

static inline bool space_inside(const struct constants *c, struct vec a)
{
    return a.x >= 0 && a.x <= c->x_max && a.y >= c->y_min && a.y <= c->y_max && a.z >= 0 &&
           a.z <= c->z_max;
}

double space_length(struct vec a);
struct vec space_unit(struct vec a);

/* Any direction, all alike likely. */
struct vec space_isotropic(struct random *r);

/* The direction at `cosine` to d, at a random azimuth. */
struct vec space_turn(struct random *r, struct vec d, double cosine);

/* d after scattering by two normal angles of width `theta`. */
struct vec space_scatter(struct random *r, struct vec d, double theta);

#endif
