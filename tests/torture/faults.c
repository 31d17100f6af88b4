/* Counts a process's changes of files below a directory, kills it at one of them, and notes how
 * much of each file was forced to the disk, and which renames were not: those in a directory that
 * was not forced there since. Preloaded before libc; armed by fault_arm. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 8192
static struct { dev_t dev; ino_t ino; long synced; } files[FILES];
#define RENAMES 4096
static struct { char from[512], to[512]; dev_t dev; ino_t ino; int stashed, synced; } renames[RENAMES];
static int used, renamed, lock_word;
static long left = -1, done, to_rename;
static char below[4096], notes[4096];

static void lock(void) { while (__sync_lock_test_and_set(&lock_word, 1)) usleep(10); }
static void unlock(void) { __sync_lock_release(&lock_word); }

/* Kill at a step, of those after so many renames. */
void fault_arm(long after, long first, const char *directory, const char *file) {
    strncpy(below, directory, sizeof below - 1);
    strncpy(notes, file, sizeof notes - 1);
    used = 0; renamed = 0; done = 0; left = after; to_rename = first;
}

long fault_count(void) { return done; }

static void die(void) {
    FILE *out = fopen(notes, "w");
    for (int i = 0; i < used; i++)
        fprintf(out, "%lu %lu %ld\n", (unsigned long)files[i].dev, (unsigned long)files[i].ino,
                files[i].synced);
    for (int i = 0; i < renamed; i++)
        if (!renames[i].synced)
            fprintf(out, "renamed %d %d\t%s\t%s\n", i, renames[i].stashed, renames[i].from,
                    renames[i].to);
    fclose(out);
    kill(getpid(), SIGKILL);
    pause();
}

static void step(void) {
    lock();
    done++;
    if (left > 0 && to_rename <= 0 && --left == 0) die();
    unlock();
}

static int is_below(int fd) {
    char link[64], path[4096];
    if (!below[0] || left < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

/* A file that is written is forced to the disk up to where it was when it was first seen. */
static int place(int fd, struct stat *status) {
    if (fstat(fd, status) || !S_ISREG(status->st_mode)) return -1;
    for (int i = 0; i < used; i++)
        if (files[i].dev == status->st_dev && files[i].ino == status->st_ino) return i;
    if (used == FILES) return -1;
    files[used].dev = status->st_dev; files[used].ino = status->st_ino;
    files[used].synced = status->st_size;
    return used++;
}

static void before_change(int fd) {
    struct stat status;
    if (!is_below(fd)) return;
    lock(); place(fd, &status); unlock();
    step();
}

static void after_sync(int fd) {
    struct stat status;
    if (!is_below(fd)) return;
    lock();
    int at = place(fd, &status);
    if (at >= 0) files[at].synced = status.st_size;
    for (int i = 0; at < 0 && i < renamed; i++)
        if (renames[i].dev == status.st_dev && renames[i].ino == status.st_ino)
            renames[i].synced = 1;
    unlock();
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    before_change(fd);
    return real(fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    before_change(fd);
    return real(fd, data, size, at);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    before_change(fd);
    return real(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    before_change(fd);
    return real(fd, parts, count);
}
int ftruncate64(int fd, off64_t size) {
    REAL(int, "ftruncate64", int, off64_t);
    before_change(fd);
    return real(fd, size);
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    if (is_below(fd)) step();
    int result = real(fd);
    if (result == 0) after_sync(fd);
    return result;
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    if (is_below(fd)) step();
    int result = real(fd);
    if (result == 0) after_sync(fd);
    return result;
}

#define NAMES(name, parameters, arguments, ...) \
    int name parameters { \
        REAL(int, #name, __VA_ARGS__); \
        if (left > 0) step(); \
        return real arguments; \
    }
/* The path of a name by its directory's real path; 0 where it is not below ours. */
static int resolve(const char *path, char *found, struct stat *parent) {
    char directory[4096], real[4096];
    strncpy(directory, path, sizeof directory - 1);
    directory[sizeof directory - 1] = 0;
    char *slash = strrchr(directory, '/');
    if (!slash) return 0;
    *slash = 0;
    if (!realpath(directory, real) || strncmp(real, below, strlen(below))) return 0;
    if (stat(real, parent)) return 0;
    return snprintf(found, 512, "%s/%s", real, slash + 1) < 512;
}

/* What a rename replaces is kept under another name, to be put back when the rename is lost. */
static void note_rename(const char *a, const char *b) {
    struct stat parent, status;
    char stash[4200];
    if (!below[0] || left < 0 || renamed == RENAMES) return;
    if (!resolve(a, renames[renamed].from, &parent)) return;
    if (!resolve(b, renames[renamed].to, &parent)) return;
    int (*keep)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
    snprintf(stash, sizeof stash, "%s.%d", notes, renamed);
    int (*drop)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    drop(stash);
    renames[renamed].stashed =
        !lstat(b, &status) && S_ISREG(status.st_mode) && !keep(b, stash);
    renames[renamed].dev = parent.st_dev; renames[renamed].ino = parent.st_ino;
    renames[renamed].synced = 0;
    renamed++;
}
int rename(const char *a, const char *b) {
    REAL(int, "rename", const char *, const char *);
    if (left > 0) step();
    lock(); note_rename(a, b); to_rename--; unlock();
    int result = real(a, b);
    if (result != 0 && renamed && !strcmp(strrchr(renames[renamed - 1].to, '/'), strrchr(b, '/')))
        renamed--;
    return result;
}
NAMES(link, (const char *a, const char *b), (a, b), const char *, const char *)
NAMES(symlink, (const char *a, const char *b), (a, b), const char *, const char *)
NAMES(unlink, (const char *a), (a), const char *)
NAMES(unlinkat, (int d, const char *a, int f), (d, a, f), int, const char *, int)
NAMES(mkdir, (const char *a, mode_t m), (a, m), const char *, mode_t)
NAMES(rmdir, (const char *a), (a), const char *)

/* A new file is empty on the disk until it is forced there. */
static int opened(int fd, int flags) {
    if (fd >= 0 && flags & (O_CREAT | O_TRUNC) && is_below(fd)) {
        struct stat status;
        lock();
        int at = place(fd, &status);
        if (at >= 0 && status.st_size == 0) files[at].synced = 0;
        unlock();
    }
    return fd;
}
#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        if (left > 0 && flags & (O_CREAT | O_TRUNC)) step(); \
        return opened(real(path, flags, mode), flags); \
    }
OPENS(open)
OPENS(open64)
