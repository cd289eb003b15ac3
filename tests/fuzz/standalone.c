/* Replays files through a fuzz target, for builds without libFuzzer:
 *     fuzz_NAME DIRECTORY...
 * Ends with 1 if there was no file: a corpus that went missing is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20 };

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *all = malloc(MAX_BYTES);
    size_t n = all ? fread(all, 1, MAX_BYTES, file) : 0;
    (void)fclose(file);
    uint8_t *data = realloc(all, n ? n : 1); /* exact: a read past the end is seen */
    if (data)
        (void)LLVMFuzzerTestOneInput(data, n);
    free(data);
    return data ? 0 : -1;
}

int main(int argc, char **argv)
{
    unsigned replayed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        if (!directory) {
            perror(argv[i]);
            return 1;
        }
        for (const struct dirent *e; (e = readdir(directory));) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (replay(path) != 0)
                return 1;
            replayed++;
        }
        (void)closedir(directory);
    }
    (void)printf("%u inputs replayed\n", replayed);
    return replayed ? 0 : 1;
}
