/* page: the live page, one HTML file (page.html) that the build puts into the program.
 * It loads nothing from anywhere else and asks this server alone: docs/operations.md.
 */
#ifndef SPARSED_SERVICE_PAGE_H
#define SPARSED_SERVICE_PAGE_H

#include <stddef.h>

extern const char page_html[];
extern const size_t page_html_bytes;

#endif
