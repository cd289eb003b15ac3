/* status_text: the state of the run, for a shifter's glance.
 *
 *     RUNNING  run 1207  00:14:07  MicroBooNE   ready
 *       events     in 184,220   accepted 412   rejected 183,790   timeout 18   in flight 0
 *       time       live 99.2 %   no_worker 0.8 %
 *       ...
 *       now        pause, stop, reload, model, shadow, prescale, ...
 *
 * What is 0 and would be good at 0 is left out.
 */
#ifndef SPARSED_CLIENTS_CTL_STATUS_TEXT_H
#define SPARSED_CLIENTS_CTL_STATUS_TEXT_H

#include "proto/control.pb-c.h"

#include <stdbool.h>
#include <stdio.h>

/* "running" */
const char *status_text_state(const Sparsed__RunStatus *s);

/* `colour`: the state's, for a terminal. */
void status_text_print(const Sparsed__ControlReply *reply, bool colour, FILE *to);

#endif
