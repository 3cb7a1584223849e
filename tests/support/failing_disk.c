/* A disk that fails, for tests: preloaded into a program, it makes calls on files below one folder fail, and keeps in
 * another folder what a machine would find after its power has failed.
 *
 * The model of the page cache is that of Linux: a write makes pages dirty, a sync that succeeds brings the dirty ones to
 * the disk, and one that fails marks them clean although they are not there. Names are always on the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define PAGE 4096
#define MOST_FILES 512
#define MOST_PAGES 1024
#define WRITE 1
#define SYNC 2
#define TRUNCATE 4
#define RENAME 8

struct file {
    ino_t inode;
    unsigned char dirty[MOST_PAGES];
};

/* In memory that a process shares with those it forks: the page cache outlives who has written. */
struct cache {
    int known;
    struct file files[MOST_FILES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char below[PATH_MAX], disk[PATH_MAX];
static struct cache *cache;
static int kinds, first, times, code, calls, torn;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    cache = mmap(NULL, sizeof *cache, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cache == MAP_FAILED) abort();
}

/* From now on files below `folder` count; what is durable of them is kept in `images`. */
void failing_disk_begin(const char *folder, const char *images) {
    pthread_mutex_lock(&lock);
    snprintf(below, sizeof below, "%s/", folder);
    snprintf(disk, sizeof disk, "%s", images);
    memset(cache, 0, sizeof *cache);
    kinds = calls = times = 0;
    pthread_mutex_unlock(&lock);
}

/* The call number `number` from now on of one of the `which` fails with `error`, and those after it until `many` have.
 * Below 0: the process ends there. */
void failing_disk_fail(int which, int number, int error, int many) {
    pthread_mutex_lock(&lock);
    kinds = which, first = number, code = error, times = many, calls = 0, torn = 0;
    pthread_mutex_unlock(&lock);
}

int failing_disk_calls(void) { return calls; }

static int is_below(int descriptor, struct stat *status) {
    char name[64], path[PATH_MAX];
    if (!below[0] || fstat(descriptor, status) != 0) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(below);
    if (strlen(path) >= 4 && !strcmp(path + strlen(path) - 4, "-shm")) return 0;
    return !strncmp(path, below, prefix) || (strlen(path) == prefix - 1 && !strncmp(path, below, prefix - 1));
}

static int fails(int kind) {
    if (!(kinds & kind)) return 0;
    calls++;
    if (!first || calls < first || calls >= first + times) return 0;
    if (code < 0) _exit(0);
    return 1;
}

static struct file *find(struct stat *status) {
    for (int i = 0; i < cache->known; i++)
        if (cache->files[i].inode == status->st_ino) return &cache->files[i];
    if (cache->known == MOST_FILES) abort();
    cache->files[cache->known].inode = status->st_ino;
    return &cache->files[cache->known++];
}

static void touch(struct file *file, off_t start, off_t end) {
    if (end > (off_t)MOST_PAGES * PAGE) abort();
    for (off_t page = start / PAGE; page * PAGE < end; page++) file->dirty[page] = 1;
}

/* Bring the dirty pages to the image, or only forget that they are. */
static void flush(int descriptor, struct stat *status, int arrives) {
    struct file *file = find(status);
    char name[PATH_MAX + 32], page[PAGE], source[64];
    if (S_ISDIR(status->st_mode)) return;
    if (arrives) {
        snprintf(name, sizeof name, "%s/%lu", disk, (unsigned long)status->st_ino);
        snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
        int image = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), from = open(source, O_RDONLY | O_CLOEXEC);
        if (image < 0 || from < 0) abort();
        for (size_t number = 0; number < MOST_PAGES; number++) {
            if (!file->dirty[number]) continue;
            ssize_t length = pread(from, page, PAGE, (off_t)number * PAGE);
            if (length > 0 && real_pwrite(image, page, length, (off_t)number * PAGE) != length) abort();
        }
        if (real_ftruncate(image, status->st_size) != 0) abort();
        close(image), close(from);
    }
    memset(file->dirty, 0, sizeof file->dirty);
}

static ssize_t writing(int descriptor, const void *data, size_t length, off_t offset, int at) {
    struct stat status;
    pthread_mutex_lock(&lock);
    int ours = is_below(descriptor, &status), failed = 0;
    size_t wanted = length;
    if (ours && S_ISREG(status.st_mode)) {
        failed = fails(WRITE);
        if (failed && code == ENOSPC && length > 1 && !torn) { /* as much as there is room for; then it fails */
            torn = 1, failed = 0, times++, wanted = length / 2;
        }
    }
    ssize_t done = -1;
    if (!failed) {
        if (!at && ours) offset = fcntl(descriptor, F_GETFL) & O_APPEND ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
        done = at ? real_pwrite(descriptor, data, wanted, offset) : real_write(descriptor, data, wanted);
        if (ours && done > 0) touch(find(&status), offset, offset + done);
    }
    int error = failed ? code : errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

static int syncing(int descriptor, int (*real)(int)) {
    struct stat status;
    pthread_mutex_lock(&lock);
    int failed = 0, result = 0;
    if (is_below(descriptor, &status)) {
        failed = fails(SYNC);
        flush(descriptor, &status, !failed);
    } else {
        result = real(descriptor);
    }
    int error = failed ? code : errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed ? -1 : result;
}

static int cutting(int descriptor, off_t length) {
    struct stat status;
    pthread_mutex_lock(&lock);
    int ours = is_below(descriptor, &status), failed = ours && fails(TRUNCATE), result = -1;
    if (!failed) result = real_ftruncate(descriptor, length);
    if (ours && !failed && length < status.st_size && length % PAGE) touch(find(&status), length - 1, length);
    int error = failed ? code : errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

ssize_t write(int descriptor, const void *data, size_t length) { return writing(descriptor, data, length, 0, 0); }
ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    return writing(descriptor, data, length, offset, 1);
}
ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    return writing(descriptor, data, length, offset, 1);
}
int fsync(int descriptor) { return syncing(descriptor, real_fsync); }
int fdatasync(int descriptor) { return syncing(descriptor, real_fdatasync); }
int ftruncate(int descriptor, off_t length) { return cutting(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return cutting(descriptor, length); }
int rename(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int failed = below[0] && !strncmp(from, below, strlen(below)) && fails(RENAME);
    pthread_mutex_unlock(&lock);
    if (failed) {
        errno = code;
        return -1;
    }
    return real_rename(from, to);
}
