/* preload: what a test puts between sparsed and the system, with LD_PRELOAD, where the real
 * thing would hurt the machine: a wall clock that steps, a disk that is slow. Told by a file
 * of two int64 in the machine's order, SPARSED_TEST_PRELOAD:
 *
 *     [0]  ns to add to CLOCK_REALTIME
 *     [1]  ns that each write to a regular file takes
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *t);

static const volatile int64_t *orders;

static int (*real_clock)(clockid_t, struct timespec *);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);

/* Other libraries' constructors may call before ours ran. */
static void find(void)
{
    if (real_write != NULL)
        return;
    real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
}

__attribute__((constructor)) static void begin(void)
{
    find();
    const char *path = getenv("SPARSED_TEST_PRELOAD");
    int fd = path == NULL ? -1 : open(path, O_RDONLY);
    if (fd < 0)
        return;
    void *p = mmap(NULL, 2 * sizeof *orders, PROT_READ, MAP_SHARED, fd, 0);
    orders = p == MAP_FAILED ? NULL : p;
    (void)close(fd);
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    find();
    int result = real_clock(which, t);
    if (result == 0 && which == CLOCK_REALTIME && orders != NULL) {
        int64_t ns = t->tv_sec * INT64_C(1000000000) + t->tv_nsec + orders[0];
        t->tv_sec = (time_t)(ns / 1000000000);
        t->tv_nsec = (long)(ns % 1000000000);
    }
    return result;
}

static void take_time(int fd)
{
    struct stat what;
    if (orders == NULL || orders[1] == 0 || fstat(fd, &what) != 0 || !S_ISREG(what.st_mode))
        return;
    struct timespec t = {.tv_sec = (time_t)(orders[1] / 1000000000),
                         .tv_nsec = (long)(orders[1] % 1000000000)};
    (void)nanosleep(&t, NULL);
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at);
ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t at)
{
    find();
    take_time(fd);
    return real_pwrite(fd, from, bytes, at);
}

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at)
{
    return pwrite64(fd, from, bytes, at);
}

ssize_t write(int fd, const void *from, size_t bytes)
{
    find();
    take_time(fd);
    return real_write(fd, from, bytes);
}
