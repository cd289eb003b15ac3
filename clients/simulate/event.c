#include "simulate/event.h"

void event_make(struct tracker *t, uint64_t seed, uint64_t number, struct neutrino *nu)
{
    tracker_begin(t, seed, number);
    *nu = (struct neutrino){0};
    if (random_uniform(&t->random) < t->physics->c.neutrino_fraction)
        event_neutrino(t, nu);
    event_cosmics(t);
}
