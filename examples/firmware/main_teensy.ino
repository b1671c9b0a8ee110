// The pattern box on a Teensy 4: put mea_link.*, pattern_box.* and this file into one sketch folder. Outputs are pins 0 to
// 7, through the level shifter that your stimulator's trigger inputs need. Not run on hardware by this project's tests.
#include <EEPROM.h>
extern "C" {
#include "pattern_box.h"
}

static const char SERIAL_NUMBER[] = "PB-0001";  // one for each box
static const float TICK_US = 20;                // a pulse begins and ends at most so much later
static IntervalTimer timer;

extern "C" uint32_t hal_lock(void) {
  uint32_t before;
  __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(before) : : "memory");
  return before;
}

extern "C" void hal_unlock(uint32_t before) { __asm__ volatile("msr primask, %0" : : "r"(before) : "memory"); }

// micros() wraps every 71 minutes; the timer sees each wrap.
extern "C" uint64_t hal_micros(void) {
  static uint32_t before = 0;
  static uint64_t wraps = 0;
  uint32_t lock = hal_lock();
  uint32_t now = micros();
  if (now < before) wraps += 1ull << 32;
  before = now;
  uint64_t result = wraps + now;
  hal_unlock(lock);
  return result;
}

extern "C" void hal_set_outputs(uint8_t levels) {
  for (int pin = 0; pin < BOX_OUTPUTS; pin++) digitalWriteFast(pin, (levels >> pin) & 1);
}

// Serial.write waits for a host that does not read, so it gets no more than it has room for.
extern "C" bool hal_send(const uint8_t *bytes, size_t length) {
  if (!Serial || Serial.availableForWrite() < (int)length) return false;
  return Serial.write(bytes, length) == length;
}

void setup() {
  for (int pin = 0; pin < BOX_OUTPUTS; pin++) pinMode(pin, OUTPUT);
  Serial.begin(0);  // USB: the rate does not matter
  uint32_t boots = 0;
  EEPROM.get(0, boots);
  EEPROM.put(0, ++boots);
  // Counted and spread: two boots of one box never have the same.
  box_begin(boots * 2654435761u, SERIAL_NUMBER, false);
  timer.priority(64);  // above USB, whose interrupts must not make a pulse late
  timer.begin(box_tick, TICK_US);
}

void loop() {
  for (int left = 64; left > 0 && Serial.available() > 0; left--) box_take_byte((uint8_t)Serial.read());
  static bool was_open = false;
  bool is_open = (bool)Serial;
  if (was_open && !is_open) box_link_lost();
  was_open = is_open;
  box_run();
}
