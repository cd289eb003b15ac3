/* hash: a 64-bit mix for reproducible choices, and SHA-256 for identities. */
#ifndef SPARSED_BASE_HASH_H
#define SPARSED_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_HEX_BYTES = 2 * SHA256_BYTES + 1 };

/* splitmix64's finaliser (Steele, Lea, Flood 2014): every bit of `x` reaches
 * every bit of the result. Folded: hash_mix(hash_mix(seed ^ a) ^ b) ... */
static inline uint64_t hash_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* SHA-256 of a buffer (false: no memory, and the digest is all 0); of a whole file (false: cannot
 * be read, errno says why). */
bool hash_sha256(const void *data, size_t bytes, uint8_t digest[SHA256_BYTES]);
bool hash_sha256_file(const char *path, uint8_t digest[SHA256_BYTES]);

/* Lower-case hexadecimal, zero-terminated. */
void hash_hex(const uint8_t digest[SHA256_BYTES], char text[SHA256_HEX_BYTES]);

#endif
