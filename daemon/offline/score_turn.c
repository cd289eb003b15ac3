#include "offline/score_turn.h"

bool score_turn_init(struct score_turn *t, const struct settings *settings,
                     const struct geometry *g, struct error *err)
{
    const struct hot_settings *hot = &settings->imaging.hot;
    *t = (struct score_turn){0};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    if (hot->events == 0 || g->images)
        return true;
    t->hot = hot_wires_create(hot, g, NULL, err);
    return t->hot != NULL;
}

void score_turn_fini(struct score_turn *t)
{
    hot_wires_destroy(&t->hot);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
}

void score_turn_take(struct score_turn *t, uint64_t number)
{
    if (t->hot == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    while (t->next != number)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void score_turn_give(struct score_turn *t)
{
    if (t->hot == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->next++;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
