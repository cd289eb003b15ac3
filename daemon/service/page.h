/* page: the live page. The build makes one HTML file of page/ and puts it into the
 * program; it loads nothing from anywhere else and asks this server alone.
 */
#ifndef SPARSED_SERVICE_PAGE_H
#define SPARSED_SERVICE_PAGE_H

#include <stddef.h>

extern const char page_html[];
extern const size_t page_html_bytes;

#endif
