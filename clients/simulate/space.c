#include "simulate/space.h"

#include "simulate/portable.h"

#include <math.h>

double space_length(struct vec a)
{
    return sqrt(a.x * a.x + a.y * a.y + a.z * a.z);
}

struct vec space_unit(struct vec a)
{
    double length = space_length(a);
    if (!(length > 0))
        return (struct vec){0, 0, 1};
    return (struct vec){a.x / length, a.y / length, a.z / length};
}

struct vec space_isotropic(struct random *r)
{
    return space_turn(r, (struct vec){0, 0, 1}, random_range(r, -1, 1));
}

/* Two directions at right angles to d and to each other. */
static void across(struct vec d, struct vec *u, struct vec *v)
{
    struct vec least = fabs(d.x) < 0.5 ? (struct vec){1, 0, 0} : (struct vec){0, 1, 0};
    *u = space_unit((struct vec){d.y * least.z - d.z * least.y, d.z * least.x - d.x * least.z,
                                 d.x * least.y - d.y * least.x});
    *v = (struct vec){d.y * u->z - d.z * u->y, d.z * u->x - d.x * u->z, d.x * u->y - d.y * u->x};
}

struct vec space_turn(struct random *r, struct vec d, double cosine)
{
    struct vec u, v;
    across(d, &u, &v);
    double s, c, sine = sqrt(fmax(0, 1 - cosine * cosine));
    portable_sincos(random_range(r, 0, 6.283185307179586), &s, &c);
    struct vec turned = {cosine * d.x, cosine * d.y, cosine * d.z};
    return space_unit(space_along(space_along(turned, sine * c, u), sine * s, v));
}

struct vec space_scatter(struct random *r, struct vec d, double theta)
{
    struct vec u, v;
    across(d, &u, &v);
    double a = theta * random_normal(r), b = theta * random_normal(r);
    return space_unit(space_along(space_along(d, a, u), b, v));
}
