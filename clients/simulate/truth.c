#include "simulate/truth.h"

#include "base/hdf5_put.h"
#include "simulate/wires.h"

#include <math.h>
#include <string.h>

const struct record_column truth_event_columns[] = {
    RECORD_COLUMN(truth_event, event_id, I32, 3),
    RECORD_COLUMN(truth_event, is_cc, I32, 1),
    RECORD_COLUMN(truth_event, nu_pdg, I32, 1),
    RECORD_COLUMN(truth_event, nu_energy, F32, 1),
    RECORD_COLUMN(truth_event, lep_energy, F32, 1),
    RECORD_COLUMN(truth_event, nu_dir, F32, 3),
    RECORD_COLUMN(truth_event, nu_vtx, F32, 3),
    RECORD_COLUMN(truth_event, nu_vtx_corr, F32, 3),
    RECORD_COLUMN(truth_event, nu_vtx_wire_pos, I32, 3),
    RECORD_COLUMN(truth_event, nu_vtx_wire_time, F32, 1),
    RECORD_COLUMN(truth_event, label_bins, I32, 3),
    RECORD_COLUMN(truth_event, event_time_ns, U64, 1),
    {0}};

static void put(float *out, struct vec v)
{
    out[0] = (float)v.x;
    out[1] = (float)v.y;
    out[2] = (float)v.z;
}

void truth_event_fill(struct truth_event *row, const struct numbering *n, uint64_t number,
                      const struct physics *p, const struct neutrino *nu)
{
    row->event_id[0] = n->run;
    row->event_id[1] = n->subrun;
    row->event_id[2] = n->first_event + (int32_t)number;
    double spacing_ns = 1e9 / n->event_rate_hz;
    row->event_time_ns = n->first_time_ns + (uint64_t)floor((double)number * spacing_ns + 0.5);
    row->nu_pdg = nu->pdg;
    for (int i = 0; i < 3; i++)
        row->nu_vtx_wire_pos[i] = -1;
    if (nu->pdg == 0)
        return;
    row->is_cc = nu->charged_current;
    row->nu_energy = (float)(nu->mev / 1000);
    row->lep_energy = (float)(nu->lepton_mev / 1000);
    put(row->nu_dir, nu->direction);
    put(row->nu_vtx, nu->vertex);
    put(row->nu_vtx_corr, nu->vertex); /* no space charge is simulated */
    charge_wires(&p->charge, nu->vertex, row->nu_vtx_wire_pos);
    row->nu_vtx_wire_time = (float)charge_tick(&p->c, nu->vertex.x, 0);
}

/* Of variable length, which h5py gives as str. */
static bool put_text(hid_t group, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    bool good = hdf5_put_number(group, name, type, &text);
    (void)H5Tclose(type);
    return good;
}

bool truth_write_detector(hid_t file, const struct constants *c, uint64_t seed, const char *command)
{
    hid_t group = H5Gcreate2(file, "detector", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0)
        return false;
    int32_t wires[3] = {(int32_t)c->wires_u, (int32_t)c->wires_v, (int32_t)c->wires_y};
    double scale = 1.0 / WIRES_COUNTS_PER_UNIT;
    bool good = hdf5_put_numbers(group, "plane_wires", H5T_NATIVE_INT32, wires, 3) &&
                hdf5_put_number(group, "scale", H5T_NATIVE_DOUBLE, &scale) &&
                hdf5_put_number(group, "seed", H5T_NATIVE_UINT64, &seed) &&
                put_text(group, "version", "sparse-simulate " SPARSED_VERSION) &&
                put_text(group, "command", command);
    for (uint32_t i = 0; good && i < CONSTANTS_COUNT; i++) {
        double value = constants_value(c, i);
        int32_t ticks = (int32_t)value;
        const char *name = constants_table[i].name;
        good = strcmp(name, "ticks") == 0 ? hdf5_put_number(group, name, H5T_NATIVE_INT32, &ticks)
                                          : hdf5_put_number(group, name, H5T_NATIVE_DOUBLE, &value);
    }
    return H5Gclose(group) >= 0 && good;
}

bool truth_write_preprocessing(hid_t file, const struct preprocessing *p)
{
    const struct {
        const char *name;
        const uint32_t *integer;
        const double *number;
    } row[] = {
        {"time_rebin", &p->time_rebin, NULL},     {"bin_floor", NULL, &p->bin_floor},
        {"bin_clip", NULL, &p->bin_clip},         {"window_time_bins", &p->window_time_bins, NULL},
        {"window_wires", &p->window_wires, NULL}, {"pool_time", &p->pool_time, NULL},
        {"pool_wires", &p->pool_wires, NULL},     {"pixel_threshold", NULL, &p->pixel_threshold},
        {"image_height", &p->image_height, NULL}, {"image_width", &p->image_width, NULL},
        {"pixel_scale", NULL, &p->pixel_scale}};
    hid_t group = H5Gcreate2(file, "preprocessing", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0)
        return false;
    bool good = true;
    for (size_t i = 0; good && i < sizeof row / sizeof *row; i++)
        good = row[i].integer
                   ? hdf5_put_number(group, row[i].name, H5T_NATIVE_UINT32, row[i].integer)
                   : hdf5_put_number(group, row[i].name, H5T_NATIVE_DOUBLE, row[i].number);
    return H5Gclose(group) >= 0 && good;
}
