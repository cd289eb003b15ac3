/* secret: a file that nobody but this program may read.
 *
 *     owner           mode at most    why
 *     the program's   600
 *     root            640             the program's group reads it: as a service manager or
 *                                     Kubernetes mounts it for a program that is not root
 */
#ifndef SPARSED_BASE_SECRET_H
#define SPARSED_BASE_SECRET_H

#include "base/error.h"

#include <stdio.h>

/* Opens `path` for reading; the caller closes it. NULL: `err` (CONFIG) names `setting` and path:
 * not there, or others may read it. */
FILE *secret_open(const char *path, const char *setting, struct error *err);

#endif
