#include "output/run_info.h"

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
