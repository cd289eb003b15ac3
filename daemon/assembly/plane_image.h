/* plane_image: pixels into an event's slot. */
#ifndef SPARSED_ASSEMBLY_PLANE_IMAGE_H
#define SPARSED_ASSEMBLY_PLANE_IMAGE_H

#include "data/event.h"

#include <stdint.h>

/* Lights the pixels of hit[0 .. n). They lie inside the plane. */
void plane_image_add(const struct plane_geometry *pg, struct plane_image *image,
                     const struct hit *hit, uint32_t n);

#endif
