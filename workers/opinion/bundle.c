/*
 * Bundle files.
 *
 *   0  magic "LJOPIN\r\n"      8  version      12  number of sections     16  size of the whole
 *  24  SHA-256 over the whole with these 32 bytes zero
 *  64  section table: name[32], offset, size; then the sections
 *
 * The magic's line ends catch a file that went through a text conversion. The checksum is no
 * signature: who may replace the file may replace the checksum. So every offset is checked, and the
 * linear tables' index is recounted: a well-checksummed file with wrong numbers is refused, not
 * followed.
 */
#include "workers/opinion/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "workers/opinion/fuse.h"
#include "workers/opinion/tsv.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a bundle is read in place, in little-endian order"
#endif

enum { VERSION = 2, ALIGN = 64, HEAD = 64, SECTIONS_MAX = 64, NAME_MAX_LEN = 31 };

extern const unsigned char lj_opinion_builtin[]; /* made at build time */
extern const size_t lj_opinion_builtin_size;

static const char magic[8] = "LJOPIN\r\n";

struct head {
    char magic[8];
    uint32_t version;
    uint32_t sections;
    uint64_t size;
    uint8_t sha[LJ_BUNDLE_SHA];
    uint8_t spare[8];
};
_Static_assert(sizeof(struct head) == HEAD, "the head's layout is the file's");

struct section {
    char name[NAME_MAX_LEN + 1];
    uint64_t offset;
    uint64_t size;
};

struct lj_bundle {
    const uint8_t *p;
    size_t size;
    bool mapped;
    char name[128]; /* for messages */
};

static int refuse(const struct lj_bundle *b, const char *why, struct lj_err *err)
{
    return lj_fail(err, LJ_E_CONFIG, "%s: %s", b->name, why);
}

static void hash_of(const uint8_t *p, size_t size, uint8_t out[LJ_BUNDLE_SHA])
{
    static const uint8_t zero[LJ_BUNDLE_SHA];
    const size_t at = offsetof(struct head, sha);
    crypto_hash_sha256_state st;
    (void)crypto_hash_sha256_init(&st);
    (void)crypto_hash_sha256_update(&st, p, at);
    (void)crypto_hash_sha256_update(&st, zero, sizeof zero);
    (void)crypto_hash_sha256_update(&st, p + at + sizeof zero, size - at - sizeof zero);
    (void)crypto_hash_sha256_final(&st, out);
}

static const struct section *section_table(const struct lj_bundle *b)
{
    return (const struct section *)(const void *)(b->p + HEAD);
}

static int check(const struct lj_bundle *b, struct lj_err *err)
{
    const struct head *h = (const struct head *)(const void *)b->p;
    uint8_t sha[LJ_BUNDLE_SHA];
    if (b->size < HEAD || memcmp(h->magic, magic, sizeof magic) != 0)
        return refuse(b, "no bundle of the opinion engine", err);
    if (h->version != VERSION)
        return refuse(b, "a bundle of another version", err);
    if (h->size != b->size)
        return refuse(b, "the bundle is cut, or something follows it", err);
    hash_of(b->p, b->size, sha);
    if (memcmp(sha, h->sha, sizeof sha) != 0)
        return refuse(b, "the checksum does not fit the content", err);
    if (h->sections > SECTIONS_MAX || HEAD + h->sections * sizeof(struct section) > b->size)
        return refuse(b, "too many sections", err);
    for (uint32_t i = 0; i < h->sections; i++) {
        const struct section *s = &section_table(b)[i];
        if (!memchr(s->name, '\0', sizeof s->name) || s->offset % ALIGN != 0 ||
            s->offset > b->size || s->size > b->size - s->offset)
            return refuse(b, "a section lies outside of the file", err);
    }
    return 0;
}

int lj_bundle_borrow(const void *p, size_t size, struct lj_bundle **ret, struct lj_err *err)
{
    struct lj_bundle *b = calloc(1, sizeof *b);
    if (!b)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a bundle");
    *b = (struct lj_bundle){.p = p, .size = size, .name = "the built-in bundle"};
    int rc = check(b, err);
    if (rc < 0)
        lj_bundle_close(&b);
    else
        *ret = b;
    return rc;
}

/* A sealed copy: nobody can write or cut it any more, not even this process. */
static int sealed_copy(const char *buf, size_t size, struct lj_bundle *b, struct lj_err *err)
{
    int fd = memfd_create("opinion-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;
    while (fd >= 0 && done < size) {
        ssize_t n = write(fd, buf + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    void *p = MAP_FAILED;
    if (fd >= 0 && done == size &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    if (p == MAP_FAILED)
        return lj_fail_errno(err, LJ_E_IO, saved, "cannot keep a copy of %s", b->name);
    b->p = p;
    b->size = size;
    b->mapped = true;
    return 0;
}

int lj_bundle_open(const char *path, struct lj_bundle **ret, struct lj_err *err)
{
    char *buf = NULL;
    size_t size = 0;
    struct lj_bundle *b = calloc(1, sizeof *b);
    if (!b)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a bundle");
    size_t n = strlen(path);
    size_t from = n < sizeof b->name ? 0 : n - sizeof b->name + 1;
    memcpy(b->name, path + from, n - from);
    int rc = lj_read_file(path, LJ_BUNDLE_MAX, &buf, &size, err);
    if (rc == 0 && size < HEAD)
        rc = refuse(b, "no bundle of the opinion engine", err);
    if (rc == 0)
        rc = sealed_copy(buf, size, b, err);
    if (rc == 0)
        rc = check(b, err);
    free(buf);
    if (rc < 0)
        lj_bundle_close(&b);
    else
        *ret = b;
    return rc;
}

int lj_bundle_get(const char *path, struct lj_bundle **ret, struct lj_err *err)
{
    return path ? lj_bundle_open(path, ret, err)
                : lj_bundle_borrow(lj_opinion_builtin, lj_opinion_builtin_size, ret, err);
}

void lj_bundle_close(struct lj_bundle **bundle)
{
    if (!bundle || !*bundle)
        return;
    if ((*bundle)->mapped)
        (void)munmap((void *)(uintptr_t)(*bundle)->p, (*bundle)->size);
    free(*bundle);
    *bundle = NULL;
}

const void *lj_bundle_section(const struct lj_bundle *b, const char *name, size_t *ret_size)
{
    const struct head *h = (const struct head *)(const void *)b->p;
    for (uint32_t i = 0; i < h->sections; i++) {
        const struct section *s = &section_table(b)[i];
        if (strcmp(s->name, name) == 0) {
            *ret_size = (size_t)s->size;
            return b->p + s->offset;
        }
    }
    return NULL;
}

const uint8_t *lj_bundle_sha(const struct lj_bundle *b)
{
    return ((const struct head *)(const void *)b->p)->sha;
}

/* ---- the models ---- */

struct linear_head {
    uint32_t bits, lanes, outs, gram;
    uint32_t kept;
    uint32_t form; /* of the index */
    uint32_t spare[2];
    float scale[LJ_LIN_LANES];
    float bias[LJ_LIN_LANES];
};

struct fusion_head {
    uint32_t kinds, kind_features, questions, text_features, scopes;
    uint32_t spare[3];
};

static const struct linear_head linear_now = {.bits = LJ_LIN_BITS,
                                              .lanes = LJ_LIN_LANES,
                                              .outs = LJ_LIN_OUTS,
                                              .gram = LJ_LIN_GRAM,
                                              .form = 2};
static const struct fusion_head fusion_now = {.kinds = LJ_OPINION_KINDS,
                                              .kind_features = LJ_FK_COUNT,
                                              .questions = LJ_QUESTIONS,
                                              .text_features = LJ_FT_COUNT,
                                              .scopes = LJ_OPINION_SCOPES};

static bool same_head(const struct linear_head *a, const struct linear_head *b)
{
    return a->bits == b->bits && a->lanes == b->lanes && a->outs == b->outs && a->gram == b->gram &&
           a->form == b->form;
}

/* No hash leads outside of the rows. */
static bool index_fits(const struct lj_linear *m)
{
    uint16_t most = 0;
    for (size_t i = 0; i < LJ_LIN_HASHES; i++)
        most = m->index[i] > most ? m->index[i] : most;
    return most == m->kept;
}

static int take_linear(const struct lj_bundle *b, struct lj_linear *ret, struct lj_err *err)
{
    size_t size = 0;
    const uint8_t *p = lj_bundle_section(b, "linear", &size);
    const struct linear_head *h = (const struct linear_head *)(const void *)p;
    const size_t fixed = sizeof *h + LJ_LIN_HASHES * sizeof *ret->index;
    if (!p || size < fixed || !same_head(h, &linear_now))
        return refuse(b, "linear tables are missing, or made for another engine", err);
    if (h->kept > LJ_LIN_ROWS_MAX || size != fixed + ((size_t)h->kept + 1) * LJ_LIN_LANES)
        return refuse(b, "the linear tables have another size than they say", err);
    ret->kept = h->kept;
    memcpy(ret->scale, h->scale, sizeof ret->scale);
    memcpy(ret->bias, h->bias, sizeof ret->bias);
    ret->index = (const uint16_t *)(const void *)(p + sizeof *h);
    ret->rows = (const int8_t *)(p + fixed);
    return index_fits(ret) ? 0 : refuse(b, "the linear tables' index does not fit them", err);
}

int lj_bundle_models(const struct lj_bundle *b, struct lj_linear *ret_linear,
                     const struct lj_fusion **ret_fusion, struct lj_err *err)
{
    size_t size = 0;
    const uint8_t *p = lj_bundle_section(b, "fusion", &size);
    if (!p || size != sizeof fusion_now + sizeof(struct lj_fusion) ||
        memcmp(p, &fusion_now, sizeof fusion_now) != 0)
        return refuse(b, "fusion weights are missing, or made for another engine", err);
    int rc = take_linear(b, ret_linear, err);
    if (rc == 0)
        *ret_fusion = (const struct lj_fusion *)(const void *)(p + sizeof fusion_now);
    return rc;
}

/* ---- making one ---- */

static int put_parts(const void *const *p, const size_t *n, size_t count, void **ret,
                     size_t *ret_size, struct lj_err *err)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += n[i];
    uint8_t *out = malloc(size);
    if (!out)
        return lj_fail(err, LJ_E_NOMEM, "no memory for a bundle");
    *ret = out;
    *ret_size = size;
    for (size_t i = 0; i < count; i++) {
        memcpy(out, p[i], n[i]);
        out += n[i];
    }
    return 0;
}

int lj_bundle_linear_part(const struct lj_linear *m, void **ret, size_t *ret_size,
                          struct lj_err *err)
{
    struct linear_head h = linear_now;
    h.kept = m->kept;
    memcpy(h.scale, m->scale, sizeof h.scale);
    memcpy(h.bias, m->bias, sizeof h.bias);
    const void *p[] = {&h, m->index, m->rows};
    const size_t n[] = {sizeof h, LJ_LIN_HASHES * sizeof *m->index,
                        ((size_t)m->kept + 1) * LJ_LIN_LANES};
    return put_parts(p, n, 3, ret, ret_size, err);
}

int lj_bundle_fusion_part(const struct lj_fusion *w, void **ret, size_t *ret_size,
                          struct lj_err *err)
{
    const void *p[] = {&fusion_now, w};
    const size_t n[] = {sizeof fusion_now, sizeof *w};
    return put_parts(p, n, 2, ret, ret_size, err);
}

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

int lj_bundle_make(const struct lj_bundle_part *parts, size_t count, void **ret, size_t *ret_size,
                   struct lj_err *err)
{
    size_t size = aligned(HEAD + count * sizeof(struct section));
    size_t at = size;
    for (size_t i = 0; i < count; i++)
        size += aligned(parts[i].size);
    uint8_t *out = aligned_alloc(ALIGN, size);
    if (!out || count > SECTIONS_MAX) {
        free(out);
        return lj_fail(err, LJ_E_NOMEM, "no memory for a bundle");
    }
    memset(out, 0, size);
    struct head h = {.version = VERSION, .sections = (uint32_t)count, .size = size};
    memcpy(h.magic, magic, sizeof magic);
    for (size_t i = 0; i < count; i++) {
        struct section s = {.offset = at, .size = parts[i].size};
        if (strlen(parts[i].name) > NAME_MAX_LEN) {
            free(out);
            return lj_fail(err, LJ_E_ARG, "the section's name %s is too long", parts[i].name);
        }
        memcpy(s.name, parts[i].name, strlen(parts[i].name));
        memcpy(out + HEAD + i * sizeof s, &s, sizeof s);
        if (parts[i].size)
            memcpy(out + at, parts[i].p, parts[i].size);
        at += aligned(parts[i].size);
    }
    memcpy(out, &h, sizeof h);
    hash_of(out, size, h.sha);
    memcpy(out, &h, sizeof h);
    *ret = out;
    *ret_size = size;
    return 0;
}
