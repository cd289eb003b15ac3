#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool hash_sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES])
{
    if (EVP_Digest(data, bytes, digest, NULL, EVP_sha256(), NULL) == 1)
        return true;
    memset(digest, 0, SHA256_BYTES);
    return false;
}

bool hash_sha256_file(const char *path, uint8_t digest[SHA256_BYTES])
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    char block[16384];
    size_t got;
    while (ok && (got = fread(block, 1, sizeof block, f)) > 0) {
        ok = EVP_DigestUpdate(context, block, got) == 1;
    }
    ok = ok && !ferror(f) && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    int kept = errno;
    EVP_MD_CTX_free(context);
    (void)fclose(f);
    errno = kept;
    return ok;
}

void hash_hex(const uint8_t digest[SHA256_BYTES], char text[SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * SHA256_BYTES] = '\0';
}
