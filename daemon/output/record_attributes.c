#include "output/record_attributes.h"

#include "base/hash.h"
#include "base/hdf5_put.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1 };

bool record_attributes_run(hid_t file, const struct run_info *info)
{
    const struct trigger_settings *t = &info->settings->trigger;
    char names[SETTINGS_MAX_MODELS][MODEL_NAME_BYTES] = {{0}};
    char hashes[SETTINGS_MAX_MODELS][SHA256_HEX_BYTES] = {{0}};
    char rules[SETTINGS_MAX_RULES][SETTINGS_NAME_BYTES] = {{0}};
    char hash[SHA256_HEX_BYTES], calibration[SHA256_HEX_BYTES] = "";
    int32_t version = FORMAT_VERSION;
    for (uint32_t i = 0; i < info->models->n_models; i++) {
        memcpy(names[i], info->models->entry[i].model->name, MODEL_NAME_BYTES);
        hash_hex(info->models->entry[i].model->sha256, hashes[i]);
    }
    for (uint32_t i = 0; i < t->n_rules; i++) {
        memcpy(rules[i], t->rule[i].name, SETTINGS_NAME_BYTES);
    }
    hash_hex(info->settings->sha256, hash);
    if (info->geometry->calibrated) {
        hash_hex(info->geometry->calibration_sha256, calibration);
    }
    return hdf5_put_text(file, "format", "sparsed-record") &&
           hdf5_put_numbers(file, "format_version", H5T_NATIVE_INT32, &version, 1) &&
           hdf5_put_text(file, "version", SPARSED_VERSION) &&
           hdf5_put_text(file, "detector", info->settings->detector.name) &&
           hdf5_put_text(file, "engine", info->engine) &&
           hdf5_put_text(file, "configuration_sha256", hash) &&
           hdf5_put_text(file, "calibration_sha256", calibration) &&
           hdf5_put_texts(file, "models", names[0], info->models->n_models, sizeof names[0]) &&
           hdf5_put_texts(file, "models_sha256", hashes[0], info->models->n_models,
                          sizeof hashes[0]) &&
           hdf5_put_texts(file, "rules", rules[0], t->n_rules, sizeof rules[0]);
}

static bool put_count(hid_t at, const char *name, uint64_t value)
{
    return hdf5_put_numbers(at, name, H5T_NATIVE_UINT64, &value, 1);
}

/* A text that may be longer than an attribute can be. */
static bool put_long_text(hid_t at, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, strlen(text) + 1);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return good;
}

bool record_attributes_begin(hid_t file, const struct run_record *run, const struct run_info *info)
{
    hid_t group = H5Gcreate2(file, "run", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const char *configuration = info->configuration != NULL ? info->configuration : "";
    bool good = group >= 0 && put_count(group, "number", run->number) &&
                hdf5_put_text(group, "comment", run->comment) &&
                put_count(group, "begin_time_ns", run->begin_wall_ns) &&
                put_long_text(group, "configuration", configuration);
    (void)H5Gclose(group);
    return good;
}

static bool put_counts(hid_t at, const char *before, const char *after,
                       const struct run_count *count, uint32_t n)
{
    bool good = true;
    for (uint32_t i = 0; good && i < n; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s_%s%s", before, count[i].name, after);
        good = put_count(at, name, count[i].value);
    }
    return good;
}

bool record_attributes_end(hid_t file, const struct run_record *run)
{
    const struct run_tally *t = &run->tally;
    struct run_count list[RUN_COUNTS];
    hid_t group = H5Gcreate2(file, "end_of_run", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool complete = run_tally_unfinished(t, list) == 0;
    bool good = group >= 0 && put_count(group, "number", run->number) &&
                hdf5_put_text(group, "ended_by", run->ended_by) &&
                put_count(group, "begin_time_ns", run->begin_wall_ns) &&
                put_count(group, "end_time_ns", run->end_wall_ns) &&
                put_count(group, "length_ns", t->length_ns) &&
                put_count(group, "complete", complete ? 1 : 0) &&
                put_counts(group, "time", "_ns", list, run_tally_times(t, list)) &&
                put_counts(group, "events", "", list, run_tally_events(t, list)) &&
                put_counts(group, "fragments", "", list, run_tally_fragments(t, list)) &&
                put_counts(group, "output", "", list, run_tally_output(t, list));
    (void)H5Gclose(group);
    return good;
}

bool record_attributes_samples(hid_t file, const struct run_info *info, bool counts)
{
    const struct detector_settings *d = &info->settings->detector;
    int32_t id[SETTINGS_MAX_PLANES];
    double pedestal[SETTINGS_MAX_PLANES], scale[SETTINGS_MAX_PLANES];
    for (uint32_t i = 0; i < d->n_planes; i++) {
        id[i] = (int32_t)d->plane[i].id;
        pedestal[i] = d->plane[i].pedestal;
        scale[i] = d->plane[i].scale;
    }
    hid_t group = H5Gopen2(file, "wire_table", H5P_DEFAULT);
    bool good = group >= 0 && hdf5_put_numbers(group, "plane", H5T_NATIVE_INT32, id, d->n_planes);
    if (good && counts) {
        good = hdf5_put_numbers(group, "pedestal", H5T_NATIVE_DOUBLE, pedestal, d->n_planes) &&
               hdf5_put_numbers(group, "scale", H5T_NATIVE_DOUBLE, scale, d->n_planes);
    }
    (void)H5Gclose(group);
    return good;
}
