/*
 * The pattern box as a program: stdin and stdout are its serial line, stderr shows its outputs. It ends when stdin does.
 *
 *   gcc -std=c99 -O2 -o pattern-box mea_link.c pattern_box.c main_host.c
 *
 * With the argument `echo` it is no box: it answers each frame that it understands with the same message in a frame of its
 * own, on the other lane, which is how the project's tests hold its framing against another.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mea_link.h"
#include "pattern_box.h"

static uint64_t booted;

static uint64_t micros_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t hal_micros(void) { return micros_now() - booted; }

void hal_set_outputs(uint8_t levels) {
  static int before = -1;
  if (levels != before) fprintf(stderr, "%llu 0x%02x\n", (unsigned long long)hal_micros(), levels);
  before = levels;
}

/* What the line has not taken yet. */
static uint8_t pending[65536];
static size_t pending_length;

static void flush(void) {
  while (pending_length > 0) {
    ssize_t written = write(STDOUT_FILENO, pending, pending_length);
    if (written <= 0) return;
    pending_length -= (size_t)written;
    memmove(pending, pending + written, pending_length);
  }
}

bool hal_send(const uint8_t *bytes, size_t length) {
  flush();
  if (length > sizeof pending - pending_length) return false;
  memcpy(pending + pending_length, bytes, length);
  pending_length += length;
  flush();
  return true;
}

/* There is no interrupt: the loop calls box_tick itself. */
uint32_t hal_lock(void) { return 0; }
void hal_unlock(uint32_t before) { (void)before; }

static void echo(uint8_t byte) {
  static struct mea_receiver receiver;
  static uint8_t frame[MEA_MAX_FRAME];
  uint8_t lane;
  const uint8_t *message;
  size_t length;
  if (mea_receive(&receiver, byte, &lane, &message, &length)) {
    hal_send(frame, mea_encode_frame((uint8_t)(1 - lane), message, length, frame));
  }
}

int main(int argc, char **argv) {
  int is_echo = argc > 1 && strcmp(argv[1], "echo") == 0;
  uint8_t bytes[4096];
  struct pollfd input = {STDIN_FILENO, POLLIN, 0};
  booted = micros_now();
  /* A full line must not stop the box; the echo has all the time. */
  if (!is_echo) fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
  if (!is_echo) box_begin((uint32_t)booted, "HOST-1", true);
  for (;;) {
    struct timespec before = {0, 200000};
    if (!is_echo) {
      box_tick();
      box_run();
      flush();
      /* A microcontroller has a timer for box_tick. This loop is one while stimuli wait, and else spares the computer. */
      if (!box_is_waiting()) nanosleep(&before, NULL);
      box_tick();
    }
    if (poll(&input, 1, is_echo ? -1 : 0) <= 0) continue;
    ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EAGAIN) continue;
    if (count <= 0) break;
    for (ssize_t i = 0; i < count; i++) {
      if (is_echo) echo(bytes[i]);
      else box_take_byte(bytes[i]);
    }
  }
  if (!is_echo) box_link_lost();
  return 0;
}
