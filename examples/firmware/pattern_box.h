/*
 * A box with 8 TTL outputs that trigger a stimulator, as a MEA-Link device: it stimulates, it does not record. What it
 * needs of the hardware are the functions at the end; see main_host.c and main_teensy.ino.
 */
#ifndef PATTERN_BOX_H
#define PATTERN_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pulse has up to 32 phases, gaps included, of which 6 have a current. */
enum { BOX_OUTPUTS = 8, BOX_SLOTS = 16, BOX_PHASES = 32, BOX_MAX_PHASES = 6, BOX_QUEUE = 8 };
enum { BOX_WATCHDOG_MS = 100, BOX_HEARTBEAT_MS = 50, BOX_MAX_AHEAD_MS = 2000, BOX_RING_MS = 100 };
enum { BOX_MAX_BLOCK_FRAMES = 65535, BOX_MAX_UA = 1000000, BOX_SILENCE_MS = 1000 };
/* The sample counter has 20 kHz, as recorders have: a sample is longer than box_tick comes late. */
#ifndef BOX_US_PER_SAMPLE
#define BOX_US_PER_SAMPLE 50u
#endif

/* A stimulus that could not leave so soon after its sample began is dropped: by default one whose sample is over. */
#ifndef BOX_LATE_US
#define BOX_LATE_US BOX_US_PER_SAMPLE
#endif

/* Starts the box; `boot_id` differs from boot to boot, `serial_number` from box to box and stays valid. */
void box_begin(uint32_t boot_id, const char *serial_number, bool emulated);
/*
 * Outputs and watchdog, to be called every few ten microseconds by a timer that interrupts the loop. Sends nothing and
 * never waits.
 */
void box_tick(void);
/* For the loop: takes one byte from the serial line. */
void box_take_byte(uint8_t byte);
/* For the loop, as often as possible: says what the timer did, and sends heartbeats. Never waits. */
void box_run(void);
/* The link is gone, where the hardware can tell (USB unplugged): stimulation ends. For the loop. */
void box_link_lost(void);
/* Whether stimuli wait: then a program that has no timer must not pause. */
bool box_is_waiting(void);

/* Given by the hardware: sets the outputs, bit 0 the first; */
void hal_set_outputs(uint8_t levels);
/* microseconds since boot, which never go back; called by the loop and by the timer; */
uint64_t hal_micros(void);
/* sends all of these bytes on the serial line, or none of them and returns false when it has no room: it never waits; */
bool hal_send(const uint8_t *bytes, size_t length);
/* keeps the timer from interrupting, and lets it do so again when it could before. */
uint32_t hal_lock(void);
void hal_unlock(uint32_t before);

#endif
