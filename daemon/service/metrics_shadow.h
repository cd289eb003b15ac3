/* metrics_shadow: what a candidate would have done (engine/shadow.h), where there is one. */
#ifndef SPARSED_SERVICE_METRICS_SHADOW_H
#define SPARSED_SERVICE_METRICS_SHADOW_H

#include "service/metrics_table.h"

void metrics_shadow_events(struct sink *s);
void metrics_shadow_skipped(struct sink *s);
void metrics_shadow_windows(struct sink *s);

#endif
