#include "base/clock.h"

const struct clock_source *clock_replacement;
