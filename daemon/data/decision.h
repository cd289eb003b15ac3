/* decision: what the trigger made of an event's scores. */
#ifndef SPARSED_DATA_DECISION_H
#define SPARSED_DATA_DECISION_H

#include "data/fate.h"

#include <stdbool.h>
#include <stdint.h>

struct decision {
    enum event_fate fate;     /* ACCEPTED, REJECTED, PRESCALED or THROTTLED; FORWARDED */
    uint32_t rules_fired;     /* bit i: rule i fired and passed its prescale */
    uint32_t rules_prescaled; /* bit i: rule i fired and was prescaled away */
    bool pass_through;        /* chosen by trigger.pass_through */
};

#endif
