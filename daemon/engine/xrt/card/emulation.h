/* emulation: what XRT's hardware emulation needs around it: a folder of its own for
 * sockets, settings and a link to the library, and the device process (sparse-device).
 * Facts of XRT 2.13 as Debian 12 has it; a card needs none of this.
 */
#ifndef SPARSED_ENGINE_XRT_CARD_EMULATION_H
#define SPARSED_ENGINE_XRT_CARD_EMULATION_H

#include "base/error.h"

#include <stdbool.h>

/* Sets the environment that XRT reads and starts `command` (by the shell) as the card.
 * Call it before anything of XRT. `ended` is called, in a signal handler, when the device
 * process ends by itself, with its wait status: XRT would spin for ever. */
bool emulation_start(const char *command, void (*ended)(int status), struct error *err);

/* Ends the device process and removes the folder (folder.h). Safe to call at any time. */
void emulation_stop(void);

#endif
