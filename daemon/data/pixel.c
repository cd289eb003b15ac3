/* Edge values are sorted by (column, row, wire) with a heap sort: in place, since
 * qsort may allocate, and n log n whatever a readout sends. Then one walk adds up
 * what belongs to one pixel, wires ascending. */
#include "data/pixel.h"

static uint64_t sort_key(const struct edge_value *e, uint32_t pool_wires)
{
    return ((uint64_t)(e->wire / pool_wires) << 32) | ((uint64_t)e->row << 16) | e->wire;
}

static void sift_down(struct edge_value *edge, uint32_t root, uint32_t n, uint32_t pool_wires)
{
    struct edge_value moved = edge[root];
    uint64_t key = sort_key(&moved, pool_wires);
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= n)
            break;
        uint64_t child_key = sort_key(&edge[child], pool_wires);
        if (child + 1 < n) {
            uint64_t other = sort_key(&edge[child + 1], pool_wires);
            if (other > child_key) {
                child++;
                child_key = other;
            }
        }
        if (child_key <= key)
            break;
        edge[root] = edge[child];
        root = child;
    }
    edge[root] = moved;
}

static void sort_edges(struct edge_value *edge, uint32_t n, uint32_t pool_wires)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(edge, i, n, pool_wires);
    for (uint32_t end = n; end-- > 1;) {
        struct edge_value largest = edge[0];
        edge[0] = edge[end];
        edge[end] = largest;
        sift_down(edge, 0, end, pool_wires);
    }
}

/* Sum of edge[0 .. n) of one pixel; false: no hit. */
static bool sum_pixel(const struct plane_geometry *p, enum sample_type type,
                      const struct edge_value *edge, uint32_t n, float *value)
{
    if (type == SAMPLE_INT16) {
        int64_t counts = 0; /* 64 bits: a value that is there twice must not overflow */
        for (uint32_t i = 0; i < n; i++)
            counts += edge[i].sum.i;
        if (counts > INT32_MAX)
            counts = INT32_MAX;
        if (counts < INT32_MIN)
            counts = INT32_MIN;
        return pixel_from_counts(p, (int32_t)counts, value);
    }
    float units = edge[0].sum.f;
    for (uint32_t i = 1; i < n; i++)
        units += edge[i].sum.f;
    return pixel_from_units(p, units, value);
}

uint32_t pixel_from_edges(const struct plane_geometry *p, enum sample_type type,
                          struct edge_value *edge, uint32_t n, struct hit *hit, uint32_t capacity)
{
    uint32_t pool_wires = p->pre.pool_wires, n_hits = 0;
    if (pool_wires == 0 || (type != SAMPLE_INT16 && type != SAMPLE_FLOAT32))
        return 0;
    sort_edges(edge, n, pool_wires);
    for (uint32_t i = 0, next; i < n && n_hits < capacity; i = next) {
        uint32_t col = edge[i].wire / pool_wires;
        uint16_t row = edge[i].row;
        next = i + 1;
        while (next < n && edge[next].row == row && edge[next].wire / pool_wires == col)
            next++;
        float value;
        if (sum_pixel(p, type, &edge[i], next - i, &value)) {
            struct hit *h = &hit[n_hits++];
            h->row = row;
            h->col = (uint16_t)col;
            h->value.f = value;
        }
    }
    return n_hits;
}
