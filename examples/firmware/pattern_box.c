#include "pattern_box.h"

#include <stdio.h>
#include <string.h>

#include "mea_link.h"

/* Numbers of mea_link.proto: enum RefusalReason, enum SafetyRule, ... */
enum refusal {
  REFUSED_UNKNOWN_COMMAND = 1,
  REFUSED_VERSION,
  REFUSED_NOT_CONTROLLER,
  REFUSED_BAD_ARGUMENT,
  REFUSED_WRONG_STATE,
  REFUSED_NOT_CONFIGURED,
  REFUSED_NOT_ARMED,
  REFUSED_BAD_TOKEN,
  REFUSED_WRONG_DEVICE,
  REFUSED_WRONG_PROFILE,
  REFUSED_SAFETY,
  REFUSED_EMPTY_SLOT,
  REFUSED_LATE,
  REFUSED_TOO_FAR_AHEAD,
  REFUSED_STALE_ID,
  REFUSED_QUEUE_FULL,
  REFUSED_UNSUPPORTED
};
enum rule {
  RULE_NONE = 0,
  RULE_ELECTRODE = 4,
  RULE_PHASE_COUNT,
  RULE_CURRENT,
  RULE_PHASE_WIDTH,
  RULE_CHARGE,
  RULE_CHARGE_DENSITY,
  RULE_BALANCE,
  RULE_NET_CHARGE,
  RULE_POLARITY,
  RULE_INTERPHASE_GAP,
  RULE_IMPEDANCE,
  RULE_COMPLIANCE,
  RULE_INTERVAL,
  RULE_RATE,
  RULE_DUTY,
  RULE_CHARGE_RATE,
  RULE_SIMULTANEOUS,
  RULE_SUMMED_CURRENT,
  RULE_SESSION_STIMULI,
  RULE_SESSION_CHARGE
};
enum state { IDLE = 1, READY, RUNNING };
enum cause { CAUSE_COMMAND = 1, CAUSE_WATCHDOG, CAUSE_ARMED_TIME, CAUSE_LINK_LOST, CAUSE_ABORT, CAUSE_STOPPED, CAUSE_RECONFIGURED };
enum drop { DROP_CANCELLED = 1, DROP_ABORTED, DROP_DISARMED, DROP_STOPPED };
enum { COMMAND_HELLO = 2, COMMAND_CONFIGURE, COMMAND_START, COMMAND_STOP, COMMAND_REST, COMMAND_UPLOAD, COMMAND_TRIGGER,
       COMMAND_CANCEL, COMMAND_ABORT, COMMAND_ARM, COMMAND_DISARM, COMMAND_IMPEDANCE, COMMAND_RESUME, COMMAND_STATUS };
enum { LAST_COMMAND = COMMAND_STATUS };
enum { RESULT_DONE = 2, RESULT_HELLO, RESULT_SCHEDULED, RESULT_CONFIGURED, RESULT_RESUMED = 7, RESULT_STATUS, RESULT_REFUSED };
enum { DEVICE_REPLY = 3, DEVICE_HEARTBEAT = 4, DATA_DELIVERED = 6, DATA_DROPPED, DATA_ARMED = 8, DATA_STARTED = 11, DATA_ENDED };

/* Numbers of the limits in message SafetyProfile. */
enum { P_ELECTRODES = 3, P_IMPEDANCE_AGE, P_MAX_IMPEDANCE_AGE, P_MAX_CURRENT, P_MIN_PHASE, P_MAX_PHASE, P_MAX_PHASES,
       P_MAX_CHARGE, P_MAX_DENSITY, P_MAX_IMBALANCE, P_NET_CHARGE, P_POLARITY, P_MIN_GAP, P_COMPLIANCE, P_MIN_INTERVAL,
       P_MAX_RATE, P_MAX_DUTY, P_MAX_CHARGE_PER_SECOND, P_MAX_SIMULTANEOUS, P_MAX_SUMMED, P_MAX_STIMULI,
       P_MAX_SESSION_CHARGE };
enum { P_FIELDS = P_MAX_SESSION_CHARGE + 1 };

enum { BODY_BYTES = 320, REMEMBERED = 8, HISTORY = 64 };
static const uint64_t US_PER_MS = 1000, US_PER_S = 1000000;

struct pulse {
  uint8_t output;
  uint8_t phases;
  /* Bit p: phase p has a current, so the output is high. */
  uint8_t high;
  uint32_t duration_us[BOX_PHASES];
  /* Per pulse, for the limits that depend on time. */
  double charge_nc, net_nc, high_us, peak_ua;
};
struct pattern {
  bool used;
  uint8_t pulses;
  uint32_t length_us;
  struct pulse pulse[BOX_OUTPUTS];
};
/* A stimulus that was accepted, with its pattern as it was checked: the slot may get another one before it leaves. */
struct stimulus {
  uint32_t id, slot;
  uint64_t at;
  struct pattern pattern;
};
/* What an electrode got within the last second and within the session. */
struct history {
  uint64_t at[HISTORY];
  double charge_nc[HISTORY], high_us[HISTORY];
  uint32_t next;
  double session_nc, net_nc;
};
struct electrode {
  bool listed, masked, measured;
  double area_um2, impedance_ohm;
};
struct remembered {
  uint32_t id;
  size_t length;
  uint8_t body[BODY_BYTES];
};

static struct {
  struct mea_receiver receiver;
  const char *serial_number;
  bool emulated;
  uint32_t boot_id, control_sequence, data_sequence;
  uint64_t next_heartbeat;

  enum state state;
  bool has_controller;
  uint8_t client[MEA_TOKEN_BYTES];
  uint32_t newest_command;
  struct remembered replies[REMEMBERED];
  uint32_t next_reply;

  bool armed;
  uint8_t token[MEA_TOKEN_BYTES];
  uint64_t heard_at, armed_until;

  bool configured;
  uint8_t profile_hash[MEA_HASH_BYTES];
  double limit[P_FIELDS];
  struct electrode electrode[BOX_OUTPUTS];
  uint64_t configured_at;

  struct pattern slot[BOX_SLOTS];
  struct stimulus queue[BOX_QUEUE];
  uint32_t queued, newest_stimulus, session_stimuli;
  /* Where the last stimulus that was accepted ends: stimuli are accepted in the order of their samples. */
  uint64_t busy_until;
  struct history history[BOX_OUTPUTS];

  bool playing;
  struct stimulus at_play;
  uint64_t playing_since;
} box;

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Sends a DeviceMessage whose field `number` has this body. */
static void send_message(uint8_t lane, uint32_t number, const struct mea_writer *body) {
  static uint8_t message[BODY_BYTES + 16];
  static uint8_t frame[sizeof message + 16];
  struct mea_writer writer = mea_write(message, sizeof message);
  mea_put_fixed32(&writer, 1, lane == MEA_LANE_DATA ? box.data_sequence++ : box.control_sequence++);
  /* A body that is empty is there all the same. */
  size_t inside = mea_begin(&writer, number);
  memcpy(writer.bytes + writer.length, body->bytes, body->length);
  writer.length += body->length;
  mea_end(&writer, inside);
  hal_send(frame, mea_encode_frame(lane, message, writer.length, frame));
}

static void send_heartbeat(void) {
  uint8_t bytes[40];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_fixed32(&body, 1, box.data_sequence);
  mea_put_uint(&body, 2, hal_micros());
  mea_put_uint(&body, 3, box.state);
  mea_put_uint(&body, 4, box.armed);
  send_message(MEA_LANE_CONTROL, DEVICE_HEARTBEAT, &body);
}

static void send_armed_changed(enum cause cause) {
  uint8_t bytes[24];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, hal_micros());
  mea_put_uint(&body, 2, box.armed);
  mea_put_uint(&body, 3, cause);
  send_message(MEA_LANE_DATA, DATA_ARMED, &body);
}

static void send_dropped(const struct stimulus *stimulus, enum drop reason, const char *message) {
  uint8_t bytes[120];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, stimulus->id);
  mea_put_uint(&body, 2, stimulus->at);
  mea_put_uint(&body, 3, reason);
  mea_put_text(&body, 4, message);
  send_message(MEA_LANE_DATA, DATA_DROPPED, &body);
}

static void send_delivered(const struct stimulus *stimulus, uint64_t at) {
  uint8_t bytes[48], electrodes[BOX_OUTPUTS];
  uint8_t count = 0;
  const struct pattern *pattern = &stimulus->pattern;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    for (uint8_t i = 0; i < pattern->pulses; i++) {
      if (pattern->pulse[i].output == output) electrodes[count++] = output;
    }
  }
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, stimulus->id);
  mea_put_uint(&body, 2, at);
  mea_put_uint(&body, 3, stimulus->slot);
  /* Packed: numbers below 128 are one byte each. */
  mea_put_bytes(&body, 4, electrodes, count);
  send_message(MEA_LANE_DATA, DATA_DELIVERED, &body);
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static struct {
  uint8_t bytes[BODY_BYTES];
  struct mea_writer body;
} reply;

static void begin_reply(uint32_t command_id) {
  reply.body = mea_write(reply.bytes, sizeof reply.bytes);
  mea_put_uint(&reply.body, 1, command_id);
}

static void reply_done(void) { mea_end(&reply.body, mea_begin(&reply.body, RESULT_DONE)); }

static void reply_refused(enum refusal reason, enum rule rule, const char *message) {
  size_t inside = mea_begin(&reply.body, RESULT_REFUSED);
  mea_put_uint(&reply.body, 1, reason);
  mea_put_uint(&reply.body, 2, rule);
  mea_put_text(&reply.body, 3, message);
  mea_end(&reply.body, inside);
}

static void refuse(enum refusal reason, const char *message) { reply_refused(reason, RULE_NONE, message); }

/* Refuses with the value and the limit, both printed without floating point, which small C libraries leave out. */
static bool within(enum rule rule, uint8_t output, const char *what, double value, double limit) {
  char message[120];
  if (value <= limit * (1 + 1e-9)) return true;
  double shown = value < 2e6 ? value : 2e6;
  double bound = limit < 2e6 ? limit : 2e6;
  long v = (long)(shown * 1000), l = (long)(bound * 1000);
  snprintf(message, sizeof message, "%s %ld.%03ld, limit %ld.%03ld (electrode %u)", what, v / 1000, v % 1000, l / 1000,
           l % 1000, (unsigned)output);
  reply_refused(REFUSED_SAFETY, rule, message);
  return false;
}

static bool broken(enum rule rule, uint8_t output, const char *what) {
  char message[120];
  snprintf(message, sizeof message, "%s (electrode %u)", what, (unsigned)output);
  reply_refused(REFUSED_SAFETY, rule, message);
  return false;
}

/* ---- arming ----------------------------------------------------------------------------------------------------- */

static void purge(enum drop reason, const char *message) {
  uint32_t count = box.queued;
  box.queued = 0;
  for (uint32_t i = 0; i < count; i++) send_dropped(&box.queue[i], reason, message);
}

/* The one way out of being armed. A pulse that flows is balanced, so it is played to its end. */
static void disarm(enum cause cause, const char *message) {
  if (!box.armed) return;
  box.armed = false;
  memset(box.token, 0, sizeof box.token);
  purge(cause == CAUSE_ABORT ? DROP_ABORTED : cause == CAUSE_STOPPED ? DROP_STOPPED : DROP_DISARMED, message);
  send_armed_changed(cause);
}

/* Takes as long for a wrong token as for the right one. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t length) {
  uint8_t difference = 0;
  for (size_t i = 0; i < length; i++) difference |= a[i] ^ b[i];
  return difference == 0;
}

static void hear_heartbeat(struct mea_reader reader) {
  struct mea_field field;
  const uint8_t *token = NULL;
  uint64_t armed_for_ms = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) token = field.bytes;
    if (field.number == 3 && field.wire_type == MEA_VARINT) armed_for_ms = field.value;
  }
  if (reader.bad || !box.armed || token == NULL || !same_bytes(token, box.token, MEA_TOKEN_BYTES)) return;
  box.heard_at = hal_micros();
  box.armed_until = box.heard_at + armed_for_ms * US_PER_MS;
}

/* ---- the safety profile ----------------------------------------------------------------------------------------- */

static bool read_electrode(struct mea_reader reader) {
  struct mea_field field;
  struct electrode electrode = {true, true, false, 0, 0};
  uint64_t number = UINT64_MAX;
  uint32_t before = 0, seen = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number <= before || field.number > 4) return false;
    before = field.number;
    seen |= 1u << field.number;
    if (field.number == 1) number = field.value;
    if (field.number == 2) electrode.area_um2 = mea_to_double(field.value);
    if (field.number == 3) electrode.impedance_ohm = mea_to_double(field.value);
    if (field.number == 3) electrode.measured = true;
    if (field.number == 4) electrode.masked = field.value != 0;
  }
  /* All but the impedance must be there. */
  if (reader.bad || (seen | 1u << 3) != 0x1e) return false;
  /* An electrode that this box has not got is nobody's danger. */
  if (number < BOX_OUTPUTS) box.electrode[number] = electrode;
  return true;
}

/* Reads the limits; false when one is missing or unknown, or the fields are not in order: then the box holds none. */
static bool read_profile(struct mea_reader reader) {
  struct mea_field field;
  uint32_t before = 0, seen = 0;
  memset(box.electrode, 0, sizeof box.electrode);
  while (mea_next_field(&reader, &field)) {
    if (field.number >= P_FIELDS || field.number < before) return false;
    if (field.number == before && field.number != P_ELECTRODES) return false;
    before = field.number;
    seen |= 1u << field.number;
    if (field.number == P_ELECTRODES) {
      if (field.wire_type != MEA_BYTES || !read_electrode(mea_inside(&field))) return false;
      continue;
    }
    double value = field.wire_type == MEA_FIXED64 ? mea_to_double(field.value) : (double)field.value;
    /* Also false for what is no number. */
    if (!(value >= 0 && value < 1e300)) return false;
    box.limit[field.number] = value;
  }
  /* The profile lists its electrodes, or none may be pulsed. */
  return !reader.bad && (seen | 1u << P_ELECTRODES) == (1u << P_FIELDS) - 2;
}

static void forget_session(void) {
  memset(box.history, 0, sizeof box.history);
  box.session_stimuli = 0;
}

static void configure(struct mea_reader reader) {
  struct mea_field field, profile = {0, 0, 0, NULL, 0};
  uint64_t block_frames = 0;
  if (box.state == RUNNING) {
    refuse(REFUSED_WRONG_STATE, "stop before configuring");
    return;
  }
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) block_frames = field.value;
    if (field.number == 2 && field.wire_type == MEA_BYTES) profile = field;
  }
  if (reader.bad || block_frames == 0) {
    refuse(REFUSED_BAD_ARGUMENT, "no block size");
    return;
  }
  disarm(CAUSE_RECONFIGURED, "configured anew");
  memset(box.slot, 0, sizeof box.slot);
  box.configured = read_profile(mea_inside(&profile));
  box.state = box.configured ? READY : IDLE;
  if (!box.configured) {
    refuse(REFUSED_BAD_ARGUMENT, "the safety profile is not in its canonical form, or has a limit that is not known");
    return;
  }
  forget_session();
  box.configured_at = hal_micros();
  mea_sha256(profile.bytes, profile.length, box.profile_hash);
  size_t inside = mea_begin(&reply.body, RESULT_CONFIGURED);
  mea_put_bytes(&reply.body, 1, box.profile_hash, sizeof box.profile_hash);
  mea_put_uint(&reply.body, 2, block_frames);
  mea_end(&reply.body, inside);
}

/* ---- patterns --------------------------------------------------------------------------------------------------- */

/* The limits of one phase and of what lies before it, in the order of the rules; see SAFETY_RULES in the controller. */
static bool check_phases(const struct pulse *pulse, const double *current_ua, double net_nc) {
  const double *limit = box.limit;
  const struct electrode *electrode = &box.electrode[pulse->output];
  uint8_t with_current = 0;
  double gap_us = 0, worst_nc = 0;
  for (uint8_t p = 0; p < pulse->phases; p++) with_current += pulse->high >> p & 1;
  if (with_current == 0) return broken(RULE_PHASE_COUNT, pulse->output, "no phase with a current");
  if (!within(RULE_PHASE_COUNT, pulse->output, "phases", with_current, limit[P_MAX_PHASES])) return false;
  if (!within(RULE_CURRENT, pulse->output, "current in uA", pulse->peak_ua, limit[P_MAX_CURRENT])) return false;
  for (uint8_t p = 0; p < pulse->phases; p++) {
    double us = pulse->duration_us[p];
    double nc = (current_ua[p] < 0 ? -current_ua[p] : current_ua[p]) * us / 1000;
    if ((pulse->high >> p & 1) == 0) continue;
    if (nc > worst_nc) worst_nc = nc;
    if (!within(RULE_PHASE_WIDTH, pulse->output, "phase in us", us, limit[P_MAX_PHASE])) return false;
    if (!within(RULE_PHASE_WIDTH, pulse->output, "shortest phase in us", limit[P_MIN_PHASE], us)) return false;
  }
  if (!within(RULE_CHARGE, pulse->output, "charge per phase in nC", worst_nc, limit[P_MAX_CHARGE])) return false;
  /* 1 nC / um2 is 1e5 uC / cm2. */
  if (!within(RULE_CHARGE_DENSITY, pulse->output, "charge density in uC/cm2", worst_nc * 1e5,
              limit[P_MAX_DENSITY] * electrode->area_um2)) {
    return false;
  }
  double net = net_nc < 0 ? -net_nc : net_nc;
  if (!within(RULE_BALANCE, pulse->output, "net charge in nC", net, limit[P_MAX_IMBALANCE] * pulse->charge_nc)) return false;
  bool first = true;
  for (uint8_t p = 0; p < pulse->phases; p++) {
    if ((pulse->high >> p & 1) == 0) {
      gap_us += pulse->duration_us[p];
      continue;
    }
    /* 1: negative first, 2: positive first, 3: either. */
    if (first && limit[P_POLARITY] != 3 && (current_ua[p] < 0) != (limit[P_POLARITY] == 1)) {
      return broken(RULE_POLARITY, pulse->output, "the first phase has the wrong polarity");
    }
    if (!first && !within(RULE_INTERPHASE_GAP, pulse->output, "shortest gap in us", limit[P_MIN_GAP], gap_us)) return false;
    first = false;
    gap_us = 0;
  }
  if (!electrode->measured) return broken(RULE_IMPEDANCE, pulse->output, "the impedance was not measured");
  return within(RULE_COMPLIANCE, pulse->output, "voltage in V", pulse->peak_ua * electrode->impedance_ohm * 1e-6,
                0.8 * limit[P_COMPLIANCE]);
}

static bool read_pulse(struct mea_reader reader, struct pattern *pattern) {
  struct mea_field field;
  double current_ua[BOX_PHASES];
  struct pulse pulse = {0};
  uint64_t electrode = 0, length_us = 0;
  double net_nc = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) electrode = field.value;
    if (field.number != 2 || field.wire_type != MEA_BYTES) continue;
    struct mea_reader phase = mea_inside(&field);
    int64_t current_na = 0;
    uint64_t duration_ns = 0;
    while (mea_next_field(&phase, &field)) {
      if (field.number == 1 && field.wire_type == MEA_VARINT) current_na = mea_to_signed(field.value);
      if (field.number == 2 && field.wire_type == MEA_VARINT) duration_ns = field.value;
    }
    if (phase.bad || pulse.phases == BOX_PHASES || duration_ns > UINT32_MAX) {
      refuse(REFUSED_BAD_ARGUMENT, "a pulse has more phases than this box takes");
      return false;
    }
    /* Nearest microsecond, which is what is checked below. */
    uint32_t us = (uint32_t)((duration_ns + 500) / 1000);
    double ua = (double)current_na / 1000;
    double magnitude = ua < 0 ? -ua : ua;
    current_ua[pulse.phases] = ua;
    pulse.duration_us[pulse.phases] = us;
    length_us += us;
    if (current_na != 0) {
      pulse.high |= (uint8_t)(1u << pulse.phases);
      pulse.charge_nc += magnitude * us / 1000;
      pulse.high_us += us;
      net_nc += ua * us / 1000;
      if (magnitude > pulse.peak_ua) pulse.peak_ua = magnitude;
    }
    pulse.phases++;
  }
  if (reader.bad || electrode >= BOX_OUTPUTS || !box.electrode[electrode].listed || box.electrode[electrode].masked) {
    return broken(RULE_ELECTRODE, (uint8_t)(electrode < 255 ? electrode : 255), "not released by the profile");
  }
  pulse.output = (uint8_t)electrode;
  pulse.net_nc = net_nc;
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    if (pattern->pulse[i].output == pulse.output) {
      refuse(REFUSED_BAD_ARGUMENT, "an electrode twice");
      return false;
    }
  }
  if (!check_phases(&pulse, current_ua, net_nc)) return false;
  if (length_us > pattern->length_us) pattern->length_us = (uint32_t)length_us;
  pattern->pulse[pattern->pulses++] = pulse;
  return true;
}

static void upload(struct mea_reader reader) {
  static struct pattern pattern;
  struct mea_field field;
  uint64_t slot = 0;
  double summed_ua = 0;
  memset(&pattern, 0, sizeof pattern);
  pattern.used = true;
  if (!box.configured) {
    refuse(REFUSED_NOT_CONFIGURED, "send configure first");
    return;
  }
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) slot = field.value;
    if (field.number == 2 && field.wire_type == MEA_BYTES && !read_pulse(mea_inside(&field), &pattern)) return;
  }
  if (reader.bad || slot >= BOX_SLOTS) {
    refuse(REFUSED_BAD_ARGUMENT, "this box has slots 0 to 15");
    return;
  }
  for (uint8_t i = 0; i < pattern.pulses; i++) summed_ua += pattern.pulse[i].peak_ua;
  if (!within(RULE_SIMULTANEOUS, 0, "electrodes at once", pattern.pulses, box.limit[P_MAX_SIMULTANEOUS])) return;
  if (!within(RULE_SUMMED_CURRENT, 0, "summed current in uA", summed_ua, box.limit[P_MAX_SUMMED])) return;
  box.slot[slot] = pattern;
  reply_done();
}

/* ---- stimuli ---------------------------------------------------------------------------------------------------- */

/* The limits that depend on what the electrode got before; a stimulus that was dropped later counts all the same. */
static bool check_history(const struct pulse *pulse, uint64_t at) {
  const struct history *history = &box.history[pulse->output];
  const double *limit = box.limit;
  double pulses = 1, high_us = pulse->high_us, charge_nc = pulse->charge_nc, net = history->net_nc + pulse->net_nc;
  for (uint32_t back = 1; back <= HISTORY && back <= history->next; back++) {
    uint32_t i = (history->next - back) % HISTORY;
    double since_us = (double)(at - history->at[i]);
    if (back == 1 && !within(RULE_INTERVAL, pulse->output, "shortest interval in ms", limit[P_MIN_INTERVAL], since_us / 1000)) {
      return false;
    }
    if (since_us >= (double)US_PER_S) break;
    if (back == HISTORY) return broken(RULE_RATE, pulse->output, "more pulses in a second than this box can count");
    pulses++;
    high_us += history->high_us[i];
    charge_nc += history->charge_nc[i];
  }
  if (!within(RULE_NET_CHARGE, pulse->output, "net charge in nC", net < 0 ? -net : net, limit[P_NET_CHARGE])) return false;
  if (!within(RULE_RATE, pulse->output, "pulses in a second", pulses, limit[P_MAX_RATE])) return false;
  if (!within(RULE_DUTY, pulse->output, "share of a second", high_us / 1e6, limit[P_MAX_DUTY])) return false;
  if (!within(RULE_CHARGE_RATE, pulse->output, "charge in a second in nC", charge_nc, limit[P_MAX_CHARGE_PER_SECOND])) {
    return false;
  }
  return within(RULE_SESSION_CHARGE, pulse->output, "charge of the session in nC", history->session_nc + pulse->charge_nc,
                limit[P_MAX_SESSION_CHARGE]);
}

static bool check_stimulus(const struct pattern *pattern, uint64_t at) {
  double age_s = box.limit[P_IMPEDANCE_AGE] + (double)(at - box.configured_at) / 1e6;
  if (pattern->pulses > 0 && !within(RULE_IMPEDANCE, 0, "age of the impedances in s", age_s, box.limit[P_MAX_IMPEDANCE_AGE])) {
    return false;
  }
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    if (!check_history(&pattern->pulse[i], at)) return false;
  }
  return within(RULE_SESSION_STIMULI, 0, "stimuli of the session", box.session_stimuli + 1.0, box.limit[P_MAX_STIMULI]);
}

static void commit(const struct pattern *pattern, uint64_t at) {
  box.session_stimuli++;
  /* Even an empty one takes its sample. */
  box.busy_until = at + (pattern->length_us > 0 ? pattern->length_us : 1);
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    const struct pulse *pulse = &pattern->pulse[i];
    struct history *history = &box.history[pulse->output];
    uint32_t at_index = history->next % HISTORY;
    history->at[at_index] = at;
    history->charge_nc[at_index] = pulse->charge_nc;
    history->high_us[at_index] = pulse->high_us;
    history->next++;
    history->session_nc += pulse->charge_nc;
    history->net_nc += pulse->net_nc;
  }
}

static void trigger(struct mea_reader reader) {
  struct mea_field field;
  uint64_t id = 0, slot = 0, at = 0, now = hal_micros();
  bool has_time = false;
  const uint8_t *token = NULL;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
    if (field.number == 2 && field.wire_type == MEA_VARINT) slot = field.value;
    if (field.number == 3 && field.wire_type == MEA_VARINT) has_time = field.value != 0;
    if (field.number == 3 && field.wire_type == MEA_VARINT) at = now > box.busy_until ? now : box.busy_until;
    if (field.number == 4 && field.wire_type == MEA_VARINT) has_time = true;
    if (field.number == 4 && field.wire_type == MEA_VARINT) at = field.value;
    if (field.number == 5 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) token = field.bytes;
  }
  if (reader.bad || token == NULL || !has_time) refuse(REFUSED_BAD_ARGUMENT, "a trigger needs a time and a token of 16 bytes");
  else if (box.state != RUNNING) refuse(REFUSED_WRONG_STATE, "start first");
  else if (!box.armed) refuse(REFUSED_NOT_ARMED, "arm first; this box never arms itself");
  else if (!same_bytes(token, box.token, MEA_TOKEN_BYTES)) refuse(REFUSED_BAD_TOKEN, "armed with another token");
  else if (slot >= BOX_SLOTS || !box.slot[slot].used) refuse(REFUSED_EMPTY_SLOT, "that slot holds no pattern");
  else if (id <= box.newest_stimulus) refuse(REFUSED_STALE_ID, "stimulus ids must rise");
  else if (at < now) refuse(REFUSED_LATE, "that sample is past");
  else if (at > now + BOX_MAX_AHEAD_MS * US_PER_MS) refuse(REFUSED_TOO_FAR_AHEAD, "at most 2000 ms ahead");
  else if (box.queued == BOX_QUEUE) refuse(REFUSED_QUEUE_FULL, "8 stimuli are waiting");
  else if (at < box.busy_until) refuse(REFUSED_BAD_ARGUMENT, "before the end of the stimulus accepted last");
  else if (check_stimulus(&box.slot[slot], at)) {
    struct stimulus *stimulus = &box.queue[box.queued++];
    box.newest_stimulus = stimulus->id = (uint32_t)id;
    stimulus->slot = (uint32_t)slot;
    stimulus->at = at;
    stimulus->pattern = box.slot[slot];
    commit(&stimulus->pattern, at);
    size_t inside = mea_begin(&reply.body, RESULT_SCHEDULED);
    mea_put_uint(&reply.body, 1, at);
    mea_end(&reply.body, inside);
  }
}

static void cancel(struct mea_reader reader) {
  struct mea_field field;
  uint64_t id = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
  }
  for (uint32_t i = 0; i < box.queued; i++) {
    if (box.queue[i].id != id) continue;
    struct stimulus stimulus = box.queue[i];
    box.queued--;
    memmove(box.queue + i, box.queue + i + 1, (box.queued - i) * sizeof box.queue[0]);
    send_dropped(&stimulus, DROP_CANCELLED, "taken back by the controller");
    reply_done();
    return;
  }
  refuse(REFUSED_BAD_ARGUMENT, "that stimulus is not waiting");
}

/* Sets the outputs to what the stimulus at play has at this time. */
static void play(uint64_t now) {
  uint8_t levels = 0;
  uint64_t since = now - box.playing_since;
  for (uint8_t i = 0; i < box.at_play.pattern.pulses; i++) {
    const struct pulse *pulse = &box.at_play.pattern.pulse[i];
    uint64_t end = 0;
    for (uint8_t p = 0; p < pulse->phases; p++) {
      uint64_t begin = end;
      end += pulse->duration_us[p];
      if (since >= begin && since < end && (pulse->high >> p & 1) != 0) levels |= (uint8_t)(1u << pulse->output);
    }
  }
  hal_set_outputs(levels);
  if (since >= box.at_play.pattern.length_us) box.playing = false;
}

static void deliver_due(void) {
  uint64_t now = hal_micros();
  if (box.playing) play(now);
  if (box.playing || box.queued == 0 || now < box.queue[0].at) return;
  box.at_play = box.queue[0];
  box.queued--;
  memmove(box.queue, box.queue + 1, box.queued * sizeof box.queue[0]);
  box.playing = true;
  box.playing_since = now;
  play(now);
  send_delivered(&box.at_play, now);
}

/* ---- the other commands ----------------------------------------------------------------------------------------- */

static void put_capabilities(struct mea_writer *body) {
  static const uint8_t OUTPUTS[BOX_OUTPUTS] = {0, 1, 2, 3, 4, 5, 6, 7};
  size_t inside = mea_begin(body, 1);
  mea_put_text(body, 1, "TTL pattern box");
  mea_put_text(body, 2, box.serial_number);
  mea_put_text(body, 3, "1.0.0");
  mea_put_uint(body, 4, 1);
  mea_put_uint(body, 6, box.emulated);
  /* The sample counter counts microseconds. */
  mea_put_double(body, 8, 1e6);
  mea_put_uint(body, 10, 65535);
  size_t stimulation = mea_begin(body, 11);
  mea_put_bytes(body, 1, OUTPUTS, sizeof OUTPUTS);
  mea_put_double(body, 2, 0.001);
  mea_put_double(body, 3, 1e6);
  mea_put_double(body, 4, 1);
  mea_put_uint(body, 5, BOX_PHASES);
  mea_put_uint(body, 6, BOX_SLOTS);
  mea_put_uint(body, 7, BOX_QUEUE);
  mea_put_uint(body, 8, 1); /* at-sample */
  mea_put_uint(body, 9, 1); /* acknowledged */
  mea_put_uint(body, 10, BOX_MAX_AHEAD_MS);
  mea_end(body, stimulation);
  mea_put_uint(body, 12, BOX_WATCHDOG_MS);
  mea_put_uint(body, 13, BOX_HEARTBEAT_MS);
  /* No ring: what a broken link swallowed is gone, and the sequence numbers say so. */
  mea_end(body, inside);
}

static void hello(struct mea_reader reader) {
  struct mea_field field;
  uint64_t major = 0;
  const uint8_t *client = NULL;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) major = field.value;
    if (field.number == 4 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) client = field.bytes;
  }
  if (reader.bad || client == NULL) {
    refuse(REFUSED_BAD_ARGUMENT, "a client id has 16 bytes");
    return;
  }
  if (major != 1) {
    refuse(REFUSED_VERSION, "this box speaks protocol 1");
    return;
  }
  /* There is one line and so one controller: another client takes over, and what the first had armed ends. */
  /* Whoever arms is there from hello on: nobody inherits an armed box. */
  disarm(CAUSE_LINK_LOST, "a controller said hello");
  if (!box.has_controller || !same_bytes(client, box.client, sizeof box.client)) {
    memcpy(box.client, client, sizeof box.client);
    memset(box.replies, 0, sizeof box.replies);
    box.newest_command = 0;
    box.has_controller = true;
  }
  size_t inside = mea_begin(&reply.body, RESULT_HELLO);
  put_capabilities(&reply.body);
  mea_put_fixed32(&reply.body, 2, box.boot_id);
  mea_put_fixed32(&reply.body, 3, box.data_sequence);
  mea_put_fixed32(&reply.body, 4, box.data_sequence);
  mea_put_uint(&reply.body, 5, box.newest_stimulus);
  mea_end(&reply.body, inside);
}

static void arm(struct mea_reader reader) {
  static const uint8_t ZEROS[MEA_TOKEN_BYTES];
  struct mea_field field;
  const uint8_t *token = NULL, *hash = NULL;
  bool is_meant = false;
  while (mea_next_field(&reader, &field)) {
    if (field.wire_type != MEA_BYTES) continue;
    if (field.number == 1 && field.length == MEA_TOKEN_BYTES) token = field.bytes;
    if (field.number == 2) {
      is_meant = field.length == strlen(box.serial_number) && memcmp(field.bytes, box.serial_number, field.length) == 0;
    }
    if (field.number == 3 && field.length == MEA_HASH_BYTES) hash = field.bytes;
  }
  if (reader.bad || token == NULL || hash == NULL || same_bytes(token, ZEROS, sizeof ZEROS)) {
    refuse(REFUSED_BAD_ARGUMENT, "arming needs a token of 16 bytes and a hash of 32");
  } else if (!box.configured) refuse(REFUSED_NOT_CONFIGURED, "send configure first");
  else if (!is_meant) refuse(REFUSED_WRONG_DEVICE, "meant for another device");
  else if (!same_bytes(hash, box.profile_hash, MEA_HASH_BYTES)) refuse(REFUSED_WRONG_PROFILE, "this box holds another profile");
  else if (box.armed) refuse(REFUSED_WRONG_STATE, "armed already: disarm first");
  else {
    memcpy(box.token, token, sizeof box.token);
    box.armed = true;
    box.heard_at = hal_micros();
    box.armed_until = UINT64_MAX;
    reply_done();
    send_armed_changed(CAUSE_COMMAND);
  }
}

static void start(void) {
  uint8_t bytes[16];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  if (box.state != READY) {
    refuse(box.state == IDLE ? REFUSED_NOT_CONFIGURED : REFUSED_WRONG_STATE, "start needs a device that is ready");
    return;
  }
  box.state = RUNNING;
  mea_put_uint(&body, 1, hal_micros());
  send_message(MEA_LANE_DATA, DATA_STARTED, &body);
  reply_done();
}

static void stop(void) {
  uint8_t bytes[16];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  if (box.state != RUNNING) {
    refuse(REFUSED_WRONG_STATE, "not running");
    return;
  }
  disarm(CAUSE_STOPPED, "stopped by the controller");
  box.state = READY;
  /* No blocks, no frames, and a CRC over nothing. */
  mea_put_uint(&body, 1, hal_micros());
  send_message(MEA_LANE_DATA, DATA_ENDED, &body);
  reply_done();
}

static void resume(struct mea_reader reader) {
  struct mea_field field;
  uint64_t boot_id = 0, from = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_FIXED32) boot_id = field.value;
    if (field.number == 2 && field.wire_type == MEA_FIXED32) from = field.value;
  }
  if (reader.bad || boot_id != box.boot_id || (int32_t)((uint32_t)from - box.data_sequence) > 0) {
    refuse(REFUSED_BAD_ARGUMENT, "another boot, or a sequence that was not sent yet");
    return;
  }
  size_t inside = mea_begin(&reply.body, RESULT_RESUMED);
  mea_put_fixed32(&reply.body, 1, box.data_sequence);
  mea_put_fixed32(&reply.body, 2, box.data_sequence);
  mea_end(&reply.body, inside);
}

static void status(void) {
  size_t inside = mea_begin(&reply.body, RESULT_STATUS);
  mea_put_uint(&reply.body, 1, box.state);
  mea_put_uint(&reply.body, 2, box.armed);
  mea_put_uint(&reply.body, 3, hal_micros());
  mea_put_uint(&reply.body, 4, box.queued);
  mea_put_fixed32(&reply.body, 5, box.data_sequence);
  mea_end(&reply.body, inside);
}

static void carry_out(const struct mea_field *command) {
  struct mea_reader reader = mea_inside(command);
  switch (command->number) {
    case COMMAND_CONFIGURE: configure(reader); break;
    case COMMAND_START: start(); break;
    case COMMAND_STOP: stop(); break;
    case COMMAND_UPLOAD: upload(reader); break;
    case COMMAND_TRIGGER: trigger(reader); break;
    case COMMAND_CANCEL: cancel(reader); break;
    case COMMAND_ARM: arm(reader); break;
    case COMMAND_DISARM:
      disarm(CAUSE_COMMAND, "disarmed by the controller");
      reply_done();
      break;
    case COMMAND_RESUME: resume(reader); break;
    default: refuse(REFUSED_UNSUPPORTED, "this box only stimulates"); break;
  }
}

/* Answers a command that must not be carried out twice: again with the same reply, or for the first time. */
static void answer_once(uint32_t id, const struct mea_field *command) {
  for (unsigned i = 0; i < REMEMBERED; i++) {
    const struct remembered *known = &box.replies[i];
    if (id == 0 || known->id != id) continue;
    memcpy(reply.bytes, known->body, known->length);
    reply.body.length = known->length;
    return;
  }
  if (id <= box.newest_command) {
    refuse(REFUSED_STALE_ID, "that command is older than those answered already");
    return;
  }
  carry_out(command);
  box.newest_command = id;
  struct remembered *memory = &box.replies[box.next_reply++ % REMEMBERED];
  memory->id = id;
  memory->length = reply.body.length;
  memcpy(memory->body, reply.bytes, reply.body.length);
}

static void take_command(struct mea_reader reader) {
  struct mea_field field, command = {0, 0, 0, NULL, 0};
  uint64_t id = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
    /* Of several commands in one the last counts, as everywhere in Protocol Buffers. */
    if (field.number >= COMMAND_HELLO && field.number <= LAST_COMMAND && field.wire_type == MEA_BYTES) command = field;
  }
  if (reader.bad || id > UINT32_MAX) return;
  begin_reply((uint32_t)id);
  if (command.number == COMMAND_ABORT) {
    disarm(CAUSE_ABORT, "aborted by the controller");
    purge(DROP_ABORTED, "aborted by the controller");
    reply_done();
  } else if (command.number == 0) refuse(REFUSED_UNKNOWN_COMMAND, "a command that this box does not know");
  else if (command.number == COMMAND_HELLO) hello(mea_inside(&command));
  else if (command.number == COMMAND_STATUS) status();
  else if (!box.has_controller) refuse(REFUSED_NOT_CONTROLLER, "say hello first");
  else answer_once((uint32_t)id, &command);
  send_message(MEA_LANE_CONTROL, DEVICE_REPLY, &reply.body);
}

/* ---- the box ---------------------------------------------------------------------------------------------------- */

void box_begin(uint32_t boot_id, const char *serial_number, bool emulated) {
  memset(&box, 0, sizeof box);
  box.boot_id = boot_id;
  box.serial_number = serial_number;
  box.emulated = emulated;
  box.state = IDLE;
  hal_set_outputs(0);
}

void box_take_byte(uint8_t byte) {
  uint8_t lane;
  const uint8_t *message;
  size_t length;
  struct mea_field field;
  if (!mea_receive(&box.receiver, byte, &lane, &message, &length)) return;
  struct mea_reader reader = mea_read(message, length);
  while (mea_next_field(&reader, &field)) {
    if (field.wire_type != MEA_BYTES) continue;
    if (field.number == 2) take_command(mea_inside(&field));
    if (field.number == 3) hear_heartbeat(mea_inside(&field));
  }
}

void box_run(void) {
  uint64_t now = hal_micros();
  if (box.armed && now >= box.heard_at + BOX_WATCHDOG_MS * US_PER_MS) disarm(CAUSE_WATCHDOG, "no heartbeat in time");
  if (box.armed && now >= box.armed_until) disarm(CAUSE_ARMED_TIME, "the armed time is over");
  deliver_due();
  if (box.has_controller && now >= box.next_heartbeat) {
    box.next_heartbeat = now + BOX_HEARTBEAT_MS * US_PER_MS;
    send_heartbeat();
  }
}

void box_link_lost(void) { disarm(CAUSE_LINK_LOST, "the link is gone"); }
