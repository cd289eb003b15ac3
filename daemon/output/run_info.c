#include "output/run_info.h"

#include "base/hash.h"
#include "data/recipe.h"

#include <string.h>

void run_info_board_init(struct run_info_board *b, const struct run_info *first)
{
    (void)pthread_rwlock_init(&b->lock, NULL);
    b->info = first;
}

void run_info_board_fini(struct run_info_board *b)
{
    (void)pthread_rwlock_destroy(&b->lock);
    b->info = NULL;
}

const struct run_info *run_info_borrow(struct run_info_board *b)
{
    (void)pthread_rwlock_rdlock(&b->lock);
    return b->info;
}

void run_info_return(struct run_info_board *b)
{
    (void)pthread_rwlock_unlock(&b->lock);
}

void run_info_show(struct run_info_board *b, const struct run_info *info)
{
    (void)pthread_rwlock_wrlock(&b->lock);
    b->info = info;
    (void)pthread_rwlock_unlock(&b->lock);
}

static uint64_t mix_text(uint64_t h, const char *text)
{
    for (; *text != '\0'; text++)
        h = hash_mix(h ^ (unsigned char)*text);
    return hash_mix(h);
}

static uint64_t mix_real(uint64_t h, double x)
{
    uint64_t bits;
    _Static_assert(sizeof bits == sizeof x, "a double has 64 bits");
    memcpy(&bits, &x, sizeof bits);
    return hash_mix(h ^ bits);
}

static uint64_t mix_planes(uint64_t h, const struct settings_planes *planes)
{
    for (uint32_t i = 0; i < planes->count; i++)
        h = hash_mix(h ^ planes->id[i]);
    return hash_mix(h ^ planes->count);
}

/* The first of two tiers decides nothing: only what its pixels are made with counts. */
static uint64_t recipe_identity(const struct run_info *info)
{
    uint8_t recipe[SHA256_BYTES] = {0};
    uint64_t h = hash_mix(STAGES_IMAGING);
    (void)recipe_sha256(info->geometry, recipe, NULL);
    for (size_t k = 0; k < SHA256_BYTES; k++)
        h = hash_mix(h ^ recipe[k]);
    return h;
}

uint64_t run_info_identity(const struct run_info *info)
{
    if (info->settings->service.stages == STAGES_IMAGING)
        return recipe_identity(info);
    const struct trigger_settings *t = &info->settings->trigger;
    uint64_t h = hash_mix(t->seed);
    for (uint32_t i = 0; i < info->models->n_models; i++) {
        for (size_t k = 0; k < SHA256_BYTES; k++)
            h = hash_mix(h ^ info->models->entry[i].model->sha256[k]);
        h = mix_planes(h, &info->settings->engine.model[i].planes);
    }
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct rule_settings *r = &t->rule[i];
        h = mix_text(mix_text(h, r->name), r->label);
        h = mix_real(hash_mix(h ^ r->min_windows), r->threshold);
        h = mix_planes(hash_mix(h ^ r->prescale), &r->planes);
    }
    return hash_mix(h ^ t->pass_through);
}
