// The pattern box on a Teensy 4: put mea_link.*, pattern_box.* and this file into one sketch folder. Outputs are pins 0 to
// 7, through the level shifter that your stimulator's trigger inputs need. Not run on hardware by this project's tests.
#include <EEPROM.h>
extern "C" {
#include "pattern_box.h"
}

static const char SERIAL_NUMBER[] = "PB-0001";  // one for each box

// micros() wraps every 71 minutes; the loop sees each wrap.
extern "C" uint64_t hal_micros(void) {
  static uint32_t before = 0;
  static uint64_t wraps = 0;
  uint32_t now = micros();
  if (now < before) wraps += 1ull << 32;
  before = now;
  return wraps + now;
}

extern "C" void hal_set_outputs(uint8_t levels) {
  for (int pin = 0; pin < BOX_OUTPUTS; pin++) digitalWriteFast(pin, (levels >> pin) & 1);
}

extern "C" void hal_send(const uint8_t *bytes, size_t length) { Serial.write(bytes, length); }

void setup() {
  for (int pin = 0; pin < BOX_OUTPUTS; pin++) pinMode(pin, OUTPUT);
  Serial.begin(0);  // USB: the rate does not matter
  uint32_t boots = 0;
  EEPROM.get(0, boots);
  EEPROM.put(0, ++boots);
  // Counted and spread: two boots of one box never have the same.
  box_begin(boots * 2654435761u, SERIAL_NUMBER, false);
}

void loop() {
  // Few bytes at a time, so that the outputs never wait long for the line.
  for (int left = 32; left > 0 && Serial.available() > 0; left--) box_take_byte((uint8_t)Serial.read());
  static bool was_open = false;
  bool is_open = (bool)Serial;
  if (was_open && !is_open) box_link_lost();
  was_open = is_open;
  box_run();
}
