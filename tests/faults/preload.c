/* In front of the C library: the n-th disk operation of a process kills it half-way, or the clock runs backwards.
 *
 * FORETELL_FAULT_DIE=N   the N-th write to a file, fsync or rename of a process is its last; a write is torn in half
 * FORETELL_FAULT_CLOCK=S every look at the calendar shows S seconds earlier than the look before
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long done;

static int last(void) {
  const char *when = getenv("FORETELL_FAULT_DIE");
  return when && __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST) == atol(when);
}

static int is_file(int fd) {
  struct stat about;
  return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

static void die(void) { kill(getpid(), SIGKILL); }

ssize_t write(int fd, const void *data, size_t size) {
  if (is_file(fd) && last()) {
    REAL(write)(fd, data, size / 2);
    die();
  }
  return REAL(write)(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  if (is_file(fd) && last()) {
    REAL(pwrite64)(fd, data, size / 2, at);
    die();
  }
  return REAL(pwrite64)(fd, data, size, at);
}

int fsync(int fd) {
  if (last()) die();
  return REAL(fsync)(fd);
}

int rename(const char *from, const char *to) {
  if (last()) die();
  return REAL(rename)(from, to);
}

static long behind(void) {
  static long looks;
  const char *step = getenv("FORETELL_FAULT_CLOCK");
  return step ? atol(step) * __atomic_add_fetch(&looks, 1, __ATOMIC_SEQ_CST) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int code = REAL(clock_gettime)(clock, now);
  if (code == 0 && clock == CLOCK_REALTIME) now->tv_sec -= behind();
  return code;
}

int gettimeofday(struct timeval *now, void *zone) {
  int code = REAL(gettimeofday)(now, zone);
  if (code == 0) now->tv_sec -= behind();
  return code;
}

time_t time(time_t *to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
