#include "model/h5_image.h"

#include "base/rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REHEARSAL_SECONDS = 20 };

static void *read_open_file(int fd, const char *path, const char *what, size_t *bytes,
                            struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)error_set(err, ERROR_MODEL, "%s: not a regular file", path);
        return NULL;
    }
    if (st.st_size < 8 || st.st_size > H5_IMAGE_MAX_BYTES) {
        (void)error_set(err, ERROR_MODEL, "%s: %lld bytes, %s has 8 .. %d", path,
                        (long long)st.st_size, what, H5_IMAGE_MAX_BYTES);
        return NULL;
    }
    uint8_t *data = malloc((size_t)st.st_size);
    size_t done = 0;
    while (data != NULL && done < (size_t)st.st_size) {
        ssize_t n = read(fd, data + done, (size_t)st.st_size - done);
        if (n <= 0) {
            if (n < 0 && errno == EINTR) {
                continue;
            }
            break;
        }
        done += (size_t)n;
    }
    if (data == NULL || done < (size_t)st.st_size) {
        (void)error_set(err, data == NULL ? ERROR_SYSTEM : ERROR_MODEL, "%s: cannot be read", path);
        free(data);
        return NULL;
    }
    *bytes = done;
    return data;
}

void *h5_image_read(const char *path, const char *what, size_t *bytes, struct error *err)
{
    /* not to wait for a writer where the path is a pipe */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        (void)error_set(err, ERROR_MODEL, "%s: %s", path, strerror(errno));
        return NULL;
    }
    void *data = read_open_file(fd, path, what, bytes, err);
    (void)close(fd);
    return data;
}

/* HDF5's memory driver, given the bytes; H5LTopen_file_image would do the same,
 * but leaks where the image is not a file. */
hid_t h5_image_open(const void *data, size_t bytes)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file = -1;
    if (list >= 0 && H5Pset_fapl_core(list, 1 << 16, 0) >= 0 &&
        H5Pset_file_image(list, (void *)data, bytes) >= 0) {
        /* HDF5 insists that no file of the image's name exists: this one cannot */
        file = H5Fopen("/dev/null/image", H5F_ACC_RDONLY, list);
    }
    if (list >= 0) {
        (void)H5Pclose(list);
    }
    return file;
}

bool h5_image_rehearse(const char *path, void (*body)(void *arg), void *arg, struct error *err)
{
    int ended_by;
    if (rehearse(body, arg, REHEARSAL_SECONDS, &ended_by)) {
        return true;
    }
    if (ended_by == 0) {
        return error_set(err, ERROR_SYSTEM, "%s: no process to read it in: %s", path,
                         strerror(errno));
    }
    return error_set(err, ERROR_MODEL, "%s: damaged: the HDF5 library fails on it (%s)", path,
                     strsignal(ended_by));
}
