/* Makes chosen calls of the C library fail, for tools/faults.py: preloaded into a process by LD_PRELOAD.

   fault_arm(prefix, at, error, mode) counts calls that create, write, replace or remove files whose paths start with prefix, with mode |
   READS also those that read them, and lets call number `at` fail with errno = error; FROM: all later ones too; SHORT: a write is cut
   in half, and what follows it fails. fault_calls() gives the count. fault_clock(seconds) sets the wall clock back at every reading. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FROM = 1, SHORT = 2, READS = 4 };

static char start[4096];
static long fail_at = -1;
static atomic_long calls;
static int failure, how;
static atomic_long steps, back;

void fault_arm(const char *prefix, long at, int error, int mode) {
  snprintf(start, sizeof start, "%s", prefix);
  fail_at = at, failure = error, how = mode;
  atomic_store(&calls, 0);
}
long fault_calls(void) { return atomic_load(&calls); }
void fault_clock(long seconds) { atomic_store(&back, seconds); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int ours(const char *path) {
  return start[0] && path && strncmp(path, start, strlen(start)) == 0;
}
static int ours_too(int file) {
  char link[64], path[4096];
  if (!start[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return ours(path);
}
/* Whether this call fails: 1, or 2 for a write that is cut. */
static int fails(void) {
  long n = atomic_fetch_add(&calls, 1) + 1;
  if (fail_at < 0 || n < fail_at) return 0;
  if (n == fail_at) { errno = failure; return how & SHORT ? 2 : 1; }
  if ((how & FROM) || ((how & SHORT) && n == fail_at + 1)) { errno = failure; return 1; }
  return 0;
}
static int writes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) || (how & READS); }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    if (ours(path) && writes(flags) && fails()) return -1; \
    return REAL(name)(path, flags, mode); }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    if (((at == AT_FDCWD && ours(path)) || ours_too(at)) && writes(flags) && fails()) return -1; \
    return REAL(name)(at, path, flags, mode); }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *data, size_t n) {
  int fault = ours_too(file) ? fails() : 0;
  if (fault == 1) return -1;
  return REAL(write)(file, data, fault == 2 && n > 1 ? n / 2 : n);
}
ssize_t read(int file, void *data, size_t n) {
  if ((how & READS) && ours_too(file) && fails()) return -1;
  return REAL(read)(file, data, n);
}

#define ON_FILE(name, declared, given) \
  int name declared { if (ours_too(file) && fails()) return -1; return REAL(name) given; }
ON_FILE(fsync, (int file), (file))
ON_FILE(fdatasync, (int file), (file))
ON_FILE(ftruncate, (int file, off_t size), (file, size))
ON_FILE(ftruncate64, (int file, off64_t size), (file, size))
ON_FILE(fchmod, (int file, mode_t mode), (file, mode))

int close(int file) { /* the file is closed also when this fails, as Linux does */
  int fault = ours_too(file) && (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY ? fails() : 0;
  int result = REAL(close)(file);
  if (fault) { errno = failure; return -1; }
  return result;
}

#define ON_PATH(name, declared, given) \
  int name declared { if (ours(path) && fails()) return -1; return REAL(name) given; }
ON_PATH(unlink, (const char *path), (path))
ON_PATH(rmdir, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode))
ON_PATH(truncate, (const char *path, off_t size), (path, size))
ON_PATH(truncate64, (const char *path, off64_t size), (path, size))
ON_PATH(rename, (const char *path, const char *to), (path, to))
ON_PATH(link, (const char *path, const char *to), (path, to))

#define ON_PATH_AT(name, declared, given) \
  int name declared { if (((at == AT_FDCWD && ours(path)) || ours_too(at)) && fails()) return -1; return REAL(name) given; }
ON_PATH_AT(unlinkat, (int at, const char *path, int flags), (at, path, flags))
ON_PATH_AT(mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
ON_PATH_AT(fchmodat, (int at, const char *path, mode_t mode, int flags), (at, path, mode, flags))
ON_PATH_AT(renameat, (int at, const char *path, int to, const char *new), (at, path, to, new))

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (clock == CLOCK_REALTIME && back) now->tv_sec -= back * atomic_fetch_add(&steps, 1);
  return result;
}

/* A process that is started with FAULT_PREFIX in its environment has no room on that disk. */
__attribute__((constructor)) static void begin(void) {
  if (getenv("FAULT_PREFIX")) fault_arm(getenv("FAULT_PREFIX"), 1, ENOSPC, FROM);
}
