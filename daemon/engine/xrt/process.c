/* The memory and both eventfds are made anew for each start, given to the child at fixed
 * numbers, and let go of when its end is asked for. */
#include "engine/xrt/process.h"

#include "engine/xrt/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ABOVE = 16 }; /* no descriptor of ours is among those that the child is given */

/* A copy of `fd` out of the way of the child's numbers; -1: no descriptor left. */
static int out_of_the_way(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
}

static bool make_memory(struct process *p, const struct process_settings *s, int *memory_fd)
{
    p->bytes = shared_bytes(&s->layout);
    int fd = memfd_create("sparsed-xrt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    *memory_fd = fd >= 0 ? out_of_the_way(fd) : -1;
    if (fd >= 0)
        (void)close(fd);
    /* Sealed: reading what the process has cut off would end the daemon. */
    if (*memory_fd < 0 || ftruncate(*memory_fd, (off_t)p->bytes) != 0 ||
        fcntl(*memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return false;
    void *map = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *memory_fd, 0);
    if (map == MAP_FAILED)
        return false;
    p->shared = map;
    p->shared->version = SHARED_VERSION;
    p->shared->layout = s->layout;
    if (s->layout.image_bytes > 0)
        memcpy(shared_image(p->shared, &s->layout), s->image, s->layout.image_bytes);
    return true;
}

static int spawn(struct process *p, const struct process_settings *s, int memory_fd, int done_fd)
{
    char device[16], parent[16];
    (void)snprintf(device, sizeof device, "%" PRIu32, s->device);
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    char *argv[] = {(char *)(uintptr_t)s->program,
                    (char *)(uintptr_t)s->xclbin,
                    (char *)(uintptr_t)s->kernel,
                    device,
                    (char *)(uintptr_t)s->device_command,
                    parent,
                    NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_adddup2(&actions, memory_fd, SHARED_FD_MEMORY);
    (void)posix_spawn_file_actions_adddup2(&actions, p->work_fd, SHARED_FD_WORK);
    (void)posix_spawn_file_actions_adddup2(&actions, done_fd, SHARED_FD_DONE);
    /* HDF5 opens files that survive an exec; a card has no business with them. */
    (void)posix_spawn_file_actions_addclosefrom_np(&actions, SHARED_FD_DONE + 1);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    int why = posix_spawn(&p->pid, s->program, &actions, &attributes, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return why;
}

static void let_go(struct process *p)
{
    if (p->shared != NULL)
        (void)munmap(p->shared, p->bytes);
    if (p->work_fd >= 0)
        (void)close(p->work_fd);
    p->shared = NULL;
    p->work_fd = -1;
}

bool process_start(struct process *p, const struct process_settings *s, struct error *err)
{
    *p = (struct process){.work_fd = -1};
    int memory_fd = -1, done_fd = out_of_the_way(s->done_fd);
    int work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->work_fd = work_fd >= 0 ? out_of_the_way(work_fd) : -1;
    bool good = done_fd >= 0 && p->work_fd >= 0 && make_memory(p, s, &memory_fd);
    if (!good) {
        (void)error_set(err, ERROR_SYSTEM, "no memory or descriptor for %s: %s", s->program,
                        strerror(errno));
    } else {
        int why = spawn(p, s, memory_fd, done_fd);
        good = why == 0 ||
               error_set(err, ERROR_SYSTEM, "%s: cannot be started: %s", s->program, strerror(why));
    }
    if (!good) {
        p->pid = 0;
        let_go(p);
    }
    const int mine[] = {work_fd, memory_fd, done_fd};
    for (size_t i = 0; i < sizeof mine / sizeof mine[0]; i++) {
        if (mine[i] >= 0)
            (void)close(mine[i]);
    }
    return good;
}

void process_tell(const struct process *p)
{
    uint64_t one = 1;
    (void)!write(p->work_fd, &one, sizeof one);
}

void process_kill(struct process *p)
{
    if (p->pid > 0)
        (void)kill(p->pid, SIGKILL);
    let_go(p);
}

bool process_gone(struct process *p)
{
    if (p->pid == 0)
        return true;
    if (waitpid(p->pid, NULL, WNOHANG) == 0)
        return false;
    folder_remove(p->pid);
    p->pid = 0;
    return true;
}
