#include "memory.h"

#include <stdlib.h>

bool memory_alloc(struct memory *m, uint64_t address, uint64_t bytes, uint64_t limit_bytes)
{
    uint64_t total = bytes;
    if (m->n == MEMORY_BUFFERS || bytes == 0 || address + bytes < address)
        return false;
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t begin = m->buffer[i].address, end = begin + m->buffer[i].bytes;
        if (address < end && begin < address + bytes)
            return false;
        total += m->buffer[i].bytes;
    }
    uint8_t *data = total <= limit_bytes ? calloc(1, bytes) : NULL;
    if (data == NULL)
        return false;
    m->buffer[m->n].address = address;
    m->buffer[m->n].bytes = bytes;
    m->buffer[m->n++].data = data;
    return true;
}

void memory_free(struct memory *m, uint64_t address)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->buffer[i].address == address) {
            free(m->buffer[i].data);
            m->buffer[i] = m->buffer[--m->n];
            return;
        }
    }
}

void memory_fini(struct memory *m)
{
    while (m->n > 0)
        free(m->buffer[--m->n].data);
}

uint8_t *memory_at(struct memory *m, uint64_t address, uint64_t bytes)
{
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t offset = address - m->buffer[i].address;
        if (address >= m->buffer[i].address && offset <= m->buffer[i].bytes &&
            bytes <= m->buffer[i].bytes - offset)
            return m->buffer[i].data + offset;
    }
    return NULL;
}
