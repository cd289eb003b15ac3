#include "bench/threads.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t *find(struct threads *t, const char *name)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (strcmp(t->row[i].name, name) == 0)
            return &t->row[i].ns;
    }
    if (t->n == THREADS_MAX)
        return NULL;
    (void)snprintf(t->row[t->n].name, sizeof t->row[0].name, "%s", name);
    t->row[t->n].ns = 0;
    return &t->row[t->n++].ns;
}

/* One line of /proc/self/task/ID/`file`, without its end; "" where the thread has gone. */
static void read_line(const char *id, const char *file, char *line, int bytes)
{
    char path[320];
    line[0] = '\0';
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/%s", id, file);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return;
    if (fgets(line, bytes, f) != NULL)
        line[strcspn(line, "\n")] = '\0';
    (void)fclose(f);
}

void threads_look(struct threads *t)
{
    t->n = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return;
    for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
        char name[64], stat[64];
        unsigned long long ns = 0;
        if (d->d_name[0] == '.')
            continue;
        read_line(d->d_name, "comm", name, sizeof name);
        read_line(d->d_name, "schedstat", stat, sizeof stat);
        uint64_t *sum = find(t, name);
        if (sum != NULL && sscanf(stat, "%llu", &ns) == 1)
            *sum += ns;
    }
    (void)closedir(tasks);
}

void threads_since(struct threads *after, const struct threads *before)
{
    for (uint32_t i = 0; i < after->n; i++) {
        for (uint32_t k = 0; k < before->n; k++) {
            if (strcmp(after->row[i].name, before->row[k].name) == 0)
                after->row[i].ns -= before->row[k].ns;
        }
    }
}

uint64_t threads_process_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t threads_page_faults(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (uint64_t)u.ru_minflt;
}
