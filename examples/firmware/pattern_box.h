/*
 * A box with 8 TTL outputs that trigger a stimulator, as a MEA-Link device: it stimulates, it does not record. What it
 * needs of the hardware are the three functions at the end; see main_host.c and main_teensy.ino.
 */
#ifndef PATTERN_BOX_H
#define PATTERN_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOX_OUTPUTS = 8, BOX_SLOTS = 16, BOX_PHASES = 6, BOX_QUEUE = 8 };
enum { BOX_WATCHDOG_MS = 100, BOX_HEARTBEAT_MS = 50, BOX_MAX_AHEAD_MS = 2000 };

/* Starts the box; `boot_id` differs from boot to boot, `serial_number` from box to box and stays valid. */
void box_begin(uint32_t boot_id, const char *serial_number, bool emulated);
/* Takes one byte from the serial line. */
void box_take_byte(uint8_t byte);
/* To be called as often as possible: outputs, watchdog, heartbeats. Never waits. */
void box_run(void);
/* The link is gone, where the hardware can tell (USB unplugged): stimulation ends. */
void box_link_lost(void);

/* Given by the hardware: sets the outputs, bit 0 the first; */
void hal_set_outputs(uint8_t levels);
/* microseconds since boot, which never go back; */
uint64_t hal_micros(void);
/* sends bytes on the serial line. */
void hal_send(const uint8_t *bytes, size_t length);

#endif
