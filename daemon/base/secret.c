#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rule of the table in the header. The descriptor is asked, not the path: it is read. */
static bool is_ours_alone(const struct stat *about)
{
    mode_t others = S_IRWXO | S_IRWXG;
    if (about->st_uid == 0 && geteuid() != 0)
        others &= ~(mode_t)S_IRGRP;
    return (about->st_mode & others) == 0;
}

FILE *secret_open(const char *path, const char *setting, struct error *err)
{
    struct stat about;
    FILE *from = fopen(path, "re");
    if (from == NULL || fstat(fileno(from), &about) != 0) {
        (void)error_set(err, ERROR_CONFIG, "%s = \"%s\": %s", setting, path, strerror(errno));
    } else if (S_ISDIR(about.st_mode)) {
        (void)error_set(err, ERROR_CONFIG, "%s = \"%s\": is a folder", setting, path);
    } else if (!is_ours_alone(&about)) {
        (void)error_set(err, ERROR_CONFIG,
                        "%s = \"%s\": others than its owner may use it (mode %03o): chmod 600",
                        setting, path, (unsigned)about.st_mode & 0777U);
    } else {
        return from;
    }
    if (from != NULL)
        (void)fclose(from);
    return NULL;
}
