/* sparse-simulate: readouts of a simulated liquid-argon TPC.
 *
 *     event     neutrino, cosmic muons        what happened
 *     tracker   tracks and showers            energy in the argon
 *     charge    recombination .. diffusion    charge at the wires
 *     wires     pulses, regions, noise        samples
 *     pixels    the daemon's reduction        active pixels
 *     readout   blocks of whole wires         what a detector sends
 *
 * An event follows from the seed and its number alone; workers (crew) make events
 * in any order, and they are written in order. */
#include "simulate/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    if (stop >= 1)
        _exit(1);
    stop = stop + 1;
}

int main(int argc, char **argv)
{
    struct options o;
    struct error err = {0};
    struct sigaction action = {.sa_handler = on_signal};
    options_parse(&o, argc, argv);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct physics *physics = calloc(1, sizeof *physics);
    const struct run run = {&o, physics, &stop};
    const struct run_output *output = o.to        ? &source_output
                                      : o.windows ? &windows_output
                                                  : &samples_output;
    uint64_t made = 0;
    bool good = physics != NULL || error_set(&err, ERROR_SYSTEM, "no memory");
    good =
        good && physics_init(physics, &o.constants, &err) && run_events(&run, output, &made, &err);
    free(physics);
    if (!good) {
        fprintf(stderr, "sparse-simulate: %s\n", err.text);
        return error_exit_status(&err);
    }
    if (made < o.events)
        fprintf(stderr, "sparse-simulate: stopped after %" PRIu64 " of %" PRIu64 " events\n", made,
                o.events);
    return made < o.events ? 1 : 0;
}
