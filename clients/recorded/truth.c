#include "recorded/truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_EVENTS = 1024, MAX_WIDTH = 1024 };

static const char table[] = "event_table/";

/* What a walk over the group's names fills. */
struct names {
    uint32_t n;
    char name[TRUTH_COLUMNS][96];
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *out)
{
    struct names *names = out;
    H5O_info_t object;
    if (info->type != H5L_TYPE_HARD || strncmp(name, "event_id", 8) == 0 ||
        strlen(name) + sizeof table > sizeof names->name[0] || names->n == TRUTH_COLUMNS)
        return 0;
    if (H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) >= 0 &&
        object.type == H5O_TYPE_DATASET)
        snprintf(names->name[names->n++], sizeof names->name[0], "%s", name);
    return 0;
}

/* A column of numbers; what is none (text, images, whole waveforms) is left out. */
static bool add_column(struct truth *t, const char *path, const char *name, struct failure *f)
{
    char full[96 + sizeof table];
    struct failure not_numbers;
    struct truth_column *c = &t->column[t->n_columns];
    snprintf(full, sizeof full, "%s%s", table, name);
    if (!column_open(&c->column, t->file, path, full, &not_numbers))
        return true;
    if (c->column.rank > 2 || c->column.dims[1] > MAX_WIDTH) {
        column_close(&c->column);
        return true;
    }
    t->n_columns++;
    if (!column_check(&c->column, t->events, 0, f))
        return false;
    c->name = c->column.name + sizeof table - 1;
    c->width = (uint32_t)c->column.dims[1];
    c->real = c->column.class == H5T_FLOAT;
    size_t block = (size_t)BLOCK_EVENTS * c->width;
    c->whole_block = c->real ? NULL : calloc(block, sizeof *c->whole_block);
    c->real_block = c->real ? calloc(block, sizeof *c->real_block) : NULL;
    return c->whole_block || c->real_block || failure_set(f, "%s: %s: no memory", path, full);
}

bool truth_open(struct truth *t, const char *path, size_t events, struct failure *f)
{
    struct names *names = calloc(1, sizeof *names);
    *t = (struct truth){.file = column_open_file(path, f), .events = events};
    if (!names || t->file < 0) {
        free(names);
        return t->file >= 0 && failure_set(f, "%s: no memory", path);
    }
    bool good = true;
    if (column_exists(t->file, "event_table")) {
        hsize_t at = 0;
        if (H5Literate_by_name(t->file, "event_table", H5_INDEX_NAME, H5_ITER_INC, &at, add_name,
                               names, H5P_DEFAULT) < 0)
            good = failure_set(f, "%s: event_table cannot be read", path);
    }
    for (uint32_t i = 0; good && i < names->n; i++)
        good = add_column(t, path, names->name[i], f);
    free(names);
    return good;
}

void truth_close(struct truth *t)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        column_close(&t->column[i].column);
        free(t->column[i].whole_block);
        free(t->column[i].real_block);
    }
    if (t->file > 0)
        H5Fclose(t->file);
    *t = (struct truth){0};
}

int truth_find(const struct truth *t, const char *name, uint32_t width)
{
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i].name, name) == 0 && t->column[i].width >= width)
            return (int)i;
    return -1;
}

bool truth_load(struct truth *t, size_t index, struct failure *f)
{
    if (index >= t->block_first && index < t->block_first + t->block_count)
        return true;
    size_t first = index - index % BLOCK_EVENTS, rest = t->events - first;
    size_t count = rest < BLOCK_EVENTS ? rest : BLOCK_EVENTS;
    for (uint32_t i = 0; i < t->n_columns; i++) {
        struct truth_column *c = &t->column[i];
        if (!column_read(&c->column, first, count, 0,
                         c->real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64,
                         c->real ? (void *)c->real_block : (void *)c->whole_block, f))
            return false;
    }
    t->block_first = first;
    t->block_count = count;
    return true;
}

int64_t truth_whole(const struct truth *t, int c, size_t index, uint32_t k)
{
    const struct truth_column *column = &t->column[c];
    return column->whole_block[(index - t->block_first) * column->width + k];
}

double truth_number(const struct truth *t, int c, size_t index, uint32_t k)
{
    const struct truth_column *column = &t->column[c];
    return column->real ? column->real_block[(index - t->block_first) * column->width + k]
                        : (double)truth_whole(t, c, index, k);
}

/* Rows of one column, block by block. */
static bool copy_rows(const struct truth_column *c, hid_t to, hid_t type, void *block, size_t first,
                      size_t count, struct failure *f)
{
    for (size_t done = 0; done < count; done += BLOCK_EVENTS) {
        hsize_t rows = count - done < BLOCK_EVENTS ? count - done : BLOCK_EVENTS;
        hsize_t start[2] = {done, 0}, size[2] = {rows, c->width};
        if (!column_read(&c->column, first + done, rows, 0, type, block, f))
            return false;
        hid_t in_file = H5Dget_space(to), in_memory = H5Screate_simple(2, size, NULL);
        bool good = H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, size, NULL) >= 0 &&
                    H5Dwrite(to, type, in_memory, in_file, H5P_DEFAULT, block) >= 0;
        H5Sclose(in_file);
        H5Sclose(in_memory);
        if (!good)
            return failure_set(f, "%s cannot be written", c->column.name);
    }
    return true;
}

static bool copy_column(const struct truth_column *c, hid_t group, size_t first, size_t count,
                        struct failure *f)
{
    hsize_t size[2] = {count, c->width};
    hid_t stored = H5Dget_type(c->column.id), type = H5Tget_native_type(stored, H5T_DIR_DEFAULT);
    hid_t space = H5Screate_simple(2, size, NULL);
    hid_t to = H5Dcreate2(group, c->name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    void *block = malloc(H5Tget_size(type) * BLOCK_EVENTS * c->width);
    bool good = to >= 0 && block ? copy_rows(c, to, type, block, first, count, f)
                                 : failure_set(f, "%s cannot be written", c->column.name);
    free(block);
    if (to >= 0)
        H5Dclose(to);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(stored);
    return good;
}

bool truth_copy(struct truth *t, hid_t group, size_t first, size_t count, struct failure *f)
{
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (!copy_column(&t->column[i], group, first, count, f))
            return false;
    return true;
}
