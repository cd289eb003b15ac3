/* emulation: what XRT's hardware emulation needs around it: a folder of its own for
 * sockets, settings and a link to the library, and the device process (sparse-device).
 * Facts of XRT 2.13 as Debian 12 has it; a card needs none of this.
 */
#ifndef SPARSED_ENGINE_XRT_CARD_EMULATION_H
#define SPARSED_ENGINE_XRT_CARD_EMULATION_H

#include "base/error.h"

#include <stdbool.h>

/* Sets the environment that XRT reads and starts `command` (by the shell) as the card.
 * Call it before anything of XRT. */
bool emulation_start(const char *command, struct error *err);

/* Ends the device process. Safe to call at any time. The folder (shared_folder) is removed
 * by sparsed, which is there also when this process was killed. */
void emulation_stop(void);

#endif
