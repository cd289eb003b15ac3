/* heap: how the C library keeps memory that was freed.
 *
 * libzmq takes memory for each message and another thread frees it. By default the
 * library then gives it back to the system, and takes it again for the next message,
 * page by page: each new page is a fault and is filled with zeros first. With
 * messages of half a megabyte that cost a seventh of the throughput (sparse-bench
 * pipeline, docs/benchmarks.md). So freed memory stays with the process: at most
 * HEAP_KEEP_BYTES at the end of each of the library's heaps, which is as much as was
 * in flight at once, and no more.
 *
 * For the whole process: called once, before there are threads.
 */
#ifndef SPARSED_BASE_HEAP_H
#define SPARSED_BASE_HEAP_H

enum {
    HEAP_KEEP_BYTES = 256 << 20,
    HEAP_WHOLE_BYTES = 32 << 20, /* above this a block is the system's own; the largest there is */
};

void heap_keep_freed(void);

#endif
